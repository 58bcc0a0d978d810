"""A work queue on a real RabbitMQ: nothing is lost, a result is written once; and the guide's worker beside it."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pika
import pytest

from tests.queues.rabbit_server import RabbitServer, absent, rabbit_server
from tests.queues.rabbit_workers import ROOT, worker
from tools.recovery.guard.queues import empty, open_queue, work
from tools.recovery.guard.queues.kept import open_results
from tools.recovery.guard.queues.rabbitmq import RabbitQueue
from tools.recovery.guard.queues.work import Lost, PayloadTooLarge, QueueAway, QueueRefused
from tools.recovery.guard.trouble import BadRequest

LONG = 20.0
"""seconds that a claim may wait for what must come"""
_numbers = count(1)


@pytest.fixture(scope="module")
def server() -> Iterator[RabbitServer]:
    if why := absent():
        pytest.skip(why)
    with rabbit_server() as running:
        yield running


@pytest.fixture
def name() -> str:
    return f"q{next(_numbers)}"


@pytest.fixture
def place(tmp_path: Path) -> str:
    return str(tmp_path / "results")


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def opened(server: RabbitServer, name: str, place: str, said: list[str]) -> Iterator[Callable[..., RabbitQueue]]:
    """opened(**options): another one on the same items."""
    queues: list[RabbitQueue] = []

    def open_one(**options) -> RabbitQueue:
        given = {"results": place, "say": said.append, "patience_seconds": 10.0} | options
        queues.append(RabbitQueue(server.url, name, **given))
        return queues[-1]

    yield open_one
    for queue in queues:
        queue.close()


@pytest.fixture
def stranger(server: RabbitServer) -> Iterator[pika.adapters.blocking_connection.BlockingChannel]:
    """A channel of somebody who knows nothing of us."""
    connection = pika.BlockingConnection(pika.URLParameters(server.url))
    yield connection.channel()
    connection.close()


@pytest.fixture
def guide(data_dir: Path) -> str:
    found = sorted((data_dir.parent / "guides").glob("002*.txt"))
    if not found:
        pytest.skip("no guides beside the shared data")
    return str(found[0])


def ready(channel, name: str) -> int:
    """Messages that nobody has."""
    return channel.queue_declare(name, passive=True).method.message_count


def drained(queue: RabbitQueue) -> list[str]:
    """Ids of what is still to be done; all of it is done then."""
    ids = []
    while (claim := queue.claim(0.3)) is not None:
        ids.append(claim.item.item_id)
        claim.done(b"r")
    return ids


# --- what the interface says


def test_what_is_put_is_claimed_done_and_gone(opened):
    queue = opened()
    assert [queue.put("a", b"body of a"), queue.put("a", b"other")] == [True, False]
    claim = queue.claim(LONG)
    assert (claim.item.item_id, claim.item.body, claim.item.attempt) == ("a", b"body of a", 1)
    status = queue.status()
    assert (status.waiting, status.dead) == (0, 0)
    assert (status.in_flight, status.done, status.workers) == (None, None, None)  # AMQP does not say
    assert claim.done(b"result of a") is True
    with pytest.raises(Lost, match="settled before"):
        claim.done(b"another")
    assert queue.results.get("a") == b"result of a"
    assert queue.put("a", b"again") is False
    assert queue.claim(0) is None


@pytest.mark.accepts("IN-08")
def test_a_worker_has_one_item_and_an_idle_one_none(opened, stranger, name):
    one, two = opened(worker="twin"), opened(worker="twin")  # two of one name are two
    for item_id in "abc":
        one.put(item_id, b"")
    first, second = one.claim(LONG), two.claim(LONG)
    assert (first.item.item_id, second.item.item_id) == ("a", "b")
    assert ready(stranger, name) == 1
    first.done(b"")
    assert ready(stranger, name) == 1  # until it asks
    second.done(b"")
    assert drained(two) == ["c"]


def test_a_worker_that_waits_gets_what_is_put_later_and_over_a_new_connection(opened, server):
    queue, other, came = opened(), opened(), []
    waiting = threading.Thread(target=lambda: came.append(queue.claim(LONG)))
    waiting.start()
    other.put("a", b"1")
    waiting.join()
    assert came[0].item.item_id == "a"
    came[0].done(b"")
    waiting = threading.Thread(target=lambda: came.append(queue.claim(LONG)))
    waiting.start()
    server.drop_connections()
    other.put("b", b"2")
    waiting.join()
    assert came[1].item.item_id == "b"


@pytest.mark.accepts("IN-08")
def test_a_failed_item_comes_again_and_then_is_dead_with_its_reason_and_may_come_back(opened, said):
    queue = opened(most_attempts=3)
    queue.put("a", b"poison")
    for attempt in (1, 2, 3):
        claim = queue.claim(LONG)
        assert claim.item.attempt == attempt
        claim.failed(f"ValueError: attempt {attempt}")
    assert queue.claim(0.3) is None
    (found,) = queue.dead()
    assert (found.item_id, found.body, found.reason, found.attempts) == ("a", b"poison", "ValueError: attempt 3", 3)
    assert found.died_at.endswith("Z")
    assert "item a is dead after 3 attempts: ValueError: attempt 3" in said[-1]
    assert queue.put("a", b"again") is False
    assert [queue.requeue("never put"), queue.requeue("a"), queue.requeue("a")] == [False, True, False]
    claim = queue.claim(LONG)
    assert (claim.item.attempt, claim.item.body) == (1, b"poison")
    claim.failed("ValueError: once more")
    assert queue.claim(LONG).item.attempt == 2  # three again
    assert queue.status().dead == 0


def test_what_is_given_back_is_had_at_once_and_is_no_attempt(opened):
    one, two = opened(most_attempts=1), opened(most_attempts=1)
    one.put("a", b"1")
    for _ in range(3):
        one.claim(LONG).release()
    claim = two.claim(LONG)
    assert (claim.item.item_id, claim.item.attempt) == ("a", 1)


def test_looking_at_the_dead_leaves_them_in_their_order(opened):
    queue = opened(most_attempts=1)
    for item_id in "abc":
        queue.put(item_id, b"")
        queue.claim(LONG).failed("no")
    queue.put("z", b"")
    queue.claim(LONG).failed("no")
    assert [d.item_id for d in queue.dead(2)] == ["a", "b"]
    assert queue.requeue("b")
    assert [d.item_id for d in queue.dead()] == ["a", "c", "z"]


def test_an_item_that_takes_its_workers_down_is_dead_after_the_most_attempts(opened):
    opened().put("a", b"poison")
    for _ in range(2):
        victim = opened(most_attempts=2)
        assert victim.claim(LONG).item.item_id == "a"
        victim.close()
    queue = opened(most_attempts=2)
    assert queue.claim(1.0) is None
    (found,) = queue.dead()
    assert (found.item_id, found.attempts) == ("a", 2)
    assert "none came to an end" in found.reason


@pytest.mark.parametrize(
    ("properties", "body", "why"),
    [
        (pika.BasicProperties(), b"x", "it has no message_id"),
        (pika.BasicProperties(message_id="big"), b"x" * 101, "101 bytes, the limit is 100"),
        (pika.BasicProperties(message_id="a\tb"), b"x", "is not an item's id"),
        (
            pika.BasicProperties(message_id="ours", headers={"x-delivery-count": "many", "spotwarden-round": -1}),
            b"",
            "",
        ),
    ],
)
def test_a_message_that_is_no_item_goes_to_the_dead_and_stops_nobody(
    opened, stranger, name, said, properties, body, why
):
    queue = opened(most_bytes=100)
    queue.put("good", b"1")
    stranger.basic_publish("", name, body, properties)
    assert drained(queue) == (["good"] if why else ["good", "ours"])
    assert [why in d.reason for d in queue.dead()] == ([True] if why else [])
    assert any(why in line for line in said) is bool(why)


def test_a_payload_over_the_limit_is_refused_and_the_claim_is_still_held(opened):
    queue = opened(most_bytes=10)
    with pytest.raises(PayloadTooLarge, match="11 bytes, the limit is 10"):
        queue.put("a", b"x" * 11)
    queue.put("a", b"x" * 10)
    claim = queue.claim(LONG)
    with pytest.raises(PayloadTooLarge, match="its result has 11 bytes"):
        claim.done(b"x" * 11)
    assert claim.done(b"x") is True


def test_without_results_one_may_look_and_not_work(server, opened, name):
    opened().put("a", b"1")
    with open_queue(server.url, name) as queue:
        assert queue.status().waiting == 1
        with pytest.raises(BadRequest, match="without results"):
            queue.claim(0)
        with pytest.raises(BadRequest, match="without results"):
            queue.put("b", b"")


# --- a server that goes away


@pytest.mark.accepts("IN-08", "PO-03")
def test_a_result_whose_acknowledgement_was_lost_is_found_and_the_item_is_not_done_again(opened, server, said):
    queue = opened()
    queue.put("a", b"1")
    claim = queue.claim(LONG)
    server.drop_connections()
    assert claim.done(b"first") is True
    assert "comes again, and is only acknowledged then" in said[-1]
    assert queue.claim(1.0) is None
    assert (queue.status().waiting, queue.results.get("a")) == (0, b"first")


@pytest.mark.accepts("PO-03")
def test_of_two_who_have_the_same_item_the_first_writes_and_the_other_is_told(opened, server):
    slow, quick = opened(), opened()
    slow.put("a", b"1")
    lost = slow.claim(LONG)
    server.drop_connections()
    claim = quick.claim(LONG)
    assert claim.item.attempt == 2
    assert claim.done(b"of the quick") is True
    with pytest.raises(Lost, match="done by another worker"):
        lost.done(b"of the slow")
    assert slow.results.get("a") == b"of the quick"


def test_what_is_on_disk_outlives_the_server_and_a_lost_acknowledgement_with_it(opened, server, name):
    queue = opened()
    for item_id in "ab":
        queue.put(item_id, b"")
    claim = queue.claim(LONG)
    server.restart()
    assert claim.done(b"r") is True
    last = queue.claim(LONG)
    assert last.item.item_id == "b"
    last.done(b"of b")
    assert drained(queue) == []
    assert queue.results.get("a") == b"r"


def test_a_server_that_is_low_on_memory_is_told_and_what_was_put_twice_has_one_result(opened, server, said):
    queue = opened(patience_seconds=1.0)
    queue.put("a", b"")
    server.memory_alarm(on=True)
    try:
        claim = queue.claim(LONG)
        assert claim.done(b"r") is True  # who works is not held back
        with pytest.raises(QueueAway, match="holds back what is published: low on memory"):
            [queue.put(item_id, b"") for item_id in "bcd"]  # the first may still be taken
    finally:
        server.memory_alarm(on=False)
    assert "holds back what is published: low on memory" in said[-1]
    for item_id in "bcd":
        queue.put(item_id, b"")
    assert sorted(drained(queue)) == ["b", "c", "d"]


def test_a_server_that_hangs_is_left_within_the_patience_and_found_again(opened, server):
    queue = opened(patience_seconds=0.5)
    queue.put("a", b"")
    os.killpg(server.node.pid, signal.SIGSTOP)
    try:
        with pytest.raises(QueueAway, match="no answer within"):
            queue.status()
    finally:
        os.killpg(server.node.pid, signal.SIGCONT)
    assert queue.claim(LONG).done(b"r") is True


def test_work_beyond_the_consumer_timeout_is_told_with_the_way_out_and_its_result_counts(opened, server, said):
    server.ask(
        "[application:set_env(rabbit, K, V) || {K, V} <- [{consumer_timeout, 300}, {channel_tick_interval, 300}]]"
    )
    try:
        queue = opened()
        queue.put("a", b"")
        claim = queue.claim(LONG)
        queue._lines["work"]._thread.join()
        assert claim.done(b"r") is True
    finally:
        server.ask(
            "[application:set_env(rabbit, K, V) || {K, V} <- [{consumer_timeout, 1800000}, {channel_tick_interval, 60000}]]"
        )
    assert "consumer_timeout" in said[-1]
    assert "set_policy" in said[-1]
    assert queue.claim(1.0) is None


# --- what is refused


def test_a_queue_that_exists_with_other_arguments_is_refused_with_the_way_out(opened, stranger, name):
    stranger.queue_declare(name, durable=False)
    with pytest.raises(QueueRefused, match=r"other arguments: PRECONDITION_FAILED.*use another name"):
        opened().put("a", b"")
    stranger.queue_delete(name)
    assert opened().put("a", b"") is True


def test_a_queue_that_was_deleted_is_told_and_then_declared_anew(opened, stranger, name):
    queue = opened()
    queue.put("a", b"")
    stranger.queue_delete(name)
    with pytest.raises(QueueRefused, match="no queue takes the message"):
        queue.put("b", b"")
    with pytest.raises(QueueRefused, match=f"no queue '{name}'"):
        queue.status()
    assert queue.put("b", b"") is True
    assert drained(queue) == ["b"]


@pytest.mark.parametrize(
    ("address", "error", "words"),
    [
        ("amqp://guest:sEcret@127.0.0.1:{port}/", QueueRefused, "the user or the password is refused"),
        ("amqp://guest:guest@127.0.0.1:{port}/sEcret", QueueRefused, r"NOT_ALLOWED - vhost .* not found.*list_vhosts"),
        ("amqps://guest:sEcret@127.0.0.1:{port}/", QueueRefused, r"TLS failed.*amqp:// without"),
        ("amqp://guest:sEcret@127.0.0.1:1/", QueueAway, r"Connection refused.*is it up"),
        ("amqp://guest:sEcret@127.0.0.1:x/", BadRequest, "cannot be read"),
        ("http://guest:sEcret@127.0.0.1/", BadRequest, "not an address of RabbitMQ"),
    ],
)
def test_an_address_that_does_not_serve_is_told_without_its_password(server, place, address, error, words, caplog):
    with pytest.raises(error, match=words) as refused:
        RabbitQueue(address.format(port=server.port), "q", results=place, patience_seconds=0.5)
    if "vhost" not in words:
        assert "sEcret" not in f"{refused.value}{caplog.text}"


def test_a_right_that_is_missing_is_told(server, place):
    server.ask('rabbit_auth_backend_internal:add_user(<<"reader">>, <<"pw">>, <<"test">>)')
    server.ask(
        'rabbit_auth_backend_internal:set_permissions(<<"reader">>, <<"/">>, <<"">>, <<"">>, <<".*">>, <<"test">>)'
    )
    queue = RabbitQueue(server.url_of("reader", "pw"), "q", results=place)
    with queue, pytest.raises(QueueRefused, match=r"ACCESS_REFUSED.*set_permissions"):
        queue.put("a", b"")


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
