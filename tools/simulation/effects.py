"""The account's own log of what took effect, in order, written at the moment it did: tests judge from it."""

import json
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from tools.errors import DataError
from tools.records import utc_text


class EffectLog:
    """Rows {seq, at, service, operation, parameters, request_id, ids, access_key, user_agent}; seq from 1.

    Reads never appear. access_key is that of the signature; what the account does by itself has service "simulation"
    and nobody's key.
    """

    def __init__(self, path: Path | None) -> None:
        self._rows: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        try:
            self._file = path.open("a", encoding="utf-8") if path else None
        except OSError as error:
            raise DataError(f"{path}: the effect log cannot be written: {error.strerror or error}") from None

    def append(
        self,
        *,
        at: datetime,
        service: str,
        operation: str,
        parameters: Mapping[str, Any],
        request_id: str,
        ids: Sequence[str],
        access_key: str = "",
        user_agent: str = "",
    ) -> dict[str, Any]:
        with self._lock:
            row = {
                "seq": len(self._rows) + 1,
                "at": utc_text(at),
                "service": service,
                "operation": operation,
                "parameters": dict(parameters),
                "request_id": request_id,
                "ids": list(ids),
                "access_key": access_key,
                "user_agent": user_agent,
            }
            self._rows.append(row)
            if self._file:
                self._file.write(json.dumps(row, sort_keys=True, default=str) + "\n")
                self._file.flush()
            return row

    def rows(self, after: int = 0) -> list[dict[str, Any]]:
        """Rows with seq > after, oldest first."""
        with self._lock:
            return self._rows[max(after, 0) :]
