"""Instance-hours and events of our pools: what hazards are learnt from, and the states that forecasts start from."""

import sqlite3
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tools.archive.pools import all_pools, instant, known_row, moment
from tools.records import CapacityPool, Exposure, PoolState

LOOKS_APART = timedelta(minutes=15)
"""Between two looks further apart than this nothing is known: instances may have come and gone."""
_STATES: dict[str, PoolState] = {"interruption": "taken", "refusal": "refused", "launch": "running"}


_BEFORE = "SELECT max(at) FROM samples WHERE fleet_key = ? AND at < ?"
_AFTER = "SELECT min(at) FROM samples WHERE fleet_key = ? AND at > ?"
# of two looks at one fleet, the smaller count ran in between; the rest came or went, and nobody saw when
_COUNT = """UPDATE sample_pools SET hours = ? * coalesce((
    SELECT min(a.instances, sample_pools.instances) FROM sample_pools a
    WHERE a.fleet_key = sample_pools.fleet_key AND a.at = ? AND a.pool_id = sample_pools.pool_id), 0)
  WHERE fleet_key = ? AND at = ?"""
_SEEN = """SELECT sum(CASE WHEN at > ? THEN hours ELSE 0 END), min(at), max(at) FROM sample_pools
  WHERE pool_id = ? AND at BETWEEN ? AND ? AND instances > 0"""
_SIGNALS = "SELECT pool_id, kind, at FROM signals WHERE region = ? AND at BETWEEN ? AND ? ORDER BY at"
_LOOK_BEFORE = """SELECT at FROM samples JOIN fleets USING (fleet_key)
  WHERE region = ? AND at BETWEEN ? AND ? ORDER BY at DESC LIMIT 1"""
_LOOK_AFTER = """SELECT at FROM samples JOIN fleets USING (fleet_key)
  WHERE region = ? AND at BETWEEN ? AND ? ORDER BY at LIMIT 1"""


@dataclass
class _Seen:
    """What is summed up for one pool."""

    hours: float = 0.0
    events: Counter[str] = field(default_factory=Counter)
    moments: list[str] = field(default_factory=list)


def count_hours(db: sqlite3.Connection, fleet_key: int, at: str) -> None:
    """Instance-hours between a look that was just added and its neighbours, which stand with the later of the two."""
    before = db.execute(_BEFORE, (fleet_key, at)).fetchone()[0]
    after = db.execute(_AFTER, (fleet_key, at)).fetchone()[0]
    for first, second in ((before, at), (at, after)):
        if first is not None and second is not None:
            apart = moment(second) - moment(first)
            hours = apart / timedelta(hours=1) if apart <= LOOKS_APART else 0.0
            db.execute(_COUNT, (hours, first, fleet_key, second))


def exposures(db: sqlite3.Connection, *, region: str, since: datetime, until: datetime) -> tuple[Exposure, ...]:
    """By pool label. An hour counts where the instance was there at both looks around it, at most LOOKS_APART apart;
    the time between two looks belongs to the window that the later one is in.

    Interruptions and rebalance recommendations count only inside the time that was watched: one that AWS tells of
    afterwards, from a time in which nobody counted the instances, would be an event without its hours.
    """
    window = (region, instant(since), instant(until))
    pools = all_pools(db, region)
    seen: dict[int, _Seen] = defaultdict(_Seen)
    for pool_id in pools:
        hours, first, last = db.execute(_SEEN, (window[1], pool_id, *window[1:])).fetchone()
        if first is not None:
            seen[pool_id] = _Seen(hours, moments=[first, last])
    for pool_id, kind, at in db.execute(_SIGNALS, window).fetchall():
        if kind in ("launch", "refusal") or _watched(db, window, at):
            seen[pool_id].events[kind] += 1
            seen[pool_id].moments.append(at)
    found = [_exposure(pools[pool_id], s) for pool_id, s in seen.items() if pool_id in pools]
    return tuple(sorted(found, key=lambda e: (e.pool.label, e.pool.product)))


def _watched(db: sqlite3.Connection, window: tuple[str, str, str], at: str) -> bool:
    """Whether somebody looked shortly before and shortly after."""
    region, since, until = window
    before = db.execute(_LOOK_BEFORE, (region, since, at)).fetchone()
    after = db.execute(_LOOK_AFTER, (region, at, until)).fetchone()
    return bool(before and after) and moment(after[0]) - moment(before[0]) <= LOOKS_APART


def _exposure(pool: CapacityPool, seen: _Seen) -> Exposure:
    return Exposure(
        pool=pool,
        instance_hours=seen.hours,
        interruptions=seen.events["interruption"],
        rebalances=seen.events["rebalance"],
        launches=seen.events["launch"],
        refusals=seen.events["refusal"],
        since=moment(min(seen.moments)) if seen.moments else None,
        until=moment(max(seen.moments)) if seen.moments else None,
    )


def pool_states(
    db: sqlite3.Connection, pool: CapacityPool, *, region: str, since: datetime
) -> tuple[tuple[datetime, PoolState], ...]:
    """Looks that saw an instance in it, launches, refusals and interruptions, oldest first."""
    pool_id = known_row(db, pool, region)
    if pool_id is None:
        return ()
    found: list[tuple[datetime, PoolState]] = [
        (moment(at), "running")
        for (at,) in db.execute(
            "SELECT DISTINCT at FROM sample_pools WHERE pool_id = ? AND at >= ? AND instances > 0",
            (pool_id, instant(since)),
        )
    ]
    signals = db.execute("SELECT at, kind FROM signals WHERE pool_id = ? AND at >= ?", (pool_id, instant(since)))
    found += [(moment(at), _STATES[kind]) for at, kind in signals if kind in _STATES]
    return tuple(sorted(found))
