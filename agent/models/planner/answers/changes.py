"""Changes: drawn up from what was asked in absolute values, previewed, and proposed only when clearly asked for."""

import re
from dataclasses import dataclass
from typing import Any

from agent.models.planner.answers.common import fleet_rows, level, rows_of, spot_fleets, trouble, which_fleet
from agent.models.planner.answers.market import scored
from agent.models.planner.answers.outcome import previewed, what_became
from agent.models.planner.conversation import Seen
from agent.models.planner.figures import basis, named, number, percent, plain, told, usd
from agent.models.planner.intents import make_safe
from agent.models.planner.sizes import diversified
from agent.models.planner.text import normal
from agent.models.planner.walk import Walk

ARGUMENTS = (
    "on_demand_base_capacity",
    "on_demand_percentage_above_base",
    "spot_allocation_strategy",
    "instance_types",
    "desired_capacity",
)
SAFE_STRATEGY = "price-capacity-optimized"
_DEAR = (
    (r"(?:without|not|no|never|avoid|instead of)\b.{0,20}\b(?:paying |pay |cost\w* )?(?:double|twice|2x)|이중.{0,8}(?:안|않|없|말)|두\s?배.{0,12}(?:안|않|없|말)", 2.0),
    (r"without\b.{0,25}\b(?:more|extra|higher|increas\w*|additional)|no (?:extra|additional|more) cost|same (?:cost|price|budget)|비용.{0,12}(?:늘리지|올리지|증가\s?없|그대로|안\s?늘)|추가\s?비용\s?없", 1.0),
)  # fmt: skip


@dataclass(frozen=True)
class Wanted:
    """Arguments of one change; `why_not` says why none could be drawn up."""

    arguments: dict[str, Any]
    why_not: str = ""


def change(walk: Walk) -> list[str]:
    """Every named fleet's change, one after the other."""
    if not walk.question.fleets:
        return which_fleet(walk, "change")
    lines: list[str] = []
    for name in walk.question.fleets[:3]:
        lines += [*_change_one(walk, name), ""]
    return lines


def _change_one(walk: Walk, name: str) -> list[str]:
    fleet = walk.look("describe_fleet", fleet=name)
    risk = walk.look("score_risk", fleet=name) if _diversifies(walk) else None
    if fleet is None or (_diversifies(walk) and risk is None):
        return []
    if not fleet.ok:
        return [trouble(walk, fleet, named(name))]
    wanted = _wanted(walk, fleet.body)
    if not wanted.arguments:
        return [f"{named(name)}: {wanted.why_not}", basis(fleet.body, walk.lang)]
    return _previewed_and_proposed(walk, name, wanted.arguments, risk)


def _previewed_and_proposed(walk: Walk, name: str, arguments: dict[str, Any], risk: Seen | None = None) -> list[str]:
    preview = walk.look("preview_change", fleet=name, **arguments)
    if preview is not None and not preview.ok and _diversifies(walk) and "instance_types" in arguments:
        arguments = {k: v for k, v in arguments.items() if k != "instance_types"}
        preview = walk.look("preview_change", fleet=name, **arguments) if arguments else preview
    if preview is None:
        return []
    if not preview.ok and walk.offers("preview_change"):
        return [trouble(walk, preview, named(name)), walk.say("Nothing was proposed.", "아무것도 제안하지 않았습니다.")]
    if preview.ok and not preview.body.get("changes"):
        return [walk.say(f"{named(name)} is already so: nothing to change, nothing was proposed.",
                         f"{named(name)}은(는) 이미 그 상태라 바꿀 것이 없어 제안하지 않았습니다."), basis(preview.body, walk.lang)]  # fmt: skip
    evidence = _evidence(walk, name, risk)
    shown = [*previewed(walk, preview.body), basis(preview.body, walk.lang)] if preview.ok else []
    head = walk.say(
        f"**Preview for {named(name)}** ({_spelled(arguments)})", f"**{named(name)} 미리 보기** ({_spelled(arguments)})"
    )
    if hold := _held_back(walk, preview):
        return [*evidence, head, *shown, hold]
    done = walk.propose("change_fleet", fleet=name, **arguments)
    if done is None:
        return [*evidence, head, *shown, walk.say("I propose exactly this change; policy and people decide.",
                                                 "정확히 이 변경을 제안합니다. 결정은 정책과 사람이 합니다.")]  # fmt: skip
    return [*what_became(walk, done, named(name)), *_forecast(walk, preview)]


def _forecast(walk: Walk, preview: Seen) -> list[str]:
    if not preview.ok:
        return []
    return [
        walk.say("Forecast it was judged on:", "판단에 쓰인 예측:"),
        *previewed(walk, preview.body),
        basis(preview.body, walk.lang),
    ]


def _held_back(walk: Walk, preview: Seen) -> str:
    """Why a preview stays a preview; "" = it may be proposed."""
    if walk.question.mood != "request":
        return walk.say("This is a preview: nothing was proposed or changed. Say “do it” and I propose exactly this.",
                        "미리 보기일 뿐 제안하거나 바꾸지 않았습니다. “적용해줘”라고 하면 정확히 이대로 제안합니다.")  # fmt: skip
    if not walk.question.named.sure:
        return walk.say("I am not sure about the fleet's name, so nothing was proposed. Say “do it” or the exact name.",
                        "fleet 이름이 확실하지 않아 제안하지 않았습니다. “적용해줘” 또는 정확한 이름을 말씀해 주세요.")  # fmt: skip
    factor = _price_limit(normal(walk.question.text))
    if factor is None or not preview.ok:
        return ""
    before, after = (_effective(preview.body, side) for side in ("before", "after"))
    if before is None or after is None:
        return walk.say("The cost after is unknown, so I cannot keep your cost limit and propose nothing. Say “do it” to propose it all the same.",
                        "변경 후 비용을 몰라 비용 조건을 지킬 수 없으므로 제안하지 않았습니다. 그래도 원하면 “적용해줘”라고 하세요.")  # fmt: skip
    if after > before * factor:
        return walk.say(
            "That would break your cost limit, so nothing was proposed.", "비용 조건을 넘으므로 제안하지 않았습니다."
        )
    return ""


def _price_limit(text: str) -> float | None:
    return next((factor for pattern, factor in _DEAR if re.search(pattern, text)), None)


def _effective(body: dict[str, Any], side: str) -> float | None:
    cost = body.get(f"cost_{side}")
    fields = cost if isinstance(cost, dict) else {}
    return number(fields.get("effective_usd_per_hour"))


def _evidence(walk: Walk, name: str, risk: Seen | None) -> list[str]:
    if risk is None or not risk.ok:
        return []
    body = risk.body
    share = percent(body.get("largest_pool_share"), walk.lang)
    return [walk.say(f"{named(name)}: interruption risk {level(walk, body.get('level'))}, {share} of its spot instances in one pool.",
                     f"{named(name)}: 중단 위험 {level(walk, body.get('level'))}, spot 인스턴스의 {share}가 한 풀에 있습니다."),
            basis(body, walk.lang), ""]  # fmt: skip


def _spelled(arguments: dict[str, Any]) -> str:
    return "; ".join(f"{k} = {', '.join(v) if isinstance(v, list) else v}" for k, v in arguments.items())


def _diversifies(walk: Walk) -> bool:
    asked = walk.question.found.change
    text = normal(walk.question.text)
    return (
        make_safe(text)
        and asked.types_word is None
        and (not asked.says_something or "diversif" in text or "분산" in text)
    )


def _wanted(walk: Walk, fleet: dict[str, Any]) -> Wanted:
    """Absolute arguments for what was asked, from the fleet as it stands."""
    asked = walk.question.found.change
    arguments: dict[str, Any] = {}
    types, why_not = _types(walk, fleet)
    if types:
        arguments["instance_types"] = types
    base = _base(walk, fleet)
    if base is not None:
        arguments["on_demand_base_capacity"] = base
    if asked.spot_percent is not None:
        arguments["on_demand_percentage_above_base"] = 100 - asked.spot_percent
    if asked.strategy is not None:
        arguments["spot_allocation_strategy"] = asked.strategy
    elif _diversifies(walk):
        arguments["spot_allocation_strategy"] = SAFE_STRATEGY
    desired = _desired(walk, fleet)
    if desired is not None:
        arguments["desired_capacity"] = desired
    ordered = {k: arguments[k] for k in ARGUMENTS if k in arguments}
    return Wanted(ordered, "" if ordered else why_not or _what_to_say(walk))


def _what_to_say(walk: Walk) -> str:
    return walk.say("say what to set, in absolute values: on-demand base, spot share in %, allocation strategy, instance types or desired capacity.",
                    "무엇을 얼마로 할지 말씀해 주세요: 온디맨드 base, spot 비율(%), allocation strategy, 인스턴스 타입, desired capacity.")  # fmt: skip


def _types(walk: Walk, fleet: dict[str, Any]) -> tuple[list[str], str]:
    """The whole list after the change; empty = leave it."""
    named_types, word = walk.question.found.types, walk.question.found.change.types_word
    today = _today(fleet)
    if _diversifies(walk):
        if not isinstance(fleet.get("mix"), dict):
            return [], ""
        wide = list(diversified([*today, *[t for t in named_types if t not in today]]))
        return (wide if wide != today else []), ""
    if not named_types or word is None:
        return [], ""
    if word == "only":
        return list(named_types), ""
    if word == "add":
        more = [t for t in named_types if t not in today]
        return ([*today, *more] if more else []), walk.say(
            "it has these types already.", "이미 그 타입을 쓰고 있습니다."
        )
    left = [t for t in today if t not in named_types]
    if not left:
        return [], walk.say("no type would be left, so nothing was proposed.", "남는 타입이 없어 제안하지 않았습니다.")
    return (left if left != today else []), walk.say("it does not use that type.", "그 타입을 쓰고 있지 않습니다.")


def _today(fleet: dict[str, Any]) -> list[str]:
    mix = fleet.get("mix")
    types = [str(o.get("instance_type")) for o in rows_of(mix, "overrides")] if isinstance(mix, dict) else []
    return types or ([str(fleet["instance_type"])] if fleet.get("instance_type") else [])


def _base(walk: Walk, fleet: dict[str, Any]) -> int | None:
    asked = walk.question.found.change
    if asked.base_by is None:
        return asked.base
    mix = fleet.get("mix")
    today = number(mix.get("on_demand_base_capacity")) if isinstance(mix, dict) else None
    return None if today is None else max(0, int(today) + asked.base_by)


def _desired(walk: Walk, fleet: dict[str, Any]) -> int | None:
    asked, today = walk.question.found.change, number(fleet.get("desired_capacity"))
    if asked.desired is not None or today is None:
        return asked.desired
    if asked.desired_by is not None:
        return max(0, int(today) + asked.desired_by)
    if asked.desired_times is not None:
        return max(0, round(today * asked.desired_times))
    return None


def confirm(walk: Walk) -> list[str]:
    """«Do it»: exactly the change previewed last, previewed again, then proposed."""
    for exchange in reversed(walk.earlier[-2:]):
        for seen in reversed(exchange.seen):
            if seen.tool == "preview_change" and not any(s.tool == "change_fleet" for s in exchange.seen):
                arguments = {k: seen.arguments[k] for k in ARGUMENTS if seen.arguments.get(k) is not None}
                return _confirmed(walk, str(seen.arguments.get("fleet")), arguments)
    return [walk.say("There is no preview to go on from. Say what to change, for example “set web-canary to 70% spot”.",
                     "이어서 적용할 미리 보기가 없습니다. 무엇을 바꿀지 말씀해 주세요. 예: “web-canary spot 비율 70%로 바꿔줘”.")]  # fmt: skip


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
                f"I propose for {named(name)}: {_spelled(arguments)}",
                f"{named(name)}에 제안합니다: {_spelled(arguments)}",
            )
        ]
    return [*what_became(walk, done, named(name)), *_forecast(walk, preview)]


def rollback(walk: Walk) -> list[str]:
    """Back to the values before the last change that the audit log has of a fleet."""
    if len(walk.question.fleets) != 1 or not walk.question.named.sure:
        return which_fleet(walk, "roll back")
    name = walk.question.fleets[0]
    seen = walk.look("search_audit", text=f"{name} outcome")
    if seen is None:
        return []
    if not seen.ok:
        return [trouble(walk, seen, named(name))]
    before = next((b for entry in rows_of(seen.body, "entries") if (b := _before(entry))), None)
    if before is None:
        return [walk.say(f"The audit log has no change of {named(name)} with its values before, so nothing was proposed. Say the values to set.",
                         f"감사 로그에 {named(name)}의 변경 전 값이 없어 제안하지 않았습니다. 설정할 값을 말씀해 주세요."), basis(seen.body, walk.lang)]  # fmt: skip
    return _previewed_and_proposed(walk, name, before)


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
    lines = [
        walk.say(
            "**What I would look at, in this order (a plan, not a change):**",
            "**살펴볼 순서 (계획이며 변경이 아닙니다):**",
        )
    ]
    for name in spot_fleets(rows)[:3]:
        row = next(r for r in rows if r.get("name") == name)
        if row.get("risk") in {"high", "medium", "unknown"}:
            lines.append(walk.say(f"- {named(name)}: risk {level(walk, row.get('risk'))}, largest pool {told(row.get('largest_pool') or '?')} with {percent(row.get('largest_pool_share'), 'en')} → more types and zones, {SAFE_STRATEGY}",
                                  f"- {named(name)}: 위험 {level(walk, row.get('risk'))}, 최대 풀 {told(row.get('largest_pool') or '?')} {percent(row.get('largest_pool_share'), 'ko')} → 타입·영역을 늘리고 {SAFE_STRATEGY}"))  # fmt: skip
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
    return [f"- {named(r.get('fleet'))}: {usd(r.get('potential_usd_per_hour'), walk.lang)} "
            f"{walk.say('possible, effective', '절감 가능(effective)')} — {told(r.get('potential_note') or '')}" for r in good[:3]]  # fmt: skip


def _advise_one(walk: Walk, name: str) -> list[str]:
    fleet, risk = walk.look("describe_fleet", fleet=name), walk.look("score_risk", fleet=name)
    if fleet is None or risk is None:
        return []
    if not fleet.ok:
        return [trouble(walk, fleet, named(name))]
    lines = scored(walk, name, risk.body) if risk.ok else [trouble(walk, risk, named(name))]
    today = _today(fleet.body)
    wide = list(diversified(today))
    if not isinstance(fleet.body.get("mix"), dict) or not number(fleet.body.get("spot")):
        lines.append(
            walk.say(
                "It runs no spot, so there is no interruption risk to spread.",
                "spot이 없어 분산할 중단 위험이 없습니다.",
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
            f"**A plan, not a change: {_spelled(arguments)}**", f"**계획이며 변경이 아닙니다: {_spelled(arguments)}**"
        )
    )
    lines += (
        [*previewed(walk, preview.body), basis(preview.body, walk.lang)] if preview.ok else [trouble(walk, preview)]
    )
    lines.append(walk.say(f"Say “diversify {name}” and I propose it; {plain(len(wide), 'en')} types in all.",
                          f"“{name} 분산해줘”라고 하면 제안합니다. 타입은 모두 {plain(len(wide), 'ko')}개입니다."))  # fmt: skip
    return lines
