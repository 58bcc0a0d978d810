"""The journal's file: made for its owner only, opened without following links, its troubles told in words."""

import os
import sqlite3
import stat
import time
from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError

from tools.errors import JournalError, SpotError

BUSY_SECONDS = 10.0
# a damaged file can make SQLite's own message unreadable; a damaged row may be no noun of ours any more
UNREADABLE = (sqlite3.Error, UnicodeDecodeError, ValidationError)
_MODE_FILE = 0o600
_MODE_DIRECTORY = 0o700


def prepare(path: Path) -> None:
    """Make the file (0600) and its missing directories (0700), or look whether the one there may be trusted.

    An existing database is looked at, never opened and closed: closing would drop SQLite's own locks on it.

    Raises  JournalError: a link, not a file, somebody else's, or not writable
    """
    try:
        for parent in reversed([p for p in path.parents if not p.exists()]):
            parent.mkdir(mode=_MODE_DIRECTORY, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, _MODE_FILE)
        except FileExistsError:
            check_owner(path)
            path.chmod(_MODE_FILE, follow_symlinks=False) if _open_to_others(path) else None
        else:
            os.fchmod(descriptor, _MODE_FILE)
            os.close(descriptor)
    except OSError as error:
        raise told(error, path) from None


def check_owner(path: Path) -> None:
    """Raises  JournalError: a link, not a regular file, or another user's"""
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode):
        raise JournalError(f"{path} is a symbolic link", hint="name the file itself: a link could point anywhere")
    if not stat.S_ISREG(found.st_mode):
        raise JournalError(f"{path} is not a file", hint="name a file with --db")
    if found.st_uid != os.geteuid():
        raise JournalError(f"{path} belongs to user {found.st_uid}", hint="name a database of your own with --db")


def _open_to_others(path: Path) -> bool:
    return bool(stat.S_IMODE(path.lstat().st_mode) & 0o077)


def connect(path: Path) -> sqlite3.Connection:
    """A durable connection: WAL, FULL, waits for other processes up to BUSY_SECONDS; transactions begun by hand.

    Raises  JournalError
    """
    try:
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    except UNREADABLE as error:
        raise told(error, path) from None
    try:
        _patiently(lambda: connection.execute("PRAGMA journal_mode=WAL"))
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA recursive_triggers=ON")
    except UNREADABLE as error:
        connection.close()
        raise told(error, path) from None
    return connection


def _patiently(step: Callable[[], object]) -> None:
    """Changing to WAL answers «busy» at once, whatever the timeout: two processes may open a new file together."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            step()
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


_WAYS_OUT = (
    ("locked", "another process holds it: wait, or look for one that hangs"),
    ("busy", "another process holds it: wait, or look for one that hangs"),
    ("full", "make room on the disk, then try again: nothing was acknowledged that is not stored"),
    ("disk i/o", "check the disk and its free space, then try again"),
    ("no space", "make room on the disk, then try again: nothing was acknowledged that is not stored"),
    ("readonly", "make the file and its directory writable, or name another with --db"),
    ("read-only", "make the file and its directory writable, or name another with --db"),
    ("permission", "make the file and its directory writable, or name another with --db"),
    ("unable to open", "check that the directory exists and may be written, or name another with --db"),
    ("no such table", "this is not a journal of ours: name one with --db"),
    ("directory", "name a file in a directory that exists and may be written, with --db"),
    ("too long", "name a shorter path with --db"),
    ("is damaged", "move it aside and restore a backup together with its .head file"),
    ("not a database", "move it aside, or name the journal with --db"),
    ("malformed", "move it aside and restore a backup together with its .head file"),
)


def told(error: Exception, path: Path) -> SpotError:
    """What SQLite or the system said, as a JournalError with a way out."""
    if isinstance(error, SpotError):
        return error
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    if isinstance(error, ValidationError):
        first = error.errors(include_input=False, include_url=False)[0]
        said = f"a stored {error.title} is damaged: {'.'.join(map(str, first['loc']))}: {first['msg']}"
    hint = next((way for word, way in _WAYS_OUT if word in said.lower()), "see `spotwarden doctor`")
    return JournalError(f"the journal {path}: {said}", hint=hint)
