"""list_fleets and describe_fleet: what runs, how it is bought, what it costs now."""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from tools.cloud import Clock, CloudReader
from tools.errors import UsageError
from tools.fleets.find import find_fleet
from tools.fleets.launches import spot_pools
from tools.fleets.prices import AccountPrices, read_account_prices
from tools.market.subject import FLEETS_IAM
from tools.money.hourly import AccountCost, bought
from tools.records import Fleet, FleetSummary, Inventory, Name
from tools.risk.score import fleet_level
from tools.tool import tool

_MONEY = (
    "ec2:DescribeSpotPriceHistory",
    "pricing:GetProducts",
    "savingsplans:DescribeSavingsPlanRates",
    "savingsplans:DescribeSavingsPlans",
)


@tool(effect="read", iam=(*FLEETS_IAM, *_MONEY), example={"matching": None})
def list_fleets(
    reader: CloudReader,
    clock: Clock,
    matching: Annotated[
        str | None,
        Field(
            max_length=255,
            description="null = every fleet; else part of a name or id, or workload=web, risk=high, kind=asg, "
            "zone=us-east-1a, type=m5.large",
        ),
    ],
) -> Inventory:
    """Every fleet of the account and region, or those that match: size, purchase mix, pools, dollars per hour, risk.

    Raises  UsageError: a field that fleets are not narrowed by
    """
    matches = _matcher(matching)
    fleets = reader.fleets()
    prices = read_account_prices(reader, clock, fleets)
    cost = prices.of_account()
    rows = tuple(row for row in (_summary(f, prices, cost) for f in fleets) if matches(row))
    return Inventory(
        fleets=rows,
        usd_per_hour=_together(rows) if matching else cost.total.effective_usd_per_hour,
        matching=matching or None,
        as_of=clock.now(),
        source="EC2 Auto Scaling and EC2 Fleet; prices: " + prices.book.source,
    )


@tool(effect="read", iam=FLEETS_IAM, example={"fleet": "ml-train"})
def describe_fleet(reader: CloudReader, fleet: Annotated[Name, Field(description="fleet name or id")]) -> Fleet:
    """One fleet as it stands: configuration, purchase mix, every instance with its pool, tags (other people's text).

    Raises  NotFound: none of this name; names the nearest
    """
    return find_fleet(reader, fleet)


_FIELDS: dict[str, Callable[[FleetSummary], Iterable[str]]] = {
    "workload": lambda row: (row.workload or "",),
    "risk": lambda row: (row.risk,),
    "kind": lambda row: (row.ref.kind,),
    "zone": lambda row: row.zones,
    "type": lambda row: row.instance_types,
}


def _matcher(matching: str | None) -> Callable[[FleetSummary], bool]:
    """Upper and lower case are the same."""
    wanted = (matching or "").strip().lower()
    field, equals, value = (part.strip() for part in wanted.partition("="))
    if not equals:
        return lambda row: wanted in row.name.lower() or wanted in row.ref.fleet_id.lower()
    if field not in _FIELDS:
        raise UsageError(
            f"matching {matching!r}: fleets are not narrowed by {field!r}",
            hint=f"part of a name or id, or one of {', '.join(_FIELDS)} with = and a value",
        )
    return lambda row: value in (text.lower() for text in _FIELDS[field](row))


def _together(rows: Sequence[FleetSummary]) -> Decimal | None:
    known = [row.usd_per_hour for row in rows if row.usd_per_hour is not None]
    return sum(known, Decimal(0)) if len(known) == len(rows) else None


def _summary(fleet: Fleet, prices: AccountPrices, cost: AccountCost) -> FleetSummary:
    pools = sorted(fleet.pools().items(), key=lambda item: (-item[1], item[0].label))
    largest = pools[0] if pools else None
    return FleetSummary(
        ref=fleet.ref,
        name=fleet.name,
        desired_capacity=fleet.desired_capacity,
        instances=len(fleet.instances),
        spot=len(fleet.spot),
        on_demand=len(fleet.on_demand),
        instance_types=fleet.instance_types,
        zones=fleet.zones,
        largest_pool=largest[0].label if largest else None,
        largest_pool_share=largest[1] / len(fleet.instances) if largest else None,
        usd_per_hour=cost.by_fleet[fleet.ref.label].effective_usd_per_hour,
        risk=fleet_level(spot_pools(bought(fleet)), prices.book),
        covered_by_commitment=any(use.charge.get(fleet.ref.label) for use in cost.uses),
        workload=fleet.tag("workload"),
    )
