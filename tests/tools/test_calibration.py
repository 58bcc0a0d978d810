"""Scores of probabilities against their slow, exact definitions."""

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.risk.calibration import (
    Horizons,
    auc,
    bin_of,
    brier,
    brier_skill,
    ece,
    fresh_share,
    log_loss,
    measure,
    paired_gain,
    perfect_ece,
    redraw,
    reliability,
    wilson,
)

CHANCE = st.one_of(st.floats(0, 1), st.integers(0, 20).map(lambda n: n / 20))
ROWS = st.lists(st.tuples(CHANCE, st.booleans()), min_size=1, max_size=40)


def arrays(rows):
    return np.array([p for p, _ in rows], dtype=np.float64), np.array([o for _, o in rows], dtype=np.bool_)


@given(ROWS)
def test_brier_and_skill_are_their_definitions(rows) -> None:
    forecasts, came = arrays(rows)
    exact = sum((Fraction(p) - o) ** 2 for p, o in rows) / len(rows)
    assert brier(forecasts, came) == pytest.approx(float(exact), abs=1e-12)
    rate = Fraction(sum(o for _, o in rows), len(rows))
    of_rate = sum((rate - o) ** 2 for _, o in rows) / len(rows)
    skill = brier_skill(forecasts, came)
    assert skill == (pytest.approx(float(1 - exact / of_rate), abs=1e-9) if of_rate else None)


@given(ROWS)
def test_auc_is_the_share_of_pairs_in_the_right_order_with_ties_counted_half(rows) -> None:
    pairs = [(p, q) for p, came in rows if came for q, other in rows if not other]
    right = sum(Fraction(1) if p > q else Fraction(1, 2) if p == q else 0 for p, q in pairs)
    expected = pytest.approx(float(right / len(pairs)), abs=1e-12) if pairs else None
    assert auc(*arrays(rows)) == expected


@given(ROWS)
def test_ece_is_the_weighed_gap_of_ten_equal_ranges(rows) -> None:
    edges = [Fraction(k, 10) for k in range(11)]
    total = Fraction(0)
    for number, (low, high) in enumerate(pairwise(edges)):
        # an edge is the float that stands for it: 0.3 is 0.3
        inside = [(p, o) for p, o in rows if float(low) <= p and (p < float(high) or number == 9)]
        total += abs(sum(Fraction(p) - o for p, o in inside))
    assert ece(*arrays(rows)) == pytest.approx(float(total / len(rows)), abs=1e-12)


@given(ROWS)
def test_log_loss_is_finite_even_where_certainty_was_wrong(rows) -> None:
    tiny = np.finfo(float).eps
    given_to_what_came = [min(max(p, tiny), 1 - tiny) if o else 1 - min(max(p, tiny), 1 - tiny) for p, o in rows]
    expected = -math.fsum(math.log(p) for p in given_to_what_came) / len(rows)
    assert log_loss(*arrays(rows)) == pytest.approx(expected, abs=1e-9)


@given(ROWS)
def test_the_reliability_table_holds_every_row_once(rows) -> None:
    forecasts, came = arrays(rows)
    table = reliability(forecasts, came)
    assert [b.rows for b in table] == np.bincount(bin_of(forecasts), minlength=10).tolist()
    assert sum(b.rows * b.observed_share for b in table if b.rows) == pytest.approx(came.sum())
    assert sum(b.rows * b.mean_forecast for b in table if b.rows) == pytest.approx(forecasts.sum())
    gaps = sum(b.rows * abs(b.observed_share - b.mean_forecast) for b in table if b.rows)
    assert gaps / len(rows) == pytest.approx(ece(forecasts, came), abs=1e-12)
    for b in table:
        assert (b.observed_share is None) == (b.rows == 0) == (b.observed_low is None)
        assert b.rows == 0 or 0 <= b.observed_low <= b.observed_share + 1e-12 <= b.observed_high + 2e-12 <= 1 + 2e-12


def test_wilson_gives_the_published_interval() -> None:
    # Brown, Cai and DasGupta 2001 print 95 % limits; these are the roots of |share − p| = z·√(p(1−p)/n) at 90 %
    low, high = wilson(0.2, 50)
    z = 1.6448536269514722
    for limit in (low, high):
        assert abs(0.2 - limit) == pytest.approx(z * math.sqrt(limit * (1 - limit) / 50), abs=1e-12)
    assert wilson(0, 10)[0] == 0
    assert wilson(1, 10)[1] == 1


def test_an_edge_belongs_to_the_range_above_it_and_one_to_the_last() -> None:
    edges = np.array([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
    assert bin_of(edges).tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9]
    assert bin_of(np.nextafter(edges[1:], 0)).tolist() == list(range(10))


def test_forecasts_that_are_no_probabilities_are_refused() -> None:
    for forecasts in ([0.5, 1.5], [0.5, math.nan], [-0.1, 0.5], [0.5], []):
        with pytest.raises(ValueError, match=r"forecast"):
            measure(np.array(forecasts), np.array([True, False]))
    with pytest.raises(ValueError, match="0 forecasts for 0 outcomes"):
        measure(np.empty(0), np.empty(0, dtype=np.bool_))


def test_one_kind_of_outcome_leaves_skill_and_auc_unknown() -> None:
    found = measure(np.array([0.2, 0.4]), np.array([False, False]))
    assert (found.brier_skill, found.auc, found.base_rate) == (None, None, 0)


def slow_redraw(forecasts, horizons, dice):
    """A clock a tick, the soonest of the horizon, tick by tick."""
    drawn, at = [], 0
    for rows in horizons:
        clocks = dice.standard_exponential(int(rows.ticks[-1] - rows.ticks[0]) + rows.horizon_ticks)
        for tick in rows.ticks:
            start = int(tick - rows.ticks[0])
            soonest = rows.horizon_ticks * min(clocks[start : start + rows.horizon_ticks])
            p = forecasts[at]
            drawn.append(soonest < (math.inf if p == 1 else -math.log1p(-p)))
            at += 1
    return drawn


@given(
    st.lists(
        st.tuples(st.lists(st.integers(1, 9), min_size=1, max_size=30), st.integers(1, 40)), min_size=1, max_size=3
    ),
    st.integers(0, 2**32),
)
def test_redrawn_outcomes_are_those_of_a_clock_a_tick(shapes, seed) -> None:
    horizons = [Horizons(np.cumsum(steps), wide) for steps, wide in shapes]
    rows = sum(len(h.ticks) for h in horizons)
    forecasts = np.random.default_rng(seed + 1).choice([0, 0.05, 0.5, 0.9, 1], size=rows)
    drawn = redraw(forecasts, horizons=horizons, dice=np.random.default_rng(seed))
    assert drawn.tolist() == slow_redraw(forecasts, horizons, np.random.default_rng(seed))


def test_each_redrawn_row_comes_true_with_its_own_chance_and_neighbours_together() -> None:
    ticks = np.arange(0, 60, 3)
    forecasts = np.linspace(0.02, 0.98, len(ticks))
    dice = np.random.default_rng(11)
    drawn = np.array([redraw(forecasts, horizons=[Horizons(ticks, 18)], dice=dice) for _ in range(20_000)])
    error = np.sqrt(forecasts * (1 - forecasts) / len(drawn))
    assert np.all(np.abs(drawn.mean(axis=0) - forecasts) < 5 * error)
    even = np.array([redraw(np.full(20, 0.3), horizons=[Horizons(ticks, 18)], dice=dice) for _ in range(20_000)])
    together = np.corrcoef(even[:, 5], even[:, 6])[0, 1]
    # a Poisson process: both windows empty with chance .7 to the power of the ticks they cover together
    assert together == pytest.approx((0.7 ** (21 / 18) - 0.49) / 0.21, abs=0.03)
    assert abs(np.corrcoef(even[:, 0], even[:, 6])[0, 1]) < 0.04


def test_a_perfect_forecaster_seldom_exceeds_its_own_bound_and_a_shifted_one_does() -> None:
    horizons = [Horizons(np.arange(0, 6000, 3), 18), Horizons(np.arange(0, 1500), 6)]
    dice = np.random.default_rng(3)
    chances = dice.beta(1, 4, size=3500)
    beyond = 0
    for _ in range(60):
        came = redraw(chances, horizons=horizons, dice=dice)
        found = measure(chances, came, horizons=horizons, seed=5, draws=100)
        beyond += found.ece > found.perfect_ece_p95
    assert beyond <= 9  # 3 expected; ten or more of 60 at 5 % happens once in a thousand
    shifted = measure(np.minimum(chances + 0.08, 1), came, horizons=horizons, seed=5, draws=100)
    assert shifted.ece > shifted.perfect_ece_p95


def test_overlap_makes_chance_alone_miscalibrate_more() -> None:
    chances = np.sort(np.random.default_rng(1).beta(1, 4, size=2000))  # neighbours look alike, as in life
    shared = perfect_ece(chances, horizons=[Horizons(np.arange(2000) * 3, 18)], seed=2)
    alone = perfect_ece(chances, horizons=None, seed=2)
    apart = perfect_ece(chances, horizons=[Horizons(np.arange(2000) * 18, 18)], seed=2)
    assert np.median(shared) > 1.4 * np.median(alone)
    assert np.median(apart) == pytest.approx(np.median(alone), rel=0.15)
    assert np.array_equal(shared, perfect_ece(chances, horizons=[Horizons(np.arange(2000) * 3, 18)], seed=2))


def test_what_a_row_adds_is_what_no_row_before_it_looked_at() -> None:
    assert fresh_share(None) is None
    share = fresh_share([Horizons(np.array([10, 13, 40]), 18), Horizons(np.array([0, 9]), 18)])
    assert share.tolist() == [1, 3 / 18, 1, 1, 0.5]
    rows = np.full(5, 0.5), np.array([True, False, True, False, True])
    wide = reliability(*rows, fresh_share=share)[5]
    narrow = reliability(*rows)[5]
    assert wide.observed_high - wide.observed_low > narrow.observed_high - narrow.observed_low


@given(st.integers(0, 2**32))
def test_a_gain_is_the_difference_of_the_two_scores_and_nothing_on_oneself(seed) -> None:
    dice = np.random.default_rng(seed)
    rows = 200
    came = dice.random(rows) < 0.3
    ours, theirs = np.round(dice.random(rows), 2), np.round(dice.random(rows), 1)
    file = np.arange(rows) % 7
    gain = paired_gain(ours, theirs, came, file=file, draws=20)
    assert gain.brier_skill == pytest.approx(brier_skill(ours, came) - brier_skill(theirs, came), abs=1e-12)
    assert gain.auc == pytest.approx(auc(ours, came) - auc(theirs, came), abs=1e-12)
    assert gain.files == 7
    same = paired_gain(ours, ours, came, file=file, draws=20)
    assert (same.brier_skill, same.brier_skill_low, same.auc_high) == (0, 0, 0)


def test_files_drawn_again_are_scored_as_if_their_rows_were_repeated() -> None:
    dice = np.random.default_rng(8)
    came, file = dice.random(90) < 0.4, np.repeat(np.arange(3), 30)
    ours, theirs = np.round(dice.random(90), 1), np.round(dice.random(90), 1)
    gain = paired_gain(ours, theirs, came, file=file, seed=4, draws=1)
    drawn = np.random.default_rng(4).integers(3, size=3)
    rows = np.concatenate([np.flatnonzero(file == f) for f in drawn])
    expected = auc(ours[rows], came[rows]) - auc(theirs[rows], came[rows])
    assert gain.auc_low == pytest.approx(expected, abs=1e-12)
    skill = brier_skill(ours[rows], came[rows]) - brier_skill(theirs[rows], came[rows])
    assert gain.brier_skill_high == pytest.approx(skill, abs=1e-12)


def test_where_every_outcome_is_the_same_a_gain_is_unknown() -> None:
    gain = paired_gain(np.array([0.1, 0.2]), np.array([0.3, 0.2]), np.array([False, False]), file=np.array([0, 1]))
    assert (gain.brier_skill, gain.auc, gain.auc_low, gain.draws) == (None, None, None, 0)


def test_of_one_file_alone_a_gain_has_no_interval() -> None:
    came = np.array([True, False, False, True])
    gain = paired_gain(np.array([0.9, 0.1, 0.2, 0.6]), np.full(4, 0.5), came, file=np.zeros(4, dtype=np.int64))
    assert gain.auc == 0.5
    assert (gain.auc_low, gain.brier_skill_high, gain.draws) == (None, None, 0)
