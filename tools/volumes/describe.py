"""describe_volumes: what is kept of EBS, what it costs a month, what nobody uses any more."""

from typing import Annotated

from pydantic import Field

from tools.cloud import Clock, CloudReader
from tools.desk import AuditReader
from tools.errors import NotFound
from tools.market.subject import FLEETS_IAM, named_fleet
from tools.money.storage import summed
from tools.records import KeepingSettings, KeptSnapshot, KeptVolume, Name, VolumesReport
from tools.tool import tool
from tools.volumes.report import volumes_report

VOLUMES_IAM = ("ec2:DescribeVolumes", "ec2:DescribeSnapshots", "ec2:DescribeImages", "pricing:GetProducts")


@tool(
    effect="read",
    iam=(*VOLUMES_IAM, "s3:ListBucket", "s3:GetObject", *FLEETS_IAM),
    example={"fleet": None, "orphans_only": True},
)
def describe_volumes(
    reader: CloudReader,
    clock: Clock,
    audit: AuditReader,
    keeping: KeepingSettings,
    fleet: Annotated[Name | None, Field(description="fleet name or id; null = every volume of the region")],
    orphans_only: Annotated[bool, Field(description="only what nobody uses any more")],
) -> VolumesReport:
    """EBS volumes and snapshots: whose they are, monthly cost, newest snapshot and how consistent it is, orphans.

    What a snapshot costs is an upper bound: EC2 does not tell how much it stores. Its schedules tell what is overdue.
    Raises  NotFound: nothing of this fleet; CloudError kinds
    """
    report = volumes_report(reader, clock, audit, keeping)
    return narrowed(report, fleet=_label(reader, report, fleet), orphans_only=orphans_only)


def _label(reader: CloudReader, report: VolumesReport, fleet: str | None) -> str | None:
    """A fleet whose name is not its id (an EC2 Fleet) is told by its label; one that is gone, as it was given."""
    if fleet is None or any(_wanted(k, fleet, orphans_only=False) for k in _everything(report)):
        return fleet
    try:
        return named_fleet(reader, fleet).ref.label
    except NotFound:
        return fleet


def narrowed(report: VolumesReport, *, fleet: str | None, orphans_only: bool) -> VolumesReport:
    """The same report of one fleet, or of orphans; its totals are of what is left. Raises NotFound."""
    volumes = tuple(v for v in report.volumes if _wanted(v, fleet, orphans_only=orphans_only))
    snapshots = tuple(s for s in report.snapshots if _wanted(s, fleet, orphans_only=orphans_only))
    schedules = tuple(s for s in report.schedules if fleet is None or fleet in (s.fleet.label, s.fleet.fleet_id))
    everything = _everything(report)
    if fleet is not None and not (schedules or any(_wanted(k, fleet, orphans_only=False) for k in everything)):
        known = sorted({k.fleet for k in everything if k.fleet is not None})
        raise NotFound(f"{fleet}: no volume or snapshot of it", hint=f"there are some of {', '.join(known[:8])}")
    kept: tuple[KeptVolume | KeptSnapshot, ...] = (*volumes, *snapshots)
    return report.with_(
        volumes=volumes,
        snapshots=snapshots,
        schedules=schedules,
        total_usd_per_month=summed([k.cost.usd_per_month for k in kept]),
        orphan_usd_per_month=summed([k.cost.usd_per_month for k in kept if k.orphan]),
    )


def _everything(report: VolumesReport) -> tuple[KeptVolume | KeptSnapshot, ...]:
    return (*report.volumes, *report.snapshots)


def _wanted(kept: KeptVolume | KeptSnapshot, fleet: str | None, *, orphans_only: bool) -> bool:
    if orphans_only and not kept.orphan:
        return False
    label = kept.fleet or ""
    return fleet is None or fleet in (label, label.partition("/")[2])
