"""What looking may say of a change whose answer was lost, and what it may not. Through the one way to write."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.contract.conftest import CREDENTIALS, World
from tests.contract.ground_house import Hand, group, open_ground, open_hand
from tests.contract.trainers import HORIZON_SECONDS, NAME, operate, put_back
from tools.aws.session import open_account
from tools.errors import StalePlan
from tools.records import ChangeFleet, ReplaceInstances


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with open_ground() as found:
        yield found


@pytest.fixture(autouse=True)
def hand(world: World, tmp_path) -> Iterator[Hand]:
    with open_hand(world, tmp_path) as found:
        yield found
    put_back(world)


def test_what_was_so_a_short_while_ago_proves_nothing_until_aws_shows_it_no_more(world, hand):
    fleet = group(world)
    world.sim.fail("DescribeLoadBalancers", "stale", seconds=300)  # from now on the account remembers
    up = ChangeFleet(fleet=fleet.ref, desired_capacity=5)
    assert hand.do(up).status == "done"
    down = hand.approved(ChangeFleet(fleet=fleet.ref, desired_capacity=4))
    world.sim.fail("UpdateAutoScalingGroup", "drop")
    assert hand.act(down).status == "unknown"
    world.sim.fail("DescribeAutoScalingGroups", "stale", seconds=300)
    assert hand.settled().status == "unknown"
    world.sim.mend()
    world.sim.advance(HORIZON_SECONDS)
    assert hand.settled().status == "failed"
    assert group(world).desired_capacity == 5


def test_capacity_that_somebody_moved_meanwhile_does_not_hide_what_was_done(world, hand):
    action = operate(world, "enter-standby", lower=True)
    proposal = hand.approved(action)
    world.sim.fail("EnterStandby", "drop-after-effect")
    assert hand.act(proposal).status == "unknown"
    world.raw("autoscaling").set_desired_capacity(AutoScalingGroupName=NAME, DesiredCapacity=6)
    assert hand.settled().status == "unknown"
    world.sim.advance(HORIZON_SECONDS)
    settled = hand.settled()
    assert (settled.status, [i.ok for i in settled.items]) == ("done", [True])
    assert "desired_capacity: 3 → 6" in settled.message


def test_another_region_is_never_asked_what_became_of_a_change(world, hand):
    proposal = hand.approved(ChangeFleet(fleet=group(world).ref, desired_capacity=5))
    world.sim.fail("UpdateAutoScalingGroup", "drop-after-effect")
    assert hand.act(proposal).status == "unknown"
    world.sim.advance(HORIZON_SECONDS)
    with open_account(
        profile=None,
        region="eu-west-1",
        endpoint_url=world.sim.endpoint_url,
        clock=world.clock,
        credentials=CREDENTIALS,
    ) as elsewhere:
        there = replace(hand.actuation, reader=elsewhere.reader, writer=elsewhere.writer)
        assert [o.status for _, o in there.reconcile()] == ["unknown"]
        with pytest.raises(StalePlan, match=r"in us-east-1, and this is .* in eu-west-1"):
            there.propose(
                ChangeFleet(fleet=group(world).ref, desired_capacity=6), by="kim", actor="person", rationale=""
            )
    assert hand.settled().status == "done"


def test_a_call_that_had_nothing_left_to_ask_for_is_not_told_as_done(world, hand):
    victim = group(world).spot[0].instance_id
    proposal = hand.approved(ReplaceInstances(fleet=group(world).ref, instance_ids=(victim,)))
    named = {"AutoScalingGroupName": NAME, "InstanceIds": [victim], "ShouldDecrementDesiredCapacity": False}
    change = {"service": "autoscaling", "operation": "DetachInstances", "parameters": named}
    before, reads = world.seen(), 3
    world.sim.fail("DescribeAutoScalingGroups", "stranger", skip=reads, change=change)
    outcome = hand.act(proposal)
    assert (outcome.status, outcome.message) == ("already", "it is so already")
    assert [row["access_key"] for row in world.effects_since(before, "DetachInstances")] == ["STRANGER"]
