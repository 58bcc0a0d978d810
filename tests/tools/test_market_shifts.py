"""Change-points: when the level of a price moved."""

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.market.history_file import analyze_history
from tools.market.prices import analyze
from tools.market.shifts import LEAST_STEP, LEAST_TIME_SHARE, MOST_SHIFTS, level_shifts
from tools.records import CapacityPool, SpotPrice

START = datetime(2026, 8, 20, tzinfo=UTC)
POOL = CapacityPool(instance_type="g5.xlarge", zone_name="us-east-1a")
HOUR = 3_600_000_000


def shifts_of(hours, usd, end, most=MOST_SHIFTS):
    at_us = np.array([round(h * HOUR) for h in hours], dtype=np.int64)
    return level_shifts(at_us, np.array(usd, dtype=np.float64), end_us=round(end * HOUR), most=most)


def noisy(level, size, dice, share=0.02):
    return np.round(np.asarray(level) * np.exp(dice.normal(0, share, size)), 4)


def test_a_single_step_is_found_at_its_moment_with_the_levels_beside_it() -> None:
    prices = [(0, "0.41"), (500, "0.55")]
    rows = [SpotPrice(pool=POOL, usd_per_hour=Decimal(p), at=START + timedelta(hours=h)) for h, p in prices]
    (found,), _ = analyze(rows, start=START, end=START + timedelta(hours=2000), on_demand={})
    (shift,) = found.change_points
    assert shift.at == START + timedelta(hours=500)
    assert (shift.before_usd_per_hour, shift.after_usd_per_hour) == (Decimal("0.41"), Decimal("0.55"))


def test_steps_under_noise_are_found_within_a_change_of_their_moments() -> None:
    dice = np.random.default_rng(3)
    levels = [0.40] * 150 + [0.60] * 40 + [0.45] * 110
    found = shifts_of(range(300), noisy(levels, 300, dice), 300)
    assert [abs(s.row - moment) <= 1 for s, moment in zip(found, (150, 190), strict=True)] == [True, True]
    assert [s.after for s in found] == pytest.approx([0.60, 0.45], rel=0.02)
    assert found[0].before == pytest.approx(0.40, rel=0.02)
    assert found[0].after == found[1].before


def test_noise_about_one_level_is_no_shift() -> None:
    dice = np.random.default_rng(4)
    assert not any(shifts_of(range(500), noisy([0.4] * 500, 500, dice, 0.05), 500) for _ in range(20))


def test_a_spike_of_minutes_is_no_change_of_level() -> None:
    assert shifts_of([0, 300, 300.1], [0.4, 4.0, 0.4], 720) == ()


def test_a_price_that_drifts_by_less_than_a_twentieth_has_not_shifted() -> None:
    assert shifts_of([0, 100, 200], [0.4, 0.41, 0.4], 300) == ()


def test_one_price_an_instant_and_nothing_have_no_shifts() -> None:
    assert shifts_of([0], [0.4], 10) == ()
    assert shifts_of([5, 10], [0.4, 0.8], 10) == ()
    assert level_shifts(np.zeros(0, np.int64), np.zeros(0), end_us=5) == ()
    assert shifts_of([0, 5], [0.4, 0.8], 10, most=0) == ()


def test_a_restless_market_gives_no_more_shifts_than_were_asked_for() -> None:
    dice = np.random.default_rng(6)
    walk = np.exp(np.cumsum(dice.normal(0, 0.2, 4000)).clip(-4, 4))
    assert len(shifts_of(range(4000), walk, 4000)) <= MOST_SHIFTS
    assert len(shifts_of(range(4000), walk, 4000, most=3)) == 3


paths = st.lists(st.tuples(st.integers(1, 50), st.integers(100, 9_999)), min_size=2, max_size=30).map(
    lambda steps: (np.cumsum([0, *(gap for gap, _ in steps)]), [price / 10_000 for _, price in steps])
)


@settings(max_examples=200, deadline=None)
@given(paths)
def test_shifts_are_few_far_apart_real_steps_between_the_lowest_and_the_highest_price(path) -> None:
    moments, usd = path
    found = shifts_of(moments[:-1], usd, moments[-1])
    assert len(found) <= MOST_SHIFTS
    edges = [0, *(s.row for s in found), len(usd)]
    ends = [moments[e] for e in edges]
    for shift, low, mid, high in zip(found, ends, ends[1:], ends[2:], strict=False):
        assert abs(math.log(shift.after / shift.before)) >= LEAST_STEP - 1e-12
        assert min(usd) - 1e-12 <= shift.before <= max(usd) + 1e-12
        assert min(mid - low, high - mid) >= LEAST_TIME_SHARE * moments[-1] - 1e-9
    for left, right in pairwise(found):
        assert left.after == right.before


@settings(max_examples=150, deadline=None)
@given(paths, st.sampled_from((0.01, 3.7, 250.0)))
def test_the_unit_of_money_moves_no_shift(path, unit) -> None:
    moments, usd = path
    plain = shifts_of(moments[:-1], usd, moments[-1], most=1)
    scaled = shifts_of(moments[:-1], [u * unit for u in usd], moments[-1], most=1)
    assert len(plain) == len(scaled)
    for one, other in zip(plain, scaled, strict=True):
        assert other.before == pytest.approx(one.before * unit) or one.row != other.row  # two cuts as good


def scatter(steps) -> Decimal:
    """Time-weighted squares of log price about its mean, of (hours, log price)."""
    total = sum(held for held, _ in steps)
    mean = sum(held * log for held, log in steps) / total
    return sum(held * (log - mean) ** 2 for held, log in steps)


@settings(max_examples=150, deadline=None)
@given(paths)
def test_the_first_cut_is_the_best_of_all_cuts_by_exact_arithmetic(path) -> None:
    moments, usd = path
    hours = [int(h) for h in moments]
    with localcontext() as context:
        context.prec = 50
        steps = [(b - a, Decimal(repr(u)).ln()) for a, b, u in zip(hours, hours[1:], usd, strict=False)]
        least = Decimal(hours[-1]) / 100
        left = {
            cut: scatter(steps[:cut]) + scatter(steps[cut:])
            for cut in range(1, len(steps))
            if min(hours[cut], hours[-1] - hours[cut]) >= least
        }
        found = shifts_of(hours[:-1], usd, hours[-1], most=1)
        whole = scatter(steps)
        if found:
            assert left[found[0].row] <= min(left.values()) + whole * Decimal("1e-12")
        elif left and whole:
            best = min(left, key=left.get)
            criterion = len(usd) * math.log(float(whole / max(left[best], whole * Decimal("1e-12"))))
            step = abs(mean(steps[:best]) - mean(steps[best:]))
            assert criterion <= 3 * math.log(len(usd)) + 1e-6 or step < LEAST_STEP + 1e-9


def mean(steps) -> float:
    return float(sum(held * log for held, log in steps) / sum(held for held, _ in steps))


@pytest.mark.accepts("P-01")
def test_levels_of_a_real_market_stand_between_its_prices(data_dir) -> None:
    path = data_dir / "prices" / "aws_eu-west-3_2020-03_2020-07.csv.gz"
    found = analyze_history(path, now=datetime(2026, 11, 20, tzinfo=UTC))
    shifted = [p for p in found.pools if p.change_points]
    assert 10 < len(shifted) < len(found.pools)
    for pool in shifted:
        moments = [s.at for s in pool.change_points]
        assert moments == sorted(set(moments))
        for shift in pool.change_points:
            assert pool.low_usd_per_hour <= shift.before_usd_per_hour <= pool.high_usd_per_hour
            assert pool.low_usd_per_hour <= shift.after_usd_per_hour <= pool.high_usd_per_hour
