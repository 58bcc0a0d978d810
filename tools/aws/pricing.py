"""On-demand list prices from the Price List API."""

import json
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from tools.aws.calls import Calls
from tools.errors import DataError
from tools.records import LINUX, OnDemandRate

SOURCE = "AWS Price List GetProducts"

# what EC2's price history calls a product, in the Price List's words
_SYSTEMS = {
    LINUX: "Linux",
    "Linux/UNIX (Amazon VPC)": "Linux",
    "Red Hat Enterprise Linux": "RHEL",
    "SUSE Linux": "SUSE",
    "Windows": "Windows",
}


def on_demand_rate(calls: Calls, instance_type: str, *, product: str, now: datetime) -> OnDemandRate | None:
    """The hourly list price on shared tenancy; None when AWS lists none for this region and product."""
    system = _SYSTEMS.get(product)
    if system is None:
        return None
    wanted = {
        "instanceType": instance_type,
        "regionCode": calls.region,
        "operatingSystem": system,
        "tenancy": "Shared",
        "preInstalledSw": "NA",
        "capacitystatus": "Used",
    }
    filters = [{"Type": "TERM_MATCH", "Field": k, "Value": v} for k, v in wanted.items()]
    prices: set[Decimal] = set()
    for item in calls.pages("pricing", "GetProducts", "PriceList", ServiceCode="AmazonEC2", Filters=filters):
        prices |= set(_hourly(item, instance_type))
    if not prices:
        return None
    return OnDemandRate(
        instance_type=instance_type,
        region=calls.region,
        product=product,
        usd_per_hour=min(prices),  # bring-your-own-licence stands beside licence-included for some products
        as_of=now,
        source=SOURCE,
    )


def _hourly(item: Any, instance_type: str) -> list[Decimal]:
    """Dollars an hour of one entry of the price list, which is JSON in a text."""
    try:
        entry = json.loads(item) if isinstance(item, str) else item
    except ValueError:
        raise DataError(f"{SOURCE}: an entry of the price list for {instance_type} is not JSON") from None
    if entry.get("product", {}).get("attributes", {}).get("instanceType") != instance_type:
        return []
    dimensions = [
        d
        for term in (entry.get("terms", {}).get("OnDemand") or {}).values()
        for d in (term.get("priceDimensions") or {}).values()
        if d.get("unit") in ("Hrs", "Hours")
    ]
    found = (_decimal(d.get("pricePerUnit", {}).get("USD")) for d in dimensions)
    return [price for price in found if price is not None and price > 0]


def _decimal(text: str | None) -> Decimal | None:
    try:
        return Decimal(text) if text else None
    except InvalidOperation:
        return None
