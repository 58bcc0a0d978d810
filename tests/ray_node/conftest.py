"""The watcher as a process of its own, on a cloud of its own, beside Ray or what looks like it from outside."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.guard.clouds import FakeCloud

ROOT = Path(__file__).resolve().parents[2]
ON_PATH = ROOT / "tools" / "recovery" / "guard" / "on_path"


@dataclass
class Watching:
    """One watcher. `await_event` waits for a line of its log, on stderr's heels."""

    process: "subprocess.Popen[str]"
    log: Path
    said: str = ""

    def await_words(self, words: str) -> str:
        """Reads what it says until a line has the words; that line."""
        for line in self.process.stderr:
            self.said += line
            if words in line:
                return line
        raise AssertionError(f"never said {words!r}: {self.said}")

    def end(self) -> int:
        _, rest = self.process.communicate(timeout=60)
        self.said += rest
        return self.process.returncode

    def events(self, name: str) -> list[dict[str, Any]]:
        rows = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [row for row in rows if row["event"] == name]


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Callable[..., Watching]]:
    """watch(cloud, *options) starts one as it is started on a node; what still runs at the end is killed."""
    runs: list[Watching] = []

    def start(cloud: FakeCloud, *words: str) -> Watching:
        log = tmp_path / f"watch-{len(runs)}.jsonl"
        process = subprocess.Popen(
            [sys.executable, "-m", "spotwarden_guard.ray_node", "--poll", "0.05", "--log-json", str(log), *words],
            cwd=tmp_path,
            env={**os.environ, **cloud.environment, "PYTHONPATH": str(ON_PATH)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        runs.append(Watching(process, log))
        return runs[-1]

    yield start
    for run in runs:
        with suppress(ProcessLookupError):
            os.kill(run.process.pid, signal.SIGKILL)
        run.process.wait()
        run.process.stderr.close()


@pytest.fixture
def cloud() -> Iterator[FakeCloud]:
    with FakeCloud() as found:
        yield found
