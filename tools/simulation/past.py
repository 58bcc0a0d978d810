"""The account as it was a moment ago: a forked copy of the process that answers reads, for answers that lag.

A fork is the one snapshot that holds everything, moto's state included, and costs nothing until it is read. A copy is
made before a write while reads are to lag, and ends when its moment is out of reach, or its account ends.
"""

import contextlib
import io
import os
import pickle
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

MOST_KEPT = 24
"""copies; beyond, later writes share the copy of an earlier one"""
LONGEST_ANSWER_SECONDS = 60
_LENGTH = struct.Struct("!I")


@dataclass
class _Copy:
    at: datetime
    pid: int
    line: socket.socket


class Past:
    """The copies, oldest first."""

    def __init__(self, answer: Callable[[dict[str, Any]], Any]) -> None:
        """answer: what a copy does with the environ of a read; its result must pickle"""
        self._answer = answer
        self._copies: list[_Copy] = []

    def keep(self, now: datetime, reach: timedelta) -> None:
        """Keep the account as it is now, before a write; forget what is further back than `reach`: zero keeps none."""
        self._forget(now - reach)
        if not reach or len(self._copies) >= MOST_KEPT:
            return
        ours, theirs = socket.socketpair()
        ours.settimeout(LONGEST_ANSWER_SECONDS)
        pid = os.fork()
        if pid == 0:
            _live(theirs, self._answer)
        theirs.close()
        self._copies.append(_Copy(now, pid, ours))

    def ask(self, environ: dict[str, Any], body: bytes, since: datetime) -> Any:
        """What the account would have answered before its first write after `since`; None = nothing was written."""
        copy = next((c for c in self._copies if c.at > since), None)
        if copy is None:
            return None
        plain = {k: v for k, v in environ.items() if isinstance(v, (str, int, bool, tuple))}
        _tell(copy.line, pickle.dumps((plain, body)))
        return pickle.loads(_hear(copy.line))  # noqa: S301  our own copy wrote it

    def _forget(self, until: datetime) -> None:
        gone = [c for c in self._copies if c.at <= until]
        self._copies = [c for c in self._copies if c not in gone]
        for copy in gone:
            copy.line.close()
            with contextlib.suppress(ChildProcessError):  # somebody else reaps here
                os.waitpid(copy.pid, 0)  # it ends when its line does


def _live(line: socket.socket, answer: Callable[[dict[str, Any]], Any]) -> None:
    """The life of a copy: it answers until nobody asks any more."""
    with contextlib.suppress(BaseException):
        _cut_off(line.fileno())
        while True:
            environ, body = pickle.loads(_hear(line))  # noqa: S301  the account wrote it
            environ["wsgi.input"], environ["wsgi.errors"] = io.BytesIO(body), io.StringIO()
            _tell(line, pickle.dumps(answer(environ)))
    os._exit(0)


def _cut_off(kept: int) -> None:
    """Let go of the account's sockets and files: they must close when it closes them."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(nowhere, number)
    os.closerange(3, kept)
    os.closerange(kept + 1, 4096)


def _tell(line: socket.socket, data: bytes) -> None:
    line.sendall(_LENGTH.pack(len(data)) + data)


def _hear(line: socket.socket) -> bytes:
    (length,) = _LENGTH.unpack(_exactly(line, _LENGTH.size))
    return _exactly(line, length)


def _exactly(line: socket.socket, count: int) -> bytes:
    got = bytearray()
    while len(got) < count:
        piece = line.recv(count - len(got))
        if not piece:
            raise EOFError
        got += piece
    return bytes(got)
