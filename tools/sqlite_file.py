"""An SQLite file of our own: made for its owner only, opened patiently, its troubles put in words.

What is said to people, and with which way out, is for the journal and the archive to say.
"""

import os
import sqlite3
import stat
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from pydantic import ValidationError

_MODE_FILE = 0o600
_MODE_DIRECTORY = 0o700


def make_private(path: Path, *, look_at: Callable[[Path], None]) -> None:
    """Make the file (0600) and its missing directories (0700); one that is there is closed to others.

    An existing database is looked at, never opened and closed: closing would drop SQLite's own locks on it.
    look_at  raises where the file that is there may not be trusted
    Raises   OSError
    """
    for parent in reversed([p for p in path.parents if not p.exists()]):
        parent.mkdir(mode=_MODE_DIRECTORY, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, _MODE_FILE)
    except FileExistsError:
        look_at(path)
        if stat.S_IMODE(path.lstat().st_mode) & 0o077:
            path.chmod(_MODE_FILE, follow_symlinks=False)
    else:
        os.fchmod(descriptor, _MODE_FILE)
        os.close(descriptor)


def connect_wal(path: Path, *, busy_seconds: float, pragmas: Sequence[str]) -> sqlite3.Connection:
    """WAL; waits for other processes up to `busy_seconds`; transactions are begun by hand.

    Raises  sqlite3.Error; UnicodeDecodeError: a damaged file can make SQLite's own message unreadable
    """
    connection = sqlite3.connect(path, timeout=busy_seconds, isolation_level=None, check_same_thread=False)
    try:
        _patiently(lambda: connection.execute("PRAGMA journal_mode=WAL"), busy_seconds)
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


def _patiently(step: Callable[[], object], seconds: float) -> None:
    """Changing to WAL answers «busy» at once, whatever the timeout: two processes may open a new file together."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            step()
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def words_of(error: Exception) -> str:
    """What SQLite, the system or a damaged row said."""
    if isinstance(error, ValidationError):
        first = error.errors(include_input=False, include_url=False)[0]
        return f"a stored {error.title} is damaged: {'.'.join(map(str, first['loc']))}: {first['msg']}"
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)
