"""Fleets and instances that are created, changed and ended, through the one way to write: each once, found by its tag."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from agent.actuation import Actuation
from agent.journal.journal import Journal
from policies.document import parse_policy
from tests.contract.conftest import World, opened
from tools.archive.archive import open_archive
from tools.aws import trial
from tools.cloud import FleetSettings
from tools.errors import AccessDenied, InsufficientCapacity, NotFound, OutcomeUnknown, Rejected, StalePlan, UsageError
from tools.fleets.effects import effect_of
from tools.fleets.launches import desired_after
from tools.fleets.preview import draw_preview
from tools.market.advisor import SpotAdvisor
from tools.records import (
    Action,
    ChangeFleet,
    CreateFleet,
    CreateTemplateVersion,
    DeleteFleet,
    Fleet,
    FleetRef,
    OperateInstances,
    Outcome,
    RunInstances,
    SetTags,
    Tag,
)
from tools.risk.score import score_risk
from tools.simulation.client import SimulatedAccount

POLICY = parse_policy(
    """
version: 1
accounts: [{id: "123456789012", regions: [us-east-1], write_role: current}]
policies:
  - name: alone
    resource: any
    mode: {type: autonomous}
    actions: [create-fleet, delete-fleet, run-instances, create-launch-template-version, set-desired-capacity,
      set-purchase-mix, set-instance-types]
""",
    source="test",
)
TYPES = ("c5.xlarge", "c6i.xlarge")


class Ground(World):
    """The proving ground, and names of things that do not exist yet."""

    number = 0

    def fresh(self, word: str) -> str:
        self.number += 1
        return f"{word}-{self.number}"

    def ref(self, kind: str, name: str) -> FleetRef:
        return FleetRef(kind=kind, fleet_id=name, account_id=self.sim.account_id, region=self.sim.region)

    @property
    def template_id(self) -> str:
        return self.raw("ec2").describe_launch_templates()["LaunchTemplates"][0]["LaunchTemplateId"]

    def subnets(self, count: int) -> tuple[str, ...]:
        rows = sorted(self.raw("ec2").describe_subnets()["Subnets"], key=lambda r: r["AvailabilityZone"])
        return tuple(r["SubnetId"] for r in rows[:count])

    def a_fleet(self, name: str, **changed: Any) -> CreateFleet:
        asked: dict[str, Any] = {
            "fleet": self.ref("ec2-fleet", name),
            "launch_template_id": self.template_id,
            "launch_template_version": 1,
            "instance_types": TYPES,
            "subnet_ids": self.subnets(2),
            "fleet_type": "maintain",
            "total_target_capacity": 3,
            "on_demand_target_capacity": 1,
            "spot_allocation_strategy": "price-capacity-optimized",
            "on_demand_allocation_strategy": "prioritized",
            "tags": (Tag(key="team", value="studio"),),
        }
        return CreateFleet(**(asked | changed))

    def runs(self, name: str, **changed: Any) -> RunInstances:
        asked: dict[str, Any] = {
            "fleet": self.ref("instance", name),
            "launch_template_id": self.template_id,
            "launch_template_version": 1,
            "instance_type": "m5.large",
            "subnet_id": self.subnets(1)[0],
            "count": 1,
            "purchase_option": "spot",
            "tags": (Tag(key="team", value="research"),),
        }
        return RunInstances(**(asked | changed))

    def a_version(self, **changed: Any) -> CreateTemplateVersion:
        asked: dict[str, Any] = {
            "fleet": self.fleet("renderers").ref,
            "launch_template_id": self.template_id,
            "source_version": 1,
            "instance_type": "m6i.large",
        }
        return CreateTemplateVersion(**(asked | changed))

    def made(self, **changed: Any) -> Fleet:
        """A fleet that somebody created, up and running."""
        action = self.a_fleet(self.fresh("made"), **changed)
        intent = self.intent(action)
        self.carry_out(action, effect_of(action).subject(self.reader, action), intent)
        self.sim.advance(60)
        return effect_of(action).result(self.reader, intent.intent_id, action)

    def requested(self, **changed: Any) -> Fleet:
        """A Spot Fleet request that somebody made."""
        asked = {
            "IamFleetRole": "arn:aws:iam::123456789012:role/spot",
            "Type": "maintain",
            "AllocationStrategy": "diversified",
            "TargetCapacity": 3,
            "OnDemandTargetCapacity": 1,
            "LaunchTemplateConfigs": [
                {
                    "LaunchTemplateSpecification": {"LaunchTemplateId": self.template_id, "Version": "1"},
                    "Overrides": [
                        {"InstanceType": t, "SubnetId": self.subnets(1)[0], "WeightedCapacity": 1.0} for t in TYPES
                    ],
                }
            ],
        }
        made = self.raw("ec2").request_spot_fleet(SpotFleetRequestConfig=asked | changed)
        self.sim.advance(60)
        return self.reader.fleet(self.ref("spot-fleet", made["SpotFleetRequestId"]))

    def tags_of(self, resource_id: str) -> dict[str, str]:
        rows = self.raw("ec2").describe_tags(Filters=[{"Name": "resource-id", "Values": [resource_id]}])["Tags"]
        return {r["Key"]: r["Value"] for r in rows}


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    with (
        SimulatedAccount.start(scenario="proving-ground", stepped=True) as sim,
        opened(sim, read_seconds=1.5) as account,
    ):
        found = Ground(sim, account)
        sim.advance(60)
        yield found
        for client in found.clients.values():
            client.close()


@pytest.fixture
def actuation(ground: Ground, tmp_path: Path) -> Iterator[Actuation]:
    ground.sim.advance(1)
    with Journal.open(tmp_path / "journal.db", clock=ground.clock) as journal:
        yield Actuation(
            reader=ground.reader,
            writer=ground.writer,
            journal=journal,
            policy=lambda: POLICY,
            clock=ground.clock,
            halted=lambda: False,
            audit_verified=lambda: True,
        )
    ground.sim.mend()


def proposed(actuation: Actuation, action: Action) -> str:
    saved = actuation.propose(action, by="person:test", actor="person", rationale="a test")
    if saved.status == "pending":
        actuation.answer(saved.proposal.proposal_id, answer="approve", by="person:test")
    return saved.proposal.proposal_id


def done(actuation: Actuation, action: Action) -> Outcome:
    return actuation.act(proposed(actuation, action), by="person:test")


def writes(ground: Ground, since: int) -> list[str]:
    """What came over the wire and changed something."""
    return [r["operation"] for r in ground.sim.effects(after=since) if r["service"] in ("ec2", "autoscaling")]


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
    ground.sim.advance(301)
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
    ground.sim.advance(301)
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
    ground.sim.advance(301)
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
