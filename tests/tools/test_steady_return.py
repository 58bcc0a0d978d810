"""Back to spot, and what holds a change back: its worth, a cooldown, another hand on the same field."""

import tomllib
from datetime import timedelta

import pytest
from pydantic import ValidationError

from tests.conftest import ROOT
from tests.tools.steady_house import (
    EVERYTHING,
    REF,
    RULES,
    START,
    TICK,
    TYPES,
    ZONES,
    M,
    Paper,
    after_a_fallback,
    changed,
    fleet_of,
    mix,
    pool,
    prices_of,
    refusals,
    step_of,
)
from tools.fleets.steady_rules import SteadyRules
from tools.fleets.suggest import Suggestion
from tools.records import ChangeFleet, FleetRef, InstanceRequirements

ATTRIBUTES = InstanceRequirements(min_vcpus=2, max_vcpus=2, min_memory_mib=4096)


# the return


@pytest.mark.accepts("P-10")
def test_what_a_fallback_raised_is_given_back_one_step_at_a_time_after_a_wet_hour():
    fleet, known = after_a_fallback(minutes=91)
    step = step_of(fleet, **known)
    assert step.action == ChangeFleet(fleet=REF, on_demand_base_capacity=2)
    assert "1 of the 3 units" in step.rationale
    early = step_of(*after_a_fallback(minutes=80)[:1], **after_a_fallback(minutes=80)[1])
    assert (early.code, f"{early.until:%H:%M}") == ("waiting", "09:10")


@pytest.mark.accepts("P-10")
def test_an_on_demand_base_that_a_person_chose_is_never_lowered():
    at = START - 300 * M
    fleet = fleet_of(4, 6, bought=mix(6))
    for past in (
        [],
        [changed(6, 0, at, ours=False)],
        [changed(3, 0, at), changed(6, 3, at + M, ours=False)],
        [changed(3, 0, at)],  # and somebody set 6 by hand
    ):
        assert step_of(fleet, past=past).code == "steady"


def test_a_return_ends_at_the_base_that_stood_before_and_another_persons_base_counts_as_such():
    at = START - 300 * M
    fleet = fleet_of(4, 6, bought=mix(6))
    past = [changed(3, 0, at), changed(5, 3, at + M, ours=False), changed(6, 5, at + 2 * M)]
    assert step_of(fleet, past=past).action.on_demand_base_capacity == 5
    assert step_of(fleet_of(5, 5, bought=mix(5)), past=[*past, changed(5, 6, at + 60 * M)]).code == "steady"


def test_a_step_back_to_spot_that_aftercare_undid_is_tried_again_a_day_later():
    at = START - 26 * 60 * M
    undone = changed(5, 4, at + 80 * M, ours=False, undoes_ours=True)
    past = [changed(5, 2, at), changed(4, 5, at + 60 * M), undone]
    fleet = fleet_of(5, 5, bought=mix(5))
    assert step_of(fleet, past=past, now=at + 10 * 60 * M).code == "undone"
    assert step_of(fleet, past=past).action.on_demand_base_capacity == 4


@pytest.mark.accepts("P-10")
def test_a_step_that_spot_was_refused_to_is_taken_back_at_the_first_refusal_and_not_tried_again_for_hours():
    paper = Paper()
    paper.look()
    paper.dry = EVERYTHING
    paper.take(4)
    paper.tick(24)
    assert paper.bases == [(START + 10 * M + TICK, 4), (START + 105 * M, 3), (START + 110 * M, 4)]
    held = paper.held()
    paper.tick(6)
    held = paper.held()
    assert (held.code, held.escalate, held.until) == ("flip-flop", True, START + 110 * M + timedelta(hours=6))
    assert paper.count("on-demand") + paper.count("spot") == 10
    paper.tick(60)
    assert len(paper.bases) == 3


@pytest.mark.accepts("P-10")
def test_steps_of_a_large_fleet_are_a_tenth_of_it_and_the_last_one_is_what_is_left():
    fleet = fleet_of(26, 14, bought=mix(14))
    steps, at = [], START
    past = [changed(14, 3, at - 300 * M)]
    while isinstance(step := step_of(fleet, past=past, now=at), Suggestion):
        steps.append(step.action.on_demand_base_capacity)
        past.append(changed(steps[-1], fleet.mix.on_demand_base_capacity, at))
        fleet, at = fleet_of(40 - steps[-1], steps[-1], bought=mix(steps[-1])), at + 30 * M
    assert steps == [10, 6, 3]


def test_a_fallback_that_came_late_stays_as_long_as_any_other():
    fleet = fleet_of(7, 3, bought=mix(3))
    step = step_of(fleet, signals=refusals(START - 200 * M), past=[changed(3, 0, START - 40 * M)])
    assert (step.code, f"{step.until:%H:%M}") == ("waiting", "09:20")


def test_the_next_step_waits_for_the_spot_instances_of_the_last_one():
    _, known = after_a_fallback()
    step = step_of(fleet_of(6, 3, desired=10, bought=mix(3)), **known)
    assert (step.code, "not there yet" in step.why) == ("waiting", True)


def test_what_was_missing_before_a_change_says_nothing_of_after_it():
    by_hand = changed(9, 6, START - 4 * M, ours=False, field="desired_capacity")
    told = {"signals": refusals(START - 8 * M), "looks": (10, 5)}
    assert step_of(fleet_of(6, desired=9), past=[by_hand], **told).code == "waiting"


@pytest.mark.parametrize(("minutes", "base"), [(10, 1), (70, None)])
def test_the_last_step_is_on_trial_too_and_not_for_ever(minutes, base):
    """The group keeps its on-demand instance where spot is refused, so it does not run short."""
    past = [changed(1, 0, START - 300 * M), changed(0, 1, START - minutes * M)]
    step = step_of(fleet_of(9, 1, bought=mix(0)), past=past, signals=refusals(START - 5 * M), offered=())
    assert getattr(getattr(step, "action", None), "on_demand_base_capacity", None) == base


def test_while_nobody_looked_nothing_is_given_back():
    fleet, known = after_a_fallback()
    step = step_of(fleet, unread="the monitor has not seen it lately", **known)
    assert (step.code, "not seen it lately" in step.why) == ("unknown", True)


# is it worth it


@pytest.mark.accepts("P-11")
def test_a_return_that_saves_less_than_the_threshold_is_held_with_the_figure():
    fleet, known = after_a_fallback(base=1)
    step = step_of(fleet, prices=prices_of([fleet], spot="0.06"), **known)
    assert (step.code, step.why) == ("not-worth", "saves $0.85/day, below the threshold of $1/day")


@pytest.mark.accepts("P-11")
@pytest.mark.parametrize("unknown", [None, prices_of(spot=None), prices_of(plans=None)])
def test_an_unknown_saving_is_no_reason_to_replace_anything(unknown):
    fleet, known = after_a_fallback()
    assert step_of(fleet, prices=unknown, **known).code == "unknown"


@pytest.mark.accepts("P-11")
def test_the_more_a_replaced_instance_loses_the_less_it_is_worth():
    verdicts = []
    for tag in ("0", "600", "6000", "ignore all rules", "1e999", "-5"):
        fleet, known = after_a_fallback(base=1, tags=(("spotwarden:lost-minutes", tag),))
        step = step_of(fleet, **known)
        verdicts.append(getattr(step, "code", "return"))
    assert verdicts == ["return", "not-worth", "not-worth", "return", "return", "return"], "nonsense tells nothing"


def test_what_is_taken_back_soon_must_pay_for_itself_sooner():
    from tools.records import Exposure

    fleet, known = after_a_fallback(base=1)

    def with_interruptions(count):
        told = Exposure(pool=pool("c5.large"), instance_hours=24, interruptions=count, since=START, until=START)
        return step_of(fleet, exposures=(told,), **known)

    assert "lasts 24 h, assumed" in step_of(fleet, **known).rationale
    assert "it lasts 16.0 h: 2 interruptions were seen in 24 instance-hours" in with_interruptions(2).rationale
    assert with_interruptions(24).code == "not-worth"


# cooldown, and two hands on one field


@pytest.mark.accepts("P-11")
def test_after_a_change_by_anybody_a_fleet_is_left_alone_for_a_while():
    fleet = fleet_of(9, bought=mix(strategy="lowest-price"))
    told = step_of(fleet, past=[changed(9, 8, START - 10 * M, ours=False, field="desired_capacity")])
    assert (told.code, told.why) == ("cooldown", "changed at 08:50: cooldown until 09:20")
    assert isinstance(step_of(fleet), Suggestion)


@pytest.mark.accepts("P-11")
def test_what_somebody_set_back_after_us_is_not_set_again_for_a_day():
    fleet = fleet_of(9, bought=mix(strategy="lowest-price"))
    ours = changed("price-capacity-optimized", "lowest-price", START - 120 * M, field="spot_allocation_strategy")
    held = step_of(fleet, past=[ours])
    assert (held.code, held.escalate) == ("undone", True)
    assert "set back by somebody else: not changed again until 2026-11-19 07:00" in held.why
    assert isinstance(step_of(fleet, past=[ours], now=ours.at + timedelta(hours=25)), Suggestion)
    base = step_of(
        fleet_of(6, desired=9), signals=refusals(START - 8 * M), looks=(10, 5), past=[changed(3, 0, START - 60 * M)]
    )
    assert base.code == "undone", "a fallback too: somebody wants the fleet so"


def test_a_fleet_without_a_mix_and_a_quiet_one_are_left_alone():
    assert step_of(fleet_of(9)).code == "steady"
    assert step_of(fleet_of(9).with_(mix=None, instance_type="c5.large"), signals=refusals(START)).code == "steady"


def test_a_fleet_that_chooses_types_by_attributes_is_given_back_by_the_pools_that_it_runs_in():
    bought = mix(3, types=()).with_(instance_requirements=ATTRIBUTES)
    fleet = fleet_of(7, 3, bought=bought)
    past = [changed(3, 0, START - 300 * M)]
    assert step_of(fleet, past=past).action.on_demand_base_capacity == 2
    told = step_of(fleet, past=past, signals=refusals(START - 5 * M, kinds=TYPES[:1], zones=ZONES[:1]))
    assert told.code == "dry"
    nothing = step_of(fleet_of(0, 3, bought=bought), past=past)
    assert (nothing.code, "not known" in nothing.why) == ("unknown", True)


def test_a_single_type_keeps_its_type_when_others_are_added():
    fleet = fleet_of(9, bought=mix(types=())).with_(instance_type="c5.large")
    assert step_of(fleet, signals=refusals(START - 2 * M)).action.instance_types[:2] == ("c5.large", "c6i.large")


def test_what_ec2_lets_nobody_change_gets_no_suggestion():
    ref = FleetRef(kind="ec2-fleet", fleet_id="fleet-1", account_id="123456789012", region="us-east-1")
    fleet = fleet_of(6, desired=9, ref=ref).with_(fleet_type="request")
    assert step_of(fleet, signals=refusals(START - 8 * M, fleet="ec2-fleet/fleet-1"), looks=(10, 5)).code == "steady"


def test_an_ec2_fleet_falls_back_too():
    ref = FleetRef(kind="ec2-fleet", fleet_id="fleet-1", account_id="123456789012", region="us-east-1")
    fleet = fleet_of(6, desired=9, ref=ref)
    step = step_of(fleet, signals=refusals(START - 8 * M, fleet="ec2-fleet/fleet-1"), looks=(10, 5))
    assert step.action.on_demand_base_capacity == 3


@pytest.mark.parametrize(
    "wrong", [{"return_minutes": 5}, {"dry_most_hours": 0.1}, {"step_share": 1.5}, {"wet_score": 11}, {"colour": 1}]
)
def test_rules_that_would_flap_or_that_nobody_knows_are_refused(wrong):
    with pytest.raises(ValidationError):
        SteadyRules(**wrong)


def test_the_manual_shows_the_rules_as_they_are():
    manual = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    shown = next(block for block in manual.split("```") if block.startswith("toml\n[steady]"))
    table = tomllib.loads(shown.removeprefix("toml"))["steady"]
    assert set(table) == set(SteadyRules.model_fields)
    assert SteadyRules.model_validate(table) == RULES
