"""Notices, from the queue that hands them out to the replacement asked for and the drain begun.

One notice on a quiet account, over and over; then a thousand at once over twenty groups, with repeats and strangers
between them. The moment is the wall's: when the first call that handed a message out came back, and when the effect
was in the account's own log. Beside them: moto's own queue, and notices answered as they come, one by one.
"""

import itertools
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agent.reflex import ReflexStep
from tests.agent.autonomy_house import Post, Street, open_post, open_street
from tests.agent.storm_house import STORM, lay_out, post_all

GROUPS, SIZE = 20, 50
REPEATED, STRANGERS = 100, 5
ONE_BY_ONE = 60
WRITES = ("PutObject", "DeregisterTargets", "DetachInstances")
CALLS_ALONE = 3
"""of one notice answered alone: a marker, a drain, a detachment"""


class Watch:
    """Wall seconds since the queue handed out its first message, at each step."""

    def __init__(self, post: Post) -> None:
        self.delivered: float | None = None
        self.done: list[tuple[float, ReflexStep]] = []
        queue, reflex = post.daemon.queue, post.daemon.reflex
        assert queue is not None
        receive, handle = queue.receive, reflex.handle

        def received(*, wait_seconds: int) -> Any:
            found = receive(wait_seconds=wait_seconds)
            if found and self.delivered is None:
                self.delivered = time.perf_counter()
            return found

        def handled(notices: Any) -> Any:
            return handle(notices, on_step=lambda s: self.done.append((time.perf_counter(), s)))

        vars(queue)["receive"], vars(reflex)["handle"] = received, handled

    def again(self) -> None:
        self.delivered, self.done = None, []

    def seconds(self, action: str) -> list[float]:
        """By instance, until it was asked for: the write, and its reading back."""
        assert self.delivered is not None
        began = self.delivered
        return sorted(at - began for at, s in self.done if s.action == action for _ in s.instance_ids)

    def both(self) -> float:
        """Until the last replacement was asked for and the last drain begun."""
        return max(*self.seconds("replace-instances"), *self.seconds("deregister-targets"))


@contextmanager
def house(groups: int, size: int) -> Iterator[tuple[Street, Post, list[str]]]:
    """A daemon that leads, and instances in the order in which their notices come."""
    with tempfile.TemporaryDirectory() as folder, open_street() as street:
        laid = lay_out(street, groups, size)
        ids = [i for row in itertools.zip_longest(*laid.values()) for i in row if i]
        with open_post(street, Path(folder), STORM) as post:
            post.daemon.lead()
            post.answer()
            yield street, post, ids


def one_by_one(count: int) -> list[float]:
    """Seconds of single notices, one after another, over four groups. The first warms the connections up."""
    with house(4, 1 + count // 4) as (street, post, ids):
        watch, found = Watch(post), []
        for instance_id in ids[: count + 1]:
            post_all(street, "interruption", [instance_id])
            watch.again()
            post.answer()
            found.append(watch.both())
            street.sim.advance(1)
    return found[1:]


def storm() -> tuple[Watch, Counter[str], dict[str, Any]]:
    with house(GROUPS, SIZE) as (street, post, ids):
        strangers = [f"i-0123456789abcde{n:02x}" for n in range(STRANGERS)]
        post_all(street, "interruption", [*ids, *ids[:REPEATED], *strangers])
        seen, watch = street.seen(), Watch(post)
        report = post.answer()
        assert report is not None
        did = Counter(r["operation"] for r in street.sim.effects(seen))
        detached = Counter(i for some in street.detached(seen) for i in some)
        told = {
            "repeated": report.repeated,
            "unknown": len(report.unknown_instances),
            "to do": len(report.to_do),
            "detached once": detached == Counter(ids),
        }
    return watch, did, told


def motos_own_queue(count: int) -> float:
    """Seconds that moto takes to hand out so many, in this process and with nobody else asking."""
    from moto.sqs.models import SQSBackend

    backend = SQSBackend("us-east-1", "123456789012")
    queue = backend.create_queue("slow")
    for n in range(count):
        queue._messages.append(_message(n))
    began, left = time.perf_counter(), count
    while left:
        left -= len(backend.receive_message("slow", 10, 0, 30))
    return time.perf_counter() - began


def _message(number: int) -> Any:
    from moto.sqs.models import Message

    made = Message(str(number), "{}")
    made.mark_sent()
    return made


def run() -> list[dict[str, Any]]:
    print(f"load {Path('/proc/loadavg').read_text().split()[0]} before", file=sys.stderr)
    single = one_by_one(ONE_BY_ONE)
    naive = statistics.mean(single) * GROUPS * SIZE
    watch, did, told = storm()
    writes = sum(did[w] for w in WRITES)
    rows: list[dict[str, Any]] = [
        {
            "what": f"one notice: replacement asked for and drain begun, {len(single)} times",
            "ours": _at(single, 0.99),
            "unit": "s p99",
            "p50_us": _at(single, 0.5) * 1e6,
            "p99_us": _at(single, 0.99) * 1e6,
            "goal": "<= 2 s p99",
        },
        {
            "what": f"{GROUPS * SIZE:,} notices over {GROUPS} groups: the last replacement and drain",
            "ours": watch.both(),
            "unit": "s from delivery",
            "p50_us": _at(watch.seconds("replace-instances"), 0.5) * 1e6,
            "p99_us": _at(watch.seconds("replace-instances"), 0.99) * 1e6,
            "baseline": naive,
            "ratio": naive / watch.both(),
            "goal": "<= 10 s; baseline: as they come, one by one",
        },
        {
            "what": "write calls for them: markers, drains, detachments",
            "ours": writes,
            "unit": "calls",
            "baseline": CALLS_ALONE * GROUPS * SIZE,
            "ratio": CALLS_ALONE * GROUPS * SIZE / writes,
            "goal": f"drains {did['DeregisterTargets']}, detachments {did['DetachInstances']}, a marker an instance",
        },
        {
            "what": "repeats ignored, strangers told, left to do",
            "ours": f"{told['repeated']}, {told['unknown']}, {told['to do']}",
            "unit": "notices",
            "goal": f"{REPEATED}, {STRANGERS}, 0; each instance detached once: {told['detached once']}",
        },
        _queue_row(),
    ]
    print(f"load {Path('/proc/loadavg').read_text().split()[0]} after", file=sys.stderr)
    return rows


def _queue_row() -> dict[str, Any]:
    from tools.simulation.queues import Queues

    queue = Queues(account_id="123456789012", region="us-east-1").create("quick", {}, {})
    for _ in range(GROUPS * SIZE):
        queue.send("{}")

    def hand_out() -> None:
        while queue.receive(10, wait_seconds=0, timeout_seconds=30):
            pass

    ours, motos = _timed(hand_out), motos_own_queue(GROUPS * SIZE)
    return {
        "what": f"the account's queue hands out {GROUPS * SIZE:,}, ten a call",
        "ours": ours,
        "unit": "s",
        "baseline": motos,
        "ratio": motos / ours,
        "goal": "baseline: moto's own",
    }


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _at(values: Sequence[float], share: float) -> float:
    """The value below which so much of them lies, by the nearest rank above."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
