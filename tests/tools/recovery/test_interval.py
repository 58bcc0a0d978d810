"""Intervals against closed forms, brute force and dice; the schedule that learns, and what it goes by before it has."""

import ast
import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.bench.interval_worlds import HOUR, Lives, best_plan, daily, exponential, fixed, wasted, weibull
from tests.bench.intervals import first, lives_of, ours, weibull_of
from tools.market.advisor_file import BANDS
from tools.recovery.guard import ages, interval
from tools.recovery.guard import waste as costs
from tools.recovery.guard.ages import Life, age_steps
from tools.recovery.guard.interval import UNKNOWN, Belief, Schedule, believed
from tools.recovery.guard.waste import (
    daly_seconds,
    fits_notice,
    guide_seconds,
    usable_seconds,
    waste,
    young_seconds,
)
from tools.risk.prior import band_prior
from tools.traces import Trace

MINUTE, DAY = 60.0, 86_400.0
SAVES = st.floats(0.1, 600)
BETWEEN = st.floats(HOUR, 1000 * HOUR)


# formulas


@pytest.mark.accepts("BP-05", "PO-09")
def test_the_intervals_of_the_acceptance_table() -> None:
    assert (young_seconds(60, 3 * HOUR) - 60) / MINUTE == pytest.approx(18, abs=0.05)
    assert (young_seconds(300, DAY) - 300) / MINUTE == pytest.approx(115, abs=0.1)
    assert young_seconds(60, 6 * HOUR) / MINUTE == pytest.approx(26.8, abs=0.05)


@settings(max_examples=60, deadline=None)
@given(SAVES, BETWEEN)
def test_daly_is_the_best_interval_of_all(save, between) -> None:
    every = daly_seconds(save, between)
    tried = [waste(save, every * f, 0, between) for f in np.geomspace(0.25, 4, 81)]
    assert waste(save, every, 0, between) <= min(tried) * 1.0005
    # Young's is its first order
    assert waste(save, young_seconds(save, between), 0, between) <= min(tried) * 1.02
    assert every == pytest.approx(young_seconds(save, between), rel=math.sqrt(save / between))


@settings(max_examples=40, deadline=None)
@given(st.floats(1, 90), BETWEEN, st.sampled_from([0.5, 0.8, 0.95]))
def test_with_a_working_notice_the_best_interval_is_that_of_the_interruptions_that_lose_work(save, between, q) -> None:
    losing = between / (1 - q)
    every = daly_seconds(save, losing)
    assert usable_seconds(save, between, q) == pytest.approx(min(every, DAY))
    tried = [waste(save, t, 0, between, q) for t in np.geomspace(every / 4, every * 4, 161)]
    assert waste(save, every, 0, between, q) <= min(tried) * 1.01
    assert every == pytest.approx(math.sqrt(2 * save * losing), rel=math.sqrt(save / between))


@pytest.mark.parametrize(("save", "every", "restart", "between", "q"), [
    (60, 1600, 0, 6 * HOUR, 0), (600, 1700, 300, HOUR, 0), (60, 5000, 120, 6 * HOUR, 0.9), (10, 900, 60, HOUR, 0.5),
])  # fmt: skip
def test_the_waste_is_what_dice_say(save, every, restart, between, q) -> None:
    """A job of many cycles, interrupted at a constant rate, restarts included."""
    rng = np.random.default_rng(4)
    useful = total = 0.0
    for left, saved in zip(rng.exponential(between, 60_000), rng.random(60_000) < q, strict=True):
        total += left
        if left < restart:
            continue  # the restart itself was interrupted
        worked = left - restart
        whole, rest = divmod(worked, every + save)
        useful += whole * every
        if saved:
            useful += min(rest, every)
            total += save
    assert 1 - useful / total == pytest.approx(waste(save, every, restart, between, q), rel=0.03)


def test_a_save_as_long_as_the_time_between_interruptions_is_told_as_hopeless() -> None:
    assert daly_seconds(2 * HOUR, HOUR) == HOUR
    assert daly_seconds(500 * HOUR, HOUR) == HOUR
    assert waste(HOUR, HOUR, 0, HOUR) == pytest.approx(1 - 1 / (math.e**2 - 1))
    assert waste(60, 1000 * HOUR, 0, HOUR) == pytest.approx(1)
    assert waste(60, 600, 1000 * HOUR, HOUR) == 1


def test_without_interruptions_or_without_a_cost_the_limits_hold() -> None:
    assert daly_seconds(60, math.inf) == math.inf
    assert usable_seconds(60, math.inf) == usable_seconds(60, HOUR, 1.0) == DAY
    assert waste(60, 540, 0, math.inf) == pytest.approx(0.1)
    assert daly_seconds(0, HOUR) == young_seconds(0, HOUR) == 0
    assert usable_seconds(0, HOUR) > 10  # never without pause
    assert waste(0, 1e-3, 0, HOUR) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("bad", [-1, math.nan, math.inf])
def test_times_that_cannot_be_are_refused(bad) -> None:
    for call in (young_seconds, daly_seconds, usable_seconds):
        with pytest.raises(ValueError, match="save_seconds"):
            call(bad, HOUR)
    with pytest.raises(ValueError, match="between_seconds"):
        young_seconds(60, 0)
    with pytest.raises(ValueError, match="interval_seconds"):
        waste(60, 0, 0, HOUR)
    with pytest.raises(ValueError, match="saved_share"):
        usable_seconds(60, HOUR, 1.1)


def test_a_save_fits_the_notice_only_with_room_for_a_bad_day() -> None:
    assert fits_notice(85)
    assert not fits_notice(86)
    assert fits_notice(60, step_seconds=25)
    assert not fits_notice(60, step_seconds=26)
    assert not fits_notice(20, notice_seconds=30)


@pytest.mark.accepts("BP-05")
def test_the_guides_table_stands_by_name_with_its_borders() -> None:
    assert [guide_seconds(s) for s in (1799, 1800, 7199, 7200)] == [300, 900, 900, 1800]
    assert guide_seconds() == 900
    # the longer the job the longer the interval, whatever δ and M: with δ 300 s and M 24 h it wastes twice as much
    best = daly_seconds(300, DAY)
    assert waste(300, guide_seconds(10 * DAY), 0, DAY) > 1.8 * waste(300, best, 0, DAY)


# what ships on the instance


@pytest.mark.parametrize("module", [interval, ages, costs])
def test_it_needs_nothing_but_the_standard_library_of_python_3_9(module) -> None:
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"), feature_version=(3, 9))
    for node in ast.walk(tree):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
        assert all(name.split(".")[0] in sys.stdlib_module_names for name in names), names
        assert not (isinstance(node, ast.keyword) and node.arg == "strict"), "zip(strict=) is of 3.10"


# the schedule


def running(prior=None, **settings):
    schedule = Schedule(prior, **settings)
    schedule.started(0.0)
    return schedule


def test_until_a_save_was_measured_the_first_comes_early() -> None:
    schedule = running()
    told = schedule.interval()
    assert (told.seconds, told.save_seconds, told.overhead_share) == (300, None, None)
    assert "measured" in told.why
    assert not schedule.due(299.9)
    assert schedule.due(300.1)
    assert schedule.seconds_left(300.1) == 0


def test_what_nobody_knows_is_the_advisors_worst_band_and_says_so() -> None:
    worst = band_prior(*BANDS[-1][1:])
    assert (UNKNOWN.shape, UNKNOWN.hours) == pytest.approx((worst.shape, worst.hours), abs=0.005)
    assert "nothing is known" in running().interval().rate_source


def test_a_known_rate_and_a_measured_save_give_dalys_interval() -> None:
    schedule = running(Belief(3.0, 18.0, "test"))
    schedule.saved(100, 60, 600)  # the upload does not fit the notice
    told = schedule.interval()
    assert told.saved_share is None
    assert told.seconds == pytest.approx(daly_seconds(60, told.between_seconds))
    assert told.between_seconds == pytest.approx(6 * HOUR, rel=0.01)
    assert told.overhead_share == pytest.approx(waste(60, told.seconds, 0, told.between_seconds))


def test_it_is_due_when_it_said_it_would_be() -> None:
    schedule = running(Belief(3.0, 18.0, "test"))
    schedule.saved(100, 10, 200)
    left = schedule.seconds_left(100)
    unseen = 190  # work went on beside the upload: it is not in that save
    assert left + unseen == pytest.approx(schedule.interval().seconds, rel=0.01)
    assert not schedule.due(99 + left)
    assert schedule.due(101 + left)


def test_saves_that_fit_the_notice_are_stretched_by_what_was_seen_and_never_beyond_the_cap() -> None:
    plain, stretched = running(Belief(3, 18, "test")), running(Belief(3, 18, "test"))
    capped = running(Belief(3, 18, "test"), cap_seconds=900)
    for schedule in (plain, stretched, capped):
        schedule.saved(10, 30, 600 if schedule is plain else 30)
    for n in range(1, 20):
        for schedule in (plain, stretched, capped):
            schedule.interrupted(n * 6 * HOUR, saved=True)
    assert stretched.saved_share == pytest.approx(20 / 21)
    assert stretched.interval().seconds > 3 * plain.interval().seconds
    assert capped.interval().seconds <= 900
    assert capped.interval().why == "the longest interval that was allowed"


def test_a_slow_save_in_ten_keeps_the_notice_from_being_counted_on() -> None:
    schedule = running(Belief(3, 18, "test"))
    for n in range(20):
        schedule.saved(float(n), 30, 200 if n % 7 == 0 else 40)
    assert schedule.saved_share is None
    assert schedule.interval().save_seconds == 30


def test_no_interruption_for_long_is_evidence_too() -> None:
    schedule = running(believed(HOUR, "wrong"))
    schedule.saved(1, 10)
    before = schedule.interval().between_seconds
    for n in range(1, 200):
        schedule.saved(n * HOUR, 10)
    assert schedule.interval().between_seconds > 50 * before


def test_a_rate_that_rises_is_followed_within_a_few_interruptions() -> None:
    schedule, now, rng = running(believed(10 * HOUR, "right"), notice_seconds=0), 0.0, np.random.default_rng(1)
    schedule.saved(now, 10, 10)
    for between, count in ((10 * HOUR, 40), (HOUR, 20)):
        for life in rng.exponential(between, count):
            now += life
            schedule.interrupted(now, saved=False)
            schedule.started(now)
    schedule.saved(now + 1, 10)
    assert HOUR / 2 < schedule.interval().between_seconds < 4 * HOUR


def test_a_rate_of_0_and_a_clock_that_goes_back_do_no_harm() -> None:
    schedule = running(Belief(0.0, 1.0, "on-demand"))
    schedule.saved(10, 5)
    assert schedule.interval().seconds == DAY
    assert schedule.interval().between_seconds == math.inf
    schedule.saved(3, 5)
    assert schedule.seconds_left(-100) == pytest.approx(DAY)


@pytest.mark.parametrize(("shape", "hours"), [(-1, 1), (1, 0), (math.nan, 1), (1, math.inf)])
def test_a_belief_that_is_none_is_refused(shape, hours) -> None:
    with pytest.raises(ValueError, match="interruptions in"):
        Belief(shape, hours, "test")


def learnt() -> Schedule:
    schedule, rng = running(believed(HOUR, "test")), np.random.default_rng(7)
    now = 0.0
    for life in rng.weibull(0.5, 60) * HOUR:
        schedule.started(now, utc_seconds=now)
        schedule.restarted(40)
        schedule.saved(now + life / 2, 12, 30)
        now += life
        schedule.interrupted(now, saved=bool(rng.random() < 0.8))
    schedule.started(now, age_seconds=600, utc_seconds=now)
    schedule.saved(now + 50, 12, 30)
    return schedule


def test_what_was_learnt_goes_with_the_checkpoint_to_the_next_instance() -> None:
    before, after = learnt(), Schedule()
    after.load(json.loads(json.dumps(before.state())))
    before._weigh()
    told, kept = after.interval(), before.interval()
    assert told.seconds == pytest.approx(kept.seconds, rel=0.1)
    assert (told.save_seconds, told.restart_seconds, told.saved_share) == (12, 40, kept.saved_share)
    assert (told.interruptions, told.rate_source) == (60, kept.rate_source)
    after.taken_unseen()
    assert after.interval().interruptions == 61
    after.started(9e6, age_seconds=0.0)
    assert 0 < after.seconds_left(9e6) <= DAY


def test_a_damaged_state_is_refused_and_changes_nothing() -> None:
    whole = learnt().state()
    for key, value in {
        "version": 2, "shape": -1, "hours": 0, "pauses": None, "lives": [[1]], "part_hours": [0.0],
        "interruptions": float("nan"), "day_seconds": 1e9,
    }.items():  # fmt: skip
        schedule = learnt()
        told = schedule.interval()
        with pytest.raises(ValueError, match="not a schedule's state"):
            schedule.load({**whole, key: value})
        assert schedule.interval() == told
    for damaged in ({}, [], None, {"version": 1}):
        with pytest.raises(ValueError, match="not a schedule's state"):
            Schedule().load(damaged)


def test_ages_at_which_instances_are_taken_are_found_and_a_constant_rate_has_none() -> None:
    rng = np.random.default_rng(3)
    young = [Life(0, float(t), taken=True) for t in np.concatenate((rng.uniform(0, HOUR, 40), np.full(40, 30 * HOUR)))]
    steps = age_steps(young, seen=80)
    assert steps.like(0.5 * HOUR) > 5
    assert steps.like(10 * HOUR) < 0.1
    found = [
        len(age_steps([Life(0, float(t), taken=True) for t in rng.exponential(HOUR, 100)], seen=100).edges)
        for _ in range(20)
    ]
    assert np.mean(found) < 1
    # one that still runs counts with its hours
    assert age_steps([*young, Life(0, 1000 * HOUR, taken=False)], seen=80).like(900 * HOUR) < 0.1


def test_long_unsaved_work_is_saved_as_a_bad_age_begins() -> None:
    schedule = running(believed(10 * HOUR, "test"))
    lives = [Life(0, 20 * HOUR + 60.0 * n, taken=True) for n in range(40)]
    schedule._lives.extend(lives)
    schedule._ages = age_steps(lives, seen=40)
    schedule.saved(1, 600)
    schedule.started(10.0, age_seconds=13 * HOUR)
    (edge,) = schedule._ages.edges
    ahead = 13 * HOUR + schedule.seconds_left(10.0) - edge
    schedule.started(20.0, age_seconds=edge)
    assert 0 < ahead < 0.6 * schedule.interval().seconds


# against the best schedules there are


@pytest.mark.parametrize(("save", "q"), [(60.0, 0.0), (600.0, 0.0), (60.0, 0.8)])
def test_the_best_plan_of_a_constant_rate_is_dalys(save, q) -> None:
    world = exponential(6 * HOUR)
    plan = best_plan(world, save, q)
    ages_ = np.linspace(0, 3 * HOUR, 7)
    assert plan(ages_, ages_) == pytest.approx(np.full(7, usable_seconds(save, 6 * HOUR, q)), rel=0.12)
    rng = np.random.default_rng(1)
    lives = world.lives(20_000, rng).with_notice(q, rng)
    found = wasted(plan, lives, save) / lives.seconds.sum()
    # a notice's save is after the life: its time is not in the lives
    exact = waste(save, usable_seconds(save, 6 * HOUR, q), 0, 6 * HOUR, q)
    assert found == pytest.approx(exact * (1 + q * save / (6 * HOUR)), rel=0.04)


def test_no_schedule_that_was_tried_beats_the_best_plan() -> None:
    rng = np.random.default_rng(2)
    for world in (weibull(0.5, 6 * HOUR), weibull(1.5, 6 * HOUR), daily(6 * HOUR)):
        lives = world.lives(20_000, rng)
        best = wasted(best_plan(world, 60, 0), lives, 60)
        around = daly_seconds(60, 6 * HOUR)
        assert best < min(wasted(fixed(around * f), lives, 60) for f in np.geomspace(0.4, 2.5, 25)) * 1.002


def test_the_lives_of_a_world_are_as_long_as_it_says() -> None:
    rng = np.random.default_rng(5)
    for world in (exponential(HOUR), weibull(0.5, 6 * HOUR), weibull(1.5, HOUR), daily(6 * HOUR)):
        lives = world.lives(40_000, rng)
        assert lives.seconds.mean() == pytest.approx(world.between, rel=0.04)
        assert lives.start[1:] == pytest.approx(np.cumsum(lives.seconds)[:-1])


@pytest.mark.accepts("BP-05")
@pytest.mark.parametrize("wrong", [0.25, 1.0, 4.0])
def test_a_wrong_prior_is_outlived(wrong) -> None:
    """Within 10 % of the schedule that knows the hazard, learnt while it ran."""
    rng = np.random.default_rng(11)
    for world in (exponential(6 * HOUR), weibull(0.5, 6 * HOUR)):
        lives = world.lives(300, rng)
        best = wasted(best_plan(world, 60, 0), lives, 60)
        assert ours(lives, 60.0, believed(world.between * wrong, "test")).sum() <= 1.10 * best


def test_the_simulation_counts_every_second_once() -> None:
    lives = Lives(
        np.array([1000.0, 50.0, 700.0]), np.zeros(3), np.array([True, True, False]), np.array([False, True, False])
    )
    # 1st: saves at 300–310, 610–620, 920–930, then 70 lost; 2nd: one save in its notice; 3rd: 2 saves, its end is kept
    assert wasted(fixed(300), lives, 10) == 30 + 70 + 10 + 20
    assert wasted(fixed(300), first(lives, 1), 10) == 100


def test_lives_of_a_trace_end_where_an_instance_is_taken() -> None:
    trace = Trace(Path("x"), 60.0, np.array([0, 0, 2, 2, 1, 1, 0, 0, 3, 3, 3, np.nan, 1.0]))
    found = lives_of(trace, np.random.default_rng(0))
    assert list(found.taken) == [True, True, True, False]
    assert list(found.start) == [120, 240, 480, 720]
    assert all(np.array([120, 120, 180, 60]) - found.seconds < 60)
    world = weibull_of(weibull(0.6, HOUR).lives(5_000, np.random.default_rng(8)))
    assert world.name in ("Weibull k=0.58", "Weibull k=0.60", "Weibull k=0.62")
