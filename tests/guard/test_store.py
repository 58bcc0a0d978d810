"""Checkpoints that outlive the instance: in a directory and in S3, restored, fenced, verified."""

import hashlib
import json
import os
import resource
from pathlib import Path

import pytest

from tests.guard.clouds import INSTANCE_ID
from tests.guard.conftest import keys
from tools.recovery.checkpoints import stored, verify_checkpoint
from tools.recovery.guard import carry, s3
from tools.recovery.guard.manifest import verified
from tools.recovery.guard.places import open_store
from tools.recovery.guard.saves import Checkpoints
from tools.recovery.guard.stores import Budget, Folder
from tools.recovery.guard.trouble import BadRequest, StaleOwner, StoreRefused, StoreSilent

SECONDS = 20


def budget() -> Budget:
    return Budget(SECONDS)


@pytest.fixture(params=["directory", "s3"])
def store(request, account, tmp_path):
    if request.param == "directory":
        return Folder(tmp_path / "outlives")
    return open_store(f"s3://jobs/{tmp_path.name}", endpoint_url=account[0].endpoint_url)


def saved(folder: Path, step: int, text: bytes = b"state", **more) -> Checkpoints:
    found = Checkpoints(folder, job_id="job", owner=INSTANCE_ID, **more)
    with found.save(step=step) as inside:
        (inside / "state").write_bytes(text * step)
        (inside / "deeper").mkdir()
        (inside / "deeper" / "more").write_bytes(b"more")
        (inside / "deeper" / ".metadata").write_bytes(b"as torch's distributed checkpoints have")
    return found


def uploaded(store, folder: Path, step: int, generation: int) -> str:
    found = saved(folder, step, generation=generation).newest_whole()
    carry.upload(store, found, generation, budget=budget())
    return found.checkpoint_id


def problems() -> tuple[list, object]:
    told: list = []
    return told, lambda checkpoint, problem: told.append((checkpoint, problem))


@pytest.mark.accepts("IN-07", "EB-10")
def test_what_is_uploaded_is_restored_on_an_empty_disk(store, tmp_path):
    generation = carry.claim(store, "one", at_least=1, budget=budget())
    checkpoint = uploaded(store, tmp_path / "a", 3, generation)
    told, say = problems()
    found = carry.restore(store, tmp_path / "b", budget=budget(), say=say)
    assert (found.checkpoint_id, found.step, told) == (checkpoint, 3, [])
    assert (found.folder / "state").read_bytes() == b"state" * 3
    assert (found.folder / "deeper" / "more").read_bytes() == b"more"
    assert (found.folder / "deeper" / ".metadata").exists()


def test_uploading_again_sends_nothing(store, tmp_path):
    generation = carry.claim(store, "one", at_least=1, budget=budget())
    uploaded(store, tmp_path / "a", 3, generation)
    again = Checkpoints(tmp_path / "a", generation=generation).newest_whole()
    assert carry.upload(store, again, generation, budget=budget()) == 0


@pytest.mark.parametrize("damage", ["cut short", "changed", "gone", "manifest"])
def test_a_damaged_one_is_told_and_the_one_before_is_restored(damage, store, tmp_path):
    generation = carry.claim(store, "one", at_least=1, budget=budget())
    good = uploaded(store, tmp_path / "a", 3, generation)
    bad = uploaded(store, tmp_path / "a", 4, generation)
    name = f"checkpoints/{bad}/" + ("manifest.json" if damage == "manifest" else "state")
    whole = store.read(name, limit_bytes=10_000, budget=budget())
    if damage == "gone":
        store.remove(name, budget=budget())
    else:
        store.put(name, {"cut short": whole[:-1], "changed": b"X" + whole[1:], "manifest": whole[:40]}[damage], budget=budget())  # fmt: skip
    told, say = problems()
    found = carry.restore(store, tmp_path / "b", budget=budget(), say=say)
    assert found.checkpoint_id == good
    assert [checkpoint for checkpoint, _ in told] == [bad]


def test_without_a_manifest_a_checkpoint_does_not_exist(store, tmp_path):
    generation = carry.claim(store, "one", at_least=1, budget=budget())
    store.put(f"checkpoints/{generation:06d}-{9:012d}/state", b"half", budget=budget())
    told, say = problems()
    assert carry.restore(store, tmp_path / "b", budget=budget(), say=say) is None
    assert told == []


@pytest.mark.accepts("IN-06")
def test_the_older_of_two_owners_is_refused_and_writes_no_manifest(store, tmp_path):
    old = carry.claim(store, "one", at_least=1, budget=budget())
    new = carry.claim(store, "two", at_least=1, budget=budget())
    assert new > old
    with pytest.raises(StaleOwner, match=f"owner {new} has taken over, this is owner {old}"):
        uploaded(store, tmp_path / "a", 3, old)
    assert carry.offered(store, budget=budget()) == []


def test_of_owners_who_ask_at_once_each_gets_a_number_of_its_own(store):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(6) as hands:
        numbers = list(hands.map(lambda n: carry.claim(store, f"owner {n}", at_least=1, budget=budget()), range(6)))
    assert sorted(numbers) == [1, 2, 3, 4, 5, 6]


def test_the_pointer_is_honoured_until_a_checkpoint_comes_after_it(store, tmp_path):
    generation = carry.claim(store, "one", at_least=1, budget=budget())
    older = uploaded(store, tmp_path / "a", 3, generation)
    newer = uploaded(store, tmp_path / "a", 4, generation)
    manifest = store.read(f"checkpoints/{older}/manifest.json", limit_bytes=10_000, budget=budget())
    word = {"checkpoint_id": older, "manifest_sha256": hashlib.sha256(manifest).hexdigest()}
    store.put("resume.json", json.dumps(word).encode(), budget=budget())
    _, say = problems()
    assert carry.restore(store, tmp_path / "b", budget=budget(), say=say).checkpoint_id == older
    if isinstance(store, Folder):  # S3's clock has whole seconds: time has to pass between the two
        os.utime(store.path / "resume.json", (1, 1))
        assert carry.restore(store, tmp_path / "c", budget=budget(), say=say).checkpoint_id == newer


def test_a_pointer_to_another_manifest_is_not_followed(store, tmp_path):
    generation = carry.claim(store, "one", at_least=1, budget=budget())
    older, newer = (uploaded(store, tmp_path / "a", step, generation) for step in (3, 4))
    store.put("resume.json", json.dumps({"checkpoint_id": older, "manifest_sha256": "0" * 64}).encode(), budget=budget())  # fmt: skip
    _, say = problems()
    assert carry.restore(store, tmp_path / "b", budget=budget(), say=say).checkpoint_id == newer


def test_old_ones_are_retired_and_the_last_ones_and_the_pointed_one_stay(store, tmp_path):
    generation = carry.claim(store, "one", at_least=1, budget=budget())
    ids = [uploaded(store, tmp_path / "a", step, generation) for step in range(1, 6)]
    manifest = store.read(f"checkpoints/{ids[0]}/manifest.json", limit_bytes=10_000, budget=budget())
    word = {"checkpoint_id": ids[0], "manifest_sha256": hashlib.sha256(manifest).hexdigest()}
    store.put("resume.json", json.dumps(word).encode(), budget=budget())
    assert carry.retire(store, 2, generation, budget=budget()) == 2
    assert {o.checkpoint_id for o in carry.offered(store, budget=budget())} == {ids[0], ids[3], ids[4]}


def test_a_framework_that_uses_a_name_again_gets_another_one_in_the_store(store, tmp_path):
    for generation in (1, 2):
        folder = tmp_path / f"run{generation}" / "checkpoint-500"
        folder.mkdir(parents=True)
        (folder / "model").write_text(f"of run {generation}")
        carry.claim(store, "one", at_least=generation, budget=budget())
        sealed = Checkpoints(folder.parent, generation=generation).seal(folder, step=500)
        carry.upload(store, sealed, generation, budget=budget())
    assert [o.checkpoint_id for o in carry.offered(store, budget=budget())] == ["000002-000000000500", "000001-000000000500"]  # fmt: skip


# --- S3 alone


@pytest.mark.accepts("IN-07")
def test_our_own_tools_read_and_verify_what_guard_stored(account, tmp_path):
    sim, found, _ = account
    store = open_store("s3://jobs/deep/ml-train", endpoint_url=sim.endpoint_url)
    generation = carry.claim(store, INSTANCE_ID, at_least=1, budget=budget())
    checkpoint = uploaded(store, tmp_path / "a", 3, generation)
    [seen] = stored(found.reader, "jobs", "deep/ml-train")
    assert seen.whole
    assert (seen.checkpoint_id, seen.manifest.step, seen.manifest.saved_by) == (checkpoint, 3, INSTANCE_ID)
    assert verify_checkpoint(found.reader, "jobs", "deep/ml-train", checkpoint).verified


def test_a_large_file_goes_in_parts_and_comes_back(account, tmp_path, monkeypatch):
    for name in ("PART_BYTES", "RANGE_BYTES"):
        monkeypatch.setattr(s3, name, 5 << 20)
    sim, _, _ = account
    store = open_store("s3://jobs/large", endpoint_url=sim.endpoint_url)
    content = os.urandom(6 << 20)
    (tmp_path / "f").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    store.put_file("checkpoints/x/f", tmp_path / "f", digest, budget=budget())
    store.fetch("checkpoints/x/f", tmp_path / "g", len(content), budget=budget())
    assert (tmp_path / "g").read_bytes() == content
    (tmp_path / "f").write_bytes(b"Y" + content[1:])
    with pytest.raises(StoreRefused, match=r"checksum is not the file's"):
        store.put_file("checkpoints/x/f", tmp_path / "f", hashlib.sha256(b"Y" + content[1:]).hexdigest(), budget=budget())  # fmt: skip


def test_a_bucket_that_refuses_says_which_and_why(account):
    store = open_store("s3://no-such-bucket/job", endpoint_url=account[0].endpoint_url)
    with pytest.raises(StoreRefused, match=r"s3://no-such-bucket/job/.*NoSuchBucket.*create the bucket"):
        store.list("owners/", budget=budget())


def test_a_disk_that_takes_no_more_is_told_and_left_as_it_was(tmp_path):
    store, content = Folder(tmp_path / "outlives"), b"x" * 5000
    (tmp_path / "f").write_bytes(content)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        for attempt in (
            lambda: store.put_file("checkpoints/1/f", tmp_path / "f", "0" * 64, budget=budget()),
            lambda: store.put_once("checkpoints/1/manifest.json", content, budget=budget()),
            lambda: store.put("reports/i.json", content, budget=budget()),
        ):
            with pytest.raises(StoreRefused, match=r"cannot be written"):
                attempt()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [p for p in store.path.rglob("*") if p.is_file()] == []


def test_silence_ends_with_the_budget(tmp_path):
    with keys():
        store = open_store("s3://jobs/job", endpoint_url="http://127.0.0.1:1")
    with pytest.raises(StoreSilent, match=r"list_objects_v2"):
        store.list("owners/", budget=Budget(0.5))
    with pytest.raises(StoreSilent, match=r"no time was left"):
        store.list("owners/", budget=Budget(0))


@pytest.mark.parametrize("place", ["s3://b", "s3://Bucket/job", "s3://bucket/a/../b", "gs://bucket/job"])
def test_a_place_that_is_none_is_refused(place):
    with pytest.raises(BadRequest, match=r"names no place"):
        open_store(place)


def test_verified_reads_every_byte(tmp_path):
    checkpoints = saved(tmp_path, 2)
    with checkpoints.save(step=3) as inside:
        (inside / "state").write_bytes(b"state")
    found = checkpoints.newest_whole()
    assert verified(found.folder).step == 3
    (found.folder / "state").write_bytes(b"stat!")
    assert checkpoints.newest_whole().step == 2
