"""A cluster file that is right, as the planner renders it, and the finds of a changed one."""

from tools.records import InstanceTypeSpec
from tools.recovery.ray.findings import Finding
from tools.recovery.ray.layout import Layout, PlannedGroup
from tools.recovery.ray.lint import Asked, lint_text
from tools.recovery.ray.render import render
from tools.recovery.ray.wanted import Wanted

ZONES = {"subnet-0000000a": "us-east-1a", "subnet-0000000b": "us-east-1b", "subnet-0000000c": "us-east-1c"}
SUBNETS = tuple(ZONES)
TYPES = ("r7i.2xlarge", "r6i.2xlarge", "r6a.2xlarge", "r8g.2xlarge")
WANTED = Wanted(
    name="ray-on-aws",
    subnets=SUBNETS,
    head_security_groups=("sg-00000001",),
    worker_security_groups=("sg-00000002",),
    head_profile="ray-head",
    worker_profile="ray-worker",
    x86_image="ami-00000001",
    arm_image="ami-00000002",
    spill="s3://acme-spill/etl",
    ray_version="2.60.0",
    packages=("pandas==2.3.3",),
    tags=(("team", "데이터"),),
)


def group(instance_type: str, rank: int, *, least: int = 0, most: int = 4) -> PlannedGroup:
    arm = "g." in instance_type
    architecture = "arm64" if arm else "x86_64"
    spec = InstanceTypeSpec(instance_type=instance_type, vcpus=8, memory_gib=64, architectures=(architecture,))
    name = instance_type.replace(".", "-") if rank else "on-demand"
    return PlannedGroup(name, spec, architecture, SUBNETS, least, most, rank)


def layout(types: tuple[str, ...] = TYPES) -> Layout:
    spot = tuple(group(t, rank) for rank, t in enumerate(types, 1))
    return Layout("us-east-1", ZONES, 16.0, spot, group("r7i.2xlarge", 0, least=1), ())


CLEAN = render(WANTED, layout())


def found(text: str, *, name: str = "cluster.yaml", usd: float | None = None) -> tuple[Finding, ...]:
    """By our own rules and Ray's schema, without starting Ray."""
    return lint_text(text, name=name, asked=Asked(usd, parse=False)).findings


def changed(*changes: tuple[str, str]) -> tuple[Finding, ...]:
    """What is found when pieces of the right file are replaced."""
    text = CLEAN
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return found(text)


def rules(findings: tuple[Finding, ...]) -> set[str]:
    return {finding.rule for finding in findings}
