"""A Ray job for spot nodes: whichever node goes, and when, every item counts once.

    ray job submit --address http://HEAD:8265 -- python examples/ray_job.py --items 1000 --out /mnt/shared/run-7

What makes it so, and what Ray does by default:
  driver   on the head, which is on-demand: Ray never retries a driver. Begun anew, it goes on from the outputs
  tasks    max_retries: a lost node is not the task's fault (default 3); retry_exceptions: nor is a busy disk (none)
  outputs  named by the item, written once: a task that is done again after it had written changes nothing
  actor    max_restarts (default 0: gone with its node), max_task_retries (default 0: ActorDiedError for the caller);
           its state is read again from the outputs, and a call that comes twice counts once
  ray.put  in the driver only: what a worker puts is lost with the worker; what a task returns is made again
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import ray

IN_FLIGHT = 200
"""tasks that wait at once: the driver's memory and the cluster's demand stay bounded"""


def write_once(path: Path, value: object) -> bool:
    """Whole or not at all; False = it was there. On S3: put_object(..., IfNoneMatch="*")."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.{time.monotonic_ns()}")
    beside.write_text(json.dumps(value))
    try:
        os.link(beside, path)
    except FileExistsError:
        return False
    finally:
        beside.unlink()
    return True


def outputs(out: Path) -> dict[int, float]:
    return {int(path.stem): json.loads(path.read_text()) for path in out.glob("*.json")}


@ray.remote(max_retries=20, retry_exceptions=[OSError])
def do(work: Callable[[int], float], item: int, out: Path, journal: Path) -> int:
    with journal.open("a") as file:  # one write, appended whole: who did what, and how often
        row = {"item": item, "node_id": ray.get_runtime_context().get_node_id(), "at": time.time()}
        file.write(json.dumps(row) + "\n")
    write_once(out / f"{item}.json", work(item))
    return item


@ray.remote(max_restarts=-1, max_task_retries=-1)
class Total:
    def __init__(self, out: Path) -> None:
        self.out = out
        self.counted = outputs(out)

    def add(self, item: int) -> float:
        if item not in self.counted:
            self.counted[item] = json.loads((self.out / f"{item}.json").read_text())
        return sum(self.counted.values())

    def report(self) -> tuple[int, float]:
        return len(self.counted), sum(self.counted.values())


def run(work: Callable[[int], float], items: Sequence[int], out: Path) -> tuple[int, float]:
    """(items, their sum). `out` is seen by every node: EFS, FSx, or rewritten for S3."""
    out.mkdir(parents=True, exist_ok=True)
    there = outputs(out)
    waiting = [item for item in items if item not in there]
    total = Total.remote(out)
    journal = out / "journal.jsonl"
    under_way: list[ray.ObjectRef] = []
    added: list[ray.ObjectRef] = []
    while waiting or under_way:
        while waiting and len(under_way) < IN_FLIGHT:
            under_way.append(do.remote(work, waiting.pop(0), out, journal))
        done, under_way = ray.wait(under_way)
        added += [total.add.remote(item) for item in done]
        if len(added) >= IN_FLIGHT:
            ray.get(added)
            added = []
    ray.get(added)
    return ray.get(total.report.remote())


def square(item: int) -> float:
    """Your work goes here."""
    time.sleep(1.0)
    return float(item * item)


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("--items", type=int, default=100)
    asked.add_argument("--out", type=Path, required=True, help="a folder that every node sees")
    given = asked.parse_args()
    ray.init()  # the cluster that it was submitted to
    count, total = run(square, range(given.items), given.out)
    print(f"{count} items, sum {total:.0f}")


if __name__ == "__main__":
    main()
