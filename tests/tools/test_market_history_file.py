"""Price files: ours and AWS's, whole, damaged and hostile."""

import csv
import gzip
import json
import math
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tools.errors import DataError, UsageError
from tools.market.history_file import analyze_history, read_history, read_on_demand
from tools.records import LINUX

NOW = datetime(2026, 11, 20, tzinfo=UTC)
HEAD = "availability_zone,instance_type,product,timestamp_utc,spot_price_usd_per_h\n"
ROWS = (
    "us-east-1a,g5.xlarge,Linux/UNIX,2026-11-18T00:00:00Z,0.4\n"
    "us-east-1a,g5.xlarge,Linux/UNIX,2026-11-18T06:00:00Z,0.6\n"
    "us-east-1b,g5.xlarge,Linux/UNIX,2026-11-18T12:00:00Z,0.5\n"
)


def write(tmp_path, text, name="prices.csv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_every_series_of_a_file_is_analysed_until_the_file_ends(tmp_path) -> None:
    found = analyze_history(write(tmp_path, HEAD + ROWS), now=NOW)
    means = {p.pool.zone_name: p.mean_usd_per_hour for p in found.pools}
    assert means == {"us-east-1a": Decimal("0.5"), "us-east-1b": Decimal("0.5")}
    assert found.as_of == datetime(2026, 11, 18, 12, tzinfo=UTC)
    assert found.window_hours is None


def test_a_window_is_the_last_hours_before_the_end_of_the_file(tmp_path) -> None:
    found = analyze_history(write(tmp_path, HEAD + ROWS), now=NOW, window_hours=2)
    means = {p.pool.zone_name: p.mean_usd_per_hour for p in found.pools}
    assert means["us-east-1a"] == Decimal("0.6")


def test_a_gzipped_file_and_a_byte_order_mark_read_the_same(tmp_path) -> None:
    plain = analyze_history(write(tmp_path, HEAD + ROWS), now=NOW)
    zipped = analyze_history(write(tmp_path, gzip.compress(("\ufeff" + HEAD + ROWS).encode())), now=NOW)
    assert plain == zipped


def test_what_the_aws_command_prints_is_read_too(tmp_path) -> None:
    entries = [
        {
            "AvailabilityZone": r[0],
            "InstanceType": r[1],
            "ProductDescription": r[2],
            "Timestamp": r[3],
            "SpotPrice": r[4],
        }
        for r in csv.reader(ROWS.splitlines()[::-1])
    ]
    document = json.dumps({"SpotPriceHistory": entries}, indent=4)
    found = analyze_history(write(tmp_path, document), now=NOW)
    assert found.pools == analyze_history(write(tmp_path, HEAD + ROWS), now=NOW).pools
    assert "1 of them out of order and sorted" in found.source


def test_rows_that_cannot_be_read_are_counted_with_their_line(tmp_path) -> None:
    rows = (
        "us-east-1a,g5.xlarge,Linux/UNIX,yesterday,0.4\n"
        "us-east-1a,g5.xlarge,Linux/UNIX,2026-11-18T01:00:00Z,cheap\n"
        "us-east-1a,g5.xlarge,Linux/UNIX,2026-11-18T02:00:00Z\n"
        ",g5.xlarge,Linux/UNIX,2026-11-18T02:00:00Z,0.4\n"
        "us-east-1a,g5.xlarge,Linux/UNIX,2026-11-18T03:00:00Z,nan\n"
        "us-east-1a,g5.xlarge,Linux/UNIX,2026-11-18T04:00:00Z,-0.4\n"
        "us-east-1a,g5.xlarge,Linux/UNIX,2999-01-01T00:00:00Z,0.4\n"
    )
    found = analyze_history(write(tmp_path, HEAD + rows + ROWS), now=NOW)
    aside = {a.reason: (a.count, a.example) for a in found.set_aside}
    assert aside["time cannot be read"] == (1, "line 2: 'yesterday'")
    assert aside["price cannot be read"] == (1, "line 3: 'cheap'")
    assert aside["zone, instance type or product missing"][0] == 1
    assert aside["wrong number of fields"] == (1, "line 4: 4 instead of 5")
    assert aside["price is not a number"][0] == 1
    assert aside["price is zero or below"][0] == 1
    assert aside["dated in the future"][0] == 1
    assert sum(n for n, _ in aside.values()) == 7
    assert found.as_of == datetime(2026, 11, 18, 12, tzinfo=UTC)
    assert found.pools == analyze_history(write(tmp_path, HEAD + ROWS), now=NOW).pools


def test_a_missing_column_is_named_with_what_was_found(tmp_path) -> None:
    path = write(tmp_path, "availability_zone,instance_type,price\na,b,1\n")
    with pytest.raises(DataError, match="line 1: no column product, timestamp_utc, spot_price_usd_per_h; found avail"):
        analyze_history(path, now=NOW)


def test_a_truncated_gzip_says_how_far_it_was_readable(tmp_path) -> None:
    lines = "".join(
        f"us-east-1a,g5.xlarge,Linux/UNIX,{(NOW - timedelta(minutes=i)).isoformat()},{0.3 + i * 37 % 101 / 1000:.4f}\n"
        for i in range(20_000, 0, -1)
    )
    whole = gzip.compress((HEAD + lines).encode())
    path = write(tmp_path, whole[: len(whole) // 2], "prices.csv.gz")
    with pytest.raises(DataError, match=r"prices\.csv\.gz: the gzip is damaged after [\d,]+ rows"):
        analyze_history(path, now=NOW)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"\n\n", "the file is empty"),
        (HEAD.encode(), "none of 0 rows"),
        ((HEAD + "a,b,c,2026-01-01T00:00:00Z,0\n").encode(), "none of 1 rows.*zero or below"),
        (b"\x1f\x8bnonsense", "the gzip is damaged"),
        (HEAD.encode() + b"\xff\xfe\n", "not UTF-8"),
        (b'{"SpotPriceHistory": [', "not JSON"),
        (b'{"Prices": []}', "no list SpotPriceHistory"),
        (b'{"SpotPriceHistory": []}', "none of 0 rows"),
        (b'{"SpotPriceHistory": [7, {"InstanceType": null}]}', "none of 2 rows"),
        (b"[" * 100_000, "not JSON"),
    ],
)
def test_a_file_that_holds_no_prices_says_so(tmp_path, content, message) -> None:
    with pytest.raises(DataError, match=message):
        analyze_history(write(tmp_path, content), now=NOW)


def test_a_file_that_is_not_there_is_a_usage_error(tmp_path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read_history(tmp_path / "none.csv")
    with pytest.raises(UsageError, match="directory"):
        read_history(tmp_path)


def test_a_catalogue_of_another_region_is_refused_and_a_bad_price_is_named(tmp_path) -> None:
    path = write(tmp_path, "region,instance_type,on_demand_usd_per_h\nus-east-1,g5.xlarge,1.006\n")
    assert read_on_demand(path, "us-east-1").rates == {("g5.xlarge", LINUX): Decimal("1.006")}
    with pytest.raises(UsageError, match="no on-demand price for region 'eu-west-3'"):
        read_on_demand(path, "eu-west-3")
    path = write(tmp_path, "region,instance_type,on_demand_usd_per_h\nus-east-1,g5.xlarge,free\n")
    with pytest.raises(DataError, match="line 2: on_demand_usd_per_h is 'free'"):
        read_on_demand(path, "us-east-1")


def plain_means(path) -> dict[tuple[str, str, str], tuple[float, float]]:
    """Mean and σ of log price by plain loops over the file's rows, nothing of ours used."""
    series = defaultdict(list)
    with gzip.open(path, "rt", newline="") as file:
        for row in csv.DictReader(file):
            when = datetime.fromisoformat(row["timestamp_utc"]).timestamp()
            key = (row["availability_zone"], row["instance_type"], row["product"])
            series[key].append((when, float(row["spot_price_usd_per_h"])))
    end = max(when for rows in series.values() for when, _ in rows)
    return {key: integral(sorted(rows), end) for key, rows in series.items()}


def integral(rows, end) -> tuple[float, float]:
    steps = [(b[0] - a[0], a[1]) for a, b in zip(rows, [*rows[1:], (end, 0.0)], strict=True)]
    total = sum(held for held, _ in steps)
    mean = sum(held * price for held, price in steps) / total
    log = sum(held * math.log(price) for held, price in steps) / total
    return mean, math.sqrt(sum(held * (math.log(price) - log) ** 2 for held, price in steps) / total)


@pytest.mark.accepts("P-01", "AN-06")
def test_the_modern_market_file_gives_64_series_that_agree_with_plain_integration(data_dir) -> None:
    path = data_dir / "prices" / "aws_eu-west-3_2020-03_2020-07.csv.gz"
    found = analyze_history(path, now=NOW)
    expected = plain_means(path)
    assert len(found.pools) == len(expected) == 64
    for pool in found.pools:
        mean, sigma = expected[pool.pool.zone_name, pool.pool.instance_type, pool.pool.product]
        assert float(pool.mean_usd_per_hour) == pytest.approx(mean, rel=1e-8)
        assert pool.volatility == pytest.approx(sigma, abs=1e-8)
        assert pool.saving_share is None
        assert len(pool.points) <= 200


@pytest.mark.parametrize(("name", "series"), [("aws_us-east-1_2015", 15), ("aws_us-east-1_2016", 50)])
def test_the_auction_market_files_load_whole(data_dir, name, series) -> None:
    catalogue = read_on_demand(data_dir / "catalog" / "ondemand_linux_2026-08.csv.gz", "us-east-1")
    found = analyze_history(data_dir / "prices" / f"{name}.csv.gz", now=NOW, on_demand=catalogue)
    assert len(found.pools) == series
    assert all(p.low_usd_per_hour <= p.mean_usd_per_hour <= p.high_usd_per_hour for p in found.pools)
    assert any(p.saving_share is not None and p.saving_share < 0 for p in found.pools) or name.endswith("2015")
