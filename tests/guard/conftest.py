"""Guard as a process of its own, on a cloud of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.contract.conftest import opened
from tests.forked_accounts import started
from tests.guard.clouds import FakeCloud

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Guarded:
    """One run of guard. `line()` waits for what the command prints."""

    process: "subprocess.Popen[str]"
    report_file: Path

    def line(self) -> str:
        return self.process.stdout.readline().strip()

    def end(self) -> int:
        """Guard's exit code; what it said is in `out` and `err`."""
        self.out, self.err = self.process.communicate(timeout=60)
        return self.process.returncode

    @property
    def report(self) -> dict[str, Any]:
        return json.loads(self.report_file.read_text())

    def events(self, name: str) -> list[dict[str, Any]]:
        return [e for e in self.report["events"] if e["event"] == name]


@pytest.fixture
def cloud() -> Iterator[FakeCloud]:
    with FakeCloud() as found:
        yield found


@pytest.fixture
def guard(tmp_path: Path) -> Iterator[Callable[..., Guarded]]:
    """guard(cloud, options, command) starts one; what still runs at the end is killed."""
    runs: list[Guarded] = []

    def start(cloud: FakeCloud, *words: str, **environment: str) -> Guarded:
        at = words.index("--")
        report = tmp_path / f"report-{len(runs)}.json"
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tools.recovery.guard",
                "--poll",
                "0.05",
                "--report",
                str(report),
                *words[:at],
                *words[at:],
            ],
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **cloud.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        runs.append(Guarded(process, report))
        return runs[-1]

    yield start
    for run in runs:
        with suppress(ProcessLookupError):
            os.kill(run.process.pid, 9)
        run.process.wait()
        for pipe in (run.process.stdout, run.process.stderr):
            pipe.close()


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str], tuple[str, ...]]:
    """A Python program for the command."""
    count = 0

    def write(text: str) -> tuple[str, ...]:
        nonlocal count
        count += 1
        path = tmp_path / f"job{count}.py"
        path.write_text(text)
        return sys.executable, str(path)

    return write


@pytest.fixture(scope="package")
def account() -> Iterator:
    with started(stepped=True) as sim, opened(sim) as found, keys():
        client = boto3.client("s3", endpoint_url=sim.endpoint_url, region_name="us-east-1")
        client.create_bucket(Bucket="jobs")
        yield sim, found, client
        client.close()


@contextmanager
def keys() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "simulated")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "simulated")
        yield
