"""Every fault kind of the simulated account, on a read and on a write. A write is sent once: its effects say so."""

import socket

import pytest

from tests.contract.conftest import CREDENTIALS, opened
from tools.aws.session import open_account
from tools.cloud import FleetSettings
from tools.errors import (
    AccessDenied,
    CredentialsInvalid,
    InsufficientCapacity,
    OutcomeUnknown,
    Rejected,
    Throttled,
    Unreachable,
)
from tools.records import ChangeFleet, RestoreCheckpoint

READ = "DescribeAutoScalingGroups"


@pytest.mark.parametrize(
    "kind", ["throttle", "error-500", "drop", "timeout-before-effect", "timeout-after-effect", "slow"]
)
def test_a_read_that_meets_a_passing_fault_is_repeated_and_answers(world, kind):
    ref = world.fleet("ml-train").ref
    world.sim.fail(READ, kind)
    assert world.reader.fleet(ref).ref == ref


@pytest.mark.parametrize(
    ("kind", "meaning"),
    [
        ("access-denied", AccessDenied),
        ("expired-credentials", CredentialsInvalid),
    ],
)
def test_a_read_that_aws_refuses_says_why_and_what_to_do(world, kind, meaning):
    ref = world.fleet("ml-train").ref
    world.sim.fail(READ, kind)
    with pytest.raises(meaning) as refused:
        world.reader.fleet(ref)
    assert READ in refused.value.message
    assert refused.value.hint
    assert refused.value.request_id


def test_a_read_is_not_repeated_without_end(world):
    ref = world.fleet("ml-train").ref
    world.sim.fail(READ, "drop", times=50)
    with pytest.raises(Unreachable):
        world.reader.fleet(ref)


# kind → what it means, effects that it leaves
WRITES = [
    ("throttle", Throttled, 0),
    ("access-denied", AccessDenied, 0),
    ("expired-credentials", CredentialsInvalid, 0),
    ("insufficient-capacity", InsufficientCapacity, 0),
    ("error-500", OutcomeUnknown, 0),
    ("drop", OutcomeUnknown, 0),
    ("timeout-before-effect", OutcomeUnknown, 0),
    ("timeout-after-effect", OutcomeUnknown, 1),
    ("slow", None, 1),
]


def _expect(meaning, call):
    if meaning is None:
        return call()
    with pytest.raises(meaning) as refused:
        call()
    assert refused.value.hint
    return None


@pytest.mark.parametrize(("kind", "meaning", "effects"), WRITES)
def test_a_change_of_a_group_is_sent_once(world, kind, meaning, effects):
    fleet = world.fleet("web-canary")
    wanted = fleet.desired_capacity - 1 if fleet.desired_capacity > 6 else fleet.desired_capacity + 3
    intent = world.intent(ChangeFleet(fleet=fleet.ref, desired_capacity=wanted))
    before = world.seen()
    world.sim.fail("UpdateAutoScalingGroup", kind)
    _expect(meaning, lambda: world.writer.set_fleet(intent, fleet.ref, FleetSettings(desired_capacity=wanted)))
    assert len(world.effects_since(before, "UpdateAutoScalingGroup")) == effects
    now = world.reader.fleet(fleet.ref).desired_capacity
    assert now == (wanted if effects else fleet.desired_capacity)


@pytest.mark.parametrize(("kind", "meaning", "effects"), WRITES)
def test_a_change_of_an_ec2_fleet_is_sent_once(world, kind, meaning, effects):
    fleet = world.fleet("render")
    wanted = fleet.desired_capacity + 1
    intent = world.intent(ChangeFleet(fleet=fleet.ref, desired_capacity=wanted))
    before = world.seen()
    world.sim.fail("ModifyFleet", kind)
    _expect(meaning, lambda: world.writer.set_fleet(intent, fleet.ref, FleetSettings(desired_capacity=wanted)))
    assert len(world.effects_since(before, "ModifyFleet")) == effects


@pytest.mark.parametrize(("kind", "meaning", "effects"), WRITES)
def test_an_object_is_put_once(world, kind, meaning, effects):
    action = RestoreCheckpoint(
        fleet=world.fleet("ml-train").ref,
        job_id="of-a-test",
        bucket="acme-checkpoints",
        checkpoint_id="c",
        manifest_sha256="0" * 64,
    )
    before = world.seen()
    world.sim.fail("PutObject", kind)
    _expect(
        meaning,
        lambda: world.writer.put_object_once(world.intent(action), action.bucket, f"of-a-test/{kind}", b"save now"),
    )
    assert len(world.effects_since(before, "PutObject")) == effects


def test_silence_after_a_write_ends_at_our_own_time_out_and_is_unknown(world):
    fleet = world.fleet("batch")
    intent = world.intent(ChangeFleet(fleet=fleet.ref, desired_capacity=fleet.desired_capacity + 1))
    with opened(world.sim, read_seconds=1) as hasty:
        before = world.seen()
        world.sim.fail("UpdateAutoScalingGroup", "timeout-after-effect", seconds=5)
        with pytest.raises(OutcomeUnknown, match="no answer came"):
            hasty.writer.set_fleet(intent, fleet.ref, FleetSettings(desired_capacity=fleet.desired_capacity + 1))
        assert len(world.effects_since(before, "UpdateAutoScalingGroup")) == 1


def test_an_address_where_nobody_listens_is_unreachable_for_reads_and_writes(world):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    action = RestoreCheckpoint(
        fleet=world.fleet("ml-train").ref, job_id="j", bucket="b-of-a-test", checkpoint_id="c", manifest_sha256="0" * 64
    )
    with open_account(
        profile=None,
        region="us-east-1",
        endpoint_url=f"http://127.0.0.1:{port}",
        clock=world.clock,
        credentials=CREDENTIALS,
    ) as nobody:
        with pytest.raises(Unreachable):
            nobody.reader.account()
        with pytest.raises(Unreachable):
            nobody.writer.put_object(world.intent(action), action.bucket, "key", b"body")


def test_a_permit_for_another_fleet_sends_nothing(world):
    web, batch = world.fleet("web-canary"), world.fleet("batch")
    intent = world.intent(ChangeFleet(fleet=web.ref, desired_capacity=5))
    before = world.seen()
    with pytest.raises(Rejected, match="nothing was sent"):
        world.writer.set_fleet(intent, batch.ref, FleetSettings(desired_capacity=5))
    with pytest.raises(Rejected, match="nothing was sent"):
        world.writer.put_object(intent, "acme-checkpoints", "key", b"body")
    assert world.seen() == before
