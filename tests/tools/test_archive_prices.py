"""Prices that outlive EC2's 90 days: kept once, whole, and never said to be known where nobody looked."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tools.archive_house import POOL, REGION, START, HandClock, fetch, hour, price, read
from tools.archive.archive import SqliteArchive
from tools.errors import DataError
from tools.market.prices import analyze
from tools.records import LINUX, CapacityPool, SpotPrice

BY_NAME = CapacityPool(instance_type="g5.xlarge", zone_name="us-east-1a")
BY_ID = CapacityPool(instance_type="g5.xlarge", zone_id="use1-az1")
OTHER_ZONE = CapacityPool(instance_type="g5.xlarge", zone_name="us-east-1b", zone_id="use1-az2")
OTHER_TYPE = CapacityPool(instance_type="m6i.large", zone_name="us-east-1a", zone_id="use1-az1")


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
def archive(tmp_path, clock):
    with SqliteArchive.open(tmp_path / "archive.db", clock=clock) as found:
        yield found


def since(archive, *types: str):
    found = archive.fetched_since(types or ("g5.xlarge",), region=REGION, product=LINUX)
    return None if found is None else (found - START) / timedelta(hours=1)


def until(archive, *types: str):
    found = archive.fetched_until(types or ("g5.xlarge",), region=REGION, product=LINUX)
    return None if found is None else (found - START) / timedelta(hours=1)


@pytest.mark.accepts("P-01")
def test_what_a_fetch_saw_is_read_again_to_the_last_digit(archive) -> None:
    seen = [price(-3, "0.40123456789"), price(2, "0.5000"), price(5, "1E-7"), price(7, "12345.67")]
    assert fetch(archive, seen) == 4
    found = archive.prices(["g5.xlarge"], region=REGION, since=hour(0), until=hour(24), product=LINUX)
    assert found == tuple(seen)
    assert {p.pool for p in found} == {POOL}


@given(st.lists(st.decimals("1e-9", "1e6", places=9), min_size=1, max_size=30, unique=True))
@settings(max_examples=25, deadline=None)
def test_money_survives_whatever_it_is(tmp_path_factory, amounts) -> None:
    with SqliteArchive.open(tmp_path_factory.mktemp("money") / "archive.db", clock=HandClock()) as archive:
        seen = tuple(SpotPrice(pool=POOL, usd_per_hour=usd, at=hour(k / 10)) for k, usd in enumerate(amounts))
        assert fetch(archive, seen) == len(seen)
        assert archive.prices(["g5.xlarge"], region=REGION, since=hour(0), until=hour(24), product=LINUX) == seen


@pytest.mark.accepts("P-01")
def test_what_is_known_already_is_not_kept_twice(archive) -> None:
    first = [price(0, "0.4"), price(6, "0.5")]
    assert fetch(archive, first, 0, 12) == 2
    assert fetch(archive, [*first, price(14, "0.6")], 0, 24) == 1
    assert fetch(archive, [price(0, "0.40")], 0, 24) == 0
    assert read(archive) == [(0, "0.4"), (6, "0.5"), (14, "0.6")]


@pytest.mark.accepts("P-01")
def test_the_price_in_force_at_the_start_comes_with_the_window_and_only_that_one(archive) -> None:
    fetch(archive, [price(-9, "0.3"), price(1, "0.4"), price(5, "0.5"), price(9, "0.6"), price(3, "1", OTHER_ZONE)])
    assert read(archive, 6, 24) == [(3, "1"), (5, "0.5"), (9, "0.6")]
    assert read(archive, 5, 8) == [(3, "1"), (5, "0.5")]
    assert read(archive, 0, 2) == [(-9, "0.3"), (1, "0.4")], "the other zone had no price by then"
    assert read(archive, -20, -10) == []


def test_types_products_and_regions_are_kept_apart(archive) -> None:
    windows = POOL.with_(product="Windows")
    fetch(archive, [price(0, "0.4"), price(0, "0.9", windows), price(0, "0.1", OTHER_TYPE)])
    archive.add_prices([price(0, "7")], region="eu-west-1", since=hour(0), until=hour(24), source="test")
    assert read(archive) == [(0, "0.4")]
    assert len(read(archive, types=["g5.xlarge", "m6i.large"])) == 2
    assert since(archive, "m6i.large") == 0
    assert archive.fetched_since(["m6i.large"], region=REGION, product="Windows") is None


# pools by name and by id


@pytest.mark.parametrize(
    "order", [(BY_NAME, BY_ID, POOL), (BY_ID, BY_NAME, POOL), (BY_NAME, POOL, BY_ID), (POOL, BY_NAME, BY_ID)]
)
def test_a_pool_seen_by_name_and_by_id_is_one_pool(archive, order: Sequence[CapacityPool]) -> None:
    for k, pool in enumerate(order):
        fetch(archive, [price(0, "0.4", pool), price(k + 1, f"0.{5 + k}", pool)])
    found = archive.prices(["g5.xlarge"], region=REGION, since=hour(0), until=hour(24), product=LINUX)
    assert [(p.pool, str(p.usd_per_hour)) for p in found] == [
        (POOL, "0.4"),
        (POOL, "0.5"),
        (POOL, "0.6"),
        (POOL, "0.7"),
    ]


def test_one_name_in_two_accounts_is_two_pools_when_the_ids_say_so(archive) -> None:
    elsewhere = POOL.with_(zone_id="use1-az4")
    fetch(archive, [price(0, "0.4"), price(0, "0.7", elsewhere), price(1, "0.9", BY_NAME)])
    found = archive.prices(["g5.xlarge"], region=REGION, since=hour(0), until=hour(24), product=LINUX)
    assert {p.pool: str(p.usd_per_hour) for p in found} == {POOL: "0.4", elsewhere: "0.7", BY_NAME: "0.9"}


# since when it is known


@pytest.mark.accepts("P-01")
def test_fetches_that_meet_are_one_stretch_and_a_gap_is_not_known(archive) -> None:
    assert since(archive) is None
    fetch(archive, [price(0, "0.4")], 0, 4)
    fetch(archive, [price(0, "0.4")], 4, 8)
    assert (since(archive), until(archive)) == (0, 8)
    fetch(archive, [price(9, "0.5")], 10, 12)
    assert (since(archive), until(archive)) == (10, 12)
    fetch(archive, [price(8.5, "0.6"), price(9, "0.5")], 7, 11)
    assert (since(archive), until(archive)) == (0, 12)


def test_several_types_are_known_since_the_last_of_them_is(archive) -> None:
    fetch(archive, [price(0, "0.4")], 0, 12)
    assert since(archive, "g5.xlarge", "m6i.large") is None
    fetch(archive, [price(0, "0.1", OTHER_TYPE)], 5, 12)
    assert (since(archive, "g5.xlarge", "m6i.large"), until(archive, "g5.xlarge", "m6i.large")) == (5, 12)
    fetch(archive, [price(0, "0.1", OTHER_TYPE)], 14, 16)
    assert since(archive, "g5.xlarge", "m6i.large") is None, "nothing that both know reaches the newest fetch"


def test_a_fetch_says_nothing_of_the_time_after_it(archive, clock) -> None:
    clock.at = hour(10)
    fetch(archive, [price(0, "0.4")], 0, 24)
    assert until(archive) == 10
    fetch(archive, [price(0, "0.4")], 12, 24)
    assert (since(archive), until(archive)) == (0, 10)


@pytest.mark.accepts("P-01")
def test_a_price_is_not_carried_over_a_time_in_which_nobody_looked(archive) -> None:
    fetch(archive, [price(1, "0.4")], 0, 4)
    fetch(archive, [price(9, "0.5"), price(11, "0.6")], 10, 12)
    assert read(archive, 3, 12) == [(1, "0.4"), (9, "0.5"), (11, "0.6")]
    assert read(archive, 6, 12) == [(9, "0.5"), (11, "0.6")], "between 4 and 9 the price is not known"
    assert read(archive, 9.5, 12) == [(9, "0.5"), (11, "0.6")], "EC2 said at 10 that it was in force since 9"
    assert read(archive, 13, 20) == []


def test_a_price_that_the_next_fetch_confirms_was_in_force_all_along(archive) -> None:
    fetch(archive, [price(1, "0.4")], 0, 4)
    fetch(archive, [price(1, "0.4")], 10, 12)
    assert read(archive, 6, 12) == [(1, "0.4")]


def told_by_ec2(changes: list[SpotPrice], start: float, end: float) -> list[SpotPrice]:
    """DescribeSpotPriceHistory: changes in the window and the price in force at its start."""
    before = [p for p in changes if p.at <= hour(start)][-1:]
    return before + [p for p in changes if hour(start) < p.at <= hour(end)]


moments = st.integers(0, 40)


@pytest.mark.accepts("P-01")
@given(
    changes=st.sets(moments, min_size=1),
    windows=st.lists(st.tuples(moments, moments).map(sorted), min_size=1, max_size=6),
    asked=moments,
)
@settings(max_examples=150, deadline=None)
def test_in_a_stretch_without_a_gap_the_archive_answers_as_ec2_did(changes, windows, asked, tmp_path_factory) -> None:
    history = [price(m / 2, f"0.{100 + k}") for k, m in enumerate(sorted(changes))]
    path = tmp_path_factory.mktemp("law") / "archive.db"
    with SqliteArchive.open(path, clock=HandClock()) as archive:
        for first, last in windows:
            fetch(archive, told_by_ec2(history, first / 2, last / 2), first / 2, last / 2)
        known, end = since(archive), until(archive)
        if known is None:
            return
        start = max(known, min(asked / 2, end))
        expected = [
            ((p.at - START) / timedelta(hours=1), str(p.usd_per_hour)) for p in told_by_ec2(history, start, end)
        ]
        assert read(archive, start, end) == expected
        anywhere = read(archive, asked / 2, asked / 2)
        assert anywhere in (
            [],
            [
                ((p.at - START) / timedelta(hours=1), str(p.usd_per_hour))
                for p in told_by_ec2(history, asked / 2, asked / 2)
            ],
        )


# bad input


@pytest.mark.accepts("P-01")
def test_a_price_that_disagrees_is_counted_and_the_first_one_stays(archive) -> None:
    fetch(archive, [price(0, "0.4"), price(6, "0.5")])
    assert fetch(archive, [price(0, "0.4"), price(6, "0.7"), price(7, "0.8"), price(7, "0.9")]) == 1
    assert read(archive) == [(0, "0.4"), (6, "0.5"), (7, "0.8")]
    asked = {"region": REGION, "since": hour(0), "until": hour(24), "product": LINUX}
    (aside,) = archive.set_aside(["g5.xlarge"], **asked)
    assert aside.count == 2
    assert aside.example == "g5.xlarge/use1-az1 Linux/UNIX 2026-11-18T06:00:00Z 0.7 USD/h, kept 0.5"
    assert archive.set_aside(["g5.xlarge"], **asked | {"until": hour(5)}) == ()
    assert archive.set_aside(["m6i.large"], **asked) == ()


def test_prices_out_of_order_are_read_in_order(archive) -> None:
    fetch(archive, [price(9, "0.6"), price(0, "0.4"), price(5, "0.5")])
    assert read(archive) == [(0, "0.4"), (5, "0.5"), (9, "0.6")]


def test_a_fetch_that_ends_before_it_starts_is_refused(archive) -> None:
    with pytest.raises(DataError, match=r"ends .* before it starts"):
        fetch(archive, [price(0, "0.4")], 5, 4)
    assert read(archive) == []


def test_an_empty_fetch_covers_nothing(archive) -> None:
    assert fetch(archive, []) == 0
    assert since(archive) is None


def test_a_fetch_that_dies_half_way_leaves_the_archive_whole(archive) -> None:
    """The rows come from a page that cannot be read."""

    class Pages(Sequence[SpotPrice]):
        def __len__(self) -> int:
            return 1000

        def __getitem__(self, k):
            if k == 500:
                raise ConnectionResetError("the connection was reset")
            return price(k / 100, "0.4")

    fetch(archive, [price(0, "0.4")], 0, 1)
    with pytest.raises(ConnectionResetError):
        fetch(archive, Pages(), 0, 24)
    assert (read(archive), since(archive), until(archive)) == ([(0, "0.4")], 0, 1)


# the last twelve months


@pytest.mark.accepts("P-01")
def test_a_history_longer_than_ec2_keeps_grows_from_fetch_to_fetch(archive, clock) -> None:
    for month in range(12):
        clock.at = START + timedelta(days=30 * (month + 1))
        started = clock.at - timedelta(days=90) if month == 0 else clock.at - timedelta(days=30)
        moments = [started + timedelta(hours=h) for h in range(0, 720, 6)]
        seen = [SpotPrice(pool=POOL, usd_per_hour=Decimal(30 + month) / 100, at=m) for m in moments]
        archive.add_prices(seen, region=REGION, since=started, until=clock.at, source="test")
    year_ago = clock.at - timedelta(days=365)
    assert archive.fetched_since(["g5.xlarge"], region=REGION, product=LINUX) == START - timedelta(days=60)
    found = archive.prices(["g5.xlarge"], region=REGION, since=year_ago, until=clock.at, product=LINUX)
    (pool,), aside = analyze(found, start=year_ago, end=clock.at, on_demand={})
    assert not aside
    assert Decimal("0.30") < pool.mean_usd_per_hour < Decimal("0.41")
    assert pool.observed_from == year_ago
