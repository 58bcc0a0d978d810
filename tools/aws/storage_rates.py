"""List prices of EBS from the Price List API: a volume type each, and snapshots."""

import json
import re
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from tools.aws.calls import Calls
from tools.aws.pricing import SOURCE
from tools.errors import DataError
from tools.records import StorageRate

SNAPSHOT = "snapshot"
_MIB = 1024
_REGION = r"^(?:[A-Z0-9]+-)?EBS:"
_USAGE = re.compile(_REGION + r"VolumeUsage(?:\.\w+)?$")
_SNAPSHOT_USAGE = re.compile(_REGION + r"SnapshotUsage$")
_IOPS = re.compile(_REGION + r"VolumeP-IOPS\.\w+$")
_THROUGHPUT = re.compile(_REGION + r"VolumeP-Throughput\.\w+$")
Rates = dict[str, Decimal]
"""volume type, or `snapshot`, → USD a month of one unit"""


def storage_rates(calls: Calls, *, now: datetime) -> tuple[StorageRate, ...]:
    """What AWS lists for the region; what it does not list is left out, and so is a partition without a price list.

    Of prices in tiers the first one is told, which is the dearest.
    Source  Price List GetProducts of AmazonEC2: usage types EBS:VolumeUsage.*, EBS:SnapshotUsage, EBS:VolumeP-*
    """
    if not calls.reaches("pricing"):
        return ()
    stored = _listed(calls, "Storage", _USAGE) | _listed(calls, "Storage Snapshot", _SNAPSHOT_USAGE)
    iops = _listed(calls, "System Operation", _IOPS, group="EBS IOPS")
    throughput = _listed(calls, "Provisioned Throughput", _THROUGHPUT)
    return tuple(
        StorageRate(
            what=what,
            usd_per_gib_month=usd,
            usd_per_iops_month=iops.get(what),
            usd_per_mib_per_second_month=throughput.get(what),
            as_of=now,
            source=SOURCE,
        )
        for what, usd in sorted(stored.items())
    )


def _listed(calls: Calls, family: str, usage: "re.Pattern[str]", **more: str) -> Rates:
    wanted = {"regionCode": calls.region, "productFamily": family, **more}
    filters = [{"Type": "TERM_MATCH", "Field": k, "Value": v} for k, v in wanted.items()]
    found: Rates = {}
    for item in calls.pages("pricing", "GetProducts", "PriceList", ServiceCode="AmazonEC2", Filters=filters):
        entry = _entry(item)
        about = entry.get("product", {}).get("attributes", {})
        prices = list(_monthly(entry))
        if prices and usage.fullmatch(about.get("usagetype", "")):
            found[about.get("volumeApiName") or SNAPSHOT] = max(prices)
    return found


def _entry(item: Any) -> dict[str, Any]:
    try:
        entry: dict[str, Any] = json.loads(item) if isinstance(item, str) else item
    except ValueError:
        raise DataError(f"{SOURCE}: an entry of the price list is not JSON: {str(item)[:60]!r}") from None
    return entry


def _monthly(entry: dict[str, Any]) -> Iterator[Decimal]:
    """Dollars a month of a GiB, an IOPS, or a MiB per second."""
    for term in (entry.get("terms", {}).get("OnDemand") or {}).values():
        for dimension in (term.get("priceDimensions") or {}).values():
            price = _decimal(dimension.get("pricePerUnit", {}).get("USD"))
            unit = str(dimension.get("unit", "")).lower()
            if price is not None and price > 0 and unit.endswith("-mo"):
                yield price / _MIB if unit == "gibps-mo" else price


def _decimal(text: str | None) -> Decimal | None:
    try:
        return Decimal(text) if text else None
    except InvalidOperation:
        return None
