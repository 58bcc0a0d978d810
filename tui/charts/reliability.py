"""The reliability diagram: what was forecast against what came, and on how many forecasts each point rests."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tui.charts.figure import FAINT, GRID, INK, SPOT, Sheet, percents, save_chart, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tools.risk.backtest import ForecastBacktest
    from tools.risk.calibration import Calibration, ReliabilityBin

DIAGRAM_INCHES, COUNTS_INCHES, GAP_INCHES = 5.0, 1.3, 0.75


def write_reliability_diagram(found: "ForecastBacktest", path: Path, *, title: str | None = None) -> None:
    """Forecast against observed share in ten ranges with 90 % intervals and counts, as SVG or PNG.

    path    its suffix chooses; replaced only whole
    Raises  UsageError: another suffix, no such folder, matplotlib is not installed; DataError: not written
    """
    named = title or f"Reliability of the interruption forecast, {found.horizon_minutes} min ahead"
    save_chart(path, lambda: _draw(found, named), title=shown(named))


def _draw(found: "ForecastBacktest", title: str) -> "Figure":
    measured = found.calibration
    foot = [] if measured is None else _figures(found, measured)
    foot += found.unseen
    foot += [f"set aside: {a.count:,} × {a.reason}, such as {a.example}" for a in found.set_aside]
    foot.append(f"as of {found.as_of:%Y-%m-%d %H:%M:%S} UTC · {found.source}")
    sheet = Sheet(title, body_inches=DIAGRAM_INCHES + GAP_INCHES + COUNTS_INCHES + 0.5, foot=foot, head_inches=0.6)
    upper = sheet.axes(top=sheet.below_head, height=DIAGRAM_INCHES, left=2.4, right=2.4)
    upper.set_xlim(0, 1)
    upper.set_ylim(0, 1)
    upper.set_ylabel("share that was interrupted")
    upper.plot([0, 1], [0, 1], "--", color=FAINT, lw=1, label="perfect", gid="perfect")
    lower = sheet.axes(
        top=sheet.below_head - DIAGRAM_INCHES - GAP_INCHES, height=COUNTS_INCHES, left=2.4, right=2.4, gid="counts-"
    )
    lower.set_xlim(0, 1)
    lower.set_ylabel("forecasts")
    lower.set_xlabel("forecast: chance of an interruption within the horizon")
    for axes in (upper, lower):
        _percent_axis(axes, both=axes is upper)
    if measured is None:
        upper.text(0.5, 0.5, "no forecast could be scored: nothing is known", ha="center", fontsize=10)
    else:
        known = [(n, b) for n, b in enumerate(measured.bins) if b.rows]
        _points(upper, known)
        _counts(lower, known)
    return sheet.figure


def _percent_axis(axes: "Axes", *, both: bool) -> None:
    from matplotlib.ticker import FuncFormatter, MultipleLocator

    for axis in (axes.xaxis, axes.yaxis) if both else (axes.xaxis,):
        axis.set_major_locator(MultipleLocator(0.1))
        axis.set_major_formatter(FuncFormatter(percents))
    axes.grid(visible=True)


def _points(axes: "Axes", known: "Sequence[tuple[int, ReliabilityBin]]") -> None:
    means, shares = [], []
    for n, ranged in known:
        mean, share, low, high = ranged.mean_forecast, ranged.observed_share, ranged.observed_low, ranged.observed_high
        if mean is None or share is None:
            continue
        means.append(mean)
        shares.append(share)
        if low is not None and high is not None:
            axes.plot([mean, mean], [low, high], marker="_", ms=8, color=SPOT, lw=1.2, gid=f"interval-{n}")
    label = "forecast, 90 % interval"
    axes.plot(means, shares, "o-", color=SPOT, ms=5.5, lw=1, clip_on=False, label=label, gid="observed")
    axes.legend(loc="upper left", frameon=False, fontsize=8)


def _counts(axes: "Axes", known: "Sequence[tuple[int, ReliabilityBin]]") -> None:
    """How many forecasts each point rests on, and in words: the tall bars hide the small."""
    from matplotlib.patches import Rectangle
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    most = max(b.rows for _, b in known)
    axes.set_ylim(0, most * 1.25)
    axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    for n, ranged in known:
        place, wide = (ranged.above, 0), ranged.below - ranged.above
        axes.add_patch(Rectangle(place, wide, ranged.rows, fc=SPOT, alpha=0.55, ec=GRID, lw=0.8, gid=f"count-{n}"))
        middle = (ranged.above + ranged.below) / 2
        axes.text(middle, ranged.rows + most * 0.03, f"{ranged.rows:,}", ha="center", fontsize=7.5, color=INK)


def _figures(found: "ForecastBacktest", measured: "Calibration") -> list[str]:
    skill = "unknown" if measured.brier_skill is None else f"{measured.brier_skill:+.3f}"
    area = "unknown" if measured.auc is None else f"{measured.auc:.3f}"
    scored = (
        f"{measured.rows:,} forecasts on {found.files_scored} of {found.files} traces, {measured.interrupted:,} "
        f"interrupted ({measured.base_rate:.1%}) · Brier {measured.brier:.4f} · skill against that base rate {skill} "
        f"· AUC {area}"
    )
    calibrated = (
        f"calibration error (ECE, ten ranges) {measured.ece:.4f}; a perfect forecaster's by chance alone: median "
        f"{measured.perfect_ece_median:.4f}, 95 % below {measured.perfect_ece_p95:.4f}"
    )
    lines = [scored, calibrated, "intervals: Wilson, overlapping horizons counted once"]
    if found.files_trained_on:
        lines.insert(0, f"{found.files_trained_on} of these traces bear the names of training traces: flattered there")
    return lines
