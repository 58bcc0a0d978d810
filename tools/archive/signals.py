"""What EC2 did in our pools. One event is one row, however often and by however many channels it is seen."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime, timedelta

from tools.archive.pools import all_pools, instant, moment, pool_row
from tools.records import PoolSignal

SAME_EVENT = timedelta(hours=1)
"""An instance is taken once. EventBridge dates the notice, the spot request its end two minutes later, and a fleet's
activity when it noticed: closer than this, one kind for one instance is one event. A launch is one for ever."""


def add(db: sqlite3.Connection, signals: Sequence[PoolSignal], *, region: str, account: str | None) -> int:
    """Inside a transaction. How many were new; a known event learns the code or the fleet that it lacked."""
    new = 0
    for signal in signals:
        pool_id = pool_row(db, signal.pool, region)
        known = _known(db, signal, pool_id, region, account)
        if known is not None:
            db.execute(
                "UPDATE signals SET code = coalesce(code, ?), fleet = coalesce(fleet, ?) WHERE signal_id = ?",
                (signal.code, signal.fleet, known),
            )
            continue
        db.execute(
            """INSERT INTO signals (region, kind, pool_id, instance_id, fleet, code, at, source, account_id)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            (
                region,
                signal.kind,
                pool_id,
                signal.instance_id,
                signal.fleet,
                signal.code,
                instant(signal.at),
                signal.source,
                account or "",
            ),
        )
        new += 1
    return new


def _known(db: sqlite3.Connection, signal: PoolSignal, pool_id: int, region: str, account: str | None) -> int | None:
    if signal.instance_id is None:  # a refused launch has no instance: the same pool, moment, fleet and code
        row = db.execute(
            """SELECT signal_id FROM signals WHERE pool_id = ? AND at = ? AND kind = ? AND region = ?
               AND fleet IS ? AND code IS ? AND account_id = coalesce(?, account_id)""",
            (pool_id, instant(signal.at), signal.kind, region, signal.fleet, signal.code, account),
        ).fetchone()
        return row[0] if row else None
    rows = db.execute(
        "SELECT signal_id, at FROM signals WHERE instance_id = ? AND kind = ? AND region = ?",
        (signal.instance_id, signal.kind, region),
    ).fetchall()
    for signal_id, at in rows:
        if signal.kind == "launch" or abs(moment(at) - signal.at) <= SAME_EVENT:
            return int(signal_id)
    return None


def read(db: sqlite3.Connection, *, region: str, account: str | None, since: datetime) -> tuple[PoolSignal, ...]:
    """Oldest first."""
    pools = all_pools(db, region)
    rows = db.execute(
        """SELECT kind, pool_id, instance_id, fleet, code, at, source FROM signals
           WHERE region = ? AND at >= ? AND account_id = coalesce(?, account_id) ORDER BY at, signal_id""",
        (region, instant(since), account),
    )
    return tuple(
        PoolSignal(
            kind=kind, pool=pools[pool_id], instance_id=who, fleet=fleet, code=code, at=moment(at), source=source
        )
        for kind, pool_id, who, fleet, code, at, source in rows
    )
