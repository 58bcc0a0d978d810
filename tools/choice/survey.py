"""Some instance types of a region looked at together: everything is read once, then every pool is weighed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from tools.choice.baseline import marginal_rate, read_commitments
from tools.choice.evidence import NOT_IN_A_SCAN, Evidence, read_known, read_placement
from tools.choice.left_out import LeftOut
from tools.choice.ranking import Order
from tools.choice.useful_hour import WorkShape
from tools.choice.weigh import weigh
from tools.cloud import Clock, CloudReader
from tools.desk import AdvisorReader, Archive
from tools.errors import UsageError
from tools.market.pricebook import list_rates
from tools.market.prices import analyze
from tools.market.stretch import read_stretch
from tools.records import (
    LINUX,
    CapacityPool,
    Fleet,
    Hazard,
    InstanceTypeSpec,
    Interruption,
    Opportunity,
    OpportunityAnalysis,
    PoolPrices,
    SetAside,
)
from tools.risk.hazard import StateForecaster, interruption_within, pool_forecast, pool_hazard
from tools.risk.knowledge import SIGNAL_IAM, read_forecaster

SURVEY_IAM = (
    *SIGNAL_IAM,
    "ec2:DescribeInstanceTypeOfferings",
    "ec2:DescribeInstanceTypes",
    "ec2:DescribeReservedInstances",
    "ec2:DescribeSpotPriceHistory",
    "pricing:GetProducts",
    "savingsplans:DescribeSavingsPlanRates",
    "savingsplans:DescribeSavingsPlans",
)
SHORT_HORIZONS_MINUTES = (60.0, 1440.0)
"""shown beside the horizon that was asked for"""
MOST_HOURS = 90 * 24.0
NO_PRICE = "no spot price in the zone over the window"
NO_ON_DEMAND = "no on-demand price"


@dataclass(frozen=True)
class Question:
    """horizon_hours  that the work will run
    window_hours   of prices, ending now
    chart_points   of prices a pool at most
    scores         ask EC2 for placement scores of all types together
    """

    horizon_hours: float
    window_hours: float
    product: str = LINUX
    work: WorkShape = field(default_factory=WorkShape)
    chart_points: int = 0
    scores: bool = False

    def __post_init__(self) -> None:
        for name in ("horizon_hours", "window_hours"):
            value = getattr(self, name)
            if not 0 < value <= MOST_HOURS:
                raise UsageError(f"{name} {value:g}", hint=f"give hours above 0, at most {MOST_HOURS:,.0f}: 90 days")


@dataclass(frozen=True)
class Doors:
    """What a survey reads from."""

    reader: CloudReader
    clock: Clock
    archive: Archive
    advisor: AdvisorReader


@dataclass(frozen=True)
class Survey:
    """Every priced pool, not yet weighed, and the evidence that speaks for all of them."""

    question: Question
    pools: tuple[PoolPrices, ...]
    specs: Mapping[str, InstanceTypeSpec]
    seen: Evidence
    set_aside: tuple[SetAside, ...]
    notes: tuple[str, ...]


def survey(
    doors: Doors,
    specs: Mapping[str, InstanceTypeSpec],
    question: Question,
    left: LeftOut,
    *,
    fleets: Sequence[Fleet] | None = None,
) -> Survey:
    """Read everything that is known of the pools of some types.

    left    grows by the zones without a price
    fleets  of the account, where they were read already
    Raises  CloudError: prices or types cannot be read; everything else that cannot is in `seen.missing`
    """
    now, product = doors.clock.now(), question.product
    start = now - timedelta(hours=question.window_hours)
    stretch = read_stretch(doors.reader, doors.archive, sorted(specs), start=start, now=now, product=product)
    missing: list[str] = []
    rates = list_rates(doors.reader, sorted(specs), product, missing)
    on_demand = {(t, product): r.usd_per_hour for t, r in rates.items()}
    pools, aside = analyze(stretch.prices, start=start, end=now, on_demand=on_demand, points=question.chart_points)
    priced = tuple(p for p in pools if p.mean_usd_per_hour is not None)
    _count_unpriced(specs.values(), priced, left)
    listed = {t: r.usd_per_hour for t, r in rates.items()}
    known = read_known(doors.reader, doors.archive, doors.advisor, now=now, product=product)
    placement = read_placement(doors.reader, sorted(specs), missing=missing) if question.scores else ()
    seen = Evidence(
        known=known,
        product=product,
        placement=placement,
        paid=read_commitments(doors.reader, specs, listed, now=now, product=product, fleets=fleets),
        work=question.work,
        missing=(*known.missing, *missing, *(() if question.scores else (NOT_IN_A_SCAN,))),
    )
    return Survey(question, priced, specs, seen, aside, stretch.notes)


def _count_unpriced(specs: Iterable[InstanceTypeSpec], priced: Sequence[PoolPrices], left: LeftOut) -> None:
    known = {(p.pool.instance_type, p.pool.zone_name) for p in priced}
    for spec in specs:
        for zone in spec.zones:
            if (spec.instance_type, zone) not in known:
                left.add(NO_PRICE, f"{spec.instance_type}/{zone}")


def weighed(doors: Doors, found: Survey, pools: Sequence[PoolPrices]) -> tuple[Opportunity, ...]:
    """Every pool with its hazard from the Advisor's band and our own records."""
    seen, longest = found.seen, found.question.horizon_hours * 60
    minutes = [*(m for m in SHORT_HORIZONS_MINUTES if m < longest), longest]
    trouble: list[str] = []
    forecaster = read_forecaster(trouble) if seen.known.exposures else None
    hazards: dict[object, Hazard] = {}
    opportunities = []
    for prices in pools:
        pool = prices.pool
        hazard = _hazard(pool, seen, hazards)
        opportunities.append(
            weigh(
                prices,
                hazard=hazard,
                within=_within(doors.archive, forecaster, hazard, seen, minutes),
                baseline=marginal_rate(pool.instance_type, pool.zone_name, seen.paid),
                seen=seen,
                spec=found.specs.get(pool.instance_type),
            )
        )
    return tuple(opportunities)


def _within(
    archive: Archive, forecaster: StateForecaster | None, hazard: Hazard, seen: Evidence, minutes: Sequence[float]
) -> tuple[Interruption, ...]:
    """From the pool's own recent states where we watch it, else from its rate: what `market forecast` tells too."""
    known = seen.known
    if hazard.exposure is None:
        return tuple(
            interruption_within(hazard, horizon_minutes=m, as_of=known.now, pattern=known.pattern) for m in minutes
        )
    return pool_forecast(
        archive,
        forecaster,
        hazard.pool,
        hazard,
        region=known.region,
        horizons_minutes=minutes,
        now=known.now,
        pattern=known.pattern,
    )


def _hazard(pool: CapacityPool, seen: Evidence, known: dict[object, Hazard]) -> Hazard:
    """The zones of a type that we never ran in share the Advisor's word: it is worked out once."""
    exposure = seen.exposure(pool)
    key = pool if exposure is not None else pool.instance_type
    if key not in known:
        known[key] = pool_hazard(pool, band=seen.band(pool), exposure=exposure, as_of=seen.now)
    return known[key].with_(pool=pool)


def analysis(
    found: Survey, ordered: Sequence[Opportunity], *, asked: Mapping[str, str], order: Order, left: LeftOut
) -> OpportunityAnalysis:
    """The whole answer as one record."""
    question, seen = found.question, found.seen
    return OpportunityAnalysis(
        region=seen.known.region,
        asked=dict(asked),
        horizon_hours=question.horizon_hours,
        window_hours=question.window_hours,
        product=question.product,
        ordered_by=order.words,
        opportunities=tuple(ordered),
        left_out=left.counted(),
        set_aside=found.set_aside,
        commitments=seen.paid.words(),
        assumptions=(*question.work.words(), *_ASSUMED, *found.notes),
        as_of=seen.now,
        source=_source(seen),
    )


_ASSUMED = (
    "commitments are used by the on-demand instances of this region's fleets only: others of the account are not seen",
)


def _source(seen: Evidence) -> str:
    parts = ["EC2 DescribeSpotPriceHistory, AWS Price List, Savings Plans, Reserved Instances"]
    if seen.placement:
        parts.append(seen.placement[0].source)
    return ", ".join((*parts, *seen.known.sources))
