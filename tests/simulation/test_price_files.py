"""A file of real prices becomes the market; a file that is not one is refused with its place."""

import gzip
from datetime import UTC, datetime
from decimal import Decimal

import boto3
import pytest

from tools.errors import DataError, SpotError
from tools.simulation.client import SimulatedAccount
from tools.simulation.pricefile import read_price_file

HEADER = "availability_zone,instance_type,product,timestamp_utc,spot_price_usd_per_h\n"
ROW = "eu-west-3a,m5.large,Linux/UNIX,2020-03-01T12:00:00Z,0.0400\n"


def write(path, text):
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return path


@pytest.mark.parametrize("name", ["p.csv", "p.csv.gz"])
def test_rows_are_sorted_into_series(tmp_path, name):
    later, earlier = ROW.replace("03-01", "03-02").replace("0.0400", "0.05"), ROW
    file = read_price_file(write(tmp_path / name, HEADER + later + earlier))
    assert (file.region, file.zones, file.types("Linux/UNIX")) == ("eu-west-3", ("eu-west-3a",), ("m5.large",))
    assert file.first == datetime(2020, 3, 1, 12, tzinfo=UTC)
    assert [p for _, p in file.changes["eu-west-3a", "m5.large", "Linux/UNIX"]] == ["0.0400", "0.05"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is empty"),
        (HEADER, "holds no prices"),
        ("zone,price\n1,2\n", ":1: column availability_zone is missing"),
        (HEADER + ROW + "eu-west-3a,m5.large,Linux/UNIX\n", ":3: 3 fields, expected 5"),
        (HEADER + ROW.replace("eu-west-3a", "moon"), ":2: availability_zone: saw 'moon'"),
        (HEADER + ROW.replace("m5.large", "big"), ":2: instance_type: saw 'big'"),
        (HEADER + ROW.replace("Linux/UNIX", ""), ":2: product: saw ''"),
        (HEADER + ROW + ROW.replace("2020-03-01T12:00:00Z", "soon"), ":3: timestamp_utc: saw 'soon'"),
        (HEADER + ROW.replace("12:00:00Z", "12:00:00"), ":2: timestamp_utc"),
        (HEADER + ROW.replace("0.0400", "free"), ":2: spot_price_usd_per_h: saw 'free'"),
        (HEADER + ROW.replace("0.0400", "0"), ":2: spot_price_usd_per_h: saw '0'"),
        (HEADER + ROW.replace("0.0400", "nan"), ":2: spot_price_usd_per_h: saw 'nan'"),
        (HEADER + ROW + ROW.replace("eu-west-3a", "us-east-1a"), "holds 2 regions"),
    ],
)
def test_a_bad_file_is_told_with_file_line_and_field(tmp_path, text, told):
    path = write(tmp_path / "p.csv", text)
    with pytest.raises(DataError) as refused:
        read_price_file(path)
    assert str(path) in refused.value.message
    assert told in refused.value.message


def test_a_truncated_gzip_is_told(tmp_path):
    path = tmp_path / "p.csv.gz"
    rows = "".join(ROW.replace("0.0400", f"0.{n:06d}") for n in range(100_000, 120_000))
    path.write_bytes(gzip.compress((HEADER + rows).encode())[:-2000])
    with pytest.raises(DataError, match="compressed data ends or breaks after line"):
        read_price_file(path)


def test_text_named_gz_and_a_missing_file_are_told(tmp_path):
    path = tmp_path / "p.csv.gz"
    path.write_text(HEADER + ROW)
    with pytest.raises(DataError, match="compressed"):
        read_price_file(path)
    with pytest.raises(DataError, match="cannot be read"):
        read_price_file(tmp_path / "none.csv")


def test_an_account_with_a_bad_file_dies_with_one_message(tmp_path):
    path = write(tmp_path / "p.csv", HEADER + ROW.replace("0.0400", "free"))
    with pytest.raises(SpotError) as refused:
        SimulatedAccount.start(stepped=True, prices=path)
    assert refused.value.message.count("\n") == 0
    assert "p.csv:2: spot_price_usd_per_h" in refused.value.message


def test_an_unknown_scenario_is_told():
    with pytest.raises(SpotError, match="tornado"):
        SimulatedAccount.start(stepped=True, scenario="tornado")


def test_the_tour_runs_on_real_prices(data_dir):
    path = data_dir / "prices" / "aws_eu-west-3_2020-03_2020-07.csv.gz"
    file = read_price_file(path)
    with SimulatedAccount.start(stepped=True, prices=path) as account:
        assert account.region == "eu-west-3"
        sizes = {f["name"]: len(f["instances"]) for f in account.state()["fleets"]}
        assert sizes == {"api-core": 8, "batch": 24, "ml-train": 12, "render": 6, "web-canary": 10}
        used = {i["instance_type"] for f in account.state()["fleets"] for i in f["instances"]}
        assert used <= set(file.types("Linux/UNIX"))
        ec2 = boto3.client(
            "ec2",
            endpoint_url=account.endpoint_url,
            region_name=account.region,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        kind = min(used)
        rows = ec2.describe_spot_price_history(InstanceTypes=[kind], ProductDescriptions=["Linux/UNIX"])[
            "SpotPriceHistory"
        ]
        ec2.close()
        recorded = [
            (t, Decimal(p)) for t, p in file.changes["eu-west-3a", kind, "Linux/UNIX"] if t <= account.clock.now()
        ]
        told = [(r["Timestamp"], Decimal(r["SpotPrice"])) for r in reversed(rows)]
        assert told == recorded[-len(told) :]
        assert len(told) > 100
