"""What the reader tells of a whole market: types, prices of a region, rates, commitments, scores."""

import json
from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest

from tools.aws.pricing import hourly
from tools.errors import Rejected
from tools.records import LINUX

SCORED = ("c5.large", "m5.large", "r5.large")


def without_a_call(world, operation, ask):
    """The answer to a question, when the account refuses the operation: it has to be known already."""
    world.sim.fail(operation, "access-denied", 1)
    try:
        return ask()
    finally:
        world.sim.mend()


def test_every_type_of_the_region_with_its_zones(world):
    specs = {s.instance_type: s for s in world.reader.instance_types()}
    assert len(specs) >= 150
    m7g, g5, p3, trn = (specs[t] for t in ("m7g.large", "g5.12xlarge", "p3.2xlarge", "trn1.32xlarge"))
    assert (m7g.vcpus, m7g.memory_gib, m7g.architectures, m7g.spot) == (2, 8.0, ("arm64",), True)
    assert m7g.zones == ("us-east-1a", "us-east-1b", "us-east-1c")
    assert (g5.accelerators, g5.accelerator_name, g5.vcpus) == (4, "A10G", 48)
    assert (p3.accelerators, p3.accelerator_name, p3.current_generation) == (1, "V100", False)
    assert (trn.accelerators, trn.accelerator_name) == (16, "Trainium")
    assert specs["t3.micro"].burstable
    assert specs["c5.metal"].bare_metal
    assert len(trn.zones) == 2


def test_a_name_that_ec2_does_not_know_is_left_out_and_a_name_is_no_pattern(world):
    found = world.reader.instance_types(["m5.large", "m99.enormous", "m5.*", "m5.large"])
    assert [s.instance_type for s in found] == ["m5.large"]
    assert world.reader.instance_types([]) == ()


def test_types_read_once_are_kept(world):
    reader = world.reader
    asked = ["m5.large", "nothing.large"]
    first = reader.instance_types(asked)
    assert without_a_call(world, "DescribeInstanceTypes", lambda: reader.instance_types(asked)) == first


@pytest.mark.accepts("P-01")
def test_a_scan_of_the_region_has_a_price_for_every_pool_that_is_offered(world):
    now, reader = world.clock.now(), world.reader
    specs = [s for s in reader.instance_types() if s.spot]
    since = now - timedelta(hours=24)
    prices = reader.spot_prices([s.instance_type for s in specs], since=since, until=now, product=LINUX)
    offered = {(s.instance_type, z) for s in specs for z in s.zones}
    first = {}
    for price in prices:
        first.setdefault((price.pool.instance_type, price.pool.zone_name), price.at)
    assert set(first) == offered
    assert all(at <= since for at in first.values()), "the price in force at the start is known everywhere"
    assert all(p.at <= now and p.pool.zone_id for p in prices)
    assert len({(p.pool, p.at) for p in prices}) == len(prices), "no change comes twice"


def test_list_prices_of_a_whole_region_come_in_few_calls_and_agree_with_single_ones(world):
    names = [s.instance_type for s in world.reader.instance_types()]
    one_by_one = {r.instance_type: r.usd_per_hour for r in world.reader.on_demand_rates(names[:5], product=LINUX)}
    whole = {r.instance_type: r.usd_per_hour for r in world.reader.on_demand_rates(names, product=LINUX)}
    assert set(whole) == set(names)
    assert one_by_one == {t: whole[t] for t in names[:5]}
    again = without_a_call(world, "GetProducts", lambda: world.reader.on_demand_rates(names, product=LINUX))
    assert {r.instance_type: r.usd_per_hour for r in again} == whole


@pytest.mark.accepts("P-03")
def test_a_savings_plans_rates_lie_below_the_list_for_its_family_only(world):
    (plan,) = world.reader.savings_plans()
    names = ["m6i.large", "m6i.4xlarge", "m5.large", "m99.enormous"]
    rates = world.reader.savings_plan_rates(plan, names)
    listed = {r.instance_type: r.usd_per_hour for r in world.reader.on_demand_rates(names, product=LINUX)}
    assert set(rates) == {"m6i.large", "m6i.4xlarge"}
    for name, rate in rates.items():
        assert float(1 - rate / listed[name]) == pytest.approx(plan.discount_share, abs=1e-6)
    every = [s.instance_type for s in world.reader.instance_types()]
    assert set(world.reader.savings_plan_rates(plan, every)) == {t for t in every if t.startswith("m6i.")}
    assert world.reader.savings_plan_rates(plan, []) == {}


@pytest.mark.accepts("P-03")
def test_reserved_instances_cost_their_upfront_and_their_recurring_hour(world):
    (reserved,) = world.reader.reserved_instances()
    assert (reserved.instance_type, reserved.count, reserved.zone_name) == ("t3.medium", 2, None)
    assert (reserved.product, reserved.offering_class, reserved.state) == (LINUX, "standard", "active")
    assert reserved.effective_usd_per_hour == (Decimal(113) / 8760 + Decimal("0.013")).quantize(Decimal("0.00000001"))
    assert reserved.ends_at > world.clock.now()


def test_fewer_than_three_types_are_not_asked_about(world):
    two = ["m5.large", "m5.large", "c5.large"]
    ask = partial(world.reader.placement_scores, two, target_capacity=1)
    assert without_a_call(world, "GetSpotPlacementScores", ask) == ()


def test_a_score_that_was_asked_for_is_kept_for_ten_minutes(world):
    first = world.reader.placement_scores(SCORED, target_capacity=4)
    assert {s.instance_types for s in first} == {SCORED}
    again = partial(world.reader.placement_scores, SCORED[::-1], target_capacity=4)
    assert without_a_call(world, "GetSpotPlacementScores", again) == first
    world.sim.advance(11 * 60)
    assert world.reader.placement_scores(SCORED, target_capacity=4)[0].as_of > first[0].as_of


@pytest.mark.accepts("P-02")
def test_a_used_up_ration_of_scores_is_told_and_not_asked_again_at_once(world):
    ask = partial(world.reader.placement_scores, ("r5.xlarge", *SCORED), target_capacity=2)
    world.sim.limit_placement(0)
    try:
        with pytest.raises(Rejected, match="MaxConfigLimitExceeded"):
            ask()
        with pytest.raises(Rejected, match="MaxConfigLimitExceeded"):
            without_a_call(world, "GetSpotPlacementScores", ask)
    finally:
        world.sim.limit_placement(100)
    world.sim.advance(11 * 60)
    assert ask()


def entry(licence, usd):
    """As GetProducts answers for one offer."""
    about = {"instanceType": "m7i-flex.large", "operatingSystem": "Windows", "licenseModel": licence}
    dimension = {"unit": "Hrs", "pricePerUnit": {"USD": usd}}
    return json.dumps(
        {"product": {"attributes": about}, "terms": {"OnDemand": {"t": {"priceDimensions": {"d": dimension}}}}}
    )


def test_what_windows_costs_for_people_with_a_licence_of_their_own_is_not_its_list_price():
    assert hourly(entry("No License required", "0.1877")) == ("m7i-flex.large", [Decimal("0.1877")])
    assert hourly(entry("Bring your own license", "0.0958")) == ("m7i-flex.large", [])
