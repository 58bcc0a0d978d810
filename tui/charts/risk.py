"""The risk chart of a report: a bar with its 90 % interval for each pool and horizon; unknown is hatched, never 0."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tools.choice.reasons import ADVISOR_MEANS, PLACEMENT_MEANS, rate
from tools.figures import share, span
from tools.records import (
    FleetInstanceRisk,
    FleetRisk,
    InstanceRisk,
    Interruption,
    InterruptionForecast,
    PoolForecast,
    RiskScore,
)
from tui.charts.figure import FAINT, INK, SPOT, Sheet, percents, save_chart, shown
from tui.charts.text import scale_end
from tui.safe_text import fit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_GROUPS = 20
"""pools or instances of one chart, the most pressed first"""
NAME_COLUMNS, MAX_REASONS = 46, 4
BAR_INCHES, HEAD_INCHES, GAP_INCHES = 0.24, 0.26, 0.12
Risks = InterruptionForecast | FleetRisk | FleetInstanceRisk


@dataclass(frozen=True)
class Bar:
    """value, low, high: on the axis; None = unknown, and `why`."""

    label: str
    value: float | None
    low: float | None
    high: float | None
    words: str
    why: str = ""


@dataclass(frozen=True)
class Group:
    name: str
    signs: str
    bars: tuple[Bar, ...]


def write_risk_chart(found: Risks, path: Path, *, title: str | None = None) -> None:
    """How likely pools or instances are interrupted, with 90 % intervals, as SVG or PNG.

    found   a forecast (pools × horizons), a fleet's instances, or a fleet's score (interruptions per 100 h)
    path    its suffix chooses; replaced only whole
    Raises  UsageError: another suffix, no such folder, matplotlib is not installed; DataError: not written
    """
    subject = found.subject if isinstance(found, InterruptionForecast) else getattr(found, "name", None) or found.fleet
    named = title or f"Interruption risk: {subject}"
    save_chart(path, lambda: _draw(found, named), title=shown(named))


def _draw(found: Risks, title: str) -> "Figure":
    groups = _groups(found)
    drawn = groups[:MAX_GROUPS]
    rated = isinstance(found, FleetRisk)
    foot = [*_meaning(found), *_reasons([b for g in drawn for b in g.bars])]
    foot += [f"as of {found.as_of:%Y-%m-%d %H:%M:%S} UTC · {found.source}"]
    if len(drawn) < len(groups):
        foot.insert(0, f"{len(drawn)} of {len(groups)} are drawn: the most pressed")
    body = sum(HEAD_INCHES + BAR_INCHES * len(g.bars) + GAP_INCHES for g in drawn) or 0.6
    sheet = Sheet(title, body_inches=body + 0.55, foot=foot, head_inches=0.5)
    axes = sheet.axes(top=sheet.below_head, height=body, left=1.15, right=2.55)
    axes.set_ylim(body, 0)  # inches from above
    bars = [b for g in drawn for b in g.bars]
    axes.set_xlim(0, _end([v for b in bars for v in (b.value, b.low, b.high)], rated=rated))
    _scale(axes, rated=rated)
    if not groups:
        axes.text(0.5, 0.5, "nothing to show: no pool, no spot instance", transform=axes.transAxes, ha="center")
    at, number = 0.0, 0
    for group in drawn:
        axes.text(0, at + 0.16, fit(f" {shown(group.name)}", NAME_COLUMNS).rstrip(), fontweight="bold", fontsize=9)
        across = axes.get_yaxis_transform()
        axes.text(0.995, at + 0.16, shown(group.signs), ha="right", transform=across, fontsize=7.5, color=FAINT)
        at += HEAD_INCHES
        for bar in group.bars:
            _bar(axes, bar, at, number)
            at, number = at + BAR_INCHES, number + 1
        at += GAP_INCHES
    return sheet.figure


def _reasons(bars: Sequence[Bar]) -> list[str]:
    """Why something is unknown: each reason once, and of how many bars."""
    counted = Counter(bar.why for bar in bars if bar.value is None)
    lines = [f"unknown ({count} of {len(bars)}): {why}" for why, count in counted.most_common(MAX_REASONS)]
    if len(counted) > MAX_REASONS:
        lines.append(f"and {len(counted) - MAX_REASONS} more reasons: --json has them all")
    return ["hatched: unknown, which is no small risk", *lines] if lines else []


def _end(values: Sequence[float | None], *, rated: bool) -> float:
    if not rated:
        return scale_end(values)
    largest = max((v for v in values if v is not None), default=1.0)
    return largest * 1.05 or 1.0


def _scale(axes: "Axes", *, rated: bool) -> None:
    from matplotlib.ticker import FuncFormatter

    axes.set_yticks([])
    axes.spines["left"].set_color(FAINT)
    axes.grid(visible=True, axis="x")
    if rated:
        axes.set_xlabel("interruptions to expect per 100 instance-hours · line: 90 % interval")
    else:
        axes.xaxis.set_major_formatter(FuncFormatter(percents))
        axes.set_xlabel("chance that an instance is interrupted within the time · line: 90 % interval")


def _bar(axes: "Axes", bar: Bar, at: float, number: int) -> None:
    """at: inches from above; its words stand to the right of the scale."""
    from matplotlib.patches import Rectangle

    middle, thick = at + BAR_INCHES / 2, BAR_INCHES * 0.62
    across = axes.get_yaxis_transform()
    axes.text(-0.01, middle, shown(bar.label), ha="right", va="center", fontsize=8, transform=across)
    ink = FAINT if bar.value is None else INK
    axes.text(1.01, middle, shown(bar.words), va="center", fontsize=8, color=ink, transform=across)
    place = (0.0, middle - thick / 2)
    if bar.value is None:
        wide = axes.get_xlim()[1]
        unknown = Rectangle(place, wide, thick, fc="none", ec="#b9b4a8", hatch="////", lw=0.6, gid=f"unknown-{number}")
        axes.add_patch(unknown)
        axes.text(wide / 2, middle, "unknown", ha="center", va="center", fontsize=7.5, color=INK,
                  bbox={"fc": "white", "ec": "none", "pad": 1.5})  # fmt: skip
        return
    axes.add_patch(Rectangle(place, bar.value, thick, fc=SPOT, alpha=0.55, lw=0, gid=f"bar-{number}"))
    if bar.low is not None and bar.high is not None:
        axes.plot([bar.low, bar.high], [middle, middle], "-", marker="|", ms=6, color=INK, lw=1.2, clip_on=False,
                  gid=f"interval-{number}")  # fmt: skip
    axes.plot([bar.value], [middle], "o", ms=4, color=INK, clip_on=False)


def _groups(found: Risks) -> list[Group]:
    if isinstance(found, InterruptionForecast):
        return [Group(one.pool.label, _signs(one), tuple(map(_interruption, one.within))) for one in found.pools]
    if isinstance(found, FleetInstanceRisk):
        return [_instance(one) for one in found.instances]
    return [Group(one.pool.label, f"risk {one.level}", (_rate(one),)) for one in found.pools]


def _signs(one: PoolForecast) -> str:
    """Level, Advisor and placement side by side; what they mean and of when they are stands below the chart."""
    band = one.advisor.label if one.advisor else "unknown"
    placed = f"{one.placement.score}/10" if one.placement else "unknown"
    return f"risk {one.level} · Advisor {band} · placement {placed}"


def _instance(one: InstanceRisk) -> Group:
    lost = "unsaved work unknown" if one.unsaved_minutes is None else f"{one.unsaved_minutes:.0f} min unsaved"
    name = f"{one.instance_id}   {one.pool.label}"
    return Group(name, f"risk {one.level} · {lost}", tuple(map(_interruption, one.within)))


def _interruption(one: Interruption) -> Bar:
    label, known = span(one.horizon_minutes), one.probability is not None
    words = "unknown" if one.probability is None else share(one.probability)
    if one.low is not None and one.high is not None:
        words += f" ({share(one.low)} to {share(one.high)})"
    why = "" if known else one.abstains or "nothing supports a number"
    return Bar(label, one.probability, one.low, one.high, words, why)


def _rate(one: RiskScore) -> Bar:
    value = one.interruptions_per_100_hours
    if value is None:
        return Bar("per 100 h", None, None, None, "unknown", f"missing {'; '.join(one.missing) or 'any data'}")
    words = rate(value)
    if one.low is not None and one.high is not None:
        words += f" ({rate(one.low)} to {rate(one.high)})"
    return Bar("per 100 h", value, one.low, one.high, words)


def _meaning(found: Risks) -> list[str]:
    """How the numbers were made, and what the signs beside them mean and of when they are."""
    if isinstance(found, FleetRisk):
        return []
    within = [i for one in _forecasts(found) for i in one.within]
    lines = list(dict.fromkeys(f"{i.method}: {i.source}" for i in within if i.probability is not None))
    if isinstance(found, InterruptionForecast):
        band = next((p.advisor for p in found.pools if p.advisor), None)
        placed = next((p.placement for p in found.pools if p.placement), None)
        lines.append(f"Advisor: share {ADVISOR_MEANS}; {f'{band.as_of:%Y-%m-%d}' if band else 'unknown here'}")
        lines.append(
            f"placement: {PLACEMENT_MEANS}; {f'{placed.as_of:%Y-%m-%d %H:%M} UTC' if placed else 'unknown here'}"
        )
    return lines


def _forecasts(found: InterruptionForecast | FleetInstanceRisk) -> Sequence[PoolForecast | InstanceRisk]:
    return found.pools if isinstance(found, InterruptionForecast) else found.instances
