"""Snapshots of ours as they were taken: all of one intent are one set, of one instance at one moment.

A tag is anybody's text: it groups snapshots and is shown, and what may be let go is told by the journal alone.
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from tools.records import INTENT_TAG, CreateSnapshots, Snapshot, SnapshotSet
from tools.records.volumes import SetState

INSTANCE_TAG = "Instance"
_INSTANCE = re.compile(r"i-[0-9a-f]{8,17}")
_FLEET = re.compile(r"((?:asg|ec2-fleet|spot-fleet|instance)/\S.{0,250}), by spotwarden")
_PATIENCE = timedelta(hours=1)
_SLOWEST_MIB_PER_SECOND = 25
"""an assumption, and slower than anything that is usual: AWS names no rate, and says that it may be hours"""


def tag_of(snapshot: Snapshot, key: str) -> str | None:
    return next((t.value for t in snapshot.tags if t.key == key), None)


def instance_of(snapshot: Snapshot) -> str | None:
    """The instance that our tag names."""
    told = tag_of(snapshot, INSTANCE_TAG)
    return told if told is not None and _INSTANCE.fullmatch(told) else None


def fleet_told_by(snapshot: Snapshot) -> str | None:
    """The label in the description that we write, where our tag is there too."""
    found = _FLEET.fullmatch(snapshot.description)
    return found[1] if found and tag_of(snapshot, INTENT_TAG) else None


def taken_alone(snapshot: Snapshot, volume_id: str) -> bool:
    """A copy of ours of the volume while nothing had it: nothing was written to it afterwards."""
    ours = tag_of(snapshot, INTENT_TAG) is not None
    return ours and snapshot.volume_id == volume_id and snapshot.description == f"volume/{volume_id}, by spotwarden"


def longest(size_gib: int) -> timedelta:
    """So long may a snapshot be pending before it is told to be stuck: an hour, and its volume at 25 MiB/s."""
    return _PATIENCE + timedelta(seconds=size_gib * 1024 / _SLOWEST_MIB_PER_SECOND)


def is_stuck(snapshot: Snapshot, *, now: datetime) -> bool:
    return snapshot.state == "pending" and now - snapshot.started_at > longest(snapshot.size_gib)


def sets_of(
    snapshots: Sequence[Snapshot], asked: Mapping[str, CreateSnapshots], *, now: datetime
) -> tuple[SnapshotSet, ...]:
    """Newest first; single snapshots that nobody took as a set are left out.

    asked  intent → what it asked for, as far as the journal tells: only then a missing one is noticed
    """
    grouped: dict[str, list[Snapshot]] = defaultdict(list)
    for snapshot in snapshots:
        intent_id = tag_of(snapshot, INTENT_TAG)
        if intent_id and instance_of(snapshot):
            grouped[intent_id].append(snapshot)
    found = [_set(intent_id, members, asked.get(intent_id), now) for intent_id, members in grouped.items()]
    return tuple(sorted(found, key=lambda s: (s.started_at, s.intent_id), reverse=True))


def without_copied_tags(snapshots: Sequence[Snapshot], made: Mapping[str, frozenset[str]]) -> tuple[Snapshot, ...]:
    """Without those that bear an intent of ours and that AWS did not answer it with.

    made  intent → the snapshots that AWS answered with; () = its answer was lost, and the tag alone tells
    """
    answered = ((s, made.get(tag_of(s, INTENT_TAG) or "")) for s in snapshots)
    return tuple(s for s, ids in answered if not ids or s.snapshot_id in ids)


def _set(intent_id: str, members: list[Snapshot], asked: CreateSnapshots | None, now: datetime) -> SnapshotSet:
    members.sort(key=lambda s: s.snapshot_id)
    missing = tuple(sorted(set(asked.volume_ids) - {s.volume_id for s in members})) if asked else ()
    state, trouble = _state(members, missing, now)
    return SnapshotSet(
        intent_id=intent_id,
        instance_id=asked.instance_id if asked else instance_of(members[0]) or "unknown",
        fleet=asked.fleet.label if asked else fleet_told_by(members[0]),
        snapshots=tuple(members),
        missing=missing,
        started_at=min(s.started_at for s in members),
        state=state,
        trouble=trouble,
    )


def _state(members: Sequence[Snapshot], missing: Sequence[str], now: datetime) -> tuple[SetState, str | None]:
    failed = [s for s in members if s.state == "error"]
    if failed:
        told = f"{_names(failed)} failed: it holds nothing that can be restored"
        way = "EC2 tells no reason by the API; look at the volume's key (KMS) and at AWS Health; it is tried again"
        return "failed", f"{told}; {way}"
    stuck = [s for s in members if is_stuck(s, now=now)]
    if stuck:
        hours = longest(max(s.size_gib for s in stuck)).total_seconds() / 3600
        told = f"{_names(stuck)} is pending for more than {hours:.1f} h, longer than its size explains"
        return "stuck", f"{told}; it is not counted as kept and another is taken; ask AWS Support if it stays"
    if any(s.state != "completed" for s in members):
        return "pending", None
    if missing:
        return "partial", f"of {', '.join(missing)} there is no snapshot in this set: it is not counted as kept"
    return "completed", None


def _names(snapshots: Sequence[Snapshot]) -> str:
    return ", ".join(f"{s.snapshot_id} of {s.volume_id}" for s in snapshots)
