"""The names of what can be run, made from what was counted. Nothing here needs the product."""

import random
from collections.abc import Callable, Iterator
from typing import Any

PHASES = ("before", "inside", "after")
TIMES = 2
"""of the I/Os at one site so many are struck"""

NAPS = (16, 58, 61, 76, 305, 361)
"""seconds that a sender sleeps between its mark and the socket: about every deadline and horizon there is"""
EXPIRED = 6
"""places of a run from which credentials are over"""
FAULTS = (
    "throttle",
    "error-500",
    "error-503",
    "access-denied",
    "expired-credentials",
    "token-mismatch",
    "quota",
    "insufficient-capacity",
    "partial",
    "timeout-before-effect",
    "timeout-after-effect",
    "drop",
    "drop-after-effect",
    "malformed",
    "slow",
)
STAGED = {
    "lost-and-stale": "drop-after-effect",
    "unsent-and-stale": "drop",
    "stranger-before": "drop",
    "stranger-after": "drop",
    "lost-and-stranger": "drop-after-effect",
}
"""what takes more than one fault → the one that must fit"""

Io = dict[str, Any]


def key_of(io: Io) -> str:
    """What makes two I/Os the same boundary."""
    return f"{io['layer']} {io['site']}"


def targets(counted: list[Io], times: int = TIMES) -> list[tuple[int, str]]:
    """(number, phase) of everything to strike: each site, the first few times that it is reached."""
    seen: dict[str, int] = {}
    chosen = []
    for io in counted:
        key = key_of(io)
        seen[key] = seen.get(key, 0) + 1
        if seen[key] <= times:
            chosen += [(io["boundary"], phase) for phase in PHASES]
    return chosen


def single_cells(name: str, counted: dict[str, list[Io]]) -> Iterator[str]:
    for program, ios in counted.items():
        for number, phase in targets(ios):
            yield f"single/{name}/{program}/{number}/{phase}"


def pair_cells(name: str, counted: dict[str, list[Io]], seconds: int) -> Iterator[str]:
    """One cell a first kill; `seconds` = so many second kills in each, 0 = all."""
    for program, ios in counted.items():
        for number, phase in targets(ios, 1):
            yield f"pairs/{name}/{program}/{number}/{phase}/{seconds}"


def fault_cells(
    name: str, calls: tuple[str, ...], counted: list[Io], fits: Callable[[str, str], bool]
) -> Iterator[str]:
    """Every changing call of a deed × every fault that can happen to it; its request in flight while its sender dies;
    reads that lag; credentials that expire from some call on.

    fits  (operation, kind) → whether the account can commit it there
    """
    for operation in calls:
        times = sum(_is(io, operation) for io in counted)
        for nth in range(min(times, TIMES)):
            for kind in (*FAULTS, *STAGED):
                if fits(operation, STAGED.get(kind, kind)):
                    yield f"fault/{name}/{operation}/{nth}/{kind}"
        if times:
            yield f"flying/{name}/{operation}"
    yield f"edge/{name}"
    writes = sum(_is(io, operation) for operation in calls for io in counted)
    yield from (f"nap/{name}/{nth}/{seconds}" for nth in range(min(writes, TIMES)) for seconds in NAPS)
    yield f"fault/{name}/*/0/stale"
    requests = sum(io["layer"] == "aws" for io in counted)
    for nth in range(0, requests, max(1, requests // EXPIRED)):
        yield f"fault/{name}/*/{nth}/expired-from"


def _is(io: Io, operation: str) -> bool:
    what = str(io["what"])
    return io["layer"] == "aws" and (what == operation or (operation == "PutObject" and what.startswith("PUT ")))


def shuffled(cells: list[str], seed: int) -> list[str]:
    dice = random.Random(f"{seed}|order")
    mixed = list(cells)
    dice.shuffle(mixed)
    return mixed
