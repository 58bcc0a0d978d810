"""scan_market: every pool of a region that has the wanted attributes, weighed and ranked, and what was left out."""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from tools.choice.left_out import LeftOut, pool_name
from tools.choice.ranking import order_named, ranked
from tools.choice.survey import NO_ON_DEMAND, SURVEY_IAM, Doors, Question, analysis, survey, weighed
from tools.choice.useful_hour import WorkShape
from tools.choice.wanted import Range, Wanted, sift
from tools.cloud import Clock, CloudReader
from tools.desk import AdvisorReader, Archive
from tools.errors import UsageError
from tools.records import LINUX, InstanceTypeSpec, Opportunity, OpportunityAnalysis, PoolPrices
from tools.tool import tool

DEFAULT_HORIZON_HOURS = 168.0
DEFAULT_WINDOW_HOURS = 24.0
"""of prices: enough for today's market, and one answer of EC2 for a whole region"""
DEFAULT_LIMIT = 20
MAX_LIMIT = 200
MAX_TYPES = 400
"""asked for prices at once; EC2's own attribute-based selection takes as many names. Smaller ones go first"""
Architecture = Literal["x86_64", "arm64"]


@tool(
    effect="read",
    iam=SURVEY_IAM,
    example={
        "min_vcpus": 4, "max_vcpus": 16, "min_memory_gib": 16, "max_memory_gib": 64,
        "architectures": ["x86_64"], "min_accelerators": 0, "limit": 10,
    },
)  # fmt: skip
def scan_market(
    reader: CloudReader,
    clock: Clock,
    archive: Archive,
    advisor: AdvisorReader,
    min_vcpus: Annotated[int, Field(ge=1, le=1024)],
    max_vcpus: Annotated[int, Field(ge=1, le=1024)],
    min_memory_gib: Annotated[float, Field(ge=0, le=65_536)],
    max_memory_gib: Annotated[float, Field(ge=0, le=65_536)],
    architectures: Annotated[tuple[Architecture, ...], Field(max_length=2)],
    min_accelerators: Annotated[int, Field(ge=0, le=64)],
    limit: Annotated[int, Field(ge=1, le=50)],
) -> OpportunityAnalysis:
    """Find the cheapest spot pools of the whole region by size and architecture, per useful vCPU-hour or GPU-hour.

    architectures     empty = any
    min_accelerators  0 = none needed; 1 or more: ranked per accelerator
    Raises            UsageError: a range that ends before it starts; CloudError
    """
    wanted = Wanted(
        vcpus=_range("vcpus", min_vcpus, max_vcpus),
        memory_gib=_range("memory_gib", min_memory_gib, max_memory_gib),
        accelerators=Range(min_accelerators or None, None),
        architectures=tuple(architectures),
    )
    return scan(Doors(reader, clock, archive, advisor), wanted, limit=limit)


def _range(name: str, low: float, high: float) -> Range:
    if low > high:
        raise UsageError(f"{name} from {low:g} to {high:g}: the range ends before it starts", hint="swap the two")
    return Range(low, high)


def scan(
    doors: Doors,
    wanted: Wanted,
    *,
    by: str | None = None,
    limit: int = DEFAULT_LIMIT,
    per_type: int | None = None,
    horizon_hours: float = DEFAULT_HORIZON_HOURS,
    window_hours: float = DEFAULT_WINDOW_HOURS,
    product: str = LINUX,
    work: WorkShape | None = None,
) -> OpportunityAnalysis:
    """`scan_market` with everything that a person may set.

    by        an order of tools.choice.ranking; None = per accelerator where some were asked for, else per vCPU
    per_type  pools of one type at most, so that a list is spread over types; None = all its zones
    One question to EC2 prices every type: it never asks type by type.
    """
    order, left = order_named(by or default_order(wanted)), LeftOut()
    kept = sift(doors.reader.instance_types(), wanted, doors.reader.zone_ids(), left)
    specs = {s.instance_type: s for s in _capped(list(kept.values()), left)}
    question = Question(horizon_hours, window_hours, product=product, work=work or WorkShape())
    found = survey(doors, specs, question, left)
    pools = [p for p in found.pools if _fits(p, specs, wanted, left)]
    best = _first(ranked(weighed(doors, found, pools), order), limit, per_type, left)
    asked = wanted.asked() | {"by": by or default_order(wanted)}
    return analysis(found, best, asked=asked, order=order, left=left)


def default_order(wanted: Wanted) -> str:
    asks = wanted.accelerator_names or (wanted.accelerators.low or 0) > 0
    return "per-accelerator" if asks else "per-vcpu"


def _capped(specs: Sequence[InstanceTypeSpec], left: LeftOut) -> Sequence[InstanceTypeSpec]:
    smallest = sorted(specs, key=lambda s: (s.vcpus, s.memory_gib, s.instance_type))
    for spec in smallest[MAX_TYPES:]:
        left.add(f"not asked: more than {MAX_TYPES} types fit, the smaller ones went first", spec.instance_type)
    return smallest[:MAX_TYPES]


def _fits(prices: PoolPrices, specs: dict[str, InstanceTypeSpec], wanted: Wanted, left: LeftOut) -> bool:
    """A pool of a wanted zone, whose price can be compared and is within the limits."""
    pool = prices.pool
    if pool.zone_name not in specs[pool.instance_type].zones:
        return False  # its zone was left out, or counted, before
    if prices.saving_share is None:
        left.add(NO_ON_DEMAND, pool_name(pool))
        return False
    if not wanted.price_share.open and not wanted.price_share.holds(1 - prices.saving_share):
        left.add(f"price outside {wanted.price_share} of on-demand", pool_name(pool))
        return False
    return True


def _first(found: Sequence[Opportunity], limit: int, per_type: int | None, left: LeftOut) -> tuple[Opportunity, ...]:
    """The best `limit`, at most `per_type` of one type."""
    best: list[Opportunity] = []
    taken: Counter[str] = Counter()
    for one in found:
        kind = one.pool.instance_type
        if per_type is not None and taken[kind] >= per_type:
            left.add(f"not among the first {per_type} of its type", pool_name(one.pool))
        elif len(best) >= limit:
            left.add(f"ranked below the first {limit}", pool_name(one.pool))
        else:
            taken[kind] += 1
            best.append(one)
    return tuple(best)
