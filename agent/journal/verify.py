"""Does the audit log prove itself? Reads only, trusts nothing: not the schema, the types, the order, or the length."""

import sqlite3
from functools import partial
from pathlib import Path
from typing import Any

from agent.journal.chain import COLUMNS, EMPTY, GENESIS, Head, entry_hash
from agent.journal.files import UNREADABLE
from agent.journal.missing import MISSING, not_accepted
from agent.journal.reading import look
from agent.journal.witness import Witness, contradiction, head_path, read_witness
from tools.errors import SpotError
from tools.records import Record

_SELECT = f"SELECT {', '.join(COLUMNS)} FROM audit NOT INDEXED"  # noqa: S608 - our own columns
_SHAPE = [("seq", "INTEGER", 0, 1), *((name, "TEXT", 1, 0) for name in COLUMNS[1:])]


class Verification(Record):
    """What was found. `first_bad` is the first entry that is wrong or missing; None where no entry can be named."""

    ok: bool
    entries: int
    head: str
    first_bad: int | None
    reason: str


_TRIES = 3


class _Broken(Exception):
    def __init__(self, reason: str, first_bad: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.first_bad = first_bad


def verify(path: Path, *, expect_head: str | None = None, expect_count: int | None = None) -> Verification:
    """Check every entry, the chain, and that nothing that was witnessed is gone. Never raises for a bad journal.

    expect_head   a hash noted earlier: entry `expect_count`, or without a count any entry, must have it
    expect_count  a length noted earlier: there are at least so many entries
    """
    path = path.expanduser().absolute()
    found = _looked(path, (expect_head, expect_count))
    for _ in range(_TRIES):
        if found.ok or "cannot be read" not in found.reason:
            break
        # a writer that opens or closes the file takes it from under SQLite; what is really damaged stays so
        found = _looked(path, (expect_head, expect_count))
    return found


def _looked(path: Path, expect: tuple[str | None, int | None]) -> Verification:
    try:
        witness = read_witness(path)  # before the rows: they only grow
        return look(path, partial(_verify, path=path, witness=witness, expect=expect))
    except SpotError as error:
        return Verification(ok=False, entries=0, head=GENESIS, first_bad=None, reason=error.message)


def _verify(
    connection: sqlite3.Connection, *, path: Path, witness: Witness | None, expect: tuple[str | None, int | None]
) -> Verification:
    connection.execute("PRAGMA cell_size_check=ON")
    head = EMPTY
    try:
        connection.execute("BEGIN")  # one moment for everything that follows
        _same_shape(connection)
        head, missed = walk(connection)
        _witnessed(connection, head, path, witness, expect)
        if missed:
            _accepted(connection)
        _sound(connection)
    except _Broken as found:
        entries, last = _extent(connection)
        return Verification(ok=False, entries=entries, head=last, first_bad=found.first_bad, reason=found.reason)
    return Verification(ok=True, entries=head.count, head=head.hash, first_bad=None, reason="")


def _same_shape(connection: sqlite3.Connection) -> None:
    """`audit` must be the table itself: a view of that name would show what its maker likes."""
    try:
        rows = connection.execute("SELECT type, name FROM sqlite_master WHERE lower(name) = 'audit'").fetchall()
        columns = connection.execute("PRAGMA table_xinfo(audit)").fetchall()
    except UNREADABLE as error:
        raise _Broken(f"the file cannot be read: {error}") from None
    if not rows:
        raise _Broken("there is no table audit: this is not a journal, or it was emptied")
    if rows != [("table", "audit")]:
        raise _Broken(f"audit is a {rows[0][0]} named {rows[0][1]}, not the table audit")
    if [(c[1], c[2], c[3], c[5]) for c in columns] != _SHAPE or any(c[6] for c in columns):
        raise _Broken("the table audit has other columns than " + ", ".join(COLUMNS))


def walk(connection: sqlite3.Connection) -> tuple[Head, bool]:
    """Every entry in order: where the chain ends, and whether one of them tells of a missing witness.

    Raises  _Broken: at the first entry that is wrong or missing
    """
    seq, previous, missed, missing = 0, GENESIS, False, MISSING
    try:
        for row in connection.execute(f"{_SELECT} ORDER BY seq"):
            wanted = seq + 1
            found, at, actor, kind, payload, before, stored = row
            try:  # a million times: nothing here that need not be
                good = entry_hash(found, at, actor, kind, payload, before) == stored
            except (AttributeError, UnicodeEncodeError):  # not text
                good = False
            if not good or found != wanted or before != previous:
                raise _Broken(*_trouble(row, wanted, previous))
            seq, previous = wanted, stored
            if kind == missing:
                missed = True
    except UNREADABLE as error:
        _walk_singly(connection, seq, previous, str(error))
    return Head(count=seq, hash=previous), missed


def _hash(*fields: Any) -> str | None:
    """None when a field is not text: a BLOB of the same bytes is another value."""
    try:
        return entry_hash(*fields)
    except (AttributeError, UnicodeEncodeError):
        return None


def _trouble(row: tuple[Any, ...], wanted: int, previous: str) -> tuple[str, int]:
    seq = row[0]
    if seq != wanted:
        missing = f"entry {wanted:,} is missing" if seq > wanted else f"entry {seq:,} stands before entry {wanted:,}"
        return missing, min(seq, wanted)
    if not all(type(value) is str for value in row[1:]):
        return f"entry {seq:,}: a field is not text", seq
    if row[5] != previous:
        return f"entry {seq:,} does not follow the entry before it", seq
    return f"entry {seq:,}: its content does not match its hash", seq


def _walk_singly(connection: sqlite3.Connection, seq: int, previous: str, said: str) -> None:
    """SQLite stopped somewhere near: find the entry. Always raises _Broken."""
    while True:
        seq += 1
        try:
            row = connection.execute(f"{_SELECT} WHERE seq = ?", (seq,)).fetchone()
        except UNREADABLE as error:
            raise _Broken(f"entry {seq:,} cannot be read: {error}", seq) from None
        if row is None:
            raise _Broken(f"entry {seq:,} cannot be reached: {said}", seq)
        if row[5] != previous or _hash(*row[:6]) != row[6]:
            raise _Broken(*_trouble(row, seq, previous))
        previous = row[6]


def _witnessed(
    connection: sqlite3.Connection,
    head: Head,
    path: Path,
    witness: Witness | None,
    expect: tuple[str | None, int | None],
) -> None:
    def hash_at(seq: int) -> str | None:
        row = connection.execute("SELECT hash FROM audit NOT INDEXED WHERE seq = ?", (seq,)).fetchone()
        return row[0] if row else None

    expect_head, expect_count = expect
    if witness is not None:
        trouble = contradiction(witness, head, hash_at)
        if trouble:
            raise _Broken(trouble, min(head.count + 1, witness.count))
    elif expect_head is None and expect_count is None:
        raise _Broken(
            f"there is no {head_path(path).name} beside the journal: a cut tail could not be seen "
            "(copy the .head file along, or say --expect-head and --expect-count)"
        )
    if expect_count is not None and head.count < expect_count:
        raise _Broken(f"{expect_count:,} entries were expected, there are {head.count:,}", head.count + 1)
    if expect_head is None:
        return
    expected = expect_head.lower()
    if expect_count is not None:
        if (hash_at(expect_count) if expect_count else GENESIS) != expected:
            raise _Broken(f"entry {expect_count:,} does not have the expected hash", expect_count or None)
    elif expected != head.hash and not _holds(connection, expected):
        raise _Broken("no entry has the expected hash: the tail was cut, or this is another log", head.count + 1)


def _accepted(connection: sqlite3.Connection) -> None:
    """The log was written on while nothing outside told how long it had been."""
    waiting = not_accepted(connection)
    if waiting:
        raise _Broken(
            f"the witness was missing when entry {waiting[0]:,} was written: entries before it may have been cut "
            "(a person who knows better says: spotwarden audit accept-witness --reason TEXT)",
            waiting[0],
        )


def _holds(connection: sqlite3.Connection, expected: str) -> bool:
    return connection.execute("SELECT 1 FROM audit NOT INDEXED WHERE hash = ?", (expected,)).fetchone() is not None


def _sound(connection: sqlite3.Connection) -> None:
    """The rows are right as they were walked; a damaged tree could still show others to who looks one up."""
    try:
        found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except UNREADABLE as error:
        raise _Broken(f"the file is damaged: {error}") from None
    if found != "ok":
        raise _Broken(f"the file is damaged: {found}")


def _extent(connection: sqlite3.Connection) -> tuple[int, str]:
    """How many rows there are and what the last one says, as far as that can be read."""
    try:
        count = connection.execute("SELECT count(*) FROM audit NOT INDEXED").fetchone()[0]
        row = connection.execute("SELECT hash FROM audit NOT INDEXED ORDER BY seq DESC LIMIT 1").fetchone()
    except UNREADABLE:
        return 0, GENESIS
    return int(count), str(row[0]) if row and isinstance(row[0], str) else GENESIS
