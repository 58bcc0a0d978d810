"""Changes: drawn up from what was asked in absolute values, previewed, and proposed only when clearly asked for."""

import re
from dataclasses import dataclass
from typing import Any

from agent.models.planner.answers.common import level, rows_of, trouble, which_fleet
from agent.models.planner.answers.money import bare_reason
from agent.models.planner.answers.outcome import moved, previewed, what_became
from agent.models.planner.conversation import Seen
from agent.models.planner.figures import basis, named, number, percent, plainly
from agent.models.planner.moods import make_safe, names_diversifying
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
    (
        (
            r"(?:without|not|no|never|avoid|instead of)\b.{0,20}\b(?:paying |pay |cost\w* )?(?:double|twice"
            r"|2x)|이중.{0,8}(?:안|않|없|말)|두\s?배.{0,12}(?:안|않|없|말)"
        ),
        2.0,
    ),
    (
        (
            r"without\b.{0,25}\b(?:more|extra|higher|increas\w*|additional)|no (?:extra|additional|more) cost"
            r"|same (?:cost|price|budget)|비용.{0,12}(?:늘리지|올리지|증가\s?없|그대로|안\s?늘)|추가\s?비용\s?없"
        ),
        1.0,
    ),
)


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
    suits = suited(walk, name)
    if suits is None:
        return []
    wanted = _wanted(walk, fleet.body)
    if not wanted.arguments:
        return [f"{named(name)}: {wanted.why_not}", basis(fleet.body, walk.lang)]
    return [*suits, *_forced(walk), *previewed_and_proposed(walk, name, wanted.arguments, risk)]


def suited(walk: Walk, name: str) -> list[str] | None:
    """Whether more spot would pay for this fleet at all, when that is what is asked; None = still being looked up."""
    if walk.question.found.change.spot_percent in {None, 0}:
        return []
    money = walk.look("report_costs")
    if money is None:
        return None
    row = next((r for r in rows_of(money.body, "fleets") if r.get("fleet") == name), {})
    amount, why = number(row.get("potential_usd_per_hour")), plainly(row.get("potential_note") or "", walk.lang)
    if not money.ok or not why:
        return []
    if amount is not None and amount < 0:
        return [walk.say(f"**No: leave {named(name)} as it is:** "
            f"{bare_reason(why)}", f"**아니요, {named(name)}은(는) 그대로 두세요:** {bare_reason(why)}"),
                basis(money.body, walk.lang)]  # fmt: skip
    if amount is None:
        return [walk.say(f"Careful, {named(name)}: {why}", f"주의, {named(name)}: {why}"), basis(money.body, walk.lang)]
    return []


def _forced(walk: Walk) -> list[str]:
    if not walk.question.facets.by_force:
        return []
    return [
        walk.say(
            "Policy and approval cannot be bypassed from here: this is judged like any other change.",
            "여기서 정책이나 승인을 건너뛸 수는 없습니다. 다른 변경과 똑같이 판정됩니다.",
        )
    ]


def previewed_and_proposed(walk: Walk, name: str, arguments: dict[str, Any], risk: Seen | None = None) -> list[str]:
    preview = walk.look("preview_change", fleet=name, **arguments)
    if preview is not None and not preview.ok and _diversifies(walk) and "instance_types" in arguments:
        arguments = {k: v for k, v in arguments.items() if k != "instance_types"}
        preview = walk.look("preview_change", fleet=name, **arguments) if arguments else preview
    if preview is None:
        return []
    if not preview.ok and walk.offers("preview_change"):
        return [trouble(walk, preview, named(name)), walk.say("Nothing was proposed.", "아무것도 제안하지 않았습니다.")]
    if preview.ok and not preview.body.get("changes"):
        return [
            walk.say(
                f"**Nothing would change: {named(name)} is already so** ({spelled(arguments)}); nothing was proposed.",
                f"**바뀔 것이 없습니다. {named(name)}은(는) 이미 그 상태입니다** ({spelled(arguments)}). 제안하지 "
                f"않았습니다.",
            ),
            basis(preview.body, walk.lang),
        ]
    evidence = _evidence(walk, name, risk)
    shown = [*previewed(walk, preview.body), basis(preview.body, walk.lang)] if preview.ok else []
    money = moved(walk, preview.body) if preview.ok else walk.say("cost unknown", "비용 모름")
    head = walk.say(
        f"**Preview for {named(name)}: {money}** ({spelled(arguments)})",
        f"**{named(name)} 미리 보기: {money}** ({spelled(arguments)})",
    )
    if hold := _held_back(walk, preview):
        return [*evidence, head, *shown, hold]
    done = walk.propose("change_fleet", fleet=name, **arguments)
    if done is None:
        return [
            *evidence,
            head,
            *shown,
            walk.say(
                "I propose exactly this change; policy and people decide.",
                "정확히 이 변경을 제안합니다. 결정은 정책과 사람이 합니다.",
            ),
        ]
    return what_became(walk, done, named(name))


def _held_back(walk: Walk, preview: Seen) -> str:  # noqa: PLR0911 - one return a case
    """Why a preview stays a preview; "" = it may be proposed."""
    if walk.question.mood != "request":
        return walk.say(
            "This is a preview: nothing was proposed or changed. Say “do it” and I propose exactly this.",
            "미리 보기일 뿐 제안하거나 바꾸지 않았습니다. “적용해줘”라고 하면 정확히 이대로 제안합니다.",
        )
    if not walk.question.named.sure:
        return walk.say(
            "I am not sure about the fleet's name, so nothing was proposed. Say “do it” or the exact name.",
            "fleet 이름이 확실하지 않아 제안하지 않았습니다. “적용해줘” 또는 정확한 이름을 말씀해 주세요.",
        )
    if preview.ok and (limit := _daily_limit(normal(walk.question.text))) is not None:
        added = number(preview.body.get("added_cost_usd_per_day"))
        if added is None or added > limit:
            return walk.say(
                f"Your limit is ${limit:,.2f}/day: the change is over it, or its cost is unknown, so nothing was "
                f"proposed.",
                f"한도 ${limit:,.2f}/일을 넘거나 비용을 알 수 없어 제안하지 않았습니다.",
            )
    factor = _price_limit(normal(walk.question.text))
    if factor is None or not preview.ok:
        return ""
    before, after = (_effective(preview.body, side) for side in ("before", "after"))
    if before is None or after is None:
        return walk.say(
            "The cost after is unknown, so I cannot keep your cost limit and propose nothing. Say “do it” to "
            "propose it all the same.",
            (
                "변경 후 비용을 몰라 비용 조건을 지킬 수 없으므로 제안하지 않았습니다. 그래도 원하면 "
                "“적용해줘”라고 하세요."
            ),
        )
    if after > before * factor:
        return walk.say(
            "That would break your cost limit, so nothing was proposed.", "비용 조건을 넘으므로 제안하지 않았습니다."
        )
    return ""


def _daily_limit(text: str) -> float | None:
    """USD a day that a change may add at the most, when the question names such a sum."""
    found = re.search(
        r"(?:without|at most|no more than|under|below|less than|max(?:imum)?|up to|within|최대|이하)?[^.;]{0,30}?"
        r"(?:\$\s?(\d+(?:\.\d+)?)|(\d+(?:\.\d+)?)\s?(?:usd|dollars?|달러|불))\s*(?:/|per |a |each )?\s*"
        r"(hour|h\b|day|d\b|week|month|시간|하루|일)?[^.;]{0,20}",
        text,
    )
    limits = r"without|at most|more than|under|below|less than|\bmax|up to|within|최대|이하|이내|넘지|안\s?넘|미만"
    if not found or not re.search(limits, text):
        return None
    hours = {"h": 1, "시": 1, "w": 168, "m": 730}.get((found.group(3) or "d")[0], 24)
    return float(found.group(1) or found.group(2)) * 24 / hours


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
    return [
        walk.say(
            f"{named(name)}: interruption risk {level(walk, body.get('level'))}, {share} of its spot "
            "instances in one pool.",
            f"{named(name)}: 중단 위험 {level(walk, body.get('level'))}, spot 인스턴스의 {share}가 한 풀에 있습니다.",
        ),
        basis(body, walk.lang),
        "",
    ]


def spelled(arguments: dict[str, Any]) -> str:
    return "; ".join(f"{k} = {', '.join(v) if isinstance(v, list) else v}" for k, v in arguments.items())


def _diversifies(walk: Walk) -> bool:
    asked = walk.question.found.change
    text = normal(walk.question.text)
    return make_safe(text) and asked.types_word is None and (not asked.says_something or names_diversifying(text))


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
    return walk.say(
        "say what to set, in absolute values: on-demand base, spot share in %, allocation strategy, "
        "instance types or desired capacity.",
        (
            "무엇을 얼마로 할지 말씀해 주세요: 온디맨드 base, spot 비율(%), allocation strategy, 인스턴스 "
            "타입, desired capacity."
        ),
    )


def _types(walk: Walk, fleet: dict[str, Any]) -> tuple[list[str], str]:  # noqa: PLR0911 - one return a case
    """The whole list after the change; empty = leave it."""
    named_types, word = walk.question.found.types, walk.question.found.change.types_word
    today = today_types(fleet)
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


def today_types(fleet: dict[str, Any]) -> list[str]:
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
