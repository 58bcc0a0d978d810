"""Savings Plans: what is committed, and how far below list it buys.

The API gives a commitment and, in a second call, a rate per instance type. Our noun carries one discount: the
smallest found among the types compared, so that no more is promised than the plan gives.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tools.aws.calls import Calls
from tools.errors import DataError
from tools.records import LINUX, SavingsPlan

_COMPARED = 3
Rate = Callable[[str], Decimal | None]


def savings_plans(calls: Calls, on_demand: Rate) -> tuple[SavingsPlan, ...]:
    """Active Compute plans, and EC2 Instance plans of this region, by id. Others buy nothing here.

    on_demand  list price of a type, USD per hour; None = unknown
    Raises     DataError: a plan whose discount cannot be computed; it is never taken as 0
    """
    rows = calls.pages_by_token(
        "savingsplans",
        "DescribeSavingsPlans",
        "savingsPlans",
        token="nextToken",  # noqa: S106 - the name of a field
        states=["active"],
    )
    plans = [_plan(calls, row, on_demand) for row in rows if _buys_here(row, calls.region)]
    return tuple(sorted(plans, key=lambda p: p.savings_plan_id))


def _buys_here(row: dict[str, Any], region: str) -> bool:
    if row.get("state") != "active" or row.get("currency", "USD") != "USD":
        return False
    kind = row.get("savingsPlanType")
    return kind == "Compute" or (kind == "EC2Instance" and row.get("region") == region)


def _plan(calls: Calls, row: dict[str, Any], on_demand: Rate) -> SavingsPlan:
    return SavingsPlan(
        savings_plan_id=row["savingsPlanId"],
        plan_type=row["savingsPlanType"],
        commitment_usd_per_hour=Decimal(row["commitment"]),
        instance_family=row.get("ec2InstanceFamily") or None,
        region=row.get("region") or None,
        discount_share=_discount(calls, row["savingsPlanId"], on_demand),
        ends_at=_moment(row["end"]),
    )


def _discount(calls: Calls, plan_id: str, on_demand: Rate) -> float:
    rates = calls.pages_by_token(
        "savingsplans",
        "DescribeSavingsPlanRates",
        "searchResults",
        token="nextToken",  # noqa: S106 - the name of a field
        savingsPlanId=plan_id,
        filters=[
            {"name": "region", "values": [calls.region]},
            {"name": "productDescription", "values": [LINUX]},
            {"name": "tenancy", "values": ["shared"]},
            {"name": "serviceCode", "values": ["AmazonEC2"]},
        ],
    )
    found = []
    for rate in rates:
        named = {p["name"]: p["value"] for p in rate.get("properties") or ()}
        listed = on_demand(named["instanceType"]) if named.get("instanceType") else None
        if listed and rate.get("unit") == "Hrs":
            found.append(1 - Decimal(rate["rate"]) / listed)
        if len(found) == _COMPARED:
            break
    if not found:
        raise DataError(f"Savings Plan {plan_id}: no rate of it could be compared with a list price in {calls.region}")
    return float(max(Decimal(0), min(found)))


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
