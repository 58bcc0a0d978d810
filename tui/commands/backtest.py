"""`spotwarden backtest`: what we would have said and done on the past, against what came."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tui.chart_option import Chart, check, told
from tui.commands.backtest_jobs import jobs, spare, zones
from tui.config import settings_of

if TYPE_CHECKING:
    from tools.risk.backtest import ForecastBacktest
    from tools.risk.calibration import Calibration
    from tools.risk.forecast_artefact import Artefact

app = typer.Typer(rich_markup_mode=None, no_args_is_help=True)
app.command()(jobs)
app.command()(zones)


@app.callback()
def backtest() -> None:
    """What we would have said and done on past spot traces, against what came: forecasts, jobs with a deadline."""


@app.command()
def forecast(
    ctx: typer.Context,
    traces: Annotated[Path, typer.Option(metavar="DIR", help="folder with availability/**.json.gz somewhere in it")],
    horizon_minutes: Annotated[
        int, typer.Option(min=5, max=1440, help="how far each forecast looks ahead, minutes")
    ] = 60,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.csv", help="rows: trace,tick,probability,outcome; replaced only whole")
    ] = None,
    chart: Chart = None,
) -> None:
    """Forecast interruptions on past traces, and how good that was: Brier, skill, AUC, calibration, reliability.

    From 24 h on, every ten minutes at which an instance could be had: how likely is it that none can be had at some
    tick of the horizon? A forecast sees its own trace up to its tick and the shipped artefact, nothing else.
    """
    from tools.risk.backtest import forecast_traces, summary
    from tools.risk.forecast import load_forecaster
    from tools.whole_file import check_writable, write_whole
    from tui.output import emit

    settings = settings_of(ctx)
    if out is not None:
        check_writable(out)
        spare(out, traces)
    check(chart)
    forecaster = load_forecaster()
    shows = sys.stderr.isatty() and not settings.quiet
    rows = forecast_traces(traces, forecaster, horizon_minutes=horizon_minutes, progress=_progress if shows else None)
    if shows:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
    if out is not None:
        write_whole(out, rows.csv())
    found = summary(
        rows,
        root=traces,
        horizon_minutes=horizon_minutes,
        out=out,
        trained_on=forecaster.card.trained_on,
        now=datetime.now(UTC),
        source=_source(forecaster.artefact),
    )
    emit(settings, found, lambda: print("\n".join(forecast_lines(found))))
    if chart is not None:
        from tui.charts import write_reliability_diagram

        write_reliability_diagram(found, chart)
        told(settings, chart)


def _source(artefact: "Artefact") -> str:
    """Which forecast this was: two artefacts never share a digest."""
    card = artefact.card
    return (
        f"interruption forecast {artefact.version} ({artefact.digest[:12]}), "
        f"trained on {len(card.trained_on)} traces, {card.trace_days:g} trace-days"
    )


def _progress(done: int, traces: int, rows: int) -> None:
    print(f"\r{done} of {traces} traces, {rows:,} forecasts", end="", file=sys.stderr, flush=True)


def forecast_lines(found: "ForecastBacktest") -> Iterator[str]:
    """The record's own numbers, rounded; the reliability diagram; what was set aside."""
    from tui.charts.text import reliability_lines
    from tui.output import plain

    measured = found.calibration
    if measured is None:
        yield f"{found.horizon_minutes} min ahead: no row could be scored on {_count(found.files, 'trace')}"
    else:
        yield from _figures(found, measured)
        yield ""
        yield from reliability_lines(measured.bins)
    if found.files_trained_on:
        yield (
            f"{found.files_trained_on} of {_count(found.files, 'trace')} bear the names of training traces: "
            "figures flatter there; `make bench` holds zones out"
        )
    yield from found.unseen
    for aside in found.set_aside:
        yield f"set aside: {aside.count:,} × {plain(aside.reason)}, such as {plain(aside.example)}"
    if found.out is not None:
        yield f"rows in {plain(found.out)}"
    yield f"as of {found.as_of:%Y-%m-%d %H:%M:%SZ} · {plain(found.source)}"


def _figures(found: "ForecastBacktest", measured: "Calibration") -> Iterator[str]:
    skill = "unknown" if measured.brier_skill is None else f"{measured.brier_skill:+.3f}"
    area = "unknown" if measured.auc is None else f"{measured.auc:.3f}"
    yield (
        f"{found.horizon_minutes} min ahead: {_count(measured.rows, 'forecast')} on {found.files_scored} of "
        f"{_count(found.files, 'trace')}; {measured.base_rate:.1%} were interrupted ({measured.interrupted:,})"
    )
    yield f"Brier {measured.brier:.4f} · skill against that base rate {skill} · AUC {area}"
    yield (
        f"calibration error (ECE, ten ranges) {measured.ece:.4f} · a perfect forecaster's by chance alone: "
        f"median {measured.perfect_ece_median:.4f}, 95 % below {measured.perfect_ece_p95:.4f}"
    )
    yield f"log loss {measured.log_loss:.4f} nats"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
