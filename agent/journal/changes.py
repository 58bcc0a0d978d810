"""What was carried out, as it was recorded: what a change is undone from, and what the rules remember."""

from typing import Any

from tools.desk import ChangeMade
from tools.errors import NotFound
from tools.records import Intent, Outcome

_CARRIED_OUT = ("done", "partial", "superseded", "unknown")
_SELECT = (
    "SELECT i.proposal_id, i.intent, (SELECT outcome FROM outcomes o WHERE o.intent_id = i.intent_id "
    "ORDER BY outcome_id DESC LIMIT 1) FROM intents i "
)


def read_change(db: Any, proposal_id: str) -> ChangeMade:
    """Raises  NotFound: nothing was carried out under this id"""
    row = db.execute(_SELECT + "WHERE i.proposal_id = ?", (proposal_id,)).fetchone()
    if row is None or row[2] is None:
        raise NotFound(
            f"nothing was carried out as {proposal_id!r}", hint="`spotwarden audit show` lists what was done"
        )
    return _change(row)


def read_changes(db: Any, fleet: str, *, limit: int) -> tuple[ChangeMade, ...]:
    """Newest first."""
    marks = ", ".join("?" * len(_CARRIED_OUT))
    rows = db.execute(
        _SELECT + f"WHERE i.fleet = ? AND i.status IN ({marks}) ORDER BY i.rowid DESC LIMIT ?",
        (fleet, *_CARRIED_OUT, limit),
    ).fetchall()
    return tuple(_change(row) for row in rows if row[2] is not None)


def read_made(db: Any, intent_id: str) -> tuple[str, ChangeMade] | None:
    """Who proposed what was laid down as this intent, and what became of it; None = nothing, so far."""
    row = db.execute(_SELECT + "WHERE i.intent_id = ?", (intent_id,)).fetchone()
    if row is None or row[2] is None:
        return None
    (by,) = db.execute("SELECT proposal ->> 'proposed_by' FROM proposals WHERE proposal_id = ?", (row[0],)).fetchone()
    return str(by), _change(row)


def _ids(outcome: Outcome) -> frozenset[str]:
    return frozenset(i.item.partition(" ")[0] for i in outcome.items)


def _change(row: tuple[str, str, str]) -> ChangeMade:
    intent, outcome = Intent.model_validate_json(row[1]), Outcome.model_validate_json(row[2])
    return ChangeMade(
        proposal_id=row[0],
        intent_id=intent.intent_id,
        action=intent.permit.action,
        before=intent.expect,
        after=outcome.after or intent.want,
        made=_ids(outcome),
        status=outcome.status,
        at=outcome.at,
    )
