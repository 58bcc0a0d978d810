"""The planner's chain as a file: what was counted, and where it comes from."""

from importlib import resources
from pathlib import Path
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat, model_validator

from tools.artefact_file import read_artefact_file
from tools.records import Name, Record, digest_of
from tools.recovery.deadline.chain import Classes

SHIPPED = "deadline-planner.json"
MAX_BYTES = 1 << 24
_HINT = "install spotwarden again, or train: python -m tools.recovery.deadline.training --traces DIR"


class Counts(Record):
    """Transitions counted at one step: `times`[i] from class `of`[i] to class `to`[i]."""

    step_seconds: PositiveFloat
    of: tuple[int, ...]
    to: tuple[int, ...]
    times: tuple[PositiveFloat, ...]

    @model_validator(mode="after")
    def _aligned(self) -> Self:
        if not 0 < len(self.of) == len(self.to) == len(self.times):
            raise ValueError("of, to and times are not equally long")
        return self

    def dense(self, classes: int) -> NDArray[np.float64]:
        counts = np.zeros((classes, classes))
        counts[np.array(self.of), np.array(self.to)] = self.times
        return counts


class PlannerCard(Record):
    """What the planner was trained on."""

    trained_on: tuple[Name, ...]
    """traces by path"""
    trace_days: float


class Artefact(Record):
    """Everything that planning needs.

    `digest_of_rest` is the SHA-256 of the canonical JSON of every other field: a damaged file is not planned by.
    """

    format: Literal["spotwarden deadline planner 1"] = "spotwarden deadline planner 1"
    version: Name
    card: PlannerCard
    ages_hours: tuple[PositiveFloat, ...]
    spells: tuple[float, ...]
    borrowed: PositiveFloat
    chains: tuple[Counts, ...] = Field(min_length=1)
    digest_of_rest: str

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if list(self.ages_hours) != sorted(set(self.ages_hours)) or list(self.spells) != sorted(set(self.spells)):
            raise ValueError("cuts do not rise")
        most = self.classes.count
        for chain in self.chains:
            if min(*chain.of, *chain.to) < 0 or max(*chain.of, *chain.to) >= most:
                raise ValueError(f"a transition names a class outside 0 … {most - 1}")
        if self.digest_of_rest != self.computed_digest():
            raise ValueError("the digest does not fit the rest: the file was changed")
        return self

    def computed_digest(self) -> str:
        return digest_of(self.model_dump(mode="json", exclude={"digest_of_rest"}))

    @property
    def classes(self) -> Classes:
        return Classes(self.ages_hours, self.spells)


def read_artefact(path: Path | None = None) -> Artefact:
    """The shipped one, or a file's.

    Raises  DataError: not there, too large, not JSON, or not whole: names the file and the field
    """
    source = path if path is not None else resources.files("tools.recovery.deadline") / "artefacts" / SHIPPED
    return read_artefact_file(Artefact, source, max_bytes=MAX_BYTES, hint=_HINT)
