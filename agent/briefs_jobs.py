"""Jobs as a model reads them: what is durable, what is left, what an interruption costs, how the last ones went."""

from typing import Any

from agent.briefs_job_advice import of_advice
from tools.jobs.report import JobsReport, JobState
from tools.records import utc_text

UNTRUSTED_IN_JOBS = ("jobs.job", "jobs.fleet", "jobs.checkpoint_id", "jobs.advice.reason", "jobs.last_recoveries.told")
"""where text stands that somebody else wrote"""
_SHOWN = 3


def of_jobs(found: JobsReport) -> dict[str, Any]:
    return {
        "jobs": [_job(state) for state in found.jobs],
        "jobs_total": len(found.jobs),
        "not_known": list(found.missing),
        "as_of": utc_text(found.as_of),
        "source": found.source,
    }


def _job(state: JobState) -> dict[str, Any]:
    outlook, progress, advice = state.outlook, state.progress, state.advice
    slack = outlook.slack_seconds if advice is None else advice.slack.seconds
    by = outlook.on_demand_by if advice is None else advice.on_demand_by
    usd = state.lost.usd
    return {
        "job": state.job.job_id,
        "fleet": state.job.fleet.fleet_id,
        "workload": state.job.workload,
        "registered": not state.job.implicit,
        "durable_share": progress.share,
        "checkpoint_id": progress.checkpoint_id,
        "checkpoint_age_seconds": _whole(progress.age_seconds),
        "work_left_seconds": _whole(outlook.work_left_seconds),
        "eta": _at(state.eta.finishes_at),
        "eta_unknown": state.eta.unknown,
        "deadline": _at(outlook.deadline),
        "slack_seconds": _whole(slack),
        "on_demand_must_begin_by": _at(by),
        "spot_is_safe_until_the_next_look": outlook.spot_is_safe,
        "advice": of_advice(advice),
        "lost_if_interrupted_now": {
            "unsaved_minutes": state.lost.unsaved_minutes,
            "usd": None if usd is None else str(round(usd, 2)),
        },
        "goes_on_with": state.choice.take,
        "why": state.choice.why,
        "last_recoveries": [
            {
                "status": view.recovery.status,
                "instance_id": view.recovery.instance_id,
                "notice_at": utc_text(view.recovery.notice_at),
                "told": view.recovery.told,
                "saved_seconds": view.timeline.saved_seconds,
                "replaced_seconds": view.timeline.replaced_seconds,
                "restored_seconds": view.timeline.restored_seconds,
                "lost_work_seconds": view.recovery.lost_work_seconds,
            }
            for view in state.recoveries[:_SHOWN]
        ],
    }


def jobs_line(found: JobsReport) -> str:
    late = sum((s.outlook.slack_seconds or 0) < 0 for s in found.jobs)
    at_work = sum(v.recovery.status == "open" for s in found.jobs for v in s.recoveries)
    return f"{len(found.jobs)} jobs, {late} late for their deadline, {at_work} being recovered"


def _whole(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds)


def _at(moment: Any) -> str | None:
    return None if moment is None else utc_text(moment)
