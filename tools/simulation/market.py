"""The spot market: what a pool costs at a moment, and how deep it is.

Prices are a step function: a change holds until the next one. The generator looks like today's market: a few small
steps a day, mean-reverting around 30–45 % of on-demand. Everything is a function of (seed, pool, time).
"""

import bisect
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Protocol

from tools.simulation.pricefile import PriceFile
from tools.simulation.rates import PRODUCTS, is_accelerated, known_types, list_price

LINUX = "Linux/UNIX"
PRODUCT_NAMES = ("Linux/UNIX", "Red Hat Enterprise Linux", "SUSE Linux", "Windows")
HISTORY = timedelta(days=90)
IN_SOME_ZONES = frozenset({"g6e", "inf2", "p4d", "p5", "trn1"})


@dataclass(frozen=True, order=True)
class Pool:
    """One instance type in one zone."""

    instance_type: str
    zone: str


@dataclass(frozen=True)
class Change:
    """A price that came into force."""

    instance_type: str
    zone: str
    product: str
    at: datetime
    price: str
    """USD per instance-hour, as AWS writes it"""


class Market(Protocol):
    """Where prices come from."""

    source: str
    zones: tuple[str, ...]

    def types(self) -> tuple[str, ...]: ...

    def changes(self, pool: Pool, product: str, *, since: datetime, until: datetime) -> tuple[Change, ...]:
        """Changes in [since, until] and the one in force at `since`, oldest first; empty when there is no price."""
        ...

    def offers(self, pool: Pool) -> bool:
        """Whether the zone has machines of the type at all."""
        ...


@dataclass
class _Series:
    """A generated pool: its steps so far, and the dice that make the next."""

    dice: Random
    centre: float
    """share of on-demand that the price returns to"""
    times: list[datetime] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)


@dataclass
class GeneratedMarket:
    """Seeded prices for every type with a list price."""

    seed: int
    region: str
    zones: tuple[str, ...]
    start: datetime
    """simulated start; history reaches a little more than 90 days before it"""
    source: str = "seeded generator"
    _series: dict[tuple[Pool, str], _Series] = field(default_factory=dict)

    def types(self) -> tuple[str, ...]:
        return known_types()

    def changes(self, pool: Pool, product: str, *, since: datetime, until: datetime) -> tuple[Change, ...]:
        system = PRODUCTS.get(product)
        rate = list_price(pool.instance_type, self.region, system or "")
        licence_free = list_price(pool.instance_type, self.region)
        if rate is None or licence_free is None or not self.offers(pool):
            return ()
        series = self._grown(pool, until)
        first = max(bisect.bisect_right(series.times, since) - 1, 0)
        last = bisect.bisect_right(series.times, until)
        licence = rate - licence_free
        return tuple(
            Change(
                pool.instance_type,
                pool.zone,
                product,
                series.times[i],
                f"{licence_free * Decimal(str(series.shares[i])) + licence:.6f}",
            )
            for i in range(first, last)
        )

    def offers(self, pool: Pool) -> bool:
        """The newest accelerators stand in some zones only; everything else with a list price in every one."""
        if pool.zone not in self.zones or list_price(pool.instance_type, self.region) is None:
            return False
        if pool.instance_type.partition(".")[0] not in IN_SOME_ZONES:
            return True
        return pool.zone != Random(f"{self.seed}|absent|{pool.instance_type}").choice(self.zones)

    def _grown(self, pool: Pool, until: datetime) -> _Series:
        series = self._series.get((pool, self.region))
        if series is None:
            dice = Random(f"{self.seed}|price|{self.region}|{pool.instance_type}|{pool.zone}")
            scarce = is_accelerated(pool.instance_type)
            centre = dice.uniform(0.36, 0.47) if scarce else dice.uniform(0.29, 0.43)
            begin = self.start - HISTORY - timedelta(days=3, seconds=dice.randrange(86_400))
            series = _Series(dice, centre, [begin], [round(centre * dice.uniform(0.94, 1.06), 4)])
            self._series[pool, self.region] = series
        while series.times[-1] <= until:
            _step(series, scarce=is_accelerated(pool.instance_type))
        return series


def _step(series: _Series, *, scarce: bool) -> None:
    """The next change: hours later, a small move, pulled back to the pool's centre."""
    dice = series.dice
    hours = dice.lognormvariate(math.log(5.5), 0.55)
    size = 0.022 if scarce else 0.014
    gap = math.log(series.centre / series.shares[-1])
    share = series.shares[-1] * math.exp(0.12 * gap + dice.gauss(0, size))
    share = round(min(max(share, 0.18), 0.95), 4)
    if share == series.shares[-1]:
        share = round(share + 0.0001, 4)  # a change is a change
    series.times.append((series.times[-1] + timedelta(hours=hours)).replace(microsecond=0))
    series.shares.append(share)


@dataclass
class RecordedMarket:
    """Prices from a file of real changes; after the file's end the last price holds."""

    file: PriceFile
    source: str = ""

    def __post_init__(self) -> None:
        self.source = f"recorded: {self.file.source}"
        self.zones = self.file.zones

    def types(self) -> tuple[str, ...]:
        return self.file.types(LINUX)

    def changes(self, pool: Pool, product: str, *, since: datetime, until: datetime) -> tuple[Change, ...]:
        rows = self.file.changes.get((pool.zone, pool.instance_type, product), ())
        first = max(bisect.bisect_right(rows, since, key=lambda r: r[0]) - 1, 0)
        last = bisect.bisect_right(rows, until, key=lambda r: r[0])
        return tuple(
            Change(pool.instance_type, pool.zone, product, at, f"{Decimal(price):.6f}")
            for at, price in rows[first:last]
        )

    def offers(self, pool: Pool) -> bool:
        return any((pool.zone, pool.instance_type, product) in self.file.changes for product in PRODUCT_NAMES)


def spot_price(market: Market, pool: Pool, at: datetime) -> float | None:
    """USD per instance-hour in force at a moment; None when the pool has no price."""
    found = market.changes(pool, LINUX, since=at, until=at)
    return float(found[-1].price) if found else None


def depth(seed: int, pool: Pool) -> int:
    """1..10: how much spare capacity a pool has; what placement scores tell, and what dries out first."""
    dice = Random(f"{seed}|depth|{pool.instance_type}|{pool.zone}")
    return dice.randint(2, 5) if is_accelerated(pool.instance_type) else dice.randint(5, 10)


def hazard_per_hour(seed: int, pool: Pool) -> float:
    """Interruptions per instance-hour of a pool: 0.1 % in the deepest, about 3 % in the shallowest."""
    return float(0.001 * 1.45 ** (10 - depth(seed, pool)))


def placement_score(seed: int, pools: Iterable[Pool], target: int) -> int:
    """1..10 for the pools of one zone: the deepest counts, more types help, a large target hurts."""
    depths = sorted((depth(seed, p) for p in pools), reverse=True)
    if not depths:
        return 1
    breadth = min(len(depths) - 1, 2) - (2 if len(depths) < 3 else 0)
    return max(1, min(10, depths[0] + breadth - int(math.log10(max(target, 1)))))
