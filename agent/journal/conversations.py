"""What was said, in its own tables: talk is not evidence."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from agent.journal.records import Conversation
from agent.journal.writer import Transaction, clean, instant
from tools.errors import UsageError
from tools.records import canonical_json


def start(tx: Transaction, title: str, *, lang: str | None) -> str:
    """Its id: c-1, c-2, …"""
    number = tx.db.execute("SELECT count(*) + 1 FROM conversations").fetchone()[0]
    conversation_id = f"c-{number}"
    tx.db.execute(
        "INSERT INTO conversations (conversation_id, title, lang, started_at) VALUES (?, ?, ?, ?)",
        (conversation_id, clean(title), lang, instant(tx.at)),
    )
    tx.append("conversation", {"conversation_id": conversation_id, "title": title, "lang": lang}, actor="person")
    return conversation_id


def add(tx: Transaction, conversation_id: str, message: Mapping[str, Any]) -> None:
    """Raises  UsageError: there is no such conversation"""
    if tx.db.execute("SELECT 1 FROM conversations WHERE conversation_id = ?", (conversation_id,)).fetchone() is None:
        raise UsageError(
            f"there is no conversation {conversation_id!r}", hint="see them with: spotwarden chat --resume"
        )
    tx.db.execute(
        "INSERT INTO messages (conversation_id, at, message) VALUES (?, ?, ?)",
        (conversation_id, instant(tx.at), clean(canonical_json(dict(message)))),
    )


def read_messages(db: Any, conversation_id: str) -> tuple[str, ...]:
    """JSON texts, oldest first."""
    rows = db.execute(
        "SELECT message FROM messages WHERE conversation_id = ? ORDER BY message_id", (conversation_id,)
    ).fetchall()
    return tuple(text for (text,) in rows)


def read_many(db: Any, *, limit: int) -> tuple[Conversation, ...]:
    """Newest first."""
    rows = db.execute(
        "SELECT conversation_id, title, lang, started_at FROM conversations ORDER BY rowid DESC LIMIT ?", (limit,)
    ).fetchall()
    return tuple(
        Conversation(conversation_id=i, title=t, lang=lang, started_at=datetime.fromisoformat(at))
        for i, t, lang, at in rows
    )
