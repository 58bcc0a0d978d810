"""Where the money goes, what spot saves already, what it could still save. Only from report_costs."""

from typing import Any

from agent.models.planner.answers.common import rows_of, texts_of, trouble
from agent.models.planner.conversation import Seen
from agent.models.planner.figures import basis, moment, named, number, percent, told, usd
from agent.models.planner.walk import Walk

_SHOWN = 8


def costs(walk: Walk) -> list[str]:
    """What runs now costs, per fleet and in all, on the three bases."""
    seen = walk.look("report_costs")
    if seen is None:
        return []
    if not seen.ok:
        return [trouble(walk, seen, walk.say("costs", "비용"))]
    rows = _rows(walk, seen.body)
    lines = [_total(walk, seen.body), "", *_cost_table(walk, rows), *_opportunity(walk, rows)]
    lines += [*commitment_lines(walk, seen.body)[:2], *_unrated(walk, seen), *_period(walk)]
    return [*lines, basis(seen.body, walk.lang)]


def _opportunity(walk: Walk, rows: list[dict[str, Any]]) -> list[str]:
    """The largest saving still possible, in one line."""
    best = max(rows, key=lambda r: number(r.get("potential_usd_per_hour")) or 0, default={})
    if (number(best.get("potential_usd_per_hour")) or 0) <= 0:
        return []
    amount, why = usd(best.get("potential_usd_per_hour"), walk.lang), told(best.get("potential_note") or "")
    return [
        f"- {walk.say('Still possible', '추가 절감 가능')}: {named(best.get('fleet'))} {amount} (effective) — {why}"
    ]


def savings(walk: Walk) -> list[str]:
    """What spot saves already and what a whole suggested mix would still save; the two are never added."""
    seen = walk.look("report_costs")
    if seen is None:
        return []
    if not seen.ok:
        return [trouble(walk, seen, walk.say("savings", "절감"))]
    rows = sorted(_rows(walk, seen.body), key=lambda r: -(number(r.get("potential_usd_per_hour")) or 0))
    lines = [_total(walk, seen.body), ""]
    lines += [
        walk.say(
            "| fleet | spot saves now (list − contracted) | still possible (effective) | why |",
            "| fleet | 현재 spot 절감 (list − contracted) | 추가 가능 (effective) | 근거 |",
        ),
        "|---|---:|---:|---|",
    ]
    lines += [
        f"| {named(r.get('fleet'))} | {usd(r.get('saved_usd_per_hour'), walk.lang)} | "
        f"{usd(r.get('potential_usd_per_hour'), walk.lang)} | {told(r.get('potential_note') or '')} |"
        for r in rows[:_SHOWN]
    ]
    lines.append("")
    best = next((r for r in rows if (number(r.get("potential_usd_per_hour")) or 0) > 0), None)
    if best is not None:
        name, amount = named(best.get("fleet")), usd(best.get("potential_usd_per_hour"), walk.lang)
        lines.append(
            walk.say(
                f"Largest opportunity: {name}, {amount} on the effective basis.",
                f"가장 큰 기회: {name}, effective 기준 {amount}.",
            )
        )
    else:
        lines.append(
            walk.say(
                "No fleet has a known saving above 0 left: moving more to spot would not pay now.",
                "0보다 큰 추가 절감이 확인된 fleet이 없습니다.",
            )
        )
    lines.append(
        walk.say(
            "What is saved already and what is possible are different rungs and are not added up.",
            "이미 절감한 금액과 가능한 금액은 서로 다른 단계라 더하지 않습니다.",
        )
    )
    return [*lines, *_unrated(walk, seen), *_period(walk), basis(seen.body, walk.lang)]


def commitments(walk: Walk) -> list[str]:
    """Savings Plans: what is committed, how much of it is used."""
    seen = walk.look("report_costs")
    if seen is None:
        return []
    if not seen.ok:
        return [trouble(walk, seen, "Savings Plans")]
    lines = commitment_lines(walk, seen.body) or [
        walk.say("report_costs shows no active Savings Plan.", "report_costs에 활성 Savings Plan이 없습니다.")
    ]
    lines.append(
        walk.say(
            "A Savings Plan never pays for spot; I cannot buy or change commitments.",
            "Savings Plan은 spot에는 적용되지 않습니다. 약정 구매·변경은 할 수 없습니다.",
        )
    )
    return [*lines, basis(seen.body, walk.lang)]


def commitment_lines(walk: Walk, body: dict[str, Any]) -> list[str]:
    return [
        f"- Savings Plan {named(c.get('savings_plan_id'))}: "
        f"{usd(c.get('commitment_usd_per_hour'), walk.lang)} {walk.say('committed', '약정')}, "
        f"{usd(c.get('used_usd_per_hour'), walk.lang)} {walk.say('used', '사용')} "
        f"({percent(c.get('utilisation_share'), walk.lang)}), {walk.say('covers', '적용')} "
        f"{', '.join(named(n) for n in texts_of(c, 'covers')) or '–'}, {walk.say('ends', '만료')} "
        f"{moment(c.get('ends_at'), walk.lang)}"
        for c in rows_of(body, "commitments")
    ]


def statement(walk: Walk) -> list[str]:
    """A paragraph that can be sent on, with what is estimated and what is billed kept apart."""
    seen = walk.look("report_costs")
    if seen is None:
        return []
    if not seen.ok:
        return [trouble(walk, seen, walk.say("costs", "비용"))]
    lang, body = walk.lang, seen.body
    total = body["total"] if isinstance(body.get("total"), dict) else {}
    listed, effective = (usd(total.get(f"{k}_usd_per_hour"), lang) for k in ("list", "effective"))
    contracted, at = usd(total.get("contracted_usd_per_hour"), lang), moment(body.get("as_of"), lang)
    rate = percent(body.get("effective_savings_rate_share"), lang)
    if lang == "ko":
        text = (
            f"> {at} 기준, 조회된 fleet의 시간당 비용은 effective 기준 {effective}이며 온디맨드 "
            f"정가(list)로는 {listed}, "
            f"contracted 기준 {contracted}입니다. 유효 절감률(ESR, 1 − effective/list, 미사용 약정 포함)은 "
            f"{rate}입니다."
        )
        kinds = (
            "이 값은 현재 시점의 추정 시간당 금액입니다. 월간 실현(잠정)·실현(청구) 절감액은 "
            "청구 자료가 없어 모름이며, 시간당 값을 월로 환산하지 않았습니다."
        )
        return [text, "", kinds, basis(body, lang)]
    text = (
        f"> As of {at}, the fleets read here cost {effective} on the effective basis, against {listed} at "
        "the on-demand "
        f"list price and {contracted} contracted. The effective savings rate (1 − effective / list, "
        "unused commitment "
        f"included) is {rate}."
    )
    kinds = (
        "This is an estimate of the hourly rate now. Realised savings of a month, provisional or billed, "
        "are unknown: "
        "no billing data is read, and the hourly rate is not multiplied up."
    )
    return [text, "", kinds, basis(body, lang)]


def _rows(walk: Walk, body: dict[str, Any]) -> list[dict[str, Any]]:
    rows = rows_of(body, "fleets")
    wanted = [r for r in rows if r.get("fleet") in walk.question.fleets] or rows
    return sorted(wanted, key=lambda r: -(number(_now(r).get("effective_usd_per_hour")) or 0))


def _now(row: dict[str, Any]) -> dict[str, Any]:
    now = row.get("now")
    return now if isinstance(now, dict) else {}


def _total(walk: Walk, body: dict[str, Any]) -> str:
    total = body.get("total")
    total = total if isinstance(total, dict) else {}
    effective, contracted, listed = (
        usd(total.get(f"{k}_usd_per_hour"), walk.lang) for k in ("effective", "contracted", "list")
    )
    rate = percent(body.get("effective_savings_rate_share"), walk.lang)
    return walk.say(
        f"**Now, all fleets: {effective} effective** ({contracted} contracted, {listed} at on-demand list; "
        f"effective savings rate {rate}).",
        f"**현재 전체 fleet: {effective} (effective 기준)** (contracted {contracted}, 온디맨드 list {listed}, "
        f"유효 절감률 ESR {rate}).",
    )


def _cost_table(walk: Walk, rows: list[dict[str, Any]]) -> list[str]:
    head = walk.say(
        "| fleet | instances (spot) | effective | contracted | list |",
        "| fleet | 인스턴스 (spot) | effective | contracted | list |",
    )
    lines = [head, "|---|---:|---:|---:|---:|"]
    for row in rows[:_SHOWN]:
        bases = " | ".join(
            usd(_now(row).get(f"{k}_usd_per_hour"), walk.lang) for k in ("effective", "contracted", "list")
        )
        lines.append(f"| {named(row.get('fleet'))} | {row.get('instances')} ({row.get('spot')}) | {bases} |")
    if len(rows) > _SHOWN:
        lines.append(walk.say(f"… and {len(rows) - _SHOWN} more fleets", f"… 외 {len(rows) - _SHOWN}개 fleet"))
    return [*lines, ""]


def _unrated(walk: Walk, seen: Seen) -> list[str]:
    missing = [told(t, 100) for t in texts_of(seen.body, "not_rated")]
    if not missing:
        return []
    return [walk.say("Price unknown, left out: ", "가격을 몰라 제외: ") + ", ".join(missing[:6])]


def _period(walk: Walk) -> list[str]:
    if walk.question.found.window_hours is None:
        return []
    return [
        walk.say(
            "These are rates per hour now. What a past period was billed is unknown here: no billing data is read.",
            "현재 시간당 금액입니다. 지난 기간의 청구 금액은 청구 자료를 읽지 않으므로 모릅니다.",
        )
    ]
