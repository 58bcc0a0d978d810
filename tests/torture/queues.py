"""Workers on a real Redis and a real RabbitMQ, killed at random; and the guides' own workers, which lose, beside them.

python -m tests.torture.queues [KILLS [ITEMS [SEED]]]      1,000 kills over 10,000 items on each server
"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from tests.queues import rabbit_server, redis_server

OURS = ("redis", "rabbitmq", "redis-restarts", "rabbitmq-restarts")
WHOLE = OURS[:2]
FAULTY = {
    "guide-redis": "lost",  # a checkpoint that expires
    "blpop": "lost",
    "redis-ownerless": "effects_twice",  # a bug planted in ours
    "guide-rabbitmq": "effects_twice",  # acknowledged, and no idempotent key
    "auto-ack": "lost",
}
"""how each is at fault: if a run does not show it, the kills prove nothing"""
SHARE = 10
"""of the kills and the items, of what is not played whole"""
RESTART_SECONDS = {"redis-restarts": 1.0, "rabbitmq-restarts": 5.0}
"""from the start of a server until it is killed as well"""


def servers() -> Iterator[tuple[str, AbstractContextManager[Any], tuple[str, ...]]]:
    """why it is absent or "", a server, what is played on it"""
    keeps = ("--appendonly", "yes", "--appendfsync", "everysec")
    yield (
        redis_server.absent(),
        redis_server.redis_server(*keeps),
        ("redis", "redis-restarts", "guide-redis", "blpop", "redis-ownerless"),
    )
    yield (
        rabbit_server.absent(),
        rabbit_server.rabbit_server(),
        ("rabbitmq", "rabbitmq-restarts", "guide-rabbitmq", "auto-ack"),
    )


def run(kills: int, items: int, seed: int) -> dict[str, Any]:
    """kind → its figures; None where the server is not installed."""
    figures: dict[str, Any] = {}
    for absent, opened, kinds in servers():
        if absent:
            print(f"{absent}: {', '.join(kinds)} not played", file=sys.stderr)
            figures |= dict.fromkeys(kinds)
            continue
        with opened as server:
            for kind in kinds:
                share = 1 if kind in WHOLE else SHARE
                with restarting(server, RESTART_SECONDS.get(kind)) as restarts:
                    seen = played(kind, server.url, items // share, kills // share, seed)
                figures[kind] = seen | {"server_kills": len(restarts)}
                told = {k: v for k, v in figures[kind].items() if k != "kind"}
                print(f"{kind}: {json.dumps(told)}", file=sys.stderr, flush=True)
    return figures


@contextmanager
def restarting(server: Any, seconds: float | None) -> Iterator[list[float]]:
    """The server killed and started again, as long as this lasts; when it was. None: never."""
    over, killed = threading.Event(), []

    def restart() -> None:
        while not over.wait(seconds):
            killed.append(time.monotonic())
            server.kill()
            server.start()

    thread = threading.Thread(target=restart)
    if seconds is not None:
        thread.start()
    try:
        yield killed
    finally:
        over.set()
        if seconds is not None:
            thread.join()


def played(kind: str, url: str, items: int, kills: int, seed: int) -> dict[str, Any]:
    """Raises  CalledProcessError"""
    words = [kind, url, str(items), str(kills), str(seed)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.queues.killing", *words], stdout=subprocess.PIPE, text=True, check=True
    )
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def troubles(figures: dict[str, Any]) -> list[tuple[str, str]]:
    """kind of violation, what was seen. A faulty version without a fault is one: the check would be blind."""
    found = []
    for kind in OURS:
        seen = figures[kind]
        if seen is None:
            continue
        found += [
            ("lost", f"{kind}: {seen[name]} {name}: {seen}") for name in ("lost", "left", "crashed") if seen[name]
        ]
        found += [("duplicates", f"{kind}: {seen}")] * bool(seen["effects_twice"])
    for kind, fault in FAULTY.items():
        seen = figures[kind]
        found += [("missed", f"{kind} shows no {fault}: {seen}")] * (seen is not None and not seen[fault])
    return found


def summed(figures: dict[str, Any]) -> dict[str, Any]:
    """For the table: every kill, and what ours did."""
    played = [found for kind, found in figures.items() if kind in (*OURS, *FAULTY) and found]
    ours = [found for found in played if found["kind"] in OURS]
    outcomes = {name: sum(found[name] for found in ours) for name in ("done", "done_again")}
    return {"kills": sum(found["kills"] for found in played), "effects": outcomes["done"], "outcomes": outcomes}


def main() -> int:
    given = [int(word) for word in sys.argv[1:]]
    seed, kills, items = (*given, *(7, 1_000, 10_000)[len(given) :])
    began = time.monotonic()
    figures = run(kills, items, seed)
    wrong = troubles(figures)
    print(json.dumps({**figures, "violations": wrong, "seconds": round(time.monotonic() - began, 1)}))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
