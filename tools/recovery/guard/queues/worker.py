"""The loop of a worker on a spot instance: claims, does, tells; at a notice it finishes what fits, gives back the rest.

    sys.exit(work(queue, do))

One item at a time: for more, start more processes, which the machine takes away together anyway.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
import traceback
from typing import Any, Callable, Iterator

from ..report import say as say_it
from ..run import NOT_SAVED, SAVED
from ..told import LOOK_SECONDS, notice, time_left
from ..told import done as tell_done
from ..trouble import GuardError
from .work import Claim, Do, Lost, QueueAway, QueueTrouble, WorkQueue

AWAY_SECONDS = 600.0
"""that a server does not answer before the worker gives up"""
RESERVE_SECONDS = 5.0
"""before the deadline: an item that is not done by then goes back"""


def work(
    queue: WorkQueue,
    do: Do,
    *,
    until: Callable[[], bool] | None = None,
    wait_seconds: float = 1.0,
    grace_seconds: float = 90.0,
    reserve_seconds: float = RESERVE_SECONDS,
    away_seconds: float = AWAY_SECONDS,
    say: Callable[[str], None] = say_it,
) -> int:
    """Works until the notice, SIGTERM, SIGINT, or `until`; returns what the process should exit with.

    do               runs in a thread; what it raises is a failed attempt
    until            asked whenever nothing is waiting; True ends the work; None = for ever (see `empty`)
    grace_seconds    from a signal on, where no notice tells a deadline
    reserve_seconds  of the time left, kept for giving back
    Returns          0: `until` said so. 75: interrupted, and nothing is held. 76: interrupted, and the server could not
                     be told: the item comes again when its lease ends
    Raises           QueueAway: no answer for away_seconds; QueueRefused
    """
    return _Shift(queue, do, until, wait_seconds, grace_seconds, reserve_seconds, away_seconds, say).play()


def empty(queue: WorkQueue) -> Callable[[], bool]:
    """For `until`: nothing waits, and nobody is known to hold anything. Dead items do not count."""

    def nothing() -> bool:
        found = queue.status()
        return not found.waiting and not found.in_flight

    return nothing


class _Shift:
    def __init__(
        self,
        queue: WorkQueue,
        do: Do,
        until: Callable[[], bool] | None,
        wait_seconds: float,
        grace_seconds: float,
        reserve_seconds: float,
        away_seconds: float,
        say: Callable[[str], None],
    ) -> None:
        self._queue, self._do, self._until = queue, do, until
        self._wait_seconds, self._grace_seconds = wait_seconds, grace_seconds
        self._reserve_seconds, self._away_seconds = reserve_seconds, away_seconds
        self._say = say
        self._told_at: float | None = None  # of a signal, or of the notice
        self._away_since: float | None = None
        self._fastest_seconds: float | None = None
        self._trouble: GuardError | None = None
        self._before: dict[int, Any] = {}

    def play(self) -> int:
        with self._signals():
            while not self._must_end():
                claim = self._claimed()
                if claim is None:
                    if self._over():
                        tell_done()
                        return 0
                    continue
                if self._must_end():
                    return self._interrupted(claim)
                if not self._finished(claim):
                    return self._interrupted(claim)
                if self._trouble is not None:
                    raise self._trouble
            return self._interrupted(None)

    def _over(self) -> bool:
        """What is not known is not over."""
        if self._until is None or self._away_since is not None:
            return False
        try:
            return self._until()
        except QueueAway:
            return False

    def _claimed(self) -> Claim | None:
        try:
            claim = self._queue.claim(self._wait_seconds)
        except QueueAway as trouble:
            now = time.monotonic()
            if self._away_since is None:
                self._away_since = now
                self._say(f"{trouble}; asked again for {self._away_seconds:.0f} s")
            if now - self._away_since > self._away_seconds:
                raise
            return None
        self._away_since = None
        return claim

    def _finished(self, claim: Claim) -> bool:
        """False: the time is over, and the item is not done."""
        began, ended = time.monotonic(), threading.Event()
        name = f"item {claim.item.item_id}"
        threading.Thread(target=self._attempt, args=(claim, ended), name=name, daemon=True).start()
        while not ended.wait(LOOK_SECONDS):
            if self._must_end() and not self._fits(time.monotonic() - began):
                return ended.is_set()
        return True

    def _fits(self, elapsed_seconds: float) -> bool:
        """Whether this item may yet be done in time: no item that we saw was faster than the fastest."""
        left = self._left_seconds() - self._reserve_seconds
        needs = (self._fastest_seconds or 0.0) - elapsed_seconds
        return left > 0 and needs <= left

    def _attempt(self, claim: Claim, ended: threading.Event) -> None:
        began = time.monotonic()
        try:
            try:
                result = self._do(claim.item)
            except BaseException as error:  # noqa: BLE001 - whatever the work raises is a failed attempt
                claim.failed(_reason(error))
                self._say(f"item {claim.item.item_id}, attempt {claim.item.attempt}: {_reason(error)}")
                return
            seconds = time.monotonic() - began
            self._tell(claim, result)
            self._fastest_seconds = min(seconds, self._fastest_seconds or seconds)
        except (Lost, QueueAway) as trouble:
            self._say(str(trouble))
        except GuardError as trouble:
            self._trouble = trouble
        finally:
            ended.set()

    def _tell(self, claim: Claim, result: bytes) -> None:
        try:
            claim.done(result)
        except (Lost, QueueAway):
            raise
        except GuardError as trouble:
            claim.failed(str(trouble))
            self._say(str(trouble))
            if not isinstance(trouble, QueueTrouble):
                raise  # no bytes: a fault of `do`, which no other item mends

    # the end

    def _must_end(self) -> bool:
        if self._told_at is None:
            found = notice()
            if found is not None and found.must_end:  # a rebalance recommendation ends nothing
                self._told_at = time.monotonic()
        return self._told_at is not None

    def _left_seconds(self) -> float:
        """The notice may come after the signal, and be the sooner one."""
        assert self._told_at is not None  # noqa: S101 - asked after _must_end
        told = time_left()
        return told if told is not None else self._told_at + self._grace_seconds - time.monotonic()

    def _interrupted(self, claim: Claim | None) -> int:
        words, code = "nothing was in flight", SAVED
        if claim is not None:
            try:
                claim.release()
                words = f"item {claim.item.item_id} goes back"
            except QueueTrouble as trouble:
                words, code = f"item {claim.item.item_id} comes again when its lease ends: {trouble}", NOT_SAVED
        self._say(f"interrupted: {words}; exit {code}")
        tell_done()  # guard hands our code on: there is no checkpoint to wait for
        return code

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        for number in (int(signal.SIGTERM), int(signal.SIGINT)):
            with contextlib.suppress(ValueError):  # not the main thread: notices are seen all the same
                self._before[number] = signal.signal(number, self._on_signal)
        try:
            yield
        finally:
            for number, before in self._before.items():
                signal.signal(number, before)

    def _on_signal(self, number: int, _frame: Any) -> None:
        if self._told_at is None:
            self._told_at = time.monotonic()
        elif number == signal.SIGINT:
            raise KeyboardInterrupt  # asked twice


def _reason(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{place}"
