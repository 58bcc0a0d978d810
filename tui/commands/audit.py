"""`spotwarden audit`: read the log, prove it, hand it on. Needs no account and no network.

Reads only, but for accept-witness, with which a person answers for a log whose witness was missing.
"""

import json
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from tools.errors import JournalError, UsageError
from tui.config import settings_of

if TYPE_CHECKING:
    from agent.journal.verify import Verification
    from tools.records import AuditEntry
    from tui.config import Settings

app = typer.Typer(rich_markup_mode=None, no_args_is_help=True)
EXIT_NOT_VERIFIED = 5
_SUMMARY_WIDTH = 100
_HASH = re.compile(r"[0-9a-fA-F]{64}")


@app.callback()
def audit() -> None:
    """What happened, who did it and why; and the proof that nobody changed it since."""


@app.command()
def show(
    ctx: typer.Context,
    kind: Annotated[
        list[str] | None, typer.Option(help="only this kind, such as proposal, approval, outcome; may repeat")
    ] = None,
    actor: Annotated[str | None, typer.Option(help="only what this actor did")] = None,
    since: Annotated[str | None, typer.Option(help="only from this UTC time on, such as 2026-11-20T09:00")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="the newest so many")] = 50,
) -> None:
    """The newest entries, oldest of them first."""
    from agent.journal.reading import look
    from agent.journal.schema import wrap
    from agent.journal.search import entries
    from tui.output import emit

    settings, start = settings_of(ctx), _instant(since)
    found = look(
        settings.db,
        lambda connection: entries(
            wrap(connection), limit=limit, newest_first=True, kinds=kind or (), actor=actor, since=start
        ),
    )[::-1]
    emit(settings, list(found), lambda: _show(found))


def _instant(text: str | None) -> str | None:
    if text is None:
        return None
    from agent.journal.writer import instant

    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--since {text}: not a time", hint="write UTC such as 2026-11-20T09:00") from None
    return instant(moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC))


def _show(entries: "tuple[AuditEntry, ...]") -> None:
    from tui.output import table

    if not entries:
        print("no entries")
        return
    rows = [(e.seq, f"{e.at:%Y-%m-%d %H:%M:%S}Z", e.actor, e.kind, summary(e.payload)) for e in entries]
    print(table(("seq", "at", "actor", "kind", "what"), rows, right=frozenset({0})))


def summary(payload: str) -> str:
    """One line of an entry's payload: which proposal, what was said, why."""
    try:
        value = json.loads(payload)
    except ValueError:
        return payload[:_SUMMARY_WIDTH]
    said = [str(value[k]) for k in ("proposal_id", "fleet") if isinstance(value.get(k), str)]
    for noun, fields in _TOLD.items():
        inner = value.get(noun)
        if isinstance(inner, dict):
            said += [_flat(inner[f]) for f in fields if inner.get(f)]
    text = " · ".join(said) if said else payload
    return text if len(text) <= _SUMMARY_WIDTH else text[: _SUMMARY_WIDTH - 1] + "…"


_TOLD = {
    "proposal": ("proposal_id", "rationale"),
    "decision": ("verdict", "reasons"),
    "approval": ("answer", "by", "reason"),
    "intent": ("intent_id", "want"),
    "outcome": ("status", "message", "request_ids"),
    "lease": ("name", "token"),
}


def _flat(value: Any) -> str:
    if isinstance(value, list):
        return "; ".join(map(str, value))
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)


@app.command()
def verify(
    ctx: typer.Context,
    expect_head: Annotated[str | None, typer.Option(help="a hash noted earlier that the log must still hold")] = None,
    expect_count: Annotated[
        int | None, typer.Option(min=0, help="a length noted earlier; with --expect-head, the entry that has the hash")
    ] = None,
) -> None:
    """Check every entry, the chain, and the head witnessed outside. Exit 5 when something is wrong.

    Also when entries were written while the witness (the .head file beside the database) was missing, until a person
    accepted that: audit accept-witness.
    """
    from agent.journal.verify import verify as check
    from tui.output import emit

    if expect_head is not None and not _HASH.fullmatch(expect_head):
        raise UsageError(
            f"--expect-head {expect_head[:80]}: not a head", hint="give the 64 hex characters that verify printed"
        )
    settings = settings_of(ctx)
    found = check(settings.db, expect_head=expect_head, expect_count=expect_count)
    emit(settings, found, lambda: _tell(settings, found))
    if not found.ok:
        raise typer.Exit(EXIT_NOT_VERIFIED)


def _tell(settings: "Settings", found: "Verification") -> None:
    from tui.output import plain

    if found.ok:
        print(f"verified: {found.entries:,} entries, head {found.head}")
        return
    first = f"first bad entry {found.first_bad:,}: " if found.first_bad is not None else ""
    print(f"NOT VERIFIED: {plain(settings.db)}: {first}{plain(found.reason)}")
    print("  → keep the files as they are: they are evidence; restore a backup together with its .head file")


@app.command("accept-witness")
def accept_witness(
    ctx: typer.Context,
    reason: Annotated[str, typer.Option(help="why the entries that are left can be trusted; kept in the log")],
) -> None:
    """Answer, as a person, for a log whose witness (the .head file) was missing; then verify it.

    A cut tail cannot be seen without the witness, so such a log is not verified. Compare it first with a backup, or
    with a head that was noted elsewhere: audit verify --expect-head HASH --expect-count N then finds nothing wrong
    but the missing witness.

    Exit 0 accepted and verified, 3 not a person, 5 not verified for another reason, 64 nothing to accept.
    """
    from agent.journal.journal import Journal
    from agent.journal.verify import verify as check
    from tui.opening import WallClock
    from tui.output import emit, say

    settings = settings_of(ctx)
    if not settings.db.is_file():
        raise JournalError(f"there is no journal at {settings.db}", hint="name one with --db")
    with Journal.open(settings.db, clock=WallClock()) as journal:
        entry = journal.accept_witness(reason=reason, by=settings.actor)
    say(settings, f"accepted: entry {entry.seq:,}")
    found = check(settings.db)
    emit(settings, found, lambda: _tell(settings, found))
    if not found.ok:
        raise typer.Exit(EXIT_NOT_VERIFIED)


@app.command("export")
def export_entries(
    ctx: typer.Context,
    form: Annotated[Literal["json", "jsonl", "csv"], typer.Option("--format", help="json, jsonl or csv")] = "json",
    out: Annotated[Path | None, typer.Option(help="file, readable by you only; default stdout")] = None,
) -> None:
    """Every entry with every column as it is stored, oldest first.

    In a file or a pipe it is exact; on a terminal, characters that a terminal would obey or hide are escaped.
    """
    from agent.journal.export import create_private, export
    from agent.journal.reading import look
    from tui.output import say

    settings = settings_of(ctx)
    if out is None:
        shown = _Visible(form) if sys.stdout.isatty() else sys.stdout
        look(settings.db, lambda connection: export(connection, shown, form), tries=1)
        return
    with create_private(out) as file:
        count = look(settings.db, lambda connection: export(connection, file, form), tries=1)
    say(settings, f"{count:,} entries → {out}")


class _Visible:
    """A terminal for text that somebody else wrote: JSON keeps its value, with \\uXXXX for what cannot be seen."""

    def __init__(self, form: Literal["json", "jsonl", "csv"]) -> None:
        self._form = form

    def write(self, text: str, /) -> int:
        from tui.output import inert_json
        from tui.safe_text import safe_text

        shown = safe_text(text, limit=len(text), lines=True) if self._form == "csv" else inert_json(text)
        return sys.stdout.write(shown)
