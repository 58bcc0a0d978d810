"""Checkpoints that outlive the instance: in a directory and in S3, restored, fenced, verified."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
import pytest

from tests.contract.conftest import opened
from tests.forked_accounts import started
from tests.guard.clouds import INSTANCE_ID
from tests.guard.test_interruption import SAVES_AT_TERM
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


@pytest.fixture(scope="module")
def account() -> Iterator:
    with started(stepped=True) as sim, opened(sim) as found, keys():
        client = boto3.client("s3", endpoint_url=sim.endpoint_url, region_name="us-east-1")
        client.create_bucket(Bucket="jobs")
        yield sim, found, client
        client.close()


@contextmanager
def keys() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "simulated")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "simulated")
        yield


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
    monkeypatch.setattr(s3, "PART_BYTES", 5 << 20)
    sim, _, _ = account
    store = open_store("s3://jobs/large", endpoint_url=sim.endpoint_url)
    content = os.urandom(11 << 20)
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


# --- guard as a process


def guarded(guard, cloud, account, script, tmp_path, place, text=SAVES_AT_TERM):
    return guard(
        cloud, "--checkpoints", str(tmp_path / "ckpt"), "--store", place, "--endpoint-url", account[0].endpoint_url,
        "--", *script(text), AWS_ACCESS_KEY_ID="simulated", AWS_SECRET_ACCESS_KEY="simulated",
    )  # fmt: skip


@pytest.mark.accepts("RC-01", "IN-07")
def test_interrupted_and_stored_is_75_and_the_report_is_in_the_store(cloud, guard, account, script, tmp_path):
    run = guarded(guard, cloud, account, script, tmp_path, "s3://jobs/whole")
    assert run.line() == "ready"
    cloud.interrupt()
    assert run.end() == 75, run.err
    assert "stored in s3://jobs/whole" in run.err
    [seen] = stored(account[1].reader, "jobs", "whole")
    assert seen.whole
    told = json.loads(account[2].get_object(Bucket="jobs", Key=f"whole/reports/{INSTANCE_ID}.json")["Body"].read())
    assert (told["state"], told["exit_code"], told["saved"], told["generation"]) == ("ended", 75, True, 1)
    assert told["checkpoint"]["uploaded"] is True
    assert len(told["upload_seconds"]) == 1


@pytest.mark.accepts("IN-07")
def test_a_bucket_that_refuses_is_76_and_a_clear_line(cloud, guard, account, script, tmp_path):
    run = guarded(guard, cloud, account, script, tmp_path, "s3://no-such-bucket/job")
    assert run.line() == "ready"
    cloud.interrupt()
    assert run.end() == 76
    last = run.err.splitlines()[-1]
    assert "NOT saved" in last
    assert "is whole and is not stored" in last
    assert "NoSuchBucket" in last


@pytest.mark.accepts("PO-02", "EB-10")
def test_the_next_instance_goes_on_from_the_store(cloud, guard, account, script, tmp_path):
    run = guarded(guard, cloud, account, script, tmp_path, "s3://jobs/next")
    run.line()
    cloud.interrupt()
    assert run.end() == 75
    cloud.action = None
    (tmp_path / "ckpt").rename(tmp_path / "gone with the instance")
    goes_on = "from spotwarden_guard import checkpoints\nfound = checkpoints().newest_whole()\nprint(found.step, (found.folder / 'state').stat().st_size)"  # fmt: skip
    run = guarded(guard, cloud, account, script, tmp_path, "s3://jobs/next", goes_on)
    assert run.line() == "7 1000"
    assert run.end() == 0
    assert run.report["restored"]["step"] == 7
    assert run.report["generation"] == 2
    assert run.report["restore_seconds"] > 0


def test_save_now_in_the_store_is_answered_and_ends_nothing(cloud, guard, account, script, tmp_path):
    text = """
from spotwarden_guard import CheckpointClock, checkpoints, notice, done
import time
store, clock = checkpoints(), CheckpointClock(seconds=3600)
print("ready", flush=True)
while not clock.due(): time.sleep(0.01)
assert notice().kind == "request" and not clock.must_end()
with store.save(step=1) as folder: (folder / "s").write_text("1")
done()
"""
    run = guarded(guard, cloud, account, script, tmp_path, "s3://jobs/asked", text)
    run.line()
    for whose in ("i-0fffffffffffffff0", INSTANCE_ID):
        account[2].put_object(Bucket="jobs", Key=f"asked/requests/0123456789abcdef-{whose}.json", Body=b"{}")
    assert run.end() == 0, run.err
    assert [e["kind"] for e in run.events("notice")] == ["request"]
    assert stored(account[1].reader, "jobs", "asked")[0].whole


def test_a_store_without_a_folder_is_a_usage_error(cloud, guard):
    run = guard(cloud, "--store", "s3://jobs/x", "--", "true")
    assert run.end() == 64
    assert "add --checkpoints DIR" in run.err


def test_without_boto3_s3_is_refused_before_anything_starts(cloud, guard, tmp_path):
    (tmp_path / "boto3.py").write_text("raise ImportError")
    run = guard(cloud, "--checkpoints", "c", "--store", "s3://jobs/x", "--", "true", PYTHONPATH=str(tmp_path))
    assert run.end() == 64
    assert "pip install boto3, or say --store DIR" in run.err


def test_verified_reads_every_byte(tmp_path):
    checkpoints = saved(tmp_path, 2)
    with checkpoints.save(step=3) as inside:
        (inside / "state").write_bytes(b"state")
    found = checkpoints.newest_whole()
    assert verified(found.folder).step == 3
    (found.folder / "state").write_bytes(b"stat!")
    assert checkpoints.newest_whole().step == 2


@pytest.mark.accepts("IN-06")
def test_a_run_whose_job_was_taken_over_stores_nothing_and_says_who(cloud, guard, account, script, tmp_path):
    run = guarded(guard, cloud, account, script, tmp_path, "s3://jobs/taken")
    assert run.line() == "ready"
    store = open_store("s3://jobs/taken", endpoint_url=account[0].endpoint_url)
    carry.claim(store, "another instance", at_least=1, budget=budget())
    cloud.interrupt()
    assert run.end() == 76
    assert "owner 2 has taken over, this is owner 1" in run.err
    assert carry.offered(store, budget=budget()) == []


def test_what_was_learnt_goes_to_the_next_instance(cloud, guard, account, script, tmp_path):
    for expected in (75, 75):
        cloud.action = None
        run = guarded(guard, cloud, account, script, tmp_path, "s3://jobs/learnt")
        run.line()
        cloud.interrupt()
        assert run.end() == expected
    kept = json.loads(account[2].get_object(Bucket="jobs", Key="learnt/schedule.json")["Body"].read())
    assert kept["closed"] is True
    assert kept["schedule"]["interruptions"] == 2


def test_a_finished_job_stores_its_last_checkpoint_before_guard_ends(cloud, guard, account, script, tmp_path):
    text = "from spotwarden_guard import checkpoints\nwith checkpoints().save(step=3) as f: (f / 's').write_text('x')"
    run = guarded(guard, cloud, account, script, tmp_path, "s3://jobs/finished", text)
    assert run.end() == 0
    assert stored(account[1].reader, "jobs", "finished")[0].whole


def test_what_is_stored_and_cannot_be_read_is_not_overtaken_by_a_job_begun_anew(cloud, guard, tmp_path):
    store = Folder(tmp_path / "outlives")
    carry.claim(store, "one", at_least=1, budget=budget())
    checkpoint = uploaded(store, tmp_path / "a", 0, 1)
    state = store.path / "checkpoints" / checkpoint / "state"
    state.unlink()
    state.symlink_to("/proc/self/mem")  # empty as it was, and reading it fails, for root too
    words = ("--checkpoints", str(tmp_path / "b"), "--store", store.where, "--", "touch", str(tmp_path / "ran"))
    run = guard(cloud, *words)
    assert run.end() == 1
    assert "the job is not started: it would begin anew and overtake what is stored" in run.err
    assert not (tmp_path / "ran").exists()


def test_a_run_that_began_without_the_store_does_not_overtake_it_later(tmp_path):
    from tools.recovery.guard.carrier import Carrier
    from tools.recovery.guard.pace import Pace
    from tools.recovery.guard.report import Report

    store = Folder(tmp_path / "outlives")
    carry.claim(store, "one", at_least=1, budget=budget())
    good = uploaded(store, tmp_path / "a", 30, 1)
    pace = Pace(fixed_seconds=60, between_hours=None, notice_seconds=120, poll_seconds=5)
    carrier = Carrier(
        folder=tmp_path / "b",
        store=None,  # it does not answer yet
        report=Report("job", "i-1", log=None, path=None),
        pace=pace,
        pace_file=tmp_path / "seconds",
        instance_id="i-1",
        keep=1,
        poll_seconds=5,
        new_request=print,
    )
    carrier.begin()
    saved(tmp_path / "b", 1, generation=carrier.generation)
    carrier.store = store  # now it does
    is_saved, words = carrier.saved_since(set(), budget())
    assert not is_saved
    assert "owner 1 was there before, and this run did not begin from its checkpoints" in words
    assert [o.checkpoint_id for o in carry.offered(store, budget=budget())] == [good]
