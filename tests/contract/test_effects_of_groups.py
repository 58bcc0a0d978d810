"""Refreshes, standby, protection, ends and tags of a group, through the one way to write: each exactly once."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.contract.conftest import World
from tests.contract.ground_house import Hand, group, open_ground, open_hand, ref, row_of, writes
from tools.errors import NotFound, OutcomeUnknown, Rejected, StalePlan, UsageError
from tools.fleets.effects import effect_of
from tools.fleets.preview import draw_preview
from tools.records import (
    Action,
    CancelInstanceRefresh,
    ChangeFleet,
    InstanceRequirements,
    OperateInstances,
    SetTags,
    StartInstanceRefresh,
    Tag,
)

NAME = "trainers"
HORIZON_SECONDS = 301


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with open_ground() as found:
        yield found


@pytest.fixture
def hand(world: World, tmp_path) -> Iterator[Hand]:
    with open_hand(world, tmp_path) as found:
        yield found


@pytest.fixture(autouse=True)
def four_in_service(world: World) -> Iterator[None]:
    """Every test finds the group as the scenario laid it: four in service, nothing protected, no refresh."""
    yield
    world.sim.mend()
    scaling = world.raw("autoscaling")
    scaling.update_auto_scaling_group(AutoScalingGroupName=NAME, MinSize=1, MaxSize=8)
    newest = next(iter(world.reader.instance_refreshes(group(world).ref)), None)
    if newest is not None and newest.status in {"Pending", "InProgress"}:
        scaling.cancel_instance_refresh(AutoScalingGroupName=NAME)
    standing = [i["InstanceId"] for i in row_of(world)["Instances"] if i["LifecycleState"] == "Standby"]
    if standing:
        scaling.exit_standby(AutoScalingGroupName=NAME, InstanceIds=standing)
    protected = [i["InstanceId"] for i in row_of(world)["Instances"] if i["ProtectedFromScaleIn"]]
    if protected:
        scaling.set_instance_protection(AutoScalingGroupName=NAME, InstanceIds=protected, ProtectedFromScaleIn=False)
    scaling.update_auto_scaling_group(AutoScalingGroupName=NAME, DesiredCapacity=4)
    world.sim.advance(600)
    assert [i["LifecycleState"] for i in row_of(world)["Instances"]] == ["InService"] * 4


def spot(world: World, count: int = 1) -> tuple[str, ...]:
    return tuple(i.instance_id for i in group(world).spot[:count])


def operate(world: World, operation: str, *, count: int = 1, lower: bool = False) -> OperateInstances:
    return OperateInstances(
        fleet=group(world).ref, operation=operation, instance_ids=spot(world, count), lower_desired_capacity=lower
    )


def refresh(world: World, **more) -> StartInstanceRefresh:
    wanted = {"min_healthy_percentage": 50, "instance_warmup_seconds": 30, "skip_matching": False, **more}
    return StartInstanceRefresh(fleet=group(world).ref, **wanted)


def out_of_standby(world: World) -> OperateInstances:
    action = operate(world, "exit-standby")
    world.raw("autoscaling").enter_standby(
        AutoScalingGroupName=NAME, InstanceIds=list(action.instance_ids), ShouldDecrementDesiredCapacity=True
    )
    return action


def unprotect(world: World) -> OperateInstances:
    action = operate(world, "unprotect-from-scale-in")
    world.raw("autoscaling").set_instance_protection(
        AutoScalingGroupName=NAME, InstanceIds=list(action.instance_ids), ProtectedFromScaleIn=True
    )
    return action


def cancel(world: World) -> CancelInstanceRefresh:
    world.raw("autoscaling").start_instance_refresh(AutoScalingGroupName=NAME)
    newest = world.reader.instance_refreshes(group(world).ref)[0]
    return CancelInstanceRefresh(fleet=group(world).ref, instance_refresh_id=newest.refresh_id)


def tag(world: World) -> SetTags:
    was = group(world).tag("owner")
    return SetTags(fleet=group(world).ref, tags=(Tag(key="owner", value="kim" if was != "kim" else "lee"),))


def untag(world: World) -> SetTags:
    put_tag(world, "leftover", "yes")
    return SetTags(fleet=group(world).ref, remove=("leftover",))


def put_tag(world: World, key: str, value: str, *, propagate: bool = False) -> None:
    row = {"ResourceId": NAME, "ResourceType": "auto-scaling-group", "Key": key, "Value": value}
    world.raw("autoscaling").create_or_update_tags(Tags=[{**row, "PropagateAtLaunch": propagate}])


@dataclass(frozen=True)
class Case:
    """One kind of action, the calls it makes, and somebody else's hand that makes what was shown untrue."""

    draw: Callable[[World], Action]
    calls: tuple[str, ...]
    stranger: Callable[[World, Action], object]


def _end_it(world: World, action: Action) -> None:
    (first, *_) = action.instance_ids
    world.raw("autoscaling").terminate_instance_in_auto_scaling_group(
        InstanceId=first, ShouldDecrementDesiredCapacity=False
    )


def _retag(world: World, _: Action) -> None:
    put_tag(world, "env", "test" if group(world).tag("env") == "prod" else "prod")


CASES = {
    "enter-standby": Case(lambda w: operate(w, "enter-standby", lower=True), ("EnterStandby",), _end_it),
    "exit-standby": Case(out_of_standby, ("ExitStandby",), _end_it),
    "protect": Case(lambda w: operate(w, "protect-from-scale-in"), ("SetInstanceProtection",), _end_it),
    "unprotect": Case(unprotect, ("SetInstanceProtection",), _end_it),
    "terminate": Case(
        lambda w: operate(w, "terminate", count=2, lower=True), ("TerminateInstanceInAutoScalingGroup",) * 2, _end_it
    ),
    "refresh": Case(
        refresh,
        ("StartInstanceRefresh",),
        lambda w, _: w.raw("autoscaling").start_instance_refresh(AutoScalingGroupName=NAME),
    ),
    "cancel": Case(
        cancel,
        ("CancelInstanceRefresh",),
        lambda w, _: w.raw("autoscaling").cancel_instance_refresh(AutoScalingGroupName=NAME),
    ),
    "tag": Case(tag, ("CreateOrUpdateTags",), _retag),
    "untag": Case(untag, ("DeleteTags",), _retag),
}
case = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


@pytest.mark.accepts("P-25")
@case
def test_it_is_done_once_and_read_back_as_wanted(world, hand, case):
    action = case.draw(world)
    before, proposal = world.seen(), hand.approved(action)
    assert writes(world, before) == []
    outcome = hand.act(proposal)
    assert (outcome.status, outcome.message) == ("done", "read back as wanted")
    assert outcome.before != outcome.after
    assert hand.act(proposal) == outcome  # asked again, the recorded outcome is told
    assert writes(world, before) == list(case.calls)
    assert [c.partition(":")[2] for c in effect_of(action).calls(action)] == list(case.calls)


@pytest.mark.parametrize("name", sorted(CASES.keys() - {"refresh", "terminate"}))  # once more is another one
def test_where_it_is_so_already_nothing_is_sent(world, hand, name):
    action = CASES[name].draw(world)
    hand.do(action)
    before = world.seen()
    if action.kind != "cancel-instance-refresh":  # whether a refresh is cancelled is read when it is acted on
        assert draw_preview(world.reader, world.clock, action, group(world)).changes == ()
    assert hand.do(action).status == "already"
    assert writes(world, before) == []


@pytest.mark.accepts("P-25")
@case
def test_an_answer_lost_after_the_effect_is_looked_for_and_never_sent_again(world, hand, case):
    action = case.draw(world)
    before, proposal = world.seen(), hand.approved(action)
    world.sim.fail(case.calls[0], "timeout-after-effect", skip=len(case.calls) - 1)
    assert hand.act(proposal).status == "unknown"
    settled = hand.settled()
    assert (settled.status, settled.message) == ("done", "found done when looked for")
    assert hand.act(proposal).status == "done"
    assert writes(world, before) == list(case.calls)


@pytest.mark.accepts("P-25")
@case
def test_while_reads_lag_behind_it_is_neither_done_nor_not(world, hand, case):
    action = case.draw(world)
    before, proposal = world.seen(), hand.approved(action)
    world.sim.fail("*", "stale", times=0, seconds=300)
    world.sim.fail(case.calls[0], "timeout-after-effect", skip=len(case.calls) - 1)
    assert hand.act(proposal).status == "unknown"
    assert hand.settled().status == "unknown"
    world.sim.advance(HORIZON_SECONDS)
    assert hand.settled().status == "done"
    assert writes(world, before) == list(case.calls)


@pytest.mark.accepts("P-25")
@case
def test_an_answer_lost_before_the_effect_stays_unknown_until_its_time_is_over(world, hand, case):
    action = case.draw(world)
    before, proposal = world.seen(), hand.approved(action)
    world.sim.fail(case.calls[0], "timeout-before-effect")
    assert hand.act(proposal).status == "unknown"
    assert hand.settled().status == "unknown"
    if action.kind == "cancel-instance-refresh":  # meanwhile the refresh comes to its own end
        world.sim.advance(HORIZON_SECONDS)
        assert hand.settled().status in {"failed", "superseded"}
    else:
        world.sim.advance(HORIZON_SECONDS)
        assert hand.settled().status == "failed"
    assert writes(world, before) == []


@case
def test_a_no_of_aws_is_a_failure_and_nothing_happened(world, hand, case):
    action = case.draw(world)
    before, proposal = world.seen(), hand.approved(action)
    world.sim.fail(case.calls[0], "throttle")
    outcome = hand.act(proposal)
    assert outcome.status == "failed"
    assert outcome.after == outcome.before
    assert hand.settled() is None
    assert writes(world, before) == []


@pytest.mark.accepts("P-20")
@case
def test_what_somebody_else_moved_since_it_was_shown_refuses_it(world, hand, case):
    action = case.draw(world)
    proposal = hand.approved(action)
    case.stranger(world, action)
    before = world.seen()
    with pytest.raises(StalePlan) as refused:
        hand.act(proposal)
    assert refused.value.drift
    assert writes(world, before) == []


# reading


def test_a_group_tells_its_template_its_targets_and_where_its_members_stand(world):
    fleet, row = group(world), row_of(world)
    specification = row["MixedInstancesPolicy"]["LaunchTemplate"]["LaunchTemplateSpecification"]
    assert fleet.launch_template.template_id == specification["LaunchTemplateId"]
    assert fleet.launch_template.version == "$Default"
    assert fleet.target_groups == tuple(row["TargetGroupARNs"])
    assert fleet.mix.on_demand_allocation_strategy == "prioritized"
    assert {i.launch_template.version for i in fleet.instances} == {"1"}
    (moved,) = out_of_standby(world).instance_ids
    now = {i.instance_id: i for i in group(world).instances}
    assert len(now) == 4
    assert {i.lifecycle_state for i in now.values() if i.instance_id != moved} == {"InService"}
    assert now[moved].in_standby


# standby, protection, ends


def test_a_move_to_standby_that_keeps_desired_capacity_launches_others(world, hand):
    action = operate(world, "enter-standby", count=2)
    shown = draw_preview(world.reader, world.clock, action, group(world))
    assert (shown.replaced_instances, shown.instances_launched) == ((), 2)
    assert shown.added_cost_usd_per_day > 0
    assert "the group launches others in their place" in shown.warnings
    hand.do(action)
    world.sim.advance(120)
    now = group(world)
    assert now.desired_capacity == 4
    assert len(now.instances) == 6  # what stands by stays a member
    assert {i.instance_id for i in now.instances if i.in_standby} == set(action.instance_ids)


def test_only_instances_that_still_need_it_are_sent(world, hand):
    action = operate(world, "enter-standby", count=3, lower=True)
    world.raw("autoscaling").enter_standby(
        AutoScalingGroupName=NAME, InstanceIds=[action.instance_ids[0]], ShouldDecrementDesiredCapacity=True
    )
    before, fleet = world.seen(), group(world)
    outcome = hand.do(action)
    assert outcome.status == "done"
    assert (outcome.before["desired_capacity"], outcome.after["desired_capacity"]) == (fleet.desired_capacity, 1)
    (row,) = world.effects_since(before, "EnterStandby")
    assert {i for i in row["ids"] if i.startswith("i-")} == set(action.instance_ids[1:])
    assert row["parameters"]["ShouldDecrementDesiredCapacity"] == "true"


@pytest.mark.parametrize(
    ("operation", "back"),
    [
        ("enter-standby", "exit-standby"),
        ("protect-from-scale-in", "unprotect-from-scale-in"),
    ],
)
def test_it_is_undone_for_what_it_moved_and_for_nothing_else(world, hand, operation, back):
    action = operate(world, operation, count=2, lower=operation == "enter-standby")
    if operation == "protect-from-scale-in":
        world.raw("autoscaling").set_instance_protection(
            AutoScalingGroupName=NAME, InstanceIds=[action.instance_ids[0]], ProtectedFromScaleIn=True
        )
        moved = action.instance_ids[1:]
    else:
        moved = action.instance_ids
    was, outcome = group(world), hand.do(action)
    undo = effect_of(action).undo(action, outcome.before, group(world))
    assert (undo.operation, undo.instance_ids) == (back, moved)
    assert hand.do(undo).status == "done"
    world.sim.advance(60)
    now = group(world)
    assert now.desired_capacity == was.desired_capacity
    assert now.state["instances"] == was.state["instances"]
    again = effect_of(undo).undo(undo, {"instances": dict.fromkeys(moved, "standby")}, now)
    assert again is None or again.lower_desired_capacity == (operation == "enter-standby")


def test_ends_are_one_call_each_with_what_becomes_of_the_capacity_said(world, hand):
    action = operate(world, "terminate", count=2)
    shown = draw_preview(world.reader, world.clock, action, group(world))
    assert set(shown.replaced_instances) == set(action.instance_ids)
    assert (shown.instances_launched, shown.reversible, len(shown.calls)) == (2, False, 2)
    before = world.seen()
    outcome = hand.do(action)
    assert [(i.item, i.ok) for i in outcome.items] == [(i, True) for i in action.instance_ids]
    rows = world.effects_since(before, "TerminateInstanceInAutoScalingGroup")
    assert [r["parameters"]["ShouldDecrementDesiredCapacity"] for r in rows] == ["false", "false"]
    world.sim.advance(120)
    assert len(group(world).instances) == 4
    assert effect_of(action).undo(action, outcome.before, group(world)) is None


@pytest.mark.parametrize(("fault", "status", "ends"), [("throttle", "partial", 1), ("access-denied", "partial", 1)])
def test_ends_that_break_off_half_way_say_which_happened(world, hand, fault, status, ends):
    action = operate(world, "terminate", count=3, lower=True)
    before, proposal = world.seen(), hand.approved(action)
    world.sim.fail("TerminateInstanceInAutoScalingGroup", fault, skip=1)
    outcome = hand.act(proposal)
    assert outcome.status == status
    assert [i.ok for i in outcome.items] == [True, False, False]
    assert outcome.items[2].code == "NotSent"
    assert len(writes(world, before)) == ends


def test_ends_that_fall_silent_half_way_are_told_item_by_item_when_their_time_is_over(world, hand):
    action = operate(world, "terminate", count=3, lower=True)
    before, proposal = world.seen(), hand.approved(action)
    world.sim.fail("TerminateInstanceInAutoScalingGroup", "timeout-before-effect", skip=1)
    unknown = hand.act(proposal)
    assert unknown.status == "unknown"
    assert f"done: {action.instance_ids[0]}; not sent: {action.instance_ids[2]}" in unknown.message
    world.sim.advance(HORIZON_SECONDS)
    settled = hand.settled()
    assert settled.status == "partial"
    assert {i.item: i.ok for i in settled.items} == dict(zip(action.instance_ids, (True, False, False), strict=True))
    assert len(writes(world, before)) == 1


def test_where_units_are_counted_by_weights_how_far_capacity_moves_is_not_claimed(world, hand):
    kinds = group(world).mix.instance_types
    action = operate(world, "enter-standby", lower=True)
    _weigh(world, dict.fromkeys(kinds, "2"))
    shown = draw_preview(world.reader, world.clock, action, group(world))
    assert [line.field for line in shown.changes] == list(action.instance_ids)
    assert any("counts by weights" in w for w in shown.warnings)
    outcome = hand.do(action)
    assert (outcome.status, set(outcome.after)) == ("done", {"instances"})
    _weigh(world, dict.fromkeys(kinds))


def _weigh(world: World, weights: dict[str, str | None]) -> None:
    overrides = [{"InstanceType": k, **({"WeightedCapacity": w} if w else {})} for k, w in weights.items()]
    world.raw("autoscaling").update_auto_scaling_group(
        AutoScalingGroupName=NAME, MixedInstancesPolicy={"LaunchTemplate": {"Overrides": overrides}}
    )


# what AWS does not do


def _of(world: World, **fields) -> OperateInstances:
    return OperateInstances(**{"fleet": group(world).ref, "instance_ids": spot(world), **fields})


BAD = {
    "a stranger": (lambda w: _of(w, operation="terminate", instance_ids=("i-0123456789abcdef0",)), "has no i-0123"),
    "stop in a group": (lambda w: _of(w, operation="stop"), "ends instances that are stopped"),
    "hibernate in a group": (lambda w: _of(w, operation="hibernate"), "ends instances that are stopped"),
    "below min by standby": (
        lambda w: operate(w, "enter-standby", count=3, lower=True), "from 4 to 1, past its min size 2",
    ),
    "below min by ends": (lambda w: operate(w, "terminate", count=3, lower=True), "past its min size 2"),
    "lower for nothing": (
        lambda w: _of(w, operation="protect-from-scale-in", lower_desired_capacity=True), "does not lower desired",
    ),
    "an ec2 fleet": (lambda w: _in_fleet(w, "renderers"), "would not last"),
    "a spot fleet": (lambda w: _in_fleet(w, "crawlers"), "would not last"),
    "a refresh of a fleet": (
        lambda w: StartInstanceRefresh(
            fleet=w.fleet("renderers").ref, min_healthy_percentage=90, instance_warmup_seconds=0, skip_matching=True
        ),
        "no Auto Scaling group",
    ),
    "cancelling in a fleet": (
        lambda w: CancelInstanceRefresh(fleet=w.fleet("crawlers").ref, instance_refresh_id="any"),
        "no Auto Scaling group",
    ),
    "a refresh that is not there": (
        lambda w: CancelInstanceRefresh(fleet=group(w).ref, instance_refresh_id="no-such"), "no-such is not there",
    ),
    "too long a value": (
        lambda w: SetTags(fleet=group(w).ref, tags=(Tag(key="a", value="x" * 257),)), "257 characters",
    ),
    "too many tags": (
        lambda w: SetTags(fleet=group(w).ref, tags=tuple(Tag(key=f"k{n}", value="") for n in range(50))), "50 is the most",
    ),
}  # fmt: skip


def _in_fleet(world: World, name: str) -> OperateInstances:
    fleet = world.fleet(name)
    return OperateInstances(fleet=fleet.ref, operation="terminate", instance_ids=(fleet.instances[0].instance_id,))


@pytest.mark.parametrize(("draw", "told"), BAD.values(), ids=BAD.keys())
def test_what_aws_would_not_do_is_refused_with_the_way_out_before_any_call(world, hand, draw, told):
    world.raw("autoscaling").update_auto_scaling_group(AutoScalingGroupName=NAME, MinSize=2)
    before = world.seen()
    with pytest.raises(UsageError, match=told) as refused:
        hand.approved(draw(world))
    assert refused.value.hint
    assert writes(world, before) == []


def test_out_of_standby_past_the_maximum_is_refused(world, hand):
    action = out_of_standby(world)
    world.raw("autoscaling").update_auto_scaling_group(AutoScalingGroupName=NAME, MaxSize=3)
    with pytest.raises(UsageError, match="from 3 to 4, past its max size 3"):
        hand.approved(action)


def test_what_stands_by_does_not_count_so_ending_it_lowers_nothing(world, hand):
    standing = out_of_standby(world)
    end = standing.with_(operation="terminate", lower_desired_capacity=True)
    with pytest.raises(UsageError, match="in standby do not count"):
        hand.approved(end)
    plain = end.with_(lower_desired_capacity=False)
    assert draw_preview(world.reader, world.clock, plain, group(world)).instances_launched == 0
    assert hand.do(plain).status == "done"
    assert group(world).desired_capacity == 3


def test_an_operation_that_the_permit_does_not_name_is_never_sent(world):
    granted = operate(world, "protect-from-scale-in")
    other = granted.with_(operation="terminate")
    before = world.seen()
    with pytest.raises(Rejected, match="another action"):
        world.writer.operate_instances(world.intent(granted), other, granted.instance_ids)
    with pytest.raises(Rejected, match="does not name"):
        world.writer.operate_instances(world.intent(granted), granted, ["i-0123456789abcdef0"])
    stop = granted.with_(operation="stop")
    with pytest.raises(Rejected, match="not for members"):
        world.writer.operate_instances(world.intent(stop), stop, stop.instance_ids)
    assert world.seen() == before


# refreshes


def test_a_refresh_names_every_preference_and_counts_what_it_replaces(world, hand):
    (spared,) = unprotect(world).instance_ids
    action = refresh(world, min_healthy_percentage=90, instance_warmup_seconds=45)
    shown = draw_preview(world.reader, world.clock, action, group(world))
    assert len(shown.replaced_instances) == 3
    assert spared not in shown.replaced_instances
    assert any("1 instances that are protected" in w for w in shown.warnings)
    before, members = world.seen(), {i.instance_id for i in group(world).instances}
    assert hand.do(action).status == "done"
    (row,) = world.effects_since(before, "StartInstanceRefresh")
    said = {k.rpartition(".")[2]: v for k, v in row["parameters"].items() if k.startswith("Preferences")}
    assert said == {
        "MinHealthyPercentage": "90",
        "MaxHealthyPercentage": "100",
        "InstanceWarmup": "45",
        "SkipMatching": "false",
        "AutoRollback": "false",
        "ScaleInProtectedInstances": "Ignore",
        "StandbyInstances": "Ignore",
    }
    world.sim.advance(1800)
    newest = world.reader.instance_refreshes(group(world).ref)[0]
    assert (newest.status, newest.runs) == ("Successful", False)
    assert members & {i.instance_id for i in group(world).instances} == {spared}


def test_a_second_refresh_is_refused_while_one_runs(world, hand):
    running = cancel(world)
    before = world.seen()
    with pytest.raises(UsageError, match="one runs at a time") as refused:
        hand.approved(refresh(world))
    assert running.instance_refresh_id in refused.value.hint
    assert writes(world, before) == []


def test_a_refresh_of_somebody_else_with_other_preferences_is_not_taken_for_ours(world, hand):
    action = refresh(world)
    proposal = hand.approved(action)
    world.sim.fail("StartInstanceRefresh", "timeout-before-effect")
    assert hand.act(proposal).status == "unknown"
    cancel(world)
    assert hand.settled().status == "unknown"
    world.sim.advance(HORIZON_SECONDS)
    assert hand.settled().status == "failed"


def test_instances_that_match_are_left_out_only_where_the_group_says_a_version_by_number(world, hand):
    action = refresh(world, skip_matching=True)
    shown = draw_preview(world.reader, world.clock, action, group(world))
    assert len(shown.replaced_instances) == 4
    assert any("version $Default of its template" in w for w in shown.warnings)
    ledger = action.with_(fleet=group(world, "ledger").ref)
    assert draw_preview(world.reader, world.clock, ledger, group(world, "ledger")).changes == ()
    before = world.seen()
    assert hand.do(ledger).status == "already"
    assert writes(world, before) == []


def test_a_refresh_that_has_ended_cannot_be_cancelled(world, hand):
    action = cancel(world)
    world.sim.advance(3600)
    with pytest.raises(UsageError, match=r"has ended: Successful, so it cannot be cancelled"):
        hand.approved(action)


def test_refreshes_of_a_group_that_is_gone_are_not_found(world):
    with pytest.raises(NotFound):
        world.reader.instance_refreshes(ref(world, "asg", "nobody"))


# tags


def test_tags_keep_whether_instances_to_come_get_them_and_new_ones_are_the_groups_alone(world, hand):
    put_tag(world, "cost-center", "11", propagate=True)
    action = SetTags(
        fleet=group(world).ref, tags=(Tag(key="cost-center", value="12"), Tag(key="reviewed", value="yes"))
    )
    hand.do(action)
    propagates = {t["Key"]: t["PropagateAtLaunch"] for t in row_of(world)["Tags"]}
    assert (propagates["cost-center"], propagates["reviewed"]) == (True, False)
    hand.do(SetTags(fleet=action.fleet, remove=("cost-center", "reviewed")))


def test_written_and_removed_are_two_calls_and_set_back_in_two(world, hand):
    put_tag(world, "old", "1")
    was = group(world).tags
    action = SetTags(fleet=group(world).ref, tags=(Tag(key="new", value="2"),), remove=("old", "never-there"))
    before = world.seen()
    outcome = hand.do(action)
    assert (outcome.status, outcome.before) == ("done", {"tags": {"new": None, "old": "1", "never-there": None}})
    assert writes(world, before) == ["CreateOrUpdateTags", "DeleteTags"]
    undo = effect_of(action).undo(action, outcome.before, group(world))
    assert hand.do(undo).status == "done"
    assert group(world).tags == was


@pytest.mark.parametrize(("fault", "status"), [("access-denied", "partial"), ("timeout-after-effect", "unknown")])
def test_a_second_call_that_fails_leaves_the_first_told(world, hand, fault, status):
    put_tag(world, "old", "1")
    action = SetTags(fleet=group(world).ref, tags=(Tag(key="new", value=fault),), remove=("old",))
    proposal = hand.approved(action)
    world.sim.fail("DeleteTags", fault)
    outcome = hand.act(proposal)
    assert outcome.status == status
    if status == "partial":
        assert {i.item: i.ok for i in outcome.items} == {"new": True, "old": False}
    else:
        assert "written before: new" in outcome.message
        assert hand.settled().status == "done"


def test_tags_that_somebody_else_writes_are_warned_of(world):
    ledger = group(world, "ledger")
    action = SetTags(fleet=ledger.ref, tags=(Tag(key="team", value="other"),))
    shown = draw_preview(world.reader, world.clock, action, ledger)
    assert any(w.startswith("team: CloudFormation writes tags") for w in shown.warnings)
    assert shown.reversible


# settings


@pytest.mark.accepts("IN-10")
def test_types_chosen_by_attributes_are_read_written_and_keep_what_else_they_ask_for(world):
    asked = {
        "VCpuCount": {"Min": 2, "Max": 4},
        "MemoryMiB": {"Min": 4096},
        "CpuManufacturers": ["intel"],
        "BurstablePerformance": "excluded",
    }
    policy = row_of(world)["MixedInstancesPolicy"]
    specification = {"LaunchTemplateName": "proving", "Version": "1"}
    world.raw("autoscaling").create_auto_scaling_group(
        AutoScalingGroupName="by-attributes",
        MinSize=0,
        MaxSize=4,
        DesiredCapacity=0,
        AvailabilityZones=["us-east-1a"],
        NewInstancesProtectedFromScaleIn=True,
        MixedInstancesPolicy={
            "LaunchTemplate": {
                "LaunchTemplateSpecification": specification,
                "Overrides": [{"InstanceRequirements": asked}],
            },
            "InstancesDistribution": {"SpotAllocationStrategy": "price-capacity-optimized"},
        },
    )
    fleet = group(world, "by-attributes")
    assert fleet.mix.instance_requirements == InstanceRequirements(
        min_vcpus=2, max_vcpus=4, min_memory_mib=4096, cpu_manufacturers=("intel",)
    )
    assert fleet.mix.on_demand_allocation_strategy == "lowest-price"
    assert fleet.new_instances_protected
    wanted = InstanceRequirements(min_vcpus=2, max_vcpus=8, min_memory_mib=8192, allowed_instance_types=("m6*.*",))
    action = ChangeFleet(
        fleet=fleet.ref,
        instance_requirements=wanted,
        launch_template_version=2,
        new_instances_protected=False,
        max_size=5,
    )
    intent = world.intent(action, fleet)
    world.carry_out(action, fleet, intent)
    assert world.observe(action, intent) == intent.want
    written = row_of(world, "by-attributes")["MixedInstancesPolicy"]
    (override,) = written["LaunchTemplate"]["Overrides"]
    assert override["InstanceRequirements"] == {
        "VCpuCount": {"Min": 2, "Max": 8},
        "MemoryMiB": {"Min": 8192},
        "AllowedInstanceTypes": ["m6*.*"],
        "BurstablePerformance": "excluded",
    }
    assert written["InstancesDistribution"]["OnDemandAllocationStrategy"] == "lowest-price"
    assert policy["InstancesDistribution"]["OnDemandAllocationStrategy"] == "prioritized"
    assert group(world, "by-attributes").launch_template.version == "2"
    world.raw("autoscaling").delete_auto_scaling_group(AutoScalingGroupName="by-attributes", ForceDelete=True)


def test_a_list_of_types_becomes_attributes_only_with_a_strategy_that_has_no_order(world, hand):
    wanted = InstanceRequirements(min_vcpus=2, max_vcpus=2, min_memory_mib=4096)
    action = ChangeFleet(fleet=group(world).ref, instance_requirements=wanted)
    with pytest.raises(UsageError, match="cannot be prioritized"):
        hand.approved(action)
    was, both = group(world).mix, action.with_(on_demand_allocation_strategy="lowest-price")
    assert hand.do(both).status == "done"
    assert group(world).mix.instance_requirements == wanted
    assert group(world).mix.overrides == ()
    world.raw("autoscaling").update_auto_scaling_group(
        AutoScalingGroupName=NAME,
        MixedInstancesPolicy={
            "LaunchTemplate": {"Overrides": [{"InstanceType": t} for t in was.instance_types]},
            "InstancesDistribution": {"OnDemandAllocationStrategy": "prioritized"},
        },
    )


@pytest.mark.accepts("P-09")
def test_weights_are_written_with_their_types_and_a_template_version_by_number(world, hand):
    action = ChangeFleet(
        fleet=group(world).ref,
        instance_types=("m5.large", "m6i.large"),
        weights=(1, 1),
        launch_template_version=1,
    )
    assert hand.do(action).status == "done"
    template = row_of(world)["MixedInstancesPolicy"]["LaunchTemplate"]
    assert template["Overrides"] == [
        {"InstanceType": "m5.large", "WeightedCapacity": "1"},
        {"InstanceType": "m6i.large", "WeightedCapacity": "1"},
    ]
    assert template["LaunchTemplateSpecification"]["Version"] == "1"
    assert group(world).launch_template.version == "1"


def test_a_group_without_a_launch_template_has_no_version_to_set(world):
    scaling = world.raw("autoscaling")
    scaling.create_launch_configuration(
        LaunchConfigurationName="old-way", ImageId="ami-0123456789abcdef0", InstanceType="m5.large"
    )
    scaling.create_auto_scaling_group(
        AutoScalingGroupName="old-way",
        LaunchConfigurationName="old-way",
        MinSize=0,
        MaxSize=1,
        AvailabilityZones=["us-east-1a"],
    )
    fleet = group(world, "old-way")
    assert fleet.launch_template is None
    action = ChangeFleet(fleet=fleet.ref, launch_template_version=2)
    with pytest.raises(Rejected, match="launch configuration"):
        world.carry_out(action, fleet)
    scaling.delete_auto_scaling_group(AutoScalingGroupName="old-way", ForceDelete=True)


def test_silence_is_unknown_and_names_what_was_done_before_it(world):
    action = operate(world, "terminate", count=2, lower=True)
    world.sim.fail("TerminateInstanceInAutoScalingGroup", "drop", skip=1)
    with pytest.raises(OutcomeUnknown, match=f"done: {action.instance_ids[0]}"):
        world.carry_out(action, group(world))
