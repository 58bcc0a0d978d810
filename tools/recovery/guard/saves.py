"""Checkpoints in a folder: saved whole or not at all, verified before they are used, an old owner refused.

DIR/<generation>-<step>/…   the state
DIR/…/manifest.json         size and SHA-256 of every file
DIR/…/COMPLETE              the manifest's SHA-256 and how long the save took: it is on the disk
DIR/owners/                 who may write
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Callable, Iterator

from . import owners
from .files import remove_folder, sync_below, sync_folder, write
from .manifest import (
    COMPLETE,
    MANIFEST,
    MAX_MANIFEST_BYTES,
    Manifest,
    Whole,
    checkpoint_id,
    generation_of,
    measured,
    now_text,
    order_of,
    read_manifest,
    verified,
)
from .trouble import BadRequest, CheckpointDamaged

SAVING = ".saving-"
DAMAGED = ".damaged-"


def _say(line: str) -> None:
    with suppress(OSError, ValueError):  # where nobody listens, the work goes on
        print(f"spotwarden-guard: {line}", file=sys.stderr, flush=True)


class Checkpoints:
    """One folder of checkpoints.

    keep        whole ones that stay; the newest always does
    generation  our number among the owners; None = taken at the first save
    resume      the id to begin from, until this owner has saved
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        keep: int = 3,
        job_id: str = "",
        owner: str = "",
        generation: int | None = None,
        resume: str = "",
        say: Callable[[str], None] = _say,
    ) -> None:
        if keep < 1:
            raise BadRequest(f"keep={keep}: at least one checkpoint has to stay", hint="say keep=1 or more")
        self.folder = Path(folder).absolute()
        self.keep = keep
        self.job_id = job_id or self.folder.name or "job"
        self.owner = owner or f"{os.uname().nodename}:{os.getpid()}"
        self.generation = generation
        self.resume = resume
        self.say = say

    # --- what is there
    def ids(self) -> list[str]:
        """Folders with a manifest, oldest first."""
        try:
            names = [e.name for e in os.scandir(self.folder) if e.is_dir(follow_symlinks=False)]
        except FileNotFoundError:
            return []
        found = [n for n in names if not n.startswith(".") and (self.folder / n / MANIFEST).exists()]
        return sorted(found, key=order_of)

    def newest_whole(self) -> Whole | None:
        """The newest that verifies; damaged ones are set aside and told, never loaded. None: there is none.

        The one that guard was told to resume from comes first, as long as this owner has saved none itself.
        """
        candidates = self.ids()[::-1]
        ours = [i for i in candidates if self.generation is not None and generation_of(i) >= self.generation]
        if self.resume in candidates and not ours:
            candidates.remove(self.resume)
            candidates.insert(0, self.resume)
        for candidate in candidates:
            try:
                return verified(self.folder / candidate)
            except CheckpointDamaged as problem:
                self._set_aside(candidate, problem)
        return None

    def _set_aside(self, checkpoint: str, problem: CheckpointDamaged) -> None:
        """Out of the way of the next reader, and still there for a person."""
        aside = self.folder / f"{DAMAGED}{checkpoint}"
        try:
            if aside.exists():
                remove_folder(aside)
            os.rename(self.folder / checkpoint, aside)
            sync_folder(self.folder)
            self.say(f"damaged, not loaded, set aside as {aside.name}: {problem.message}")
        except OSError as error:
            self.say(f"damaged, not loaded: {problem.message}; it cannot be set aside: {error.strerror}")

    # --- saving
    @contextmanager
    def save(self, *, step: int, progress_share: float | None = None) -> Iterator[Path]:
        """`with store.save(step=12) as folder:` write files into the folder; when the block ends they are a checkpoint.

        progress_share  0..1 of the whole work, if known
        An exception in the block leaves nothing behind.
        Raises  StaleOwner: somebody newer owns the folder; BadRequest: nothing was written into it; OSError: the disk
        """
        began = time.monotonic()
        generation = self._claimed()
        owners.check(self.folder, generation)
        self._sweep(generation)
        beside = self.folder / f"{SAVING}{generation:06d}-{os.getpid()}"
        remove_folder(beside)
        os.mkdir(beside)
        try:
            yield beside
            owners.check(self.folder, generation)
            final = self._free(generation, step)
            text = self._described(beside, final, step, progress_share)
            sync_below(beside)
            write(beside / MANIFEST, text)
            sync_folder(beside)
            owners.check(self.folder, generation)
            os.rename(beside, self.folder / final)
        except OSError:
            owners.check(self.folder, generation)  # a newer owner sweeps away what we were writing
            raise
        finally:
            remove_folder(beside)
        sync_folder(self.folder)
        self._complete(self.folder / final, text, time.monotonic() - began)
        self._retire()

    def seal(self, folder: str | Path, *, step: int, progress_share: float | None = None) -> Whole:
        """A folder that somebody else wrote and finished, inside this one, becomes a checkpoint under its own name.

        Raises  BadRequest: it is elsewhere, or empty; StaleOwner; OSError
        """
        began = time.monotonic()
        path = Path(folder).absolute()
        if path.parent != self.folder or path.name.startswith("."):
            raise BadRequest(
                f"{path}: not a folder in {self.folder}", hint="seal what stands in the store's own folder"
            )
        generation = self._claimed()
        owners.check(self.folder, generation)
        text = self._described(path, path.name, step, progress_share)
        sync_below(path)
        write(path / MANIFEST, text)
        sync_folder(path)
        sync_folder(self.folder)
        self._complete(path, text, time.monotonic() - began)
        return Whole(path, read_manifest(path))

    def _described(self, folder: Path, checkpoint: str, step: int, progress_share: float | None) -> bytes:
        files = measured(folder)
        if not files:
            raise BadRequest(f"step {step}: nothing was written into {folder}", hint="write the state into that folder")
        if step < 0 or not (progress_share is None or 0 <= progress_share <= 1):
            raise BadRequest(f"step={step}, progress_share={progress_share}", hint="a step is ≥ 0, a share is 0..1")
        share = None if progress_share is None else float(progress_share)
        text = Manifest(self.job_id, checkpoint, step, share, files, now_text(), self.owner).as_bytes()
        if len(text) > MAX_MANIFEST_BYTES:
            raise BadRequest(
                f"step {step}: {len(files):,} files are more than a manifest holds", hint="write fewer, larger ones"
            )
        return text

    def _claimed(self) -> int:
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.generation is None:
            self.generation = owners.claim(self.folder, self.owner)
        return self.generation

    def _free(self, generation: int, step: int) -> str:
        again = 0
        while (self.folder / checkpoint_id(generation, step, again)).exists():
            again += 1
        return checkpoint_id(generation, step, again)

    def _complete(self, folder: Path, text: bytes, seconds: float) -> None:
        told = {"manifest_sha256": hashlib.sha256(text).hexdigest(), "save_seconds": round(seconds, 6)}
        write(folder / COMPLETE, json.dumps(told).encode())
        sync_folder(folder)

    def _sweep(self, generation: int) -> None:
        """Half-written folders of owners before us."""
        for entry in list(os.scandir(self.folder)):
            if entry.name.startswith(SAVING) and entry.name[len(SAVING) :] < f"{generation:06d}":
                remove_folder(Path(entry.path))

    def _retire(self) -> None:
        """All but the last `keep`; the newest was just written and is whole. The manifest goes first, then the rest."""
        for old in self.ids()[: -self.keep]:
            if generation_of(old) < 0:
                continue  # a framework's own folder is the framework's to remove
            os.unlink(self.folder / old / MANIFEST)
            remove_folder(self.folder / old)


def complete(folder: Path) -> dict[str, object] | None:
    """What COMPLETE says; None: it is not there, or not readable."""
    try:
        found = json.loads((folder / COMPLETE).read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
