"""From traces to the planner's artefact: how one class of a pool's state follows another, counted.

Everything is counted at each of STEPS_SECONDS: traces of other ticks are read at that step, the last state held.
Nothing is drawn: the same traces give the same artefact.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.recovery.deadline.artefact import Artefact, Counts, PlannerCard
from tools.recovery.deadline.chain import Classes
from tools.recovery.deadline.chain_watch import Watch

Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]
VERSION = "1"
STEPS_SECONDS = (195.0, 300.0, 600.0)
AGES_HOURS = (0.1, 1 / 6, 1 / 3, 0.5, 1.0, 3.0, 9.0, 24.0)
SPELLS = tuple(math.log(hours) for hours in (0.4, 0.7, 1.2, 2.5))
UNIT_SECONDS = 600.0
"""a transition of a shorter step is so much less evidence: neighbours tell the same"""
BORROWED = 3.0


@dataclass(frozen=True, eq=False)
class Source:
    """name is for the card; up (ticks,) bool"""

    name: str
    gap_seconds: float
    up: Flags

    def at(self, step_seconds: float) -> Flags:
        """The state every so many seconds."""
        if step_seconds == self.gap_seconds:
            return self.up
        ticks = int((len(self.up) - 1) * self.gap_seconds / step_seconds) + 1
        seen: Flags = self.up[(np.arange(ticks) * step_seconds / self.gap_seconds + 1e-9).astype(np.int64)]
        return seen


def fit(sources: Sequence[Source], *, version: str = VERSION) -> Artefact:
    """sources  at least one of two ticks"""
    classes = Classes(AGES_HOURS, SPELLS)
    days = sum(len(s.up) * s.gap_seconds for s in sources) / 86400
    whole = Artefact.model_construct(
        version=version,
        card=PlannerCard(trained_on=tuple(s.name for s in sources), trace_days=round(days, 1)),
        ages_hours=AGES_HOURS,
        spells=SPELLS,
        borrowed=BORROWED,
        chains=tuple(_counts(sources, classes, step) for step in STEPS_SECONDS),
        digest_of_rest="",
    )
    return Artefact.model_validate(whole.model_dump() | {"digest_of_rest": whole.computed_digest()})


def _counts(sources: Sequence[Source], classes: Classes, step_seconds: float) -> Counts:
    counts = np.zeros((classes.count, classes.count))
    for source in sources:
        found = classes_of(source.at(step_seconds), step_seconds, classes)
        np.add.at(counts, (found[:-1], found[1:]), step_seconds / UNIT_SECONDS)
    of, to = np.nonzero(counts)
    times = tuple(float(f"{t:.7g}") for t in counts[of, to].tolist())
    return Counts(step_seconds=step_seconds, of=tuple(of.tolist()), to=tuple(to.tolist()), times=times)


def classes_of(up: Flags, step_seconds: float, classes: Classes) -> Ints:
    """(steps,) the class at each, from the steps up to it."""
    watch = Watch(step_seconds)
    found = np.empty(len(up), dtype=np.int64)
    for step, there in enumerate(up.tolist()):
        watch.see(there)
        found[step] = classes.of(watch)
    return found
