"""The archive's file: made for its owner only, its troubles told in words.

It holds what can be fetched again, so the way out of most trouble is a new file.
"""

import os
import sqlite3
import stat
from pathlib import Path

from pydantic import ValidationError

from tools.errors import DataError
from tools.sqlite_file import connect_wal, make_private, words_of

BUSY_SECONDS = 15.0
"""a fetch of 90 days of a whole region holds the file for seconds"""
# a damaged file can make SQLite's own message unreadable, and a damaged row no noun of ours
UNREADABLE = (sqlite3.Error, UnicodeDecodeError, ValidationError, ValueError, ArithmeticError)


def prepare(path: Path) -> None:
    """Make the file, or look whether the one there may be trusted.

    Raises  DataError: a link, not a file, somebody else's, or not writable
    """
    try:
        make_private(path, look_at=_look_at)
    except OSError as error:
        raise told(error, path) from None


def _look_at(path: Path) -> None:
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode):
        what = "a symbolic link" if stat.S_ISLNK(found.st_mode) else "not a file"
        raise DataError(f"the archive {path} is {what}", hint="move it aside: a new archive is made in its place")
    if found.st_uid != os.geteuid():
        raise DataError(f"the archive {path} belongs to user {found.st_uid}", hint="use a folder of your own")


def connect(path: Path) -> sqlite3.Connection:
    """synchronous=NORMAL: a power cut may take the last looks and damages nothing. They can be fetched again.

    Raises  DataError
    """
    try:
        return connect_wal(path, busy_seconds=BUSY_SECONDS, pragmas=("synchronous=NORMAL",))
    except UNREADABLE as error:
        raise told(error, path) from None


_ANEW = "move the file aside (with its -wal and -shm): a new archive is made, and prices of 90 days are fetched again"
_WRITABLE = "make the file and its folder writable"
_ROOM = "make room on the disk: what was kept before is whole"
_WAYS_OUT = (
    ("locked", "another process holds it: wait, or look for one that hangs"),
    ("busy", "another process holds it: wait, or look for one that hangs"),
    ("full", _ROOM),
    ("no space", _ROOM),
    ("disk i/o", "check the disk and its free space, then try again"),
    ("readonly", _WRITABLE),
    ("read-only", _WRITABLE),
    ("permi", _WRITABLE),  # permission denied, operation not permitted
    ("unable to open", _WRITABLE),
    ("directory", _WRITABLE),
    ("too long", "choose a shorter path"),
)


def told(error: Exception, path: Path) -> DataError:
    """What SQLite or the system said, as a DataError with a way out."""
    if isinstance(error, DataError):
        return error
    said = words_of(error)
    if not isinstance(error, (sqlite3.Error, OSError, ValidationError)):
        said = f"a row that cannot be stored or is damaged: {said or type(error).__name__}"
    hint = next((way for word, way in _WAYS_OUT if word in said.lower()), _ANEW)
    return DataError(f"the archive {path}: {said}", hint=hint)
