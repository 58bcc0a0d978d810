"""What is said of volumes and snapshots, from records alone: consistency, protection, restores, notebooks."""

from datetime import UTC, datetime, timedelta

import pytest

from tools.errors import UsageError
from tools.records import (
    Account,
    AttachedVolume,
    CreateSnapshots,
    Fleet,
    FleetRef,
    Instance,
    Snapshot,
    Tag,
    Volume,
)
from tools.volumes.consistency import Freeze, consistency_of
from tools.volumes.facts import FACTS
from tools.volumes.notebooks import looks_like_notebooks
from tools.volumes.protection import snapshot_protected, volume_protected
from tools.volumes.restore import RESTORE_TAG, attachment, newest_completed, plan_restore
from tools.volumes.sets import longest, sets_of

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HERE = Account(account_id="123456789012", region="us-east-1", arn="arn:aws:iam::123456789012:role/r")
OLD = NOW - timedelta(days=90)


def ref(kind: str = "asg", name: str = "web") -> FleetRef:
    return FleetRef(kind=kind, fleet_id=name, account_id="123456789012", region="us-east-1")


def tags(**given: str) -> tuple[Tag, ...]:
    return tuple(Tag(key=k.replace("__", ":"), value=v) for k, v in given.items())


def snapshot(number: int = 1, **over: object) -> Snapshot:
    told = {
        "snapshot_id": f"snap-{number:08x}",
        "volume_id": f"vol-{number:08x}",
        "state": "completed",
        "size_gib": 20,
        "started_at": NOW - timedelta(hours=1),
    }
    return Snapshot.model_validate(told | over)


def of_a_set(number: int, intent: str = "i-1", **over: object) -> Snapshot:
    marks = tags(Instance="i-0000000a", spotwarden__intent=intent)
    return snapshot(number, tags=marks, description="asg/web, by spotwarden", **over)


def volume(number: int = 1, **over: object) -> Volume:
    told = {
        "volume_id": f"vol-{number:08x}",
        "zone_name": "us-east-1a",
        "zone_id": None,
        "volume_type": "gp3",
        "size_gib": 20,
        "iops": 4_000,
        "throughput_mib_per_second": 250,
        "state": "available",
        "created_at": OLD,
    }
    return Volume.model_validate(told | over)


def instance(zone: str = "us-east-1b", **over: object) -> Instance:
    told = {
        "instance_id": "i-0000000b",
        "instance_type": "m5.large",
        "zone_name": zone,
        "zone_id": None,
        "purchase_option": "spot",
        "state": "running",
        "launched_at": OLD,
        "volumes": (
            AttachedVolume(device_name="/dev/xvda", volume_id="vol-0000000f", delete_on_termination=True, root=True),
        ),
    }
    return Instance.model_validate(told | over)


def fleet(name: str = "web", **marks: str) -> Fleet:
    return Fleet(
        ref=ref(name=name),
        desired_capacity=1,
        min_size=0,
        max_size=2,
        mix=None,
        zones=("us-east-1a",),
        instances=(),
        tags=tags(**marks),
        as_of=NOW,
        source="test",
    )


# consistency


def freeze(**over: object) -> Freeze:
    told = {
        "instance_id": "i-0000000a",
        "state": "thawed",
        "frozen_at": NOW - timedelta(hours=1, seconds=5),
        "thawed_at": NOW - timedelta(minutes=59, seconds=40),
        "ok": True,
        "key": "job/freezes/0-i-0000000a.json",
    }
    return Freeze.model_validate(told | over)


FREEZES = [
    (freeze(), "application-consistent", "within the freeze"),
    (freeze(ok=False, problem="thaw failed"), "crash-consistent", "thaw failed"),
    (freeze(state="frozen", thawed_at=None, ok=None, until=NOW), "crash-consistent", "not thawed"),
    (freeze(frozen_at=NOW - timedelta(minutes=59, seconds=59)), "crash-consistent", "no freeze is known"),
    (freeze(thawed_at=NOW - timedelta(hours=1, seconds=1)), "crash-consistent", "no freeze is known"),
    (freeze(instance_id="i-0000000c"), "crash-consistent", "no freeze is known"),
    (freeze(state="refused", frozen_at=None, thawed_at=None, ok=None), "crash-consistent", "no freeze is known"),
]


@pytest.mark.accepts("EB-04")
@pytest.mark.parametrize(("one", "level", "said"), FREEZES)
def test_application_consistent_is_only_what_a_freeze_held_over(one, level, said):
    freezes, ours = {one.instance_id: [one]}, {"snap-00000001"}
    told = consistency_of(of_a_set(1), freezes=freezes, asked={"i-1": ("p-7", asked(1), frozenset(ours))})
    assert told[0] == level
    assert said in told[1]
    for known in ({}, {"i-1": ("p-7", asked(1).with_(stopped=True), frozenset({"snap-00000002"}))}):
        assert consistency_of(of_a_set(1), freezes=freezes, asked=known)[0] == "crash-consistent", (
            "tags are no evidence"
        )


@pytest.mark.accepts("EB-02")
def test_a_set_of_an_instance_that_was_stopped_is_consistent_and_says_by_which_proposal():
    wanted = CreateSnapshots(
        fleet=ref("instance", "i-0000000a"),
        instance_id="i-0000000a",
        volume_ids=("vol-00000001",),
        exclude_boot_volume=False,
        stopped=True,
    )
    level, evidence = consistency_of(
        of_a_set(1), freezes={}, asked={"i-1": ("p-7", wanted, frozenset({"snap-00000001"}))}
    )
    assert (level, evidence) == (
        "application-consistent",
        "its instance was stopped: nothing was being written (p-7)",
    )


# sets


def asked(*volumes: int) -> CreateSnapshots:
    ids = tuple(f"vol-{v:08x}" for v in volumes)
    return CreateSnapshots(fleet=ref(), instance_id="i-0000000a", volume_ids=ids, exclude_boot_volume=True)


@pytest.mark.parametrize(
    ("states", "state"),
    [
        (("completed", "completed"), "completed"),
        (("completed", "pending"), "pending"),
        (("completed", "error"), "failed"),
        (("pending", "error"), "failed"),
        (("completed",), "partial"),
        (("pending",), "pending"),
    ],
)
def test_a_set_is_completed_only_when_every_volume_that_was_asked_for_is(states, state):
    members = [of_a_set(n, state=s) for n, s in enumerate(states, 1)]
    (found,) = sets_of(members, {"i-1": asked(1, 2)}, now=NOW)
    assert found.state == state
    assert (found.trouble is None) == (state in ("completed", "pending"))


def test_a_pending_one_is_stuck_when_it_is_pending_longer_than_its_size_explains():
    begun = NOW - longest(20)
    (fresh,) = sets_of([of_a_set(1, state="pending", started_at=begun)], {}, now=NOW)
    (stuck,) = sets_of([of_a_set(1, state="pending", started_at=begun - timedelta(seconds=1))], {}, now=NOW)
    assert (fresh.state, stuck.state) == ("pending", "stuck")
    assert "AWS Support" in (stuck.trouble or "")
    assert longest(16_384) > timedelta(days=7)


# protection


HELD = [
    (tags(aws__backup__x="y", **{"aws__backup__source-resource": "arn"}), "", "AWS Backup holds it"),
    (tags(**{"aws__dlm__lifecycle-policy-id": "policy-1"}), "", "Data Lifecycle Manager"),
    (tags(**{"kubernetes.io/created-for/pvc/name": "db"}), "", "Kubernetes"),
    (tags(keep="yes"), "", "the policy protects what is tagged keep"),
    ((), "Created by CreateImage(i-0a) for ami-0abc", "the image ami-0abc"),
    ((), "This snapshot is created by the AWS Backup service.", "AWS Backup holds it"),
]


@pytest.mark.parametrize(("marks", "description", "said"), HELD)
def test_what_somebody_else_holds_is_left_alone_and_says_by_whom(marks, description, said):
    held = snapshot(tags=marks, description=description, started_at=OLD)
    told = snapshot_protected(held, fleet=None, jobs={}, tags=("keep=yes",), newest=True, now=NOW)
    assert told is not None
    assert said in told


def test_a_young_a_copied_a_job_s_and_a_used_one_are_left_alone_and_an_old_one_is_not():
    free = {"fleet": "asg/web", "jobs": {}, "tags": ("keep",), "now": NOW}
    mine = free | {"jobs": {"asg/web": "nightly"}}
    assert volume_protected(volume(), **free) is None
    assert "the job nightly" in (volume_protected(volume(), **mine) or "")
    assert "for a day" in (volume_protected(volume(created_at=NOW - timedelta(hours=2)), **free) or "")
    used = volume_protected(volume(), attached_at=NOW - timedelta(hours=3), **free)
    assert used == "in use 3 h ago: left alone for a day"
    assert volume_protected(volume(state="creating"), **free) == "it is creating"
    old = snapshot(started_at=OLD)
    assert snapshot_protected(old, newest=True, **free) is None
    assert snapshot_protected(old, newest=False, **mine) is None
    assert "may be restored from it" in (snapshot_protected(old, newest=True, **mine) or "")
    assert "boots from it" in (snapshot_protected(old, newest=True, images=("ami-1",), **free) or "")
    copied = snapshot(started_at=OLD, volume_id="vol-ffffffff")
    assert "it is a copy" in (snapshot_protected(copied, newest=True, **free) or "")
    assert "kept for 30 days" in (snapshot_protected(snapshot(), newest=True, **free) or "")
    assert snapshot_protected(snapshot(state="pending"), newest=False, **free) == "it is pending"


# restores


def planned(snapshots: tuple[Snapshot, ...], **over: object):
    wanted = {
        "zone": "us-east-1b",
        "zones": ("us-east-1a", "us-east-1b"),
        "instance": instance(),
        "volumes": (),
        "account": HERE,
    }
    return plan_restore(snapshots, **(wanted | over))


@pytest.mark.accepts("P-13")
def test_a_volume_comes_back_as_it_was_and_each_on_its_own_device():
    plan = planned((snapshot(1), snapshot(2, encrypted=True)), volumes=(volume(1), volume(9)))
    first, second = plan.items
    assert first.create is not None
    assert (first.create.volume_type, first.create.iops, first.create.throughput_mib_per_second) == ("gp3", 4_000, 250)
    assert second.create is not None
    assert (second.create.volume_type, second.create.iops, second.create.encrypted) == ("gp3", None, True)
    assert [i.device_name for i in plan.items] == ["/dev/sdf", "/dev/sdg"]
    assert any("KMS key" in n for n in second.notes)
    assert "bound to its zone" in plan.notes[0]


@pytest.mark.accepts("EB-05")
def test_in_its_own_zone_the_kept_volume_comes_back_itself_and_elsewhere_its_snapshot():
    kept = volume(1)
    here = planned((snapshot(1),), zone="us-east-1a", instance=instance("us-east-1a"), volumes=(kept,), kept=True)
    assert (here.items[0].create, here.items[0].volume_id, here.notes) == (None, kept.volume_id, ())
    there = planned((snapshot(1),), volumes=(kept,), kept=True)
    assert there.items[0].create is not None


def test_what_an_earlier_run_made_is_used_and_not_made_again():
    made = volume(
        7, zone_name="us-east-1b", snapshot_id="snap-00000001", tags=(Tag(key=RESTORE_TAG, value="i-0000000b"),)
    )
    (item,) = planned((snapshot(1),), volumes=(made,)).items
    assert (item.create, item.volume_id, item.device_name) == (None, made.volume_id, "/dev/sdf")
    theirs = made.with_(tags=(Tag(key=RESTORE_TAG, value="i-0000000c"),))
    assert planned((snapshot(1),), volumes=(theirs,)).items[0].create is not None
    action = attachment(item, made, instance(), fleet())
    assert action is not None
    assert action.device_name == "/dev/sdf"
    assert attachment(item, made.with_(state="creating"), instance(), fleet()) is None
    taken = made.with_(state="in-use", instance_id="i-0000000b", device_name="/dev/sdf")
    assert attachment(item, taken, instance(), fleet()) is None
    for lost in (None, made.with_(state="error")):
        with pytest.raises(UsageError) as error:
            attachment(item, lost, instance(), fleet())
        assert "KMS key" in error.value.hint
    with pytest.raises(UsageError, match="is attached to i-0000000c"):
        attachment(item, taken.with_(instance_id="i-0000000c"), instance(), fleet())


REFUSED = [
    ({"snapshots": (snapshot(1, state="pending", progress_percent=40),)}, r"pending \(40 %\)"),
    ({"snapshots": (snapshot(1, state="error"),)}, "holds nothing that can be restored"),
    ({"zone": "us-west-2a"}, "us-east-1 has no zone us-west-2a"),
    ({"zone": "us-east-1a"}, "a volume is attached in its own zone"),
    ({"device": "/dev/xvda"}, "/dev/xvda of i-0000000b has vol-0000000f already"),
]


@pytest.mark.parametrize(("over", "said"), REFUSED, ids=[said for _, said in REFUSED])
def test_a_restore_that_cannot_be_is_refused_with_a_way_out(over, said):
    wanted = {"snapshots": (snapshot(1),)} | over
    with pytest.raises(UsageError, match=said) as error:
        planned(wanted.pop("snapshots"), **wanted)
    assert error.value.hint


def test_the_newest_completed_set_is_taken_over_a_newer_one_that_is_not():
    later = [of_a_set(3, "i-2", state="pending", started_at=NOW)]
    sets = sets_of([of_a_set(1), of_a_set(2), *later], {}, now=NOW)
    assert newest_completed(sets, of="asg/web").intent_id == "i-1"
    assert newest_completed(sets, of="i-0000000a").intent_id == "i-1"
    with pytest.raises(UsageError, match="is pending"):
        newest_completed(sets[:1], of="asg/web")
    with pytest.raises(UsageError, match="has no snapshots of ours"):
        newest_completed(sets, of="asg/other")


# notebooks and advice


@pytest.mark.accepts("EB-11")
@pytest.mark.parametrize(
    ("one", "hints", "found"),
    [
        (fleet("jupyter-lab"), {}, True),
        (fleet("web", purpose="IPython notebooks"), {}, True),
        (fleet("web", workload="interactive"), {}, True),
        (fleet("web"), {"user_data": "#!/bin/sh\njupyter lab --ip 0.0.0.0"}, True),
        (fleet("web"), {"ports": (8888,)}, True),
        (fleet("web"), {"ports": (8000, 443)}, False),
        (fleet("logbook", workload="training"), {"ports": (), "user_data": "python train.py"}, False),
    ],
)
def test_a_notebook_is_told_by_its_evidence_with_a_warning(one, hints, found):
    told = looks_like_notebooks(one, **hints)
    assert (told is not None) == found
    if told is not None:
        assert told.evidence
        assert "no snapshot or checkpoint" in told.warning


@pytest.mark.accepts("EB-06", "EB-09", "EB-12")
def test_every_fact_has_a_source_and_a_day_and_every_memory_restore_its_rule():
    for chapter in FACTS.values():
        assert chapter.do
        assert all(f.source.startswith("https://") and f.as_of < datetime.now(UTC) for f in chapter.facts)
    for topic in ("hibernation", "snapstart"):
        assert any("seed random numbers anew" in text for text in FACTS[topic].do)
