"""Time-weighted prices over the step function of changes."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.market.prices import MAX_POINTS, analyze
from tools.records import LINUX, CapacityPool, SpotPrice

START = datetime(2026, 11, 18, tzinfo=UTC)
POOL = CapacityPool(instance_type="g5.xlarge", zone_name="us-east-1a", zone_id="use1-az1")
OTHER = CapacityPool(instance_type="m6i.large", zone_name="us-east-1b")
ON_DEMAND = {("g5.xlarge", LINUX): Decimal("1.006")}


def at(hours: float, usd: str, pool: CapacityPool = POOL) -> SpotPrice:
    return SpotPrice(pool=pool, usd_per_hour=Decimal(usd), at=START + timedelta(hours=hours))


def bad(hours: float, usd: str) -> SpotPrice:
    """A price that the record itself would refuse."""
    return SpotPrice.model_construct(pool=POOL, usd_per_hour=Decimal(usd), at=START + timedelta(hours=hours))


def one(prices, start=0.0, end=10.0, on_demand=ON_DEMAND):
    window = {"start": START + timedelta(hours=start), "end": START + timedelta(hours=end)}
    pools, aside = analyze(prices, **window, on_demand=on_demand)
    assert len(pools) == 1
    return pools[0], aside


@pytest.mark.accepts("P-01", "AN-06")
def test_a_price_counts_for_as_long_as_it_was_in_force() -> None:
    pool, aside = one([at(0, "0.4"), at(4, "0.6"), at(9, "0.5")])
    # 4 h at .4, 5 h at .6, 1 h at .5 over 10 h
    assert pool.mean_usd_per_hour == Decimal("0.51")
    assert pool.current_usd_per_hour == Decimal("0.5")
    assert (pool.low_usd_per_hour, pool.high_usd_per_hour) == (Decimal("0.4"), Decimal("0.6"))
    assert pool.changes == 2
    assert pool.saving_share == pytest.approx(1 - 0.51 / 1.006)
    # logs: −.916291, −.510826, −.693147 with weights .4, .5, .1 : mean −.691244, σ √.0365341
    assert pool.volatility == pytest.approx(0.191139, abs=1e-6)
    assert not aside


@pytest.mark.accepts("P-01")
def test_the_price_in_force_at_the_start_is_carried_in_and_older_ones_are_not() -> None:
    pool, _ = one([at(-50, "9"), at(-20, "0.4"), at(5, "0.6")])
    assert pool.mean_usd_per_hour == Decimal("0.5")
    assert pool.high_usd_per_hour == Decimal("0.6")
    assert pool.observed_from == START
    assert pool.points[0].at == START
    assert pool.changes == 1


def test_a_window_that_begins_before_the_first_price_weighs_only_what_was_observed() -> None:
    pool, _ = one([at(6, "0.4"), at(8, "0.6")])
    assert pool.mean_usd_per_hour == Decimal("0.5")
    assert pool.observed_from == START + timedelta(hours=6)


def test_a_pool_without_a_price_in_the_window_is_unknown_and_not_zero() -> None:
    pool, _ = one([at(11, "0.4")])
    assert pool.current_usd_per_hour is None
    assert pool.mean_usd_per_hour is None
    assert pool.low_usd_per_hour is None
    assert pool.volatility is None
    assert pool.saving_share is None
    assert pool.points == ()


@pytest.mark.accepts("AN-03")
def test_a_saving_without_an_on_demand_price_is_unknown_and_spot_above_on_demand_is_a_loss() -> None:
    unknown, _ = one([at(0, "0.4")], on_demand={})
    assert unknown.saving_share is None
    loss, _ = one([at(0, "2.012")])
    assert loss.saving_share == pytest.approx(-1.0)


def test_the_on_demand_price_of_linux_is_no_price_of_windows() -> None:
    windows = POOL.with_(product="Windows")
    pool, _ = one([at(0, "0.4", windows)])
    assert pool.on_demand_usd_per_hour is None
    vpc, _ = one([at(0, "0.4", POOL.with_(product="Linux/UNIX (Amazon VPC)"))])
    assert vpc.on_demand_usd_per_hour == Decimal("1.006")


def test_a_price_at_the_very_end_of_the_window_is_the_current_one() -> None:
    pool, _ = one([at(0, "0.4"), at(10, "0.8")])
    assert pool.current_usd_per_hour == Decimal("0.8")
    assert pool.mean_usd_per_hour == Decimal("0.4")
    only, _ = one([at(10, "0.8")])
    assert only.mean_usd_per_hour == Decimal("0.8")
    assert only.volatility == 0


def test_rows_that_cannot_be_believed_are_set_aside_and_counted() -> None:
    rows = [
        at(0, "0.4"), at(0, "0.4"),  # twice
        at(2, "0.5"), at(2, "0.7"),  # disagree
        bad(3, "0"), bad(3.5, "-0.2"), bad(4, "NaN"), bad(4.5, "Infinity"),
        at(5, "101"),  # above 100 × on-demand
        at(6, "0.6"),
        at(500, "0.1"),  # the future
        SpotPrice(pool=POOL, usd_per_hour=Decimal("0.3"), at=datetime(1970, 1, 1, tzinfo=UTC)),
    ]  # fmt: skip
    pool, aside = one(rows)
    counts = {a.reason: a.count for a in aside}
    assert counts == {
        "duplicate row": 1,
        "prices of one moment that disagree": 2,
        "price is zero or below": 2,
        "price is not a number": 2,
        "absurd price: above 1,000 USD/h or 100 times on-demand": 1,
        "dated in the future": 1,
        "dated before EC2 sold spot instances": 1,
    }
    assert all("g5.xlarge" in a.example for a in aside)
    # .4 holds from 0 to 6: nothing that was set aside broke the step
    assert pool.mean_usd_per_hour == Decimal("0.48")
    assert pool.changes == 1


def test_a_price_that_a_clock_an_hour_off_dates_after_now_is_set_aside_and_said() -> None:
    pool, aside = one([at(0, "0.4"), at(11, "0.8")])
    assert pool.current_usd_per_hour == Decimal("0.4")
    assert [(a.reason, a.count) for a in aside] == [
        ("dated up to 2 h after now, so a clock is off: not in force yet", 1)
    ]


def test_without_an_on_demand_price_a_thousand_dollars_an_hour_is_absurd() -> None:
    _, aside = one([at(0, "1000.01"), at(1, "0.4")], on_demand={})
    assert [a.count for a in aside] == [1]


def test_pools_stand_cheapest_first_and_unknown_ones_last() -> None:
    rows = [at(0, "0.4"), at(0, "0.04", OTHER), at(99, "0.01", CapacityPool(instance_type="a1.large", zone_name="z"))]
    pools, _ = analyze(rows, start=START, end=START + timedelta(hours=98), on_demand={})
    assert [p.pool.instance_type for p in pools] == ["m6i.large", "g5.xlarge", "a1.large"]


def test_no_prices_at_all_are_no_pools() -> None:
    assert analyze([], start=START, end=START, on_demand={}) == ((), ())


def test_a_chart_of_many_changes_keeps_its_extremes_and_stays_small() -> None:
    dice = random.Random(7)
    rows = [at(i / 100, f"{dice.uniform(0.3, 0.9):.4f}") for i in range(1000)]
    pool, _ = one(rows)
    assert 100 < len(pool.points) <= MAX_POINTS
    shown = [p.usd_per_hour for p in pool.points]
    assert min(shown) == pool.low_usd_per_hour
    assert max(shown) == pool.high_usd_per_hour
    assert shown[-1] == pool.current_usd_per_hour
    known = {(r.at, r.usd_per_hour) for r in rows}
    assert all((p.at, p.usd_per_hour) in known for p in pool.points)
    assert [p.at for p in pool.points] == sorted({p.at for p in pool.points})


changes = st.lists(
    st.tuples(st.integers(-500, 999), st.integers(1, 20_000)), min_size=1, max_size=40, unique_by=lambda t: t[0]
)


def rows_of(drawn) -> list[SpotPrice]:
    return [at(minute / 60, f"{price / 10_000:.4f}") for minute, price in drawn]


def measured(rows):
    return analyze(rows, start=START, end=START + timedelta(minutes=1000), on_demand=ON_DEMAND)


@settings(max_examples=150, deadline=None)
@given(changes)
def test_the_mean_stands_between_low_and_high_and_agrees_with_plain_integration(drawn) -> None:
    (pool,), _ = measured(rows_of(drawn))
    assert pool.low_usd_per_hour <= pool.mean_usd_per_hour <= pool.high_usd_per_hour
    assert pool.low_usd_per_hour <= pool.current_usd_per_hour <= pool.high_usd_per_hour
    assert float(pool.mean_usd_per_hour) == pytest.approx(integrated(drawn), abs=1e-9)
    assert pool.volatility >= 0


def integrated(drawn) -> float:
    """Minute by minute, as slowly as can be."""
    force = dict(drawn)
    price, total, minutes = None, 0.0, 0
    for minute in range(-500, 1000):
        price = force.get(minute, price)
        if minute >= 0 and price is not None:
            total, minutes = total + price / 10_000, minutes + 1
    return total / minutes


@settings(max_examples=75, deadline=None)
@given(changes, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_nothing(drawn, dice) -> None:
    rows = [*rows_of(drawn), at(1, "0.5"), at(1, "0.5"), bad(2, "-1"), bad(3, "NaN")]
    shuffled = rows.copy()
    dice.shuffle(shuffled)
    assert measured(shuffled) == measured(rows)


@settings(max_examples=75, deadline=None)
@given(changes, st.integers(-500, 999))
def test_repeating_the_price_in_force_changes_nothing(drawn, minute) -> None:
    before = [t for t in drawn if t[0] < minute]
    taken = any(t[0] == minute for t in drawn)
    if not before or taken:
        return
    in_force = max(before)[1]
    assert measured(rows_of([*drawn, (minute, in_force)])) == measured(rows_of(drawn))
