"""The same work as the guide has it: Ray's defaults, «retried by itself». `--restarts`: turned on, and nothing else.

At its end it tells what became of two objects that were made on the first node: one by a task, one by ray.put.
"""

import json
import sys
import time
from pathlib import Path

import ray

BYTES = 1 << 20  # above what Ray keeps in the driver


@ray.remote
def make() -> bytes:
    return bytes(BYTES)


def became(made: ray.ObjectRef) -> str:
    try:
        return str(len(ray.get(made, timeout=60)))
    except ray.exceptions.RayError as trouble:
        return type(trouble).__name__


def main(folder: Path, gates: list[str], restarts: bool) -> None:
    @ray.remote
    def do(item: int) -> int:
        with (folder / "journal.jsonl").open("a") as file:
            row = {"item": item, "node_id": ray.get_runtime_context().get_node_id(), "at": time.time()}
            file.write(json.dumps(row) + "\n")
        with (folder / "began").open("w") as told:  # a pipe
            told.write(f"{item} as-guided\n")
        time.sleep(0.6)
        while not (folder / f"gate-{gates[item]}").exists():
            time.sleep(0.05)
        return item

    @ray.remote
    class Total:
        def __init__(self) -> None:
            self.count = 0

        def keep(self) -> list[ray.ObjectRef]:
            return [ray.put(bytes(BYTES))]

        def add(self, item: int) -> int:
            self.count += 1
            with (folder / "counted").open("a") as file:
                file.write(f"{item}\n")
            time.sleep(0.1)
            return self.count

    ray.init(log_to_driver=False, logging_level="ERROR")
    total = Total.options(max_restarts=-1, max_task_retries=-1).remote() if restarts else Total.remote()
    by_task, [by_put] = make.remote(), ray.get(total.keep.remote())
    ray.wait([by_task], fetch_local=False)
    under_way = [do.remote(item) for item in range(len(gates))]
    count = 0
    try:
        while under_way:
            done, under_way = ray.wait(under_way)
            count = ray.get(total.add.remote(done[0]))
    finally:
        print("by a task:", became(by_task), "by ray.put:", became(by_put))
    print("counted", count)


if __name__ == "__main__":
    words = sys.argv[1:]
    main(Path(words[0]), [w for w in words[1:] if not w.startswith("--")], "--restarts" in words)
