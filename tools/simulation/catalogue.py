"""What the region offers: DescribeInstanceTypes and DescribeInstanceTypeOfferings, in pages, for what has a price.

moto knows the machines; it pages nothing, and would offer types that our price list does not know.
"""

import fnmatch
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.instance_types import INSTANCE_TYPES, InstanceType, InstanceTypeBackend
from moto.ec2.responses import EC2Response

from tools.simulation.market import Pool
from tools.simulation.rates import memory_gib, vcpus
from tools.simulation.world import World

MOST_TYPES = 100
MOST_OFFERINGS = 1000
_SHOWN = (
    "InstanceType",
    "CurrentGeneration",
    "FreeTierEligible",
    "SupportedUsageClasses",
    "SupportedRootDeviceTypes",
    "SupportedVirtualizationTypes",
    "BareMetal",
    "Hypervisor",
    "ProcessorInfo",
    "VCpuInfo",
    "MemoryInfo",
    "InstanceStorageSupported",
    "GpuInfo",
    "InferenceAcceleratorInfo",
    "NeuronInfo",
    "HibernationSupported",
    "BurstablePerformanceSupported",
)
"""what anybody here reads; the network and the disks are left out"""
_V100 = {"p3.2xlarge": 1, "p3.8xlarge": 4, "p3.16xlarge": 8}


def install(world: World) -> None:
    """Replace moto's answers with ours, for this process."""
    _teach_moto()
    offer = _Offer(world)

    def describe_instance_types(response: EC2Response) -> ActionResult:
        response.error_on_dryrun()
        rows, more = _page(response, _described(world, offer, response), MOST_TYPES)
        return ActionResult({"InstanceTypes": rows, "NextToken": more})

    def describe_instance_type_offerings(response: EC2Response) -> ActionResult:
        response.error_on_dryrun()
        rows, more = _page(response, _offerings(world, offer, response), MOST_OFFERINGS)
        return ActionResult({"InstanceTypeOfferings": rows, "NextToken": more})

    for action in (describe_instance_types, describe_instance_type_offerings):
        setattr(EC2Response, action.__name__, action)


def _teach_moto() -> None:
    """Types that AWS sells and moto lost."""
    for name, gpus in _V100.items():
        if name not in INSTANCE_TYPES:
            INSTANCE_TYPES[name] = _v100(name, gpus)
            InstanceTypeBackend.instance_types.append(InstanceType(name))


def _v100(name: str, gpus: int) -> dict[str, Any]:
    return {
        **{k: v for k, v in INSTANCE_TYPES["g4dn.xlarge"].items() if k in _SHOWN},
        "InstanceType": name,
        "CurrentGeneration": False,
        "Hypervisor": "xen",
        "InstanceStorageSupported": False,
        "ProcessorInfo": {"SupportedArchitectures": ["x86_64"], "SustainedClockSpeedInGhz": 2.7},
        "VCpuInfo": {"DefaultVCpus": vcpus(name), "DefaultCores": vcpus(name) // 2, "DefaultThreadsPerCore": 2},
        "MemoryInfo": {"SizeInMiB": int(memory_gib(name) * 1024)},
        "GpuInfo": {
            "Gpus": [{"Name": "V100", "Manufacturer": "NVIDIA", "Count": gpus, "MemoryInfo": {"SizeInMiB": 16384}}],
            "TotalGpuMemoryInMiB": 16384 * gpus,
        },
    }


class _Offer:
    """Type → the zones that have it; worked out once."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._zones: dict[str, tuple[str, ...]] | None = None

    def zones(self) -> dict[str, tuple[str, ...]]:
        if self._zones is None:
            market = self._world.market
            sold = {
                t: tuple(z for z in self._world.zones if market.offers(Pool(t, z)))
                for t in market.types()
                if t in INSTANCE_TYPES
            }
            self._zones = {t: zones for t, zones in sold.items() if zones}
        return self._zones


def _described(world: World, offer: _Offer, response: EC2Response) -> list[dict[str, Any]]:
    sold = offer.zones()
    names = response._get_param("InstanceTypes", [])
    if len(names) > MOST_TYPES:
        raise EC2ClientError("InvalidParameterValue", f"At most {MOST_TYPES} instance types may be named.")
    unknown = [n for n in names if n not in sold]
    if unknown:
        text = f"The following supplied instance types do not exist: [{', '.join(unknown)}]"
        raise EC2ClientError("InvalidInstanceType", text)
    found = world.ec2.describe_instance_types(filters=response._filters_from_querystring())
    rows = [{k: t[k] for k in _SHOWN if k in t} for t in found if t.name in sold and (not names or t.name in names)]
    return sorted(rows, key=lambda r: str(r["InstanceType"]))


def _offerings(world: World, offer: _Offer, response: EC2Response) -> list[dict[str, Any]]:
    kind = response._get_param("LocationType") or "region"
    ids = {z.name: z.zone_id for z in world.ec2.describe_availability_zones()}
    filters = response._filters_from_querystring()
    rows: list[dict[str, Any]] = []
    for name, zones in sorted(offer.zones().items()):
        places = {"region": [world.region], "availability-zone": list(zones)}.get(kind, [ids[z] for z in zones])
        rows += [{"InstanceType": name, "LocationType": kind, "Location": place} for place in places]
    return [r for r in rows if _wanted(r, filters)]


def _wanted(row: dict[str, Any], filters: dict[str, Any]) -> bool:
    fields = {"instance-type": "InstanceType", "location": "Location"}
    for name, patterns in filters.items():
        if name not in fields:
            raise EC2ClientError("InvalidParameterValue", f"The filter '{name}' is invalid")
        if not any(fnmatch.fnmatchcase(row[fields[name]], p) for p in patterns):
            return False
    return True


def _page(response: EC2Response, rows: list[dict[str, Any]], most: int) -> tuple[list[dict[str, Any]], str | None]:
    start = str(response._get_param("NextToken") or "0")
    if not start.isdigit():
        raise EC2ClientError("InvalidNextToken", f"The token '{start}' is invalid.")
    size = min(int(response._get_param("MaxResults") or most), most)
    end = int(start) + size
    return rows[int(start) : end], str(end) if end < len(rows) else None
