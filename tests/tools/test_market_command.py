"""`spotwarden market prices --history`, called as people call it."""

import json
from decimal import Decimal

import pytest

from tui.cli import main


def run(capsys, *arguments: str) -> tuple[int, str, str]:
    code = main(["market", *arguments])
    out, err = capsys.readouterr()
    return code, out, err


@pytest.fixture
def modern(data_dir):
    return str(data_dir / "prices" / "aws_eu-west-3_2020-03_2020-07.csv.gz")


@pytest.mark.accepts("P-01")
def test_a_real_file_gives_all_its_series_with_the_same_numbers_on_screen_and_in_json(capsys, modern) -> None:
    code, out, err = run(capsys, "prices", "--history", modern, "--json")
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert len(document["pools"]) == 64
    code, screen, _ = run(capsys, "prices", "--history", modern)
    assert code == 0
    rows = screen.splitlines()[1:65]
    for line, pool in zip(rows, document["pools"], strict=True):
        name, *_ = line.split()
        assert name == f"{pool['pool']['instance_type']}/{pool['pool']['zone_name']}"
        numbers = line.split(pool["pool"]["product"], 1)[1].split()
        assert Decimal(numbers[0]) == Decimal(pool["current_usd_per_hour"])
        assert Decimal(numbers[1]) == round(Decimal(pool["mean_usd_per_hour"]), 6)
        assert Decimal(numbers[2]) == round(Decimal(pool["median_usd_per_hour"]), 6)
        assert Decimal(numbers[3]) == round(Decimal(pool["p90_usd_per_hour"]), 6)
        assert numbers[4] == f"{pool['low_usd_per_hour']}-{pool['high_usd_per_hour']}"
        assert float(numbers[5]) == pytest.approx(pool["volatility"], abs=0.0005)
        assert numbers[6] == "unknown"
        assert int(numbers[7]) == pool["changes"]


@pytest.mark.accepts("AN-03")
def test_a_saving_needs_a_catalogue_of_the_region(capsys, data_dir, modern) -> None:
    catalogue = str(data_dir / "catalog" / "ondemand_linux_2026-08.csv.gz")
    auction = str(data_dir / "prices" / "aws_us-east-1_2015.csv.gz")
    code, out, _ = run(
        capsys, "prices", "--history", auction, "--on-demand", catalogue, "--region", "us-east-1", "--json"
    )
    assert code == 0
    document = json.loads(out)
    medium = next(p for p in document["pools"] if p["pool"]["instance_type"] == "m3.medium")
    mean, rate = float(medium["mean_usd_per_hour"]), float(medium["on_demand_usd_per_hour"])
    assert medium["saving_share"] == pytest.approx(1 - mean / rate)
    assert "on-demand from ondemand_linux_2026-08.csv.gz, us-east-1" in document["source"]
    assert run(capsys, "prices", "--history", auction, "--on-demand", catalogue)[0] == 64
    code, _, err = run(capsys, "prices", "--history", modern, "--on-demand", catalogue, "--region", "eu-west-3")
    assert code == 64
    assert "no on-demand price for region 'eu-west-3'" in err


def test_a_file_that_cannot_be_used_is_a_message_and_an_exit_code(capsys, tmp_path) -> None:
    broken = tmp_path / "prices.csv"
    broken.write_text("zone,price\n")
    code, out, err = run(capsys, "prices", "--history", str(broken), "--json")
    assert code == 1
    assert json.loads(out)["error"]["kind"] == "DataError"
    assert "line 1: no column availability_zone" in err
    assert run(capsys, "prices", "--history", str(tmp_path / "none.csv"))[0] == 64


def test_prices_of_nothing_in_particular_are_a_usage_error(capsys, modern) -> None:
    code, _, err = run(capsys, "prices")
    assert code == 64
    assert "--history FILE" in err
    assert run(capsys, "prices", "ml-train", "--history", modern)[0] == 64
    assert run(capsys, "prices", "--history", modern, "--window-hours", "0")[0] == 64
