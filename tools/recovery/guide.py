"""The published guides' rules of recovery, exactly as they stand, by name. Beside ours, never to decide by.

Every docstring says what is wrong with its rule and what ours does instead.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from tools.recovery.guard.waste import guide_seconds

ReplacementStrategy = Literal["spot_retry", "on_demand_fallback", "different_type"]

SEQUENCE = ("detect", "save job state", "create checkpoint", "request replacement", "restart on it", "notify")
"""Defect  one after the other inside 120 s, the replacement near the end; state and checkpoint are two writes.
Ours    the replacement is asked for at once, beside the save; one checkpoint with its manifest last."""


def checkpointing_frequency(estimated_duration: float = 3600) -> str:
    """Below 30 min every 5, below 2 h every 15, else every 30 minutes; a duration that is not told is an hour.

    Defect  its comment says «inverse to the job's length» and it does the opposite; δ and M play no part.
    Ours    √(2δM) from measured δ and M, with what a notice saves (tools/recovery/interval.py).
    """
    return f"every_{guide_seconds(estimated_duration) / 60:.0f}_minutes"


def determine_replacement_strategy(job_context: Mapping[str, Any]) -> ReplacementStrategy:
    """High priority or a strict time: on-demand. Else above .8 of the work on-demand, below .2 another type.

    Between them, and at exactly .2 and .8: spot again. Not told is normal, 0, flexible: such a job changes type.
    Defect  `progress` is what the job claims, not what a checkpoint would bring back.
    Defect  80 % of three weeks leaves four days of on-demand; 80 % of an hour leaves twelve minutes: one rule for both.
    Ours    progress at the last durable checkpoint, hours left, deadline, price (tools/recovery/deadline, lost_work).
    """
    progress = job_context.get("progress", 0)
    urgent = job_context.get("priority", "normal") == "high"
    if urgent or job_context.get("time_constraint", "flexible") == "strict" or progress > 0.8:
        return "on_demand_fallback"
    return "different_type" if progress < 0.2 else "spot_retry"


def request_replacement_instance(
    strategy: str, *, original_type: str, original_az: str, alternative_type: str
) -> dict[str, str | None]:
    """What each strategy asks for: purchase option, type, excluded zone. Any other word: spot, the same type, any zone.

    Defect  one try: no limit, no next step when EC2 refuses, and on-demand can be out of capacity too.
    Defect  `different_type` and the default may come back to the pool that was just taken.
    Defect  another zone than the volumes': an EBS volume stays in its zone.
    Ours    an ordered chain with limits, and pools that failed are remembered (tools/recovery).
    """
    asked: dict[str, dict[str, str | None]] = {
        "spot_retry": {"purchase_option": "spot", "instance_type": original_type, "exclude_az": original_az},
        "on_demand_fallback": {"purchase_option": "on-demand", "instance_type": original_type, "exclude_az": None},
        "different_type": {"purchase_option": "spot", "instance_type": alternative_type, "exclude_az": None},
    }
    return asked.get(strategy, {"purchase_option": "spot", "instance_type": original_type, "exclude_az": None})


def estimate_completion_time(restart_result: Mapping[str, float], *, now: datetime) -> datetime:
    """now + (1 − progress) / processing_rate seconds; a rate of 0 or less: now. The guides take a clock without a zone.

    Defect  a rate that is not told is 1: all work is done within a second. A rate of 0 is «done now».
    Defect  neither the restart nor another interruption takes time.
    Ours    unknown is unknown; the rate is measured; restart and further interruptions count (tools/recovery/eta.py).
    """
    remaining = 1 - restart_result.get("progress", 0)
    rate = restart_result.get("processing_rate", 1)
    return now + timedelta(seconds=remaining / rate if rate > 0 else 0)
