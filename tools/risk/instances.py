"""assess_instances: every spot instance of a fleet, how likely it is to be taken, what that would cost, what to do."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from tools.cloud import Clock, CloudReader
from tools.desk import AdvisorReader, Archive
from tools.errors import AccessDenied, DataError, NotFound, Rejected
from tools.market.subject import named_fleet
from tools.records import (
    AdvisorBand,
    CapacityPool,
    Evidence,
    Fleet,
    FleetInstanceRisk,
    GuideRisk,
    Hazard,
    Instance,
    InstanceRisk,
    Interruption,
    Name,
    PoolSignal,
    RiskLevel,
    RiskScore,
)
from tools.recovery.checkpoints import checkpoint_store, stored
from tools.recovery.lost_work import unsaved_minutes
from tools.risk.advice import Pressed, recommend
from tools.risk.guide import assess_interruption_risk
from tools.risk.knowledge import RISK_IAM, granted_share
from tools.risk.sight import Sight, look
from tools.tool import tool

HORIZONS_MINUTES = (60.0, 360.0, 1440.0)
_ORDER: dict[RiskLevel, int] = {"high": 0, "medium": 1, "unknown": 2, "low": 3}


@dataclass(frozen=True)
class Saved:
    """The newest whole checkpoint of a fleet's job.

    at    when it was saved; None = there is none, or it could not be read
    says  in words, where `at` is None
    """

    at: datetime | None
    says: str = ""


@tool(
    effect="read",
    iam=(*RISK_IAM, "s3:GetObject", "s3:ListBucket"),
    example={"fleet": "ml-train"},
)
def assess_instances(
    reader: CloudReader, clock: Clock, archive: Archive, advisor: AdvisorReader, fleet: Name
) -> FleetInstanceRisk:
    """Each spot instance of a fleet: risk with evidence, work not saved yet, and typed actions to propose.

    Age is no risk: it counts only as work that is not saved. A signal for the very instance outweighs its pool.
    Raises  NotFound: no such fleet; CloudError
    """
    found = named_fleet(reader, fleet)
    types = sorted({*found.instance_types, *(i.instance_type for i in found.spot)})
    sight = look(reader, clock, archive, advisor, types=types, fleet=found)
    saved = _newest_saved(reader, found) if found.spot else Saved(None, "no spot instance")
    return FleetInstanceRisk(
        fleet=found.ref,
        name=found.name,
        instances=assessed(found, saved, sight),
        as_of=sight.knowledge.now,
        source=", ".join((found.source, sight.book.source, *sight.knowledge.sources)),
    )


@dataclass(frozen=True)
class _Weighed:
    """One pool, weighed once for all instances in it."""

    score: RiskScore
    hazard: Hazard
    within: tuple[Interruption, ...]


def _weighed(pool: CapacityPool, sight: Sight) -> _Weighed:
    hazard = sight.knowledge.hazard(pool)
    return _Weighed(sight.score(pool), hazard, sight.within(hazard, HORIZONS_MINUTES))


def assessed(fleet: Fleet, saved: Saved, sight: Sight) -> tuple[InstanceRisk, ...]:
    """Instances, the most pressed first: by level, then by what would be lost."""
    spot = fleet.spot
    pools = {(i.instance_type, i.zone_name): i.pool for i in spot}
    weighed = {key: _weighed(pool, sight) for key, pool in pools.items()}
    own = defaultdict(list)
    for signal in sight.knowledge.signals:
        own[signal.instance_id].append(signal)
    pressed = []
    for i in spot:
        mine = tuple(s for s in own[i.instance_id] if s.at >= i.launched_at)
        level = level_of(weighed[i.instance_type, i.zone_name].score.level, mine)
        unsaved = unsaved_minutes(saved.at, i.launched_at, now=sight.knowledge.now)
        pressed.append(Pressed(i, level, mine, unsaved))
    high = tuple(p.instance for p in pressed if p.level == "high")
    missing = (*sight.missing, *((saved.says,) if saved.says else ()))
    rows = []
    for p in pressed:
        row = _row(p, weighed[p.instance.instance_type, p.instance.zone_name], sight, missing)
        rows.append(row.with_(recommended=recommend(p, fleet, high=high, now=sight.knowledge.now)))
    return tuple(sorted(rows, key=lambda r: (_ORDER[r.level], -(r.unsaved_minutes or 0.0), r.instance_id)))


def level_of(pool: RiskLevel, own: tuple[PoolSignal, ...]) -> RiskLevel:
    """The pool's level; high once EC2 spoke of this very instance: an interruption is an order, and a rebalance
    recommendation is EC2's own word for «elevated risk».
    """
    return "high" if any(s.kind in ("interruption", "rebalance") for s in own) else pool


def _row(pressed: Pressed, weighed: _Weighed, sight: Sight, missing: tuple[str, ...]) -> InstanceRisk:
    i, score = pressed.instance, weighed.score
    told = {e.fact for e in score.evidence}
    more = (e for e in weighed.hazard.evidence if e.fact not in told)
    return InstanceRisk(
        instance_id=i.instance_id,
        pool=i.pool,
        level=pressed.level,
        within=weighed.within,
        unsaved_minutes=pressed.unsaved_minutes,
        evidence=(*_own_evidence(pressed), *score.evidence, *more),
        missing=tuple(dict.fromkeys((*score.missing, *missing))),
        recommended=(),
        guide=_guide(i, sight),
    )


def _own_evidence(pressed: Pressed) -> tuple[Evidence, ...]:
    words = {"interruption": "EC2 takes this instance", "rebalance": "EC2 recommends to rebalance this instance"}
    return tuple(
        Evidence(fact=words[s.kind], value=f"at {s.at:%H:%M:%S}Z", source=s.source, as_of=s.at)
        for s in pressed.own
        if s.kind in words
    )


def _guide(instance: Instance, sight: Sight) -> GuideRisk:
    """The guides' number from what we know; what we do not know is left to their defaults, as they do."""
    prices = sight.book.pool(instance.instance_type, instance.zone_name)
    now, pool = sight.knowledge.now, instance.pool
    metrics = {"instance_age_hours": (now - instance.launched_at) / timedelta(hours=1)}
    if prices is not None and prices.volatility is not None:
        metrics["price_volatility"] = prices.volatility
    granted = granted_share(sight.knowledge.exposure(pool))
    if granted is not None:
        metrics["availability_trend"] = granted
    band: AdvisorBand | None = sight.knowledge.bands.get(instance.instance_type)
    if band is not None:
        metrics["region_interruption_rate"] = (band.low_share + band.high_share) / 2
    return assess_interruption_risk(metrics)


def _newest_saved(reader: CloudReader, fleet: Fleet) -> Saved:
    store = checkpoint_store(fleet)
    if store is None:
        return Saved(None, "a checkpoint store: the fleet names none, so what an interruption would cost is unknown")
    try:
        found = stored(reader, *store)
    except (AccessDenied, NotFound, Rejected, DataError) as error:
        return Saved(None, f"checkpoints of the job: {error.message}")
    whole = next((c for c in found if c.whole and c.manifest), None)
    if whole is None or whole.manifest is None:
        return Saved(None, f"a whole checkpoint: there is none among {len(found)} in s3://{store[0]}/{store[1]}")
    return Saved(whole.manifest.saved_at)
