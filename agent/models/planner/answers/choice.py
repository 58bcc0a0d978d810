"""Where work should run: pools side by side by what a useful hour costs, of named types or of a described machine."""

import re
from collections.abc import Sequence
from typing import Any

from agent.models.planner.answers.chances import _figure, _span
from agent.models.planner.answers.common import fleet_rows, listed, rows_of, texts_of, trouble
from agent.models.planner.figures import basis, named, number, percent, plain, plainly, told, usd
from agent.models.planner.hardware import MOST_GIB, MOST_VCPUS, Hardware
from agent.models.planner.sizes import alternatives, types_with
from agent.models.planner.walk import Walk

WEEK_HOURS = 168
_ROWS, _LIMIT, _WIDE_LIMIT = 5, 10, 50
_CHEAP = r"cheap|useful|per hour|cost|price|저렴|싼|싸|유효|시간당|비용|가격"
_SAFE = r"safe|reliab|least likely|stable|안전|안정|덜\s?중단|오래"


def opportunities(walk: Walk) -> list[str]:
    """The pools of the types named, or of a fleet's types; without either one question is asked back."""
    types = _types(walk)
    if types is None:
        return []
    return _weighed(walk, types) if types else _which(walk)


def _weighed(walk: Walk, types: list[str]) -> list[str]:
    hours = _hours(walk)
    seen = walk.look("analyze_spot_opportunities", instance_types=types[:40], horizon_hours=hours)
    if seen is None:
        return []
    if not seen.ok:
        return [trouble(walk, seen, listed(walk, types[:4]))]
    return [*_answer(walk, seen.body, hours, scan=None), *_left(walk, seen.body)]


def scan(walk: Walk) -> list[str]:
    """The pools of the whole region that have what was described."""
    machine = walk.question.found.hardware or Hardware()
    if machine.model and machine.vcpus == machine.memory_gib == (None, None):
        named_ones = types_with(machine.model, machine.gpus)
        return (
            [*_weighed(walk, list(named_ones)), _read_as(walk, machine)] if named_ones else _no_such_gpu(walk, machine)
        )
    wanted = _wanted(machine)
    seen = walk.look("scan_market", **wanted)
    if seen is None:
        return []
    head = [_read_as(walk, machine)]
    if not seen.ok:
        return [trouble(walk, seen), *head]
    body = _of_model(seen.body, machine)
    if not rows_of(body, "pools"):
        some = rows_of(seen.body, "pools")
        none = walk.say(
            f"**No spot pool of the region fits{f' with {machine.model}' if machine.model else ''}**"
            f"{', among the first ' + str(len(some)) + ' by price' if some else ''}.",
            f"**이 리전에 맞는 spot 풀이 없습니다{f' ({machine.model})' if machine.model else ''}**"
            f"{', 가격순 상위 ' + str(len(some)) + '개 중' if some else ''}.",
        )
        return [none, *head, *_left(walk, seen.body), basis(seen.body, walk.lang)]
    return [
        *_answer(walk, body, int(number(body.get("horizon_hours")) or WEEK_HOURS), scan=machine),
        *head,
        *_left(walk, body),
    ]


def _types(walk: Walk) -> list[str] | None:
    question = walk.question
    types = list(question.found.types)
    if types:
        other = re.search(
            r"alternative|instead|other than|replac|substitut|대신|대안|대체|말고|보다", question.text.lower()
        )
        return list(dict.fromkeys([*types, *(alternatives(types[0])[:4] if other and len(types) == 1 else ())]))
    if not question.fleets:
        return []
    rows = fleet_rows(walk)
    if rows is None:
        return None
    return sorted({t for r in rows if r.get("name") in question.fleets for t in texts_of(r, "instance_types")})


def _hours(walk: Walk) -> int:
    """How long the work will run: «for 24 hours», «3일 동안 돌릴»; a week when nothing is said."""
    found, text = walk.question.found, walk.question.text.lower()
    past = re.search(r"\b(?:last|past|previous)\b|지난|최근", text)
    said = found.horizon.hours if found.horizon else found.window_hours if not past else None
    return min(max(round(said), 1), 2160) if said else WEEK_HOURS


def _which(walk: Walk) -> list[str]:
    known = walk.workloads
    there = walk.say(f" Fleets here: {listed(walk, known)}.", f" 있는 fleet: {listed(walk, known)}.") if known else ""
    return [
        walk.say(
            "Which instance types, or what size (vCPU, memory, GPU, architecture)? For example “g5.xlarge or "
            f"g4dn.xlarge”, “at least 8 vCPU and 32 GiB, arm”.{there}",
            "어떤 인스턴스 타입이나 크기(vCPU, 메모리, GPU, 아키텍처)를 원하시나요? 예: "
            f"“g5.xlarge와 g4dn.xlarge 비교”, “8 vCPU 이상 32 GiB arm”.{there}",
        )
    ]


def _no_such_gpu(walk: Walk, machine: Hardware) -> list[str]:
    return [
        walk.say(
            f"I know no instance type with {machine.gpus} × {machine.model}; name types, or ask for GPUs of any kind.",
            f"{machine.model} {machine.gpus}개를 가진 타입을 모릅니다. 타입 이름을 말씀하시거나 GPU 종류 "
            "없이 물어보세요.",
        )
    ]


def _wanted(machine: Hardware) -> dict[str, Any]:
    (low, high), (least, most) = machine.vcpus, machine.memory_gib
    return {
        "min_vcpus": min(max(round(low or 1), 1), MOST_VCPUS),
        "max_vcpus": min(round(high or MOST_VCPUS), MOST_VCPUS),
        "min_memory_gib": min(float(least or 0), MOST_GIB),
        "max_memory_gib": min(float(most or MOST_GIB), MOST_GIB),
        "architectures": list(machine.architectures),
        "min_accelerators": min(machine.gpus, 64),
        "limit": _WIDE_LIMIT if machine.model or machine.graphics else _LIMIT,
    }


def _of_model(body: dict[str, Any], machine: Hardware) -> dict[str, Any]:
    """Only pools with the accelerator that was named, or with GPUs where those were asked for: the scan counts both."""
    if machine.model:
        pattern = rf"^(?=.*\b{re.escape(machine.model)}\b)"
    elif machine.graphics:
        pattern = r"^(?!.*(?:inferentia|trainium|gaudi|habana|qualcomm|u30|fpga|alveo|virtex))"
    else:
        return body
    rows = rows_of(body, "pools")
    fits = [r for r in rows if re.search(pattern, str(r.get("accelerators")), re.IGNORECASE)]
    return {**body, "pools": fits, "pools_total": len(fits)} if len(fits) < len(rows) else body


def _read_as(walk: Walk, machine: Hardware) -> str:
    """How the description was read, so that a misreading shows."""

    def span(bounds: tuple[float | None, float | None]) -> str:
        low, high = bounds
        if low is not None and low == high:
            return f"{low:g}"
        if low is None:
            return f"≤ {high:g}"
        return f"≥ {low:g}" if high is None else f"{low:g}–{high:g}"

    parts = []
    if machine.vcpus != (None, None):
        parts.append(f"vCPU {span(machine.vcpus)}")
    if machine.memory_gib != (None, None):
        parts.append(walk.say(f"memory {span(machine.memory_gib)} GiB", f"메모리 {span(machine.memory_gib)} GiB"))
    if machine.gpus:
        parts.append(f"GPU ≥ {machine.gpus}" + (f" ({machine.model})" if machine.model else ""))
    if machine.architectures:
        parts.append("/".join(machine.architectures))
    shown = ", ".join(parts) or walk.say("any size", "크기 제한 없음")
    return walk.say(f"- Read as: {shown}", f"- 이렇게 읽었습니다: {shown}")


def _chosen(walk: Walk, body: dict[str, Any]) -> list[dict[str, Any]]:
    rows, zones = rows_of(body, "pools"), walk.question.found.zones
    return [r for r in rows if any(z in str(r.get("pool")) for z in zones)] or rows


def _answer(walk: Walk, body: dict[str, Any], hours: int, *, scan: Hardware | None) -> list[str]:
    rows = _chosen(walk, body)
    lines = [_lead(walk, rows, body, hours, scan=scan)]
    if scan is None and len({str(r.get("pool")).partition("/")[0] for r in rows}) > 1:
        lines += _per_type(walk, rows)
    lines += _table(walk, rows, body, hours, scan=scan is not None)
    return [*lines, basis(body, walk.lang)]


def _lead(
    walk: Walk, rows: Sequence[dict[str, Any]], body: dict[str, Any], hours: int, *, scan: Hardware | None
) -> str:
    text = walk.question.text.lower()
    best, word = rows[0], walk.say("Best by score", "점수가 가장 높은 곳")
    if re.search(_SAFE, text):
        word = walk.say(
            "Which is safest is unknown; best by score", "어디가 가장 안전한지는 알 수 없음; 점수가 가장 높은 곳"
        )
    known = [r for r in rows if number(r.get("usd_per_useful_hour")) is not None]
    likely = [r for r in rows if number(_within(r, hours).get("probability")) is not None]
    if scan is not None:
        unit = _unit(walk, body)
        word = walk.say(f"Cheapest per {unit or 'useful hour'}", f"{unit or '유효 시간'}당 가장 싼 곳")
    elif re.search(_SAFE, text) and likely:
        best = min(likely, key=lambda r: number(_within(r, hours).get("probability")) or 0)
        word = walk.say("Least likely to be interrupted", "중단될 가능성이 가장 낮은 곳")
    elif re.search(_CHEAP, text) and known:
        best = min(known, key=lambda r: number(r.get("usd_per_useful_hour")) or 0)
        word = walk.say("Cheapest per useful hour", "유효 시간당 가장 싼 곳")
    low, high = (usd((best.get("useful_90") or {}).get(k), walk.lang, "") for k in ("low", "high"))
    useful = usd(best.get("usd_per_useful_hour"), walk.lang, "")
    saving, advice = percent(best.get("saving_share"), walk.lang), _advice(walk, best)
    unit = _unit(walk, body) if scan is not None else ""
    per = usd(best.get("rank_value"), walk.lang, "")
    each = walk.say(f"{per} per {unit}, ", f"{unit}당 {per}, ") if unit else ""
    listed_price = best.get("replaces_usd_per_hour") == best.get("on_demand_usd_per_hour")
    en, ko = ("on-demand", "온디맨드") if listed_price else ("what it replaces", "대체하는 비용")
    return walk.say(
        f"**{word}: {told(best.get('pool'))}: {each}{useful} per useful instance-hour** (90 %: {low}–{high}), "
        f"{saving} below {en}; recommendation: {advice}.",
        f"**{word}: {told(best.get('pool'))}: {each}유효 시간당 {useful}** (90 %: {low}–{high}), {ko}보다 {saving} "
        f"저렴; 권고: {advice}.",
    )


def _unit(walk: Walk, body: dict[str, Any]) -> str:
    found = re.fullmatch(r"USD per (useful [\w-]+)(?: of memory)?", str(body.get("ordered_by")))
    unit = found.group(1) if found else ""
    korean = {
        "useful vCPU-hour": "유효 vCPU 시간",
        "useful accelerator-hour": "유효 GPU 시간",
        "useful GiB-hour": "유효 GiB 시간",
    }
    return walk.say(unit, korean.get(unit, unit))


def _advice(walk: Walk, row: dict[str, Any]) -> str:
    korean = {"use": "사용(use)", "use with care": "주의해서 사용(use with care)", "avoid": "피할 것(avoid)"}
    text = str(row.get("recommendation"))
    return walk.say(told(text), korean.get(text, "모름(unknown)"))


def _within(row: dict[str, Any], hours: int) -> dict[str, Any]:
    within = row.get("chance_within")
    found = within.get(f"{hours:g} h") if isinstance(within, dict) else None
    return found if isinstance(found, dict) else {}


def _per_type(walk: Walk, rows: Sequence[dict[str, Any]]) -> list[str]:
    """The cheapest useful hour of each type: what a comparison asks for."""
    best: dict[str, dict[str, Any]] = {}
    for row in rows:
        price, kind = number(row.get("usd_per_useful_hour")), str(row.get("pool")).partition("/")[0]
        known = number(best[kind].get("usd_per_useful_hour")) if kind in best else None
        if price is not None and (known is None or price < known):
            best[kind] = row
    said = ", ".join(
        f"{named(k)} {usd(r.get('usd_per_useful_hour'), walk.lang, '')}" for k, r in list(best.items())[:5]
    )
    return (
        [walk.say(f"- Cheapest useful hour of each type: {said}", f"- 타입별 가장 싼 유효 시간: {said}")]
        if len(best) > 1
        else []
    )


def _table(walk: Walk, rows: Sequence[dict[str, Any]], body: dict[str, Any], hours: int, *, scan: bool) -> list[str]:
    within = _span(walk, hours)
    chances = any(number(_within(r, hours).get("probability")) is not None for r in rows[:_ROWS])
    en, ko = (f" interrupted within {within} |", f" {within} 안 중단 확률 |") if chances else ("", "")
    extra_head, extra_line = ("", "")
    if scan:
        unit = _unit(walk, body)
        extra_head, extra_line = walk.say(f" vCPU / GiB | per {unit} |", f" vCPU / GiB | {unit}당 |"), "---|---:|"
    lines = [
        "",
        walk.say(
            f"| pool |{extra_head} per useful h | spot mean | saving |{en} score | advice |",
            f"| 풀 |{extra_head} 유효 시간당 | spot 평균 | 절감률 |{ko} 점수 | 권고 |",
        ),
        f"|---|{extra_line}---:|---:|---:|{'---:|' if chances else ''}---:|---|",
    ]
    for row in rows[:_ROWS]:
        extra = ""
        if scan:
            gpus = f", {told(row.get('accelerators'))}" if row.get("accelerators") else ""
            size = f"{plain(row.get('vcpus'), walk.lang)} / {plain(row.get('memory_gib'), walk.lang)}{gpus}"
            extra = f" {size} | {usd(row.get('rank_value'), walk.lang, '')} |"
        cell = f"{_figure(walk, _within(row, hours))} | " if chances else ""
        prices = " | ".join(usd(row.get(k), walk.lang, "") for k in ("usd_per_useful_hour", "spot_mean_usd_per_hour"))
        lines.append(
            f"| {told(row.get('pool'))} |{extra} {prices} | {percent(row.get('saving_share'), walk.lang)} | "
            f"{cell}{plain(row.get('score'), walk.lang)} | {_advice(walk, row)} |"
        )
    total = int(number(body.get("pools_total")) or len(rows)) if not walk.question.found.zones else len(rows)
    if total > min(len(rows), _ROWS):
        left = total - min(len(rows), _ROWS)
        lines.append(walk.say(f"… and {left} more pools", f"… 외 {left}개 풀"))
    why = next((str(w) for r in rows if (w := _within(r, hours).get("abstains"))), "")
    if not chances and why:
        lines += [
            "",
            walk.say(f"- Interrupted within {within}: unknown: ", f"- {within} 안에 중단될 확률: 모름: ")
            + plainly(why, walk.lang),
        ]
        return lines
    return [*lines, ""]


def _left(walk: Walk, body: dict[str, Any]) -> list[str]:
    """What was left out, what was assumed, what is not known."""
    lines = []
    left = [r for r in rows_of(body, "left_out") if "ranked below" not in str(r.get("reason"))]
    if left:
        said = "; ".join(f"{plainly(r.get('reason'), walk.lang, 70)} ({r.get('count')})" for r in left[:4])
        lines.append(walk.say(f"- Left out: {said}", f"- 제외: {said}"))
    assumed = texts_of(body, "assumptions")
    if assumed:
        said = "; ".join(plainly(a, walk.lang, 110) for a in assumed[:2])
        lines.append(walk.say(f"- Useful hour assumes: {said}", f"- 유효 시간의 가정: {said}"))
    missing = texts_of(body, "not_known")
    if missing:
        lines.append(
            walk.say("- Not known: ", "- 모르는 것: ") + "; ".join(plainly(m, walk.lang, 100) for m in missing[:3])
        )
    return lines
