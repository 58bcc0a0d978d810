"""The loop of a worker, in processes of its own, on a real Redis: notices, signals, kills, and what operators see."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.guard.clouds import FakeCloud
from tests.queues.conftest import pause
from tests.queues.redis_server import free_port, redis_server
from tools.recovery.guard.queues import BadRequest, QueueAway, __main__, empty, open_queue, work
from tools.recovery.guard.queues.redis_streams import RedisQueue
from tools.recovery.guard.run import library_path
from tools.recovery.guard.told import NOTICE_FILE, Notice

ROOT = Path(__file__).resolve().parents[2]
WORKER = ROOT / "tests" / "queues" / "waiting_worker.py"
EXAMPLE = ROOT / "examples" / "redis_worker.py"
LONG = 10.0


@pytest.fixture
def started(tmp_path) -> Iterator[Callable[..., subprocess.Popen]]:
    """started(url, name) is a waiting worker; what still runs at the end is killed."""
    runs = []

    def start(*words: object, **environment: str) -> subprocess.Popen:
        runs.append(
            subprocess.Popen(
                [sys.executable, *map(str, words)],
                env={**os.environ, "PYTHONPATH": library_path(), NOTICE_FILE: str(tmp_path / "notice"), **environment},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return runs[-1]

    yield start
    for run in runs:
        with suppress(ProcessLookupError):
            run.kill()
        run.wait()
        for pipe in (run.stdin, run.stdout, run.stderr):
            with suppress(BrokenPipeError):
                pipe.close()


@pytest.fixture
def notify(tmp_path) -> Callable[..., None]:
    def write(seconds: float, kind: str = "interruption") -> None:
        deadline = time.monotonic() + seconds
        notice = Notice(1, kind, "terminate", "aws", "2026-01-01T00:00:00Z", None, deadline, "spot/instance-action")
        (tmp_path / "part").write_text(json.dumps(vars(notice)))
        (tmp_path / "part").rename(tmp_path / "notice")

    return write


def line(run: subprocess.Popen) -> str:
    return run.stdout.readline().strip()


def say(run: subprocess.Popen, word: str) -> None:
    run.stdin.write(word + "\n")
    run.stdin.flush()


@pytest.fixture
def three(opened) -> RedisQueue:
    queue = opened()
    for item_id in "abc":
        queue.put(item_id, item_id.encode())
    return queue


def test_everything_that_waits_is_done_and_then_the_work_is_over(three):
    done = []
    assert work(three, lambda item: done.append(item.item_id) or item.body * 2, until=empty(three), wait_seconds=0) == 0
    assert done == ["a", "b", "c"]
    assert [three.results.get(i) for i in "abc"] == [b"aa", b"bb", b"cc"]


def test_what_the_work_raises_is_a_failed_attempt_and_in_the_end_a_dead_item_that_says_where(opened, said):
    queue = opened(most_attempts=2, retry_seconds=0)
    for item_id in ("bad", "good"):
        queue.put(item_id, b"")

    def do(item):
        if item.item_id == "bad":
            raise ValueError("not an image")
        return b"r"

    assert work(queue, do, until=empty(queue), wait_seconds=0, say=said.append) == 0
    (dead,) = queue.dead()
    assert (dead.item_id, dead.attempts) == ("bad", 2)
    assert dead.reason.startswith("ValueError: not an image (")
    assert "test_worker.py:" in dead.reason
    assert queue.status().done == 1


def test_a_result_over_the_limit_is_a_failed_attempt(opened, said):
    queue = opened(most_attempts=1, most_bytes=10)
    queue.put("a", b"")
    assert work(queue, lambda _: b"x" * 11, until=empty(queue), wait_seconds=0, say=said.append) == 0
    assert "its result has 11 bytes" in queue.dead()[0].reason


def test_a_result_that_is_no_bytes_ends_the_worker_and_is_an_attempt_lest_it_end_every_worker(three):
    with pytest.raises(BadRequest, match="its result is NoneType, not bytes"):
        work(three, lambda _: None, until=empty(three), wait_seconds=0)
    three.close()
    with open_queue(f"redis://{three.where.split('//')[1].split('/')[0]}/0", three.name) as again:
        assert again.status().waiting == 3
        assert again.claim(LONG).item.item_id == "b"  # «a» has its pause


def test_a_server_that_is_away_too_long_ends_the_worker(said):
    with redis_server("--appendonly", "yes") as server, RedisQueue(server.url, "q", say=said.append) as queue:
        server.kill()
        with pytest.raises(QueueAway):
            work(queue, lambda _: b"", wait_seconds=0, away_seconds=0.1, say=said.append)
    assert len([s for s in said if "asked again for" in s]) == 1


def test_what_is_not_known_is_not_over(said):
    with (
        redis_server("--appendonly", "yes") as server,
        RedisQueue(server.url, "q", patience_seconds=0.1, say=said.append) as queue,
    ):

        def over() -> bool:
            server.kill()
            return empty(queue)()

        with pytest.raises(QueueAway):
            work(queue, lambda _: b"", until=over, wait_seconds=0, away_seconds=0.1, say=said.append)
    assert any("asked again for" in line for line in said)


@pytest.mark.accepts("IN-02")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_at_a_signal_the_item_in_hand_is_finished_and_no_other_is_taken(redis_at, three, started, number):
    run = started(WORKER, redis_at.url, three.name)
    assert line(run) == "doing a"
    run.send_signal(number)
    say(run, "finished")
    assert run.wait(LONG) == 75
    assert three.results.get("a") == b"finished"
    status = three.status()
    assert (status.waiting, status.in_flight, status.done) == (2, 0, 1)


@pytest.mark.accepts("IN-02", "PO-03")
def test_what_does_not_fit_into_the_seconds_left_goes_back_at_once(redis_at, three, started, notify):
    run = started(WORKER, redis_at.url, three.name)
    assert line(run) == "doing a"
    notify(3.0)  # less than what is kept for giving back
    assert run.wait(LONG) == 75
    assert "interrupted: item a goes back; exit 75" in run.stderr.read()
    claim = three.claim(LONG)
    assert (claim.item.item_id, claim.item.attempt) == ("a", 1)


@pytest.mark.accepts("IN-02")
def test_an_item_that_comes_after_the_notice_is_given_back_undone(opened, notify, monkeypatch, tmp_path):
    monkeypatch.setenv(NOTICE_FILE, str(tmp_path / "notice"))
    queue, other = opened(), opened(worker="other")
    done = []

    def late() -> None:
        while not other._speech.client.info("clients")["blocked_clients"]:
            pause(other)
        notify(120.0)
        other.put("a", b"")

    telling = threading.Thread(target=late)
    telling.start()
    assert work(queue, lambda item: done.append(item) or b"", wait_seconds=LONG) == 75
    telling.join()
    assert done == []
    assert other.claim(LONG).item.attempt == 1


def test_a_notice_with_time_left_lets_the_item_be_finished(redis_at, three, started, notify):
    run = started(WORKER, redis_at.url, three.name)
    assert line(run) == "doing a"
    notify(120.0)
    say(run, "finished")
    assert run.wait(LONG) == 75
    assert three.results.get("a") == b"finished"


def test_a_rebalance_recommendation_ends_nothing(redis_at, three, started, notify):
    notify(120.0, kind="rebalance")
    run = started(WORKER, redis_at.url, three.name)
    for item_id in "abc":
        assert line(run) == f"doing {item_id}"
        say(run, "r")
    run.terminate()
    assert run.wait(LONG) == 75
    assert three.status().done == 3


def test_a_notice_while_the_server_is_away_says_that_the_item_comes_again(started, notify):
    with redis_server("--appendonly", "yes") as server, RedisQueue(server.url, "q", lease_seconds=0.5) as queue:
        queue.put("a", b"1")
        run = started(WORKER, server.url, "q")
        assert line(run) == "doing a"
        server.kill()
        notify(1.0)
        assert run.wait(LONG) == 76
        assert "item a comes again when its lease ends" in run.stderr.read()
        server.start()
        assert queue.claim(LONG).item.attempt == 2


@pytest.mark.accepts("IN-02", "PO-03")
def test_the_example_under_guard_works_until_the_instance_is_reclaimed_and_guard_hands_its_code_on(
    redis_at, opened, started, tmp_path
):
    queue = opened()
    paths = [tmp_path / f"{name}.png" for name in "ab"]
    for path in paths:
        path.write_bytes(path.name.encode())
    put = started(EXAMPLE, "put", queue.name, *paths, SPOTWARDEN_QUEUE_URL=redis_at.url)
    assert put.communicate()[0].count(": put\n") == 2
    with FakeCloud() as cloud:
        words = ["-m", "tools.recovery.guard", "--poll", "0.05", "--", sys.executable, EXAMPLE]
        url = {"SPOTWARDEN_QUEUE_URL": redis_at.url, "PYTHONPATH": str(ROOT)}
        run = started(*words, queue.name, **url, **cloud.environment)
        while queue.status().done < 2:
            assert run.poll() is None
            pause(queue)
        cloud.action = b'{"action": "terminate", "time": "2099-01-01T00:00:00Z"}'
        assert run.wait(LONG) == 75, run.stderr.read()
    assert json.loads(queue.results.get(str(paths[0])))["item"] == str(paths[0])


# operators


@pytest.mark.accepts("IN-04")
def test_operators_see_what_stands_what_is_dead_and_put_it_back(redis_at, opened, capsys):
    queue = opened(most_attempts=1)
    for item_id in ("a", "b", "c"):
        queue.put(item_id, b"\xff" if item_id == "a" else b"text")
    queue.claim(LONG).failed("ValueError: not an image")
    queue.claim(LONG).failed("OSError: gone")

    def ran(*words: str) -> tuple[int, str, str]:
        code = __main__.main([words[0], redis_at.url, queue.name, *words[1:]])
        return (code, *capsys.readouterr())

    assert json.loads(ran("status", "--json")[1]) == {
        "queue": queue.name, "waiting": 1, "in_flight": 0, "oldest_in_flight_seconds": None, "done": 0, "dead": 2, "workers": 1,
    }  # fmt: skip
    assert "dead       2" in ran("status")[1]
    found = json.loads(ran("dead", "--json")[1])["dead"]
    assert [(d["item_id"], d["body"], d["body_base64"]) for d in found] == [
        ("a", None, "/w=="),
        ("b", "text", "dGV4dA=="),
    ]
    assert "ValueError: not an image" in ran("dead")[1]
    assert ran("requeue", "a", "nobody")[::2] == (1, "nobody is not dead\n")
    assert ran("requeue", "--all")[:2] == (0, "1 wait again\n")
    assert queue.status().waiting == 3
    assert ran("requeue")[0] == 64


def test_operators_are_told_what_is_wrong_and_passwords_stay_out_of_it(monkeypatch, capsys):
    port = free_port()
    monkeypatch.setenv(__main__.URL, f"redis://me:s3cret@127.0.0.1:{port}/0")
    monkeypatch.setattr(__main__, "PATIENCE_SECONDS", 0.1)
    assert __main__.main(["status", "-", "images"]) == 1
    told = capsys.readouterr()
    assert "s3cret" not in told.out + told.err
    assert f"127.0.0.1:{port}" in told.err
    monkeypatch.delenv(__main__.URL)
    for words in (
        ["status", "-", "images"],
        ["status", "http://x:s3cret@h", "images"],
        ["status"],
        ["delete", "x", "y"],
    ):
        assert __main__.main(words) == 64
        assert "s3cret" not in capsys.readouterr().err


def test_a_name_that_nobody_used_is_told(redis_at, capsys):
    assert __main__.main(["status", redis_at.url, "never-used"]) == 0
    assert "nothing stands under the name never-used" in capsys.readouterr().err
