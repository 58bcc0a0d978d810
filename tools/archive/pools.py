"""Which row of `pools` a capacity pool is: by zone id where it is known, else by zone name.

Zone names differ between accounts and ids do not. A pool seen by name at one time and by id at another becomes one
row as soon as a look tells both; its name is the one that was told last.
"""

import re
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from tools.records import LINUX, CapacityPool

_ZONE_ID = re.compile(r"-az\d+$")  # use1-az1, use1-bos1-az1; a name is us-east-1a, us-east-1-bos-1a
_OF_TYPE = """SELECT pool_id, zone_name, zone_id FROM pools
  WHERE region = ? AND instance_type = ? AND product = ? ORDER BY pool_id"""
_MOVED = ("prices", "conflicts", "sample_pools", "signals")
_Row = tuple[int, str | None, str | None]


def instant(moment: datetime) -> str:
    """UTC text of one width, so that it sorts as text: 2026-11-20T09:00:00.000000Z."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def moment(text: str) -> datetime:
    """Raises  ValueError: a damaged row"""
    return datetime.fromisoformat(text)


def pool_of_label(label: str) -> CapacityPool:
    """m6i.large/use1-az1 → the pool; a label carries no product: Linux."""
    instance_type, _, zone = label.partition("/")
    if zone in ("", "?"):
        return CapacityPool(instance_type=instance_type, product=LINUX)
    if _ZONE_ID.search(zone):
        return CapacityPool(instance_type=instance_type, zone_id=zone, product=LINUX)
    return CapacityPool(instance_type=instance_type, zone_name=zone, product=LINUX)


def pool_row(db: sqlite3.Connection, pool: CapacityPool, region: str) -> int:
    """The number of its row, made or completed where needed. Inside a transaction that writes."""
    key = (region, pool.instance_type, pool.product)
    rows: list[_Row] = db.execute(_OF_TYPE, key).fetchall()
    found = _find(rows, pool)
    if found is None:
        made = db.execute(
            "INSERT INTO pools (region, instance_type, product, zone_name, zone_id) VALUES (?, ?, ?, ?, ?)",
            (*key, pool.zone_name, pool.zone_id),
        )
        return made.lastrowid or 0
    pool_id, name, zone_id = found
    by_name = _row_without_id(rows, pool.zone_name, beside=pool_id) if pool.zone_name and zone_id else None
    if by_name is not None:
        _merge(db, by_name[0], into=pool_id)
    if (pool.zone_name or name, pool.zone_id or zone_id) != (name, zone_id):
        db.execute(
            "UPDATE pools SET zone_name = ?, zone_id = ? WHERE pool_id = ?",
            (pool.zone_name or name, pool.zone_id or zone_id, pool_id),
        )
    return pool_id


def known_row(db: sqlite3.Connection, pool: CapacityPool, region: str) -> int | None:
    """Its row, only looked for; None = never seen."""
    rows: list[_Row] = db.execute(_OF_TYPE, (region, pool.instance_type, pool.product)).fetchall()
    found = _find(rows, pool)
    return found[0] if found else None


def pools_of(
    db: sqlite3.Connection, instance_types: Iterable[str], *, region: str, product: str
) -> list[tuple[int, CapacityPool]]:
    found = []
    for instance_type in sorted(set(instance_types)):
        for pool_id, name, zone_id in db.execute(_OF_TYPE, (region, instance_type, product)):
            pool = CapacityPool(instance_type=instance_type, zone_name=name, zone_id=zone_id, product=product)
            found.append((pool_id, pool))
    return found


def all_pools(db: sqlite3.Connection, region: str) -> dict[int, CapacityPool]:
    rows = db.execute(
        "SELECT pool_id, instance_type, zone_name, zone_id, product FROM pools WHERE region = ?", (region,)
    )
    return {
        pool_id: CapacityPool(instance_type=t, zone_name=name, zone_id=zone_id, product=product)
        for pool_id, t, name, zone_id, product in rows
    }


def _find(rows: Sequence[_Row], pool: CapacityPool) -> _Row | None:
    """By id; else by a name that one row alone has, unless its id is another."""
    if pool.zone_id is not None:
        same = next((r for r in rows if r[2] == pool.zone_id), None)
        if same is not None or pool.zone_name is None:
            return same
        return _row_without_id(rows, pool.zone_name)
    if pool.zone_name is None:
        return next((r for r in rows if r[1] is None and r[2] is None), None)
    named = [r for r in rows if r[1] == pool.zone_name]
    without = [r for r in named if r[2] is None]
    return (without or named)[0] if len(named) == 1 or without else None


def _row_without_id(rows: Sequence[_Row], zone_name: str, beside: int | None = None) -> _Row | None:
    """The row that has only this name. None where another has the name too: then it may be another account's zone."""
    named = [r for r in rows if r[1] == zone_name and r[0] != beside]
    return named[0] if len(named) == 1 and named[0][2] is None else None


def _merge(db: sqlite3.Connection, old: int, *, into: int) -> None:
    """Two rows were one pool all along. What both hold is kept once, as the row that stays has it."""
    for table in _MOVED:
        db.execute(f"UPDATE OR IGNORE {table} SET pool_id = ? WHERE pool_id = ?", (into, old))  # noqa: S608 - our own names
        db.execute(f"DELETE FROM {table} WHERE pool_id = ?", (old,))  # noqa: S608
    db.execute("DELETE FROM pools WHERE pool_id = ?", (old,))
