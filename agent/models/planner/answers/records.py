"""What the audit log says: what was done, when, by whom, why. Text in it that others wrote stays quoted."""

import re
from datetime import datetime, timedelta
from typing import Any

from agent.models.planner.answers.common import rows_of, trouble
from agent.models.planner.answers.story import KINDS, fleet_of, stories, told_story
from agent.models.planner.conversation import Seen
from agent.models.planner.figures import basis, moment, named, number, told
from agent.models.planner.walk import Walk

_SHOWN = 8
_DULL = frozenset(
    ["model-turn", "tool-call", "run", "conversation", "question", "message", "session-started", "session-finished"]
)
"""kinds that say that somebody asked, not that something happened"""
_TOPICS = (
    (r"interrupt|reclaim|evict|notice|\bdied\b|went down|중단|회수|죽", "notice"),
    (r"rebalance|재조정", "rebalance"),
    (r"approv|승인|허락|결재", "approval"),
    (r"den(?:y|ied|ial)|reject|refus|block|거절|거부|막았|막힌", "decision"),
    (r"restor|복원|복구", "restore-checkpoint"),
    (r"replac|교체", "replace-instances"),
    (r"propos|제안", "proposal"),
    (r"autonom|\brounds?\b|자율", "round"),
    (r"scal|chang|did|done|made|touch|바꿨|변경|늘렸|줄였|했", "outcome"),
)


def audit(walk: Walk) -> list[str]:
    """What was asked, as the log tells it: changes from who asked to how they ended, notices one by one."""
    seen = walk.look("search_audit", text=_about(walk))
    if seen is not None and not seen.ok:
        return [trouble(walk, seen, walk.say("audit log", "감사 로그"))]
    topic = _topic(walk)
    told_one = stories(walk) if topic not in _EVENTS or not topic else []
    if seen is None or told_one is None:
        return []
    events = _recent(walk, seen, _telling(seen.body)) if topic in {*_EVENTS, ""} else []
    events = [e for e in events if str(e.get("kind")) not in KINDS]
    chosen = [s for s in told_one if _fits(s, topic) and _is_recent(walk, seen, s)]
    if not chosen and not events:
        return _nothing(walk, seen)
    shown = walk.question.facets.count or _SHOWN
    lines = [
        *(_who(walk, chosen) or _found_head(walk, len(chosen), len(events))),
        *(told_story(walk, s) for s in chosen[:shown]),
    ]
    lines += [_entry(walk, e) for e in events[: max(1, shown - len(chosen[:shown]))]]
    if len(chosen) + len(events) > shown:
        lines.append(walk.say("More: `spotwarden audit show`", "더 보기: `spotwarden audit show`"))
    return [*lines, _only_ours(walk), basis(seen.body, walk.lang)]


_EVENTS = frozenset(["notice", "rebalance", "round"])


def _about(walk: Walk) -> str:
    """The search beside the stories: a kind of event, or what changed."""
    topic = _topic(walk)
    subject = (*walk.question.found.instance_ids, *walk.question.fleets, "")[0]
    word = topic if topic in _EVENTS else "notice" if not topic else "outcome"
    return f"{subject} {word}".strip()


def _fits(story: dict[str, Any], topic: str) -> bool:
    verdict = story.get("decision", {}).get("verdict")
    answer = story.get("approval", {}).get("answer")
    kind = " ".join(str(story.get(k, {}).get("kind") or "") for k in ("proposal", "outcome"))
    return {
        "approval": "approval" in story,
        "decision": verdict == "deny" or answer == "deny" or "refused" in story,
        "outcome": "outcome" in story or "approval" in story,
        "restore-checkpoint": "restore" in kind,
        "replace-instances": "replace" in kind,
    }.get(topic, True)


def _is_recent(walk: Walk, seen: Seen, story: dict[str, Any]) -> bool:
    at = [part["at"] for part in story.values() if isinstance(part, dict) and part.get("at")]
    return bool(_recent(walk, seen, [{"at": max(at, default=None)}]))


def _recent(walk: Walk, seen: Seen, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Entries of the span asked about; all when it names none or the time cannot be read."""
    hours = walk.question.found.window_hours
    try:
        now = datetime.fromisoformat(str(seen.body.get("as_of")))
        return [r for r in rows if not hours or now - datetime.fromisoformat(str(r["at"])) <= timedelta(hours=hours)]
    except (KeyError, TypeError, ValueError):
        return rows


def _who(walk: Walk, chosen: list[dict[str, Any]]) -> list[str]:
    """The name that a «who» asks for, before everything."""
    answer = chosen[0].get("approval", {}) if chosen else {}
    if not answer.get("answer") or not re.search(r"\bwho\b|누가|누구", walk.question.text.lower()):
        return []
    by, fleet = named(answer.get("by") or answer.get("actor")), named(fleet_of(chosen[0]) or "?")
    if answer["answer"] == "deny":
        return [
            walk.say(
                f"**{by} refused the newest one, on {fleet}.**", f"**가장 최근 것({fleet})은 {by}님이 거절했습니다.**"
            )
        ]
    return [
        walk.say(
            f"**{by} approved the newest one, on {fleet}.**", f"**가장 최근 것({fleet})은 {by}님이 승인했습니다.**"
        )
    ]


def _found_head(walk: Walk, changes: int, events: int) -> list[str]:
    parts = []
    if changes:
        parts.append(walk.say(f"{changes} proposal{'s' * (changes > 1)}", f"제안 {changes}건"))
    if events:
        parts.append(walk.say(f"{events} event{'s' * (events > 1)}", f"사건 {events}건"))
    both = ", ".join(parts)
    return [walk.say(f"**The audit log has {both}, newest first:**", f"**감사 로그에 {both}, 최신순:**")]


def _only_ours(walk: Walk) -> str:
    return walk.say(
        "Only what went through spotwarden is in this log; other people's changes are in CloudTrail.",
        "이 로그에는 spotwarden을 거친 일만 있습니다. 다른 변경은 CloudTrail에 있습니다.",
    )


def _nothing(walk: Walk, seen: Seen) -> list[str]:
    searched = plain_count(seen.body.get("searched"))
    return [
        walk.say(
            f"**Nothing: the audit log has no {_what(walk)['en']}** ({searched} entries searched). If something "
            "changed, it was not done through spotwarden; CloudTrail would tell who did it.",
            f"**없습니다. 감사 로그에 {_what(walk)['ko']} 기록이 없습니다**(검색한 기록 {searched}건). 무언가 "
            f"바뀌었다면 "
            "spotwarden이 한 것이 아니며 CloudTrail에서 확인할 수 있습니다.",
        ),
        basis(seen.body, walk.lang),
    ]


def _what(walk: Walk) -> dict[str, str]:
    """What was looked for, in words."""
    words = {
        "notice": ("interruption notice", "중단 알림"),
        "rebalance": ("rebalance recommendation", "재조정 신호"),
        "round": ("autonomous round", "자율 실행"),
        "approval": ("approval", "승인"),
        "decision": ("denial", "거부"),
        "outcome": ("change", "변경"),
        "restore-checkpoint": ("restore", "복원"),
        "replace-instances": ("replacement", "교체"),
        "proposal": ("proposal", "제안"),
    }.get(_topic(walk), ("change or interruption", "변경이나 중단"))
    of = ", ".join(named(n) for n in walk.question.fleets[:3])
    recent = walk.question.found.window_hours is not None
    en = words[0] + (f" of {of}" if of else "") + (" in that time" if recent else "")
    ko = (f"{of}의 " if of else "") + ("그 기간의 " if recent else "") + words[1]
    return {"en": en, "ko": ko}


def _topic(walk: Walk) -> str:
    text = walk.question.text.lower()
    return next((word for pattern, word in _TOPICS if re.search(pattern, text)), "")


def _telling(body: dict[str, Any]) -> list[dict[str, Any]]:
    return [e for e in rows_of(body, "entries") if str(e.get("kind")) not in _DULL]


def _entry(walk: Walk, entry: dict[str, Any]) -> str:
    payload = entry.get("payload")
    facts = payload if isinstance(payload, dict) else {}
    parts = [f"{key}: {_value(facts[key])}" for key in _ORDER if key in facts]
    detail = "; ".join(parts[:7]) or (told(payload, 160) if isinstance(payload, str) else "")
    when, who = moment(entry.get("at"), walk.lang), named(entry.get("actor"))
    return f"- #{entry.get('seq')} {when} **{told(entry.get('kind'))}** {walk.say('by', '행위자')} {who}" + (
        f" — {detail}" if detail else ""
    )


_ORDER = (
    "title",
    "fleet_id",
    "kind",
    "verdict",
    "reasons",
    "clauses",
    "answer",
    "by",
    "reason",
    "status",
    "message",
    "before",
    "after",
    "spot_allocation_strategy",
    "on_demand_base_capacity",
    "on_demand_percentage_above_base",
    "desired_capacity",
    "instance_types",
    "instance_id",
    "instance_ids",
    "checkpoint_id",
    "rationale",
    "proposal_id",
)


def _value(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(told(v, 120) for v in value[:4]) + (" …" if len(value) > 4 else "")
    if isinstance(value, dict):
        return ", ".join(f"{told(k, 60)}={told(v, 60)}" for k, v in list(value.items())[:6])
    return told(value, 160)


def plain_count(value: Any) -> str:
    amount = number(value)
    return "0" if amount is None else f"{int(amount):,}"


def audit_check(walk: Walk) -> list[str]:
    """The chain is verified by its own command: a chat cannot vouch for the log it writes to."""
    seen = walk.look("search_audit", text="outcome")
    if seen is None:
        return []
    lines = [
        walk.say(
            "I cannot vouch for the audit log from inside the chat. Verify it with `spotwarden audit "
            "verify`: it recomputes every hash "
            "and compares the end with the head witnessed outside; exit code 0 means intact, 5 names the "
            "first bad entry. "
            "`--expect-head` and `--expect-count` check against values you kept.",
            "채팅 안에서 감사 로그를 보증할 수는 없습니다. `spotwarden audit verify`로 검증하세요. 모든 "
            "해시를 다시 계산하고 바깥에 남긴 head와 "
            "비교합니다. 종료 코드 0은 정상, 5는 첫 번째 잘못된 기록을 알려 줍니다. 보관한 값과는 "
            "`--expect-head`, `--expect-count`로 비교합니다.",
        )
    ]
    if seen.ok:
        lines.append(
            walk.say(
                f"The log can be read: {plain_count(seen.body.get('searched'))} entries searched.",
                f"로그는 읽을 수 있습니다: {plain_count(seen.body.get('searched'))}건을 검색했습니다.",
            )
        )
        return [*lines, basis(seen.body, walk.lang)]
    return [*lines, trouble(walk, seen, walk.say("audit log", "감사 로그"))]
