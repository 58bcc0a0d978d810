"""The journal's file: made for its owner only, opened without following links, its troubles told in words."""

import os
import sqlite3
import stat
from pathlib import Path

from pydantic import ValidationError

from tools.errors import JournalError, SpotError
from tools.sqlite_file import connect_wal, make_private, words_of

BUSY_SECONDS = 10.0
# a damaged file can make SQLite's own message unreadable; a damaged row may be no noun of ours any more
UNREADABLE = (sqlite3.Error, UnicodeDecodeError, ValidationError)


def prepare(path: Path) -> None:
    """Make the file, or look whether the one there may be trusted.

    Raises  JournalError: a link, not a file, somebody else's, or not writable
    """
    try:
        make_private(path, look_at=check_owner)
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


def connect(path: Path) -> sqlite3.Connection:
    """A durable connection: synchronous=FULL.

    Raises  JournalError
    """
    try:
        return connect_wal(
            path, busy_seconds=BUSY_SECONDS, pragmas=("synchronous=FULL", "foreign_keys=ON", "recursive_triggers=ON")
        )
    except UNREADABLE as error:
        raise told(error, path) from None


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
    said = words_of(error)
    hint = next((way for word, way in _WAYS_OUT if word in said.lower()), "see `spotwarden doctor`")
    return JournalError(f"the journal {path}: {said}", hint=hint)
