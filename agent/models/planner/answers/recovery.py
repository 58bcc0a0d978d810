"""Checkpoints: how old, what would be lost, restoring one, how often to save; and replacing instances."""

import math
import re
from typing import Any

from agent.models.planner.answers.common import (
    MAX_FLEETS,
    fleet_rows,
    listed,
    rows_of,
    spot_fleets,
    texts_of,
    trouble,
    which_fleet,
)
from agent.models.planner.answers.outcome import what_became
from agent.models.planner.figures import basis, moment, named, number, percent, plain, span, told
from agent.models.planner.text import normal
from agent.models.planner.walk import Walk

_SHOWN = 5


def checkpoints(walk: Walk) -> list[str]:
    """Which checkpoints there are, how old the newest whole one is: the work lost if everything stopped now."""
    names = _checkpointed(walk)
    if names is None:
        return []
    if not names:
        return which_fleet(walk, "look for checkpoints of")
    lines: list[str] = []
    for name in names:
        seen = walk.look("list_checkpoints", fleet=name)
        if seen is not None:
            lines += _stored(walk, name, seen.body) if seen.ok else [trouble(walk, seen, named(name))]
    return lines


def _checkpointed(walk: Walk) -> list[str] | None:
    if walk.question.fleets:
        return list(walk.question.fleets[:MAX_FLEETS])
    if walk.question.named.strangers:
        return []
    rows = fleet_rows(walk)
    return None if rows is None else spot_fleets(rows)


def _stored(walk: Walk, name: str, body: dict[str, Any]) -> list[str]:
    rows = rows_of(body, "checkpoints")
    newest, age = body.get("newest_whole"), body.get("age_seconds")
    if newest is None:
        head = walk.say(
            f"**{named(name)}: no whole checkpoint.** If every instance stopped now, all progress would be lost.",
            f"**{named(name)}: 온전한 checkpoint가 없습니다.** 지금 모두 멈추면 진행분을 전부 잃습니다.",
        )
    else:
        head = walk.say(
            f"**{named(name)}: newest whole checkpoint {named(newest)}, {span(age, 'en')} old.** That much "
            "work would be lost if "
            "every instance stopped now.",
            (
                f"**{named(name)}: 최신 온전한 checkpoint {named(newest)}, {span(age, 'ko')} 전.** 지금 모두 "
                "멈추면 그만큼의 작업을 잃습니다."
            ),
        )
    lines = [head]
    for row in rows[:_SHOWN]:
        state = (
            walk.say("whole", "온전함")
            if row.get("whole")
            else f"{walk.say('not whole', '손상')}: {told(row.get('problem') or '?')}"
        )
        checked = (
            walk.say("checksums compared", "체크섬 확인")
            if row.get("verified")
            else walk.say("sizes only", "크기만 확인")
        )
        progress = "" if row.get("progress_share") is None else f", {percent(row['progress_share'], walk.lang)}"
        step = "" if row.get("step") is None else f", step {row['step']}"
        lines.append(
            f"- {named(row.get('checkpoint_id'))} {moment(row.get('saved_at'), walk.lang)}{step}{progress} — "
            f"{state} ({checked})"
        )
    total = int(number(body.get("checkpoints_total")) or len(rows))
    if total > _SHOWN:
        lines.append(walk.say(f"… {total} in all", f"… 모두 {total}개"))
    return [*lines, basis(body, walk.lang), ""]


def restore(walk: Walk) -> list[str]:  # noqa: PLR0911 - one return a case
    """Propose to resume from a checkpoint; only a whole one, and only when there is one."""
    names = walk.question.fleets
    if len(names) != 1 or not walk.question.named.sure:
        return which_fleet(walk, "restore")
    seen = walk.look("list_checkpoints", fleet=names[0])
    if seen is None:
        return []
    if not seen.ok:
        return [trouble(walk, seen, named(names[0]))]
    wanted = _wanted_checkpoint(walk, rows_of(seen.body, "checkpoints"))
    if wanted is None and seen.body.get("newest_whole") is None:
        return [
            walk.say(
                "There is nothing to restore: no whole checkpoint. Nothing was proposed.",
                "복원할 온전한 checkpoint가 없어 아무것도 제안하지 않았습니다.",
            ),
            *_stored(walk, names[0], seen.body),
        ]
    if walk.question.mood == "what-if":
        hint = walk.say(
            f"Say “restore {names[0]} from its last checkpoint” and I propose it.",
            f"“{names[0]}을(를) 마지막 checkpoint에서 복원해줘”라고 하면 제안합니다.",
        )
        return [*_stored(walk, names[0], seen.body), hint]
    done = walk.propose("restore_checkpoint", fleet=names[0], checkpoint_id=wanted)
    if done is None:
        return [
            walk.say(
                f"Newest whole checkpoint of {named(names[0])}: {named(seen.body.get('newest_whole'))}, "
                f"{span(seen.body.get('age_seconds'), 'en')} old. I propose to make "
                f"{named(wanted or seen.body.get('newest_whole'))} the one to resume from.",
                f"{named(names[0])}의 최신 온전한 checkpoint는 {named(seen.body.get('newest_whole'))}"
                f"({span(seen.body.get('age_seconds'), 'ko')} 전)입니다. "
                f"{named(wanted or seen.body.get('newest_whole'))}에서 재개하도록 제안합니다.",
            )
        ]
    return what_became(walk, done, named(names[0]))


def _wanted_checkpoint(walk: Walk, rows: list[dict[str, Any]]) -> str | None:
    """The checkpoint named in the question, exactly as the store has it; None = the newest whole one."""
    text = normal(walk.question.text)
    ids = sorted((str(r.get("checkpoint_id")) for r in rows), key=len, reverse=True)
    return next((i for i in ids if normal(i) in text), walk.question.found.checkpoint_id)


def replace(walk: Walk) -> list[str]:  # noqa: PLR0911 - one return a case
    """Propose to detach named instances, so that replacements launch at once."""
    names, wanted = walk.question.fleets, walk.question.found.instance_ids
    if len(names) != 1 or not walk.question.named.sure:
        return which_fleet(walk, "replace instances of")
    seen = walk.look("describe_fleet", fleet=names[0])
    if seen is None:
        return []
    if not seen.ok:
        return [trouble(walk, seen, named(names[0]))]
    there = [text.split(" ")[0] for text in texts_of(seen.body, "instances")]
    cut = int(number(seen.body.get("instances_left_out")) or 0) > 0
    ids = [_whole_id(i, there, cut=cut) for i in wanted]
    lost = [i for i, whole in zip(wanted, ids, strict=True) if whole is None]
    if lost:
        shown = ", ".join(told(i) for i in there[:6])
        return [
            walk.say(
                f"{named(names[0])} has no single instance {listed(walk, lost)}. Nothing was proposed. Its "
                f"instances: {shown} …",
                (
                    f"{named(names[0])}에 {listed(walk, lost)}에 해당하는 인스턴스가 하나로 정해지지 않습니다. "
                    f"제안하지 않았습니다. 인스턴스: {shown} …"
                ),
            ),
            basis(seen.body, walk.lang),
        ]
    exact = [i for i in ids if i]
    if walk.question.mood == "what-if":
        return [
            walk.say(
                f"Replacing would detach {listed(walk, exact)}; the group launches replacements at once and the "
                "old ones keep running. Nothing was proposed.",
                (
                    f"교체하면 {listed(walk, exact)}을(를) 분리하고 그룹이 바로 대체 인스턴스를 띄웁니다. 제안하지 "
                    "않았습니다."
                ),
            ),
            basis(seen.body, walk.lang),
        ]
    done = walk.propose("replace_instances", fleet=names[0], instance_ids=exact)
    if done is None:
        return [
            walk.say(
                f"I propose to replace {listed(walk, exact)} in {named(names[0])}.",
                f"{named(names[0])}의 {listed(walk, exact)} 교체를 제안합니다.",
            )
        ]
    return what_became(walk, done, named(names[0]))


def _whole_id(written: str, there: list[str], *, cut: bool) -> str | None:
    """The instance meant: an exact id, or the only one that begins so."""
    if written in there:
        return written
    begins = [i for i in there if i.startswith(written)]
    if len(begins) == 1 and not cut:
        return begins[0]
    whole = re.fullmatch(r"i-[0-9a-f]{8}|i-[0-9a-f]{17}", written)
    return written if whole and not begins and cut else None


# how often to save


def interval(walk: Walk) -> list[str]:
    """Young's interval for the numbers given; a table over mean times between interruptions when that is unknown."""
    text = normal(walk.question.text)
    save, every, between = _save_seconds(text), _every_seconds(text), _between_seconds(text)
    lines = [
        walk.say(
            "Young/Daly, first order: τ = √(2·δ·M) — δ = time to save, M = mean time between interruptions of the job.",
            "Young/Daly 1차식: τ = √(2·δ·M) — δ = 저장 시간, M = 작업의 평균 중단 간격.",
        )
    ]
    if save is None:
        lines.append(
            walk.say(
                "How long does one save take? With δ (for example “saving takes 90 seconds”) I compute the interval.",
                "저장 한 번에 얼마나 걸리나요? δ를 알려 주시면(예: “저장 90초”) 간격을 계산합니다.",
            )
        )
        return lines + _own_checkpoints(walk)
    known = between is not None
    lines += _table(walk, save, every, [between] if between is not None else [6 * 3600.0, 24 * 3600.0, 80 * 3600.0])
    if not known:
        lines.append(
            walk.say(
                "M is not known here, so the table shows three; measure M from your own interruptions (100 / "
                "interruptions per 100 instance-hours, divided by the instances whose loss stops the job).",
                (
                    "M은 모르므로 세 값으로 보여 드립니다. 실제 중단 기록으로 M을 재세요(인스턴스 100시간당 중단 "
                    "횟수로 100을 나누고, 멈추면 작업이 서는 인스턴스 수로 다시 나눔)."
                ),
            )
        )
    if every is not None:
        lines.append(_verdict(walk, save, every, between))
    lines.append(
        walk.say(
            "A two-minute interruption notice saves work only when a save fits into it and the notice "
            "arrives: it is best effort.",
            "중단 2분 전 알림은 저장이 그 안에 끝나고 알림이 올 때만 도움이 됩니다. 알림은 보장되지 않습니다.",
        )
    )
    return lines + _own_checkpoints(walk)


def _table(walk: Walk, save: float, every: float | None, betweens: list[float]) -> list[str]:
    shown_every = span(every, walk.lang) if every else ""
    extra = walk.say(f" lost at {shown_every} |", f" {shown_every} 간격 손실 |") if every else ""
    lines = [
        "",
        walk.say("| M | best interval τ | lost at τ |", "| M | 최적 간격 τ | τ에서의 손실 |") + extra,
        "|---:|---:|---:|" + ("---:|" if every else ""),
    ]
    for between in betweens:
        best = math.sqrt(2 * save * between)
        minutes = f"{plain(round(best / 60, 1), walk.lang)} {walk.say('min', '분')}"
        row = f"| {span(between, walk.lang)} | {minutes} | {percent(_waste(save, best, between), walk.lang)} |"
        lines.append(row + (f" {percent(_waste(save, every, between), walk.lang)} |" if every else ""))
    lines.append(
        walk.say(
            "(lost = δ/T + T/(2·M): saving plus work done twice; pure arithmetic, source: the numbers you gave)",
            "(손실 = δ/T + T/(2·M): 저장 시간과 다시 하는 작업; 주신 숫자로 한 산술)",
        )
    )
    return [*lines, ""]


def _waste(save: float, every: float, between: float) -> float:
    return save / every + every / (2 * between)


def _verdict(walk: Walk, save: float, every: float, between: float | None) -> str:
    """The interval asked about is best when M = T² / (2·δ)."""
    fitting = every * every / (2 * save)
    if between is None:
        return walk.say(
            f"Every {span(every, 'en')} is the best interval only if M is about {span(fitting, 'en')}; with "
            "more frequent interruptions save more often.",
            (
                f"{span(every, 'ko')} 간격은 M이 약 {span(fitting, 'ko')}일 때 맞습니다. 중단이 더 잦으면 더 "
                "자주 저장하세요."
            ),
        )
    best = math.sqrt(2 * save * between)
    if abs(best - every) <= 0.25 * best:
        return walk.say("The interval fits.", "지금 간격이 적절합니다.")
    often = (
        walk.say("Save more often.", "더 자주 저장하세요.")
        if every > best
        else walk.say("Saving less often would do.", "더 드물게 저장해도 됩니다.")
    )
    return f"{often} ({span(every, walk.lang)} → {plain(round(best / 60, 1), walk.lang)} {walk.say('min', '분')})"


def _own_checkpoints(walk: Walk) -> list[str]:
    """What the named fleet's store says beside the formula."""
    lines: list[str] = []
    for name in walk.question.fleets[:2]:
        seen = walk.look("list_checkpoints", fleet=name)
        if seen is not None:
            lines += ["", *(_stored(walk, name, seen.body) if seen.ok else [trouble(walk, seen, named(name))])]
    return lines


_UNIT = r"\s*(seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d|초|분|시간|일)(?![a-z])"
_LONG = {"s": 1.0, "초": 1.0, "m": 60.0, "분": 60.0, "h": 3600.0, "시": 3600.0, "d": 86_400.0, "일": 86_400.0}
_SAVE = (
    rf"(?:δ|delta|save time|saving time)\s*(?:=|is|of|:)?\s*(\d+(?:\.\d+)?){_UNIT}",
    rf"(?:sav(?:e|es|ing)|writ(?:e|es|ing)|dump(?:s|ing)?|저장|기록)[^.?\d]{{0,30}}?(\d+(?:\.\d+)?){_UNIT}",
    rf"(?:takes?|costs?|needs?|lasts?)\s*(?:about |around |us |~)?(\d+(?:\.\d+)?){_UNIT}",
    rf"(\d+(?:\.\d+)?){_UNIT}\s*(?:to save|to write|per (?:save|checkpoint)|(?:이|가)?\s*(?:걸려|걸리|소요|짜리))",
)
_EVERY = (
    rf"(?:every|each|interval(?: of| is)?|간격(?:은|이)?|주기(?:는|가)?)\s*(\d+(?:\.\d+)?){_UNIT}",
    rf"(\d+(?:\.\d+)?){_UNIT}\s*(?:마다|간격|주기|에 한\s?번|interval|intervals|cadence)",
    r"(?:every|each)\s+()(hour|day|minute)",
    r"()(매시간|매일|매분)",
)
_BETWEEN = (
    rf"(?:mtbf|mtbi|mtti|\bm)\s*(?:=|is|of|:|가|이)?\s*(\d+(?:\.\d+)?){_UNIT}",
    rf"(?:interrupt\w*|preempt\w*|fail\w*|reclaim\w*|evict\w*)[^.?\d]{{0,25}}every\s*(\d+(?:\.\d+)?){_UNIT}",
    rf"(?:중단|인터럽)[^.?\d]{{0,15}}(\d+(?:\.\d+)?){_UNIT}\s*(?:마다|에 한)",
    rf"(?:평균\s?중단\s?간격|중단\s?간격)[^.?\d]{{0,6}}(\d+(?:\.\d+)?){_UNIT}",
)


def _between_seconds(text: str) -> float | None:
    return _length(_BETWEEN, text)


def _every_seconds(text: str) -> float | None:
    for pattern in _BETWEEN:
        text = re.sub(pattern, " ", text)
    return _length(_EVERY, text)


def _save_seconds(text: str) -> float | None:
    for pattern in (*_BETWEEN, *_EVERY):
        text = re.sub(pattern, " ", text)
    return _length(_SAVE, text)


def _length(patterns: tuple[str, ...], text: str) -> float | None:
    for pattern in patterns:
        if found := re.search(pattern, text):
            unit = found.group(2).removeprefix("매")
            seconds = float(found.group(1) or 1) * _LONG[unit[0]]
            return seconds if seconds > 0 else None
    return None
