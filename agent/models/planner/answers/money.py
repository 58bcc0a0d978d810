"""Where the money goes, what spot saves already, what it could still save. Only from report_costs."""

import re
from typing import Any

from agent.models.planner.answers.common import no_such_fleet, rows_of, texts_of, trouble
from agent.models.planner.conversation import Seen
from agent.models.planner.figures import basis, in_period, moment, named, number, percent, plainly, told, usd
from agent.models.planner.walk import Walk

_SHOWN = 8


def costs(walk: Walk) -> list[str]:
    """What runs now costs: the very fleet asked about, or the biggest, what could be saved, what to leave alone."""
    seen = walk.look("report_costs")
    if seen is None:
        return []
    if not seen.ok:
        return [trouble(walk, seen, walk.say("costs", "비용"))]
    rows = ranked(seen.body)
    asked = [r for r in rows if r.get("fleet") in walk.question.fleets]
    lines = _of_named(walk, asked, rows) if asked else _of_all(walk, seen.body, rows)
    return [*no_such_fleet(walk), *lines, *_unrated(walk, seen), *_past(walk), basis(seen.body, walk.lang)]


def ranked(body: dict[str, Any]) -> list[dict[str, Any]]:
    """Fleets of a cost report, dearest first, effective; an unknown cost comes first: it may be any."""
    rows = rows_of(body, "fleets")
    return sorted(rows, key=lambda r: -(number(effective(r)) if number(effective(r)) is not None else 1e12))  # type: ignore[operator]


def effective(row: dict[str, Any]) -> Any:
    return _now(row).get("effective_usd_per_hour")


def _of_named(walk: Walk, asked: list[dict[str, Any]], rows: list[dict[str, Any]]) -> list[str]:
    lines = []
    if len(asked) > 1:
        first, second = asked[0], asked[1]
        lines.append(
            walk.say(
                f"**{named(first.get('fleet'))} costs more: {_rate(walk, effective(first))} against "
                f"{_rate(walk, effective(second))} of {named(second.get('fleet'))} (effective).**",
                f"**{named(first.get('fleet'))} 쪽이 더 비쌉니다: {_rate(walk, effective(first))}, "
                f"{named(second.get('fleet'))} {_rate(walk, effective(second))} (effective 기준).**",
            )
        )
    for row in asked:
        lines += _one(walk, row, rows)
    return lines


def _one(walk: Walk, row: dict[str, Any], rows: list[dict[str, Any]]) -> list[str]:
    name, now, place = named(row.get("fleet")), _now(row), rows.index(row) + 1
    listed, contracted = (usd(now.get(f"{k}_usd_per_hour"), walk.lang) for k in ("list", "contracted"))
    instances, spot, saved = row.get("instances"), row.get("spot"), usd(row.get("saved_usd_per_hour"), walk.lang)
    lines = [
        walk.say(
            f"**{name} costs {_rate(walk, effective(row))} effective**, number {place} of {len(rows)} fleets by cost: "
            f"{instances} instances, {spot} of them spot.",
            f"**{name} 비용은 {_rate(walk, effective(row))}(effective 기준)**, fleet {len(rows)}개 중 {place}위. "
            f"인스턴스 {instances}대 중 spot {spot}대.",
        ),
        walk.say(
            f"- On-demand list {listed}, contracted {contracted}; spot saves {saved} now (list − contracted)",
            f"- 온디맨드 list {listed}, contracted {contracted}; 현재 spot 절감 {saved} (list − contracted)",
        ),
    ]
    return [*lines, *_possible(walk, [row])]


def _of_all(walk: Walk, body: dict[str, Any], rows: list[dict[str, Any]]) -> list[str]:
    if not rows:
        return [walk.say("There is no fleet in this account and region.", "이 계정·리전에는 fleet이 없습니다.")]
    least = walk.question.facets.rank == "least"
    top = rows[-1] if least else rows[0]
    name, cost = named(top.get("fleet")), _rate(walk, effective(top))
    total = body["total"] if isinstance(body.get("total"), dict) else {}
    whole = _rate(walk, total.get("effective_usd_per_hour"))
    share = percent(_share(effective(top), total.get("effective_usd_per_hour")), walk.lang)
    if walk.question.facets.rank is None and _wants_total(walk):
        head = walk.say(
            f"**All fleets cost {whole} (effective)**; the most goes to {name}: {cost}, {share}.",
            f"**전체 fleet 비용은 {whole}(effective 기준)**; 가장 큰 것은 {name} {cost}, {share}.",
        )
    elif least:
        head = walk.say(
            f"**{name} costs least: {cost}**, {share} of {whole} for all fleets (effective).",
            f"**가장 싼 fleet은 {name}: {cost}**, 전체 {whole}의 {share} (effective 기준).",
        )
    else:
        head = walk.say(
            f"**The most goes to {name}: {cost}**, {share} of {whole} for all fleets (effective).",
            f"**가장 큰 비용은 {name}: {cost}**, 전체 {whole}의 {share} (effective 기준).",
        )
    listed = usd(total.get("list_usd_per_hour"), walk.lang)
    rate = percent(body.get("effective_savings_rate_share"), walk.lang)
    order = rows[::-1] if least else rows
    return [
        head,
        walk.say(
            f"- All at on-demand list: {listed}; effective savings rate {rate}",
            f"- 전부 온디맨드 list라면 {listed}; 유효 절감률(ESR) {rate}",
        ),
        *_possible(walk, rows),
        "",
        *_cost_table(walk, order),
    ]


def _wants_total(walk: Walk) -> bool:
    text = walk.question.text.lower()
    return walk.question.facets.per is not None or (
        re.search(r"how much|\bspend|\bspent|\bbill\b|\btotal|burn|얼마|총|전체|합계|지출|청구", text) is not None
    )


def _possible(walk: Walk, rows: list[dict[str, Any]]) -> list[str]:
    """What could still be saved, what is to be left alone, what cannot be rated: each with its reason."""
    lines = []
    for row in sorted(rows, key=lambda r: -(number(r.get("potential_usd_per_hour")) or 0)):
        amount, why = number(row.get("potential_usd_per_hour")), plainly(row.get("potential_note") or "", walk.lang)
        name = named(row.get("fleet"))
        if amount is not None and amount > 0:
            money = _rate(walk, amount)
            lines.append(
                walk.say(f"- Could be saved: {name} {money} (effective) — {why}",
                         f"- 더 줄일 수 있음: {name} {money} (effective) — {why}")
            )  # fmt: skip
        elif amount is not None and amount < 0:
            lines.append(
                walk.say(f"- Leave alone: {name} — {bare_reason(why)}", f"- 그대로 둘 것: {name} — {bare_reason(why)}")
            )
        elif len(rows) == 1 and why and amount is not None:
            lines.append(walk.say(f"- Nothing known to save: {why}", f"- 확인된 추가 절감 없음: {why}"))
    return lines[:5]


def bare_reason(why: str) -> str:
    """The reason of a «don't» without the word, where the line says it already."""
    return re.sub(r"^(?:don't|옮기지 말 것): ", "", why)


def savings(walk: Walk) -> list[str]:
    """What spot saves already and what a whole suggested mix would still save; the two are never added."""
    seen = walk.look("report_costs")
    if seen is None:
        return []
    if not seen.ok:
        return [trouble(walk, seen, walk.say("savings", "절감"))]
    every = ranked(seen.body)
    rows = [r for r in every if r.get("fleet") in walk.question.fleets] or every
    lines = [_saved_head(walk, seen.body, rows)]
    saved = re.search(r"how much|\bsav(?:e|ed|ing)|얼마|절감|아꼈", walk.question.text.lower())
    if len(rows) == 1 and not saved and (number(rows[0].get("potential_usd_per_hour")) or 0) < 0:
        why = bare_reason(plainly(rows[0].get("potential_note") or "", walk.lang))
        name = named(rows[0].get("fleet"))
        head = walk.say(f"**Leave {name} as it is:** {why}", f"**{name}은(는) 그대로 두세요:** {why}")
        lines.insert(0, head)
    if re.search(
        r"(?:not|n't|leave|never)\b.{0,15}\b(?:touch|alone|change|move)|건드리지|그대로|두어야|말아야",
        walk.question.text.lower(),
    ):
        lines = [*[x for x in _possible(walk, rows) if "Leave alone" in x or "그대로 둘 것" in x], *lines]
    best = max(rows, key=lambda r: number(r.get("potential_usd_per_hour")) or 0, default={})
    known = any(r.get("potential_usd_per_hour") is not None for r in rows)
    if known and (number(best.get("potential_usd_per_hour")) or 0) <= 0:
        lines.append(
            walk.say(
                "- No known further saving above 0: moving more to spot would not pay now.",
                "- 0보다 큰 추가 절감은 확인되지 않았습니다.",
            )
        )
    lines += [x for x in _possible(walk, rows) if x not in lines]
    unknown = [r for r in rows if r.get("potential_usd_per_hour") is None]
    lines += [
        walk.say(
            f"- Unknown: {named(r.get('fleet'))} — {told(r.get('potential_note') or '')}",
            f"- 모름: {named(r.get('fleet'))} — {plainly(r.get('potential_note') or '', 'ko')}",
        )
        for r in unknown[:3]
    ]
    by_fleet = ", ".join(
        f"{named(r.get('fleet'))} {usd(r.get('saved_usd_per_hour'), walk.lang)}"
        for r in sorted(rows, key=lambda r: -(number(r.get("saved_usd_per_hour")) or 0))[:_SHOWN]
        if (number(r.get("saved_usd_per_hour")) or 0) > 0
    )
    if by_fleet and len(rows) > 1:
        lines.append(walk.say(f"- Saved by spot already: {by_fleet}", f"- 이미 spot으로 절감 중: {by_fleet}"))
    lines.append(
        walk.say(
            "What is saved already and what is possible are different rungs and are not added up.",
            "이미 절감한 금액과 앞으로 가능한 금액은 서로 다른 단계라 더하지 않습니다.",
        )
    )
    return [*no_such_fleet(walk), *lines, *_unrated(walk, seen), *_past(walk), basis(seen.body, walk.lang)]


def _saved_head(walk: Walk, body: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    rate = percent(body.get("effective_savings_rate_share"), walk.lang)
    if len(rows) == 1:
        name, saved = named(rows[0].get("fleet")), _rate(walk, rows[0].get("saved_usd_per_hour"))
        return walk.say(
            f"**On {name} spot saves {saved} now** (list − contracted).",
            f"**{name}: 현재 spot 절감액은 {saved}** (list − contracted).",
        )
    total = body["total"] if isinstance(body.get("total"), dict) else {}
    listed, contracted = (number(total.get(f"{k}_usd_per_hour")) for k in ("list", "contracted"))
    if re.search(r"\besr\b|savings rate|\bdiscount|절감률|할인", walk.question.text.lower()):
        return walk.say(
            f"**Effective savings rate: {rate}** (1 − effective / on-demand list, commitments included).",
            f"**유효 절감률(ESR): {rate}** (1 − effective / 온디맨드 list, 약정 포함).",
        )
    saved = _rate(walk, None if listed is None or contracted is None else listed - contracted)
    return walk.say(
        f"**Spot saves {saved} now** (list − contracted, all fleets); effective savings rate {rate}, "
        f"commitments included.",
        f"**현재 spot 절감액은 {saved}** (list − contracted, 전체 fleet); 유효 절감률(ESR) {rate}, 약정 포함.",
    )


def commitments(walk: Walk) -> list[str]:
    """Savings Plans: what is committed, how much of it is used."""
    seen = walk.look("report_costs")
    if seen is None:
        return []
    if not seen.ok:
        return [trouble(walk, seen, "Savings Plans")]
    plans = rows_of(seen.body, "commitments")
    if not plans:
        none = walk.say("There is no active Savings Plan.", "활성 Savings Plan이 없습니다.")
        return [none, basis(seen.body, walk.lang)]
    lines = [_used(walk, plans[0]), *commitment_lines(walk, seen.body)[1:4]]
    covered = {n for c in plans for n in texts_of(c, "covers")}
    lines += _possible(walk, [r for r in ranked(seen.body) if r.get("fleet") in covered])
    lines.append(
        walk.say(
            "A Savings Plan never pays for spot; I cannot buy or change commitments.",
            "Savings Plan은 spot에는 적용되지 않습니다. 약정 구매·변경은 할 수 없습니다.",
        )
    )
    return [*lines, basis(seen.body, walk.lang)]


def _used(walk: Walk, plan: dict[str, Any]) -> str:
    share = number(plan.get("utilisation_share"))
    used, all_of = (usd(plan.get(f"{k}_usd_per_hour"), walk.lang) for k in ("used", "commitment"))
    covers = ", ".join(named(n) for n in texts_of(plan, "covers")) or "–"
    full = (
        walk.say("fully used", "전부 사용 중") if share is not None and share >= 0.9995 else walk.say("used", "사용 중")
    )
    part = percent(plan.get("utilisation_share"), walk.lang)
    ends = moment(plan.get("ends_at"), walk.lang)
    return walk.say(
        f"**The Savings Plan is {full}: {part}** ({used} of {all_of} committed); it covers {covers} and ends {ends}.",
        f"**Savings Plan {full}: {part}** (약정 {all_of} 중 {used}). 적용 {covers}, 만료 {ends}.",
    )


def commitment_lines(walk: Walk, body: dict[str, Any]) -> list[str]:
    return [
        f"- Savings Plan: {usd(c.get('commitment_usd_per_hour'), walk.lang)} {walk.say('committed', '약정')}, "
        f"{percent(c.get('utilisation_share'), walk.lang)} {walk.say('used', '사용')}, {walk.say('covers', '적용')} "
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
    listed, cost = (usd(total.get(f"{k}_usd_per_hour"), lang) for k in ("list", "effective"))
    contracted, at = usd(total.get("contracted_usd_per_hour"), lang), moment(body.get("as_of"), lang)
    rate = percent(body.get("effective_savings_rate_share"), lang)
    text = walk.say(
        f"> As of {at}, the fleets read here cost {cost} on the effective basis, against {listed} at the on-demand "
        f"list price and {contracted} contracted. The effective savings rate (1 − effective / list, unused "
        f"commitment included) is {rate}.",
        f"> {at} 기준, 조회된 fleet의 시간당 비용은 effective 기준 {cost}이며 온디맨드 정가(list)로는 {listed}, "
        f"contracted 기준 {contracted}입니다. 유효 절감률(ESR, 1 − effective/list, 미사용 약정 포함)은 {rate}입니다.",
    )
    kinds = walk.say(
        "This is an estimate of the hourly rate now. Realised savings of a month, provisional or billed, are unknown: "
        "no billing data is read, and the hourly rate is not multiplied up.",
        "이 값은 현재 시점의 추정 시간당 금액입니다. 월간 실현(잠정)·실현(청구) 절감액은 청구 자료가 없어 "
        "모름이며, 시간당 값을 월로 환산하지 않았습니다.",
    )
    return [text, "", kinds, basis(body, lang)]


def _now(row: dict[str, Any]) -> dict[str, Any]:
    now = row.get("now")
    return now if isinstance(now, dict) else {}


def _share(part: Any, whole: Any) -> float | None:
    some, every = number(part), number(whole)
    return None if some is None or not every else some / every


def _rate(walk: Walk, usd_per_hour: Any) -> str:
    """$4.3701/h, and over the period asked about beside it."""
    period = walk.question.facets.per
    rate = usd(usd_per_hour, walk.lang)
    return f"{rate} = {in_period(usd_per_hour, period, walk.lang)}" if period and number(usd_per_hour) else rate


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


_TREND = re.compile(
    r"\b(?:went|gone|going|goes) (?:up|down)\b|\bjump(?:ed)?\b|\bspik|\b(?:grew|rose|rising|climb|increased|doubled)\b"
    r"|\b(?:more|higher|less|lower|better|worse)\b.{0,25}\bthan (?:last|before|usual|yesterday)"
    r"|보다.{0,10}(?:비싸졌|늘|올|줄"
    r"|싸졌|많)"
    r"|올랐|늘었|뛰었|급증|증가했|비싸졌|싸졌"
)


def _past(walk: Walk) -> list[str]:
    """Rates are of now: what a period was, or will be, billed is not known here."""
    if walk.question.facets.per is not None:
        return [
            walk.say(
                "A run rate (24 h a day, 730 h a month) if nothing changes, not a bill: no billing data is read.",
                "지금 그대로일 때의 추정치(하루 24시간, 한 달 730시간)이며 청구 금액이 아닙니다. 청구 자료는 읽지 "
                "않습니다.",
            )
        ]
    if _TREND.search(walk.question.text.lower()):
        return [
            walk.say(
                "Whether the bill went up or down, and why, is unknown: no billing data is read. Spot price history is "
                "(“prices of <fleet>, last 7 days”), and so are changes made through spotwarden (“what changed?”).",
                "비용이 올랐는지 내렸는지, 왜인지는 청구 자료를 읽지 않아 모릅니다. spot 가격 이력(“<fleet> 지난 "
                "7일 가격”)과 "
                "spotwarden을 거친 변경(“뭐가 바뀌었어?”)은 볼 수 있습니다.",
            )
        ]
    if walk.question.found.window_hours is None:
        return []
    return [
        walk.say(
            "These are rates per hour now. What a past period was billed is unknown here: no billing data is read.",
            "현재 시간당 금액입니다. 지난 기간의 청구 금액은 청구 자료를 읽지 않으므로 모릅니다.",
        )
    ]
