"""Alerts of the monitor, as JSON of the noun with the columns that are asked for."""

import sqlite3

from tools.archive.pools import instant
from tools.records import Alert

MOST = 1000
"""of those that are over, the newest"""


def save(db: sqlite3.Connection, alert: Alert, *, region: str, account: str | None) -> None:
    """Insert, or replace the one of the same id."""
    cleared = None if alert.cleared_at is None else instant(alert.cleared_at)
    db.execute(
        """INSERT OR REPLACE INTO alerts (region, alert_id, kind, subject, raised_at, cleared_at, alert, account_id)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
        (
            region,
            alert.alert_id,
            alert.kind,
            alert.subject,
            instant(alert.raised_at),
            cleared,
            alert.canonical(),
            account or "",
        ),
    )


def read(db: sqlite3.Connection, *, region: str, account: str | None, open_only: bool) -> tuple[Alert, ...]:
    """Open ones, the newest first; then those that are over, the last one first."""
    rows = db.execute(
        """SELECT alert FROM alerts
           WHERE region = ? AND (cleared_at IS NULL OR ?) AND account_id = coalesce(?, account_id)
           ORDER BY cleared_at IS NOT NULL, coalesce(cleared_at, raised_at) DESC, alert_id LIMIT ?""",
        (region, not open_only, account, MOST),
    )
    return tuple(Alert.model_validate_json(text) for (text,) in rows)
