"""What runs: the inventory, one fleet, and the state of things in one look."""

from typing import Any

from agent.models.planner.answers import jobs
from agent.models.planner.answers.common import counted, level, no_such_fleet, rows_of, texts_of, trouble, which_fleet
from agent.models.planner.answers.money import commitment_lines
from agent.models.planner.figures import basis, named, number, percent, told, usd
from agent.models.planner.walk import Walk

_SHOWN = 20


def inventory(walk: Walk) -> list[str]:
    """Every fleet in one table."""
    seen = walk.look("list_fleets")
    if seen is None:
        return []
    if not seen.ok:
        return [trouble(walk, seen, walk.say("fleets", "fleet 목록"))]
    rows = rows_of(seen.body, "fleets")
    count, total, spot = counted(seen.body)
    cost = usd(seen.body.get("usd_per_hour"), walk.lang)
    share = percent(spot / total if total else None, walk.lang)
    lines = [
        *no_such_fleet(walk),
        walk.say(
            f"**{count} fleets, {total} instances: {spot} spot ({share}), {total - spot} on-demand; {cost} now.**",
            f"**fleet {count}개, 인스턴스 {total}대: spot {spot}대({share}), 온디맨드 {total - spot}대; 현재 {cost}.**",
        ),
        "",
    ]
    lines += [
        walk.say(
            "| fleet | instances (spot + on-demand) | types | largest pool | cost | risk |",
            "| fleet | 인스턴스 (spot + 온디맨드) | 타입 | 최대 풀 | 비용 | 위험 |",
        ),
        "|---|---|---|---|---:|---|",
    ]
    for row in rows[:_SHOWN]:
        covered = walk.say(" (Savings Plan)", " (Savings Plan)") if row.get("covered_by_commitment") else ""
        lines.append(
            f"| {named(row.get('name'))} | {row.get('instances')} ({row.get('spot')} + {row.get('on_demand')}) | "
            f"{_short(texts_of(row, 'instance_types'))} | {_pool(walk, row)} | "
            f"{usd(row.get('usd_per_hour'), walk.lang)}{covered} | {level(walk, row.get('risk'))} |"
        )
    if count > len(rows[:_SHOWN]):
        lines.append(
            walk.say(
                f"… and {count - len(rows[:_SHOWN])} more; name one for its details.",
                f"… 외 {count - len(rows[:_SHOWN])}개; 이름을 말하면 자세히 보여 줍니다.",
            )
        )
    return [*lines, "", basis(seen.body, walk.lang)]


def one_fleet(walk: Walk) -> list[str]:
    """Purchase mix, pools and size of each named fleet."""
    if not walk.question.fleets:
        by_job = jobs.by_name(walk) if walk.question.named.strangers else None
        return which_fleet(walk, "describe") if by_job is None else by_job
    lines: list[str] = []
    if len(walk.question.fleets) > 1:
        return compared(walk)
    if walk.question.unsure:
        lines.append(
            walk.say(
                "I did not understand all of the question; this is the fleet it names. Ask for its cost, risk, prices, "
                "checkpoints, history, or “what if …”.",
                "질문을 다 이해하지 못해 말씀하신 fleet의 구성을 보여 드립니다. 비용, 위험, 가격, checkpoint, "
                "이력, “~하면?”을 "
                "물어보세요.",
            )
        )
        lines += _at_a_glance(walk)
    for name in walk.question.fleets[:4]:
        seen = walk.look("describe_fleet", fleet=name)
        if seen is None:
            continue
        lines += [trouble(walk, seen, named(name))] if not seen.ok else _described(walk, seen.body)
    return lines


def _at_a_glance(walk: Walk) -> list[str]:
    """Cost, size and risk of the fleets named, a line each, from the inventory."""
    seen = walk.look("list_fleets")
    rows = rows_of(seen.body, "fleets") if seen is not None and seen.ok else []
    return [
        f"**{named(r.get('name'))}: {usd(r.get('usd_per_hour'), walk.lang)}, "
        + walk.say("interruption risk ", "중단 위험 ")
        + f"{level(walk, r.get('risk'))}, {walk.say('largest pool', '최대 풀')} {_pool(walk, r)}.**"
        for r in rows
        if r.get("name") in walk.question.fleets
    ]


def compared(walk: Walk) -> list[str]:
    """The fleets named, side by side, from the inventory."""
    seen = walk.look("list_fleets")
    if seen is None:
        return []
    if not seen.ok:
        return [trouble(walk, seen, walk.say("fleets", "fleet 목록"))]
    rows = [r for r in rows_of(seen.body, "fleets") if r.get("name") in walk.question.fleets]
    rows.sort(key=lambda r: -(number(r.get("usd_per_hour")) or 0))
    order = ", ".join(f"{named(r.get('name'))} {usd(r.get('usd_per_hour'), walk.lang)}" for r in rows)
    lines = [walk.say(f"**By cost: {order}.**", f"**비용순: {order}.**"), ""]
    lines += [
        walk.say("| | ", "| | ") + " | ".join(named(r.get("name")) for r in rows) + " |",
        "|---" * (len(rows) + 1) + "|",
    ]
    cells = {
        walk.say("cost now", "현재 비용"): [usd(r.get("usd_per_hour"), walk.lang) for r in rows],
        walk.say("instances (spot)", "인스턴스 (spot)"): [f"{r.get('instances')} ({r.get('spot')})" for r in rows],
        walk.say("types", "타입"): [_short(texts_of(r, "instance_types")) for r in rows],
        walk.say("largest pool", "최대 풀"): [_pool(walk, r) for r in rows],
        walk.say("interruption risk", "중단 위험"): [level(walk, r.get("risk")) for r in rows],
    }
    lines += [f"| {title} | " + " | ".join(row) + " |" for title, row in cells.items()]
    return [*lines, "", basis(seen.body, walk.lang)]


def _described(walk: Walk, body: dict[str, Any]) -> list[str]:
    name, total = named(body.get("name")), body.get("instances_total")
    lines = [
        walk.say(
            f"**{name}**: {total} instances ({body.get('spot')} spot, {body.get('on_demand')} on-demand); desired "
            f"{body.get('desired_capacity')}, min {body.get('min_size')}, max {body.get('max_size')}.",
            f"**{name}**: 인스턴스 {total}대 (spot {body.get('spot')}, 온디맨드 {body.get('on_demand')}); desired "
            f"{body.get('desired_capacity')}, 최소 {body.get('min_size')}, 최대 {body.get('max_size')}.",
        ),
        f"- {mix_line(walk, body)}",
    ]
    pools = rows_of(body, "pools")
    if pools:
        told_pools = ", ".join(
            f"{told(p.get('pool'))} {int(p.get('spot') or 0) + int(p.get('on_demand') or 0)}" for p in pools[:10]
        )
        lines.append(walk.say(f"- Pools (instances): {told_pools}", f"- 풀(인스턴스 수): {told_pools}"))
    lines.append(
        f"- {walk.say('Zones', '가용 영역')}: {', '.join(told(z) for z in texts_of(body, 'zones')) or '–'}; "
        "Capacity Rebalancing: "
        f"{walk.say('on', '켜짐') if body.get('capacity_rebalance') else walk.say('off', '꺼짐')}"
    )
    tags = [f"{named(t.get('key'))}={named(t.get('value'))}" for t in rows_of(body, "tags")[:8]]
    if tags:
        lines.append(walk.say("- Tags (somebody else's text): ", "- 태그(다른 사람이 쓴 글): ") + ", ".join(tags))
    return [*lines, basis(body, walk.lang), ""]


def mix_line(walk: Walk, body: dict[str, Any]) -> str:
    mix = body.get("mix")
    if not isinstance(mix, dict):
        kind = told(body.get("instance_type") or walk.say("unknown type", "타입 모름"))
        return walk.say(
            f"No mixed instances policy: on-demand from one launch template ({kind}).",
            f"mixed instances policy 없음: 단일 launch template의 온디맨드 ({kind}).",
        )
    types = [str(o.get("instance_type")) for o in rows_of(mix, "overrides")]
    return walk.say(
        f"On-demand base {mix.get('on_demand_base_capacity')}, "
        f"{mix.get('on_demand_percentage_above_base')} % on-demand "
        f"above it, {told(mix.get('spot_allocation_strategy'))}; types {', '.join(told(t) for t in types)}",
        f"온디맨드 base {mix.get('on_demand_base_capacity')}, base 초과분 온디맨드 "
        f"{mix.get('on_demand_percentage_above_base')} %, "
        f"{told(mix.get('spot_allocation_strategy'))}; 타입 {', '.join(told(t) for t in types)}",
    )


def overview(walk: Walk) -> list[str]:
    """How things stand: money, risk, the first thing to look at. At most ten lines."""
    fleets, money = walk.look("list_fleets"), walk.look("report_costs")
    if fleets is None or money is None:
        return []
    lines = _verdict(walk, fleets.body) if fleets.ok else []
    if money.ok:
        lines += _money_in_short(walk, money.body)
    else:
        lines.append(trouble(walk, money, walk.say("costs", "비용")))
    if fleets.ok:
        lines += _risk_in_short(walk, rows_of(fleets.body, "fleets"))
    else:
        lines.append(trouble(walk, fleets, walk.say("fleets", "fleet 목록")))
    if walk.question.found.window_hours is not None:
        lines.append(
            walk.say(
                "- These are rates now; the billed total of the period asked about is unknown: no billing data "
                "is read.",
                "- 현재 시점의 값입니다. 물어보신 기간의 청구 합계는 청구 자료를 읽지 않아 모릅니다.",
            )
        )
    body = money.body if money.ok else fleets.body
    return [*lines, basis(body, walk.lang)]


def _verdict(walk: Walk, body: dict[str, Any]) -> list[str]:
    """The one line to go by: which fleets want a look, and for what."""
    rows, (fleets, _, _) = rows_of(body, "fleets"), counted(body)
    pressed = [r for r in rows if r.get("risk") in {"high", "medium"}]
    levels = body.get("by_risk")
    count = sum(int(levels.get(k) or 0) for k in ("high", "medium")) if isinstance(levels, dict) else len(pressed)
    if not count:
        return [walk.say("**No fleet is at high or medium interruption risk now.**",
                         "**지금 중단 위험이 높거나 보통인 fleet은 없습니다.**")]  # fmt: skip
    names = ", ".join(named(r.get("name")) for r in pressed[:4])
    more = " …" if count > len(pressed[:4]) else ""
    return [
        walk.say(
            f"**{count} of {fleets} fleets deserve a look for interruption risk: {names}{more}.**",
            f"**fleet {fleets}개 중 {count}개는 중단 위험을 살펴볼 만합니다: {names}{more}.**",
        )
    ]


def _money_in_short(walk: Walk, body: dict[str, Any]) -> list[str]:
    total = body.get("total")
    total = total if isinstance(total, dict) else {}
    effective, listed = (usd(total.get(f"{k}_usd_per_hour"), walk.lang) for k in ("effective", "list"))
    rate = percent(body.get("effective_savings_rate_share"), walk.lang)
    lines = [
        walk.say(
            f"- Cost now: **{effective}** effective, {listed} at on-demand list; effective savings rate {rate}",
            f"- 현재 비용: effective 기준 **{effective}**, 온디맨드 list {listed}; 유효 절감률(ESR) {rate}",
        )
    ]
    rows = [r for r in rows_of(body, "fleets") if (number(r.get("potential_usd_per_hour")) or 0) > 0]
    rows.sort(key=lambda r: -(number(r.get("potential_usd_per_hour")) or 0))
    if rows:
        top = ", ".join(f"{named(r.get('fleet'))} {usd(r.get('potential_usd_per_hour'), walk.lang)}" for r in rows[:3])
        lines.append(
            walk.say(f"- Still possible (effective, each alone): {top}", f"- 추가 절감 가능(effective, 각각): {top}")
        )
    else:
        lines.append(walk.say("- No known further saving above 0", "- 0보다 큰 추가 절감은 확인되지 않음"))
    return lines + commitment_lines(walk, body)[:2]


def _risk_in_short(walk: Walk, rows: list[dict[str, Any]]) -> list[str]:
    total, spot = sum(int(r.get("instances") or 0) for r in rows), sum(int(r.get("spot") or 0) for r in rows)
    lines = [
        walk.say(
            f"- {len(rows)} fleets, {total} instances, {spot} of them spot",
            f"- fleet {len(rows)}개, 인스턴스 {total}대 중 spot {spot}대",
        )
    ]
    for wanted in ("high", "medium", "unknown"):
        there = [r for r in rows if r.get("risk") == wanted]
        if there:
            names = ", ".join(f"{named(r.get('name'))} ({_pool(walk, r)})" for r in there[:4])
            lines.append(f"- {walk.say('Interruption risk', '중단 위험')} {level(walk, wanted)}: {names}")
    return lines


def _pool(walk: Walk, row: dict[str, Any]) -> str:
    if not row.get("largest_pool"):
        return "–"
    return f"{told(row['largest_pool'])} {percent(row.get('largest_pool_share'), walk.lang)}"


def _short(types: list[str]) -> str:
    shown = ", ".join(told(t) for t in types[:3])
    return shown + (f" +{len(types) - 3}" if len(types) > 3 else "") or "–"
