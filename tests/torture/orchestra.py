"""What is run, in which order, by how many workers, and what is told of it."""

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from tests.torture.cells import fault_cells, key_of, pair_cells, shuffled, single_cells
from tests.torture.checker import KINDS

SCENARIO = "proving-ground"
PAIRS_OF_ONE = 3
"""second kills a first one, in one cell of the sample"""
DRIFTS_A_BATCH = 25
RACES = 60
CHECKPOINT_KILLS = 10_000
Result = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """What was asked for."""

    parts: ClassVar[frozenset[str]] = frozenset(
        {"laws", "singles", "faults", "drifts", "races", "checkpoints", "queues", "planted", "pairs"}
    )

    seed: int = 7
    full: bool = False
    only: str = ""
    cells: tuple[str, ...] = ()
    chosen: frozenset[str] = parts
    minutes: float = 38.0
    workers: int = 2
    drifts: int = 10_000
    planted: str = ""


@contextmanager
def workshop() -> Iterator[Path]:
    """A directory in memory where there is one: journals are synced to it thousands of times."""
    with tempfile.TemporaryDirectory(prefix="torture-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as home:
        yield Path(home)


class Worker:
    """One warm image in a process of its own.

    home  a directory for what it writes; whoever made it takes it away
    """

    def __init__(self, seed: int, home: Path, planted: str = "") -> None:
        self.cell = ""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.torture.worker", SCENARIO, str(seed), str(home), planted],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        assert self._process.stdin
        assert self._process.stdout
        self._in, self._out = self._process.stdin, self._process.stdout
        self._left = b""

    def fileno(self) -> int:
        return self._out.fileno()

    def give(self, cell: str) -> None:
        self.cell = cell
        self._in.write(cell.encode() + b"\n")
        self._in.flush()

    def hear(self) -> tuple[list[Result], bool]:
        """What it says by now, and whether it wants more to do. Raises RuntimeError: it died."""
        piece = os.read(self._out.fileno(), 1 << 20)
        if not piece:
            raise RuntimeError(f"a worker died of {self.cell or 'starting'} (exit {self._process.wait()})")
        *lines, self._left = (self._left + piece).split(b"\n")
        free = bool(lines) and lines[-1] in (b"next", b"ready")
        return [json.loads(line) for line in lines if line.startswith(b"{")], free

    def end(self) -> None:
        self._in.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._out.close()


def _broken(cell: str, why: str) -> Result:
    """What is told of a cell that gave no result."""
    nothing = {"kills": 0, "effects": 0, "outcomes": {}, "note": "", "runs": []}
    return {"cell": cell or "start", "violations": [("missed", why)], **nothing}


class Crew:
    """Workers of one image, fed with cells."""

    def __init__(self, size: int, seed: int, home: Path, planted: str = "") -> None:
        self._hire = lambda: Worker(seed, home, planted)
        self.workers = [self._hire() for _ in range(size)]
        self._idle: list[Worker] = []

    def run(self, cells: Iterable[str], *, until: float | None = None) -> Iterator[Result]:
        """Results as they come; nothing new is begun after `until`, a moment of time.monotonic()."""
        waiting = iter(cells)
        busy = [w for w in self.workers if w not in self._idle]
        while True:
            while self._idle and (until is None or time.monotonic() < until):
                cell = next(waiting, None)
                if cell is None:
                    break
                worker = self._idle.pop()
                worker.give(cell)
                busy.append(worker)
            if not busy:
                return
            for worker in select.select(busy, [], [])[0]:
                try:
                    results, free = worker.hear()
                except RuntimeError as error:
                    busy.remove(worker)
                    busy += self._replaced(worker)
                    yield _broken(worker.cell, str(error))
                    continue
                yield from results
                if free:
                    busy.remove(worker)
                    self._idle.append(worker)

    def _replaced(self, worker: Worker) -> list[Worker]:
        """Somebody else for one that died at work; nobody for one that never began."""
        self.workers.remove(worker)
        new = [self._hire()] if worker.cell else []
        self.workers += new
        return new

    def end(self) -> None:
        for worker in self.workers:
            worker.end()


@dataclass
class Tally:
    """What came of the cells of one deed, or of one part."""

    boundaries: set[str] = field(default_factory=set)
    cells: Counter[str] = field(default_factory=Counter)
    kills: int = 0
    effects: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    troubles: int = 0


class Orchestra:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.began = time.monotonic()
        self.tallies: dict[str, Tally] = defaultdict(Tally)
        self.violations: Counter[str] = Counter()
        self.troubles: list[Result] = []
        self.boundaries: set[tuple[str, str]] = set()
        self.drifts: Counter[str] = Counter()
        self.queues: dict[str, Any] = {}
        """kind of worker → its figures, or None: its server is not installed"""
        self.planted: dict[str, str] = {}
        """name → the cell that found it, or nothing"""
        self.seconds: dict[str, float] = {}
        self.home = Path()

    # telling

    def say(self, text: str) -> None:
        print(f"[{time.monotonic() - self.began:6.0f} s] {text}", file=sys.stderr, flush=True)

    def take(self, result: Result) -> None:
        kind, _, rest = result["cell"].partition("/")
        name = (
            rest.split("/")[0]
            if kind in ("count", "single", "pair", "pairs", "fault", "flying", "nap", "edge")
            else kind
        )
        tally = self.tallies[name]
        tally.cells[kind] += kind != "count"
        tally.kills += result["kills"]
        tally.effects += result["effects"]
        tally.outcomes.update(result["outcomes"])
        if result["violations"]:
            tally.troubles += 1
            self.troubles.append(result)
            self.violations.update(k for k, _ in result["violations"])
            self._tell_trouble(result)

    def _tell_trouble(self, result: Result) -> None:
        for kind, text in result["violations"][:4]:
            self.say(f"{kind}: {result['cell']}: {text[:600]}")
        planted = str(result["cell"]).startswith("planted/")
        which = "--parts planted" if planted else f"--cell {result['cell']}"
        again = f'SEED={self.plan.seed} make torture ARGS="{which}"'
        if not self.plan.cells:
            self.say(f"  again: {again}")

    # playing

    def play(self) -> dict[str, Any]:
        self.say(f"torture: seed {self.plan.seed}, {self.plan.workers} workers")
        with workshop() as self.home:
            self._play()
        self._table()
        return self._figures()

    def _play(self) -> None:
        if self.plan.cells:
            self._only_cells()
        else:
            crew = Crew(self.plan.workers, self.plan.seed, self.home, self.plan.planted)
            try:
                self._whole(crew)
            finally:
                crew.end()

    def _only_cells(self) -> None:
        crew = Crew(1, self.plan.seed, self.home, self.plan.planted)
        try:
            for result in crew.run(self.plan.cells):
                self.take(result)
                self.say(f"{result['cell']}: {result['effects']} effects, {result['outcomes']} {result['note'][:2000]}")
                for run in result["runs"]:
                    self.say(f"  a process ended with {run['exit']}: {json.dumps(run['said'])[:2000]}")
        finally:
            crew.end()

    def _whole(self, crew: Crew) -> None:
        counted = self._count(crew)
        seed = self.plan.seed
        self._part(crew, "laws", self._laws())
        self._part(crew, "faults", [c for n, d in counted.items() for c in self._faults(n, d)])
        self._part(
            crew, "singles", shuffled([c for n, d in counted.items() for c in single_cells(n, d["counted"])], seed)
        )
        self._part(crew, "races", [f"race/{kind}/{n}" for n in range(RACES) for kind in ("approval", "daemons")])
        batches = -(-self.plan.drifts // DRIFTS_A_BATCH)
        self._part(crew, "drifts", [f"drifts/{n}/{DRIFTS_A_BATCH}" for n in range(batches)])
        if "checkpoints" in self.plan.chosen and not self.plan.only:
            self._checkpoints()
        if "queues" in self.plan.chosen and not self.plan.only:
            self._queues()
        if "planted" in self.plan.chosen:
            self._plant(counted)
        each = 0 if self.plan.full else PAIRS_OF_ONE
        pairs = shuffled([c for n, d in counted.items() for c in pair_cells(n, d["counted"], each)], seed)
        self._part(crew, "pairs", pairs, until=None if self.plan.full else self.began + self.plan.minutes * 60)

    def _part(self, crew: Crew, part: str, cells: Iterable[str], *, until: float | None = None) -> None:
        cells = list(cells)
        if part not in self.plan.chosen or not cells:
            return
        began, said, done = time.monotonic(), time.monotonic(), 0
        self.say(f"{part}: {len(cells)} cells")
        for result in crew.run(cells, until=until):
            done += 1
            self.take(result)
            if part == "drifts" and result["note"].startswith("{"):
                told = json.loads(result["note"])
                self.drifts.update({k: told[k] for k in ("made", "moved", "done")})
                self.drifts["skipped"] += len(told["skipped"])
            if time.monotonic() - said > 15:
                said = time.monotonic()
                self.say(f"{part}: {done} results of {len(cells)} cells, {len(self.troubles)} troubles")
        self.seconds[part] = time.monotonic() - began
        self.say(f"{part}: {done} done in {self.seconds[part]:.0f} s")

    def _count(self, crew: Crew) -> dict[str, Any]:
        """What each deed touches. A kind of action without a deed is a trouble by name."""
        from tests.torture.deeds import DEEDS, kinds_known

        counted: dict[str, Any] = {}
        for result in crew.run([f"count/{d.name}" for d in DEEDS if d.name.startswith(self.plan.only)]):
            self.take(result)
            if not result["violations"]:
                told = json.loads(result["note"])
                name = result["cell"].partition("/")[2]
                counted[name] = told
                keys = {key_of(io) for ios in told["counted"].values() for io in ios}
                self.tallies[name].boundaries = keys
                self.boundaries |= {(told["kind"], key) for key in keys}
        if not self.plan.only:
            for kind in sorted(kinds_known() - {d["kind"] for d in counted.values()}):
                text = f"the action kind {kind} has no deed that can be carried out"
                self.take(_broken(f"count/{kind}", text))
        self.say(f"{len(counted)} deeds, {len(self.boundaries)} boundaries")
        return dict(sorted(counted.items()))

    def _laws(self) -> list[str]:
        from tests.torture.laws import LAWS

        return [f"law/{name}" for name in LAWS]

    def _faults(self, name: str, deed: dict[str, Any]) -> Iterator[str]:
        from tools.simulation.faults import Faults

        def fits(operation: str, kind: str) -> bool:
            try:
                Faults().order(operation, kind)
            except ValueError:
                return False
            return True

        return fault_cells(name, tuple(deed["calls"]), deed["counted"]["act"], fits)

    def _checkpoints(self) -> None:
        """The saver of the instance, killed at every write; its own planted bugs are sought in the suite."""
        from tests.torture.checkpoints import VERDICTS

        began = time.monotonic()
        self.say(f"checkpoints: {CHECKPOINT_KILLS:,} kills")
        command = [sys.executable, "-m", "tests.torture.checkpoints", str(CHECKPOINT_KILLS), str(self.plan.seed)]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
        figures = json.loads(done.stdout or b"{}")
        wrong = [("lost", f"{name}: {figures[name]}: {figures['first']}") for name in VERDICTS if figures.get(name)]
        if not figures:
            wrong = [("missed", f"the trials of checkpoints died (exit {done.returncode})")]
        result = _broken("checkpoints", "") | {"violations": wrong, "kills": figures.get("kills", 0)}
        self.take(result | {"outcomes": {k: figures.get(k, 0) for k in ("restored", "set_aside")}})
        self.seconds["checkpoints"] = time.monotonic() - began
        self.say(f"checkpoints: done in {self.seconds['checkpoints']:.0f} s")

    def _queues(self) -> None:
        """Workers of real queues, killed; the guides' beside them have to lose, or the kills prove nothing."""
        from tests.torture.queues import summed

        self.say("queues: 1,000 kills over 10,000 items on each server")
        command = [sys.executable, "-m", "tests.torture.queues", str(self.plan.seed)]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
        self.queues = json.loads(done.stdout or b"{}")
        died = [("missed", f"the trials of queues died (exit {done.returncode})")]
        self.take(_broken("queues", "") | {"violations": self.queues.pop("violations", died)} | summed(self.queues))
        self.seconds["queues"] = self.queues.get("seconds", 0.0)
        self.say(f"queues: done in {self.seconds['queues']:.0f} s")

    # planted bugs

    def _plant(self, counted: dict[str, Any]) -> None:
        """Each in an image of its own; a patch that does not fit is told, and counts as not found."""
        from tests.torture.planted import PLANTED

        began = time.monotonic()
        waiting = list(PLANTED.values())
        running: dict[Worker, Any] = {}
        self.say(f"planted: {len(waiting)} bugs")
        while waiting or running:
            while waiting and len(running) < self.plan.workers:
                bug = waiting.pop(0)
                running[Worker(self.plan.seed, self.home, bug.name)] = (bug, iter(bug.cells))
            for worker in select.select(list(running), [], [])[0]:
                bug, cells = running[worker]
                if self._sought(worker, bug, cells):
                    del running[worker]
                    worker.end()
        self.seconds["planted"] = time.monotonic() - began
        found = sum(map(bool, self.planted.values()))
        self.say(f"planted: {found} of {len(self.planted)} found in {self.seconds['planted']:.0f} s")

    def _sought(self, worker: Worker, bug: Any, cells: Iterator[str]) -> bool:
        """Whether the search for this bug is over."""
        try:
            results, free = worker.hear()
        except RuntimeError as error:
            return self._not_found(bug, str(error))
        for result in results:
            seen = [f"{k}: {text}" for k, text in result["violations"] if k in KINDS and bug.only in ("", k)]
            if seen:
                self.planted[bug.name] = result["cell"]
                self.say(f"planted {bug.name}: found by {result['cell']}: {seen[0][:160]}")
                return True
        if not free:
            return False
        cell = next(cells, None)
        if cell is None:
            return self._not_found(bug, "no cell of its slice shows it")
        worker.give(cell)
        return False

    def _not_found(self, bug: Any, why: str) -> bool:
        self.planted[bug.name] = ""
        self.take(_broken(f"planted/{bug.name}", f"{bug.law}: not found: {why}"))
        return True

    # the end

    def _table(self) -> None:
        head = ("", "boundaries", "singles", "pairs", "faults", "naps", "kills", "effects", "troubles", "outcomes")
        rows = [head]
        for name, t in self.tallies.items():
            faults = t.cells["fault"] + t.cells["flying"]
            told = " ".join(f"{k} {n}" for k, n in t.outcomes.most_common())
            naps = t.cells["nap"] + t.cells["edge"]
            cells = (t.cells["single"], t.cells["pair"], faults, naps)
            numbers = (len(t.boundaries), *cells, t.kills, t.effects, t.troubles)
            rows.append((name, *(str(n) if n else "" for n in numbers), told))
        widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
        for row in rows:
            print("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip(), file=sys.stderr)
        if self.drifts:
            d = self.drifts
            self.say(
                f"drifts: {d['made']} made, {d['moved']} moved the state and were refused, {d['done']} did not and "
                f"were carried out, {d['skipped']} could not be made"
            )
        for part, seconds in self.seconds.items():
            self.say(f"{part}: {seconds:.0f} s")
        self.say(f"{len(self.boundaries)} boundaries, {len(self.troubles)} troubles: {dict(self.violations)}")

    def _figures(self) -> dict[str, Any]:
        """The contract's keys, in its order, then what else was played."""
        tallies = self.tallies.values()
        return {
            "boundaries": len(self.boundaries),
            "kills": sum(t.kills for t in tallies),
            "fault_cells": sum(t.cells["fault"] + t.cells["flying"] for t in tallies),
            "hostile_calls": None,
            "duplicates": self.violations["duplicates"],
            "lost": self.violations["lost"],
            "early_effects": self.violations["early_effects"],
            "outside_policy": self.violations["outside_policy"],
            "unresolved": self.violations["unresolved"],
            "planted": len(self.planted) or None,
            "planted_found": sum(map(bool, self.planted.values())) if self.planted else None,
            "queues": self.queues or None,
        }
