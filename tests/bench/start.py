"""How long a person waits: `--help` beside a bare interpreter, and the demo's first screen; medians of fresh processes."""

import fcntl
import os
import pty
import select
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from typing import Any

REPEATS = 11
DEADLINE_SECONDS = 30


def seconds(*command: str) -> float:
    """Median wall time of fresh processes."""
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def first_screen_seconds() -> float:
    """From the command to fleets on the screen of the demo, in a real pseudo-terminal."""
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as home:
        pid, terminal = pty.fork()
        if pid == 0:
            environment = {**os.environ, "HOME": home, "XDG_STATE_HOME": home, "TERM": "xterm-256color"}
            os.execve(sys.executable, [sys.executable, "-c", "from tui.cli import run; run()", "demo"], environment)
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        seen = b""
        while b"api-core" not in seen:
            ready, _, _ = select.select([terminal], [], [], DEADLINE_SECONDS)
            if not ready:
                raise TimeoutError(f"no fleets on the screen after {DEADLINE_SECONDS} s: {seen[-500:]!r}")
            seen += os.read(terminal, 65_536)
        took = time.perf_counter() - started
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)
        os.close(terminal)
    return took


def run() -> list[dict[str, Any]]:
    bare = seconds(sys.executable, "-c", "pass") * 1000
    ours = seconds(sys.executable, "-c", "from tui.cli import main; main(['--help'])") * 1000
    help_row = {"what": "spotwarden --help", "ours": ours, "unit": "ms", "baseline": f"{bare:.0f} ms bare python"}
    screen = statistics.median(first_screen_seconds() for _ in range(3))
    screen_row = {"what": "first screen of the demo, fleets read", "ours": screen, "unit": "s", "goal": "≤ 5 s"}
    return [help_row | {"ratio": round(ours / bare, 1), "goal": "≤ 200 ms"}, screen_row]
