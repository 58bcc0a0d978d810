"""A deadline advice as a model reads it: what to run on now, until when, at what cost; the unknown with its reason."""

from typing import Any

from tools.records import utc_text
from tools.recovery.deadline.advice_records import Cost, DeadlineAdvice, Span


def of_advice(advice: DeadlineAdvice | None) -> dict[str, Any] | None:
    """None = the job has no deadline."""
    if advice is None:
        return None
    return {
        "run_on_now": advice.take,
        "pool": None if advice.pool is None else advice.pool.label,
        "pool_chosen": advice.pool_by,
        "because": advice.because,
        "reason": advice.reason,
        "runs_on": advice.holds,
        "deadline_is_kept_if_followed": advice.kept,
        "deadline": utc_text(advice.deadline),
        "on_demand_must_begin_by": None if advice.on_demand_by is None else utc_text(advice.on_demand_by),
        "on_demand_from_now_is_done_at": None if advice.done_at is None else utc_text(advice.done_at),
        "slack": _span(advice.slack),
        "late": _span(advice.late),
        "changeover": _span(advice.changeover),
        "on_demand_all_the_way": _cost(advice.on_demand),
        "expected": _cost(advice.expected),
        "past_seen": _span(advice.past),
        "as_of": utc_text(advice.as_of),
    }


def _span(span: Span) -> dict[str, Any]:
    return {"seconds": None if span.seconds is None else round(span.seconds), "basis": span.basis}


def _cost(cost: Cost) -> dict[str, Any]:
    return {"usd": None if cost.usd is None else str(round(cost.usd, 2)), "basis": cost.basis}
