"""What became of a proposal: told from the session's answer to the call, never assumed."""

from typing import Any

from agent.models.planner.answers.common import level, texts_of
from agent.models.planner.conversation import Seen
from agent.models.planner.figures import in_period, named, number, plainly, told, usd
from agent.models.planner.walk import Walk

_EN = {
    "done": "was carried out and read back",
    "already": "was so already: nothing had to be done",
    "refused": "was refused: nothing was changed",
    "denied": "was denied by policy: nothing was changed",
    "failed": "failed",
    "unknown": "was sent, and no answer came: whether it happened is UNKNOWN; it is not sent again",
    "stale": "was not made: the fleet had changed since it was shown",
    "pending": "waits for a person's approval: nothing was changed yet",
    "expired": "expired without an answer: nothing was changed",
}
_KO = {
    "done": "실행했고 다시 읽어 확인했습니다",
    "already": "이미 그 상태여서 할 일이 없었습니다",
    "refused": "거부되었고 아무것도 바뀌지 않았습니다",
    "denied": "정책이 거부했고 아무것도 바뀌지 않았습니다",
    "failed": "실패했습니다",
    "unknown": "요청은 보냈지만 응답이 없어 실행 여부를 모릅니다(UNKNOWN). 다시 보내지 않습니다",
    "stale": "보여 드린 뒤 fleet이 바뀌어 실행하지 않았습니다",
    "pending": "사람의 승인을 기다립니다. 아직 바뀐 것은 없습니다",
    "expired": "응답 없이 만료되어 바뀐 것이 없습니다",
}


def what_became(walk: Walk, seen: Seen, subject: str) -> list[str]:
    """Verdict, clauses, outcome."""
    verdict, proposal, status = seen.find("verdict"), seen.find("proposal_id"), _status(seen)
    if verdict is None and status is None:
        if seen.ok:
            return [
                walk.say(
                    f"{subject}: the change was proposed; its verdict was not told to me. Nothing is claimed done.",
                    f"{subject}: 변경을 제안했으며 판정은 전달받지 못했습니다. 실행되었다고 할 수 없습니다.",
                )
            ]
        hint = f" — {told(seen.hint)}" if seen.hint else ""
        return [
            walk.say(
                f"{subject}: no change could be proposed: {told(seen.error)}{hint}. Nothing was changed.",
                f"{subject}: 변경을 제안할 수 없었습니다: {told(seen.error)}{hint}. 바뀐 것은 없습니다.",
            )
        ]
    words = (_EN if walk.lang == "en" else _KO).get(status or "", told(status or verdict))
    lines = [walk.say(f"**{subject}: the proposal {words}.**", f"**{subject}: {words}.**")]
    lines += done(walk, seen) if status in {"done", "already"} else because(walk, seen)
    lines.append(next_step(walk, status, proposal))
    return lines


def done(walk: Walk, seen: Seen) -> list[str]:
    """What moved, in one line, and on whose word."""
    moved = "; ".join(told(c, 100) for c in texts_of(seen.answer, "changes")[:4])
    replaced, added = seen.find("instances_replaced"), number(seen.find("added_cost_usd_per_day"))
    parts = [moved] if moved else []
    if replaced:
        parts.append(walk.say(f"instances replaced by AWS: {replaced}", f"AWS가 {replaced}대를 교체"))
    if added is not None:
        cost = usd(added, walk.lang, walk.say("day", "일"))
        parts.append(walk.say(f"{cost} forecast (effective)", f"예상 비용 변화 {cost} (effective)"))
    lines = [f"- {walk.say('Changed', '변경')}: {', '.join(parts)}"] if parts else []
    answers = [a for a in seen.answer.get("answers") or [] if isinstance(a, dict)]
    if answers:
        by = ", ".join(named(a.get("by")) for a in answers[:3])
        return [*lines, f"- {walk.say('Approved by', '승인자')}: {by}"]
    verdict = told(seen.find("verdict") or "")
    return [*lines, f"- {walk.say('Policy verdict', '정책 판정')}: **{verdict}**" + _clauses(seen)]


def because(walk: Walk, seen: Seen) -> list[str]:
    """The verdict, the clause that spoke, and its reason in plain words."""
    verdict = seen.find("verdict")
    lines = []
    if verdict is not None:
        lines.append(f"- {walk.say('Policy verdict', '정책 판정')}: **{told(verdict)}**" + _clauses(seen))
    reasons = texts_of({"r": seen.find("reasons")}, "r")[:4]
    lines += [f"- {walk.say('Because', '이유')}: {plainly(reason, walk.lang)}" for reason in reasons]
    outcome = seen.answer.get("outcome")
    if isinstance(outcome, dict):
        message = str(outcome.get("message") or "")
        if message and "nothing was changed" not in message:
            lines.append(f"- {walk.say('Outcome', '결과')}: {plainly(message, walk.lang)}")
        elif "said no" in message:
            lines.append(f"- {told(message)}" if walk.lang == "en" else f"- 사람이 거절: {told(message)}")
        lines += [f"- drift: {told(d)}" for d in texts_of(outcome, "drift")[:4]]
        if outcome.get("hint"):
            lines.append(f"- {told(outcome['hint'])}")
    return lines


def _clauses(seen: Seen) -> str:
    clauses = ", ".join(f"`{told(c, 80)}`" for c in texts_of({"c": seen.find("clauses")}, "c")[:4])
    return f" ({clauses})" if clauses else ""


_NEXT = {
    "done": (
        "Next: ask “undo that” to go back; {0} is in the audit log.",
        "다음: “되돌려줘”라고 하면 이전 값으로 제안합니다. 감사 로그: {0}.",
    ),
    "pending": (
        "Next: answer on the approvals screen or with `spotwarden approve` {0}.",
        "다음: 승인 화면이나 `spotwarden approve`로 답하세요: {0}.",
    ),
    "denied": (
        "Next: ask for something inside the policy, or change the policy file; {0} is in the audit log.",
        "다음: 정책 안의 값으로 다시 요청하거나 정책 파일을 바꾸세요. 감사 로그: {0}.",
    ),
    "unknown": (
        "Next: look at the fleet and at {0} before anything else; it is settled when the fleet is read.",
        "다음: 먼저 fleet 상태와 {0}을(를) 확인하세요. fleet을 읽어 결과를 확정합니다.",
    ),
}
_AGAIN = (
    "Next: ask again to draw it up anew; {0} is in the audit log.",
    "다음: 다시 요청하면 새로 작성합니다. 감사 로그: {0}.",
)


def next_step(walk: Walk, status: str | None, proposal: Any) -> str:
    """What a person can do now."""
    name = f"`{told(proposal, 60)}`" if proposal is not None else walk.say("the proposal", "제안")
    en, ko = _NEXT.get(status or "", _AGAIN)
    text = walk.say(en, ko).format(name)
    return f"- {text}"


def _status(seen: Seen) -> str | None:
    outcome = seen.answer.get("outcome")
    if isinstance(outcome, dict):
        return str(outcome.get("status")) if outcome.get("status") else None
    return str(outcome) if isinstance(outcome, str) else None


def previewed(walk: Walk, body: dict[str, Any]) -> list[str]:
    """A preview in few lines: diff, instances, money on its basis, risk, warnings."""
    changes = [row for row in (body.get("changes") or []) if isinstance(row, dict)]
    lines = [
        f"- {told(c.get('field'))}: {told(c.get('before') or '–')} → {told(c.get('after') or '–')}" for c in changes[:8]
    ]
    risks = [level(walk, body.get(f"risk_{side}")) for side in ("before", "after")]
    lines += [
        walk.say(f"- Cost, effective: {_money(walk, body)}", f"- 비용(effective): {_money(walk, body)}"),
        walk.say(
            f"- Instances that AWS replaces: {body.get('instances_replaced', 0)}; launched: "
            f"{body.get('instances_launched')}; running now: {body.get('instances_total')}",
            f"- AWS가 교체하는 인스턴스 {body.get('instances_replaced', 0)}대, 새로 뜨는 인스턴스 "
            f"{body.get('instances_launched')}대, 현재 {body.get('instances_total')}대",
        ),
        f"- {walk.say('Interruption risk', '중단 위험')}: {' → '.join(risks)}",
    ]
    return lines + [f"- {walk.say('Note', '주의')}: {plainly(w, walk.lang)}" for w in texts_of(body, "warnings")[:4]]


def _money(walk: Walk, body: dict[str, Any]) -> str:
    before, after = (_effective(walk, body.get(f"cost_{side}")) for side in ("before", "after"))
    return f"{before} → {after} ({moved(walk, body)})"


def moved(walk: Walk, body: dict[str, Any]) -> str:
    """What it adds or saves a day, and over the period asked about."""
    added = number(body.get("added_cost_usd_per_day"))
    if added is None:
        return walk.say("change per day unknown: a price is missing", "하루 변화는 모름: 가격 자료가 없음")
    amount = usd(abs(added), walk.lang, walk.say("day", "일"))
    period = walk.question.facets.per
    if period and period != "day":
        amount += f" = {in_period(abs(added) / 24, period, walk.lang)}"
    if round(added, 4) == 0:
        return walk.say("cost unchanged", "비용 변화 없음")
    return walk.say(f"saves {amount}", f"{amount} 절감") if added < 0 else walk.say(f"adds {amount}", f"{amount} 증가")


def _effective(walk: Walk, cost: Any) -> str:
    return usd((cost if isinstance(cost, dict) else {}).get("effective_usd_per_hour"), walk.lang)
