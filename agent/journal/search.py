"""Reading the audit log: by kind, by place, by words."""

from collections.abc import Sequence
from typing import Any

from agent.journal.records import AUDIT_COLUMNS, audit_entry
from tools.records import AuditEntry

MAX_SEARCHED = 200_000
MAX_WORDS = 32


def entries(
    db: Any,
    *,
    after_seq: int = 0,
    limit: int | None = None,
    newest_first: bool = False,
    kinds: Sequence[str] = (),
    actor: str | None = None,
    since: str | None = None,
) -> tuple[AuditEntry, ...]:
    """since  UTC text as the table holds it; limit None = all"""
    where, values = ["seq > ?"], [after_seq]
    if kinds:
        where.append(f"kind IN ({', '.join('?' * len(kinds))})")
    more: list[Any] = [*values, *kinds]
    for column, value in (("actor =", actor), ("at >=", since)):
        if value is not None:
            where.append(f"{column} ?")
            more.append(value)
    order = "DESC" if newest_first else "ASC"
    rows = db.execute(
        f"SELECT {AUDIT_COLUMNS} FROM audit WHERE {' AND '.join(where)} ORDER BY seq {order} LIMIT ?",  # noqa: S608
        (*more, -1 if limit is None else limit),
    )
    return tuple(audit_entry(row) for row in rows)


def search(db: Any, text: str, *, limit: int) -> tuple[tuple[AuditEntry, ...], int]:
    """Entries that hold every word in kind, actor or payload, newest first; and how many were searched."""
    words = text.casefold().split()[:MAX_WORDS]
    found: list[AuditEntry] = []
    searched = 0
    rows = db.execute(f"SELECT {AUDIT_COLUMNS} FROM audit ORDER BY seq DESC LIMIT ?", (MAX_SEARCHED,))  # noqa: S608
    for row in rows:
        searched += 1
        haystack = f"{row[2]}\n{row[3]}\n{row[4]}".casefold()
        if all(word in haystack for word in words):
            found.append(audit_entry(row))
            if len(found) >= limit:
                break
    return tuple(found), searched
