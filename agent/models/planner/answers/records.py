"""What the audit log says: what was done, when, by whom, why. Text in it that others wrote stays quoted."""

import re
from typing import Any

from agent.models.planner.answers.common import rows_of, trouble
from agent.models.planner.conversation import Seen
from agent.models.planner.figures import basis, moment, named, number, told
from agent.models.planner.walk import Walk

_SHOWN = 8
_DULL = frozenset(["model-turn", "tool-call", "run", "conversation", "question", "message"])
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
    """Entries about what was asked; when there are none, the nearest that there are."""
    queries = _queries(walk)
    answers = [walk.look("search_audit", text=query) for query in queries]
    seen = [a for a in answers if a is not None]
    if len(seen) < len(answers):
        return []
    failed = next((a for a in seen if not a.ok), None)
    if failed is not None:
        return [trouble(walk, failed, walk.say("audit log", "감사 로그"))]
    found = [(query, a, entries) for query, a in zip(queries, seen, strict=True) if (entries := _telling(a.body))]
    if not found:
        return [*_nothing(walk, seen[0])]
    narrow = not _wide(walk)
    query, first, entries = found[0]
    if not narrow:
        entries = _together([e for _, _, e in found])
        query = ", ".join(q for q, _, _ in found)
    return _told(walk, first, query, entries, asked=query == queries[0] or not narrow, tried=queries[0])


def _nothing(walk: Walk, seen: Seen) -> list[str]:
    searched = plain_count(seen.body.get("searched"))
    return [
        walk.say(
            f"The audit log has no entry about that ({searched} entries searched). If something changed, it "
            "was not done "
            "through spotwarden; CloudTrail would tell who did it.",
            f"감사 로그에 관련 기록이 없습니다(검색한 기록 {searched}건). 무언가 바뀌었다면 spotwarden이 한 "
            "것이 아니며 "
            "CloudTrail에서 확인할 수 있습니다.",
        ),
        basis(seen.body, walk.lang),
    ]


def _wide(walk: Walk) -> bool:
    """Whether everything that happened is asked for, not one kind of thing."""
    return _topic(walk) == ""


def _topic(walk: Walk) -> str:
    text = walk.question.text.lower()
    return next((word for pattern, word in _TOPICS if re.search(pattern, text)), "")


def _queries(walk: Walk) -> list[str]:
    """From the narrowest to the widest; every word must occur, so few words."""
    topic = _topic(walk)
    subject = (*walk.question.fleets, *walk.question.found.instance_ids, "")[0]
    topics = [topic] if topic else ["outcome", "notice", "approval", "proposal"]
    more = [f"{subject} outcome", subject] if subject else ["outcome"]
    return list(dict.fromkeys(q for q in (*(f"{subject} {t}".strip() for t in topics), *more) if q))[:5]


def _together(lists: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Entries of several searches, each once, newest first."""
    by_seq = {int(number(e.get("seq")) or 0): e for entries in lists for e in entries}
    return [by_seq[seq] for seq in sorted(by_seq, reverse=True)]


def _telling(body: dict[str, Any]) -> list[dict[str, Any]]:
    return [e for e in rows_of(body, "entries") if str(e.get("kind")) not in _DULL]


def _told(walk: Walk, seen: Seen, query: str, entries: list[dict[str, Any]], *, asked: bool, tried: str) -> list[str]:
    total, searched = plain_count(len(entries)), plain_count(seen.body.get("searched"))
    lines = []
    if not asked:
        lines.append(
            walk.say(
                f"Nothing matches “{told(tried)}”; the nearest that the audit log has:",
                f"“{told(tried)}”에 맞는 기록은 없고, 가장 가까운 기록입니다:",
            )
        )
    lines.append(
        walk.say(
            f"**Audit log, “{told(query)}”**: {total} entries found, {searched} searched; newest first:",
            f"**감사 로그 “{told(query)}”**: {searched}건 중 {total}건, 최신순:",
        )
    )
    lines += [_entry(walk, entry) for entry in entries[:_SHOWN]]
    if len(entries) > _SHOWN:
        lines.append(
            walk.say(
                f"… {len(entries) - _SHOWN} more: `spotwarden audit show`",
                f"… 외 {len(entries) - _SHOWN}건: `spotwarden audit show`",
            )
        )
    lines.append(
        walk.say(
            "Only what went through spotwarden is in this log; other people's changes are in CloudTrail.",
            "이 로그에는 spotwarden을 거친 일만 있습니다. 다른 변경은 CloudTrail에 있습니다.",
        )
    )
    return [*lines, basis(seen.body, walk.lang)]


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
