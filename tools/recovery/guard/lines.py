"""What the job told, line by line: a file that it appends to and guard reads."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any, Iterator


class Lines:
    def __init__(self, path: Path) -> None:
        self.path, self._read = path, 0
        path.touch()

    def new(self) -> Iterator[dict[str, Any]]:
        """Since the last call; a line that is being written is read next time, one that is no JSON is passed over."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._read)
                text = file.read()
        except OSError:
            return
        whole = text[: text.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.splitlines():
            with contextlib.suppress(ValueError):
                yield json.loads(line)
