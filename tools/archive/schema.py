"""The tables, and the steps that lead from any older archive to them.

Times are UTC text of one width (they sort as text), money is decimal text: Datasette opens the file as it is.
A region, a type, a product and a zone are written once, in `pools`, and the rows that are many name it by number.
"""

import sqlite3
from pathlib import Path

from tools.errors import DataError

APPLICATION_ID = 0x53505741  # «SPWA», for file(1)

_POOLS_AND_PRICES = (
    # a pool known by name at one time and by id at another is one row: tools/archive/pools.py
    """CREATE TABLE pools (
      pool_id INTEGER PRIMARY KEY, region TEXT NOT NULL, instance_type TEXT NOT NULL, product TEXT NOT NULL,
      zone_name TEXT, zone_id TEXT
    ) STRICT""",
    "CREATE INDEX pools_of_type ON pools (region, instance_type, product)",
    """CREATE TABLE fetches (
      fetch_id INTEGER PRIMARY KEY, region TEXT NOT NULL, at TEXT NOT NULL, since TEXT NOT NULL, until TEXT NOT NULL,
      source TEXT NOT NULL, seen INTEGER NOT NULL, added INTEGER NOT NULL
    ) STRICT""",
    """CREATE TABLE prices (
      pool_id INTEGER NOT NULL, at TEXT NOT NULL, usd_per_hour TEXT NOT NULL, fetch_id INTEGER NOT NULL,
      PRIMARY KEY (pool_id, at)
    ) STRICT, WITHOUT ROWID""",
    # a price that disagrees with the one kept for its moment
    """CREATE TABLE conflicts (
      pool_id INTEGER NOT NULL, at TEXT NOT NULL, usd_per_hour TEXT NOT NULL, fetch_id INTEGER NOT NULL,
      PRIMARY KEY (pool_id, at, usd_per_hour)
    ) STRICT, WITHOUT ROWID""",
    # stretches that fetches left without a gap
    """CREATE TABLE coverage (
      region TEXT NOT NULL, instance_type TEXT NOT NULL, product TEXT NOT NULL, since TEXT NOT NULL,
      until TEXT NOT NULL, PRIMARY KEY (region, instance_type, product, since)
    ) STRICT, WITHOUT ROWID""",
)

_WATCHING = (
    """CREATE TABLE fleets (
      fleet_key INTEGER PRIMARY KEY, region TEXT NOT NULL, account_id TEXT NOT NULL, kind TEXT NOT NULL,
      fleet_id TEXT NOT NULL, UNIQUE (region, account_id, kind, fleet_id)
    ) STRICT""",
    """CREATE TABLE samples (
      fleet_key INTEGER NOT NULL REFERENCES fleets, at TEXT NOT NULL, name TEXT NOT NULL, desired INTEGER NOT NULL,
      spot INTEGER NOT NULL, on_demand INTEGER NOT NULL, units INTEGER, usd_per_hour TEXT, level TEXT NOT NULL,
      PRIMARY KEY (fleet_key, at)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX samples_in_time ON samples (at)",
    # hours: instance-hours since the look before, summed up when the look is kept; reading 90 days adds them
    """CREATE TABLE sample_pools (
      fleet_key INTEGER NOT NULL, at TEXT NOT NULL, pool_id INTEGER NOT NULL, instances INTEGER NOT NULL,
      hours REAL NOT NULL DEFAULT 0, PRIMARY KEY (fleet_key, at, pool_id)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX looks_at_pool ON sample_pools (pool_id, at, instances, hours)",
    """CREATE TABLE signals (
      signal_id INTEGER PRIMARY KEY, region TEXT NOT NULL, kind TEXT NOT NULL, pool_id INTEGER NOT NULL,
      instance_id TEXT, fleet TEXT, code TEXT, at TEXT NOT NULL, source TEXT NOT NULL
    ) STRICT""",
    "CREATE INDEX signals_in_time ON signals (region, at)",
    "CREATE INDEX signals_of_instance ON signals (instance_id, kind)",
    "CREATE INDEX signals_of_pool ON signals (pool_id, at)",
    """CREATE TABLE alerts (
      region TEXT NOT NULL, alert_id TEXT NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL, raised_at TEXT NOT NULL,
      cleared_at TEXT, alert TEXT NOT NULL CHECK (json_valid(alert)), PRIMARY KEY (region, alert_id)
    ) STRICT""",
    "CREATE INDEX alerts_in_time ON alerts (region, cleared_at, raised_at)",
)

_THE_ONE_ACCOUNT = """SET account_id = (SELECT min(account_id) FROM fleets)
  WHERE (SELECT count(DISTINCT account_id) FROM fleets) = 1"""

_ACCOUNTS_AND_UPKEEP = (
    # '' = of nobody knows which account: seen only where no account is named
    "ALTER TABLE signals ADD COLUMN account_id TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE alerts ADD COLUMN account_id TEXT NOT NULL DEFAULT ''",
    f"UPDATE signals {_THE_ONE_ACCOUNT}",
    f"UPDATE alerts {_THE_ONE_ACCOUNT}",
    # 1 or 0 once the looks around it were thinned: whether somebody watched; until then the looks say it
    "ALTER TABLE signals ADD COLUMN watched INTEGER",
    # until: looks before it are thinned
    """CREATE TABLE upkeep (
      what TEXT PRIMARY KEY, done_at TEXT NOT NULL, until TEXT NOT NULL
    ) STRICT, WITHOUT ROWID""",
)

STEPS = (_POOLS_AND_PRICES, _WATCHING, _ACCOUNTS_AND_UPKEEP)
"""step n leads from version n to n + 1; a step that was released is never changed, only followed by another"""
VERSION = len(STEPS)


def create_or_migrate(db: sqlite3.Connection, path: Path) -> None:
    """Inside one IMMEDIATE transaction: lead the file to this version, whole or not at all.

    Raises  DataError: another program's database, or one from a newer spotwarden
    """
    version = db.execute("PRAGMA user_version").fetchone()[0]
    application = db.execute("PRAGMA application_id").fetchone()[0]
    empty = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0
    if application != APPLICATION_ID and not (empty and version == application == 0):
        raise DataError(
            f"the archive {path} is a SQLite database, but not an archive of spotwarden",
            hint="move it aside: a new archive is made in its place; nothing was changed",
        )
    if version > VERSION:
        raise DataError(
            f"the archive {path} was written by a newer spotwarden (version {version}, this one knows {VERSION})",
            hint="upgrade spotwarden, or move the file aside; nothing was changed",
        )
    for step in STEPS[version:]:
        for statement in step:
            db.execute(statement)
    if version < VERSION:
        db.execute(f"PRAGMA application_id={APPLICATION_ID}")
        db.execute(f"PRAGMA user_version={VERSION}")
