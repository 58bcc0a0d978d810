"""`spotwarden market`: what capacity costs, how likely it is taken, and which to choose."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tools.errors import UsageError
from tui.chart_option import Chart, check, told
from tui.config import settings_of

if TYPE_CHECKING:
    from tools.choice.survey import Doors
    from tools.choice.useful_hour import WorkShape
    from tools.records import OpportunityAnalysis, PoolSignal, PriceAnalysis
    from tui.charts.risk import Risks
    from tui.config import Settings
    from tui.grid import Paint

app = typer.Typer(rich_markup_mode=None, no_args_is_help=True)
DEFAULT_WINDOW_HOURS = 24 * 7
MOST_HOURS = 24 * 366 * 20

Product = Annotated[str, typer.Option(help="Linux/UNIX, Red Hat Enterprise Linux, SUSE Linux or Windows")]
Horizon = Annotated[float, typer.Option(min=1, max=90 * 24, help="hours that the work will run")]
Checkpoint = Annotated[
    float | None, typer.Option(min=0, help="minutes between checkpoints; assumed 60: half of it is lost each time")
]
Restart = Annotated[float | None, typer.Option(min=0, help="minutes until a replacement works; assumed 10")]
Lost = Annotated[float | None, typer.Option(min=0, help="measured minutes of work lost at an interruption")]
ScanOrder = Annotated[
    str | None,
    typer.Option(
        help="per-vcpu, per-accelerator, per-gib, useful-hour, price or score; "
        "default per-vcpu, or per-accelerator where some are asked for"
    ),
]


@app.callback()
def market() -> None:
    """What spot capacity costs, how likely it is to be taken, and which to choose.

    \b
    prices    what pools cost: spotwarden market prices ml-train --window-hours 24
    risk      how a fleet stands: spotwarden market risk ml-train --instances
    forecast  how likely it is taken: spotwarden market forecast g5.xlarge
    compare   named types side by side: spotwarden market compare g5.xlarge g4dn.xlarge g6.xlarge
    scan      the whole region: spotwarden market scan --vcpus 4..16 --memory 16.. --arch arm64,x86_64

    Unknown is said to be unknown. Every answer takes --json: the same figures as the screen.
    """


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
        typer.Option(min=1, max=MOST_HOURS, help="the last hours; default 168, with --history everything"),
    ] = None,
    on_demand: Annotated[
        Path | None, typer.Option(help="catalogue for --history: region,instance_type,on_demand_usd_per_h")
    ] = None,
    append: Annotated[
        bool, typer.Option("--append", help="also keep the file's prices in the local archive; needs --region")
    ] = False,
    chart: Chart = None,
) -> None:
    """Price per pool: now, time-weighted mean and quantiles, range, volatility, against on-demand.

    EC2 keeps 90 days. Every fetch is kept in the local archive, so a longer window becomes known as time goes by;
    how far back prices are known is said. With --history no account is read.

    \b
    spotwarden market prices ml-train --window-hours 24
    spotwarden market prices g5.xlarge --window-hours 8760
    spotwarden market prices --history prices.csv.gz --on-demand catalogue.csv --region us-east-1
    spotwarden market prices --history last-year.csv.gz --region us-east-1 --append

    Against on-demand needs --on-demand CATALOGUE and the global --region with a file; without them it is unknown.
    """
    from tui.market_lines import price_lines
    from tui.output import emit

    settings = settings_of(ctx)
    check(chart)
    signals: tuple[PoolSignal, ...] = ()
    if history is not None:
        if fleet_or_type is not None:
            raise UsageError(f"{fleet_or_type}: a file has no fleets", hint="give either a fleet or --history")
        found = _from_file(settings, history, window_hours, on_demand)
        if append:
            found = _appended(settings, history, found)
    else:
        if on_demand is not None or append:
            name = "--append" if append else "--on-demand"
            raise UsageError(f"{name} belongs to --history", hint="an account's own prices come from AWS, and are kept")
        hours = window_hours or DEFAULT_WINDOW_HOURS
        found, signals = _from_account(settings, fleet_or_type, hours, with_signals=chart is not None)
    emit(settings, found, lambda: print("\n".join(price_lines(found, _width()))))
    if chart is not None:
        from tui.charts import write_price_chart

        write_price_chart(found, chart, signals=signals)
        told(settings, chart)


@app.command()
def risk(
    ctx: typer.Context,
    fleet: Annotated[str, typer.Argument(help="a fleet's name or id")],
    instances: Annotated[
        bool, typer.Option("--instances", help="every spot instance: how likely it is taken, what to do")
    ] = False,
    chart: Chart = None,
) -> None:
    """Risk of a fleet's spot pools with its evidence, what is missing, and what would make it safer.

    \b
    spotwarden market risk ml-train
    spotwarden market risk ml-train --instances
    """
    from tui.market_lines import instance_lines, risk_lines
    from tui.opening import open_house
    from tui.output import emit

    settings = settings_of(ctx)
    check(chart)
    with open_house(settings) as house:
        if instances:
            from tools.risk.instances import assess_instances

            each = house.ask(assess_instances, fleet=fleet)
            emit(settings, each, lambda: print("\n".join(instance_lines(each, _paint(settings), _width()))))
            _draw_risk(settings, each, chart)
            return
        from tools.risk.score import score_risk

        found = house.ask(score_risk, fleet=fleet)
    emit(settings, found, lambda: print("\n".join(risk_lines(found))))
    _draw_risk(settings, found, chart)


@app.command()
def forecast(
    ctx: typer.Context,
    fleet_or_type: Annotated[str, typer.Argument(help="a fleet's name or id, or a type such as g5.xlarge")],
    chart: Chart = None,
) -> None:
    """How likely an instance of each pool is interrupted within 1, 6, 24 and 48 hours, with 90 % intervals.

    From the pool's own recent states where it is watched, else from the Advisor's band and own records; «unknown»
    where neither says enough. Tomorrow lies within the 48 hours.

    \b
    spotwarden market forecast g5.xlarge
    """
    from tools.risk.outlook import forecast_interruptions
    from tui.market_lines import forecast_lines
    from tui.opening import open_house
    from tui.output import emit

    settings = settings_of(ctx)
    check(chart)
    with open_house(settings) as house:
        found = house.ask(forecast_interruptions, subject=fleet_or_type)
    emit(settings, found, lambda: print("\n".join(forecast_lines(found, _paint(settings), _width()))))
    _draw_risk(settings, found, chart)


@app.command()
def compare(
    ctx: typer.Context,
    subjects: Annotated[
        list[str], typer.Argument(metavar="TYPE_OR_FLEET...", help="instance types such as g5.xlarge, or a fleet")
    ],
    horizon_hours: Horizon = 168,
    by: Annotated[str, typer.Option(help="score, useful-hour, price, per-vcpu, per-gib or per-accelerator")] = "score",
    product: Product = "Linux/UNIX",
    checkpoint_minutes: Checkpoint = None,
    restart_minutes: Restart = None,
    lost_minutes: Lost = None,
) -> None:
    """Every pool of named types side by side: price per useful hour, interruption, availability, saving, advice.

    A saving is measured against what an on-demand hour really adds to the bill: nothing where a Savings Plan or a
    Reserved Instance pays for it anyway. Three types or more let EC2 score the chance of a launch. A fleet stands for
    its types, and for the time between its checkpoints where they can be read.

    \b
    spotwarden market compare g5.xlarge g4dn.xlarge g6.xlarge
    spotwarden market compare ml-train
    spotwarden market compare m6i.large m7i.large --horizon-hours 24 --checkpoint-minutes 15
    """
    from tools.choice.opportunities import compare as compare_types
    from tools.choice.wanted import product_named

    wanted = tuple(dict.fromkeys(t for text in subjects for t in _listed(text)))
    if not wanted:
        raise UsageError("market compare: compare what?", hint="name instance types such as g5.xlarge, or a fleet")
    settings, work = settings_of(ctx), _work(checkpoint_minutes, restart_minutes, lost_minutes)
    named = product_named(product)
    _show(
        settings,
        lambda doors: compare_types(doors, wanted, horizon_hours=horizon_hours, product=named, by=by, work=work),
        explained=None,
    )


@app.command()
def scan(
    ctx: typer.Context,
    vcpus: Annotated[str | None, typer.Option(metavar="RANGE", help="4..16, 16.., ..64 or 8")] = None,
    memory: Annotated[str | None, typer.Option(metavar="RANGE", help="GiB: 16.., 16..64")] = None,
    arch: Annotated[str | None, typer.Option(help="x86_64, arm64, with commas; default any")] = None,
    accelerators: Annotated[str | None, typer.Option(metavar="RANGE", help="how many GPUs or chips: 1.., 4, 0")] = None,
    accelerator: Annotated[str | None, typer.Option(help="their names, with commas: A10G,T4")] = None,
    types: Annotated[str | None, typer.Option(help="patterns, with commas: 'm6i.*,c6i.*'")] = None,
    exclude: Annotated[str | None, typer.Option(help="patterns to leave out: '*.24xlarge'")] = None,
    zones: Annotated[str | None, typer.Option(help="zone names or ids, with commas; default all")] = None,
    price_share: Annotated[
        str | None, typer.Option(metavar="RANGE", help="mean spot price as a share of on-demand: ..0.5")
    ] = None,
    bare_metal: Annotated[bool, typer.Option("--bare-metal", help="bare metal too")] = False,
    burstable: Annotated[bool, typer.Option("--burstable", help="burstable types too")] = False,
    current_generation: Annotated[
        bool, typer.Option("--current-generation", help="only what AWS calls current generation")
    ] = False,
    by: ScanOrder = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="pools to show")] = 20,
    per_type: Annotated[
        int | None, typer.Option(min=1, help="pools of one type at most: a list that is spread")
    ] = None,
    horizon_hours: Horizon = 168,
    window_hours: Annotated[float, typer.Option(min=1, max=90 * 24, help="of prices, ending now")] = 24,
    product: Product = "Linux/UNIX",
    checkpoint_minutes: Checkpoint = None,
    restart_minutes: Restart = None,
    lost_minutes: Lost = None,
) -> None:
    """The whole region by attributes, ranked, with what was left out and why.

    Ranked by dollars per useful vCPU-hour: mean price × (1 + hours that interruptions cost) / vCPUs.

    \b
    spotwarden market scan --vcpus 4..16 --memory 16.. --arch arm64,x86_64
    spotwarden market scan --accelerators 1.. --accelerator A10G,T4 --per-type 1
    spotwarden market scan --types 'm6i.*,m7i.*' --zones use1-az1 --price-share ..0.4 --by score
    """
    from tools.choice.scan import scan as scan_region
    from tools.choice.wanted import ANY, Wanted, architecture, parse_range, product_named

    wanted = Wanted(
        vcpus=ANY if vcpus is None else parse_range("--vcpus", vcpus, whole=True),
        memory_gib=ANY if memory is None else parse_range("--memory", memory, example="16..64"),
        accelerators=ANY if accelerators is None else parse_range("--accelerators", accelerators, whole=True),
        price_share=ANY if price_share is None else parse_range("--price-share", price_share, example="0.1..0.5"),
        architectures=tuple(architecture(a) for a in _listed(arch)),
        accelerator_names=_listed(accelerator),
        types=_listed(types),
        exclude=_listed(exclude),
        zones=_listed(zones),
        bare_metal=bare_metal,
        burstable=burstable,
        current_generation=current_generation,
    )
    settings, work = settings_of(ctx), _work(checkpoint_minutes, restart_minutes, lost_minutes)
    named = product_named(product)
    _show(
        settings,
        lambda doors: scan_region(
            doors, wanted, by=by, limit=limit, per_type=per_type, horizon_hours=horizon_hours,
            window_hours=window_hours, product=named, work=work,
        ),
        explained=1,
    )  # fmt: skip


def _show(settings: "Settings", ask: "Callable[[Doors], OpportunityAnalysis]", *, explained: int | None) -> None:
    from tools.choice.survey import Doors
    from tui.market_lines import opportunity_lines
    from tui.opening import open_house
    from tui.output import emit

    with open_house(settings) as house:
        desk = house.desk
        found = ask(Doors(desk.reader, desk.clock, desk.archive, desk.advisor))
    emit(
        settings,
        found,
        lambda: print("\n".join(opportunity_lines(found, _paint(settings), _width(), explained=explained))),
    )


def _draw_risk(settings: "Settings", found: "Risks", chart: Path | None) -> None:
    if chart is None:
        return
    from tui.charts import write_risk_chart

    write_risk_chart(found, chart)
    told(settings, chart)


def _width() -> int | None:
    """Of the terminal; None = the answer goes to a file or a program, and is whole."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _paint(settings: "Settings") -> "Paint":
    from tui.output import style

    return lambda text, code: style(settings, text, code)


def _listed(text: str | None) -> tuple[str, ...]:
    """«a, b» → a, b"""
    return tuple(dict.fromkeys(part.strip() for part in (text or "").split(",") if part.strip()))


def _work(checkpoint: float | None, restart: float | None, lost: float | None) -> "WorkShape | None":
    """What the person knows of the work; None = nothing."""
    from tools.choice.useful_hour import WorkShape

    given = {"checkpoint_minutes": checkpoint, "restart_minutes": restart, "lost_minutes": lost}
    known = {name: value for name, value in given.items() if value is not None}
    return WorkShape(**known, basis=dict.fromkeys(known, "given")) if known else None


def _from_account(
    settings: "Settings", subject: str | None, window_hours: int, *, with_signals: bool
) -> "tuple[PriceAnalysis, tuple[PoolSignal, ...]]":
    from tools.market.analyze import analyze_prices
    from tui.opening import open_house

    if subject is None:
        raise UsageError(
            "market prices: whose prices?", hint="name a fleet or an instance type, or a file with --history FILE"
        )
    with open_house(settings) as house:
        found: PriceAnalysis = house.ask(analyze_prices, fleet=subject, window_hours=window_hours)
        signals = house.signals(hours=window_hours) if with_signals else ()
    return found, signals


def _from_file(settings: "Settings", path: Path, window_hours: int | None, catalogue: Path | None) -> "PriceAnalysis":
    from datetime import UTC, datetime

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


def _appended(settings: "Settings", path: Path, found: "PriceAnalysis") -> "PriceAnalysis":
    """The file's prices into the archive; how many were new stands in the answer's notes."""
    from datetime import UTC, datetime

    from tools.market.append_file import append_file
    from tui.opening import open_house

    if settings.region is None:
        raise UsageError("--append needs a region", hint="add --region, such as --region us-east-1")
    with open_house(settings) as house:
        done = append_file(path, house.archive, region=settings.region, now=datetime.now(UTC))
    return found.with_(notes=(*found.notes, done.words()))


def _progress(rows: int) -> None:
    print(f"\r{rows:,} rows read", end="", file=sys.stderr, flush=True)
