"""Savings Plans: what is committed, and how far below list it buys.

The API gives a commitment and, in a second call, a rate per instance type. Our noun carries one discount: the
smallest found among the types compared, so that no more is promised than the plan gives.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tools.aws.calls import Calls
from tools.errors import AccessDenied, DataError
from tools.records import LINUX, SavingsPlan

_COMPARED = 3
_NAMES_A_CALL = 50
Rate = Callable[[str], Decimal | None]


def savings_plans(calls: Calls, on_demand: Rate) -> tuple[SavingsPlan, ...]:
    """Active Compute plans, and EC2 Instance plans of this region, by id. Others buy nothing here.

    on_demand  list price of a type, USD per hour; None = unknown
    Raises     DataError: a plan whose discount cannot be computed; it is never taken as 0
               AccessDenied: the region's partition has no Savings Plans API: its commitments cannot be read
    """
    if not calls.reaches("savingsplans"):
        raise AccessDenied(
            f"{calls.region}: its partition has no Savings Plans API, so commitments there are unknown",
            hint="AWS GovCloud commitments are bought and seen in the commercial account that it belongs to",
        )
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


def rates(calls: Calls, plan_id: str, instance_types: Sequence[str]) -> dict[str, Decimal]:
    """USD per covered hour by type, Linux on shared tenancy; a type that the plan does not cover is left out.

    Where a plan lists a type more than once (a box that is used, one that is only reserved) the dearest rate is given.
    """
    wanted = set(instance_types)
    named = sorted(wanted) if len(wanted) <= _NAMES_A_CALL else []
    found: dict[str, Decimal] = {}
    for instance_type, rate in _rates(calls, plan_id, named) if wanted else ():
        if instance_type in wanted:
            found[instance_type] = max(rate, found.get(instance_type, rate))
    return found


def _rates(calls: Calls, plan_id: str, instance_types: Sequence[str] = ()) -> Iterator[tuple[str, Decimal]]:
    """(instance type, USD per hour) as the plan lists them; no types named = every type that it covers here."""
    filters = {
        "region": [calls.region],
        "productDescription": [LINUX],
        "tenancy": ["shared"],
        "serviceCode": ["AmazonEC2"],
    } | ({"instanceType": list(instance_types)} if instance_types else {})
    rows = calls.pages_by_token(
        "savingsplans",
        "DescribeSavingsPlanRates",
        "searchResults",
        token="nextToken",  # noqa: S106 - the name of a field
        savingsPlanId=plan_id,
        filters=[{"name": name, "values": values} for name, values in filters.items()],
    )
    for row in rows:
        named = {p["name"]: p["value"] for p in row.get("properties") or ()}
        if named.get("instanceType") and row.get("unit") == "Hrs" and row.get("currency", "USD") == "USD":
            yield named["instanceType"], Decimal(row["rate"])


def _discount(calls: Calls, plan_id: str, on_demand: Rate) -> float:
    found = []
    for instance_type, rate in _rates(calls, plan_id):
        listed = on_demand(instance_type)
        if listed:
            found.append(1 - rate / listed)
        if len(found) == _COMPARED:
            break
    if not found:
        raise DataError(f"Savings Plan {plan_id}: no rate of it could be compared with a list price in {calls.region}")
    return float(max(Decimal(0), min(found)))


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
