"""What is wrong now by the monitor: open alerts, the worst first, and whether anybody watches at all."""

import re
from typing import Any

from agent.models.planner.answers.common import level, rows_of, trouble
from agent.models.planner.figures import basis, moment, named, number, plainly, told
from agent.models.planner.walk import Walk

_SHOWN = 8


def alerts(walk: Walk) -> list[str]:
    """Alerts of the fleets named, else all."""
    seen = walk.look("watch_fleets")
    if seen is None:
        return []
    if not seen.ok:
        return [trouble(walk, seen)]
    body, names = seen.body, walk.question.fleets
    every = rows_of(body, "alerts")
    text = walk.question.text.lower()
    severe = re.search(r"\bcritical\b|\bserious\b|\bsevere\b|심각|치명", text) is not None
    opened = [a for a in every if not severe or a.get("severity") == "critical"]
    opened = [a for a in opened if not names or any(_about(a, n) for n in names)]
    lines = [_head(walk, body, opened, whole=not names and not severe)]
    lines += [_alert(walk, a) for a in opened[:_SHOWN]]
    left = len(opened) - _SHOWN if len(opened) > _SHOWN else 0
    left += int(number(body.get("alerts_left_out")) or 0)
    if left:
        lines.append(walk.say(f"… and {left} more", f"… 외 {left}건"))
    over = [] if names else rows_of(body, "cleared_in_the_last_day")
    if not over and re.search(r"\bclear|\bresolved|\bover\b|\bended|해제|해결|끝난|사라진", text):
        lines.append(walk.say("- None was cleared in the last day.", "- 지난 하루 동안 해제된 경보는 없습니다."))
    blind = None if severe else next((a for a in every if a.get("kind") == "blind" and a not in opened), None)
    if blind is not None:
        lines.append(_alert(walk, blind))
    lines += [_over(walk, a) for a in over[:3]]
    lines += _fleets(walk, body)
    return [*lines, basis(body, walk.lang), ""]


def _about(alert: dict[str, Any], name: str) -> bool:
    subject, message = str(alert.get("subject")), str(alert.get("message"))
    return subject.rpartition("/")[2] == name or message.startswith(f"{name}:")


def _head(walk: Walk, body: dict[str, Any], opened: list[dict[str, Any]], *, whole: bool) -> str:
    count = int(number(body.get("alerts_open")) or 0) if whole else len(opened)
    critical = sum(a.get("severity") == "critical" for a in opened)
    if whole and isinstance(by := body.get("by_severity"), dict):
        critical = int(number(by.get("critical")) or 0)
    names = ", ".join(map(named, walk.question.fleets))
    about = walk.say(f" about {names}", f" ({names})") if names else ""
    if not count:
        return walk.say(f"**No alert is open{about}.**", f"**열린 경보가 없습니다{about}.**")
    worst = walk.say(", none critical", ", 심각한 것은 없음")
    if critical:
        worst = walk.say(f", {critical} critical", f", 심각 {critical}건")
    return walk.say(
        f"**{count} open alert{'s' if count > 1 else ''}{about}{worst}:**", f"**열린 경보 {count}건{about}{worst}:**"
    )


def _alert(walk: Walk, alert: dict[str, Any]) -> str:
    severity = str(alert.get("severity"))
    name = walk.say(severity, {"critical": "심각", "warning": "경고"}.get(severity, severity))
    since = moment(alert.get("raised_at"), walk.lang)
    times = int(number(alert.get("times_seen")) or 1)
    often = walk.say(f", seen {times} times", f", {times}번 관측") if times > 1 else ""
    return walk.say(
        f"- {name} · {told(alert.get('kind'))}: {plainly(alert.get('message'), walk.lang)} (since {since}{often})",
        f"- {name} · {told(alert.get('kind'))}: {plainly(alert.get('message'), walk.lang)} ({since}부터{often})",
    )


def _over(walk: Walk, alert: dict[str, Any]) -> str:
    at, text = moment(alert.get("cleared_at"), walk.lang), plainly(alert.get("message"), walk.lang, 120)
    return walk.say(f"- over since {at}: {text}", f"- {at}에 끝남: {text}")


def _fleets(walk: Walk, body: dict[str, Any]) -> list[str]:
    """How the fleets stand, in a line."""
    rows = [r for r in rows_of(body, "fleets") if not walk.question.fleets or r.get("name") in walk.question.fleets]
    if not rows:
        return []
    said = ", ".join(f"{named(r.get('name'))} {level(walk, r.get('risk_level'))}" for r in rows[:6])
    return [walk.say(f"- Interruption risk now: {said}", f"- 현재 중단 위험: {said}")]
