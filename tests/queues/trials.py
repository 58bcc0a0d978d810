"""Ways to work, on a real server: ours, and what the guides show. Workers of killing.py run them."""

import json
import os
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis

from tools.recovery.guard.queues import Item, empty, work
from tools.recovery.guard.queues import redis_scripts as lua
from tools.recovery.guard.queues.kept import open_results
from tools.recovery.guard.queues.rabbitmq import RabbitQueue
from tools.recovery.guard.queues.redis_streams import RedisQueue

LEASE_SECONDS = 1.0
MOST_ATTEMPTS = 30
"""a worker that is killed is an attempt; here one in ten deliveries is"""
DOING_SECONDS, TELLING_SECONDS = 0.004, 0.002
"""at most, drawn anew for every item: how long it is worked on, and how long the worker then has its result in hand"""
GUIDE_SECONDS = 1
"""stands for the guide's 300: an item that nobody has finished by then is gone"""
MARKS = {"s": "doing", "d": "telling", "k": "claiming", "x": "claiming"}
"""what a worker does after its last line; k = its result is the one that is kept, x = it was told that it is not"""
LINE = "{mark}{worker:07d} {item:08d}" + " " * 14 + "\n"
"""32 bytes: no line crosses a page, where a write could be seen, or killed, half done"""


@dataclass
class Ledger:
    path: Path
    worker: int = 0
    _file: int = field(default=-1)

    def note(self, mark: str, item_id: str) -> None:
        if self._file < 0:
            self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(self._file, LINE.format(mark=mark, worker=self.worker, item=int(item_id)).encode())

    def news(self) -> list[tuple[str, int, str]]:
        """mark, worker, item: what was written since the last time, in its order"""
        if self._file < 0:
            self._file = os.open(self.path, os.O_RDONLY | os.O_CREAT)
        text = os.read(self._file, 1 << 24)
        return [(row[0], int(row[1:8]), str(int(row[9:17]))) for row in text.decode().splitlines()]


class Noted:
    """The product's queue, whose claims note that the result is in hand, and what became of it."""

    def __init__(self, queue: Any, ledger: Ledger, dice: random.Random) -> None:
        self._queue, self._ledger, self._dice = queue, ledger, dice
        self.status = queue.status

    def claim(self, wait_seconds: float) -> Any:
        claim = self._queue.claim(wait_seconds)
        if claim is not None:
            claim.done = self._noted(claim, claim.done)
        return claim

    def _noted(self, claim: Any, done: Callable[[bytes], bool]) -> Callable[[bytes], bool]:
        def told(result: bytes) -> bool:
            self._ledger.note("d", claim.item.item_id)
            time.sleep(self._dice.random() * TELLING_SECONDS)
            kept = done(result)
            self._ledger.note("k" if kept else "x", claim.item.item_id)
            return kept

        return told


@dataclass
class Trial:
    """One way to work, on one server."""

    url: str
    home: Path
    name: str

    def put(self, items: int) -> None:
        raise NotImplementedError

    def play(self, ledger: Ledger, dice: random.Random) -> int:
        """A worker, until nothing waits."""
        raise NotImplementedError

    def results(self, items: int) -> list[bytes | None]:
        """When everything is over."""
        raise NotImplementedError

    def told(self) -> dict[str, Any]:
        """What the server itself counted."""
        return {}


class Ours(Trial):
    def open(self) -> Any:
        raise NotImplementedError

    def put(self, items: int) -> None:
        with self.open() as queue:
            for number in range(items):
                queue.put(str(number), b"body of %d" % number)

    def play(self, ledger: Ledger, dice: random.Random) -> int:
        def do(item: Item) -> bytes:
            ledger.note("s", item.item_id)
            time.sleep(dice.random() * DOING_SECONDS)
            return b"%s by %d" % (item.body, ledger.worker)

        with self.open() as queue:
            return work(Noted(queue, ledger, dice), do, until=empty(queue), wait_seconds=0.2)

    def results(self, items: int) -> list[bytes | None]:
        with self.open() as queue:
            return [queue.results.get(str(number)) for number in range(items)]


class OnRedis(Ours):
    def put(self, items: int) -> None:
        redis.Redis.from_url(self.url).config_resetstat()
        super().put(items)

    def open(self) -> RedisQueue:
        return RedisQueue(
            self.url, self.name, worker=f"w{os.getpid()}", lease_seconds=LEASE_SECONDS, most_attempts=MOST_ATTEMPTS
        )

    def told(self) -> dict[str, Any]:
        with self.open() as queue:
            found = queue.status()
            return {"left": found.waiting + found.in_flight + found.dead, "written": self.written(queue)}

    def written(self, queue: RedisQueue) -> int:
        """HINCRBY is called once by the script that writes a result, and by nothing else; the server counts calls."""
        return queue._speech.client.info("commandstats").get("cmdstat_hincrby", {}).get("calls", 0)


class OnRestarted(OnRedis):
    """The server is killed too: what it counted for itself is gone with it, what it keeps is not."""

    def written(self, queue: RedisQueue) -> int:
        return queue.status().done


class Ownerless(OnRedis):
    """Ours with a bug planted: whoever has a result writes it. Shows that a worker that stood still is seen."""

    def open(self) -> RedisQueue:
        queue = super().open()
        planted = lua.DONE
        for condition in ("not mine(work, group, me, id)", "redis.call('HLEN', result) > 0"):
            assert condition in planted
            planted = planted.replace(condition, "false")
        queue._scripts[lua.DONE] = queue._speech.script(planted)
        return queue


class OnRabbit(Ours):
    def open(self) -> RabbitQueue:
        results = open_results(str(self.home / "results"))
        return RabbitQueue(self.url, self.name, results=results, worker=f"w{os.getpid()}", most_attempts=MOST_ATTEMPTS)

    def told(self) -> dict[str, Any]:
        with self.open() as queue:
            found = queue.status()
        return {"left": found.waiting + (found.in_flight or 0) + found.dead}


class Popped(Trial):
    """BLPOP, and the result written when it is done: what many write first."""

    def client(self) -> Any:
        return redis.Redis.from_url(self.url)

    def put(self, items: int) -> None:
        self.client().rpush(f"{self.name}:requests", *map(str, range(items)))

    def play(self, ledger: Ledger, dice: random.Random) -> int:
        r = self.client()
        while popped := r.blpop([f"{self.name}:requests"], timeout=0.2):
            request_id = popped[1].decode()
            ledger.note("s", request_id)
            self.begun(r, request_id)
            time.sleep(dice.random() * DOING_SECONDS)
            ledger.note("d", request_id)
            time.sleep(dice.random() * TELLING_SECONDS)
            r.set(f"{self.name}:result:{request_id}", f"by {ledger.worker}")
            self.completed(r, request_id)
            ledger.note("k", request_id)
        return 0

    def begun(self, r: Any, request_id: str) -> None:
        pass

    def completed(self, r: Any, request_id: str) -> None:
        pass

    def results(self, items: int) -> list[bytes | None]:
        r = self.client()
        while r.keys("checkpoint:*"):  # somebody who looks for them comes later than they last
            time.sleep(0.05)
        return list(r.mget([f"{self.name}:result:{number}" for number in range(items)]))


class GuideOnRedis(Popped):
    """Guide S2, example 2: what is in progress stands in a key that expires, and is deleted on completion."""

    def begun(self, r: Any, request_id: str) -> None:
        data = {"payload": request_id, "status": "processing"}
        r.execute_command("SETEX", f"checkpoint:{request_id}", GUIDE_SECONDS, json.dumps(data))

    def completed(self, r: Any, request_id: str) -> None:
        r.delete(f"checkpoint:{request_id}")


class GuideOnRabbit(Trial):
    """Guide S2, example 6: acknowledged after inference, no limit of what a worker is given ahead, no idempotent key."""

    auto_ack = False

    def channel(self) -> Any:
        import pika

        channel = pika.BlockingConnection(pika.URLParameters(self.url)).channel()
        channel.queue_declare(queue=self.name, durable=True)
        return channel

    def put(self, items: int) -> None:
        channel = self.channel()
        channel.confirm_delivery()
        for number in range(items):
            channel.basic_publish("", self.name, str(number).encode())
        channel.connection.close()

    def play(self, ledger: Ledger, dice: random.Random) -> int:
        channel = self.channel()
        for method, _, body in channel.consume(self.name, auto_ack=self.auto_ack, inactivity_timeout=0.3):
            if method is None:
                break
            ledger.note("s", body.decode())
            time.sleep(dice.random() * DOING_SECONDS)
            with (self.home / "effects").open("ab", buffering=0) as effects:
                effects.write(b"%08d\n" % int(body))
            ledger.note("d", body.decode())
            time.sleep(dice.random() * TELLING_SECONDS)
            if not self.auto_ack:
                channel.basic_ack(delivery_tag=method.delivery_tag)
            ledger.note("k", body.decode())
        return 0

    def results(self, items: int) -> list[bytes | None]:
        done = {int(row) for row in (self.home / "effects").read_text().split()}
        return [b"done" if number in done else None for number in range(items)]

    def told(self) -> dict[str, Any]:
        rows = Counter((self.home / "effects").read_text().split())
        return {"effects_twice": sum(n > 1 for n in rows.values())}


class AutoAck(GuideOnRabbit):
    """The same with auto_ack=True: what a worker was given ahead goes with it."""

    auto_ack = True


TRIALS = {
    "redis": OnRedis,
    "redis-restarts": OnRestarted,
    "redis-ownerless": Ownerless,
    "rabbitmq": OnRabbit,
    "rabbitmq-restarts": OnRabbit,
    "blpop": Popped,
    "guide-redis": GuideOnRedis,
    "guide-rabbitmq": GuideOnRabbit,
    "auto-ack": AutoAck,
}
