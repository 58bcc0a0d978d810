"""Volumes and snapshots: what they cost, what nobody uses, how old the copies are; and one of them acted on."""

import re
from collections.abc import Sequence
from typing import Any

from agent.models.planner.answers.common import no_such_fleet, rows_of, texts_of, trouble
from agent.models.planner.answers.volume_acts import act
from agent.models.planner.figures import basis, moment, named, number, plainly, span
from agent.models.planner.keeping_words import BARE, OLD, ORPHANS, SCHEDULES, SNAPSHOT_ID, VOLUME_ID
from agent.models.planner.moods import has
from agent.models.planner.text import normal
from agent.models.planner.walk import Walk

_SHOWN = 8
Row = dict[str, Any]


def volumes(walk: Walk) -> list[str]:
    """What was named, else what was asked of all of them."""
    text = normal(walk.question.text)
    ids = ids_in(text)
    fleet = walk.question.fleets[0] if walk.question.fleets and not ids else None
    if (acted := act(walk, ids)) is not None:
        return acted
    only = has(ORPHANS, text) and not ids
    seen = walk.look("describe_volumes", fleet=fleet, orphans_only=only)
    if seen is None:
        return []
    if not seen.ok:
        return [trouble(walk, seen, named(fleet) if fleet else "")]
    body = seen.body
    unread = [
        f"- {walk.say('Not known', '알 수 없음')}: {plainly(m, walk.lang)}" for m in texts_of(body, "not_known")[:2]
    ]
    lines = _of_ids(walk, body, ids) if ids else _of_all(walk, body, text)
    return [*no_such_fleet(walk), *lines, *unread, basis(body, walk.lang), ""]


def ids_in(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(re.findall(rf"{VOLUME_ID}|{SNAPSHOT_ID}", text, re.ASCII)))


def _of_ids(walk: Walk, body: Row, ids: Sequence[str]) -> list[str]:
    """Each that was named: its line, or what there is instead."""
    there = {str(r.get("volume_id")): r for r in rows_of(body, "volumes")}
    copies = {str(r.get("snapshot_id")): r for r in rows_of(body, "snapshots")}
    lines = []
    for one in ids[:4]:
        if one in there:
            lines.append(f"- {_volume(walk, there[one])}")
            taken = [c for c in copies.values() if c.get("of") == one][:3]
            lines += [f"  - {_copy(walk, c)}" for c in taken]
        elif one in copies:
            lines.append(f"- {_copy(walk, copies[one])}")
        else:
            lines.append(_unknown(walk, one, [*there, *copies]))
    return lines


def _unknown(walk: Walk, one: str, known: Sequence[str]) -> str:
    alike = [k for k in known if k.partition("-")[0] == one.partition("-")[0]][:4]
    shown = ", ".join(named(k) for k in alike) or walk.say("none", "없음")
    return walk.say(
        f"**There is no {named(one)} among what I read.** There are for example: {shown}.",
        f"**읽은 것 중에 {named(one)}이(가) 없습니다.** 있는 것의 예: {shown}.",
    )


def _of_all(walk: Walk, body: Row, text: str) -> list[str]:
    if has(ORPHANS, text):
        return _orphans(walk, body)
    if has(SCHEDULES, text) and rows_of(body, "schedules"):
        return _schedules(walk, body)
    if has(BARE, text):
        return _bare(walk, body)
    if has(OLD, text):
        return _old(walk, body)
    return [*_overview(walk, body), *_schedules(walk, body, only_trouble=True)]


def _month(walk: Walk, value: Any) -> str:
    amount = number(value)
    return walk.say("cost unknown", "비용 모름") if amount is None else f"${amount:,.2f}/{walk.say('month', '월')}"


def _counted(walk: Walk, volumes_there: Any, copies: Any) -> str:
    many, few = int(number(volumes_there) or 0), int(number(copies) or 0)
    return walk.say(
        f"{many} volume{'' if many == 1 else 's'} and {few} snapshot{'' if few == 1 else 's'}",
        f"볼륨 {many}개, 스냅샷 {few}개",
    )


def _orphans(walk: Walk, body: Row) -> list[str]:
    volumes_there, copies = number(body.get("orphan_volumes")) or 0, number(body.get("orphan_snapshots")) or 0
    if not volumes_there and not copies:
        return [
            walk.say(
                "**Nothing is orphaned: every volume is attached, and every snapshot's volume is there or kept.**",
                "**고아는 없습니다. 모든 볼륨이 붙어 있고, 스냅샷의 볼륨도 남아 있거나 보존 중입니다.**",
            )
        ]
    cost, what = _month(walk, body.get("orphan_usd_per_month_at_most")), _counted(walk, volumes_there, copies)
    known = body.get("orphan_usd_per_month_at_most") is not None
    lines = [
        walk.say(
            f"**Orphaned: {what}; they cost {'at most ' if known else ''}{cost} (list).**",
            f"**고아: {what}. 비용은 {'최대 ' if known else ''}{cost}(정가)입니다.**",
        )
    ]
    rows = [r for r in rows_of(body, "volumes") if r.get("orphan")]
    rows_copies = [r for r in rows_of(body, "snapshots") if r.get("orphan")]
    told = [*(f"- {_volume(walk, r)}" for r in rows), *(f"- {_copy(walk, r)}" for r in rows_copies)]
    lines += told[:_SHOWN]
    more = int(volumes_there + copies) - min(len(told), _SHOWN)
    if more > 0:
        lines.append(walk.say(f"… and {more} more: `spotwarden volumes`", f"… 외 {more}개: `spotwarden volumes`"))
    free = next((str(r.get("volume_id") or r.get("snapshot_id")) for r in (*rows, *rows_copies)
                 if not r.get("protected_by")), None)  # fmt: skip
    if free is not None:
        lines.append("")
        lines.append(
            walk.say(
                f"Say “delete {free}” and I propose it; a snapshot's cost is an upper bound.",
                f"“{free} 삭제해줘”라고 하면 제안합니다. 스냅샷 비용은 상한입니다.",
            )
        )
    return lines


def _old(walk: Walk, body: Row) -> list[str]:
    """The oldest snapshots first."""
    rows = sorted(rows_of(body, "snapshots"), key=lambda r: -(number(r.get("age_hours")) or 0.0))
    if not rows:
        none = walk.say("**There is no snapshot.**", "**스냅샷이 없습니다.**")
        return [none, *_bare(walk, body)]
    oldest = _age(walk, rows[0].get("age_hours"))
    count = int(number(body.get("snapshots_total")) or len(rows))
    head = walk.say(
        f"**The oldest of {count} snapshots was taken {oldest} ago.**",
        f"**스냅샷 {count}개 가운데 가장 오래된 것은 {oldest} 전에 만들었습니다.**",
    )
    fresh = sorted(
        (r for r in rows_of(body, "volumes") if r.get("newest_snapshot")),
        key=lambda r: -(number(r.get("snapshot_age_hours")) or 0.0),
    )
    behind = [
        walk.say(
            f"- Newest of {named(r.get('volume_id'))}: {_age(walk, r.get('snapshot_age_hours'))} old, {_how(walk, r)}",
            f"- {named(r.get('volume_id'))}의 최신: {_age(walk, r.get('snapshot_age_hours'))} 전, {_how(walk, r)}",
        )
        for r in fresh[:3]
    ]
    return [head, *(f"- {_copy(walk, r)}" for r in rows[:5]), *behind]


def _bare(walk: Walk, body: Row) -> list[str]:
    """Volumes that no snapshot was taken of."""
    rows = [r for r in rows_of(body, "volumes") if not r.get("newest_snapshot")]
    count = int(number(body.get("volumes_without_snapshot")) or 0)
    if not count:
        return [walk.say("**Every volume has a snapshot.**", "**모든 볼륨에 스냅샷이 있습니다.**")]
    total = int(number(body.get("volumes_total")) or 0)
    head = walk.say(
        f"**{count} of {total} volumes have no snapshot: what they hold is in one zone only.**",
        f"**볼륨 {total}개 가운데 {count}개에 스냅샷이 없습니다. 그 데이터는 한 가용 영역에만 있습니다.**",
    )
    return [head, *(f"- {_volume(walk, r)}" for r in rows[:_SHOWN])]


def _overview(walk: Walk, body: Row) -> list[str]:
    total = body.get("total_usd_per_month_at_most")
    what, cost = _counted(walk, body.get("volumes_total"), body.get("snapshots_total")), _month(walk, total)
    bound = walk.say("at most ", "최대 ") if total is not None else ""
    lines = [walk.say(f"**{what}: {bound}{cost} (list).**", f"**{what}: {bound}{cost}(정가).**")]
    orphans = _counted(walk, body.get("orphan_volumes"), body.get("orphan_snapshots"))
    lost = _month(walk, body.get("orphan_usd_per_month_at_most"))
    lines.append(walk.say(f"- Orphaned: {orphans}, {lost}", f"- 고아: {orphans}, {lost}"))
    if bare := int(number(body.get("volumes_without_snapshot")) or 0):
        lines.append(walk.say(f"- Without any snapshot: {bare}", f"- 스냅샷이 하나도 없는 볼륨: {bare}개"))
    return [*lines, *(f"- {_volume(walk, r)}" for r in rows_of(body, "volumes")[:6])]


def _schedules(walk: Walk, body: Row, *, only_trouble: bool = False) -> list[str]:
    rows = rows_of(body, "schedules")
    if only_trouble:
        rows = [r for r in rows if r.get("trouble") or r.get("overdue_seconds")]
    return [f"- {_schedule(walk, r)}" for r in rows[:5]]


def _schedule(walk: Walk, row: Row) -> str:
    every = f"{number(row.get('every_hours')) or 0:g}"
    head = walk.say(
        f"{named(row.get('fleet'))}: every {every} h, keeps {row.get('keep')}",
        f"{named(row.get('fleet'))}: {every}시간마다, {row.get('keep')}개 보관",
    )
    if row.get("trouble"):
        return f"{head} — {walk.say('trouble', '문제')}: {plainly(row['trouble'], walk.lang)}"
    if row.get("overdue_seconds"):
        late = span(row["overdue_seconds"], walk.lang)
        return walk.say(f"{head} — OVERDUE by {late}", f"{head} — {late} 밀림")
    due = row.get("due_at")
    if due is None:
        return walk.say(f"{head} — nothing to snapshot", f"{head} — 만들 것이 없음")
    return walk.say(f"{head} — due {moment(due, 'en')}", f"{head} — 다음 {moment(due, 'ko')}")


def _volume(walk: Walk, row: Row) -> str:
    """`vol-…` gp3 500 GiB in us-east-1a, $40.00/month: attached to i-…; newest snapshot 2 h old"""
    what = f"{named(row.get('volume_id'))} {row.get('type')} {row.get('size_gib')} GiB, {row.get('zone')}"
    parts = [f"{what}, {_month(walk, row.get('usd_per_month'))}"]
    if row.get("orphan"):
        since = row.get("orphan_since")
        at = moment(since, walk.lang)
        told = walk.say(f"orphan since {at}", f"고아({at}부터)")
        parts.append(told if since else walk.say("orphan", "고아"))
    elif row.get("attached_to"):
        parts.append(walk.say(f"attached to {named(row['attached_to'])}", f"{named(row['attached_to'])}에 붙어 있음"))
    if row.get("newest_snapshot"):
        age = _age(walk, row.get("snapshot_age_hours"))
        parts.append(
            walk.say(f"newest snapshot {age} old, {_how(walk, row)}", f"최신 스냅샷 {age} 전, {_how(walk, row)}")
        )
    else:
        parts.append(walk.say("no snapshot", "스냅샷 없음"))
    return "; ".join([*parts, *_kept(walk, row)])


def _copy(walk: Walk, row: Row) -> str:
    """`snap-…` of `vol-…`, 2 h old, crash-consistent, at most $25.00/month"""
    age, cost = _age(walk, row.get("age_hours")), _month(walk, row.get("usd_per_month_at_most"))
    head = walk.say(
        f"{named(row.get('snapshot_id'))} of {named(row.get('of'))}, {age} old, {row.get('state')}, {_how(walk, row)}, "
        f"at most {cost}",
        f"{named(row.get('snapshot_id'))}({named(row.get('of'))}의 것), {age} 전, {row.get('state')}, "
        f"{_how(walk, row)}, 최대 {cost}",
    )
    orphan = [walk.say("orphan", "고아")] if row.get("orphan") else []
    return "; ".join([head, *orphan, *_kept(walk, row)])


def _kept(walk: Walk, row: Row) -> list[str]:
    why = row.get("protected_by")
    return [walk.say(f"kept: {plainly(why, 'en')}", f"보존: {plainly(why, 'ko')}")] if why else []


def _how(walk: Walk, row: Row) -> str:
    korean = {
        "application-consistent": "application-consistent(동결 확인됨)",
        "crash-consistent": "crash-consistent(정전 직후와 같음)",
    }
    word = str(row.get("consistency") or "unknown")
    unknown = walk.say("consistency unknown", "일관성 알 수 없음")
    return unknown if word not in korean else walk.say(word, korean[word])


def _age(walk: Walk, hours: Any) -> str:
    value = number(hours)
    return span(None if value is None else value * 3_600, walk.lang)
