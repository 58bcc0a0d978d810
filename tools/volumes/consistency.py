"""How consistent a snapshot is, by evidence: none, and it is as after a power cut.

    application-consistent  the guard on the instance froze writes over the moment of the snapshot, and thawed well; or
                            the instance was stopped, and was to be
    crash-consistent        what had been written to the volumes at that moment; nothing of what memory held
Source  EBS user guide, create snapshots: data cached by applications or the operating system is not in a snapshot
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from tools.cloud import CloudReader
from tools.desk import ChangeMade
from tools.errors import CloudError, DataError, NotFound
from tools.records import (
    INTENT_TAG,
    Consistency,
    CreateSnapshots,
    Name,
    Record,
    RequestCheckpoint,
    Snapshot,
    UtcTime,
)
from tools.volumes.sets import instance_of, tag_of

MAX_FREEZE_BYTES = 8_192
MOST_FREEZES = 300
"""read for one report, newest first"""
_FROZEN_AFTER = timedelta(minutes=10)
"""longer than the guard is waited for"""
_KEY = re.compile(r".*/freezes/[0-9a-f]{1,64}-(i-[0-9a-f]{8,17})\.json")


Asked = Mapping[str, tuple[str, CreateSnapshots, frozenset[str]]]
"""intent → (proposal, what it asked for, the snapshots that AWS answered with), as the journal tells"""


class Freeze(Record):
    """What the guard wrote about one freeze."""

    instance_id: Name
    state: str
    """frozen, thawed, or refused: never frozen"""
    frozen_at: UtcTime | None = None
    until: UtcTime | None = None
    thawed_at: UtcTime | None = None
    ok: bool | None = None
    problem: str | None = None
    key: Name
    """where it stands in the bucket"""

    @property
    def held(self) -> bool:
        """Over, and every hook of it succeeded."""
        return self.state == "thawed" and self.ok is True and self.thawed_at is not None


def freeze_key(job_id: str, notice: str, instance_id: str) -> str:
    return f"{job_id}/freezes/{notice}-{instance_id}.json"


def read_freeze(reader: CloudReader, bucket: str, key: str) -> Freeze | None:
    """None = there is none, or it is not what the guard writes. Raises CloudError but NotFound."""
    found = _KEY.fullmatch(key)
    if found is None:
        return None
    try:
        told = json.loads(reader.read_object(bucket, key, limit_bytes=MAX_FREEZE_BYTES))
        known = {k: v for k, v in told.items() if k in Freeze.model_fields and k not in ("key", "instance_id")}
        return Freeze(**known, instance_id=found[1], key=key)
    except (NotFound, DataError, ValueError, TypeError, AttributeError):
        return None


def freezes_near(made: Iterable[ChangeMade], snapshots: Sequence[Snapshot]) -> tuple[tuple[str, str], ...]:
    """(bucket, key) of the freezes that were asked for shortly before one of these snapshots began, newest first.

    made  changes of their fleets, as the journal tells
    """
    moments: dict[str | None, list[datetime]] = {}
    for snapshot in snapshots:
        moments.setdefault(instance_of(snapshot), []).append(snapshot.started_at)
    asked = [(c.at, c.action) for c in made if isinstance(c.action, RequestCheckpoint) and c.action.freeze_seconds]
    found = [
        (action.bucket, freeze_key(action.job_id, action.notice_digest[:16], i))
        for at, action in sorted(asked, key=lambda a: a[0], reverse=True)
        for i in action.instance_ids
        if any(timedelta(0) <= begun - at <= _FROZEN_AFTER for begun in moments.get(i, ()))
    ]
    return tuple(dict.fromkeys(found))


def read_freezes(reader: CloudReader, places: Sequence[tuple[str, str]]) -> tuple[tuple[Freeze, ...], tuple[str, ...]]:
    """Freezes at these places, and what could not be read, in words."""
    found: list[Freeze] = []
    for read, (bucket, key) in enumerate(places):
        if read == MOST_FREEZES:
            return tuple(found), (f"freezes: {len(places) - read} of {len(places)} were not read",)
        try:
            told = read_freeze(reader, bucket, key)
        except CloudError as error:
            return tuple(found), (f"freezes in s3://{bucket}: {error.message}",)
        found += [told] if told is not None else []
    return tuple(found), ()


def consistency_of(
    snapshot: Snapshot, *, freezes: Mapping[str, Sequence[Freeze]], asked: Asked
) -> tuple[Consistency, str]:
    """The level, and its evidence. What the snapshot's own tags claim, which anybody may write, is none.

    freezes  by instance
    """
    proposal, action, made = asked.get(tag_of(snapshot, INTENT_TAG) or "", (None, None, frozenset()))
    if action is None or snapshot.snapshot_id not in made:
        return "crash-consistent", "the journal does not tell of whose instance it is: as after a power cut"
    if action.stopped:
        return "application-consistent", f"its instance was stopped: nothing was being written ({proposal})"
    over = [f for f in freezes.get(action.instance_id, ()) if _covers(f, snapshot.started_at)]
    held = next((f for f in over if f.held), None)
    if held is not None:
        return "application-consistent", f"begun at {_time(snapshot.started_at)} within the freeze {_span(held)}"
    if over:
        return "crash-consistent", f"the freeze {_span(over[0])} did not end well: {over[0].problem or 'not thawed'}"
    return "crash-consistent", "no freeze is known over its moment: as after a power cut"


def _covers(freeze: Freeze, moment: datetime) -> bool:
    ends = freeze.thawed_at or freeze.until
    return freeze.frozen_at is not None and ends is not None and freeze.frozen_at <= moment <= ends


def _span(freeze: Freeze) -> str:
    ends = freeze.thawed_at or freeze.until
    return f"{_time(freeze.frozen_at)} to {_time(ends)} of {freeze.instance_id}"


def _time(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}" if at is not None else "unknown"
