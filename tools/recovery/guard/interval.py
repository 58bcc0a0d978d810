"""How often a job saves itself: when the next save is due, learnt while it runs and kept from instance to instance.

Standard library only, for Python 3.9 and later: it runs on the instance, inside the wrapper. δ, M, R, q: see waste.py.
Source  Young 1974; Daly 2006; steps of a rate found by likelihood: Scargle 1998
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Any

from .ages import AgeSteps, Life, age_steps, hour_likes
from .waste import NOTICE_SECONDS, above_zero, fits_notice, usable_seconds, waste

FIRST_SAVE_SECONDS = 300.0
"""until a save was measured: one made early tells δ, and that saving works at all, while little can be lost"""
SAVES_REMEMBERED = 20
INTERRUPTIONS_REMEMBERED = 32.0
"""a rate from so many is within 1/√32, which wastes 1/(8·32) = 0.4 % more; and a rate that moves is followed as soon"""
LIVES_REMEMBERED = 512
DAY_PARTS = 24
"""hours of the UTC day"""


@dataclass(frozen=True)
class Belief:
    """Interruptions of the whole job per hour ~ Gamma(shape, hours): as good as `shape` seen in `hours`."""

    shape: float
    hours: float
    source: str

    def __post_init__(self) -> None:
        if not (0 <= self.shape < math.inf and 0 < self.hours < math.inf):
            raise ValueError(
                f"{self.shape} interruptions in {self.hours} hours: the first is 0 or more, the other above 0"
            )

    @property
    def between_seconds(self) -> float:
        return math.inf if self.shape == 0 else 3600 * self.hours / self.shape


UNKNOWN = Belief(
    0.31, 1.69, "nothing is known of the pool: the Spot Advisor's worst band, as saving too often costs least"
)
"""M 5.5 h, and worth a third of an interruption, so that the first few of the job's own outweigh it"""
MOST_PRIOR_EVENTS = 3.0
"""what others saw speaks as so many interruptions at most: the pool is another tomorrow"""


def believed(between_seconds: float, source: str, *, events: float = 0.35) -> Belief:
    """M that somebody gives, worth `events` interruptions."""
    above_zero("between_seconds", between_seconds)
    return Belief(events, events * between_seconds / 3600, source)


@dataclass(frozen=True)
class Interval:
    """What the schedule goes by now, each figure with where it comes from.

    seconds           of work from a save that ends now to the next
    save_seconds      δ; None = no save was measured yet
    between_seconds   M at this age and hour; inf = no interruption is expected
    interruptions     of this job, that M was learnt from
    saved_share       q; None = a save does not fit the notice, so no notice is counted on
    overhead_share    of the time, expected; None while δ is unknown. 1 = the job gets nowhere
    """

    seconds: float
    save_seconds: float | None
    restart_seconds: float | None
    between_seconds: float
    saved_share: float | None
    overhead_share: float | None
    interruptions: int
    rate_source: str
    why: str


class Schedule:
    """When the next save is due. It learns δ, R, q and the rate by age of the instance and hour of the day as it goes.

    now  seconds of a clock that only rises (time.monotonic)
    A save is due when the loss that was to be expected since the last one, ∫ rate × unsaved work dt, has grown to what
    a save costs: at a constant rate that is Young's interval (Daly's, with its second order), and where a bad hour or
    age sets in after a quiet one, long unsaved work is saved at once.
    """

    def __init__(
        self,
        prior: Belief | None = None,
        *,
        notice_seconds: float = NOTICE_SECONDS,
        poll_seconds: float = 5.0,
        step_seconds: float = 0.0,
        cap_seconds: float | None = None,
    ) -> None:
        if cap_seconds is not None:
            above_zero("cap_seconds", cap_seconds)
        self.notice_seconds, self.poll_seconds, self.step_seconds = notice_seconds, poll_seconds, step_seconds
        self.cap_seconds = cap_seconds
        told = prior or UNKNOWN
        self.source = told.source
        scale = min(1.0, MOST_PRIOR_EVENTS / told.shape) if told.shape else 1.0
        self._shape, self._hours = told.shape * scale, told.hours * scale
        self._seen = 0  # interruptions of the job
        self._saved = self._unsaved = 0.0  # of those, ended in a save or not
        self._pauses: deque[float] = deque(maxlen=SAVES_REMEMBERED)
        self._fulls: deque[float] = deque(maxlen=SAVES_REMEMBERED)
        self._restarts: deque[float] = deque(maxlen=SAVES_REMEMBERED)
        self._lives: deque[Life] = deque(maxlen=LIVES_REMEMBERED)
        self._ages = AgeSteps.none()
        self._part_hours, self._part_seen = [0.0] * DAY_PARTS, [0.0] * DAY_PARTS
        self._parts = [1.0] * DAY_PARTS
        self._now: float | None = None  # the clock of this run; None = not started
        self._age = self._day_seconds = 0.0
        self._born = self._work = self._risk = 0.0  # age at the start, unsaved work, expected loss / cost of a save
        self._intervals: dict[tuple[int, int], float] = {}

    # what happened

    def started(self, now: float, *, age_seconds: float = 0.0, utc_seconds: float = 0.0) -> None:
        """The work goes on, on an instance of this age; utc_seconds since 1970 tell the hour."""
        self._keep_life(taken=False)
        self._now, self._age, self._day_seconds = now, max(age_seconds, 0.0), utc_seconds % 86_400
        self._born = self._age
        self._work = self._risk = 0.0
        self._intervals.clear()

    def saved(self, now: float, blocking_seconds: float, full_seconds: float | None = None) -> None:
        """A save is durable now. It stopped the work for `blocking_seconds`; upload included it took `full_seconds`."""
        self._advance(now)
        full = blocking_seconds if full_seconds is None else full_seconds
        self._pauses.append(max(blocking_seconds, 0.0))
        self._fulls.append(max(full, 0.0))
        self._intervals.clear()
        self._work = max(full - blocking_seconds, 0.0)  # it went on beside the upload, and is not in it
        self._risk = (self._work / self._every(self._age, self._day_seconds)) ** 2

    def restarted(self, seconds: float) -> None:
        """From the start of the instance to work again."""
        self._restarts.append(max(seconds, 0.0))

    def interrupted(self, now: float, *, saved: bool | None = None) -> None:
        """The instance was taken. saved: whether its notice saved the work; None = nobody knows."""
        self._advance(now)
        self._shape += 1.0
        self._seen += 1
        self._part_seen[self._part(self._day_seconds)] += 1.0
        if saved is not None:
            self._saved, self._unsaved = self._saved + saved, self._unsaved + (not saved)
        self._keep_life(taken=True)
        self._weigh()

    def taken_unseen(self, unseen_seconds: float | None = None, *, saved: bool | None = False) -> None:
        """For a state that was loaded on another instance: the one that saved it was taken, nobody saw when.

        unseen_seconds  that it ran after the state was saved; None = half an interval, as it is on average
        """
        ran = self.interval().seconds / 2 if unseen_seconds is None else unseen_seconds
        self._now = 0.0
        self.interrupted(max(ran, 0.0), saved=saved)
        self._now = None

    # what to do

    def due(self, now: float) -> bool:
        self._advance(now)
        return self._risk >= 1.0

    def seconds_left(self, now: float) -> float:
        """Until the next save is due; 0 = now."""
        self._advance(now)
        return self._ahead(self._work, self._risk)

    def interval(self) -> Interval:
        """From a save that ends now to the next. Steps of the rate on the way are foreseen."""
        every, delta = self._ahead(0.0, 0.0), _median(self._pauses)
        restart, m, q = _median(self._restarts), self._between(self._age, self._day_seconds), self.saved_share
        overhead = None if delta is None else waste(delta, every, restart or 0.0, m, q or 0.0)
        own = f"{self._seen} interruptions of this job" if self._seen else "this job was not interrupted yet"
        return Interval(
            seconds=every,
            save_seconds=delta,
            restart_seconds=restart,
            between_seconds=m,
            saved_share=q,
            overhead_share=overhead,
            interruptions=self._seen,
            rate_source=f"{self.source}; {own}",
            why=self._why(delta, q, every, overhead),
        )

    @property
    def saved_share(self) -> float | None:
        """q, from one half on; None where a save does not fit well inside the notice, or none was measured."""
        full = _quantile(self._fulls, 0.9)
        if full is None or not fits_notice(
            full, notice_seconds=self.notice_seconds, poll_seconds=self.poll_seconds, step_seconds=self.step_seconds
        ):
            return None
        return (1 + self._saved) / (2 + self._saved + self._unsaved)

    # what is kept with a checkpoint

    def state(self) -> dict[str, Any]:
        """Plain JSON: it goes with the checkpoint, so that the next instance knows what this one learnt."""
        return {
            "version": 1,
            "source": self.source,
            "shape": self._shape,
            "hours": self._hours,
            "interruptions": self._seen,
            "saved": self._saved,
            "unsaved": self._unsaved,
            "pauses": list(self._pauses),
            "fulls": list(self._fulls),
            "restarts": list(self._restarts),
            "lives": [[life.born, life.ended, int(life.taken)] for life in self._lives],
            "part_hours": list(self._part_hours),
            "part_seen": list(self._part_seen),
            "born_seconds": self._born,
            "age_seconds": self._age,
            "day_seconds": self._day_seconds,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Goes on from a state. Raises ValueError: not a state; nothing is changed then."""
        try:
            found = _read_state(state)
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"not a schedule's state: {type(error).__name__}: {error}") from None
        self.__dict__.update(found)
        self._now, self._work, self._risk = None, 0.0, 0.0  # another run has another clock
        self._ages = AgeSteps.none()
        self._weigh()

    # inside

    def _advance(self, now: float) -> None:
        """Time that passed without an interruption says as much as one. A clock that went back says nothing."""
        before = now if self._now is None else self._now
        left, self._now = now - before, max(now, before)
        while left > 0:
            step = min(left, self._border(self._age, self._day_seconds))
            every, part = self._every(self._age, self._day_seconds), self._part(self._day_seconds)
            self._risk += (2 * self._work + step) * step / (every * every)
            like = self._ages.like(self._age)
            self._part_hours[part] += step / 3600 * like
            self._expose(step / 3600, like * self._parts[part])
            self._work, self._age = self._work + step, self._age + step
            self._day_seconds, left = (self._day_seconds + step) % 86_400, left - step

    def _ahead(self, work: float, risk: float) -> float:
        """Seconds until so much unsaved work, at so much risk already, has to be saved."""
        waits, age, day = 0.0, self._age, self._day_seconds
        while risk < 1.0:
            every, here = self._every(age, day), self._border(age, day)
            left = math.sqrt(work * work + (1.0 - risk) * every * every) - work
            if left <= here:
                return waits + left
            risk += (2 * work + here) * here / (every * every)
            waits, work, age, day = waits + here, work + here, age + here, (day + here) % 86_400
        return waits

    def _expose(self, hours: float, times: float) -> None:
        """Old records fade as interruptions were to be expected: a rate that falls is followed as one that rises."""
        kept = math.exp(-hours * times * self._shape / self._hours / INTERRUPTIONS_REMEMBERED)
        self._shape, self._hours = self._shape * kept, self._hours * kept + hours * times

    def _keep_life(self, *, taken: bool) -> None:
        if self._age > self._born or taken:
            self._lives.append(Life(self._born, self._age, taken))
        self._born = self._age

    def _weigh(self) -> None:
        """How much likelier each age and each part of the day is; what few interruptions say counts little."""
        if self._seen >= 1.1 * self._ages.interruptions:
            self._ages = age_steps(self._lives, seen=self._seen)
            self._parts = hour_likes(self._part_hours, self._part_seen)
        self._intervals.clear()

    def _every(self, age: float, day: float) -> float:
        at = (self._ages.place(age), self._part(day))
        known = self._intervals.get(at)
        if known is None:
            delta = _median(self._pauses)
            if delta is None:
                cap = self.cap_seconds
                known = FIRST_SAVE_SECONDS if cap is None else min(cap, FIRST_SAVE_SECONDS)
            else:
                known = usable_seconds(delta, self._between(age, day), self.saved_share, self.cap_seconds)
            self._intervals[at] = known
        return known

    def _between(self, age: float, day: float) -> float:
        rate = self._shape / self._hours * self._ages.like(age) * self._parts[self._part(day)]
        return 3600 / rate if rate else math.inf

    @staticmethod
    def _part(day_seconds: float) -> int:
        return int(day_seconds * DAY_PARTS / 86_400) % DAY_PARTS

    def _border(self, age: float, day: float) -> float:
        """Seconds to the next step of the rate; never 0."""
        length = 86_400 / DAY_PARTS
        return max(min(length - day % length, self._ages.next(age) - age), 1e-3)

    def _why(self, delta: float | None, q: float | None, every: float, overhead: float | None) -> str:
        if delta is None:
            return "no save was measured yet: the first is made early"
        if overhead is not None and overhead >= 0.5:
            return f"a save of {delta:.0f} s is too long for so many interruptions: {overhead:.0%} of the time is lost"
        if self.cap_seconds is not None and every >= self.cap_seconds:
            return "the longest interval that was allowed"
        if q is None:
            return "a save does not fit well inside the notice, so no notice is counted on"
        return f"a save fits inside the notice, and {q:.0%} of interruptions are expected to end in one"


def _read_state(state: dict[str, Any]) -> dict[str, Any]:
    if state["version"] != 1:
        raise ValueError(f"version {state['version']!r}")
    found: dict[str, Any] = {"source": str(state["source"]), "_seen": int(_finite(state["interruptions"]))}
    for key in ("shape", "hours", "saved", "unsaved", "day_seconds"):
        found[f"_{key}"] = _finite(state[key])
    found["_born"], found["_age"] = _finite(state["born_seconds"]), _finite(state["age_seconds"])
    for key in ("pauses", "fulls", "restarts"):
        found[f"_{key}"] = deque(map(_finite, state[key]), maxlen=SAVES_REMEMBERED)
    lives = (Life(_finite(born), _finite(ended), bool(taken)) for born, ended, taken in state["lives"])
    found["_lives"] = deque(lives, maxlen=LIVES_REMEMBERED)
    for key in ("part_hours", "part_seen"):
        found[f"_{key}"] = [_finite(n) for n in state[key]]
        if len(found[f"_{key}"]) != DAY_PARTS:
            raise ValueError(f"{key}: {len(state[key])} parts of the day")
    if found["_hours"] == 0 or found["_day_seconds"] >= 86_400:
        raise ValueError("no hours, or more than a day in a day")
    return found


def _finite(value: Any) -> float:
    number = float(value)
    if not 0 <= number < math.inf:
        raise ValueError(f"{value!r}: not a number of 0 or more")
    return number


def _median(values: deque[float]) -> float | None:
    return _quantile(values, 0.5)


def _quantile(values: deque[float], share: float) -> float | None:
    """The smallest value that at least `share` of them do not exceed."""
    if not values:
        return None
    return sorted(values)[max(math.ceil(share * len(values)) - 1, 0)]
