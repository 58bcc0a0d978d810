"""Going on from a preview, going back to what was, and advice: a plan, never a change by itself."""

import re
from dataclasses import replace
from typing import Any

from agent.models.planner.answers.changes import (
    ARGUMENTS,
    SAFE_STRATEGY,
    previewed_and_proposed,
    spelled,
    today_types,
)
from agent.models.planner.answers.common import fleet_rows, level, rows_of, spot_fleets, trouble, which_fleet
from agent.models.planner.answers.outcome import previewed, what_became
from agent.models.planner.answers.risk import scored
from agent.models.planner.answers.story import fleet_of, last_write, pending, stories
from agent.models.planner.figures import basis, named, number, percent, plain, plainly, told, usd
from agent.models.planner.sizes import diversified
from agent.models.planner.walk import Walk


def confirm(walk: Walk) -> list[str]:
    """«Do it»: exactly the change previewed last, previewed again, then proposed."""
    for exchange in reversed(walk.earlier[-2:]):
        for seen in reversed(exchange.seen):
            if seen.tool == "preview_change" and not any(s.tool == "change_fleet" for s in exchange.seen):
                arguments = {k: seen.arguments[k] for k in ARGUMENTS if seen.arguments.get(k) is not None}
                return _confirmed(walk, str(seen.arguments.get("fleet")), arguments)
    if re.search(r"approv|승인", walk.question.text.lower()):
        return pending(walk)
    return [
        walk.say(
            "There is no preview to go on from. Say what to change, for example “set web-canary to 70% spot”.",
            "이어서 적용할 미리 보기가 없습니다. 무엇을 바꿀지 말씀해 주세요. 예: “web-canary spot 비율 70%로 바꿔줘”.",
        )
    ]


def _confirmed(walk: Walk, name: str, arguments: dict[str, Any]) -> list[str]:
    preview = walk.look("preview_change", fleet=name, **arguments)
    if preview is None:
        return []
    if not preview.ok:
        return [trouble(walk, preview, named(name)), walk.say("Nothing was proposed.", "아무것도 제안하지 않았습니다.")]
    if not preview.body.get("changes"):
        return [
            walk.say(
                f"{named(name)} is already so: nothing was proposed.",
                f"{named(name)}은(는) 이미 그 상태라 제안하지 않았습니다.",
            )
        ]
    done = walk.propose("change_fleet", fleet=name, **arguments)
    if done is None:
        return [
            walk.say(
                f"I propose for {named(name)}: {spelled(arguments)}",
                f"{named(name)}에 제안합니다: {spelled(arguments)}",
            )
        ]
    return what_became(walk, done, named(name))


def rollback(walk: Walk) -> list[str]:  # noqa: PLR0911 - one return a case
    """Back to the values before the last change that the audit log has of a fleet."""
    name = _to_go_back(walk)
    if name is None and not walk.question.fleets and not walk.question.named.strangers:
        found = stories(walk)
        if found is None:
            return []
        done = [s for s in found if s.get("outcome", {}).get("status") == "done"]
        name = fleet_of(done[0]) or None if done else None
        walk.question = replace(walk.question, mood="what-if")  # the fleet was not named: only a preview
    if name is None:
        return which_fleet(walk, "roll back")
    if walk.offers("roll_back") and walk.question.mood == "request":
        return _set_back(walk, name)
    seen = walk.look("search_audit", text=f"{name} outcome")
    if seen is None:
        return []
    if not seen.ok:
        return [trouble(walk, seen, named(name))]
    before = next((b for entry in rows_of(seen.body, "entries") if (b := _before(entry))), None)
    if before is None:
        return [
            walk.say(
                f"The audit log has no change of {named(name)} with its values before, so nothing was proposed. "
                "Say the values to set.",
                f"감사 로그에 {named(name)}의 변경 전 값이 없어 제안하지 않았습니다. 설정할 값을 말씀해 주세요.",
            ),
            basis(seen.body, walk.lang),
        ]
    return previewed_and_proposed(walk, name, before)


def _set_back(walk: Walk, name: str) -> list[str]:
    """The newest change of a fleet, undone from what the journal recorded: the values are never put together here."""
    done = walk.propose("roll_back", fleet=name, proposal_id=None)
    if done is None:
        return [
            walk.say(
                f"I propose to set the newest change of {named(name)} back to what was recorded before it.",
                f"{named(name)}의 가장 최근 변경을 기록된 이전 값으로 되돌리도록 제안합니다.",
            )
        ]
    return what_became(walk, done, named(name))


def _to_go_back(walk: Walk) -> str | None:
    """The one fleet named, else the one whose change was proposed last in this conversation."""
    if walk.question.fleets or walk.question.named.strangers:
        return walk.question.fleets[0] if len(walk.question.fleets) == 1 and walk.question.named.sure else None
    last = last_write(walk)
    return str(last.arguments.get("fleet")) if last is not None else None


def _before(entry: dict[str, Any]) -> dict[str, Any]:
    payload = entry.get("payload")
    if entry.get("kind") != "outcome" or not isinstance(payload, dict) or payload.get("status") != "done":
        return {}
    before = payload.get("before")
    fields = before if isinstance(before, dict) else {}
    return {k: fields[k] for k in ARGUMENTS if fields.get(k) is not None}


def advice(walk: Walk) -> list[str]:
    """What could be better, as a plan: the evidence, and a preview of the safest step. Never a change."""
    names = list(walk.question.fleets[:2])
    if not names and walk.question.named.strangers:
        return which_fleet(walk, "look at")
    if names:
        return [line for name in names for line in _advise_one(walk, name)]
    rows, money = fleet_rows(walk), walk.look("report_costs")
    if rows is None or money is None:
        return []
    lines = [walk.say("**In this order (a plan, not a change):**", "**이 순서로 보세요 (계획이며 변경이 아닙니다):**")]
    for name in spot_fleets(rows)[:3]:
        row = next(r for r in rows if r.get("name") == name)
        if row.get("risk") in {"high", "medium", "unknown"}:
            lines.append(
                walk.say(
                    f"- {named(name)}: risk {level(walk, row.get('risk'))}, largest pool "
                    f"{told(row.get('largest_pool') or '?')} with {percent(row.get('largest_pool_share'), 'en')} → "
                    f"more types and zones, {SAFE_STRATEGY}",
                    f"- {named(name)}: 위험 {level(walk, row.get('risk'))}, 최대 풀 "
                    f"{told(row.get('largest_pool') or '?')} "
                    f"{percent(row.get('largest_pool_share'), 'ko')} → 타입·영역을 늘리고 {SAFE_STRATEGY}",
                )
            )
    if money.ok:
        lines += _saving_advice(walk, rows_of(money.body, "fleets"))
    if len(lines) == 1:
        lines.append(
            walk.say(
                "- Nothing stands out in what the tools can see.",
                "- 도구로 볼 수 있는 범위에서는 눈에 띄는 문제가 없습니다.",
            )
        )
    lines.append(
        walk.say(
            "Ask “what if we diversify <fleet>?” for a preview.",
            "“<fleet> 분산하면 어때?”라고 물으면 미리 보기를 드립니다.",
        )
    )
    return [*lines, basis(money.body, walk.lang)] if money.ok else [*lines, trouble(walk, money)]


def _saving_advice(walk: Walk, rows: list[dict[str, Any]]) -> list[str]:
    good = [r for r in rows if (number(r.get("potential_usd_per_hour")) or 0) > 0]
    good.sort(key=lambda r: -(number(r.get("potential_usd_per_hour")) or 0))
    return [
        f"- {named(r.get('fleet'))}: {usd(r.get('potential_usd_per_hour'), walk.lang)} "
        f"{walk.say('possible, effective', '절감 가능(effective)')} — "
        f"{plainly(r.get('potential_note') or '', walk.lang)}"
        for r in good[:3]
    ]


def _advise_one(walk: Walk, name: str) -> list[str]:
    fleet, risk = walk.look("describe_fleet", fleet=name), walk.look("score_risk", fleet=name)
    if fleet is None or risk is None:
        return []
    if not fleet.ok:
        return [trouble(walk, fleet, named(name))]
    lines = (
        scored(walk, name, risk.body, brief=len(walk.question.intents) > 1)
        if risk.ok
        else [trouble(walk, risk, named(name))]
    )
    today = today_types(fleet.body)
    wide = list(diversified(today))
    if not isinstance(fleet.body.get("mix"), dict) or not number(fleet.body.get("spot")):
        money = walk.look("report_costs")
        row = next((r for r in rows_of(money.body, "fleets") if r.get("fleet") == name), {}) if money else {}
        why = plainly(row.get("potential_note") or "", walk.lang)
        lines.append(
            walk.say(
                f"**Leave it: it runs no spot, so there is no interruption risk to spread.** {why}",
                f"**그대로 두세요. spot이 없어 분산할 중단 위험이 없습니다.** {why}",
            )
        )
        return lines
    arguments: dict[str, Any] = {
        "spot_allocation_strategy": SAFE_STRATEGY,
        **({"instance_types": wide} if wide != today else {}),
    }
    preview = walk.look("preview_change", fleet=name, **arguments)
    if preview is None:
        return []
    lines.append(
        walk.say(
            f"**A plan, not a change: {spelled(arguments)}**", f"**계획이며 변경이 아닙니다: {spelled(arguments)}**"
        )
    )
    lines += (
        [*previewed(walk, preview.body), basis(preview.body, walk.lang)] if preview.ok else [trouble(walk, preview)]
    )
    lines.append(
        walk.say(
            f"Say “diversify {name}” and I propose it; {plain(len(wide), 'en')} types in all.",
            f"“{name} 분산해줘”라고 하면 제안합니다. 타입은 모두 {plain(len(wide), 'ko')}개입니다.",
        )
    )
    return lines
