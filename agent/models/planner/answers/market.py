"""What pools cost, and what to do when there is no spot to be had; what is not known is said."""

import re
from typing import Any

from agent.models.planner.answers.common import (
    MAX_FLEETS,
    fleet_rows,
    rows_of,
    spot_fleets,
    texts_of,
    trouble,
    which_fleet,
)
from agent.models.planner.answers.risk import DEFAULT_HOURS, future, scored
from agent.models.planner.figures import basis, moment, named, number, percent, plain, told, usd
from agent.models.planner.sizes import alternatives
from agent.models.planner.walk import Walk

MOST_HOURS = 5 * 366 * 24
"""the longest window of analyze_prices"""
LONG_HOURS = 72
"""from here on a question is about a stretch of time, not about now"""
_SHOWN = 10


def prices(walk: Walk) -> list[str]:
    """What pools cost over the window: of the named types, the named fleets, or the fleets that run spot."""
    subjects = _subjects(walk)
    if subjects is None:
        return []
    if not subjects:
        return which_fleet(walk, "show prices of")
    hours = min(walk.question.found.window_hours or DEFAULT_HOURS, MOST_HOURS)
    looked = [(s, walk.look("analyze_prices", fleet=s, window_hours=hours)) for s in subjects]
    found = [(s, seen) for s, seen in looked if seen is not None]
    bodies = [(s, seen.body) for s, seen in found if seen.ok]
    lines = _over_time(walk, bodies, hours) if hours >= LONG_HOURS and len(bodies) == 1 else _lead(walk, bodies)
    for subject, seen in found:
        rows = 3 if len(found) > 1 else _SHOWN if len(walk.question.intents) == 1 else 4
        lines += [trouble(walk, seen, named(subject))] if not seen.ok else priced(walk, subject, hours, seen.body, rows)
    if future(walk) and set(walk.question.intents) == {"prices"}:
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
        against_list = re.search(r"on[\s-]?demand|온디맨드", question.text.lower())
        wider = cheaper and len(named_ones) == 1 and not against_list
        more = [t for u in question.found.types[:1] for t in alternatives(u)[:2]] if wider else []
        return [*named_ones, *(t for t in more if t not in named_ones)][:MAX_FLEETS]
    families = re.findall(r"\b([a-z]\d[a-z]{0,3}?)s?\b(?!\.)", question.text.lower())
    if families:
        rows = fleet_rows(walk)
        used = [t for r in rows or [] for t in texts_of(r, "instance_types") if t.partition(".")[0] in families]
        if rows is None or used:
            return None if rows is None else list(dict.fromkeys(used))[:MAX_FLEETS]
    if question.named.strangers:
        return []
    rows = fleet_rows(walk)
    return None if rows is None else spot_fleets(rows)


def _lead(walk: Walk, found: list[tuple[str, dict[str, Any]]]) -> list[str]:
    """The very answer in a sentence: which is cheapest, or where each now stands."""
    best = [(s, pool) for s, b in found if (pool := _cheapest(_chosen(walk, b)))]
    if not best:
        return []
    best.sort(key=lambda pair: number(pair[1].get("current_usd_per_hour")) or 0)
    if len(best) > 1:
        (one, cheap), (other, dear) = best[0], best[1]
        return [
            walk.say(
                f"**{named(one)} is cheapest now: {usd(cheap.get('current_usd_per_hour'), 'en')} in "
                f"{_zone(cheap)}**; {named(other)} from {usd(dear.get('current_usd_per_hour'), 'en')} in "
                f"{_zone(dear)}.",
                f"**현재 가장 싼 쪽은 {named(one)}: {_zone(cheap)} {usd(cheap.get('current_usd_per_hour'), 'ko')}**; "
                f"{named(other)}의 최저는 {_zone(dear)} {usd(dear.get('current_usd_per_hour'), 'ko')}.",
            )
        ]
    subject, pool = best[0]
    now, mean = number(pool.get("current_usd_per_hour")), number(pool.get("mean_usd_per_hour"))
    move = percent(None if not now or not mean else now / mean - 1, walk.lang)
    return [
        walk.say(
            f"**{named(subject)}: cheapest now {usd(now, 'en')} ({told(pool.get('pool'))})**, "
            f"{percent(pool.get('saving_share'), 'en')} below on-demand on average; now {move} against its mean.",
            f"**{named(subject)}: 현재 최저 {usd(now, 'ko')} ({told(pool.get('pool'))})**, 평균적으로 온디맨드보다 "
            f"{percent(pool.get('saving_share'), 'ko')} 저렴. 현재가는 평균 대비 {move}.",
        )
    ]


def _over_time(walk: Walk, bodies: list[tuple[str, dict[str, Any]]], hours: int) -> list[str]:
    """What it cost over a stretch: mean and range where prices are known, since when, and what of it is not known."""
    (subject, body), lines = bodies[0], []
    pools = sorted(_chosen(walk, body), key=lambda p: number(p.get("mean_usd_per_hour")) or 0)
    known = [p for p in pools if number(p.get("mean_usd_per_hour")) is not None]
    if known:
        cheap, dear = known[0], known[-1]
        lows = [n for p in known if (n := number(p.get("low_usd_per_hour"))) is not None]
        highs = [n for p in known if (n := number(p.get("high_usd_per_hour"))) is not None]
        low, high = (usd(f(v), walk.lang, "") if v else usd(None, walk.lang) for f, v in ((min, lows), (max, highs)))
        means = [usd(p.get("mean_usd_per_hour"), walk.lang, "") for p in (cheap, dear)]
        mean = means[0] if len(known) == 1 else f"{means[0]} ({_zone(cheap)}) – {means[1]} ({_zone(dear)})"
        least, most = (percent(p.get("saving_share"), walk.lang) for p in (dear, cheap))
        below = most if least == most else f"{least} – {most}"
        rate = usd(cheap.get("on_demand_usd_per_hour"), walk.lang)
        since = _since(walk, body, hours)
        lines.append(
            walk.say(
                f"**{named(subject)} cost {mean} an hour on average {since}**, between {low} and {high}; {below} below "
                f"on-demand {rate}.",
                f"**{named(subject)}의 평균 시간당 비용은 {since} {mean}**, 범위 {low}–{high}; "
                f"온디맨드 {rate}보다 {below} 저렴.",
            )
        )
    return lines + _not_known(walk, body, hours)


def _since(walk: Walk, body: dict[str, Any], hours: int) -> str:
    at = body.get("known_since")
    days = plain(hours / 24, walk.lang)
    if not at:
        return walk.say(f"over the last {days} days", f"지난 {days}일 동안")
    day = moment(at, walk.lang)[:10]
    return walk.say(f"since {day}, as far as is known", f"알려진 {day} 이후로")


def _not_known(walk: Walk, body: dict[str, Any], hours: int) -> list[str]:
    """The part of the window that no price is known of."""
    if not body.get("known_since"):
        return []
    at, asked = moment(body.get("known_since"), walk.lang), plain(hours / 24, walk.lang)
    return [
        walk.say(
            f"Before {at} the price is unknown: of the {asked} days asked for only the stretch since then is in any "
            "figure. EC2 keeps 90 days of spot prices, and the local archive reaches no further yet.",
            f"{at} 이전의 가격은 모릅니다. 물어보신 {asked}일 중 그 뒤의 구간만 수치에 들어 있습니다. EC2는 "
            "spot 가격을 90일만 보관하고, 로컬 보관분도 아직 그 이전을 갖고 있지 않습니다.",
        )
    ]


def _cheapest(pools: list[dict[str, Any]]) -> dict[str, Any] | None:
    known = [p for p in pools if number(p.get("current_usd_per_hour")) is not None]
    return min(known, key=lambda p: number(p.get("current_usd_per_hour")) or 0, default=None)


def _zone(pool: dict[str, Any]) -> str:
    return told(str(pool.get("pool")).partition("/")[2])


def _chosen(walk: Walk, body: dict[str, Any]) -> list[dict[str, Any]]:
    """Pools of the zones that the question names, by id or by name; all when it names none of them."""
    pools, zones = rows_of(body, "pools"), walk.question.found.zones
    there = [p for p in pools if {str(p.get("zone_name")), str(p.get("pool")).partition("/")[2]} & set(zones)]
    return there or pools


def priced(walk: Walk, subject: str, hours: int, body: dict[str, Any], shown: int = _SHOWN) -> list[str]:
    pools, zones = _chosen(walk, body), walk.question.found.zones
    en, ko = f"of the last {hours} h", f"지난 {hours}시간"
    if body.get("known_since"):
        en, ko = (f(moment(body.get("known_since"), walk.lang)) for f in ("since {}".format, "{} 이후".format))
    lines = [
        walk.say(
            f"{named(subject)}, spot prices {en} (USD per instance-hour, time-weighted mean):",
            f"{named(subject)}, {ko} spot 가격 (인스턴스 시간당 USD, 시간 가중 평균):",
        ),
        "",
    ]
    if zones and len(pools) == len(rows_of(body, "pools")):
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
    for pool in pools[:shown]:
        low, high = (usd(pool.get(f"{k}_usd_per_hour"), walk.lang, "") for k in ("low", "high"))
        now, mean, rate = (usd(pool.get(f"{k}_usd_per_hour"), walk.lang) for k in ("current", "mean", "on_demand"))
        saving = percent(pool.get("saving_share"), walk.lang)
        lines.append(f"| {told(pool.get('pool'))} | {now} | {mean} | {low} – {high} | {rate} | {saving} |")
    left = len(pools) - len(pools[:shown]) + int(number(body.get("pools_left_out")) or 0)
    if left > 0:
        lines.append(walk.say(f"… and {left} more pools", f"… 외 {left}개 풀"))
    lines.append("")
    lines += _volatile(walk, pools)
    for row in rows_of(body, "set_aside")[:3]:
        lines.append(walk.say("Set aside: ", "제외: ") + f"{told(row.get('reason'))} ({row.get('count')})")
    return [*lines, basis(body, walk.lang), ""]


def _volatile(walk: Walk, pools: list[dict[str, Any]]) -> list[str]:
    """How much prices moved, when that is what was asked."""
    known = [p for p in pools if number(p.get("volatility")) is not None]
    if not known or not re.search(r"volatil|stable|swing|fluctuat|변동|출렁|안정", walk.question.text.lower()):
        return []
    most = max(known, key=lambda p: number(p.get("volatility")) or 0)
    least = min(known, key=lambda p: number(p.get("volatility")) or 0)
    sigma = [plain(p.get("volatility"), walk.lang) for p in (most, least)]
    return [
        walk.say(
            f"Most volatile: {told(most.get('pool'))} (σ of log price {sigma[0]}); calmest: {told(least.get('pool'))} "
            f"({sigma[1]}).",
            f"변동이 가장 큰 풀: {told(most.get('pool'))} (로그 가격 σ {sigma[0]}), 가장 잔잔한 풀: "
            f"{told(least.get('pool'))} ({sigma[1]}).",
        )
    ]


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
                    else priced(walk, subject, DEFAULT_HOURS, seen.body)
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
