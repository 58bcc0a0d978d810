"""Which capacity pools refused a launch lately, and until when they are left out. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tools.fleets.past_changes import PastChange
from tools.fleets.steady_rules import SteadyRules
from tools.fleets.suggest import hour
from tools.records import CapacityPool, Fleet, PlacementScore, PoolSignal

FORGOTTEN = timedelta(hours=24)
"""so long after its memory ended a pool that refuses again is one that repeats itself"""
Place = tuple[str, str]
"""(instance type, zone name; the id where the name is not known)"""


@dataclass(frozen=True)
class Refused:
    """What is remembered of a pool that EC2 refused.

    times  how often, one spell of refusals counted once; 0 = it was seen with capacity since
    until  it is taken for dry; from then on it looks as if it had capacity
    """

    pool: CapacityPool
    refused_at: datetime
    times: int
    until: datetime

    def words(self, now: datetime) -> str:
        """c5.xlarge/use1-az1 was dry at 10:02: left out until 10:32"""
        return f"{self.pool.label} was dry at {hour(self.refused_at, now)}: left out until {hour(self.until, now)}"


def remembered(
    signals: Iterable[PoolSignal], rules: SteadyRules, *, scores: Sequence[PlacementScore] = ()
) -> dict[Place, Refused]:
    """Memory of every pool that refused.

    A refusal while the pool is taken for dry only renews the memory: groups ask again every few minutes. One after
    it ended doubles the time. A granted launch, or a good placement score of its zone, ends it.
    signals  any order; rebalance recommendations and interruptions say nothing about the next launch
    """
    memory: dict[Place, Refused] = {}
    told = [s for s in signals if s.kind in ("refusal", "launch")]
    for signal in sorted(told, key=lambda s: (s.at, s.kind != "launch")):
        place = place_of(signal.pool)
        known = memory.get(place)
        if signal.kind == "refusal":
            memory[place] = _refuse(known, signal, rules)
        elif known is not None:
            memory[place] = replace(known, times=0, until=min(known.until, signal.at))
    for score in scores:
        if score.score >= rules.wet_score:
            _scored(memory, score)
    return memory


def place_of(pool: CapacityPool) -> Place:
    return pool.instance_type, pool.zone_name or pool.zone_id or "?"


def _refuse(known: Refused | None, signal: PoolSignal, rules: SteadyRules) -> Refused:
    times = known.times if known else 0
    if known is not None and signal.at >= known.until + FORGOTTEN:
        times = 0
    if known is None or times == 0 or signal.at >= known.until:
        times += 1
    minutes = min(rules.dry_minutes * 2 ** min(times - 1, 20), rules.dry_most_hours * 60)
    return Refused(signal.pool, signal.at, times, signal.at + timedelta(minutes=minutes))


def _scored(memory: dict[Place, Refused], score: PlacementScore) -> None:
    for place, known in memory.items():
        here = score.zone_id is None or score.zone_id == known.pool.zone_id
        if here and place[0] in score.instance_types and score.as_of >= known.refused_at:
            memory[place] = replace(known, times=0, until=min(known.until, score.as_of))


def refusals_of(
    fleet: Fleet, signals: Iterable[PoolSignal], past: Sequence[PastChange], *, since: datetime | None = None
) -> tuple[PoolSignal, ...]:
    """Launches that EC2 refused to this fleet, oldest first, without those of types that it did not have then.

    A group's activity names a zone and no type, so the reader takes all of today's types: one that was added since
    was never asked for.
    """
    added: dict[str, datetime] = {}
    for change in past:
        for kind in change.action.instance_types or ():
            if kind not in (change.before.get("instance_types") or ()):
                added[kind] = max(change.at, added.get(kind, change.at))
    found = [
        s
        for s in signals
        if s.kind == "refusal"
        and s.fleet == fleet.ref.label
        and (since is None or s.at >= since)
        and not (s.pool.instance_type in added and s.at < added[s.pool.instance_type])
    ]
    return tuple(sorted(found, key=lambda s: s.at))


def places_of(fleet: Fleet) -> tuple[Place, ...]:
    """Every pool that the fleet may launch in; of one that chooses types by attributes, those that it runs in."""
    if fleet.instance_types:
        return tuple((kind, zone) for kind in fleet.instance_types for zone in fleet.zones)
    return tuple(sorted({place_of(i.pool) for i in fleet.spot}))


def dry_places(fleet: Fleet, memory: Mapping[Place, Refused], now: datetime) -> tuple[Refused, ...]:
    """Pools of the fleet that are taken for dry."""
    known = [memory[p] for p in places_of(fleet) if p in memory]
    return tuple(sorted((r for r in known if now < r.until), key=lambda r: r.pool.label))


def mostly_dry(fleet: Fleet, memory: Mapping[Place, Refused], now: datetime) -> bool:
    """More than half of the pools are taken for dry."""
    return 2 * len(dry_places(fleet, memory, now)) > len(places_of(fleet))


def wet_since(fleet: Fleet, memory: Mapping[Place, Refused], now: datetime) -> datetime | None:
    """Since when at least half of the pools have looked as if they had capacity; None = they do not.

    A pool that never refused has looked so from the beginning of time.
    """
    places = places_of(fleet)
    begins = sorted(memory[p].until if p in memory else datetime.min.replace(tzinfo=now.tzinfo) for p in places)
    half = (len(places) + 1) // 2
    return begins[half - 1] if places and begins[half - 1] <= now else None
