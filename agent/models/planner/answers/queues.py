"""Work queues: what waits, what a worker has, what died, and which server does not answer."""

import re
from collections.abc import Callable
from typing import Any

from agent.models.planner.answers.common import rows_of, texts_of, trouble
from agent.models.planner.figures import basis, named, number, plainly, span
from agent.models.planner.moods import has
from agent.models.planner.text import normal
from agent.models.planner.walk import Walk

_DEAD = r"\bdead\b|\bdlq\b|\bpoison\w*|\bfailed\b|데드|죽은|실패"
_STUCK = r"\bstuck\b|\bblock\w*|\bhang\w*|\bmoving\b|막[혀힌혔]|멈[춰췄]|밀[린려렸]"
LONG_SECONDS = 3_600.0
"""an item that a worker has for longer is named"""
Row = dict[str, Any]


def queues(walk: Walk) -> list[str]:
    """Those named, else all: a line each, the answer to what was asked first."""
    seen = walk.look("describe_queues", queue=None)
    if seen is None:
        return []
    if not seen.ok:
        return [trouble(walk, seen)]
    rows, text = rows_of(seen.body, "queues"), normal(walk.question.text)
    if not rows:
        return [
            walk.say(
                "**No queue is configured.** Name one in `[[queues]]` of the settings file.",
                "**설정된 큐가 없습니다.** 설정 파일의 `[[queues]]`에 적어 주세요.",
            )
        ]
    mine = [r for r in rows if _is_named(str(r.get("name")), text)] or rows
    head = _dead(walk, mine) if has(_DEAD, text) else _stuck(walk, mine) if has(_STUCK, text) else _overview(walk, mine)
    return [head, *(line for row in mine[:10] for line in _queue(walk, row)), basis(seen.body, walk.lang), ""]


def _is_named(name: str, text: str) -> bool:
    return bool(name) and re.search(rf"(?<![\w-]){re.escape(normal(name))}(?![\w-]*[a-z0-9])", text) is not None


def _known(rows: list[Row], field: str) -> tuple[int, int]:
    """(sum of what is known, queues of which it is not)."""
    told = [number(r.get(field)) for r in rows]
    return int(sum(v for v in told if v is not None)), sum(v is None for v in told)


def _but(walk: Walk, unknown: int) -> str:
    return walk.say(f"; unknown for {unknown}", f"; {unknown}개 큐는 알 수 없음") if unknown else ""


def _dead(walk: Walk, rows: list[Row]) -> str:
    dead, unknown = _known(rows, "dead")
    return walk.say(
        f"**{dead} dead letter{'' if dead == 1 else 's'} in {len(rows)} queue{'' if len(rows) == 1 else 's'}"
        f"{_but(walk, unknown)}.**",
        f"**큐 {len(rows)}개에 데드 레터 {dead}개{_but(walk, unknown)}.**",
    )


def _stuck(walk: Walk, rows: list[Row]) -> str:
    held = [r for r in rows if _is_stuck(r)]
    unread = sum(bool(r.get("trouble")) for r in rows)
    if held:
        names = ", ".join(named(r.get("name")) for r in held[:5])
        return walk.say(f"**Yes: {names}{_but(walk, unread)}.**", f"**네: {names}{_but(walk, unread)}.**")
    if unread == len(rows):
        return walk.say("**Unknown: no queue could be read.**", "**알 수 없습니다. 읽을 수 있는 큐가 없습니다.**")
    return walk.say(
        f"**Nothing is stuck, as far as the servers tell{_but(walk, unread)}.**",
        f"**서버가 알려 주는 한 막힌 것은 없습니다{_but(walk, unread)}.**",
    )


def _is_stuck(row: Row) -> bool:
    """Dead items, one that is held for an hour, or items that wait where no worker is."""
    idle = (number(row.get("waiting")) or 0) > 0 and number(row.get("workers")) == 0
    held = (number(row.get("oldest_in_flight_seconds")) or 0) >= LONG_SECONDS
    return bool(number(row.get("dead"))) or idle or held


def _overview(walk: Walk, rows: list[Row]) -> str:
    (waiting, unknown), (flying, _), (dead, _) = (_known(rows, f) for f in ("waiting", "in_flight", "dead"))
    many = "" if len(rows) == 1 else "s"
    return walk.say(
        f"**{waiting:,} waiting, {flying:,} in flight, {dead:,} dead in {len(rows)} queue{many}"
        f"{_but(walk, unknown)}.**",
        f"**큐 {len(rows)}개: 대기 {waiting:,}개, 처리 중 {flying:,}개, 데드 {dead:,}개{_but(walk, unknown)}.**",
    )


def _queue(walk: Walk, row: Row) -> list[str]:
    name = f"{named(row.get('name'))} ({named(row.get('server'))})"
    if row.get("trouble"):
        return [f"- {name}: {walk.say('not read', '읽지 못함')}: {plainly(row['trouble'], walk.lang)}"]
    oldest = number(row.get("oldest_in_flight_seconds"))
    since = (
        "" if oldest is None else walk.say(f" (oldest {span(oldest, 'en')})", f"(가장 오래된 것 {span(oldest, 'ko')})")
    )
    count = _counter(walk, row)
    lines = [
        walk.say(
            f"- {name}: {count('waiting')} waiting, {count('in_flight')} in flight{since}, {count('dead')} dead, "
            f"{count('done')} done, workers: {count('workers')}",
            f"- {name}: 대기 {count('waiting')}, 처리 중 {count('in_flight')}{since}, 데드 {count('dead')}, "
            f"완료 {count('done')}, 워커 {count('workers')}",
        )
    ]
    return [*lines, *(f"  - {plainly(w, walk.lang)}" for w in texts_of(row, "warnings")[:2])]


def _counter(walk: Walk, row: Row) -> Callable[[str], str]:
    def count(field: str) -> str:
        value = number(row.get(field))
        return walk.say("unknown", "모름") if value is None else f"{value:,.0f}"

    return count
