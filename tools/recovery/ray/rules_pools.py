"""Cluster rules on capacity: how many pools stand behind a cluster, and what is left when they are dry.

Ray asks EC2 by RunInstances: one instance type, one subnet at a time, no allocation strategy. What spreads is what
the file spreads. Read in ray 2.60: autoscaler/_private/aws/{config,node_provider}.py, autoscaler/v2/scheduler.py.
"""

from collections import Counter
from collections.abc import Iterator

from tools.recovery.ray.cluster import Cluster
from tools.recovery.ray.findings import shown
from tools.recovery.ray.rule import Rule, Seen, names, rule

RULES: list[Rule[Cluster]] = []
FEWEST_TYPES = 3


@rule(
    RULES, "one-zone", "warning", "RY-02",
    why="a spot market is one type in one zone: with one zone every node of a type is taken, or refused, together",
    fix="leave availability_zone out and give each group SubnetIds in two zones or more (Ray tries the first, and the"
    " next ones when EC2 refuses)",
)  # fmt: skip
def one_zone(cluster: Cluster) -> Iterator[Seen]:
    if not cluster.on_aws or not cluster.spot_groups:
        return
    zones = cluster.provider.get("availability_zone")
    if isinstance(zones, str) and zones and "," not in zones:
        yield Seen(("provider", "availability_zone"), f"availability_zone: {shown(zones)}, one zone for every group")
        return
    for group in cluster.spot_groups:
        subnets = group.node.get("SubnetIds")
        if isinstance(subnets, list) and len(set(map(str, subnets))) == 1:
            yield Seen((*group.node_path, "SubnetIds"), f"{shown(group.name)}: one subnet, so one zone")


@rule(
    RULES, "stopped-nodes", "error", "RY-02",
    why="a spot instance of Ray's cannot be stopped and started, only terminated; on-demand ones would be stopped, and"
    " their volumes are billed on",
    fix="cache_stopped_nodes: false",
)  # fmt: skip
def stopped_nodes(cluster: Cluster) -> Iterator[Seen]:
    if cluster.on_aws and cluster.spot_groups and cluster.provider.get("cache_stopped_nodes", True) is not False:
        told = "cache_stopped_nodes: true" if "cache_stopped_nodes" in cluster.provider else "no cache_stopped_nodes"
        yield Seen(("provider", "cache_stopped_nodes"), f"{told}; Ray's default is true")


@rule(
    RULES, "one-pool", "warning", "RY-06",
    why="a group is one instance type and RunInstances has no allocation strategy: when that pool is dry Ray asks the"
    " same again, and with so few types there is little else to ask for",
    fix=f"{FEWEST_TYPES} instance types or more, a group each, with the same CPU and memory; `spotwarden ray plan`"
    " ranks them",
)  # fmt: skip
def one_pool(cluster: Cluster) -> Iterator[Seen]:
    types = {g.instance_type for g in cluster.spot_groups}
    if cluster.on_aws and len(types) < FEWEST_TYPES:
        for group in cluster.spot_groups:
            row = "RY-07" if group.architecture == "arm64" else "RY-06"
            of_all = f"one of {len(types)} spot types in the file" if len(types) > 1 else "the only spot type"
            seen = f"{shown(group.name)}: {shown(group.instance_type)}, {of_all}"
            yield Seen((*group.node_path, "InstanceType"), seen, row=row)


@rule(
    RULES, "pinned-to-group", "warning", "RY-06",
    why="work that asks for this resource waits for this group's pool alone, however many others have room",
    fix="name only CPU, GPU and memory; where code needs an architecture, use labels with a fallback",
)  # fmt: skip
def pinned_to_group(cluster: Cluster) -> Iterator[Seen]:
    bearers = Counter(r for g in cluster.workers for r in g.custom)
    for group in cluster.spot_groups:
        alone = {r for r in group.custom if bearers[r] == 1}
        if alone and len(cluster.workers) > 1:
            row = "RY-07" if group.architecture == "arm64" else "RY-06"
            told = names(shown(r) for r in alone)
            yield Seen((*group.path, "resources"), f"{told} only on {shown(group.name)}", row=row)


@rule(
    RULES, "spot-minimum", "warning", "RY-06",
    why="Ray keeps asking for the minimum from the same pool; while it is dry the cluster stands still",
    fix="min_workers: 0 on spot, and an on-demand group that keeps at least one node",
)  # fmt: skip
def spot_minimum(cluster: Cluster) -> Iterator[Seen]:
    if any((g.min_workers or 0) > 0 for g in cluster.steady_groups):
        return
    for group in cluster.spot_groups:
        if group.min_workers:
            row = "RY-07" if group.architecture == "arm64" else "RY-06"
            seen = f"{shown(group.name)}: min_workers {group.min_workers} on spot, and nothing on demand behind it"
            yield Seen((*group.path, "min_workers"), seen, row=row)


@rule(
    RULES, "no-on-demand-group", "warning", "RY-13",
    why="nothing in the file can run when spot is dry; Ray has no purchase option to fall back to",
    fix="one worker group without InstanceMarketOptions, min_workers: 1",
)  # fmt: skip
def no_on_demand_group(cluster: Cluster) -> Iterator[Seen]:
    if cluster.spot_groups and not cluster.steady_groups:
        yield Seen(("available_node_types",), f"{len(cluster.spot_groups)} on spot, none on demand")


@rule(
    RULES, "fallback-waits", "warning", "RY-13",
    why="Ray 2.60 forgets a refused launch (only a node that never starts lowers a group's score), and the old"
    " autoscaler's scorer does not look at it: a dry spot group is asked again, and this group only when the spot"
    " groups are full",
    fix="min_workers: 1 here, or a resource of its own that is asked for by request_resources()",
)  # fmt: skip
def fallback_waits(cluster: Cluster) -> Iterator[Seen]:
    steady = cluster.steady_groups
    if cluster.spot_groups and steady and not any(g.min_workers or g.custom for g in steady):
        yield Seen(steady[0].path, f"{shown(steady[0].name)}: on demand with min_workers 0")


@rule(
    RULES, "max-workers-sum", "warning", "RY-04",
    why="the cluster's limit is above what its groups allow together: it brakes nothing, and says more than there is",
    fix="max_workers: the sum of the groups'",
)  # fmt: skip
def max_workers_sum(cluster: Cluster) -> Iterator[Seen]:
    told, each = cluster.data.get("max_workers"), [g.max_workers for g in cluster.workers]
    if not isinstance(told, int) or None in each or not each:
        return
    total = sum(n for n in each if n is not None)
    if told > total:
        yield Seen(("max_workers",), f"max_workers {told:,}; its groups allow {total:,}", fix=f"max_workers: {total}")
    elif told < total:
        why = "the groups allow more than the cluster: when one pool is dry the others cannot fill up"
        seen = f"max_workers {told:,}; its groups allow {total:,}"
        yield Seen(("max_workers",), seen, why=why, fix=f"max_workers: {total}")
