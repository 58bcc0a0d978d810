"""`spotwarden market`: what capacity pools cost, and how likely they look to be taken."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tools.errors import UsageError
from tui.config import settings_of

if TYPE_CHECKING:
    from tools.records import FleetRisk, PoolPrices, PriceAnalysis
    from tui.config import Settings

app = typer.Typer(rich_markup_mode=None, no_args_is_help=True)
DEFAULT_WINDOW_HOURS = 24 * 7


@app.callback()
def market() -> None:
    """Spot prices and interruption risk per capacity pool. See `market prices` and `market risk`."""


@app.command()
def prices(
    ctx: typer.Context,
    fleet_or_type: Annotated[
        str | None, typer.Argument(metavar="[FLEET_OR_TYPE]", help="a fleet's name or id, or a type such as g5.xlarge")
    ] = None,
    history: Annotated[
        Path | None,
        typer.Option(
            help="a price file instead of the account: our CSV columns or describe-spot-price-history, .gz too"
        ),
    ] = None,
    window_hours: Annotated[
        int | None,
        typer.Option(min=1, max=24 * 366 * 20, help="the last hours; default 168, with --history everything"),
    ] = None,
    on_demand: Annotated[
        Path | None, typer.Option(help="catalogue for --history: region,instance_type,on_demand_usd_per_h")
    ] = None,
) -> None:
    """Price per pool: now, time-weighted mean, range, volatility, against on-demand. With --history no account is read.

    Against on-demand needs --on-demand CATALOGUE and the global --region; without them it is unknown.
    """
    from tui.output import emit

    settings = settings_of(ctx)
    if history is not None:
        if fleet_or_type is not None:
            raise UsageError(f"{fleet_or_type}: a file has no fleets", hint="give either a fleet or --history")
        found = _from_file(settings, history, window_hours, on_demand)
    else:
        if on_demand is not None:
            raise UsageError("--on-demand belongs to --history", hint="an account's on-demand prices come from AWS")
        found = _from_account(settings, fleet_or_type, window_hours or DEFAULT_WINDOW_HOURS)
    emit(settings, found, lambda: print("\n".join(price_lines(found))))


@app.command()
def risk(ctx: typer.Context, fleet: Annotated[str, typer.Argument(help="a fleet's name or id")]) -> None:
    """Risk of a fleet's spot pools with its evidence, what is missing, and what would make it safer."""
    from tools.risk.score import score_risk
    from tui.opening import open_house
    from tui.output import emit

    settings = settings_of(ctx)
    with open_house(settings) as house:
        arguments = score_risk.validate({"fleet": fleet})
        found: FleetRisk = score_risk.run(reader=house.account.reader, clock=house.clock, **dict(arguments))  # type: ignore[assignment]
    emit(settings, found, lambda: print("\n".join(risk_lines(found))))


def _from_account(settings: "Settings", subject: str | None, window_hours: int) -> "PriceAnalysis":
    from tools.market.analyze import analyze_prices
    from tui.opening import open_house

    if subject is None:
        raise UsageError(
            "market prices: whose prices?", hint="name a fleet or an instance type, or a file with --history FILE"
        )
    arguments = analyze_prices.validate({"fleet": subject, "window_hours": window_hours})
    with open_house(settings) as house:
        return analyze_prices.run(reader=house.account.reader, clock=house.clock, **dict(arguments))  # type: ignore[return-value]


def _from_file(settings: "Settings", path: Path, window_hours: int | None, catalogue: Path | None) -> "PriceAnalysis":
    from tools.market.history_file import analyze_history, read_on_demand

    if catalogue is not None and settings.region is None:
        raise UsageError("--on-demand needs a region", hint="add --region, such as --region us-east-1")
    rates = read_on_demand(catalogue, settings.region) if catalogue is not None and settings.region else None
    shows = sys.stderr.isatty() and not settings.quiet
    found = analyze_history(
        path, now=datetime.now(UTC), window_hours=window_hours, on_demand=rates, progress=_progress if shows else None
    )
    if shows:
        print("\r\x1b[K", end="", file=sys.stderr)
    return found


def _progress(rows: int) -> None:
    print(f"\r{rows:,} rows read", end="", file=sys.stderr, flush=True)


def price_lines(found: "PriceAnalysis") -> Iterator[str]:
    """The table, what was set aside, and where it comes from: the record's own numbers, rounded."""
    from tui.output import plain, table

    header = ("POOL", "PRODUCT", "NOW", "MEAN", "LOW-HIGH", "VOLATILITY", "VS ON-DEMAND", "CHANGES")
    yield table(header, (_price_row(p) for p in found.pools), right=frozenset({2, 3, 4, 5, 6, 7}))
    window = "everything it holds" if found.window_hours is None else f"last {found.window_hours:g} h"
    yield f"{len(found.pools)} pools · USD per instance-hour · mean time-weighted · {window}"
    for aside in found.set_aside:
        yield f"set aside: {aside.count:,} × {plain(aside.reason)}, such as {plain(aside.example)}"
    yield f"as of {found.as_of:%Y-%m-%d %H:%M:%SZ} · {plain(found.source)}"


def _price_row(prices: "PoolPrices") -> tuple[object, ...]:
    low, high = prices.low_usd_per_hour, prices.high_usd_per_hour
    saving = prices.saving_share
    return (
        f"{prices.pool.instance_type}/{prices.pool.zone_name or prices.pool.zone_id or '?'}",
        prices.pool.product,
        _dollars(prices.current_usd_per_hour),
        _dollars(prices.mean_usd_per_hour),
        "unknown" if low is None or high is None else f"{low:f}-{high:f}",
        "unknown" if prices.volatility is None else f"{prices.volatility:.3f}",
        "unknown" if saving is None else f"{-saving * 100:+.1f} %",
        prices.changes,
    )


def _dollars(value: object) -> str:
    return "unknown" if value is None else f"{value:.6f}".rstrip("0").rstrip(".")


def risk_lines(found: "FleetRisk") -> Iterator[str]:
    from tui.output import plain

    largest = found.largest_pool_share
    share = "no spot instance" if largest is None else f"largest pool {largest:.0%} of spot instances"
    yield f"{plain(found.fleet)}: {found.level} · {share}"
    for score in found.pools:
        rate = score.interruptions_per_100_hours
        if rate is None or score.low is None or score.high is None:
            text = "interruptions per 100 h unknown"
        else:
            text = f"{rate:.2f} interruptions per 100 h (90 %: {score.low:.2f}-{score.high:.2f})"
        yield f"  {plain(score.pool.label)}: {score.level} · {text}"
        for evidence in score.evidence:
            yield f"    {evidence.fact}: {plain(evidence.value)}"
        if score.missing:
            yield f"    not known: {plain('; '.join(score.missing))}"
    for advice in found.advice:
        yield f"  → {plain(advice)}"
    yield f"as of {found.as_of:%Y-%m-%d %H:%M:%SZ} · {plain(found.source)}"
