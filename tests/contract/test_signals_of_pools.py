"""What EC2 did to our spot instances, as the reader tells it: each event once, EC2's own doing only."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.contract.conftest import World, opened
from tests.forked_accounts import started
from tools.aws.signals import TAKEN
from tools.errors import AccessDenied

ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")


@pytest.fixture
def fresh() -> Iterator[World]:
    with started(stepped=True) as sim, opened(sim) as account:
        found = World(sim, account)
        yield found
        for client in found.clients.values():
            client.close()


def spot_of(world, name):
    return [i.instance_id for i in world.fleet(name).spot]


def kinds(signals):
    return Counter(s.kind for s in signals)


def test_launches_of_the_fleets_carry_their_pool_and_fleet(fresh):
    signals = fresh.reader.pool_signals(since=fresh.clock.now() - timedelta(days=1))
    spot = {i.instance_id: (i.instance_type, i.zone_name, f.ref.label) for f in fresh.reader.fleets() for i in f.spot}
    launched = {s.instance_id: (s.pool.instance_type, s.pool.zone_name, s.fleet) for s in signals if s.kind == "launch"}
    assert launched == spot
    assert kinds(signals) == {"launch": len(spot)}
    assert list(signals) == sorted(signals, key=lambda s: s.at)
    assert fresh.reader.signals_set_aside == ()


def test_an_interruption_is_one_event_from_the_notice_to_the_end_and_after(fresh):
    since, taken = fresh.clock.now(), spot_of(fresh, "ml-train")[0]
    fresh.sim.interrupt(taken)
    (noticed,) = fresh.reader.pool_signals(since=since)
    assert (noticed.kind, noticed.instance_id, noticed.code) == ("interruption", taken, "marked-for-termination")
    assert (noticed.fleet, noticed.at) == ("asg/ml-train", since)
    assert noticed.pool.zone_id
    for seconds in (150, 2 * 3600):  # taken; and after EC2 stopped showing the instance
        fresh.sim.advance(seconds)
        ours = [s for s in fresh.reader.pool_signals(since=since) if s.instance_id == taken]
        assert [s.kind for s in ours] == ["interruption"]
        assert ours[0].pool == noticed.pool
        assert ours[0].fleet == "asg/ml-train"
        assert ours[0].code.startswith("instance-terminated-")


def test_what_a_person_ends_is_no_interruption(fresh):
    since = fresh.clock.now()
    fresh.raw("ec2").terminate_instances(InstanceIds=[spot_of(fresh, "batch")[0], spot_of(fresh, "render")[0]])
    fresh.sim.advance(60)
    assert kinds(fresh.reader.pool_signals(since=since)) == {"launch": 2}, "the replacements"


def test_an_instance_outside_every_fleet_has_no_fleet(fresh):
    since = fresh.clock.now()
    run = fresh.raw("ec2").run_instances(
        ImageId="ami-0c02fb55956c7d316",
        InstanceType="m5.large",
        MinCount=1,
        MaxCount=1,
        Placement={"AvailabilityZone": "us-east-1b"},
        InstanceMarketOptions={"MarketType": "spot"},
    )
    fresh.sim.interrupt(run["Instances"][0]["InstanceId"])
    signals = fresh.reader.pool_signals(since=since)
    assert kinds(signals) == {"launch": 1, "interruption": 1}
    assert {(s.pool.instance_type, s.pool.zone_name, s.fleet) for s in signals} == {("m5.large", "us-east-1b", None)}


def test_a_rebalance_recommendation_that_a_group_followed_is_told(fresh):
    since, warned = fresh.clock.now(), spot_of(fresh, "web-canary")[0]
    fresh.sim.rebalance(warned)
    fresh.sim.advance(120)
    (told,) = [s for s in fresh.reader.pool_signals(since=since) if s.kind == "rebalance"]
    assert (told.instance_id, told.fleet) == (warned, "asg/web-canary")


@pytest.mark.accepts("AN-07")
def test_launches_that_were_refused_are_told_by_pool_and_no_more_when_capacity_is_back(fresh):
    since, kinds_of_batch = fresh.clock.now(), ("c5.2xlarge", "c6i.2xlarge", "m5.2xlarge")
    for zone in ZONES:
        for kind in (*kinds_of_batch, "c6i.4xlarge", "c5.4xlarge"):
            fresh.sim.dry(kind, zone)
    for fleet in ("batch", "render"):
        fresh.sim.interrupt(spot_of(fresh, fleet)[0])
    fresh.sim.advance(180)
    refused = [s for s in fresh.reader.pool_signals(since=since) if s.kind == "refusal"]
    pools = {(s.fleet.partition("/")[0], s.pool.instance_type, s.pool.zone_name) for s in refused}
    assert pools == {("asg", k, z) for k in kinds_of_batch for z in ZONES} | {
        ("ec2-fleet", k, z) for k in ("c6i.4xlarge", "c5.4xlarge") for z in ZONES
    }
    assert {s.code for s in refused} == {"InsufficientInstanceCapacity"}
    assert len(refused) == len(pools), "each refusal once"
    for zone in ZONES:
        for kind in (*kinds_of_batch, "c6i.4xlarge", "c5.4xlarge"):
            fresh.sim.dry(kind, zone, dry=False)
    fresh.sim.advance(60)
    back = fresh.clock.now()
    fresh.sim.advance(900)
    assert [s for s in fresh.reader.pool_signals(since=back) if s.kind == "refusal"] == []


def test_events_whose_pool_nobody_knows_any_more_are_counted_and_not_guessed(fresh):
    since, taken = fresh.clock.now(), spot_of(fresh, "web-canary")[0]
    fresh.sim.rebalance(taken)
    fresh.sim.advance(9 * 3600)  # EC2 forgot the instance and its request; the group's activity stays
    signals = fresh.reader.pool_signals(since=since)
    assert taken not in {s.instance_id for s in signals}
    (aside,) = fresh.reader.signals_set_aside
    assert (aside.reason, aside.count, aside.example) == (
        "rebalance of an instance that EC2 no longer shows",
        1,
        taken,
    )


def test_the_same_look_twice_gives_the_same_events(fresh):
    since = fresh.clock.now()
    fresh.sim.interrupt(spot_of(fresh, "batch")[0])
    fresh.sim.advance(150)
    assert fresh.reader.pool_signals(since=since) == fresh.reader.pool_signals(since=since)


@pytest.mark.parametrize(
    ("operation", "place"),
    [
        ("DescribeSpotInstanceRequests", "EC2 DescribeSpotInstanceRequests"),
        ("DescribeScalingActivities", "EC2 Auto Scaling DescribeScalingActivities"),
        ("DescribeFleetHistory", "EC2 DescribeFleetHistory"),
        ("DescribeInstances", "EC2 DescribeInstances"),
    ],
)
def test_a_place_that_may_not_be_read_is_told_and_the_others_speak(fresh, operation, place):
    since, taken = fresh.clock.now(), spot_of(fresh, "ml-train")[0]
    fresh.sim.interrupt(taken)
    fresh.sim.fail(operation, "access-denied", times=100)
    (told,) = [s for s in fresh.reader.pool_signals(since=since) if s.kind == "interruption"] or [None]
    if operation != "DescribeSpotInstanceRequests":  # nobody else tells of one that is under way
        assert told is not None
        assert told.instance_id == taken
    assert [m.partition(":")[0] for m in fresh.reader.signals_missing] == [place]
    assert operation in fresh.reader.signals_missing[0]
    fresh.sim.mend()
    fresh.reader.pool_signals(since=since)
    assert fresh.reader.signals_missing == ()


def test_when_no_place_may_be_read_it_is_an_error_and_not_a_quiet_account(fresh):
    for operation in (
        "DescribeInstances",
        "DescribeSpotInstanceRequests",
        "DescribeScalingActivities",
        "DescribeFleetHistory",
    ):
        fresh.sim.fail(operation, "access-denied", times=100)
    with pytest.raises(AccessDenied):
        fresh.reader.pool_signals(since=fresh.clock.now())


def test_a_stop_or_an_end_by_anybody_else_is_none_of_ec2s_codes():
    """Stopping a spot instance oneself leads through marked-for-stop; AWS User Guide, spot request status."""
    others = {"marked-for-stop", "instance-stopped-by-user", "instance-terminated-by-experiment"}
    others |= {f"instance-terminated-by-{who}" for who in ("user", "schedule", "service")}
    assert not others & TAKEN
    assert {"marked-for-termination", "instance-stopped-no-capacity", "instance-terminated-by-price"} <= TAKEN
