"""Effects on the simulated account: expect and want, one call, read back; and the preview beside what happened."""

import json

import pytest

from tools.errors import OutcomeUnknown, Rejected, UsageError
from tools.fleets.change import change_fleet, preview_change
from tools.fleets.describe import describe_fleet, list_fleets
from tools.fleets.effects import effect_of
from tools.fleets.preview import draw_preview
from tools.fleets.replace import replace_instances
from tools.records import ChangeFleet, ReplaceInstances, RequestCheckpoint
from tools.recovery.requests import marker_key

NOTHING = {
    "on_demand_base_capacity": None,
    "on_demand_percentage_above_base": None,
    "spot_allocation_strategy": None,
    "instance_types": None,
    "desired_capacity": None,
}


def _done(world, action):
    """Carry an action out as the one way to write does, and say what it was expected to touch."""
    fleet = world.reader.fleet(action.fleet)
    expect, want = world.expect_and_want(action, fleet)
    assert expect != want
    assert set(expect) == set(want)
    receipt = world.carry_out(action, fleet)
    assert receipt.request_ids
    assert all(receipt.request_ids)
    assert world.observe(action) == want
    return fleet


@pytest.mark.accepts("P-17", "DC-01")
@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("ml-train", {"on_demand_base_capacity": 4}),
        ("ml-train", {"on_demand_base_capacity": 1, "desired_capacity": 10}),
        ("web-canary", {"on_demand_percentage_above_base": 0}),
        ("web-canary", {"on_demand_percentage_above_base": 100, "spot_allocation_strategy": "capacity-optimized"}),
        ("render", {"on_demand_base_capacity": 2}),
        ("batch", {"desired_capacity": 20}),
    ],
)
def test_the_preview_names_as_many_replacements_as_the_account_makes(world, name, change):
    fleet = world.fleet(name)
    action = ChangeFleet(fleet=fleet.ref, **change)
    forecast = draw_preview(world.reader, world.clock, action, fleet)
    _done(world, action)
    world.sim.advance(600)
    after = world.reader.fleet(fleet.ref)
    gone = {i.instance_id for i in fleet.instances} - {i.instance_id for i in after.instances}
    assert len(gone) == len(forecast.replaced_instances)
    assert len(after.instances) == len(fleet.instances) - len(gone) + forecast.instances_launched
    assert forecast.cost_after.effective_usd_per_hour is not None
    assert not draw_preview(world.reader, world.clock, action, after).changes


def test_a_change_is_one_call_with_every_value_of_the_mix_explicit(world):
    before = world.seen()
    _done(world, ChangeFleet(fleet=world.fleet("batch").ref, spot_allocation_strategy="capacity-optimized"))
    (row,) = world.effects_since(before, "UpdateAutoScalingGroup")
    distribution = {k.rsplit(".", 1)[1]: v for k, v in row["parameters"].items() if ".InstancesDistribution." in k}
    assert distribution == {
        "OnDemandAllocationStrategy": "prioritized",
        "OnDemandBaseCapacity": "0",
        "OnDemandPercentageAboveBaseCapacity": "0",
        "SpotAllocationStrategy": "capacity-optimized",
    }
    assert [r["service"] for r in world.sim.effects(after=before)] == ["autoscaling"]


def test_a_strategy_or_new_types_alone_replace_no_instance(world):
    fleet = world.fleet("ml-train")
    action = ChangeFleet(
        fleet=fleet.ref, spot_allocation_strategy="price-capacity-optimized", instance_types=("g5.xlarge", "g6.xlarge")
    )
    forecast = draw_preview(world.reader, world.clock, action, fleet)
    assert (forecast.replaced_instances, forecast.instances_launched) == ((), 0)
    _done(world, action)
    world.sim.advance(600)
    now = world.reader.fleet(fleet.ref)
    assert {i.instance_id for i in now.instances} == {i.instance_id for i in fleet.instances}


def test_types_of_an_ec2_fleet_keep_their_places(world):
    fleet = world.fleet("render")
    _done(world, ChangeFleet(fleet=fleet.ref, instance_types=(*fleet.instance_types, "c7i.4xlarge")))
    assert world.reader.fleet(fleet.ref).zones == fleet.zones


def test_replacing_detaches_once_and_the_group_launches_others(world):
    fleet = world.fleet("batch")
    ids = tuple(i.instance_id for i in fleet.spot[:3])
    action = replace_instances.run(world.reader, "batch", ids)
    assert isinstance(action, ReplaceInstances)
    before = world.seen()
    _done(world, action)
    again = world.carry_out(action, fleet)  # ids that left are left out
    assert again.request_ids == ()
    (row,) = world.effects_since(before, "DetachInstances")
    assert row["parameters"]["ShouldDecrementDesiredCapacity"] == "false"
    world.sim.advance(120)
    now = world.reader.fleet(fleet.ref)
    assert len(now.instances) == fleet.desired_capacity
    assert not set(ids) & {i.instance_id for i in now.instances}


def test_replacing_an_instance_of_another_fleet_is_refused(world):
    stranger = world.fleet("ml-train").spot[0].instance_id
    with pytest.raises(UsageError, match=stranger):
        replace_instances.run(world.reader, "batch", (stranger,))


def test_a_checkpoint_is_asked_for_once_an_instance(world):
    fleet = world.fleet("ml-train")
    action = RequestCheckpoint(
        fleet=fleet.ref,
        job_id="ml-train",
        bucket="acme-checkpoints",
        instance_ids=tuple(i.instance_id for i in fleet.spot[:2]),
        notice_digest="ab" * 32,
    )
    before = world.seen()
    _done(world, action)
    world.carry_out(action, fleet)  # already there counts as done
    rows = world.effects_since(before, "PutObject")
    assert [r["parameters"]["Key"] for r in rows] == [marker_key(action, i) for i in action.instance_ids]


@pytest.mark.accepts("EB-01")
def test_a_request_to_hold_writes_still_says_for_how_long(world):
    fleet = world.fleet("ml-train")
    action = RequestCheckpoint(
        fleet=fleet.ref,
        job_id="ml-train",
        bucket="acme-checkpoints",
        instance_ids=(fleet.spot[0].instance_id,),
        notice_digest="fa" * 32,
        freeze_seconds=20,
    )
    assert effect_of(action).lines(action, fleet)[0].after == "save now, then hold writes still for 20 s"
    _done(world, action)
    key = marker_key(action, fleet.spot[0].instance_id)
    assert json.loads(world.reader.read_object("acme-checkpoints", key, limit_bytes=8_192))["freeze_seconds"] == 20


def half_way(world, fault, digest):
    fleet = world.fleet("ml-train")
    action = RequestCheckpoint(
        fleet=fleet.ref,
        job_id="ml-train",
        bucket="acme-checkpoints",
        instance_ids=tuple(i.instance_id for i in fleet.spot[:2]),
        notice_digest=digest * 32,
    )
    world.sim.fail("PutObject", fault, skip=1)
    return fleet, action


def test_a_checkpoint_request_that_is_refused_half_way_says_which_markers_were_not_written(world):
    fleet, action = half_way(world, "access-denied", "cd")
    receipt = world.carry_out(action, fleet)
    assert [(i.item, i.ok) for i in receipt.items] == list(zip(action.instance_ids, (True, False), strict=True))
    assert receipt.items[1].code == "AccessDenied"
    assert world.observe(action) == {"requested": [action.instance_ids[0]]}


def test_a_checkpoint_request_that_breaks_off_half_way_is_unknown_and_not_refused(world):
    fleet, action = half_way(world, "drop", "ce")
    with pytest.raises(OutcomeUnknown, match="1 markers were asked for"):
        world.carry_out(action, fleet)
    assert world.observe(action) == {"requested": [action.instance_ids[0]]}


def test_a_desired_capacity_past_the_maximum_is_refused_by_the_preview_and_by_aws(world):
    fleet = world.fleet("web-canary")
    action = ChangeFleet(fleet=fleet.ref, desired_capacity=fleet.max_size + 1)
    with pytest.raises(UsageError, match="outside its size limits"):
        draw_preview(world.reader, world.clock, action, fleet)
    before = world.seen()
    with pytest.raises(Rejected):
        world.carry_out(action, fleet)
    assert world.seen() == before


def test_freeing_a_commitment_is_said_and_saves_less_than_list(world):
    api = world.fleet("api-core")
    action = ChangeFleet(fleet=api.ref, desired_capacity=api.min_size)
    forecast = draw_preview(world.reader, world.clock, action, api)
    assert any("commitment is freed" in w for w in forecast.warnings)
    assert forecast.added_cost_usd_per_day == 0
    assert forecast.cost_after.contracted_usd_per_hour < forecast.cost_before.contracted_usd_per_hour


def test_a_group_without_a_mix_says_the_way_out(world):
    with pytest.raises(UsageError, match="no mixed instances policy") as refused:
        change_fleet.run(world.reader, "api-core", **{**NOTHING, "on_demand_percentage_above_base": 50})
    assert "launch template" in refused.value.hint


@pytest.mark.accepts("DC-01")
def test_the_tools_answer_with_units_and_moments(world):
    inventory = list_fleets.run(world.reader, world.clock, None)
    assert {r.name for r in inventory.fleets} == {f.name for f in world.reader.fleets()}
    assert inventory.usd_per_hour == sum(r.usd_per_hour for r in inventory.fleets)  # the commitment is used whole
    assert [r.name for r in inventory.fleets if r.covered_by_commitment] == ["api-core"]
    assert inventory.as_of == world.clock.now()
    assert describe_fleet.run(world.reader, "render").ref.kind == "ec2-fleet"
    same = preview_change.run(world.reader, world.clock, "batch", **{**NOTHING, "desired_capacity": 21})
    assert same.changes[0].after == "21"


def test_a_change_that_names_nothing_is_a_usage_error(world):
    with pytest.raises(UsageError, match="names no change"):
        change_fleet.run(world.reader, "batch", **NOTHING)
