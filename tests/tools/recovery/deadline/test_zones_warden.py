"""Our planner over several zones: what it counts, how it chooses, that its values are those of the problem they solve."""

import json
from pathlib import Path

import numpy as np
import pytest

from tools.errors import DataError
from tools.recovery.deadline.plan import write_plan
from tools.recovery.deadline.problem import JobTerms
from tools.recovery.deadline.replay import replay
from tools.recovery.deadline.warden import load_planner
from tools.recovery.deadline.zones import Zones, replay_zones, zones_stretches
from tools.recovery.deadline.zones_chain import (
    COARSER,
    SHARE_CUTS,
    Chain,
    Prior,
    count_transitions,
    level_of,
    load_prior,
    recent_share,
    state,
)
from tools.recovery.deadline.zones_training import artefact
from tools.recovery.deadline.zones_value import solve
from tools.recovery.deadline.zones_warden import ZonesWarden, load_zones_planner
from tools.traces import Trace

TICK = 780.0


def zones(*rows: str, price: tuple[float, ...] = (0.3, 0.3, 0.3)) -> Zones:
    offered = np.array([[letter == "1" for letter in row] for row in rows])
    asked = np.broadcast_to(np.array(price[: len(rows)])[:, None], offered.shape)
    return Zones(offered, np.where(offered, asked, np.nan))


def job(hours: float, deadline: float, changeover: float, tick: float = TICK) -> JobTerms:
    return JobTerms(hours * 3600, deadline * 3600, changeover * 3600, tick, 0.318)


def plan_of(terms: JobTerms, place: Zones, start: int = 0) -> str:
    window, past = place.between(start, place.ticks), place.between(0, start)
    return write_plan(zones_stretches(replay_zones(load_zones_planner(), terms, window, past).held))


def test_of_zones_that_are_there_the_cheap_one_is_held_from_the_first_tick_to_the_last() -> None:
    assert plan_of(job(10, 15, 0.1), zones("1" * 80, "1" * 80, price=(0.4, 0.3))) == "S1:47"


def test_a_zone_dearer_than_on_demand_is_never_held() -> None:
    assert plan_of(job(10, 11, 0.1), zones("1" * 60, "1" * 60, price=(1.2, 1.3))) == "O47"


def test_with_time_in_hand_it_waits_and_with_none_it_takes_on_demand() -> None:
    place = zones("1" * 100 + "0" * 3 + "1" * 100, "0" * 203)
    assert plan_of(job(10, 30, 0.1), place, 90).startswith("S0:10 I")
    assert plan_of(job(10, 10.6, 0.1), place, 90).startswith("S0:10 O")


def test_a_price_that_falls_far_enough_in_another_zone_is_worth_a_launch() -> None:
    place = zones("1" * 120, "1" * 120, price=(0.6, 0.7))
    place.price[1, 30:] = 0.1
    assert plan_of(job(20, 25, 0.1), place).startswith("S0:30 S1:")


def test_one_zone_is_planned_as_by_the_planner_of_one_zone() -> None:
    dice = np.random.default_rng(3)
    flags = np.cumsum(dice.random(700) < 0.08) % 2 == 0
    terms = JobTerms(24 * 3600, 30 * 3600, 360, 300, 0.318)
    place = Zones(flags[None], np.where(flags, 0.25, np.nan)[None])
    ours = replay_zones(load_zones_planner(), terms, place.between(300, 700), place.between(0, 300))
    same = JobTerms(24 * 3600, 30 * 3600, 360, 300, 0.25)
    theirs = replay(load_planner(), same, flags[300:], flags[:300])
    assert (ours.launches, ours.cost_hours) == (theirs.launches, pytest.approx(theirs.cost_hours))


def test_more_zones_than_are_followed_and_none_that_was_ever_priced_are_no_obstacle() -> None:
    dice = np.random.default_rng(5)
    offered = dice.random((9, 60)) < 0.5
    place = Zones(offered, np.where(offered, 0.3, np.nan))
    for zones_here in (place, Zones(offered & False, np.full(offered.shape, np.nan))):
        done = replay_zones(load_zones_planner(), job(8, 10, 0.05), zones_here, place.between(0, 0))
        assert done.met


def test_what_was_reckoned_for_one_run_does_not_change_another() -> None:
    dice = np.random.default_rng(11)
    offered = np.cumsum(dice.random((3, 260)) < 0.1, axis=1) % 2 == 0
    place = Zones(offered, np.where(offered, np.array([[0.3], [0.35], [0.5]]), np.nan))
    used, terms = load_zones_planner(), [job(12, 14, 0.1), job(12, 30, 0.1), job(3, 4, 0.2)]
    for each in (*terms, *terms):
        window, past = place.between(100, 260), place.between(0, 100)
        fresh = replay_zones(load_zones_planner(), each, window, past)
        assert replay_zones(used, each, window, past).held.tolist() == fresh.held.tolist()


def test_values_are_what_a_small_problem_comes_to_by_hand() -> None:
    """One zone that is always there and one that never is: spot all the way, one launch; alone, on-demand."""
    always = Chain(np.eye(2), np.diag([1.0, 0.0]), 1)
    values = solve([always], (0.3,), changeover_hours=0.1, time_hours=4, margin_hours=2, step_hours=0.2)
    work, margin = 2.0, 4 - 2.0 - 0.1  # nothing is held
    assert values.of(0, 0, 4.0, margin - 0.1) == pytest.approx(0.3 * (work + 0.1), rel=1e-4)
    assert values.of(1, 1, 4.0, margin - 0.1) == pytest.approx(work + 0.1, rel=1e-4)
    assert values.of(1, 1, 4.0, margin) == pytest.approx(work, rel=1e-4)  # already on on-demand


def test_transitions_are_counted_by_state_by_the_last_day_and_whether_spot_lived_through() -> None:
    values = np.array([1.0] * 200 + [0.0] + [1.0] * 99)
    prior = count_transitions([Trace(Path("a"), 390.0, values)])  # two ticks a step, each start half a transition
    assert prior.moved.sum() == pytest.approx((300 - 2) / 2)
    lost = prior.moved.sum() - prior.lived.sum()
    assert lost == pytest.approx(3 / 2)  # starts at two ticks before the gap, one before it, in it
    chain = prior.chain(level_of(1.0), 2)
    assert chain.moved.sum(axis=1).tolist() == pytest.approx([1.0, 1.0])
    assert chain.lived[1].tolist() == [0.0, 0.0]
    assert chain.lived[0, 0] < chain.moved[0, 0] + 1e-12


@pytest.mark.parametrize("states", COARSER)
def test_a_chain_with_fewer_states_is_a_chain(states: int) -> None:
    for level in range(len(SHARE_CUTS) + 1):
        chain = load_prior().chain(level, states).over(2)
        assert chain.moved.shape == chain.lived.shape == (states, states)
        assert chain.moved.sum(axis=1) == pytest.approx(np.ones(states))
        assert (chain.lived <= chain.moved + 1e-12).all()
        assert not chain.lived[:, chain.ups :].any()
        assert not chain.lived[chain.ups :].any()


def test_states_not_seen_in_any_trace_stay_as_they_are() -> None:
    nothing = np.zeros((len(SHARE_CUTS) + 1, 8, 8))
    chain = Prior(nothing, nothing).chain(2, 3)
    assert chain.moved.tolist() == np.eye(3).tolist()
    assert chain.lived.tolist() == np.diag([1.0, 1.0, 0.0]).tolist()
    assert ZonesWarden(Prior(nothing, nothing)).begin(job(1, 2, 0.1), zones("1", "0"))


def test_the_last_day_begins_with_hours_of_half_and_forgets_what_is_older() -> None:
    assert recent_share(np.zeros(0, dtype=bool), 0.25) == pytest.approx(0.5)
    assert recent_share(np.ones(12, dtype=bool), 0.25) == pytest.approx(0.75)
    assert recent_share(np.array([True] * 50 + [False] * 96), 0.25) == 0.0


def test_a_state_is_told_by_whether_spot_is_there_and_for_how_long() -> None:
    assert [state(True, hours, 8) for hours in (0.0, 0.17, 0.6, 2.0, 5.0, 30.0)] == [0, 1, 2, 3, 4, 5]
    assert [state(False, hours, 8) for hours in (0.0, 1.0)] == [6, 7]
    assert [state(up, 1.0, 2) for up in (True, False)] == [0, 1]


def test_a_damaged_artefact_is_refused_by_name(tmp_path: Path) -> None:
    for text, seen in (("{", "zones.json: not counts"), ('{"moved": []}', "zones.json: not counts")):
        (tmp_path / "zones.json").write_text(text)
        with pytest.raises(DataError, match=seen):
            load_prior(tmp_path / "zones.json")
    with pytest.raises(DataError, match="No such file"):
        load_prior(tmp_path / "nowhere.json")


def test_the_shipped_counts_are_those_of_the_traces_they_name(data_dir: Path) -> None:
    counted = artefact(data_dir / "traces_dev")
    shipped = load_prior()
    assert np.array(counted.moved) == pytest.approx(shipped.moved)
    assert json.loads(counted.model_dump_json())["trained_on"]
