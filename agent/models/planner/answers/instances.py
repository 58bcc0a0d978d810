"""Which instances are pressed now, and what may be done about them: told, never proposed from here."""

from collections.abc import Sequence
from typing import Any

from agent.models.planner.answers.chances import nearest
from agent.models.planner.answers.common import fleet_rows, level, rows_of, spot_fleets, texts_of, trouble, which_fleet
from agent.models.planner.figures import basis, named, number, plain, plainly, told
from agent.models.planner.walk import Walk

_FLEETS, _GROUPS, _IDS = 3, 3, 3
_ORDER = ("high", "medium", "unknown", "low")


def instances(walk: Walk) -> list[str]:
    """Of the fleets named, else of those that run spot, the riskiest first."""
    names = _names(walk)
    if names is None:
        return []
    if not names:
        return which_fleet(walk, "look at")
    looked = [(n, walk.look("assess_instances", fleet=n)) for n in names]
    found = [(n, seen) for n, seen in looked if seen is not None]
    ids = walk.question.found.instance_ids
    if ids and len(found) == len(names):
        found = [(n, s) for n, s in found if any(_has(g, ids) for g in rows_of(s.body, "instance_groups"))] or found[:0]
        if not found:
            shown = ", ".join(named(i) for i in ids[:3])
            return [
                walk.say(
                    f"No fleet here runs a spot instance {shown}.", f"{shown} spot 인스턴스를 가진 fleet이 없습니다."
                )
            ]
    lines: list[str] = []
    if len(found) > 1:
        lines += _over_all(walk, [(n, s.body) for n, s in found if s.ok])
    for place, (name, seen) in enumerate(found):
        if not seen.ok:
            lines.append(trouble(walk, seen, named(name)))
            continue
        lines += _fleet(walk, name, seen.body, len(found), acts=not place)
    return lines


def _names(walk: Walk) -> list[str] | None:
    question = walk.question
    if question.fleets:
        return list(question.fleets[:_FLEETS])
    if question.named.strangers:
        return []
    rows = fleet_rows(walk)
    return None if rows is None else spot_fleets(rows)[: _FLEETS + bool(question.found.instance_ids)]


def _has(group: dict[str, Any], ids: Sequence[str]) -> bool:
    return any(i.startswith(one) for i in texts_of(group, "instance_ids") for one in ids)


def _levels(body: dict[str, Any]) -> dict[str, int]:
    by = body.get("by_risk_level")
    return {k: int(number(by.get(k)) or 0) for k in _ORDER if by.get(k)} if isinstance(by, dict) else {}


def _counted(walk: Walk, levels: dict[str, int]) -> str:
    return ", ".join(walk.say(f"{n} {level(walk, k)}", f"{level(walk, k)} {n}대") for k, n in levels.items())


def _over_all(walk: Walk, bodies: Sequence[tuple[str, dict[str, Any]]]) -> list[str]:
    high = [(n, _levels(b).get("high", 0)) for n, b in bodies]
    pressed = [f"{named(n)} {k}" for n, k in high if k]
    if pressed:
        return [
            walk.say(
                f"**At high risk now: {', '.join(pressed)}.**",
                f"**지금 위험이 높은 인스턴스: {', '.join(pressed)}대.**",
            )
        ]
    return [
        walk.say("**No spot instance is at high risk now.**", "**지금 위험이 높은(high) spot 인스턴스는 없습니다.**")
    ]


def _fleet(walk: Walk, name: str, body: dict[str, Any], fleets: int, *, acts: bool) -> list[str]:
    ids = walk.question.found.instance_ids
    order = {name: place for place, name in enumerate(_ORDER)}
    groups = sorted(rows_of(body, "instance_groups"), key=lambda g: order.get(str(g.get("risk_level")), 2))
    groups = [g for g in groups if not ids or _has(g, ids)]
    total, levels = body.get("spot_instances_total"), _levels(body)
    lines = [_head(walk, name, total, levels, bold=fleets == 1)]
    if ids and groups:
        shown = ", ".join(named(i) for g in groups for i in texts_of(g, "instance_ids") if i.startswith(tuple(ids)))
        risk = level(walk, groups[0].get("risk_level"))
        lines = [walk.say(f"**{shown} of {named(name)}: risk {risk}.**", f"**{named(name)}의 {shown}: 위험 {risk}.**")]
    if not groups:
        return [*lines, basis(body, walk.lang), ""]
    rows = _GROUPS if fleets == 1 else max(sum(g.get("risk_level") == "high" for g in groups[:_GROUPS]), 1)
    lines += [_group(walk, g, ids) for g in groups[:rows]]
    left = len(groups) - rows if fleets == 1 else 0
    if left > 0:
        lines.append(walk.say(f"… and {left} more groups", f"… 외 {left}개 묶음"))
    lines += _what_to_do(walk, groups[0], fleets=fleets) if acts or levels.get("high") else []
    missing = texts_of(groups[0], "not_known")
    if missing and fleets == 1:
        lines.append(
            walk.say("- Not known: ", "- 모르는 것: ") + "; ".join(plainly(m, walk.lang, 100) for m in missing[:3])
        )
    return [*lines, basis(body, walk.lang), *([""] if fleets == 1 else [])]


def _head(walk: Walk, name: str, total: Any, levels: dict[str, int], *, bold: bool) -> str:
    mark = "**" if bold else ""
    if not total:
        return walk.say(
            f"{mark}{named(name)} runs no spot instance: EC2 can interrupt nothing here.{mark}",
            f"{mark}{named(name)}에는 spot 인스턴스가 없어 EC2가 중단할 것이 없습니다.{mark}",
        )
    high, counts = levels.get("high", 0), _counted(walk, levels)
    if high:
        return walk.say(
            f"{mark}{high} of {total} spot instances of {named(name)} are at high risk now{mark} ({counts}).",
            f"{mark}{named(name)} spot {total}대 중 {high}대가 지금 위험이 높습니다{mark} ({counts}).",
        )
    return walk.say(
        f"{mark}None of the {total} spot instances of {named(name)} is at high risk now{mark}: {counts}.",
        f"{mark}{named(name)} spot {total}대 중 지금 위험이 높은(high) 것은 없습니다{mark}: {counts}.",
    )


def _group(walk: Walk, group: dict[str, Any], wanted: Sequence[str]) -> str:
    ids = texts_of(group, "instance_ids")
    mine = [i for i in ids if any(i.startswith(w) for w in wanted)] or ids
    count = int(number(group.get("instances")) or len(ids))
    more = walk.say(f" +{count - _IDS} more", f" 외 {count - _IDS}대") if count > _IDS and mine is ids else ""
    names = ", ".join(named(i) for i in mine[:_IDS])
    shown = nearest(walk, group, 24)
    unsaved = group.get("unsaved_minutes")
    work = walk.say("unsaved work unknown", "저장 안 된 작업 모름")
    if isinstance(unsaved, dict):
        least, most = plain(unsaved.get("least"), walk.lang), plain(unsaved.get("most"), walk.lang)
        minutes = least if least == most else f"{least}–{most}"
        work = walk.say(f"{minutes} min of work not saved", f"저장 안 된 작업 {minutes}분")
    signs = [s for s in texts_of(group, "evidence") if s.startswith(("EC2 takes", "EC2 recommends", "own interr"))]
    why = f" — {'; '.join(plainly(s, walk.lang, 90) for s in signs[:2])}" if signs else ""
    return walk.say(
        f"- {level(walk, group.get('risk_level'))}: {count} in {told(group.get('pool'))}: {names}{more}; {shown}; "
        f"{work}{why}",
        f"- {level(walk, group.get('risk_level'))}: {told(group.get('pool'))} {count}대: {names}{more}; {shown}; "
        f"{work}{why}",
    )


def _what_to_do(walk: Walk, group: dict[str, Any], *, fleets: int) -> list[str]:
    found = rows_of(group, "recommended")
    if not found:
        return []
    shown = [f"{plainly(r.get('what'), walk.lang)} ({plainly(r.get('why'), walk.lang, 110)})" for r in found[:4]]
    acts = [r for r in found if r.get("as_action")]
    lines = [walk.say("- What to do: ", "- 할 일: ") + "; ".join(shown if fleets == 1 else shown[:2])]
    if acts and fleets == 1:
        names = ", ".join(plainly(r.get("what"), walk.lang) for r in acts)
        lines.append(
            walk.say(
                f"- Nothing is proposed or changed yet. I can propose: {names}; ask for it.",
                f"- 아직 아무것도 제안하거나 바꾸지 않았습니다. 제안할 수 있는 것: {names}. 원하면 말씀하세요.",
            )
        )
    return lines
