"""A layout → the text of a cluster file, with the reason of every choice beside it.

What Ray does was read in ray 2.60; the comments say so where a newer one may differ.
"""

import json

from tools.recovery.ray.cluster import architecture_of
from tools.recovery.ray.layout import Layout, PlannedGroup
from tools.recovery.ray.wanted import Wanted

OUR_PACKAGES = {"boto3": "1.44.5", "smart_open[s3]": "9.0.2"}
"""boto3: the autoscaler asks EC2 with it; smart_open: spills to S3. Versions that were tried with ray 2.60"""
HEAD_STORE_SHARE = 0.1
"""of the head's memory: it takes no tasks, only what the driver puts and gets"""
SMALLEST_STORE_GIB = 1
_TOP = """\
# Ray {version} on spot: {types} spot instance types over {zones} zones, one on-demand group behind them.
# ray up FILE -y          (there is no -f). Check it again with: spotwarden ray lint FILE
#
# What Ray does with the groups below, read in ray 2.60:
# - A group is one instance type. Ray asks EC2 by RunInstances, without an allocation strategy: the groups are the
#   spread.
# - In a group it tries the first subnet, and the next ones when EC2 refuses: each group begins in another zone.
# - It fills groups by how well the work fits, then by priority. A refused launch is forgotten: while a pool is dry it
#   asks the same group again, and goes on to others only for work beyond that group's max_workers. So the groups are
#   many and small: what a dry one holds up is its own share.
# - It never falls back to on-demand by itself. The on-demand group keeps min_workers nodes always, takes what is beyond
#   every spot group, and is asked for by its resource:
#   ray.autoscaler.sdk.request_resources(bundles=[{bundle}])
cluster_name: {name}
max_workers: {total} # the sum of the groups'
upscaling_speed: 1.0 # as many nodes again as there are, five at least: replacements do not come all at once
idle_timeout_minutes: {idle}

provider:
  type: aws
  region: {region}
  # no availability_zone: Ray refuses SubnetIds outside it
  use_internal_ips: true
  cache_stopped_nodes: false # spot nodes can only be terminated; stopped ones would keep their volumes

auth:
  ssh_user: {user}

file_mounts:
  {guard_there}: {guard} # make pyz; leave it out when the image has it

# Pinned: Ray refuses a worker whose Ray, or whose Python down to the patch, is not the head's. Amazon Linux 2023 ties
# its packages to the image's release, so images of one release give one Python. Better still: bake these lines into
# the images and leave setup_commands: [], then a replacement works minutes earlier.
setup_commands:
"""
_STARTS = """\
head_setup_commands: [] # Ray's own default installs an open boto3
worker_setup_commands: []

# Spilling to S3 helps with memory, and what was spilled outlives its node. It is no backup: nothing is spilled because
# a node goes. Ray calls the setting unstable, needs smart_open on every node, and deletes nothing there: give the
# prefix a lifecycle rule. The nodes' profiles need s3:GetObject and s3:PutObject on it.
head_start_ray_commands:
  - ray stop
  - {head}
# The watcher comes last: it hears the spot notice, which Ray does not, and drains the node in the two minutes left.
worker_start_ray_commands:
  - ray stop
  - "ulimit -n 65536; ray start --address=$RAY_HEAD_IP:6379 --object-manager-port=8076"
  - >-
    PYTHONPATH=$HOME/spotwarden_guard.pyz setsid nohup python3 -m spotwarden_guard.ray_node --address auto
    --log-json /tmp/spotwarden-ray-node.jsonl </dev/null >>/tmp/spotwarden-ray-node.log 2>&1 &

head_node_type: head
available_node_types:
  head: # on demand, always: it holds the cluster's state and the drivers
    resources: {{"CPU": 0}} # no tasks, and no resource of the workers' that would let num_cpus=0 in
    min_workers: 0
    max_workers: 0 # no workers of the head's type
"""
_GROUP = """\
  {name}: # {vcpus} vCPU, {memory:g} GiB, {architecture}
    resources: {resources}{note}
    priority: {priority} # between groups that fit the work as well
    labels: {{"market-type": "{market}", "arch": "{architecture}"}}
    min_workers: {least}
    max_workers: {most}
"""
_NODE = """\
      ImageId: {image} # built for {architecture}
      SubnetIds:
{subnets}
      SecurityGroupIds: [{groups}]
      IamInstanceProfile: {{Name: {profile}}} # {rights}
      MetadataOptions: {{HttpTokens: required, HttpPutResponseHopLimit: 2}} # IMDSv2
      BlockDeviceMappings:
        - DeviceName: /dev/xvda # the root of Amazon Linux 2023
          Ebs: {{VolumeSize: {gib}, VolumeType: gp3, Encrypted: true, DeleteOnTermination: true}}
"""


def render(wanted: Wanted, layout: Layout) -> str:
    """YAML that `ray up` takes as it is."""
    parts = [_top(wanted, layout), _setup(wanted), _starts(wanted, layout), _head(wanted, layout)]
    parts += [_worker(wanted, layout, group) for group in layout.spot]
    parts.append("  # Work goes here last: a resource that nobody asks for lowers a group's score.\n")
    return "".join([*parts, _worker(wanted, layout, layout.on_demand)])


def _top(wanted: Wanted, layout: Layout) -> str:
    return _TOP.format(
        version=wanted.ray_version,
        types=len(layout.spot),
        zones=len({layout.zones[s] for g in layout.spot for s in g.subnets}),
        bundle=json.dumps({"CPU": layout.on_demand.spec.vcpus, "on_demand": 1}),
        name=_text(wanted.name),
        total=sum(g.most for g in (*layout.spot, layout.on_demand)),
        idle=wanted.idle_minutes,
        region=_text(layout.region),
        user=_text(wanted.ssh_user),
        guard_there=_text(f"/home/{wanted.ssh_user}/spotwarden_guard.pyz"),
        guard=_text(wanted.guard),
    )


def _setup(wanted: Wanted) -> str:
    told = {p.partition("==")[0].partition("[")[0] for p in wanted.packages}
    ours = [f"{name}=={version}" for name, version in OUR_PACKAGES.items() if name.partition("[")[0] not in told]
    packages = " ".join(_quoted(p) for p in (f"ray[default,data]=={wanted.ray_version}", *ours, *wanted.packages))
    python = f"python{wanted.python}"
    commands = (
        f"command -v {python} || sudo dnf install -y {python} {python}-pip",
        f"test -d ~/ray-env || {python} -m venv ~/ray-env",
        f"~/ray-env/bin/python -m pip install {packages}",
        "grep -q ray-env ~/.bashrc || echo 'export PATH=$HOME/ray-env/bin:$PATH' >> ~/.bashrc",
    )
    return "".join(f"  - {_text(command)}\n" for command in commands)


def _starts(wanted: Wanted, layout: Layout) -> str:
    store = max(int(layout.head_memory_gib * HEAD_STORE_SHARE), SMALLEST_STORE_GIB) * 2**30
    spilling = _json({"type": "smart_open", "params": {"uri": wanted.spill.rstrip("/")}})
    head = (
        "ulimit -n 65536; ray start --head --port=6379 --object-manager-port=8076 --num-cpus=0"
        f" --object-store-memory={store} --autoscaling-config=~/ray_bootstrap_config.yaml --dashboard-host=127.0.0.1"
        f" --system-config={_quoted(_json({'object_spilling_config': spilling}))}"
    )
    return _STARTS.format(head=_text(head))


def _head(wanted: Wanted, layout: Layout) -> str:
    architecture = architecture_of(wanted.head_type) or "x86_64"
    node = _node(wanted, layout, architecture, wanted.subnets, head=True)
    return f"    node_config:\n      InstanceType: {_text(wanted.head_type)}\n{node}"


def _worker(wanted: Wanted, layout: Layout, group: PlannedGroup) -> str:
    spec, on_spot = group.spec, group.rank > 0
    resources: dict[str, int] = {} if spec.accelerators else {"CPU": spec.vcpus}
    lines = _GROUP.format(
        name=group.name,
        vcpus=spec.vcpus,
        memory=spec.memory_gib,
        architecture=group.architecture,
        resources=json.dumps(resources | ({} if on_spot else {"on_demand": 1})),
        note=" # CPU and accelerators as EC2 describes the type" if spec.accelerators else "",
        priority=10 * (len(layout.spot) - group.rank + 1) if on_spot else 0,
        market="spot" if on_spot else "on-demand",
        least=group.least,
        most=group.most,
    )
    lines += f"    node_config:\n      InstanceType: {_text(spec.instance_type)}\n"
    if on_spot:
        lines += "      InstanceMarketOptions: {MarketType: spot}\n"
    return lines + _node(wanted, layout, group.architecture, group.subnets, head=False)


def _node(wanted: Wanted, layout: Layout, architecture: str, subnets: tuple[str, ...], *, head: bool) -> str:
    groups = wanted.head_security_groups if head else wanted.worker_security_groups
    lines = _NODE.format(
        image=_text(wanted.arm_image if architecture == "arm64" else wanted.x86_image),
        architecture=architecture,
        subnets="\n".join(f"        - {_text(s)} # {layout.zones[s]}" for s in subnets),
        groups=", ".join(_text(g) for g in groups),
        profile=_text(wanted.head_profile if head else wanted.worker_profile),
        rights="launches of EC2 and iam:PassRole, and S3" if head else "S3, and nothing of EC2",
        gib=wanted.root_gib,
    )
    if wanted.tags:
        tags = [{"Key": key, "Value": value} for key, value in wanted.tags]
        both = [{"ResourceType": kind, "Tags": tags} for kind in ("instance", "volume")]
        lines += f"      TagSpecifications: {json.dumps(both, ensure_ascii=False)}\n"
    return lines


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _text(value: str) -> str:
    """A YAML scalar that is this text: plain where nothing can be mistaken, else a JSON string, which YAML reads."""
    plain = value.isascii() and value[0].isalpha() and all(c.isalnum() or c in "-_." for c in value)
    words = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}
    return value if plain and value.lower() not in words else json.dumps(value)


def _quoted(value: str) -> str:
    """For the shell."""
    return "'" + value.replace("'", "'\\''") + "'"
