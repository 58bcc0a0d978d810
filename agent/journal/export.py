"""The audit log as a file for others: every column exactly as it is stored, so that the chain can be checked there."""

import csv
import json
import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Literal, Protocol

from agent.journal.chain import COLUMNS
from tools.errors import JournalError

Format = Literal["json", "jsonl", "csv"]
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_SELECT = f"SELECT {', '.join(COLUMNS)} FROM audit NOT INDEXED ORDER BY seq"  # noqa: S608 - our own columns


class Out(Protocol):
    """Where text goes."""

    def write(self, text: str, /) -> int: ...


def export(connection: sqlite3.Connection, out: Out, form: Format) -> int:
    """Write every entry, oldest first; returns how many.

    json   one array of objects; jsonl: one object a line
    csv    RFC 4180 with a header; a cell that a spreadsheet would run gets a quote in front
    """
    count = 0
    rows: Iterator[tuple[object, ...]] = connection.execute(_SELECT)
    writer = csv.writer(out)
    if form == "csv":
        writer.writerow(COLUMNS)
    elif form == "json":
        out.write("[")
    for row in rows:
        if form == "csv":
            writer.writerow([cell(value) for value in row])
        else:
            text = json.dumps(dict(zip(COLUMNS, row, strict=True)), ensure_ascii=False)
            out.write(text + "\n" if form == "jsonl" else (",\n" if count else "\n") + text)
        count += 1
    if form == "json":
        out.write("\n]\n")
    return count


def cell(value: object) -> str:
    """Text that no spreadsheet takes for a formula."""
    text = str(value)
    return "'" + text if text.startswith(_FORMULA) else text


def create_private(path: Path) -> IO[str]:
    """A new or emptied file that only its owner may read. Raises JournalError."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise JournalError(f"{path} is not a file", hint="name a file with --out, or leave it out for stdout")
        os.ftruncate(descriptor, 0)
    except OSError as error:
        raise JournalError(
            f"{path}: cannot be written: {error.strerror}",
            hint="name another file with --out, or leave it out for stdout",
        ) from None
    return os.fdopen(descriptor, "w", encoding="utf-8", newline="")
