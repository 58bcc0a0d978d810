"""Where the product touches the world: every I/O is numbered, named after the product frames that led there, and may
be the place where the process dies.

Three kinds: a journal transaction, a request to AWS, a witness file. Each may be struck before it, inside it (before
COMMIT; after AWS answered and before anybody looks at the answer; before the new witness takes the old one's place)
and after it.
"""

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import tools

ROOT = Path(tools.__path__[0]).parent
_PRODUCT = tuple(f"{ROOT}/{floor}/" for floor in ("agent", "policies", "tools", "tui"))
Stop = Sequence[int | str]
"""numbers or names of I/Os, in the order in which they are reached"""
_THROUGH = ("/tools/aws/calls.py", "/agent/journal/writer.py", "/agent/journal/journal.py", "/agent/journal/witness.py")
"""every I/O of its kind goes through these: they name nothing"""


def call_site() -> str:
    """«agent/actuation.py:act:170 < tools/…»: every product frame from the nearest outwards."""
    frames, frame = [], sys._getframe(2)
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(_PRODUCT) and not name.endswith(_THROUGH):
            frames.append(f"{name[len(str(ROOT)) + 1 :]}:{frame.f_code.co_name}:{frame.f_lineno}")
        frame = frame.f_back
    return " < ".join(frames) or "open and close"


class Boundaries:
    """Counts, tells, and strikes."""

    def __init__(
        self, told: int, *, count: bool = False, strike: tuple[int, str] | None = None, stop: Stop = ()
    ) -> None:
        self._told = told
        self._count = count
        self._strike = strike
        self._stop = list(stop)
        self._next = 0
        self._lock = threading.Lock()
        self.writing = False
        self._before: dict[str, Callable[[], None] | None] = {}

    def before(self, what: str, happens: Callable[[], None] | None) -> None:
        """Something that happens once in the world just before the next I/O of that name; None = nothing."""
        self._before[what] = happens

    def reach(self, layer: str, what: str) -> int:
        with self._lock:
            number = self._next
            self._next += 1
        if self._count:
            self.tell(boundary=number, layer=layer, what=what, site=call_site())
        happens = self._before.pop(what, None)
        if happens:
            happens()
        # a witness's writer holds a lock that others wait for; a write has had its last word: it sleeps before that
        if layer != "witness" and not self.writing:
            self.sleep(number, what)
        self.strike(number, "before")
        return number

    @property
    def reached(self) -> int:
        """How many there were."""
        return self._next

    def sleep(self, number: int, what: str) -> None:
        """Stop here until somebody wakes us, if it is what comes next of where we shall stop."""
        place = self._stop[0] if self._stop else None
        if place == what or (isinstance(place, int) and place <= number):
            self._stop.pop(0)
            os.kill(os.getpid(), signal.SIGSTOP)

    def strike(self, number: int, phase: str) -> None:
        if self._strike == (number, phase):
            os.kill(os.getpid(), signal.SIGKILL)

    def tell(self, **what: Any) -> None:
        """One line that outlives us."""
        os.write(self._told, (json.dumps(what, default=str) + "\n").encode())


def watch(boundaries: Boundaries) -> None:
    """Put the watch around the product's three doors; in a process of its own that ends soon."""
    _watch_aws(boundaries)
    _watch_journal(boundaries)
    _watch_witness(boundaries)


def _watch_aws(boundaries: Boundaries) -> None:
    from botocore.httpsession import URLLib3Session

    from tools.aws.calls import Calls

    send, call, pages, write = URLLib3Session.send, Calls._call, Calls.pages, Calls.write
    latest = [-1]

    def watched_send(self: Any, request: Any) -> Any:
        number = latest[0] = boundaries.reach("aws", _operation(request))
        answer = send(self, request)
        boundaries.strike(number, "inside")
        return answer

    def watched_call(self: Any, *args: Any, **more: Any) -> Any:
        try:
            return call(self, *args, **more)
        finally:
            boundaries.strike(latest[0], "after")

    def watched_pages(self: Any, *args: Any, **more: Any) -> Any:
        try:
            for item in pages(self, *args, **more):
                boundaries.strike(latest[0], "after")
                yield item
        finally:
            boundaries.strike(latest[0], "after")

    def watched_write(self: Any, *args: Any, **more: Any) -> Any:
        boundaries.sleep(boundaries.reached, "write")
        boundaries.writing = True
        try:
            return write(self, *args, **more)
        finally:
            boundaries.writing = False

    URLLib3Session.send = watched_send
    Calls.write = watched_write
    Calls._call = watched_call
    Calls.pages = watched_pages


def _operation(request: Any) -> str:
    """«UpdateAutoScalingGroup», or S3's method and path."""
    body = request.body.decode(errors="replace") if isinstance(request.body, bytes) else str(request.body)
    for part in body.split("&"):
        if part.startswith("Action="):
            return part[7:]
    target = request.headers.get("X-Amz-Target")
    if target:
        return (target.decode() if isinstance(target, bytes) else str(target)).rpartition(".")[2]
    return f"{request.method} {str(request.url).split('/', 3)[-1].split('?')[0][:60]}"


def _watch_journal(boundaries: Boundaries) -> None:
    import agent.journal.journal as journal
    from agent.journal.writer import Writer

    do, connect = Writer.do, journal.connect
    open_ = journal.Journal.open.__func__
    current: list[int] = []

    def on_statement(text: str) -> None:
        if text == "COMMIT" and current:
            boundaries.strike(current[-1], "inside")

    def watched_do(self: Any, work: Any) -> Any:
        number = boundaries.reach("journal", getattr(work, "__qualname__", "?").split(".<")[0])
        made: list[tuple[int, str]] = []

        def noting(transaction: Any) -> Any:
            answer = work(transaction)
            made.append((transaction.head.count, transaction.head.hash))
            return answer

        current.append(number)
        try:
            answer = do(self, noting)
        finally:
            current.pop()
        boundaries.tell(acknowledged=made[-1])
        boundaries.strike(number, "after")
        return answer

    def watched_connect(path: Any) -> Any:
        connection = connect(path)
        connection.set_trace_callback(on_statement)
        return connection

    def watched_open(cls: Any, *args: Any, **more: Any) -> Any:
        current.append(boundaries.reach("journal", "Journal.open"))
        try:
            opened = open_(cls, *args, **more)
            boundaries.strike(current[-1], "after")
            return opened
        finally:
            current.pop()

    Writer.do = watched_do
    journal.connect = watched_connect
    journal.Journal.open = classmethod(watched_open)


def _watch_witness(boundaries: Boundaries) -> None:
    from agent.journal import witness

    replace, fsync = witness._replace, os.fsync
    current: list[int] = []

    def watched_replace(path: Any, content: bytes) -> None:
        current.append(boundaries.reach("witness", "write"))
        replace(path, content)
        boundaries.strike(current.pop(), "after")

    def watched_fsync(descriptor: int) -> None:
        fsync(descriptor)
        if current:  # the new file is whole, and not yet in its place
            boundaries.strike(current[-1], "inside")

    witness._replace = watched_replace
    os.fsync = watched_fsync
