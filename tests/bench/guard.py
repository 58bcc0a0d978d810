"""Guard: a training run interrupted 100 times beside the uninterrupted one, and what guard costs where there is no cloud."""

import os
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.guard.interruptions import trained

ROOT = Path(__file__).resolve().parents[2]
INTERRUPTIONS, SEED = 100, 7
REPEATS = 11
NOWHERE = {
    "AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:1",
    "GCE_METADATA_HOST": "127.0.0.1:1",
    "AZURE_METADATA_ENDPOINT": "http://127.0.0.1:1",
}


def seconds(*command: str, **environment: str) -> float:
    """Median wall time of fresh processes."""
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, cwd=ROOT, env={**os.environ, **environment})
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def run() -> list[dict[str, Any]]:
    outcome = trained(INTERRUPTIONS, SEED)
    same = {
        "what": f"training, {outcome.interruptions} interruptions of {outcome.steps:,} steps: same bits at the end",
        "ours": int(outcome.identical),
        "unit": f"75: {outcome.codes[75]}, 76: {outcome.codes[76]}",
        "baseline": "the uninterrupted run",
        "goal": "1",
    }
    guard = (sys.executable, "-m", "tools.recovery.guard")
    bare = seconds("true")
    here = seconds(*guard, "--", "true", **NOWHERE)
    with socket.create_server(("127.0.0.1", 0)) as mute:  # takes the connection, and never says a word
        port = mute.getsockname()[1]
        mute_cloud = f"http://127.0.0.1:{port}"
        silent = seconds(*guard, "--", "true", **{**NOWHERE, "AWS_EC2_METADATA_SERVICE_ENDPOINT": mute_cloud})
    rows = [("nobody answers: refused", here), ("somebody is there and silent", silent)]
    return [same] + [
        {
            "what": f"guard -- true, {how}",
            "ours": took,
            "unit": "s",
            "baseline": f"{bare * 1000:.0f} ms true",
            "goal": "≤ 2 s",
        }
        for how, took in rows
    ]
