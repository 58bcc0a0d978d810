"""What happened under guard, with times: one JSON document, rewritten whole, and a log of lines. See docs/guard.md."""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from .files import write_whole
from .manifest import as_text, now_text

SCHEMA = "spotwarden-guard-report/1"
FIRST_EVENTS, LAST_EVENTS, LAST_FIGURES = 50, 450, 50


def say(line: str) -> None:
    """One line for a person, on stderr; where nobody listens any more, the work goes on."""
    with contextlib.suppress(OSError, ValueError):
        print(f"spotwarden-guard: {line}", file=sys.stderr, flush=True)


class Report:
    """Told by several threads.

    log, path   the log of lines and the document; None = not asked for
    """

    def __init__(self, job_id: str, instance_id: str, *, log: Path | None, path: Path | None) -> None:
        self._began, self._began_at = time.monotonic(), datetime.now(timezone.utc)
        self._lock = threading.Lock()
        self._log, self._path = log, path
        self._first: list[dict[str, Any]] = []
        self._last: list[dict[str, Any]] = []
        self._troubled: set[Path] = set()
        self._still = False
        self._unwritten: list[dict[str, Any]] = []
        self.changes = 0
        self.facts: dict[str, Any] = {
            "schema": SCHEMA,
            "job_id": job_id,
            "instance_id": instance_id,
            "provider": "none",
            "generation": None,
            "started_at": as_text(self._began_at),
            "updated_at": as_text(self._began_at),
            "state": "running",
            "exit_code": None,
            "saved": None,
            "checkpoint": None,
            "restored": None,
            "save_seconds": [],
            "upload_seconds": [],
            "restore_seconds": None,
            "restart_seconds": None,
            "uptime_seconds": uptime_seconds(),
            "checkpoint_interval_seconds": None,
        }

    def event(self, event: str, *, monotonic_seconds: float | None = None, **more: Any) -> float:
        """Noted with its time; returns the seconds since guard's start.

        monotonic_seconds  when it happened, if not now
        """
        elapsed = (monotonic_seconds if monotonic_seconds is not None else time.monotonic()) - self._began
        at = as_text(self._began_at + timedelta(seconds=elapsed))
        row = {"at": at, "elapsed_seconds": round(elapsed, 3), "event": event, **more}
        with self._lock:
            kept = self._first if len(self._first) < FIRST_EVENTS else self._last
            kept.append(row)
            del self._last[:-LAST_EVENTS]
            self.changes += 1
            if self._log is not None and self._still:
                self._unwritten.append(row)
            elif self._log is not None:
                self._append(self._log, row)
        return elapsed

    def hold_still(self, still: bool) -> None:
        """True: no file is written until False; what was told meanwhile is written then."""
        with self._lock:
            self._still = still
            rows, self._unwritten = ([], self._unwritten) if still else (self._unwritten, [])
            for row in rows:
                if self._log is not None:
                    self._append(self._log, row)

    def know(self, **facts: Any) -> None:
        with self._lock:
            self.facts.update(facts)
            self.changes += 1

    def figure(self, name: str, seconds: float) -> None:
        with self._lock:
            self.facts[name] = [*self.facts[name], round(seconds, 6)][-LAST_FIGURES:]
            self.changes += 1

    def as_bytes(self) -> bytes:
        with self._lock:
            self.facts["updated_at"] = now_text()
            return json.dumps({**self.facts, "events": self._first + self._last}, indent=1).encode()

    def write(self) -> None:
        if self._path is not None and not self._still:
            try:
                write_whole(self._path, self.as_bytes())
            except OSError as error:
                self._trouble(self._path, error)

    def _append(self, log: Path, row: dict[str, Any]) -> None:
        try:
            with log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
        except OSError as error:
            self._trouble(log, error)

    def _trouble(self, path: Path, error: OSError) -> None:
        """Told once: the work is more than its log."""
        if path not in self._troubled:
            self._troubled.add(path)
            say(f"{path}: cannot be written: {error.strerror}; the work goes on without it")


def uptime_seconds() -> float | None:
    """Of the machine; None where it does not say."""
    try:
        return float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return None
