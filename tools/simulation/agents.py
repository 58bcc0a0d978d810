"""The agents on the instances of checkpointed jobs: they save now and then, at once when asked to, and resume.

Layout in S3: JOB/checkpoints/<id>/<file>, then JOB/checkpoints/<id>/manifest.json, always last;
JOB/requests/<digest16>-<instance>.json asks one instance to save now; JOB/resume.json names the checkpoint to resume
from until another one is stored after it; JOB/reports/<instance>.json is what docs/guard.md says.
"""

import json
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from moto.autoscaling.models import FakeAutoScalingGroup

from tools.records import CheckpointFile, CheckpointManifest, canonical_json, utc_text
from tools.simulation.world import World

EVERY = timedelta(minutes=15)
ANSWER_WITHIN = timedelta(seconds=5)
RESTORED_AFTER = timedelta(seconds=10)
WORKS_AFTER = timedelta(seconds=15)
"""from the moment that an instance is in service"""
KEEP = 5
STEPS_PER_SECOND = 2
WHOLE_JOB = timedelta(hours=12)
_MARKER = re.compile(r"-(i-[0-9a-f]{8,17})\.json$")


@dataclass
class JobAgent:
    """One job: where it saves, how far it is, which requests it has seen."""

    group_name: str
    bucket: str
    job_id: str
    began: datetime
    """simulated start of the job: its progress is counted from here. It moves when work is lost"""
    last_saved: datetime
    answered: set[str] = field(default_factory=set)
    seen: dict[str, datetime] = field(default_factory=dict)
    """request marker → when the agent noticed it"""
    working: set[str] | None = None
    """instances that do the job's work; None = not looked yet"""
    starting: dict[str, datetime] = field(default_factory=dict)
    """instances that load a checkpoint → since when"""
    lost: int = 0
    """instances taken since the job last resumed"""
    runs: int = 0

    def watch(self, world: World, now: datetime) -> None:
        """Called on every tick: answers requests a tick after it sees them, and saves when it is time."""
        group = world.autoscaling.autoscaling_groups.get(self.group_name)
        if group is None:
            return
        serving = _serving(group)
        self._answer(world, serving, now)
        self._come_and_go(world, group, serving, now)
        if serving and now - self.last_saved >= EVERY:
            self.save(world, serving[0], now)

    def _answer(self, world: World, serving: list[str], now: datetime) -> None:
        bucket = world.s3.get_bucket(self.bucket)
        prefix = f"{self.job_id}/requests/"
        for key in sorted(k for k in bucket.keys if k.startswith(prefix)):
            named = _MARKER.search(key)
            if key in self.answered or not named:
                continue
            noticed = self.seen.setdefault(key, now)
            if named.group(1) in serving or self._still_up(world, named.group(1)):
                if now - noticed >= ANSWER_WITHIN:
                    self.answered.add(key)
                    self.save(world, named.group(1), now)
            elif now - noticed >= EVERY:
                self.answered.add(key)  # the instance is gone: nobody can answer

    def _come_and_go(self, world: World, group: FakeAutoScalingGroup, serving: list[str], now: datetime) -> None:
        """Whoever is new loads a checkpoint first. A training job goes on from there; of others only that instance."""
        before = set(serving) if self.working is None else self.working
        for instance_id in sorted(set(serving) - before - set(self.starting)):
            self.starting[instance_id] = now
        left = {i for i in before if i not in serving and not self._still_up(world, i)}
        self.lost += len(left)
        self.starting = {i: at for i, at in self.starting.items() if i in serving}
        ready = sorted(i for i, at in self.starting.items() if now - at >= WORKS_AFTER)
        for instance_id in ready:
            trains = any(t["Key"] == "workload" and t["Value"] == "training" for t in group.tags)
            self.resume(
                world, instance_id, since=self.starting.pop(instance_id), now=now, rewind=trains and self.lost > 0
            )
            self.lost = 0
        self.working = (before - left) | set(ready)

    def resume(self, world: World, instance_id: str, *, since: datetime, now: datetime, rewind: bool) -> None:
        """Load the checkpoint that a guard would, and report. Rewound, work after it is lost."""
        manifest = self._to_resume_from(world)
        self.runs += 1
        if rewind:
            self.began = since + WORKS_AFTER - timedelta(seconds=(manifest.step if manifest else 0) / STEPS_PER_SECOND)
        restored = {"checkpoint_id": manifest.checkpoint_id, "step": manifest.step} if manifest else None
        report: dict[str, Any] = {
            "schema": "spotwarden-guard-report/1",
            "job_id": self.job_id,
            "instance_id": instance_id,
            "provider": "aws",
            "generation": self.runs,
            "started_at": utc_text(since),
            "updated_at": utc_text(now),
            "state": "running",
            "exit_code": None,
            "saved": None,
            "checkpoint": None,
            "restored": restored,
            "save_seconds": [],
            "upload_seconds": [],
            "restore_seconds": RESTORED_AFTER.total_seconds() if manifest else None,
            "restart_seconds": WORKS_AFTER.total_seconds(),
            "uptime_seconds": None,
            "checkpoint_interval_seconds": EVERY.total_seconds(),
            "events": [],
        }
        put(world, self.bucket, f"{self.job_id}/reports/{instance_id}.json", canonical_json(report).encode(), now)
        world.log("ResumeJob", {"bucket": self.bucket, "job": self.job_id, "restored": restored}, [instance_id])

    def _to_resume_from(self, world: World) -> CheckpointManifest | None:
        """The pointer's, until one is stored after it; else the newest whose checksums agree."""
        stored = world.s3.get_bucket(self.bucket).keys
        ids = sorted(
            (k.split("/")[-2] for k in stored if k.startswith(self._prefix) and k.endswith("/manifest.json")),
            reverse=True,
        )
        pointer = stored.get(f"{self.job_id}/resume.json")
        if pointer is not None:
            named = json.loads(pointer.value)["checkpoint_id"]
            later = [i for i in ids if stored[f"{self._prefix}{i}/manifest.json"].last_modified > pointer.last_modified]
            ids = ids if later else sorted(ids, key=lambda i: i != named)
        return next((m for m in (self._whole(stored, i) for i in ids) if m is not None), None)

    def _whole(self, stored: Any, checkpoint_id: str) -> CheckpointManifest | None:
        folder = f"{self._prefix}{checkpoint_id}"
        try:
            manifest = CheckpointManifest.model_validate_json(stored[f"{folder}/manifest.json"].value)
        except ValueError:
            return None
        found = {f.name: stored.get(f"{folder}/{f.name}") for f in manifest.files}
        agree = all(found[f.name] and sha256(found[f.name].value).hexdigest() == f.sha256 for f in manifest.files)
        return manifest if agree else None

    def _still_up(self, world: World, instance_id: str) -> bool:
        """A detached instance works on until it is taken."""
        instance = world.instances.get(instance_id)
        return instance is not None and instance.state == "running"

    def save(self, world: World, instance_id: str, now: datetime) -> str:
        """Write one checkpoint, manifest last; returns its id. Saved twice in one second it is the same one."""
        checkpoint_id = f"ckpt-{now:%Y%m%dT%H%M%SZ}"
        folder = f"{self.job_id}/checkpoints/{checkpoint_id}"
        step = max(int((now - self.began).total_seconds()) * STEPS_PER_SECOND, 0)
        files = []
        for name, size in (("model.bin", 4096), ("optimizer.bin", 2048)):
            body = _content(world.seed, f"{folder}/{name}", size)
            put(world, self.bucket, f"{folder}/{name}", body, now)
            files.append(CheckpointFile(name=name, size_bytes=len(body), sha256=sha256(body).hexdigest()))
        manifest = CheckpointManifest(
            job_id=self.job_id,
            checkpoint_id=checkpoint_id,
            step=step,
            progress_share=round(min((now - self.began) / WHOLE_JOB, 1.0), 4),
            files=tuple(files),
            saved_at=now,
            saved_by=instance_id,
        )
        put(world, self.bucket, f"{folder}/manifest.json", manifest.canonical().encode(), now)
        self.last_saved = now
        world.log("SaveCheckpoint", {"bucket": self.bucket, "key": f"{folder}/manifest.json"}, [instance_id])
        self._retain(world)
        return checkpoint_id

    def _retain(self, world: World) -> None:
        """Keep the newest whole checkpoints and whatever the job would resume from."""
        bucket = world.s3.get_bucket(self.bucket)
        ids = sorted(
            k.split("/")[-2] for k in bucket.keys if k.startswith(self._prefix) and k.endswith("/manifest.json")
        )
        pointed = bucket.keys.get(f"{self.job_id}/resume.json")
        for checkpoint_id in ids[:-KEEP]:
            if pointed is not None and checkpoint_id.encode() in pointed.value:
                continue
            # the manifest goes first: a checkpoint without one does not exist
            folder = f"{self._prefix}{checkpoint_id}/"
            doomed = sorted(
                (k for k in bucket.keys if k.startswith(folder)), key=lambda k: not k.endswith("manifest.json")
            )
            for key in doomed:
                bucket.keys.pop(key)

    @property
    def _prefix(self) -> str:
        return f"{self.job_id}/checkpoints/"

    def point_at(self, world: World, checkpoint_id: str) -> None:
        """Write the job's resume pointer."""
        manifest = world.s3.get_bucket(self.bucket).keys[f"{self._prefix}{checkpoint_id}/manifest.json"]
        pointer = {"checkpoint_id": checkpoint_id, "manifest_sha256": sha256(manifest.value).hexdigest()}
        put(world, self.bucket, f"{self.job_id}/resume.json", canonical_json(pointer).encode(), self.last_saved)


def put(world: World, bucket: str, key: str, body: bytes, at: datetime) -> None:
    """Store an object from inside the account."""
    stored = world.s3.put_object(bucket, key, body, disable_notification=True)
    stored.last_modified = at.replace(tzinfo=None)


def _serving(group: FakeAutoScalingGroup) -> list[str]:
    return [s.instance.id for s in group.instance_states if s.lifecycle_state == "InService"]


def _content(seed: int, name: str, size: int) -> bytes:
    """Bytes that depend on the seed and the name only."""
    block = sha256(f"{seed}|{name}".encode()).digest()
    return (block * (size // len(block) + 1))[:size]
