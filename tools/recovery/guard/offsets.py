"""How far a batch has come: one number in a file with an owner. Never torn, never back, never by two.

The file        {"generation", "offset", "owner", "saved_at", "sha256"}: the SHA-256 of the other fields
FILE.previous   the one before, used when the file is damaged
FILE.lock       held while somebody reads, compares and writes
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Iterator

from .files import sync_folder, write
from .manifest import now_text
from .saves import _say
from .trouble import BadRequest, OffsetDamaged, StaleOwner


@dataclass(frozen=True)
class Kept:
    offset: int
    generation: int
    owner: str
    saved_at: str

    def as_bytes(self) -> bytes:
        fields = vars(self)
        return json.dumps({**fields, "sha256": _digest(fields)}, sort_keys=True).encode()


def _digest(fields: dict[str, object]) -> str:
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


class Offsets:
    """`offsets = Offsets("offset.json")`, `offsets.read()`, work, `offsets.commit(n)` once the output is durable.

    Opening it for writing takes it over: whoever had it before is refused from then on.
    """

    def __init__(self, path: str | Path, *, owner: str = "", say: Callable[[str], None] = _say) -> None:
        self.path = Path(path).absolute()
        self.owner = owner or f"{os.uname().nodename}:{os.getpid()}"
        self.say = say
        self._generation: int | None = None

    @property
    def _previous(self) -> Path:
        return self.path.with_name(f"{self.path.name}.previous")

    def read(self) -> int:
        """The offset to go on from; 0 only where nothing was ever committed.

        Raises  OffsetDamaged: neither the file nor the one before can be read
        """
        kept = self._kept()
        return kept.offset if kept else 0

    def commit(self, offset: int) -> None:
        """On the disk when this returns.

        Raises  StaleOwner: somebody newer has taken over; BadRequest: it would go back; OffsetDamaged; OSError
        """
        with self._alone():
            kept = self._kept()
            if self._generation is None:
                self._take_over(kept)
                kept = self._kept()
            if kept and self._generation is not None and kept.generation > self._generation:
                raise StaleOwner(
                    f"{self.path}: {kept.owner} has taken over (owner {kept.generation}, this is {self._generation}):"
                    f" offset {offset} is not written",
                    hint="end this process: its work goes on elsewhere",
                )
            if offset < (kept.offset if kept else 0):
                saw = kept.offset if kept else 0
                raise BadRequest(f"{self.path}: offset {offset} after {saw}", hint="an offset never goes back")
            self._write(offset)

    def take_over(self) -> int:
        """Become the owner now, before the first commit; the offset to go on from."""
        with self._alone():
            kept = self._kept()
            self._take_over(kept)
        return kept.offset if kept else 0

    def _take_over(self, kept: Kept | None) -> None:
        newest = _parsed(self.path)
        self._generation = (kept.generation if kept else 0) + 1
        if newest is None and self.path.exists():  # its owner was one after the one before, and may still be there
            self._generation += 1
            self._write(kept.offset if kept else 0)  # so that the one before says the new number too
        self._write(kept.offset if kept else 0)

    def _write(self, offset: int) -> None:
        text = Kept(offset, self._generation or 0, self.owner, now_text()).as_bytes()
        beside = self.path.with_name(f".{self.path.name}.part")
        write(beside, text)
        if _parsed(self.path) is not None:
            os.replace(self.path, self._previous)
        os.replace(beside, self.path)
        sync_folder(self.path.parent)

    def _kept(self) -> Kept | None:
        found = _parsed(self.path)
        if found is not None:
            return found
        before = _parsed(self._previous)
        if not self.path.exists():
            if before is None and self._previous.exists():
                raise self._damaged("is missing")
            return before
        if before is None:
            raise self._damaged(f"cannot be read ({self.path.stat().st_size} bytes)")
        self.say(f"{self.path}: damaged ({self.path.stat().st_size} bytes): offset {before.offset} of before is used")
        return before

    def _damaged(self, saw: str) -> OffsetDamaged:
        return OffsetDamaged(
            f"{self.path}: {saw}, and there is no good {self._previous.name}",
            hint="find the last offset in the output, and remove both files to begin at 0",
        )

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.with_name(f".{self.path.name}.lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _parsed(path: Path) -> Kept | None:
    """None: there is none, or it is not what was written."""
    try:
        found = json.loads(path.read_bytes())
        told = found.pop("sha256")
        if told != _digest(found):
            return None
        return Kept(int(found["offset"]), int(found["generation"]), str(found["owner"]), str(found["saved_at"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
