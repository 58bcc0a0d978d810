"""When the witness was missing: the log itself tells of it, and does not verify before a person answered for it.

Who cuts the tail can delete the witness too. Writing a new one would make the cut look whole.
"""

from collections.abc import Iterable
from typing import Any

from agent.journal.writer import Transaction
from policies.people import is_person
from tools.errors import Denied, UsageError
from tools.records import AuditEntry

MISSING = "witness-missing"
ACCEPTED = "witness-accepted"
_TOLD = f"SELECT seq, kind, actor FROM audit NOT INDEXED WHERE kind IN ('{MISSING}', '{ACCEPTED}') ORDER BY seq"  # noqa: S608 - our own words


def note_missing(tx: Transaction) -> None:
    """There are entries and no witness beside them."""
    tx.append(MISSING, {"count": tx.head.count, "head": tx.head.hash}, actor="journal")


def accept(tx: Transaction, *, reason: str, by: str) -> AuditEntry:
    """A person has looked at what is left, and answers for it.

    Raises  Denied: not a person; UsageError: no reason is given, or nothing waits to be accepted
    """
    if not is_person(by):
        raise Denied(f"{by} cannot answer for a person", hint="a person says it, from a terminal of their own")
    if not reason.strip():
        raise UsageError("no reason is given", hint="say why the entries that are left can be trusted: --reason TEXT")
    waiting = not_accepted(tx.db)
    if not waiting:
        raise UsageError(
            "no witness was missing, or it was accepted already: there is nothing to accept",
            hint="spotwarden audit verify tells how the log stands",
        )
    told = {"missing": waiting, "count": tx.head.count, "head": tx.head.hash, "reason": reason}
    return tx.append(ACCEPTED, told, actor=by)


def not_accepted(db: Any) -> list[int]:
    """Numbers of the entries that tell of a missing witness and that no person accepted later; oldest first."""
    rows: Iterable[tuple[int, str, str]] = db.execute(_TOLD)
    waiting: list[int] = []
    for seq, kind, actor in rows:
        if kind == MISSING:
            waiting.append(seq)
        elif is_person(actor):
            waiting.clear()
    return waiting
