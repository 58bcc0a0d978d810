"""Standby, protection and ends of a group's instances: what is shown, sent, told item by item, and set back."""

from collections.abc import Iterator

import pytest

from tests.contract.conftest import World
from tests.contract.ground_house import Hand, group, open_ground, open_hand, writes
from tests.contract.trainers import HORIZON_SECONDS, NAME, operate, out_of_standby, put_back
from tools.errors import OutcomeUnknown, StalePlan, UsageError
from tools.fleets.effects import effect_of
from tools.fleets.preview import draw_preview


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


def test_for_what_moves_neither_instances_nor_money_no_price_is_read(world):
    shown = draw_preview(world.reader, world.clock, operate(world, "protect-from-scale-in"), group(world))
    assert (shown.added_cost_usd_per_day, shown.price_as_of) == (0, None)


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


def test_a_desired_capacity_that_somebody_else_moved_refuses_what_would_move_it_on(world, hand):
    relative, absolute = operate(world, "enter-standby", lower=True), operate(world, "protect-from-scale-in")
    moving, staying = hand.approved(relative), hand.approved(absolute)
    world.raw("autoscaling").set_desired_capacity(AutoScalingGroupName=NAME, DesiredCapacity=5)
    before = world.seen()
    with pytest.raises(StalePlan) as refused:
        hand.act(moving)
    assert refused.value.drift == ("desired_capacity: 4 → 5",)
    assert writes(world, before) == []
    assert hand.act(staying).status == "done"  # what does not move it is not bound to it


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


def test_silence_is_unknown_and_names_what_was_done_before_it(world):
    action = operate(world, "terminate", count=2, lower=True)
    world.sim.fail("TerminateInstanceInAutoScalingGroup", "drop", skip=1)
    with pytest.raises(OutcomeUnknown, match=f"done: {action.instance_ids[0]}"):
        world.carry_out(action, group(world))
