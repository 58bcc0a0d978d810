"""The price chart of a report: one panel a pool, prices as the steps they are, and what EC2 did meanwhile."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from tools.records import PoolPrices, PoolSignal, PriceAnalysis
from tui.charts.figure import FAINT, LIST_PRICE, REBALANCE, SPOT, TAKEN, Sheet, save_chart, shown
from tui.charts.marks import Marks, marks_of, not_drawn
from tui.safe_text import fit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_PANELS = 12
"""pools of one chart; a longer one nobody reads, and how many are left out is said"""
PANEL_INCHES, GAP_INCHES = 1.35, 0.75
NAME_COLUMNS = 34
SHIFT_WORDS_SHARE = 0.13
"""of the window, which the words of a change of level take"""
NEAR = 1.5
"""an on-demand price further above the prices than this many times their range would flatten them: it is written"""
Window = tuple[datetime, datetime]


def write_price_chart(
    analysis: PriceAnalysis, path: Path, *, signals: Sequence[PoolSignal] = (), title: str | None = None
) -> None:
    """Prices of up to twelve pools over time with interruptions, rebalances and changes of level, as SVG or PNG.

    path     its suffix chooses; replaced only whole
    signals  of any pool and time; what belongs to no drawn pool is counted in the footer
    Raises   UsageError: another suffix, no such folder, matplotlib is not installed; DataError: not written
    """
    named = title or f"Spot prices: {analysis.subject}"
    save_chart(path, lambda: _draw(analysis, tuple(signals), named), title=shown(named))


def _draw(analysis: PriceAnalysis, signals: tuple[PoolSignal, ...], title: str) -> "Figure":
    pools = analysis.pools[:MAX_PANELS]
    window = _window(analysis, pools)
    marks = [marks_of(signals, p.pool, since=window[0], until=window[1]) for p in pools]
    foot = [*_notes(analysis, len(pools)), *_left_out(signals, marks)]
    foot.append(f"as of {analysis.as_of:%Y-%m-%d %H:%M:%S} UTC · {analysis.source}")
    each = PANEL_INCHES + GAP_INCHES
    sheet = Sheet(title, body_inches=max(len(pools), 1) * each, foot=foot, head_inches=1.15)
    _legend(sheet)
    if not pools:
        sheet.write(1.0, sheet.below_head - 0.5, "no pool and no price is known: unknown is not 0", size=9, color=FAINT)
    for n, (prices, found) in enumerate(zip(pools, marks, strict=True)):
        top = sheet.below_head - n * each
        axes = sheet.axes(top=top, height=PANEL_INCHES, gid=f"pool-{n}-")
        _panel(axes, prices, found, window, n)
    return sheet.figure


def _window(analysis: PriceAnalysis, pools: Sequence[PoolPrices]) -> Window:
    """From the start of the window, or of the oldest price, to the last moment that was looked at."""
    until = max([p.observed_until for p in pools if p.observed_until], default=analysis.as_of)
    since = min([p.observed_from for p in pools if p.observed_from], default=until - timedelta(hours=1))
    if analysis.window_hours is not None:
        since = until - timedelta(hours=analysis.window_hours)
    return since, max(until, since + timedelta(seconds=1))


def _panel(axes: "Axes", prices: PoolPrices, marks: Marks, window: Window, n: int) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.set_xlim(_day(window[0]), _day(window[1]))
    locator = AutoDateLocator(minticks=4, maxticks=10)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.6f}".rstrip("0").rstrip(".")))
    axes.set_ylabel("USD per hour")
    axes.grid(visible=True, axis="y")
    name = fit(shown(prices.pool.label), NAME_COLUMNS).rstrip()
    axes.text(0, 1.19, name, transform=axes.transAxes, fontweight="bold", fontsize=9.5)
    axes.text(1, 1.19, _figures(prices, marks), transform=axes.transAxes, ha="right", color=FAINT, fontsize=8)
    if prices.points:
        _steps(axes, prices, window, n)
    else:
        axes.set_yticks([])
        axes.text(0.5, 0.5, "no price is known here: unknown is not 0", transform=axes.transAxes, ha="center")
    _marked(axes, marks.interruptions, "v", TAKEN, "-", gid=f"pool-{n}-interruptions")
    _marked(axes, marks.rebalances, "D", REBALANCE, ":", gid=f"pool-{n}-rebalances")


def _day(moment: datetime) -> float:
    """As matplotlib counts: days since 1970."""
    return moment.timestamp() / 86_400


def _figures(prices: PoolPrices, marks: Marks) -> str:
    """now 0.4400 · mean 0.4387 · on-demand 1.006 · saves 56 % · 3 interruptions"""
    saved = prices.saving_share
    parts = [
        prices.pool.product,
        f"now {_usd(prices.current_usd_per_hour)}",
        f"mean {_usd(prices.mean_usd_per_hour)}",
        f"on-demand {_usd(prices.on_demand_usd_per_hour)}",
        "saving unknown" if saved is None else f"saves {saved * 100:.0f} %",
    ]
    return shown(" · ".join([*parts, *([marks.words()] if len(marks) else [])]), limit=200)


def _usd(value: Decimal | None) -> str:
    return "unknown" if value is None else f"{value:.6f}".rstrip("0").rstrip(".")


def _steps(axes: "Axes", prices: PoolPrices, window: Window, n: int) -> None:

    until = prices.observed_until or window[1]
    moments = [_day(p.at) for p in prices.points]
    values = [float(p.usd_per_hour) for p in prices.points]
    axes.step([*moments, _day(until)], [*values, values[-1]], where="post", color=SPOT, lw=1.4, gid=f"pool-{n}-price")
    low, high = min(values), max(values)
    span = (high - low) or high * 0.1
    line = None if prices.on_demand_usd_per_hour is None else float(prices.on_demand_usd_per_hour)
    if line is not None and line <= high + span * NEAR:
        axes.axhline(line, color=LIST_PRICE, ls="--", lw=1.1, gid=f"pool-{n}-on-demand")
        low, high = min(low, line), max(high, line)
        span = high - low or span
    elif line is not None:
        words = f"on-demand {_usd(prices.on_demand_usd_per_hour)}: above this scale"
        axes.text(0.995, 0.97, words, transform=axes.transAxes, ha="right", va="top", color=LIST_PRICE, fontsize=8,
                  bbox={"fc": "white", "ec": "none", "pad": 1.0})  # fmt: skip
        high += span * 0.25  # room for the words
    axes.set_ylim(max(low - span * 0.1, 0), high + span * 0.1)
    _shifts(axes, prices, window, n)


def _shifts(axes: "Axes", prices: PoolPrices, window: Window, n: int) -> None:
    """A line at each change of level; its two levels where there is room for words."""
    room = (_day(window[1]) - _day(window[0])) * SHIFT_WORDS_SHARE
    free_from = _day(window[0])
    for i, shift in enumerate(prices.change_points):
        at = _day(shift.at)
        axes.axvline(at, color=FAINT, ls=(0, (1, 2)), lw=1.0, gid=f"pool-{n}-shift-{i}")
        if at >= free_from:
            words = f" {float(shift.before_usd_per_hour):.4g} → {float(shift.after_usd_per_hour):.4g}"
            axes.text(at, 0.03, words, transform=axes.get_xaxis_transform(), fontsize=7, color=FAINT, clip_on=True)
            free_from = at + room


def _marked(axes: "Axes", moments: Sequence[datetime], sign: str, colour: str, style: str, *, gid: str) -> None:
    """A sign over the frame and a thin line down through the prices, for each."""

    if not moments:
        return
    at = [_day(m) for m in moments]
    axes.vlines(at, 0, 1, transform=axes.get_xaxis_transform(), color=colour, lw=0.8, ls=style, alpha=0.5)
    size = 6.5 if sign == "v" else 4.5
    axes.plot(
        at, [1.06] * len(at), sign, transform=axes.get_xaxis_transform(), clip_on=False, color=colour, ms=size, gid=gid
    )


def _legend(sheet: Sheet) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=SPOT, lw=1.4, label="spot price"),
        Line2D([], [], color=LIST_PRICE, lw=1.1, ls="--", label="on-demand"),
        Line2D([], [], color=TAKEN, marker="v", ls="", ms=6.5, label="interruption"),
        Line2D([], [], color=REBALANCE, marker="D", ls="", ms=4.5, label="rebalance recommendation"),
        Line2D([], [], color=FAINT, ls=(0, (1, 2)), lw=1.0, label="level of the price changed"),
    ]
    sheet.figure.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(0.083, (sheet.height - 0.38) / sheet.height), ncol=5,
        frameon=False, fontsize=8, borderaxespad=0, handlelength=1.8, columnspacing=1.6,
    )  # fmt: skip


def _notes(analysis: PriceAnalysis, drawn: int) -> Iterator[str]:
    window = (
        "everything that the source holds" if analysis.window_hours is None else f"last {analysis.window_hours:g} h"
    )
    since = (
        "" if analysis.known_since is None else f" · known without a gap since {analysis.known_since:%Y-%m-%d %H:%M}"
    )
    yield f"USD per instance-hour · times UTC · {window}{since} · a price holds until the next; mean time-weighted"
    if drawn < len(analysis.pools):
        yield f"{drawn} of {len(analysis.pools)} pools are drawn: those of the lowest mean"
    if any(p.points and p.changes > len(p.points) for p in analysis.pools[:drawn]):
        most = max(len(p.points) for p in analysis.pools[:drawn])
        yield f"at most {most} steps a pool are drawn; the figures rest on every change"
    yield from analysis.notes
    for aside in analysis.set_aside:
        yield f"set aside: {aside.count:,} × {aside.reason}, such as {aside.example}"


def _left_out(signals: Sequence[PoolSignal], marks: Sequence[Marks]) -> Iterator[str]:
    if not signals:
        yield "no interruption or rebalance of our own instances is on record here: no proof that there was none"
        return
    left = not_drawn(signals, marks)
    if left:
        yield f"{left} more interruptions or rebalances lie outside these pools or this window"
    yield "interruptions and rebalances: our own instances, as AWS told of them"
