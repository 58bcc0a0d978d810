"""The child that freezes, holds, and always thaws: where guard is killed, it thaws; where it is killed, guard does.

Its standard input is guard's hand: a word on it, or its end, thaws at once. It writes to its standard output alone, one
JSON object a line: any file may be on what is frozen.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from datetime import datetime, timezone
from typing import Any

from .manifest import as_text

FREEZE_SECONDS = 30.0
"""for --freeze-command, and never longer than what was asked for"""
THAW_SECONDS = 20.0
"""for one attempt of --thaw-command"""
INSIST_SECONDS, DOUBT_SECONDS = 60.0, 2.0
"""attempts go on for so long where something is frozen, and where it may be: its command was broken off"""
PAUSE_SECONDS = 1.0
LOOK_SECONDS = 0.02
LAST_WORDS = 400


class Command:
    """A shell's, in a group of its own; its last words are kept."""

    def __init__(self, line: str) -> None:
        self._began = time.monotonic()
        self._words = b""
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", line],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        assert self._process.stdout is not None  # noqa: S101
        self._pipe = self._process.stdout.fileno()
        os.set_blocking(self._pipe, False)
        self.pid = self._process.pid

    def problem(self, seconds: float, *, heeds_guard: bool) -> str | None:
        """Waits; None: it ended with 0. What does not end in time, or when guard wants its end, is killed."""
        while self._process.poll() is None:
            if heeds_guard and told():
                return self._cut("was cut short")
            if time.monotonic() - self._began >= seconds:
                return self._cut(f"did not end in {seconds:.0f} s")
            self._read(LOOK_SECONDS)
        self._read(0.0)
        code = self._process.returncode
        return f"ended with {code}{self._last()}" if code else None

    def _cut(self, how: str) -> str:
        with contextlib.suppress(OSError):
            os.killpg(self.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(THAW_SECONDS)  # the kernel may be at it: thawed before it is done, it would stay frozen
        return how + self._last()

    def _read(self, seconds: float) -> None:
        """Only what fits is kept; somebody whom the command left behind may hold the pipe for ever."""
        ready, _, _ = select.select([self._pipe], [], [], seconds)
        with contextlib.suppress(BlockingIOError):
            piece = os.read(self._pipe, 4096) if ready else b""
            self._words = (self._words + piece)[-LAST_WORDS:]
            if ready and not piece:
                time.sleep(seconds)  # it closed it, and goes on

    def _last(self) -> str:
        lines = self._words.decode(errors="replace").strip().splitlines()
        return f": {lines[-1].strip()}" if lines else ""


def told(seconds: float = 0.0) -> bool:
    """Guard wants the end, or is no more."""
    ready, _, _ = select.select([0], [], [], max(0.0, seconds))
    return bool(ready)


def say(event: str, **more: Any) -> None:
    line = json.dumps({"event": event, "at": as_text(datetime.now(timezone.utc)), **more}) + "\n"
    with contextlib.suppress(OSError):  # guard is gone: what has to be done is done all the same
        os.write(1, line.encode())


def hold(freeze: str, thaw: str, seconds: float, after: int) -> None:
    """freeze ""  only thaw, when the process `after` is gone: what somebody else froze, or was about to

    seconds   from the beginning of --freeze-command to that of --thaw-command, at most
    """
    for name in ("SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGTSTP", "SIGPIPE"):
        signal.signal(getattr(signal, name), lambda *_: None)  # not ignored: the commands would inherit that
    end = time.monotonic() + seconds
    problem, insist_seconds = None, DOUBT_SECONDS
    if freeze:
        command = Command(freeze)
        say("freezing", pid=command.pid)
        problem = command.problem(min(seconds, FREEZE_SECONDS), heeds_guard=True)
        if problem is None:
            say("frozen")
            told(end - time.monotonic())
            insist_seconds = INSIST_SECONDS
        elif problem.startswith("ended with"):
            insist_seconds = 0.0
    else:
        _gone(after)
    moment = as_text(datetime.now(timezone.utc))  # from now on nothing is promised
    say("thawed", thawed_at=moment, freeze_problem=problem, thaw_problem=_thaw(thaw, insist_seconds))


def _gone(pid: int) -> None:
    end = time.monotonic() + THAW_SECONDS
    with contextlib.suppress(OSError):
        while pid and time.monotonic() < end:
            os.kill(pid, 0)
            time.sleep(LOOK_SECONDS)


def _thaw(line: str, insist_seconds: float) -> str | None:
    end = time.monotonic() + insist_seconds
    while True:
        try:
            problem = Command(line).problem(THAW_SECONDS, heeds_guard=False)
        except OSError as error:  # no process or no descriptor is left just now
            problem = f"cannot be started: {error.strerror}"
        if problem is None or time.monotonic() >= end:
            return problem
        time.sleep(PAUSE_SECONDS)


def live() -> None:
    """sys.argv: freeze command, thaw command, seconds, process to wait for"""
    hold(sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4]))
