"""Prices as fetches saw them, and the stretches of time that fetches left without a gap."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal

from tools.archive.pools import instant, moment, pool_row, pools_of
from tools.records import CapacityPool, SetAside, SpotPrice, utc_text

Key = tuple[str, str]
"""(instance type, product)"""
Rows = dict[CapacityPool, list[tuple[str, str]]]
"""pool → (at, USD per hour), as texts, oldest first"""
CONFLICT = "a price that disagrees with the one archived for its moment: the first seen is kept"


def by_pool(prices: Iterable[SpotPrice]) -> Rows:
    """The rows of a fetch as the tables hold them; everything that can fail fails here, before anything is written."""
    pools: dict[tuple[str, str | None, str | None, str], CapacityPool] = {}
    rows: dict[tuple[str, str | None, str | None, str], list[tuple[str, str]]] = defaultdict(list)
    for price in prices:
        p = price.pool
        key = (p.instance_type, p.zone_name, p.zone_id, p.product)
        pools.setdefault(key, p)
        rows[key].append((instant(price.at), format(price.usd_per_hour, "f")))
    return {pools[key]: sorted(found, key=lambda row: row[0]) for key, found in rows.items()}


def add(
    db: sqlite3.Connection, rows: Rows, *, region: str, since: datetime, until: datetime, at: datetime, source: str
) -> int:
    """Inside one transaction: the rows that are new, those that disagree, and what the fetch covers. How many were new.

    at  when it was fetched; a fetch says nothing of the time after it
    """
    end = min(until, at)
    made = db.execute(
        "INSERT INTO fetches (region, at, since, until, source, seen, added) VALUES (?, ?, ?, ?, ?, ?, 0)",
        (region, instant(at), instant(since), instant(end), source, sum(map(len, rows.values()))),
    )
    fetch_id = made.lastrowid or 0
    added = sum(_add_pool(db, pool_row(db, pool, region), found, fetch_id) for pool, found in rows.items())
    db.execute("UPDATE fetches SET added = ? WHERE fetch_id = ?", (added, fetch_id))
    if since <= end:
        for key in {(pool.instance_type, pool.product) for pool in rows}:
            _cover(db, (region, *key), instant(since), instant(end))
    return added


def _add_pool(db: sqlite3.Connection, pool_id: int, rows: Sequence[tuple[str, str]], fetch_id: int) -> int:
    known: dict[str, str] = dict(
        db.execute(
            "SELECT at, usd_per_hour FROM prices WHERE pool_id = ? AND at BETWEEN ? AND ?",
            (pool_id, rows[0][0], rows[-1][0]),
        )
    )
    new: list[tuple[int, str, str, int]] = []
    disagree: list[tuple[int, str, str, int]] = []
    for at, usd in rows:
        kept = known.setdefault(at, usd)
        if kept is usd:
            new.append((pool_id, at, usd, fetch_id))
        elif kept != usd and Decimal(kept) != Decimal(usd):
            disagree.append((pool_id, at, usd, fetch_id))
    db.executemany("INSERT INTO prices (pool_id, at, usd_per_hour, fetch_id) VALUES (?, ?, ?, ?)", new)
    db.executemany(
        "INSERT OR IGNORE INTO conflicts (pool_id, at, usd_per_hour, fetch_id) VALUES (?, ?, ?, ?)", disagree
    )
    return len(new)


def _cover(db: sqlite3.Connection, key: tuple[str, str, str], since: str, until: str) -> None:
    """Join the stretches that this one overlaps or touches."""
    where = "WHERE region = ? AND instance_type = ? AND product = ? AND since <= ? AND until >= ?"
    touched = db.execute(f"SELECT since, until FROM coverage {where}", (*key, until, since)).fetchall()  # noqa: S608 - our own words
    db.execute(f"DELETE FROM coverage {where}", (*key, until, since))  # noqa: S608
    db.execute(
        "INSERT INTO coverage (region, instance_type, product, since, until) VALUES (?, ?, ?, ?, ?)",
        (*key, min([since, *(s for s, _ in touched)]), max([until, *(u for _, u in touched)])),
    )


def _stretches(db: sqlite3.Connection, key: tuple[str, str, str]) -> list[tuple[str, str]]:
    """Oldest first; none touch."""
    return db.execute(
        "SELECT since, until FROM coverage WHERE region = ? AND instance_type = ? AND product = ? ORDER BY since", key
    ).fetchall()


def read(
    db: sqlite3.Connection,
    instance_types: Sequence[str],
    *,
    region: str,
    since: datetime,
    until: datetime,
    product: str,
) -> tuple[SpotPrice, ...]:
    """Changes in the window and the price in force at its start, oldest first.

    A price is not taken to be in force at the start across a gap between two fetches: nobody looked.
    """
    found: list[tuple[str, str, CapacityPool, str]] = []
    start, end = instant(since), instant(until)
    stretches = {t: _stretches(db, (region, t, product)) for t in set(instance_types)}
    for pool_id, pool in pools_of(db, instance_types, region=region, product=product):
        rows = db.execute(
            "SELECT at, usd_per_hour FROM prices WHERE pool_id = ? AND at > ? AND at <= ? ORDER BY at",
            (pool_id, start, end),
        ).fetchall()
        first = _in_force(db, pool_id, start, stretches[pool.instance_type])
        found += [(at, pool.label, pool, usd) for at, usd in ([first] if first else []) + rows]
    found.sort(key=lambda row: row[:2])
    return tuple(SpotPrice(pool=pool, usd_per_hour=Decimal(usd), at=moment(at)) for at, _, pool, usd in found)


def _in_force(
    db: sqlite3.Connection, pool_id: int, start: str, stretches: Sequence[tuple[str, str]]
) -> tuple[str, str] | None:
    """The last price at or before the start, where it is known that none came between.

    It is when somebody looked at the start; or looked later and was told this one: EC2 answers with the price in force
    at the start of what was asked.
    """
    row: tuple[str, str] | None = db.execute(
        "SELECT at, usd_per_hour FROM prices WHERE pool_id = ? AND at <= ? ORDER BY at DESC LIMIT 1", (pool_id, start)
    ).fetchone()
    if row is None or row[0] == start or any(since <= start <= until for since, until in stretches):
        return row
    later = next((since for since, _ in stretches if since > start), None)
    if later is None:
        return None
    between = db.execute(
        "SELECT 1 FROM prices WHERE pool_id = ? AND at > ? AND at <= ? LIMIT 1", (pool_id, start, later)
    ).fetchone()
    return None if between else row


def fetched_since(
    db: sqlite3.Connection, instance_types: Sequence[str], *, region: str, product: str
) -> datetime | None:
    """Start of the newest stretch that all types share; None: one was never fetched, or their newest do not overlap."""
    newest = [_stretches(db, (region, t, product))[-1:] for t in sorted(set(instance_types))]
    if not newest or not all(newest):
        return None
    since, until = max(s[0][0] for s in newest), min(s[0][1] for s in newest)
    return moment(since) if since <= until else None


def fetched_until(
    db: sqlite3.Connection, instance_types: Sequence[str], *, region: str, product: str
) -> datetime | None:
    """Until when every one of the types was fetched: where the next fetch may begin. None: one never was."""
    newest = [_stretches(db, (region, t, product))[-1:] for t in sorted(set(instance_types))]
    return moment(min(s[0][1] for s in newest)) if newest and all(newest) else None


def set_aside(
    db: sqlite3.Connection,
    instance_types: Sequence[str],
    *,
    region: str,
    since: datetime,
    until: datetime,
    product: str,
) -> tuple[SetAside, ...]:
    """Prices of the window that fetches saw and `read` leaves out, counted, with one example."""
    count, example = 0, ""
    for pool_id, pool in pools_of(db, instance_types, region=region, product=product):
        rows = db.execute(
            """SELECT c.at, c.usd_per_hour, p.usd_per_hour FROM conflicts c JOIN prices p USING (pool_id, at)
               WHERE pool_id = ? AND c.at BETWEEN ? AND ? ORDER BY c.at""",
            (pool_id, instant(since), instant(until)),
        ).fetchall()
        if rows and not count:
            at, usd, kept = rows[0]
            example = f"{pool.label} {pool.product} {utc_text(moment(at))} {usd} USD/h, kept {kept}"
        count += len(rows)
    return (SetAside(reason=CONFLICT, count=count, example=example),) if count else ()
