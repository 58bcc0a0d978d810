"""Snapshot schedules kept by the daemon: on the simulated account, through the law, whatever dies in between."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from agent.autonomy import Daemon
from agent.facts import KEEPING
from agent.journal.journal import Journal
from tests.agent.autonomy_house import CREDENTIALS, Street, open_street
from tests.agent.keeping_house import ASKS, COUNTED, DONE, HOUR, keeper
from tools.aws.session import open_account
from tools.errors import StalePlan, UsageError
from tools.records import NOTHING_KEPT, DeleteSnapshot, KeepingSettings, utc_text
from tools.volumes.keep import keep_volume
from tools.volumes.report import volumes_report


@pytest.fixture(scope="module")
def account() -> Iterator[Street]:
    with open_street("proving-ground") as found:
        yield found


@pytest.fixture
def street(account) -> Iterator[Street]:
    """What other tests kept is long due again."""
    account.sim.advance(8 * HOUR)
    yield account
    account.sim.fate_snapshots("usual")


@pytest.mark.accepts("EB-01")
def test_sets_are_taken_when_due_and_older_ones_are_let_go_but_never_what_somebody_else_took(street, tmp_path):
    instance = street.fleet("ledger").instances[0]
    by_hand = street.raw("ec2").create_snapshots(
        InstanceSpecification={"InstanceId": instance.instance_id},
        TagSpecifications=[{"ResourceType": "snapshot", "Tags": _tags(instance.instance_id)}],
    )["Snapshots"][0]["SnapshotId"]
    street.sim.advance(7 * HOUR)
    with keeper(street, tmp_path, fleet="ledger", keep=1) as post:
        assert post.look() == [DONE] * 2
        assert post.look(hours=5.5) == []
        assert post.look(hours=0.5) == [DONE] * 2
        assert post.wish_away(post.scheduled()[0], by="chat") == "ask"
        assert post.look(hours=0.5) == [("delete-snapshot", "allow", "done")] * 2
        assert post.wish_away(post.scheduled()[0], by=KEEPING) == "ask", "nothing newer is left"
        assert post.wish_away(by_hand, by=KEEPING) == "ask", "no schedule took it"
        assert post.look() == []
        assert post.sets() == [["completed"]] * 2
        assert by_hand in {s.snapshot_id for s in street.aws.reader.snapshots()}
        report = volumes_report(street.aws.reader, street.sim.clock, post.journal, post.keeping.settings)
        (state,) = report.schedules
        assert (state.trouble, state.overdue_seconds) == (None, None)
        kept = [s for s in report.snapshots if s.expires_at is not None]
        assert {s.fleet for s in kept} == {"asg/ledger"}
        assert not any(s.orphan for s in kept)


def test_one_that_failed_is_told_and_taken_again_and_is_not_counted_as_kept(street, tmp_path):
    instance = street.fleet("ledger").instances[0]
    with keeper(street, tmp_path, fleet=f"{instance.instance_id}", keep=1) as post:
        street.sim.fate_snapshots("error")
        assert post.look() == [DONE]
        assert post.look(hours=0.1) == []
        assert any("failed: it holds nothing that can be restored" in t for t in post.told())
        street.sim.fate_snapshots("usual")
        assert post.look(hours=0.2) == [DONE]
        assert post.look(hours=0.1) == [("delete-snapshot", "allow", "done")]  # it holds nothing
        assert post.sets() == [["completed"]]


def test_one_that_never_ends_is_told_and_another_is_taken_but_not_for_ever(street, tmp_path):
    instance = street.fleet("ledger").instances[1]
    with keeper(street, tmp_path, fleet=instance.instance_id) as post:
        street.sim.fate_snapshots("never")
        post.look()
        assert post.look(hours=1.5) == [DONE]
        assert any("is pending for more than 1.1 h" in t for t in post.told())
        assert post.look(hours=1.5) == [DONE]
        assert post.look(hours=6) == []
        assert any("of its sets are pending" in t for t in post.told())
        assert post.sets() == [["pending"]] * 3


@pytest.mark.accepts("EB-03")
def test_no_first_snapshot_is_begun_inside_a_notice(street, tmp_path):
    spot = street.spot("trainers")[0]
    with keeper(street, tmp_path, fleet="trainers") as post:
        street.sim.interrupt(spot)
        after = street.seen()
        post.look()
        taken = {r["parameters"]["InstanceSpecification.InstanceId"] for r in street.did("CreateSnapshots", after)}
        assert taken == {i.instance_id for i in street.fleet("trainers").instances} - {spot}
        assert any("would not end in two minutes" in t for t in post.told())


def test_the_daemon_asks_once_where_the_policy_asks_and_takes_it_once_it_is_approved(street, tmp_path):
    instance = street.fleet("ledger").instances[0].instance_id
    with keeper(street, tmp_path, ASKS, fleet=instance) as post:
        daemon = Daemon(post.actuation, None, "first", keeping=post.keeping.settings)
        assert [(s.action, s.verdict) for s in daemon.round().steps] == [("create-snapshots", "ask")]
        street.sim.advance(120)
        assert daemon.round().steps == ()
        (waiting,) = post.journal.proposals(status="pending")
        post.actuation.answer(waiting.proposal.proposal_id, answer="approve", by="person:kim")
        street.sim.advance(120)
        assert [s.outcome.status for s in daemon.round().steps] == ["done"]
        street.sim.advance(120)
        assert daemon.round().steps == ()
        assert len(post.sets()) == 1
        daemon.release()


def tagged_like(street: Street, snapshot_id: str, like: str) -> None:
    """Somebody copies the tags of one of ours."""
    (ours,) = street.aws.reader.snapshots(snapshot_ids=[like])
    tags = [{"Key": t.key, "Value": t.value} for t in ours.tags]
    street.raw("ec2").create_tags(Resources=[snapshot_id], Tags=tags)


@pytest.mark.accepts("EB-01")
def test_tags_that_somebody_copied_let_nothing_go_and_hold_no_set_up(street, tmp_path):
    instance = street.fleet("ledger").instances[0]
    theirs = street.raw("ec2").create_snapshot(VolumeId=instance.volumes[0].volume_id)["SnapshotId"]
    with keeper(street, tmp_path, fleet=instance.instance_id, keep=1) as post:
        assert post.look(hours=0.5) == [DONE]
        (first,) = post.scheduled()
        tagged_like(street, theirs, first)
        assert post.look(hours=5.8) == []
        assert post.look(hours=0.3) == [DONE]
        assert post.wish_away(theirs, by=KEEPING) == "ask"
        assert post.wish_away(first, by="agent:keeping") == "ask", "a model may bear any name"
        assert post.look(hours=0.5) == [("delete-snapshot", "allow", "done")]
        left = {s.snapshot_id for s in street.aws.reader.snapshots()}
        assert (first in left, theirs in left) == (False, True)


@pytest.mark.accepts("EB-01")
def test_a_newer_copy_that_goes_between_the_permit_and_the_call_stops_the_deletion(street, tmp_path):
    """The older one that is left is not what the verdict stood on."""
    instance = street.fleet("ledger").instances[0]
    with keeper(street, tmp_path, fleet=instance.instance_id, keep=3) as post:
        for _ in range(3):
            post.look(hours=6.1)
        street.sim.advance(HOUR)
        first, second, third = post.scheduled()
        here = street.fleet("ledger").ref.with_(kind="snapshot", fleet_id=second)
        action = DeleteSnapshot(fleet=here, snapshot_id=second)
        saved = post.actuation.propose(action, by=KEEPING, actor="agent", rationale="of a test")
        assert saved.decision.verdict == "allow"
        goes = GoesBefore(street, third, lambda: post.journal.open_intents() != ())
        with pytest.raises(StalePlan) as stale:
            replace(post.actuation, reader=goes).act(saved.proposal.proposal_id, by=KEEPING)
        assert stale.value.drift == ("newer: True → False",)
        assert {first, second} <= {s.snapshot_id for s in street.aws.reader.snapshots()}


@dataclass
class GoesBefore:
    """A reader; once the intent is open somebody deletes a snapshot."""

    street: Street
    victim: str
    begun: Callable[[], bool]

    def __getattr__(self, name: str) -> object:
        if name == "snapshots" and self.victim and self.begun():
            self.street.raw("ec2").delete_snapshot(SnapshotId=self.victim)
            self.victim = ""
        return getattr(self.street.aws.reader, name)


def test_two_schedules_of_one_instance_are_told_and_the_first_one_is_kept(street, tmp_path):
    instance = street.fleet("ledger").instances[0].instance_id
    with keeper(street, tmp_path, fleet="ledger", keep=5) as post:
        (first,) = post.keeping.settings.schedules
        post.keeping.settings = KeepingSettings(schedules=(first, first.with_(fleet=instance, keep=1)))
        assert post.look() == [DONE] * 2
        assert post.look(hours=6.1) == [DONE] * 2
        assert post.look(hours=0.5) == []
        assert post.told() == [f"[[snapshots]] {instance}: ledger has instances of it already; take one of them out"]


def test_a_clock_that_was_set_back_holds_no_look_up_and_a_notice_waits_for_one_step_at_most(street, tmp_path):
    with keeper(street, tmp_path, fleet="ledger") as post:
        for steps in (1, 1, 0):
            post.keeping.look(most=1)
            assert len(post.keeping.news()) == steps
        post.keeping._next_look = street.sim.clock.now() + timedelta(days=3)
        assert post.look(hours=6.1) == [DONE] * 2


def test_a_deletion_leaves_the_budgets_known(street, tmp_path):
    """What it saves is unknown; that it adds nothing is not."""
    instance = street.fleet("ledger").instances[0].instance_id
    with keeper(street, tmp_path, COUNTED, fleet=instance, keep=1) as post:
        assert post.look() == [DONE]
        assert post.look(hours=6.1) == [DONE]
        assert post.look(hours=0.5) == [("delete-snapshot", "allow", "done")]
        assert post.look(hours=6.1) == [DONE]


def test_a_fleet_that_is_not_there_is_told_and_nothing_ends(street, tmp_path):
    with keeper(street, tmp_path, fleet="legder") as post:
        assert post.look() == []
        assert post.look() == []
        assert post.told() == ["[[snapshots]] legder: no fleet of this name; there is ledger, renderers"]


def answer_freeze(street: Street, after: int, **told: object) -> None:
    """What the guard on the instance writes where its marker asked for a freeze."""
    (marker,) = [r["parameters"] for r in street.did("PutObject", after) if "/requests/" in r["parameters"]["Key"]]
    key = marker["Key"].replace("/requests/", "/freezes/")
    now = street.sim.clock.now()
    body = {"state": "frozen", "frozen_at": utc_text(now), "until": utc_text(now + timedelta(seconds=30))}
    street.raw("s3").put_object(Bucket=marker["Bucket"], Key=key, Body=json.dumps(body | told).encode())


@pytest.mark.accepts("EB-04")
def test_a_set_within_a_freeze_that_thawed_well_is_application_consistent_and_no_other(street, tmp_path):
    instance = next(i for i in street.fleet("trainers").instances if i.state == "running").instance_id
    with keeper(street, tmp_path, fleet="trainers", freeze_seconds=30) as post:
        others = [i.instance_id for i in street.fleet("trainers").instances if i.instance_id != instance]
        for other in others:
            street.raw("ec2").create_snapshots(
                InstanceSpecification={"InstanceId": other},
                TagSpecifications=[{"ResourceType": "snapshot", "Tags": _tags(other)}],
            )
        after = street.seen()
        assert post.look() == [("request-checkpoint", "allow", "done")]
        assert post.look() == []  # it is waited for
        answer_freeze(street, after)
        begun = street.sim.clock.now()
        street.sim.advance(3)
        post.keeping.look()
        assert [k.action.kind for k in post.keeping.news()] == ["create-snapshots"]
        report = volumes_report(street.aws.reader, street.sim.clock, post.journal, post.keeping.settings)
        assert {s.consistency for s in report.snapshots} == {"crash-consistent"}, "it has not thawed yet"
        thawed = utc_text(begun + timedelta(seconds=30))
        answer_freeze(street, after, state="thawed", frozen_at=utc_text(begun), thawed_at=thawed, ok=True)
        report = volumes_report(street.aws.reader, street.sim.clock, post.journal, post.keeping.settings)
        (held,) = [s for s in report.snapshots if s.consistency == "application-consistent"]
        assert held.evidence.startswith("begun at ")


def _tags(instance_id: str) -> list[dict[str, str]]:
    """As a set of ours bears them, which somebody else may write too."""
    return [{"Key": "Instance", "Value": instance_id}, {"Key": "spotwarden:intent", "Value": f"forged {instance_id}"}]


class Dies:
    """The account's writer; its process is killed before the call that takes the snapshots, or after it."""

    def __init__(self, writer: object, *, after: bool) -> None:
        self.writer, self.after = writer, after

    def __getattr__(self, name: str) -> object:
        return getattr(self.writer, name)

    def create_snapshots(self, intent: object, action: object) -> object:
        if self.after:
            self.writer.create_snapshots(intent, action)
        os.kill(os.getpid(), signal.SIGKILL)


def killed(street: Street, folder: Path, instance: str, *, after: bool) -> int:
    """A process that keeps the schedule and dies at the call; its end as the system tells it."""
    pid = os.fork()
    if pid == 0:
        try:
            where = {"region": street.sim.region, "endpoint_url": street.sim.endpoint_url, "clock": street.sim.clock}
            own = open_account(profile=None, credentials=CREDENTIALS, **where)
            mine = Street(street.sim, own)
            with keeper(mine, folder, fleet=instance, writer=Dies(own.writer, after=after)) as post:
                post.look()
        finally:
            os._exit(1)
    return -os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.accepts("EB-01")
@pytest.mark.parametrize("after", [False, True])
def test_a_process_that_is_killed_at_the_call_leads_to_exactly_one_set(street, tmp_path, after):
    instance = street.fleet("ledger").instances[0].instance_id
    seen = street.seen()
    assert killed(street, tmp_path, instance, after=after) == signal.SIGKILL
    with keeper(street, tmp_path, fleet=instance) as post:
        assert post.look() == []  # what became of the first is not known yet
        for _ in range(3):
            post.actuation.reconcile()
            post.look(hours=0.2)
        assert len(street.did("CreateSnapshots", seen)) == 1
        assert post.sets() == [["completed"]]


def drawn(street: Street, folder: Path, **given: object):
    """What the agent's tool draws up for these arguments, checked as a model's are."""
    wanted = {"zone": None, "instance_id": None, "device_name": None, "include_root": None}
    arguments = keep_volume.parse(json.dumps(wanted | given))
    with Journal.open(folder / "journal.db", clock=street.sim.clock) as journal:
        return keep_volume.run(
            reader=street.aws.reader,
            clock=street.sim.clock,
            audit=journal,
            keeping=NOTHING_KEPT,
            **dict(arguments),
        )


@pytest.mark.accepts("P-13")
def test_the_agent_s_tool_draws_up_one_step_and_never_the_deletion_of_what_is_held(street, tmp_path):
    free = next(v for v in street.aws.reader.volumes() if v.size_gib == 50 and v.state == "available")
    alone = next(s for s in street.aws.reader.snapshots() if s.size_gib == 100)
    (first, *_) = street.fleet("ledger").instances
    kinds = [
        drawn(street, tmp_path, operation="snapshot", target=first.instance_id, include_root=True).kind,
        drawn(street, tmp_path, operation="snapshot", target=free.volume_id).kind,
        drawn(street, tmp_path, operation="restore", target=alone.snapshot_id, zone="us-east-1b").kind,
        drawn(street, tmp_path, operation="restore", target=alone.snapshot_id, instance_id=first.instance_id).kind,
        drawn(street, tmp_path, operation="delete-volume", target=free.volume_id).kind,
        drawn(street, tmp_path, operation="delete-snapshot", target=alone.snapshot_id).kind,
    ]
    assert kinds == [
        "create-snapshots", "create-snapshot", "create-volume", "create-volume", "delete-volume", "delete-snapshot",
    ]  # fmt: skip
    young = next(s for s in street.aws.reader.snapshots() if s.size_gib == 8)
    for given, said in (
        ({"operation": "snapshot", "target": "ledger", "include_root": True}, "one is snapshotted a step"),
        ({"operation": "snapshot", "target": first.instance_id}, "nothing to snapshot"),
        ({"operation": "restore", "target": alone.snapshot_id}, "in which zone"),
        ({"operation": "attach", "target": free.volume_id}, "to which instance"),
        ({"operation": "delete-volume", "target": alone.snapshot_id}, "begins with vol-"),
        ({"operation": "delete-volume", "target": first.volumes[0].volume_id}, "is in use"),
        ({"operation": "delete-snapshot", "target": young.snapshot_id}, "is not to be deleted"),
        ({"operation": "delete-volume", "target": "vol-../../x"}, "String should match pattern"),
    ):
        with pytest.raises(UsageError, match=said):
            drawn(street, tmp_path, **given)
