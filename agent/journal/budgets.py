"""What was taken from the limits: one ledger of uses, summed over sliding windows.

An intent writes one row a measure, not one a limit: a limit that is renamed, or written tomorrow, counts what was
done today. Money is kept as the rate that the action adds, and each limit scales it to its own period.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Context, Decimal
from typing import Any, NamedTuple

from agent.journal.writer import instant
from policies.records import Measure, Reservation
from tools.errors import Denied

EVERYWHERE = "*"
ZERO = Decimal(0)
_DAY_SECONDS = 86_400
_RATES = frozenset({"added_cost_usd"})
"""kept in USD a day: an action that adds $2 a day takes 2 from a budget per day, 60 from one per month"""
_EXACT = Decimal("1e-9")
"""a third of a day has no end in decimals; what is smaller than this is rounding"""
_WIDE = Context(prec=60)


class Used(NamedTuple):
    """Sum of what is known; whole = nothing that was taken is unknown."""

    amount: Decimal
    whole: bool


def used(db: Any, measure: str, *, fleet: str | None, window_seconds: int, now: datetime) -> Used:
    """What was taken in the window and not given back; fleet None = everywhere.

    A row from the future (a clock that was set back) counts too.
    """
    since = now - timedelta(seconds=window_seconds)
    rows = db.execute(
        "SELECT amount FROM uses WHERE measure = ? AND at > ? AND released_at IS NULL AND (? IS NULL OR fleet = ?)",
        (measure, instant(since), fleet, fleet),
    ).fetchall()
    known = sum((Decimal(amount) for (amount,) in rows if amount is not None), ZERO)
    return Used(_over(measure, known, window_seconds), whole=all(amount is not None for (amount,) in rows))


def used_of(db: Any, measures: Sequence[Measure], *, fleet: str, now: datetime) -> dict[str, dict[str, Decimal]]:
    """measure → name → what was taken. What is not known whole has no entry: whoever needs it must ask."""
    found: dict[str, dict[str, Decimal]] = {}
    for m in measures:
        taken = used(db, m.measure, fleet=fleet if m.per_fleet else None, window_seconds=m.window_seconds, now=now)
        if taken.whole:
            found.setdefault(m.measure, {})[m.name] = taken.amount
    return found


def within_limits(
    db: Any, limits: Sequence[Reservation], amounts: Mapping[str, Decimal | None], *, now: datetime, approved: bool
) -> None:
    """What takes nothing always fits.

    approved  people said yes to this action: what the window holds may be unknown then, as that is why they were asked
    Raises    Denied: a limit would be passed, or what was taken from it is not known
    """
    for limit in limits:
        amount = max(_rounded(limit.amount), _over(limit.measure, _known(amounts, limit.measure), limit.window_seconds))
        if amount <= 0:
            continue
        fleet = None if limit.scope == EVERYWHERE else limit.scope
        spent = used(db, limit.measure, fleet=fleet, window_seconds=limit.window_seconds, now=now)
        window = timedelta(seconds=limit.window_seconds)
        if spent.amount + amount > limit.ceiling:
            raise Denied(
                f"the limit {limit.limit} is full: {_told(spent.amount)} of {_told(limit.ceiling)} {limit.measure} "
                f"used in {window}, this needs {_told(amount)}",
                hint="wait until the window moves on, or raise the limit in the policy",
            )
        if not spent.whole and not approved:
            raise Denied(
                f"the limit {limit.limit}: what was taken of {limit.measure} in {window} is not known",
                hint="a person may approve it; unknown is not 0",
            )


def reserve(
    db: Any,
    limits: Sequence[Reservation],
    amounts: Mapping[str, Decimal | None],
    *,
    fleet: str,
    intent_id: str,
    at: datetime,
) -> None:
    """One row a measure. Savings give nothing back: a negative amount is written as 0; None is written as unknown."""
    taken: dict[str, Decimal | None] = {m: None if a is None else max(ZERO, a) for m, a in amounts.items()}
    for limit in limits:
        rate = _kept(limit)
        so_far = taken.get(limit.measure, ZERO)
        if so_far is not None and rate > _rounded(so_far):
            taken[limit.measure] = rate
    for measure, amount in taken.items():
        take(db, measure, amount, fleet=fleet, at=at, intent_id=intent_id, what="intent")


def take(
    db: Any, measure: str, amount: Decimal | None, *, fleet: str, at: datetime, intent_id: str | None, what: str
) -> None:
    """amount  None = unknown; added_cost_usd in USD a day"""
    db.execute(
        "INSERT INTO uses (measure, fleet, amount, at, intent_id, what) VALUES (?, ?, ?, ?, ?, ?)",
        (measure, fleet, None if amount is None else format(amount, "f"), instant(at), intent_id, what),
    )


def release(db: Any, intent_id: str, *, at: datetime) -> None:
    """Give back what an intent without effect had taken."""
    db.execute("UPDATE uses SET released_at = ? WHERE intent_id = ? AND released_at IS NULL", (instant(at), intent_id))


def restore(db: Any, intent_id: str) -> None:
    """It had an effect after all."""
    db.execute("UPDATE uses SET released_at = NULL WHERE intent_id = ?", (intent_id,))


def _known(amounts: Mapping[str, Decimal | None], measure: str) -> Decimal:
    return amounts.get(measure) or ZERO


def _over(measure: str, amount: Decimal, window_seconds: int) -> Decimal:
    """What a kept amount comes to in a window."""
    return _rounded(amount * window_seconds / _DAY_SECONDS) if measure in _RATES else amount


def _kept(limit: Reservation) -> Decimal:
    """What a reservation is kept as: the other way round."""
    if limit.measure not in _RATES:
        return limit.amount
    return _rounded(limit.amount * _DAY_SECONDS / limit.window_seconds)


def _rounded(amount: Decimal) -> Decimal:
    return Decimal(_told(amount.quantize(_EXACT, context=_WIDE)))


def _told(amount: Decimal) -> str:
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
