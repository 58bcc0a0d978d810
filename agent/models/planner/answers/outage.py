"""What would go if a zone, or a fleet's largest pool, went: counted from the fleets as they stand."""

import re
from collections import Counter
from typing import Any

from agent.models.planner.answers.common import counted, fleet_rows, rows_of, trouble, which_fleet
from agent.models.planner.figures import basis, named, number, percent, span, told
from agent.models.planner.intents import ALL_SPOT
from agent.models.planner.moods import has
from agent.models.planner.text import normal
from agent.models.planner.walk import Walk

_FLEETS = 8


def outage(walk: Walk) -> list[str]:
    """Instances per zone of the fleets meant, the zone named or the fullest one first."""
    names = _names(walk)
    if names is None:
        return []
    if has(ALL_SPOT, normal(walk.question.text)):
        return _all_spot(walk)
    if not names:
        return which_fleet(walk, "look at")
    looked = [(name, walk.look("describe_fleet", fleet=name)) for name in names]
    found = [(name, seen) for name, seen in looked if seen is not None]
    if len(found) < len(looked):
        return []
    lines = [trouble(walk, seen, named(name)) for name, seen in found if not seen.ok]
    bodies = [(name, seen.body) for name, seen in found if seen.ok]
    zone = _zone_meant(walk, bodies)
    if zone is None:
        return lines or [walk.say("No instance runs in any zone.", "어느 가용 영역에도 인스턴스가 없습니다.")]
    hit = [(name, _in_zone(body, zone), int(number(body.get("instances_total")) or 0)) for name, body in bodies]
    lines += _told(walk, zone, hit, asked=bool(walk.question.found.zones))
    lines += _pools(walk, bodies) if walk.question.fleets else []
    lines += _work_lost(walk, [name for name, n, _ in hit if n])
    return [*lines, *(basis(body, walk.lang) for _, body in bodies[:1])]


def _all_spot(walk: Walk) -> list[str]:
    """What would be left of each fleet if every spot instance were taken at once."""
    seen = walk.look("list_fleets")
    if seen is None:
        return []
    rows, (_, total, spot) = rows_of(seen.body, "fleets"), counted(seen.body)
    if walk.question.fleets:
        rows = [r for r in rows if r.get("name") in walk.question.fleets]
        total, spot = (sum(int(number(r.get(k)) or 0) for r in rows) for k in ("instances", "spot"))
    lines = [
        walk.say(
            f"**{spot} of {total} instances would go; {total - spot} on-demand stay.**",
            f"**인스턴스 {total}대 중 {spot}대를 잃고 온디맨드 {total - spot}대가 남습니다.**",
        )
    ]
    lines += [
        walk.say(
            f"- {named(r.get('name'))}: {r.get('on_demand')} of {r.get('instances')} left",
            f"- {named(r.get('name'))}: {r.get('instances')}대 중 {r.get('on_demand')}대 남음",
        )
        for r in sorted(rows, key=lambda r: int(number(r.get("on_demand")) or 0))[:_FLEETS]
    ]
    return [*lines, basis(seen.body, walk.lang)]


def _names(walk: Walk) -> list[str] | None:
    if walk.question.fleets:
        return list(walk.question.fleets[:_FLEETS])
    if walk.question.named.strangers:
        return []
    rows = fleet_rows(walk)
    return None if rows is None else [str(r["name"]) for r in rows if r.get("name")][:_FLEETS]


def _zone_meant(walk: Walk, bodies: list[tuple[str, dict[str, Any]]]) -> str | None:
    if walk.question.found.zones:
        return walk.question.found.zones[0]
    everywhere: Counter[str] = Counter()
    for _, body in bodies:
        for row in rows_of(body, "by_zone"):
            everywhere[str(row.get("zone"))] += _count(row)
    return everywhere.most_common(1)[0][0] if everywhere else None


def _in_zone(body: dict[str, Any], zone: str) -> int:
    return sum(_count(r) for r in rows_of(body, "by_zone") if zone in {r.get("zone"), r.get("zone_id")})


def _count(row: dict[str, Any]) -> int:
    return int(number(row.get("spot")) or 0) + int(number(row.get("on_demand")) or 0)


def _told(walk: Walk, zone: str, hit: list[tuple[str, int, int]], *, asked: bool) -> list[str]:
    lost, total = sum(n for _, n, _ in hit), sum(t for _, _, t in hit)
    worst = walk.say("" if asked else "The worst zone to lose is ", "" if asked else "가장 타격이 큰 곳은 ")
    lines = [
        walk.say(
            f"**{worst}{told(zone)}: {lost} of {total} instances run there.**",
            f"**{worst}{told(zone)}: 인스턴스 {total}대 중 {lost}대가 거기 있습니다.**",
        )
    ]
    for name, count, of in sorted(hit, key=lambda row: -(row[1] / row[2] if row[2] else 0)):
        if count:
            lines.append(
                walk.say(
                    f"- {named(name)}: {count} of {of} ({percent(count / of, 'en')})",
                    f"- {named(name)}: {of}대 중 {count}대 ({percent(count / of, 'ko')})",
                )
            )
    spared = [named(name) for name, count, _ in hit if not count]
    if spared:
        lines.append(walk.say(f"- None of {', '.join(spared)}", f"- 해당 없음: {', '.join(spared)}"))
    if not re.search(_GOES, walk.question.text.lower()):
        return lines
    lines.append(
        walk.say(
            "What is left runs on; Auto Scaling starts replacements in the other zones, where and when EC2 has "
            "capacity: "
            "that part nobody can promise.",
            "나머지는 계속 돌고, Auto Scaling이 다른 가용 영역에 대체 인스턴스를 띄웁니다. 다만 그때 EC2에 여유가 "
            "있는지는 보장되지 않습니다.",
        )
    )
    return lines


_GOES = r"die|down|fail|outage|go|lose|lost|disappear|without|drop|죽|나가|날아|장애|내려|없어|사라|터지|빠지|고갈"


def _pools(walk: Walk, bodies: list[tuple[str, dict[str, Any]]]) -> list[str]:
    lines = []
    for name, body in bodies[:3]:
        rows = rows_of(body, "pools")
        if rows:
            top = max(rows, key=_count)
            lines.append(
                walk.say(
                    f"- Largest pool of {named(name)}: {told(top.get('pool'))}, {_count(top)} instances go if it "
                    f"runs out",
                    f"- {named(name)}의 최대 풀: {told(top.get('pool'))}, 고갈되면 {_count(top)}대를 잃습니다",
                )
            )
    return lines


def _work_lost(walk: Walk, names: list[str]) -> list[str]:
    """The work at stake, where the fleet meant has a checkpoint store."""
    lines = []
    for name in names[:1] if walk.question.fleets else []:
        seen = walk.look("list_checkpoints", fleet=name)
        if seen is not None and seen.ok and seen.body.get("newest_whole"):
            age = span(seen.body.get("age_seconds"), walk.lang)
            lines.append(
                walk.say(
                    f"- Work at stake: {age} since the newest whole checkpoint of {named(name)}",
                    f"- 잃을 수 있는 작업: {named(name)}의 최신 checkpoint 이후 {age}",
                )
            )
    return lines
