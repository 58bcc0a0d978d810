"""Looks at fleets."""

import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from tools.archive.exposure import count_hours
from tools.archive.pools import all_pools, instant, moment, pool_of_label, pool_row
from tools.archive.retention import thinned_until
from tools.records import FleetRef, FleetSample

_SAMPLES = """SELECT s.fleet_key, s.at, f.account_id, f.kind, f.fleet_id, s.name, s.desired, s.spot, s.on_demand,
  s.units, s.usd_per_hour, s.level
  FROM samples s JOIN fleets f USING (fleet_key)
  WHERE f.region = ? AND f.account_id = coalesce(?, f.account_id) AND s.at >= ?
  AND (? IS NULL OR f.kind || '/' || f.fleet_id = ?) ORDER BY s.at, f.fleet_id"""
_POOLS = "SELECT at, pool_id, instances FROM sample_pools WHERE fleet_key = ? AND at >= ? AND instances > 0"


def add(db: sqlite3.Connection, samples: Sequence[FleetSample], *, region: str) -> None:
    """Inside a transaction. The same look at the same fleet is kept once; one of a time that was thinned, not at all:
    the hours there are summed up already."""
    thinned = thinned_until(db)
    for sample in samples:
        at = instant(sample.at)
        if thinned is not None and at < thinned:
            continue
        key = _fleet_key(db, sample.fleet, region)
        usd = None if sample.usd_per_hour is None else format(sample.usd_per_hour, "f")
        made = db.execute(
            """INSERT OR IGNORE INTO samples (fleet_key, at, name, desired, spot, on_demand, units, usd_per_hour,
               level) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            (
                key,
                at,
                sample.name,
                sample.desired_capacity,
                sample.running_spot,
                sample.running_on_demand,
                sample.running_units,
                usd,
                sample.level,
            ),
        )
        if made.rowcount < 1:
            continue
        for label, count in sample.pools.items():
            db.execute(
                """INSERT INTO sample_pools (fleet_key, at, pool_id, instances) VALUES (?, ?, ?, ?)
                   ON CONFLICT DO UPDATE SET instances = instances + excluded.instances""",
                (key, at, pool_row(db, pool_of_label(label), region), count),
            )
        count_hours(db, key, at)


def _fleet_key(db: sqlite3.Connection, ref: FleetRef, region: str) -> int:
    key = (region, ref.account_id, ref.kind, ref.fleet_id)
    db.execute("INSERT OR IGNORE INTO fleets (region, account_id, kind, fleet_id) VALUES (?, ?, ?, ?)", key)
    row = db.execute(
        "SELECT fleet_key FROM fleets WHERE region = ? AND account_id = ? AND kind = ? AND fleet_id = ?", key
    ).fetchone()
    return int(row[0])


def read(
    db: sqlite3.Connection, *, region: str, account: str | None, since: datetime, fleet: str | None
) -> tuple[FleetSample, ...]:
    """Oldest first. fleet  label; None = every one"""
    rows = db.execute(_SAMPLES, (region, account, instant(since), fleet, fleet)).fetchall()
    if not rows:
        return ()
    refs = {
        key: FleetRef(kind=kind, fleet_id=fleet_id, account_id=account_id, region=region)
        for key, account_id, kind, fleet_id in {(row[0], *row[2:5]) for row in rows}
    }
    pools = _pools(db, region, sorted(refs), since)
    return tuple(_sample(row, refs[row[0]], pools) for row in rows)


def _pools(
    db: sqlite3.Connection, region: str, fleet_keys: Sequence[int], since: datetime
) -> dict[tuple[int, str], dict[str, int]]:
    """(fleet, moment) → spot instances by pool label. Fleet by fleet: pools of all of them have no index in time."""
    labels = {pool_id: pool.label for pool_id, pool in all_pools(db, region).items()}
    found: dict[tuple[int, str], dict[str, int]] = defaultdict(dict)
    for key in fleet_keys:
        for at, pool_id, instances in db.execute(_POOLS, (key, instant(since))):
            if pool_id in labels:
                found[key, at][labels[pool_id]] = instances
    return found


def _sample(row: tuple[Any, ...], fleet: FleetRef, pools: dict[tuple[int, str], dict[str, int]]) -> FleetSample:
    key, at, _, _, _, name, desired, spot, on_demand, units, usd, level = row
    return FleetSample(
        fleet=fleet,
        name=name,
        at=moment(at),
        desired_capacity=desired,
        running_spot=spot,
        running_on_demand=on_demand,
        running_units=units,
        usd_per_hour=None if usd is None else Decimal(usd),
        level=level,
        pools=pools.get((key, at), {}),
    )
