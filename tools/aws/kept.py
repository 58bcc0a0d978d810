"""Answers that are kept for a while, so that looking again costs no call."""

import threading
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from tools.cloud import Clock

K = TypeVar("K")
V = TypeVar("V")


class Kept(Generic[K, V]):
    """By key, for a period of the account's own time. Safe between threads."""

    def __init__(self, clock: Clock, keep: timedelta) -> None:
        self._clock = clock
        self._keep = keep
        self._lock = threading.Lock()
        self._answers: dict[K, tuple[datetime, V]] = {}

    def put(self, answers: Mapping[K, V]) -> None:
        now = self._clock.now()
        with self._lock:
            self._answers |= {key: (now, value) for key, value in answers.items()}

    def found(self, keys: Iterable[K]) -> dict[K, V]:
        """What is kept of some keys, and young enough."""
        now = self._clock.now()
        with self._lock:
            held = {key: self._answers[key] for key in keys if key in self._answers}
        return {key: value for key, (at, value) in held.items() if now - at < self._keep}
