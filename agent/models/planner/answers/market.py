"""Prices and interruption risk, with what is not known said."""

import re
from typing import Any

from agent.models.planner.answers.common import (
    MAX_FLEETS,
    fleet_rows,
    level,
    listed,
    rows_of,
    spot_fleets,
    texts_of,
    trouble,
    which_fleet,
)
from agent.models.planner.figures import basis, named, number, percent, plain, told, usd
from agent.models.planner.sizes import alternatives
from agent.models.planner.walk import Walk

HISTORY_HOURS = 90 * 24
"""EC2 keeps 90 days of spot prices; Source: EC2 DescribeSpotPriceHistory"""
DEFAULT_HOURS = 24
_SHOWN = 10


def prices(walk: Walk) -> list[str]:
    """What pools cost over the window: of the named types, the named fleets, or the fleets that run spot."""
    subjects = _subjects(walk)
    if subjects is None:
        return []
    if not subjects:
        return which_fleet(walk, "show prices of")
    asked = walk.question.found.window_hours or DEFAULT_HOURS
    hours = min(asked, HISTORY_HOURS)
    lines: list[str] = []
    for subject in subjects:
        seen = walk.look("analyze_prices", fleet=subject, window_hours=hours)
        if seen is None:
            continue
        lines += [trouble(walk, seen, named(subject))] if not seen.ok else _priced(walk, subject, hours, seen.body)
    if asked > HISTORY_HOURS:
        lines.append(
            walk.say(
                "You asked about more than 90 days: EC2 keeps 90 days of spot price history, so anything older is "
                "unknown here and only those 90 days are shown.",
                (
                    "물어보신 기간은 90일보다 깁니다. EC2는 spot 가격 기록을 90일만 보관하므로 그 이전은 알 수 "
                    "없고, 90일만 보여 드립니다."
                ),
            )
        )
    if _future(walk):
        lines.append(
            walk.say(
                "Future prices are unknown: no tool forecasts them.",
                "앞으로의 가격은 모릅니다. 예측하는 도구가 없습니다.",
            )
        )
    return lines + region_note(walk)


def _subjects(walk: Walk) -> list[str] | None:
    question = walk.question
    named_ones = [*question.found.types, *question.fleets]
    if named_ones:
        cheaper = re.search(r"cheaper|alternative|instead|더\s?싼|더\s?저렴|대안|대체", question.text.lower())
        more = [t for u in question.found.types[:1] for t in alternatives(u)[:2]] if cheaper else []
        return [*named_ones, *(t for t in more if t not in named_ones)][:MAX_FLEETS]
    if question.named.strangers:
        return []
    rows = fleet_rows(walk)
    return None if rows is None else spot_fleets(rows)


def _priced(walk: Walk, subject: str, hours: int, body: dict[str, Any]) -> list[str]:
    pools = rows_of(body, "pools")
    zones = walk.question.found.zones
    chosen = [p for p in pools if any(z in str(p.get("pool")) for z in zones)] if zones else pools
    lines = [
        walk.say(
            f"**{named(subject)}, spot prices of the last {hours} h** (USD per instance-hour, time-weighted mean)",
            f"**{named(subject)}, 지난 {hours}시간 spot 가격** (인스턴스 시간당 USD, 시간 가중 평균)",
        ),
        "",
    ]
    if zones and not chosen:
        lines.append(
            walk.say("No pool of the zone you named; all zones:", "말씀하신 영역의 풀이 없어 전체를 보여 드립니다:")
        )
    lines += [
        walk.say(
            "| pool | now | mean | low – high | on-demand | saving |",
            "| 풀 | 현재 | 평균 | 최저 – 최고 | 온디맨드 | 절감률 |",
        ),
        "|---|---:|---:|---:|---:|---:|",
    ]
    for pool in (chosen or pools)[:_SHOWN]:
        low, high = (usd(pool.get(f"{k}_usd_per_hour"), walk.lang, "") for k in ("low", "high"))
        now, mean, rate = (usd(pool.get(f"{k}_usd_per_hour"), walk.lang) for k in ("current", "mean", "on_demand"))
        saving = percent(pool.get("saving_share"), walk.lang)
        lines.append(f"| {told(pool.get('pool'))} | {now} | {mean} | {low} – {high} | {rate} | {saving} |")
    left = len(chosen or pools) - _SHOWN + int(number(body.get("pools_left_out")) or 0)
    if left > 0:
        lines.append(walk.say(f"… and {left} more pools", f"… 외 {left}개 풀"))
    lines.append("")
    for row in rows_of(body, "set_aside")[:3]:
        lines.append(walk.say("Set aside: ", "제외: ") + f"{told(row.get('reason'))} ({row.get('count')})")
    return [*lines, basis(body, walk.lang), ""]


def risk(walk: Walk) -> list[str]:
    """How likely each fleet's pools look to be taken, and why."""
    names = _at_risk(walk)
    if names is None:
        return []
    if walk.question.found.types and not walk.question.fleets:
        return _type_risk(walk)
    if not names:
        return which_fleet(walk, "score")
    lines: list[str] = []
    for name in names:
        seen = walk.look("score_risk", fleet=name)
        if seen is None:
            continue
        lines += [trouble(walk, seen, named(name))] if not seen.ok else scored(walk, name, seen.body)
    if _future(walk):
        lines.append(
            walk.say(
                "This is today's evidence; the chance for a day to come is not forecast by any tool here.",
                "현재 근거에 따른 평가입니다. 앞으로의 확률을 예측하는 도구는 없습니다.",
            )
        )
    return lines


def _at_risk(walk: Walk) -> list[str] | None:
    question = walk.question
    if question.fleets:
        return list(question.fleets[:MAX_FLEETS])
    if question.named.strangers:
        return []
    rows = fleet_rows(walk)
    if rows is None:
        return None
    if question.found.types:
        return [str(r.get("name")) for r in rows if set(question.found.types) & set(texts_of(r, "instance_types"))]
    return spot_fleets(rows)[:3]


def _type_risk(walk: Walk) -> list[str]:
    """Risk of an instance type: told through the fleets that run it, and its prices as a sign."""
    rows = fleet_rows(walk) or []
    types = walk.question.found.types
    there = [str(r.get("name")) for r in rows if set(types) & set(texts_of(r, "instance_types"))][:2]
    lines: list[str] = []
    for name in there:
        seen = walk.look("score_risk", fleet=name)
        if seen is None:
            continue
        lines += [trouble(walk, seen, named(name))] if not seen.ok else scored(walk, name, seen.body, only=types)
    if not there:
        for instance_type in types[:2]:
            seen = walk.look("analyze_prices", fleet=instance_type, window_hours=DEFAULT_HOURS)
            if seen is not None and seen.ok and "prices" not in walk.question.intents:
                lines += _priced(walk, instance_type, DEFAULT_HOURS, seen.body)
            elif seen is not None and not seen.ok:
                lines.append(trouble(walk, seen, named(instance_type)))
        lines.append(
            walk.say(
                f"No fleet here runs {listed(walk, types)}, so its risk is not scored: prices are only a sign of "
                "demand.",
                f"{listed(walk, types)}을(를) 쓰는 fleet이 없어 위험 점수는 모릅니다. 가격은 수요의 신호일 뿐입니다.",
            )
        )
    lines.append(
        walk.say(
            "The probability of an interruption tomorrow is unknown: nothing here forecasts it, and EC2 "
            "publishes none per day.",
            "내일 중단될 확률은 모릅니다. 예측하는 도구가 없고 EC2도 하루 단위로 공개하지 않습니다.",
        )
    )
    return lines


def scored(walk: Walk, name: str, body: dict[str, Any], only: tuple[str, ...] = ()) -> list[str]:
    """One fleet's score with its evidence."""
    share = body.get("largest_pool_share")
    concentration = (
        ""
        if share is None
        else walk.say(
            f"; {percent(share, walk.lang)} of its spot instances in one pool",
            f"; spot 인스턴스의 {percent(share, walk.lang)}가 한 풀에 집중",
        )
    )
    lines = [
        (
            f"**{named(name)}: {walk.say('interruption risk', '중단 위험')} "
            f"{level(walk, body.get('level'))}**{concentration}"
        )
    ]
    pools = rows_of(body, "pools")
    chosen = [p for p in pools if str(p.get("pool")).split("/")[0] in only] or pools
    worst_first = sorted(chosen, key=lambda p: str(p.get("level")) != "high")
    lines += [_pool_line(walk, pool) for pool in worst_first[:6]]
    missing = list(dict.fromkeys(m for p in chosen for m in texts_of(p, "missing")))
    if missing:
        lines.append(walk.say("- Not known: ", "- 모르는 것: ") + "; ".join(told(m, 100) for m in missing[:4]))
    advice = texts_of(body, "advice")
    if advice:
        lines += [f"- {walk.say('Advice', '권고')}: {told(a)}" for a in advice[:4]]
    return [*lines, basis(body, walk.lang), ""]


def _pool_line(walk: Walk, pool: dict[str, Any]) -> str:
    rate = pool.get("interruptions_per_100_hours")
    if rate is None:
        shown = walk.say("interruption rate unknown", "중단율 모름")
    else:
        low, high = plain(pool.get("low"), walk.lang), plain(pool.get("high"), walk.lang)
        shown = walk.say(
            f"{plain(rate, walk.lang)} interruptions per 100 instance-hours (90 %: {low}–{high})",
            f"인스턴스 100시간당 {plain(rate, walk.lang)}회 중단 (90 %: {low}–{high})",
        )
    why = "; ".join(told(e, 160) for e in texts_of(pool, "evidence")[:4])
    return f"- {told(pool.get('pool'))}: {level(walk, pool.get('level'))}, {shown}" + (f" — {why}" if why else "")


def capacity(walk: Walk) -> list[str]:
    """Spot that cannot be got: what to look at first, stand-ins with their prices."""
    types = walk.question.found.types[:2]
    names = walk.question.fleets[:2]
    lines = [
        walk.say(
            "1. Check the account's spot vCPU quota for the family first (Service Quotas; G and VT may start "
            "at 0): I cannot read quotas.",
            (
                "1. 먼저 해당 계열의 spot vCPU 할당량을 확인하세요(Service Quotas, G·VT 계열은 기본 0일 수 "
                "있음). 저는 할당량을 읽을 수 없습니다."
            ),
        ),
        walk.say(
            "2. Allow more types and every zone, with price-capacity-optimized: a request for one type in "
            "one zone is one pool.",
            "2. 타입과 가용 영역을 더 허용하고 price-capacity-optimized를 쓰세요. 한 타입·한 영역은 풀 하나입니다.",
        ),
        walk.say(
            "3. Otherwise fall back to on-demand (also not guaranteed), an On-Demand Capacity Reservation or "
            "a Capacity Block.",
            (
                "3. 그래도 안 되면 온디맨드(역시 보장되지 않음), On-Demand Capacity Reservation, Capacity "
                "Block을 고려하세요."
            ),
        ),
    ]
    for name in names:
        seen = walk.look("score_risk", fleet=name)
        if seen is not None:
            lines += scored(walk, name, seen.body) if seen.ok else [trouble(walk, seen, named(name))]
    for instance_type in types:
        stand_ins = alternatives(instance_type)[:4]
        if stand_ins:
            lines.append(
                walk.say(
                    f"Stand-ins of the same size class for {instance_type}: {', '.join(stand_ins)}",
                    f"{instance_type}과 같은 크기의 대안: {', '.join(stand_ins)}",
                )
            )
        for subject in (instance_type, *stand_ins[:2]):
            seen = walk.look("analyze_prices", fleet=subject, window_hours=DEFAULT_HOURS)
            if seen is not None:
                lines += (
                    [trouble(walk, seen, named(subject))]
                    if not seen.ok
                    else _priced(walk, subject, DEFAULT_HOURS, seen.body)
                )
    return lines + region_note(walk)


def region_note(walk: Walk) -> list[str]:
    """A region that this session does not see."""
    regions = list(walk.question.found.regions)
    if not regions:
        return []
    return [
        walk.say(
            f"I only see the region this session was opened in; for {', '.join(regions)} start spotwarden "
            "with --region.",
            f"이 세션이 연 리전만 볼 수 있습니다. {', '.join(regions)}은(는) --region으로 시작하세요.",
        )
    ]


def _future(walk: Walk) -> bool:
    text = walk.question.text.lower()
    return any(
        w in text
        for w in (
            "tomorrow",
            "forecast",
            "predict",
            "next week",
            "next month",
            "will ",
            "내일",
            "예측",
            "다음 주",
            "다음주",
            "앞으로",
            "전망",
        )
    )
