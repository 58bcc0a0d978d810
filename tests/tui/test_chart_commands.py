"""`--chart FILE` on the commands: the same answer on the screen, and a picture of it beside."""

import json
import xml.etree.ElementTree as ET

import pytest

from tests.cli.conftest import account, alone, environment, home, run
from tests.cli.test_backtest import history, save

__all__ = ["account", "alone", "environment", "home", "run"]
pytestmark = pytest.mark.accepts("MO-01")


def words(path) -> str:
    return "\n".join(e.text or "" for e in ET.fromstring(path.read_text(encoding="utf-8")).iter() if e.text)


def test_prices_are_drawn_with_the_interruptions_that_aws_told_of(run, account, home):
    told = run("market", "prices", "ml-train", "--json").json
    spot = [
        i["instance_id"]
        for i in run("fleets", "ml-train", "--json").json["instances"]
        if i["purchase_option"] == "spot"
    ]
    account.interrupt(spot[0])
    account.advance(130)
    answer = run("market", "prices", "ml-train", "--chart", "prices.svg")
    assert answer.exit == 0, answer.err
    assert "chart in prices.svg" in answer.err
    drawn = words(home / "prices.svg")
    for pool in told["pools"]:
        assert f"{pool['pool']['instance_type']}/{pool['pool']['zone_id']}" in drawn
    assert "1 interruption" in drawn


@pytest.mark.parametrize(
    "asked",
    [("risk", "ml-train"), ("risk", "ml-train", "--instances"), ("forecast", "ml-train"), ("prices", "ml-train")],
)
def test_a_chart_changes_nothing_of_the_answer(run, home, asked):
    answer = run("market", *asked, "--json", "--chart", "chart.png")
    assert answer.exit == 0, answer.err
    assert set(json.loads(answer.out)) == set(run("market", *asked, "--json").json)
    assert (home / "chart.png").read_bytes().startswith(b"\x89PNG")


def test_prices_of_a_file_are_drawn_too(alone, home):
    (home / "prices.csv").write_text(
        "availability_zone,instance_type,product,timestamp_utc,spot_price_usd_per_h\n"
        "us-east-1a,m5.large,Linux/UNIX,2026-01-01T00:00:00Z,0.03\n"
        "us-east-1a,m5.large,Linux/UNIX,2026-01-02T00:00:00Z,0.04\n"
    )
    answer = alone("market", "prices", "--history", "prices.csv", "--chart", "prices.svg")
    assert answer.exit == 0, answer.err
    assert "m5.large/us-east-1a" in words(home / "prices.svg")


@pytest.mark.accepts("P-06")
def test_a_backtest_draws_its_reliability(alone, home):
    for number, gap in enumerate((195, 600)):
        save(home / "traces" / "availability" / f"zone-{number}.json.gz", history(number, gap), gap)
    answer = alone("backtest", "forecast", "--traces", "traces", "--chart", "reliability.svg", "--json")
    assert answer.exit == 0, answer.err
    drawn = words(home / "reliability.svg")
    for ranged in answer.json["calibration"]["bins"]:
        if ranged["rows"]:
            assert f"{ranged['rows']:,}" in drawn.splitlines()


@pytest.mark.parametrize("asked", [("prices", "ml-train"), ("risk", "ml-train"), ("forecast", "g5.xlarge")])
def test_a_chart_that_cannot_be_is_refused_before_anything_is_asked(alone, asked):
    alone("market", *asked, "--chart", "chart.pdf").refuses(64, ".svg", ".png")
    alone("market", *asked, "--chart", "nowhere/chart.svg").refuses(64, "nowhere")
