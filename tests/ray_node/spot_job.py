"""The example's job, on work that tells when it begins, and ends when the file `gate-<its gate>` is there."""

import sys
import time
from pathlib import Path

import ray
import ray_job

SECONDS = 0.6
"""of a task: above the half second for which Ray gives a leased worker more tasks without asking"""


def main(folder: Path, gates: list[str]) -> None:
    def work(item: int) -> float:
        with (folder / "began").open("w") as told:  # a pipe
            told.write(f"{item} {ray.get_runtime_context().get_node_id()}\n")
        time.sleep(SECONDS)
        while not (folder / f"gate-{gates[item]}").exists():
            time.sleep(0.05)
        return float(item)

    ray.init(log_to_driver=False, logging_level="ERROR")
    print("counted", *ray_job.run(work, range(len(gates)), folder / "out"))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
