"""How likely pools are to take an instance within hours: the figure with its interval, what it rests on, or why not."""

import math
import re
from collections.abc import Sequence
from typing import Any

from agent.models.planner.answers.common import (
    fleet_rows,
    level,
    rows_of,
    spot_fleets,
    texts_of,
    trouble,
    which_fleet,
)
from agent.models.planner.conversation import Seen
from agent.models.planner.figures import basis, between, chance, named, number, plain, plainly, told
from agent.models.planner.walk import Walk

TOLD_HOURS = (1, 6, 24, 48)
"""horizons of forecast_interruptions"""
_SUBJECTS, _ROWS = 3, 4


def forecast(walk: Walk) -> list[str]:
    """Of the types or fleets named, else of the fleets that stand worst."""
    subjects = _subjects(walk)
    if subjects is None:
        return []
    if not subjects:
        return which_fleet(walk, "forecast")
    looked = [(s, walk.look("forecast_interruptions", subject=s)) for s in subjects]
    hours, lines = _hours(walk), list[str]()
    found = [(s, seen) for s, seen in looked if seen is not None]
    further = [(s, seen, _further(walk, seen, hours)) for s, seen in found]
    brief = len(found) > 1
    if brief:
        lines += _likelier(walk, [(s, seen.body) for s, seen, _ in further if seen.ok], hours)
    for subject, seen, more in further:
        lines += (
            [trouble(walk, seen, named(subject))] if not seen.ok else _one(walk, subject, seen.body, more, hours, brief)
        )
    return lines


def chance_line(walk: Walk, body: dict[str, Any], pool: str = "") -> str | None:
    """One line for an answer about something else: the chance within 24 h of a pool, or of the most pressed one."""
    groups = _groups(walk, body)
    mine = next((g for g in groups if pool and any(_is(p, pool) for p in texts_of(g, "pools"))), None)
    group = mine or next(iter(groups), None)
    if group is None:
        return None
    asked = walk.question.found.horizon
    hours = next((h for h in TOLD_HOURS if asked and h >= asked.hours), 24)
    names = texts_of(group, "pools")
    where = told(next((p for p in names if pool and _is(p, pool)), next(iter(names), "?")))
    shown = nearest(walk, group, hours)
    return walk.say(
        f"- Chance that an instance in {where} is interrupted: {shown}", f"- {where}의 인스턴스가 중단될 확률: {shown}"
    )


def nearest(walk: Walk, group: dict[str, Any], hours: float) -> str:
    """The figure at that horizon; where it is not known, that, and the longest horizon before it that is."""
    known = [(h, f) for h in TOLD_HOURS if (f := _told(group, h)) and number(f.get("probability")) is not None]
    fits = [(h, f) for h, f in known if h <= hours]
    if not fits:
        return walk.say(f"unknown within {_span(walk, hours)}", f"{_span(walk, hours)} 안은 모름")
    told_hours, figures = fits[-1]
    shown, span = _figure(walk, figures), _span(walk, told_hours)
    if told_hours == hours:
        return walk.say(f"{shown} within {span}", f"{span} 안에 {shown}")
    whole = _span(walk, hours)
    return walk.say(f"{shown} within {span}, unknown within {whole}", f"{span} 안에 {shown}, {whole} 안은 모름")


def _is(shown: str, pool: str) -> bool:
    """Whether a pool as shown, with its zone's id and name, is the one said by either."""
    kind, _, zone = pool.partition("/")
    return shown.startswith(f"{kind}/") and zone in shown


def _subjects(walk: Walk) -> list[str] | None:
    question = walk.question
    if question.fleets or question.found.types:
        return list(dict.fromkeys([*question.fleets, *question.found.types]))[:_SUBJECTS]
    if question.named.strangers:
        return []
    rows = fleet_rows(walk)
    families = set(re.findall(r"(?<![a-z0-9-])([a-z]{1,3}\d[a-z]{0,4}?)s?(?![a-z0-9.-])", question.text.lower()))
    used = sorted({t for r in rows or [] for t in texts_of(r, "instance_types") if t.partition(".")[0] in families})
    if used:
        return used[:_SUBJECTS]
    return None if rows is None else spot_fleets(rows)[:_SUBJECTS]


def _hours(walk: Walk) -> list[float]:
    """Horizons to tell, shortest first: the end of tomorrow lies between a day and two."""
    asked = walk.question.found.horizon
    if asked is None:
        return [1, 24] if re.search(r"soon|now|곧|지금|당장|조만간", walk.question.text.lower()) else [24, 48]
    if asked.hours == 48:
        return [24, 48]
    if asked.hours < 1:
        return [1]
    return [asked.hours]


def _further(walk: Walk, seen: Seen, hours: Sequence[float]) -> dict[str, Any]:
    """Figures of a horizon that the forecast does not have: (pool → figures), from the tool that takes any."""
    odd = [h for h in hours if h not in TOLD_HOURS]
    if not odd or not seen.ok:
        return {}
    pools = [p for g in rows_of(seen.body, "pool_groups") for p in texts_of(g, "pools")]
    types = sorted({p.partition("/")[0] for p in pools})[:40]
    if not types:
        return {}
    ahead = min(math.ceil(odd[0]), 2160)
    more = walk.look("analyze_spot_opportunities", instance_types=types, horizon_hours=ahead)
    if more is None or not more.ok:
        return {}
    found: dict[str, Any] = {}
    for row in rows_of(more.body, "pools"):
        within = row.get("chance_within")
        figures = within.get(f"{ahead:g} h") if isinstance(within, dict) else None
        if isinstance(figures, dict):
            found[str(row.get("pool"))] = figures
    return found


def _groups(walk: Walk, body: dict[str, Any]) -> list[dict[str, Any]]:
    """Pools of which the same is known; only those of the zones and types that the question names."""
    zones, types = walk.question.found.zones, walk.question.found.types
    groups = []
    for group in rows_of(body, "pool_groups"):
        pools = texts_of(group, "pools")
        here = [p for p in pools if not zones or any(z in p for z in zones)]
        here = [p for p in here if not types or p.partition("/")[0] in types] or ([] if zones else here)
        if here:
            groups.append({**group, "pools": here})
    return groups or rows_of(body, "pool_groups")


def _told(group: dict[str, Any], hours: float, further: dict[str, Any] | None = None) -> dict[str, Any] | None:
    within = group.get("chance_within")
    found = within.get(f"{hours:g} h") if isinstance(within, dict) else None
    if found is None and further:
        found = next((further[p] for p in texts_of(group, "pools") if p in further), None)
    return found if isinstance(found, dict) else None


def _figure(walk: Walk, figures: dict[str, Any]) -> str:
    if number(figures.get("probability")) is None:
        return walk.say("unknown", "모름")
    ends = between(figures.get("low_90"), figures.get("high_90"), walk.lang)
    return f"{chance(figures.get('probability'), walk.lang)} ({ends})"


def _span(walk: Walk, hours: float) -> str:
    days = hours >= 72 and hours % 24 == 0
    amount = plain(hours / 24 if days else hours, walk.lang)
    return walk.say(f"{amount} {'days' if days else 'h'}", f"{amount}{'일' if days else '시간'}")


def _main(walk: Walk, subject: str, groups: Sequence[dict[str, Any]]) -> tuple[dict[str, Any], str]:
    """(group, pool) to lead with: the pool that most of a fleet stands in, else the most pressed and no pool."""
    rows = [] if "." in subject else fleet_rows(walk) or []
    largest = next((str(r.get("largest_pool") or "") for r in rows if r.get("name") == subject), "")
    for group in groups:
        pool = next((p for p in texts_of(group, "pools") if largest and _is(p, largest)), "")
        if pool:
            return group, pool
    return groups[0], ""


def _likelier(walk: Walk, found: Sequence[tuple[str, dict[str, Any]]], hours: Sequence[float]) -> list[str]:
    """Which of several is likelier to be taken, by the leading pool of each; the same is said to be the same."""
    within = _span(walk, hours[0])
    for ahead in (hours[0], *(h for h in reversed(TOLD_HOURS) if h < hours[0])):
        known = _compared(walk, found, ahead)
        if len(known) > 1:
            break
    unknown = ahead != hours[0]
    open_ = walk.say(f"Within {within} it is unknown; ", f"{within} 안은 알 수 없음; ") if unknown else ""
    within = _span(walk, ahead)
    if len(known) < 2:
        return [walk.say("**The chance is unknown for all of them.**", "**모두 확률을 알 수 없습니다.**")]
    known.sort(key=lambda k: -k[0])
    (high, first, one), (low, last, other) = known[0], known[-1]
    if high == low:
        names = ", ".join(named(s) for _, s, _ in known)
        return [
            walk.say(
                f"**{open_}the same as far as is known: {chance(high, 'en')} within {within} for {names}.**",
                f"**{open_}알려진 바로는 같습니다: {names} 모두 {within} 안에 {chance(high, 'ko')}.**",
            )
        ]
    return [
        walk.say(
            f"**{open_}{named(first)} is likelier to be interrupted within {within}: {_figure(walk, one)}; "
            f"{named(last)}: {_figure(walk, other)}.**",
            f"**{open_}{within} 안에 중단될 가능성이 더 높은 쪽은 {named(first)}: {_figure(walk, one)}; "
            f"{named(last)}: {_figure(walk, other)}.**",
        )
    ]


def _compared(
    walk: Walk, found: Sequence[tuple[str, dict[str, Any]]], ahead: float
) -> list[tuple[float, str, dict[str, Any]]]:
    """(chance, subject, figures) of the leading pool of each, where it is known."""
    known = []
    for subject, body in found:
        groups = _groups(walk, body)
        figures = _told(_main(walk, subject, groups)[0], ahead) if groups else None
        value = number(figures.get("probability")) if figures else None
        if figures and value is not None:
            known.append((value, subject, figures))
    return known


def _one(
    walk: Walk, subject: str, body: dict[str, Any], further: dict[str, Any], hours: Sequence[float], brief: bool
) -> list[str]:
    groups = _groups(walk, body)
    if not groups:
        return [walk.say(f"{named(subject)}: no spot pool is known.", f"{named(subject)}: 알려진 spot 풀이 없습니다.")]
    main, largest = _main(walk, subject, groups)
    rows = _rows(walk, groups, further, hours)
    several = len(rows) > 1
    lines = [_head(walk, subject, main, further, hours, place=largest if several else "", plain_head=brief)]
    if brief:
        return [*lines, basis(body, walk.lang)]
    lines += _nearer(walk, main, further, hours)
    if several:
        lines += _table(walk, rows, hours)
    elif len(rows[0][0]) > 1:
        lines.append(_same_everywhere(walk, rows[0][0]))
    lines += _behind(walk, main)
    return [*lines, basis(body, walk.lang), ""]


def _head(
    walk: Walk, subject: str, group: dict[str, Any], further: dict[str, Any], hours: Sequence[float],
    *, place: str, plain_head: bool,
) -> str:  # fmt: skip
    told_ones = [(h, _told(group, h, further)) for h in hours]
    known = [(h, f) for h, f in told_ones if f is not None and number(f.get("probability")) is not None]
    place = walk.say(f", in its largest pool {told(place)}", f", 최대 풀 {told(place)}") if place else ""
    mark = "- " if plain_head else ""
    bold = "" if plain_head else "**"
    if not known:
        if plain_head:
            return f"- {named(subject)}{place}: {nearest(walk, group, hours[0])}"
        en, ko = (walk.say(" and ", "·").join(_span(walk, h) for h, _ in told_ones),) * 2
        why = next((str(f.get("abstains")) for _, f in told_ones if f and f.get("abstains")), "")
        reason = (
            plainly(why, walk.lang)
            if why
            else walk.say("no tool tells that horizon", "그 기간을 알려 주는 도구가 없음")
        )
        return walk.say(
            f"{mark}{bold}{named(subject)}{place}: the chance that an instance is interrupted within {en} is "
            f"unknown{bold}: {reason}",
            f"{mark}{bold}{named(subject)}{place}: {ko} 안에 인스턴스 한 대가 중단될 확률은 알 수 "
            f"없습니다{bold}: {reason}",
        )
    en = ", ".join(f"{_figure(walk, f)} within {_span(walk, h)}" for h, f in known)
    ko = ", ".join(f"{_span(walk, h)} 안에 {_figure(walk, f)}" for h, f in known)
    return walk.say(
        f"{mark}{bold}{named(subject)}{place}: an instance is interrupted with a chance of {en}{bold}.",
        f"{mark}{bold}{named(subject)}{place}: 인스턴스 한 대가 중단될 확률은 {ko}{bold}.",
    )


def _nearer(walk: Walk, group: dict[str, Any], further: dict[str, Any], hours: Sequence[float]) -> list[str]:
    """Where the horizon asked for is too far to tell: the longest one that can be told."""
    if any(number((_told(group, h, further) or {}).get("probability")) is not None for h in hours):
        return []
    known = [(h, f) for h in TOLD_HOURS if (f := _told(group, h)) and number(f.get("probability")) is not None]
    if not known or known[-1][0] >= hours[0]:
        return []
    shown, span = _figure(walk, known[-1][1]), _span(walk, known[-1][0])
    return [
        walk.say(f"- Known for a shorter time: {shown} within {span}", f"- 더 짧은 기간은 압니다: {span} 안에 {shown}")
    ]


def _same_everywhere(walk: Walk, pools: Sequence[str]) -> str:
    return walk.say(
        f"- The same for {len(pools)} pools: {_zones_of(pools)}", f"- 풀 {len(pools)}개 모두 같음: {_zones_of(pools)}"
    )


def _zones_of(pools: Sequence[str]) -> str:
    """g5.xlarge (use1-az1, use1-az2); g4dn.xlarge (use1-az1)"""
    zones: dict[str, list[str]] = {}
    for pool in pools:
        kind, _, zone = pool.partition("/")
        zones.setdefault(kind, []).append(zone.partition(" ")[0])
    said = [f"{told(kind)} ({', '.join(told(z) for z in there)})" for kind, there in list(zones.items())[:5]]
    return "; ".join(said) + ("; …" if len(zones) > 5 else "")


Row = tuple[list[str], list[str], str]
"""pools, a cell for every horizon, risk level"""


def _rows(walk: Walk, groups: Sequence[dict[str, Any]], further: dict[str, Any], hours: Sequence[float]) -> list[Row]:
    """Pools that read the same in one row."""
    rows: dict[str, Row] = {}
    for group in groups:
        cells = [_cell(walk, group, h, further) for h in hours]
        risk = level(walk, group.get("risk_level"))
        rows.setdefault(" ".join([*cells, risk]), ([], cells, risk))[0].extend(texts_of(group, "pools"))
    return list(rows.values())


def _table(walk: Walk, rows: Sequence[Row], hours: Sequence[float]) -> list[str]:
    heads = " | ".join(walk.say(f"within {_span(walk, h)}", f"{_span(walk, h)} 안") for h in hours)
    lines = [
        "",
        walk.say(f"| pool | {heads} | risk |", f"| 풀 | {heads} | 위험 |"),
        "|---|" + "---:|" * len(hours) + "---|",
    ]
    lines += [f"| {_zones_of(pools)} | {' | '.join(cells)} | {risk} |" for pools, cells, risk in rows[:_ROWS]]
    if len(rows) > _ROWS:
        lines.append(walk.say(f"… and {len(rows) - _ROWS} more rows", f"… 외 {len(rows) - _ROWS}줄"))
    return [*lines, ""]


def _cell(walk: Walk, group: dict[str, Any], hours: float, further: dict[str, Any]) -> str:
    figures = _told(group, hours, further) or {}
    return nearest(walk, group, hours) if number(figures.get("probability")) is None else _figure(walk, figures)


def _behind(walk: Walk, group: dict[str, Any]) -> list[str]:
    """Method, band, score, and what is not known."""
    lines = [_method(walk, group)]
    band = group.get("advisor")
    if isinstance(band, dict):
        fetched = walk.say(" by fetch", " 조회일") if "names no date" in str(band.get("source")) else ""
        meaning = plainly(band.get("meaning"), walk.lang)
        lines.append("- " + told(f"Spot Advisor: {band.get('band')} ({band.get('dated')}{fetched}) — {meaning}"))
    score = group.get("placement")
    if isinstance(score, dict):
        lines.append(
            walk.say(
                f"- Placement score: {score.get('score_1_to_10')} of 10, EC2's guess that a launch succeeds now; no "
                "interruption risk",
                f"- Placement score: 10점 중 {score.get('score_1_to_10')}점. 지금 띄우기에 성공할지에 대한 EC2의 "
                "추정이며 중단 위험이 아님",
            )
        )
    missing = texts_of(group, "not_known")
    if missing:
        lines.append(
            walk.say("- Not known: ", "- 모르는 것: ") + "; ".join(plainly(m, walk.lang, 100) for m in missing[:3])
        )
    return lines


def _method(walk: Walk, group: dict[str, Any]) -> str:
    within = group.get("chance_within")
    rows = [f for f in within.values() if isinstance(f, dict)] if isinstance(within, dict) else []
    methods = list(dict.fromkeys(str(f["method"]) for f in rows if f.get("method")))
    names = {"constant hazard": walk.say("constant hazard", "일정 위험률(constant hazard)"),
             "state forecast": walk.say("state forecast", "상태 예측(state forecast)")}  # fmt: skip
    rate = group.get("rate")
    per = ""
    if isinstance(rate, dict) and number(rate.get("interruptions_per_100_instance_hours")) is not None:
        figures = [plain(rate.get(k), walk.lang) for k in ("interruptions_per_100_instance_hours", "low_90", "high_90")]
        per = walk.say(
            f"; rate {figures[0]} per 100 instance-hours (90 %: {figures[1]}–{figures[2]})",
            f"; 인스턴스 100시간당 {figures[0]}회 (90 %: {figures[1]}–{figures[2]})",
        )
    clauses = dict.fromkeys(c for b in texts_of(group, "based_on")[:3] for c in b.split("; "))
    based = "; ".join(plainly(c, walk.lang) for c in clauses if c != "not enough is known")
    method = " / ".join(names.get(m, told(m)) for m in methods) or walk.say("none", "없음")
    return walk.say(f"- Method: {method}: {based}{per}", f"- 방법: {method}: {based}{per}")
