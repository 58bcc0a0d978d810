"""Cluster rules on what survives a reclaim: drain on notice, spilled objects, start commands."""

import re
from collections.abc import Iterator

from tools.recovery.ray.cluster import GUARD, Cluster, texts
from tools.recovery.ray.findings import shown
from tools.recovery.ray.rule import Rule, Seen, rule

RULES: list[Rule[Cluster]] = []
_DIRECTORY = re.compile(r"--object-spilling-directory[=\s]+['\"]?([^\s'\";]+)")
_CONFIG = re.compile(r"object_spilling_config")
_REMOTE = re.compile(r"(?:s3|gs|abfs)://")
_SHARED = re.compile(r"^/(?:mnt|efs|fsx|shared|nfs)\b")


@rule(
    RULES, "no-drain", "warning", "RY-13",
    why="nothing in Ray's autoscaler hears a spot notice (2.60 has no such code): a reclaimed node is a crash, two"
    " minutes in which work could have moved are lost, and the crash counts as a retry",
    fix="start the watcher last in worker_start_ray_commands: python3 -m spotwarden_guard.ray_node --address auto"
    " (docs/ray-node.md has the line)",
)  # fmt: skip
def no_drain(cluster: Cluster) -> Iterator[Seen]:
    commands = texts(cluster.data.get("worker_start_ray_commands"))
    if cluster.spot_groups and not any(GUARD.search(c) for c in commands):
        told = "no worker_start_ray_commands" if not commands else f"{len(commands)} start commands, none that watches"
        yield Seen(("worker_start_ray_commands",), told)


@rule(
    RULES, "spilling-missing", "warning", "RY-12",
    why="without it Ray spills below /tmp/ray on the node's root: what was spilled goes with the node",
    fix="ray start --head --system-config with object_spilling_config of type smart_open and an s3:// uri"
    " (`spotwarden ray plan --spill s3://BUCKET/PREFIX` writes it)",
)  # fmt: skip
def spilling_missing(cluster: Cluster) -> Iterator[Seen]:
    heads = texts(cluster.data.get("head_start_ray_commands"))
    if cluster.spot_groups and not any(_CONFIG.search(c) or _DIRECTORY.search(c) for c in heads):
        yield Seen(("head_start_ray_commands",), "no object spilling is configured")


@rule(
    RULES, "spilling-local", "warning", "RY-12",
    why="a directory of the node goes with the node, spilled objects too",
    fix="an s3:// uri, or a directory that every node mounts",
)  # fmt: skip
def spilling_local(cluster: Cluster) -> Iterator[Seen]:
    for key in ("head_start_ray_commands", "worker_start_ray_commands"):
        for path, command in cluster.commands(key):
            place = _DIRECTORY.search(str(command))
            if place and not _SHARED.match(place[1]):
                yield Seen(path, f"spilled to {shown(place[1])}")
            elif _CONFIG.search(str(command)) and not _REMOTE.search(str(command)) and "filesystem" in str(command):
                yield Seen(path, "object_spilling_config of type filesystem")


@rule(
    RULES, "head-without-autoscaler", "error", "RY-13",
    why="the head then launches no worker, and replaces none",
    fix="--autoscaling-config=~/ray_bootstrap_config.yaml in the head's `ray start`",
)  # fmt: skip
def head_without_autoscaler(cluster: Cluster) -> Iterator[Seen]:
    commands = cluster.commands("head_start_ray_commands")
    starts = [(p, str(c)) for p, c in commands if "ray start" in str(c)]
    if commands and not any("--autoscaling-config" in c for _, c in starts):
        path = starts[0][0] if starts else ("head_start_ray_commands",)
        yield Seen(path, "`ray start --head` without --autoscaling-config" if starts else "no `ray start --head`")


@rule(
    RULES, "worker-never-joins", "error", "RY-13",
    why="the worker starts a Ray of its own, or none, and never joins",
    fix="ray start --address=$RAY_HEAD_IP:6379",
)  # fmt: skip
def worker_never_joins(cluster: Cluster) -> Iterator[Seen]:
    commands = cluster.commands("worker_start_ray_commands")
    if commands and not any("ray start" in str(c) and "RAY_HEAD_IP" in str(c) for _, c in commands):
        yield Seen(("worker_start_ray_commands",), "no `ray start --address=$RAY_HEAD_IP:…`")
