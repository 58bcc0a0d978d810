"""How long what we saw is kept. Prices are kept for good; they are few.

    looks            whole for 90 days, then one an hour with the instance-hours of all of them; none beyond 400 days
    signals, alerts  400 days; an open alert for as long as it is open
    fetches          90 days, where they brought nothing

A turn is taken with the looks that are added, at most every six hours, inside their transaction. It does a week at
most, so that it is short, and a clock that leaps ahead for an hour costs no more than that.
"""

import sqlite3
from datetime import datetime, timedelta

from tools.archive.exposure import keys_of_fleets, was_watched
from tools.archive.pools import instant, moment

WHOLE = timedelta(days=90)
KEPT = timedelta(days=400)
EVERY = timedelta(hours=6)
A_TURN = timedelta(days=7)

_BEGIN = "SELECT done_at, until FROM upkeep WHERE what = 'samples'"
_DONE = "INSERT OR REPLACE INTO upkeep (what, done_at, until) VALUES ('samples', ?, ?)"
_LOOKS = """CREATE TEMP TABLE old_looks AS
  SELECT fleet_key, at, max(at) OVER (PARTITION BY fleet_key, substr(at, 1, 13)) AS kept
  FROM samples WHERE at >= ? AND at < ?"""
_SUM_UP = """INSERT INTO sample_pools (fleet_key, at, pool_id, instances, hours)
  SELECT l.fleet_key, l.kept, p.pool_id, 0, sum(p.hours) FROM old_looks l JOIN sample_pools p USING (fleet_key, at)
  WHERE true GROUP BY 1, 2, 3 HAVING sum(p.hours) > 0 ON CONFLICT DO UPDATE SET hours = excluded.hours"""
_THINNED = "(SELECT fleet_key, at FROM old_looks WHERE at <> kept)"
_TOO_OLD = "(SELECT fleet_key, at FROM samples WHERE at < ?)"


def thinned_until(db: sqlite3.Connection) -> str | None:
    row = db.execute(_BEGIN).fetchone()
    return str(row[1]) if row else None


def tidy(db: sqlite3.Connection, *, now: datetime) -> None:
    """Inside a transaction: a turn, when one is due."""
    oldest = db.execute("SELECT min(at) FROM samples").fetchone()[0]
    done = db.execute(_BEGIN).fetchone()
    if oldest is None or (done and abs(now - moment(done[0])) < EVERY):
        return
    begin = max(moment(done[1]), moment(oldest)) if done else moment(oldest)
    end = min(now - WHOLE, begin + A_TURN).replace(minute=0, second=0, microsecond=0)
    if end > begin:
        _thin(db, instant(begin), instant(end))
        db.execute(_DONE, (instant(now), instant(end)))
    _drop(db, min(now - KEPT, moment(oldest) + A_TURN), now)


def _thin(db: sqlite3.Connection, begin: str, end: str) -> None:
    """The last look of each hour stays, with the hours of all."""
    _settle(db, begin, end)
    db.execute("DROP TABLE IF EXISTS temp.old_looks")
    db.execute(_LOOKS, (begin, end))
    db.execute(_SUM_UP)
    db.execute(f"DELETE FROM sample_pools WHERE (fleet_key, at) IN {_THINNED}")  # noqa: S608 - our own words
    db.execute(f"DELETE FROM samples WHERE (fleet_key, at) IN {_THINNED}")  # noqa: S608
    db.execute("DROP TABLE temp.old_looks")


def _settle(db: sqlite3.Connection, begin: str, end: str) -> None:
    """Whether somebody watched when an event came: the looks that say it are about to go."""
    rows = db.execute(
        """SELECT signal_id, region, account_id, fleet, at FROM signals
           WHERE at >= ? AND at < ? AND kind IN ('interruption', 'rebalance') AND watched IS NULL""",
        (begin, end),
    ).fetchall()
    for signal_id, region, account, fleet, at in rows:
        watched = was_watched(db, keys_of_fleets(db, region, account or None)[fleet], at)
        db.execute("UPDATE signals SET watched = ? WHERE signal_id = ?", (int(watched), signal_id))


def _drop(db: sqlite3.Connection, before: datetime, now: datetime) -> None:
    limit = instant(before)
    db.execute(f"DELETE FROM sample_pools WHERE (fleet_key, at) IN {_TOO_OLD}", (limit,))  # noqa: S608
    db.execute("DELETE FROM samples WHERE at < ?", (limit,))
    db.execute("DELETE FROM signals WHERE at < ?", (limit,))
    db.execute("DELETE FROM alerts WHERE cleared_at < ?", (limit,))
    db.execute(
        """DELETE FROM fetches WHERE added = 0 AND at < ?
           AND NOT EXISTS (SELECT 1 FROM conflicts WHERE conflicts.fetch_id = fetches.fetch_id)""",
        (instant(now - WHOLE),),
    )
