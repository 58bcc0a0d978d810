"""What a pool cost over a window: statistics over the step function that EC2's price history is.

A price holds until the next change, so each counts for as long as it was in force. float64 inside, Decimal
at the border; a pool without a price in force has None everywhere, never 0.
Source: EC2 DescribeSpotPriceHistory, which reports changes and the price in force at the window's start.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import numpy as np

from tools.errors import UsageError
from tools.market.columns import (
    Flags,
    Floats,
    Ints,
    PriceColumns,
    Rates,
    exact,
    microseconds,
    moment_of,
    rate_of,
    sieve,
)
from tools.records import CapacityPool, PoolPrices, PricePoint, SetAside, SpotPrice

MAX_POINTS = 200
_PER_BIN = 4  # first, lowest, highest, last of a bin keep a chart honest


@dataclass(frozen=True, slots=True)
class StepStatistics:
    """One value a pool, NaN where no price was in force in the window; `begins` indexes `rows`.

    current, mean, low, high  (pools,) float64, USD/h; mean is time-weighted
    volatility                (pools,) float64, σ of log price, time-weighted
    changes                   (pools,) int64, times that the price moved inside the window
    from_us                   (pools,) int64, when the first price in force began to count
    rows                      (kept,) int64, rows in force in the window, by pool and time
    begins                    (pools + 1,) int64, pool i holds rows[begins[i]:begins[i + 1]]
    """

    current: Floats
    mean: Floats
    low: Floats
    high: Floats
    volatility: Floats
    changes: Ints
    from_us: Ints
    rows: Ints
    begins: Ints


def step_statistics(columns: PriceColumns, *, start_us: int, end_us: int) -> StepStatistics:
    """Statistics of every pool at once over [start, end], microseconds since 1970 UTC.

    columns  sieved: sorted by pool and time, one row a change
    """
    count = len(columns.pools)
    rows, until_us = _in_force(columns, start_us, end_us)
    pool, price = columns.pool[rows], columns.usd_per_hour[rows]
    from_us = np.maximum(columns.at_us[rows], start_us)
    held = (np.minimum(until_us, end_us) - from_us).astype(np.float64)
    begins = np.searchsorted(pool, np.arange(count + 1)).astype(np.int64)
    known = begins[1:] > begins[:-1]
    first, last = begins[:-1][known], begins[1:][known] - 1
    low, high = _per_pool(np.minimum, price, first), _per_pool(np.maximum, price, first)
    weight = _weights(held, pool, last, count)
    mean = np.clip(_per_pool(np.add, weight * price, first), low, high)
    log = np.log(price)
    log_mean = _spread(_per_pool(np.add, weight * log, first), known, count)
    variance = _per_pool(np.add, weight * (log - log_mean[pool]) ** 2, first)
    variance[low == high] = 0.0
    return StepStatistics(
        current=_spread(price[last], known, count),
        mean=_spread(mean, known, count),
        low=_spread(low, known, count),
        high=_spread(high, known, count),
        volatility=_spread(np.sqrt(variance), known, count),
        changes=np.where(known, begins[1:] - begins[:-1] - 1, 0),
        from_us=_spread_int(from_us[first], known, count),
        rows=rows,
        begins=begins,
    )


def _in_force(columns: PriceColumns, start_us: int, end_us: int) -> tuple[Ints, Ints]:
    """Rows whose price was in force at some moment of the window, and when each gave way."""
    at = columns.at_us
    never = np.iinfo(np.int64).max
    until = np.full(len(columns), never, dtype=np.int64)
    same_pool = columns.pool[1:] == columns.pool[:-1]
    until[:-1][same_pool] = at[1:][same_pool]
    keep: Flags = (at <= end_us) & (until > start_us)
    rows = np.flatnonzero(keep).astype(np.int64)
    return rows, until[rows]


def _per_pool(fold: np.ufunc, values: Floats, first: Ints) -> Floats:
    if len(first) == 0:
        return np.zeros(0)
    return np.asarray(fold.reduceat(values, first), dtype=np.float64)


def _weights(held: Floats, pool: Ints, last: Ints, count: int) -> Floats:
    """Share of the window that each price was in force, summing to 1 a pool; an empty window weighs its last price."""
    totals = np.bincount(pool, weights=held, minlength=count)
    empty = totals[pool] == 0
    weight = np.divide(held, totals[pool], out=np.zeros_like(held), where=~empty)
    instant = np.zeros(len(held), dtype=np.bool_)
    instant[last] = True
    weight[instant & empty] = 1.0
    return weight


def _spread(values: Floats, known: Flags, count: int) -> Floats:
    out = np.full(count, np.nan)
    out[known] = values
    return out


def _spread_int(values: Ints, known: Flags, count: int) -> Ints:
    out = np.zeros(count, dtype=np.int64)
    out[known] = values
    return out


def pool_prices(
    columns: PriceColumns,
    *,
    start: datetime | None,
    end: datetime,
    on_demand: Rates,
    points: int = MAX_POINTS,
) -> tuple[PoolPrices, ...]:
    """One record a pool, cheapest mean first, pools without a price last.

    columns    sieved
    start      None = each pool's first price
    on_demand  where known
    points     chart points a pool at most; 0 = none
    Raises     UsageError: the window ends before it starts
    """
    if start is not None and start > end:
        raise UsageError(f"the window ends ({end}) before it starts ({start})")
    start_us = microseconds(start) if start is not None else _earliest(columns)
    stats = step_statistics(columns, start_us=start_us, end_us=microseconds(end))
    records = []
    for i, pool in enumerate(columns.pools):
        chart = _points(columns, stats, i, start_us=start_us, limit=points) if points else ()
        records.append(_record(pool, stats, i, end=end, rate=rate_of(pool, on_demand), chart=chart))
    return tuple(sorted(records, key=_cheapest_first))


def analyze(
    prices: Iterable[SpotPrice],
    *,
    start: datetime | None,
    end: datetime,
    on_demand: Rates,
    points: int = MAX_POINTS,
) -> tuple[tuple[PoolPrices, ...], tuple[SetAside, ...]]:
    """Sieve and measure the prices of any pools in any order: `pool_prices` and what was set aside."""
    columns, aside = sieve(PriceColumns.of(prices), on_demand=on_demand, now=end)
    return pool_prices(columns, start=start, end=end, on_demand=on_demand, points=points), aside


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
        volatility=float(stats.volatility[i]),
        changes=int(stats.changes[i]),
        on_demand_usd_per_hour=rate,
        saving_share=None if rate is None else float(1 - mean / rate),
        observed_from=moment_of(int(stats.from_us[i])),
        observed_until=end,
        points=chart,
    )


def _points(
    columns: PriceColumns, stats: StepStatistics, i: int, *, start_us: int, limit: int
) -> tuple[PricePoint, ...]:
    """Every change of the window, or, when there are too many, the first, lowest, highest and last of equal bins."""
    rows = stats.rows[stats.begins[i] : stats.begins[i + 1]]
    at = np.maximum(columns.at_us[rows], start_us)
    price = columns.usd_per_hour[rows]
    chosen = np.arange(len(rows)) if len(rows) <= limit else _thinned(at, price, limit)
    return tuple(PricePoint(at=moment_of(int(at[k])), usd_per_hour=exact(price[k])) for k in chosen)


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
