"""Nouns of recovery: notices, checkpoints, jobs, what became of an interruption."""

import re
from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from tools.records.base import Name, Record, UtcTime
from tools.records.fleets import FleetRef

_INSTANCE_IDS = {
    "aws": re.compile(r"i-[0-9a-f]{8,17}"),
    "gcp": re.compile(r"[0-9]{1,20}"),
    "azure": re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,79}"),
}


class Notice(Record):
    """A cloud says something about one instance.

    An interruption is an order. A rebalance recommendation, and a group's word that it ends the instance (lifecycle),
    are evidence.
    """

    kind: Literal["interruption", "rebalance", "lifecycle", "state-change"]
    provider: Literal["aws", "gcp", "azure"] = "aws"
    instance_id: str
    """i-… on AWS, a number on GCP, a virtual machine's name on Azure"""
    instance_action: Literal["terminate", "stop", "hibernate"] | None = None
    """interruption only"""
    state: str | None = None
    """state-change only: running, terminated, …"""
    at: UtcTime
    ends_at: UtcTime | None = None
    """when the instance goes; None = its cloud does not say it in so many words"""
    source: Name

    @field_validator("instance_id")
    @classmethod
    def _is_one_of_its_cloud(cls, name: str, info: ValidationInfo) -> str:
        pattern = _INSTANCE_IDS.get(info.data.get("provider", "aws"), _INSTANCE_IDS["aws"])
        if not pattern.fullmatch(name):
            raise ValueError(f"String should match pattern '{pattern.pattern}'")
        return name


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


Workload = Literal["training", "batch", "ci", "other"]
Priority = Literal["low", "normal", "high"]


class Job(Record):
    """Work that a fleet does and that has to be finished. None = not told."""

    job_id: Name
    """the name that people gave it"""
    fleet: FleetRef
    bucket: Name | None = None
    """of its checkpoints; None = it keeps none"""
    store_id: Name | None = None
    """its name in the bucket: checkpoints lie under STORE_ID/checkpoints/"""
    workload: Workload = "other"
    work_seconds: float | None = Field(default=None, gt=0)
    """of compute, from nothing to done"""
    deadline: UtcTime | None = None
    priority: Priority = "normal"
    changeover_seconds: float | None = Field(default=None, ge=0)
    """from the launch of an instance until it works on: boot, restore, warm-up; told, or measured"""
    restart_limit: int = Field(default=3, ge=0, le=100)
    """recoveries one after the other, without one that is verified between them"""
    implicit: bool = False
    """nobody registered it: made for a fleet whose tag names a store"""
    registered_at: UtcTime
    registered_by: Name

    @property
    def store(self) -> tuple[str, str] | None:
        """(bucket, name in it); None = it keeps no checkpoints."""
        return (self.bucket, self.store_id) if self.bucket is not None and self.store_id is not None else None


class JobProgress(Record):
    """How far a job is by what it would resume from: its newest whole checkpoint. None = not known."""

    job_id: Name
    share: float | None = Field(default=None, ge=0, le=1)
    step: int | None = Field(default=None, ge=0)
    checkpoint_id: Name | None = None
    saved_at: UtcTime | None = None
    age_seconds: float | None = None
    """what is lost if every instance stopped now"""
    share_per_hour: float | None = None
    """between the checkpoints that are kept; None = fewer than two, or they tell no share"""
    as_of: UtcTime
    source: Name


RecoveryStepName = Literal["save", "replace", "restore", "restart", "verify", "tell"]
RecoveryStepState = Literal["pending", "asked", "done", "failed", "skipped"]
RECOVERY_STEPS: tuple[RecoveryStepName, ...] = ("save", "replace", "restore", "restart", "verify", "tell")


class RecoveryStep(Record):
    """One step of a recovery. Save and replace run beside each other; the others wait for what they need."""

    name: RecoveryStepName
    state: RecoveryStepState = "pending"
    at: UtcTime | None = None
    """when it came to this state: of what happened out there, when that happened"""
    proposal_id: Name | None = None
    """what was drawn up for it"""
    tries: int = Field(default=0, ge=0)
    """proposals of this step that came to nothing"""
    due_at: UtcTime | None = None
    """not tried again before"""
    words: str = Field(default="", max_length=500)

    @property
    def over(self) -> bool:
        return self.state in ("done", "failed", "skipped")


class Recovery(Record):
    """What one interruption notice about one instance of a job led to."""

    recovery_id: Name
    """the same for every delivery of the same notice"""
    job: Job
    """as it was known when the notice came"""
    instance_id: str = Field(pattern=r"^i-[0-9a-f]{8,17}$")
    notice_at: UtcTime
    attempt: int = Field(default=1, ge=1)
    """counted through replacements that were lost in their turn"""
    status: Literal["open", "recovered", "gave-up", "passed-on"] = "open"
    """passed-on: its replacement was interrupted too, and that recovery goes on with it"""
    steps: tuple[RecoveryStep, ...] = tuple(RecoveryStep(name=name) for name in RECOVERY_STEPS)
    lost_work_seconds: float | None = None
    """from the checkpoint it resumes from to the notice, 0 when it was saved after it; None = not known"""
    checkpoint_id: Name | None = None
    """that it resumes from"""
    restored_step: int | None = None
    replaced_by: str | None = None
    """instance id"""
    opened_at: UtcTime
    ended_at: UtcTime | None = None
    told: str = Field(default="", max_length=2_000)

    def step(self, name: RecoveryStepName) -> RecoveryStep:
        return self.steps[RECOVERY_STEPS.index(name)]

    def with_step(self, name: RecoveryStepName, **changes: Any) -> "Recovery":
        return self.with_(steps=tuple(s.with_(**changes) if s.name == name else s for s in self.steps))

    @property
    def timeline(self) -> "RecoveryTimeline":
        """Seconds from the notice on, of what happened."""

        def after(name: RecoveryStepName) -> float | None:
            step = self.step(name)
            reached = step.state == "done" and step.at is not None
            return (step.at - self.notice_at).total_seconds() if reached and step.at is not None else None

        return RecoveryTimeline(
            notice_at=self.notice_at,
            saved_seconds=after("save"),
            replaced_seconds=after("replace"),
            restored_seconds=after("restart"),
            verified_seconds=after("verify"),
        )


class RecoveryTimeline(Record):
    """Notice → saved → replacement in service → restored → working on, seconds after the notice; None = it was not."""

    notice_at: UtcTime
    saved_seconds: float | None
    replaced_seconds: float | None
    restored_seconds: float | None
    verified_seconds: float | None
