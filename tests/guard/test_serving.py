"""A service that is told to end: the load balancer leaves first, what is in flight is finished, then it ends."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.accepts("IN-05")


class Service:
    """A process with a service in it; `lines` are what it still says until it ends."""

    def __init__(self, notice_file: Path, **told: Any) -> None:
        self.notice_file = notice_file
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.guard.tiny_asgi", json.dumps(told)],
            cwd=ROOT,
            env={**os.environ, "SPOTWARDEN_NOTICE_FILE": str(notice_file)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.port = int(self.until(str.isdigit))

    def until(self, wanted: Any) -> str:
        for line in self.process.stdout:
            if wanted(line.strip()):
                return line.strip()
        raise AssertionError(f"it ended: {self.process.stderr.read()}")

    def drains(self) -> None:
        """Waits until it says so."""
        assert "draining: /ready answers 503" in self.process.stderr.readline()

    def get(self, path: str) -> tuple[int, str, str | None]:
        """(status, body, Connection)"""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), answer.getheader("connection")
        finally:
            connection.close()

    def notice(self, kind: str, seconds: float = 120) -> None:
        """As guard writes it: whole."""
        told = {"number": 1, "kind": kind, "action": "terminate", "provider": "aws", "source": "IMDS"}
        times = {"seen_at": "", "deadline": None, "deadline_monotonic_seconds": time.monotonic() + seconds}
        beside = self.notice_file.with_suffix(".part")
        beside.write_text(json.dumps({**told, **times}))
        beside.replace(self.notice_file)

    def end(self) -> tuple[int, list[str], str]:
        """(exit code, what it said last, stderr)"""
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out.split("\n")[:-1], err


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Any]:
    @contextmanager
    def started(**told: Any) -> Iterator[Service]:
        found = Service(tmp_path / "notice.json", **told)
        try:
            yield found
        finally:
            found.process.kill()
            found.process.wait()
            found.process.stdout.close()
            found.process.stderr.close()

    return started


@pytest.mark.parametrize("sign", ["notice", "SIGTERM"])
def test_what_is_in_flight_is_finished_and_new_requests_are_served_until_then(service, sign):
    with service(away_seconds=0) as found, ThreadPoolExecutor(1) as others:
        assert found.get("/ready")[0] == 200
        slow = others.submit(found.get, "/slow")
        found.until("slow begun".__eq__)
        if sign == "notice":
            found.notice("interruption")
        else:
            found.process.send_signal(signal.SIGTERM)
        found.drains()
        assert found.get("/ready") == (503, "draining\n", None)
        assert found.get("/go") == (200, "ok", "close")
        assert slow.result()[:2] == (200, "ok")
        code, said, err = found.end()
        assert code == 0
        assert said == ["flushed", "application shutdown", "server ended"]
        assert "cut off" not in err


def test_none_is_refused_before_the_load_balancer_looked_away(service):
    with service(away_seconds=3600) as found:
        found.notice("interruption")
        found.drains()
        assert found.get("/ready")[0] == 503
        for _ in range(100):
            assert found.get("/any") == (200, "ok", "close")
        assert found.process.poll() is None


def test_the_deadline_cuts_off_what_never_ends_and_the_server_ends_all_the_same(service):
    with service(away_seconds=0, flush_seconds=1) as found, ThreadPoolExecutor(1) as others:
        slow = others.submit(found.get, "/slow")
        found.until("slow begun".__eq__)
        found.notice("interruption", seconds=1.2)
        assert slow.result()[:2] == (503, "the instance ends: try again\n")
        code, said, err = found.end()
        assert (code, said) == (0, ["flushed", "application shutdown", "server ended"])
        assert "1 requests are cut off" in err


def test_a_thread_that_nothing_ends_is_not_waited_for(service):
    with service(away_seconds=0, flush_seconds=1) as found, ThreadPoolExecutor(1) as others:
        stuck = others.submit(found.get, "/stuck")
        found.until("stuck begun".__eq__)
        found.notice("interruption", seconds=2)
        assert stuck.result()[0] == 503
        code, said, err = found.end()
        assert (code, said[0]) == (1, "flushed")
        assert "the process ends here" in err


def test_a_rebalance_recommendation_changes_nothing(service):
    with service(away_seconds=0) as found:
        found.notice("rebalance")
        assert found.get("/ready") == (200, "ready\n", None)
        assert found.get("/any") == (200, "ok", None)


def test_a_flush_that_fails_is_told_and_the_server_ends(service):
    with service(away_seconds=0, flush="broken") as found:
        found.process.send_signal(signal.SIGTERM)
        code, said, err = found.end()
        assert (code, said[-1]) == (0, "server ended")
        assert "flush failed: OSError: no room left for logs" in err


def test_an_application_without_lifespan_events_is_drained_too(service):
    with service(away_seconds=0, lifespan="raises") as found:
        assert found.get("/any")[0] == 200
        found.process.send_signal(signal.SIGTERM)
        assert found.end()[:2] == (0, ["flushed", "server ended"])
