"""A result file that is there whole or not at all."""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from tools.errors import DataError, UsageError


def check_writable(path: Path) -> None:
    """Before long work: can a file of this name be written?

    Raises  UsageError: its folder is missing, or it is a folder itself, or it may not be written
    """
    if path.is_dir():
        raise UsageError(f"{path}: a folder, not a file", hint="name a file in it")
    folder = path.parent
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder", hint="create it first, or name a file elsewhere")
    if not os.access(_target(path) if _is_pipe(path) else _target(path).parent, os.W_OK):
        raise UsageError(f"{path}: you may not write there", hint="name a file in a folder of yours")


def write_whole(path: Path, lines: Iterable[str]) -> None:
    """Write beside the file and rename: a reader sees the old file or the new one, never a part.

    A pipe or a device is written straight: it must not be replaced. A link stays, its target is replaced.
    lines   with their ends; UTF-8
    Raises  DataError: the disk is full or refuses; a file that was there is as before
    """
    _replace(path, (line.encode("utf-8", "surrogateescape") for line in lines))


def write_bytes_whole(path: Path, content: bytes) -> None:
    """`write_whole` for a picture. Raises DataError as it does."""
    _replace(path, (content,))


def _replace(path: Path, pieces: Iterable[bytes]) -> None:
    target = _target(path)
    beside = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        if _is_pipe(path):
            _write(target, "wb", pieces)
            return
        _write(beside, "xb", pieces)
        os.replace(beside, target)  # noqa: PTH105 - the name of what it does
    except OSError as error:
        kept = ", the file that was there is as before" if target.is_file() else ""
        raise DataError(
            f"{path}: not written: {error.strerror or error}{kept}",
            hint="make room, or name a file in a folder that you may write",
        ) from None
    finally:
        with contextlib.suppress(OSError):
            beside.unlink()


def _write(path: Path, mode: str, pieces: Iterable[bytes]) -> None:
    with path.open(mode) as file:
        file.writelines(pieces)
        file.flush()
        if mode == "xb":  # a pipe has nothing to sync
            os.fsync(file.fileno())


def _target(path: Path) -> Path:
    return path.resolve()


def _is_pipe(path: Path) -> bool:
    return path.exists() and not path.is_file()
