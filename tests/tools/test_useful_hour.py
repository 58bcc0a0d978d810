"""The price of a useful hour: properties, and a slow simulation of the work beside it."""

import random
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.choice.useful_hour import WorkShape, expected_overhead, overhead_of, useful_hour_usd
from tools.errors import UsageError
from tools.records import CapacityPool, Hazard

POOL = CapacityPool(instance_type="g5.xlarge", zone_name="us-east-1a", zone_id="use1-az1")
rates = st.floats(0, 10, allow_nan=False)
minutes = st.floats(1, 600, allow_nan=False)


def hazard(per_100_hours: float | None, low: float | None = None, high: float | None = None) -> Hazard:
    return Hazard(
        pool=POOL, per_100_hours=per_100_hours, low=low, high=high, prior="test", exposure=None,
        abstains=None if per_100_hours is not None else "nothing is known", evidence=(), missing=(),
    )  # fmt: skip


@settings(deadline=None)
@given(rates, rates, minutes, minutes)
def test_more_interruptions_never_cost_less(one, other, interval, restart) -> None:
    work = WorkShape(checkpoint_minutes=interval, restart_minutes=restart)
    low, high = sorted((one, other))
    assert 0 <= expected_overhead(low, work) <= expected_overhead(high, work)


@settings(deadline=None)
@given(st.floats(0.001, 100), minutes, minutes, st.floats(0, 5))
def test_a_useful_hour_never_costs_less_than_an_hour(price, interval, restart, rate) -> None:
    work = WorkShape(checkpoint_minutes=interval, restart_minutes=restart)
    mean = Decimal(repr(price))
    useful = useful_hour_usd(mean, expected_overhead(rate, work))
    assert useful >= mean - Decimal("0.00000001")
    assert float(useful) == pytest.approx(price * (1 + rate * (restart + interval / 2) / 60), abs=1e-8)


def test_the_worked_example_can_be_checked_by_hand() -> None:
    # 2 interruptions in 100 h, each costs 10 min of restart and half of 60 min: 0.02 × 40/60 h
    assert expected_overhead(0.02, WorkShape()) == pytest.approx(0.02 * 40 / 60)
    # a measured loss stands for the half interval, and a checkpoint that stops the work costs its share
    shape = WorkShape(checkpoint_minutes=60, restart_minutes=10, pause_minutes=3, lost_minutes=12)
    assert expected_overhead(0.02, shape) == pytest.approx(3 / 60 + 0.02 * 22 / 60)


def test_an_unknown_hazard_is_an_unknown_cost_and_not_a_free_one() -> None:
    assert overhead_of(hazard(None), WorkShape()) is None
    assert useful_hour_usd(Decimal("0.3"), None) is None
    assert useful_hour_usd(None, 0.1) is None


@settings(deadline=None)
@given(st.lists(st.floats(0, 50), min_size=3, max_size=3))
def test_the_interval_of_the_cost_is_the_interval_of_the_hazard(found) -> None:
    low, middle, high = sorted(found)
    overhead = overhead_of(hazard(middle, low, high), WorkShape())
    assert overhead.low <= overhead.value <= overhead.high
    assert overhead.high == pytest.approx(expected_overhead(high / 100, WorkShape()))


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 2**32))
def test_work_that_is_simulated_minute_by_minute_needs_the_hours_that_the_formula_says(seed) -> None:
    rate, interval, restart, dice = 0.1, 60, 10, random.Random(seed)
    hours_run = useful = 0.0
    while useful < 20_000:
        segment = interval / 60
        until = dice.expovariate(rate)
        if until >= segment:
            hours_run, useful = hours_run + segment, useful + segment
        else:  # what was done since the checkpoint is lost, and a replacement comes up
            hours_run += until + restart / 60
    measured = hours_run / useful - 1
    shape = WorkShape(checkpoint_minutes=interval, restart_minutes=restart)
    assert expected_overhead(rate, shape) == pytest.approx(measured, rel=0.15)


def test_inputs_are_named_as_assumed_or_given() -> None:
    assumed = " ".join(WorkShape().words())
    assert assumed.count("(assumed)") == 2
    given_ = " ".join(WorkShape(checkpoint_minutes=15, basis={"checkpoint_minutes": "given"}).words())
    assert "15 min (given)" in given_
    assert given_.count("(assumed)") == 1
    assert "loses 4 min of work (given)" in WorkShape(lost_minutes=4).words()[0]


@pytest.mark.parametrize("wrong", [{"checkpoint_minutes": 0}, {"restart_minutes": -1}, {"lost_minutes": float("nan")}])
def test_times_that_cannot_be_are_refused(wrong) -> None:
    with pytest.raises(UsageError):
        WorkShape(**wrong)
    with pytest.raises(UsageError):
        expected_overhead(float("nan"), WorkShape())
