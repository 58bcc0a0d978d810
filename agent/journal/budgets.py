"""What was taken from the limits: one ledger of uses, summed over sliding windows."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from agent.journal.writer import instant
from policies.records import Reservation
from tools.errors import Denied

EVERYWHERE = "*"
ZERO = Decimal(0)


def used(db: Any, measure: str, *, fleet: str | None, since: datetime) -> Decimal:
    """Sum of what was taken after a moment and not given back; fleet None = everywhere.

    A row from the future (a clock that was set back) counts too.
    """
    rows = db.execute(
        "SELECT amount FROM uses WHERE measure = ? AND at > ? AND released_at IS NULL AND (? IS NULL OR fleet = ?)",
        (measure, instant(since), fleet, fleet),
    ).fetchall()
    return sum((Decimal(amount) for (amount,) in rows), ZERO)


def within_limits(db: Any, limits: Sequence[Reservation], amounts: Mapping[str, Decimal], *, now: datetime) -> None:
    """Raises  Denied: a limit would be passed; what takes nothing always fits"""
    for limit in limits:
        amount = max(limit.amount, amounts.get(limit.measure, ZERO))
        if amount <= 0:
            continue
        since = now - timedelta(seconds=limit.window_seconds)
        spent = used(db, limit.measure, fleet=None if limit.scope == EVERYWHERE else limit.scope, since=since)
        if spent + amount > limit.ceiling:
            raise Denied(
                f"the limit {limit.limit} is full: {spent:f} of {limit.ceiling:f} {limit.measure} used in "
                f"{timedelta(seconds=limit.window_seconds)}, this needs {amount:f}",
                hint="wait until the window moves on, or raise the limit in the policy",
            )


def reserve(
    db: Any,
    limits: Sequence[Reservation],
    amounts: Mapping[str, Decimal],
    *,
    fleet: str,
    intent_id: str,
    at: datetime,
) -> None:
    """One row a measure, limited today or not: a limit written tomorrow counts what was done today.

    Savings give nothing back: a negative amount is written as 0.
    """
    taken: dict[str, Decimal] = {measure: max(ZERO, amount) for measure, amount in amounts.items()}
    for limit in limits:
        taken[limit.measure] = max(taken.get(limit.measure, ZERO), limit.amount)
    for measure, amount in taken.items():
        take(db, measure, amount, fleet=fleet, at=at, intent_id=intent_id, what="intent")


def take(db: Any, measure: str, amount: Decimal, *, fleet: str, at: datetime, intent_id: str | None, what: str) -> None:
    db.execute(
        "INSERT INTO uses (measure, fleet, amount, at, intent_id, what) VALUES (?, ?, ?, ?, ?, ?)",
        (measure, fleet, format(amount, "f"), instant(at), intent_id, what),
    )


def release(db: Any, intent_id: str, *, at: datetime) -> None:
    """Give back what an intent without effect had taken."""
    db.execute("UPDATE uses SET released_at = ? WHERE intent_id = ? AND released_at IS NULL", (instant(at), intent_id))


def restore(db: Any, intent_id: str) -> None:
    """It had an effect after all."""
    db.execute("UPDATE uses SET released_at = NULL WHERE intent_id = ?", (intent_id,))
