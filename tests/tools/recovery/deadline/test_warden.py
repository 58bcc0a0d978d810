"""Our deadline planner: what it is expected to cost, what it does, what it does with a damaged artefact.

That it is never late and sees nothing that is to come is tested beside the other policies, in test_replay.py.
"""

import json
from copy import copy
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from tools.errors import DataError
from tools.recovery.deadline.artefact import read_artefact
from tools.recovery.deadline.baselines import BASELINES
from tools.recovery.deadline.chain import chain_of
from tools.recovery.deadline.chain_watch import Watch
from tools.recovery.deadline.grid import availability, read_grid
from tools.recovery.deadline.optimum import optimum
from tools.recovery.deadline.problem import JobTerms
from tools.recovery.deadline.replay import plan_letters, replay
from tools.recovery.deadline.training import held_out_planner
from tools.recovery.deadline.training.fitting import Source, fit
from tools.recovery.deadline.value import IDLE_TOLL, Chain, Scope, solve
from tools.recovery.deadline.warden import Warden, load_planner

HOUR = 3600.0
CELLS = 16
"""rows of the golden grid that share a window's start"""


@cache
def planner() -> Warden:
    return load_planner()


def weather(seed: int, ticks: int, *, stay: float = 0.95) -> np.ndarray:
    """Two states that last."""
    return np.cumsum(np.random.default_rng(seed).random(ticks) > stay) % 2 == 0


def terms(work_hours: float, deadline_hours: float, *, changeover_hours: float = 0.1, tick: float = 600.0) -> JobTerms:
    return JobTerms(work_hours * HOUR, deadline_hours * HOUR, changeover_hours * HOUR, tick, 0.318)


def always(up: bool) -> Chain:
    """Two classes, down and up; the pool stays, or becomes, what is asked."""
    return Chain(STEP, np.array([[not up, up], [not up, up]], dtype=np.float32))


SCOPE = Scope(12 * HOUR, 6 * HOUR)
STEP = 360.0
"""a multiple of the spacing of a table's slack, so that nothing is interpolated"""


def test_where_spot_stays_a_job_costs_its_work_and_one_changeover_at_the_price_of_spot() -> None:
    table = solve(always(True), changeover_seconds=STEP, spot_price_ratio=0.3, scope=SCOPE)
    idle_and_up, left, work = 1, 60, 24
    assert table.cost(idle_and_up, left, left - work) == pytest.approx(0.3 * (work + 1), abs=1e-3)


def test_where_spot_never_comes_a_job_costs_its_work_and_one_changeover_on_demand() -> None:
    table = solve(always(False), changeover_seconds=STEP, spot_price_ratio=0.3, scope=SCOPE)
    idle_and_down, left, work = 0, 60, 24
    assert table.cost(idle_and_down, left, left - work) == pytest.approx(work + 1, abs=1e-3)


def test_a_coin_tossed_every_step_is_priced_as_worked_out_by_hand() -> None:
    """One step of work, no changeover, two steps left: spot now if it is there; else wait; at the last step pay."""
    coin = Chain(STEP, np.full((2, 2), 0.5, dtype=np.float32))
    table = solve(coin, changeover_seconds=0.0, spot_price_ratio=0.3, scope=SCOPE)
    last_step = 0.5 * 0.3 + 0.5 * 1.0
    assert table.cost(0, 1, 0) == pytest.approx(last_step, abs=1e-3)
    assert table.cost(0, 2, 1) == pytest.approx(0.5 * 0.3 + 0.5 * (IDLE_TOLL + last_step), abs=1e-3)


def test_a_table_for_long_deadlines_serves_shorter_ones() -> None:
    chain = Chain(600.0, np.array([[0.9, 0.1], [0.2, 0.8]], dtype=np.float32))
    short = solve(chain, changeover_seconds=360.0, spot_price_ratio=0.318, scope=Scope(12 * HOUR, 6 * HOUR))
    long = solve(chain, changeover_seconds=360.0, spot_price_ratio=0.318, scope=Scope(40 * HOUR, 30 * HOUR))
    for left, slack in ((60, 30.0), (48, 17.3), (30, 2.2)):
        assert long.cost(1, left, slack) == pytest.approx(short.cost(1, left, slack), rel=1e-3)


def test_a_watch_tells_the_age_of_the_state_and_how_long_spells_of_availability_were() -> None:
    watch = Watch(600.0)
    watch.see_all([True] * 12)
    assert (watch.up, watch.age_hours) == (True, pytest.approx(11.5 / 6))
    assert watch.mean_log_spell == pytest.approx(np.log(1.5))  # a spell counts when it is over
    watch.see_all([False] * 3)
    assert (watch.up, watch.age_hours) == (False, pytest.approx(2.5 / 6))
    assert watch.mean_log_spell == pytest.approx((2 * np.log(1.5) + np.log(2)) / 3)
    watch.see_all([True, False] * 40)
    assert watch.mean_log_spell == pytest.approx(np.log(1 / 6), abs=0.05)


def test_a_copied_watch_goes_its_own_way() -> None:
    one = Watch(600.0)
    one.see_all(weather(2, 300).tolist())
    before = one.mean_log_spell, one.age_hours
    other = copy(one)
    other.see_all([True, False] * 50)
    assert (one.mean_log_spell, one.age_hours) == before
    assert other.mean_log_spell < one.mean_log_spell


def test_classes_are_down_before_up_and_tell_ages_and_spells_apart() -> None:
    classes = planner().classes
    found = set()
    for seed in range(40):
        watch = Watch(600.0)
        for flag in weather(seed, 400, stay=0.7 + seed / 150).tolist():
            watch.see(flag)
            here = classes.of(watch)
            assert (here >= classes.count // 2) == flag
            found.add(here)
    assert len(found) > 0.6 * classes.count


def test_every_class_goes_somewhere_and_the_shipped_chains_are_whole() -> None:
    artefact = read_artefact()
    for counted in artefact.chains:
        counts = counted.dense(artefact.classes.count)
        chain = chain_of(counts, artefact.classes, step_seconds=counted.step_seconds, borrowed=artefact.borrowed)
        np.testing.assert_allclose(chain.moves.sum(axis=1), 1, atol=1e-5)
        assert chain.moves.min() >= 0


def test_a_run_does_not_depend_on_what_was_planned_before() -> None:
    flags = weather(4, 900)
    job = terms(8, 14, changeover_hours=0.2)
    fresh, used = Warden(read_artefact()), planner()
    for other in (terms(3, 5), terms(20, 30, changeover_hours=0.2)):
        replay(used, other, flags[300:], flags[:300])
    plans = [plan_letters(replay(p, job, flags[500:], flags[:500]).modes) for p in (fresh, used, used)]
    assert plans[0] == plans[1] == plans[2]


LONG = terms(200, 300)


def test_a_week_long_job_is_planned_and_met() -> None:
    flags = weather(5, 2500)
    done = replay(planner(), LONG, flags)
    on_demand = replay(BASELINES["on-demand"], LONG, flags)
    assert done.met
    assert done.cost_hours < on_demand.cost_hours


def test_spot_that_costs_as_much_as_on_demand_is_left_alone() -> None:
    job = replace(terms(4, 8), spot_price_ratio=1.2)
    assert "S" not in plan_letters(replay(planner(), job, weather(6, 100)).modes)


def test_held_out_it_beats_both_rules_of_the_field_on_real_traces(data_dir) -> None:
    windows = read_grid(data_dir / "golden_dev.csv", data_dir / "traces_dev")
    some = [w for w in windows if w.terms.tick_seconds == 600 and w.terms.deadline_seconds == 60 * HOUR][::6]
    costs: dict[str, float] = dict.fromkeys(("warden", "greedy", "uniform-progress", "optimum"), 0.0)
    for window in some:
        flags, start = availability(window.traces[0]).flags, window.start_tick
        ours = held_out_planner(window.traces[0])
        for name, by in (("warden", ours), *((n, BASELINES[n]) for n in ("greedy", "uniform-progress"))):
            done = replay(by, window.terms, flags[start:], flags[:start].copy())
            assert done.met
            costs[name] += done.cost_hours
        costs["optimum"] += optimum(window.terms, flags[start : start + window.terms.ticks]).cost_hours
    assert costs["optimum"] < costs["warden"] < 0.98 * min(costs["greedy"], costs["uniform-progress"])


def test_training_twice_gives_the_same_artefact_and_it_plans() -> None:
    sources = [Source(f"pool {seed}", 600.0, weather(seed, 1200)) for seed in (7, 8)]
    first, second = fit(sources), fit(sources)
    assert first == second
    assert first.card.trained_on == ("pool 7", "pool 8")
    assert replay(Warden(first), terms(6, 10), weather(9, 100)).met


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda text: text[: len(text) // 2], "JSON"),
        (lambda text: "", "JSON"),
        (lambda text: text.replace('"borrowed":', '"lent":'), "borrowed"),
        (lambda text: text.replace('"version":"1"', '"version":"2"'), "digest"),
        (lambda text: _with(text, "chains", []), "chains"),
        (lambda text: _with(text, "ages_hours", [1.0]), "class outside"),
    ],
    ids=("cut short", "empty", "a field gone", "changed", "no chain", "other classes"),
)
def test_a_damaged_artefact_is_named_and_not_planned_by(tmp_path, damage, told) -> None:
    path = tmp_path / "planner.json"
    path.write_text(damage(read_artefact().model_dump_json()))
    with pytest.raises(DataError, match=told) as caught:
        load_planner(path)
    assert str(path) in str(caught.value)
    assert "training" in caught.value.hint


def test_an_artefact_that_is_not_there_is_an_error(tmp_path) -> None:
    with pytest.raises(DataError, match=r"planner\.json: No such file"):
        load_planner(tmp_path / "planner.json")


def _with(text: str, field: str, value: object) -> str:
    return json.dumps(json.loads(text) | {field: value})
