"""Laws of the pure what-if: what a change would do, for any fleet, any mix, any prices."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.errors import UsageError
from tools.fleets.launches import mix_after, movement, target
from tools.fleets.preview import preview
from tools.fleets.prices import AccountPrices
from tools.market.pricebook import PriceBook
from tools.records import (
    CapacityPool,
    ChangeFleet,
    Fleet,
    FleetRef,
    Instance,
    InstanceTypeOverride,
    OnDemandRate,
    PoolPrices,
    PurchaseMix,
    ReplaceInstances,
    SavingsPlan,
    Tag,
)

NOW = datetime(2026, 11, 18, 12, tzinfo=UTC)
TYPES = ("m5.large", "m5a.large", "c5.large")
ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")
REF = FleetRef(kind="asg", fleet_id="web", account_id="123456789012", region="us-east-1")
EC2_FLEET = FleetRef(kind="ec2-fleet", fleet_id="fleet-1", account_id="123456789012", region="us-east-1")
STRATEGIES = ("price-capacity-optimized", "capacity-optimized", "lowest-price")


def _instance(number, *, option="spot", kind=TYPES[0], zone=ZONES[0], protected=False):
    return Instance(
        instance_id=f"i-{number:017x}",
        instance_type=kind,
        zone_name=zone,
        zone_id=None,
        purchase_option=option,
        state="running",
        launched_at=NOW - timedelta(minutes=number),
        protected_from_scale_in=protected,
    )


def _mix(base=0, percentage=0, strategy=STRATEGIES[0], types=TYPES, weights=None):
    overrides = tuple(InstanceTypeOverride(instance_type=t, weighted_capacity=(weights or {}).get(t)) for t in types)
    return PurchaseMix(
        on_demand_base_capacity=base,
        on_demand_percentage_above_base=percentage,
        spot_allocation_strategy=strategy,
        overrides=overrides,
    )


def _fleet(instances=(), *, mix=None, desired=None, ref=REF, tags=(), minimum=0, maximum=100):
    return Fleet(
        ref=ref,
        desired_capacity=len(instances) if desired is None else desired,
        min_size=minimum,
        max_size=maximum,
        mix=mix,
        instance_type=None if mix else TYPES[0],
        zones=ZONES,
        instances=tuple(instances),
        tags=tuple(tags),
        as_of=NOW,
        source="a test",
    )


def _book(*, without_rate=(), without_spot=()):
    pools = {}
    for kind in TYPES:
        for zone in ZONES:
            price = None if kind in without_spot else Decimal("0.03")
            pools[kind, zone] = PoolPrices(
                pool=CapacityPool(instance_type=kind, zone_name=zone),
                current_usd_per_hour=price,
                mean_usd_per_hour=price,
                low_usd_per_hour=price,
                high_usd_per_hour=price,
                volatility=0.0,
                changes=1,
                on_demand_usd_per_hour=Decimal("0.1"),
                saving_share=0.7,
                observed_from=NOW,
                observed_until=NOW,
            )
    rates = {
        t: OnDemandRate(instance_type=t, region="us-east-1", usd_per_hour=Decimal("0.1"), as_of=NOW, source="a test")
        for t in TYPES
        if t not in without_rate
    }
    return PriceBook(pools=pools, rates=rates, as_of=NOW, source="a test", region="us-east-1")


def _prices(*, plans=(), fleets=(), **missing):
    return AccountPrices(_book(**missing), plans, tuple(fleets))


def _preview(action, fleet, prices=None):
    return preview(action, fleet, prices=prices or _prices(fleets=(fleet,)), now=NOW)


mixes = st.builds(_mix, base=st.integers(0, 12), percentage=st.integers(0, 100), strategy=st.sampled_from(STRATEGIES))
members = st.lists(
    st.tuples(st.sampled_from(["spot", "on-demand"]), st.sampled_from(TYPES), st.sampled_from(ZONES), st.booleans()),
    max_size=14,
)


@st.composite
def fleets(draw):
    rows = draw(members)
    instances = [_instance(n, option=o, kind=k, zone=z, protected=p) for n, (o, k, z, p) in enumerate(rows, start=1)]
    return _fleet(instances, mix=draw(mixes), desired=draw(st.integers(0, 14)))


changes = st.fixed_dictionaries(
    {},
    optional={
        "on_demand_base_capacity": st.integers(0, 12),
        "on_demand_percentage_above_base": st.integers(0, 100),
        "spot_allocation_strategy": st.sampled_from(STRATEGIES),
        "instance_types": st.lists(st.sampled_from(TYPES), min_size=1, unique=True).map(tuple),
        "desired_capacity": st.integers(0, 20),
    },
).filter(bool)


@pytest.mark.accepts("P-17")
@given(fleets())
def test_a_change_to_what_already_is_changes_nothing(fleet):
    same = ChangeFleet(
        fleet=fleet.ref,
        on_demand_base_capacity=fleet.mix.on_demand_base_capacity,
        on_demand_percentage_above_base=fleet.mix.on_demand_percentage_above_base,
        spot_allocation_strategy=fleet.mix.spot_allocation_strategy,
        instance_types=fleet.mix.instance_types,
        desired_capacity=fleet.desired_capacity,
    )
    found = _preview(same, fleet)
    assert (found.changes, found.calls, found.replaced_instances, found.instances_launched) == ((), (), (), 0)
    assert found.cost_before == found.cost_after
    assert found.added_cost_usd_per_day == 0
    assert found.reversible


@given(fleets(), changes)
def test_only_the_fleets_own_unprotected_instances_are_replaced_each_once(fleet, change):
    found = _preview(ChangeFleet(fleet=fleet.ref, **change), fleet)
    mine = {i.instance_id for i in fleet.instances if not i.protected_from_scale_in}
    assert set(found.replaced_instances) <= mine
    assert len(set(found.replaced_instances)) == len(found.replaced_instances)
    assert found.instances_total == len(fleet.instances)


@given(fleets(), changes, st.randoms(use_true_random=False))
def test_the_choice_does_not_depend_on_the_order_in_which_instances_are_listed(fleet, change, dice):
    shuffled = list(fleet.instances)
    dice.shuffle(shuffled)
    action = ChangeFleet(fleet=fleet.ref, **change)
    again = _preview(action, fleet.with_(instances=tuple(shuffled)))
    assert again == _preview(action, fleet).with_(state_fingerprint=again.state_fingerprint)


@given(fleets(), st.sampled_from(STRATEGIES), st.lists(st.sampled_from(TYPES), min_size=1, unique=True))
def test_a_strategy_and_types_alone_replace_nothing(fleet, strategy, types):
    action = ChangeFleet(fleet=fleet.ref, spot_allocation_strategy=strategy, instance_types=tuple(types))
    found = _preview(action, fleet)
    assert (found.replaced_instances, found.instances_launched) == ((), 0)
    assert found.risk_before == found.risk_after


@given(fleets(), changes)
def test_where_nothing_is_protected_the_fleet_ends_at_its_targets(fleet, change):
    fleet = fleet.with_(instances=tuple(i.with_(protected_from_scale_in=False) for i in fleet.instances))
    action = ChangeFleet(fleet=fleet.ref, **change)
    mix = mix_after(action, fleet)
    wanted = target(
        fleet, mix, action.desired_capacity if action.desired_capacity is not None else fleet.desired_capacity
    )
    if wanted == target(fleet, fleet.mix, fleet.desired_capacity):
        return
    moved = movement(action, fleet, _book())
    left = Counter(i.purchase_option for i in fleet.instances if i not in moved.ends)
    left.update(option for _, _, option in moved.launches)
    assert (left["on-demand"], left["spot"]) == (wanted.on_demand, wanted.spot)
    assert {kind for kind, _, _ in moved.launches} <= set(mix.instance_types)
    assert {zone for _, zone, _ in moved.launches} <= set(ZONES)


@given(fleets(), changes)
def test_a_diff_stands_exactly_where_the_mix_or_the_capacity_moves(fleet, change):
    action = ChangeFleet(fleet=fleet.ref, **change)
    moves = mix_after(action, fleet) != fleet.mix or action.desired_capacity not in (None, fleet.desired_capacity)
    assert bool(_preview(action, fleet).changes) == moves


@pytest.mark.parametrize("missing", [{"without_rate": TYPES[:1]}, {"without_spot": TYPES[:1]}])
def test_an_unknown_price_makes_the_cost_unknown_and_never_zero(missing):
    fleet = _fleet([_instance(n) for n in range(1, 5)], mix=_mix(types=TYPES[:1]))
    found = _preview(ChangeFleet(fleet=REF, on_demand_base_capacity=2), fleet, _prices(fleets=(fleet,), **missing))
    assert found.cost_after.contracted_usd_per_hour is None
    assert found.added_cost_usd_per_day is None
    assert any("unknown" in w for w in found.warnings)


def test_commitments_that_cannot_be_read_make_the_effective_cost_unknown():
    fleet = _fleet([_instance(n) for n in range(1, 5)], mix=_mix())
    found = _preview(ChangeFleet(fleet=REF, desired_capacity=2), fleet, AccountPrices(_book(), None, (fleet,)))
    assert found.cost_after.contracted_usd_per_hour == Decimal("0.06")
    assert (found.cost_after.effective_usd_per_hour, found.added_cost_usd_per_day) == (None, None)


def test_moving_covered_hours_to_spot_can_cost_more_and_says_so():
    fleet = _fleet([_instance(n, option="on-demand") for n in range(1, 11)], mix=_mix(percentage=100))
    plan = SavingsPlan(
        savings_plan_id="plan",
        plan_type="EC2Instance",
        commitment_usd_per_hour=Decimal("0.6"),
        instance_family="m5",
        region="us-east-1",
        discount_share=0.4,
        ends_at=NOW + timedelta(days=100),
    )
    prices = AccountPrices(_book(), (plan,), (fleet,))
    found = _preview(ChangeFleet(fleet=REF, on_demand_percentage_above_base=0), fleet, prices)
    assert found.cost_after.contracted_usd_per_hour < found.cost_before.contracted_usd_per_hour
    assert found.added_cost_usd_per_day == Decimal("0.3") * 24
    assert any("effective cost rises" in w for w in found.warnings)


def test_weights_count_units_and_are_said_to_be_estimates():
    weights = {"m5.large": 2, "m5a.large": 2, "c5.large": 2}
    fleet = _fleet([_instance(n) for n in range(1, 5)], mix=_mix(weights=weights), desired=8)
    found = _preview(ChangeFleet(fleet=REF, on_demand_base_capacity=4), fleet)
    assert (len(found.replaced_instances), found.instances_launched) == (2, 2)
    assert any("weights" in w for w in found.warnings)
    with pytest.raises(UsageError, match="weights"):
        _preview(ChangeFleet(fleet=REF, instance_types=("m5.large", "g5.xlarge")), fleet)


def test_a_fleet_without_a_mix_takes_a_capacity_and_nothing_else():
    fleet = _fleet([_instance(n, option="on-demand") for n in range(1, 5)])
    assert len(_preview(ChangeFleet(fleet=REF, desired_capacity=1), fleet).replaced_instances) == 3
    for change in (
        {"on_demand_base_capacity": 1},
        {"instance_types": TYPES},
        {"spot_allocation_strategy": STRATEGIES[0]},
    ):
        with pytest.raises(UsageError, match="no mixed instances policy") as refused:
            _preview(ChangeFleet(fleet=REF, **change), fleet)
        assert refused.value.hint


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"spot_allocation_strategy": "lowest-price"}, "allocation strategy"),
        ({"on_demand_percentage_above_base": 50}, "0 or 100"),
        ({"on_demand_base_capacity": 9}, "does not fit"),
    ],
)
def test_what_an_ec2_fleet_cannot_do_is_refused_with_the_way_out(change, says):
    fleet = _fleet([_instance(n) for n in range(1, 5)], mix=_mix(), ref=EC2_FLEET)
    with pytest.raises(UsageError, match=says) as refused:
        _preview(ChangeFleet(fleet=EC2_FLEET, **change), fleet)
    assert refused.value.hint


def test_diversified_is_no_strategy_of_a_group_and_detaching_none_of_an_ec2_fleet():
    group = _fleet([_instance(1)], mix=_mix())
    with pytest.raises(UsageError, match="diversified"):
        _preview(ChangeFleet(fleet=REF, spot_allocation_strategy="diversified"), group)
    fleet = _fleet([_instance(1)], mix=_mix(), ref=EC2_FLEET)
    with pytest.raises(UsageError, match="detach"):
        _preview(ReplaceInstances(fleet=EC2_FLEET, instance_ids=(fleet.instances[0].instance_id,)), fleet)


@pytest.mark.parametrize(
    ("tag", "says"),
    [(("aws:cloudformation:stack-name", "web"), "CloudFormation"), (("managed-by", "Terraform"), "Terraform")],
)
def test_a_fleet_written_elsewhere_will_be_set_back(tag, says):
    fleet = _fleet([_instance(1)], mix=_mix(), tags=[Tag(key=tag[0], value=tag[1])])
    assert any(says in w for w in _preview(ChangeFleet(fleet=REF, desired_capacity=2), fleet).warnings)


def test_instances_that_left_already_are_not_replaced_again():
    fleet = _fleet([_instance(1), _instance(2)], mix=_mix())
    gone = _instance(3).instance_id
    found = _preview(ReplaceInstances(fleet=REF, instance_ids=(fleet.instances[0].instance_id, gone)), fleet)
    assert found.replaced_instances == (fleet.instances[0].instance_id,)
    assert found.instances_launched == 1
    assert not found.reversible
    assert any("no longer in the fleet" in w for w in found.warnings)


@pytest.mark.parametrize(("strategy", "expected"), [("lowest-price", 1), ("price-capacity-optimized", 3)])
def test_spot_launches_are_costed_over_all_pools_or_the_cheapest(strategy, expected):
    fleet = _fleet([], mix=_mix(strategy=strategy), desired=0)
    moved = movement(ChangeFleet(fleet=REF, desired_capacity=9), fleet, _book())
    assert Counter(zone for _, zone, _ in moved.launches) == dict.fromkeys(ZONES, 3)
    assert len({kind for kind, _, _ in moved.launches}) == expected
