"""What a cluster plan is asked for, checked before anything is rendered: values go into YAML and into shell lines."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, fields

from tools.errors import UsageError
from tools.recovery.ray.cluster import architecture_of

_WORDS: dict[str, tuple[str, str]] = {
    "name": (r"[A-Za-z][A-Za-z0-9_-]{0,60}", "--name ray-on-aws"),
    "subnets": (r"subnet-[0-9a-f]{8,17}", "--subnet subnet-… once for each zone, two zones or more"),
    "head_security_groups": (r"sg-[0-9a-f]{8,17}", "--head-sg sg-…"),
    "worker_security_groups": (r"sg-[0-9a-f]{8,17}", "--worker-sg sg-…"),
    "head_profile": (r"[\w+=,.@-]{1,128}", "--head-profile ray-head"),
    "worker_profile": (r"[\w+=,.@-]{1,128}", "--worker-profile ray-worker"),
    "x86_image": (r"ami-[0-9a-f]{8,17}", "--x86-ami ami-…"),
    "arm_image": (r"ami-[0-9a-f]{8,17}", "--arm-ami ami-…"),
    "types": (r"[a-z][a-z0-9-]*\.[a-z0-9-]+", "--types m7i.2xlarge,m6i.2xlarge"),
    "head_type": (r"[a-z][a-z0-9-]*\.[a-z0-9-]+", "--head-type m7i.xlarge"),
    "on_demand_type": (r"[a-z][a-z0-9-]*\.[a-z0-9-]+", "--on-demand-type m7i.2xlarge"),
    "spill": (r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?:/[\w./=-]{0,200})?", "--spill s3://BUCKET/PREFIX"),
    "ray_version": (r"[0-9]+\.[0-9]+\.[0-9]+(?:rc[0-9]+)?", "--ray-version 2.60.0"),
    "python": (r"3\.[0-9]{1,2}", "--python 3.12"),
    "packages": (r"[A-Za-z0-9][\w.-]*(?:\[[\w,.-]+\])?==[\w.!+-]+", "--pip pandas==2.3.3"),
    "ssh_user": (r"[a-z_][a-z0-9_-]{0,31}", "--ssh-user ec2-user"),
    "guard": (r"[\w./~-]{1,200}", "--guard dist/spotwarden_guard.pyz"),
}
"""field → what a value of it looks like, and the option with an example"""
_OPTIONS = {
    "name": "--name",
    "packages": "--pip",
    "x86_image": "--x86-ami",
    "arm_image": "--arm-ami",
    "subnets": "--subnet",
    "head_security_groups": "--head-sg",
    "worker_security_groups": "--worker-sg",
}
_LIKE = {"packages": "a package and its version are wanted, NAME==VERSION"}
_IMAGE = "aws ssm get-parameters --names /aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-"
_FOUND_BY = {
    "subnets": "aws ec2 describe-subnets lists them",
    "head_security_groups": "aws ec2 describe-security-groups lists them",
    "worker_security_groups": "aws ec2 describe-security-groups lists them",
    "head_profile": "aws iam list-instance-profiles lists them",
    "worker_profile": "aws iam list-instance-profiles lists them",
    "x86_image": f"{_IMAGE}x86_64 tells Amazon's",
    "arm_image": f"{_IMAGE}arm64 tells Amazon's",
}


@dataclass(frozen=True)
class Wanted:
    """ "" or () = not told. Images are needed for the architectures that are used.

    types           spot types in the order of preference; () = ranked from the account's market
    most_workers    spot nodes at most, over all groups
    on_demand_least kept always; on_demand_most in all
    root_gib        of every node's gp3 root
    """

    name: str = ""
    subnets: tuple[str, ...] = ()
    head_security_groups: tuple[str, ...] = ()
    worker_security_groups: tuple[str, ...] = ()
    head_profile: str = ""
    worker_profile: str = ""
    x86_image: str = ""
    arm_image: str = ""
    types: tuple[str, ...] = ()
    first_types: tuple[str, ...] = ()
    architectures: tuple[str, ...] = ()
    vcpus: str = "8"
    memory_gib: str = "32..64"
    types_each: int = 3
    head_type: str = "m7i.xlarge"
    most_workers: int = 16
    on_demand_type: str = ""
    on_demand_least: int = 1
    on_demand_most: int = 4
    spill: str = ""
    ray_version: str = ""
    python: str = "3.12"
    packages: tuple[str, ...] = ()
    root_gib: int = 100
    ssh_user: str = "ec2-user"
    idle_minutes: int = 5
    tags: tuple[tuple[str, str], ...] = ()
    guard: str = "dist/spotwarden_guard.pyz"
    unpinned: tuple[str, ...] = field(default=())
    """packages of the old file whose version nobody told"""


def check(wanted: Wanted) -> None:
    """Raises UsageError: what is missing, each by its option, or a value that cannot be one."""
    for one in fields(wanted):
        if one.name in _WORDS:
            _check_words(one.name, getattr(wanted, one.name))
    for key, value in wanted.tags:
        if not re.fullmatch(r"[\w .:/=+@-]{1,128}", key) or not re.fullmatch(r"[\w .:/=+@-]{0,256}", value):
            raise UsageError(f"--tag {key[:40]!r}: EC2 takes no such tag", hint="such as --tag team=data")
    _check_counts(wanted)
    needed = ["name", "subnets", "head_security_groups", "worker_security_groups", "head_profile", "worker_profile"]
    built_for = {*(wanted.architectures or ("x86_64",)), architecture_of(wanted.head_type) or "x86_64"}
    needed += [image for name, image in (("x86_64", "x86_image"), ("arm64", "arm_image")) if name in built_for]
    missing = [n for n in (*needed, "spill", "ray_version") if not getattr(wanted, n)]
    if missing:
        told = ", ".join(option(n) for n in missing)
        ways = "; ".join(dict.fromkeys(_FOUND_BY[n] for n in missing if n in _FOUND_BY))
        raise UsageError(f"ray plan: not told: {told}", hint=ways or f"such as {_WORDS[missing[0]][1]}")
    if wanted.unpinned:
        told = " ".join(f"--pip {name}==VERSION" for name in wanted.unpinned)
        raise UsageError(
            f"ray plan: the old file installs {', '.join(wanted.unpinned)} without a version", hint=f"give {told}"
        )


def option(name: str) -> str:
    return _OPTIONS.get(name, "--" + name.replace("_", "-"))


def _check_words(name: str, value: str | tuple[str, ...]) -> None:
    pattern, example = _WORDS[name]
    for word in (value,) if isinstance(value, str) else value:
        if word and not re.fullmatch(pattern, word):
            raise UsageError(
                f"{option(name)} {word[:60]!r}: {_LIKE.get(name, 'it cannot be this')}", hint=f"such as {example}"
            )


def _check_counts(wanted: Wanted) -> None:
    bounds: Iterable[tuple[str, int, int, int]] = (
        ("--max-workers", wanted.most_workers, 1, 2_000),
        ("--types-each", wanted.types_each, 1, 10),
        ("--on-demand-min", wanted.on_demand_least, 0, 500),
        ("--on-demand-max", wanted.on_demand_most, max(1, wanted.on_demand_least), 500),
        ("--root-gib", wanted.root_gib, 20, 16_384),
        ("--idle-minutes", wanted.idle_minutes, 1, 1_440),
    )
    for name, value, low, high in bounds:
        if not low <= value <= high:
            raise UsageError(f"{name} {value:,}: from {low:,} to {high:,}", hint=f"such as {name} {max(low, 1)}")
