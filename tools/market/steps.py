"""Statistics of a step function, many pools at once: the numpy kernel under `tools.market.prices`.

A price holds until the next change, so each counts for as long as it was in force. The columns are walked in blocks
that stay in the processor's cache, with buffers that are made once: memory traffic, not arithmetic, is what costs.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from tools.market.columns import Flags, Floats, Ints, PriceColumns

BLOCK_ROWS = 1 << 15
MAX_BLOCK_POOLS = 1 << 13
"""keeps the sum of a block's microseconds inside int64: 8,192 pools of 35 years"""
QUANTILE_TENTHS = (1, 5, 9)
"""p10, median, p90"""


@dataclass(frozen=True, slots=True)
class StepStatistics:
    """One value a pool, NaN where no price was in force in the window; pool i's rows are columns[first[i]:stop[i]].

    current, mean, low, high  (pools,) float64, USD/h; mean is time-weighted
    p10, median, p90          (pools,) float64, USD/h: the lowest price that, with those below it, was in force for
                              a tenth, half, nine tenths of the time; a price that was charged, never one in between
    volatility                (pools,) float64, σ of log price, time-weighted
    changes                   (pools,) int64, times that the price moved inside the window
    from_us                   (pools,) int64, when the first price in force began to count
    first, stop               (pools,) int64, rows in force in the window
    """

    current: Floats
    mean: Floats
    low: Floats
    high: Floats
    p10: Floats
    median: Floats
    p90: Floats
    volatility: Floats
    changes: Ints
    from_us: Ints
    first: Ints
    stop: Ints


@dataclass(frozen=True, slots=True)
class _Steps:
    """Rows in force, pool after pool without a gap; every pool has one at least.

    at_us, usd  (rows,); at_us of a pool's first row is not before the window
    edges       (pools + 1,) int64, pool i holds rows edges[i]:edges[i + 1]
    closes_us   (pools,) int64, when each pool's last price stops counting
    """

    at_us: Ints
    usd: Floats
    edges: Ints
    closes_us: Ints


def step_statistics(
    columns: PriceColumns, *, start_us: int, end_us: int, quantiles: bool = True, block_rows: int = BLOCK_ROWS
) -> StepStatistics:
    """Statistics of every pool at once over [start, end], microseconds since 1970 UTC.

    columns    sieved: sorted by pool and time, one row a change
    quantiles  False leaves p10, median and p90 NaN: they need a sort, which is over half of the work
    block_rows at least 1; how many rows are worked on at a time, of no effect on the values but rounding
    """
    first, stop = rows_in_force(columns, start_us=start_us, end_us=end_us)
    known = stop > first
    steps = _steps(columns, first[known], stop[known], start_us=start_us, end_us=end_us)
    count = len(known)
    mean, low, high, volatility = (_spread(v, known) for v in _moments(steps, block_rows))
    p10, median, p90 = (
        (_spread(v, known) for v in _quantiles(steps, block_rows)) if quantiles else np.full((3, count), np.nan)
    )  # fmt: skip
    from_us = np.zeros(count, dtype=np.int64)
    from_us[known] = steps.at_us[steps.edges[:-1]]
    return StepStatistics(
        current=_spread(steps.usd[steps.edges[1:] - 1], known),
        mean=mean,
        low=low,
        high=high,
        p10=p10,
        median=median,
        p90=p90,
        volatility=volatility,
        changes=np.where(known, stop - first - 1, 0),
        from_us=from_us,
        first=first,
        stop=stop,
    )


def rows_in_force(columns: PriceColumns, *, start_us: int, end_us: int) -> tuple[Ints, Ints]:
    """Per pool, the rows whose price was in force at some moment of [start, end]: first and one past the last.

    columns  sorted by pool and time
    """
    begins = np.searchsorted(columns.pool, np.arange(len(columns.pools) + 1)).astype(np.int64)
    stop = _after(columns.at_us, begins, end_us)
    # the price in force at the start is the last one dated not later
    return np.minimum(np.maximum(_after(columns.at_us, begins, start_us) - 1, begins[:-1]), stop), stop


def _after(at_us: Ints, begins: Ints, moment_us: int) -> Ints:
    """Per pool, the first row dated later than the moment: one binary search of all pools at once."""
    low, high = begins[:-1].copy(), begins[1:].copy()
    while (open_ := low < high).any():
        middle = (low + high) >> 1
        later = at_us[np.minimum(middle, len(at_us) - 1)] > moment_us
        high = np.where(open_ & later, middle, high)
        low = np.where(open_ & ~later, middle + 1, low)
    return low


def _steps(columns: PriceColumns, first: Ints, stop: Ints, *, start_us: int, end_us: int) -> _Steps:
    """The rows in force side by side: the columns themselves where the window cuts nothing off, else copies."""
    sizes = stop - first
    edges = np.concatenate(([0], np.cumsum(sizes)))
    at_us, usd = columns.at_us, columns.usd_per_hour
    from_us = np.maximum(at_us[first], start_us)
    if edges[-1] != len(columns) or (at_us[first] < start_us).any():
        rows = np.repeat(first - edges[:-1], sizes) + np.arange(edges[-1])
        at_us, usd = at_us[rows], usd[rows]
        at_us[edges[:-1]] = from_us
    # a window without length weighs the one price in force whole
    return _Steps(at_us, usd, edges, np.where(from_us == end_us, end_us + 1, end_us))


def _moments(steps: _Steps, block_rows: int) -> tuple[Floats, Floats, Floats, Floats]:
    """Mean, lowest and highest price and σ of log price, one a pool.

    Blocks have equal length whatever the pools' sizes, so a pool may lie in several: each piece of a pool gives its
    own sums, and pieces are joined as Chan, Golub and LeVeque (1979) join variances.
    """
    rows = len(steps.usd)
    cuts = np.union1d(steps.edges[:-1], np.arange(0, rows, block_rows))
    pool = np.searchsorted(steps.edges, cuts, side="right") - 1
    edges = np.append(cuts, rows)
    closing = edges[1:] == steps.edges[pool + 1]
    next_us = steps.closes_us[pool]
    next_us[~closing] = steps.at_us[edges[1:][~closing]]
    weight = (next_us - steps.at_us[cuts]).astype(np.float64)
    paid, logs, squares, low, high = _piece_sums(steps, edges, closing, next_us, block_rows)
    of_pool = np.searchsorted(pool, np.arange(len(steps.closes_us)))
    total = _join(np.add, weight, of_pool)
    low, high = _join(np.minimum, low, of_pool), _join(np.maximum, high, of_pool)
    offset = _ratio(logs, weight)
    centre = np.log(steps.usd[cuts]) + offset
    apart = centre - (_join(np.add, weight * centre, of_pool) / total)[pool]
    scatter = squares - logs * offset + weight * apart * apart
    variance = np.maximum(_join(np.add, scatter, of_pool), 0.0) / total
    variance[low == high] = 0.0  # no rounding where nothing moved
    return np.clip(_join(np.add, paid, of_pool) / total, low, high), low, high, np.sqrt(variance)


def _piece_sums(steps: _Steps, edges: Ints, closing: Flags, next_us: Ints, block_rows: int) -> Floats:
    """(5, pieces) float64: ∫ price, ∫ x, ∫ x², lowest, highest price of each piece; x = log (price / its first).

    edges    (pieces + 1,) int64, rows at which pieces begin; one piece lies in one block
    closing  (pieces,) bool, a pool's last piece
    next_us  (pieces,) int64, when the piece's last price gives way
    """
    rows = len(steps.usd)
    sums = np.empty((5, len(closing)))
    sizes = np.diff(edges)
    held_buffer, log_buffer, product_buffer = np.empty((3, min(rows, block_rows)))
    starts = np.arange(0, rows, block_rows)
    pieces = np.searchsorted(edges, np.append(starts, rows)).tolist()
    for begin, (one, end) in zip(starts.tolist(), pairwise(pieces), strict=True):
        usd = steps.usd[begin : begin + block_rows]
        held, log, product = (b[: len(usd)] for b in (held_buffer, log_buffer, product_buffer))
        first = edges[one:end] - begin
        _hold(steps.at_us, begin, held)
        lasts = edges[one + 1 : end + 1][closing[one:end]] - 1
        held[lasts - begin] = next_us[one:end][closing[one:end]] - steps.at_us[lasts]
        paid, logs, squares, low, high = sums[:, one:end]
        np.minimum.reduceat(usd, first, out=low)
        np.maximum.reduceat(usd, first, out=high)
        np.add.reduceat(np.multiply(held, usd, out=product), first, out=paid)
        np.log(usd, out=log)
        # from the piece's first price, not from 0: the squares then lose no digits to the price's own size
        log -= np.repeat(log[first], sizes[one:end])
        np.add.reduceat(np.multiply(held, log, out=product), first, out=logs)
        np.add.reduceat(np.multiply(product, log, out=product), first, out=squares)
    return sums


def _hold(at_us: Ints, begin: int, out: Floats | Ints) -> None:
    """Microseconds from each row to the next, as if all rows were one pool's; the last of all is left as it was."""
    until = at_us[begin + 1 : begin + len(out) + 1]
    np.subtract(until, at_us[begin : begin + len(until)], out=out[: len(until)], casting="unsafe")


def _quantiles(steps: _Steps, block_rows: int) -> Floats:
    """(3, pools) float64: the lowest price at or below which the time share is at least each of QUANTILE_TENTHS.

    Time is counted in whole microseconds, so shares are exact. A sort that carries its rows along is three times
    as slow as one of bare numbers, so the row's number takes the place of the price's last bits: prices nearer to
    each other than 2^-36 of themselves (in a block; 2^-28 in a pool of 16 M rows) count as one.
    """
    found = np.empty((len(QUANTILE_TENTHS), len(steps.closes_us)))
    pool = 0
    while pool < len(steps.closes_us):
        within = int(np.searchsorted(steps.edges, steps.edges[pool] + block_rows, side="right")) - 1
        after = min(max(within, pool + 1), pool + MAX_BLOCK_POOLS)
        found[:, pool:after] = _block_quantiles(steps, pool, after)
        pool = after
    return found


def _block_quantiles(steps: _Steps, pool: int, after: int) -> Floats:
    edges = steps.edges[pool : after + 1] - steps.edges[pool]
    begin, rows = int(steps.edges[pool]), int(edges[-1])
    usd = steps.usd[begin : begin + rows]
    at_us = steps.at_us[begin : begin + rows]
    held = np.empty(rows, dtype=np.int64)
    _hold(steps.at_us, begin, held)
    held[edges[1:] - 1] = steps.closes_us[pool:after] - at_us[edges[1:] - 1]
    number_bits = (1 << rows.bit_length()) - 1
    # positive floats are in the order of their bits
    key = usd.view(np.int64) & ~number_bits
    key |= np.arange(rows)
    for one, end in pairwise(edges.tolist()):
        key[one:end].sort()
    key &= number_bits
    passed = np.cumsum(held[key])
    total = steps.closes_us[pool:after] - at_us[edges[:-1]]
    before = np.cumsum(total) - total
    tenths = np.array(QUANTILE_TENTHS)[:, None]
    reached = np.searchsorted(passed, before - (-total * tenths) // 10)
    return np.asarray(usd[key[reached]], dtype=np.float64)


def _join(fold: np.ufunc, values: Floats, first: Ints) -> Floats:
    return np.asarray(fold.reduceat(values, first) if len(first) else np.zeros(0), dtype=np.float64)


def _ratio(values: Floats, weight: Floats) -> Floats:
    """0 where the weight is: such a piece counts for nothing."""
    return np.divide(values, weight, out=np.zeros_like(values), where=weight > 0)


def _spread(values: Floats, known: Flags) -> Floats:
    out = np.full(len(known), np.nan)
    out[known] = values
    return out
