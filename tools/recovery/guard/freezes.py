"""Writes held still for a snapshot: a marker asks, --freeze-command, hold, --thaw-command, and the store is told twice.

The main loop steps it; nothing in it waits. While something is frozen guard writes to no file: it may be on it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

from .manifest import as_text
from .markers import MOST_SECONDS, Asked
from .report import Report, say
from .stores import Budget, Store
from .trouble import GuardError

SAVE_SECONDS = 60.0
"""for --checkpoint-command before it"""
TOLD_SECONDS = 5.0
"""in which the store has to take «frozen»: else nobody knows, and nothing is held for nobody"""
ASK_SECONDS = 10.0
LOOK_SECONDS = 1.0
"""between looks for a sibling that wants it thawed"""
TELL_SECONDS = 60.0
MAX_ANSWER_BYTES = 1 << 16
_LIVE = "import sys; sys.path.insert(0, sys.argv.pop(1)); from spotwarden_guard.dead_man import live; live()"


class Errand:
    """One call of the store in a thread of its own: the store may be away, or be what is frozen."""

    def __init__(self, act: Callable[[], Any]) -> None:
        self.value: Any = None
        self.problem = ""
        self._over = threading.Event()
        self.began = time.monotonic()
        threading.Thread(target=self._run, args=(act,), name="spotwarden-freeze", daemon=True).start()

    def _run(self, act: Callable[[], Any]) -> None:
        try:
            self.value = act()
        except (GuardError, OSError) as problem:
            self.problem = str(problem) or type(problem).__name__
        self._over.set()

    @property
    def over(self) -> bool:
        return self._over.is_set()


class Freezes:
    """commands  (--freeze-command, --thaw-command); None: every freeze is refused, and why
    save         starts --checkpoint-command; False: there is none; None: one that began before runs still
    hold_still   True: write no file until False
    """

    def __init__(
        self,
        commands: tuple[str, str] | None,
        store: Store | None,
        report: Report,
        *,
        library: str,
        environment: dict[str, str],
        save: Callable[[], bool | None],
        hold_still: Callable[[bool], None],
    ) -> None:
        self._commands, self._store, self.report = commands, store, report
        self.library, self.environment = library, environment
        self.save, self.hold_still = save, hold_still
        self._now: Freeze | None = None
        self._waiting: deque[tuple[Asked, Budget]] = deque()

    @property
    def pid(self) -> int | None:
        """Of the child that is not the command's."""
        return self._now.pid if self._now is not None else None

    @property
    def busy(self) -> bool:
        return self._now is not None or bool(self._waiting)

    @property
    def hold(self) -> bool:
        """True: writes may be held still."""
        return self._now is not None and self._now.state in ("freezing", "frozen")

    def ask(self, asked: Asked, *, ending: bool) -> bool:
        """One at a time, each in its turn. False: refused, and the store is told why."""
        problem = asked.problem
        if not problem and self._commands is None:
            problem = "guard was started without --freeze-command: a snapshot of a running instance is crash-consistent"
        if not problem and ending:
            problem = "the instance is about to end"
        if problem:
            self.refuse(asked, problem)
            return False
        self._waiting.append((asked, Budget(MOST_SECONDS)))
        return True

    def refuse(self, asked: Asked, problem: str) -> None:
        self.report.event("freeze-refused", marker=asked.marker, problem=problem)
        say(f"no freeze for {asked.name}: {problem}")
        store = self._store
        if store is not None:
            content = json.dumps({"state": "refused", "problem": problem}).encode()
            Errand(lambda: store.put_once(asked.answer, content, budget=Budget(TELL_SECONDS)))

    def saved(self, trouble: str) -> None:
        """--checkpoint-command ended."""
        if self._now is not None:
            self._now.saved(trouble)

    def thaw(self, why: str) -> None:
        """At once. From any thread."""
        found = self._now
        if found is not None:
            found.thaw(why)

    def step(self) -> None:
        if self._now is not None:
            self._now = None if self._now.step() else self._now
        elif self._waiting and self._commands is not None and self._store is not None:
            asked, patience = self._waiting.popleft()
            if patience.left_seconds > 0:
                self._now = Freeze(asked, self._commands, self._store, self)
            else:
                self.refuse(asked, f"others were frozen for {MOST_SECONDS:.0f} s before its turn")

    def close(self, seconds: float, meanwhile: Callable[[], object]) -> None:
        """Guard ends: thawed, and told if the store listens."""
        while self._waiting:
            self.refuse(self._waiting.popleft()[0], "guard ends")
        end = Budget(seconds)
        self.thaw("guard ends")
        while self._now is not None and end.left_seconds > 0:
            self.step()
            meanwhile()
            time.sleep(0.02)
        if self._now is not None:
            self._now.left_behind()


class Freeze:
    """One: looking → saving → freezing → frozen → telling."""

    def __init__(self, asked: Asked, commands: tuple[str, str], store: Store, house: Freezes) -> None:
        self.asked = asked
        self._commands, self._store, self._house = commands, store, house
        self.state = "looking"
        self._since = time.monotonic()
        self._why = ""  # it was thawed before its time; "" = it was not
        self._problem = ""
        self._frozen_at: str | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._unread = b""
        self._freezer: int | None = None
        self._again = False  # the child was killed once
        self._mends = False  # a freeze of an earlier run
        self._answered = False  # the store took «frozen»
        self._theirs = False  # another guard answers this marker
        self._errand = Errand(lambda: self._read(asked.answer))

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def _read(self, name: str) -> bytes | None:
        return self._store.read(name, limit_bytes=MAX_ANSWER_BYTES, budget=Budget(ASK_SECONDS))

    def _put_once(self, content: bytes) -> bool:
        """True also where it was written, and the store's word of it was lost."""
        name = self.asked.answer
        return self._store.put_once(name, content, budget=Budget(TOLD_SECONDS)) or self._read(name) == content

    def step(self) -> bool:
        """True: it is over."""
        return bool(getattr(self, f"_{self.state}")())

    # --- before
    def _looking(self) -> bool:
        if self._why:
            return self._give_up(f"before it froze: {self._why}")
        if not self._errand.over:
            return False
        if self._errand.problem:
            return self._give_up(f"the store is away: {self._errand.problem}")
        if self._errand.value is not None:
            return self._known(self._errand.value)
        self.state = "saving"
        started = self._house.save()
        if started is None:  # another save runs, which began before this was asked
            self.state = "looking"
            return self._saving()
        return False if started else self._start(self._commands[0])

    def _known(self, content: bytes) -> bool:
        """This marker was answered: a marker freezes once. Where guard was killed meanwhile, it is ended here."""
        try:
            told = json.loads(content)
            if told["state"] != "frozen":
                self._event("freeze-known", state=str(told["state"])[:20])
                return True
            self._frozen_at = str(told["frozen_at"])
        except (ValueError, KeyError, TypeError):
            return True
        self._problem, self._mends = "guard was killed while it was frozen", True
        return self._start("")

    def saved(self, trouble: str) -> None:
        if self.state == "saving":
            self._problem = f"--checkpoint-command {trouble}" if trouble else ""
            self.state = "saved"

    def _saving(self) -> bool:
        if self._why:
            return self._give_up(f"before it froze: {self._why}")
        if time.monotonic() - self._since > SAVE_SECONDS:
            return self._give_up(f"--checkpoint-command did not end in {SAVE_SECONDS:.0f} s")
        return False

    def _saved(self) -> bool:
        if self._why or self._problem:
            return self._give_up(self._problem or f"before it froze: {self._why}")
        return self._start(self._commands[0])

    def _give_up(self, problem: str) -> bool:
        self._house.refuse(self.asked, problem)
        return True

    # --- with the child
    def _start(self, freeze: str) -> bool:
        """freeze ""  only thaw"""
        self._house.hold_still(True)
        words = (self._house.library, freeze, self._commands[1], str(self.asked.seconds), str(self._freezer or 0))
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _LIVE, *words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=self._house.environment,
                start_new_session=True,
            )
        except OSError as error:
            self._house.hold_still(False)
            return self._give_up(f"cannot be started: {error.strerror}")
        assert self._process.stdout is not None  # noqa: S101
        os.set_blocking(self._process.stdout.fileno(), False)
        self.state, self._since = "freezing", time.monotonic()
        if self._why:
            self._let_go()
        return False

    def thaw(self, why: str) -> None:
        """The first word is the one that counts."""
        self._why = self._why or why
        self._let_go()

    def _let_go(self) -> None:
        process = self._process
        if process is not None and process.stdin is not None:
            with contextlib.suppress(OSError, ValueError):
                os.write(process.stdin.fileno(), b"!")

    def _freezing(self) -> bool:
        ended = self._listen()
        return self._child_gone() if ended and self.state == "freezing" else False

    def _frozen(self) -> bool:
        if self._listen():
            return self._child_gone()
        if self.state != "frozen":
            return False
        waited = time.monotonic() - self._errand.began
        if self._why or (not self._errand.over and waited <= TOLD_SECONDS):
            return False
        if self._errand.problem or not self._errand.over:
            self.thaw(f"the store is away: {self._errand.problem or f'no answer in {TOLD_SECONDS:.0f} s'}")
        elif not self._answered:
            self._answered = bool(self._errand.value)
            self._theirs = not self._answered
            if self._theirs:
                self.thaw("another guard answers this marker")
        elif self._errand.value not in (True, None):
            self.thaw("asked for")
        elif waited > LOOK_SECONDS:
            self._errand = Errand(lambda: self._read(f"thaw/{self.asked.name}"))
        return False

    def _listen(self) -> bool:
        """What the child says, line by line. True: it is gone."""
        assert self._process is not None  # noqa: S101
        assert self._process.stdout is not None  # noqa: S101
        try:
            piece = os.read(self._process.stdout.fileno(), 4096)
        except BlockingIOError:
            return False
        *lines, self._unread = (self._unread + piece).split(b"\n")
        for line in lines:
            self._heard(json.loads(line))
        return not piece

    def _heard(self, told: dict[str, Any]) -> None:
        if told["event"] == "freezing":
            self._freezer = int(told["pid"])
        elif told["event"] == "frozen":
            self._frozen_at, self.state = str(told["at"]), "frozen"
            until = datetime.now(timezone.utc) + timedelta(seconds=self.asked.seconds - self._passed())
            answer = {"state": "frozen", "frozen_at": self._frozen_at, "until": as_text(until)}
            self._event("frozen", seconds=round(self._passed(), 3))
            self._errand = Errand(lambda: self._put_once(json.dumps(answer).encode()))
        elif told["event"] == "thawed":
            problems = [("--freeze-command", told["freeze_problem"]), ("--thaw-command", told["thaw_problem"])]
            words = [f"{option} {words}" for option, words in problems if words]
            self._over("; ".join(words), thawed_at=str(told["thawed_at"]), thawed=told["thaw_problem"] is None)

    def _passed(self) -> float:
        return time.monotonic() - self._since

    def _child_gone(self) -> bool:
        """Without a word: it was killed. Somebody else thaws."""
        self._reap()
        if self._freezer is not None:
            with contextlib.suppress(OSError):
                os.killpg(self._freezer, signal.SIGKILL)
        if self._again:
            self._over("its child was killed twice", thawed_at=as_text(datetime.now(timezone.utc)), thawed=False)
            return False
        self._again, self._problem = True, "its child was killed"
        return self._start("")

    def _reap(self) -> None:
        if self._process is not None:
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()
            self._process.wait()
            self._process = None

    def left_behind(self) -> None:
        """Guard ends before the child does."""
        self._event("freeze-left", state=self.state)
        if self._process is not None:
            say(f"STILL FROZEN, perhaps: {self.asked.name}: its thaw has not ended well, and is tried without guard")

    # --- after
    def _over(self, problem: str, *, thawed_at: str, thawed: bool) -> None:
        self._house.hold_still(False)
        problem = "; ".join(p for p in (self._problem, problem) if p)
        ok = not problem and self._frozen_at is not None
        self._event("thawed", ok=ok, problem=problem, why=self._why or "its time was over")
        if not thawed and self._frozen_at is not None and not self._mends:  # else its child has thawed it before
            say(f"STILL FROZEN, perhaps: {problem}: thaw it by hand")
        elif not ok:
            say(f"the freeze for {self.asked.name} failed: {problem}; it is thawed")
        answer = {
            "state": "thawed",
            "frozen_at": self._frozen_at,
            "thawed_at": thawed_at,
            "ok": ok,
            "problem": problem or None,
            "why": self._why or None,
        }
        content, store, theirs = json.dumps(answer).encode(), self._store, self._theirs
        self._errand = Errand(
            lambda: None if theirs else store.put(self.asked.answer, content, budget=Budget(TELL_SECONDS))
        )
        self.state = "telling"

    def _telling(self) -> bool:
        if self._process is not None and self._listen():
            self._reap()
        if self._process is not None or not self._errand.over:
            return False
        if self._errand.problem:
            say(f"the freeze for {self.asked.name} is over, and the store was not told: {self._errand.problem}")
        return True

    def _event(self, event: str, **more: Any) -> None:
        self._house.report.event(event, marker=self.asked.marker, **more)
