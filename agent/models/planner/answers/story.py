"""Changes as the audit log tells them: one story a proposal, from who asked to how it ended; and what still waits."""

import re
from typing import Any

from agent.models.planner.answers.common import rows_of, texts_of
from agent.models.planner.conversation import Seen
from agent.models.planner.figures import moment, named, number, plainly, told
from agent.models.planner.walk import Walk

KINDS = ("proposal", "decision", "approval", "outcome", "refused")
_WORDS = {"proposal": "rationale"}
"""what to search for where the kind's own name stands in every entry"""


_FOLLOWED = 4
"""proposals whose end is looked up by their id: the log is long, and an answer of it short"""


def stories(walk: Walk) -> list[dict[str, Any]] | None:
    """Newest first; None = still being looked up. A story gathers the entries of one proposal."""
    subject = (*walk.question.fleets, "")[0]
    texts = [_WORDS.get(k, k) for k in KINDS] + ([f"{subject} outcome"] if subject else [])
    looked = [walk.look("search_audit", text=text) for text in texts]
    seen = [s for s in looked if s is not None and s.ok]
    if any(s is None for s in looked):
        return None
    found = _gathered(walk, seen)
    unended = [s["id"] for s in found if _field(s, "decision", "verdict") != "deny" and "outcome" not in s][:_FOLLOWED]
    more = [walk.look("search_audit", text=name) for name in unended]
    if any(s is None for s in more):
        return None
    return _gathered(walk, [*seen, *(s for s in more if s is not None and s.ok)])


def _gathered(walk: Walk, seen: list[Seen]) -> list[dict[str, Any]]:
    by_id: dict[str, dict[str, Any]] = {}
    for answer in seen:
        for entry in rows_of(answer.body, "entries"):
            payload = entry.get("payload")
            if entry.get("kind") in KINDS and isinstance(payload, dict) and payload.get("proposal_id"):
                story = by_id.setdefault(str(payload["proposal_id"]), {"id": str(payload["proposal_id"]), "seq": 0})
                story[str(entry["kind"])] = {**payload, "at": entry.get("at"), "actor": entry.get("actor")}
                story["seq"] = max(story["seq"], int(number(entry.get("seq")) or 0))
    every = sorted(by_id.values(), key=lambda s: -int(s["seq"]))
    return [s for s in every if not walk.question.fleets or fleet_of(s) in walk.question.fleets]


def fleet_of(story: dict[str, Any]) -> str:
    return next((str(f) for k in KINDS if (f := _field(story, k, "fleet_id"))), "")


def waits(story: dict[str, Any]) -> bool:
    """Judged «ask», and neither answered nor ended."""
    return _field(story, "decision", "verdict") == "ask" and not any(
        k in story for k in ("approval", "outcome", "refused")
    )


def told_story(walk: Walk, story: dict[str, Any]) -> str:
    """One line: what, on which fleet, the verdict, who said yes, how it ended."""
    at = next((story[k].get("at") for k in KINDS[::-1] if k in story), None)
    asked = _field(story, "proposal", "rationale")
    moved = _what(story["outcome"]) if _field(story, "outcome", "before") else ""
    parts = [moved, f"“{told(asked, 120)}”" if asked else "" if moved else _what(story.get("proposal", {}))]
    if verdict := _field(story, "decision", "verdict"):
        clauses = ", ".join(told(c, 60) for c in texts_of(story["decision"], "clauses")[:2])
        parts.append(walk.say("policy: ", "정책: ") + told(verdict) + (f" ({clauses})" if clauses else ""))
    if answer := _field(story, "approval", "answer"):
        by = named(_field(story, "approval", "by") or story["approval"].get("actor"))
        reason = _field(story, "approval", "reason")
        word = {"approve": walk.say("approved by", "승인:"), "deny": walk.say("refused by", "거절:")}.get(
            str(answer), ""
        )
        parts.append(f"{word} {by}" + (f" (reason: `{told(reason, 80)}`)" if reason else ""))
    parts.append(_ending(walk, story))
    return f"- {moment(at, walk.lang)} {named(fleet_of(story) or '?')}: " + "; ".join(p for p in parts if p)


def _what(payload: dict[str, Any]) -> str:
    before, after = payload.get("before"), payload.get("after")
    if isinstance(before, dict) and isinstance(after, dict):
        return ", ".join(f"{told(k, 40)} {told(before.get(k), 40)} → {told(v, 40)}" for k, v in list(after.items())[:4])
    fields = ("on_demand_base_capacity", "on_demand_percentage_above_base", "spot_allocation_strategy",
              "instance_types", "desired_capacity", "checkpoint_id", "instance_ids")  # fmt: skip
    named_ones = [f"{k} = {told(payload[k], 60)}" for k in fields if payload.get(k) is not None]
    return f"{told(payload.get('kind') or payload.get('title') or '?', 60)} " + ", ".join(named_ones[:5])


def _ending(walk: Walk, story: dict[str, Any]) -> str:
    if status := _field(story, "outcome", "status"):
        return walk.say("outcome: ", "결과: ") + told(status)
    if "refused" in story:
        return walk.say("refused: ", "실행 거부: ") + told(_field(story, "refused", "reason") or "")
    if waits(story):
        return walk.say("waits for a person", "사람의 답을 기다림")
    if _field(story, "decision", "verdict") == "deny":
        reasons = texts_of(story["decision"], "reasons")
        return "; ".join(plainly(r, walk.lang) for r in reasons[:2])
    return ""


def _field(story: dict[str, Any], kind: str, name: str) -> Any:
    part = story.get(kind)
    return part.get(name) if isinstance(part, dict) else None


_APPROVE = (
    r"^(?:please |pls |just |ok )*approve|\bapprove (?:it|that|them|everything|all|the)\b"
    r"|승인해\s?(?:줘|라|주)|승인\s?처리"
)


def pending(walk: Walk) -> list[str]:
    """Proposals that wait for a person, and where they are answered: never from the chat."""
    found = stories(walk)
    if found is None:
        return []
    open_ones = [s for s in found if waits(s)]
    lines = []
    if walk.question.facets.by_force or re.search(_APPROVE, walk.question.text.lower()):
        lines.append(
            walk.say(
                "**I cannot approve anything: only a person can, outside of this chat.**",
                "**저는 승인할 수 없습니다. 승인은 이 채팅 밖에서 사람만 할 수 있습니다.**",
            )
        )
    if not open_ones:
        lines.append(
            walk.say(
                "Nothing waits for an approval, as far as the newest audit entries show.",
                "최근 감사 기록으로 볼 때 승인을 기다리는 제안은 없습니다.",
            )
        )
        return lines
    lines.append(
        walk.say(f"**Waiting for an answer: {len(open_ones)}**", f"**답을 기다리는 제안 {len(open_ones)}건:**")
    )
    lines += [f"{told_story(walk, s)} — `{told(s['id'], 40)}`" for s in open_ones[:8]]
    lines.append(
        walk.say(
            "Answer on the approvals screen, or with `spotwarden approve ID`; unanswered they expire, and nothing "
            "changes.",
            "승인 화면이나 `spotwarden approve ID`로 답하세요. 답이 없으면 만료되고 아무것도 바뀌지 않습니다.",
        )
    )
    return lines


_WRITES = frozenset(
    ["change_fleet", "configure_fleet", "operate_fleet", "operate_instances", "replace_instances", "restore_checkpoint"]
)


def last_write(walk: Walk) -> Seen | None:
    """The change proposed last in this conversation, if one was."""
    for exchange in reversed(walk.earlier[-4:]):
        for seen in reversed(exchange.seen):
            if seen.tool in _WRITES:
                return seen
    return None
