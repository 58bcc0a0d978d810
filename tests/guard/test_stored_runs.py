"""Guard with a store: what a run leaves there, and what the next one makes of it."""

import json

import pytest

from tests.guard.clouds import INSTANCE_ID
from tests.guard.test_interruption import SAVES_AT_TERM
from tests.guard.test_store import budget, saved, uploaded
from tools.recovery.checkpoints import stored
from tools.recovery.guard import carry
from tools.recovery.guard.places import open_store
from tools.recovery.guard.stores import Folder


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
