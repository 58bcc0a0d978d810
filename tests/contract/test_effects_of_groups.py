"""Refreshes, standby, protection, ends and tags of a group, through the one way to write: each exactly once."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.contract.conftest import World
from tests.contract.ground_house import Hand, group, open_ground, open_hand, row_of, writes
from tests.contract.trainers import (
    HORIZON_SECONDS,
    NAME,
    cancel,
    operate,
    out_of_standby,
    put_back,
    put_tag,
    refresh,
    spot,
    unprotect,
)
from tools.errors import Rejected, StalePlan, UsageError
from tools.fleets.effects import effect_of
from tools.fleets.preview import draw_preview
from tools.records import (
    Action,
    CancelInstanceRefresh,
    OperateInstances,
    SetTags,
    StartInstanceRefresh,
    Tag,
)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with open_ground() as found:
        yield found


@pytest.fixture(autouse=True)
def hand(world: World, tmp_path) -> Iterator[Hand]:
    """Every test finds the group as the scenario laid it."""
    with open_hand(world, tmp_path) as found:
        yield found
    put_back(world)


def tag(world: World) -> SetTags:
    was = group(world).tag("owner")
    return SetTags(fleet=group(world).ref, tags=(Tag(key="owner", value="kim" if was != "kim" else "lee"),))


def untag(world: World) -> SetTags:
    put_tag(world, "leftover", "yes")
    return SetTags(fleet=group(world).ref, remove=("leftover",))


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
