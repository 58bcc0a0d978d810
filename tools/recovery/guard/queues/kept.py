"""Results of items, each written once, where they outlive the instance: a directory (EFS), or S3.

What a queue cannot keep itself stands here too, under keys that are no item's id: no id holds a tab.
"""

from __future__ import annotations

import hashlib
import time
from typing import Callable, TypeVar

from ..files import sync_folder
from ..places import open_store
from ..stores import Budget, Folder, Store
from ..trouble import StoreRefused, StoreSilent
from .work import MOST_BYTES, QueueAway, QueueRefused

T = TypeVar("T")
ATTEMPT_SECONDS = 30.0
FIRST_PAUSE_SECONDS = 0.2


class KeptResults:
    """One object an item, named by the SHA-256 of its id: no id is too long for a file, or differs in case only."""

    def __init__(self, store: Store, *, most_bytes: int = MOST_BYTES, patience_seconds: float = 120.0) -> None:
        self._store, self._most_bytes, self._patience_seconds = store, most_bytes, patience_seconds

    def put_once(self, item_id: str, result: bytes) -> bool:
        """False: there is one already; it stays. Raises QueueAway: the truth is not known; QueueRefused"""
        name = _name(item_id)
        return self._ask(lambda budget: self._store.put_once(name, bytes(result), budget=budget))

    def get(self, item_id: str) -> bytes | None:
        """Raises  QueueAway, QueueRefused"""
        name = _name(item_id)
        found = self._ask(lambda budget: self._store.read(name, limit_bytes=self._most_bytes, budget=budget))
        if found is not None and isinstance(self._store, Folder):
            # whoever wrote it may not have come to this yet, and the item leaves its queue for what we saw
            sync_folder((self._store.path / name).parent)
        return found

    def _ask(self, act: Callable[[Budget], T]) -> T:
        """Again while the store is silent, as long as the patience lasts: either verb may be repeated."""
        patience, pause = Budget(self._patience_seconds), FIRST_PAUSE_SECONDS
        while True:
            try:
                return act(Budget(min(ATTEMPT_SECONDS, max(1.0, patience.left_seconds))))
            except StoreSilent as silent:
                if patience.left_seconds < pause:
                    raise QueueAway(f"results: {silent.message}", hint=silent.hint) from None
            except StoreRefused as refused:
                raise QueueRefused(f"results: {refused.message}", hint=refused.hint) from None
            time.sleep(pause)
            pause = min(2 * pause, 5.0)


def open_results(place: str, *, most_bytes: int = MOST_BYTES, endpoint_url: str | None = None) -> KeptResults:
    """`s3://BUCKET/PLACE`, or a directory. Raises BadRequest: it names no place, or boto3 is missing"""
    return KeptResults(open_store(place, endpoint_url=endpoint_url), most_bytes=most_bytes)


def _name(item_id: str) -> str:
    digest = hashlib.sha256(item_id.encode()).hexdigest()
    return f"{digest[:2]}/{digest}"
