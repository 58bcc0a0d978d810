"""On-demand list prices from the Price List API."""

import json
from collections.abc import Sequence
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


_OWN_LICENCE = "Bring your own license"
ONE_BY_ONE = 20
"""more types than this, and the region's whole list is read instead: it has about fourteen pages"""


def on_demand_rates(
    calls: Calls, instance_types: Sequence[str], *, product: str, now: datetime
) -> dict[str, OnDemandRate]:
    """The hourly list price on shared tenancy, by type; what AWS does not list here is left out.

    Where many types are asked for, more than were asked for are given: the whole list was read.
    """
    system = _SYSTEMS.get(product)
    if system is None or not calls.reaches("pricing"):
        return {}
    if len(instance_types) > ONE_BY_ONE:
        listed = _listed(calls, system)
    else:
        listed = {}
        for instance_type in instance_types:
            listed |= _listed(calls, system, instance_type)
    return {
        name: OnDemandRate(
            instance_type=name,
            region=calls.region,
            product=product,
            usd_per_hour=price,
            as_of=now,
            source=SOURCE,
        )
        for name, price in listed.items()
    }


def _listed(calls: Calls, system: str, instance_type: str | None = None) -> dict[str, Decimal]:
    """Type → USD per hour; one type, or every type of the region."""
    wanted = {
        "regionCode": calls.region,
        "operatingSystem": system,
        "tenancy": "Shared",
        "preInstalledSw": "NA",
        "capacitystatus": "Used",
    } | ({"instanceType": instance_type} if instance_type else {})
    filters = [{"Type": "TERM_MATCH", "Field": k, "Value": v} for k, v in wanted.items()]
    found: dict[str, Decimal] = {}
    for item in calls.pages("pricing", "GetProducts", "PriceList", ServiceCode="AmazonEC2", Filters=filters):
        name, prices = hourly(item)
        if name and prices and instance_type in (None, name):
            found[name] = min([*prices, *filter(None, [found.get(name)])])
    return found


def hourly(item: Any) -> tuple[str | None, list[Decimal]]:
    """Instance type and dollars an hour of one entry of the price list, which is JSON in a text.

    None of an entry for people who bring their own licence: it stands beside the one of Windows under the same filters
    at Linux's price, and the spot price of Windows has its licence in it.
    """
    try:
        entry = json.loads(item) if isinstance(item, str) else item
    except ValueError:
        raise DataError(f"{SOURCE}: an entry of the price list is not JSON: {str(item)[:60]!r}") from None
    dimensions = [
        d
        for term in (entry.get("terms", {}).get("OnDemand") or {}).values()
        for d in (term.get("priceDimensions") or {}).values()
        if d.get("unit") in ("Hrs", "Hours")
    ]
    found = (_decimal(d.get("pricePerUnit", {}).get("USD")) for d in dimensions)
    about = entry.get("product", {}).get("attributes", {})
    if about.get("licenseModel") == _OWN_LICENCE:
        return about.get("instanceType"), []
    return about.get("instanceType"), [price for price in found if price is not None and price > 0]


def _decimal(text: str | None) -> Decimal | None:
    try:
        return Decimal(text) if text else None
    except InvalidOperation:
        return None
