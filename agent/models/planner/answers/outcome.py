"""What became of a proposal: told from the session's answer to the call, never assumed."""

from typing import Any

from agent.models.planner.answers.common import level, texts_of
from agent.models.planner.conversation import Seen
from agent.models.planner.figures import moment, number, told, usd
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
    if verdict is not None:
        clauses = ", ".join(f"`{told(c, 80)}`" for c in texts_of({"c": seen.find("clauses")}, "c")[:4])
        lines.append(
            f"- {walk.say('Policy verdict', '정책 판정')}: **{told(verdict)}**" + (f" ({clauses})" if clauses else "")
        )
    lines += [f"- {told(reason)}" for reason in texts_of({"r": seen.find("reasons")}, "r")[:4]]
    outcome = seen.answer.get("outcome")
    if isinstance(outcome, dict) and outcome.get("message"):
        lines.append(f"- {walk.say('Outcome', '결과')}: {told(outcome['message'])}")
        lines += [f"- drift: {told(d)}" for d in texts_of(outcome, "drift")[:4]]
        if outcome.get("hint"):
            lines.append(f"- {told(outcome['hint'])}")
    if proposal is not None:
        lines.append(f"- {walk.say('Proposal', '제안')} `{told(proposal, 60)}`")
    return lines


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
    before, after = (_cost(walk, body.get(f"cost_{side}")) for side in ("before", "after"))
    added = body.get("added_cost_usd_per_day")
    if number(added) is None:
        money = walk.say("change per day unknown: a price is missing", "하루 변화는 모름: 가격 자료가 없음")
    elif (number(added) or 0) < 0:
        money = walk.say("saves {0}", "{0} 절감").format(usd(-(number(added) or 0), walk.lang, walk.say("day", "일")))
    else:
        money = walk.say("adds {0}", "{0} 증가").format(usd(added, walk.lang, walk.say("day", "일")))
    lines.append(
        walk.say(
            f"- Cost, effective: {before} → {after} ({money}); prices as of {_at(body)}",
            f"- 비용(effective): {before} → {after} ({money}); 가격 기준 {_at(body)}",
        )
    )
    replaced = body.get("instances_replaced", 0)
    lines.append(
        walk.say(
            f"- Instances that AWS replaces: {replaced}; launched: {body.get('instances_launched')}; running "
            f"now: {body.get('instances_total')}",
            f"- AWS가 교체하는 인스턴스: {replaced}대, 새로 뜨는 인스턴스: {body.get('instances_launched')}대, 현재: "
            f"{body.get('instances_total')}대",
        )
    )
    lines.append(
        f"- {walk.say('Interruption risk', '중단 위험')}: {level(walk, body.get('risk_before'))} → "
        f"{level(walk, body.get('risk_after'))}"
    )
    return lines + [f"- {walk.say('Note', '주의')}: {told(w)}" for w in texts_of(body, "warnings")[:4]]


def _cost(walk: Walk, cost: Any) -> str:
    fields = cost if isinstance(cost, dict) else {}
    parts = [usd(fields.get(f"{k}_usd_per_hour"), walk.lang) for k in ("effective", "contracted", "list")]
    return f"{parts[0]} (contracted {parts[1]}, list {parts[2]})"


def _at(body: dict[str, Any]) -> str:
    return moment(body.get("price_as_of"), "en")
