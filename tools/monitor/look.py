"""One look at every fleet: sizes, pools, dollars per hour, risk; and what could not be seen."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from tools.cloud import Clock, CloudReader
from tools.errors import CloudError
from tools.fleets.launches import spot_pools
from tools.fleets.prices import AccountPrices, read_account_prices
from tools.market.pricebook import PriceBook
from tools.money.hourly import AccountCost, bought
from tools.records import CapacityPool, Fleet, FleetSample
from tools.risk.score import fleet_level

SOURCE = "EC2 Auto Scaling, EC2 Fleet"


@dataclass(frozen=True)
class PoolPrice:
    """What a pool that we run in costs now, beside on-demand. None = unknown."""

    spot_usd_per_hour: Decimal | None
    on_demand_usd_per_hour: Decimal | None


@dataclass(frozen=True)
class Look:
    """What one look saw.

    prices    by pool label, of the pools that our spot instances run in
    unpriced  labels of fleets in which something runs whose price is unknown
    trouble   what could not be read, in words
    """

    at: datetime
    samples: tuple[FleetSample, ...]
    prices: Mapping[str, PoolPrice]
    unpriced: frozenset[str]
    price_source: str
    trouble: tuple[str, ...] = ()


def look_at_fleets(reader: CloudReader, clock: Clock, fleets: Sequence[Fleet] | None = None) -> Look:
    """Sample every fleet. Prices that cannot be read leave cost and risk unknown, never the look undone.

    fleets  as read just now; None = read here
    Raises  CloudError: the fleets cannot be read
    """
    found = tuple(fleets) if fleets is not None else reader.fleets()
    trouble: tuple[str, ...] = ()
    try:
        prices = read_account_prices(reader, clock, found)
    except CloudError as error:
        prices = AccountPrices(PriceBook(as_of=clock.now()), None, found)
        trouble = (f"prices: {error.message}",)
    cost = prices.of_account()
    at = clock.now()
    return Look(
        at=at,
        samples=tuple(sample_fleet(f, prices.book, cost, at=at) for f in found),
        prices=_pool_prices(found, prices.book),
        unpriced=frozenset(label for label, c in cost.by_fleet.items() if c.contracted_usd_per_hour is None),
        price_source=prices.book.source,
        trouble=(*prices.book.missing, *trouble),
    )


def sample_fleets(reader: CloudReader, clock: Clock) -> tuple[FleetSample, ...]:
    """Every fleet as it is now. Raises CloudError: the fleets cannot be read."""
    return look_at_fleets(reader, clock).samples


def sample_fleet(fleet: Fleet, book: PriceBook, cost: AccountCost, *, at: datetime) -> FleetSample:
    """usd_per_hour is the effective rate, as the inventory shows it; None when a price or a commitment is unknown."""
    running = [i for i in fleet.instances if i.state == "running"]
    spot = [i for i in running if i.purchase_option == "spot"]
    weights = {o.instance_type: o.weighted_capacity for o in (fleet.mix.overrides if fleet.mix else ())}
    weighted = any(weights.values())
    return FleetSample(
        fleet=fleet.ref,
        name=fleet.name,
        at=at,
        desired_capacity=fleet.desired_capacity,
        running_spot=len(spot),
        running_on_demand=len(running) - len(spot),
        running_units=sum(weights.get(i.instance_type) or 1 for i in running) if weighted else None,
        usd_per_hour=cost.by_fleet[fleet.ref.label].effective_usd_per_hour,
        level=fleet_level(spot_pools(bought(fleet)), book),
        pools=dict(sorted(Counter(i.pool.label for i in spot).items())),
    )


def pools_of_instances(fleets: Sequence[Fleet]) -> dict[str, tuple[CapacityPool, str]]:
    """Spot instance id → its pool and its fleet's label."""
    return {i.instance_id: (i.pool, f.ref.label) for f in fleets for i in f.spot}


def _pool_prices(fleets: Sequence[Fleet], book: PriceBook) -> dict[str, PoolPrice]:
    pools = {i.pool.label: i for f in fleets for i in f.spot}
    return {
        label: PoolPrice(book.spot_now(i.instance_type, i.zone_name), book.on_demand(i.instance_type))
        for label, i in sorted(pools.items())
    }
