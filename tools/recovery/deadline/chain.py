"""Classes of a pool's state, and how one follows another.

A class is: down or up; how old that state is; how long the pool's spells of availability have lasted. Nothing else that
a pool's own past tells was found to save more than it costs: what decides is whether spot that has just come back will
last. Counts of transitions come from training traces; a thin class borrows from the chain of its age alone.
"""

from bisect import bisect_right
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.recovery.deadline.chain_watch import Watch
from tools.recovery.deadline.value import Chain

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Classes:
    """Where one class ends and the next begins; what lies on a cut belongs above it.

    ages_hours  rising
    spells      rising, mean log hours
    """

    ages_hours: tuple[float, ...]
    spells: tuple[float, ...]

    @property
    def ages(self) -> int:
        return len(self.ages_hours) + 1

    @property
    def per_age(self) -> int:
        return len(self.spells) + 1

    @property
    def count(self) -> int:
        return 2 * self.ages * self.per_age

    def of(self, watch: Watch) -> int:
        """The class at the last tick seen; every down class is before every up class."""
        age = bisect_right(self.ages_hours, watch.age_hours)
        return (watch.up * self.ages + age) * self.per_age + bisect_right(self.spells, watch.mean_log_spell)


def chain_of(counts: Doubles, classes: Classes, *, step_seconds: float, borrowed: float) -> Chain:
    """counts    (classes, classes) float64, transitions from one step to the next
    borrowed  transitions that every class borrows from the chain of its age, its spells unchanged
    """
    ages, rest = classes.ages, classes.per_age
    by_age = counts.reshape(2 * ages, rest, 2 * ages, rest).sum((1, 3))
    seen = by_age.sum(axis=1, keepdims=True)
    by_age = np.where(seen > 0, by_age / np.maximum(seen, 1e-12), np.eye(2 * ages))
    whole = counts + borrowed * np.kron(by_age, np.eye(rest))
    moves = whole / whole.sum(axis=1, keepdims=True)
    return Chain(step_seconds, moves.astype(np.float32))
