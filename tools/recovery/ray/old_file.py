"""What a cluster file that is there already says: what is right is kept, its faults are not."""

from pathlib import Path

from tools.errors import DataError
from tools.recovery.ray.cluster import PLACEHOLDER, Cluster
from tools.recovery.ray.parts import read_text, split
from tools.recovery.ray.rules_nodes import loose_requirements
from tools.recovery.ray.variables import render, settings_in
from tools.recovery.ray.yaml_tree import read_tree

_OURS = ("ray", "boto3", "smart_open", "smart-open")


def read_cluster(path: Path) -> Cluster:
    """The first cluster file in a file: a YAML, or the heredoc of a guide.

    Raises  UsageError, DataError: it cannot be read, holds none, or is no YAML
    """
    parts = split(read_text(path), name=str(path))
    part = next((p for p in parts if p.kind == "cluster"), None)
    if part is None:
        raise DataError(f"{path}: no cluster file in it", hint="leave --from out to begin anew")
    known = settings_in(parts)
    text, unset = render(part, known) if part.heredoc == "expanded" else (part.text, ())
    cluster = Cluster(part, read_tree(text), unset, known)
    if not cluster.groups:
        raise DataError(
            f"{path}: its cluster file has no groups that can be read", hint=f"spotwarden ray lint {path} tells why"
        )
    return cluster


def kept(cluster: Cluster) -> dict[str, object]:
    """Fields of Wanted that the file tells. A variable whose value is not known tells nothing."""
    head, workers = cluster.head, cluster.workers
    auth = cluster.data.get("auth")
    idle = cluster.data.get("idle_timeout_minutes")
    found: dict[str, object] = {
        "name": _word(cluster.data.get("cluster_name")),
        "ssh_user": _word(auth.get("ssh_user")) if isinstance(auth, dict) else "",
        "head_type": _word(head.instance_type) if head else "",
        "head_profile": _word(head.profile) if head else "",
        "worker_profile": next((_word(g.profile) for g in workers if _word(g.profile)), ""),
        "head_security_groups": _words(head.node.get("SecurityGroupIds")) if head else (),
        "worker_security_groups": _words([s for g in workers for s in _listed(g.node.get("SecurityGroupIds"))]),
        "subnets": _subnets(cluster),
        "first_types": _words([g.instance_type for g in cluster.spot_groups]),
        "architectures": tuple(dict.fromkeys(g.architecture for g in cluster.spot_groups if g.architecture)),
        "most_workers": sum(g.max_workers or 0 for g in cluster.spot_groups),
        "idle_minutes": idle if isinstance(idle, int) else 0,
        "unpinned": tuple(n for n in _loose(cluster) if n.partition("[")[0] not in _OURS),
    }
    for group in cluster.groups:
        key = "arm_image" if group.architecture == "arm64" else "x86_image"
        found[key] = found.get(key) or _word(group.image)
    return {name: value for name, value in found.items() if value}


def _word(value: object) -> str:
    return value if isinstance(value, str) and not PLACEHOLDER.search(value) else ""


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _words(values: object) -> tuple[str, ...]:
    return tuple(dict.fromkeys(w for w in map(_word, _listed(values)) if w))


def _subnets(cluster: Cluster) -> tuple[str, ...]:
    """SubnetIds, and SubnetId, which Ray did not read."""
    told = [s for g in cluster.groups for s in (*_listed(g.node.get("SubnetIds")), g.node.get("SubnetId"))]
    return _words(told)


def _loose(cluster: Cluster) -> tuple[str, ...]:
    commands = [c for key in ("setup_commands", "worker_setup_commands") for _, c in cluster.commands(key)]
    return tuple(dict.fromkeys(name for c in commands if isinstance(c, str) for name in loose_requirements(c)))
