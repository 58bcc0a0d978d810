"""Files that survive a kill and a power cut: written beside, synced, renamed, and the folder synced.

Every call that changes the disk stands here, by its name in `os`, so that a test can stop the process at each of them.
"""

from __future__ import annotations

import hashlib
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Iterator

PIECE_BYTES = 1 << 20


def write(path: Path, content: bytes) -> None:
    """A new file, on the disk when this returns; its name is, once its folder is synced."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_CLOEXEC", 0), 0o666)
    try:
        left = memoryview(content)
        while left:
            left = left[os.write(descriptor, left) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_whole(path: Path, content: bytes) -> None:
    """A reader sees the old file or the new one, never a part, whatever happens to us or to the power."""
    beside = part_of(path)
    try:
        write(beside, content)
        os.replace(beside, path)
    except OSError:
        with suppress(OSError):
            os.unlink(beside)
        raise
    sync_folder(path.parent)


def create(path: Path, content: bytes) -> bool:
    """A file that must not exist: whole at once under its name. False: it exists."""
    beside = part_of(path)
    try:
        write(beside, content)
        os.link(beside, path)
    except FileExistsError:
        return False
    finally:
        with suppress(FileNotFoundError):  # it could not even be opened
            os.unlink(beside)
    sync_folder(path.parent)
    return True


def part_of(path: Path) -> Path:
    """Where it is written first: no other process, on no other machine of a shared file system, has that name."""
    return path.with_name(f".{path.name}.{os.urandom(6).hex()}.part")


def is_part(name: str) -> bool:
    return re.fullmatch(r"\..+\.[0-9a-f]{12}\.part", name) is not None


def sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


sync_folder = sync_file  # the names in it


def files_below(folder: Path) -> Iterator[Path]:
    """What is no folder, in the order of names; links are followed by nobody."""
    for entry in sorted(os.scandir(folder), key=lambda e: e.name):
        if entry.is_dir(follow_symlinks=False):
            yield from files_below(Path(entry.path))
        else:
            yield Path(entry.path)


def sync_below(folder: Path) -> None:
    """Every file and every name in a folder, the folder last."""
    for entry in sorted(os.scandir(folder), key=lambda e: e.name):
        if entry.is_dir(follow_symlinks=False):
            sync_below(Path(entry.path))
        elif entry.is_file(follow_symlinks=False):
            sync_file(Path(entry.path))
    sync_folder(folder)


def sha256_of(path: Path) -> str:
    """64 hex characters; the file is never held whole."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for piece in iter(lambda: file.read(PIECE_BYTES), b""):
            digest.update(piece)
    return digest.hexdigest()


def remove_folder(folder: Path) -> None:
    """What cannot be removed stays; nobody reads a folder without a manifest."""
    with suppress(OSError):
        for entry in list(os.scandir(folder)):
            if entry.is_dir(follow_symlinks=False):
                remove_folder(Path(entry.path))
            else:
                with suppress(OSError):
                    os.unlink(entry.path)
        os.rmdir(folder)
