"""What was done to a fleet before, as the journal tells it: who raised the on-demand base, and who set things back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from tools.records import ChangeFleet, Fleet, Record, UtcTime

BASE = "on_demand_base_capacity"
_FIELDS = (
    BASE,
    "on_demand_percentage_above_base",
    "spot_allocation_strategy",
    "instance_types",
    "desired_capacity",
)


class PastChange(Record):
    """A change of one fleet that was carried out and read back."""

    action: ChangeFleet
    before: dict[str, Any]
    """the fields that it names, as they were"""
    ours: bool
    """suggested by the daemon's rules, and by nobody else"""
    undoes_ours: bool = False
    """set one of ours back because it did harm: then what a fallback raised is ours to give back all the same"""
    at: UtcTime


@dataclass(frozen=True)
class BaseMove:
    """The daemon moved a fleet's on-demand base: up is a fallback, down gives a part of one back."""

    before: int
    after: int
    at: datetime

    @property
    def up(self) -> bool:
        return self.after > self.before


@dataclass(frozen=True)
class Raised:
    """What a fallback of the daemon's raised and nobody moved since.

    floor  the on-demand base before it: what is given back ends there
    """

    floor: int
    last: BaseMove


def base_moves(past: Sequence[PastChange]) -> tuple[BaseMove, ...]:
    """Oldest first. Only the fallback and the return of tools.fleets.fallback move the base in the daemon's name, and
    aftercare, which sets such a move back.
    """
    moves = [
        BaseMove(c.before[BASE], c.action.on_demand_base_capacity, c.at)
        for c in sorted(past, key=lambda c: c.at)
        if (c.ours or c.undoes_ours)
        and c.action.on_demand_base_capacity is not None
        and isinstance(c.before.get(BASE), int)
    ]
    return tuple(m for m in moves if m.before != m.after)


def raised_by_us(fleet: Fleet, past: Sequence[PastChange]) -> Raised | None:
    """None = the base stands where it stood, or somebody else moved it: then it is theirs."""
    floor: int | None = None
    last: BaseMove | None = None
    for move in base_moves(past):
        if floor is None or last is None or move.before != last.after:
            floor = move.before
        last = move
        if move.after <= floor:
            floor = last = None
    if floor is None or last is None or fleet.mix is None or fleet.mix.on_demand_base_capacity != last.after:
        return None
    return Raised(floor, last)


def flipped_at(past: Sequence[PastChange], *, within: timedelta) -> datetime | None:
    """When the base was last raised again soon after a part of it was given back; None = never."""
    turns = [b.at for a, b in pairwise(base_moves(past)) if b.up and not a.up and b.at - a.at <= within]
    return turns[-1] if turns else None


def set_back(
    action: ChangeFleet, fleet: Fleet, past: Sequence[PastChange], *, now: datetime, within: timedelta
) -> PastChange | None:
    """Our change that somebody undid and that this action would make again; None = there is none.

    A template of CloudFormation or Terraform sets its fields back at each apply: two hands on one field never end.
    """
    for field in _FIELDS:
        if getattr(action, field) is None:
            continue
        named = [c for c in past if c.ours and getattr(c.action, field) is not None]
        newest = max(named, key=lambda c: c.at, default=None)
        if newest is None or newest.at + within <= now or field not in newest.before:
            continue
        here = _here(fleet, field)
        if here == _plain(newest.before[field]) != _plain(getattr(newest.action, field)):
            return newest
    return None


def last_change(past: Sequence[PastChange]) -> datetime | None:
    """By anybody."""
    return max((c.at for c in past), default=None)


def _here(fleet: Fleet, field: str) -> Any:
    if field == "desired_capacity":
        return fleet.desired_capacity
    return _plain(getattr(fleet.mix, field)) if fleet.mix else None


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
