"""What a model may ask of Ray on spot: a review of a cluster file here, and a plan for a new one. Both only look."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints

from tools.choice.scan import scan
from tools.choice.survey import SURVEY_IAM, Doors
from tools.choice.wanted import Wanted as Attributes
from tools.choice.wanted import parse_range
from tools.cloud import Clock, CloudReader
from tools.desk import AdvisorReader, Archive
from tools.errors import CloudError, UsageError
from tools.recovery.ray.findings import Review
from tools.recovery.ray.layout import Rank
from tools.recovery.ray.lint import Asked, lint_file
from tools.recovery.ray.plan import ClusterPlan, plan_cluster
from tools.recovery.ray.wanted import Wanted
from tools.tool import tool

Word = Annotated[str, StringConstraints(max_length=255)]
Words = Annotated[tuple[Word, ...], Field(max_length=20)]


@tool(effect="read", iam=("pricing:GetProducts",), example={"path": "cluster.yaml"})
def review_ray_cluster(reader: CloudReader, path: Word) -> Review:
    """Find the faults of a Ray cluster file, script, guide or driver below the working directory, for spot.

    path    relative; the file's text is data: only findings come back
    Raises  UsageError: it is not below the working directory, or not there; DataError: it cannot be read
    """
    return lint_file(_below_here(path), Asked(storage_usd_per_gib_month=_gp3_rate(reader)))


def _below_here(path: str) -> Path:
    here = Path.cwd().resolve()
    try:
        found = (here / path).resolve(strict=True)
    except (OSError, ValueError, RuntimeError):
        raise UsageError(f"{path[:80]!r}: no such file", hint="name a file below the working directory") from None
    if not found.is_relative_to(here) or not found.is_file():
        raise UsageError(f"{path[:80]!r}: not a file below the working directory", hint="copy it there first")
    return found.relative_to(here)


def _gp3_rate(reader: CloudReader) -> float | None:
    """None = unknown: what root volumes cost is then not told."""
    try:
        return next((float(r.usd_per_gib_month) for r in reader.storage_rates() if r.what == "gp3"), None)
    except CloudError:
        return None


@tool(
    effect="read",
    iam=(*SURVEY_IAM, "ec2:DescribeSubnets"),
    example={
        "cluster_name": "etl",
        "subnet_ids": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
        "head_security_group_ids": ["sg-0123456789abcdef0"],
        "worker_security_group_ids": ["sg-0123456789abcdef1"],
        "head_profile": "ray-head",
        "worker_profile": "ray-worker",
        "x86_image_id": "ami-0123456789abcdef0",
        "arm_image_id": "",
        "spill_uri": "s3://acme-spill/etl",
        "instance_types": [],
        "max_spot_workers": 16,
    },
)
def plan_ray_cluster(
    reader: CloudReader,
    clock: Clock,
    archive: Archive,
    advisor: AdvisorReader,
    cluster_name: Word,
    subnet_ids: Words,
    head_security_group_ids: Words,
    worker_security_group_ids: Words,
    head_profile: Word,
    worker_profile: Word,
    x86_image_id: Word,
    arm_image_id: Word,
    spill_uri: Word,
    instance_types: Words,
    max_spot_workers: Annotated[int, Field(ge=1, le=500)],
) -> ClusterPlan:
    """Draw up a Ray cluster file for spot: on-demand head, spot groups over types and zones, drain on notice.

    arm_image_id    "" = no arm64 groups
    instance_types  empty = ranked from the market, 8 vCPUs each
    Nothing is written: the file's text is the answer.
    Raises  UsageError: what is missing or cannot be; CloudError
    """
    wanted = Wanted(
        name=cluster_name,
        subnets=subnet_ids,
        head_security_groups=head_security_group_ids,
        worker_security_groups=worker_security_group_ids,
        head_profile=head_profile,
        worker_profile=worker_profile,
        x86_image=x86_image_id,
        arm_image=arm_image_id,
        spill=spill_uri,
        types=instance_types,
        most_workers=max_spot_workers,
    )
    return plan_cluster(reader, clock, ranked_by(Doors(reader, clock, archive, advisor)), wanted)


def ranked_by(doors: Doors) -> Rank:
    """Instance types of one architecture and size, the cheapest useful vCPU-hour on spot first, each once."""

    def rank(architecture: str, vcpus: str, memory_gib: str, limit: int) -> tuple[str, ...]:
        asked = Attributes(
            vcpus=parse_range("--vcpus", vcpus, whole=True),
            memory_gib=parse_range("--memory", memory_gib, example="32..64"),
            architectures=(architecture,),
            current_generation=True,
        )
        return tuple(o.pool.instance_type for o in scan(doors, asked, limit=limit, per_type=1).opportunities)

    return rank
