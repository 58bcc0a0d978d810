"""Who owns a job: a number that is given once. The highest one is the owner; anybody below is refused."""

from __future__ import annotations

import json
import os
from pathlib import Path

from .files import create
from .manifest import now_text
from .trouble import GuardError, StaleOwner

OWNERS = "owners"
MAX_ATTEMPTS = 1000


def owner_name(generation: int) -> str:
    return f"{generation:06d}.json"


def owner_text(generation: int, owner: str) -> bytes:
    told = {"generation": generation, "owner": owner, "since": now_text(), "nonce": os.urandom(8).hex()}
    return json.dumps(told).encode()


def generation_in(name: str) -> int:
    """0: not the name of an owner's file."""
    stem, _, ending = name.rpartition(".")
    return int(stem) if ending == "json" and stem.isascii() and stem.isdigit() else 0


def highest(folder: Path) -> int:
    """The owner's number; 0 = nobody yet."""
    try:
        return max(map(generation_in, os.listdir(folder / OWNERS)), default=0)
    except FileNotFoundError:
        return 0


def claim(folder: Path, owner: str, *, at_least: int = 1) -> int:
    """A number above every other, ours alone: of two who ask at once each gets its own.

    Raises  GuardError: the folder cannot be written
    """
    place = folder / OWNERS
    try:
        place.mkdir(parents=True, exist_ok=True)
        for _ in range(MAX_ATTEMPTS):
            generation = max(highest(folder) + 1, at_least)
            if create(place / owner_name(generation), owner_text(generation, owner)):
                _forget(place, generation)
                return generation
    except OSError as error:
        raise GuardError(
            f"{place}: no owner can be written: {error.strerror}", hint="name a folder that the job may write"
        ) from None
    raise GuardError(f"{place}: {MAX_ATTEMPTS} numbers were taken before ours")


def check(folder: Path, generation: int) -> None:
    """Raises  StaleOwner: somebody newer owns the folder"""
    newest = highest(folder)
    if newest > generation:
        raise StaleOwner(
            f"{folder}: owner {newest} has taken over, this is owner {generation}: nothing is written",
            hint="end this process: its work goes on elsewhere",
        )


def _forget(place: Path, generation: int) -> None:
    """Old numbers but the last ten; the highest one says it all."""
    for name in os.listdir(place):
        if 0 < generation_in(name) <= generation - 10:
            (place / name).unlink(missing_ok=True)
