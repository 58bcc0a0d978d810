"""Where a lost instance is replaced: the same type elsewhere, another type, on-demand; each for a while. Pure.

A group asks all pools of its mix at once and takes what EC2 gives, so the first two stages need no change of it: they
say what is waited for, and until when. Pools that refused lately, and the one that was just taken, are left out.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field

from tools.fleets.dry_pools import Place, Refused, place_of, places_of
from tools.records import CapacityPool, Fleet, Priority, Record, UtcTime

FallbackKind = Literal["same-type-other-zone", "other-type", "on-demand"]
_PATIENCE: dict[Priority, float] = {"high": 0.5, "normal": 1.0, "low": 2.0}


class FallbackRules(Record):
    """How long each stage of spot is waited for; a priority halves or doubles it."""

    same_type_seconds: float = Field(default=180, ge=0)
    other_type_seconds: float = Field(default=300, ge=0)


STANDARD_CHAIN = FallbackRules()


class Fallback(Record):
    """One stage."""

    kind: FallbackKind
    pools: tuple[str, ...]
    """that may be asked; () of on-demand = the group's own first type, in any of its zones"""
    left_out: tuple[str, ...] = ()
    """pools of this stage that are not asked, and why"""
    begins_at: UtcTime
    ends_at: UtcTime | None
    """None = nothing comes after it"""

    @property
    def words(self) -> str:
        """same type, other zone (2 pools) until 12:05:00; g5.xlarge/us-east-1a was taken"""
        until = f" until {self.ends_at:%H:%M:%S}" if self.ends_at is not None else ""
        pools = f" ({len(self.pools)} pools)" if self.kind != "on-demand" else ""
        out = f"; left out: {', '.join(self.left_out[:3])}" if self.left_out else ""
        return f"{self.kind.replace('-', ' ')}{pools}{until}{out}"


def fallback_chain(
    fleet: Fleet,
    lost: CapacityPool | None,
    memory: Mapping[Place, Refused],
    *,
    since: datetime,
    now: datetime,
    priority: Priority = "normal",
    spot_allowed: bool = True,
    rules: FallbackRules = STANDARD_CHAIN,
) -> tuple[Fallback, ...]:
    """In order, on-demand last; a stage without a pool to ask takes no time.

    lost          the pool that was taken; None = not known: every pool is asked, none twice
    since         when the replacement was first asked for
    spot_allowed  False: the deadline leaves no time for spot to be refused
    """
    taken = place_of(lost) if lost is not None else None
    same = [p for p in places_of(fleet) if taken is not None and p[0] == taken[0]]
    other = [p for p in places_of(fleet) if p not in same]
    stages: list[Fallback] = []
    begins = since
    if spot_allowed:
        spots: tuple[tuple[FallbackKind, list[Place], float], ...] = (
            ("same-type-other-zone", same, rules.same_type_seconds),
            ("other-type", other, rules.other_type_seconds),
        )
        for kind, places, seconds in spots:
            asked, out = _split(places, taken, memory, now)
            ends = begins + timedelta(seconds=seconds * _PATIENCE[priority] if asked else 0)
            stages.append(Fallback(kind=kind, pools=asked, left_out=out, begins_at=begins, ends_at=ends))
            begins = ends
    return (*stages, Fallback(kind="on-demand", pools=(), begins_at=begins, ends_at=None))


def _split(
    places: Sequence[Place], taken: Place | None, memory: Mapping[Place, Refused], now: datetime
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Pools to ask, and those left out with the reason."""
    asked, out = [], []
    for place in places:
        name, known = "/".join(place), memory.get(place)
        if place == taken:
            out.append(f"{name} was just taken")
        elif known is not None and now < known.until:
            out.append(known.words(now))
        else:
            asked.append(name)
    return tuple(asked), tuple(out)


def in_force(chain: Sequence[Fallback], now: datetime) -> Fallback:
    """The stage of this moment."""
    return next(stage for stage in chain if stage.ends_at is None or now < stage.ends_at)
