"""Off spot when it is refused: the fallback, the memory of dry pools, more pools."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tools.steady_house import (
    OTHERS,
    REF,
    RULES,
    START,
    TYPES,
    ZONES,
    M,
    changed,
    fleet_of,
    mix,
    pool,
    prices_of,
    refusals,
    signal,
    step_of,
)
from tools.fleets.dry_pools import place_of, remembered
from tools.fleets.steady_rules import SteadyRules
from tools.fleets.suggest import Held, Suggestion
from tools.records import ChangeFleet, PlacementScore

# the fallback


@pytest.mark.accepts("P-10")
def test_a_fleet_that_ran_short_over_two_looks_while_spot_was_refused_goes_on_demand_by_what_is_missing():
    fleet = fleet_of(6, desired=9)
    step = step_of(fleet, signals=refusals(START - 8 * M), looks=(10, 5))
    assert step.action == ChangeFleet(fleet=REF, on_demand_base_capacity=3)
    assert "c5.large/use1-az1" in step.rationale
    assert "08:52" in step.rationale
    assert "6 of 9 spot units run" in step.rationale


@pytest.mark.accepts("P-10")
@pytest.mark.parametrize(("looks", "until"), [((), "09:10"), ((5,), "09:05")])
def test_a_launch_gets_its_time_before_on_demand_takes_over(looks, until):
    step = step_of(fleet_of(6, desired=9), signals=refusals(START - 3 * M), looks=looks)
    assert (step.code, f"{step.until:%H:%M}") == ("waiting", until)
    assert "3 of 9 are missing" in step.why


@pytest.mark.parametrize(
    "told",
    [
        (),
        refusals(START - 8 * M, fleet="asg/another"),
        tuple(signal("rebalance", pool(k), START - m * M) for k in TYPES for m in range(1, 20)),
        tuple(signal("interruption", pool(k), START - m * M) for k in TYPES for m in range(1, 20)),
    ],
)
def test_short_without_a_refusal_of_its_own_is_a_launch_under_way(told):
    step = step_of(fleet_of(6, desired=9), signals=told, looks=(10, 5))
    assert isinstance(step, Held) or step.action.on_demand_base_capacity is None


def test_looks_with_a_gap_between_them_prove_nothing():
    assert step_of(fleet_of(6, desired=9), signals=refusals(START - 8 * M), looks=(40, 5)).code == "waiting"


@pytest.mark.accepts("P-10")
def test_no_more_goes_on_demand_than_the_rules_let_and_it_is_said():
    step = step_of(fleet_of(0, desired=9), signals=refusals(START - 8 * M), looks=(10, 5))
    assert step.action.on_demand_base_capacity == 9
    half = SteadyRules(fallback_most_share=0.5)
    step = step_of(fleet_of(0, desired=9), signals=refusals(START - 8 * M), looks=(10, 5), rules=half)
    assert step.action.on_demand_base_capacity == 4
    capped = fleet_of(0, 4, desired=9, bought=mix(4))
    held = step_of(capped, signals=refusals(START - 8 * M), looks=(10, 5), rules=half, offered=())
    assert held.code == "at-most"
    assert "on-demand is 4 of 9 already" in held.why


@settings(deadline=None)
@given(desired=st.integers(1, 60), lost=st.integers(1, 60), base=st.integers(0, 60), percentage=st.integers(0, 100))
def test_the_base_buys_what_is_missing_whatever_the_percentage_above_it(desired, lost, base, percentage):
    from tools.fleets.launches import mix_after, target

    bought = mix(base, percentage)
    want = target(fleet_of(0, desired=desired, bought=bought), bought, desired)
    spot = max(0, want.spot - lost)
    fleet = fleet_of(spot, want.on_demand, desired=desired, bought=bought)
    step = step_of(fleet, signals=refusals(START - 8 * M), looks=(10, 5))
    if want.spot == spot:
        assert not isinstance(step, Suggestion)
        return
    after = target(fleet, mix_after(step.action, fleet), desired)
    assert (after.spot, after.on_demand) == (spot, desired - spot)
    assert step.action.on_demand_base_capacity > base


# the memory of dry pools


@pytest.mark.accepts("P-11")
def test_a_pool_is_left_out_twice_as_long_each_time_it_disappoints_again():
    where, at, lengths = pool("c5.large"), START, []
    told = []
    for _ in range(8):
        told.append(signal("refusal", where, at))
        (known,) = remembered(told, RULES).values()
        lengths.append((known.until - at) / M)
        at = known.until + M
    assert lengths == [30, 60, 120, 240, 480, 480, 480, 480]


def test_refusals_of_one_spell_only_renew_the_memory():
    told = [signal("refusal", pool("c5.large"), START + m * M) for m in range(0, 60, 5)]
    (known,) = remembered(told, RULES).values()
    assert (known.times, known.until) == (1, told[-1].at + 30 * M)


@pytest.mark.accepts("P-11")
def test_a_granted_launch_or_a_good_score_ends_the_memory_and_a_poor_score_does_not():
    refused = signal("refusal", pool("c5.large"), START)
    granted = signal("launch", pool("c5.large"), START + 5 * M)
    elsewhere = signal("launch", pool("c5.large", ZONES[1]), START + 5 * M)
    place = place_of(refused.pool)

    def score(value, zone="use1-az1"):
        return PlacementScore(
            region="us-east-1", zone_id=zone, score=value, instance_types=TYPES, target_capacity=5, as_of=START + 5 * M
        )

    def until(*signals, scores=()):
        return remembered(signals, RULES, scores=scores)[place].until

    assert until(refused, granted) == START + 5 * M
    assert until(refused, scores=[score(9)]) == START + 5 * M
    for told in (until(refused), until(refused, elsewhere), until(refused, scores=[score(5), score(9, "use1-az2")])):
        assert told == START + 30 * M


@pytest.mark.accepts("P-11")
def test_a_pool_that_is_left_out_is_named_with_the_time():
    fleet = fleet_of(9)
    step = step_of(fleet, signals=refusals(START - 2 * M, kinds=("c5.large",), zones=ZONES[:1]))
    assert (step.code, step.why) == ("dry", "c5.large/use1-az1 was dry at 08:58: left out until 09:28")


def test_a_type_that_was_added_since_was_not_refused_before():
    """A group's activities name no type: the reader takes all that the group has by now."""
    fleet = fleet_of(9, bought=mix(types=(*TYPES, "c6i.large")))
    told = refusals(START - 50 * M, kinds=(*TYPES, "c6i.large"))
    long = SteadyRules(dry_minutes=120)
    added = changed((*TYPES, "c6i.large"), list(TYPES), START - 40 * M, field="instance_types")
    assert "c6i.large" in step_of(fleet, signals=told[-2:], rules=long).why
    assert step_of(fleet, signals=told[-2:], rules=long, past=[added]).code == "steady"


# more pools


@pytest.mark.accepts("P-09", "IN-10")
def test_a_fleet_whose_pools_are_mostly_dry_gets_types_like_its_own():
    step = step_of(fleet_of(9), signals=refusals(START - 2 * M))
    assert step.action.instance_types == (*TYPES, "c6i.large", "m5.large"), "not arm64, not 16 vCPUs, not burstable"
    assert "4 of 4 pools of web are dry" in step.rationale


@pytest.mark.accepts("P-11")
@settings(deadline=None)
@given(
    refused=st.sets(st.sampled_from([(k, z) for k in (*TYPES, *OTHERS) for z in ZONES])),
    ages=st.lists(st.sampled_from([0, 5, 29, 30, 200]), min_size=14, max_size=14),
)
def test_a_type_with_a_pool_that_is_remembered_dry_is_never_added(refused, ages):
    told = [
        signal("refusal", pool(*p), START - age * M, "asg/another")
        for p, age in zip(sorted(refused), ages, strict=False)
    ]
    fleet = fleet_of(9)
    step = step_of(fleet, signals=told)
    dry = {place for place, known in remembered(told, RULES).items() if known.until > START}
    if isinstance(step, Suggestion):
        added = set(step.action.instance_types) - set(TYPES)
        assert added
        assert not {kind for kind, _ in dry} & added
        assert sum(kind in TYPES for kind, _ in dry) > 2
    else:
        assert sum(kind in TYPES for kind, _ in dry) <= 2 or {"c6i.large", "m5.large"} <= {kind for kind, _ in dry}


@pytest.mark.parametrize("missing", [{"prices": None}, {"offered": ()}])
def test_what_is_not_known_of_other_types_holds_and_says_so(missing):
    step = step_of(fleet_of(9), signals=refusals(START - 2 * M), **missing)
    assert step.code == "unknown"


def test_types_without_prices_or_dearer_than_on_demand_are_no_way_out():
    fleet = fleet_of(9)
    for prices in (prices_of(spot=None), prices_of(spot="0.11")):
        assert step_of(fleet, signals=refusals(START - 2 * M), prices=prices).code == "dry"


def test_a_fleet_that_counts_by_weights_is_left_to_a_person():
    step = step_of(fleet_of(9, bought=mix(weight=2), desired=18), signals=refusals(START - 2 * M))
    assert (step.code, "weights" in step.why) == ("unknown", True)
