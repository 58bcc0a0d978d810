"""forecast_interruptions: how likely pools take an instance within hours, what that rests on, what is not known."""

from collections.abc import Sequence

from tools.cloud import Clock, CloudReader
from tools.desk import AdvisorReader, Archive
from tools.errors import NoPriceHistory
from tools.market.pricebook import PriceBook
from tools.market.subject import is_instance_type, named_fleet
from tools.records import (
    CapacityPool,
    Evidence,
    Fleet,
    InterruptionForecast,
    Name,
    PoolForecast,
)
from tools.risk.guide import pattern_based_prediction
from tools.risk.knowledge import RISK_IAM, Knowledge
from tools.risk.score import MOSTLY_BAND, placed
from tools.risk.sight import Sight, look
from tools.tool import tool

HORIZONS_MINUTES = (60.0, 360.0, 1440.0, 2880.0)
"""the end of tomorrow is never further than the last"""
_DAYS = 2


@tool(
    effect="read",
    iam=RISK_IAM,
    example={"subject": "ml-train"},
)
def forecast_interruptions(
    reader: CloudReader, clock: Clock, archive: Archive, advisor: AdvisorReader, subject: Name
) -> InterruptionForecast:
    """How likely an instance of each pool is interrupted within 1, 6, 24 and 48 hours, with intervals; or «unknown».

    subject  a fleet's name or id, or an instance type such as g5.xlarge (every zone of the region)
    Tomorrow lies within the 48 hours. The Advisor's band and EC2's placement score stand beside it, each with its
    meaning and date: neither is a probability.
    Raises   NotFound: no such fleet; NoPriceHistory: EC2 sells none of its pools here; CloudError
    """
    fleet = None if is_instance_type(subject) else named_fleet(reader, subject)
    types = _types(fleet) if fleet else (subject,)
    sight = look(reader, clock, archive, advisor, types=types, fleet=fleet)
    pools = _pools(fleet, types, sight.book)
    if not pools:
        raise NoPriceHistory(
            f"{subject}: EC2 knows no spot pool of {', '.join(types) or 'any type'} here",
            hint="check the region and the spelling of the type",
        )
    found = [_forecast(pool, sight) for pool in pools]
    return InterruptionForecast(
        subject=subject, pools=tuple(sorted(found, key=_most_pressed)), as_of=sight.knowledge.now, source=_source(sight)
    )


def _types(fleet: Fleet) -> tuple[str, ...]:
    return tuple(sorted({*fleet.instance_types, *(i.instance_type for i in fleet.spot)}))


def _pools(fleet: Fleet | None, types: Sequence[str], book: PriceBook) -> list[CapacityPool]:
    """Pools that its spot instances are in, and those it may launch in: what has a spot price is for sale."""
    found = {} if fleet is None else {(i.instance_type, i.zone_name): i.pool for i in fleet.spot}
    for prices in book.pools.values():
        pool = prices.pool
        if pool.instance_type in types and (fleet is None or pool.zone_name in fleet.zones):
            found.setdefault((pool.instance_type, pool.zone_name or pool.zone_id or "?"), pool)
    return [found[key] for key in sorted(found)]


def _forecast(pool: CapacityPool, sight: Sight) -> PoolForecast:
    knowledge = sight.knowledge
    known = knowledge.of(pool)
    score = sight.score(pool)
    hazard = knowledge.hazard(pool)
    within = sight.within(hazard, HORIZONS_MINUTES)
    times = Evidence(
        fact="hour and weekday", value=knowledge.pattern.says, source="archive of our own fleets", as_of=knowledge.now
    )
    told = {MOSTLY_BAND, *(e.fact for e in hazard.evidence)}  # the hazard itself says the rate
    signs = tuple(e for e in score.evidence if e.fact not in told)
    return PoolForecast(
        pool=pool,
        level=score.level,
        within=within,
        hazard=hazard.with_(evidence=(*hazard.evidence, *signs, times)),
        advisor=known.band,
        placement=placed(pool, sight.placement),
        guide_average_probability=_guide(knowledge),
        missing=tuple(dict.fromkeys((*score.missing, *sight.missing))),
    )


def _guide(knowledge: Knowledge) -> float:
    """What the guides say of a pool of which they know no pattern: .1 an hour, whatever the pool."""
    found: float = pattern_based_prediction({}, _DAYS, now=knowledge.now)["average_probability"]
    return found


def _most_pressed(found: PoolForecast) -> tuple[int, float, str]:
    """Level first, unknown after medium: it may be anything; then its rate."""
    order = {"high": 0, "medium": 1, "unknown": 2, "low": 3}[found.level]
    return order, -(found.hazard.per_100_hours or 0.0), found.pool.label


def _source(sight: Sight) -> str:
    parts = [sight.book.source]
    if sight.placement:
        parts.append("EC2 GetSpotPlacementScores")
    return ", ".join((*parts, *sight.knowledge.sources))
