"""The archive's file: made for its owner only, its troubles told in words.

It holds what can be fetched again, so the way out of most trouble is a new file.
"""

import os
import sqlite3
import stat
import time
from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError

from tools.errors import DataError

BUSY_SECONDS = 15.0
"""a fetch of 90 days of a whole region holds the file for seconds"""
# a damaged file can make SQLite's own message unreadable, and a damaged row no noun of ours
UNREADABLE = (sqlite3.Error, UnicodeDecodeError, ValidationError, ValueError, ArithmeticError)
_MODE_FILE = 0o600
_MODE_DIRECTORY = 0o700


def prepare(path: Path) -> None:
    """Make the file (0600) and its missing directories (0700), or look whether the one there may be trusted.

    Raises  DataError: a link, not a file, somebody else's, or not writable
    """
    try:
        for parent in reversed([p for p in path.parents if not p.exists()]):
            parent.mkdir(mode=_MODE_DIRECTORY, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, _MODE_FILE)
        except FileExistsError:
            _look_at(path)
        else:
            os.fchmod(descriptor, _MODE_FILE)
            os.close(descriptor)
    except OSError as error:
        raise told(error, path) from None


def _look_at(path: Path) -> None:
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode):
        what = "a symbolic link" if stat.S_ISLNK(found.st_mode) else "not a file"
        raise DataError(f"the archive {path} is {what}", hint="move it aside: a new archive is made in its place")
    if found.st_uid != os.geteuid():
        raise DataError(f"the archive {path} belongs to user {found.st_uid}", hint="use a folder of your own")
    if stat.S_IMODE(found.st_mode) & 0o077:
        path.chmod(_MODE_FILE, follow_symlinks=False)


def connect(path: Path) -> sqlite3.Connection:
    """WAL; waits for other processes up to BUSY_SECONDS; transactions are begun by hand.

    synchronous=NORMAL: a power cut may take the last looks and damages nothing. They can be fetched again.
    Raises  DataError
    """
    try:
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    except UNREADABLE as error:
        raise told(error, path) from None
    try:
        _patiently(lambda: connection.execute("PRAGMA journal_mode=WAL"))
        connection.execute("PRAGMA synchronous=NORMAL")
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
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    if isinstance(error, ValidationError):
        first = error.errors(include_input=False, include_url=False)[0]
        said = f"a stored {error.title} is damaged: {'.'.join(map(str, first['loc']))}: {first['msg']}"
    elif not isinstance(error, (sqlite3.Error, OSError)):
        said = f"a row that cannot be stored or is damaged: {said or type(error).__name__}"
    hint = next((way for word, way in _WAYS_OUT if word in said.lower()), _ANEW)
    return DataError(f"the archive {path}: {said}", hint=hint)
