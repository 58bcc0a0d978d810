"""Notices out of their queue: all that it hands out, several handfuls at once, and given back when they are done."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from tools.cloud import NoticeQueue
from tools.errors import CloudError
from tools.records import QueuedNotice

MAX_MESSAGES = 2_000
"""taken from the queue in one pass, so that a storm is seen whole and coalesced"""
_HANDS = 8
"""receive calls at once: each hands out ten at most"""


def receive(queue: NoticeQueue, *, wait_seconds: int, tell: Callable[[CloudError], object]) -> list[QueuedNotice]:
    """What the queue holds now; empty after so many seconds of silence.

    Raises  CloudError: the first call is refused. Trouble with a later one is told, and what came is answered
    """
    found = list(queue.receive(wait_seconds=wait_seconds))
    if not found:
        return found
    with ThreadPoolExecutor(_HANDS, thread_name_prefix="queue") as hands:
        came = len(found)
        while came and len(found) < MAX_MESSAGES:
            asked = [hands.submit(queue.receive, wait_seconds=0) for _ in range(min(came, _HANDS))]
            troubles = [e for e in (a.exception() for a in asked) if e is not None]
            more = [m for a in asked if a.exception() is None for m in a.result()]
            found += more
            came = 0 if troubles else len(more)
            for trouble in troubles[:1]:
                if not isinstance(trouble, CloudError):
                    raise trouble
                tell(trouble)
    return found


def acknowledge(queue: NoticeQueue, messages: Sequence[QueuedNotice], *, tell: Callable[[CloudError], object]) -> None:
    """What cannot be acknowledged comes again, and is then known as a repeat."""
    if not messages:
        return
    try:
        queue.acknowledge([m.receipt for m in messages])
    except CloudError as error:
        tell(error)
