"""A short seeded slice of `make torture`'s part `queues`: real workers killed with SIGKILL, ours and the guide's."""

import os
from pathlib import Path

import pytest

from tests.torture.queues import played

SEED, ITEMS, KILLS = 7, 200, 20


@pytest.mark.accepts("IN-02", "IN-04", "PO-03")
def test_workers_killed_at_random_lose_nothing_and_write_every_result_once(redis_at):
    seen = played("redis", redis_at.url, ITEMS, KILLS, SEED)
    assert (seen["done"], seen["lost"], seen["left"]) == (ITEMS, 0, 0)
    assert (seen["effects_twice"], seen["written"]) == (0, ITEMS)
    assert (seen["kills"], seen["stalls"], seen["crashed"]) == (KILLS, 2, 0)
    assert seen["begun"] > ITEMS  # some were in hand when their worker went


@pytest.mark.accepts("IN-04")
def test_the_guides_key_that_expires_loses_what_a_killed_worker_had(redis_at):
    seen = played("guide-redis", redis_at.url, ITEMS, KILLS, SEED)
    assert seen["lost"] > 0
    assert seen["kills"] == KILLS


@pytest.mark.accepts("IN-04")
def test_a_worker_that_pops_loses_what_it_had(redis_at):
    assert played("blpop", redis_at.url, ITEMS, KILLS, SEED)["lost"] > 0


def test_the_guides_worker_here_does_what_the_guide_shows():
    data = os.environ.get("SPOTWARDEN_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data"
    texts = [path.read_text(encoding="utf-8") for path in sorted(Path(data).parent.glob("guides/002*.txt"))]
    if not texts:
        pytest.skip("no guides beside the shared data")
    for line in (
        'data = {"payload": payload, "status": "processing"}',
        'r.setex(f"checkpoint:{request_id}", 300, json.dumps(data))',
        'r.delete(f"checkpoint:{request_id}")',
    ):
        assert line in texts[0]
