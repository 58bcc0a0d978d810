"""Price files: ours and AWS's, whole, damaged and hostile."""

import csv
import gzip
import io
import json
import math
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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
    with pytest.raises(
        DataError, match=r"prices\.csv\.gz, after line [\d,]+: the gzip is damaged: Compressed file ended"
    ):
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


def reasons(found) -> dict[str, tuple[int, str]]:
    return {a.reason: (a.count, a.example) for a in found.set_aside}


def test_prices_out_of_order_are_sorted_counted_and_change_nothing(tmp_path) -> None:
    rows = ROWS.splitlines(keepends=True)
    found = analyze_history(write(tmp_path, HEAD + rows[1] + rows[0] + rows[2]), now=NOW)
    assert found.pools == analyze_history(write(tmp_path, HEAD + ROWS), now=NOW).pools
    assert "3 rows, 1 of them out of order and sorted" in found.source
    assert not found.set_aside


def test_duplicates_are_counted_and_prices_of_one_moment_that_disagree_are_all_set_aside(tmp_path) -> None:
    first = ROWS.splitlines(keepends=True)[0]
    twice = analyze_history(write(tmp_path, HEAD + ROWS + first + first), now=NOW)
    assert reasons(twice) == {"duplicate row": (2, "g5.xlarge/us-east-1a Linux/UNIX 2026-11-18T00:00:00Z 0.4 USD/h")}
    assert twice.pools == analyze_history(write(tmp_path, HEAD + ROWS), now=NOW).pools
    conflicting = analyze_history(write(tmp_path, HEAD + ROWS + first.replace("0.4", "0.7")), now=NOW)
    assert reasons(conflicting)["prices of one moment that disagree"][0] == 2
    assert {p.pool.zone_name: p.low_usd_per_hour for p in conflicting.pools}["us-east-1a"] == Decimal("0.6")


@pytest.mark.parametrize(
    ("price", "reason"),
    [
        ("0", "price is zero or below"),
        ("-0.0324", "price is zero or below"),
        ("NaN", "price is not a number"),
        ("inf", "price is not a number"),
        ("1e400", "price is not a number"),
        ("1000.5", "absurd price: above 1,000 USD/h or 100 times on-demand"),
        ("", "price cannot be read"),
        ("0.4 EUR", "price cannot be read"),
        ("€0.4", "price cannot be read"),
        ("0,4", "price cannot be read"),
    ],
)
def test_a_price_that_nobody_paid_is_set_aside_and_moves_no_figure(tmp_path, price, reason) -> None:
    bad = f'us-east-1a,g5.xlarge,Linux/UNIX,2026-11-18T03:00:00Z,"{price}"\n'
    found = analyze_history(write(tmp_path, HEAD + ROWS + bad), now=NOW)
    assert list(reasons(found)) == [reason]
    count, example = reasons(found)[reason]
    assert count == 1
    assert example.startswith("line 5:") or "g5.xlarge/us-east-1a" in example
    assert found.pools == analyze_history(write(tmp_path, HEAD + ROWS), now=NOW).pools


def test_a_price_above_a_hundred_times_on_demand_is_absurd_where_on_demand_is_known(tmp_path) -> None:
    catalogue = read_on_demand(
        write(tmp_path, "region,instance_type,on_demand_usd_per_h\nus-east-1,g5.xlarge,1.006\n", "c.csv"), "us-east-1"
    )
    bad = "us-east-1a,g5.xlarge,Linux/UNIX,2026-11-18T03:00:00Z,101\n"
    found = analyze_history(write(tmp_path, HEAD + ROWS + bad), now=NOW, on_demand=catalogue)
    assert reasons(found)["absurd price: above 1,000 USD/h or 100 times on-demand"][0] == 1


def test_prices_of_another_currency_are_set_aside_and_never_mixed_in(tmp_path) -> None:
    head = HEAD.replace("\n", ",currency\n")
    rows = "".join(
        f"us-east-1a,g5.xlarge,Linux/UNIX,2026-11-18T0{i}:00:00Z,0.{i + 3},{currency}\n"
        for i, currency in enumerate(("USD", "EUR", "", "usd", "CNY"))
    )
    found = analyze_history(write(tmp_path, head + rows), now=NOW)
    assert reasons(found) == {"currency is not USD": (3, "line 3: 'EUR'")}
    assert found.pools[0].changes == 1
    with pytest.raises(DataError, match=r"line 1: no column spot_price_usd_per_h; found .*spot_price_eur_per_h"):
        analyze_history(write(tmp_path, HEAD.replace("usd", "eur") + ROWS), now=NOW)


def test_products_are_series_of_their_own(tmp_path) -> None:
    windows = ROWS.replace("Linux/UNIX", "Windows").replace("0.4", "0.9")
    found = analyze_history(write(tmp_path, HEAD + ROWS + windows), now=NOW)
    means = {(p.pool.zone_name, p.pool.product): p.mean_usd_per_hour for p in found.pools}
    assert means["us-east-1a", LINUX] == Decimal("0.5")
    assert means["us-east-1a", "Windows"] == Decimal("0.75")
    assert len(means) == 4


def test_the_discount_of_a_type_that_the_catalogue_does_not_know_is_unknown(tmp_path) -> None:
    catalogue = read_on_demand(
        write(tmp_path, "region,instance_type,on_demand_usd_per_h\nus-east-1,g5.xlarge,1.006\n", "c.csv"), "us-east-1"
    )
    rows = ROWS + "us-east-1a,q9.mega,Linux/UNIX,2026-11-18T00:00:00Z,0.2\n"
    found = analyze_history(write(tmp_path, HEAD + rows), now=NOW, on_demand=catalogue)
    savings = {p.pool.instance_type: p.saving_share for p in found.pools}
    assert savings["q9.mega"] is None
    assert savings["g5.xlarge"] == pytest.approx(1 - 0.5 / 1.006)


def test_zones_by_name_and_by_id_stay_apart_and_the_answer_says_so(tmp_path) -> None:
    rows = ROWS + "use1-az1,g5.xlarge,Linux/UNIX,2026-11-18T00:00:00Z,0.2\n"
    found = analyze_history(write(tmp_path, HEAD + rows), now=NOW)
    assert {(p.pool.zone_name, p.pool.zone_id) for p in found.pools} == {
        ("us-east-1a", None), ("us-east-1b", None), (None, "use1-az1")
    }  # fmt: skip
    assert found.notes == (
        "zones stand by name and by id, and no row says which belong together: each is a series of its own",
    )


def test_zones_by_name_and_by_id_are_one_where_a_row_names_both(tmp_path) -> None:
    head = HEAD.replace("\n", ",availability_zone_id\n")
    rows = (
        "us-east-1a,g5.xlarge,Linux/UNIX,2026-11-18T00:00:00Z,0.4,use1-az1\n"
        "us-east-1a,g5.xlarge,Linux/UNIX,2026-11-18T06:00:00Z,0.6,\n"
        ",g5.xlarge,Linux/UNIX,2026-11-18T12:00:00Z,0.5,use1-az1\n"
        "use1-az1,g5.xlarge,Linux/UNIX,2026-11-18T18:00:00Z,0.7,\n"
    )
    found = analyze_history(write(tmp_path, head + rows), now=NOW)
    (pool,) = found.pools
    assert (pool.pool.zone_name, pool.pool.zone_id) == ("us-east-1a", "use1-az1")
    assert pool.changes == 3
    assert found.notes == ()


def test_a_name_with_two_ids_is_of_two_accounts_and_joins_nothing(tmp_path) -> None:
    head = HEAD.replace("\n", ",availability_zone_id\n")
    rows = (
        "us-east-1a,g5.xlarge,Linux/UNIX,2026-11-18T00:00:00Z,0.4,use1-az1\n"
        "us-east-1a,g5.xlarge,Linux/UNIX,2026-11-18T06:00:00Z,0.6,use1-az2\n"
        "us-east-1a,g5.xlarge,Linux/UNIX,2026-11-18T12:00:00Z,0.5,\n"
    )
    found = read_history(write(tmp_path, head + rows))
    assert [p.zone_id for p in found.columns.pools] == [None, "use1-az1", "use1-az2"]


def test_a_clock_an_hour_off_is_said_and_its_prices_count_as_they_are_dated(tmp_path) -> None:
    early = f"us-east-1b,g5.xlarge,Linux/UNIX,{(NOW + timedelta(hours=1)).isoformat()},0.7\n"
    found = analyze_history(write(tmp_path, HEAD + ROWS + early), now=NOW)
    assert found.as_of == NOW + timedelta(hours=1)
    assert found.notes == ("1 prices are dated up to 2 h after now: a clock is off; they count as they are dated",)
    later = early.replace((NOW + timedelta(hours=1)).isoformat(), (NOW + timedelta(hours=3)).isoformat())
    far = analyze_history(write(tmp_path, HEAD + ROWS + later), now=NOW)
    assert far.as_of == datetime(2026, 11, 18, 12, tzinfo=UTC)
    assert list(reasons(far)) == ["dated in the future"]


def test_times_of_other_zones_and_shapes_are_read_as_the_moments_they_are(tmp_path) -> None:
    plain = read_history(write(tmp_path, HEAD + "z,t,p,2026-11-18T06:00:00Z,0.4\n")).columns
    for text in ("2026-11-18T08:00:00+02:00", "2026-11-18 06:00:00", "2026-11-18T06:00:00.000Z", "20261118T060000Z"):
        assert read_history(write(tmp_path, HEAD + f"z,t,p,{text},0.4\n")).columns.at_us == plain.at_us
    for text in ("2026-02-30T06:00:00Z", "2026-11-18T25:00:00Z", "2026-11-18T06:00:60Z", "1763445600"):
        found = read_history(write(tmp_path, HEAD + f"z,t,p,{text},0.4\n"))
        assert found.set_aside[0].example == f"line 2: {text!r}"


def test_a_blank_line_and_a_quoted_line_break_do_not_lose_count_of_the_lines(tmp_path) -> None:
    rows = '\nus-east-1a,"g5\n.xlarge",Linux/UNIX,2026-11-18T00:00:00Z,0.4\nus-east-1a,g5.xlarge,Linux/UNIX,soon,0.4\n'
    found = read_history(write(tmp_path, "\n" + HEAD + rows))
    assert found.rows == 2
    assert found.set_aside[0].example == "line 6: 'soon'"


def test_a_column_that_stands_twice_is_refused(tmp_path) -> None:
    with pytest.raises(DataError, match="line 1: column product stands twice"):
        read_history(write(tmp_path, HEAD.replace("\n", ",product\n")))


def test_text_that_breaks_off_in_the_middle_names_the_line(tmp_path) -> None:
    rows = "".join(f"us-east-1a,g5.xlarge,Linux/UNIX,2026-11-18T00:00:{i % 60:02}Z,0.4\n" for i in range(3000))
    with pytest.raises(DataError, match=r"after line 2,\d+: not UTF-8"):
        read_history(write(tmp_path, (HEAD + rows).encode() + b"us-east-1a,\xff\n"))


PLAIN = ["us-east-1a", "g5.xlarge", "Linux/UNIX", "2026-11-18T00:00:00Z", "0.4"]
cells = st.sampled_from(
    [
        *("us-east-1a", "use1-az1", "", "g5.xlarge", "Linux/UNIX", "2026-11-18T00:00:00Z", "2026-11-18T00:00:01Z"),
        *("2026-11-18 00:00:00Z", "2026-11-18T00:00:00+01:00", "2026-13-18T00:00:00Z", "0.4", "0.5", "-1", "nan", "x"),
        *("1_0", " 0.4", "USD", "EUR", "a\nb", 'say "so"', "x" * 300),
    ]
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(cells, min_size=4, max_size=6) | st.just(PLAIN), max_size=12))
def test_a_file_read_at_once_and_row_by_row_are_the_same(tmp_path, drawn) -> None:
    def file(rows, name):
        text = io.StringIO()
        csv.writer(text).writerows(rows)
        return write(tmp_path, HEAD + text.getvalue(), name)

    together = read_history(file(drawn, "all.csv"))
    alone = [read_history(file([row], "one.csv")) for row in drawn]
    count = Counter()
    for one in alone:
        count.update({a.reason: a.count for a in one.set_aside})
    assert {a.reason: a.count for a in together.set_aside} == count
    assert together.rows == sum(one.rows for one in alone)
    at_us = [int(at) for one in alone for at in one.columns.at_us]
    assert together.columns.at_us.tolist() == at_us
    usd = [repr(float(u)) for one in alone for u in one.columns.usd_per_hour]
    assert [repr(float(u)) for u in together.columns.usd_per_hour] == usd
    names = [one.columns.pools[0] for one in alone if len(one.columns)]
    assert [together.columns.pools[i] for i in together.columns.pool] == names


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
