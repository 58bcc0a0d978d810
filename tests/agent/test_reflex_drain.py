"""Load balancers on a notice: who is taken leaves its target groups after saving and before detaching, once."""

from datetime import UTC, datetime, timedelta

import pytest

from agent.reflex import seconds_left
from policies.document import parse_policy
from tests.agent.autonomy_house import HEAD, WIDE, open_post, open_street
from tools.errors import Halted
from tools.records import Notice

SAVED, DRAINED, DETACHED = "request-checkpoint", "deregister-targets", "replace-instances"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def street():
    with open_street("proving-ground") as found:
        found.sim.advance(60)
        yield found


@pytest.fixture(autouse=True)
def full_street(street):
    """Every trainer is up, in the target group, and nothing is under way."""
    street.clear()
    yield
    street.sim.mend()
    street.sim.advance(400)


@pytest.fixture
def post(street, tmp_path):
    with open_post(street, tmp_path, WIDE) as found:
        yield found


def arn(street) -> str:
    (found,) = street.fleet("trainers").target_groups
    return found


def health(street) -> dict[str, str]:
    return street.aws.reader.target_health(arn(street))


def drained(street, seen: int) -> list[list[str]]:
    """Instance ids of each deregister call that took effect."""
    return [[i for i in row["ids"] if i.startswith("i-")] for row in street.did("DeregisterTargets", seen)]


def drain_proposal(post):
    return next(p.proposal for p in post.journal.proposals() if p.proposal.action.kind == "set-targets")


@pytest.mark.accepts("P-14", "EB-08", "EB-07", "DC-05")
def test_a_notice_saves_then_drains_then_detaches_before_the_instance_is_taken(street, post):
    (victim,), seen = street.spot("trainers"), street.seen()
    noticed = street.sim.clock.now()
    street.sim.interrupt(victim)
    report = post.answer()
    assert [(s.action, s.outcome.status) for s in report.steps] == [
        (SAVED, "done"),
        (DRAINED, "done"),
        (DETACHED, "done"),
    ]
    rows = [r for r in street.sim.effects(seen) if victim in str(r) and r["operation"] != "interrupt"]
    ours = [r for r in rows if r["operation"] in ("PutObject", "DeregisterTargets", "DetachInstances")]
    assert [r["operation"] for r in sorted(ours, key=lambda r: r["seq"])] == [
        "PutObject",
        "DeregisterTargets",
        "DetachInstances",
    ]
    assert health(street)[victim] == "draining"
    assert report.slowest_seconds <= 2
    assert street.sim.clock.now() - noticed < timedelta(seconds=120)
    street.sim.advance(300)
    now = street.fleet("trainers")
    assert victim not in {i.instance_id for i in now.instances}
    assert set(health(street)) == {i.instance_id for i in now.instances}, "the replacement is a target by now"
    assert len(now.instances) == now.desired_capacity


@pytest.mark.accepts("P-14")
@pytest.mark.parametrize(
    ("delay", "waited", "left", "said"),
    [
        (60, 0, 120, "the deregistration delay is 60 s, and fits into the 120 s that are left"),
        (300, 30, 90, "is 300 s, and 90 s are left: connections still open after 80 s are cut"),
        (300, 100, 20, "is 300 s, and 20 s are left: connections still open after 10 s are cut"),
    ],
)
def test_a_drain_is_bounded_by_what_is_left_of_the_notice_and_says_so(street, post, delay, waited, left, said):
    street.raw("elbv2").modify_target_group_attributes(
        TargetGroupArn=arn(street),
        Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": str(delay)}],
    )
    (victim,), seen = street.spot("trainers"), street.seen()
    street.post("interruption", victim)
    street.sim.advance(waited)
    post.answer()
    proposal = drain_proposal(post)
    assert proposal.action.seconds_left == left
    assert proposal.rationale.endswith(said)
    assert f"{left} s" in " ".join(proposal.preview.warnings)
    assert drained(street, seen) == [[victim]]


@pytest.mark.parametrize(
    ("instance_action", "after", "left"),
    [("terminate", 0, 120), ("stop", 30.5, 89), ("terminate", 500, 0), ("terminate", -60, 120), ("hibernate", 0, 0)],
)
def test_seconds_left_are_those_of_the_notice_and_none_where_hibernation_began_with_it(instance_action, after, left):
    notice = Notice(
        kind="interruption", instance_id="i-0123456789abcdef0", instance_action=instance_action, at=NOON, source="test"
    )
    assert seconds_left(notice, now=NOON + timedelta(seconds=after)) == left


@pytest.mark.accepts("P-14")
def test_a_rebalance_recommendation_never_drains(street, post):
    (victim,), seen = street.spot("trainers"), street.seen()
    street.sim.rebalance(victim)
    assert [s.action for s in post.answer().steps] == [SAVED]
    assert drained(street, seen) == []
    assert health(street)[victim] == "healthy"


@pytest.mark.accepts("EB-08")
def test_notices_of_one_fleet_are_one_call_a_target_group(street, post):
    victims, seen = street.spot("trainers", 2), street.seen()
    elb = street.raw("elbv2")
    vpc = elb.describe_target_groups()["TargetGroups"][0]["VpcId"]
    made = elb.create_target_group(Name="second", Protocol="HTTP", Port=81, VpcId=vpc, TargetType="instance")
    second = made["TargetGroups"][0]["TargetGroupArn"]
    somebody, named = street.raw("autoscaling"), {"AutoScalingGroupName": "trainers", "TargetGroupARNs": [second]}
    somebody.attach_load_balancer_target_groups(**named)
    street.sim.advance(10)
    for victim in victims:
        street.post("interruption", victim)
    report = post.answer()
    somebody.detach_load_balancer_target_groups(**named)
    assert [s.action for s in report.steps] == [SAVED, DRAINED, DRAINED, DETACHED]
    assert [sorted(ids) for ids in drained(street, seen)] == [victims, victims]
    assert len({r["parameters"]["TargetGroupArn"] for r in street.did("DeregisterTargets", seen)}) == 2


@pytest.mark.accepts("P-05")
def test_the_same_notice_again_drains_once_also_for_the_next_daemon(street, tmp_path):
    (victim,), seen = street.spot("trainers"), street.seen()
    street.sim.interrupt(victim)
    with open_post(street, tmp_path, WIDE, halted=lambda: bool(drained(street, seen))) as first:
        with pytest.raises(Halted):
            first.answer()
        first.daemon.release()
    assert (drained(street, seen), street.detached(seen)) == ([[victim]], [])
    street.post("interruption", victim)
    with open_post(street, tmp_path, WIDE, holder="second") as second:
        assert [s.action for s in second.answer().steps] == [DETACHED]
        street.post("interruption", victim)
        assert second.answer().repeated == 1
    assert (len(street.markers(seen)), drained(street, seen), street.detached(seen)) == (1, [[victim]], [[victim]])


def test_what_is_not_registered_is_not_drained(street, post):
    (victim,), seen = street.spot("trainers"), street.seen()
    street.raw("elbv2").deregister_targets(TargetGroupArn=arn(street), Targets=[{"Id": victim}])
    street.post("interruption", victim)
    assert [s.action for s in post.answer().steps] == [SAVED, DETACHED]
    assert len(drained(street, seen)) == 1, "somebody else's"


@pytest.mark.accepts("DC-05")
def test_a_load_balancer_that_does_not_answer_holds_up_neither_saving_nor_replacing(street, post):
    (victim,), seen = street.spot("trainers"), street.seen()
    street.post("interruption", victim)
    street.sim.fail("DescribeTargetHealth", "access-denied")
    report = post.answer()
    assert [(s.action, s.verdict) for s in report.steps] == [(SAVED, "allow"), (DRAINED, "error"), (DETACHED, "allow")]
    assert "DescribeTargetHealth" in report.steps[1].reasons[0]
    assert (report.to_do, len(street.markers(seen)), street.detached(seen)) == ((victim,), 1, [[victim]])
    street.sim.advance(5)
    assert health(street)[victim] == "draining", "the group took it out when it detached it"
    street.raw("elbv2").register_targets(TargetGroupArn=arn(street), Targets=[{"Id": victim}])
    again = post.answer()
    assert (again.steps, again.to_do, again.left_alone) == ((), (), ()), "it is in the fleet no more"
    assert street.waiting_messages() == 0


@pytest.mark.accepts("P-25")
@pytest.mark.parametrize(("fault", "effects", "end"), [("timeout-after-effect", 1, "done"), ("drop", 0, "done")])
def test_a_drain_whose_answer_was_lost_is_not_sent_again_and_does_not_hold_up_the_replacement(
    street, post, fault, effects, end
):
    """Where it never happened the group, which takes its instance out when it detaches it, has done it since."""
    (victim,), seen = street.spot("trainers"), street.seen()
    street.post("interruption", victim)
    street.sim.fail("DeregisterTargets", fault)
    assert [s.outcome.status for s in post.answer().steps] == ["done", "unknown", "done"]
    street.post("interruption", victim)
    assert post.answer().steps == ()
    street.sim.advance(361)
    assert [o.status for o in post.daemon.round().settled] == [end]
    assert len(drained(street, seen)) == effects


@pytest.mark.accepts("P-25")
def test_a_drain_that_may_have_happened_is_not_asked_for_again_when_the_rest_is(street, post):
    """The load balancer still shows it as registered; the replacement failed, and is tried again alone."""
    (victim,), seen = street.spot("trainers"), street.seen()
    street.post("interruption", victim)
    street.sim.fail("DeregisterTargets", "drop")
    street.sim.fail("DetachInstances", "throttle")
    assert [s.outcome.status for s in post.answer().steps] == ["done", "unknown", "failed"]
    street.sim.advance(5)
    assert health(street)[victim] == "healthy"
    assert [(s.action, s.outcome.status) for s in post.answer().steps] == [(DETACHED, "done")]
    assert (drained(street, seen), street.detached(seen)) == ([], [[victim]])


@pytest.mark.accepts("DC-05", "DC-02")
def test_a_policy_that_does_not_name_the_drain_denies_it_alone(street, tmp_path):
    text = f"""{HEAD}policies:
  - name: answer
    resource: any
    mode: {{type: autonomous, on: interruption-notice}}
    actions: [request-checkpoint, replace-instances]
"""
    (victim,), seen = street.spot("trainers"), street.seen()
    street.post("interruption", victim)
    with open_post(street, tmp_path, parse_policy(text, source="test")) as post:
        assert [(s.action, s.verdict) for s in post.answer().steps] == [
            (SAVED, "allow"),
            (DRAINED, "deny"),
            (DETACHED, "allow"),
        ]
    assert drained(street, seen) == []


def test_fleets_without_target_groups_are_answered_without_a_word_to_the_load_balancer(street, post):
    (victim,) = street.spot("renderers")
    street.post("interruption", victim)
    street.sim.fail("DescribeTargetHealth", "access-denied", times=9)
    assert post.answer().left_alone == (victim,)


@pytest.mark.accepts("EB-07")
def test_a_group_at_its_maximum_launches_the_replacement_all_the_same(street, post):
    somebody = street.raw("autoscaling")
    somebody.update_auto_scaling_group(
        AutoScalingGroupName="trainers", MaxSize=street.fleet("trainers").desired_capacity
    )
    (victim,) = street.spot("trainers")
    street.sim.interrupt(victim)
    post.answer()
    street.sim.advance(90)
    now = street.fleet("trainers")
    assert (len(now.instances), victim in {i.instance_id for i in now.instances}) == (now.desired_capacity, False)
    somebody.update_auto_scaling_group(AutoScalingGroupName="trainers", MaxSize=8)
