"""What actions on volumes and snapshots have in common: what is read with their fleet, its price, who else holds it."""

from collections.abc import Sequence
from typing import Any

from tools.cloud import CloudReader
from tools.errors import CloudError, DataError, NotFound, UsageError
from tools.money.storage import copy_cost, storage_cost
from tools.records import INTENT_TAG, Fleet, Snapshot, StorageCost, StorageRate, Tag, Volume

READS = ("ec2:DescribeSnapshots", "ec2:DescribeSpotInstanceRequests", "ec2:DescribeVolumes", "pricing:GetProducts")
"""what reading them asks of AWS besides what the fleet does"""
GONE = frozenset({"deleting", "deleted"})
COPIED = "vol-ffffffff"
"""what EC2 says of a snapshot that was copied: the volume is no real one. Source  EBS user guide, copy a snapshot"""
_GP3 = {"iops": 3_000, "throughput_mib_per_second": 125}
"""what EC2 gives a gp3 volume of which nothing is said"""
_KEEPERS = (
    ("aws:dlm:", "Data Lifecycle Manager"),
    ("dlm:managed", "Data Lifecycle Manager"),
    ("aws:backup:", "AWS Backup"),
    ("aws:cloudformation:", "a CloudFormation stack"),
)
"""tags that services write on what they keep, and delete, themselves: how they begin, and whose they are"""


class Stored(Fleet):
    """A fleet, or a volume or snapshot alone, with what an action on storage looks at besides."""

    volumes: tuple[Volume, ...] = ()
    """that the action names"""
    snapshots: tuple[Snapshot, ...] = ()
    """newest first: of those volumes; or the one that the action names, with the others of its volume"""
    images: tuple[str, ...] = ()
    """AMIs of ours that boot from the snapshot that the action names"""
    rates: tuple[StorageRate, ...] = ()
    """() = none could be read"""

    @property
    def never_copied(self) -> tuple[str, ...]:
        """Volumes without a completed snapshot: the next one copies everything."""
        copied = {s.volume_id for s in self.snapshots if s.state == "completed"}
        return tuple(v.volume_id for v in self.volumes if v.volume_id not in copied)


def stored(fleet: Fleet, reader: CloudReader, **found: Any) -> Stored:
    own = {name: getattr(fleet, name) for name in Fleet.model_fields}
    return Stored(**own, rates=_rates(reader), **found)


def _rates(reader: CloudReader) -> tuple[StorageRate, ...]:
    """() where the price list cannot be read: a price that is not known holds nobody up, and is told as unknown."""
    try:
        return reader.storage_rates()
    except (CloudError, DataError):
        return ()


def one_volume(reader: CloudReader, volume_id: str) -> Volume:
    """Raises NotFound: it is gone, or was never there."""
    found = [v for v in reader.volumes(volume_ids=[volume_id]) if v.state not in GONE]
    if not found:
        raise NotFound(f"there is no volume {volume_id} here", hint="`spotwarden volumes` lists them")
    return found[0]


def one_snapshot(reader: CloudReader, snapshot_id: str) -> Snapshot:
    """Raises NotFound: it is gone, was never there, or is another account's."""
    found = reader.snapshots(snapshot_ids=[snapshot_id])
    if not found:
        raise NotFound(f"this account has no snapshot {snapshot_id} here", hint="`spotwarden volumes` lists them")
    return found[0]


def refuse_kept(tags: Sequence[Tag], what: str) -> None:
    """Raises UsageError: a service keeps it, and goes by what it finds."""
    for tag in tags:
        keeper = next((name for start, name in _KEEPERS if tag.key.startswith(start)), None)
        if keeper is not None:
            raise UsageError(
                f"{what} is kept by {keeper} (tag {tag.key}), which deletes it itself",
                hint=f"change its retention where {keeper} takes its settings from",
            )


def check_tags(tags: Sequence[Tag]) -> None:
    """Raises UsageError: a key that is not the caller's to write, or that is named twice."""
    keys = [t.key for t in tags]
    wrong = [k for k in keys if k == INTENT_TAG or k.lower().startswith("aws:") or keys.count(k) > 1]
    if wrong:
        raise UsageError(
            f"tags: {', '.join(dict.fromkeys(wrong))} cannot be given, or not twice",
            hint=f"{INTENT_TAG} is written by spotwarden, aws: keys by AWS",
        )


def refuse_first_in_notice(reader: CloudReader, fleet: Fleet, instance_ids: Sequence[str]) -> None:
    """A first snapshot copies everything, which two minutes are never sure to hold. Raises UsageError, CloudErrors."""
    first = fleet.never_copied if isinstance(fleet, Stored) else ()
    if first and instance_ids and (taken := reader.noticed(instance_ids)):
        raise UsageError(
            f"EC2 takes {', '.join(sorted(taken))} within two minutes, and {', '.join(first)} has no completed"
            " snapshot: the first one copies everything, and may take hours",
            hint="keep the volume (--do keep-volumes), and snapshot it afterwards: it outlives the instance",
        )


# money


def volume_price(fleet: Fleet, volume: Volume) -> StorageCost:
    return _priced(fleet, volume.volume_type, volume.size_gib, volume.iops, volume.throughput_mib_per_second)


def wanted_price(fleet: Fleet, kind: str, size_gib: int, iops: int | None, throughput: int | None) -> StorageCost:
    """Of a volume that is to be made: what is not said of gp3 is what EC2 gives it."""
    if kind == "gp3":
        iops, throughput = iops or _GP3["iops"], throughput or _GP3["throughput_mib_per_second"]
    return _priced(fleet, kind, size_gib, iops, throughput)


def _priced(fleet: Fleet, kind: str, size_gib: int, iops: int | None, throughput: int | None) -> StorageCost:
    rates = fleet.rates if isinstance(fleet, Stored) else ()
    return storage_cost(rates, volume_type=kind, size_gib=size_gib, iops=iops, throughput_mib_per_second=throughput)


def copy_price(fleet: Fleet, size_gib: int) -> StorageCost:
    return copy_cost(fleet.rates if isinstance(fleet, Stored) else (), size_gib)


def money_told(cost: StorageCost, what: str, *, verb: str = "costs") -> str:
    """«a volume of 20 GiB gp3 costs $1.60 a month at list price (AWS Price List GetProducts, 2026-11-18 01:00 UTC)»."""
    if cost.usd_per_month is None:
        return f"what {what} {verb} a month is unknown: {cost.source}"
    most = "at most " if cost.upper_bound else ""
    read = f", {cost.as_of:%Y-%m-%d %H:%M} UTC" if cost.as_of else ""
    return f"{what} {verb} {most}${cost.usd_per_month:,.2f} a month at list price ({cost.source}{read})"
