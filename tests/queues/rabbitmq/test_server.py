"""A RabbitMQ that goes away, hangs, or refuses: told with the way out, and nothing is lost."""

import os
import signal

import pytest

from tests.queues.rabbitmq.conftest import LONG, drained
from tools.recovery.guard.queues.rabbitmq import RabbitQueue
from tools.recovery.guard.queues.work import Lost, QueueAway, QueueRefused
from tools.recovery.guard.trouble import BadRequest

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
