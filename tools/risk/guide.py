"""The published guides' formulas, exactly as they stand, by name. For comparison beside ours, never to decide by.

Every docstring says what is wrong with its formula and what ours does instead; tests show both. Keys and Korean words
are the guides' own.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from tools.errors import UsageError
from tools.records import GuideRisk

GuideLevel = Literal["low", "medium", "high"]

ACTIONS: dict[GuideLevel, tuple[tuple[str, str], ...]] = {
    "high": (
        ("즉시 체크포인트 생성", "create a checkpoint now"),
        ("대체 인스턴스 준비", "prepare a replacement instance"),
        ("작업 우선순위 재평가", "re-rank the jobs"),
        ("온디맨드 폴백 고려", "consider falling back to on-demand"),
    ),
    "medium": (
        ("정기 체크포인트 확인", "verify the regular checkpoints"),
        ("대체 인스턴스 모니터링", "watch for replacement instances"),
        ("작업 진행률 확인", "check the progress of the job"),
    ),
    "low": (
        ("정상 모니터링 계속", "keep monitoring as usual"),
        ("비용 절감 효과 확인", "confirm the savings"),
    ),
}
"""Korean as published, English; by level"""

_DEFAULT = 0.1


def cost_savings(on_demand_price: float, price_analysis: Mapping[str, float]) -> dict[str, float]:
    """Share and amount saved against on-demand.

    Defect  an unknown spot price is 0, so an unknown market saves 100 %; the mean is not time-weighted.
    Ours    unknown is None; time-weighted mean; against the rate that the hour really costs (tools/choice).
    """
    spot_price = price_analysis.get("average_price", 0)
    if on_demand_price > 0:
        return {
            "savings_percentage": (on_demand_price - spot_price) / on_demand_price,
            "savings_amount": on_demand_price - spot_price,
            "on_demand_price": on_demand_price,
            "spot_price": spot_price,
        }
    return {"savings_percentage": 0, "savings_amount": 0}


def overall_score(
    price_analysis: Mapping[str, float],
    interruption_prediction: Mapping[str, Any],
    availability_analysis: Mapping[str, float],
    savings: Mapping[str, float],
) -> float:
    """0.2 price stability + 0.3 interruption + 0.3 availability + 0.2 saving.

    Defect  it reads `interruption_probability`, and the predictor returns `average_probability`: the term is always 1.
    Defect  nothing is clamped: volatility above 1 and negative savings push the score out of 0..1.
    Ours    `overall_score_as_meant` is this with typed arguments; tools/choice/score.py has an interval besides, and
            the thresholds of a recommendation, which the guides name and never define.
    """
    price_stability = 1 - price_analysis.get("price_volatility", 0)
    interruption_score = 1 - float(interruption_prediction.get("interruption_probability", 0))
    availability_score = availability_analysis.get("availability_rate", 0)
    savings_score = min(1.0, savings.get("savings_percentage", 0) / 0.9)
    return price_stability * 0.2 + interruption_score * 0.3 + availability_score * 0.3 + savings_score * 0.2


def overall_score_as_meant(
    *,
    price_volatility: float | None,
    interruption_probability: float | None,
    availability_rate: float | None,
    savings_share: float | None,
) -> float | None:
    """The same weights with the key repaired and every term kept in 0..1; None when a term is unknown."""
    if price_volatility is None or interruption_probability is None:
        return None
    if availability_rate is None or savings_share is None:
        return None
    terms = (
        (0.2, 1 - price_volatility),
        (0.3, 1 - interruption_probability),
        (0.3, availability_rate),
        (0.2, savings_share / 0.9),
    )
    return sum(weight * min(max(value, 0.0), 1.0) for weight, value in terms)


def pattern_based_prediction(
    patterns: Mapping[str, Mapping[str, float]], time_horizon: int, *, now: datetime
) -> dict[str, Any]:
    """Per hour of `time_horizon` days the mean of an hourly, a daily and a seasonal probability.

    now     the guides take a clock without a time zone
    Defect  .1 where nothing is known: 92 % a day, all but certain in a week, made of nothing.
    Defect  the hour starts at 0 and not at now's; the weekday rolls 24 h after now and not at midnight.
    Defect  rates per hour and per day are averaged, and the mean of marginals is no probability.
    Defect  horizon 0 divides by zero: here it is refused. `p_interrupt_horizon` is added: what they amount to.
    Defect  confidence is called and never defined: left out; ours comes from the interval's width.
    Ours    base rate × factors from the aware time stamp, P = 1 − exp(−Σλ) (tools/risk/pattern.py, hazard.py).
    """
    _check_days(time_horizon)
    predictions = []
    for i in range(time_horizon * 24):
        hour = i % 24
        weekday = (now.weekday() + i // 24) % 7
        hourly = patterns.get("hourly", {}).get(str(hour), _DEFAULT)
        daily = patterns.get("daily", {}).get(str(weekday), _DEFAULT)
        seasonal = patterns.get("seasonal", {}).get("current", _DEFAULT)
        predictions.append(
            {"timestamp": now + timedelta(hours=i), "interruption_probability": (hourly + daily + seasonal) / 3}
        )
    return {**summary(predictions), "patterns_used": list(patterns)}


def combine_predictions(ml: Mapping[str, Any], pattern: Mapping[str, Any]) -> dict[str, Any]:
    """0.7 of the model's probability and confidence + 0.3 of the pattern's, hour by hour.

    Defect  zip drops what only one of them has, silently: here a different length is refused.
    Defect  the weights are fixed: ours are learned from held-out log-loss, with these as a start (blend.py).
    Raises  UsageError: different lengths, or none
    """
    ours, theirs = ml["predictions"], pattern["predictions"]
    if len(ours) != len(theirs) or not ours:
        raise UsageError(f"{len(ours)} predictions of the model and {len(theirs)} of the pattern: the same is needed")
    combined = [
        {
            "timestamp": a["timestamp"],
            "interruption_probability": a["interruption_probability"] * 0.7 + b["interruption_probability"] * 0.3,
            "confidence": a.get("confidence", 0.5) * 0.7 + b.get("confidence", 0.5) * 0.3,
            "ml_probability": a["interruption_probability"],
            "pattern_probability": b["interruption_probability"],
        }
        for a, b in zip(ours, theirs, strict=True)
    ]
    return {**summary(combined), "method": "combined_ml_pattern"}


def summary(predictions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """average_probability, max_probability; and p_interrupt_horizon, the chance of at least one in all hours.

    Raises  UsageError: no hour at all
    """
    found = [float(p["interruption_probability"]) for p in predictions]
    if not found:
        raise UsageError("a horizon of 0 hours has no average", hint="ask for a day or more")
    survives = 1.0
    for p in found:
        survives *= 1 - p
    return {
        "predictions": list(predictions),
        "average_probability": sum(found) / len(found),
        "max_probability": max(found),
        "p_interrupt_horizon": 1 - survives,
    }


def assess_interruption_risk(metrics: Mapping[str, float]) -> GuideRisk:
    """0.3 volatility + 0.3 (1 − availability trend) + 0.2 age up to 24 h + 0.2 the region's rate.

    Defect  age is risk: every healthy instance gains .2 on its first day (another cloud's 24 h limit).
    Defect  a missing trend adds .3, so nothing known scores .3, and .5 after a day; a negative one leaves 0..1.
    Ours    pool hazard, signals for the very instance, placement score, refusals; missing is unknown; age counts only
            as work that is not saved (tools/risk/instances.py).
    """
    volatility = metrics.get("price_volatility", 0)
    trend = metrics.get("availability_trend", 0)
    age = metrics.get("instance_age_hours", 0)
    region = metrics.get("region_interruption_rate", 0)
    score = volatility * 0.3 + (1 - trend) * 0.3 + min(age / 24, 1) * 0.2 + region * 0.2
    level = risk_level(score)
    return GuideRisk(
        score=score,
        level=level,
        factors={
            "price_volatility": volatility,
            "availability_trend": trend,
            "instance_age": age,
            "region_pattern": region,
        },
        actions=tuple(f"{korean} ({english})" for korean, english in ACTIONS[level]),
    )


def risk_level(score: float) -> GuideLevel:
    """Strictly above .8 is high, strictly above .5 medium."""
    levels: tuple[tuple[float, GuideLevel], ...] = ((0.8, "high"), (0.5, "medium"))
    return next((level for above, level in levels if score > above), "low")


def actions(level: GuideLevel, language: Literal["ko", "en"]) -> tuple[str, ...]:
    """4, 3 or 2 pieces of advice. Ours are typed actions that can be proposed (tools/risk/instances.py)."""
    return tuple(pair[language == "en"] for pair in ACTIONS[level])


def _check_days(days: int) -> None:
    if days < 1:
        raise UsageError(f"a horizon of {days} days", hint="ask for 1 or more")
