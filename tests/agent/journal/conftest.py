"""A journal in a directory of its own, and processes that use it."""

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from journal_nouns import StoppedClock  # noqa: E402 - the line above makes it findable

from agent.journal.journal import Journal  # noqa: E402


@pytest.fixture
def clock():
    return StoppedClock()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path, clock):
    with Journal.open(path, clock=clock) as opened:
        yield opened


@pytest.fixture
def workers(path):
    """workers(verb, names, number) → processes, all open and ready, waiting for `go`."""
    with ExitStack() as stack:

        def start(verb, names, number=1):
            started = []
            for name in names:
                process = subprocess.Popen(
                    [sys.executable, HERE / "worker.py", path, verb, name, str(number)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    cwd=HERE.parents[2],
                )
                stack.callback(_end, process)
                started.append(process)
            for process in started:
                assert process.stdout.readline() == "ready\n"
            return started

        yield start


def _end(process):
    process.kill()
    process.stdin.close()
    process.stdout.close()
    process.wait(10)
