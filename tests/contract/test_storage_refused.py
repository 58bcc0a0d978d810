"""What cannot be done with volumes and snapshots is refused with the way out; and what is read of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.conftest import World
from tests.contract.ground_house import Hand, open_ground, open_hand, ref
from tests.contract.storage_house import (
    HERE,
    SNAPSHOT_SECONDS,
    THERE,
    attached,
    copied,
    dropped,
    forgotten,
    lone,
    restored,
    snapshot,
    volume,
)
from tools.errors import NotFound, StalePlan, UsageError
from tools.fleets.effects.storage import refuse_kept
from tools.records import (
    CreateSnapshots,
    SetTags,
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


# what is refused before anything is asked


@pytest.mark.accepts("EB-05")
@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"size_gib": 2}, ""),
        ({"zone_name": "us-east-1z"}, "has no zone us-east-1z"),
        ({"volume_type": "io2"}, "io2 needs IOPS"),
        ({"volume_type": "st1", "iops": 500}, "st1 takes no IOPS"),
        ({"volume_type": "gp2", "throughput_mib_per_second": 250}, "takes no throughput"),
        ({"tags": (Tag(key="aws:x", value="y"),)}, "aws:x cannot be given"),
    ],
)
def test_a_volume_that_cannot_be_made_so_is_refused_with_the_way_out(ground, hand, more, said):
    action = restored(ground, snapshot_id=_kept(ground), **{"size_gib": 20, **more})
    with pytest.raises(UsageError) as refused:
        hand.approved(action)
    assert (said or "smaller than") in refused.value.message
    assert refused.value.hint


def _kept(ground: World) -> str:
    return next(s.snapshot_id for s in ground.reader.snapshots() if Tag(key="Name", value="kept-data") in s.tags)


def test_a_snapshot_that_is_not_complete_or_failed_or_is_encrypted_says_what_to_do(ground, hand):
    ec2, source = ground.raw("ec2"), volume(ground)
    pending = snapshot(ground, source, seconds=0)
    with pytest.raises(UsageError, match="pending") as waits:
        hand.approved(restored(ground, snapshot_id=pending))
    assert "wait" in waits.value.hint
    ground.sim.fate_snapshots("error", volume_id=source)
    ground.sim.advance(SNAPSHOT_SECONDS)
    with pytest.raises(UsageError, match="is error") as failed:
        hand.approved(restored(ground, snapshot_id=pending))
    assert "another" in failed.value.hint
    secret = ec2.create_volume(AvailabilityZone=HERE, Size=1, VolumeType="gp3", Encrypted=True)["VolumeId"]
    ground.sim.advance(10)
    sealed = snapshot(ground, secret)
    with pytest.raises(UsageError, match="is encrypted"):
        hand.approved(restored(ground, snapshot_id=sealed))
    proposal_id = hand.approved(restored(ground, snapshot_id=sealed, encrypted=True))
    assert "KMS key" in " ".join(hand.actuation.journal.proposal(proposal_id).proposal.preview.warnings)


def test_a_device_that_is_taken_and_a_volume_in_use_are_refused(ground, hand):
    with pytest.raises(UsageError, match=r"/dev/xvda of i-.* has vol-.* already") as taken:
        hand.approved(attached(ground, device_name="/dev/xvda"))
    assert "/dev/sd" in taken.value.hint
    used = next(v for v in lone(ground).instances[0].volumes if not v.root).volume_id
    for action in (attached(ground, used), dropped(ground, used)):
        with pytest.raises(UsageError, match=r"attached to i-|is in use: i-") as refused:
            hand.approved(action)
        assert "detach it" in refused.value.hint
    managed = lone(ground, "lone-managed")
    with pytest.raises(UsageError, match=r"operated by eks\.amazonaws\.com"):
        hand.approved(
            attached(ground).with_(fleet=managed.ref, instance_id=managed.ref.fleet_id, device_name="/dev/sdf")
        )


@pytest.mark.accepts("EB-05")
def test_what_an_image_boots_from_or_a_service_keeps_is_not_deleted(ground, hand):
    ec2 = ground.raw("ec2")
    image = ec2.create_image(InstanceId=lone(ground).ref.fleet_id, Name="of-a-test")["ImageId"]
    mapped = ec2.describe_images(ImageIds=[image])["Images"][0]["BlockDeviceMappings"]
    booted = mapped[0]["Ebs"]["SnapshotId"]
    with pytest.raises(UsageError, match=f"{image} boots from it"):
        hand.approved(forgotten(ground, booted))
    managed = volume(ground, **{"dlm:managed": "true"})
    with pytest.raises(UsageError, match="kept by Data Lifecycle Manager"):
        hand.approved(dropped(ground, managed))
    for key in ("aws:dlm:lifecycle-policy-id", "aws:backup:source-resource"):
        with pytest.raises(UsageError, match="which deletes it itself"):
            refuse_kept((Tag(key=key, value="x"),), "snap-1")


def test_a_thing_is_deleted_as_itself_and_under_its_own_tags(ground, hand):
    """Else the tags of a fleet that nothing protects would be judged in its place."""
    saver = lone(ground)
    for action in (dropped(ground), copied(ground), forgotten(ground)):
        with pytest.raises((UsageError, NotFound)):
            hand.approved(action.with_(fleet=saver.ref))


# notices


@pytest.mark.accepts("EB-03")
def test_the_first_snapshot_is_never_begun_inside_a_notice(ground, hand):
    spot = lone(ground, "lone-spot")
    root = spot.instances[0].volumes[0].volume_id
    whole = CreateSnapshots(
        fleet=spot.ref, instance_id=spot.ref.fleet_id, volume_ids=(root,), exclude_boot_volume=False
    )
    assert ground.reader.noticed([spot.ref.fleet_id]) == frozenset()
    later = hand.approved(whole)
    ground.sim.interrupt(spot.ref.fleet_id)
    assert ground.reader.noticed([spot.ref.fleet_id, lone(ground).ref.fleet_id]) == {spot.ref.fleet_id}
    for action in (whole, copied(ground, root)):
        with pytest.raises(UsageError, match="the first one copies everything, and may take hours") as refused:
            hand.approved(action)
        assert "--do keep-volumes" in refused.value.hint
    spare = volume(ground, spot.instances[0].zone_name)
    there = {"instance_id": spot.ref.fleet_id, "device_name": "/dev/sdf"}
    to_it = attached(ground, spare, **there).with_(fleet=spot.ref)
    with pytest.raises(UsageError, match="within two minutes") as leaving:
        hand.approved(to_it)
    assert "replaces it" in leaving.value.hint
    before = ground.seen()
    with pytest.raises(UsageError):
        hand.act(later)
    assert ground.effects_since(before, "CreateSnapshots") == []
    snapshot(ground, root, seconds=105)
    assert hand.do(copied(ground, root)).status == "done"


@pytest.mark.accepts("EB-02", "EB-04")
def test_a_root_volume_is_taken_stopped_where_the_spot_request_can_be_stopped(ground, hand):
    """Else as it runs, which is said to be crash-consistent."""
    saver, ec2 = lone(ground), ground.raw("ec2")
    root = next(v.volume_id for v in saver.instances[0].volumes if v.root)
    volumes = tuple(v.volume_id for v in saver.instances[0].volumes)
    running = CreateSnapshots(
        fleet=saver.ref, instance_id=saver.ref.fleet_id, volume_ids=volumes, exclude_boot_volume=False
    )
    proposed = hand.actuation.propose(running, by="person:kim", actor="person", rationale="of a test").proposal
    assert "crash-consistent: as after a power cut" in proposed.preview.warnings[0]
    with pytest.raises(UsageError, match="is running, and was to be snapshotted stopped") as refused:
        hand.approved(running.with_(stopped=True))
    assert "stop it first" in refused.value.hint
    ec2.stop_instances(InstanceIds=[saver.ref.fleet_id])
    ground.sim.advance(35)
    proposal_id = hand.approved(running.with_(stopped=True))
    assert "nothing is being written" in hand.actuation.journal.proposal(proposal_id).proposal.preview.warnings[0]
    outcome = hand.act(proposal_id)
    assert root in " ".join(i.item for i in outcome.items)
    again = hand.approved(running.with_(stopped=True))
    ec2.start_instances(InstanceIds=[saver.ref.fleet_id])
    ground.sim.advance(35)
    with pytest.raises(StalePlan):
        hand.act(again)


# what is read


@pytest.mark.accepts("EB-01")
def test_volumes_and_snapshots_are_read_whole_and_unknown_ids_are_left_out(ground):
    one, two = volume(ground), volume(ground, THERE, Name="two")
    copy = snapshot(ground, one)
    read = ground.reader.volumes(volume_ids=[two, one, "vol-00000000"])
    assert {(v.volume_id, v.zone_id, v.state) for v in read} == {
        (one, "use1-az6", "available"),
        (two, "use1-az1", "available"),
    }
    assert [v.volume_id for v in read] == sorted(v.volume_id for v in read)
    (found,) = ground.reader.snapshots(volume_ids=[one, "vol-00000000"])
    assert (found.snapshot_id, found.volume_id, found.state, found.progress_percent) == (copy, one, "completed", 100)
    assert (found.completed_at - found.started_at).total_seconds() == pytest.approx(65, abs=5)
    assert ground.reader.snapshots(snapshot_ids=["snap-00000000"]) == ()
    ages = [s.started_at for s in ground.reader.snapshots()]
    assert ages == sorted(ages, reverse=True)


@pytest.mark.accepts("EB-05", "P-13")
def test_list_prices_of_storage_carry_their_moment_and_source_and_a_price_that_is_unknown_says_so(ground, hand):
    rates = {r.what: r for r in ground.reader.storage_rates()}
    assert float(rates["gp3"].usd_per_gib_month) == 0.08
    assert float(rates["gp3"].usd_per_mib_per_second_month) == 0.04
    assert float(rates["snapshot"].usd_per_gib_month) == 0.05
    assert (rates["gp2"].usd_per_iops_month, rates["gp2"].source) == (None, "AWS Price List GetProducts")
    action = restored(ground, volume_type="gp3", iops=4_000, size_gib=10)
    proposal = hand.actuation.propose(action, by="person:kim", actor="person", rationale="of a test").proposal
    assert "10 GiB gp3 costs $5.80 a month" in proposal.preview.warnings[0]
    assert proposal.preview.price_as_of is not None
    ground.sim.advance(13 * 3600)
    ground.sim.fail("GetProducts", "access-denied", times=0)
    unpriced = hand.actuation.propose(copied(ground), by="person:kim", actor="person", rationale="of a test").proposal
    assert "a month is unknown: no rate was read" in " ".join(unpriced.preview.warnings)
    assert unpriced.preview.added_cost_usd_per_day is None


def test_a_volume_is_tagged_and_untagged_as_a_fleet_is(ground, hand):
    found = volume(ground, team="a")
    action = SetTags(fleet=ref(ground, "volume", found), tags=(Tag(key="env", value="test"),), remove=("team",))
    assert hand.do(action).status == "done"
    assert ground.reader.volumes(volume_ids=[found])[0].tags == (Tag(key="env", value="test"),)
