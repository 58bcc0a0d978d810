"""The example service under real uvicorn and a load balancer that looks away: none of its requests fails."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.guard.clouds import FakeCloud
from tests.guard.loads import Line, drive
from tools.recovery.guard.places import library_path

pytest.importorskip("fastapi")
ROOT = Path(__file__).resolve().parents[2]
PATHS = ("/answer", "/answer?seconds=0.2", "/stream?words=5", "/blocking?seconds=0.05", "/answer")
pytestmark = pytest.mark.accepts("IN-02", "IN-05")


class Service:
    def __init__(self, place: Path, *before: str, workers: int = 1, **environment: str) -> None:
        self.log = place / "served.log"
        self.err = (place / "err").open("w+")
        self.process = subprocess.Popen(
            [*before, sys.executable, "-m", "uvicorn", "examples.fastapi_service:app", "--port", "0", "--workers", str(workers)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": library_path(), "SERVICE_LOG": str(self.log), "AWAY_SECONDS": "0.5", **environment},
            stdout=subprocess.PIPE,
            stderr=self.err,
            text=True,
        )  # fmt: skip
        for _ in range(workers):
            assert self.process.stdout.readline() == "the model is loaded\n", self.told()
        while "Uvicorn running on" not in self.told():
            assert self.process.poll() is None
        self.port = int(self.told().split("Uvicorn running on http://127.0.0.1:")[1].split()[0])

    def told(self) -> str:
        return Path(self.err.name).read_text()

    def end(self) -> int:
        """It ends by itself."""
        self.process.communicate(timeout=30)
        return self.process.returncode


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Any]:
    @contextmanager
    def started(*before: str, **how: Any) -> Iterator[Service]:
        found = Service(tmp_path, *before, **how)
        try:
            yield found
        finally:
            with suppress(OSError):
                os.kill(found.process.pid, signal.SIGKILL)
            found.process.wait()
            found.process.stdout.close()
            found.err.close()

    return started


def guarded(cloud: FakeCloud) -> tuple[str, ...]:
    return sys.executable, "-m", "tools.recovery.guard", "--poll", "0.05", "--"


async def talked(port: int, over: asyncio.Event) -> tuple[list[str], int | None]:
    """A websocket that says a word now and then; what came back, and the code that it was closed with."""
    from websockets.asyncio.client import connect
    from websockets.exceptions import ConnectionClosed

    words: list[str] = []
    async with connect(f"ws://127.0.0.1:{port}/talk") as socket:
        try:
            while True:
                await socket.send("word")
                words.append(await socket.recv())
                if over.is_set():
                    await socket.recv()
        except ConnectionClosed as closed:
            return words, closed.rcvd.code if closed.rcvd else None


def test_a_notice_under_load_fails_no_request_and_flushes_once(service, cloud):
    with service(*guarded(cloud), **cloud.environment) as found:

        async def run() -> Any:
            over = asyncio.Event()
            socket = asyncio.ensure_future(talked(found.port, over))
            tally = await drive(found.port, PATHS, at_once=12, tell_after=60, tell=cloud.interrupt)
            over.set()
            return tally, await socket

        tally, (words, code) = asyncio.run(run())
        assert found.end() == 143, found.told()  # uvicorn's own: ended by SIGTERM, in order
        assert tally.failed == {}, found.told()
        assert tally.answered > 60
        assert tally.ready[0] == 200
        assert 0 not in tally.ready  # it said 503 before it went
        assert tally.ready[-2:] == [503, 503]
        assert set(words) == {"word"}
        assert code == 1012
        assert len(found.log.read_text().splitlines()) == 1
        assert "cut off" not in found.told()


def test_sigterm_under_load_with_several_workers_fails_no_request(service):
    with service(workers=2) as found:
        tally = asyncio.run(drive(found.port, PATHS, at_once=12, tell_after=60, tell=found.process.terminate))
        assert found.end() in {0, 143}
        assert tally.failed == {}, found.told()
        assert tally.ready[-2:] == [503, 503]
        assert len(found.log.read_text().splitlines()) == 2  # each its own


def test_what_would_take_longer_than_there_is_gets_503_and_the_process_ends_in_time(service, cloud):
    with service(*guarded(cloud), FLUSH_SECONDS="1", **cloud.environment) as found:

        async def run() -> list[tuple[int, bytes]]:
            lines = [Line(found.port) for _ in range(3)]
            asked = [
                asyncio.ensure_future(line.get(f"/{kind}?seconds=60"))
                for kind, line in zip(("answer", "blocking"), lines, strict=False)
            ]
            assert (await lines[2].get("/answer"))[0] == 200  # the two are with the service by now
            cloud.interrupt(seconds=4)
            answers = await asyncio.gather(*asked)
            for line in lines:
                await line.close()
            return answers

        assert asyncio.run(run()) == [(503, b"the instance ends: try again\n")] * 2
        assert found.end() == 76, found.told()  # what was cut off is not called done
        assert "2 requests are cut off" in found.told()
        assert "Finished server process" in found.told()
        assert len(found.log.read_text().splitlines()) == 1
