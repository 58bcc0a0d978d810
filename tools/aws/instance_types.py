"""Instance types as the region offers them, with the zones of each."""

from collections.abc import Iterator, Sequence
from typing import Any

from tools.aws.calls import Calls
from tools.aws.ec2 import batches
from tools.records import InstanceTypeSpec

_NAMES_A_CALL = 100


def instance_types(calls: Calls, names: Sequence[str] | None) -> tuple[InstanceTypeSpec, ...]:
    """By name; None = every type of the region. A name that EC2 does not know is left out.

    A filter is used and not InstanceTypes: one unknown name would fail the whole call.
    """
    zones: dict[str, set[str]] = {}
    for row in _rows(
        calls, "DescribeInstanceTypeOfferings", "InstanceTypeOfferings", names, LocationType="availability-zone"
    ):
        zones.setdefault(row["InstanceType"], set()).add(row["Location"])
    found = {
        row["InstanceType"]: _spec(row, zones.get(row["InstanceType"], set()))
        for row in _rows(calls, "DescribeInstanceTypes", "InstanceTypes", names)
    }
    return tuple(found[name] for name in sorted(found))


def _rows(calls: Calls, operation: str, key: str, names: Sequence[str] | None, **more: Any) -> Iterator[dict[str, Any]]:
    if names is None:
        yield from calls.pages("ec2", operation, key, **more)
        return
    wanted = set(names)
    for some in batches(sorted(wanted), _NAMES_A_CALL):
        filters = [{"Name": "instance-type", "Values": some}]
        rows = calls.pages("ec2", operation, key, Filters=filters, **more)
        yield from (r for r in rows if r["InstanceType"] in wanted)  # a filter takes * and ?, a name does not


def _spec(row: dict[str, Any], zones: set[str]) -> InstanceTypeSpec:
    count, name = _accelerators(row)
    return InstanceTypeSpec(
        instance_type=row["InstanceType"],
        vcpus=row["VCpuInfo"]["DefaultVCpus"],
        memory_gib=row["MemoryInfo"]["SizeInMiB"] / 1024,
        architectures=tuple(sorted((row.get("ProcessorInfo") or {}).get("SupportedArchitectures") or ())),
        accelerators=count,
        accelerator_name=name,
        current_generation=bool(row.get("CurrentGeneration", True)),
        bare_metal=bool(row.get("BareMetal")),
        burstable=bool(row.get("BurstablePerformanceSupported")),
        spot="spot" in (row.get("SupportedUsageClasses") or ()),
        zones=tuple(sorted(zones)),
    )


def _accelerators(row: dict[str, Any]) -> tuple[int, str | None]:
    """How many, and what the first is called: GPUs, or else AWS's own inference and training chips."""
    devices = (
        (row.get("GpuInfo") or {}).get("Gpus")
        or (row.get("InferenceAcceleratorInfo") or {}).get("Accelerators")
        or (row.get("NeuronInfo") or {}).get("NeuronDevices")
        or []
    )
    return sum(d.get("Count") or 0 for d in devices), next((d["Name"] for d in devices if d.get("Name")), None)
