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


def report(aws, job, instance):
    return json.loads(body(aws, f"{job}/reports/{instance}.json"))


def newcomer(account, aws, job):
    """Interrupt one, and wait for what comes in its place."""
    before = {i["InstanceId"] for i in aws.instances(job)}
    victim = next(i["InstanceId"] for i in aws.instances(job) if i.get("InstanceLifecycle") == "spot")
    aws("s3").put_object(Bucket=BUCKET, Key=f"{job}/requests/{'b' * 16}-{victim}.json", Body=b"{}")
    account.interrupt(victim)
    account.advance(300)
    (fresh,) = {i["InstanceId"] for i in aws.instances(job)} - before
    return fresh


def test_a_replacement_resumes_from_the_newest_whole_checkpoint_and_reports_as_a_guard_does(account, aws):
    fresh = newcomer(account, aws, "batch")
    told, newest = report(aws, "batch", fresh), manifests(aws, "batch")[-1]
    assert told["schema"] == "spotwarden-guard-report/1"
    assert told["restored"] == {"checkpoint_id": newest.checkpoint_id, "step": newest.step}
    assert (told["state"], told["instance_id"]) == ("running", fresh)
    assert told["restart_seconds"] > told["restore_seconds"]


def test_a_training_job_goes_on_from_the_step_that_was_restored_and_a_pointer_is_honoured(account, aws):
    account.advance(1_000)
    older = manifests(aws, "ml-train")[-3]
    body_of = body(aws, f"ml-train/checkpoints/{older.checkpoint_id}/manifest.json")
    pointer = {"checkpoint_id": older.checkpoint_id, "manifest_sha256": sha256(body_of).hexdigest()}
    victim = next(i["InstanceId"] for i in aws.instances("ml-train") if i.get("InstanceLifecycle") == "spot")
    before = {i["InstanceId"] for i in aws.instances("ml-train")}
    account.interrupt(victim)
    account.advance(120)
    aws("s3").put_object(Bucket=BUCKET, Key="ml-train/resume.json", Body=canonical_json(pointer).encode())
    account.advance(120)
    (fresh,) = {i["InstanceId"] for i in aws.instances("ml-train")} - before
    told = report(aws, "ml-train", fresh)
    assert told["restored"] == {"checkpoint_id": older.checkpoint_id, "step": older.step}
    account.advance(900)
    later = manifests(aws, "ml-train")[-1]
    assert older.step < later.step < older.step + 2 * 1_000, "work since the checkpoint is lost"
