"""Workers as processes that a test stops where it likes: they say on stdout where they are, and wait for a line.

    python -m tests.queues.rabbit_workers guide PORT GUIDE OUTPUT        the guide's own code, on this port
    python -m tests.queues.rabbit_workers ours URL NAME RESULTS          RabbitQueue, stopped in work and before the ack

process_inference is whatever the user's is: here it writes its output, then takes as long as it is told.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[2]


def stop_at(place: str) -> None:
    print(place, flush=True)
    sys.stdin.readline()


def code_of(guide: Path) -> str:
    """Example 6 of the guide, as it stands there."""
    text = guide.read_text(encoding="utf-8")
    found = re.search(r"Example 6:[^\n]*\n(.*?)Example 7:", text, re.DOTALL)
    assert found, f"{guide} has no example 6"
    return found[1]


def guide_worker(port: str, guide: str, output: str) -> None:
    def process_inference(body: bytes) -> None:
        if body == b"poison":
            raise ValueError("poison")
        with Path(output).open("ab") as file:
            file.write(body + b"\n")
        stop_at(f"did {body.decode()}")

    code = code_of(Path(guide)).replace("'msg-broker'", f"'127.0.0.1', {port}")
    names: dict[str, object] = {"process_inference": process_inference}
    exec(compile(code, guide, "exec"), names)  # the guide's, on our server
    names["consume_requests"]()  # type: ignore[operator]


def our_worker(url: str, name: str, results: str) -> None:
    from tools.recovery.guard.queues.kept import KeptResults, open_results
    from tools.recovery.guard.queues.rabbitmq import RabbitQueue

    kept = open_results(results)

    class Stopped(KeptResults):
        def __init__(self) -> None:
            super().__init__(kept._store)

        def put_once(self, item_id: str, result: bytes) -> bool:
            written = super().put_once(item_id, result)
            stop_at(f"written {item_id}")
            return written

    with RabbitQueue(url, name, results=Stopped(), heartbeat_seconds=1, most_attempts=99) as queue:
        while (claim := queue.claim(30)) is not None:
            stop_at(f"did {claim.item.item_id}")
            claim.done(b"by " + str(os.getpid()).encode())


class Worker:
    """One of them. `at` is where it stands."""

    def __init__(self, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.queues.rabbit_workers", *arguments],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    @property
    def at(self) -> str:
        return self._stream(self._process.stdout).readline().strip()

    def go(self) -> None:
        stdin = self._stream(self._process.stdin)
        stdin.write("\n")
        stdin.flush()

    def kill(self) -> None:
        self._process.kill()
        self.end()

    def end(self) -> str:
        """Its exit, and what it said."""
        _, error = self._process.communicate(timeout=60)
        return error

    @property
    def exit_code(self) -> int | None:
        return self._process.returncode

    @staticmethod
    def _stream(stream: IO[str] | None) -> IO[str]:
        assert stream is not None
        return stream


@contextmanager
def worker(*arguments: str) -> Iterator[Worker]:
    one = Worker(*arguments)
    try:
        yield one
    finally:
        one.kill()


if __name__ == "__main__":
    {"guide": guide_worker, "ours": our_worker}[sys.argv[1]](*sys.argv[2:])
