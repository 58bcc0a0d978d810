"""One experiment at a time: a cell's name says all of it, and gives the same again.

single/DEED/PROGRAM/N/PHASE             killed at the N-th I/O of a run
pair/DEED/PROGRAM/N/PHASE/M/PHASE       and again at the M-th of the recovery run after it
fault/DEED/OPERATION/NTH/KIND           the account commits a fault on a changing call
"""

import json
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from tests.torture import checker, drifts, product
from tests.torture.cells import targets
from tests.torture.deeds import DEEDS, Deed, Land
from tests.torture.disorders import LAG_SECONDS, orders_of
from tests.torture.image import Base, Ended, Image, Scene
from tests.torture.laws import FLEET, GROUP, LAWS, asleep
from tools.errors import SpotError
from tools.records.actions import ACTION

_BEFORE = {"act": "draw", "resume": "draw", "lead": "draw", "answer": "propose"}
"""program → what ran before it, in a process of its own"""
_RACES = {"approval": ("resume", "answer"), "daemons": ("lead", "act")}
"""kind → what both run, and what the scene is ready for"""
_RACED = ("change-fleet-asg", "run-instances", "create-snapshots", "create-volume", "enter-standby", "set-tags-asg")
HORIZON_SECONDS = 300
BEYOND = HORIZON_SECONDS + LAG_SECONDS + 60
"""after this nothing may be undecided: EC2's five minutes, and as much again for what the account itself lags"""


@dataclass
class Result:
    """What one cell showed."""

    cell: str
    kills: int = 0
    effects: int = 0
    violations: list[tuple[str, str]] = field(default_factory=list)
    outcomes: dict[str, int] = field(default_factory=dict)
    note: str = ""
    runs: list[Any] = field(default_factory=list)
    """how each process of it ended, and what it said"""


class Missed(Exception):
    """A cell that did not do what its name says."""


class Laboratory:
    def __init__(self, image: Image) -> None:
        self.image = image
        self.deeds: dict[str, Deed] = {d.name: d for d in DEEDS}
        self._actions: dict[str, Any] = {}
        self._bases: dict[str, Base] = {}
        self._counts: dict[str, list[dict[str, Any]]] = {}

    # what experiments begin with

    def job(self, name: str) -> dict[str, Any]:
        """The action as the fresh account's resources make it. Raises Missed: it cannot be drawn up here."""
        deed = self.deeds[name]
        if name not in self._actions:
            base = self.land(name)
            with self.image.scene(base) as scene:
                self._actions[name] = self._drawn(deed, scene).model_dump(mode="json")
        return {"action": self._actions[name], "actor": deed.actor}

    def _drawn(self, deed: Deed, scene: Scene) -> Any:
        try:
            return deed.draw(Land(scene, self.image.opened(scene).reader))
        except (SpotError, ClientError, ValueError, LookupError, AttributeError, TypeError) as error:
            raise Missed(f"{deed.name}: cannot be drawn up: {type(error).__name__}: {error}") from None
        finally:
            self.image.let_go()

    def land(self, name: str) -> Base:
        """The account before anybody asked for the deed."""
        deed = self.deeds[name]
        if deed.before is None:
            return self.image.root
        key = f"{name}/land"
        if key not in self._bases:
            with self.image.scene(self.image.root, keep=True) as scene:
                try:
                    deed.before(Land(scene, self.image.opened(scene).reader))
                except (SpotError, ClientError, LookupError) as error:
                    raise Missed(f"{name}: cannot be prepared: {type(error).__name__}: {error}") from None
                finally:
                    self.image.let_go()
                for path in scene.ground.folder.iterdir():
                    if path not in (scene.ground.policy, scene.ground.clock):
                        path.unlink()
            self._bases[key] = self.image.keep(scene)
        return self._bases[key]

    def action(self, name: str) -> Any:
        return ACTION.validate_python(self.job(name)["action"])

    @staticmethod
    def parsed(text: str) -> Any:
        return json.loads(text)

    def base(self, name: str, program: str) -> Base:
        """Where a program begins: with nothing, with what waits for an answer, or with what was approved."""
        before = _BEFORE.get(program)
        if before is None:
            return self.land(name)
        key = f"{name}/{before}"
        if key not in self._bases:
            job, land = self.job(name), self.land(name)
            with self.image.scene(land, keep=True) as scene:
                ended = scene.run(before, job)
                _went_well(ended, f"{name}: {before}")
            self._bases[key] = self.image.keep(scene)
        return self._bases[key]

    def counted(self, name: str, program: str) -> list[dict[str, Any]]:
        """Every I/O of a run that nobody disturbs."""
        key = f"{name}/{program}"
        if key not in self._counts:
            job, base = self.job(name), self.base(name, program)
            with self.image.scene(base) as scene:
                ended = scene.finish(*scene.start(program, job, count=True))
                _went_well(ended, key)
                if program == "act" and ended.says("outcome") != ["done"]:
                    raise Missed(f"{key}: undisturbed it ends with {ended.told[-3:]}")
            self._counts[key] = [t for t in ended.told if "boundary" in t]
        return self._counts[key]

    # cells

    def run(self, cell: str) -> list[Result]:
        kind, *rest = cell.split("/")
        experiment = getattr(self, f"_{kind}")
        found: list[Result] = list(experiment(cell, *rest))
        return found

    def _count(self, cell: str, name: str) -> Iterator[Result]:
        """For the orchestrator: what there is to strike, as a note."""
        try:
            found = {p: self.counted(name, p) for p in ("draw", "act")}
        except Missed as error:
            yield Result(cell, violations=[("missed", str(error))])
            return
        deed = {"kind": self.job(name)["action"]["kind"], "calls": self.deeds[name].calls}
        yield Result(cell, note=json.dumps(deed | {"counted": found}))

    def _single(self, cell: str, name: str, program: str, number: str, phase: str) -> Iterator[Result]:
        with self._struck(name, program, int(number), phase) as (scene, ended):
            self._resume(scene, name, 2)
            yield self._judged(cell, scene, kills=1, missed=not ended.killed)

    def _pairs(self, cell: str, name: str, program: str, number: str, phase: str, sample: str) -> Iterator[Result]:
        """A sample of the pairs of one first kill; 0 = all of them."""
        base = self._after(name, program, int(number), phase)
        try:
            with self.image.scene(base) as scene:
                ended = scene.finish(*scene.start("resume", self.job(name), count=True))
            struck = targets([t for t in ended.told if "boundary" in t])
            dice = random.Random(f"{self.image.seed}|{cell}")
            chosen = struck if sample == "0" else dice.sample(struck, min(int(sample), len(struck)))
            for second, phase_2 in chosen:
                yield self._second(
                    f"pair/{name}/{program}/{number}/{phase}/{second}/{phase_2}", base, name, second, phase_2
                )
        finally:
            base.end()

    def _pair(self, cell: str, name: str, program: str, number: str, phase: str, *second: str) -> Iterator[Result]:
        base = self._after(name, program, int(number), phase)
        try:
            yield self._second(cell, base, name, int(second[0]), second[1])
        finally:
            base.end()

    def _second(self, cell: str, base: Base, name: str, number: int, phase: str) -> Result:
        with self.image.scene(base) as scene:
            ended = scene.run("resume", self.job(name), strike=(number, phase))
            self._resume(scene, name, 1)
            return self._judged(cell, scene, kills=2, missed=not ended.killed)

    def _fault(self, cell: str, name: str, operation: str, nth: str, kind: str) -> Iterator[Result]:
        job = self.job(name)
        with self.image.scene(self.base(name, "act")) as scene:
            for order in orders_of(operation, int(nth), kind, job["action"]["fleet"]):
                scene.door.order("fault", **order)
            scene.run("act", job)
            if "stale" in kind:
                self._look_again(scene, job)
            self._resume(scene, name, 2)
            yield self._judged(cell, scene)

    def _look_again(self, scene: Scene, job: dict[str, Any]) -> None:
        """While what is read lags behind, and just when it no longer does."""
        scene.run("resume", job)
        for seconds in (200, 95, 15, 45, 10):
            scene.advance(seconds)
            scene.run("settle", job)

    def _nap(self, cell: str, name: str, nth: str, seconds: str) -> Iterator[Result]:
        """Asleep between the mark and the socket for so long, and somebody settles what is open meanwhile."""
        job = self.job(name)
        with self.image.scene(self.base(name, "act")) as scene:
            with asleep(scene, "act", job, *["write"] * (int(nth) + 1)) as further:
                for _ in range(int(nth)):
                    further()
                scene.advance(float(seconds))
                scene.run("resume", job)
            self._resume(scene, name, 1)
            yield self._judged(cell, scene)

    def _edge(self, cell: str, name: str) -> Iterator[Result]:
        """Sent as late as may be, the answer lost, and what is read lags as long as it may when somebody looks."""
        job = self.job(name)
        with self.image.scene(self.base(name, "act")) as scene:
            with asleep(scene, "act", job, "write"):
                scene.advance(59)
                for order in orders_of(self.deeds[name].calls[0], 0, "lost-and-stale", job["action"]["fleet"]):
                    scene.door.order("fault", **order)
            scene.run("settle", job)
            for seconds in (250, 45, 5, 1):
                scene.advance(seconds)
                scene.run("settle", job)
            self._resume(scene, name, 1)
            yield self._judged(cell, scene)

    def _flying(self, cell: str, name: str, operation: str) -> Iterator[Result]:
        """The request is on its way when its sender dies; it lands while the next process looks."""
        with self.image.scene(self.base(name, "act")) as scene:
            scene.door.order("hold", operation=operation)
            pid, at = scene.start("act", self.job(name))
            held = scene.door.order("held", seconds=20)["held"]
            scene.kill(pid)
            scene.finish(pid, at)
            scene.run("resume", self.job(name))
            scene.door.order("release")
            self._resume(scene, name, 1)
            yield self._judged(cell, scene, kills=1, missed=not held)

    def _law(self, cell: str, law_name: str) -> Iterator[Result]:
        law = LAWS[law_name]
        for name in (GROUP, FLEET):
            self.job(name)
        with self.image.scene(self.base(law.deed, law.base)) as scene:
            scene.fleet = self.job(law.deed)["action"]["fleet"]["fleet_id"]
            law.run(self, scene, law.deed)
            yield self._judged(cell, scene, at_most=law.at_most, at_least=law.at_least)

    def _drifts(self, cell: str, number: str, count: str) -> Iterator[Result]:
        """A batch of drifts; the note says how many were refused, carried out, and could not be made."""
        job = {"seed": f"{self.image.seed}|{cell}", "count": int(count), "endpoint_url": self.image.url}
        with self.image.scene(self._cleared()) as scene:
            ended = scene.run("drifts", job)
            told = [t for t in ended.told if "drift" in t]
            result = self._judged(cell, scene)
        made = [t for t in told if "skipped" not in t]
        for t in made:
            if t["moved"] and t["effects"]:
                result.violations.append(("outside_policy", f"carried out on a state that was not shown: {t}"))
            if not t["moved"] and not t["effects"]:
                result.violations.append(("missed", f"nothing moved, and it was refused: {t}"))
        moved = sum(t["moved"] for t in made)
        skipped = [t["skipped"] for t in told if "skipped" in t]
        result.note = json.dumps({"made": len(made), "moved": moved, "done": len(made) - moved, "skipped": skipped})
        yield result

    def _cleared(self) -> Base:
        if "cleared" not in self._bases:
            with self.image.scene(self.image.root, keep=True) as scene:
                drifts.clear(scene)
                self.image.let_go()
            self._bases["cleared"] = self.image.keep(scene)
        return self._bases["cleared"]

    def _race(self, cell: str, kind: str, number: str) -> Iterator[Result]:
        """Two processes on one journal, each sleeping and going on as the dice say, while time passes or does not.

        approval  two operators say yes to one proposal and carry it out
        daemons   two daemons, of which one leads at a time
        """
        program, base = _RACES[kind]
        dice = random.Random(f"{self.image.seed}|{cell}")
        name = dice.choice(_RACED)
        job = self.job(name)
        with self.image.scene(self.base(name, base)) as scene:
            racers, asleep = [], []
            for who in ("first", "second"):
                stops = sorted(dice.sample(range(1, 45), dice.choice((1, 2, 3))))
                racers.append(scene.start(program, job | {"holder": who}, stop=stops))
                if scene.stopped(racers[-1][0]):
                    asleep.append(racers[-1][0])
            while asleep:
                if dice.random() < 0.4:
                    scene.advance(dice.choice((1, 20, 60, 95, 130, 320)))
                pid = dice.choice(asleep)
                scene.wake(pid)
                if not scene.stopped(pid):
                    asleep.remove(pid)
            for pid, at in racers:
                scene.finish(pid, at)
            scene.advance(BEYOND)
            scene.run("settle", job)
            yield self._judged(cell, scene, at_most=len(self.deeds[name].calls))

    # parts of cells

    def _struck(self, name: str, program: str, number: int, phase: str) -> Any:
        return _Struck(self, name, program, number, phase)

    def _after(self, name: str, program: str, number: int, phase: str) -> Base:
        """The world after one kill, to begin other experiments from."""
        job, base = self.job(name), self.base(name, program)
        with self.image.scene(base, keep=True) as scene:
            scene.run(program, job, strike=(number, phase))
        return self.image.keep(scene)

    def _resume(self, scene: Scene, name: str, restarts: int) -> None:
        """So many processes start again; then everything has had its time, and one more looks."""
        scene.door.order("mend")
        for _ in range(restarts):
            scene.run("resume", self.job(name))
        scene.advance(BEYOND)
        scene.run("resume", self.job(name))

    def _judged(
        self, cell: str, scene: Scene, *, kills: int = 0, missed: bool = False, at_least: int = 0, **more: Any
    ) -> Result:
        found = checker.check(
            journal=scene.ground.db,
            effects=scene.ground.effects,
            acknowledged=product.acknowledged(scene.ground.told),
            access_key=product.OURS[0],
            witnessed=bool(scene.runs) and scene.runs[-1]["exit"] == 0,
            **more,
        )
        violations = list(found.violations)
        if found.effects < at_least:
            violations.append(("missed", f"{found.effects} effects where {at_least} should be: nothing was tried"))
        if missed:
            violations.append(("missed", "the process was not killed: the I/O was not reached"))
        violations += [("missed", s["broke"]) for r in scene.runs for s in r["said"] if "broke" in s]
        violations += [("missed", "a run hung") for r in scene.runs if r["exit"] == -14]
        return Result(
            cell,
            kills=0 if missed else kills,
            effects=found.effects,
            violations=violations,
            outcomes=dict(found.outcomes),
            runs=scene.runs,
        )


class _Struck:
    """A scene in which a program was killed."""

    def __init__(self, laboratory: Laboratory, name: str, program: str, number: int, phase: str) -> None:
        self._run = (program, laboratory.job(name), (number, phase))
        self._scene = laboratory.image.scene(laboratory.base(name, program))

    def __enter__(self) -> tuple[Scene, Ended]:
        scene = self._scene.__enter__()
        program, job, strike = self._run
        return scene, scene.run(program, job, strike=strike)

    def __exit__(self, *error: object) -> None:
        self._scene.__exit__(*error)


def _went_well(ended: Ended, what: str) -> None:
    if ended.exit != 0 or ended.says("refused"):
        raise Missed(f"{what}: undisturbed it ends with exit {ended.exit}: {ended.told[-2:]}")


def as_json(result: Result) -> str:
    return json.dumps(asdict(result), default=str)
