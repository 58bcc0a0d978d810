"""Checkpoints: what is whole is restored, what is not is refused with its reason, and the pointer is written last."""

import hashlib
import json

import pytest

from tools.errors import CheckpointDamaged, NotFound, UsageError
from tools.records import RestoreCheckpoint, canonical_json
from tools.recovery.checkpoints import TAG, checkpoint_store, list_checkpoints, restore_checkpoint

BUCKET = "acme-checkpoints"


@pytest.fixture
def job(world, group_of_a_test, request):
    """A fleet with a job of its own; returns (fleet name, save)."""
    job_id = f"jobs/of-{hashlib.sha256(request.node.name.encode()).hexdigest()[:8]}"
    name = group_of_a_test(f"of-a-test-{job_id[-8:]}", {TAG: f"s3://{BUCKET}/{job_id}"})

    def save(checkpoint_id, *, step=1, stored=None, manifest=True, **told):
        """Save as a job does: files first, the manifest last; `told` is where the manifest lies."""
        s3 = world.raw("s3")
        stored = stored or {"weights.bin": b"w" * 1000 + bytes([step]), "optimizer.bin": b"o" * 10}
        for file, body in stored.items():
            s3.put_object(Bucket=BUCKET, Key=f"{job_id}/checkpoints/{checkpoint_id}/{file}", Body=body)
        document = {
            "job_id": job_id,
            "checkpoint_id": checkpoint_id,
            "step": step,
            "progress_share": 0.5,
            "files": [
                {"name": n, "size_bytes": len(b), "sha256": hashlib.sha256(b).hexdigest()} for n, b in stored.items()
            ],
            "saved_at": f"2026-11-18T00:{step:02}:00Z",
            "saved_by": "i-1234567890abcdef0",
            **told,
        }
        if manifest:
            body = canonical_json(document).encode()
            s3.put_object(Bucket=BUCKET, Key=f"{job_id}/checkpoints/{checkpoint_id}/manifest.json", Body=body)
        return document

    return name, save


def _restored(world, name, checkpoint_id=None):
    return restore_checkpoint.run(world.reader, name, checkpoint_id)


LISTED = {"name": "weights.bin", "size_bytes": 3, "sha256": hashlib.sha256(b"abc").hexdigest()}
DAMAGE = {
    "missing manifest": "no manifest",
    "missing file": "a file is missing: weights.bin",
    "wrong size": "a size differs: weights.bin",
    "wrong checksum": "a checksum differs: weights.bin",
    "manifest of another job": "the manifest cannot be read: it is of jobs/another",
    "manifest that is no manifest": "the manifest cannot be read: surprise",
}


def _damage(save, kind):
    match kind:
        case "missing manifest":
            save("broken", step=9, manifest=False)
        case "missing file":
            save("broken", step=9, stored={"other": b"abc"}, files=[LISTED])
        case "wrong size":
            save("broken", step=9, stored={"weights.bin": b"abcd"}, files=[LISTED])
        case "wrong checksum":
            save("broken", step=9, stored={"weights.bin": b"xyz"}, files=[LISTED])
        case "manifest of another job":
            save("broken", step=9, job_id="jobs/another")
        case "manifest that is no manifest":
            save("broken", step=9, surprise="[bold]field[/]")


@pytest.mark.accepts("DC-01")
@pytest.mark.parametrize(("kind", "reason"), DAMAGE.items())
def test_a_damaged_checkpoint_is_refused_with_its_reason_and_the_newest_whole_one_taken(world, job, kind, reason):
    name, save = job
    save("good-1", step=1)
    save("good-2", step=2)
    _damage(save, kind)
    with pytest.raises(CheckpointDamaged, match=reason):
        _restored(world, name, "broken")
    assert _restored(world, name).checkpoint_id == "good-2"


def test_when_none_is_whole_the_refusal_names_them(world, job):
    name, save = job
    _damage(save, "wrong checksum")
    with pytest.raises(CheckpointDamaged, match="broken: a checksum differs") as refused:
        _restored(world, name)
    assert refused.value.hint


def test_a_store_without_checkpoints_has_nothing_to_restore(world, job):
    name, _ = job
    with pytest.raises(NotFound):
        _restored(world, name)
    with pytest.raises(NotFound):
        _restored(world, name, "never-saved")


def test_the_listing_is_newest_first_by_the_time_of_saving(world, job):
    name, save = job
    save("a-newest", step=30)
    save("z-oldest", step=10)
    _damage(save, "missing manifest")
    found = list_checkpoints.run(world.reader, world.clock, name)
    assert [c.checkpoint_id for c in found.checkpoints] == ["a-newest", "z-oldest", "broken"]
    assert found.newest_whole == "a-newest"
    assert found.age_seconds == (world.clock.now() - found.checkpoints[0].manifest.saved_at).total_seconds()
    assert not any(c.verified for c in found.checkpoints)


def test_restoring_writes_one_pointer_that_names_the_verified_manifest(world, job):
    name, save = job
    save("good", step=1)
    action = _restored(world, name)
    assert isinstance(action, RestoreCheckpoint)
    fleet = world.fleet(name)
    expect, want = world.expect_and_want(action, fleet)
    assert (expect, want["resume"]["checkpoint_id"]) == ({"resume": None}, "good")
    before = world.seen()
    world.carry_out(action, fleet)
    assert world.observe(action) == want
    assert len(world.effects_since(before, "PutObject")) == 1
    body = world.reader.read_object(BUCKET, f"{action.job_id}/resume.json", limit_bytes=1000)
    assert json.loads(body) == {"checkpoint_id": "good", "manifest_sha256": action.manifest_sha256}
    assert world.expect_and_want(action, fleet) == (want, want)


def test_a_checkpoint_that_rots_after_it_was_shown_is_refused_at_the_last_look(world, job):
    name, save = job
    save("good", step=1)
    action = _restored(world, name)
    key = f"{action.job_id}/checkpoints/good/optimizer.bin"
    world.raw("s3").put_object(Bucket=BUCKET, Key=key, Body=b"x" * 10)
    with pytest.raises(CheckpointDamaged, match=r"a checksum differs: optimizer\.bin"):
        world.expect_and_want(action, world.fleet(name))


def test_a_checkpoint_saved_anew_under_the_same_id_is_not_the_one_that_was_shown(world, job):
    name, save = job
    save("good", step=1)
    action = _restored(world, name)
    save("good", step=2)
    with pytest.raises(CheckpointDamaged, match="not the one that was shown"):
        world.expect_and_want(action, world.fleet(name))


def test_a_pointer_that_is_no_json_is_a_state_and_no_crash(world, job):
    name, save = job
    save("good", step=1)
    action = _restored(world, name)
    world.raw("s3").put_object(Bucket=BUCKET, Key=f"{action.job_id}/resume.json", Body=b"{{{")
    assert world.observe(action) == {"resume": "unreadable"}


def test_a_fleet_without_the_tag_says_which_tag(world):
    with pytest.raises(UsageError, match=TAG):
        list_checkpoints.run(world.reader, world.clock, "api-core")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "acme/ml",
        "https://acme/ml",
        "s3://acme",
        "s3://acme/",
        "s3://acme/../other",
        "s3://acme/a//b",
        "s3://acme/a b",
        "s3://ACME/job",
        "s3://acme/[bold]x[/]",
        "s3://acme/job\n",
        "s3://acme/" + "x" * 300,
    ],
)
def test_a_tag_that_names_no_plain_place_is_no_store(world, text):
    fleet = world.fleet("ml-train")
    assert checkpoint_store(fleet) == ("acme-checkpoints", "ml-train")
    tags = [{"key": TAG, "value": text}]
    assert checkpoint_store(fleet.with_(tags=tags)) is None
