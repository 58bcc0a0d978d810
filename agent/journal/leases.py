"""One leader at a time. A lease ends by itself; its token only grows, so that a leader who slept is refused."""

from datetime import datetime, timedelta
from typing import Any

from agent.journal.records import Lease
from agent.journal.writer import Transaction, instant
from tools.errors import Halted


def acquire(tx: Transaction, name: str, *, holder: str, ttl_seconds: float, now: datetime) -> Lease | None:
    """None while somebody's lease runs, be it the same holder's."""
    row = tx.db.execute("SELECT token, expires_at FROM leases WHERE name = ?", (name,)).fetchone()
    if row is not None and row[1] > instant(now):
        return None
    expires_at = now + timedelta(seconds=ttl_seconds)
    lease = Lease(name=name, holder=holder, token=(row[0] if row else 0) + 1, expires_at=expires_at)
    tx.db.execute(
        "INSERT INTO leases (name, holder, token, expires_at) VALUES (?, ?, ?, ?) ON CONFLICT (name) DO UPDATE "
        "SET holder = excluded.holder, token = excluded.token, expires_at = excluded.expires_at",
        (name, holder, lease.token, instant(expires_at)),
    )
    tx.append("lease", {"change": "acquired", "lease": lease}, actor=holder)
    return lease


def renew(tx: Transaction, lease: Lease, *, ttl_seconds: float, now: datetime) -> Lease | None:
    """None when it ended or somebody else leads. Renewals are not audited: they change nobody's rights."""
    renewed = lease.with_(expires_at=now + timedelta(seconds=ttl_seconds))
    changed = tx.db.execute(
        "UPDATE leases SET expires_at = ? WHERE name = ? AND token = ? AND expires_at > ?",
        (instant(renewed.expires_at), lease.name, lease.token, instant(now)),
    )
    return renewed if changed.rowcount == 1 else None


def release(tx: Transaction, lease: Lease, *, now: datetime) -> None:
    """Let somebody else lead at once; nothing happens when somebody does already."""
    changed = tx.db.execute(
        "UPDATE leases SET expires_at = ? WHERE name = ? AND token = ? AND expires_at > ?",
        (instant(now), lease.name, lease.token, instant(now)),
    )
    if changed.rowcount == 1:
        tx.append("lease", {"change": "released", "lease": lease}, actor=lease.holder)


def still_leads(db: Any, lease: Lease, *, now: datetime) -> None:
    """Raises  Halted: the lease ended, or a newer token was given out"""
    row = db.execute("SELECT token, holder, expires_at FROM leases WHERE name = ?", (lease.name,)).fetchone()
    if row is None or row[0] != lease.token:
        leader = f"{row[1]} leads with token {row[0]}" if row else "nobody leads"
        raise Halted(f"{lease.holder} lost the lease {lease.name} (token {lease.token}): {leader}")
    if row[2] <= instant(now):
        raise Halted(f"{lease.holder}'s lease {lease.name} (token {lease.token}) ended at {row[2]}")


def read(db: Any, name: str) -> Lease | None:
    row = db.execute("SELECT name, holder, token, expires_at FROM leases WHERE name = ?", (name,)).fetchone()
    if row is None:
        return None
    return Lease(name=row[0], holder=row[1], token=row[2], expires_at=datetime.fromisoformat(row[3]))
