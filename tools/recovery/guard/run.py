"""One command from its start to its end, with everything that may happen to it."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import select
import shutil
import signal
import tempfile
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from . import tree
from .carrier import Carrier
from .child import Child, listen
from .files import write_whole
from .freezes import Freezes
from .hook import Hook
from .lines import Lines
from .manifest import as_text, now_text
from .markers import Asked
from .metadata import NOTICE_SECONDS, Seen
from .options import Options, host_name
from .pace import Pace
from .places import library_path, open_store
from .report import Report, say
from .stores import Budget
from .told import (
    CHECKPOINTS,
    EVENTS,
    GENERATION,
    INSTANCE_ID,
    JOB,
    NOTICE_FILE,
    RESUME,
    SECONDS,
    SECONDS_FILE,
    Notice,
)
from .watch import Watch

SAVED, NOT_SAVED = 75, 76
ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
IDENTITY_SECONDS = 1.0
"""that the command waits for the cloud's answer, so that its checkpoints carry the instance's name"""
UNKNOWN_GRACE_SECONDS = 110.0
LAST_UPLOAD_SECONDS = 60.0
LINGER_SECONDS = 10.0
TICK_SECONDS = 1.0
HURRIED_TICK_SECONDS = 0.1


class Run:
    """`Run(options).play()` returns guard's exit code."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.store = open_store(options.store, endpoint_url=options.endpoint_url) if options.store else None
        folder_name = options.checkpoints.name if options.checkpoints else "job"
        self.job_id = self.store.job_id if self.store else options.job_id or folder_name
        self.place = Path(tempfile.mkdtemp(prefix="spotwarden-guard-"))
        self.notice_file = options.notice_file or self.place / "notice.json"
        self.events = Lines(self.place / "events")
        self.report = Report(self.job_id, host_name(), log=options.log, path=options.report)
        self.came: queue.SimpleQueue[Seen] = queue.SimpleQueue()
        self.watch = Watch(options.provider, options.poll_seconds, self.report, new=self._wake)
        self.number = 0  # of the last notice
        self.interruption: Seen | None = None
        self.before: set[str] = set()
        self.deadline: Budget | None = None
        self.grace: Budget | None = None
        self.hook: Hook | None = None
        self.hook_time: Budget | None = None  # half the grace: then the signal does not wait for it any longer
        self.signalled = False
        self.lingers = False
        self.finished = False  # the job said done()
        self.progressed = False
        self.last = Budget(0.0)  # for what is done after the job's own end
        self.asks: dict[str, Asked] = {}  # freezes, by the marker
        self.child: Child
        self.carrier: Carrier
        self.freezes: Freezes

    # --- from start to end
    def play(self) -> int:
        """Raises  GuardError: the command cannot be started"""
        try:
            with contextlib.suppress(FileNotFoundError):
                self.notice_file.unlink()  # of an earlier run: the job would believe it
            self._wake_pipe()
            if not self._begin():
                return NOT_SAVED
            while not self._over():
                self._wait()
                self._hear()
                self._act()
            return self._end()
        finally:
            self.watch.stop()
            shutil.rmtree(self.place, ignore_errors=True)

    def _begin(self) -> bool:
        """The command starts once it is known who we are, or that nobody says in time; False: it does not. No thread
        runs at the fork but the one that asks the cloud, which holds no lock of ours."""
        self.watch.start()
        wait = 0.0 if self.options.provider == "none" else IDENTITY_SECONDS
        self.watch.known.wait(wait)
        instance_id = self.options.instance_id or self.watch.instance_id or host_name()
        self.report.know(instance_id=instance_id)
        if self.watch.stands is not None:
            return self._not_started(self.watch.stands)
        notice_seconds = NOTICE_SECONDS[self.watch.provider.name if self.watch.provider else "aws"]
        pace = Pace(
            fixed_seconds=self.options.checkpoint_seconds,
            between_hours=self.options.between_hours,
            notice_seconds=notice_seconds,
            poll_seconds=self.options.poll_seconds,
        )
        self.carrier = Carrier(
            folder=self.options.checkpoints,
            store=self.store,
            report=self.report,
            pace=pace,
            pace_file=self.place / "checkpoint-seconds",
            instance_id=instance_id,
            keep=self.options.keep,
            poll_seconds=self.options.poll_seconds,
            new_request=self._requested,
        )
        self.carrier.begin()
        if self.carrier.restored is not None:
            found = self.carrier.restored
            self.report.know(restored={"checkpoint_id": found.checkpoint_id, "step": found.step})
            elapsed = self.report.event("fetched", checkpoint_id=found.checkpoint_id, step=found.step)
            self.report.know(restore_seconds=round(elapsed, 3))
        self.report.event("started", command=list(self.options.command))
        environment = self._environment(instance_id)
        self.freezes = Freezes(
            self.options.freeze_commands,
            self.store,
            self.report,
            library=library_path(),
            environment=environment,
            save=self._save_first,
            hold_still=self._hold_still,
        )
        number = self.options.signal_number
        at_our_death = signal.SIGTERM if number is None else number
        self.child = Child(self.options.command, environment, at_our_death=at_our_death)
        listen(self._on_signal)
        self.carrier.start()
        return True

    def _not_started(self, seen: Seen) -> bool:
        """Restarted here, the job would be taken from whoever goes on with it elsewhere, to be interrupted again."""
        seconds = seen.left_now_seconds
        left = "soon" if seconds is None else f"in {seconds:.0f} s"
        say(f"this instance ends {left} ({seen.action}): nothing is started here; exit {NOT_SAVED}")
        self.report.event("not-started", action=seen.action, seconds_left=seconds)
        self.report.know(state="ended", exit_code=NOT_SAVED)
        self.report.write()
        return False

    def _environment(self, instance_id: str) -> dict[str, str]:
        told = {
            NOTICE_FILE: str(self.notice_file),
            EVENTS: str(self.events.path),
            JOB: self.job_id,
            INSTANCE_ID: instance_id,
            SECONDS: f"{self.carrier.pace.seconds:.3f}",
            SECONDS_FILE: str(self.carrier.pace_file),
            "PYTHONPATH": os.pathsep.join(p for p in (library_path(), os.environ.get("PYTHONPATH", "")) if p),
        }
        if self.carrier.folder is not None:
            told[CHECKPOINTS] = str(self.carrier.folder)
            told[GENERATION] = str(self.carrier.generation)
        if self.carrier.restored is not None:
            told[RESUME] = self.carrier.restored.checkpoint_id
        return {**os.environ, **told}

    def _over(self) -> bool:
        ended = self.child.look()
        if self.interruption is None or self.finished:
            return ended
        if ended and not tree.alive(self.child.pid):
            return True
        if ended and self.grace is not None and not self.lingers and self.carrier.ids() - self.before:
            self.lingers = True  # the command itself saved and ended: who still runs below it has this long
            self.grace.cut(LINGER_SECONDS)
        return self.grace is not None and self.grace.left_seconds <= 0

    def _end(self) -> int:
        """Guard's exit code."""
        self.freezes.close(LINGER_SECONDS, meanwhile=self.child.look)
        if self.interruption is not None:
            killed = tree.kill_all(self.child.pid)
            self.child.look()
            if killed:
                self.report.event("killed", pids=killed)
        if self.hook is not None:
            self.hook.give_up()
        self._hear()
        code = self.child.exit_code if self.child.exit_code is not None else 128 + signal.SIGKILL
        self.report.event("child-ended", exit_code=code)
        if self.interruption is None or self.finished:
            self.last = Budget(LAST_UPLOAD_SECONDS)
            self.carrier.flush(self.last)
        else:
            code = self._verdict(self.interruption)
        self.carrier.stop()
        self.report.know(state="ended", exit_code=code)
        self.report.event("exit", exit_code=code, saved=self.report.facts["saved"])
        self.carrier.hand_in(closed=True)
        return code

    def _verdict(self, seen: Seen) -> int:
        left = self.deadline.left_seconds if self.deadline else UNKNOWN_GRACE_SECONDS
        saved, words = self.carrier.saved_since(self.before, Budget(max(left, 2.0)))
        self.report.know(saved=saved)
        self.carrier.pace.interrupted(saved=saved)
        stored = f", stored in {self.store.where}" if self.store else ""
        if saved:
            say(f"{seen.kind} ({seen.action}): saved: {words}{stored}; exit {SAVED}")
            return SAVED
        say(f"{seen.kind} ({seen.action}): NOT saved: {words}; exit {NOT_SAVED}")
        return NOT_SAVED

    # --- what comes in
    def _wake_pipe(self) -> None:
        self._ear, self._mouth = os.pipe()
        for end in (self._ear, self._mouth):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self._mouth, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def _requested(self, marker: str, asked: Asked | None) -> None:
        if asked is not None:
            self.asks[marker] = asked
        self._wake(Seen("request", None, marker, None, marker))

    def _wake(self, seen: Seen) -> None:
        """From another thread."""
        if seen.kind == "interruption" and hasattr(self, "freezes"):
            self.freezes.thaw("an interruption notice")  # here: what the main thread does first may need what is frozen
        self.came.put(seen)
        with contextlib.suppress(OSError):
            os.write(self._mouth, b"!")

    def _wait(self) -> None:
        calm = self.interruption is None and self.hook is None and not self.freezes.busy
        seconds = TICK_SECONDS if calm else HURRIED_TICK_SECONDS
        if self.grace is not None:
            seconds = max(0.0, min(seconds, self.grace.left_seconds))
        ready, _, _ = select.select([self._ear], [], [], seconds)
        if ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self._ear, 4096)

    def _on_signal(self, number: int) -> None:
        if self.child.exit_code is not None:
            self.last.cut(0)  # somebody does not want to wait for the last upload
        if number in ENDING:
            self.freezes.thaw(f"guard was sent {signal.Signals(number).name}")
        self.child.forward(number)

    def _hear(self) -> None:
        for line in self.events.new():
            with contextlib.suppress(ValueError, TypeError, KeyError):
                self._told(line)

    def _told(self, line: dict[str, Any]) -> None:
        event, moment = line["event"], float(line["monotonic_seconds"])
        if event == "restored":
            told = {"checkpoint_id": line["checkpoint_id"], "step": line["step"]}
            elapsed = self.report.event("restored", monotonic_seconds=moment, **told)
            if told["checkpoint_id"] is not None:
                self.report.know(restored=told, restore_seconds=round(elapsed, 3))
        elif event == "progress" and not self.progressed:
            self.progressed = True
            elapsed = self.report.event("progress", monotonic_seconds=moment)
            self.report.know(restart_seconds=round(elapsed, 3))
            self.carrier.pace.restarted(elapsed)
        elif event == "folder":
            self.carrier.learn_folder(Path(line["path"]))
        elif event == "done":
            self.finished = True
            self.report.event("done", monotonic_seconds=moment)

    # --- what is done about it
    def _act(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                self._answer(self.came.get_nowait())
        if self.interruption is not None:
            self.carrier.prefer(self.before)
        if self.hook is not None and self.hook.look(self.child):
            self._hook_ended(self.hook)
        self.freezes.step()
        ready = self.hook is None and not self.freezes.hold  # what is frozen cannot be saved into
        late = self.hook_time is not None and self.hook_time.left_seconds <= 0
        if self.interruption is not None and (ready or late) and not self.signalled:
            self._signal()

    def _answer(self, seen: Seen) -> None:
        told = {k: v for k, v in vars(seen).items() if k in ("kind", "action", "remark", "source")}
        self.report.event("notice", seconds_left=seen.left_now_seconds, **told)
        if seen.kind == "rebalance" and self.options.on_rebalance == "ignore":
            say(f"rebalance recommendation{seen.aside}: ignored, as asked")
            return
        if seen.kind == "interruption":
            self._interrupted(seen)
        else:
            say(f"{seen.kind}{seen.aside}: a checkpoint is asked for, the work goes on")
        asked = self.asks.pop(seen.key, None)
        freezes = asked is not None and self.freezes.ask(asked, ending=self.interruption is not None)
        if self.interruption is None or seen is self.interruption:
            self._write_notice(seen)
            if not freezes:  # else it starts the hook itself
                self._start_hook()

    def _save_first(self) -> bool | None:
        """Before a freeze: was --checkpoint-command started? None: one that began before still runs."""
        if self.hook is not None:
            return None
        self._start_hook()
        return self.options.checkpoint_command is not None

    def _hold_still(self, still: bool) -> None:
        self.carrier.still = still
        self.report.hold_still(still)

    def _interrupted(self, seen: Seen) -> None:
        told = seen.left_now_seconds
        left = told if told is not None else UNKNOWN_GRACE_SECONDS
        if self.interruption is not None and self.deadline is not None and self.grace is not None:
            self.deadline.cut(left)  # told again, with another time
            self.grace.cut(left - min(self.carrier.reserve_seconds(), left / 2))
            self.carrier.hurry(left)
            return
        self.interruption = seen
        self.before = self.carrier.ids()
        reserve = min(self.carrier.reserve_seconds(), left / 2)
        grace = min(self.options.grace_seconds or UNKNOWN_GRACE_SECONDS, left - reserve)
        self.deadline, self.grace, self.hook_time = Budget(left), Budget(grace), Budget(grace / 2)
        self.carrier.hurry(left)
        self.report.know(state="interrupted")
        self.carrier.report.write()
        say(f"interruption ({seen.action}) in {left:.0f} s{seen.aside}: {grace:.0f} s to save")

    def _write_notice(self, seen: Seen) -> None:
        self.number += 1
        left = self.deadline.left_seconds if self.deadline else None
        deadline = None if left is None else as_text(datetime.now(timezone.utc) + timedelta(seconds=left))
        notice = Notice(
            number=self.number,
            kind=seen.kind,
            action=seen.action,
            provider=self.report.facts["provider"],
            seen_at=now_text(),
            deadline=deadline,
            deadline_monotonic_seconds=None if left is None else time.monotonic() + left,
            source=seen.source,
        )
        try:
            write_whole(self.notice_file, json.dumps(vars(notice)).encode())
        except OSError as error:
            say(f"{self.notice_file}: the notice cannot be written: {error.strerror}; the signal tells it alone")

    def _start_hook(self) -> None:
        if self.options.checkpoint_command is None or self.hook is not None:
            return
        try:
            self.hook = Hook(self.options.checkpoint_command, self.carrier, self._environment(self.carrier.instance_id))
        except OSError as error:
            say(f"--checkpoint-command: cannot be run: {error.strerror}")
            self.freezes.saved(f"cannot be run: {error.strerror}")

    def _hook_ended(self, hook: Hook) -> None:
        self.hook = None
        trouble = hook.seal(self.report)
        self.report.event("hook", seconds=round(hook.seconds, 3), exit_code=hook.exit_code, problem=trouble)
        self.freezes.saved(trouble)
        if trouble:
            say(f"--checkpoint-command: {trouble}")

    def _signal(self) -> None:
        self.signalled = True
        if self.options.signal_number is None:
            return
        spared = {self.hook.pid if self.hook is not None else None, self.freezes.pid}
        told = tree.tell(self.child.pid, self.options.signal_number, spared=spared)
        self.report.event("signal", signal=signal.Signals(self.options.signal_number).name, pids=told)
