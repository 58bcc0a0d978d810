"""What a real Redis, and what is put into it, can do wrong: an error that says what to do, and nothing lost."""

import socket
import threading

import pytest

from tests.queues.conftest import counts
from tests.queues.redis_server import Wire, free_port, redis_server
from tools.recovery.guard.queues import empty, open_queue, shown, work
from tools.recovery.guard.queues import redis_scripts as lua
from tools.recovery.guard.queues.redis_streams import RedisQueue
from tools.recovery.guard.queues.work import PayloadTooLarge, QueueAway, QueueRefused
from tools.recovery.guard.trouble import BadRequest

LONG = 10.0


def sha(queue, script):
    return queue._scripts[script].sha


@pytest.mark.accepts("IN-04")
def test_an_answer_that_is_lost_in_mid_ack_is_asked_for_until_the_truth_is_known(opened, wire):
    queue = opened(url=wire.url)
    queue.put("a", b"1")
    claim = queue.claim(LONG)
    wire.cut(sha(queue, lua.DONE), times=3)
    assert claim.done(b"r") is True
    assert wire.cuts == 3
    assert queue.results.get("a") == b"r"
    assert counts(queue) == (0, 0, 1, 0)


@pytest.mark.accepts("IN-02", "IN-04")
def test_a_server_killed_in_mid_ack_and_started_again_has_the_result_once(said):
    with redis_server("--appendonly", "yes", "--appendfsync", "always") as server:
        wire = Wire(server.port)
        with RedisQueue(wire.url, "q", say=said.append) as queue:
            for item_id in "ab":
                queue.put(item_id, item_id.encode())
            claim = queue.claim(LONG)
            back = threading.Thread(target=server.start)

            def away() -> None:
                server.kill()
                back.start()

            wire.cut(sha(queue, lua.DONE), before=away)
            assert claim.done(b"r") is True
            back.join()
            assert queue.results.get("a") == b"r"
            assert counts(queue) == (1, 0, 1, 0)
            assert queue.claim(LONG).item.item_id == "b"
        wire.close()


def test_a_server_that_stays_away_is_told_and_what_was_held_comes_again(said):
    with (
        redis_server("--appendonly", "yes") as server,
        RedisQueue(server.url, "q", patience_seconds=0.2, lease_seconds=0.5, say=said.append) as queue,
    ):
        queue.put("a", b"1")
        claim = queue.claim(LONG)
        server.kill()
        with pytest.raises(QueueAway, match="asking again is safe"):
            claim.done(b"r")
        with pytest.raises(QueueAway):
            queue.put("b", b"2")
        with pytest.raises(QueueAway):
            queue.claim(0.1)
        server.start()
        again = queue.claim(LONG)
        assert (again.item.item_id, again.item.body) == ("a", b"1")
        assert again.done(b"r") is True


def test_a_put_whose_answer_is_lost_adds_one_item_and_says_so(opened, wire):
    queue = opened(url=wire.url)
    wire.cut(sha(queue, lua.PUT), times=2)
    assert queue.put("a", b"1") is True
    assert queue.status().waiting == 1


def test_a_delivery_whose_answer_is_lost_is_no_attempt_and_not_lost(opened, wire):
    queue = opened(url=wire.url)
    queue.put("a", b"1")
    wire.cut(sha(queue, lua.TAKE), times=2)
    claim = queue.claim(LONG)
    assert (claim.item.item_id, claim.item.attempt) == ("a", 1)


def test_a_wire_that_is_cut_while_an_idle_worker_waits_loses_nothing(opened, wire):
    queue, other = opened(url=wire.url), opened(worker="other")
    wire.cut("XREADGROUP", before=lambda: None)
    threading.Timer(0.2, lambda: other.put("a", b"1")).start()
    assert queue.claim(LONG).item.item_id == "a"


def test_a_payload_over_the_limit_is_refused_before_it_is_sent(opened):
    queue = opened(most_bytes=100)
    with pytest.raises(PayloadTooLarge, match=r"its body has 101 bytes, the limit is 100 \(put it into a store"):
        queue.put("a", b"x" * 101)
    assert queue.put("a", b"x" * 100) is True
    claim = queue.claim(LONG)
    with pytest.raises(PayloadTooLarge, match="its result"):
        claim.done(b"y" * 101)
    assert claim.done(b"y" * 100) is True  # still held


@pytest.mark.parametrize("item_id", ["", "x" * 256, "a\nb", "\ud800", 7])
def test_an_id_that_cannot_be_is_told(opened, item_id):
    with pytest.raises(BadRequest, match="not an item's id"):
        opened().put(item_id, b"")


def test_a_body_that_is_text_is_told(opened):
    with pytest.raises(BadRequest, match="its body is str, not bytes"):
        opened().put("a", "text")


@pytest.mark.parametrize("name", ["", "a b", "{a}", "a" * 101, "../a"])
def test_a_name_that_cannot_be_is_told(opened, name):
    with pytest.raises(BadRequest, match="not a queue's name"):
        opened(name=name)


@pytest.mark.parametrize("part", ["work", "known", "dead"])
def test_a_key_of_another_kind_is_told_and_left_alone(opened, part):
    queue = opened()
    key = f"spotwarden:{{{queue.name}}}:{part}"
    queue._speech.client.set(key, b"somebody else's")
    with pytest.raises(QueueRefused, match=r"WRONGTYPE.*another name"):
        queue.status() if part == "dead" else queue.put("a", b"")
    assert queue._speech.client.get(key) == b"somebody else's"


@pytest.mark.accepts("IN-04")
@pytest.mark.parametrize("part", ["known", "counts", "result:a", "dead"])
def test_a_key_that_became_another_kind_in_mid_work_costs_no_item(opened, part):
    queue = opened(most_attempts=1)
    queue.put("a", b"1")
    claim = queue.claim(LONG)
    key = f"spotwarden:{{{queue.name}}}:{part}"
    queue._speech.client.copy(key, "kept", replace=True)
    queue._speech.client.set(key, b"somebody else's")
    with pytest.raises(QueueRefused, match="WRONGTYPE"):
        claim.failed("no luck") if part == "dead" else claim.done(b"r")
    queue._speech.client.delete(key)
    again = queue.claim(LONG)
    assert (again.item.item_id, again.item.body) == ("a", b"1")
    assert again.done(b"r") is True
    assert queue.results.get("a") == b"r"


def test_a_wrong_password_is_told_and_never_shown(said):
    with redis_server("--requirepass", "right") as server:
        for url in (server.url, server.url.replace("//", "//:wr0ng@")):
            with pytest.raises(QueueRefused, match="redis://USER:PASSWORD@HOST") as caught:
                RedisQueue(url, "q", say=said.append)
            assert "wr0ng" not in str(caught.value)
        with RedisQueue(server.url.replace("//", "//:right@"), "q", say=said.append) as queue:
            assert queue.put("a", b"")
            assert "right" not in queue.where
            assert "right" not in "".join(said)


def test_what_redis_repeats_of_a_command_that_it_does_not_know_is_not_shown(said):
    with redis_server("--rename-command", "AUTH", "") as server:
        with pytest.raises(QueueRefused, match="unknown command 'AUTH'") as caught:
            RedisQueue(server.url.replace("//", "//user:s3cret@"), "q", say=said.append)
        assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
@pytest.mark.parametrize(
    "rest",
    ["u:s3cret/x@h/0", "u:1/s3cret@h/0", "u:s3cret#x@h", "u:12#s3cret@h", "u:s3cret?x@h", ":s3cret", "u:[s3cret@h"],
)
def test_a_password_with_characters_that_an_address_cannot_have_is_refused_and_not_shown(scheme, rest, said):
    url = f"{scheme}://{rest}"
    with pytest.raises(BadRequest, match="written as %XX") as caught:
        open_queue(url, "q", patience_seconds=0.1, say=said.append)
    assert "s3cret" not in str(caught.value) + shown(url)


def test_a_user_without_the_right_is_told(opened):
    queue = opened()
    queue._speech.client.acl_setuser("limited", enabled=True, passwords=["+pw"], keys="~*", categories=["+@read"])
    limited = opened(url=f"redis://limited:pw@{queue.where.split('//')[1].split('/')[0]}/0")
    with pytest.raises(QueueRefused, match="the user needs"):
        limited.put("a", b"")


def test_what_is_no_redis_is_told(said):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with server.accept()[0] as client:
                client.recv(1000)
                client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        threading.Thread(target=serve, daemon=True).start()
        with pytest.raises(QueueRefused, match="not a Redis"):
            RedisQueue(f"redis://127.0.0.1:{server.getsockname()[1]}", "q", say=said.append)


def test_nobody_there_is_told(said):
    with pytest.raises(QueueAway, match="refused"):
        RedisQueue(f"redis://user:secret@127.0.0.1:{free_port()}", "q", patience_seconds=0.1, say=said.append)


@pytest.mark.parametrize("url", ["http://127.0.0.1", "127.0.0.1:6379", "redis://127.0.0.1:port"])
def test_an_address_that_cannot_be_is_told(said, url):
    with pytest.raises(BadRequest, match="not the address of a Redis"):
        RedisQueue(url, "q", say=said.append)


def test_a_redis_that_forgets_is_told_once(said):
    with redis_server("--appendonly", "no", "--maxmemory", "50mb", "--maxmemory-policy", "allkeys-lru") as server:
        for _ in range(2):
            RedisQueue(server.url, "q", say=said.append).close()
    assert len(said) == 2
    assert any("appendonly is off" in line for line in said)
    assert any("maxmemory-policy is allkeys-lru" in line for line in said)


def test_a_redis_without_memory_takes_nothing_new_but_what_is_done(said):
    with redis_server("--appendonly", "yes") as server, RedisQueue(server.url, "q", say=said.append) as queue:
        for number in range(3):
            queue.put(f"i{number}", b"x" * 1000)
        done, failed = queue.claim(LONG), queue.claim(LONG)
        queue._speech.client.config_set("maxmemory", "1")
        with pytest.raises(QueueRefused, match="maxmemory: nothing was added"):
            queue.put("more", b"")
        assert done.done(b"y" * 1000) is True
        failed.failed("no luck")
        assert queue.claim(LONG).done(b"") is True
        queue._speech.client.config_set("maxmemory", "0")
        assert queue.put("more", b"") is True
        assert queue.status().done == 2


def test_a_stream_that_was_deleted_is_told_and_what_is_put_again_is_there_again(opened, said):
    queue = opened()
    queue.put("a", b"1")
    queue.claim(LONG).release()
    queue._speech.client.delete(queue._work)
    assert queue.claim(0) is None
    assert any("deleted by somebody" in line for line in said)
    assert queue.put("a", b"1") is True
    assert queue.claim(LONG).done(b"r") is True


def test_a_worker_whose_queue_is_deleted_in_mid_work_drops_its_result_and_goes_on(opened, said):
    queue = opened()
    queue.put("a", b"1")

    def do(item):
        if item.item_id == "a":
            queue._speech.client.flushall()
            queue.put("b", b"2")
        return b"r"

    assert work(queue, do, until=empty(queue), wait_seconds=0, say=said.append) == 0
    assert queue.results.get("a") is None
    assert queue.results.get("b") == b"r"
    assert any("item a was deleted with the whole queue" in line for line in said)


@pytest.mark.accepts("IN-04")
@pytest.mark.parametrize("item_id", [b"\xff", b"a\nb", b"", b"x" * 256])
def test_an_entry_whose_id_cannot_be_one_is_a_dead_letter_and_stops_nobody(opened, item_id):
    queue = opened()
    queue._speech.client.xadd(queue._work, {"item": item_id, "body": b"1"})
    queue._speech.client.xadd(queue._dead, {"foreign": "1"})
    queue.put("a", b"")
    assert queue.claim(0).item.item_id == "a"
    foreign, unfit = queue.dead()
    assert (foreign.reason, foreign.attempts) == ("somebody else put it here", None)
    assert "not an item's id" in unfit.reason
    assert unfit.body == b"1"


def test_a_claim_of_before_does_not_end_the_heartbeats_of_the_one_that_came_after(opened):
    queue = opened(lease_seconds=0.3)
    queue.put("a", b"")
    before = queue.claim(LONG)
    before.release()
    now = queue.claim(LONG)
    before.release()
    assert list(queue._held.values()) == [now]


def test_what_others_do_to_the_stream_is_no_trouble_for_the_status(opened):
    queue = opened()
    queue._speech.client.xadd(queue._work, {"foreign": "1"})
    queue._speech.client.xgroup_create(queue._work, "theirs")
    assert counts(queue) == (1, 0, 0, 0)
    queue.put("a", b"")
    queue._speech.client.xdel(queue._work, queue.claim(LONG).entry)
    assert counts(queue) == (0, 1, 0, 1)


def test_entries_that_are_no_items_are_dead_letters_not_work(opened):
    queue = opened()
    queue._speech.client.xadd(queue._work, {"foreign": "1"})
    queue.put("a", b"1")
    assert queue.claim(LONG).item.item_id == "a"
    (found,) = queue.dead()
    assert found.reason == "an entry without «item» and «body»"
    assert found.body == b'["foreign","1"]'


def test_an_entry_that_somebody_deleted_is_passed_over(opened):
    one, two = opened(worker="one", lease_seconds=600), opened(worker="two", lease_seconds=600)
    for item_id in "ab":
        one.put(item_id, b"")
    claim = one.claim(LONG)
    claim.release()
    one._speech.client.xdel(one._work, claim.entry)
    assert two.claim(LONG).item.item_id == "b"
    assert one._speech.client.xpending(one._work, lua.GROUP)["pending"] == 1
