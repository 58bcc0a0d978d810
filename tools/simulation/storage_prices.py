"""EBS in the simulated price list: volume types, provisioned performance, snapshots.

Prices of us-east-1 as remembered from AWS's public price list; another region's are scaled as its instances' are.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from tools.simulation.rates import LOCATIONS, list_price

_VOLUMES = {
    "gp3": ("VolumeUsage.gp3", "0.08"),
    "gp2": ("VolumeUsage.gp2", "0.10"),
    "io1": ("VolumeUsage.piops", "0.125"),
    "io2": ("VolumeUsage.io2", "0.125"),
    "st1": ("VolumeUsage.st1", "0.045"),
    "sc1": ("VolumeUsage.sc1", "0.015"),
    "standard": ("VolumeUsage", "0.05"),
}
_IOPS = {
    "gp3": ("VolumeP-IOPS.gp3", "0.005"),
    "io1": ("VolumeP-IOPS.piops", "0.065"),
    "io2": ("VolumeP-IOPS.io2", "0.065"),
}
_THROUGHPUT = {"gp3": ("VolumeP-Throughput.gp3", "40.96")}  # a GiBps
_SNAPSHOT = "0.05"
_YARDSTICK = "m5.large"
FAMILIES = ("Storage", "Storage Snapshot", "System Operation", "Provisioned Throughput")


def products(hint: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Attributes of every product of EBS; a region without prices has none."""
    for region, place in LOCATIONS.items():
        factor = _factor(region)
        if hint.get("regionCode", region) != region or factor is None:
            continue
        at = {"regionCode": region, "location": place, "_prefix": "" if region == "us-east-1" else "EUW3-"}
        for name, (usage, usd) in _VOLUMES.items():
            yield _product("Storage", "GB-Mo", usage, Decimal(usd) * factor, at, volumeApiName=name)
        for name, (usage, usd) in _IOPS.items():
            yield _product(
                "System Operation", "IOPS-Mo", usage, Decimal(usd) * factor, at, volumeApiName=name, group="EBS IOPS"
            )
        for name, (usage, usd) in _THROUGHPUT.items():
            more = {"volumeApiName": name, "group": "EBS Throughput"}
            yield _product("Provisioned Throughput", "GiBps-mo", usage, Decimal(usd) * factor, at, **more)
        yield _product("Storage Snapshot", "GB-Mo", "SnapshotUsage", Decimal(_SNAPSHOT) * factor, at)


def _factor(region: str) -> Decimal | None:
    here, there = list_price(_YARDSTICK, region), list_price(_YARDSTICK, "us-east-1")
    return None if here is None or there is None else here / there


def _product(family: str, unit: str, usage: str, usd: Decimal, at: Mapping[str, Any], **more: str) -> dict[str, str]:
    return {
        "_family": family,
        "_unit": unit,
        "_usd": f"{usd:.10f}",
        "location": at["location"],
        "locationType": "AWS Region",
        "regionCode": at["regionCode"],
        "servicecode": "AmazonEC2",
        "servicename": "Amazon Elastic Compute Cloud",
        "usagetype": f"{at['_prefix']}EBS:{usage}",
        **more,
    }
