"""Price changes of many pools as numpy columns, and the sieve that they pass before anything is computed.

A row that cannot be believed is set aside and counted, never used and never dropped in silence.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from tools.records import CapacityPool, SetAside, SpotPrice, utc_text

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_SPOT_INSTANCE = datetime(2009, 12, 14, tzinfo=UTC)
"""EC2 sold none before: an older price is a broken clock or a broken parser"""
CLOCK_SLACK = timedelta(hours=2)
"""a price may be dated this far after `now`: clocks differ, and the far future is nobody's price"""
HIGHEST_USD_PER_HOUR = 1000.0
HIGHEST_TIMES_ON_DEMAND = 100.0
"""auctions were capped at ten times on-demand; a hundred is a wrong unit"""

VPC_SUFFIX = " (Amazon VPC)"
"""what DescribeSpotPriceHistory adds to a product's name for accounts that had EC2-Classic; the price is the same"""

Rates = Mapping[tuple[str, str], Decimal]
"""on-demand list price, USD per hour, by (instance type, product)"""
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


def microseconds(moment: datetime) -> int:
    """Since 1970 in UTC, exact."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def moment_of(at_us: int) -> datetime:
    return EPOCH + timedelta(microseconds=at_us)


def exact(value: float) -> Decimal:
    """The shortest decimal that is this float: 0.0324, as it was written."""
    return Decimal(repr(float(value)))


def pool_key(pool: CapacityPool) -> tuple[str, str, str, str]:
    return (pool.instance_type, pool.zone_name or "", pool.zone_id or "", pool.product)


def rate_of(pool: CapacityPool, on_demand: Rates) -> Decimal | None:
    """On-demand list price of the pool's type and product; None = unknown."""
    rate = on_demand.get((pool.instance_type, pool.product.removesuffix(VPC_SUFFIX)))
    return None if rate is None else rate.normalize()  # the price list says 0.5260000000


@dataclass(frozen=True, slots=True)
class PriceColumns:
    """Rows of price changes.

    pools         one an index, sorted by type, zone, product
    pool          (rows,) int64, index into pools
    at_us         (rows,) int64, microseconds since 1970 UTC
    usd_per_hour  (rows,) float64
    """

    pools: tuple[CapacityPool, ...]
    pool: Ints
    at_us: Ints
    usd_per_hour: Floats

    @classmethod
    def of(cls, prices: Iterable[SpotPrice]) -> "PriceColumns":
        rows = tuple(prices)
        return cls.from_rows(
            [p.pool for p in rows],
            [microseconds(p.at) for p in rows],
            [float(p.usd_per_hour) for p in rows],
        )

    @classmethod
    def from_rows(cls, pools: Sequence[CapacityPool], at_us: Sequence[int], usd: Sequence[float]) -> "PriceColumns":
        distinct = sorted(set(pools), key=pool_key)
        index = {p: i for i, p in enumerate(distinct)}
        codes = np.fromiter((index[p] for p in pools), dtype=np.int64, count=len(pools))
        return cls(tuple(distinct), codes, np.asarray(at_us, dtype=np.int64), np.asarray(usd, dtype=np.float64))

    def __len__(self) -> int:
        return len(self.pool)

    def take(self, rows: Flags | Ints) -> "PriceColumns":
        return PriceColumns(self.pools, self.pool[rows], self.at_us[rows], self.usd_per_hour[rows])

    def sorted(self) -> "PriceColumns":
        """By pool, then time, then price: the same for every order of the same rows."""
        return self.take(np.lexsort((self.usd_per_hour, self.at_us, self.pool)))

    def row(self, i: int) -> str:
        pool = self.pools[int(self.pool[i])]
        at = utc_text(moment_of(int(self.at_us[i])))
        return f"{pool.label} {pool.product} {at} {float(self.usd_per_hour[i])!r} USD/h"


def sieve(columns: PriceColumns, *, on_demand: Rates, now: datetime) -> tuple[PriceColumns, tuple[SetAside, ...]]:
    """Rows that can be believed, sorted, each a real change of its pool's price; and what was set aside.

    on_demand  where known; a price above 100 times it is absurd
    now        rows dated more than two hours later are not believed
    A price repeated at a later moment confirms the one in force: it is dropped and not counted. Rows dated up to two
    hours after now pass: in a file they count until its end, `not_yet` takes them out where the window ends now.
    Rows of one pool and one moment that disagree are all set aside: none can be preferred.
    """
    left = columns.sorted()
    aside: list[SetAside] = []
    for reason, test in _SUSPICIONS:
        left = _without(left, test(left, on_demand, now), reason, aside)
    repeated, conflicting = _same_moment(left)
    aside += _counted(left, conflicting, "prices of one moment that disagree")
    aside += _counted(left, repeated & ~conflicting, "duplicate row")
    left = left.take(~(repeated | conflicting))
    return left.take(_changes(left)), tuple(aside)


def not_yet(columns: PriceColumns, *, now: datetime) -> tuple[PriceColumns, tuple[SetAside, ...]]:
    """Rows in force by now; and, set aside, those that the sieve let pass because clocks may differ by two hours."""
    aside: list[SetAside] = []
    early = columns.at_us > microseconds(now)
    left = _without(columns, early, "dated up to 2 h after now, so a clock is off: not in force yet", aside)
    return left, tuple(aside)


def _without(columns: PriceColumns, bad: Flags, reason: str, aside: list[SetAside]) -> PriceColumns:
    found = _counted(columns, bad, reason)
    aside += found
    return columns.take(~bad) if found else columns


def _counted(columns: PriceColumns, bad: Flags, reason: str) -> tuple[SetAside, ...]:
    count = int(bad.sum())
    if not count:
        return ()
    return (SetAside(reason=reason, count=count, example=columns.row(int(np.argmax(bad)))),)


def _not_a_number(columns: PriceColumns, on_demand: Rates, now: datetime) -> Flags:
    del on_demand, now
    return ~np.isfinite(columns.usd_per_hour)


def _not_positive(columns: PriceColumns, on_demand: Rates, now: datetime) -> Flags:
    del on_demand, now
    return columns.usd_per_hour <= 0


def _absurd(columns: PriceColumns, on_demand: Rates, now: datetime) -> Flags:
    del now
    ceilings = np.full(len(columns.pools), HIGHEST_USD_PER_HOUR)
    for i, pool in enumerate(columns.pools):
        rate = rate_of(pool, on_demand)
        if rate is not None:
            ceilings[i] = min(HIGHEST_USD_PER_HOUR, HIGHEST_TIMES_ON_DEMAND * float(rate))
    return np.asarray(columns.usd_per_hour > ceilings[columns.pool], dtype=np.bool_)


def _too_old(columns: PriceColumns, on_demand: Rates, now: datetime) -> Flags:
    del on_demand, now
    return columns.at_us < microseconds(FIRST_SPOT_INSTANCE)


def _future(columns: PriceColumns, on_demand: Rates, now: datetime) -> Flags:
    del on_demand
    return columns.at_us > microseconds(now + CLOCK_SLACK)


_SUSPICIONS = (
    ("price is not a number", _not_a_number),
    ("price is zero or below", _not_positive),
    ("absurd price: above 1,000 USD/h or 100 times on-demand", _absurd),
    ("dated before EC2 sold spot instances", _too_old),
    ("dated in the future", _future),
)


def _same_moment(columns: PriceColumns) -> tuple[Flags, Flags]:
    """Of sorted rows: those that follow one of the same pool and moment; and all of a moment that disagree."""
    rows = len(columns)
    if rows == 0:
        return np.zeros(0, dtype=np.bool_), np.zeros(0, dtype=np.bool_)
    opens = np.ones(rows, dtype=np.bool_)
    opens[1:] = (columns.pool[1:] != columns.pool[:-1]) | (columns.at_us[1:] != columns.at_us[:-1])
    starts = np.flatnonzero(opens)
    low = np.minimum.reduceat(columns.usd_per_hour, starts)
    high = np.maximum.reduceat(columns.usd_per_hour, starts)
    group = np.cumsum(opens) - 1
    return ~opens, np.asarray((high > low)[group], dtype=np.bool_)


def _changes(columns: PriceColumns) -> Flags:
    """Of sorted rows: the first of each pool, and those whose price differs from the one in force."""
    keep = np.ones(len(columns), dtype=np.bool_)
    keep[1:] = (columns.pool[1:] != columns.pool[:-1]) | (columns.usd_per_hour[1:] != columns.usd_per_hour[:-1])
    return keep
