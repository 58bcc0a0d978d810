"""`spotwarden backtest jobs` and `zones`: policies over a grid of past windows, one zone or several."""

import sys
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tools.errors import UsageError
from tui.config import Settings, settings_of

if TYPE_CHECKING:
    from tools.recovery.deadline.backtest import Engine
    from tools.recovery.deadline.figures import DeadlineBacktest, PolicyFigures

Grid = Annotated[
    Path,
    typer.Option(
        metavar="FILE.csv",
        help="rows: trace,start_tick,ticks,gap_seconds,work_hours,deadline_hours,changeover_hours,spot_price_ratio",
    ),
]
Traces = Annotated[Path, typer.Option(metavar="DIR", help="folder that the grid's trace column is under")]
Policies = Annotated[str | None, typer.Option(metavar="A,B,…", help="which, in this order; all when left out")]
Out = Annotated[
    Path | None,
    typer.Option(metavar="FILE.csv", help="the grid's columns, policy,cost,met,launches,plan; replaced only whole"),
]
Workers = Annotated[int | None, typer.Option(min=1, help="processes; one a core when left out")]
OnDemandUsd = Annotated[
    float, typer.Option(help="on-demand price that the traces' prices are divided by, USD per hour")
]


def jobs(
    ctx: typer.Context,
    grid: Grid,
    traces: Traces,
    policies: Policies = None,
    out: Out = None,
    workers: Workers = None,
) -> None:
    """Run jobs with a deadline on past spot traces: ours, the published policies and the clairvoyant optimum.

    At every tick a policy idles, holds spot or holds on-demand. It sees its row and its trace up to that tick, nothing
    else. Cost is in on-demand-hours.
    """
    from tools.recovery.deadline import jobs_backtest

    _backtest(
        settings_of(ctx), "jobs", grid, traces, policies, out, workers, jobs_backtest.POLICIES, jobs_backtest.answer
    )


def zones(
    ctx: typer.Context,
    grid: Grid,
    traces: Traces,
    policies: Policies = None,
    out: Out = None,
    on_demand_usd: OnDemandUsd = 3.06,
    workers: Workers = None,
) -> None:
    """The same over several zones at real prices: the trace column joins aligned traces with «;», zones from 0 on.

    A zone is as dear as its trace's price in force, and not offered where that is null; spot_price_ratio where a trace
    has no prices.
    """
    from tools.recovery.deadline import zones_backtest

    if not 0 < on_demand_usd < 1e6:  # nan is not above 0
        raise UsageError(f"--on-demand-usd {on_demand_usd}: not a price above 0", hint="USD per hour, such as 3.06")
    engine = partial(zones_backtest.answer, on_demand_usd=on_demand_usd)
    _backtest(settings_of(ctx), "zones", grid, traces, policies, out, workers, zones_backtest.POLICIES, engine)


def _backtest(
    settings: Settings,
    kind: Literal["jobs", "zones"],
    grid: Path,
    traces: Path,
    policies: str | None,
    out: Path | None,
    workers: int | None,
    known: tuple[str, ...],
    engine: "Engine",
) -> None:
    from tools.recovery.deadline.backtest import chosen, csv_lines, replay_grid
    from tools.recovery.deadline.figures import Tally, summary
    from tools.recovery.deadline.grid import read_grid
    from tools.whole_file import check_writable, write_whole
    from tui.output import emit

    asked = chosen(policies, known)
    if out is not None:
        check_writable(out)
        spare(out, traces, grid)
    windows = read_grid(grid, traces, several=kind == "zones")
    shows = sys.stderr.isatty() and not settings.quiet
    trained_on, planner = _ours(kind, asked)
    tally = Tally(asked)
    progress = partial(_progress, windows=len(windows)) if shows else None
    lines = csv_lines(tally.watch(replay_grid(windows, asked, engine, workers=workers, progress=progress)), asked)
    try:
        if out is not None:
            write_whole(out, lines)
        else:
            deque(lines, maxlen=0)
    finally:
        if shows:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
    source = f"{grid}, {len(windows):,} windows{planner}"
    found = summary(tally, kind=kind, out=out, trained_on=trained_on, now=datetime.now(UTC), source=source)
    emit(settings, found, lambda: print("\n".join(report_lines(found))))


def _ours(kind: str, asked: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    """(traces that our planner learned from, which one it is); two artefacts never share a digest."""
    if kind != "jobs" or "warden" not in asked:
        return (), ""
    from tools.recovery.deadline.warden import load_planner

    artefact = load_planner().artefact
    return artefact.card.trained_on, f"; deadline planner {artefact.version} ({artefact.digest[:12]})"


def spare(out: Path, traces: Path, grid: Path | None = None) -> None:
    """A slip of the keyboard must not cost a trace, nor the grid."""
    if out.suffix == ".gz" and out.exists() and traces.resolve() in out.resolve().parents:
        raise UsageError(f"{out}: a trace, not a place for results", hint="name a .csv file outside the traces")
    if grid is not None and out.exists() and grid.exists() and out.samefile(grid):
        raise UsageError(f"{out}: the grid itself, not a place for results", hint="name another file")


def _progress(done: int, windows: int) -> None:
    print(f"\r{done:,} of {windows:,} windows", end="", file=sys.stderr, flush=True)


def report_lines(found: "DeadlineBacktest") -> Iterator[str]:
    """The record's own numbers, rounded: overall, then by deadline and changeover."""
    from tui.output import plain, table

    names = [figures.policy for figures in found.policies]
    yield f"{found.windows:,} windows, cost in on-demand-hours"
    yield ""
    header: tuple[str, ...] = ("policy", "cost / optimum", "p90 of runs", "missed", "mean cost")
    yield table(header, (_row(figures) for figures in found.policies), right=frozenset(range(1, len(header))))
    yield ""
    against = all(figures.to_optimum is not None for figures in found.policies)
    yield "cost / optimum by deadline and changeover" if against else "mean cost by deadline and changeover"
    rows = (
        (f"{c.deadline_hours:g} h", f"{c.changeover_hours:g} h", f"{c.windows:,}", *(_cell(f) for f in c.policies))
        for c in found.cells
    )
    header = ("deadline", "changeover", "windows", *names)
    yield table(header, rows, right=frozenset(range(len(header))))
    yield ""
    yield from (plain(note) for note in found.notes)
    if not against:
        yield "ratios are unknown: the optimum was not among the policies, or no deadline could be met"
    if found.out is not None:
        yield f"rows in {plain(found.out)}"
    yield f"as of {found.as_of:%Y-%m-%d %H:%M:%SZ} · {plain(found.source)}"


def _row(figures: "PolicyFigures") -> tuple[str, ...]:
    return (
        figures.policy,
        _number(figures.to_optimum, 4),
        _number(figures.p90_to_optimum, 3),
        f"{figures.misses:,}",
        _number(figures.mean_cost_hours, 2),
    )


def _cell(figures: "PolicyFigures") -> str:
    return _number(figures.mean_cost_hours, 2) if figures.to_optimum is None else _number(figures.to_optimum, 3)


def _number(value: float | None, decimals: int) -> str:
    return "unknown" if value is None else f"{value:,.{decimals}f}"
