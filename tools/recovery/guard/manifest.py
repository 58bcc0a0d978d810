"""The manifest of a checkpoint: the same fields as the job store's, written after every file it names.

A checkpoint is whole when its manifest can be read and every file has the size and the SHA-256 that it says.
"""

from __future__ import annotations

import json
import re
import stat
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path, PurePosixPath
from typing import Any

from .files import files_below, sha256_of
from .trouble import BadRequest, CheckpointDamaged

MANIFEST = "manifest.json"
COMPLETE = "COMPLETE"
MAX_MANIFEST_BYTES = 8 << 20
"""of some 50,000 files"""
_ID = re.compile(r"(\d{6,})-(\d{12,})(?:-(\d+))?")
_NUMBER = re.compile(r"(\d{1,18})$")


@dataclass(frozen=True)
class StateFile:
    name: str  # relative to the checkpoint's folder, with /
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    job_id: str
    checkpoint_id: str
    step: int
    progress_share: float | None
    files: tuple[StateFile, ...]
    saved_at: str  # UTC, …Z
    saved_by: str  # instance id

    def as_bytes(self) -> bytes:
        files = [vars(f) for f in self.files]
        return json.dumps({**vars(self), "files": files}, sort_keys=True, indent=1).encode()

    @property
    def size_bytes(self) -> int:
        return sum(f.size_bytes for f in self.files)


@dataclass(frozen=True)
class Whole:
    """A checkpoint whose files were all read and agreed with its manifest."""

    folder: Path
    manifest: Manifest

    @property
    def checkpoint_id(self) -> str:
        return self.manifest.checkpoint_id

    @property
    def step(self) -> int:
        return self.manifest.step


def now_text() -> str:
    return as_text(datetime.now(timezone.utc))


def as_text(moment: datetime) -> str:
    """2026-11-20T09:00:00.250Z"""
    return moment.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def checkpoint_id(generation: int, step: int, again: int = 0) -> str:
    """Sorts as the work went; `again`: the step was saved before by the same owner."""
    return f"{generation:06d}-{step:012d}" + (f"-{again:03d}" if again else "")


def order_of(checkpoint: str) -> tuple[int, int, int, str]:
    """(generation, step, again, id); a framework's id, such as checkpoint-500, is older than all of ours."""
    found = _ID.fullmatch(checkpoint)
    if found is None:
        number = _NUMBER.search(checkpoint)
        return -1, int(number[1]) if number else -1, 0, checkpoint
    return int(found[1]), int(found[2]), int(found[3] or 0), checkpoint


def generation_of(checkpoint: str) -> int:
    return order_of(checkpoint)[0]


def measured(folder: Path) -> tuple[StateFile, ...]:
    """Every file of a folder but the manifest's own, read and hashed.

    Raises  BadRequest: something in it could not be given back as it is; better now than when it is needed
    """
    found = []
    for path in files_below(folder):
        name = path.relative_to(folder).as_posix()
        if name in (MANIFEST, COMPLETE) and _is_ours(folder):
            continue  # of an earlier time that the same folder was sealed
        trouble = _unfit(path, name)
        if trouble:
            raise BadRequest(
                f"{name!a} in {folder}: {trouble}: it cannot be kept", hint="write it as a file of a plain name"
            )
        found.append(StateFile(name, path.stat().st_size, sha256_of(path)))
    return tuple(found)


def _is_ours(folder: Path) -> bool:
    try:
        read_manifest(folder)
    except CheckpointDamaged:
        return False
    return True


def _unfit(path: Path, name: str) -> str:
    """What is wrong with one as a file of a checkpoint, or ""."""
    if name in (MANIFEST, COMPLETE):
        return "the checkpoint's own file has that name"
    if not stat.S_ISREG(path.lstat().st_mode):
        return "no file, but a link, a pipe or the like"
    try:
        name.encode()
    except UnicodeEncodeError:
        return "its name is no UTF-8"
    return "" if _inside(name) else "a backslash in its name"


def _inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not (path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name)


def read_manifest(folder: Path) -> Manifest:
    """Raises  CheckpointDamaged: there is none, or it cannot be read"""
    try:
        with (folder / MANIFEST).open("rb") as file:
            text = file.read(MAX_MANIFEST_BYTES + 1)
    except FileNotFoundError:
        raise CheckpointDamaged(f"{folder}: no manifest: it was never finished") from None
    except OSError as error:
        raise CheckpointDamaged(f"{folder}: the manifest cannot be read: {error.strerror}") from None
    return parsed(text, str(folder))


def parsed(text: bytes, where: str) -> Manifest:
    """Raises  CheckpointDamaged: not a manifest, or one that names a file outside its folder"""
    try:
        found = json.loads(text)
        manifest = _manifest(found)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        saw = f"{len(text):,} bytes" if text else "an empty file"
        raise CheckpointDamaged(f"{where}: not a manifest: {saw}: {error!r:.120}") from None
    for file in manifest.files:
        if not _inside(file.name):
            raise CheckpointDamaged(f"{where}: the manifest names a file outside its folder: {file.name[:80]!r}")
    return manifest


def _manifest(found: dict[str, Any]) -> Manifest:
    files = tuple(StateFile(str(f["name"]), int(f["size_bytes"]), str(f["sha256"])) for f in found["files"])
    if not files or int(found["step"]) < 0:
        raise ValueError("no files" if not files else "a step below 0")
    share = found.get("progress_share")
    return Manifest(
        job_id=str(found["job_id"]),
        checkpoint_id=str(found["checkpoint_id"]),
        step=int(found["step"]),
        progress_share=None if share is None else float(share),
        files=files,
        saved_at=str(found["saved_at"]),
        saved_by=str(found["saved_by"]),
    )


def verified(folder: Path) -> Whole:
    """Every file is read and its SHA-256 compared.

    Raises  CheckpointDamaged: no manifest, or a file that is missing, cut short or changed
    """
    manifest = read_manifest(folder)
    if manifest.checkpoint_id != folder.name:
        raise CheckpointDamaged(f"{folder}: its manifest is of {manifest.checkpoint_id[:80]!r}")
    for file in manifest.files:
        path = folder / file.name
        try:
            size = path.stat().st_size
            if size != file.size_bytes:
                raise CheckpointDamaged(
                    f"{folder}: {file.name} has {size:,} bytes, the manifest says {file.size_bytes:,}"
                )
            if sha256_of(path) != file.sha256:
                raise CheckpointDamaged(f"{folder}: the checksum of {file.name} differs")
        except OSError as error:
            raise CheckpointDamaged(f"{folder}: {file.name} cannot be read: {error.strerror}") from None
    return Whole(folder, manifest)
