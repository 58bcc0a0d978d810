"""Bars and diagrams of plain characters, for a terminal line: no widget, no colour, nothing to install."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tools.records import CapacityPool, FleetRisk, InterruptionForecast
    from tools.risk.calibration import ReliabilityBin

UNKNOWN = "unknown"
_SCALE_ENDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5, 1.0)
_UNICODE, _ASCII = ("┄", "├", "─", "┤", "●"), (".", "[", "-", "]", "o")
"""empty scale, low end, between, high end, the probability itself"""
_SCALE_CELLS = 41
_BAR_COLUMNS, _DAY_MINUTES = 50, 1440


def scale_end(values: Iterable[float | None]) -> float:
    """A round end of a scale of probabilities on which the largest still fits; 1 where none is known."""
    largest = max((v for v in values if v is not None), default=1.0)
    return next((end for end in _SCALE_ENDS if largest <= end), 1.0)


def risk_bar(
    probability: float | None,
    low: float | None,
    high: float | None,
    width: int,
    ascii: bool = False,  # noqa: A002 -- one call a row, positional
    *,
    end: float = 1.0,
) -> str:
    """A probability on a scale from 0 to `end` with its interval: ┄├──●──┤┄┄; exactly `width` columns.

    width  at least 1
    end    0..1, where the scale ends; what lies above stands in the last column
    Unknown is a word, on no scale: it is no small risk.
    """
    if probability is None:
        return UNKNOWN[:width].ljust(width)
    empty, left, between, right, point = _ASCII if ascii else _UNICODE

    def column(value: float) -> int:
        return max(0, min(width - 1, round(value / end * (width - 1))))

    cells = [empty] * width
    if low is not None and high is not None:
        first, last = column(low), column(high)
        cells[first : last + 1] = [between] * (last - first + 1)
        cells[first], cells[last] = left, right
    cells[column(probability)] = point
    return "".join(cells)


def forecast_bars(found: "InterruptionForecast") -> Iterator[str]:
    """A day ahead, or the nearest horizon of which anything is known, on one scale; nothing where nothing is."""
    from tools.figures import share, span

    known = {i.horizon_minutes for p in found.pools for i in p.within if i.probability is not None}
    if not known:
        return
    horizon = min(known, key=lambda minutes: abs(minutes - _DAY_MINUTES))
    day = [(p.pool, i) for p in found.pools for i in p.within if i.horizon_minutes == horizon]
    end = scale_end([v for _, one in day for v in (one.probability, one.high)])
    scale = f"P {span(horizon)}, 0 to {'100 %' if end == 1 else share(end)}"
    yield from _bars(scale, [(pool, (i.probability, i.low, i.high)) for pool, i in day], end)


def rate_bars(found: "FleetRisk") -> Iterator[str]:
    """Interruptions to expect, on one scale for all pools; nothing where nothing is known."""
    rates = [(p.pool, (p.interruptions_per_100_hours, p.low, p.high)) for p in found.pools]
    known = [v for _, rate in rates for v in rate if v is not None]
    if known:
        end = max(known) or 1.0
        yield from _bars(f"PER 100 H, 0 to {end:.3g}", rates, end)


def _bars(
    scale: str, rows: "Sequence[tuple[CapacityPool, tuple[float | None, float | None, float | None]]]", end: float
) -> Iterator[str]:
    from tui.output import table

    drawn = ((pool.label, risk_bar(*values, _BAR_COLUMNS, True, end=end)) for pool, values in rows)
    yield table(("POOL", f"{scale}: o expected, [-] 90 % interval"), drawn)


def reliability_lines(bins: "Sequence[ReliabilityBin]") -> Iterator[str]:
    """Forecast against what came, a line for each range of forecasts; where o and x part, the forecast is off."""
    from tui.output import table

    scale = "0 %".ljust(_SCALE_CELLS // 2 - 1) + "50 %".ljust(_SCALE_CELLS // 2 - 2) + "100 %"
    header = ("FORECAST", "ROWS", "MEAN", "INTERRUPTED", "90 % INTERVAL", scale)
    yield table(header, (_range_row(b) for b in bins), right=frozenset({0, 1, 2, 3, 4}))
    yield "x forecast · o interrupted · * both · - 90 % interval, overlapping horizons counted once"


def _range_row(ranged: "ReliabilityBin") -> tuple[object, ...]:
    name = f"{ranged.above * 100:.0f}-{ranged.below * 100:.0f} %"
    mean, share, low, high = ranged.mean_forecast, ranged.observed_share, ranged.observed_low, ranged.observed_high
    if mean is None or share is None or low is None or high is None:
        return (name, 0, UNKNOWN, UNKNOWN, UNKNOWN, "")
    cells = [" "] * _SCALE_CELLS
    for i in range(_cell(low), _cell(high) + 1):
        cells[i] = "-"
    cells[_cell(mean)] = "x"
    cells[_cell(share)] = "*" if _cell(share) == _cell(mean) else "o"
    return (name, f"{ranged.rows:,}", f"{mean:.1%}", f"{share:.1%}", f"{low:.1%}-{high:.1%}", "".join(cells))


def _cell(share: float) -> int:
    return round(share * (_SCALE_CELLS - 1))
