"""The price book: what an hour costs now in each pool, on both ways of buying. Read once, then pure look-ups."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from tools.cloud import Clock, CloudReader
from tools.errors import AccessDenied
from tools.market.prices import analyze
from tools.records import LINUX, OnDemandRate, PoolPrices, SetAside, SpotPrice

Pool = tuple[str, str]
"""(instance type, zone name or zone id)"""


@dataclass(frozen=True)
class PriceBook:
    """Prices known at one moment, one product, one region. What is not in it is unknown: None, never 0.

    pools    by (instance type, zone name), and by (instance type, zone id) where the id is known
    rates    on-demand list price by instance type
    missing  what could not be read, in words
    """

    pools: Mapping[Pool, PoolPrices] = field(default_factory=dict)
    rates: Mapping[str, OnDemandRate] = field(default_factory=dict)
    as_of: datetime | None = None
    source: str = "nothing was read"
    region: str | None = None
    hours: float = 24
    set_aside: tuple[SetAside, ...] = ()
    missing: tuple[str, ...] = ()

    def pool(self, instance_type: str, zone: str) -> PoolPrices | None:
        """Everything known of a pool; zone by name or id."""
        return self.pools.get((instance_type, zone))

    def spot_now(self, instance_type: str, zone: str) -> Decimal | None:
        """USD per instance-hour in force."""
        found = self.pool(instance_type, zone)
        return found.current_usd_per_hour if found else None

    def on_demand(self, instance_type: str) -> Decimal | None:
        """List price, USD per instance-hour."""
        rate = self.rates.get(instance_type)
        return rate.usd_per_hour if rate else None

    @property
    def oldest(self) -> datetime | None:
        """When the oldest price in the book was read; None = it holds none."""
        moments = [r.as_of for r in self.rates.values()]
        if self.pools and self.as_of is not None:
            moments.append(self.as_of)
        return min(moments, default=None)


def read_price_book(
    reader: CloudReader, clock: Clock, instance_types: Sequence[str], hours: float = 24, *, product: str = LINUX
) -> PriceBook:
    """Spot and on-demand prices of some types in every zone of the region.

    hours   window of the mean, ends now
    Raises  CloudError, but for a missing permission: that price is unknown, and `missing` says so
    """
    now = clock.now()
    types = tuple(sorted(set(instance_types)))
    if not types:
        return PriceBook(as_of=now, hours=hours)
    missing: list[str] = []
    rates = list_rates(reader, types, product, missing)
    start = now - timedelta(hours=hours)
    on_demand = {(t, product): r.usd_per_hour for t, r in rates.items()}
    prices: tuple[SpotPrice, ...] = ()
    try:
        prices = reader.spot_prices(types, since=start, until=now, product=product)
    except AccessDenied as denied:
        missing.append(f"spot prices: {denied.message}")
    measured, aside = analyze(prices, start=start, end=now, on_demand=on_demand, points=0)
    return PriceBook(
        pools=_by_zone(measured),
        rates=rates,
        as_of=now,
        source="EC2 DescribeSpotPriceHistory, AWS Price List",
        region=reader.account().region,
        hours=hours,
        set_aside=aside,
        missing=tuple(missing),
    )


def list_rates(reader: CloudReader, types: Sequence[str], product: str, missing: list[str]) -> dict[str, OnDemandRate]:
    """On-demand list prices by type. Those that may not be read are unknown, and `missing` says so."""
    try:
        return {r.instance_type: r for r in reader.on_demand_rates(types, product=product)}
    except AccessDenied as denied:
        missing.append(f"on-demand prices: {denied.message}")
        return {}


def _by_zone(measured: Sequence[PoolPrices]) -> dict[Pool, PoolPrices]:
    book: dict[Pool, PoolPrices] = {}
    for prices in measured:
        for zone in (prices.pool.zone_name, prices.pool.zone_id):
            if zone is not None:
                book[prices.pool.instance_type, zone] = prices
    return book
