"""Volumes as the screens see them: one in use, one without a copy, an orphan, a kept orphan, old copies, schedules."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from tests.tui.records import NOW, ref
from tools.records import (
    Consistency,
    KeptSnapshot,
    KeptVolume,
    ScheduleState,
    Snapshot,
    StorageCost,
    Tag,
    Volume,
    VolumesReport,
)

SOURCE = "EC2 DescribeVolumes, DescribeSnapshots, AWS Price List"
TRAIN, CANARY, LOST, KEPT = (f"vol-0{n:016x}" for n in (0xA1, 0xC2, 0xD3, 0xE4))
NEWEST, OLDER, STRAY = (f"snap-0{n:016x}" for n in (0xA2, 0xA1, 0xD9))


_WHY: dict[Consistency, str] = {
    "application-consistent": "frozen from 23:14:20Z to 23:14:50Z, told by the guard of i-0a00000000000000a",
    "crash-consistent": "taken of a running instance without a freeze",
    "unknown": "nothing tells how it was taken",
}


def cost(usd: str | None, *, upper_bound: bool = False) -> StorageCost:
    amount = None if usd is None else Decimal(usd)
    told = "AWS Price List" if usd is not None else "no list price of io2 in this region"
    return StorageCost(usd_per_month=amount, upper_bound=upper_bound, as_of=NOW, source=told)


def volume(volume_id: str = TRAIN, **told: Any) -> Volume:
    given = {
        "volume_id": volume_id,
        "zone_name": "us-east-1a",
        "zone_id": "use1-az1",
        "volume_type": "gp3",
        "size_gib": 500,
        "iops": 3000,
        "throughput_mib_per_second": 125,
        "state": "in-use",
        "encrypted": True,
        "instance_id": "i-0a00000000000000a",
        "device_name": "/dev/sdf",
        "delete_on_termination": False,
        "created_at": NOW - timedelta(days=40),
        "tags": (Tag(key="data", value="학습 데이터"),),
    }
    alone = {"state": "available", "instance_id": None, "device_name": None, "delete_on_termination": None}
    return Volume.model_validate(given | (alone if told.get("state") == "available" else {}) | told)


def snapshot(snapshot_id: str = NEWEST, of: str = TRAIN, *, hours_ago: float = 2, **told: Any) -> Snapshot:
    taken = NOW - timedelta(hours=hours_ago)
    given = {
        "snapshot_id": snapshot_id,
        "volume_id": of,
        "state": "completed",
        "progress_percent": 100,
        "size_gib": 500,
        "encrypted": True,
        "started_at": taken,
        "completed_at": taken + timedelta(minutes=9),
    }
    return Snapshot.model_validate(given | told)


def kept_volume(of: Volume, copy: Snapshot | None, consistency: Consistency = "unknown", **told: Any) -> KeptVolume:
    given = {
        "volume": of,
        "fleet": "asg/ml-train",
        "cost": cost("40.00"),
        "newest_snapshot": copy,
        "consistency": consistency,
        "evidence": _WHY[consistency] if copy is not None else "there is no snapshot",
        "snapshot_age_seconds": None if copy is None else (NOW - copy.started_at).total_seconds(),
        "orphan": of.state == "available",
        "orphan_since": None,
    }
    return KeptVolume.model_validate(given | told)


def kept_snapshot(of: Snapshot, consistency: Consistency = "crash-consistent", **told: Any) -> KeptSnapshot:
    bound = cost("25.00", upper_bound=True)
    given = {"snapshot": of, "fleet": "asg/ml-train", "cost": bound, "consistency": consistency, "orphan": False}
    return KeptSnapshot.model_validate(given | {"evidence": _WHY[consistency], "expires_at": None} | told)


def schedule(fleet: str, **told: Any) -> ScheduleState:
    given = {
        "fleet": ref(fleet),
        "every_hours": 6,
        "keep": 4,
        "newest_at": NOW - timedelta(hours=2),
        "due_at": NOW + timedelta(hours=4),
        "overdue_seconds": None,
    }
    return ScheduleState.model_validate(given | told)


def volumes() -> VolumesReport:
    newest, older = snapshot(), snapshot(OLDER, hours_ago=8)
    lost = volume(LOST, state="available", size_gib=2000, volume_type="gp2", iops=None, tags=())
    old = timedelta(days=12)
    return VolumesReport(
        volumes=(
            kept_volume(volume(), newest, "application-consistent"),
            kept_volume(volume(CANARY, size_gib=8, tags=()), None, fleet="asg/web-canary", cost=cost(None)),
            kept_volume(lost, None, fleet=None, cost=cost("200.00"), orphan_since=NOW - old),
            kept_volume(
                volume(KEPT, state="available", size_gib=20),
                None,
                cost=cost("1.60"),
                protected_by="the tag keep=true is protected",
            ),
        ),
        snapshots=(
            kept_snapshot(newest, "application-consistent", expires_at=NOW + timedelta(hours=22)),
            kept_snapshot(older, expires_at=NOW + timedelta(hours=16)),
            kept_snapshot(snapshot(STRAY, "vol-00000000000000bad", hours_ago=2400), fleet=None, orphan=True),
        ),
        schedules=(
            schedule("ml-train"),
            schedule("web-canary", newest_at=None, due_at=NOW - timedelta(hours=3), overdue_seconds=3 * 3600),
            schedule("batch", trouble="snap-0bad of vol-0bad ended in error: it is taken again at 02:00Z"),
        ),
        orphan_usd_per_month=Decimal("226.60"),
        total_usd_per_month=None,
        missing=("no list price of io2",),
        as_of=NOW,
        source=SOURCE,
    )
