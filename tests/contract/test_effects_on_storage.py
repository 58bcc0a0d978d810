"""Volumes and snapshots through the one way to write: copied, brought back, attached, deleted. Each once."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.contract.conftest import World
from tests.contract.ground_house import Hand, open_ground, open_hand
from tests.contract.storage_house import (
    HERE,
    SNAPSHOT_SECONDS,
    THERE,
    attached,
    copied,
    dropped,
    forgotten,
    free,
    lone,
    restored,
    snapshot,
    volume,
)
from tools.errors import NotFound, Rejected, StalePlan, UsageError
from tools.fleets.effects import effect_of
from tools.fleets.roll_back import roll_back
from tools.records import (
    Action,
    DeleteSnapshot,
    DeleteVolume,
    Tag,
)


@pytest.fixture(scope="module")
def ground() -> Iterator[World]:
    with open_ground() as found:
        yield found


@pytest.fixture
def hand(ground: World, tmp_path: Path) -> Iterator[Hand]:
    ground.sim.advance(1)  # a proposal of another moment: the same one would have the same intent
    with open_hand(ground, tmp_path) as made:
        yield made
    ground.sim.mend()


KINDS = pytest.mark.parametrize(
    ("make", "operation"),
    [
        (copied, "CreateSnapshot"),
        (restored, "CreateVolume"),
        (attached, "AttachVolume"),
        (dropped, "DeleteVolume"),
        (forgotten, "DeleteSnapshot"),
    ],
    ids=["create-snapshot", "create-volume", "attach-volume", "delete-volume", "delete-snapshot"],
)
Make = Callable[[World], Action]


@pytest.mark.accepts("EB-01", "EB-05", "P-13")
@KINDS
def test_it_is_sent_once_and_read_back(ground: World, hand: Hand, make: Make, operation: str):
    action = make(ground)
    proposal_id, before = hand.approved(action), ground.seen()
    outcome = hand.act(proposal_id)
    assert (outcome.status, outcome.message) == ("done", "read back as wanted")
    assert outcome.before != outcome.after
    assert hand.act(proposal_id) == outcome
    (row,) = ground.effects_since(before, operation)
    if operation == "CreateVolume":
        assert row["parameters"]["ClientToken"] == hand.actuation.journal.watches.intent(proposal_id)[0].token
    preview = hand.actuation.journal.proposal(proposal_id).proposal.preview
    assert preview.calls == (f"ec2:{operation}",)
    assert preview.reversible == (operation == "CreateVolume")
    if operation != "AttachVolume":
        assert any("a month at list price (AWS Price List GetProducts, 2026-11-18" in w for w in preview.warnings)


@pytest.mark.accepts("EB-01", "EB-05")
@KINDS
@pytest.mark.parametrize(
    ("fault", "effects", "end"), [("timeout-after-effect", 1, "done"), ("timeout-before-effect", 0, "failed")]
)
def test_an_answer_that_was_lost_is_looked_for_and_never_sent_again(ground, hand, make, operation, fault, effects, end):
    proposal_id, before = hand.approved(make(ground)), ground.seen()
    ground.sim.fail(operation, fault)
    assert hand.act(proposal_id).status == "unknown"
    assert hand.act(proposal_id).status in ("unknown", "done")
    ground.sim.advance(361)
    hand.settled()
    assert hand.actuation.journal.outcomes(proposal_id)[-1].status == end
    assert hand.actuation.journal.open_intents() == ()
    assert len(ground.effects_since(before, operation)) == effects


@pytest.mark.accepts("EB-05")
@pytest.mark.parametrize("make", [restored, attached, dropped], ids=["create-volume", "attach-volume", "delete-volume"])
def test_what_ec2_does_not_show_yet_is_waited_for(ground, hand, make):
    proposal_id = hand.approved(make(ground))
    before, operation = ground.seen(), effect_of(hand.actuation.journal.proposal(proposal_id).proposal.action)
    name = operation.calls(hand.actuation.journal.proposal(proposal_id).proposal.action)[0].removeprefix("ec2:")
    ground.sim.fail(name, "drop-after-effect")
    ground.sim.fail("DescribeVolumes", "stale", times=0, seconds=200)
    assert hand.act(proposal_id).status == "unknown"
    ground.sim.advance(100)
    assert hand.settled().status == "unknown"
    ground.sim.advance(110)
    assert hand.settled().status == "done"
    assert len(ground.effects_since(before, name)) == 1


@KINDS
def test_what_aws_refuses_did_not_happen(ground, hand, make, operation):
    action, before = make(ground), ground.seen()
    ground.sim.fail(operation, "access-denied")
    assert hand.do(action).status == "failed"
    assert ground.effects_since(before, operation) == []


@KINDS
def test_aws_says_beforehand_that_it_would_do_it(ground, make, operation):
    action = make(ground)
    before = ground.seen()
    assert f"ec2:{operation} with DryRun says so" in ground.writer.try_out(action)
    assert ground.seen() == before


@pytest.mark.accepts("EB-05")
@pytest.mark.parametrize(
    ("make", "fault", "said"),
    [
        (lambda g: restored(g, zone_name="us-east-1c", volume_type="io2", iops=500), "", "another zone"),
        (restored, "quota", "delete volumes that nobody needs"),
        (copied, "quota", "delete snapshots that nobody needs"),
    ],
    ids=["zone-without-the-type", "volumes", "snapshots"],
)
def test_what_only_ec2_knows_it_refuses_with_a_way_out_and_nothing_happened(ground, hand, make, fault, said):
    """No API tells beforehand which zone has which type; a DryRun does."""
    action = make(ground)
    before, operation = ground.seen(), effect_of(action).calls(action)[0].removeprefix("ec2:")
    if fault:
        ground.sim.fail(operation, fault, times=2)
    with pytest.raises(Rejected) as refused:
        ground.writer.try_out(action)
    assert said in refused.value.hint
    outcome = hand.do(action)
    assert (outcome.status, outcome.after) == ("failed", outcome.before)
    assert ground.effects_since(before, operation) == []


# drift


def tag_it(ground: World, action: Action) -> None:
    thing = getattr(action, "volume_id", None) or action.fleet.fleet_id
    ground.raw("ec2").create_tags(Resources=[thing], Tags=[{"Key": "keep", "Value": "yes"}])


def take_it(ground: World, action: Action) -> None:
    saver = lone(ground)
    ground.raw("ec2").attach_volume(VolumeId=action.volume_id, InstanceId=saver.ref.fleet_id, Device=free(ground))


def lose_it(ground: World, action: Action) -> None:
    ground.raw("ec2").delete_snapshot(SnapshotId=action.snapshot_id)


@pytest.mark.accepts("EB-05")
@pytest.mark.parametrize(
    ("make", "meanwhile", "operation"),
    [
        (copied, take_it, "CreateSnapshot"),
        (attached, tag_it, "AttachVolume"),
        (attached, take_it, "AttachVolume"),
        (dropped, tag_it, "DeleteVolume"),
        (dropped, take_it, "DeleteVolume"),
        (forgotten, tag_it, "DeleteSnapshot"),
        (restored, tag_it, "CreateVolume"),
        (restored, lose_it, "CreateVolume"),
    ],
)
def test_what_somebody_changed_since_it_was_shown_is_refused(ground, hand, make, meanwhile, operation):
    action = make(ground)
    proposal_id = hand.approved(action)
    meanwhile(ground, action)
    before = ground.seen()
    with pytest.raises(StalePlan):
        hand.act(proposal_id)
    assert ground.effects_since(before, operation) == []


def test_a_volume_whose_copy_that_was_told_went_since_is_not_deleted(ground, hand):
    found = volume(ground)
    older, copy, action = snapshot(ground, found), snapshot(ground, found), dropped(ground, found)
    proposal_id = hand.approved(action)
    said = " ".join(hand.actuation.journal.proposal(proposal_id).proposal.preview.warnings)
    assert f"stays in {copy}" in said
    assert older not in said
    ground.raw("ec2").delete_snapshot(SnapshotId=copy)
    with pytest.raises(StalePlan) as stale:
        hand.act(proposal_id)
    assert stale.value.drift == (f"copied: {copy} → {older}",)


@pytest.mark.parametrize("make", [dropped, forgotten, attached])
def test_what_is_gone_already_is_not_there_to_be_named(ground, hand, make):
    action = make(ground)
    proposal_id = hand.approved(action)
    gone = effect_of(forgotten(ground)) if isinstance(action, DeleteSnapshot) else None
    if gone is not None:
        ground.raw("ec2").delete_snapshot(SnapshotId=action.snapshot_id)
    else:
        ground.raw("ec2").delete_volume(VolumeId=action.volume_id)
    with pytest.raises(StalePlan) as stale:
        hand.act(proposal_id)
    assert "gone" in stale.value.drift[0]
    with pytest.raises(NotFound):
        hand.approved(action)


# zones


@pytest.mark.accepts("EB-05", "P-13")
def test_data_crosses_zones_by_a_snapshot_and_a_new_volume(ground, hand):
    """The way out that the refusal names, walked to its end."""
    far = volume(ground, THERE)
    with pytest.raises(UsageError, match="stays in its zone for life") as refused:
        hand.approved(attached(ground, far))
    assert f"--do restore-volume --zone {HERE}" in refused.value.hint
    taken = hand.do(copied(ground, far))
    ground.sim.advance(SNAPSHOT_SECONDS)
    made = taken.items[0].item.split()[0]
    outcome = hand.do(restored(ground, snapshot_id=made, zone_name=HERE, tags=(Tag(key="team", value="research"),)))
    new = outcome.items[0].item.split()[0]
    ground.sim.advance(10)
    assert hand.do(attached(ground, new)).status == "done"
    (found,) = ground.reader.volumes(volume_ids=[new])
    assert (found.zone_name, found.zone_id, found.snapshot_id) == (HERE, "use1-az6", made)
    assert (found.instance_id, found.delete_on_termination) == (lone(ground).ref.fleet_id, False)
    assert {t.key for t in found.tags} == {"team", "spotwarden:intent"}
    assert hand.do(attached(ground, new, device_name=found.device_name)).status == "already"


@pytest.mark.accepts("EB-05")
def test_the_way_back_from_a_restored_volume_is_deleting_what_was_made(ground, hand):
    action = restored(ground)
    proposal_id = hand.approved(action)
    said = " ".join(hand.actuation.journal.proposal(proposal_id).proposal.preview.warnings)
    assert "come from S3 when they are first read" in said
    assert "Fast Snapshot Restore" in said
    outcome = hand.act(proposal_id)
    intent = hand.actuation.journal.watches.intent(proposal_id)[0]
    effect = effect_of(action)
    made = effect.result(ground.reader, intent.intent_id, action)
    undo = effect.undo(action, outcome.before, made)
    assert undo == DeleteVolume(fleet=made.ref, volume_id=outcome.items[0].item.split()[0])
    ground.sim.advance(10)
    assert (
        roll_back.run(reader=ground.reader, audit=hand.actuation.journal, proposal_id=proposal_id, fleet=None) == undo
    )
    assert hand.do(undo).after == {"volume": "gone"}
    with pytest.raises(NotFound):
        ground.reader.fleet(made.ref)
