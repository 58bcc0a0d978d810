"""What must not happen, each made to happen as nearly as it can: one scene a law, with what it allows.

Every law begins with a deed that was drawn up and approved, unless it says otherwise. `at_most` and `at_least` are
effects of ours in the account's log: some of them show that the same steps do act when nothing is wrong.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.torture.image import Scene

if TYPE_CHECKING:
    from tests.torture.laboratory import Laboratory

GROUP, FLEET = "change-fleet-asg", "change-fleet-ec2"
OPEN, MARK, CLOSE = "Journal.open_intent", "Journal.mark_sending", "Journal.close_intent"
BEYOND = 660.0


@dataclass(frozen=True)
class Law:
    run: Callable[["Laboratory", Scene, str], None]
    at_most: int
    at_least: int = 0
    deed: str = GROUP
    base: str = "act"
    """the program that the scene is ready for"""


LAWS: dict[str, Law] = {}


def law(name: str, **more: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    def keep(run: Callable[..., None]) -> Callable[..., None]:
        LAWS[name] = Law(run, **{"at_most": 0, **more})
        return run

    return keep


@contextmanager
def asleep(scene: Scene, program: str, job: dict[str, Any], *stops: Any) -> Iterator[Callable[[], None]]:
    """A process that sleeps where it was told to; what is yielded lets it go on to the next place."""
    pid, at = scene.start(program, job, stop=stops)
    assert scene.stopped(pid), f"{program} never came to {stops[0]}: {scene.finish(pid, at)}"

    def further() -> None:
        scene.wake(pid)
        scene.stopped(pid)

    try:
        yield further
    finally:
        scene.wake(pid)
        scene.finish(pid, at)


def drifted(scene: Scene) -> None:
    """Somebody else raises the group's upper limit by one."""
    client = scene.image.stranger("autoscaling")
    name = scene.fleet
    row = client.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"][0]
    client.update_auto_scaling_group(AutoScalingGroupName=name, MaxSize=row["MaxSize"] + 1)


def settled(lab: "Laboratory", scene: Scene, name: str) -> None:
    """Everything had its time, and one process looks."""
    scene.advance(BEYOND)
    scene.run("settle", lab.job(name))


@law("undisturbed", at_most=1, at_least=1)
def _undisturbed(lab: "Laboratory", scene: Scene, name: str) -> None:
    scene.run("act", lab.job(name))
    scene.run("act", lab.job(name))


@law("undisturbed-sizes", deed="change-fleet-asg-sizes", at_most=1, at_least=1)
def _undisturbed_sizes(lab: "Laboratory", scene: Scene, name: str) -> None:
    scene.run("act", lab.job(name))


@law("undisturbed-launch", deed="run-instances", at_most=1, at_least=1)
def _undisturbed_launch(lab: "Laboratory", scene: Scene, name: str) -> None:
    scene.run("act", lab.job(name))
    scene.run("act", lab.job(name))


@law("policy-says-no", base="draw")
def _says_no(lab: "Laboratory", scene: Scene, name: str) -> None:
    text = scene.ground.policy.read_text()
    scene.ground.policy.write_text(text.replace("set-purchase-mix, ", ""))
    scene.run("draw", lab.job(name))
    scene.run("answer", lab.job(name) | {"answer": "approve", "by": "person:operator"})
    scene.run("act", lab.job(name))


@law("drift-of-an-instance")
def _drift_instance(lab: "Laboratory", scene: Scene, name: str) -> None:
    client = scene.image.stranger("autoscaling")
    row = client.describe_auto_scaling_groups(AutoScalingGroupNames=[scene.fleet])["AutoScalingGroups"][0]
    one = [row["Instances"][0]["InstanceId"]]
    client.detach_instances(AutoScalingGroupName=scene.fleet, InstanceIds=one, ShouldDecrementDesiredCapacity=False)
    scene.run("act", lab.job(name))


@law("drift-of-the-template-version")
def _drift_version(lab: "Laboratory", scene: Scene, name: str) -> None:
    client = scene.image.stranger("autoscaling")
    row = client.describe_auto_scaling_groups(AutoScalingGroupNames=[scene.fleet])["AutoScalingGroups"][0]
    policy = row["MixedInstancesPolicy"]
    policy["LaunchTemplate"]["LaunchTemplateSpecification"].pop("LaunchTemplateName", None)
    policy["LaunchTemplate"]["LaunchTemplateSpecification"]["Version"] = "2"
    client.update_auto_scaling_group(AutoScalingGroupName=scene.fleet, MixedInstancesPolicy=policy)
    scene.run("act", lab.job(name))


@law("drift-before")
def _drift_before(lab: "Laboratory", scene: Scene, name: str) -> None:
    drifted(scene)
    scene.run("act", lab.job(name))


@law("drift-between-the-looks")
def _drift_between(lab: "Laboratory", scene: Scene, name: str) -> None:
    with asleep(scene, "act", lab.job(name), OPEN):
        drifted(scene)


@law("halted-before")
def _halted_before(lab: "Laboratory", scene: Scene, name: str) -> None:
    scene.ground.stop.touch()
    scene.run("act", lab.job(name))


@law("halted-between-the-looks")
def _halted_between(lab: "Laboratory", scene: Scene, name: str) -> None:
    with asleep(scene, "act", lab.job(name), OPEN):
        scene.ground.stop.touch()


@law("policy-edited")
def _policy_edited(lab: "Laboratory", scene: Scene, name: str) -> None:
    text = scene.ground.policy.read_text()
    scene.ground.policy.write_text(text.replace("name: ask", "name: asks-otherwise"))
    scene.run("act", lab.job(name))


@law("policy-broken")
def _policy_broken(lab: "Laboratory", scene: Scene, name: str) -> None:
    scene.ground.policy.write_text("policies: [")
    scene.run("act", lab.job(name))


@law("approval-over")
def _approval_over(lab: "Laboratory", scene: Scene, name: str) -> None:
    scene.advance(3_700)
    scene.run("act", lab.job(name))


@law("permit-over")
def _permit_over(lab: "Laboratory", scene: Scene, name: str) -> None:
    with asleep(scene, "act", lab.job(name), MARK):
        scene.advance(400)


@law("permit-over-while-it-looks")
def _permit_over_looking(lab: "Laboratory", scene: Scene, name: str) -> None:
    with asleep(scene, "act", lab.job(name), OPEN, "DescribeAutoScalingGroups") as further:
        further()
        scene.advance(400)


@law("slept-before-it-was-marked")
def _slept_unmarked(lab: "Laboratory", scene: Scene, name: str) -> None:
    """Somebody settles what seems dead; it is not."""
    with asleep(scene, "act", lab.job(name), MARK):
        scene.advance(40)
        scene.run("settle", lab.job(name))


@law("slept-before-it-left")
def _slept_marked(lab: "Laboratory", scene: Scene, name: str) -> None:
    """Between the mark and the socket, and everybody gave it up."""
    with asleep(scene, "act", lab.job(name), "write"):
        scene.advance(BEYOND)
        scene.run("settle", lab.job(name))
    settled(lab, scene, name)


@law("slow-before-it-left", at_most=1, at_least=1)
def _slow(lab: "Laboratory", scene: Scene, name: str) -> None:
    """Only slow: it may still go."""
    with asleep(scene, "act", lab.job(name), "write"):
        scene.advance(20)


@law("taken-back")
def _taken_back(lab: "Laboratory", scene: Scene, name: str) -> None:
    scene.run("answer", lab.job(name) | {"answer": "deny", "by": "person:operator"})
    scene.run("act", lab.job(name))


@law("machine-approves", base="answer")
def _machine(lab: "Laboratory", scene: Scene, name: str) -> None:
    for by in ("agent", "reflex", "policy:ask", "Daemon"):
        scene.run("answer", lab.job(name) | {"answer": "approve", "by": by})
    scene.run("act", lab.job(name))


@law("nobody-approved", base="answer")
def _nobody(lab: "Laboratory", scene: Scene, name: str) -> None:
    scene.run("act", lab.job(name))


@law("quorum-of-one-person", base="draw")
def _quorum(lab: "Laboratory", scene: Scene, name: str) -> None:
    text = scene.ground.policy.read_text()
    scene.ground.policy.write_text(text.replace("quorum: {default: 1}", "quorum: {default: 2}"))
    scene.run("draw", lab.job(name))
    scene.run("answer", lab.job(name) | {"answer": "approve", "by": " OPERATOR"})
    scene.run("act", lab.job(name))


@law("approved-by-two", base="draw", at_most=1, at_least=1)
def _two(lab: "Laboratory", scene: Scene, name: str) -> None:
    text = scene.ground.policy.read_text()
    scene.ground.policy.write_text(text.replace("quorum: {default: 1}", "quorum: {default: 2}"))
    scene.run("draw", lab.job(name))
    scene.run("answer", lab.job(name) | {"answer": "approve", "by": "person:second"})
    scene.run("act", lab.job(name))


@law("acted-on-twice-at-once", at_most=1, at_least=1)
def _at_once(lab: "Laboratory", scene: Scene, name: str) -> None:
    with asleep(scene, "act", lab.job(name), OPEN):
        scene.run("act", lab.job(name))


@law("acted-on-twice-a-moment-later", at_most=1, at_least=1)
def _later(lab: "Laboratory", scene: Scene, name: str) -> None:
    with asleep(scene, "act", lab.job(name), OPEN):
        scene.advance(1)
        scene.run("act", lab.job(name))


@law("one-change-of-a-fleet-at-a-time")
def _busy(lab: "Laboratory", scene: Scene, name: str) -> None:
    """The first one's request was lost, which nobody can know yet; the second must wait."""
    other = lab.job(name) | {"action": lab.job(name)["action"] | {"on_demand_base_capacity": 3}}
    scene.run("draw", other)
    scene.door.order("fault", operation="UpdateAutoScalingGroup", kind="timeout-before-effect")
    scene.run("act", lab.job(name))
    scene.run("act", other)
    settled(lab, scene, name)


def _of_two_fleets(lab: "Laboratory", scene: Scene) -> tuple[dict[str, Any], dict[str, Any]]:
    text = scene.ground.policy.read_text()
    scene.ground.policy.write_text(
        text.replace("policies:", "blast_radius: {max_actions: {count: 1, per: 1h}}\npolicies:")
    )
    jobs = lab.job(GROUP), lab.job(FLEET)
    for job in jobs:
        scene.run("draw", job)
    return jobs


@law("limit-of-one", base="draw", at_most=1, at_least=1)
def _limit(lab: "Laboratory", scene: Scene, name: str) -> None:
    first, second = _of_two_fleets(lab, scene)
    scene.run("act", first)
    scene.run("act", second)


@law("limit-of-one-at-once", base="draw", at_most=1, at_least=1)
def _limit_at_once(lab: "Laboratory", scene: Scene, name: str) -> None:
    """Both were judged while there was room for one."""
    first, second = _of_two_fleets(lab, scene)
    with asleep(scene, "act", first, OPEN):
        scene.run("act", second)


@law("lease-lost-before-the-intent", at_most=1, at_least=1)
def _lease_open(lab: "Laboratory", scene: Scene, name: str) -> None:
    with asleep(scene, "lead", lab.job(name) | {"holder": "first"}, OPEN):
        scene.advance(130)
        scene.run("lead", lab.job(name) | {"holder": "second"})
    settled(lab, scene, name)


@law("lease-lost-before-the-mark")
def _lease_mark(lab: "Laboratory", scene: Scene, name: str) -> None:
    with asleep(scene, "lead", lab.job(name) | {"holder": "first"}, MARK):
        scene.advance(130)
        scene.run("lead", lab.job(name) | {"holder": "second"})
    settled(lab, scene, name)


@law("lease-taken-over-while-it-looks")
def _lease_taken(lab: "Laboratory", scene: Scene, name: str) -> None:
    """The new leader has not looked around yet: only the lease itself keeps the old one from sending."""
    with asleep(scene, "lead", lab.job(name) | {"holder": "first"}, OPEN, "DescribeAutoScalingGroups") as further:
        further()
        scene.advance(130)
        scene.run("take-over", lab.job(name) | {"holder": "second"})
    settled(lab, scene, name)


@law("lease-taken-over-before-the-intent")
def _lease_taken_early(lab: "Laboratory", scene: Scene, name: str) -> None:
    with asleep(scene, "lead", lab.job(name) | {"holder": "first"}, OPEN):
        scene.advance(130)
        scene.run("take-over", lab.job(name) | {"holder": "second"})
    settled(lab, scene, name)


@law("lease-lost-before-it-left")
def _lease_left(lab: "Laboratory", scene: Scene, name: str) -> None:
    """Marked under a lease that had 40 seconds left; it sleeps for 45 and another one leads."""
    with asleep(scene, "lead", lab.job(name) | {"holder": "first"}, OPEN, "write") as further:
        scene.advance(80)
        further()
        scene.advance(45)
        scene.run("lead", lab.job(name) | {"holder": "second"})
    settled(lab, scene, name)


@law("led", at_most=1, at_least=1)
def _led(lab: "Laboratory", scene: Scene, name: str) -> None:
    with asleep(scene, "lead", lab.job(name) | {"holder": "first"}, OPEN, "write") as further:
        scene.advance(10)
        further()
        scene.advance(10)
        scene.run("lead", lab.job(name) | {"holder": "second"})


@law("proposal-rewritten-by-hand")
def _rewritten(lab: "Laboratory", scene: Scene, name: str) -> None:
    with sqlite3.connect(scene.ground.db) as db:
        for column in ("proposal", "decision"):
            db.execute(
                f"UPDATE proposals SET {column} = "
                f"replace({column}, '\"on_demand_base_capacity\":2', '\"on_demand_base_capacity\":1')"
            )
    db.close()
    scene.run("act", lab.job(name) | {"action": lab.job(name)["action"] | {"on_demand_base_capacity": 1}})


@law("approval-written-by-hand", base="answer")
def _forged(lab: "Laboratory", scene: Scene, name: str) -> None:
    """A row that looks like a yes, and no entry in the chain that tells of it."""
    from policies.records import Approval

    with sqlite3.connect(scene.ground.db) as db:
        shown = db.execute("SELECT proposal_id, at, expires_at, digest, proposal, decision FROM proposals").fetchone()
        proposal, decision = lab.parsed(shown[4]), lab.parsed(shown[5])
        approval = Approval(
            approval_id="ok-forged",
            proposal_digest=shown[3],
            action_digest=lab.action(name).digest,
            state_fingerprint=proposal["preview"]["state_fingerprint"],
            policy_digest=decision["policy_digest"],
            answer="approve",
            by="person:operator",
            at=shown[1],
            expires_at=shown[2],
        )
        db.execute(
            'INSERT INTO approvals (approval_id, proposal_id, at, "by", answer, expires_at, seq, approval) '
            "VALUES (?, ?, ?, ?, 'approve', ?, 2, ?)",
            (approval.approval_id, shown[0], shown[1], approval.by, shown[2], approval.canonical()),
        )
        db.execute("UPDATE proposals SET status = 'approved'")
    db.close()
    scene.run("act", lab.job(name))
