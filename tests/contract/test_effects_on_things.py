"""What hangs on instances, through the one way to write: targets drained, volumes kept, snapshots made. Each once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.actuation import Actuation
from agent.journal.journal import Journal
from policies.document import parse_policy
from tests.contract.conftest import World, opened
from tests.forked_accounts import started
from tools.errors import NotFound, StalePlan, UsageError
from tools.fleets.effects import effect_of
from tools.fleets.effects.targets import drain_told
from tools.records import Action, CreateSnapshots, Fleet, FleetRef, Outcome, SetTargets, SetVolumeRetention

POLICY = parse_policy(
    """
version: 1
accounts: [{id: "123456789012", regions: [us-east-1], write_role: current}]
policies:
  - name: alone
    resource: any
    mode: {type: autonomous}
    actions: [deregister-targets, register-targets, set-delete-on-termination, create-snapshots]
""",
    source="test",
)


@pytest.fixture(scope="module")
def ground() -> Iterator[World]:
    with (
        started(scenario="proving-ground", stepped=True) as sim,
        opened(sim) as account,
    ):
        found = World(sim, account)
        sim.advance(60)
        yield found
        for client in found.clients.values():
            client.close()


@pytest.fixture
def actuation(ground: World, tmp_path: Path) -> Iterator[Actuation]:
    """The house's own way to write, and afterwards every trainer is a target again."""
    ground.sim.advance(1)  # a proposal of another moment: the same one would have the same intent
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
    targets = [{"Id": i.instance_id} for i in group(ground).instances]
    ground.raw("elbv2").register_targets(TargetGroupArn=arn(ground), Targets=targets)


def propose(actuation: Actuation, action: Action) -> str:
    saved = actuation.propose(action, by="agent:test", actor="agent", rationale="of a test")
    if saved.decision.verdict == "ask":  # volumes that go with their instance; most of a group drained
        saved = actuation.answer(saved.proposal.proposal_id, answer="approve", by="person:test")
    assert saved.status in ("allowed", "approved"), saved.decision.reasons
    return saved.proposal.proposal_id


def do(actuation: Actuation, action: Action) -> Outcome:
    return actuation.act(propose(actuation, action), by="agent:test")


def group(ground: World, name: str = "trainers") -> Fleet:
    ref = FleetRef(kind="asg", fleet_id=name, account_id=ground.sim.account_id, region=ground.sim.region)
    return ground.reader.fleet(ref)


def arn(ground: World) -> str:
    return group(ground).target_groups[0]


def drain(ground: World, count: int = 1, **more: object) -> SetTargets:
    fleet = group(ground)
    wanted = {
        "target_group_arn": fleet.target_groups[0],
        "instance_ids": tuple(i.instance_id for i in fleet.instances[:count]),
        "registered": False,
        **more,
    }
    return SetTargets(fleet=fleet.ref, **wanted)


def single(ground: World, name: str) -> FleetRef:
    rows = ground.raw("ec2").describe_instances(Filters=[{"Name": "tag:Name", "Values": [name]}])["Reservations"]
    found = rows[0]["Instances"][0]["InstanceId"]
    return FleetRef(kind="instance", fleet_id=found, account_id=ground.sim.account_id, region=ground.sim.region)


def volumes(ground: World, ref: FleetRef):
    """By device."""
    return {v.device_name: v for i in ground.reader.fleet(ref).instances for v in i.volumes}


def retention(ground: World, *, delete: bool | None = None, devices: tuple[str, ...] = ("/dev/sdf",)):
    """Of a single instance with a root and a data volume; by default the other way round than it is."""
    ref = single(ground, "lone-saver")
    now = volumes(ground, ref)[devices[0]].delete_on_termination
    return SetVolumeRetention(
        fleet=ref,
        instance_id=ref.fleet_id,
        device_names=devices,
        delete_on_termination=not now if delete is None else delete,
    )


def snapshots(ground: World, *, exclude_boot_volume: bool = False) -> CreateSnapshots:
    ref = single(ground, "lone-saver")
    taken = [v for v in volumes(ground, ref).values() if not (v.root and exclude_boot_volume)]
    return CreateSnapshots(
        fleet=ref,
        instance_id=ref.fleet_id,
        volume_ids=tuple(v.volume_id for v in taken),
        exclude_boot_volume=exclude_boot_volume,
    )


THINGS = pytest.mark.parametrize(
    ("make", "operation"),
    [(drain, "DeregisterTargets"), (retention, "ModifyInstanceAttribute"), (snapshots, "CreateSnapshots")],
    ids=["targets", "volumes", "snapshots"],
)


@pytest.mark.accepts("P-25")
@THINGS
def test_it_is_sent_once_and_read_back(ground, actuation, make, operation):
    before = ground.seen()
    outcome = do(actuation, make(ground))
    assert (outcome.status, outcome.message) == ("done", "read back as wanted")
    assert outcome.before != outcome.after
    assert len(ground.effects_since(before, operation)) == 1


@pytest.mark.accepts("P-25")
@THINGS
@pytest.mark.parametrize(
    ("fault", "effects", "end"), [("timeout-after-effect", 1, "done"), ("timeout-before-effect", 0, "failed")]
)
def test_an_answer_that_was_lost_is_looked_for_and_never_sent_again(
    ground, actuation, make, operation, fault, effects, end
):
    proposal_id, before = propose(actuation, make(ground)), ground.seen()
    ground.sim.fail(operation, fault)
    assert actuation.act(proposal_id, by="agent:test").status == "unknown"
    assert actuation.act(proposal_id, by="agent:test").status in ("unknown", "done")
    ground.sim.advance(361)
    actuation.reconcile()
    assert actuation.journal.outcomes(proposal_id)[-1].status == end
    assert actuation.journal.open_intents() == ()
    assert len(ground.effects_since(before, operation)) == effects


@pytest.mark.accepts("P-25")
@THINGS
def test_what_aws_refuses_did_not_happen(ground, actuation, make, operation):
    before = ground.seen()
    ground.sim.fail(operation, "throttle")
    assert do(actuation, make(ground)).status == "failed"
    assert ground.effects_since(before, operation) == []


# targets


@pytest.mark.accepts("EB-08")
def test_only_those_that_are_registered_are_named_and_who_has_left_is_left_alone(ground, actuation):
    one, two = drain(ground, 1), drain(ground, 2)
    do(actuation, one)
    before = ground.seen()
    outcome = do(actuation, two)
    assert set(outcome.before["registered"].values()) == {"yes", "no"}
    assert set(outcome.after["registered"].values()) == {"no"}
    (row,) = ground.effects_since(before, "DeregisterTargets")
    assert [i for i in row["ids"] if i.startswith("i-")] == [two.instance_ids[1]]
    assert do(actuation, two).status == "already"
    assert len(ground.effects_since(before, "DeregisterTargets")) == 1


def test_registering_names_only_those_that_are_not_as_the_others_would_be_checked_anew(ground, actuation):
    one = drain(ground, 1)
    do(actuation, one)
    before = ground.seen()
    both = drain(ground, 2, registered=True)
    assert set(do(actuation, both).after["registered"].values()) == {"yes"}
    (row,) = ground.effects_since(before, "RegisterTargets")
    assert [i for i in row["ids"] if i.startswith("i-")] == list(one.instance_ids)


@pytest.mark.accepts("EB-08")
def test_a_drain_is_undone_by_registering_those_that_it_took_out(ground, actuation):
    elsewhere = drain(ground, 1)
    do(actuation, elsewhere)
    taken = drain(ground, 3)
    outcome = do(actuation, taken)
    undo = effect_of(taken).undo(taken, outcome.before, group(ground))
    assert undo.instance_ids == taken.instance_ids[1:]
    assert do(actuation, undo).status == "done"
    health = ground.reader.target_health(arn(ground))
    assert [health[i] for i in taken.instance_ids] == ["draining", "healthy", "healthy"]
    with pytest.raises(UsageError, match="changed none"):
        effect_of(taken).undo(taken, outcome.after, group(ground))


def test_a_target_on_a_port_of_its_own_is_deregistered_on_that_port(ground, actuation):
    action = drain(ground, 1)
    elb, (ours,) = ground.raw("elbv2"), action.instance_ids
    elb.register_targets(TargetGroupArn=arn(ground), Targets=[{"Id": ours, "Port": 8081}])
    before = ground.seen()
    assert do(actuation, action).after == {"registered": {ours: "no"}}
    (row,) = ground.effects_since(before, "DeregisterTargets")
    assert ground.reader.target_group(arn(ground)).deregistration_delay_seconds == 60
    assert sorted(v for k, v in row["parameters"].items() if k.endswith(".Port")) == ["80", "8081"]
    rows = elb.describe_target_health(TargetGroupArn=arn(ground))["TargetHealthDescriptions"]
    mine = [r for r in rows if r["Target"]["Id"] == ours]
    assert {(r["Target"]["Port"], r["TargetHealth"]["State"]) for r in mine} == {(80, "draining"), (8081, "draining")}
    ground.sim.advance(61)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("arn:aws:elasticloadbalancing:eu-west-3:123456789012:targetgroup/trainers/686a1eb2db3dd8b3", "us-east-1"),
        ("arn:aws:elasticloadbalancing:us-east-1:210987654321:targetgroup/trainers/686a1eb2db3dd8b3", "123456789012"),
        ("trainers", "whole ARN"),
    ],
)
def test_a_target_group_of_another_account_or_region_is_refused(ground, actuation, wrong, said):
    before = ground.seen()
    with pytest.raises((UsageError, NotFound)) as refused:
        propose(actuation, drain(ground, target_group_arn=wrong))
    assert said in refused.value.message + refused.value.hint
    assert ground.seen() == before


def test_a_target_group_that_is_not_the_fleets_must_hold_its_instance(ground, actuation):
    elb = ground.raw("elbv2")
    vpc = elb.describe_target_groups()["TargetGroups"][0]["VpcId"]
    made = elb.create_target_group(Name="by-hand", Protocol="HTTP", Port=80, VpcId=vpc, TargetType="instance")
    other = made["TargetGroups"][0]["TargetGroupArn"]
    action = drain(ground, target_group_arn=other)
    with pytest.raises(NotFound, match="by-hand holds none"):
        propose(actuation, action)
    elb.register_targets(TargetGroupArn=other, Targets=[{"Id": action.instance_ids[0]}])
    assert do(actuation, action).status == "done"
    elb.delete_target_group(TargetGroupArn=other)
    with pytest.raises(NotFound):
        propose(actuation, drain(ground, 2, target_group_arn=other))


def test_an_instance_of_another_fleet_is_not_drained(ground, actuation):
    stranger = group(ground, "ledger").instances[0].instance_id
    with pytest.raises(UsageError, match=stranger):
        propose(actuation, drain(ground, instance_ids=(stranger,)))


def test_a_group_that_lost_its_target_group_since_it_was_shown_is_refused(ground, actuation):
    action = drain(ground)
    proposal_id, before = propose(actuation, action), ground.seen()
    somebody, there = ground.raw("autoscaling"), [arn(ground)]
    somebody.detach_load_balancer_target_groups(AutoScalingGroupName="trainers", TargetGroupARNs=there)
    with pytest.raises(StalePlan) as stale:
        actuation.act(proposal_id, by="agent:test")
    assert stale.value.drift == ("target_group_attached: True → False",)
    assert ground.effects_since(before, "DeregisterTargets") == []
    somebody.attach_load_balancer_target_groups(AutoScalingGroupName="trainers", TargetGroupARNs=there)
    ground.sim.advance(61)


@pytest.mark.accepts("P-14")
@pytest.mark.parametrize(
    ("left", "delay", "said"),
    [
        (120, 300, "the deregistration delay is 300 s, and 120 s are left: connections still open after 110 s are cut"),
        (120, None, "300 s unless somebody set another, and 120 s are left: connections still open after 110 s"),
        (120, 60, "the deregistration delay is 60 s, and fits into the 120 s that are left"),
        (5, 60, "connections still open after 0 s are cut"),
        (None, 60, "cut: the deregistration delay is 60 s"),
    ],
)
def test_a_drain_is_bounded_by_the_seconds_left_and_says_so(ground, left, delay, said):
    action = drain(ground, seconds_left=left)
    assert said in drain_told(action, delay_seconds=delay)
    assert drain_told(action, delay_seconds=None) in effect_of(action).warnings(action, group(ground), None)


# volumes


def test_volumes_are_kept_and_given_up_device_by_device_and_set_back(ground, actuation):
    both = ("/dev/xvda", "/dev/sdf")
    ref = single(ground, "lone-saver")
    was = {d: v.delete_on_termination for d, v in volumes(ground, ref).items()}
    do(actuation, retention(ground, devices=("/dev/xvda",), delete=True))
    do(actuation, retention(ground, devices=("/dev/sdf",), delete=False))
    action = retention(ground, devices=both, delete=False)
    outcome = do(actuation, action)
    assert outcome.before == {"delete_on_termination": {"/dev/xvda": True, "/dev/sdf": False}}
    assert outcome.after == {"delete_on_termination": {"/dev/xvda": False, "/dev/sdf": False}}
    undo = effect_of(action).undo(action, outcome.before, ground.reader.fleet(ref))
    assert (undo.device_names, undo.delete_on_termination) == (("/dev/xvda",), True)
    assert [do(actuation, undo).status for _ in range(2)] == ["done", "already"]
    for device, delete in was.items():
        do(actuation, retention(ground, devices=(device,), delete=delete))


def test_a_volume_that_somebody_set_otherwise_since_is_refused(ground, actuation):
    action = retention(ground)
    proposal_id, before = propose(actuation, action), ground.seen()
    ground.raw("ec2").modify_instance_attribute(
        InstanceId=action.instance_id,
        BlockDeviceMappings=[{"DeviceName": "/dev/sdf", "Ebs": {"DeleteOnTermination": action.delete_on_termination}}],
    )
    with pytest.raises(StalePlan):
        actuation.act(proposal_id, by="agent:test")
    assert len(ground.effects_since(before, "ModifyInstanceAttribute")) == 1, "somebody else's"


def test_a_managed_instance_and_a_device_that_is_not_there_are_refused(ground, actuation):
    managed = single(ground, "lone-managed")
    action = SetVolumeRetention(
        fleet=managed, instance_id=managed.fleet_id, device_names=("/dev/xvda",), delete_on_termination=False
    )
    with pytest.raises(UsageError, match=r"operated by eks\.amazonaws\.com"):
        propose(actuation, action)
    with pytest.raises(UsageError, match="no volume on /dev/sdz") as refused:
        propose(actuation, retention(ground, delete=True, devices=("/dev/sdf",)).with_(device_names=("/dev/sdz",)))
    assert "/dev/sdf, /dev/xvda" in refused.value.hint


def test_what_is_lost_with_the_root_volume_of_a_spot_instance_is_said(ground):
    fleet = group(ground)
    spot = fleet.spot[0]
    (root,) = spot.volumes
    action = SetVolumeRetention(
        fleet=fleet.ref, instance_id=spot.instance_id, device_names=("/dev/xvda",), delete_on_termination=True
    )
    said = effect_of(action).warnings(action, fleet, None)
    assert (
        f"two minutes after it says so, or somebody terminates it, what is on {root.volume_id} (root) is lost"
        in said[0]
    )
    kept = action.with_(delete_on_termination=False)
    assert "nothing attaches the kept root volume" in " ".join(effect_of(kept).warnings(kept, fleet, None))


# snapshots


def test_snapshots_of_an_instance_are_one_call_and_bear_the_intents_tag(ground, actuation):
    action, before = snapshots(ground), ground.seen()
    proposal_id = propose(actuation, action)
    said = " ".join(actuation.journal.proposal(proposal_id).proposal.preview.warnings)
    assert "crash-consistent" in said
    assert "never plan it inside a two-minute notice" in said
    outcome = actuation.act(proposal_id, by="agent:test")
    assert (outcome.before, outcome.after) == ({"created": 0}, {"created": 2})
    assert len(outcome.items) == 2
    assert {i.item.split(" of ")[1] for i in outcome.items} == set(action.volume_ids)
    assert len(ground.effects_since(before, "CreateSnapshots")) == 1
    ids = [i.item.split(" of ")[0] for i in outcome.items]
    for row in ground.raw("ec2").describe_snapshots(SnapshotIds=ids)["Snapshots"]:
        tags = {t["Key"]: t["Value"] for t in row["Tags"]}
        assert tags["spotwarden:intent"].startswith("i-")
        assert tags["Instance"] == action.instance_id
    assert actuation.act(proposal_id, by="agent:test") == outcome
    assert len(ground.effects_since(before, "CreateSnapshots")) == 1


def test_snapshots_can_leave_the_root_out_and_nothing_else(ground, actuation):
    assert do(actuation, snapshots(ground, exclude_boot_volume=True)).after == {"created": 1}
    whole = snapshots(ground)
    with pytest.raises(UsageError, match="all but its root"):
        propose(actuation, whole.with_(exclude_boot_volume=True))
    with pytest.raises(UsageError, match="EC2 would snapshot"):
        propose(actuation, whole.with_(volume_ids=whole.volume_ids[:1]))


def test_a_volume_that_was_attached_since_is_drift_and_takes_no_snapshot(ground, actuation):
    action, ec2 = snapshots(ground), ground.raw("ec2")
    proposal_id, before = propose(actuation, action), ground.seen()
    zone = ground.reader.fleet(action.fleet).instances[0].zone_name
    volume = ec2.create_volume(AvailabilityZone=zone, Size=1)["VolumeId"]
    ground.sim.advance(10)
    ec2.attach_volume(VolumeId=volume, InstanceId=action.instance_id, Device="/dev/sdg")
    with pytest.raises(StalePlan, match="changed since"):
        actuation.act(proposal_id, by="agent:test")
    ec2.detach_volume(VolumeId=volume, InstanceId=action.instance_id, Device="/dev/sdg")
    assert ground.effects_since(before, "CreateSnapshots") == []
