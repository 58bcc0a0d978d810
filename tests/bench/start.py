"""How long a person waits: `--help` beside a bare interpreter, medians of fresh processes."""

import statistics
import subprocess
import sys
import time
from typing import Any

REPEATS = 11


def seconds(*command: str) -> float:
    """Median wall time of fresh processes."""
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def run() -> list[dict[str, Any]]:
    bare = seconds(sys.executable, "-c", "pass") * 1000
    ours = seconds(sys.executable, "-c", "from tui.cli import main; main(['--help'])") * 1000
    row = {"what": "spotwarden --help", "ours": ours, "unit": "ms", "baseline": f"{bare:.0f} ms bare python"}
    return [row | {"ratio": round(ours / bare, 1), "goal": "≤ 200 ms"}]
