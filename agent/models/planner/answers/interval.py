"""How often to save: Young's interval for the numbers given, beside what the fleet's store says."""

import re

from agent.models.planner.answers.common import trouble
from agent.models.planner.answers.recovery import stored
from agent.models.planner.figures import named, percent, plain, span, told
from agent.models.planner.text import normal
from agent.models.planner.walk import Walk
from tools.recovery.guard.waste import young_seconds


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
        return lines + _own(walk, save)
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
        lines.insert(0, _verdict(walk, save, every, between))
    lines.append(
        walk.say(
            "A two-minute interruption notice saves work only when a save fits into it and the notice "
            "arrives: it is best effort.",
            "중단 2분 전 알림은 저장이 그 안에 끝나고 알림이 올 때만 도움이 됩니다. 알림은 보장되지 않습니다.",
        )
    )
    return lines + _own(walk, save)


def _table(walk: Walk, save: float, every: float | None, betweens: list[float]) -> list[str]:
    shown_every = span(every, walk.lang) if every else ""
    extra = walk.say(f" lost at {shown_every} |", f" {shown_every} 간격 손실 |") if every else ""
    lines = [
        "",
        walk.say("| M | best interval τ | lost at τ |", "| M | 최적 간격 τ | τ에서의 손실 |") + extra,
        "|---:|---:|---:|" + ("---:|" if every else ""),
    ]
    for between in betweens:
        best = young_seconds(save, between)
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
    best = young_seconds(save, between)
    if abs(best - every) <= 0.25 * best:
        return walk.say("The interval fits.", "지금 간격이 적절합니다.")
    often = (
        walk.say("Save more often.", "더 자주 저장하세요.")
        if every > best
        else walk.say("Saving less often would do.", "더 드물게 저장해도 됩니다.")
    )
    return f"{often} ({span(every, walk.lang)} → {plain(round(best / 60, 1), walk.lang)} {walk.say('min', '분')})"


def _own(walk: Walk, save: float | None) -> list[str]:
    """What the named fleet's pools and store say beside the formula."""
    lines: list[str] = []
    for name in walk.question.fleets[:2]:
        if save is not None:
            lines += _advised(walk, name, save)
        seen = walk.look("list_checkpoints", fleet=name)
        if seen is not None:
            lines += ["", *(stored(walk, name, seen.body) if seen.ok else [trouble(walk, seen, named(name))])]
    return lines


def _advised(walk: Walk, name: str, save: float) -> list[str]:
    """The interval from the measured hazard of the fleet's pools, and what it rests on."""
    known = {"save_seconds": save, "restart_seconds": None, "saved_share": None, "stops_together": True}
    seen = walk.look("advise_checkpoint_interval", fleet=name, **known)
    if seen is None:
        return []
    if not seen.ok:
        return ["", trouble(walk, seen, named(name))]
    advice, between = seen.body, seen.body["between_seconds"]
    every, m = span(advice["interval_seconds"], walk.lang), span(between["value"], walk.lang)
    return [
        "",
        walk.say(
            f"**{named(name)}: save every {every}.** M = {m} for the whole job, which any of {advice['instances']} "
            f"spot instances stops ({told(between['source'])}); the guides' table: {told(advice['guide_frequency'])}.",
            f"**{named(name)}: {every}마다 저장하세요.** 작업 전체의 M = {m}, spot 인스턴스 {advice['instances']}대 중 "
            f"하나만 멈춰도 작업이 멈춥니다({told(between['source'])}); 가이드 표: {told(advice['guide_frequency'])}.",
        ),
    ]


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
