"""Which groups a cluster gets: spot types over zones from the account's market, and what stands behind them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tools.cloud import CloudReader
from tools.errors import UsageError
from tools.records import InstanceTypeSpec
from tools.recovery.ray.wanted import Wanted

FEWEST_ZONES = 2
Rank = Callable[[str, str, str, int], Sequence[str]]
"""(architecture, vCPUs as a range, GiB as a range, how many) → instance types, the best of the market first"""


@dataclass(frozen=True)
class PlannedGroup:
    """name     x86-r7i-2xlarge
    subnets  in the order that Ray tries them
    rank     from 1, best first; 0 = on demand
    """

    name: str
    spec: InstanceTypeSpec
    architecture: str
    subnets: tuple[str, ...]
    least: int
    most: int
    rank: int


@dataclass(frozen=True)
class Layout:
    """head_memory_gib  None = the region does not know the head's type
    notes            what was left out, and why
    """

    region: str
    zones: Mapping[str, str]
    head_memory_gib: float
    spot: tuple[PlannedGroup, ...]
    on_demand: PlannedGroup
    notes: tuple[str, ...]


def lay_out(reader: CloudReader, rank: Rank, wanted: Wanted) -> Layout:
    """Raises  UsageError: subnets that EC2 does not know, or in one zone; fewer types than make a spread
    CloudError: the account cannot be read
    """
    zones = _zones(reader, wanted)
    notes: list[str] = []
    specs = {s.instance_type: s for s in reader.instance_types()}
    head = _known(specs, "--head-type", wanted.head_type)
    chosen = _chosen(rank, wanted, specs, notes)
    spot = _groups(wanted, [specs[t] for t in chosen], zones, notes)
    if len({g.spec.instance_type for g in spot}) < FEWEST_ZONES:
        seen = ", ".join(g.spec.instance_type for g in spot) or "none"
        raise UsageError(
            f"ray plan: {seen}: fewer than {FEWEST_ZONES} spot types fit these zones",
            hint="wider --vcpus and --memory, more --types, or --subnet in other zones",
        )
    behind = _known(specs, "--on-demand-type", wanted.on_demand_type or _type_behind(wanted, spot))
    on_demand = _on_demand(wanted, behind, zones)
    region = reader.account().region
    return Layout(region, zones, head.memory_gib, spot, on_demand, tuple(notes))


def _zones(reader: CloudReader, wanted: Wanted) -> dict[str, str]:
    zones = reader.site("instance", wanted.name, wanted.subnets).zones
    unknown = [s for s in wanted.subnets if s not in zones]
    if unknown:
        raise UsageError(
            f"--subnet {', '.join(unknown)}: {reader.account().region} has no such subnet",
            hint="aws ec2 describe-subnets lists them; --region names another region",
        )
    if len(set(zones.values())) < FEWEST_ZONES:
        raise UsageError(
            f"--subnet: all in {', '.join(sorted(set(zones.values())))}: one zone is one pool a type",
            hint="give a subnet of another zone too: --subnet subnet-… again",
        )
    return zones


def _known(specs: Mapping[str, InstanceTypeSpec], option: str, name: str) -> InstanceTypeSpec:
    if name not in specs:
        raise UsageError(f"{option} {name}: the region offers no such type", hint="`spotwarden market scan` lists them")
    return specs[name]


def _chosen(rank: Rank, wanted: Wanted, specs: Mapping[str, InstanceTypeSpec], notes: list[str]) -> list[str]:
    """Types in the order of preference, of every architecture that was asked for."""
    if wanted.types:
        return [_known(specs, "--types", t).instance_type for t in wanted.types]
    chosen: list[str] = []
    for architecture in wanted.architectures or ("x86_64",):
        first = [t for t in wanted.first_types if t in specs and architecture in specs[t].architectures]
        notes += [f"{t}: the region offers no such type" for t in wanted.first_types if t not in specs]
        # like the types that are there already, else by --vcpus and --memory
        vcpus = f"{specs[first[0]].vcpus}" if first else wanted.vcpus
        memory = f"{specs[first[0]].memory_gib:g}" if first else wanted.memory_gib
        ranked = rank(architecture, vcpus, memory, wanted.types_each + len(first))
        chosen += list(dict.fromkeys([*first, *ranked]))[: max(wanted.types_each, len(first))]
    return list(dict.fromkeys(chosen))


def _groups(
    wanted: Wanted, specs: Sequence[InstanceTypeSpec], zones: Mapping[str, str], notes: list[str]
) -> tuple[PlannedGroup, ...]:
    """A group for each type. Each begins in another zone: Ray always tries the first subnet first."""
    fitting = []
    for spec in specs:
        offered = [s for s in wanted.subnets if not spec.zones or zones[s] in spec.zones]
        architecture = _architecture(wanted, spec)
        if len({zones[s] for s in offered}) < FEWEST_ZONES:
            notes.append(f"{spec.instance_type}: offered in fewer than {FEWEST_ZONES} of these zones, left out")
        elif architecture is None:
            notes.append(f"{spec.instance_type}: no image for {', '.join(spec.architectures)}, left out")
        else:
            fitting.append((spec, offered, architecture))
    fitting = fitting[: wanted.most_workers]  # a group that may have no node is none
    share, more = divmod(wanted.most_workers, max(len(fitting), 1))
    return tuple(
        PlannedGroup(
            name=_name(architecture, spec),
            spec=spec,
            architecture=architecture,
            subnets=(*offered[i % len(offered) :], *offered[: i % len(offered)]),
            least=0,
            most=share + (i < more),
            rank=i + 1,
        )
        for i, (spec, offered, architecture) in enumerate(fitting)
    )


def _architecture(wanted: Wanted, spec: InstanceTypeSpec) -> str | None:
    images = {"x86_64": wanted.x86_image, "arm64": wanted.arm_image}
    return next((a for a in spec.architectures if images.get(a)), None)


def _name(architecture: str, spec: InstanceTypeSpec) -> str:
    return f"{'arm' if architecture == 'arm64' else 'x86'}-{spec.instance_type.replace('.', '-')}"


def _type_behind(wanted: Wanted, spot: Sequence[PlannedGroup]) -> str:
    """As the best spot group of an architecture that everything runs on."""
    best = next((g for g in spot if g.architecture == "x86_64" and wanted.x86_image), spot[0])
    return best.spec.instance_type


def _on_demand(wanted: Wanted, spec: InstanceTypeSpec, zones: Mapping[str, str]) -> PlannedGroup:
    architecture = _architecture(wanted, spec)
    if architecture is None:
        raise UsageError(f"--on-demand-type {spec.instance_type}: no image for it", hint="give --x86-ami or --arm-ami")
    offered = tuple(s for s in wanted.subnets if not spec.zones or zones[s] in spec.zones)
    if not offered:
        hint = "another --on-demand-type"
        raise UsageError(f"--on-demand-type {spec.instance_type}: not offered in these zones", hint=hint)
    return PlannedGroup("on-demand", spec, architecture, offered, wanted.on_demand_least, wanted.on_demand_most, 0)
