"""A work queue on a real Redis: nothing is lost, a result is written once."""

import pytest

from tests.queues.conftest import counts, pause
from tools.recovery.guard.queues import redis_scripts as lua
from tools.recovery.guard.queues.work import DeadItem, Lost

SOON = 0.15
"""a lease that a test can outlive"""
LONG = 10.0
"""seconds that a claim may wait for what must come"""


def test_what_is_put_is_claimed_done_and_gone(opened):
    queue = opened()
    assert queue.put("a", b"body of a") is True
    assert counts(queue) == (1, 0, 0, 0)
    claim = queue.claim(LONG)
    assert (claim.item.item_id, claim.item.body, claim.item.attempt) == ("a", b"body of a", 1)
    status = queue.status()
    assert (status.waiting, status.in_flight) == (0, 1)
    assert status.oldest_in_flight_seconds >= 0
    assert claim.done(b"result of a") is True
    assert queue.results.get("a") == b"result of a"
    assert counts(queue) == (0, 0, 1, 0)
    assert queue.claim(0) is None


def test_an_item_is_known_while_it_waits_while_it_is_done_and_after(opened):
    queue = opened()
    assert [queue.put("a", b"1"), queue.put("a", b"2")] == [True, False]
    claim = queue.claim(LONG)
    assert queue.put("a", b"3") is False
    claim.done(b"r")
    assert queue.put("a", b"4") is False
    assert queue.status().waiting == 0


@pytest.mark.accepts("IN-04")
def test_time_to_live_begins_when_an_item_is_done_and_unfinished_work_has_none(opened):
    queue = opened(result_seconds=100)
    client = queue._speech.client
    queue.put("a", b"1")
    claim = queue.claim(LONG)
    assert {client.ttl(key) for key in client.scan_iter(f"spotwarden:{{{queue.name}}}:*")} == {-1}
    claim.done(b"r")
    assert 0 < client.ttl(queue.results.key("a")) <= 100


@pytest.mark.accepts("IN-02", "IN-04", "PO-03")
def test_what_a_worker_that_went_without_a_word_had_goes_to_the_next(opened):
    gone, next_one = opened(worker="gone", lease_seconds=SOON), opened(worker="next", lease_seconds=SOON)
    gone.put("a", b"1")
    assert gone.claim(LONG).item.attempt == 1
    gone._closed.set()  # its heart stops
    claim = next_one.claim(LONG)
    assert (claim.item.item_id, claim.item.body, claim.item.attempt) == ("a", b"1", 2)


def test_long_work_keeps_its_lease_by_heartbeats_that_are_no_attempts(opened):
    slow, other = opened(worker="slow", lease_seconds=3), opened(worker="other", lease_seconds=3)
    slow.put("a", b"1")
    claim = slow.claim(LONG)
    idle = [-1]
    while len(idle) < 3 or idle[-1] >= idle[-2]:  # until a heartbeat sets it back
        (row,) = slow._speech.client.xpending_range(slow._work, lua.GROUP, "-", "+", 1)
        idle.append(row["time_since_delivered"])
        assert idle[-1] < 3_000, "no heartbeat came"
        pause(slow)
    assert row["times_delivered"] == 1
    assert other.claim(0) is None
    assert claim.done(b"r") is True


@pytest.mark.accepts("PO-03")
def test_a_worker_that_stood_still_is_told_that_it_lost_and_its_result_is_not_written(opened):
    still, next_one = opened(worker="still", lease_seconds=SOON), opened(worker="next", lease_seconds=SOON)
    still.put("a", b"1")
    first = still.claim(LONG)
    still._closed.set()
    second = next_one.claim(LONG)
    with pytest.raises(Lost, match="taken by another worker"):
        first.done(b"of the first")
    assert next_one.results.get("a") is None
    assert second.done(b"of the second") is True
    with pytest.raises(Lost):
        first.done(b"of the first")
    assert next_one.results.get("a") == b"of the second"
    assert next_one.status().done == 1


@pytest.mark.accepts("PO-03")
def test_the_heartbeat_of_a_worker_that_stood_still_takes_nothing_back(opened):
    still, next_one = opened(worker="still", lease_seconds=SOON), opened(worker="next", lease_seconds=SOON)
    still.put("a", b"1")
    first = still.claim(LONG)
    still._closed.set()
    second = next_one.claim(LONG)
    assert still._run(lua.BEAT, [still._work], lua.GROUP, still.consumer, first.entry) == [first.entry.encode()]
    assert second.done(b"r") is True


def test_a_consumer_that_has_an_item_is_not_removed_for_with_it_its_item_would_go(opened):
    gone, next_one = opened(worker="gone", lease_seconds=SOON), opened(worker="next", lease_seconds=SOON)
    gone.put("a", b"1")
    gone.claim(LONG)
    gone._closed.set()
    next_one._leave(gone.consumer)
    assert next_one.claim(LONG).item.item_id == "a"


def test_what_was_lost_can_be_neither_failed_nor_given_back_by_who_lost_it(opened):
    still, next_one = opened(worker="still", lease_seconds=SOON), opened(worker="next", lease_seconds=SOON)
    still.put("a", b"1")
    first = still.claim(LONG)
    still._closed.set()
    second = next_one.claim(LONG)
    first.failed("late")
    first.release()
    assert next_one.status().in_flight == 1
    assert second.done(b"r") is True


def test_what_is_given_back_is_had_at_once_and_is_not_counted(opened):
    one, two = opened(worker="one", lease_seconds=600), opened(worker="two", lease_seconds=600)
    one.put("a", b"1")
    one.claim(LONG).release()
    assert counts(one) == (1, 0, 0, 0)
    assert two.claim(LONG).item.attempt == 1


def test_closing_gives_back_what_is_held_and_takes_the_name_away(opened):
    one, two = opened(worker="one", lease_seconds=600), opened(worker="two", lease_seconds=600)
    one.put("a", b"1")
    one.claim(LONG)
    one.close()
    assert two.claim(LONG).item.attempt == 1
    names = [c["name"] for c in two._speech.client.xinfo_consumers(two._work, lua.GROUP)]
    assert sorted(n.decode().partition(":")[0] for n in names) == ["-", "two"]


def test_a_poison_message_is_dead_after_the_most_attempts_with_the_reason_and_may_come_back(opened, said):
    queue = opened(most_attempts=3, retry_seconds=0)
    queue.put("a", b"poison")
    for attempt in (1, 2, 3):
        claim = queue.claim(LONG)
        assert claim.item.attempt == attempt
        claim.failed(f"ValueError: attempt {attempt}")
    assert queue.claim(0) is None
    assert counts(queue) == (0, 0, 0, 1)
    (found,) = queue.dead()
    assert found == DeadItem("a", b"poison", "ValueError: attempt 3", 3, found.died_at)
    assert found.died_at.endswith("Z")
    assert "a is dead" in said[-1]
    assert queue.put("a", b"again") is False
    assert queue.requeue("a") is True
    assert queue.requeue("a") is False
    assert queue.requeue("never put") is False
    assert counts(queue) == (1, 0, 0, 0)
    claim = queue.claim(LONG)
    assert (claim.item.attempt, claim.item.body) == (1, b"poison")


def test_an_item_that_takes_its_workers_down_is_dead_too(opened):
    queue = opened(worker="w0", lease_seconds=SOON, most_attempts=2)
    queue.put("a", b"poison")
    queue.put("b", b"good")
    for number in (1, 2):
        victim = opened(worker=f"victim{number}", lease_seconds=SOON, most_attempts=2)
        claims = [victim.claim(LONG)]
        while claims[-1].item.item_id != "a":
            claims.append(victim.claim(LONG))
        for claim in claims[:-1]:
            claim.release()
        victim._closed.set()
    ids = []
    while not queue.status().dead:
        claim = queue.claim(SOON)
        if claim is not None:
            ids.append(claim.item.item_id)
            claim.done(b"r")
    assert ids == ["b"]
    (found,) = queue.dead()
    assert (found.item_id, found.attempts) == ("a", 2)
    assert "none came to an end" in found.reason


def test_a_failed_item_waits_longer_every_time(opened):
    queue = opened(lease_seconds=600, retry_seconds=100)
    queue.put("a", b"1")
    queue.claim(LONG).failed("no luck")
    assert queue.claim(0) is None
    (row,) = queue._speech.client.xpending_range(queue._work, lua.GROUP, "-", "+", 1)
    assert 500_000 <= row["time_since_delivered"] < 600_000
    assert (row["consumer"], row["times_delivered"]) == (b"-", 1)


def test_two_workers_with_one_name_have_items_of_their_own_and_the_clash_is_told(opened, said):
    one, two = opened(worker="twin"), opened(worker="twin")
    for item_id in "ab":
        one.put(item_id, b"")
    first, second = one.claim(LONG), two.claim(LONG)
    assert {first.item.item_id, second.item.item_id} == {"a", "b"}
    assert one.consumer != two.consumer
    assert [line for line in said if "a worker named twin was here" in line]
    assert first.done(b"1")
    assert second.done(b"2")


def test_a_process_that_was_forked_is_a_consumer_of_its_own(opened):
    queue = opened()
    before, queue._pid = queue.consumer, -1  # as if in the child
    queue.put("a", b"")
    assert queue.claim(LONG) is not None
    assert queue.consumer != before


def test_dead_items_are_listed_oldest_first_and_bounded(opened):
    queue = opened(most_attempts=1)
    for item_id in "abc":
        queue.put(item_id, b"")
        queue.claim(LONG).failed("no")
    assert [d.item_id for d in queue.dead(2)] == ["a", "b"]


def test_results_alone_are_written_once(opened):
    results = opened().results
    assert results.get("a") is None
    assert [results.put_once("a", b"1"), results.put_once("a", b"2")] == [True, False]
    assert results.get("a") == b"1"


def test_a_result_that_was_there_before_stays(opened):
    queue = opened()
    queue.put("a", b"")
    queue.results.put_once("a", b"first")
    assert queue.claim(LONG).done(b"second") is False
    assert queue.results.get("a") == b"first"
    assert queue.status().waiting == 0
