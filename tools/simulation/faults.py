"""Faults that the account commits on order: so many times, on a named operation, then never again."""

import threading
from dataclasses import dataclass
from typing import Any

from tools.simulation.wire import Request

KINDS = (
    "throttle",
    "error-500",
    "access-denied",
    "expired-credentials",
    "insufficient-capacity",
    "timeout-before-effect",
    "timeout-after-effect",
    "drop",
    "slow",
)
BEFORE = ("timeout-before-effect", "drop")
"""the request is never carried out, and no answer comes"""


@dataclass
class Fault:
    operation: str
    """EC2's name, such as ModifyFleet; service:Name; or * for any"""
    kind: str
    left: int
    seconds: float = 0.0
    """wall seconds: how late a slow answer is, how long a time-out keeps its caller waiting"""
    skip: int = 0
    """calls to let through first"""

    def matches(self, request: Request) -> bool:
        return self.operation in ("*", request.operation, f"{request.service}:{request.operation}")


class Faults:
    """The orders that stand, oldest first."""

    def __init__(self) -> None:
        self._standing: list[Fault] = []
        self._lock = threading.Lock()

    def order(self, operation: str, kind: str, *, times: int = 1, seconds: float = 0.0, skip: int = 0) -> None:
        """Raises ValueError: an unknown kind, or numbers that make no sense."""
        if kind not in KINDS:
            raise ValueError(f"unknown fault {kind!r}: one of {', '.join(KINDS)}")
        if not operation or times < 1 or seconds < 0 or skip < 0:
            raise ValueError("a fault needs an operation, times >= 1, seconds >= 0 and skip >= 0")
        with self._lock:
            self._standing.append(Fault(operation, kind, times, seconds, skip))

    def clear(self) -> None:
        with self._lock:
            self._standing.clear()

    def take(self, request: Request) -> Fault | None:
        """The fault to commit on this request, used up by one; None most of the time."""
        with self._lock:
            for fault in self._standing:
                if not fault.matches(request):
                    continue
                if fault.skip:
                    fault.skip -= 1
                    return None
                fault.left -= 1
                if fault.left == 0:
                    self._standing.remove(fault)
                return fault
        return None

    def standing(self) -> list[dict[str, Any]]:
        with self._lock:
            return [{"operation": f.operation, "kind": f.kind, "left": f.left} for f in self._standing]
