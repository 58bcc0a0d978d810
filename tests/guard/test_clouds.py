"""What the cloud's metadata service does, kind or not, and what guard makes of it."""

import time
from datetime import timedelta

import pytest

from tests.guard.clouds import Dripping, FakeCloud
from tests.guard.test_interruption import SAVES_AT_TERM
from tools.recovery.guard.metadata import Seen


def interrupted_by(cloud, guard, script, tmp_path, *options):
    run = guard(cloud, *options, "--checkpoints", str(tmp_path / "ckpt"), "--", *script(SAVES_AT_TERM))
    assert run.line() == "ready"
    cloud.interrupt()
    assert run.end() == 75, run.err
    return run


@pytest.mark.accepts("IN-03")
def test_a_token_that_expires_is_renewed(cloud, guard, script, tmp_path):
    cloud.lifetime = 3
    interrupted_by(cloud, guard, script, tmp_path)
    assert cloud.tokens > 1


TOKENS = [("v1", "version 1 only"), ("hang", "hop limit"), ("garbage", "gives no token (200)")]


@pytest.mark.parametrize(("token", "words"), TOKENS)
def test_a_service_without_tokens_is_asked_without_and_that_is_said(token, words, guard, script, tmp_path):
    with FakeCloud(token=token) as cloud:
        run = interrupted_by(cloud, guard, script, tmp_path)
    assert words in run.err


def test_a_service_that_drips_delays_neither_start_nor_end(guard, cloud):
    drip = Dripping()
    run = guard(cloud, "--", "echo", "went", AWS_EC2_METADATA_SERVICE_ENDPOINT=drip.url)
    assert run.line() == "went"
    assert run.end() == 0
    drip.close()


def test_errors_are_told_once_and_the_work_goes_on(cloud, guard, script, tmp_path):
    run = guard(cloud, "--checkpoints", str(tmp_path / "ckpt"), "--", *script(SAVES_AT_TERM))
    run.line()
    cloud.status = 503
    assert "3 times in a row" in run.process.stderr.readline()
    cloud.status = 200
    assert "answers again" in run.process.stderr.readline()
    cloud.interrupt()
    assert run.end() == 75


@pytest.mark.parametrize("ahead", [-86_400, 86_400])
def test_a_wall_clock_that_is_a_day_wrong_shortens_nothing(ahead, guard, script, tmp_path):
    with FakeCloud(clock_ahead=timedelta(seconds=ahead)) as cloud:
        run = interrupted_by(cloud, guard, script, tmp_path)
    [notice] = run.events("notice")
    assert 100 < notice["seconds_left"] <= 121


def test_a_deadline_that_is_past_is_not_believed_and_acted_on_at_once(cloud, guard, script, tmp_path):
    run = guard(cloud, "--checkpoints", str(tmp_path / "ckpt"), "--", *script(SAVES_AT_TERM))
    run.line()
    cloud.interrupt(seconds=-30)
    assert run.end() == 75
    assert "a clock is wrong" in run.err


def test_a_notice_that_waited_for_a_fetch_has_less_time_left():
    seen = Seen("interruption", "terminate", "key", 120.0, "source", looked_at=time.monotonic() - 50)
    assert seen.left_now_seconds <= 70
    assert Seen("interruption", "terminate", "key", 20.0, "source", looked_at=-1e6).left_now_seconds == 0


@pytest.mark.parametrize("kind", ["gcp", "azure"])
def test_other_clouds_are_found_and_answered(kind, guard, script, tmp_path):
    with FakeCloud(kind=kind) as cloud:
        run = guard(cloud, "--checkpoints", str(tmp_path / "ckpt"), "--", *script(SAVES_AT_TERM))
        run.line()
        cloud.preempted = True
        other = {"EventId": "1", "EventType": "Preempt", "Resources": ["worker-9"], "NotBefore": ""}
        cloud.events = [other, {**other, "EventId": "2", "Resources": ["worker-3"]}]
        assert run.end() == 75, run.err
    assert run.report["provider"] == kind
    assert len(run.events("notice")) == 1


def test_where_no_cloud_answers_the_command_runs_and_one_line_is_said(guard, cloud, script):
    nowhere = "http://127.0.0.1:1"
    run = guard(cloud, "--", "true", AWS_EC2_METADATA_SERVICE_ENDPOINT=nowhere)
    assert run.end() == 0
    assert run.err.splitlines() == [
        "spotwarden-guard: no cloud's metadata service answers here: running without notices"
    ]
