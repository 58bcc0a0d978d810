"""Instance-hours and events of our pools: what hazards are learnt from, and the states that forecasts start from."""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Sequence
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
  WHERE pool_id = ? AND at BETWEEN ? AND ? AND (instances > 0 OR hours > 0)"""
_RUNNING = "SELECT DISTINCT at FROM sample_pools WHERE pool_id = ? AND at >= ? AND instances > 0"
# asked for only where there are any: looking at each of millions of rows for whose it is takes seconds
_NOT_THEIRS = " AND fleet_key NOT IN (SELECT fleet_key FROM fleets WHERE account_id <> ?)"
_SIGNALS = """SELECT pool_id, kind, at, fleet, watched FROM signals
  WHERE region = ? AND account_id = coalesce(?, account_id) AND at BETWEEN ? AND ? ORDER BY at"""
_FLEETS = (
    "SELECT kind || '/' || fleet_id, fleet_key FROM fleets WHERE region = ? AND account_id = coalesce(?, account_id)"
)
_LOOKS = """SELECT (SELECT max(at) FROM samples WHERE fleet_key = ? AND at <= ?),
  (SELECT min(at) FROM samples WHERE fleet_key = ? AND at >= ?)"""


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


def exposures(
    db: sqlite3.Connection, *, region: str, account: str | None, since: datetime, until: datetime
) -> tuple[Exposure, ...]:
    """By pool label. An hour counts where the instance was there at both looks around it, at most LOOKS_APART apart;
    the time between two looks belongs to the window that the later one is in.

    Interruptions and rebalance recommendations count only where their hours do: of an instance of a fleet that was
    looked at shortly before and shortly after. One outside every fleet, or from a time in which nobody counted the
    instances, would be an event without its hours. Looks tell no product, so their hours stand with Linux, and an
    event of another product in the same type and zone goes where the hours are.
    """
    window = (instant(since), instant(until))
    pools, fleets = all_pools(db, region), keys_of_fleets(db, region, account)
    theirs, others = _theirs(db, account)
    seen: dict[int, _Seen] = defaultdict(_Seen)
    for pool_id in pools:
        hours, first, last = db.execute(_SEEN + theirs, (window[0], pool_id, *window, *others)).fetchone()
        if first is not None:
            seen[pool_id] = _Seen(hours, moments=[first, last])
    home = {pools[pool_id].label: pool_id for pool_id in seen}
    for pool_id, kind, at, fleet, watched in db.execute(_SIGNALS, (region, account, *window)).fetchall():
        if kind in ("launch", "refusal") or (watched if watched is not None else was_watched(db, fleets[fleet], at)):
            where = pool_id if pool_id in seen or pool_id not in pools else home.get(pools[pool_id].label, pool_id)
            seen[where].events[kind] += 1
            seen[where].moments.append(at)
    found = [_exposure(pools[pool_id], s) for pool_id, s in seen.items() if pool_id in pools]
    return tuple(sorted(found, key=lambda e: (e.pool.label, e.pool.product)))


def keys_of_fleets(db: sqlite3.Connection, region: str, account: str | None) -> defaultdict[str | None, list[int]]:
    """By label; none for a fleet that nobody looked at."""
    found: defaultdict[str | None, list[int]] = defaultdict(list)
    for label, key in db.execute(_FLEETS, (region, account)):
        found[label].append(key)
    return found


def _theirs(db: sqlite3.Connection, account: str | None) -> tuple[str, tuple[str, ...]]:
    """What leaves out the looks of other accounts, where the file holds any; with its parameter."""
    known = db.execute("SELECT 1 FROM fleets WHERE account_id <> ? LIMIT 1", (account,)).fetchone()
    return (_NOT_THEIRS, (account,)) if account is not None and known else ("", ())


def was_watched(db: sqlite3.Connection, fleet_keys: Sequence[int], at: str) -> bool:
    """Whether somebody looked at the fleet shortly before and shortly after."""
    for key in fleet_keys:
        before, after = db.execute(_LOOKS, (key, at, key, at)).fetchone()
        if before is not None and after is not None and moment(after) - moment(before) <= LOOKS_APART:
            return True
    return False


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
    db: sqlite3.Connection, pool: CapacityPool, *, region: str, account: str | None, since: datetime
) -> tuple[tuple[datetime, PoolState], ...]:
    """Looks that saw an instance in it, launches, refusals and interruptions, oldest first."""
    pool_id = known_row(db, pool, region)
    if pool_id is None:
        return ()
    theirs, others = _theirs(db, account)
    found: list[tuple[datetime, PoolState]] = [
        (moment(at), "running") for (at,) in db.execute(_RUNNING + theirs, (pool_id, instant(since), *others))
    ]
    signals = db.execute(
        "SELECT at, kind FROM signals WHERE pool_id = ? AND at >= ? AND account_id = coalesce(?, account_id)",
        (pool_id, instant(since), account),
    )
    found += [(moment(at), _STATES[kind]) for at, kind in signals if kind in _STATES]
    return tuple(sorted(found))
