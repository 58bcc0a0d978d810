"""Records of the market, of risk and of watching as a model reads them: few, rounded, and none that can be misread.

Chances are 0..1 with their horizon, 90 % interval and method, and null with the reason where there is none. Pools and
instances of which the same is known are told together. What a formula of somebody else's says stays on the screens.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

from agent.briefs_jobs import UNTRUSTED_IN_JOBS, jobs_line, of_jobs
from agent.briefs_keeping import KEEPING, KEEPING_LINES, UNTRUSTED_IN_KEEPING
from tools.jobs.report import JobsReport
from tools.records import (
    AdvisorBand,
    CapacityPool,
    FleetInstanceRisk,
    FleetSample,
    Hazard,
    InstanceRisk,
    Interruption,
    InterruptionForecast,
    Opportunity,
    OpportunityAnalysis,
    PlacementScore,
    PoolForecast,
    PoolPrices,
    PriceAnalysis,
    PriceShift,
    RecommendedAction,
    Watch,
    canonical_json,
    utc_text,
)

MOST_SHIFTS = 3
"""of a pool's price, the largest"""
MOST_IDS = 12
"""instances named of one group"""
_CHANCE = (
    "chance that ONE instance of the pool is interrupted within the hours named, 0..1, with its 90 % interval; null = "
    "no figure, and `abstains` says why"
)
_OF_A_POOL = {"hour and weekday", "own interruptions", "rebalance recommendations", "launch refusals"}
"""evidence of a forecast that is told; prices and bands stand elsewhere"""


def of_prices(found: PriceAnalysis) -> dict[str, Any]:
    """Every pool's figures; of its chart only the largest shifts of level."""
    body = found.model_dump(mode="json", exclude={"pools"})
    body["pools"] = [_prices(p) for p in found.pools]
    return body


def _prices(prices: PoolPrices) -> dict[str, Any]:
    row = prices.model_dump(mode="json", exclude={"pool", "points", "change_points"})
    money = {k: _usd(getattr(prices, k)) for k in row if k.endswith("usd_per_hour")}
    row |= money | {k: _rounded(row[k]) for k in ("volatility", "saving_share")}
    if prices.change_points:
        largest = sorted(prices.change_points, key=_size, reverse=True)[:MOST_SHIFTS]
        row["largest_shifts"] = [
            {"at": utc_text(s.at), "before": _usd(s.before_usd_per_hour), "after": _usd(s.after_usd_per_hour)}
            for s in sorted(largest, key=lambda s: s.at)
        ]
    return {"pool": prices.pool.label, "zone_name": prices.pool.zone_name, **row}


def _size(shift: PriceShift) -> float:
    return abs(math.log(float(shift.after_usd_per_hour / shift.before_usd_per_hour)))


def of_forecast(found: InterruptionForecast) -> dict[str, Any]:
    groups: dict[str, dict[str, Any]] = {}
    for pool in found.pools:
        told = _forecast(pool)
        groups.setdefault(canonical_json(told), told | {"pools": []})["pools"].append(_label(pool.pool))
    return {
        "subject": found.subject,
        "meaning": _CHANCE + ". Neither the Advisor's band nor EC2's placement score is a chance",
        "pools_total": len(found.pools),
        "pool_groups": [{"pools": g.pop("pools"), **g} for g in groups.values()],
        "as_of": utc_text(found.as_of),
        "source": found.source,
    }


def _forecast(pool: PoolForecast) -> dict[str, Any]:
    return {
        "risk_level": pool.level,
        **_within(pool.within),
        "rate": _rate(pool.hazard),
        "advisor": _band(pool.advisor),
        "placement": _placement(pool.placement),
        "evidence": [f"{e.fact}: {e.value}" for e in pool.hazard.evidence if e.fact in _OF_A_POOL],
        "not_known": list(pool.missing),
    }


def _within(within: Sequence[Interruption]) -> dict[str, Any]:
    """chance_within: «24 h» → figures. A dict, so that shortening lists never drops a horizon."""
    told = {f"{w.horizon_minutes / 60:g} h": _interruption(w) for w in within}
    return {"chance_within": told, "based_on": list(dict.fromkeys(w.source for w in within))}


def _interruption(found: Interruption) -> dict[str, Any]:
    if found.probability is None:
        open_between = {"low_90": _share(found.low), "high_90": _share(found.high)} if found.high is not None else {}
        return {"probability": None, **open_between, "abstains": found.abstains or "not enough is known"}
    figures = {"probability": found.probability, "low_90": found.low, "high_90": found.high}
    return {k: _share(v) for k, v in figures.items()} | {"method": found.method}


def _rate(hazard: Hazard) -> dict[str, Any]:
    if hazard.per_100_hours is None:
        return {"interruptions_per_100_instance_hours": None, "abstains": hazard.abstains}
    return {
        "interruptions_per_100_instance_hours": _rounded(hazard.per_100_hours),
        "low_90": _rounded(hazard.low),
        "high_90": _rounded(hazard.high),
        "prior": hazard.prior,
    }


def _band(band: AdvisorBand | None) -> dict[str, Any] | None:
    if band is None:
        return None
    return {"band": band.label, "dated": f"{band.as_of:%Y-%m-%d}", "meaning": band.meaning, "source": band.source}


def _placement(score: PlacementScore | None) -> dict[str, Any] | None:
    if score is None:
        return None
    return {"score_1_to_10": score.score, "as_of": utc_text(score.as_of), "meaning": score.meaning}


def of_instances(found: FleetInstanceRisk) -> dict[str, Any]:
    """Instances of one pool with the same signs are one group; EC2's word for an instance makes a group of its own."""
    groups: dict[str, list[InstanceRisk]] = {}
    for one in found.instances:
        signs = [one.level, _label(one.pool), _signs(one), [r.what for r in one.recommended]]
        groups.setdefault(canonical_json(signs), []).append(one)
    return {
        "fleet": found.fleet.label,
        "name": found.name,
        "meaning": _CHANCE,
        "spot_instances_total": len(found.instances),
        "by_risk_level": dict(Counter(i.level for i in found.instances)),
        "instance_groups": [_group(g) for g in groups.values()],
        "note": "recommended actions are drawn up, not proposed: propose one only when the person asks for it",
        "as_of": utc_text(found.as_of),
        "source": found.source,
    }


def _group(alike: Sequence[InstanceRisk]) -> dict[str, Any]:
    first, ids = alike[0], [i.instance_id for i in alike]
    unsaved = [i.unsaved_minutes for i in alike if i.unsaved_minutes is not None]
    row = {
        "instances": len(alike),
        "instance_ids": ids[:MOST_IDS],
        "pool": _label(first.pool),
        "risk_level": first.level,
        "unsaved_minutes": {"least": round(min(unsaved)), "most": round(max(unsaved))} if unsaved else None,
        **_within(first.within),
        "evidence": _signs(first),
        "recommended": [_recommended(r) for r in first.recommended],
        "not_known": list(first.missing),
    }
    return row | ({"instance_ids_left_out": len(ids) - MOST_IDS} if len(ids) > MOST_IDS else {})


def _signs(risk: InstanceRisk) -> list[str]:
    return [f"{e.fact}: {e.value}" for e in risk.evidence]


def _recommended(found: RecommendedAction) -> dict[str, Any]:
    action = found.action
    return {"what": found.what, "why": found.why, "as_action": ", ".join(action.types) if action else None}


def of_opportunities(found: OpportunityAnalysis) -> dict[str, Any]:
    pools = found.opportunities
    shared = _shared([o.missing for o in pools])
    priced = [o for o in pools if o.usd_per_useful_hour is not None]
    cheapest = min(priced, key=lambda o: o.usd_per_useful_hour or 0, default=None)
    return {
        "region": found.region,
        "asked": found.asked,
        "ordered_by": found.ordered_by,
        "meaning": "useful hour: the mean price and the hours that interruptions eat. " + _CHANCE,
        "horizon_hours": found.horizon_hours,
        "prices_over_hours": found.window_hours,
        "pools_total": len(pools),
        "cheapest_useful_hour": cheapest and {"pool": _label(cheapest.pool), "usd": _usd(cheapest.usd_per_useful_hour)},
        "pools": _rows(found, shared),
        "not_known": list(shared),
        "left_out": [{"reason": s.reason, "count": s.count, "example": s.example} for s in found.left_out],
        "set_aside": [s.model_dump(mode="json") for s in found.set_aside],
        "commitments": found.commitments,
        "assumptions": list(found.assumptions),
        "as_of": utc_text(found.as_of),
        "source": found.source,
    }


def _rows(found: OpportunityAnalysis, shared: tuple[str, ...]) -> list[dict[str, Any]]:
    """Every pool of types that were named; of a scan the best pool of each type, with how many more there are."""
    if "instance_types" in found.asked:
        return [_opportunity(o, found.horizon_hours, shared) for o in found.opportunities]
    best: dict[str, list[Opportunity]] = {}
    for one in found.opportunities:
        best.setdefault(one.pool.instance_type, []).append(one)
    rows = []
    for alike in best.values():
        row = _opportunity(alike[0], found.horizon_hours, shared)
        rows.append(row | ({"more_pools_of_the_type": len(alike) - 1} if len(alike) > 1 else {}))
    return rows


def _shared(lists: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """What stands in every one of them, in the order of the first."""
    rows = list(lists)
    return tuple(text for text in (rows[0] if rows else ()) if all(text in row for row in rows))


def _opportunity(found: Opportunity, horizon_hours: float, shared: tuple[str, ...]) -> dict[str, Any]:
    prices, spec = found.prices, found.spec
    longest = [w for w in found.within if w.horizon_minutes == horizon_hours * 60]
    row: dict[str, Any] = {
        "pool": _label(found.pool),
        "recommendation": found.recommendation,
        "why": found.reasons[-1] if found.reasons else "",
        "usd_per_useful_hour": _usd(found.usd_per_useful_hour),
        "useful_90": {"low": _usd(found.usd_per_useful_hour_low), "high": _usd(found.usd_per_useful_hour_high)},
        "rank_value": _rounded(found.rank_value),
        "spot_mean_usd_per_hour": _usd(prices.mean_usd_per_hour),
        "on_demand_usd_per_hour": _usd(prices.on_demand_usd_per_hour),
        "replaces_usd_per_hour": _usd(found.baseline_usd_per_hour),
        "saving_share": _rounded(found.saving_share),
        "score": _rounded(found.score),
        **{k: v for k, v in _within(longest).items() if k == "chance_within"},
        "advisor_band": found.advisor and found.advisor.label,
    }
    if found.placement is not None:
        row["placement_score"] = found.placement.score
    if spec is not None:
        row |= {"vcpus": spec.vcpus, "memory_gib": _rounded(spec.memory_gib), "arch": spec.architectures[0]}
        if spec.accelerators:
            row["accelerators"] = f"{spec.accelerators} {spec.accelerator_name or ''}".strip()
    if own := [m for m in found.missing if m not in shared]:
        row["not_known"] = own
    return row


def of_watch(found: Watch) -> dict[str, Any]:
    alerts = [a.model_dump(mode="json", exclude={"alert_id", "evidence"}) for a in found.alerts]
    opened = sorted((a for a in alerts if a["cleared_at"] is None), key=lambda a: a["severity"] != "critical")
    return {
        "alerts_open": len(opened),
        "by_severity": dict(Counter(a["severity"] for a in opened)),
        "alerts": [{k: v for k, v in a.items() if k != "cleared_at"} for a in opened],
        "cleared_in_the_last_day": [
            {k: a[k] for k in ("kind", "subject", "message", "raised_at", "cleared_at")}
            for a in alerts
            if a["cleared_at"] is not None
        ],
        "fleets": [_sample(s) for s in found.fleets],
        "samples": found.samples,
        "since": utc_text(found.since) if found.since else None,
        "as_of": utc_text(found.as_of),
        "source": found.source,
    }


def _sample(sample: FleetSample) -> dict[str, Any]:
    """pools hold spot instances only"""
    largest = max(sample.pools.items(), key=lambda p: p[1], default=None)
    return {
        "name": sample.name,
        "risk_level": sample.level,
        "desired_capacity": sample.desired_capacity,
        "running_spot": sample.running_spot,
        "running_on_demand": sample.running_on_demand,
        "usd_per_hour": _usd(sample.usd_per_hour),
        "largest_pool": f"{largest[1]} of {sample.running_spot} spot in {largest[0]}" if largest else None,
        "at": utc_text(sample.at),
    }


def _label(pool: CapacityPool) -> str:
    """With the zone's name beside its id: people say either."""
    return f"{pool.label} ({pool.zone_name})" if pool.zone_id and pool.zone_name else pool.label


def _usd(value: Decimal | None) -> str | None:
    """Six decimals at most: what AWS's prices have."""
    return None if value is None else f"{value.quantize(Decimal('0.000001')).normalize():f}"


def _rounded(value: float | None) -> float | None:
    """Three significant digits, whole numbers whole."""
    if value is None or value == 0:
        return value
    return float(f"{value:.3g}") if abs(value) < 1_000 else float(round(value))


def _share(value: float | None) -> float | None:
    """Three significant digits; what is not certain never reads as 0 or 1."""
    if value is None or value == 0:
        return value
    return min(max(float(f"{value:.3g}"), 0.0001), 0.9999)


BRIEFS: dict[type[Any], Callable[[Any], dict[str, Any]]] = {
    PriceAnalysis: of_prices,
    InterruptionForecast: of_forecast,
    FleetInstanceRisk: of_instances,
    OpportunityAnalysis: of_opportunities,
    Watch: of_watch,
    JobsReport: of_jobs,
    **KEEPING,
}

UNTRUSTED: dict[type[Any], tuple[str, ...]] = {
    PriceAnalysis: ("subject",),
    InterruptionForecast: ("subject",),
    FleetInstanceRisk: ("fleet", "name", "instance_groups.recommended", "instance_groups.not_known"),
    OpportunityAnalysis: ("asked",),
    Watch: ("alerts.subject", "alerts.message", "cleared_in_the_last_day", "fleets.name"),
    JobsReport: UNTRUSTED_IN_JOBS,
    **UNTRUSTED_IN_KEEPING,
}
"""where text stands that somebody else wrote"""


def _forecast_line(found: InterruptionForecast) -> str:
    known = [w for p in found.pools for w in p.within if w.horizon_minutes == 1440 and w.probability is not None]
    if not known:
        return f"{found.subject}: chance of interruption unknown, {len(found.pools)} pools"
    most = max(known, key=lambda w: w.probability or 0)
    low, high = (f"{v:.1%}" if v is not None else "?" for v in (most.low, most.high))
    return (
        f"{found.subject}: {most.probability:.0%} within 24 h (90 %: {low} to {high}) at most, {len(found.pools)} pools"
    )


def _instances_line(found: FleetInstanceRisk) -> str:
    levels = Counter(i.level for i in found.instances)
    told = ", ".join(f"{levels[x]} {x}" for x in ("high", "medium", "unknown", "low") if levels[x])
    return f"{found.name}: {len(found.instances)} spot instances: {told or 'none'}"


def _opportunities_line(found: OpportunityAnalysis) -> str:
    if not found.opportunities:
        return f"no pool fits in {found.region}"
    best = found.opportunities[0]
    useful = _usd(best.usd_per_useful_hour)
    price = f"${float(useful):,.4f} per useful hour" if useful else "useful hour unknown"
    return f"{len(found.opportunities)} pools, first {best.pool.label}: {price}, {best.recommendation}"


def _watch_line(found: Watch) -> str:
    opened = [a for a in found.alerts if a.cleared_at is None]
    worst = sum(a.severity == "critical" for a in opened)
    return f"{len(opened)} open alerts, {worst} critical, {len(found.fleets)} fleets"


LINES: dict[type[Any], Callable[[Any], str]] = {
    PriceAnalysis: lambda r: f"{r.subject}: prices of {len(r.pools)} pools",
    InterruptionForecast: _forecast_line,
    FleetInstanceRisk: _instances_line,
    OpportunityAnalysis: _opportunities_line,
    Watch: _watch_line,
    JobsReport: jobs_line,
    **KEEPING_LINES,
}
