"""What a pool cost over a window: statistics over the step function that EC2's price history is.

A price holds until the next change, so each counts for as long as it was in force. float64 inside, Decimal
at the border; a pool without a price in force has None everywhere, never 0.
Source: EC2 DescribeSpotPriceHistory, which reports changes and the price in force at the window's start.
"""

from bisect import bisect_left
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

import numpy as np

from tools.errors import UsageError
from tools.market.columns import (
    Floats,
    Ints,
    PriceColumns,
    Rates,
    exact,
    microseconds,
    moment_of,
    not_yet,
    pool_key,
    rate_of,
    sieve,
)
from tools.market.shifts import MOST_SHIFTS, level_shifts
from tools.market.steps import StepStatistics, step_statistics
from tools.records import CapacityPool, PoolPrices, PricePoint, PriceShift, SetAside, SpotPrice

MAX_POINTS = 200
_PER_BIN = 4  # first, lowest, highest, last of a bin keep a chart honest


def pool_prices(
    columns: PriceColumns,
    *,
    start: datetime | None,
    end: datetime,
    on_demand: Rates,
    points: int = MAX_POINTS,
    shifts: int = MOST_SHIFTS,
) -> tuple[PoolPrices, ...]:
    """One record a pool, cheapest mean first, pools without a price last.

    columns    sieved
    start      None = each pool's first price
    on_demand  where known
    points     chart points a pool at most; 0 = none
    shifts     change-points a pool at most; 0 = none, and much faster where there are thousands of pools
    Raises     UsageError: the window ends before it starts
    """
    if start is not None and start > end:
        raise UsageError(f"the window ends ({end}) before it starts ({start})")
    start_us = microseconds(start) if start is not None else _earliest(columns)
    end_us = microseconds(end)
    stats = step_statistics(columns, start_us=start_us, end_us=end_us)
    records = []
    for i, pool in enumerate(columns.pools):
        at_us, usd = _in_force(columns, stats, i, start_us=start_us)
        records.append(
            _record(
                pool,
                stats,
                i,
                end=end,
                rate=rate_of(pool, on_demand),
                chart=_points(at_us, usd, limit=points) if points else (),
                shifts=_shifts(at_us, usd, end_us=end_us, most=shifts),
            )
        )
    return tuple(sorted(records, key=_cheapest_first))


def analyze(
    prices: Iterable[SpotPrice],
    *,
    start: datetime | None,
    end: datetime,
    on_demand: Rates,
    points: int = MAX_POINTS,
    shifts: int = MOST_SHIFTS,
) -> tuple[tuple[PoolPrices, ...], tuple[SetAside, ...]]:
    """Sieve and measure the prices of any pools in any order: `pool_prices` and what was set aside.

    end  now, by our clock: prices dated after it are set aside, those of a clock an hour off too
    """
    columns, aside = sieve(PriceColumns.of(prices), on_demand=on_demand, now=end)
    columns, early = not_yet(columns, now=end)
    return pool_prices(columns, start=start, end=end, on_demand=on_demand, points=points, shifts=shifts), aside + early


def price_at(columns: PriceColumns, pool: CapacityPool, moment: datetime) -> Decimal | None:
    """The price of an hour in force at a moment; None before the pool's first price, or when the pool is not there.

    columns  sieved
    """
    key = pool_key(pool)
    i = bisect_left(columns.pools, key, key=pool_key)
    if i == len(columns.pools) or columns.pools[i] != pool:
        return None
    begin, end = np.searchsorted(columns.pool, (i, i + 1)).tolist()
    after = int(np.searchsorted(columns.at_us[begin:end], microseconds(moment), side="right"))
    return exact(columns.usd_per_hour[begin + after - 1]) if after else None


def _earliest(columns: PriceColumns) -> int:
    return int(columns.at_us.min()) if len(columns) else 0


def _cheapest_first(prices: PoolPrices) -> tuple[bool, Decimal, str, str]:
    mean = prices.mean_usd_per_hour
    return (mean is None, mean or Decimal(0), prices.pool.label, prices.pool.product)


def _record(
    pool: CapacityPool,
    stats: StepStatistics,
    i: int,
    *,
    end: datetime,
    rate: Decimal | None,
    chart: tuple[PricePoint, ...],
    shifts: tuple[PriceShift, ...],
) -> PoolPrices:
    if np.isnan(stats.current[i]):
        return PoolPrices(
            pool=pool, current_usd_per_hour=None, mean_usd_per_hour=None, low_usd_per_hour=None, high_usd_per_hour=None,
            volatility=None, changes=0, on_demand_usd_per_hour=rate, saving_share=None, observed_from=None,
            observed_until=None,
        )  # fmt: skip
    low, high = exact(stats.low[i]), exact(stats.high[i])
    mean = min(max(Decimal(f"{stats.mean[i]:.12g}"), low), high)
    return PoolPrices(
        pool=pool,
        current_usd_per_hour=exact(stats.current[i]),
        mean_usd_per_hour=mean,
        low_usd_per_hour=low,
        high_usd_per_hour=high,
        p10_usd_per_hour=exact(stats.p10[i]),
        median_usd_per_hour=exact(stats.median[i]),
        p90_usd_per_hour=exact(stats.p90[i]),
        volatility=float(stats.volatility[i]),
        changes=int(stats.changes[i]),
        on_demand_usd_per_hour=rate,
        saving_share=None if rate is None else float(1 - mean / rate),
        observed_from=moment_of(int(stats.from_us[i])),
        observed_until=end,
        points=chart,
        change_points=shifts,
    )


def _in_force(columns: PriceColumns, stats: StepStatistics, i: int, *, start_us: int) -> tuple[Ints, Floats]:
    """When each price of pool i's window began to count, and the prices."""
    rows = slice(int(stats.first[i]), int(stats.stop[i]))
    return np.maximum(columns.at_us[rows], start_us), columns.usd_per_hour[rows]


def _points(at_us: Ints, usd: Floats, *, limit: int) -> tuple[PricePoint, ...]:
    """Every change of the window, or, when there are too many, the first, lowest, highest and last of equal bins."""
    chosen = np.arange(len(usd)) if len(usd) <= limit else _thinned(at_us, usd, limit)
    return tuple(PricePoint(at=moment_of(int(at_us[k])), usd_per_hour=exact(usd[k])) for k in chosen)


def _shifts(at_us: Ints, usd: Floats, *, end_us: int, most: int) -> tuple[PriceShift, ...]:
    found = level_shifts(at_us, usd, end_us=end_us, most=most)
    return tuple(
        PriceShift(
            at=moment_of(int(at_us[shift.row])),
            before_usd_per_hour=_rounded(shift.before),
            after_usd_per_hour=_rounded(shift.after),
        )
        for shift in found
    )


def _rounded(usd: float) -> Decimal:
    """Of a computed price, the digits that mean something."""
    return Decimal(f"{usd:.6g}")


def _thinned(at: Ints, price: Floats, limit: int) -> Ints:
    bins = max(1, limit // _PER_BIN)
    edges = np.linspace(at[0], at[-1], bins + 1)[1:-1]
    of = np.searchsorted(edges, at, side="right")
    keep: set[int] = set()
    for k in range(bins):
        inside = np.flatnonzero(of == k)
        if len(inside):
            lowest, highest = inside[np.argmin(price[inside])], inside[np.argmax(price[inside])]
            keep |= {int(inside[0]), int(lowest), int(highest), int(inside[-1])}
    return np.array(sorted(keep), dtype=np.int64)
