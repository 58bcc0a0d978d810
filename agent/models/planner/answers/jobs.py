"""Jobs: how far, until when, what an interruption would cost, how the last one went; and bringing one back."""

import re
from typing import Any

from agent.models.planner.answers.common import rows_of, trouble
from agent.models.planner.answers.job_advice import advice_lines
from agent.models.planner.answers.outcome import what_became
from agent.models.planner.figures import basis, moment, named, number, percent, plainly, span, told
from agent.models.planner.job_words import BRING_BACK, RECOVER
from agent.models.planner.text import normal
from agent.models.planner.walk import Walk


def jobs(walk: Walk) -> list[str]:
    """Those named, else all; a job that is to be recovered is drawn up."""
    seen = walk.look("describe_jobs", job=None)
    if seen is None:
        return []
    if not seen.ok:
        return [trouble(walk, seen)]
    rows = rows_of(seen.body, "jobs")
    text = normal(walk.question.text)
    mine = _named_in(rows, text)
    if re.search(rf"{RECOVER}|{BRING_BACK}", text, re.ASCII) and walk.question.mood == "request":
        return _recover(walk, mine or rows)
    if not rows:
        return [
            walk.say(
                "**There is no job.** Register one: `spotwarden jobs register NAME --fleet FLEET`.",
                "**작업이 없습니다.** 등록: `spotwarden jobs register NAME --fleet FLEET`.",
            )
        ]
    lines = [line for row in mine or rows for line in _told(walk, row)]
    return [*_no_such_job(walk, rows, mine), *lines, basis(seen.body, walk.lang), ""]


def by_name(walk: Walk) -> list[str] | None:
    """The jobs page, when the question names a registered job and no fleet; [] = not read yet; None = it names none."""
    if walk.question.fleets or not walk.offers("describe_jobs"):
        return None
    seen = walk.look("describe_jobs", job=None)
    if seen is None:
        return []
    named_jobs = _named_in(rows_of(seen.body, "jobs"), normal(walk.question.text))
    return jobs(walk) if named_jobs else None


def known_names(walk: Walk) -> str:
    """Names of the jobs that were read, for a question that named none of them; "" = none was read."""
    seen = next((s for s in walk.seen if s.tool == "describe_jobs" and s.ok), None)
    rows = rows_of(seen.body, "jobs") if seen is not None else []
    return ", ".join(named(r.get("job")) for r in rows[:8])


def _named_in(rows: list[dict[str, Any]], text: str) -> list[dict[str, Any]]:
    """Those whose own names stand in a normal text, else those whose fleets do."""
    mine = [r for r in rows if _is_named(str(r.get("job")), text)]
    return mine or [r for r in rows if _is_named(str(r.get("fleet")), text)]


def _no_such_job(walk: Walk, rows: list[dict[str, Any]], mine: list[dict[str, Any]]) -> list[str]:
    strangers = walk.question.named.strangers
    if mine or not strangers:
        return []
    there = ", ".join(named(r.get("job")) for r in rows[:8])
    lost = ", ".join(named(s) for s in strangers[:3])
    return [
        walk.say(f"There is no job called {lost}; there is {there}:", f"{lost} 작업은 없습니다. 있는 작업: {there}")
    ]


def _is_named(job: str, text: str) -> bool:
    return bool(job) and re.search(rf"(?<![\w-]){re.escape(normal(job))}(?![\w-]*[a-z0-9])", text) is not None


def _told(walk: Walk, row: dict[str, Any]) -> list[str]:
    share, age = percent(row.get("durable_share"), walk.lang), span(row.get("checkpoint_age_seconds"), walk.lang)
    slack, eta = number(row.get("slack_seconds")), row.get("eta")
    when = moment(eta, walk.lang) if eta else walk.say("unknown", "알 수 없음")
    lines = [
        walk.say(
            f"**{named(row.get('job'))}: {share} is durable, saved {age} ago; done at {when}.**",
            f"**{named(row.get('job'))}: {share} 저장됨({age} 전); 예상 완료 {when}.**",
        )
    ]
    if eta is None and row.get("eta_unknown"):
        lines.append(f"- {plainly(row['eta_unknown'], walk.lang)}")
    if row.get("deadline"):
        lines += [f"- {_deadline(walk, row, slack)}", *advice_lines(walk, row)]
    lost = row.get("lost_if_interrupted_now")
    if isinstance(lost, dict):
        minutes = span(None if lost.get("unsaved_minutes") is None else 60 * float(lost["unsaved_minutes"]), walk.lang)
        usd = walk.say("unknown", "알 수 없음") if lost.get("usd") is None else f"${told(lost['usd'], 20)}"
        lines.append(
            walk.say(
                f"- Lost if interrupted now: {minutes} of work, {usd}",
                f"- 지금 중단되면 잃는 것: 작업 {minutes}, {usd}",
            )
        )
    lines += [_recovery(walk, r) for r in rows_of(row, "last_recoveries")[:1]]
    return lines


def _deadline(walk: Walk, row: dict[str, Any], slack: float | None) -> str:
    at, by = moment(row["deadline"], walk.lang), moment(row.get("on_demand_must_begin_by"), walk.lang)
    if slack is None:
        return walk.say(f"Deadline {at}; slack unknown", f"마감 {at}; 여유 알 수 없음")
    if slack < 0:
        late = span(-slack, walk.lang)
        return walk.say(
            f"Deadline {at}: LATE by {late}, even on-demand from now on",
            f"마감 {at}: 지금부터 on-demand여도 {late} 늦음",
        )
    left = span(slack, walk.lang)
    if row.get("on_demand_must_begin_by") is None:
        return walk.say(f"Deadline {at}; slack {left}", f"마감 {at}; 여유 {left}")
    return walk.say(
        f"Deadline {at}; slack {left}: on-demand must begin by {by}",
        f"마감 {at}; 여유 {left}: 늦어도 {by}에는 on-demand",
    )


def _recovery(walk: Walk, row: dict[str, Any]) -> str:
    at, what = moment(row.get("notice_at"), walk.lang), plainly(row.get("told") or row.get("status"), walk.lang)
    return walk.say(f"- Last interruption {at}: {what}", f"- 마지막 중단 {at}: {what}")


def _recover(walk: Walk, rows: list[dict[str, Any]]) -> list[str]:
    if len(rows) != 1:
        names = ", ".join(named(r.get("job")) for r in rows[:8])
        return [
            walk.say(
                f"Which job shall be recovered? There is {names or 'none'}. Nothing was proposed.",
                f"어느 작업을 복구할까요? {names or '없음'}. 아무것도 제안하지 않았습니다.",
            )
        ]
    name = str(rows[0].get("job"))
    done = walk.propose("recover_job", job=name, checkpoint_id=None)
    if done is None:
        return [
            walk.say(
                f"I propose what the recovery of {named(name)} still lacks.",
                f"{named(name)}의 복구에 빠진 것을 제안합니다.",
            )
        ]
    return what_became(walk, done, named(name))
