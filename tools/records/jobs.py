"""Nouns of recovery: notices, checkpoints."""

from typing import Literal

from pydantic import Field

from tools.records.base import Name, Record, UtcTime
from tools.records.fleets import FleetRef


class Notice(Record):
    """EC2 says something about one instance. An interruption is an order, a rebalance recommendation is evidence."""

    kind: Literal["interruption", "rebalance", "state-change"]
    instance_id: str = Field(pattern=r"^i-[0-9a-f]{8,17}$")
    instance_action: Literal["terminate", "stop", "hibernate"] | None = None
    """interruption only"""
    state: str | None = None
    """state-change only: running, terminated, …"""
    at: UtcTime
    source: Name


class QueuedNotice(Record):
    """A notice as a queue delivered it; `receipt` acknowledges it. `notice` None: the message was not one."""

    notice: Notice | None
    receipt: str
    problem: str | None = None
    """why the message could not be read"""


class CheckpointFile(Record):
    name: Name
    size_bytes: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class CheckpointManifest(Record):
    """Written last: a checkpoint without its manifest does not exist."""

    job_id: Name
    checkpoint_id: Name
    step: int = Field(ge=0)
    progress_share: float | None = Field(default=None, ge=0, le=1)
    files: tuple[CheckpointFile, ...] = Field(min_length=1)
    saved_at: UtcTime
    saved_by: Name
    """instance id"""


class Checkpoint(Record):
    """A checkpoint found in a store, with what is wrong with it, if anything."""

    job_id: Name
    checkpoint_id: Name
    manifest: CheckpointManifest | None
    manifest_sha256: str | None
    whole: bool
    problem: str | None = None
    """no manifest · a file is missing · a size differs · a checksum differs"""
    verified: bool = False
    """True: every file was read and its SHA-256 compared"""


class CheckpointInventory(Record):
    fleet: FleetRef
    job_id: Name
    bucket: Name
    checkpoints: tuple[Checkpoint, ...]
    """newest first"""
    newest_whole: str | None
    age_seconds: float | None
    """of the newest whole one: work lost if every instance stopped now"""
    as_of: UtcTime
    source: Name
