"""What the law is told of each kind of action, on the proving ground: is it true after the action?"""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest

from agent.actuation import Actuation
from policies.document import parse_policy
from policies.records import Decision, Facts
from tests.contract.conftest import World
from tests.contract.ground_house import group, open_ground, open_hand, ref, row_of
from tools.errors import Denied
from tools.records import (
    ACTION_TYPES,
    Action,
    AttachVolume,
    ChangeFleet,
    CreateFleet,
    CreateSnapshots,
    CreateVolume,
    DeleteFleet,
    DeleteVolume,
    Fleet,
    OperateInstances,
    ReplaceInstances,
    RunInstances,
    SetTags,
    SetTargets,
    SetVolumeRetention,
    StartInstanceRefresh,
    Tag,
)

pytestmark = pytest.mark.accepts("P-16", "DC-02")


def everything(head: str = "") -> str:
    """One policy that names every action, for whatever the account has."""
    return f"""
version: 1
accounts: [{{id: "123456789012", regions: [us-east-1], write_role: current}}]
{head}
policies:
  - name: alone
    resource: any
    mode: {{type: autonomous}}
    actions: [{", ".join(ACTION_TYPES)}]
"""


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with open_ground() as found:
        yield found


@pytest.fixture
def actuation(world: World, tmp_path) -> Iterator[Actuation]:
    with open_hand(world, tmp_path) as hand:
        yield under(hand.actuation)


def under(actuation: Actuation, head: str = "") -> Actuation:
    law = parse_policy(everything(head), source="test")
    return replace(actuation, policy=lambda: law)


def judged(actuation: Actuation, action: Action, actor: str = "agent") -> tuple[Facts, Decision]:
    saved = actuation.propose(action, by=actor, actor=actor, rationale="of a test")
    return saved.proposal.facts, saved.decision


def facts(actuation: Actuation, action: Action, actor: str = "agent") -> Facts:
    return judged(actuation, action, actor)[0]


def operate(fleet: Fleet, operation: str, count: int = 1, **more) -> OperateInstances:
    ids = tuple(i.instance_id for i in fleet.instances[:count])
    return OperateInstances(fleet=fleet.ref, operation=operation, instance_ids=ids, **more)


def alone(world: World, name: str = "lone-saver") -> Fleet:
    rows = world.raw("ec2").describe_instances(Filters=[{"Name": "tag:Name", "Values": [name]}])["Reservations"]
    return world.reader.fleet(ref(world, "instance", rows[0]["Instances"][0]["InstanceId"]))


def fleet_of(world: World, kind: str) -> Fleet:
    return next(f for f in world.reader.fleets() if f.ref.kind == kind)


def template(world: World) -> dict:
    found = group(world).launch_template
    return {"launch_template_id": found.template_id, "launch_template_version": 1}


def subnet(world: World) -> str:
    return row_of(world)["VPCZoneIdentifier"].split(",")[0]


def runs(world: World, **more) -> RunInstances:
    return RunInstances(
        **{"fleet": ref(world, "instance", "new"), **template(world), "instance_type": "m5.large"}
        | {"subnet_id": subnet(world), "count": 3, "purchase_option": "on-demand", **more}
    )


def creates(world: World, **more) -> CreateFleet:
    return CreateFleet(
        **{"fleet": ref(world, "ec2-fleet", "new-fleet"), **template(world), "instance_types": ("m5.large",)}
        | {"subnet_ids": (subnet(world),), "fleet_type": "maintain", "total_target_capacity": 3}
        | {"on_demand_target_capacity": 1, "spot_allocation_strategy": "price-capacity-optimized"}
        | {"on_demand_allocation_strategy": "lowest-price", **more}
    )


def drains(fleet: Fleet, count: int) -> SetTargets:
    ids = tuple(i.instance_id for i in fleet.instances[:count])
    return SetTargets(
        fleet=fleet.ref, target_group_arn=fleet.target_groups[0], instance_ids=ids, registered=False, seconds_left=60
    )


def refresh(fleet: Fleet) -> StartInstanceRefresh:
    return StartInstanceRefresh(
        fleet=fleet.ref, min_healthy_percentage=90, instance_warmup_seconds=60, skip_matching=False
    )


@pytest.mark.parametrize(
    ("operation", "lower", "desired", "gone"),
    [
        ("terminate", False, 0, 1),
        ("terminate", True, -1, 1),
        ("enter-standby", False, 0, 1),
        ("enter-standby", True, -1, 1),
    ],
)
def test_operations_tell_what_capacity_they_leave_and_what_leaves_service(
    world, actuation, operation, lower, desired, gone
):
    trainers = group(world)
    told = facts(actuation, operate(trainers, operation, lower_desired_capacity=lower))
    assert told.desired_capacity_after == trainers.desired_capacity + desired
    assert told.instances_replaced == gone


def test_an_on_demand_floor_sees_what_enters_standby(world, actuation):
    ledger = group(world, "ledger")
    kept = facts(actuation, operate(ledger, "enter-standby"))
    lowered = facts(actuation, operate(ledger, "enter-standby", lower_desired_capacity=True))
    assert (kept.on_demand_instances_after, lowered.on_demand_instances_after) == (2, 1)


def test_a_group_that_counts_by_weights_does_not_tell_what_an_operation_leaves(world, actuation):
    weights = {"instance_types": ("m5.large", "m6i.large", "m5a.large"), "weights": (2, 2, 2)}
    outcome = ChangeFleet(fleet=group(world).ref, **weights)
    saved = actuation.propose(outcome, by="agent", actor="agent", rationale="of a test")
    assert saved.decision.verdict == "allow", saved.decision.reasons
    assert actuation.act(saved.proposal.proposal_id, by="agent").status == "done"
    try:
        told = facts(actuation, operate(group(world), "terminate", lower_desired_capacity=True))
        assert (told.desired_capacity_after, told.on_demand_instances_after) == (None, None)
        assert told.whole == len(group(world).instances)
    finally:
        back = ChangeFleet(fleet=group(world).ref, **{**weights, "weights": (1, 1, 1)})
        saved = actuation.propose(back, by="agent", actor="agent", rationale="of a test")
        assert actuation.act(saved.proposal.proposal_id, by="agent").status == "done"


def test_stopping_the_only_instance_leaves_no_capacity(world, actuation):
    told = facts(actuation, operate(alone(world, "lone-spot"), "stop"))
    assert (told.desired_capacity_after, told.on_demand_instances_after, told.instances_replaced) == (0, 0, 1)


@pytest.mark.parametrize("ends", [True, False])
def test_a_deleted_fleet_holds_no_capacity_and_touches_every_instance(world, actuation, ends):
    fleet = fleet_of(world, "ec2-fleet")
    told = facts(actuation, DeleteFleet(fleet=fleet.ref, terminate_instances=ends))
    assert (told.desired_capacity_after, told.on_demand_instances_after, told.mix_after) == (0, 0, None)
    assert set(told.instance_ids) == {i.instance_id for i in fleet.instances}
    assert told.instances_replaced == (len(fleet.instances) if ends else 0)


def test_what_is_created_adds_all_that_it_costs_and_was_nothing_before(world, actuation):
    told = facts(actuation, creates(world))
    assert (told.desired_capacity, told.desired_capacity_after, told.on_demand_instances_after) == (0, 3, 1)
    assert (told.mix_before, told.zones, told.resource) == (None, 1, "aws.ec2-fleet")
    assert told.added_cost_usd_per_day > 0
    ran = facts(actuation, runs(world))
    assert (ran.desired_capacity_after, ran.on_demand_instances_after) == (3, 3)
    assert ran.added_cost_usd_per_day > told.added_cost_usd_per_day


def test_what_kept_volumes_and_detached_instances_cost_is_not_known(world, actuation):
    saver, trainers = alone(world), group(world)
    one = {"fleet": saver.ref, "instance_id": saver.instances[0].instance_id}
    keep = SetVolumeRetention(**one, device_names=("/dev/xvda",), delete_on_termination=False)
    detach = ReplaceInstances(fleet=trainers.ref, instance_ids=(trainers.instances[0].instance_id,))
    for action in (keep, detach):
        assert facts(actuation, action).added_cost_usd_per_day is None
        budget = under(actuation, "budgets: [{name: extra, limit: 99, per: day, measure: added_cost}]")
        assert judged(budget, action)[1].verdict == "ask"
    assert facts(actuation, detach, "reflex").added_cost_usd_per_day is not None


@pytest.mark.accepts("EB-05")
def test_copies_are_taken_from_the_budget_at_what_they_cost_at_most(world, actuation):
    """Snapshots as if they stored their whole volumes: 28 GiB at $0.05; a volume as it is: 20 GiB of gp3 at $0.08."""
    saver = alone(world)
    volumes = tuple(v.volume_id for v in saver.instances[0].volumes)
    (kept,) = (s for s in world.reader.snapshots() if {t.value for t in s.tags} >= {"kept-data"})
    restore = {"zone_name": "us-east-1b", "volume_type": "gp3", "size_gib": 20, "encrypted": False}
    snapshots = CreateSnapshots(
        fleet=saver.ref, instance_id=saver.ref.fleet_id, volume_ids=volumes, exclude_boot_volume=False
    )
    volume = CreateVolume(fleet=saver.ref, snapshot_id=kept.snapshot_id, **restore)
    for action, month in ((snapshots, "1.40"), (volume, "1.60")):
        told = facts(actuation, action)
        assert round(told.added_cost_usd_per_day * 730 / 24, 2) == Decimal(month)
        budget = under(actuation, "budgets: [{name: extra, limit: 99, per: day, measure: added_cost}]")
        assert judged(budget, action)[1].verdict == "allow"
        tight = under(actuation, "budgets: [{name: extra, limit: 0.01, per: day, measure: added_cost}]")
        assert judged(tight, action)[1].clauses == ("budgets.extra",)


@pytest.mark.accepts("EB-05")
def test_deleting_asks_in_every_mode_and_a_protected_volume_is_not_even_attached(world, actuation):
    saver = alone(world)
    kept = next(v for v in world.reader.volumes() if {t.value for t in v.tags} >= {"kept-data"})
    ref = saver.ref.with_(kind="volume", fleet_id=kept.volume_id)
    told, decision = judged(actuation, DeleteVolume(fleet=ref, volume_id=kept.volume_id))
    assert (decision.verdict, decision.clauses) == ("ask", ("volumes",))
    assert (told.resource, told.tags["Name"], told.instances) == ("aws.ebs", "kept-data", 0)
    assert told.added_cost_usd_per_day < 0
    attach = AttachVolume(
        fleet=saver.ref, volume_id=kept.volume_id, instance_id=saver.ref.fleet_id, device_name="/dev/sdh"
    )
    assert judged(actuation, attach)[1].verdict == "allow"
    law = under(actuation, "protect: {tags: [{key: Name, value: kept-data}]}")
    assert judged(law, attach)[1].clauses == ("protect.tags",)


def test_no_notice_asks_for_a_snapshot(world, actuation):
    saver = alone(world)
    volumes = tuple(v.volume_id for v in saver.instances[0].volumes)
    action = CreateSnapshots(
        fleet=saver.ref, instance_id=saver.ref.fleet_id, volume_ids=volumes, exclude_boot_volume=False
    )
    assert facts(actuation, action, "reflex").actor == "reflex"
    saved = actuation.propose(action, by="reflex", actor="reflex", rationale="of a test")
    assert saved.decision.verdict == "deny"


def test_where_the_choice_is_awss_every_instance_may_be_touched(world, actuation):
    ledger = group(world, "ledger")
    shrink = ChangeFleet(fleet=ledger.ref, desired_capacity=1)
    chosen = facts(actuation, shrink)
    assert (chosen.instances_replaced, len(chosen.instance_ids)) == (1, 2)
    for instance in ledger.instances:
        law = under(actuation, f"protect: {{instance_ids: [{instance.instance_id}]}}")
        assert judged(law, shrink)[1].verdict == "deny"


# blast radius


@pytest.mark.parametrize(
    "make",
    [refresh, lambda f: drains(f, 4), lambda f: operate(f, "terminate", 3)],
    ids=["refresh", "drain", "terminate"],
)
def test_half_of_a_fleet_in_an_hour_asks_where_the_document_says_nothing(world, actuation, make):
    _, decision = judged(actuation, make(group(world)))
    assert (decision.verdict, decision.clauses) == ("ask", ("blast_radius.max_instances_replaced",))


@pytest.mark.parametrize(
    "make",
    [
        lambda w: refresh(group(w)),
        lambda w: drains(group(w), 2),
        lambda w: operate(group(w), "terminate", 2),
        lambda w: operate(group(w), "enter-standby", 2),
        lambda w: DeleteFleet(fleet=fleet_of(w, "ec2-fleet").ref, terminate_instances=True),
        lambda w: DeleteFleet(fleet=fleet_of(w, "spot-fleet").ref, terminate_instances=True),
        lambda w: ReplaceInstances(
            fleet=group(w).ref, instance_ids=tuple(i.instance_id for i in group(w).instances[:2])
        ),
        lambda w: ChangeFleet(fleet=group(w).ref, desired_capacity=2),
    ],
    ids=["refresh", "drain", "terminate", "standby", "delete", "cancel", "detach", "shrink"],
)
def test_every_kind_is_held_by_the_blast_radius(world, actuation, make):
    law = under(actuation, "blast_radius: {max_instances_replaced: {percent: 25, count: 1, per: 1h}}")
    _, decision = judged(law, make(world))
    assert (decision.verdict, decision.clauses) == ("deny", ("blast_radius.max_instances_replaced",))


def test_the_reflex_drains_what_ec2_takes_and_counts_it_once(world, actuation):
    assert facts(actuation, drains(group(world), 2), "reflex").instances_replaced == 0
    assert facts(actuation, drains(group(world), 2)).instances_replaced == 2


def test_slice_after_slice_comes_to_the_same_limit(world, actuation):
    """Each drain alone is small; the window counts them, and the intent's own transaction too."""
    law = under(actuation, "blast_radius: {max_instances_replaced: {count: 2, per: 1h}}")
    trainers, ids = group(world), []
    targets = [{"Id": i.instance_id} for i in trainers.instances]
    world.raw("elbv2").register_targets(TargetGroupArn=trainers.target_groups[0], Targets=targets)
    for instance in trainers.instances[:3]:
        action = drains(trainers, 1).with_(instance_ids=(instance.instance_id,))
        ids.append(law.propose(action, by="agent", actor="agent", rationale="of a test").proposal.proposal_id)
    assert [law.act(i, by="agent").status for i in ids[:2]] == ["done", "done"]
    with pytest.raises(Denied, match="at most 2 are allowed"):
        law.act(ids[2], by="agent")
    use = law.journal.use(
        law.policy().measures(drains(trainers, 1), facts(law, drains(trainers, 1))),
        fleet=trainers.ref.label,
        now=world.clock.now(),
    )
    assert use.instances_replaced == {"1h": 2}


def test_single_instances_are_counted_together(world, actuation):
    law = under(actuation, "blast_radius: {max_instances_replaced: {percent: 25, count: 1, per: 1h}}")
    first, second = operate(alone(world, "lone-spot"), "stop"), operate(alone(world), "stop")
    done = law.propose(first, by="agent", actor="agent", rationale="of a test")
    assert done.decision.verdict == "allow", done.decision.reasons
    assert law.act(done.proposal.proposal_id, by="agent").status == "done"
    assert judged(law, second)[1].clauses == ("blast_radius.max_instances_replaced",)


# money


def test_what_is_launched_is_taken_from_the_budget(world, actuation):
    law = under(actuation, "budgets: [{name: extra, limit: 1000, per: day, measure: added_cost}]")
    saved = law.propose(runs(world, count=1), by="agent", actor="agent", rationale="of a test")
    (taken,) = saved.decision.reservations
    assert taken.amount == saved.proposal.facts.added_cost_usd_per_day > Decimal(0)
    tight = under(actuation, "budgets: [{name: extra, limit: 1, per: day, measure: added_cost}]")
    assert judged(tight, creates(world))[1].clauses == ("budgets.extra",)


# whose tags


@pytest.mark.accepts("P-15")
@pytest.mark.parametrize("make", [creates, runs])
def test_a_creation_whose_tags_a_policy_goes_by_asks(world, actuation, make):
    text = everything() + '    filters: [{"tag:workload": batch}]\n'
    law = replace(actuation, policy=lambda: parse_policy(text, source="test"))
    tagged = make(world, tags=(Tag(key="workload", value="batch"),))
    assert judged(law, tagged)[1].clauses == ("tags",)
    assert judged(law, tagged)[1].verdict == "ask"
    assert judged(law, make(world))[1].verdict == "deny", "no policy names it for what bears no such tag"
    assert judged(actuation, make(world))[1].verdict == "allow"


def test_a_protected_single_instance_is_not_even_tagged(world, actuation):
    saver = alone(world)
    law = under(actuation, f"protect: {{instance_ids: [{saver.ref.fleet_id}]}}")
    _, decision = judged(law, SetTags(fleet=saver.ref, tags=(Tag(key="colour", value="red"),)))
    assert decision.clauses == ("protect.instance_ids",)
