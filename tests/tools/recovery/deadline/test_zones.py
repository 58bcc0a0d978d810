"""Several zones: what a plan comes to, that nothing is missed, that nobody sees what is to come, that the optimum is."""

import itertools
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.errors import DataError
from tools.recovery.deadline.plan import Stretch, read_plan, write_plan
from tools.recovery.deadline.problem import JobTerms
from tools.recovery.deadline.zones import (
    IDLING,
    ON_DEMAND_HELD,
    Zones,
    ZonesSituation,
    align,
    price_zones_plan,
    replay_zones,
    zones_stretches,
)
from tools.recovery.deadline.zones_backtest import OPTIMUM, POLICIES, zones_planner
from tools.recovery.deadline.zones_optimum import zones_optimum
from tools.traces import Trace

CAUSAL = [policy for policy in POLICIES if policy != OPTIMUM]
MANY = settings(max_examples=120, deadline=None, derandomize=True)
FEWER = settings(MANY, max_examples=30)


@dataclass
class Script:
    """Plays choices and keeps what it was shown."""

    choices: list[int]

    def begin(self, terms, past) -> "Script":
        self.past, self.seen = past, []
        return self

    def choose(self, now: ZonesSituation) -> int:
        self.seen.append(now)
        return self.choices[now.tick] if now.tick < len(self.choices) else IDLING


@st.composite
def jobs(draw, most_ticks: int = 40) -> JobTerms:
    """Any job whose work and one changeover fit, changeovers from nothing to many ticks."""
    tick = draw(st.sampled_from((30.0, 195.0, 600.0, 0.1, 3600.0)))
    count = draw(st.integers(1, most_ticks))
    deadline = (count + draw(st.sampled_from((0.0, 0.3, 0.999)))) * tick
    changeover = draw(st.one_of(st.just(0.0), st.floats(0.01, min(5.0, count * 0.9)))) * tick
    room = count * tick - changeover
    work = draw(st.one_of(st.just(room), st.floats(0.05, 1.0).map(lambda share: share * room)))
    return JobTerms(max(work, 0.01), deadline, changeover, tick, draw(st.sampled_from((0.1, 0.318, 0.9))))


@st.composite
def places(draw, most_zones: int = 4, ticks: int = 45) -> Zones:
    """Zones that come and go in stretches; prices that change, also above on-demand."""
    dice = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count = draw(st.integers(1, most_zones))
    flips = dice.random((count, ticks)) < dice.choice((0.05, 0.3, 0.9), size=(count, 1))
    offered = (np.cumsum(flips, axis=1) + dice.integers(0, 2, size=(count, 1))) % 2 == 0
    price = dice.choice((0.1, 0.3, 0.31, 0.6, 1.4), size=(count, 1)) * dice.choice((1.0, 1.1), size=(count, ticks))
    return Zones(offered, np.where(offered, price, np.nan))


def zones(*rows: str, price: float = 0.3) -> Zones:
    offered = np.array([[letter == "1" for letter in row] for row in rows])
    return Zones(offered, np.where(offered, price, np.nan))


def job(work: float, ticks: int, changeover: float, tick: float = 600.0) -> JobTerms:
    return JobTerms(work, ticks * tick, changeover, tick, 0.318)


def test_going_to_another_zone_is_a_launch_and_pays_a_changeover_that_is_carried_over_ticks() -> None:
    script = Script([0, 1, 1, 1, 1])
    done = replay_zones(script, job(1500, 10, 900), zones("1" * 10, "1" * 10), zones("", ""))
    assert [(s.held, s.work_left_seconds, s.changeover_left_seconds) for s in script.seen] == [
        (IDLING, 1500, 0),
        (0, 1500, 300),  # what was still to pay there is lost with it
        (1, 1500, 300),
        (1, 1200, 0),
        (1, 600, 0),
    ]
    assert (done.met, done.launches, write_plan(zones_stretches(done.held))) == (True, 2, "S0:1 S1:4")
    assert done.cost_hours == pytest.approx(5 * 0.3 / 6)


def test_a_zone_that_goes_away_is_a_preemption_after_which_any_zone_that_is_there_may_be_launched() -> None:
    script = Script([0, 1, 1])
    replay_zones(script, job(6000, 12, 0), zones("101", "011"), zones("", ""))
    assert [(s.held, s.preempted) for s in script.seen[:3]] == [(IDLING, False), (IDLING, True), (1, False)]


def test_a_zone_that_is_not_offered_cannot_be_chosen_or_planned() -> None:
    with pytest.raises(ValueError, match="tick 1: zone 0 was chosen"):
        replay_zones(Script([0, 0]), job(6000, 12, 0), zones("10", "11"), zones("", ""))
    with pytest.raises(DataError, match="tick 1: zone 0 is not offered"):
        price_zones_plan(job(6000, 12, 0), zones("10", "11"), np.array([0, 0]))
    with pytest.raises(DataError, match="until tick 3, the window 2 ticks"):
        price_zones_plan(job(600, 2, 0), zones("1111"), np.array([0, 0, 0]))


def test_every_tick_is_billed_at_the_price_of_its_own_tick_and_on_demand_at_one() -> None:
    place = Zones(np.ones((1, 4), dtype=bool), np.array([[0.2, 0.4, 0.8, 0.8]]))
    done = replay_zones(Script([0, 0, ON_DEMAND_HELD]), job(1800, 6, 0), place, zones(""))
    assert done.cost_hours == pytest.approx((0.2 + 0.4 + 1.0) / 6)


@MANY
@given(jobs(), places(), st.integers(0, 20))
def test_no_policy_misses_a_deadline_that_can_be_met_and_the_optimum_is_never_beaten(terms, place, start) -> None:
    window, past = place.between(start, start + terms.ticks), place.between(0, start)
    best = zones_optimum(terms, window)
    checked = price_zones_plan(terms, window, best.held)
    assert (best.met, checked.met, checked.launches) == (True, True, best.launches)
    assert checked.cost_hours == pytest.approx(best.cost_hours)
    for policy in CAUSAL:
        done = replay_zones(zones_planner(policy), terms, window, past)
        checked = price_zones_plan(terms, window, done.held)
        if policy == "warden":
            assert done.met, policy
        assert (checked.met, checked.launches) == (done.met, done.launches), policy
        assert not done.met or done.cost_hours >= best.cost_hours - 1e-9, policy


@FEWER
@given(jobs(), places(), places(), st.integers(0, 15), st.integers(0, 25))
def test_a_choice_never_depends_on_ticks_to_come(terms, place, other, start, same) -> None:
    count = min(len(place), len(other))
    mixed = place.between(0, 45)
    mixed.offered[:count, start + same :] = other.offered[:count, start + same :]
    mixed.price[:count, start + same :] = other.price[:count, start + same :]
    for policy in CAUSAL:
        plans = [
            replay_zones(zones_planner(policy), terms, z.between(start, start + terms.ticks), z.between(0, start)).held
            for z in (place, mixed)
        ]
        assert plans[0][:same].tolist() == plans[1][:same].tolist(), policy


def test_the_optimum_is_what_trying_every_plan_finds() -> None:
    dice = np.random.default_rng(7)
    for _ in range(120):
        count = int(dice.integers(1, 3))
        ticks = int(dice.integers(2, 7 if count == 1 else 6))
        offered = dice.random((count, ticks)) < 0.7
        place = Zones(offered, np.where(offered, dice.uniform(0.1, 1.3, offered.shape), np.nan))
        changeover = float(dice.choice((0, 30, 70, 100, 150, 100 / 3)))
        terms = job(float(dice.integers(50, ticks * 100)), ticks, changeover, 100.0)
        assert_same(zones_optimum(terms, place), every_plan(terms, place))


def every_plan(terms: JobTerms, place: Zones) -> float:
    """The least cost of all plans that meet the deadline; infinite = none does."""
    least = math.inf
    for plan in itertools.product((IDLING, ON_DEMAND_HELD, *range(len(place))), repeat=terms.ticks):
        if all(z < 0 or place.offered[z, tick] for tick, z in enumerate(plan)):
            tried = price_zones_plan(terms, place, np.array(plan))
            least = min(least, tried.cost_hours if tried.met else math.inf)
    return least


def assert_same(found, least: float) -> None:
    assert found.met == (least < math.inf)
    assert not found.met or found.cost_hours == pytest.approx(least)


def test_a_job_that_cannot_be_met_gets_on_demand_to_the_end_from_ours_and_from_the_optimum() -> None:
    terms = job(6000, 8, 600)
    place = zones("11101111", "10111111")
    for done in (zones_optimum(terms, place), replay_zones(zones_planner("warden"), terms, place, zones("", ""))):
        assert (done.met, write_plan(zones_stretches(done.held))) == (False, "O8")


def test_prices_in_force_are_read_a_null_is_not_offered_and_a_file_without_prices_has_the_ratio() -> None:
    priced = trace("a", [1, 1, 1, 1, 0, 1], ticks=(1, 3, 4), usd=(1.53, np.nan, 3.06))
    place = align([priced, trace("b", [1, 1, 1])], on_demand_usd=3.06, spot_price_ratio=0.25)
    assert place.offered.tolist() == [[False, True, True, False, False, True], [True] * 3 + [False] * 3]
    assert place.price[0, 1:3].tolist() == [0.5, 0.5]
    assert place.price[0, 5] == 1.0
    assert place.price[1, :3].tolist() == [0.25] * 3


def test_zones_of_different_ticks_and_the_same_zone_twice_are_refused() -> None:
    with pytest.raises(DataError, match="b has a tick every 300 s, a every 195 s"):
        align([trace("a", [1]), trace("b", [1], gap=300.0)], on_demand_usd=3.06, spot_price_ratio=0.3)
    with pytest.raises(DataError, match="a: the same zone twice"):
        align([trace("a", [1]), trace("b", [1]), trace("a", [1])], on_demand_usd=3.06, spot_price_ratio=0.3)


def trace(name: str, values: list[int], *, gap: float = 195.0, ticks=None, usd=None) -> Trace:
    known = np.array(values, dtype=np.float64)
    if ticks is None:
        return Trace(Path(name), gap, known)
    return Trace(Path(name), gap, known, np.array(ticks, dtype=np.int64), np.array(usd, dtype=np.float64))


def test_a_plan_over_zones_is_written_and_read_back() -> None:
    held = np.array([IDLING, 0, 0, 1, ON_DEMAND_HELD, IDLING, 1])
    assert write_plan(zones_stretches(held)) == "I1 S0:2 S1:1 O1 I1 S1:1"
    assert read_plan("I1 S0:2 S1:1 O1 I1 S1:1", zones=2) == zones_stretches(held)
    assert Stretch(1, 0, 2) in zones_stretches(held)
