"""Cluster rules on the nodes: head, images, disks, network, rights, set-up."""

import re
from collections.abc import Iterator

from tools.recovery.ray.cluster import Cluster, Group, image_hint, texts
from tools.recovery.ray.findings import shown
from tools.recovery.ray.rule import Rule, Seen, names, rule

RULES: list[Rule[Cluster]] = []
BIG_ROOT_GIB = 200
_SAME_IMAGE = re.compile(r"(?i)same\s+(?:image|ami)|동일한\s*이미지|같은\s*이미지")
_PIP = re.compile(r"(?:\bpip3?(?:\.\d+)?|\buv\s+pip|-m\s+pip)\s+install\s+(.*)")
_SYSTEM_PYTHON = re.compile(
    r"(?:dnf|yum|apt|apt-get)\s+(?:-\S+\s+)*install\b.*\b(python3?-pip|python-unversioned-command)\b"
)
_WITH_VALUE = ("-r", "-c", "-i", "-t", "-e", "--requirement", "--constraint", "--target", "--editable")
_GROWN = re.compile(r"\b(growpart|xfs_growfs|resize2fs)\b")


@rule(
    RULES, "head-on-spot", "error", "RY-05",
    why="the head holds the cluster's state and the drivers: when it is taken, every job ends",
    fix="leave InstanceMarketOptions out of the head's group",
)  # fmt: skip
def head_on_spot(cluster: Cluster) -> Iterator[Seen]:
    if cluster.head and cluster.head.on_spot:
        yield Seen((*cluster.head.node_path, "InstanceMarketOptions"), f"{shown(cluster.head.name)}: MarketType spot")


@rule(
    RULES, "head-takes-work", "warning", "RY-05",
    why="tasks on the head eat the memory of the process that nothing replaces",
    fix='resources: {"CPU": 0}',
)  # fmt: skip
def head_takes_work(cluster: Cluster) -> Iterator[Seen]:
    head = cluster.head
    if head and head.resources.get("CPU") != 0 and cluster.workers:
        told = f"CPU {shown(head.resources['CPU'])}" if "CPU" in head.resources else "every CPU that its type has"
        yield Seen((*head.path, "resources"), f"{shown(head.name)}: {told}")


@rule(
    RULES, "head-shares-resource", "warning", "RY-05",
    why="CPU 0 keeps only work out that asks for CPU: a task with num_cpus=0 and this resource lands on the head",
    fix="leave the resource out of the head's group",
)  # fmt: skip
def head_shares_resource(cluster: Cluster) -> Iterator[Seen]:
    head = cluster.head
    shared = {r for r in (head.custom if head else ()) if any(r in g.custom for g in cluster.workers)}
    if head and shared:
        told = names(shown(r) for r in shared)
        yield Seen((*head.path, "resources"), f"{told} on {shown(head.name)} and on workers")


@rule(
    RULES, "head-max-workers", "warning", "RY-05",
    why="Ray launches workers of the head's type, on demand and with the head's rights",
    fix="max_workers: 0 in the head's group",
)  # fmt: skip
def head_max_workers(cluster: Cluster) -> Iterator[Seen]:
    head = cluster.head
    if head and (head.max_workers or head.min_workers):
        seen = f"{shown(head.name)}: min_workers {head.min_workers or 0}, max_workers {head.max_workers or 0}"
        yield Seen((*head.path, "max_workers"), seen)


@rule(
    RULES, "image-mix-up", "error", "RY-07",
    why="an image is built for one architecture: EC2 refuses the launch",
    fix="one image for x86_64 groups, another for arm64 (Graviton) groups",
)  # fmt: skip
def image_mix_up(cluster: Cluster) -> Iterator[Seen]:
    first: dict[str, Group] = {}
    for group in cluster.groups:
        if not group.image or group.architecture is None:
            continue
        hint = image_hint(group.image)
        other = first.setdefault(group.image, group)
        what = f"{shown(group.name)}: {shown(group.instance_type)} is {group.architecture}"
        if hint not in (None, group.architecture):
            yield Seen((*group.node_path, "ImageId"), f"{what}, its image {shown(group.image)} {hint}")
        elif other.architecture != group.architecture:
            yield Seen((*group.node_path, "ImageId"), f"{what}, with the image of {shown(other.name)}")


@rule(
    RULES, "image-comment", "warning", "RY-07",
    why="whoever follows the comment gives an arm64 group an x86_64 image, and no node ever starts",
    fix="say what it is: the image of this group's architecture",
)  # fmt: skip
def image_comment(cluster: Cluster) -> Iterator[Seen]:
    head = cluster.head
    for group in cluster.workers:
        line = cluster.line((*group.node_path, "ImageId"))
        text = cluster.part.lines[line - cluster.part.first_line]
        if head and _SAME_IMAGE.search(text.partition("#")[2]) and group.image != head.image:
            seen = f"the comment says the head's image; {shown(group.name)} has {shown(group.image)}"
            yield Seen((*group.node_path, "ImageId"), f"{seen}, the head {shown(head.image)}")


@rule(
    RULES, "big-root", "info", "RY-06",
    why="every node pays for its volume while it lives, and spot nodes come and go",
    fix="as large as the image and what is spilled to disk need; 100 GiB of gp3 is a start",
)  # fmt: skip
def big_root(cluster: Cluster) -> Iterator[Seen]:
    rate = cluster.storage_usd_per_gib_month
    for group in cluster.groups:
        for path, ebs in group.volumes():
            size = ebs.get("VolumeSize")
            if not isinstance(size, int) or size < BIG_ROOT_GIB:
                continue
            nodes = group.max_workers or 1
            cost = "cost unknown: give --gp3-usd"
            if rate is not None:
                cost = f"${size * rate:,.2f} a month and node, ${size * rate * nodes:,.2f} for {nodes}"
            row = "RY-07" if group.architecture == "arm64" else "RY-06"
            yield Seen((*path, "VolumeSize"), f"{shown(group.name)}: {size:,} GiB ({cost})", row=row)


@rule(
    RULES, "old-volume", "warning", "RY-06",
    why="gp2 costs more than gp3 and its speed hangs on its size; without a type EC2 takes the image's",
    fix="VolumeType: gp3",
)  # fmt: skip
def old_volume(cluster: Cluster) -> Iterator[Seen]:
    for group in cluster.groups:
        for path, ebs in group.volumes():
            if ebs and ebs.get("VolumeType") in (None, "gp2", "standard", "io1"):
                told = shown(ebs["VolumeType"]) if ebs.get("VolumeType") else "not told"
                yield Seen(path, f"{shown(group.name)}: VolumeType {told}")


@rule(
    RULES, "subnet-ignored", "warning", "RY-08",
    why="Ray reads SubnetIds; a group without it gets every subnet of the zone that fits, private or not, and SubnetId"
    " is overwritten at the launch",
    fix="SubnetIds: [subnet-…, subnet-…], one in each zone",
)  # fmt: skip
def subnet_ignored(cluster: Cluster) -> Iterator[Seen]:
    for group in cluster.groups:
        if cluster.on_aws and "SubnetId" in group.node and "SubnetIds" not in group.node:
            yield Seen((*group.node_path, "SubnetId"), f"{shown(group.name)}: SubnetId, which Ray does not read")


@rule(
    RULES, "shared-profile", "info", "RY-08",
    why="the head's profile may launch instances and pass roles; on the workers every task has these rights. A profile"
    " by name must stand in this very account",
    fix="a profile for the head, another for the workers with what their work needs (S3) and nothing of EC2",
)  # fmt: skip
def shared_profile(cluster: Cluster) -> Iterator[Seen]:
    head = cluster.head
    same = [g for g in cluster.workers if head and head.profile and g.profile == head.profile]
    if head and same:
        told = names(shown(g.name) for g in same)
        yield Seen((*head.node_path, "IamInstanceProfile"), f"{shown(head.profile)} on the head and on {told}")


@rule(
    RULES, "public-addresses", "warning", "RY-08",
    why="nodes with public addresses can be reached from outside, and each address is billed by the hour",
    fix="use_internal_ips: true, with private subnets",
)  # fmt: skip
def public_addresses(cluster: Cluster) -> Iterator[Seen]:
    if cluster.on_aws and cluster.groups and cluster.provider.get("use_internal_ips") is not True:
        told = "false" if "use_internal_ips" in cluster.provider else "not told, so false"
        yield Seen(("provider", "use_internal_ips"), f"use_internal_ips: {told}")


@rule(
    RULES, "metadata-v1", "warning", "RY-08",
    why="without a session token any task that can be talked into a request reads the node's credentials",
    fix="MetadataOptions: {HttpTokens: required, HttpPutResponseHopLimit: 2} in every group; the watcher speaks IMDSv2",
)  # fmt: skip
def metadata_v1(cluster: Cluster) -> Iterator[Seen]:
    if not cluster.on_aws:
        return
    open_groups = [g for g in cluster.groups if _tokens(g) != "required"]
    if open_groups:
        told = names(shown(g.name) for g in open_groups)
        yield Seen(open_groups[0].node_path, f"IMDSv2 is not required on {told}")


def _tokens(group: Group) -> object:
    options = group.node.get("MetadataOptions")
    return options.get("HttpTokens") if isinstance(options, dict) else None


@rule(
    RULES, "unpinned-setup", "error", "RY-03",
    why="a node that replaces one next week installs what is newest then: Ray refuses a worker whose Ray, or whose"
    " Python down to the patch, is not the head's, so the cluster shrinks and never grows",
    fix="pin every package (ray[default]==2.60.0), or better bake the image and install nothing at the start",
)  # fmt: skip
def unpinned_setup(cluster: Cluster) -> Iterator[Seen]:
    if cluster.data.get("setup_commands") is None and cluster.groups and cluster.on_aws:
        why = "Ray then runs its own: it installs a nightly build of Ray where none is found"
        yield Seen(("setup_commands",), "no setup_commands", why=why, fix="setup_commands: [] with a baked image")
    for path, command in _setups(cluster):
        loose = sorted(loose_requirements(command))
        if loose:
            yield Seen(path, f"without a version: {', '.join(shown(name) for name in loose[:8])}")


def _setups(cluster: Cluster) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for key in ("initialization_commands", "setup_commands", "head_setup_commands", "worker_setup_commands"):
        yield from ((p, c) for p, c in cluster.commands(key) if isinstance(c, str))
    for group in cluster.groups:
        for i, command in enumerate(texts(group.data.get("worker_setup_commands"))):
            yield (*group.path, "worker_setup_commands", i), command


def loose_requirements(command: str) -> Iterator[str]:
    """Packages of a `pip install` whose version is open."""
    for found in _PIP.finditer(command):
        skip = False
        for word in re.split(r"\s+(?:&&|\|\||;|\|)\s*|[;&|]", found[1])[0].split():
            name = word.strip("'\"")
            if skip or not name or name.startswith(("-", "#", "2>", ">")):
                skip = name in _WITH_VALUE or name.startswith("--index")
                continue
            if "==" not in name and "@" not in name and not name.endswith((".whl", ".txt")) and "/" not in name:
                yield name


@rule(
    RULES, "system-python", "warning", "RY-03",
    why="which Python that is, the image decides: Amazon Linux 2023's is 3.9, and ray 2.60 needs 3.10 or newer, so pip"
    " quietly takes an older Ray",
    fix="install one version by its name (python3.12 python3.12-pip), or bake it",
)  # fmt: skip
def system_python(cluster: Cluster) -> Iterator[Seen]:
    for path, command in _setups(cluster):
        found = _SYSTEM_PYTHON.search(command)
        if found:
            yield Seen(path, f"{found[1]}: a Python of no told version")


@rule(
    RULES, "grown-by-hand", "info", "RY-03",
    why="Amazon Linux 2023 grows its root at the first boot by itself; `|| true` hides that the command failed, and"
    " every second of set-up is a second more until a replacement works",
    fix="leave it out; bake what is left into the image",
)  # fmt: skip
def grown_by_hand(cluster: Cluster) -> Iterator[Seen]:
    for path, command in _setups(cluster):
        found = _GROWN.search(command)
        if found:
            yield Seen(path, f"{found[1]}{' with its failure hidden' if '|| true' in command else ''}")
