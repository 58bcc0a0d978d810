"""What is created, through the one way to write: fleets, instances, template versions. Each once, found by its tag."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from agent.actuation import Actuation
from tests.contract.fleets_house import TYPES, Ground, done, open_actuation, open_ground, proposed, writes
from tools.errors import NotFound, Rejected, StalePlan, UsageError
from tools.fleets.effects import effect_of
from tools.fleets.launches import desired_after
from tools.fleets.preview import draw_preview
from tools.records import (
    Action,
    DeleteFleet,
    Tag,
)


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    with open_ground() as found:
        yield found


@pytest.fixture
def actuation(ground: Ground, tmp_path: Path) -> Iterator[Actuation]:
    with open_actuation(ground, tmp_path) as found:
        yield found


A_CREATION: dict[str, Callable[[Ground], Action]] = {
    "CreateFleet": lambda g: g.a_fleet(g.fresh("new")),
    "RunInstances": lambda g: g.runs(g.fresh("lone"), count=2),
    "CreateLaunchTemplateVersion": lambda g: g.a_version(),
}
CREATIONS = pytest.mark.parametrize("operation", A_CREATION)


# every creation alike


@pytest.mark.accepts("P-17")
@CREATIONS
def test_what_is_created_is_created_once_and_read_back_as_wanted(ground, actuation, operation):
    action, before = A_CREATION[operation](ground), ground.seen()
    outcome = done(actuation, action)
    assert (outcome.status, outcome.message) == ("done", "read back as wanted")
    assert outcome.before == {"created": 0}
    assert writes(ground, before) == [operation]
    assert [i.ok for i in outcome.items] == [True] * outcome.after["created"]


@CREATIONS
def test_one_token_sent_twice_has_one_effect_and_one_answer(ground, operation):
    action = A_CREATION[operation](ground)
    fleet = effect_of(action).subject(ground.reader, action)
    intent, before = ground.intent(action, fleet), ground.seen()
    first, second = (ground.carry_out(action, fleet, intent) for _ in range(2))
    assert first.items == second.items
    assert writes(ground, before) == [operation]
    assert ground.observe(action, intent) == intent.want


@CREATIONS
def test_one_token_for_other_parameters_is_refused(ground, operation):
    first, second = A_CREATION[operation](ground), A_CREATION[operation](ground)
    if operation == "CreateLaunchTemplateVersion":
        second = second.with_(instance_type="m5a.large")
    fleet = effect_of(first).subject(ground.reader, first)
    intent = ground.intent(first)
    ground.carry_out(first, fleet, intent)
    before = ground.seen()
    other = ground.intent(second).with_(token=intent.token)
    with pytest.raises(Rejected) as refused:
        ground.carry_out(second, fleet, other)
    assert refused.value.code == "IdempotentParameterMismatch"
    assert writes(ground, before) == []


@pytest.mark.accepts("P-20")
@CREATIONS
@pytest.mark.parametrize("fault", ["timeout-after-effect", "malformed"])
def test_an_answer_that_was_lost_is_found_by_the_tag_and_never_sent_again(ground, actuation, operation, fault):
    action, before = A_CREATION[operation](ground), ground.seen()
    ground.sim.fail(operation, fault)
    assert done(actuation, action).status == "unknown"
    ((_, outcome),) = actuation.reconcile()
    assert (outcome.status, outcome.message) == ("done", "found done when looked for")
    assert writes(ground, before) == [operation]
    assert actuation.reconcile() == ()


@pytest.mark.accepts("P-20")
@CREATIONS
def test_what_never_arrived_is_unknown_until_its_horizon_is_over(ground, actuation, operation):
    action, before = A_CREATION[operation](ground), ground.seen()
    ground.sim.fail(operation, "timeout-before-effect")
    assert done(actuation, action).status == "unknown"
    ((_, outcome),) = actuation.reconcile()
    assert outcome.status == "unknown"
    ground.sim.advance(361)
    ((_, outcome),) = actuation.reconcile()
    assert (outcome.status, outcome.after) == ("failed", {"created": 0})
    assert writes(ground, before) == []


@CREATIONS
def test_a_throttled_creation_happened_not_at_all(ground, actuation, operation):
    action, before = A_CREATION[operation](ground), ground.seen()
    ground.sim.fail(operation, "throttle")
    assert done(actuation, action).status == "failed"
    assert writes(ground, before) == []


@CREATIONS
def test_bad_input_is_refused_before_anything_is_written(ground, actuation, operation):
    good, before = A_CREATION[operation](ground), ground.seen()
    version = "source_version" if operation == "CreateLaunchTemplateVersion" else "launch_template_version"
    wrong: list[tuple[dict[str, Any], str]] = [({version: 99}, "has no version 99")]
    if operation == "CreateLaunchTemplateVersion":
        wrong.append(({"launch_template_id": "lt-0123456789abcdef0"}, "does not launch from"))
        wrong.append(({"instance_type": "m9x.large"}, "offers no such type"))
    else:
        wrong.append(({"launch_template_id": "lt-0123456789abcdef0"}, "no launch template"))
        wrong.append(({"tags": (Tag(key="Name", value="mine"),)}, "cannot be given"))
    if operation == "CreateFleet":
        wrong.append(({"subnet_ids": (*ground.subnets(1), "subnet-0a")}, "no such subnet"))
        wrong.append(({"instance_types": ("c5.xlarge", "c9x.large")}, "offers no such type"))
        wrong.append(({"fleet_type": "instant", "capacity_rebalance": True}, "cannot rebalance"))
        wrong.append(({"fleet": ground.ref("asg", "new")}, "only EC2 Fleets"))
    if operation == "RunInstances":
        wrong.append(({"subnet_id": "subnet-0a"}, "no such subnet"))
        wrong.append(({"instance_type": "c9x.large"}, "offers no such type"))
        wrong.append(({"fleet": good.fleet.with_(kind="asg")}, "not into a fleet"))
    for changed, said in wrong:
        with pytest.raises(UsageError, match=said):
            proposed(actuation, good.with_(**changed))
    assert ground.seen() == before
    assert actuation.journal.proposals() == ()


# CreateFleet


def test_a_fleet_is_created_with_every_value_said(ground):
    action = ground.a_fleet(ground.fresh("said"), capacity_rebalance=True, weights=(1, 2))
    before = ground.seen()
    ground.carry_out(action, effect_of(action).subject(ground.reader, action))
    (row,) = ground.effects_since(before, "CreateFleet")
    told = row["parameters"]
    assert told["Type"] == "maintain"
    assert (told["ExcessCapacityTerminationPolicy"], told["ReplaceUnhealthyInstances"]) == ("termination", "true")
    assert told["TerminateInstancesWithExpiration"] == "false"
    assert told["TargetCapacitySpecification.DefaultTargetCapacityType"] == "spot"
    assert told["SpotOptions.AllocationStrategy"] == "price-capacity-optimized"
    assert told["OnDemandOptions.AllocationStrategy"] == "prioritized"
    assert told["SpotOptions.MaintenanceStrategies.CapacityRebalance.ReplacementStrategy"] == "launch"
    kinds = {v for k, v in told.items() if k.endswith("ResourceType")}
    assert kinds == {"fleet"}  # EC2 takes tags of instances for instant fleets only


def test_a_created_fleet_is_what_the_preview_said(ground):
    action = ground.a_fleet(ground.fresh("forecast"))
    nothing = effect_of(action).subject(ground.reader, action)
    assert (nothing.desired_capacity, nothing.instances, nothing.zones) == (0, (), ("us-east-1a", "us-east-1b"))
    forecast = draw_preview(ground.reader, ground.clock, action, nothing)
    assert (forecast.instances_launched, forecast.replaced_instances, forecast.instances_total) == (3, (), 0)
    assert forecast.cost_before.effective_usd_per_hour == 0
    assert forecast.added_cost_usd_per_day > 0
    assert desired_after(action, nothing) == 3
    intent = ground.intent(action, nothing)
    ground.carry_out(action, nothing, intent)
    ground.sim.advance(60)
    fleet = effect_of(action).result(ground.reader, intent.intent_id, action)
    assert (len(fleet.spot), len(fleet.on_demand)) == (2, 1)
    assert (fleet.mix, fleet.zones, fleet.fleet_type) == (nothing.mix, nothing.zones, "maintain")
    assert fleet.launch_template == nothing.launch_template
    bears = {t.key: t.value for t in fleet.tags}
    assert bears == {"Name": action.fleet.fleet_id, "team": "studio", "spotwarden:intent": intent.intent_id}


def test_a_name_that_is_borne_already_is_refused_and_drift_while_it_waits(ground, actuation):
    for taken in ("renderers", "crawlers", "trainers"):
        with pytest.raises(UsageError, match="borne by"):
            proposed(actuation, ground.a_fleet(taken))
    proposed(actuation, ground.a_fleet("render*"))  # a star is a letter of a name, not any text
    action = ground.a_fleet(ground.fresh("raced"))
    proposal_id = proposed(actuation, action)
    ground.carry_out(action, effect_of(action).subject(ground.reader, action))  # somebody was quicker
    before = ground.seen()
    with pytest.raises(StalePlan) as stale:
        actuation.act(proposal_id, by="person:test")
    assert any(line.startswith("bearers: [] →") for line in stale.value.drift)
    assert ground.seen() == before


def test_creation_is_undone_by_deleting_the_fleet_with_its_instances(ground, actuation):
    action = ground.a_fleet(ground.fresh("undone"))
    assert done(actuation, action).status == "done"
    ground.sim.advance(60)
    effect, fleet_id = effect_of(action), ground.fleet(action.fleet.fleet_id).ref.fleet_id
    intent_id = ground.tags_of(fleet_id)["spotwarden:intent"]
    fleet = effect.result(ground.reader, intent_id, action)
    back = effect.undo(action, {"created": 0}, fleet)
    assert back == DeleteFleet(fleet=fleet.ref, terminate_instances=True)
    assert done(actuation, back).status == "done"
    with pytest.raises(NotFound):
        ground.fleet(action.fleet.fleet_id)
    with pytest.raises(UsageError, match="not known"):
        effect.undo(action, {"created": 0}, effect.subject(ground.reader, action))


def test_an_instant_fleet_that_finds_no_capacity_is_partial_pool_by_pool(ground, actuation):
    action = ground.a_fleet(ground.fresh("short"), fleet_type="instant", subnet_ids=ground.subnets(1))
    for kind in TYPES:
        ground.sim.dry(kind, "us-east-1a")
    try:
        outcome = done(actuation, action)
    finally:
        for kind in TYPES:
            ground.sim.dry(kind, "us-east-1a", dry=False)
    assert outcome.status == "partial"
    assert outcome.after == {"created": {"fleet": 1, "units": 1}}
    refused = {i.item: i.code for i in outcome.items if not i.ok}
    assert refused == {
        "spot c5.xlarge us-east-1a": "InsufficientInstanceCapacity",
        "spot c6i.xlarge us-east-1a": "InsufficientInstanceCapacity",
        "capacity": "short",
    }
    assert sum(i.ok for i in outcome.items) == 2  # the fleet, and the on-demand instance


def test_a_partial_instant_fleet_whose_answer_was_lost_is_told_item_by_item(ground, actuation):
    action = ground.a_fleet(ground.fresh("halved"), fleet_type="instant", subnet_ids=ground.subnets(1))
    ground.sim.fail("CreateFleet", "timeout-after-effect")
    for kind in TYPES:
        ground.sim.dry(kind, "us-east-1a")
    try:
        assert done(actuation, action).status == "unknown"
    finally:
        for kind in TYPES:
            ground.sim.dry(kind, "us-east-1a", dry=False)
    ground.sim.advance(361)
    ((_, outcome),) = actuation.reconcile()
    assert outcome.status == "partial"
    assert [(i.item, i.ok) for i in outcome.items] == [("fleet", True), ("units", False)]
    assert outcome.after == {"created": {"fleet": 1, "units": 1}}


def test_an_instant_fleet_tags_its_instances_and_volumes_too(ground, actuation):
    action, before = ground.a_fleet(ground.fresh("instant"), fleet_type="instant"), ground.seen()
    outcome = done(actuation, action)
    assert (outcome.status, outcome.after) == ("done", {"created": {"fleet": 1, "units": 3}})
    (row,) = ground.effects_since(before, "CreateFleet")
    kinds = {v for k, v in row["parameters"].items() if k.endswith("ResourceType")}
    assert kinds == {"fleet", "instance", "volume"}
    assert not {"ExcessCapacityTerminationPolicy", "ReplaceUnhealthyInstances"} & row["parameters"].keys()


# RunInstances


@pytest.mark.parametrize("option", ["spot", "on-demand"])
def test_instances_run_all_or_none_with_what_they_bear(ground, option):
    action = ground.runs(ground.fresh("bearing"), count=2, purchase_option=option)
    nothing = effect_of(action).subject(ground.reader, action)
    forecast = draw_preview(ground.reader, ground.clock, action, nothing)
    assert (forecast.instances_launched, forecast.instances_total) == (2, 0)
    assert forecast.added_cost_usd_per_day > 0
    assert not forecast.reversible  # those of no fleet are ended one by one
    intent, before = ground.intent(action, nothing), ground.seen()
    receipt = ground.carry_out(action, nothing, intent)
    (row,) = ground.effects_since(before, "RunInstances")
    told = row["parameters"]
    assert (told["MinCount"], told["MaxCount"]) == ("2", "2")
    assert (told.get("InstanceMarketOptions.SpotOptions.SpotInstanceType") == "one-time") == (option == "spot")
    assert {v for k, v in told.items() if k.endswith("ResourceType")} == {"instance", "volume"}
    launched = effect_of(action).result(ground.reader, intent.intent_id, action)
    assert [i.instance_id for i in launched.instances] == sorted(i.item for i in receipt.items)
    assert {(i.instance_type, i.zone_name, i.purchase_option) for i in launched.instances} == {
        ("m5.large", "us-east-1a", option)
    }
    assert ground.tags_of(receipt.items[0].item)["spotwarden:intent"] == intent.intent_id
    with pytest.raises(UsageError, match="one by one"):
        effect_of(action).undo(action, {"created": 0}, launched)


def test_a_dry_pool_launches_nothing_and_says_so(ground, actuation):
    action, before = ground.runs(ground.fresh("dry")), ground.seen()
    ground.sim.dry("m5.large", "us-east-1a")
    try:
        outcome = done(actuation, action)
    finally:
        ground.sim.dry("m5.large", "us-east-1a", dry=False)
    assert outcome.status == "failed"
    assert "InsufficientInstanceCapacity" in outcome.message
    assert writes(ground, before) == []


def test_one_instance_is_undone_by_terminating_it(ground):
    action = ground.runs(ground.fresh("one"))
    effect = effect_of(action)
    intent = ground.intent(action)
    ground.carry_out(action, effect.subject(ground.reader, action), intent)
    back = effect.undo(action, {"created": 0}, effect.result(ground.reader, intent.intent_id, action))
    assert (back.operation, len(back.instance_ids)) == ("terminate", 1)
    assert back.fleet.fleet_id == back.instance_ids[0]
    ground.raw("ec2").terminate_instances(InstanceIds=list(back.instance_ids))
    assert ground.observe(action, intent) == {"created": 1}  # it happened, whatever became of it
    with pytest.raises(NotFound):
        effect.result(ground.reader, intent.intent_id, action)


def test_a_name_of_an_instance_that_lives_is_refused(ground, actuation):
    with pytest.raises(UsageError, match="borne by i-"):
        proposed(actuation, ground.runs("lone-saver"))
    proposed(actuation, ground.runs("lone-*"))  # a star is a letter of a name, not any text


def test_a_template_that_itself_buys_spot_runs_nothing_on_demand(ground, actuation):
    data = {"InstanceMarketOptions": {"MarketType": "spot"}}
    made = ground.raw("ec2").create_launch_template_version(
        LaunchTemplateId=ground.template_id, SourceVersion="1", LaunchTemplateData=data
    )
    number = made["LaunchTemplateVersion"]["VersionNumber"]
    with pytest.raises(UsageError, match="itself buys spot"):
        proposed(actuation, ground.runs(ground.fresh("x"), launch_template_version=number, purchase_option="on-demand"))
    with pytest.raises(UsageError, match="itself buys spot"):
        proposed(actuation, ground.a_fleet(ground.fresh("x"), launch_template_version=number))


# launch template versions


def test_a_new_version_is_a_copy_with_what_was_named_and_nothing_uses_it(ground, actuation):
    action = ground.a_version(image_id="ami-0123456789abcdef0")
    saved = actuation.propose(action, by="person:test", actor="person", rationale="a test")
    assert saved.proposal.preview.added_cost_usd_per_day == 0
    outcome = done(actuation, action)
    assert outcome.status == "done"
    newest = ground.reader.template_versions(action.launch_template_id)[-1]
    assert f"{newest.template_id}:{newest.number}" == outcome.items[0].item
    assert (newest.instance_type, newest.image_id, newest.default) == ("m6i.large", "ami-0123456789abcdef0", False)
    assert newest.description.startswith("spotwarden:intent=i-")


# what the account answers late, by halves, or with somebody else in it


@CREATIONS
def test_an_old_view_of_the_account_leaves_a_creation_unknown_until_it_shows(ground, actuation, operation):
    action, before = A_CREATION[operation](ground), ground.seen()
    looked = {
        "CreateFleet": "DescribeTags",
        "RunInstances": "DescribeInstances",
        "CreateLaunchTemplateVersion": "DescribeLaunchTemplateVersions",
    }[operation]
    proposal_id = proposed(actuation, action)
    ground.sim.fail(looked, "stale", times=0, seconds=200)
    ground.sim.fail(operation, "timeout-after-effect")
    assert actuation.act(proposal_id, by="person:test").status == "unknown"
    ground.sim.advance(150)
    ((_, outcome),) = actuation.reconcile()
    assert outcome.status == "unknown"
    ground.sim.advance(100)
    ((_, outcome),) = actuation.reconcile()
    assert outcome.status == "done"
    assert [o for o in writes(ground, before) if not o.endswith("Instance")] == [operation]


def test_a_fleet_of_which_half_was_launched_is_partial(ground, actuation):
    ground.sim.fail("CreateFleet", "partial")
    action = ground.a_fleet(ground.fresh("half"), fleet_type="instant", total_target_capacity=4)
    outcome = done(actuation, action)
    assert outcome.status == "partial"
    assert outcome.after == {"created": {"fleet": 1, "units": 2}}
    assert sum(i.ok for i in outcome.items) == 3  # the fleet and two instances


def test_instances_that_would_come_by_halves_do_not_come_at_all(ground, actuation):
    ground.sim.fail("RunInstances", "partial")
    action, before = ground.runs(ground.fresh("half"), count=4), ground.seen()
    outcome = done(actuation, action)
    assert (outcome.status, outcome.after) == ("failed", {"created": 0})
    assert writes(ground, before) == []


def test_a_fleet_names_each_type_and_each_subnet_once(ground):
    for twice in ({"instance_types": (TYPES[0], TYPES[0])}, {"subnet_ids": ground.subnets(1) * 2}):
        with pytest.raises(ValidationError, match="names one twice"):
            ground.a_fleet("twice", **twice)
