"""What is kept, for the planner's tests: real tools with records in memory behind them."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.agent.models.account import NOW, ref
from tests.agent.models.talk import Talk
from tests.agent.models.world import CATALOG as FLEETS_CATALOG
from tests.tui import job_records, volume_records
from tools.catalog import CATALOG as WHOLE
from tools.errors import NotFound, UsageError
from tools.jobs.report import JobsReport
from tools.records import (
    AttachVolume,
    CreateSnapshot,
    CreateVolume,
    DeleteSnapshot,
    DeleteVolume,
    FleetAction,
    QueuesReport,
    RestoreCheckpoint,
    VolumesReport,
)
from tools.recovery.ray.findings import Review
from tools.recovery.ray.lint import Asked, lint_text
from tools.recovery.ray.plan import ClusterPlan, PlannedTypes
from tools.recovery.ray.wanted import Wanted, check
from tools.tool import Tool
from tools.volumes.advice import KeepingAdvice
from tools.volumes.describe import narrowed
from tools.volumes.facts import FACTS, Topic


def volumes(*, fleet: str | None, orphans_only: bool) -> VolumesReport:
    report = volume_records.volumes().with_(as_of=NOW)
    if fleet is not None and not any(fleet in (k.fleet or "") for k in report.volumes):
        raise NotFound(f"{fleet}: no volume or snapshot of it", hint="there are some of asg/ml-train")
    return narrowed(report, fleet=fleet, orphans_only=orphans_only)


def kept(*, operation: str, target: str, zone: str | None, instance_id: str | None, **_: Any) -> FleetAction:
    """What the real one would draw up, without a cloud to look into."""
    alone = ref(target).with_(kind="snapshot" if target.startswith("snap-") else "volume")
    match operation:
        case "snapshot":
            return CreateSnapshot(fleet=alone, volume_id=target if target.startswith("vol-") else "vol-0000000a")
        case "restore":
            made = {"snapshot_id": target, "zone_name": zone or "us-east-1a", "volume_type": "gp3"}
            return CreateVolume(fleet=alone, size_gib=8, encrypted=True, **made)
        case "attach":
            return AttachVolume(
                fleet=alone, volume_id=target, instance_id=instance_id or "i-00000000", device_name="/dev/sdf"
            )
        case "delete-volume":
            return DeleteVolume(fleet=alone, volume_id=target)
        case _:
            return DeleteSnapshot(fleet=alone, snapshot_id=target)


def advice(*, topic: Topic) -> KeepingAdvice:
    chapter = FACTS[topic]
    found = ("ml-train: i-00000000000001003 set up for it",) if topic == "hibernation" else ()
    return KeepingAdvice(
        topic=topic, short=chapter.short, facts=chapter.facts, do=chapter.do, found=found, as_of=NOW, source="AWS"
    )


def queues(*, queue: str | None) -> QueuesReport:
    report = job_records.queues()
    return report.with_(queues=tuple(q for q in report.queues if queue in (None, q.name)))


def jobs(*, job: str | None) -> JobsReport:
    return job_records.jobs()


def recovered(*, job: str, checkpoint_id: str | None) -> RestoreCheckpoint:
    return RestoreCheckpoint(
        fleet=ref("ml-train"),
        job_id=job,
        bucket="acme-checkpoints",
        checkpoint_id=checkpoint_id or "ckpt-000042",
        manifest_sha256="b" * 64,
    )


def reviewed(*, path: str) -> Review:
    """By the real rules, of a file that stands nowhere."""
    if path not in FILES:
        raise UsageError(f"{path!r}: no such file", hint="name a file below the working directory")
    return lint_text(FILES[path], name=path, asked=Asked(parse=False))


def planned(*, cluster_name: str, subnet_ids: list[str], instance_types: list[str], **told: Any) -> ClusterPlan:
    """As far as the real one checks before it looks into the account."""
    wanted = Wanted(
        name=cluster_name,
        subnets=tuple(subnet_ids),
        head_security_groups=tuple(told["head_security_group_ids"]),
        worker_security_groups=tuple(told["worker_security_group_ids"]),
        head_profile=told["head_profile"],
        worker_profile=told["worker_profile"],
        x86_image=told["x86_image_id"],
        arm_image=told["arm_image_id"],
        spill=told["spill_uri"],
        types=tuple(instance_types),
        most_workers=told["max_spot_workers"],
        ray_version="2.60.0",
    )
    check(wanted)
    group = {"group": "spot_a", "instance_type": "m7i.2xlarge", "zones": ("us-east-1a", "us-east-1b")}
    groups = (PlannedTypes(**group, on_spot=True, min_workers=0, max_workers=wanted.most_workers),)
    return ClusterPlan(
        cluster_name=cluster_name, region="us-east-1", groups=groups, notes=(), text="#\n", as_of=NOW, source="EC2"
    )


FILES = {
    "cluster-spot.yaml": """cluster_name: etl
max_workers: 10
provider: {type: aws, region: us-east-1, availability_zone: us-east-1a}
auth: {ssh_user: ec2-user}
head_node_type: head
available_node_types:
  head: {node_config: {InstanceType: m5.large, InstanceMarketOptions: {MarketType: spot}}}
  worker:
    min_workers: 2
    max_workers: 10
    node_config: {InstanceType: m5.large, SubnetId: "${SUBNET}", InstanceMarketOptions: {MarketType: spot}}
head_start_ray_commands: [ray stop, ray start --head]
worker_start_ray_commands: [ray stop, ray start --address=$RAY_HEAD_IP:6379]
"""
}
STAND_INS: dict[str, Callable[..., Any]] = {
    "describe_volumes": volumes,
    "keep_volume": kept,
    "advise_keeping": advice,
    "describe_queues": queues,
    "describe_jobs": jobs,
    "recover_job": recovered,
    "review_ray_cluster": reviewed,
    "plan_ray_cluster": planned,
}
CATALOG: tuple[Tool, ...] = (
    *FLEETS_CATALOG,
    *(replace(tool, run=STAND_INS[tool.name], desk_fields={}) for tool in WHOLE if tool.name in STAND_INS),
)
"""the arguments are the real tools'"""
WRITES = frozenset(tool.name for tool in CATALOG if tool.effect == "write")


def asked(question: str) -> tuple[Talk, str]:
    talk = Talk(catalog=CATALOG)
    return talk, talk.ask(question)
