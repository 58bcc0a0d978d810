"""A short seeded slice of `make torture`: a few kills, faults, laws, drifts, races, and two planted bugs."""

import json
import random

import pytest

from tests.torture.cells import key_of, targets
from tests.torture.laws import LAWS
from tests.torture.orchestra import Crew, workshop
from tests.torture.planted import PLANTED, Misfit, patched

SEED = 7
DEEDS = ("change-fleet-asg", "request-checkpoint", "run-instances")
PLANTED_HERE = ("sending-not-marked", "intent-log-off")

pytestmark = [pytest.mark.xdist_group("torture"), pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def home():
    with workshop() as folder:
        yield folder


@pytest.fixture(scope="module")
def crew(home):
    workers = Crew(2, SEED, home)
    yield workers
    workers.end()


@pytest.fixture(scope="module")
def counted(crew):
    results = list(crew.run([f"count/{name}" for name in DEEDS]))
    assert troubles(results) == []
    return {r["cell"].partition("/")[2]: json.loads(r["note"])["counted"] for r in results}


def troubles(results):
    return [(r["cell"], r["violations"]) for r in results if r["violations"]]


def chosen(cells, count):
    return random.Random(SEED).sample(sorted(cells), count)


@pytest.mark.accepts("P-25", "U-04")
def test_a_kill_at_any_io_makes_no_second_effect_and_loses_no_entry(crew, counted):
    assert len({key_of(io) for programs in counted.values() for ios in programs.values() for io in ios}) >= 60
    singles = [
        f"single/{name}/{program}/{number}/{phase}"
        for name, programs in counted.items()
        for program, ios in programs.items()
        for number, phase in targets(ios)
    ]
    heart = [c for c in singles if "/act/" in c]
    results = list(crew.run([*chosen(singles, 4), *chosen(heart, 10)]))
    assert troubles(results) == []
    assert sum(r["kills"] for r in results) == 14
    assert {outcome for r in results for outcome in r["outcomes"]} >= {"done", "failed"}


@pytest.mark.accepts("P-25", "U-04")
def test_a_kill_and_another_one_while_it_recovers_are_survived(crew, counted):
    late = targets(counted["change-fleet-asg"]["act"])[-30:]
    results = list(crew.run(f"pairs/change-fleet-asg/act/{n}/{phase}/2" for n, phase in chosen(late, 2)))
    assert troubles(results) == []
    assert sum(r["kills"] for r in results) == 8


@pytest.mark.accepts("U-04")
def test_an_answer_that_is_lost_late_false_or_cut_never_makes_a_second_effect(crew):
    change = "change-fleet-asg/UpdateAutoScalingGroup"
    cells = [
        *(f"fault/{change}/0/{k}" for k in ("drop-after-effect", "lost-and-stale", "malformed", "lost-and-stranger")),
        *(f"fault/run-instances/RunInstances/0/{k}" for k in ("lost-and-stale", "partial", "insufficient-capacity")),
        "fault/request-checkpoint/PutObject/1/timeout-after-effect",
        "fault/request-checkpoint/PutObject/1/throttle",
        f"flying/{change}",
    ]
    results = list(crew.run(cells))
    assert troubles(results) == []
    assert sum(r["effects"] for r in results) >= 8


@pytest.mark.accepts("U-05")
def test_the_laws_hold_while_everything_is_done_to_break_them(crew):
    results = list(crew.run(f"law/{name}" for name in LAWS))
    assert troubles(results) == []
    assert len(results) == len(LAWS)


@pytest.mark.accepts("U-05")
def test_a_change_is_carried_out_on_the_state_that_was_shown_or_not_at_all(crew):
    results = list(crew.run(["drifts/0/10", "drifts/1/10"]))
    assert troubles(results) == []
    told = [json.loads(r["note"]) for r in results]
    assert sum(t["moved"] for t in told) >= 7
    assert sum(t["done"] for t in told) >= 2


@pytest.mark.accepts("U-05")
def test_two_operators_and_two_daemons_make_one_effect(crew):
    results = list(crew.run(f"race/{kind}/{n}" for n in range(2) for kind in ("approval", "daemons")))
    assert troubles(results) == []
    assert any(r["effects"] for r in results)


def test_a_bug_that_was_planted_is_found(home):
    crews = {name: Crew(1, SEED, home, planted=name) for name in PLANTED_HERE}  # they wake up side by side
    found = {}
    for name, workers in crews.items():
        try:
            results = list(workers.run(PLANTED[name].cells[:1]))
        finally:
            workers.end()
        found[name] = {kind for r in results for kind, _ in r["violations"]}
    assert "early_effects" in found["sending-not-marked"]
    assert "duplicates" in found["intent-log-off"]


def test_every_planted_bug_fits_the_source_as_it_is():
    misfits = []
    for bug in PLANTED.values():
        try:
            patched(bug)
        except Misfit as error:
            misfits.append(str(error))
    assert misfits == []
    assert len(PLANTED) >= 20
