"""Looking at a journal without touching it: no file is made, none is changed, nobody is held up."""

import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar
from urllib.parse import quote

from agent.journal.files import BUSY_SECONDS, UNREADABLE, told
from tools.errors import JournalError, SpotError

T = TypeVar("T")
_TRIES = 5


class _Stamp(NamedTuple):
    in_use: bool
    inode: int = 0
    size: int = 0
    modified_ns: int = 0


def look(path: Path, read: Callable[[sqlite3.Connection], T], *, tries: int = _TRIES) -> T:
    """Call `read` with a connection that can only read; again when the file was written meanwhile.

    Raises  JournalError: no such file, SQLite cannot read it, or it was written during every try
    """
    path = path.expanduser().absolute()
    for _ in range(tries):
        before = _stamp(path)
        trouble: SpotError | None = None
        try:
            with opened(path) as connection:
                answer = read(connection)
        except JournalError as error:
            trouble = error
        except UNREADABLE as error:
            trouble = told(error, path)
        after = _stamp(path)
        if after == before or (before.in_use and after.in_use):  # in use all the while: SQLite kept one moment for us
            if trouble is not None:
                raise trouble
            return answer
        # opened or closed by a writer under our eyes: what was read may be half of each
    raise JournalError(f"{path} was written while it was read", hint="try again")


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Three ways, as SQLite needs: a file at rest is immutable; one in use is read through its -shm, read-only;
    a copied database and -wal without -shm are copied aside first, as reading them would make files.
    """
    if not path.is_file():
        raise JournalError(f"there is no journal at {path}", hint="name one with --db; `spotwarden demo` makes one")
    wal, shm = _beside(path, "-wal"), _beside(path, "-shm")
    if not wal.exists() or (wal.stat().st_size == 0 and not shm.exists()):
        with closing(_connect(path, "immutable=1")) as connection:
            yield connection
    elif shm.exists():
        with closing(_connect(path, "mode=ro&readonly_shm=1")) as connection:
            yield connection
    else:
        with tempfile.TemporaryDirectory() as aside:
            for file in (path, wal):
                shutil.copyfile(file, Path(aside) / file.name)
            with closing(_connect(Path(aside) / path.name, "mode=ro")) as connection:
                yield connection


def _connect(path: Path, how: str) -> sqlite3.Connection:
    try:
        return sqlite3.connect(f"file:{quote(str(path))}?{how}", uri=True, timeout=BUSY_SECONDS, isolation_level=None)
    except UNREADABLE as error:
        raise told(error, path) from None


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _stamp(path: Path) -> _Stamp:
    """Changes when somebody writes the file or begins to."""
    in_use = _beside(path, "-wal").exists()
    try:
        found = path.stat()
    except OSError:
        return _Stamp(in_use=in_use)
    return _Stamp(in_use, found.st_ino, found.st_size, found.st_mtime_ns)
