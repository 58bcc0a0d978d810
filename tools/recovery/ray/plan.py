"""`ray plan`: what is asked, the account's market, and an old file → a cluster file that lints clean."""

from dataclasses import fields, replace
from pathlib import Path

from pydantic import Field

from tools.cloud import Clock, CloudReader
from tools.errors import DataError
from tools.records import Name, Record, UtcTime
from tools.recovery.ray.layout import Rank, lay_out
from tools.recovery.ray.lint import Asked, lint_text
from tools.recovery.ray.old_file import kept, read_cluster
from tools.recovery.ray.render import render
from tools.recovery.ray.schema import ray_folder, ray_version
from tools.recovery.ray.wanted import Wanted, check


class PlannedTypes(Record):
    """One group of the plan."""

    group: Name
    instance_type: Name
    zones: tuple[str, ...]
    on_spot: bool
    min_workers: int = Field(ge=0)
    max_workers: int = Field(ge=0)


class ClusterPlan(Record):
    """A cluster file, and what it holds."""

    cluster_name: Name
    region: Name
    groups: tuple[PlannedTypes, ...]
    notes: tuple[str, ...]
    text: str
    """the file, whole"""
    as_of: UtcTime
    source: Name


def plan_cluster(
    reader: CloudReader, clock: Clock, rank: Rank, wanted: Wanted, *, old: Path | None = None
) -> ClusterPlan:
    """The file as text; nothing is written.

    old     what is right in it is kept: names, subnets, security groups, profiles, images, types. What `wanted` tells
            goes first
    Raises  UsageError: what is missing, by its option; CloudError; DataError: the old file cannot be read
    """
    wanted = _told(wanted, old)
    check(wanted)
    layout = lay_out(reader, rank, wanted)
    text = render(wanted, layout)
    review = lint_text(text, name="cluster.yaml", asked=Asked(parse=False))
    if review.errors or review.warnings:
        first = review.findings[0]
        raise DataError(
            f"the plan does not lint clean: line {first.line}: {first.seen}: {first.why}",
            hint=first.fix,
        )
    return ClusterPlan(
        cluster_name=wanted.name,
        region=layout.region,
        groups=tuple(
            PlannedTypes(
                group=g.name,
                instance_type=g.spec.instance_type,
                zones=tuple(dict.fromkeys(layout.zones[s] for s in g.subnets)),
                on_spot=g.rank > 0,
                min_workers=g.least,
                max_workers=g.most,
            )
            for g in (*layout.spot, layout.on_demand)
        ),
        notes=(*layout.notes, *(f"checked: {line}" for line in review.checked)),
        text=text,
        as_of=clock.now(),
        source=f"EC2 of {layout.region}; how Ray chooses: read in ray 2.60",
    )


def _told(wanted: Wanted, old: Path | None) -> Wanted:
    """What was told, then what the old file tells, then what is usual."""
    usual = Wanted()
    if old is not None:
        open_fields = {f.name for f in fields(Wanted) if getattr(wanted, f.name) == getattr(usual, f.name)}
        found = {name: value for name, value in kept(read_cluster(old)).items() if name in open_fields}
        wanted = replace(wanted, **found)  # type: ignore[arg-type]
        pinned = {p.partition("==")[0].partition("[")[0] for p in wanted.packages}
        wanted = replace(wanted, unpinned=tuple(n for n in wanted.unpinned if n.partition("[")[0] not in pinned))
    if not wanted.ray_version and ray_folder() is not None:
        wanted = replace(wanted, ray_version=ray_version())
    if not wanted.architectures:
        both = [("x86_64", wanted.x86_image), ("arm64", wanted.arm_image)]
        wanted = replace(wanted, architectures=tuple(name for name, image in both if image))
    return wanted
