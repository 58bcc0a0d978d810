"""--checkpoint-command: what it leaves in $SPOTWARDEN_SAVE_TO becomes a checkpoint when it exits 0."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from .carrier import Carrier
from .child import Child
from .files import remove_folder
from .report import Report

SAVE_TO = "SPOTWARDEN_SAVE_TO"


class Hook:
    """One run of it, beside the command."""

    def __init__(self, command: str, carrier: Carrier, environment: dict[str, str]) -> None:
        self._carrier = carrier
        self._began = time.monotonic()
        self.exit_code: int | None = None
        self._folder: Path | None = None
        if carrier.folder is not None:
            self._folder = carrier.folder / f".hook-{os.getpid()}"
            remove_folder(self._folder)
            self._folder.mkdir(parents=True)
            environment = {**environment, SAVE_TO: str(self._folder)}
        self._process = subprocess.Popen(["/bin/sh", "-c", command], env=environment, start_new_session=True)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def look(self, child: Child) -> bool:
        """True: it ended. Whoever ends below guard is reaped by the child."""
        child.look()
        self.exit_code = child.others.pop(self._process.pid, None)
        if self.exit_code is not None:
            self._process.returncode = self.exit_code
        return self.exit_code is not None

    def seal(self, report: Report) -> str:
        """What is wrong, or ""."""
        if self.exit_code != 0:
            return f"ended with {self.exit_code}: nothing of it is used"
        folder = self._folder
        if folder is None or not any(folder.iterdir()):
            return ""
        report.event("sealing")
        return self._carrier.take(folder, self.seconds)

    def give_up(self) -> None:
        """The command ended before it: what it saves now is of nobody's work."""
        with suppress(OSError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._folder is not None:
            remove_folder(self._folder)
