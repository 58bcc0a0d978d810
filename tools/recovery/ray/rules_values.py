"""Cluster rules on what stands in the file: variables that are never set, blanks, names that Ray ignores."""

import difflib
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from tools.recovery.ray.cluster import PLACEHOLDER, Cluster
from tools.recovery.ray.findings import shown
from tools.recovery.ray.rule import Rule, Seen, rule
from tools.recovery.ray.variables import SOURCED, USE
from tools.recovery.ray.yaml_tree import Path

RULES: list[Rule[Cluster]] = []
_NEEDED = {"InstanceType", "ImageId", "SubnetId", "SubnetIds", "SecurityGroupIds", "KeyName", "Name", "Arn", "region"}
_NEEDED |= {"cluster_name", "head_node_type", "ssh_user", "availability_zone", "VolumeSize"}
_COMMANDS = ("setup_commands", "initialization_commands", "start_ray_commands")
RUN_INSTANCES = (
    "AdditionalInfo", "BlockDeviceMappings", "CapacityReservationSpecification", "CpuOptions",
    "CreditSpecification", "DisableApiStop", "DisableApiTermination", "EbsOptimized", "EnclaveOptions",
    "HibernationOptions", "IamInstanceProfile", "ImageId", "InstanceInitiatedShutdownBehavior",
    "InstanceMarketOptions", "InstanceType", "Ipv6AddressCount", "Ipv6Addresses", "KernelId", "KeyName",
    "LaunchTemplate", "LicenseSpecifications", "MaintenanceOptions", "MetadataOptions", "Monitoring",
    "NetworkInterfaces", "NetworkPerformanceOptions", "Placement", "PrivateDnsNameOptions", "PrivateIpAddress",
    "RamdiskId", "SecurityGroupIds", "SecurityGroups", "SubnetId", "SubnetIds", "TagSpecifications", "UserData",
)  # fmt: skip
"""parameters of EC2 RunInstances that a node_config may hold; SubnetIds is Ray's own"""
PROVIDER_KEYS = (
    *("type", "region", "availability_zone", "cache_stopped_nodes", "use_internal_ips", "security_group", "key_pair"),
    *("aws_credentials", "cloudwatch", "disable_node_updaters", "disable_launch_config_check"),
)


@rule(
    RULES, "unset-variable", "error", "RY-01",
    why="the shell writes nothing in its place, and the file that Ray reads has a hole there",
    fix='set it before the heredoc and stop when it is empty: : "${NAME:?not set}"',
)  # fmt: skip
def unset_variable(cluster: Cluster) -> Iterator[Seen]:
    if SOURCED not in (cluster.known or {}):
        yield from _unset(cluster, "never set")


@rule(
    RULES, "variable-from-elsewhere", "warning", "RY-01",
    why="it may come from a file that the script reads; where it does not, the file that Ray reads has a hole there",
    fix='stop when it is empty: : "${NAME:?not set}"',
)  # fmt: skip
def variable_from_elsewhere(cluster: Cluster) -> Iterator[Seen]:
    if cluster.known and SOURCED in cluster.known:
        yield from _unset(cluster, f"not set here; line {cluster.known[SOURCED].line} reads another file")


def _unset(cluster: Cluster, told: str) -> Iterator[Seen]:
    places = defaultdict(list)
    for use in cluster.unset:
        places[use.name].append(use.line)
    for name, lines in places.items():
        fix = f'set {name} before line {lines[0]} and stop when it is empty: : "${{{name}:?not set}}"'
        if name == "RAY_HEAD_IP":
            fix = "Ray sets it on the node: write \\$RAY_HEAD_IP, or quote the delimiter: <<'EOF'"
        where = ", ".join(map(str, lines))
        yield Seen(lines[0], f"${{{name}}} is used on line{'s' if lines[1:] else ''} {where} and {told}", fix=fix)


@rule(
    RULES, "literal-variable", "error", "RY-01",
    why="Ray loads the file as it is and expands no variables: AWS would get the name, not the value",
    fix="let the shell write the file (envsubst, or a heredoc without quotes), or write the value",
)  # fmt: skip
def literal_variable(cluster: Cluster) -> Iterator[Seen]:
    if cluster.part.heredoc == "expanded":
        return
    for path, value in _scalars(cluster.data):
        inside_commands = any(isinstance(p, str) and p.endswith(_COMMANDS) for p in path)
        if isinstance(value, str) and not inside_commands and "UserData" not in path and PLACEHOLDER.search(value):
            names = ", ".join(m[0] for m in USE.finditer(value))
            if names:
                yield Seen(path, f"{shown(names)} in a file that no shell writes")


@rule(
    RULES, "blank-value", "error", "RY-01",
    why="EC2 refuses a launch without it, or Ray takes something of its own choice instead",
    fix="write the value; a list without values is left out",
)  # fmt: skip
def blank_value(cluster: Cluster) -> Iterator[Seen]:
    for path, value in _scalars(cluster.data):
        key = next((p for p in reversed(path) if isinstance(p, str)), "")
        if value in (None, "") and key in _NEEDED and "resources" not in path and not cluster.is_hole(path):
            what = "an empty item in the list" if isinstance(path[-1], int) else "nothing"
            yield Seen(path, f"{what} as {key}")


def _scalars(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, dict):
        for key, child in value.items():
            yield from _scalars(child, (*path, key))
    elif isinstance(value, list):
        for i, child in enumerate(value):
            yield from _scalars(child, (*path, i))
    else:
        yield path, value


@rule(
    RULES, "near-key", "warning", None,
    why="Ray's schema lets any name pass here, so nobody complains: EC2 refuses it at launch, or it does nothing",
    fix="write the name as it is known",
)  # fmt: skip
def near_key(cluster: Cluster) -> Iterator[Seen]:
    if not cluster.on_aws:
        return
    known: list[tuple[Path, str, tuple[str, ...]]]
    known = [(("provider",), key, PROVIDER_KEYS) for key in cluster.provider]
    known += [(g.node_path, key, RUN_INSTANCES) for g in cluster.groups for key in g.node]
    for path, key, names in known:
        near = difflib.get_close_matches(key, names, n=1, cutoff=0.75) if key not in names else []
        if near:
            yield Seen((*path, key), f"{shown(key)}: not a key", fix=f"did you mean {near[0]}?")


@rule(
    RULES, "no-cluster", "error", None,
    why="Ray needs the groups of nodes and the name of the head's",
    fix="`spotwarden ray plan` writes a whole file",
)  # fmt: skip
def no_cluster(cluster: Cluster) -> Iterator[Seen]:
    if not isinstance(cluster.tree.value, dict):
        yield Seen((), f"a {type(cluster.tree.value).__name__}, not a mapping")
    elif not cluster.groups:
        yield Seen(("available_node_types",), "no available_node_types")
    elif cluster.head is None:
        told = cluster.data.get("head_node_type")
        seen = "no head_node_type" if told is None else f"head_node_type is {shown(told)}: none of the groups"
        named = ", ".join(shown(g.name) for g in cluster.groups[:8])
        fix = f"head_node_type: one of {named}"
        yield Seen(("head_node_type",), seen, fix=fix)
