"""The guide's worker, and ours in the same places; the example; what the agent sees."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.queues.rabbit_workers import ROOT, worker
from tests.queues.rabbitmq.conftest import LONG, drained, ready
from tools.recovery.guard.queues import empty, work
from tools.recovery.guard.queues.kept import open_results
from tools.recovery.guard.queues.rabbitmq import RabbitQueue

# --- the guide's worker, and ours in the same places


@pytest.mark.accepts("IN-08")
def test_killed_between_its_output_and_the_ack_the_guides_worker_does_it_twice_and_ours_once(
    server, stranger, opened, name, place, guide, tmp_path
):
    output = tmp_path / "output"
    stranger.queue_declare("inference_tasks", durable=True)
    for body in (b"a", b"b"):
        stranger.basic_publish("", "inference_tasks", body)
    with worker("guide", str(server.port), guide, str(output)) as first:
        assert first.at == "did a"
        assert ready(stranger, "inference_tasks") == 0  # it hoards b too: no prefetch
        first.kill()
    with worker("guide", str(server.port), guide, str(output)) as second:
        assert second.at == "did a"
    assert output.read_bytes() == b"a\na\n"
    stranger.queue_delete("inference_tasks")

    queue = opened()
    for item_id in "ab":
        queue.put(item_id, b"")
    with worker("ours", server.url, name, place) as first:
        assert first.at == "did a"
        assert ready(stranger, name) == 1  # b is for somebody else
        first.go()
        assert first.at == "written a"
        kept = open_results(place).get("a")
        first.kill()
    assert drained(queue) == ["b"]
    assert queue.results.get("a") == kept


@pytest.mark.accepts("IN-08")
def test_work_longer_than_the_heartbeats_costs_the_guides_worker_its_connection_and_not_ours(
    server, stranger, opened, name, place, guide, tmp_path
):
    stranger.queue_declare("inference_tasks", durable=True)
    stranger.basic_publish("", "inference_tasks", b"long")
    opened().put("long", b"")
    server.ask("application:set_env(rabbit, heartbeat, 1)")
    try:
        theirs = worker("guide", str(server.port), guide, str(tmp_path / "output"))
        with theirs as first, worker("ours", server.url, name, place) as ours:
            assert (first.at, ours.at) == ("did long", "did long")
            (again,) = stranger.consume("inference_tasks", inactivity_timeout=LONG).__next__()[:1]
            assert again.redelivered  # two heartbeats were missed: the item went to another, in the middle of the work
            assert ready(stranger, name) == 0
            ours.go()
            assert ours.at == "written long"
            ours.go()
            first.go()
            assert "Error" in first.end().splitlines()[-1]
            assert first.exit_code == 1
        assert opened().claim(1.0) is None
    finally:
        server.ask("application:set_env(rabbit, heartbeat, 60)")
    stranger.cancel()
    stranger.queue_delete("inference_tasks")


def test_a_poison_message_ends_one_worker_of_the_guides_after_the_other_and_none_of_ours(
    server, stranger, opened, guide, tmp_path
):
    stranger.queue_declare("inference_tasks", durable=True)
    stranger.basic_publish("", "inference_tasks", b"poison")
    for _ in range(2):
        with worker("guide", str(server.port), guide, str(tmp_path / "output")) as one:
            assert "ValueError: poison" in one.end()
    stranger.queue_delete("inference_tasks")

    queue, done = opened(most_attempts=2), []
    queue.put("poison", b"poison")
    queue.put("good", b"good")

    def do(item) -> bytes:
        if item.body == b"poison":
            raise ValueError("poison")
        done.append(item.item_id)
        return b"r"

    assert work(queue, do, until=empty(queue), wait_seconds=0.3, say=lambda _: None) == 0
    assert done == ["good"]
    assert "ValueError: poison" in queue.dead()[0].reason


# --- the example, and the agent's eyes


@pytest.mark.accepts("IN-02", "IN-08")
def test_the_example_works_under_guard_and_ends_with_its_exit_code_when_it_is_told_to(server, name, place, tmp_path):
    for item_id in ("a.txt", "b.txt"):
        (tmp_path / item_id).write_text(item_id)
    program = [
        sys.executable,
        "-m",
        "tools.recovery.guard",
        "--",
        sys.executable,
        str(ROOT / "examples/rabbitmq_worker.py"),
    ]
    given = {
        "cwd": tmp_path,
        "env": os.environ
        | {"SPOTWARDEN_QUEUE_URL": server.url, "PYTHONPATH": str(ROOT), "AWS_EC2_METADATA_DISABLED": "true"},
        "text": True,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
    }
    put = subprocess.run([*program, "put", name, place, "a.txt", "b.txt", "a.txt"], **given, timeout=60, check=False)
    assert put.stdout == "a.txt: put\nb.txt: put\na.txt: known already\n", put.stderr
    results = open_results(place)
    at_work = subprocess.Popen([*program, name, place], **given)
    with at_work, RabbitQueue(server.url, name) as queue:
        while not results.get("b.txt"):
            assert at_work.poll() is None
        at_work.send_signal(signal.SIGTERM)
        told = at_work.communicate(timeout=60)[1]
        assert at_work.returncode == 75, told
        assert queue.status().waiting == 0
    assert json.loads(results.get("a.txt"))["item"] == "a.txt"


@pytest.mark.accepts("IN-08")
def test_the_agent_sees_what_waits_and_what_died_and_not_what_amqp_does_not_tell(
    server, opened, name, tmp_path, monkeypatch, capsys
):
    from tui.cli import main

    queue = opened(most_attempts=1)
    for item_id in "abc":
        queue.put(item_id, b"")
    queue.claim(LONG).failed("no")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RABBIT_PASSWORD", "guest")
    Path("spotwarden.toml").write_text(
        f'[[queues]]\nname = "{name}"\nurl = "amqp://guest:${{RABBIT_PASSWORD}}@127.0.0.1:{server.port}/"\n'
    )
    assert main(["queues", "--json"]) == 0
    (seen,) = json.loads(capsys.readouterr().out)["queues"]
    assert (seen["waiting"], seen["dead"], seen["in_flight"], seen["trouble"]) == (2, 1, None, None)
    assert seen["server"] == f"amqp://127.0.0.1:{server.port}/"
    assert "1 dead item waits for a person" in seen["warnings"][0]
