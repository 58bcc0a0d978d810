"""Jobs and their recoveries as lines for a plain terminal."""

from collections.abc import Iterator
from datetime import datetime

from tools.figures import length
from tools.jobs.report import JobsReport, JobState
from tools.records import Recovery, RecoveryTimeline
from tools.recovery.deadline.advice_words import said
from tools.recovery.eta import Eta
from tools.recovery.rules import JobOutlook
from tui.output import table
from tui.render import share, usd
from tui.safe_text import safe_text

_FAR_APART = 1.25
_LOUD = {"gave-up": "GAVE UP", "passed-on": "passed on"}


def recovery_line(recovery: Recovery) -> str:
    """01:02:10Z ml-train: i-…: recovered: notice → saved 10 s → replacement 35 s → restored 45 s → working 50 s"""
    at = recovery.ended_at or recovery.notice_at
    status = _LOUD.get(recovery.status, recovery.status)
    told = recovery.told if recovery.status in ("gave-up", "passed-on") else timeline_words(recovery.timeline)
    name = safe_text(recovery.job.job_id, limit=80)
    return f"{at:%H:%M:%S}Z  {name}: {recovery.instance_id}: {status}: {safe_text(told, limit=1_000)}"


def timeline_words(line: RecoveryTimeline) -> str:
    """notice 01:00:10 → saved 10 s → replacement 35 s → restored 45 s → working 50 s, as far as it came"""
    steps = (
        ("saved", line.saved_seconds),
        ("replacement", line.replaced_seconds),
        ("restored", line.restored_seconds),
        ("working", line.verified_seconds),
    )
    said = [f"{what} {seconds:.0f} s" for what, seconds in steps if seconds is not None]
    return " → ".join([f"notice {line.notice_at:%H:%M:%S}", *said])


def recovery_lines(recovery: Recovery) -> Iterator[str]:
    """One line for the whole, one a step that is not done yet or failed."""
    yield recovery_line(recovery)
    for step in recovery.steps:
        if step.state in ("asked", "failed") or (step.words and step.state == "pending"):
            yield f"    {step.name:<8} {step.state:<7} {safe_text(step.words, limit=300)}".rstrip()


def jobs_table(report: JobsReport) -> Iterator[str]:
    """One row a job, and what could not be read."""
    rows = [
        (
            state.job.job_id + ("" if not state.job.implicit else " *"),
            state.job.fleet.fleet_id,
            share(state.progress.share),
            _ago(state.progress.age_seconds),
            _moment(state.eta.finishes_at, report.as_of, "unknown"),
            _moment(state.job.deadline, report.as_of),
            _slack(state.outlook),
            usd(state.lost.usd),
            _last_words(state),
        )
        for state in report.jobs
    ]
    if not rows:
        yield "no jobs: spotwarden jobs register NAME --fleet FLEET; or tag it spotwarden:checkpoints=s3://BUCKET/JOB"
        return
    header = ("job", "fleet", "durable", "saved", "ETA", "deadline", "slack", "lost if taken now", "last recovery")
    yield table(header, rows, right=frozenset({2, 7}))
    if any(state.job.implicit for state in report.jobs):
        yield "* not registered: known by its fleet's tag; jobs register tells its work and deadline"
    for missing in report.missing:
        yield f"not known: {safe_text(missing)}"


def job_lines(state: JobState, now: datetime) -> Iterator[str]:
    """One job whole."""
    job, progress, outlook = state.job, state.progress, state.outlook
    yield f"{safe_text(job.job_id)}  {job.workload} on {safe_text(job.fleet.label)}, priority {job.priority}"
    place = f"s3://{job.bucket}/{job.store_id}" if job.store else "keeps no checkpoints"
    yield f"  store      {safe_text(place)}"
    step = f", step {progress.step:,}" if progress.step is not None else ""
    saved = (
        f" in {safe_text(progress.checkpoint_id)}, saved {_ago(progress.age_seconds)} ago"
        if progress.checkpoint_id
        else ""
    )
    yield f"  durable    {share(progress.share)}{step}{saved}"
    left = length(outlook.work_left_seconds)
    yield f"  left       {left} of work; a changeover: {_changeover(outlook)}"
    yield from _pace_lines(state)
    yield f"  ETA        {_eta_words(state.eta, now)}"
    if state.advice is not None:
        yield f"  deadline   {_moment(job.deadline, now)}"
        yield from (f"  {safe_text(line, limit=400)}" for line in said(state.advice))
    elif job.deadline is not None:
        yield f"  deadline   {_moment(job.deadline, now)}; slack {_slack(outlook)}"
        by = "unknown" if outlook.on_demand_by is None else _moment(outlook.on_demand_by, now)
        yield f"  on-demand  must begin by {by}; spot is {_SAFE[outlook.spot_is_safe]}"
    lost = "unknown" if state.lost.unsaved_minutes is None else f"{state.lost.unsaved_minutes:.0f} min of work"
    yield f"  if taken   {lost}, {usd(state.lost.usd)}{_but(state.lost.unknown)}"
    where = f": {safe_text(state.choice.where)}" if state.choice.where else ""
    goes_on = f"{state.choice.take}{where}; {safe_text(state.choice.why)}"
    yield f"  {'goes on' if state.advice is None else 'by price':<10} {goes_on} (the guides say {state.choice.guide})"
    if outlook.unknown and state.advice is None:
        yield f"  not known  {safe_text(outlook.unknown)}"
    for view in state.recoveries:
        yield from (f"  {line}" for line in recovery_lines(view.recovery))


_SAFE = {True: "safe until the next look", False: "NOT SAFE any more", None: "not judged"}


def _changeover(outlook: JobOutlook) -> str:
    seconds = outlook.changeover_seconds
    return "unknown" if seconds is None else f"{length(seconds)} ({outlook.changeover_source})"


def _pace_lines(state: JobState) -> Iterator[str]:
    """Where the pace of its checkpoints and the work that was told are far apart."""
    left, progress = state.outlook.work_left_seconds, state.progress
    if state.job.work_seconds is None or not left or progress.share is None or not progress.share_per_hour:
        return
    measured = (1 - progress.share) / progress.share_per_hour * 3_600
    if not 1 / _FAR_APART <= measured / left <= _FAR_APART:
        yield f"  pace       its checkpoints tell {length(measured)} of work left; the deadline is judged by --work"


def _eta_words(eta: Eta, now: datetime) -> str:
    if eta.finishes_at is None:
        early = f"; not before {_moment(eta.earliest_at, now)}" if eta.earliest_at is not None else ""
        return f"unknown: {safe_text(eta.unknown)}{early}"
    between = f" (80 %: {_moment(eta.low_at, now)} to {_moment(eta.high_at, now)})"
    return f"{_moment(eta.finishes_at, now)}{between}"


def _slack(outlook: JobOutlook) -> str:
    seconds = outlook.slack_seconds
    if seconds is None:
        return "no deadline" if outlook.deadline is None else "unknown"
    return length(seconds) if seconds >= 0 else f"LATE by {length(-seconds)}"


def _last_words(state: JobState) -> str:
    if not state.recoveries:
        return "none"
    last = state.recoveries[0]
    status = _LOUD.get(last.recovery.status, last.recovery.status)
    return f"{status}: {timeline_words(last.timeline)}"


def _but(unknown: str | None) -> str:
    return f" ({safe_text(unknown)})" if unknown else ""


def _ago(seconds: float | None) -> str:
    return length(seconds)


def _moment(at: datetime | None, now: datetime, otherwise: str = "none") -> str:
    """09:00Z of the same day, else with the date."""
    if at is None:
        return otherwise
    return f"{at:%H:%MZ}" if at.date() == now.date() else f"{at:%Y-%m-%d %H:%MZ}"
