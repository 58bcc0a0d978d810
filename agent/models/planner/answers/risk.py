"""Interruption risk: how pressed the pools are, which fleet stands worst, and what nobody can know."""

import re
from typing import Any

from agent.models.planner.answers.chances import forecast
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
from agent.models.planner.figures import basis, named, number, percent, plain, plainly, told
from agent.models.planner.walk import Walk

DEFAULT_HOURS = 24


def risk(walk: Walk) -> list[str]:
    """How likely each fleet's pools look to be taken, and why; ranked when no single fleet is meant."""
    if walk.question.found.types and not walk.question.fleets:
        return forecast(walk)
    names = _at_risk(walk)
    if names is None:
        return []
    if not names:
        return which_fleet(walk, "score")
    looked = [(name, walk.look("score_risk", fleet=name)) for name in names]
    scores = [(name, seen) for name, seen in looked if seen is not None]
    lines = [] if walk.question.fleets else _ranking(walk)
    brief = (not walk.question.fleets and len(scores) > 1) or len(walk.question.fleets) > 1
    if len(walk.question.fleets) > 1:
        lines += _safest_first(walk, [(name, seen.body) for name, seen in scores if seen.ok])
    for place, (name, seen) in enumerate(scores):
        if not seen.ok:
            lines.append(trouble(walk, seen, named(name)))
        elif not brief or (place == 0 and walk.question.facets.rank != "least" and not walk.question.fleets):
            lines += scored(walk, name, seen.body)
        else:
            lines += (
                scored(walk, name, seen.body, brief=True) if walk.question.fleets else [basis(seen.body, walk.lang)]
            )
    return lines


def _safest_first(walk: Walk, bodies: list[tuple[str, dict[str, Any]]]) -> list[str]:
    """Which of the fleets named is safer, by level and then by how much stands in one pool."""
    order = {"low": 0, "unknown": 1, "medium": 2, "high": 3}
    ranked = sorted(
        bodies,
        key=lambda pair: (order.get(str(pair[1].get("level")), 1), number(pair[1].get("largest_pool_share")) or 0),
    )
    if len(ranked) < 2:
        return []
    (safe, one), (risky, other) = ranked[0], ranked[-1]
    if one.get("level") == other.get("level"):
        how, names = level(walk, one.get("level")), listed(walk, [name for name, _ in ranked])
        return [
            walk.say(
                f"**The same level, {how}: {names}; {named(safe)} has the least in one pool.**",
                f"**위험 수준이 같습니다({how}): {names}; 한 풀에 가장 덜 몰린 쪽은 {named(safe)}.**",
            )
        ]
    return [
        walk.say(
            f"**{named(safe)} is safer ({level(walk, one.get('level'))}); {named(risky)} is riskier "
            f"({level(walk, other.get('level'))}).**",
            f"**{named(safe)} 쪽이 더 안전합니다({level(walk, one.get('level'))}); {named(risky)}: "
            f"{level(walk, other.get('level'))}.**",
        )
    ]


def _ranking(walk: Walk) -> list[str]:
    """Every fleet by risk, in a line; the answer to «which» comes first."""
    rows = sorted(fleet_rows(walk) or [], key=_risk_key)
    rows = _gpu_rows(walk, rows) or rows
    if not rows:
        return []
    least = walk.question.facets.rank == "least"
    top = rows[-1] if least else rows[0]
    share = percent(top.get("largest_pool_share"), walk.lang)
    where = f"{told(top.get('largest_pool') or '?')} {share}"
    name, how = named(top.get("name")), level(walk, top.get("risk"))
    if least:
        head = walk.say(f"**The safest is {name}: risk {how}**, {top.get('spot')} of {top.get('instances')} on spot.",
                        f"**가장 안전한 fleet은 {name}: 위험 {how}**, {top.get('instances')}대 중 spot "
                        f"{top.get('spot')}대.")  # fmt: skip
    else:
        head = walk.say(f"**The riskiest is {name}: risk {how}**, largest pool {where} of its instances.",
                        f"**가장 위험한 fleet은 {name}: 위험 {how}**, 최대 풀 {where}.")  # fmt: skip
    order = rows[::-1] if least else rows
    return [
        head,
        walk.say("- In order: ", "- 순서: ")
        + ", ".join(
            f"{named(r.get('name'))} {level(walk, r.get('risk'))}"
            + ("" if not r.get("spot") else f" ({percent(r.get('largest_pool_share'), walk.lang)})")
            for r in order[:8]
        )
        + walk.say(" (share of its instances in the largest pool)", " (괄호: 최대 풀에 있는 비율)"),
    ]


def _risk_key(row: dict[str, Any]) -> tuple[int, float]:
    order = {"high": 0, "medium": 1, "unknown": 2, "low": 3}
    spot = 0.0 if not row.get("spot") else 1.0
    return (order.get(str(row.get("risk")), 2), -(number(row.get("largest_pool_share")) or 0) * spot)


def _gpu_rows(walk: Walk, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The fleets of GPU families (g, p), when GPUs are what was asked about; empty when not, or when none runs."""
    if not re.search(r"\bgpus?\b", walk.question.text.lower(), re.ASCII):
        return []
    return [r for r in rows if any(re.match(r"[gp]\d", t) for t in texts_of(r, "instance_types"))]


def _at_risk(walk: Walk) -> list[str] | None:
    question = walk.question
    if question.fleets:
        return list(question.fleets[:MAX_FLEETS])
    if question.named.strangers:
        return []
    rows = fleet_rows(walk)
    if rows is None:
        return None
    rows = sorted(rows, key=_risk_key)
    if on_gpu := _gpu_rows(walk, rows):
        return [str(r.get("name")) for r in on_gpu][:MAX_FLEETS]
    return spot_fleets(rows)[:3] if question.facets.rank != "least" else spot_fleets(rows)[-1:]


def scored(
    walk: Walk, name: str, body: dict[str, Any], only: tuple[str, ...] = (), *, brief: bool = False
) -> list[str]:
    """One fleet's score: the level, why, what helps, what is not known. `brief`: the level and the first reason."""
    share = body.get("largest_pool_share")
    concentration = (
        ""
        if share is None
        else walk.say(
            f": {percent(share, walk.lang)} of its spot instances are in one pool",
            f": spot 인스턴스의 {percent(share, walk.lang)}가 한 풀에 있음",
        )
    )
    head = f"{named(name)}: {walk.say('interruption risk', '중단 위험')} {level(walk, body.get('level'))}"
    advice = [plainly(a, walk.lang) for a in texts_of(body, "advice")]
    facts = [a for a in texts_of(body, "advice") if "spot instances are in" in a]
    if brief:
        return [f"- {head}{concentration}", basis(body, walk.lang)]
    lines = [f"**{head}**{concentration}"]
    pools = rows_of(body, "pools")
    chosen = [p for p in pools if str(p.get("pool")).split("/")[0] in only] or pools
    worst_first = sorted(chosen, key=lambda p: str(p.get("level")) != "high")
    lines += [f"- {walk.say('Why', '이유')}: {plainly(fact, walk.lang)}" for fact in facts[:2]]
    lines += [_pool_line(walk, pool) for pool in worst_first[:4]]
    helps = [a for a, raw in zip(advice, texts_of(body, "advice"), strict=True) if raw not in facts]
    if helps:
        lines.append(f"- {walk.say('What helps', '개선 방법')}: " + "; ".join(helps[:4]))
    missing = list(dict.fromkeys(m for p in chosen for m in texts_of(p, "missing")))
    if missing:
        lines.append(
            walk.say("- Not known: ", "- 모르는 것: ") + "; ".join(plainly(m, walk.lang, 100) for m in missing[:4])
        )
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
    why = _signs(walk, texts_of(pool, "evidence"))
    return f"- {told(pool.get('pool'))}: {level(walk, pool.get('level'))}, {shown}" + (f" — {why}" if why else "")


_SIGNS = (
    (r"spot price against on-demand: (\S+) of on-demand", "price {0} of on-demand", "가격은 온디맨드의 {0}"),
    (r"price now against its mean: (\S+) against", "{0} against its mean", "평균 대비 {0}"),
    (r"price volatility: (\S+)", "volatility {0}", "변동성 {0}"),
    (r"placement score: (\d+) of 10", "placement score {0}/10", "placement score {0}/10"),
    (r"own interruptions: (\d+) in (\S+) instance-hours", "{0} interruptions in {1} instance-hours",
     "인스턴스 {1}시간 동안 중단 {0}회"),
)  # fmt: skip
"""a tool's piece of evidence, cut to its figure; the whole stands on the risk screen"""


def _signs(walk: Walk, evidence: list[str]) -> str:
    said = []
    for text in evidence[:5]:
        for pattern, en, ko in _SIGNS:
            if found := re.match(pattern, text):
                said.append(walk.say(en, ko).format(*(told(g) for g in found.groups())))
                break
    return ", ".join(said)


def future(walk: Walk) -> bool:
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
