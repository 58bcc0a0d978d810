"""Services that moto lacks: the price list and Savings Plans."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any

from tools.records import utc_text
from tools.simulation import storage_prices
from tools.simulation.rates import LICENCES, LOCATIONS, is_accelerated, known_types, list_price, memory_gib, vcpus

_OFFER = "JRTCKXETXF"  # the offer code of on-demand terms in every AWS price list
_RATE = "6YS6EN2CT7"
_SYSTEM_CODES = {
    "Linux": "RunInstances",
    "Windows": "RunInstances:0002",
    "RHEL": "RunInstances:0010",
    "SUSE": "RunInstances:000g",
}


def get_products(body: Mapping[str, Any], *, as_of: datetime) -> dict[str, Any]:
    """GetProducts of AWSPriceListService: documents as JSON strings.

    Raises  ValueError: an unknown service code or a bad token
    """
    if body.get("ServiceCode") != "AmazonEC2":
        raise ValueError(f"Service code {body.get('ServiceCode')!r} not found: this account lists AmazonEC2")
    wanted = [(f["Field"], str(f["Value"])) for f in body.get("Filters") or []]
    hint = dict(wanted)
    listed = storage_prices.products(hint) if hint.get("productFamily") in storage_prices.FAMILIES else _products(hint)
    found = [p for p in listed if all(_has(p, field, value) for field, value in wanted)]
    token = str(body.get("NextToken") or "0")
    if not token.isdigit():
        raise ValueError("The NextToken is invalid")
    start, size = int(token), min(int(body.get("MaxResults") or 100), 100)
    page = [json.dumps(_document(p, as_of), sort_keys=True) for p in found[start : start + size]]
    answer: dict[str, Any] = {"FormatVersion": "aws_v1", "PriceList": page}
    if start + size < len(found):
        answer["NextToken"] = str(start + size)
    return answer


def _products(hint: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Attributes of every product, narrowed early by the commonest filters."""
    kinds = [hint["instanceType"]] if "instanceType" in hint else known_types()
    regions = [
        r for r, place in LOCATIONS.items() if hint.get("regionCode", r) == r and hint.get("location", place) == place
    ]
    for region in regions:
        for kind in kinds:
            for system in LICENCES:
                price = list_price(kind, region, system)
                if price is None:
                    continue
                for tenancy, factor in (("Shared", Decimal(1)), ("Dedicated", Decimal("1.06"))):
                    for status in ("Used", "UnusedCapacityReservation", "AllocatedCapacityReservation"):
                        cost = Decimal(0) if status.startswith("Allocated") else price * factor
                        yield _attributes(kind, region, system, tenancy, status, cost)


def _attributes(kind: str, region: str, system: str, tenancy: str, status: str, cost: Decimal) -> dict[str, str]:
    usage = {
        "Used": "BoxUsage",
        "UnusedCapacityReservation": "UnusedBox",
        "AllocatedCapacityReservation": "Reservation",
    }[status]
    prefix = "" if region == "us-east-1" else "EUW3-"
    return {
        "capacitystatus": status,
        "currentGeneration": "Yes",
        "instanceFamily": "GPU instance" if is_accelerated(kind) else "General purpose",
        "instanceType": kind,
        "licenseModel": "No License required",
        "location": LOCATIONS[region],
        "locationType": "AWS Region",
        "marketoption": "OnDemand",
        "memory": f"{memory_gib(kind):g} GiB",
        "operatingSystem": system,
        "operation": _SYSTEM_CODES[system],
        "preInstalledSw": "NA",
        "regionCode": region,
        "servicecode": "AmazonEC2",
        "servicename": "Amazon Elastic Compute Cloud",
        "tenancy": tenancy,
        "usagetype": f"{prefix}{usage if tenancy == 'Shared' else 'DedicatedUsage'}:{kind}",
        "vcpu": str(vcpus(kind)),
        "_usd": f"{cost:.10f}",
    }


def _has(product: Mapping[str, str], field: str, value: str) -> bool:
    if field in ("productFamily", "ServiceCode"):
        return value in (product.get("_family", "Compute Instance"), "AmazonEC2")
    return product.get(field) == value


def _document(product: Mapping[str, str], as_of: datetime) -> dict[str, Any]:
    attributes = {k: v for k, v in product.items() if not k.startswith("_")}
    sku = sha256(json.dumps(attributes, sort_keys=True).encode()).hexdigest()[:16].upper()
    term, rate = f"{sku}.{_OFFER}", f"{sku}.{_OFFER}.{_RATE}"
    unit, family = product.get("_unit", "Hrs"), product.get("_family", "Compute Instance")
    what = f"${product['_usd']} per {unit} of {product['usagetype']}"
    if unit == "Hrs":
        what = f"${product['_usd']} per On Demand {product['operatingSystem']} {product['instanceType']} Instance Hour"
    dimension = {
        "appliesTo": [],
        "beginRange": "0",
        "description": what,
        "endRange": "Inf",
        "pricePerUnit": {"USD": product["_usd"]},
        "rateCode": rate,
        "unit": unit,
    }
    on_demand = {
        "effectiveDate": "2026-11-01T00:00:00Z",
        "offerTermCode": _OFFER,
        "priceDimensions": {rate: dimension},
        "sku": sku,
        "termAttributes": {},
    }
    return {
        "product": {"attributes": attributes, "productFamily": family, "sku": sku},
        "publicationDate": utc_text(as_of),
        "serviceCode": "AmazonEC2",
        "terms": {"OnDemand": {term: on_demand}},
        "version": "20261101000000",
    }


@dataclass(frozen=True)
class SavingsPlan:
    """A commitment of the simulated account."""

    plan_id: str
    plan_type: str
    """Compute or EC2Instance"""
    family: str | None
    region: str
    commitment_usd_per_hour: Decimal
    discount: Decimal
    """off the list price, 0..1"""
    start: datetime
    end: datetime

    def rate(self, instance_type: str) -> Decimal | None:
        """USD per covered hour; None = not covered."""
        if self.family and instance_type.partition(".")[0] != self.family:
            return None
        price = list_price(instance_type, self.region)
        return None if price is None else price * (1 - self.discount)


def describe_savings_plans(plans: Sequence[SavingsPlan], account_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeSavingsPlans, filtered by ids, ARNs and states."""
    ids, states = body.get("savingsPlanIds") or [], body.get("states") or []
    arns = body.get("savingsPlanArns") or []
    rows = [_plan_row(p, account_id) for p in plans]
    return {
        "savingsPlans": [
            row
            for row in rows
            if (not ids or row["savingsPlanId"] in ids)
            and (not arns or row["savingsPlanArn"] in arns)
            and (not states or row["state"] in states)
        ]
    }


def _plan_row(plan: SavingsPlan, account_id: str) -> dict[str, Any]:
    row = {
        "offeringId": sha256(plan.plan_id.encode()).hexdigest()[:36],
        "savingsPlanId": plan.plan_id,
        "savingsPlanArn": f"arn:aws:savingsplans::{account_id}:savingsplan/{plan.plan_id}",
        "description": f"1 year No Upfront {plan.plan_type} Savings Plan",
        "start": utc_text(plan.start),
        "end": utc_text(plan.end),
        "state": "active",
        "savingsPlanType": plan.plan_type,
        "paymentOption": "No Upfront",
        "productTypes": ["EC2"] if plan.family else ["EC2", "Fargate", "Lambda"],
        "currency": "USD",
        "commitment": f"{plan.commitment_usd_per_hour:.8f}",
        "upfrontPaymentAmount": "0.0",
        "recurringPaymentAmount": f"{plan.commitment_usd_per_hour:.8f}",
        "termDurationInSeconds": 31_536_000,
        "tags": {},
    }
    if plan.family:
        row |= {"ec2InstanceFamily": plan.family, "region": plan.region}
    return row


def describe_savings_plan_rates(plans: Sequence[SavingsPlan], body: Mapping[str, Any]) -> dict[str, Any] | None:
    """DescribeSavingsPlanRates; None = no such plan."""
    plan = next((p for p in plans if p.plan_id == body.get("savingsPlanId")), None)
    if plan is None:
        return None
    filters = {f["name"]: f.get("values") or [] for f in body.get("filters") or []}
    rows = []
    for kind in known_types():
        rate = plan.rate(kind)
        if rate is None or ("instanceType" in filters and kind not in filters["instanceType"]):
            continue
        rows.append(_rate_row(plan, kind, rate))
    start, size = int(body.get("nextToken") or 0), int(body.get("maxResults") or 1000)
    answer: dict[str, Any] = {"savingsPlanId": plan.plan_id, "searchResults": rows[start : start + size]}
    if start + size < len(rows):
        answer["nextToken"] = str(start + size)
    return answer


def _rate_row(plan: SavingsPlan, kind: str, rate: Decimal) -> dict[str, Any]:
    properties = {
        "region": plan.region,
        "instanceType": kind,
        "instanceFamily": kind.partition(".")[0],
        "productDescription": "Linux/UNIX",
        "tenancy": "shared",
    }
    return {
        "rate": f"{rate:.8f}",
        "currency": "USD",
        "unit": "Hrs",
        "productType": "EC2",
        "serviceCode": "AmazonEC2",
        "usageType": f"BoxUsage:{kind}",
        "operation": "RunInstances",
        "properties": [{"name": k, "value": v} for k, v in properties.items()],
    }
