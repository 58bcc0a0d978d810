"""Checkpoints of a job in S3: found, verified, and one of them made the one to resume from.

Layout  JOB/checkpoints/<checkpoint_id>/<file>          the state
        JOB/checkpoints/<checkpoint_id>/manifest.json   written last: without it the checkpoint does not exist
        JOB/resume.json                                 the one to resume from, with its manifest's SHA-256
"""

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import Field, ValidationError

from tools.cloud import Clock, CloudReader, CloudWriter, Receipt
from tools.errors import CheckpointDamaged, DataError, NotFound, UsageError
from tools.market.subject import named_fleet
from tools.records import (
    Checkpoint,
    CheckpointInventory,
    CheckpointManifest,
    Fleet,
    Intent,
    Name,
    RestoreCheckpoint,
    StoredObject,
    canonical_json,
)
from tools.tool import explain, tool

TAG = "spotwarden:checkpoints"
MANIFEST = "manifest.json"
MAX_MANIFEST_BYTES = 8 << 20
MAX_POINTER_BYTES = 1 << 14
MAX_LISTED = 100
"""manifests read for one listing: those of the last ids in order"""
_STORE = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/([A-Za-z0-9][A-Za-z0-9._/-]{0,180})")
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


def checkpoint_store(fleet: Fleet) -> tuple[str, str] | None:
    """(bucket, job id) from the fleet's tag; None without the tag, or where it names no place in S3.

    The tag is somebody's text: only a plain bucket and a plain prefix are taken from it.
    """
    found = _STORE.fullmatch((fleet.tag(TAG) or "").rstrip("/"))
    if found is None or any(part in ("", ".", "..") for part in found[2].split("/")):
        return None
    return found[1], found[2]


def _store(fleet: Fleet) -> tuple[str, str]:
    place = checkpoint_store(fleet)
    if place is not None:
        return place
    tag = fleet.tag(TAG)
    seen = f"no tag {TAG}" if tag is None else f"its tag {TAG} names no place in S3: {tag[:80]!r}"
    raise UsageError(f"{fleet.name}: {seen}", hint=f"tag the fleet {TAG}=s3://BUCKET/JOB")


def resume_key(job_id: str) -> str:
    return f"{job_id}/resume.json"


def _folder(job_id: str, checkpoint_id: str = "") -> str:
    return f"{job_id}/checkpoints/{checkpoint_id}/" if checkpoint_id else f"{job_id}/checkpoints/"


@tool(
    effect="read",
    iam=("s3:ListBucket", "s3:GetObject", "autoscaling:DescribeAutoScalingGroups", "ec2:DescribeFleets"),
    example={"fleet": "ml-train"},
)
def list_checkpoints(
    reader: CloudReader,
    clock: Clock,
    fleet: Annotated[Name, Field(description="fleet name or id")],
) -> CheckpointInventory:
    """Checkpoints of a fleet's job, newest first: which are whole, what is wrong with others, how old the newest is.

    Sizes are compared here; checksums are, when one is restored. At most the last 100 ids are read.
    Raises  UsageError: the fleet names no store; NotFound: no such fleet or bucket
    """
    found = named_fleet(reader, fleet)
    bucket, job_id = _store(found)
    checkpoints = stored(reader, bucket, job_id)
    whole = next((c for c in checkpoints if c.whole and c.manifest), None)
    now = clock.now()
    age = (now - whole.manifest.saved_at).total_seconds() if whole and whole.manifest else None
    return CheckpointInventory(
        fleet=found.ref,
        job_id=job_id,
        bucket=bucket,
        checkpoints=checkpoints,
        newest_whole=whole.checkpoint_id if whole else None,
        age_seconds=age,
        as_of=now,
        source=f"s3://{bucket}/{_folder(job_id)}"[:255],
    )


def stored(reader: CloudReader, bucket: str, job_id: str) -> tuple[Checkpoint, ...]:
    """Newest first by the time of saving; those without a readable manifest come last, by id."""
    prefix = _folder(job_id)
    by_id: dict[str, list[StoredObject]] = defaultdict(list)
    for item in reader.objects(bucket, prefix):
        checkpoint_id, _, name = item.key.removeprefix(prefix).partition("/")
        if checkpoint_id and name:
            by_id[checkpoint_id].append(item)
    last = sorted(by_id)[-MAX_LISTED:]
    found = [_look(reader, bucket, job_id, i, by_id[i]) for i in last]
    return tuple(sorted(found, key=_saved, reverse=True))


def _saved(checkpoint: Checkpoint) -> tuple[datetime, str]:
    saved_at = checkpoint.manifest.saved_at if checkpoint.manifest else _BEGINNING
    return saved_at, checkpoint.checkpoint_id


def _look(
    reader: CloudReader, bucket: str, job_id: str, checkpoint_id: str, items: Sequence[StoredObject]
) -> Checkpoint:
    """One checkpoint by its manifest and the sizes of its files."""
    folder = _folder(job_id, checkpoint_id)
    sizes = {i.key.removeprefix(folder): i.size_bytes for i in items}

    def seen(manifest: CheckpointManifest | None, digest: str | None, problem: str | None) -> Checkpoint:
        return Checkpoint(
            job_id=job_id,
            checkpoint_id=checkpoint_id,
            manifest=manifest,
            manifest_sha256=digest,
            whole=problem is None,
            problem=problem,
        )

    if MANIFEST not in sizes:
        return seen(None, None, "no manifest: it was never finished")
    try:
        text = reader.read_object(bucket, folder + MANIFEST, limit_bytes=MAX_MANIFEST_BYTES)
        manifest = _manifest(text, job_id, checkpoint_id)
    except (DataError, NotFound) as error:
        return seen(None, None, f"the manifest cannot be read: {error.message}")
    return seen(manifest, hashlib.sha256(text).hexdigest(), _size_problem(manifest, sizes))


def _manifest(text: bytes, job_id: str, checkpoint_id: str) -> CheckpointManifest:
    try:
        manifest = CheckpointManifest.model_validate_json(text)
    except ValidationError as error:
        raise DataError(explain(error)) from None
    if (manifest.job_id, manifest.checkpoint_id) != (job_id, checkpoint_id):
        raise DataError(f"it is of {manifest.job_id}/{manifest.checkpoint_id}"[:200])
    return manifest


def _size_problem(manifest: CheckpointManifest, sizes: dict[str, int]) -> str | None:
    for file in manifest.files:
        if file.name not in sizes:
            return f"a file is missing: {file.name}"
        if sizes[file.name] != file.size_bytes:
            return f"a size differs: {file.name} has {sizes[file.name]:,} bytes, the manifest says {file.size_bytes:,}"
    return None


def verify_checkpoint(reader: CloudReader, bucket: str, job_id: str, checkpoint_id: str) -> Checkpoint:
    """One checkpoint with every file read and its SHA-256 compared.

    Raises  NotFound: there is nothing under this id
    """
    items = reader.objects(bucket, _folder(job_id, checkpoint_id))
    if not items:
        raise NotFound(f"{job_id}: there is no checkpoint {checkpoint_id!r} in s3://{bucket}")
    found = _look(reader, bucket, job_id, checkpoint_id, items)
    if not found.whole or found.manifest is None:
        return found
    for file in found.manifest.files:
        try:
            digest = reader.object_sha256(bucket, _folder(job_id, checkpoint_id) + file.name)
        except NotFound:
            return found.with_(whole=False, problem=f"a file is missing: {file.name}")
        if digest != file.sha256:
            return found.with_(whole=False, problem=f"a checksum differs: {file.name}", verified=True)
    return found.with_(verified=True)


@tool(
    effect="write",
    iam=("s3:ListBucket", "s3:GetObject", "s3:PutObject"),
    example={"fleet": "ml-train", "checkpoint_id": None},
)
def restore_checkpoint(
    reader: CloudReader,
    fleet: Annotated[Name, Field(description="fleet name or id")],
    checkpoint_id: Annotated[Name | None, Field(description="null = the newest whole one")],
) -> RestoreCheckpoint:
    """Draw up: make a whole, verified checkpoint the one that the fleet's job resumes from. Damaged ones are refused.

    Every file's SHA-256 is compared with the manifest before anything is drawn up.
    Raises  CheckpointDamaged: it, or every one, is not whole; NotFound: no such checkpoint, or none at all
    """
    found = named_fleet(reader, fleet)
    bucket, job_id = _store(found)
    chosen = _newest_whole(reader, bucket, job_id) if checkpoint_id is None else None
    if checkpoint_id is not None:
        chosen = _whole(verify_checkpoint(reader, bucket, job_id, checkpoint_id))
    if chosen is None or chosen.manifest_sha256 is None:
        raise NotFound(f"{job_id}: there is no checkpoint in s3://{bucket}", hint="the job has to save one first")
    return RestoreCheckpoint(
        fleet=found.ref,
        job_id=job_id,
        bucket=bucket,
        checkpoint_id=chosen.checkpoint_id,
        manifest_sha256=chosen.manifest_sha256,
    )


def _newest_whole(reader: CloudReader, bucket: str, job_id: str) -> Checkpoint | None:
    """None when there is none at all. Raises CheckpointDamaged when every one is damaged."""
    problems = []
    for candidate in stored(reader, bucket, job_id):
        checked = verify_checkpoint(reader, bucket, job_id, candidate.checkpoint_id) if candidate.whole else candidate
        if checked.whole:
            return checked
        problems.append(f"{checked.checkpoint_id}: {checked.problem}")
    if problems:
        raise CheckpointDamaged(
            f"{job_id}: none of {len(problems)} checkpoints is whole: {'; '.join(problems[:3])}",
            hint="the job has to start over, or save anew",
        )
    return None


def _whole(checkpoint: Checkpoint) -> Checkpoint:
    if not checkpoint.whole:
        raise CheckpointDamaged(
            f"{checkpoint.job_id}/{checkpoint.checkpoint_id} is not whole: {checkpoint.problem}",
            hint="leave the id out to restore the newest whole one",
        )
    return checkpoint


# the effect


def pointer(action: RestoreCheckpoint) -> dict[str, str]:
    """What resume.json holds once it is done."""
    return {"checkpoint_id": action.checkpoint_id, "manifest_sha256": action.manifest_sha256}


def read_pointer(reader: CloudReader, bucket: str, job_id: str) -> Any:
    """resume.json as it stands: an object; None = there is none; a text = what is wrong with it."""
    try:
        text = reader.read_object(bucket, resume_key(job_id), limit_bytes=MAX_POINTER_BYTES)
        return json.loads(text)
    except NotFound:
        return None
    except (DataError, ValueError, RecursionError):
        return "unreadable"


def restore_expect_and_want(reader: CloudReader, action: RestoreCheckpoint) -> tuple[dict[str, Any], dict[str, Any]]:
    """The pointer as it is and as it shall be; the checkpoint is verified once more.

    Raises  CheckpointDamaged: it is not whole any more, or not the one that was shown
    """
    checked = _whole(verify_checkpoint(reader, action.bucket, action.job_id, action.checkpoint_id))
    if checked.manifest_sha256 != action.manifest_sha256:
        raise CheckpointDamaged(
            f"{action.job_id}/{action.checkpoint_id}: its manifest is not the one that was shown"
            f" ({checked.manifest_sha256} instead of {action.manifest_sha256})",
            hint="ask again: the checkpoint will be verified anew",
        )
    return observe_restore(reader, action), {"resume": pointer(action)}


def observe_restore(reader: CloudReader, action: RestoreCheckpoint) -> dict[str, Any]:
    return {"resume": read_pointer(reader, action.bucket, action.job_id)}


def carry_out_restore(writer: CloudWriter, intent: Intent, action: RestoreCheckpoint) -> Receipt:
    """One object, written whole: the job reads either the old pointer or the new one."""
    body = canonical_json(pointer(action)).encode()
    return writer.put_object(intent, action.bucket, resume_key(action.job_id), body)
