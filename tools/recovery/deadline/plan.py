"""A plan as run-length text: `I3 S40 O5` is three idle ticks, forty on spot, five on-demand; missing ticks are idle.

With several zones the spot of zone 0 is `S0:40`.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tools.errors import DataError
from tools.recovery.deadline.problem import IDLE, LETTERS, SPOT

Modes = NDArray[np.int8]
"""(ticks,) IDLE, SPOT or ON_DEMAND"""

_TOKEN = re.compile(r"(?P<letter>[ISO])(?:(?P<zone>0|[1-9][0-9]{0,5}):)?(?P<ticks>[1-9][0-9]{0,8})")
_SHAPE = "a plan is run-length tokens between single spaces: I3 S40 O5"
_ZONES_SHAPE = "a plan over zones is run-length tokens between single spaces, spot with its zone: I3 S0:40 O5"


class Stretch(NamedTuple):
    """Ticks in a row on the same instance, or idle. zone: of spot when there are several; otherwise None."""

    mode: int
    zone: int | None
    ticks: int


def stretches(modes: Modes | Sequence[int], zones: NDArray[np.int64] | Sequence[int] | None = None) -> list[Stretch]:
    """A plan tick by tick as stretches; idle ticks at the end are left out.

    modes, zones  (ticks,); the zone counts on spot only
    """
    mode = np.asarray(modes, dtype=np.int64)
    zone = np.where(mode == SPOT, -1 if zones is None else zones, -1)
    borders = np.flatnonzero(np.diff(mode) | np.diff(zone)) + 1
    edges = [0, *borders.tolist(), len(mode)] if len(mode) else []
    found = [Stretch(int(mode[a]), None if zone[a] < 0 else int(zone[a]), b - a) for a, b in pairwise(edges)]
    while found and found[-1].mode == IDLE:
        found.pop()
    return found


def write_plan(plan: Iterable[Stretch]) -> str:
    return " ".join(f"{LETTERS[s.mode]}{'' if s.zone is None else f'{s.zone}:'}{s.ticks}" for s in plan)


def read_plan(text: str, *, zones: int | None = None) -> list[Stretch]:
    """The strict inverse of `write_plan`; no text is no tick.

    zones   how many there are; None = one, not numbered
    Raises  DataError: names the token and what was seen
    """
    return list(_read(text, zones))


def _read(text: str, zones: int | None) -> Iterator[Stretch]:
    shape = _SHAPE if zones is None else _ZONES_SHAPE
    before: tuple[int, int | None] | None = None
    for i, token in enumerate(text.split(" ") if text else (), start=1):
        match = _TOKEN.fullmatch(token)
        if match is None:
            raise DataError(f"plan, token {i}: {token[:40]!r} is not a letter and a number of ticks", hint=shape)
        mode, zone = LETTERS.index(match["letter"]), None if match["zone"] is None else int(match["zone"])
        if (zone is not None) != (zones is not None and mode == SPOT):
            seen = "names no zone" if zone is None else "names a zone"
            raise DataError(f"plan, token {i}: {token!r} {seen}", hint=shape)
        if zone is not None and zones is not None and zone >= zones:
            raise DataError(f"plan, token {i}: {token!r} names zone {zone}; there are {zones}, from 0", hint=shape)
        if (mode, zone) == before:
            raise DataError(f"plan, token {i}: {token!r} goes on with the stretch before it", hint="write them as one")
        before = (mode, zone)
        yield Stretch(mode, zone, int(match["ticks"]))


def modes_of(plan: Sequence[Stretch]) -> Modes:
    """(ticks,) the mode of every tick."""
    return np.repeat(np.array([s.mode for s in plan], dtype=np.int8), [s.ticks for s in plan])
