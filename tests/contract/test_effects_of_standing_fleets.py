"""Fleets that stand: read, changed, deleted, tried out, of both kinds. Each once, through the one way to write."""

from collections.abc import Iterator
from pathlib import Path

import botocore.session
import pytest

from agent.actuation import Actuation
from tests.contract.fleets_house import TYPES, Ground, done, open_actuation, open_ground, proposed, writes
from tools.archive.archive import open_archive
from tools.aws import trial
from tools.cloud import FleetSettings
from tools.errors import AccessDenied, InsufficientCapacity, NotFound, OutcomeUnknown, Rejected, StalePlan, UsageError
from tools.fleets.effects import effect_of
from tools.fleets.launches import desired_after
from tools.fleets.preview import draw_preview
from tools.market.advisor import SpotAdvisor
from tools.records import (
    ChangeFleet,
    DeleteFleet,
    InstanceRequirements,
    OperateInstances,
    SetTags,
    Tag,
)
from tools.risk.score import score_risk


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    with open_ground() as found:
        yield found


@pytest.fixture
def actuation(ground: Ground, tmp_path: Path) -> Iterator[Actuation]:
    with open_actuation(ground, tmp_path) as found:
        yield found


# DeleteFleet


@pytest.mark.parametrize("kind", ["ec2-fleet", "spot-fleet"])
@pytest.mark.parametrize("ends", [True, False])
def test_a_fleet_is_deleted_with_its_instances_or_without(ground, actuation, kind, ends):
    fleet = ground.made() if kind == "ec2-fleet" else ground.requested()
    assert len(fleet.instances) == 3
    action, before = DeleteFleet(fleet=fleet.ref, terminate_instances=ends), ground.seen()
    forecast = draw_preview(ground.reader, ground.clock, action, fleet)
    assert len(forecast.replaced_instances) == (3 if ends else 0)
    assert (forecast.added_cost_usd_per_day < 0) == ends
    assert not forecast.reversible
    assert desired_after(action, fleet) == 0
    outcome = done(actuation, action)
    assert (outcome.status, outcome.after) == ("done", {"fleet": "gone"})
    operation = "DeleteFleets" if kind == "ec2-fleet" else "CancelSpotFleetRequests"
    (row,) = ground.effects_since(before, operation)
    assert row["parameters"]["TerminateInstances"] == str(ends).lower()
    ground.sim.advance(60)
    ids = [i.instance_id for i in fleet.instances]
    rows = ground.raw("ec2").describe_instances(InstanceIds=ids)["Reservations"]
    states = {i["State"]["Name"] for r in rows for i in r["Instances"]}
    assert states == ({"terminated"} if ends else {"running"})


def test_a_deletion_whose_answer_was_lost_is_found_done(ground, actuation):
    action, before = DeleteFleet(fleet=ground.made().ref, terminate_instances=True), ground.seen()
    ground.sim.fail("DeleteFleets", "timeout-after-effect")
    assert done(actuation, action).status == "unknown"
    ((_, outcome),) = actuation.reconcile()
    assert outcome.status == "done"
    assert [o for o in writes(ground, before) if o != "TerminateInstance"] == ["DeleteFleets"]


def test_a_deletion_that_never_arrived_failed_once_its_horizon_is_over(ground, actuation):
    fleet = ground.made()
    ground.sim.fail("DeleteFleets", "drop")
    assert done(actuation, DeleteFleet(fleet=fleet.ref, terminate_instances=True)).status == "unknown"
    ground.sim.advance(361)
    ((_, outcome),) = actuation.reconcile()
    assert (outcome.status, outcome.after) == ("failed", {"fleet": "live"})


def test_what_aws_refuses_in_its_answer_is_told_by_item(ground):
    fleet = ground.made()
    action = DeleteFleet(fleet=fleet.ref, terminate_instances=True)
    ground.carry_out(action, fleet)
    (item,) = ground.carry_out(action, fleet).items  # deleted by now
    assert (item.item, item.ok, item.code) == (fleet.ref.fleet_id, False, "fleetNotInDeletableState")


def test_an_instant_fleet_is_not_deleted_without_its_instances(ground, actuation):
    fleet = ground.made(fleet_type="instant")
    before = ground.seen()
    with pytest.raises(UsageError, match="only together with its instances"):
        proposed(actuation, DeleteFleet(fleet=fleet.ref, terminate_instances=False))
    with pytest.raises(UsageError, match="nothing else is deleted"):
        proposed(actuation, DeleteFleet(fleet=ground.fleet("ledger").ref, terminate_instances=True))
    with pytest.raises(NotFound):
        proposed(actuation, DeleteFleet(fleet=ground.ref("ec2-fleet", "fleet-0"), terminate_instances=True))
    assert ground.seen() == before


@pytest.mark.parametrize(
    ("kind", "operation"), [("ec2-fleet", "DeleteFleets"), ("spot-fleet", "CancelSpotFleetRequests")]
)
def test_a_deletion_that_aws_could_not_make_failed_with_its_code(ground, actuation, kind, operation):
    fleet = ground.made() if kind == "ec2-fleet" else ground.requested()
    ground.sim.fail(operation, "partial")
    outcome = done(actuation, DeleteFleet(fleet=fleet.ref, terminate_instances=True))
    assert (outcome.status, outcome.after) == ("failed", {"fleet": "live"})
    assert [(i.item, i.code) for i in outcome.items] == [(fleet.ref.fleet_id, "unexpectedError")]


def test_a_fleet_that_somebody_changed_since_it_was_shown_is_not_deleted(ground, actuation):
    fleet = ground.made()
    proposal_id = proposed(actuation, DeleteFleet(fleet=fleet.ref, terminate_instances=True))
    ground.raw("ec2").create_tags(Resources=[fleet.ref.fleet_id], Tags=[{"Key": "keep", "Value": "yes"}])
    with pytest.raises(StalePlan) as stale:
        actuation.act(proposal_id, by="person:test")
    assert stale.value.drift == ("tags.keep: none → yes",)
    assert ground.reader.fleet(fleet.ref)


# Spot Fleet requests and changes


def test_a_spot_fleet_request_is_read_as_a_fleet(ground):
    crawlers = ground.fleet("crawlers")
    assert (crawlers.ref.kind, crawlers.fleet_type, crawlers.desired_capacity) == ("spot-fleet", "maintain", 2)
    assert crawlers.mix is not None
    assert crawlers.mix.spot_allocation_strategy == "price-capacity-optimized"
    assert crawlers.mix.on_demand_allocation_strategy == "lowest-price"
    assert crawlers.mix.instance_types == TYPES
    assert {i.instance_type for i in crawlers.instances} <= set(TYPES)
    assert crawlers.launch_template is not None
    assert crawlers.tag("team") == "search"
    assert ground.requested().mix.overrides[0].weighted_capacity == 1


def test_a_spot_fleet_request_made_of_launch_specifications_is_read_too(ground):
    specification = {
        "ImageId": "ami-0c02fb55956c7d316",
        "InstanceType": "c5.xlarge",
        "Placement": {"AvailabilityZone": "us-east-1c"},
    }
    asked = {
        "IamFleetRole": "arn:aws:iam::123456789012:role/spot",
        "TargetCapacity": 1,
        "LaunchSpecifications": [specification],
    }
    made = ground.raw("ec2").request_spot_fleet(SpotFleetRequestConfig=asked)["SpotFleetRequestId"]
    fleet = ground.reader.fleet(ground.ref("spot-fleet", made))
    assert (fleet.instance_types, fleet.zones, fleet.launch_template) == (("c5.xlarge",), ("us-east-1c",), None)
    ground.raw("ec2").cancel_spot_fleet_requests(SpotFleetRequestIds=[made], TerminateInstances=True)
    with pytest.raises(NotFound):
        ground.reader.fleet(ground.ref("spot-fleet", made))


def test_a_spot_fleet_request_changes_its_two_capacities_in_one_call(ground, actuation):
    fleet, before = ground.requested(), ground.seen()
    action = ChangeFleet(fleet=fleet.ref, desired_capacity=4, on_demand_base_capacity=2)
    saved = actuation.propose(action, by="person:test", actor="person", rationale="a test")
    assert any("legacy" in w for w in saved.proposal.preview.warnings)
    assert done(actuation, action).status == "done"
    (row,) = ground.effects_since(before, "ModifySpotFleetRequest")
    told = {k: row["parameters"][k] for k in ("TargetCapacity", "OnDemandTargetCapacity")}
    assert told == {"TargetCapacity": "4", "OnDemandTargetCapacity": "2"}
    assert row["parameters"]["ExcessCapacityTerminationPolicy"] == "default"
    ground.sim.advance(60)
    now = ground.reader.fleet(fleet.ref)
    assert (len(now.on_demand), len(now.spot)) == (2, 2)


def test_what_a_spot_fleet_request_cannot_become_is_refused(ground, actuation):
    fleet, before = ground.requested(), ground.seen()
    with pytest.raises(UsageError, match="only the capacities"):
        proposed(actuation, ChangeFleet(fleet=fleet.ref, instance_types=("c5.xlarge",)))
    other = fleet.mix.with_(spot_allocation_strategy="lowest-price")
    for settings in (FleetSettings(mix=other), FleetSettings(mix=fleet.mix.with_(on_demand_base_capacity=9))):
        intent = ground.intent(ChangeFleet(fleet=fleet.ref, desired_capacity=1))
        with pytest.raises(Rejected, match="nothing was sent"):
            ground.writer.set_fleet(intent, fleet.ref, settings)
    once = ground.requested(Type="request")
    with pytest.raises(UsageError, match="launched once"):
        proposed(actuation, ChangeFleet(fleet=once.ref, desired_capacity=1))
    with pytest.raises(Rejected, match="only requests of type maintain"):
        ground.writer.set_fleet(
            ground.intent(ChangeFleet(fleet=once.ref, desired_capacity=1)), once.ref, FleetSettings(desired_capacity=1)
        )
    assert [o for o in writes(ground, before) if o.startswith("Modify")] == []


def test_an_ec2_fleet_changes_weights_and_types_and_says_what_becomes_of_the_excess(ground, actuation):
    fleet, before = ground.made(), ground.seen()
    action = ChangeFleet(fleet=fleet.ref, instance_types=("c5.xlarge", "c6i.xlarge", "c5a.xlarge"), weights=(1, 2, 2))
    assert done(actuation, action).status == "done"
    (row,) = ground.effects_since(before, "ModifyFleet")
    assert row["parameters"]["ExcessCapacityTerminationPolicy"] == "termination"
    now = ground.reader.fleet(fleet.ref)
    assert {o.instance_type: o.weighted_capacity for o in now.mix.overrides} == {
        "c5.xlarge": 1,
        "c6i.xlarge": 2,
        "c5a.xlarge": 2,
    }
    assert now.zones == fleet.zones
    other = now.mix.with_(on_demand_allocation_strategy="lowest-price")
    intent = ground.intent(ChangeFleet(fleet=fleet.ref, desired_capacity=1))
    with pytest.raises(Rejected, match="on-demand allocation strategy"):
        ground.writer.set_fleet(intent, fleet.ref, FleetSettings(mix=other))


def test_types_and_their_weights_are_set_back_together_whatever_their_order(ground, actuation):
    fleet = ground.made(instance_types=("c6i.xlarge", "c5.xlarge"), weights=(2, 1), total_target_capacity=4)
    action = ChangeFleet(fleet=fleet.ref, instance_types=("c6i.xlarge",))
    outcome = done(actuation, action)
    assert (outcome.status, outcome.message) == ("done", "read back as wanted")
    back = effect_of(action).undo(action, outcome.before, ground.reader.fleet(fleet.ref))
    assert done(actuation, back).status == "done"
    weights = {o.instance_type: o.weighted_capacity for o in ground.reader.fleet(fleet.ref).mix.overrides}
    assert weights == {"c6i.xlarge": 2, "c5.xlarge": 1}


def test_on_demand_above_a_smaller_target_may_run_on_and_that_is_said(ground):
    fleet = ground.made(total_target_capacity=4, on_demand_target_capacity=3)
    action = ChangeFleet(fleet=fleet.ref, on_demand_base_capacity=1)
    said = draw_preview(ground.reader, ground.clock, action, fleet).warnings
    assert any("not that it ends on-demand ones" in w for w in said)


def test_a_fleet_that_chooses_types_by_attributes_is_read_so_and_keeps_them(ground, actuation):
    made = ground.raw("ec2").create_fleet(
        Type="maintain",
        LaunchTemplateConfigs=[
            {
                "LaunchTemplateSpecification": {"LaunchTemplateId": ground.template_id, "Version": "1"},
                "Overrides": [{"InstanceRequirements": {"VCpuCount": {"Min": 2}, "MemoryMiB": {"Min": 4096}}}],
            }
        ],
        TargetCapacitySpecification={"TotalTargetCapacity": 1, "DefaultTargetCapacityType": "spot"},
    )
    fleet = ground.reader.fleet(ground.ref("ec2-fleet", made["FleetId"]))
    asked = InstanceRequirements(min_vcpus=2, min_memory_mib=4096)
    assert (fleet.mix.instance_requirements, fleet.mix.overrides) == (asked, ())
    for wish in ({"instance_types": ("c5.xlarge",)}, {"instance_requirements": asked.with_(min_vcpus=4)}):
        with pytest.raises(UsageError, match="attributes"):
            effect_of(ChangeFleet(fleet=fleet.ref, **wish)).check(ChangeFleet(fleet=fleet.ref, **wish), fleet)
    assert done(actuation, ChangeFleet(fleet=fleet.ref, desired_capacity=2)).status == "done"
    assert ground.reader.fleet(fleet.ref).mix == fleet.mix


# what the law looks at


def test_how_much_is_wanted_after_an_operation_counts_those_that_need_it(ground):
    group = ground.fleet("trainers")
    ids = tuple(i.instance_id for i in group.instances[:2])
    standing_by = group.with_(
        instances=(group.instances[0].with_(lifecycle_state="Standby"), *group.instances[1:]),
    )
    for operation, lower, fleet, wanted in (
        ("enter-standby", True, group, 2),
        ("enter-standby", True, standing_by, 3),
        ("enter-standby", False, group, 4),
        ("exit-standby", False, standing_by, 5),
        ("terminate", True, group, 2),
        ("terminate", False, group, 4),
    ):
        action = OperateInstances(fleet=group.ref, operation=operation, instance_ids=ids, lower_desired_capacity=lower)
        assert desired_after(action, fleet) == wanted, (operation, lower)
    lone = group.with_(ref=ground.ref("instance", ids[0]), desired_capacity=1, instances=group.instances[:1])
    stop = OperateInstances(fleet=lone.ref, operation="stop", instance_ids=ids[:1])
    assert desired_after(stop, lone) == 0
    assert desired_after(stop.with_(operation="start"), lone) == 1


def test_a_spot_fleet_request_is_advised_to_become_an_ec2_fleet(ground, tmp_path):
    advisor = SpotAdvisor(ground.sim.advisor_url, cache=None, clock=ground.clock)
    with open_archive(tmp_path / "archive.db", clock=ground.clock) as archive:
        risk = score_risk.run(ground.reader, ground.clock, archive, advisor, "crawlers")
    assert any("legacy: create an EC2 Fleet" in said for said in risk.advice)


# AWS's own DryRun


def test_aws_says_that_it_would_do_it_and_does_not(ground):
    deleted = ground.made()
    would = {
        "ec2:CreateFleet": ground.a_fleet(ground.fresh("tried")),
        "ec2:RunInstances": ground.runs(ground.fresh("tried")),
        "ec2:CreateLaunchTemplateVersion": ground.a_version(),
        "ec2:ModifyFleet": ChangeFleet(fleet=deleted.ref, desired_capacity=2),
        "ec2:DeleteFleets": DeleteFleet(fleet=deleted.ref, terminate_instances=True),
        "ec2:CancelSpotFleetRequests": DeleteFleet(fleet=ground.fleet("crawlers").ref, terminate_instances=False),
        "ec2:CreateTags": SetTags(fleet=deleted.ref, tags=(Tag(key="a", value="b"),)),
    }
    before = ground.seen()
    for call, action in would.items():
        assert ground.writer.try_out(action) == trial.WOULD.format(call=call)
    for action in (
        ChangeFleet(fleet=ground.fleet("ledger").ref, desired_capacity=3),
        ChangeFleet(fleet=ground.fleet("crawlers").ref, desired_capacity=3),
    ):
        assert ground.writer.try_out(action) == ""  # these APIs have no DryRun
    assert ground.seen() == before


def test_a_dry_run_raises_what_aws_would_refuse_with(ground):
    action, before = ground.runs(ground.fresh("denied")), ground.seen()
    ground.sim.fail("RunInstances", "access-denied")
    with pytest.raises(AccessDenied, match="ec2:RunInstances"):
        ground.writer.try_out(action)
    ground.sim.dry("m5.large", "us-east-1a")
    try:
        with pytest.raises(InsufficientCapacity):
            ground.writer.try_out(action)
    finally:
        ground.sim.dry("m5.large", "us-east-1a", dry=False)
    assert ground.seen() == before


def test_every_call_that_is_tried_out_has_a_dry_run_in_the_model_of_ec2():
    model = botocore.session.get_session().get_service_model("ec2")
    for operation in trial._HAVE_IT:
        assert "DryRun" in model.operation_model(operation).input_shape.members
    assert "DryRun" not in model.operation_model("ModifySpotFleetRequest").input_shape.members


def test_an_unknown_outcome_is_raised_by_the_writer_itself(ground):
    action = ground.a_fleet(ground.fresh("gone"))
    ground.sim.fail("CreateFleet", "drop")
    with pytest.raises(OutcomeUnknown):
        ground.carry_out(action, effect_of(action).subject(ground.reader, action))
