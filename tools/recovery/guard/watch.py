"""The thread that asks the cloud, every few seconds, and passes on what is new."""

from __future__ import annotations

import threading
from collections.abc import Callable

from .metadata import Provider, Seen, Silent, found_provider
from .report import Report, say

UNWATCHED_SECONDS = 60.0
"""between looks where no cloud answered: it may have been slow"""
GCP_SECONDS = 1.0
"""its notice is 30 s at best"""
UNWATCHED = "no cloud's metadata service answers here"
PATIENCE = 3
"""silences in a row that are worth a line"""


class Watch:
    """which     auto, aws, gcp, azure or none
    found        called once, with what was found: (provider, instance id or None)
    new          called with every notice that was not there before
    gone         called with the key of a notice that is there no longer; should it come again, it is new
    """

    def __init__(
        self,
        which: str,
        poll_seconds: float,
        report: Report,
        *,
        new: Callable[[Seen], None],
        gone: Callable[[str], None] | None = None,
    ) -> None:
        self._which, self._poll, self._report, self._new, self._gone = which, poll_seconds, report, new, gone
        self._stop = threading.Event()
        self._keys: set[str] = set()
        self._silences = 0
        self._remark = ""
        self.provider: Provider | None = None
        self.instance_id: str | None = None
        self.stands: Seen | None = None
        """an end that was told before we came"""
        self._end: Seen | None = None
        self.known = threading.Event()
        """set once it is known where we are, or that nobody answers"""
        self._thread = threading.Thread(target=self._live, name="spotwarden-watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()

    def _live(self) -> None:
        told = False
        while not self._stop.is_set():
            self.provider, words = found_provider(self._which)
            if self.provider is not None:
                self._watch(self.provider)
                return
            self.known.set()
            if not told:
                told = True
                self._report.event("unwatched", words=words)
                asked = self._which == "none"
                say(f"{'--provider none' if asked else UNWATCHED}: running without notices")
            if self._which == "none" or self._stop.wait(UNWATCHED_SECONDS):
                return

    def _watch(self, provider: Provider) -> None:
        try:
            self.instance_id = provider.instance_id()
        except Silent as silence:
            self._silent(silence)
        self._look(provider)  # a notice that stands already is known before anything is started
        self.stands = self._end
        self.known.set()
        pause = min(self._poll, GCP_SECONDS) if provider.name == "gcp" else self._poll
        self._report.know(provider=provider.name)
        self._report.event("watching", provider=provider.name, poll_seconds=pause)
        while not self._stop.wait(pause):
            self._look(provider)

    def _look(self, provider: Provider) -> None:
        try:
            seen = provider.look()
        except Silent as silence:
            self._silent(silence)
            return
        finally:
            self._say_remark(provider.remark)
        if self._silences >= PATIENCE:
            say(f"{provider.name}: the metadata service answers again")
        self._silences = 0
        for one in seen:
            if one.key not in self._keys:
                self._keys.add(one.key)
                self._end = one if one.kind == "interruption" else self._end
                self._new(one)
        there = {one.key for one in seen}
        if self._gone is not None and "garbage" not in there:
            for key in self._keys - there:
                self._keys.discard(key)
                self._gone(key)

    def _silent(self, silence: Silent) -> None:
        self._silences += 1
        if self._silences == PATIENCE:
            self._report.event("silent", words=str(silence))
            say(f"{silence}: {PATIENCE} times in a row; asked again, the work goes on")

    def _say_remark(self, remark: str) -> None:
        if remark and remark != self._remark:
            self._report.event("remark", words=remark)
            say(remark)
        self._remark = remark
