"""Reserved Instances: what is committed, and what one covered hour costs."""

from decimal import Decimal
from typing import Any

from tools.aws.calls import Calls
from tools.records import ReservedInstances

_COUNTED = ("active", "payment-pending")
_HOUR_SECONDS = 3600
_CENTI_MICRO = Decimal("0.00000001")


def reserved_instances(calls: Calls) -> tuple[ReservedInstances, ...]:
    """Commitments that pay for hours now or as soon as their payment is through, by id; those in USD.

    Source  EC2 DescribeReservedInstances, which knows no pages
    """
    filters = [{"Name": "state", "Values": list(_COUNTED)}]
    rows = calls.read("ec2", "DescribeReservedInstances", Filters=filters).get("ReservedInstances") or ()
    counted = [r for r in rows if r.get("State") in _COUNTED and r.get("CurrencyCode", "USD") == "USD"]
    return tuple(sorted((_commitment(r) for r in counted), key=lambda r: r.reserved_instances_id))


def _commitment(row: dict[str, Any]) -> ReservedInstances:
    return ReservedInstances(
        reserved_instances_id=row["ReservedInstancesId"],
        instance_type=row["InstanceType"],
        count=row["InstanceCount"],
        zone_name=row.get("AvailabilityZone") if row.get("Scope") != "Region" else None,
        product=str(row["ProductDescription"]).removesuffix(" (Amazon VPC)"),
        effective_usd_per_hour=_hourly(row),
        offering_class="convertible" if row.get("OfferingClass") == "convertible" else "standard",
        ends_at=row["End"],
        state=row["State"],
    )


def _hourly(row: dict[str, Any]) -> Decimal:
    """One instance: upfront spread over the term, recurring by the hour, and the usage price of the oldest offers.

    botocore hands these as floats; their shortest text is the number that AWS wrote.
    """
    upfront = _exact(row.get("FixedPrice")) * _HOUR_SECONDS / Decimal(row["Duration"]) if row.get("Duration") else 0
    recurring = sum(
        _exact(c.get("Amount")) for c in row.get("RecurringCharges") or () if c.get("Frequency") == "Hourly"
    )
    return (upfront + recurring + _exact(row.get("UsagePrice"))).quantize(_CENTI_MICRO)


def _exact(number: float | None) -> Decimal:
    return Decimal(str(number or 0))
