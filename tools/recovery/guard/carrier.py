"""The thread that keeps checkpoints safe: sees new ones, uploads the newest, looks for «save now», hands in reports.

Also asked at the end: is there a whole checkpoint newer than the notice, and is it stored?
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from .carry import MAX_SMALL_BYTES, claim, highest, local_ids, restore, retire, stored_id, upload, wanted
from .manifest import Manifest, Whole, generation_of, read_manifest, verified
from .markers import Asked, asked_in
from .owners import OWNERS, owner_name, owner_text
from .owners import claim as claim_here
from .owners import highest as highest_here
from .pace import MAX_BYTES, NAME, Pace
from .report import Report, say
from .saves import Checkpoints, complete
from .stores import Budget, Store
from .trouble import CheckpointDamaged, GuardError, StaleOwner, StoreRefused, StoreSilent

LOOK_SECONDS = 0.25
REPORT_SECONDS = 10.0
SIGN_OF_LIFE_SECONDS = 60.0
"""between reports when nothing happened: every one costs two requests"""
UPLOAD_SECONDS = 3600.0
"""for a checkpoint while nothing presses"""
BEGIN_SECONDS = 20.0
"""to read the store before the job starts, without the files of a checkpoint"""
FETCH_SECONDS = 1800.0
RETRY_SECONDS = 30.0
REQUEST_SECONDS = 5.0
HURRIED_RETRY_SECONDS = 1.0


@dataclass
class Carrier:
    """folder None: not known yet, the job may tell it; store None: nothing is uploaded."""

    folder: Path | None
    store: Store | None
    report: Report
    pace: Pace
    pace_file: Path
    instance_id: str
    keep: int
    poll_seconds: float
    new_request: Callable[[str, Asked | None], None]
    generation: int = 0
    restored: Whole | None = None
    refused: str = ""  # what the store said last; "" = nothing against us
    still: bool = False  # something is frozen: what would be written may be on it
    _refused_for_good: bool = False  # not silence: asking again is no use
    _handed_in: int = -1  # changes of the report that are in it
    _owned: bool = False  # our number stands among the store's owners
    _at_start: frozenset[str] = frozenset()
    _noticed: set[str] = field(default_factory=set)
    _uploaded: set[str] = field(default_factory=set)
    _told_damaged: set[str] = field(default_factory=set)
    _requests: set[str] = field(default_factory=set)
    _elsewhere: set[Path] = field(default_factory=set)
    _end: Budget | None = None
    _uploading: tuple[str, Budget] | None = None
    _minor: Budget = field(default_factory=lambda: Budget(0.0))  # of what the end does not wait for
    _stop: threading.Event = field(default_factory=threading.Event)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _next: dict[str, float] = field(default_factory=dict)

    # --- before the job starts
    def begin(self) -> None:
        """Become the owner and fetch what to resume from. A store that refuses is told: the job starts all the same.

        Raises  GuardError: the folder cannot be written
        """
        kept = self._begin_in_store() if self.store is not None else None
        if self.folder is not None:
            here = claim_here(self.folder, self.instance_id, at_least=max(self.generation, 1))
            self.generation = max(here, self.generation)
            self.report.know(generation=self.generation)
            self.report.event("owner", generation=self.generation)
            self._at_start = frozenset(local_ids(self.folder))
            self._noticed |= self._at_start
        elsewhere = self.restored is not None and self.restored.manifest.saved_by != self.instance_id
        trouble = self.pace.begin(kept, elsewhere=elsewhere)
        if trouble:
            say(trouble)
        self._tell_pace()

    def _begin_in_store(self) -> bytes | None:
        """What was learnt by an earlier run; our number and the checkpoint to resume from as we go."""
        assert self.store is not None  # noqa: S101
        budget = Budget(BEGIN_SECONDS)
        try:
            least = highest_here(self.folder) + 1 if self.folder is not None else 1
            self.generation = claim(self.store, self.instance_id, at_least=least, budget=budget)
            self._owned = True
            kept = self.store.read(NAME, limit_bytes=MAX_BYTES, budget=budget)
        except StoreRefused as problem:
            self._refused(problem, "the job starts without it")
            return None
        if self.folder is not None:
            self._restore(self.store, self.folder)
        return kept

    def _restore(self, store: Store, folder: Path) -> None:
        """Raises  GuardError: what there is to resume from cannot be had; a job begun anew would overtake it"""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.restored = restore(store, folder, budget=Budget(FETCH_SECONDS), say=self._damaged)
        except StoreRefused as problem:
            raise GuardError(
                f"the job is not started: it would begin anew and overtake what is stored: {problem.message}",
                hint="let it be read, or name another place to begin anew",
            ) from None
        except OSError as error:
            raise GuardError(
                f"{folder}: cannot be written: {error.strerror}", hint="make room, or name another"
            ) from None

    def learn_folder(self, folder: Path) -> None:
        """The job told where it saves."""
        if self.folder is None:
            self.folder = folder  # no lock: an upload may hold it for long
            self._noticed |= set(local_ids(folder))
        elif folder.resolve() != self.folder.resolve() and folder not in self._elsewhere:
            self._elsewhere.add(folder)
            words = f"the job saves into {folder}, and --checkpoints is {self.folder}: nothing there is kept safe"
            self.report.event("remark", words=words)
            say(words)

    def take(self, folder: Path, seconds: float) -> str:
        """Files that a command left become a checkpoint, one step after the newest. Returns what is wrong, or ""."""
        if self.folder is None:
            return "no folder for checkpoints: say --checkpoints DIR"
        newest = self._newest()
        step = newest.step + 1 if newest else 0
        store = Checkpoints(
            self.folder,
            keep=self.keep,
            job_id=self.report.facts["job_id"],
            owner=self.instance_id,
            generation=self.generation or highest_here(self.folder) or None,
        )
        try:
            with store.save(step=step) as inside:
                for part in list(folder.iterdir()):
                    part.rename(inside / part.name)
            folder.rmdir()
        except (GuardError, OSError) as problem:
            return f"what it saved cannot be kept: {problem}"
        self.report.figure("save_seconds", seconds)
        return ""

    def _own(self, store: Store, budget: Budget) -> None:
        """Late, where the store did not answer at the start: only if nobody was there, for we began without it.

        Raises  StaleOwner: others were; StoreRefused
        """
        if self._owned:
            return
        name = f"{OWNERS}/{owner_name(self.generation)}"
        newest = highest(store, budget=budget)
        if newest >= self.generation or not store.put_once(
            name, owner_text(self.generation, self.instance_id), budget=budget
        ):
            raise StaleOwner(
                f"{store.where}: owner {newest} was there before, and this run did not begin from its checkpoints:"
                " nothing is stored over them",
                hint="start the job again: it will resume from the store",
            )
        self._owned = True

    # --- while it runs
    def start(self) -> None:
        threading.Thread(target=self._live, name="spotwarden-carrier", daemon=True).start()

    def stop(self) -> None:
        self._stop.set()

    def _live(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            with self._lock:
                if not self._stop.is_set() and not self.still:
                    self._round()

    def _round(self) -> None:
        """What is new, what is due. Troubles with the store are told and met again later."""
        self._notice_saves()
        now = time.monotonic()
        if self.store is not None and now >= self._next.get("upload", 0.0):
            self._upload_newest(Budget(UPLOAD_SECONDS))
        if now >= self._next.get("report", 0.0):
            self._next["report"] = now + REPORT_SECONDS
            if self.report.changes != self._handed_in or now >= self._next.get("sign of life", 0.0):
                self._next["sign of life"] = now + SIGN_OF_LIFE_SECONDS
                self.hand_in()
        if self.store is not None and self._end is None and now >= self._next.get("requests", 0.0):
            self._next["requests"] = now + self.poll_seconds
            self._look_for_requests(self.store)
        self._tell_pace()

    def hurry(self, seconds: float) -> None:
        """From the notice on everything ends by then."""
        self._end = Budget(seconds)
        self._next.pop("upload", None)
        if self._uploading is not None:
            self._uploading[1].cut(seconds)
        self._minor.cut(HURRIED_RETRY_SECONDS)

    def prefer(self, newer_than: set[str]) -> None:
        """A checkpoint that came after the notice is worth more than an older one under way: that one is let go."""
        under_way = self._uploading
        if under_way is not None and under_way[0] in newer_than and self.ids() - newer_than:
            under_way[1].cut(0)

    def _notice_saves(self) -> None:
        if self.folder is None:
            return
        for checkpoint in [i for i in local_ids(self.folder)[::-1] if i not in self._noticed]:
            told = complete(self.folder / checkpoint)
            if told is None:
                continue  # its last file is being written
            self._noticed.add(checkpoint)
            try:
                manifest = read_manifest(self.folder / checkpoint)
            except CheckpointDamaged:
                continue  # gone already: newer ones came
            seconds = told.get("save_seconds")
            seconds = float(seconds) if isinstance(seconds, (int, float)) else None
            if seconds is not None:
                self.report.figure("save_seconds", seconds)
                self.pace.saved(seconds, seconds + self._upload_guess())
            self._note(manifest, uploaded=False)
            self.report.event("saved", checkpoint_id=checkpoint, step=manifest.step, save_seconds=seconds)

    def _note(self, manifest: Manifest, *, uploaded: bool) -> None:
        told = {k: v for k, v in vars(manifest).items() if k in ("checkpoint_id", "step", "progress_share", "saved_at")}
        self.report.know(checkpoint={**told, "uploaded": uploaded})

    def _upload_newest(self, budget: Budget) -> bool:
        """True: the newest whole one is in the store."""
        began = time.monotonic()
        newest = self._newest()
        if newest is None or self.store is None:
            return False
        if newest.checkpoint_id in self._uploaded:
            return True
        if self._end is not None:
            budget.cut(max(self._end.left_seconds, 1.0))
        self._uploading = (newest.checkpoint_id, budget)
        try:
            self._own(self.store, budget)
            sent = upload(self.store, newest, self.generation, budget=budget)
        except (StoreRefused, StaleOwner) as problem:
            self._next["upload"] = time.monotonic() + self._pause(time.monotonic() - began)
            self.report.event("upload-failed", checkpoint_id=newest.checkpoint_id, problem=problem.message)
            self._refused(problem, f"{newest.checkpoint_id} is not stored; tried again while there is time")
            return False
        except OSError:
            return False  # the job retired it under our hands: a newer one is there
        finally:
            self._uploading = None
        self._stored(newest, sent, time.monotonic() - began)
        return True

    def _pause(self, tried_seconds: float) -> float:
        """Each attempt reads the whole checkpoint: the job wants to read too."""
        return HURRIED_RETRY_SECONDS if self._end else max(RETRY_SECONDS, 10 * tried_seconds)

    def _stored(self, newest: Whole, sent: int, seconds: float) -> None:
        self._uploaded.add(newest.checkpoint_id)
        self.refused = ""
        self._note(newest.manifest, uploaded=True)
        name = stored_id(newest, self.generation)
        if sent:
            self.report.figure("upload_seconds", seconds)
            self.report.event("uploaded", checkpoint_id=name, seconds=round(seconds, 3), bytes=sent)
        if self.store is not None and self._end is None:  # else there are better things to do with the time
            try:
                self._minor = Budget(RETRY_SECONDS)
                retire(self.store, self.keep, self.generation, budget=self._minor)
            except StoreRefused as problem:
                self.report.event("retire-failed", problem=problem.message)

    def _newest(self) -> Whole | None:
        """The newest of the folder that verifies; damaged ones are told, and left for the job to set aside."""
        if self.folder is None:
            return None
        ids = local_ids(self.folder)
        ours = [i for i in ids if i not in self._at_start or generation_of(i) >= self.generation]
        for checkpoint in ours or [i for i in ids if self.restored is None or i == self.restored.checkpoint_id]:
            if checkpoint in self._told_damaged:
                continue  # it does not get better by reading it again
            try:
                if checkpoint in self._uploaded:
                    return Whole(self.folder / checkpoint, read_manifest(self.folder / checkpoint))
                return verified(self.folder / checkpoint)
            except CheckpointDamaged as problem:
                if (self.folder / checkpoint).exists():  # else the job retired it while it was read
                    self._damaged(checkpoint, problem.message)
        return None

    def _look_for_requests(self, store: Store) -> None:
        try:
            self._minor = Budget(max(self.poll_seconds, REQUEST_SECONDS))
            for marker in wanted(store, self.instance_id, budget=self._minor):
                if marker.name not in self._requests:
                    content = store.read(marker.name, limit_bytes=MAX_SMALL_BYTES, budget=self._minor)
                    self._requests.add(marker.name)
                    asked = asked_in(marker.name, content, age_seconds=self._now_there(store) - marker.changed_at)
                    self.new_request(marker.name, asked)
        except StoreRefused as problem:
            self._refused(problem, "asked again later")

    def _now_there(self, store: Store) -> float:
        """By the store's own clock, as far as our last report tells it. Raises StoreRefused."""
        ours = store.list(f"reports/{self.instance_id}.json", budget=self._minor)
        return max((s.changed_at for s in ours), default=0.0)

    def _tell_pace(self) -> None:
        try:
            seconds = self.pace.tell(self.pace_file)
        except OSError:
            return  # the job keeps the interval that it has
        if seconds is not None:
            self.report.know(checkpoint_interval_seconds=round(seconds, 3))

    def hand_in(self, *, closed: bool = False) -> None:
        """The report and what was learnt, here and in the store; only an owner's word counts there."""
        with self._lock:
            self._handed_in = self.report.changes
            self.report.write()
            if self.store is not None and self._owned and (closed or not self.refused):
                self._hand_in(self.store, closed=closed)

    def _hand_in(self, store: Store, *, closed: bool) -> None:
        budget = self._minor = Budget(10.0)
        if self._end is not None:
            budget.cut(max(self._end.left_seconds, 1.0))
        try:
            store.put(f"reports/{self.instance_id}.json", self.report.as_bytes(), budget=budget)
            store.put(NAME, self.pace.kept(closed=closed), budget=budget)
        except StoreRefused as problem:
            self._refused(problem, "the report is not handed in")

    # --- at the end
    def ids(self) -> set[str]:
        return set(local_ids(self.folder)) if self.folder is not None else set()

    def saved_since(self, before: set[str], budget: Budget) -> tuple[bool, str]:
        """(is a whole checkpoint there that was not before, and stored if asked; which one, or why not)."""
        self.prefer(before)
        with self._lock:
            self._notice_saves()
            if self.folder is None:
                return False, "no checkpoints are known: say --checkpoints DIR, or save with the library"
            newest = self._newest()
            if newest is None or newest.checkpoint_id in before:
                return False, f"no whole checkpoint in {self.folder} is newer than the notice"
            if self.store is None:
                return True, newest.checkpoint_id
            while not self._upload_newest(budget):
                if budget.left_seconds < HURRIED_RETRY_SECONDS or self._refused_for_good:
                    return False, f"{newest.checkpoint_id} is whole and is not stored: {self.refused}"
                time.sleep(HURRIED_RETRY_SECONDS)
            return True, newest.checkpoint_id

    def flush(self, budget: Budget) -> None:
        """After the job's own end: its last checkpoint is stored too."""
        if self._uploading is not None:
            self._uploading[1].cut(budget.left_seconds)
        with self._lock:
            self._notice_saves()
            if self.store is not None:
                self._upload_newest(budget)

    def reserve_seconds(self) -> float:
        """That uploading will need after the job has ended."""
        return 0.5 if self.store is None else max(5.0, 1.5 * self._upload_guess())

    def _upload_guess(self) -> float:
        return max(self.report.facts["upload_seconds"][-5:], default=0.0)

    def _damaged(self, checkpoint: str, problem: str) -> None:
        if checkpoint not in self._told_damaged:
            self._told_damaged.add(checkpoint)
            self.report.event("damaged", checkpoint_id=checkpoint, problem=problem)
            say(f"damaged, not used: {problem}")

    def _refused(self, problem: GuardError, then: str) -> None:
        self._refused_for_good = not isinstance(problem, StoreSilent)
        if problem.message != self.refused:
            self.refused = problem.message
            self.report.event("store-refused", problem=problem.message)
            say(f"{problem}: {then}")
