"""The kill switch: files that halt every change while one of them exists, so that anybody can use it with `touch`."""

import os
from datetime import UTC, datetime
from pathlib import Path

from tools.errors import SpotError


def is_on(switches: tuple[Path, ...]) -> bool:
    """Also a link to nowhere is a yes: somebody put it there."""
    return any(os.path.lexists(path) for path in switches)


def put_on(switches: tuple[Path, ...], *, by: str) -> None:
    """Make every file; one that cannot be made does not keep the others from it.

    Raises  SpotError: some could not be made; the message says whether any is on
    """
    failed = [f"{path}: {error}" for path in switches if (error := _make(path, by)) is not None]
    if failed:
        state = "another one is on" if is_on(switches) else "nothing is halted"
        raise SpotError(
            f"kill switch {'; '.join(failed)}; {state}",
            hint="make its directory writable, or stop the daemon by its process id",
        )


def take_off(switches: tuple[Path, ...]) -> None:
    """Raises  SpotError: a file cannot be removed, and everything stays halted"""
    for path in switches:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise SpotError(f"kill switch {path}: cannot be removed: {error.strerror}; all stays halted") from None


def _make(path: Path, by: str) -> str | None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not os.path.lexists(path):
            path.write_text(f"{by} at {datetime.now(UTC).isoformat()}\n", encoding="utf-8")
    except OSError as error:
        return error.strerror or str(error)
    return None
