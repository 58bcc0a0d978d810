"""Agents of checkpointed jobs save on time, save when asked, and write the manifest last."""

import json
from hashlib import sha256

from tools.records import CheckpointManifest, canonical_json

BUCKET = "acme-checkpoints"


def keys(aws, prefix):
    pages = aws("s3").get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
    return {o["Key"]: o for p in pages for o in p.get("Contents", [])}


def body(aws, key):
    return aws("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()


def manifests(aws, job):
    found = sorted(k for k in keys(aws, f"{job}/checkpoints/") if k.endswith("/manifest.json"))
    return [CheckpointManifest.model_validate_json(body(aws, k)) for k in found]


def test_every_manifest_names_what_is_there(aws):
    found = manifests(aws, "ml-train")
    assert len(found) == 4
    for manifest in found:
        folder = f"ml-train/checkpoints/{manifest.checkpoint_id}"
        assert body(aws, f"{folder}/manifest.json").decode() == canonical_json(manifest)
        for file in manifest.files:
            content = body(aws, f"{folder}/{file.name}")
            assert (len(content), sha256(content).hexdigest()) == (file.size_bytes, file.sha256)
    assert [m.step for m in found] == sorted(m.step for m in found)


def test_the_resume_pointer_names_a_whole_checkpoint(aws):
    pointer = json.loads(body(aws, "ml-train/resume.json"))
    manifest = body(aws, f"ml-train/checkpoints/{pointer['checkpoint_id']}/manifest.json")
    assert sha256(manifest).hexdigest() == pointer["manifest_sha256"]


def test_an_upload_that_died_has_no_manifest(aws):
    folders = {k.rsplit("/", 1)[0] for k in keys(aws, "batch/checkpoints/")}
    whole = {f"batch/checkpoints/{m.checkpoint_id}" for m in manifests(aws, "batch")}
    assert len(folders - whole) == 1


def test_a_marker_brings_a_checkpoint_within_seconds(account, aws):
    instance = aws.instances("ml-train")[3]["InstanceId"]
    before = {m.checkpoint_id for m in manifests(aws, "ml-train")}
    aws("s3").put_object(
        Bucket=BUCKET, Key=f"ml-train/requests/{'a' * 16}-{instance}.json", Body=b"{}", IfNoneMatch="*"
    )
    account.advance(15)
    (fresh,) = [m for m in manifests(aws, "ml-train") if m.checkpoint_id not in before]
    assert fresh.saved_by == instance
    assert 0 <= (account.clock.now() - fresh.saved_at).total_seconds() <= 15
    account.advance(30)
    assert len(manifests(aws, "ml-train")) == len(before) + 1, "one request is answered once"


def test_jobs_save_by_themselves_and_keep_a_handful(account, aws):
    account.advance(3 * 3600)
    found = manifests(aws, "ml-train")
    pointer = json.loads(body(aws, "ml-train/resume.json"))["checkpoint_id"]
    assert (account.clock.now() - found[-1].saved_at).total_seconds() <= 15 * 60
    assert len([m for m in found if m.checkpoint_id != pointer]) <= 5
    assert pointer in {m.checkpoint_id for m in found}, "what a job would resume from is kept"
