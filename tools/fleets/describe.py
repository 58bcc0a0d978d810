"""list_fleets and describe_fleet: what runs, how it is bought, what it costs now."""

from typing import Annotated

from pydantic import Field

from tools.cloud import Clock, CloudReader
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


@tool(effect="read", iam=(*FLEETS_IAM, *_MONEY), example={})
def list_fleets(reader: CloudReader, clock: Clock) -> Inventory:
    """Every fleet of the account and region: size, purchase mix, pools, dollars per hour now, risk."""
    fleets = reader.fleets()
    prices = read_account_prices(reader, clock, fleets)
    cost = prices.of_account()
    rows = tuple(_summary(f, prices, cost) for f in fleets)
    return Inventory(
        fleets=rows,
        usd_per_hour=cost.total.effective_usd_per_hour,
        as_of=clock.now(),
        source="EC2 Auto Scaling and EC2 Fleet; prices: " + prices.book.source,
    )


@tool(effect="read", iam=FLEETS_IAM, example={"fleet": "ml-train"})
def describe_fleet(reader: CloudReader, fleet: Annotated[Name, Field(description="fleet name or id")]) -> Fleet:
    """One fleet as it stands: configuration, purchase mix, every instance with its pool, tags (other people's text).

    Raises  NotFound: none of this name; names the nearest
    """
    return find_fleet(reader, fleet)


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
