"""`<database>.head`: how long the chain was and how it ended, kept outside the database.

A chain alone cannot tell that its tail was cut, or that the whole file was swapped for an older copy.
The witness never moves backwards, and evidence is never overwritten.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from pydantic import Field, ValidationError

from agent.journal.chain import EMPTY, GENESIS, Head
from agent.journal.files import BUSY_SECONDS, check_owner, told
from tools.errors import AuditBroken, JournalError
from tools.records import Record, UtcTime, canonical_json

_MAX_BYTES = 4096
_RESTORE = "restore the database that belongs to it, or move both files aside to keep them as evidence"


class Witness(Record):
    """What the file holds."""

    count: int = Field(ge=0)
    head: str
    at: UtcTime


def head_path(database: Path) -> Path:
    return database.with_name(database.name + ".head")


def read_witness(database: Path) -> Witness | None:
    """None when there is none.

    Raises  AuditBroken: the file is not a witness
    """
    path = head_path(database)
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise told(error, path) from None
    try:
        return Witness.model_validate_json(text)
    except ValidationError:
        raise AuditBroken(f"{path} is not a head file: {text[:60]!r}", hint=_RESTORE) from None


def contradiction(witness: Witness, head: Head, hash_at: Callable[[int], str | None]) -> str:
    """Why a chain cannot be the one that was witnessed; empty when it can."""
    if head.count < witness.count:
        return f"the witness saw {witness.count:,} entries at {witness.at:%Y-%m-%d %H:%M:%S}Z, there are {head.count:,}"
    found = hash_at(witness.count) if witness.count else GENESIS
    if found != witness.head:
        return f"entry {witness.count:,} is not the one that was witnessed at {witness.at:%Y-%m-%d %H:%M:%S}Z"
    return ""


def write_witness(database: Path, head: Head, *, at: datetime, hash_at: Callable[[int], str | None]) -> Witness:
    """Witness a head that is durable: whole or not at all, never backwards.

    hash_at  hash of the entry with that number in the database
    Returns  what the file says now: another process may have witnessed more
    Raises   AuditBroken: what the file says is not in the database; JournalError: the disk refuses
    """
    with _locked(database):
        known = read_witness(database)
        if known is not None:
            # another process may have appended and witnessed since `head` was read
            reached = head if known.count <= head.count else _reach(known, head, hash_at)
            trouble = contradiction(known, reached, hash_at)
            if trouble:
                raise AuditBroken(f"{database}: {trouble}", hint=_RESTORE)
            if known.count > head.count or (known.count == head.count and head != EMPTY):
                return known
        witness = Witness(count=head.count, head=head.hash, at=at)
        try:
            _replace(head_path(database), canonical_json(witness).encode() + b"\n")
        except OSError as error:
            raise told(error, head_path(database)) from None
        return witness


def _reach(known: Witness, head: Head, hash_at: Callable[[int], str | None]) -> Head:
    found = hash_at(known.count)
    return head if found is None else Head(count=known.count, hash=found)


def _replace(path: Path, content: bytes) -> None:
    if path.is_symlink() or path.exists():
        check_owner(path)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


@contextmanager
def _locked(database: Path) -> Iterator[None]:
    """One process at a time, by a lock on the directory: it needs no file of its own, and dies with its process."""
    try:
        directory = os.open(database.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise told(error, database.parent) from None
    try:
        deadline = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise JournalError(
                        f"{head_path(database)}: another process holds its lock",
                        hint="look for a spotwarden that hangs",
                    ) from None
                time.sleep(0.002)
        yield
    finally:
        os.close(directory)
