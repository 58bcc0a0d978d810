"""The deadline planner at work: what it advises now, until when, at what cost; and that following it is never late."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.records import CapacityPool
from tools.recovery.deadline.advice import advise
from tools.recovery.deadline.advice_given import (
    LOOK_SECONDS,
    Holding,
    Need,
    OnDemand,
    Past,
    Planners,
    PoolSight,
)
from tools.recovery.deadline.advice_records import DeadlineAdvice
from tools.recovery.deadline.advice_words import said
from tools.recovery.deadline.problem import ASSUMED_CHANGEOVER_SECONDS, IDLE, ON_DEMAND, SPOT, JobTerms
from tools.recovery.deadline.replay import replay
from tools.recovery.deadline.warden import load_planner
from tools.recovery.deadline.zones_warden import load_zones_planner

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
HOUR = 3600.0
G5 = OnDemand("g5.xlarge", Decimal("1.00"), count=2)


@cache
def planners() -> Planners:
    return Planners(load_planner(), load_zones_planner())


def pool(zone: str = "a", *, usd: str | None = "0.30", available: bool | None = None, past: Past | None = None):
    place = CapacityPool(instance_type="g5.xlarge", zone_name=f"us-east-1{zone}", zone_id=f"use1-az{zone}")
    price = None if usd is None else Decimal(usd)
    return PoolSight(place, price, available, *(() if past is None else (past,)))


def seen(*stretches: tuple[bool, float]) -> Past:
    """(up, hours), oldest first."""
    flags = np.concatenate([np.full(round(hours * HOUR / LOOK_SECONDS), up) for up, hours in stretches])
    return Past(flags, LOOK_SECONDS, "our own looks")


def asked(
    work: float | None = 10 * HOUR,
    slack: float = 2 * HOUR,
    *,
    changeover: float | None = 300.0,
    holding: Holding = Holding(),  # noqa: B008 - frozen
    pools: tuple[PoolSight, ...] = (pool(),),
    on_demand: OnDemand = G5,
) -> DeadlineAdvice:
    """slack  of the deadline over work and one changeover, seconds"""
    counted = ASSUMED_CHANGEOVER_SECONDS if changeover is None else changeover
    deadline = NOW + timedelta(seconds=(work or 0.0) + counted + slack)
    unknown = "its checkpoints tell no progress_share" if work is None else None
    need = Need("nightly", deadline, work, changeover, "told" if changeover is not None else "unknown", unknown)
    return advise(need, holding, pools, on_demand, planners=planners(), now=NOW)


class _From:
    """On-demand from one tick on, and idle before."""

    def __init__(self, tick: int) -> None:
        self.tick = tick

    def begin(self, _terms, _past):
        return self

    def choose(self, now) -> int:
        return ON_DEMAND if now.tick >= self.tick else IDLE


@pytest.mark.accepts("RC-04")
@pytest.mark.parametrize("changeover", [0.0, 45.0, 720.0])
@pytest.mark.parametrize(("work", "deadline"), [(3600.0, 7200.0), (5430.0, 9000.0), (60.0, 900.0), (600.0, 1320.0)])
def test_on_demand_begun_at_the_latest_moment_is_in_time_and_a_tick_later_is_not(work, deadline, changeover) -> None:
    tick = 15.0
    told = asked(work, deadline - work - changeover, changeover=changeover)
    assert told.on_demand_by is not None
    latest = (told.on_demand_by - NOW).total_seconds()
    assert told.slack.seconds == pytest.approx(latest)
    assert latest % tick == 0
    terms = JobTerms(work, deadline, changeover, tick, 0.3)
    never = np.zeros(terms.ticks, dtype=np.bool_)
    at = round(latest / tick)
    assert [replay(_From(t), terms, never).met for t in (0, at - 1, at, at + 1)] == [True, True, True, False]


def test_a_changeover_that_nobody_knows_is_assumed_and_that_is_said() -> None:
    told = asked(changeover=None)
    assert told.changeover.seconds == ASSUMED_CHANGEOVER_SECONDS
    assert told.changeover.basis.startswith("assumed: nobody told it (--changeover)")
    assert "one changeover of 10 min (assumed)" in "\n".join(said(told))


def test_while_spot_is_gone_it_waits_and_takes_on_demand_as_the_slack_shrinks_by_the_guard_at_last() -> None:
    gone = (pool(available=False, past=seen((True, 30), (False, 6))),)
    slacks = (10, 5, 3, 1, 0.5, 0.1, 0.05, 0)
    takes = [asked(slack=h * HOUR, pools=gone) for h in slacks]
    assert [t.take for t in takes[:5]] == ["idle"] * 4 + ["on-demand"]
    assert (takes[0].take, takes[0].because) == ("idle", "wait")
    assert [(t.take, t.because) for t in takes[-2:]] == [("on-demand", "guard")] * 2
    assert all(t.kept for t in takes)
    costs = [t.expected.usd for t in takes]
    assert costs == sorted(costs)
    assert costs[0] < Decimal("0.6") * takes[0].on_demand.usd < costs[-1]


@pytest.mark.parametrize("past", [None, seen((True, 48))], ids=("no past", "two days up"))
def test_spot_that_can_be_had_is_taken_while_there_is_time(past) -> None:
    told = asked(pools=(pool(past=past, available=True),))
    assert (told.take, told.because, told.kept) == ("spot", "spot", True)
    assert told.pool is not None
    assert told.pool.zone_id == "use1-aza"
    assert told.past.seconds == (None if past is None else 48 * HOUR)
    words = "\n".join(said(told))
    assert ("pools in general: we have no looks at this pool" in words) == (past is None)
    assert told.expected.usd is not None
    assert told.on_demand.usd is not None
    assert Decimal("6.0") < told.expected.usd < told.on_demand.usd == Decimal("20.1667")


def test_spot_that_came_back_a_moment_ago_in_a_pool_of_short_spells_is_not_worth_a_long_changeover() -> None:
    restless = seen(*((up, 0.25) for _ in range(60) for up in (True, False)), (True, 0.1))
    told = asked(slack=30 * HOUR, changeover=1500.0, pools=(pool(past=restless, available=True, usd="0.80"),))
    assert told.take != "spot"


@pytest.mark.parametrize("on_demand_is_unknown", [False, True])
def test_without_a_price_it_does_not_judge_while_there_is_time_and_the_guard_speaks_when_there_is_none(
    on_demand_is_unknown,
) -> None:
    blind = {"on_demand": OnDemand("g5.xlarge", None)} if on_demand_is_unknown else {"pools": (pool(usd=None),)}
    early, late = asked(**blind), asked(slack=60.0, **blind)
    assert (early.take, early.because) == (None, "no-price")
    assert "price" in early.reason
    assert early.on_demand_by is not None
    assert (late.take, late.because) == ("on-demand", "guard")
    assert (early.on_demand.usd is None) == on_demand_is_unknown


def test_progress_that_is_not_known_is_not_guessed() -> None:
    told = asked(work=None)
    assert (told.take, told.kept, told.on_demand_by, told.done_at) == (None, None, None, None)
    assert told.work_left.seconds is None
    assert told.slack.seconds is None
    assert told.on_demand.usd is None
    assert "its checkpoints tell no progress_share" in told.reason
    assert said(told)[0] == "advice     not judged: its checkpoints tell no progress_share"


def test_a_planner_that_cannot_be_read_leaves_the_guard() -> None:
    need = Need("nightly", NOW + timedelta(hours=12), 10 * HOUR, 300.0, "told")
    told = advise(need, Holding(), (pool(),), G5, planners=None, now=NOW)
    assert (told.take, told.because) == (None, "no-price")
    assert "artefact" in told.reason
    tight = advise(need.__class__("x", NOW + timedelta(hours=10.1), 10 * HOUR, 300.0), Holding(), (pool(),), G5,
                   planners=None, now=NOW)  # fmt: skip
    assert tight.take == "on-demand"


def test_work_longer_than_the_deadline_is_told_how_late_at_what_cost() -> None:
    told = asked(10 * HOUR, -3 * HOUR)
    assert (told.take, told.because, told.kept) == ("on-demand", "too-late", False)
    assert told.late.seconds == 3 * HOUR
    assert told.done_at == told.deadline + timedelta(hours=3)
    assert told.on_demand.usd == told.expected.usd == Decimal("20.1667")  # 2 × (10 h + 5 min) × $1.00
    assert "on-demand from now on is 3 h late, for $20.17" in told.reason


def test_a_deadline_already_past_is_told_how_late_at_what_cost() -> None:
    told = asked(2 * HOUR, -(2 * HOUR + 300) - HOUR)
    assert told.deadline == NOW - timedelta(hours=1)
    assert (told.take, told.because, told.kept) == ("on-demand", "past", False)
    assert told.late.seconds == 3 * HOUR + 300
    assert "done at 2026-11-20 11:05Z, 3 h 5 min late, for $4.17" in told.reason


def test_spot_that_is_held_too_long_is_kept_where_it_alone_can_still_be_in_time() -> None:
    held = Holding(SPOT, pool().pool, unsaved_seconds=1800.0)
    told = asked(slack=-600.0, holding=held)
    assert (told.take, told.because, told.kept) == ("spot", "stay", None)
    assert "save now" in told.reason
    worse = asked(slack=-3000.0, holding=held)
    assert (worse.take, worse.because) == ("on-demand", "too-late")


def test_on_demand_that_is_held_needs_no_changeover_and_what_it_did_since_its_checkpoint_counts() -> None:
    held = Holding(ON_DEMAND, unsaved_seconds=1200.0)
    told = asked(slack=-1000.0, holding=held)
    assert (told.take, told.because, told.kept, told.on_demand_by) == ("on-demand", "guard", True, None)
    assert told.slack.seconds == pytest.approx(300 + 1200 - 1000)
    assert any(line.startswith("on-demand  is held: done by") for line in said(told))


def test_on_demand_that_may_be_left_for_spot_is_told_until_when_it_must_be_back() -> None:
    told = asked(slack=8 * HOUR, holding=Holding(ON_DEMAND))
    assert (told.take, told.kept) == ("spot", True)
    assert told.on_demand_by == NOW + timedelta(hours=8)
    assert told.slack.seconds == 8 * HOUR
    assert told.done_at == NOW + timedelta(hours=10)


def test_a_deadline_of_years_is_no_reason_to_buy_on_demand() -> None:
    assert asked(slack=90 * 365 * 24 * HOUR).take == "spot"


def test_work_that_is_done_is_left_alone() -> None:
    told = asked(0.0)
    assert (told.take, told.because, told.kept, told.on_demand_by) == ("idle", "done", True, None)
    assert told.on_demand.usd == 0


def test_a_fleet_that_buys_no_spot_goes_on_on_demand() -> None:
    assert (asked(pools=()).take, asked(pools=()).because) == ("on-demand", "no-spot")


def test_of_several_pools_with_a_known_past_the_planner_of_several_zones_chooses() -> None:
    good, bad = seen((True, 72)), seen(*((up, 0.5) for _ in range(72) for up in (True, False)), (True, 0.1))
    told = asked(slack=HOUR, pools=(pool("b", past=bad, available=True), pool("a", past=good, available=True)))
    assert told.take == "spot"
    assert told.pool is not None
    assert told.pool.zone_id == "use1-aza"
    assert told.pool_by is not None
    assert told.pool_by.startswith("by the planner of several zones, from 72 h of 2 pools")
    assert told.expected.usd is None
    assert "tells no cost" in told.expected.basis


def test_of_several_pools_of_which_one_was_never_watched_the_first_that_can_be_had_is_taken() -> None:
    told = asked(pools=(pool("b", available=False), pool("c"), pool("a", past=seen((True, 72)))))
    assert told.pool is not None
    assert told.pool.zone_id == "use1-azc"
    held = Holding(SPOT, pool("a").pool)
    stays = asked(holding=held, pools=(pool("c"), pool("a", available=True, past=seen((True, 72)))))
    assert (stays.take, stays.pool, stays.pool_by) == ("spot", pool("a").pool, "held")


def test_the_same_question_has_the_same_answer() -> None:
    gone = (pool(available=False, past=seen((True, 30), (False, 6))),)
    assert asked(pools=gone) == asked(pools=gone)
    assert asked(400 * HOUR, 90 * HOUR).take == "spot"


WEATHER = st.lists(st.sampled_from(["up", "gone", "wasted"]), min_size=1, max_size=90)


@settings(max_examples=40, deadline=None)
@given(
    weather=WEATHER,
    work=st.integers(1, 5 * 3600),
    slack=st.integers(0, 2 * 3600),
    changeover=st.sampled_from([0.0, 120.0, 700.0]),
    watched=st.booleans(),
)
def test_who_follows_the_advice_is_never_late_where_it_could_be_kept(weather, work, slack, changeover, watched) -> None:
    """Between two looks spot works, is refused, or is taken with all that it did: the planner is not told before."""
    deadline = NOW + timedelta(seconds=work + changeover + slack)
    left, now, holding = float(work), NOW, Holding()
    for tick in range(200):
        state = weather[tick % len(weather)]
        sight = pool(available=state != "gone" if watched else None)
        if holding.mode == SPOT and state == "gone":
            holding = Holding()
        need = Need("nightly", deadline, left, changeover, "told")
        told = advise(need, holding, (sight,), G5, planners=planners(), now=now)
        assert told.kept
        before = left
        left, holding, worked_until = _until_the_next_look(told, holding, state, left, changeover)
        if left == 0 < before:
            assert now + timedelta(seconds=worked_until) <= deadline
            return
        now += timedelta(seconds=LOOK_SECONDS)
    pytest.fail("the work is not done")


def _until_the_next_look(told: DeadlineAdvice, holding: Holding, state: str, left: float, changeover: float):
    """(work left, what is held) at the next look; and after how many seconds the work was done, if it was."""
    mode = {"idle": IDLE, "spot": SPOT, "on-demand": ON_DEMAND}[told.take]
    if mode == IDLE or (mode == SPOT and state != "up"):
        return left, Holding(), LOOK_SECONDS
    pending = holding.changeover_left_seconds if holding.mode == mode else changeover
    worked = LOOK_SECONDS - pending
    return max(left - max(worked, 0.0), 0.0), Holding(mode, told.pool, max(-worked, 0.0)), pending + left
