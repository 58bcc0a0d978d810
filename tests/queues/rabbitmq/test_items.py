"""A work queue on a real RabbitMQ: nothing is lost, and a result is written once."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pika
import pytest

from tests.queues.rabbitmq.conftest import LONG, drained, ready
from tools.recovery.guard.queues import open_queue, rabbitmq
from tools.recovery.guard.queues.work import Lost, PayloadTooLarge, QueueAway, QueueRefused
from tools.recovery.guard.trouble import BadRequest


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


def test_giving_back_does_not_wait_for_results_that_do_not_answer(opened, place, monkeypatch):
    class Silent:
        """Somebody's own, and its server hangs."""

        def __init__(self) -> None:
            self.ended = threading.Event()

        def put_once(self, item_id: str, result: bytes) -> bool:
            return self.ended.wait(LONG)

        def get(self, item_id: str) -> None:
            return None

    monkeypatch.setattr(rabbitmq, "LAST_WORDS_SECONDS", 0.5)
    opened().put("a", b"")
    silent = Silent()
    opened(results=silent).claim(LONG).release()
    assert opened().claim(LONG).item.item_id == "a"
    assert not silent.ended.is_set()
    silent.ended.set()


@contextmanager
def out_of_reach(place: str) -> Iterator[None]:
    """The directory of the results is not mounted."""
    Path(place).rename(f"{place}-away")
    Path(place).write_text("a file where the directory should be")
    yield
    Path(place).unlink()
    Path(f"{place}-away").rename(place)


@pytest.mark.accepts("IN-04", "IN-08")
def test_an_item_whose_result_cannot_be_written_is_not_acknowledged(opened, place):
    queue = opened()
    queue.put("a", b"1")
    claim = queue.claim(LONG)
    with out_of_reach(place), pytest.raises(QueueRefused):
        claim.done(b"r")
    queue.close()
    again = opened().claim(LONG)
    assert again.item.item_id == "a"
    assert again.done(b"r") is True


@pytest.mark.accepts("IN-04")
def test_results_that_cannot_be_asked_cost_no_item_an_attempt(opened, place):
    opened().put("a", b"")
    with out_of_reach(place):
        for _ in range(6):  # workers, one after the other
            with opened() as queue, pytest.raises(QueueRefused, match="cannot be read"):
                queue.claim(LONG)
    assert opened().claim(LONG).item.attempt == 1


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


@pytest.mark.accepts("IN-04")
def test_a_dead_item_that_cannot_be_put_back_stays_where_it_is(opened, stranger, name):
    queue = opened(most_attempts=1)
    queue.put("a", b"1")
    queue.claim(LONG).failed("no")
    while not ready(stranger, f"{name}.dead"):  # it goes there with RabbitMQ's own worker, of the queue
        queue.status()
    stranger.queue_delete(name)
    with pytest.raises(QueueRefused, match="no queue takes the message"):
        queue.requeue("a")
    assert [d.item_id for d in queue.dead()] == ["a"]


@pytest.mark.accepts("IN-04")
def test_two_operators_who_look_at_the_dead_do_so_one_after_the_other(opened, server, name):
    queue = opened(most_attempts=1)
    queue.put("a", b"")
    queue.claim(LONG).failed("no")
    with pika.BlockingConnection(pika.URLParameters(server.url)) as other:
        other.channel().queue_declare(f"{name}.dead.look", exclusive=True)
        with pytest.raises(QueueAway, match="somebody else looks at the dead letters"):
            opened(patience_seconds=0.1).requeue("a")
    assert [d.item_id for d in queue.dead()] == ["a"]
    assert queue.requeue("a") is True
    assert queue.dead() == []


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
