"""How a zone's spot comes and goes: a Markov chain over (to be had or not, for how long), by how the last day went.

Counted on past traces at steps of 13 minutes, thin rows borrowing from all days together. Two matrices a zone: from
state to state, and the same where spot was there at every tick between, which is what an instance held needs.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Annotated, Final, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError, model_validator

from tools.errors import DataError
from tools.records import Record
from tools.traces import Flags, Floats, Ints, Trace

SHIPPED = "zones-chain.json"
STEP_SECONDS: Final = 780
UP_CUT_HOURS: Final = (0.17, 0.5, 1.0, 3.0, 9.0)
DOWN_CUT_HOURS: Final = (0.25,)
STATES: Final = len(UP_CUT_HOURS) + len(DOWN_CUT_HOURS) + 2
"""spot is there since less than each cut, or longer; then gone since …"""
SHARE_CUTS: Final = (0.15, 0.35, 0.6, 0.85)
"""of the last day's availability"""
DAY_HOURS: Final = 24.0
PRIOR_HOURS: Final = 3.0
"""as much of half availability is thought to have gone before"""
BORROWED: Final = 40.0
"""transitions of all days together that every row borrows"""
COARSER: Final = {
    8: (UP_CUT_HOURS, DOWN_CUT_HOURS),
    7: ((0.17, 0.5, 1.0, 3.0), DOWN_CUT_HOURS),
    5: ((0.5, 3.0), DOWN_CUT_HOURS),
    4: ((0.5, 3.0), ()),
    3: ((1.0,), ()),
    2: ((), ()),
}
"""fewer states, by their number: some of the same cuts, of up and of down"""

Count = Annotated[float, Field(ge=0)]
Counts = tuple[tuple[tuple[Count, ...], ...], ...]
_HINT = "install spotwarden again, or train: python -m tools.recovery.deadline.zones_training --traces DIR --out FILE"


class ZonesArtefact(Record):
    """What was counted, and on what.

    moved  (levels of the last day, states, states) transitions
    lived  the same, of those where spot was there at every tick
    """

    moved: Counts
    lived: Counts
    trained_on: tuple[str, ...]
    trace_days: float

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        shape = (len(SHARE_CUTS) + 1, STATES, STATES)
        for name, counts in (("moved", self.moved), ("lived", self.lived)):
            if len(counts) != shape[0] or any(len(m) != STATES or any(len(r) != STATES for r in m) for m in counts):
                raise ValueError(f"{name} is not {shape[0]} × {STATES} × {STATES} counts")
        return self


@dataclass(frozen=True, eq=False)
class Chain:
    """Of one zone, for one step. (states, states) float64 each; a row sums to 1, of `lived` to less.

    ups  so many states, the first ones, have spot
    """

    moved: Floats
    lived: Floats
    ups: int

    def over(self, steps: int) -> Self:
        """The same for so many steps in one."""
        power = np.linalg.matrix_power
        return type(self)(power(self.moved, steps), power(self.lived, steps), self.ups)


@dataclass(frozen=True, eq=False)
class Prior:
    """What is known of zones in general. moved, lived  (levels, STATES, STATES) float64 counts."""

    moved: Floats
    lived: Floats

    def chain(self, level: int, states: int) -> Chain:
        """level  of the last day, as `level_of` says; states  one of COARSER."""
        group = _groups(states)
        everyday, lived_everyday = (_merged(a.sum(axis=0), group, states) for a in (self.moved, self.lived))
        rows = np.maximum(everyday.sum(axis=1, keepdims=True), 1e-9)
        moved = _merged(self.moved[level], group, states) + BORROWED * everyday / rows
        lived = _merged(self.lived[level], group, states) + BORROWED * lived_everyday / rows
        total = moved.sum(axis=1, keepdims=True)
        empty = total[:, 0] <= 0
        moved[empty], total[empty] = np.eye(states)[empty], 1.0  # never seen: it stays as it is
        lived[empty] = moved[empty] * (np.arange(states) < _ups(states))
        return Chain(moved / total, lived / total, _ups(states))


def state(up: bool, hours: float, states: int = STATES) -> int:
    """The number of a zone's state. hours  since it last changed, as far as was seen."""
    up_cuts, down_cuts = COARSER[states]
    if up:
        return sum(hours >= cut for cut in up_cuts)
    return len(up_cuts) + 1 + sum(hours >= cut for cut in down_cuts)


def level_of(share: float) -> int:
    """Which kind of day it was: between which of SHARE_CUTS."""
    return sum(share >= cut for cut in SHARE_CUTS)


def recent_share(offered: Flags, tick_hours: float) -> float:
    """Of the last day's ticks, how many had spot, with a few hours of half before it. offered  (ticks,) bool."""
    last = offered[max(len(offered) - round(DAY_HOURS / tick_hours), 0) :]
    seen = len(last) * tick_hours
    before = min(PRIOR_HOURS, max(DAY_HOURS - seen, 0.0))
    return float((np.count_nonzero(last) * tick_hours + 0.5 * before) / max(seen + before, 1e-9))


def ages(offered: Flags) -> Ints:
    """(ticks,) ticks since the last change, 0 at it; at the first tick 0."""
    ticks = np.arange(len(offered))
    changed = np.flatnonzero(offered[1:] != offered[:-1]) + 1
    last = np.zeros(len(offered), dtype=np.int64)
    last[changed] = changed
    since: Ints = ticks - np.maximum.accumulate(last)
    return since


def count_transitions(traces: Sequence[Trace]) -> Prior:
    """What traces say; a step that is no whole number of ticks is reckoned between its neighbours."""
    shape = (len(SHARE_CUTS) + 1, STATES, STATES)
    moved, lived = np.zeros(shape), np.zeros(shape)
    for trace in traces:
        _count(trace, moved, lived)
    return Prior(moved, lived)


def _count(trace: Trace, moved: Floats, lived: Floats) -> None:
    up = trace.values > 0
    tick_hours = trace.gap_seconds / 3600
    since = ages(up) * tick_hours
    states = np.where(
        up,
        np.searchsorted(UP_CUT_HOURS, since, side="right"),
        len(UP_CUT_HOURS) + 1 + np.searchsorted(DOWN_CUT_HOURS, since, side="right"),
    )
    levels = np.searchsorted(SHARE_CUTS, _shares(up, tick_hours), side="right")
    gone = np.concatenate(([0], np.cumsum(~up)))
    whole, part = divmod(STEP_SECONDS / trace.gap_seconds, 1)
    for lag, share in ((int(whole), 1 - part), (int(whole) + 1, part)):
        weight = share * trace.gap_seconds / STEP_SECONDS  # neighbouring starts tell much the same
        if lag == 0 or lag >= len(up) or weight < 1e-9:
            continue
        start = np.arange(len(up) - lag)
        np.add.at(moved, (levels[start], states[start], states[start + lag]), weight)
        start = start[gone[start + lag + 1] == gone[start]]
        np.add.at(lived, (levels[start], states[start], states[start + lag]), weight)


def _shares(up: Flags, tick_hours: float) -> Floats:
    """(ticks,) `recent_share` at every tick, itself included."""
    day = round(DAY_HOURS / tick_hours)
    so_far = np.concatenate(([0], np.cumsum(up)))
    end = np.arange(1, len(up) + 1)
    start = np.maximum(end - day, 0)
    seen = (end - start) * tick_hours
    before = np.clip(DAY_HOURS - seen, 0.0, PRIOR_HOURS)
    shares: Floats = ((so_far[end] - so_far[start]) * tick_hours + 0.5 * before) / np.maximum(seen + before, 1e-9)
    return shares


def _ups(states: int) -> int:
    return len(COARSER[states][0]) + 1


def _groups(states: int) -> NDArray[np.int64]:
    """(STATES,) the coarser state of every state."""
    ups = [state(True, hours, states) for hours in (0.0, *UP_CUT_HOURS)]
    downs = [state(False, hours, states) for hours in (0.0, *DOWN_CUT_HOURS)]
    return np.array(ups + downs)


def _merged(counts: Floats, group: NDArray[np.int64], states: int) -> Floats:
    merged = np.zeros((states, states))
    np.add.at(merged, (group[:, None], group[None, :]), counts)
    return merged


def load_prior(path: Path | None = None) -> Prior:
    """The shipped counts, or a file's.

    Raises  DataError: names the file and what is wrong in it
    """
    place = path or resources.files("tools.recovery.deadline").joinpath("artefacts", SHIPPED)
    try:
        artefact = ZonesArtefact.model_validate(json.loads(place.read_bytes()))
    except OSError as error:
        raise DataError(f"{place}: {error.strerror or error}", hint=_HINT) from None
    except (ValueError, ValidationError) as error:
        raise DataError(f"{place}: not counts of zones: {error}", hint=_HINT) from None
    return Prior(np.array(artefact.moved), np.array(artefact.lived))
