"""Planted bugs: ways to save, load and commit that the trials of checkpoints have to find out."""

# ruff: noqa: PTH108

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.torture.checkpoints import NAMES, save_well, write_state
from tools.recovery.guard.manifest import read_manifest
from tools.recovery.guard.saves import Checkpoints
from tools.recovery.guard.trouble import CheckpointDamaged


def trusts_the_manifest(place: Path):
    """A loader that compares no checksum."""
    found = Checkpoints(place)
    for checkpoint in found.ids()[::-1]:
        with suppress(CheckpointDamaged):
            return read_manifest(place / checkpoint).step, place / checkpoint
    return None


def manifest_first(place: Path, step: int) -> None:
    """A saver that announces a checkpoint and then writes it."""
    with Checkpoints(place, keep=2).save(step=step) as folder:
        for name in NAMES:
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).touch()
    newest = Checkpoints(place).ids()[-1]
    write_state(place / newest, step)


def without_fsync(place: Path, step: int) -> None:
    """The right order, and nothing made durable."""
    real, os.fsync = os.fsync, lambda descriptor: None
    try:
        save_well(place, step)
    finally:
        os.fsync = real


def retire_first(place: Path, step: int) -> None:
    """Makes room before the new one is there."""
    for old in Checkpoints(place).ids():
        os.unlink(place / old / "manifest.json")
    save_well(place, step)


def truncate_then_write(path: Path, offset: int) -> None:
    """The guides' own: what was there is gone before what comes is."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.write(descriptor, json.dumps({"offset": offset}).encode())
    os.close(descriptor)


PLANTED: dict[str, tuple[str, dict[str, Any]]] = {
    "manifest-first-and-trusted": ("torn_loaded", {"saver": manifest_first, "loader": trusts_the_manifest}),
    "no-fsync-and-trusted": ("torn_loaded", {"saver": without_fsync, "loader": trusts_the_manifest}),
    "manifest-first": ("lost_older_than_newest_whole", {"saver": manifest_first}),
    "no-fsync": ("lost_older_than_newest_whole", {"saver": without_fsync}),
    "retire-first": ("lost_older_than_newest_whole", {"saver": retire_first}),
    "truncate-then-write": ("offsets_lost", {"commit": truncate_then_write}),
}
"""name → the figure that shows it, and what is done otherwise"""
