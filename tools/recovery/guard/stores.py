"""Where a job's checkpoints outlive the instance: a directory, or S3 (see s3.py). Names are relative to the job.

Everything is done within a budget, which may be cut while the work goes on: a notice came.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from .files import PIECE_BYTES, create, is_part, part_of, sha256_of, sync_folder, write_whole
from .trouble import StoreRefused


class Budget:
    """Seconds that some work may take, from now, by a clock that does not jump."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    @property
    def left_seconds(self) -> float:
        return self._end - time.monotonic()

    def cut(self, seconds: float) -> None:
        """It ends so much later from now, or sooner."""
        self._end = min(self._end, time.monotonic() + seconds)


@dataclass(frozen=True)
class Stored:
    name: str
    size_bytes: int
    changed_at: float  # by the store's own clock


class Store(Protocol):
    """One job's place."""

    where: str
    job_id: str

    def list(self, below: str, *, budget: Budget) -> list[Stored]:
        """Objects whose names begin so. Raises StoreRefused."""

    def read(self, name: str, *, limit_bytes: int, budget: Budget) -> bytes | None:
        """None: there is none. Raises StoreRefused: refused, or larger than the limit."""

    def fetch(self, name: str, path: Path, size_bytes: int, *, budget: Budget) -> None:
        """Into a file, synced. Raises StoreRefused."""

    def put(self, name: str, content: bytes, *, budget: Budget) -> None:
        """Whole, over what was there. Raises StoreRefused."""

    def put_once(self, name: str, content: bytes, *, budget: Budget) -> bool:
        """False: the name is taken. Raises StoreRefused."""

    def put_file(self, name: str, path: Path, sha256: str, *, budget: Budget) -> None:
        """Once, whole and verified; a file that is there with the same SHA-256 is as good.

        Raises  StoreRefused: refused, or what is there differs
        """

    def remove(self, name: str, *, budget: Budget) -> None:
        """Raises  StoreRefused"""


class Folder:
    """A directory, also on a shared file system: files appear under their names whole."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.where = str(self.path)
        self.job_id = self.path.name or "job"

    def _at(self, name: str) -> Path:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def list(self, below: str, *, budget: Budget) -> list[Stored]:
        folder = below.rpartition("/")[0]
        found = []
        try:
            for where, _, names in os.walk(self.path / folder, onerror=_raise):
                for name in names:
                    path = Path(where, name)
                    told = path.relative_to(self.path).as_posix()
                    if told.startswith(below) and not is_part(name):
                        status = path.stat()
                        found.append(Stored(told, status.st_size, status.st_mtime))
        except FileNotFoundError:
            pass  # nobody wrote there yet, or a file went while we looked
        except OSError as error:
            raise self._refused("cannot be listed", error) from None
        return sorted(found, key=lambda s: s.name)

    def read(self, name: str, *, limit_bytes: int, budget: Budget) -> bytes | None:
        try:
            with (self.path / name).open("rb") as file:
                content = file.read(limit_bytes + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._refused(f"{name} cannot be read", error) from None
        if len(content) > limit_bytes:
            raise StoreRefused(f"{self.where}/{name}: more than {limit_bytes:,} bytes")
        return content

    def fetch(self, name: str, path: Path, size_bytes: int, *, budget: Budget) -> None:
        try:
            _copy(self.path / name, path)
        except OSError as error:
            raise self._refused(f"{name} cannot be read", error) from None

    def put(self, name: str, content: bytes, *, budget: Budget) -> None:
        try:
            write_whole(self._at(name), content)
        except OSError as error:
            raise self._refused(f"{name} cannot be written", error) from None

    def put_once(self, name: str, content: bytes, *, budget: Budget) -> bool:
        try:
            return create(self._at(name), content)
        except OSError as error:
            raise self._refused(f"{name} cannot be written", error) from None

    def put_file(self, name: str, path: Path, sha256: str, *, budget: Budget) -> None:
        try:
            target = self._at(name)
            if not target.exists():
                beside = part_of(target)
                try:
                    _copy(path, beside)
                    os.replace(beside, target)
                except OSError:
                    beside.unlink(missing_ok=True)  # on a full disk every attempt would leave one
                    raise
                sync_folder(target.parent)
            if sha256_of(target) != sha256:
                raise StoreRefused(f"{target}: its checksum is not the file's: written by somebody else, or damaged")
        except OSError as error:
            raise self._refused(f"{name} cannot be written", error) from None

    def remove(self, name: str, *, budget: Budget) -> None:
        path = self.path / name
        try:
            path.unlink(missing_ok=True)
            if path.parent != self.path and not any(path.parent.iterdir()):
                path.parent.rmdir()
        except OSError as error:
            raise self._refused(f"{name} cannot be removed", error) from None

    def _refused(self, what: str, error: OSError) -> StoreRefused:
        return StoreRefused(f"{self.where}: {what}: {error.strerror}", hint="is the directory mounted, and ours?")


def _raise(error: OSError) -> None:
    raise error


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as inside, target.open("wb") as outside:
        for piece in iter(lambda: inside.read(PIECE_BYTES), b""):
            outside.write(piece)
        outside.flush()
        os.fsync(outside.fileno())
