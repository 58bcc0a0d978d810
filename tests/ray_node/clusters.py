"""Ray clusters for tests: never imported into the test's own process, and nothing of them stays."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
QUICK = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_enable_metrics_collection": "0",
    "RAY_health_check_period_ms": "500",  # a machine that vanished is dead after 2.5 s, not 15
    "RAY_health_check_initial_delay_ms": "1000",
    "PYTHONPATH": f"{ROOT / 'examples'}{os.pathsep}{HERE}",
    "PYTHONWARNINGS": "ignore",
    "OMP_NUM_THREADS": "1",
}


@dataclass
class RayCluster:
    """Its head has no CPUs; `add` a spot node, `take` one away."""

    process: "subprocess.Popen[str]"
    address: str
    head: str

    def add(self, cpus: int) -> str:
        return self._ask(f"add {cpus}")["node_id"]

    def take(self, node_id: str) -> None:
        self._ask(f"take {node_id}")

    def _ask(self, line: str) -> dict[str, Any]:
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


@contextmanager
def ray_cluster() -> Iterator[RayCluster]:
    place = tempfile.mkdtemp(prefix="rn", dir="/tmp")  # short: the path of a socket has at most 107 characters
    with Path(place, "cluster.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, str(HERE / "ray_cluster.py"), place],
            env={**os.environ, **QUICK},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
    try:
        began = json.loads(process.stdout.readline())
        yield RayCluster(process, began["address"], began["node_id"])
    finally:
        process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=30)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # raylets and GCS are of its group, workers end with their raylet
        process.wait()
        process.stdout.close()
        shutil.rmtree(place, ignore_errors=True)


@contextmanager
def job(script: str, address: str, *words: str | Path) -> Iterator["subprocess.Popen[str]"]:
    """A driver on the head; killed if it still runs at the end."""
    with subprocess.Popen(
        [sys.executable, str(HERE / script), *map(str, words)],
        env={**os.environ, **QUICK, "RAY_ADDRESS": address},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()
