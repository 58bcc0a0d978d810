"""Single instances stopped, hibernated, started, ended and tagged, and tags of fleets: each exactly once."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.contract.conftest import World
from tests.contract.ground_house import Hand, group, open_ground, open_hand, ref, writes
from tools.errors import NotFound, Rejected, StalePlan, UsageError
from tools.fleets.effects import effect_of
from tools.fleets.find import find_fleet
from tools.fleets.preview import draw_preview
from tools.records import Action, FleetRef, OperateInstances, Preview, SetTags, Tag
from tools.simulation.scenario_proving_ground import OPERATOR

HORIZON_SECONDS = 361


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with open_ground() as found:
        yield found


@pytest.fixture
def hand(world: World, tmp_path) -> Iterator[Hand]:
    with open_hand(world, tmp_path) as found:
        yield found


def lone(world: World, **more) -> FleetRef:
    """A new instance of no fleet, running."""
    image = world.raw("ec2").describe_instances()["Reservations"][0]["Instances"][0]["ImageId"]
    made = world.raw("ec2").run_instances(ImageId=image, InstanceType="m5.large", MinCount=1, MaxCount=1, **more)
    world.sim.advance(60)
    return ref(world, "instance", made["Instances"][0]["InstanceId"])


def named(world: World, name: str) -> FleetRef:
    rows = world.raw("ec2").describe_instances(Filters=[{"Name": "tag:Name", "Values": [name]}])["Reservations"]
    return ref(world, "instance", rows[0]["Instances"][0]["InstanceId"])


def alone(of: FleetRef, operation: str, **more) -> OperateInstances:
    return OperateInstances(**{"fleet": of, "operation": operation, "instance_ids": (of.fleet_id,), **more})


def saver(world: World) -> FleetRef:
    """Set up for hibernation, and running."""
    found = named(world, "lone-saver")
    world.sim.advance(60)
    world.raw("ec2").start_instances(InstanceIds=[found.fleet_id])
    world.sim.advance(60)
    return found


def stopped(world: World) -> FleetRef:
    found = lone(world)
    world.raw("ec2").stop_instances(InstanceIds=[found.fleet_id])
    world.sim.advance(60)
    return found


def _tags(of: FleetRef, **tags: str) -> SetTags:
    return SetTags(fleet=of, tags=tuple(Tag(key=k, value=v) for k, v in tags.items()))


def _next(world: World, of: FleetRef) -> SetTags:
    return _tags(of, owner="kim" if world.reader.fleet(of).tag("owner") != "kim" else "lee")


@dataclass(frozen=True)
class Case:
    draw: Callable[[World], Action]
    call: str
    stranger: Callable[[World, Action], object]


def _terminate(world: World, action: Action) -> None:
    world.raw("ec2").terminate_instances(InstanceIds=[action.fleet.fleet_id])


def _stop(world: World, action: Action) -> None:
    world.raw("ec2").stop_instances(InstanceIds=[action.fleet.fleet_id])


def _start(world: World, action: Action) -> None:
    world.raw("ec2").start_instances(InstanceIds=[action.fleet.fleet_id])


def _retag(world: World, action: Action) -> None:
    was = world.reader.fleet(action.fleet).tag("env")
    world.raw("ec2").create_tags(
        Resources=[action.fleet.fleet_id], Tags=[{"Key": "env", "Value": "test" if was != "test" else "prod"}]
    )


CASES = {
    "stop": Case(lambda w: alone(lone(w), "stop"), "StopInstances", _stop),
    "hibernate": Case(lambda w: alone(saver(w), "hibernate"), "StopInstances", _stop),
    "start": Case(lambda w: alone(stopped(w), "start"), "StartInstances", _start),
    "terminate": Case(lambda w: alone(lone(w), "terminate"), "TerminateInstances", _retag),
    "terminate what is stopped": Case(lambda w: alone(stopped(w), "terminate"), "TerminateInstances", _retag),
    "tag an instance": Case(lambda w: _next(w, named(w, "lone-spot")), "CreateTags", _retag),
    "tag an ec2 fleet": Case(lambda w: _next(w, w.fleet("renderers").ref), "CreateTags", _retag),
    "tag a spot fleet": Case(lambda w: _next(w, w.fleet("crawlers").ref), "CreateTags", _retag),
}
case = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


@pytest.mark.accepts("P-25")
@case
def test_it_is_done_once_and_read_back_as_wanted(world, hand, case):
    action = case.draw(world)
    before, proposal = world.seen(), hand.approved(action)
    outcome = hand.act(proposal)
    assert (outcome.status, outcome.message) == ("done", "read back as wanted")
    assert outcome.before != outcome.after
    assert hand.act(proposal) == outcome
    assert writes(world, before) == [case.call]
    assert [c.partition(":")[2] for c in effect_of(action).calls(action)] == [case.call]


@pytest.mark.parametrize("name", sorted(k for k in CASES if "terminate" not in k))
def test_where_it_is_so_already_nothing_is_sent(world, hand, name):
    action = CASES[name].draw(world)
    hand.do(action)
    before = world.seen()
    assert draw_preview(world.reader, world.clock, action, world.reader.fleet(action.fleet)).changes == ()
    assert hand.do(action).status == "already"
    assert writes(world, before) == []


@pytest.mark.accepts("P-25")
@case
def test_an_answer_lost_after_the_effect_is_looked_for_and_never_sent_again(world, hand, case):
    action = case.draw(world)
    before, proposal = world.seen(), hand.approved(action)
    world.sim.fail(case.call, "timeout-after-effect")
    assert hand.act(proposal).status == "unknown"
    assert hand.settled().status == "done"
    assert hand.act(proposal).status == "done"
    assert writes(world, before) == [case.call]


@pytest.mark.accepts("P-25")
@case
def test_while_reads_lag_behind_it_is_neither_done_nor_not(world, hand, case):
    action = case.draw(world)
    before, proposal = world.seen(), hand.approved(action)
    world.sim.fail("*", "stale", times=0, seconds=300)
    world.sim.fail(case.call, "timeout-after-effect")
    assert hand.act(proposal).status == "unknown"
    assert hand.settled().status == "unknown"
    world.sim.advance(HORIZON_SECONDS)
    assert hand.settled().status == "done"
    assert writes(world, before) == [case.call]


@pytest.mark.accepts("P-25")
@case
def test_an_answer_lost_before_the_effect_stays_unknown_until_its_time_is_over(world, hand, case):
    action = case.draw(world)
    before, proposal = world.seen(), hand.approved(action)
    world.sim.fail(case.call, "timeout-before-effect")
    assert hand.act(proposal).status == "unknown"
    assert hand.settled().status == "unknown"
    world.sim.advance(HORIZON_SECONDS)
    assert hand.settled().status == "failed"
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


@pytest.mark.parametrize("operation", ["stop", "terminate"])
def test_an_instance_that_is_gone_since_it_was_shown_is_refused_with_the_drift(world, hand, operation):
    action = alone(lone(world), operation)
    proposal = hand.approved(action)
    _terminate(world, action)
    before = world.seen()
    with pytest.raises(StalePlan, match=action.fleet.fleet_id) as refused:
        hand.act(proposal)
    assert refused.value.drift == (f"{action.fleet.label}: there → gone",)
    assert hand.actuation.journal.proposal(proposal).status == "refused"
    assert writes(world, before) == []


# reading


def test_an_instance_is_read_as_a_fleet_of_one_by_its_bare_id(world):
    of = named(world, "lone-saver")
    fleet = find_fleet(world.reader, of.fleet_id)
    (instance,) = fleet.instances
    assert (fleet.ref, fleet.name) == (of, "lone-saver")
    assert fleet == find_fleet(world.reader, of.label).with_(as_of=fleet.as_of)
    assert (fleet.desired_capacity, fleet.min_size, fleet.max_size) == (1, 1, 1)
    assert fleet.zones == (instance.zone_name,)
    assert fleet.instance_types == ("m5.large",)
    assert (instance.lifecycle_state, instance.hibernation_configured) == (None, True)
    assert fleet.tag("team") == "research"


def test_a_stopped_instance_is_there_and_an_ended_one_is_not(world):
    of = stopped(world)
    assert world.reader.fleet(of).instances[0].state == "stopped"
    world.raw("ec2").terminate_instances(InstanceIds=[of.fleet_id])
    with pytest.raises(NotFound, match=of.fleet_id) as gone:
        find_fleet(world.reader, of.fleet_id)
    assert gone.value.hint


# money


def test_stopping_saves_what_running_costs_and_starting_costs_it_again(world, hand):
    of = lone(world)
    stop, start = alone(of, "stop"), alone(of, "start")
    shown = _drawn(world, stop)
    assert (len(shown.replaced_instances), shown.instances_launched) == (1, 0)
    assert shown.added_cost_usd_per_day < 0
    outcome = hand.do(stop)
    world.sim.advance(60)
    undo = effect_of(stop).undo(stop, outcome.before, world.reader.fleet(of))
    assert undo == start
    again = _drawn(world, start)
    assert again.added_cost_usd_per_day == -shown.added_cost_usd_per_day
    assert (again.replaced_instances, again.instances_launched) == ((), 1)
    assert hand.do(undo).status == "done"


def test_ending_one_has_no_undo_and_says_what_goes_with_it(world, hand):
    spot = _drawn(world, alone(named(world, "lone-spot"), "terminate"))
    assert not spot.reversible
    assert any("cancel the request too" in w for w in spot.warnings)
    assert any("volumes are deleted" in w for w in spot.warnings)
    end = alone(lone(world), "terminate")
    was = world.reader.fleet(end.fleet)
    assert effect_of(end).undo(end, hand.do(end).before, was) is None


def _drawn(world: World, action: Action) -> Preview:
    return draw_preview(world.reader, world.clock, action, world.reader.fleet(action.fleet))


# what AWS does not do


def _of_a_group(world: World) -> FleetRef:
    return ref(world, "instance", group(world).instances[0].instance_id)


def _of_a_fleet(name: str):
    return lambda w: alone(ref(w, "instance", w.fleet(name).instances[0].instance_id), "stop")


BAD = {
    "a member of a group": (lambda w: alone(_of_a_group(w), "terminate"), "is a member of trainers"),
    "a member of an ec2 fleet": (_of_a_fleet("renderers"), "is a member of fleet-"),
    "a member of a spot fleet": (_of_a_fleet("crawlers"), "is a member of sfr-"),
    "an operator's": (lambda w: alone(named(w, "lone-managed"), "stop"), f"operated by {OPERATOR}"),
    "hibernate without having been set up": (lambda w: alone(lone(w), "hibernate"), "not set up for hibernation"),
    "standby alone": (lambda w: alone(lone(w), "enter-standby"), "is for members of an Auto Scaling group"),
    "another instance": (
        lambda w: alone(lone(w), "stop", instance_ids=("i-0123456789abcdef0",)),
        "has no i-0123456789abcdef0",
    ),
    "lowering what has no capacity": (
        lambda w: alone(lone(w), "terminate", lower_desired_capacity=True),
        "does not lower desired capacity",
    ),
}


@pytest.mark.parametrize(("draw", "told"), BAD.values(), ids=BAD.keys())
def test_what_aws_would_not_do_is_refused_with_the_way_out_before_any_call(world, hand, draw, told):
    action = draw(world)
    before = world.seen()
    with pytest.raises(UsageError, match=told) as refused:
        hand.approved(action)
    assert refused.value.hint
    assert writes(world, before) == []


def test_a_protected_instance_is_refused_by_ec2_and_nothing_happened(world, hand):
    of = lone(world, DisableApiTermination=True)
    before = world.seen()
    outcome = hand.do(alone(of, "terminate"))
    assert outcome.status == "failed"
    assert "OperationNotPermitted" in outcome.message
    assert outcome.after == outcome.before
    assert writes(world, before) == []
    assert world.reader.fleet(of).instances[0].state == "running"


def test_a_one_time_spot_instance_cannot_be_stopped_and_ec2_says_so(world, hand):
    of = lone(world, InstanceMarketOptions={"MarketType": "spot"})
    before = world.seen()
    outcome = hand.do(alone(of, "stop"))
    assert outcome.status == "failed"
    assert "one-time Spot" in outcome.message
    assert writes(world, before) == []


def test_a_persistent_spot_instance_is_stopped_and_started(world, hand):
    of = named(world, "lone-spot")
    assert hand.do(alone(of, "stop")).status == "done"
    world.sim.advance(60)
    assert hand.do(alone(of, "start")).status == "done"


def test_a_pool_that_is_dry_leaves_it_stopped(world, hand):
    of = stopped(world)
    world.sim.fail("StartInstances", "insufficient-capacity")
    outcome = hand.do(alone(of, "start"))
    assert outcome.status == "failed"
    assert "InsufficientInstanceCapacity" in outcome.message
    assert world.reader.fleet(of).instances[0].state == "stopped"


@pytest.mark.parametrize(("operation", "hibernate"), [("stop", "false"), ("hibernate", "true")])
def test_how_it_is_stopped_is_said(world, hand, operation, hibernate):
    of = saver(world)
    before = world.seen()
    hand.do(alone(of, operation))
    (row,) = world.effects_since(before, "StopInstances")
    assert (row["parameters"]["Hibernate"], row["parameters"]["Force"]) == (hibernate, "false")


def test_an_operation_on_a_fleet_of_another_kind_is_never_sent_to_ec2(world):
    fleet = world.fleet("renderers")
    action = alone(fleet.ref, "terminate", instance_ids=(fleet.instances[0].instance_id,))
    before = world.seen()
    with pytest.raises(Rejected, match="nothing was sent"):
        world.writer.operate_instances(world.intent(action), action, action.instance_ids)
    assert world.seen() == before


def test_tags_of_an_instance_are_removed_by_key(world, hand):
    of = lone(world)
    hand.do(_tags(of, keep="1", drop="2"))
    before = world.seen()
    action = SetTags(fleet=of, remove=("drop", "never-there"))
    outcome = hand.do(action)
    assert (outcome.status, writes(world, before)) == ("done", ["DeleteTags"])
    assert {t.key for t in world.reader.fleet(of).tags} == {"keep"}
    undo = effect_of(action).undo(action, outcome.before, world.reader.fleet(of))
    assert undo == SetTags(fleet=of, tags=(Tag(key="drop", value="2"),), remove=("never-there",))
    assert hand.do(undo).status == "done"
