"""The deadline problem: how a job is reckoned, that the guard never misses, that nobody sees what is to come."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tools.errors import DataError
from tools.recovery.deadline.baselines import BASELINES
from tools.recovery.deadline.plan import Stretch, modes_of, read_plan, stretches, write_plan
from tools.recovery.deadline.problem import (
    IDLE,
    ON_DEMAND,
    SPOT,
    JobTerms,
    Planner,
    Situation,
    idle_is_safe,
    spot_is_safe,
)
from tools.recovery.deadline.replay import plan_letters, price_plan, replay
from tools.recovery.deadline.warden import load_planner

MANY = settings(max_examples=400, deadline=None, derandomize=True)
FEWER = settings(MANY, max_examples=150)
HOUR = 3600.0


class Script:
    """Plays a plan's letters and keeps what it was shown."""

    def __init__(self, letters: str) -> None:
        self.letters = letters
        self.seen: list[Situation] = []

    def begin(self, terms, past) -> "Script":
        return self

    def choose(self, now: Situation) -> int:
        self.seen.append(now)
        return "ISO".index(self.letters[now.tick]) if now.tick < len(self.letters) else IDLE


@dataclass(frozen=True)
class Guarded:
    """Wants anything, as dice say, and may do what the guard allows."""

    seed: int

    def begin(self, terms, past) -> "GuardedRun":
        return GuardedRun(terms, np.random.default_rng(self.seed))


@dataclass
class GuardedRun:
    terms: JobTerms
    dice: np.random.Generator

    def choose(self, now: Situation) -> int:
        terms, ticks_left = self.terms, self.terms.ticks - now.tick
        wanted = int(self.dice.choice(3, p=(0.45, 0.45, 0.1)))
        pending = now.changeover_left_seconds if now.mode == SPOT else terms.changeover_seconds
        left, tick, changeover = now.work_left_seconds, terms.tick_seconds, terms.changeover_seconds
        if wanted == SPOT and now.available_now and spot_is_safe(left, pending, changeover, tick, ticks_left):
            return SPOT
        if wanted != ON_DEMAND and idle_is_safe(left, changeover, tick, ticks_left):
            return IDLE
        return ON_DEMAND


@st.composite
def jobs(draw, ticks: int = 60) -> JobTerms:
    """Any job whose work and one changeover fit, changeovers from nothing to many ticks."""
    tick = draw(st.sampled_from((30.0, 195.0, 300.0, 600.0, 0.1, 3600.0)))
    count = draw(st.integers(1, ticks))
    deadline = (count + draw(st.sampled_from((0.0, 0.3, 0.999)))) * tick
    changeover = draw(st.one_of(st.just(0.0), st.floats(0.01, min(5.0, count * 0.9)))) * tick
    room = count * tick - changeover
    work = draw(st.one_of(st.just(room), st.floats(0.05, 1.0).map(lambda share: share * room)))
    return JobTerms(max(work, 0.01), deadline, changeover, tick, draw(st.sampled_from((0.1, 0.318, 0.9))))


traces = st.lists(st.booleans(), max_size=70).map(lambda flags: np.array(flags, dtype=np.bool_))
weather = st.integers(0, 2**32 - 1).map(
    lambda seed: np.repeat(np.random.default_rng(seed).permutation(2).astype(bool), 500)[
        np.cumsum(np.random.default_rng(seed).random(70) < 0.3) % 2 * 500
    ]
)
"""stretches of having and not having"""


def job(work: float, deadline: float, changeover: float, tick: float = 600.0, **more) -> JobTerms:
    return JobTerms(work, deadline, changeover, tick, 0.318, **more)


def test_a_changeover_is_billed_does_no_work_and_is_carried_over_ticks() -> None:
    script = Script("SSSSS")
    done = replay(script, job(900, 6000, 1500), np.ones(10, dtype=bool))
    assert [(s.work_left_seconds, s.changeover_left_seconds) for s in script.seen] == [
        (900, 0),
        (900, 900),
        (900, 300),
        (600, 0),
    ]
    assert (plan_letters(done.modes), done.met, done.launches) == ("SSSS", True, 1)
    assert done.cost_hours == pytest.approx(4 * 0.318 / 6)


def test_lost_spot_is_a_preemption_told_once_and_the_next_launch_pays_again() -> None:
    script = Script("SSOSS")
    replay(script, job(6000, 6000, 900), np.array([1, 1, 0, 1, 1], dtype=bool))
    assert [(s.mode, s.preempted, s.changeover_left_seconds) for s in script.seen[:6]] == [
        (IDLE, False, 0),
        (SPOT, False, 300),
        (IDLE, True, 0),  # with the changeover paid or not: the instance is gone
        (ON_DEMAND, False, 300),
        (SPOT, False, 300),
        (IDLE, True, 0),
    ]


def test_a_job_is_asked_once_a_tick_until_it_is_done_or_its_time_is_over() -> None:
    late = Script("")
    missed = replay(late, job(600, 3 * 600 + 599, 0), np.ones(99, dtype=bool))
    assert [s.tick for s in late.seen] == [0, 1, 2]
    assert (missed.met, missed.cost_hours, missed.launches) == (False, 0, 0)
    early = Script("IO")
    met = replay(early, job(600, 3 * 600, 0), np.ones(99, dtype=bool))
    assert ([s.tick for s in early.seen], met.met, plan_letters(met.modes)) == ([0, 1], True, "IO")


def test_work_left_under_a_millisecond_is_none() -> None:
    assert replay(Script("O"), job(600.0009, 600, 0), np.zeros(1, dtype=bool)).met
    assert not replay(Script("O"), job(600.0011, 600, 0), np.zeros(1, dtype=bool)).met


def test_spot_where_there_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="tick 1: spot was chosen"):
        replay(Script("OS"), job(6000, 6000, 0), np.zeros(10, dtype=bool))
    with pytest.raises(DataError, match="tick 2: S where the trace has no spot"):
        price_plan(job(600, 6000, 0), np.array([1, 1, 0], dtype=bool), modes_of(read_plan("S3")))
    with pytest.raises(DataError, match="tick 1: S"):
        price_plan(job(600, 6000, 0), np.ones(1, dtype=bool), modes_of(read_plan("S3")))
    with pytest.raises(DataError, match="until tick 11, the window 10"):
        price_plan(job(600, 6000, 0), np.ones(1, dtype=bool), modes_of(read_plan("O11")))


def test_a_window_that_ends_before_the_deadline_is_all_there_is() -> None:
    terms = job(1200, 6000, 0, window_ticks=1)
    assert (terms.ticks, terms.can_be_met) == (1, False)
    assert not replay(BASELINES["on-demand"], terms, np.ones(10, dtype=bool)).met
    assert job(1200, 6000, 0, window_ticks=99).ticks == 10


@MANY
@given(jobs(), st.one_of(traces, weather), st.integers(0, 2**32 - 1))
def test_whoever_keeps_to_the_guard_never_misses(terms, available, seed) -> None:
    assert terms.can_be_met
    assert replay(Guarded(seed), terms, available).met


@MANY
@given(jobs(ticks=25), st.data())
def test_the_guard_forbids_only_what_could_miss(terms, data) -> None:
    """Where it refuses, spot that is lost (or the idle tick) leaves on-demand too late."""
    ticks_left = data.draw(st.integers(1, terms.ticks))
    left = max(data.draw(st.floats(0.01, 1.0)) * terms.work_seconds, 0.01)
    tick, changeover = terms.tick_seconds, terms.changeover_seconds
    after_spot = left - max(tick - changeover, 0)
    assume(all(abs(x + changeover - (ticks_left - 1) * tick) > 0.002 for x in (left, after_spot)))
    assume(abs(after_spot) > 0.002)  # the millisecond itself is settled elsewhere
    later = JobTerms(left, ticks_left * tick, changeover, tick, 0.318)
    nothing_more = np.zeros(ticks_left, dtype=bool)
    nothing_more[0] = True
    for letter, safe in (
        ("S", spot_is_safe(left, changeover, changeover, tick, ticks_left)),
        ("I", idle_is_safe(left, changeover, tick, ticks_left)),
    ):
        assert replay(Script(letter + "O" * 99), later, nothing_more).met == safe


@FEWER
@given(jobs(), st.one_of(traces, weather))
@pytest.mark.parametrize("policy", BASELINES)
def test_no_policy_is_late_and_its_plan_costs_what_the_replay_said(policy, terms, available) -> None:
    done = replay(BASELINES[policy], terms, available)
    again = price_plan(terms, available, modes_of(read_plan(write_plan(stretches(done.modes)))))
    assert (again.met, again.launches) == (done.met, done.launches) == (True, done.launches)
    assert again.cost_hours == pytest.approx(done.cost_hours)


@FEWER
@given(jobs(), st.one_of(traces, weather), st.one_of(traces, weather), st.integers(0, 60))
@pytest.mark.parametrize("policy", BASELINES)
def test_what_is_to_come_changes_nothing_up_to_now(policy, terms, available, other, now) -> None:
    changed = np.concatenate((available[: now + 1], other))
    past = available[now + 1 :]
    first, second = (replay(BASELINES[policy], terms, flags, past) for flags in (available, changed))
    if len(available) > now:
        np.testing.assert_array_equal(first.modes[: now + 1], second.modes[: now + 1])


@pytest.fixture(scope="module")
def ours() -> Planner:
    return load_planner()


@FEWER
@given(
    st.sampled_from((300.0, 1500.0)),
    st.integers(4, 30),
    st.floats(0.01, 1.0),
    st.one_of(traces, weather),
    st.one_of(traces, weather),
    st.integers(0, 30),
)
def test_ours_is_never_late_and_never_knows_what_is_to_come(
    ours, changeover, ticks, share, available, other, now
) -> None:
    """Changeovers of half a tick and of two and a half."""
    terms = job(share * (ticks * 600 - changeover), ticks * 600 + 599, changeover)
    changed = np.concatenate((available[: now + 1], other))
    first, second = (replay(ours, terms, flags, other) for flags in (available, changed))
    assert (first.met, second.met) == (True, True)
    if len(available) > now:
        np.testing.assert_array_equal(first.modes[: now + 1], second.modes[: now + 1])


def test_plans_are_written_and_read_as_the_contract_says() -> None:
    modes = [0, 0, 0, *[1] * 40, *[2] * 5, 0, 0]
    assert write_plan(stretches(modes)) == "I3 S40 O5"
    assert read_plan("I3 S40 O5") == [Stretch(IDLE, None, 3), Stretch(SPOT, None, 40), Stretch(ON_DEMAND, None, 5)]
    assert modes_of(read_plan("I3 S40 O5")).tolist() == modes[:-2]
    zones = [7, 7, 7, *[0] * 10, *[1] * 30, *[9] * 5, 0, 0]
    assert write_plan(stretches(modes, zones)) == "I3 S0:10 S1:30 O5"
    assert write_plan(read_plan("I3 S0:10 S1:30 O5", zones=2)) == "I3 S0:10 S1:30 O5"
    assert (write_plan(stretches([])), read_plan(""), stretches([0, 0])) == ("", [], [])
    assert modes_of([]).tolist() == []


@pytest.mark.parametrize(
    ("text", "zones", "said"),
    [
        ("X3", None, "token 1: 'X3'"),
        ("I3  S4", None, "token 2: ''"),
        (" I3", None, "token 1: ''"),
        ("I3 S04", None, "token 2: 'S04'"),
        ("I3 S0", None, "token 2: 'S0'"),
        ("I3 S-4", None, "token 2: 'S-4'"),
        ("I3 S٤", None, "token 2: 'S٤'"),
        ("I3 S4 S5", None, "token 3: 'S5' goes on"),
        ("I3 S0:4", None, "token 2: 'S0:4' names a zone"),
        ("I3 S4", 2, "token 2: 'S4' names no zone"),
        ("O0:3", 2, "token 1: 'O0:3' names a zone"),
        ("S2:4", 2, "token 1: 'S2:4' names zone 2; there are 2"),
        ("S0:4 S0:4", 2, "token 2: 'S0:4' goes on"),
        ("s4", None, "token 1: 's4'"),
        ("I3\nS4", None, "token 1: 'I3\\nS4'"),
    ],
)
def test_a_plan_that_is_none_is_refused_by_its_token(text, zones, said) -> None:
    with pytest.raises(DataError, match="plan, token") as refused:
        read_plan(text, zones=zones)
    assert said in str(refused.value)
    assert refused.value.hint
