"""Workers killed with SIGKILL at random instants, on a real server, until every item is done; then it is counted.

    python -m tests.queues.killing KIND URL ITEMS KILLS SEED

One line of JSON. A worker is a forked child that runs the product's own `work` (or what the guides show); it notes what
it does in a ledger, one line with one write, so that the parent knows how far everything is without asking the server,
and in which phase each victim was. Kills follow the ledger's growth, and come at a random instant.
"""

import json
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.queues.trials import DOING_SECONDS, LEASE_SECONDS, MARKS, TELLING_SECONDS, TRIALS, Ledger, Trial
from tools.recovery.guard.queues import QueueAway

WORKERS = 4
BUSY_SHARE = 0.8
"""of the victims are chosen among those with an item in hand"""
STALL_EVERY = 10
"""kills; then another worker stands still for longer than the lease, and goes on as if nothing had been"""
STALL_SECONDS = 1.3 * LEASE_SECONDS
AWAY = 75


class Killing:
    """The parent: it forks, kills, and opens no connection of its own, so that no thread is there at a fork."""

    def __init__(self, trial: Trial, home: Path, items: int, kills: int, seed: int) -> None:
        self.trial, self.items, self.kills = trial, items, kills
        self.ledger, self.theirs = Ledger(home / "ledger"), Ledger(home / "ledger")
        self.rows: list[tuple[str, int, str]] = []
        self.last: dict[int, str] = {}
        self.dice = random.Random(seed)
        self.began = 0
        self.workers: dict[int, int] = {}  # pid → number
        self.victims: list[int] = []
        self.stalled: dict[int, float] = {}  # pid → when it goes on
        self.stalls = 0
        self.crashed: Counter[int] = Counter()

    def run(self) -> dict[str, Any]:
        began = time.monotonic()
        self._in_child(lambda: self.trial.put(self.items))
        for _ in range(WORKERS):
            self._fork()
        marks = iter(sorted(self.dice.uniform(0.02, 0.95) for _ in range(self.kills)))
        mark = next(marks, None)
        while self.workers:
            self._hear()
            awake = len(self.workers) > len(self.stalled)
            if awake and mark is not None and len(self.rows) >= mark * 3 * self.items:
                self._kill()
                mark = next(marks, None)
                if len(self.victims) % STALL_EVERY == 0:
                    self._stall()
                if mark is not None and len(self.victims) % 100 == 0:
                    print(f"{len(self.victims):,} kills …", file=sys.stderr, flush=True)
            else:
                time.sleep(0.001)
            self._wake()
            self._reap()
        return self._judged() | {"seconds": round(time.monotonic() - began, 1)}

    def _hear(self) -> None:
        news = self.ledger.news()
        self.rows += news
        self.last.update({worker: mark for mark, worker, _ in news})

    def _fork(self) -> None:
        self.began += 1
        seed = self.dice.random()
        pid = os.fork()
        if pid:
            self.workers[pid] = self.began
            return
        code = 70
        try:
            self.theirs.worker = self.began
            code = self.trial.play(self.theirs, random.Random(seed))
        except QueueAway:  # nothing of it is lost: its supervisor starts it again
            time.sleep(0.1)
            code = AWAY
        except BaseException as error:  # noqa: BLE001 - told, and counted as a crash
            print(f"worker {self.began}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
        finally:
            os._exit(code)

    def _kill(self) -> None:
        time.sleep(self.dice.random() * (DOING_SECONDS + TELLING_SECONDS))
        victim = self._chosen(BUSY_SHARE)
        os.kill(victim, signal.SIGKILL)
        os.waitpid(victim, 0)
        self.victims.append(self.workers.pop(victim))
        self._fork()

    def _chosen(self, busy_share: float) -> int:
        self._hear()
        awake = [pid for pid in self.workers if pid not in self.stalled]
        busy = [pid for pid in awake if self.last.get(self.workers[pid]) in ("s", "d")]
        return self.dice.choice(busy if busy and self.dice.random() < busy_share else awake)

    def _stall(self) -> None:
        if len(self.stalled) > WORKERS // 2:
            return
        pid = self._chosen(1.0)
        os.kill(pid, signal.SIGSTOP)
        self.stalled[pid] = time.monotonic() + STALL_SECONDS
        self.stalls += 1

    def _wake(self) -> None:
        for pid in [p for p, until in self.stalled.items() if until < time.monotonic()]:
            del self.stalled[pid]
            os.kill(pid, signal.SIGCONT)

    def _reap(self) -> None:
        """A worker that ended by itself saw nothing that waits; one that crashed is counted, and replaced."""
        pid, status = os.waitpid(-1, os.WNOHANG) if self.workers else (0, 0)
        if not pid:
            return
        code = os.waitstatus_to_exitcode(status)
        del self.workers[pid]
        self.stalled.pop(pid, None)
        self.crashed[code] += code not in (0, AWAY)
        if code and sum(self.crashed.values()) < 100:
            self._fork()

    def _in_child(self, call: Callable[[], Any]) -> Any:
        """What `call` returns, from a process of its own."""
        ear, mouth = os.pipe()
        pid = os.fork()
        if not pid:
            code = 70
            try:
                with os.fdopen(mouth, "w") as out:
                    json.dump(call(), out)
                code = 0
            except BaseException:  # noqa: BLE001 - told; the parent ends
                traceback.print_exc()
            finally:
                os._exit(code)
        os.close(mouth)
        with os.fdopen(ear) as told:
            text = told.read()
        _, status = os.waitpid(pid, 0)
        if status:
            raise RuntimeError(f"a process of the trial ended with {os.waitstatus_to_exitcode(status)}")
        return json.loads(text)

    def _judged(self) -> dict[str, Any]:
        def looked() -> dict[str, Any]:
            rows = [r and r.decode() for r in self.trial.results(self.items)]
            return {"results": rows, "told": self.trial.told()}

        found = self._in_child(looked)
        self._hear()
        kept: Counter[str] = Counter()
        by: dict[str, int] = {}
        effects: Counter[str] = Counter()
        begun: Counter[str] = Counter()
        for mark, worker, item in self.rows:
            begun[item] += mark == "s"
            effects[item] += mark == "d"
            if mark == "k":
                kept[item] += 1
                by[item] = worker
        results, told = found["results"], found["told"]
        twice = {item for item, times in kept.items() if times > 1}
        twice |= {item for item, worker in by.items() if not _is_by(worker, results[int(item)])}
        return {
            "items": self.items,
            "kills": len(self.victims),
            "done": sum(r is not None for r in results),
            "lost": sum(r is None for r in results),
            "effects_twice": max(len(twice), told.get("written", 0) - self.items),
            "done_again": sum(n - 1 for n in effects.values() if n > 1),
            "begun": sum(begun.values()),
            "killed_while": dict(Counter(MARKS[self.last.get(v, "k")] for v in self.victims)),
            "stalls": self.stalls,
            "crashed": sum(self.crashed.values()),
            **told,
        }


def _is_by(worker: int, result: str | None) -> bool:
    """Whether the result that stands is this worker's, if it says whose it is."""
    return result is None or " by " not in result or result.endswith(f" by {worker}")


def main() -> int:
    kind, url, items, kills, seed = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="killing-", dir=memory) as home:
        trial = TRIALS[kind](url, Path(home), kind)
        print(json.dumps({"kind": kind, **Killing(trial, Path(home), items, kills, seed).run()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
