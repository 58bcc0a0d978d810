"""Checkpoints: how old, what would be lost, restoring one; and replacing instances."""

import re
from typing import Any

from agent.models.planner.answers import jobs
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
from agent.models.planner.figures import basis, moment, named, number, percent, plainly, span, told
from agent.models.planner.text import normal
from agent.models.planner.walk import Walk

_SHOWN = 2
_MANY = 10


def checkpoints(walk: Walk) -> list[str]:
    """Which checkpoints there are, how old the newest whole one is: the work lost if everything stopped now."""
    names = _checkpointed(walk)
    if names is None:
        return []
    if not names:
        by_job = jobs.by_name(walk)
        return which_fleet(walk, "look for checkpoints of") if by_job is None else by_job
    looked = [(name, walk.look("list_checkpoints", fleet=name)) for name in names]
    found = [(name, seen) for name, seen in looked if seen is not None]
    lines = _broken(walk, [(n, s.body) for n, s in found if s.ok]) if _doubts(walk) else []
    for name, seen in found:
        if seen.ok:
            lines += stored(walk, name, seen.body, shown=None if len(found) == 1 else 1)
    without = [(name, seen) for name, seen in found if not seen.ok]
    if without and re.search(
        r"without|\bno checkpoint|can'?t be|not .{0,12}recover|없는|안\s?되는", walk.question.text.lower()
    ):
        none = listed(walk, [n for n, _ in without])
        lines = [walk.say(f"**Without a checkpoint: {none}.**", f"**checkpoint가 없는 fleet: {none}.**"), *lines]
    if len(without) > 1 and len({s.hint for _, s in without}) == 1:
        hint = plainly(without[0][1].hint, walk.lang)
        lines.append(
            walk.say(
                f"- No checkpoint store: {listed(walk, [n for n, _ in without])} — {hint}",
                f"- checkpoint 저장소 없음: {listed(walk, [n for n, _ in without])} — {hint}",
            )
        )
        return lines
    return lines + [trouble(walk, seen, named(name)) for name, seen in without]


def _doubts(walk: Walk) -> bool:
    doubt = r"corrupt|broken|damag|valid|intact|whole|healthy|complete|\bok\b|깨진|깨졌|손상|온전|멀쩡|유효|정상"
    return re.search(doubt, walk.question.text.lower()) is not None


def _broken(walk: Walk, bodies: list[tuple[str, dict[str, Any]]]) -> list[str]:
    """Yes or no first, when it is asked whether any is broken."""
    bad = [
        f"{named(row.get('checkpoint_id'))} ({named(name)}): {plainly(row.get('problem') or '?', walk.lang)}"
        for name, body in bodies
        for row in rows_of(body, "checkpoints")
        if not row.get("whole")
    ]
    if not bad:
        return [
            walk.say("**None is broken, by size and manifest.**", "**크기와 manifest로 보아 손상된 것은 없습니다.**")
        ]
    return [
        walk.say(
            f"**{len(bad)} is not whole and is never restored:** ",
            f"**온전하지 않은 것 {len(bad)}개(복원에 쓰지 않음):** ",
        )
        + "; ".join(bad[:4])
    ]


def _checkpointed(walk: Walk) -> list[str] | None:
    if walk.question.fleets:
        return list(walk.question.fleets[:MAX_FLEETS])
    if walk.question.named.strangers:
        return []
    rows = fleet_rows(walk)
    return None if rows is None else spot_fleets(rows)


def stored(walk: Walk, name: str, body: dict[str, Any], shown: int | None = None) -> list[str]:
    """How old the newest whole checkpoint is; with it the newest few, or all that were asked for."""
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
    most = shown or walk.question.facets.count or (_MANY if walk.question.facets.detail else _SHOWN)
    for row in rows[:most]:
        state = (
            walk.say("whole", "온전함")
            if row.get("whole")
            else f"{walk.say('not whole', '손상')}: {plainly(row.get('problem') or '?', walk.lang)}"
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
    if total > most:
        lines.append(walk.say(f"… {total} in all", f"… 모두 {total}개"))
    return [*lines, basis(body, walk.lang), ""]


def restore(walk: Walk) -> list[str]:  # noqa: PLR0911 - one return a case
    """Propose to resume from a checkpoint; only a whole one, and only when there is one."""
    names = walk.question.fleets
    if len(names) != 1 or not walk.question.named.sure:
        by_job = jobs.by_name(walk)
        return _which(walk) if by_job is None else by_job
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
            *stored(walk, names[0], seen.body),
        ]
    if wanted is None and re.search(_ONE_BEFORE, normal(walk.question.text)):
        return [
            walk.say(
                "**There is no whole checkpoint before the newest one, so nothing was proposed.**",
                "**최신 것 이전에 온전한 checkpoint가 없어 아무것도 제안하지 않았습니다.**",
            ),
            *stored(walk, names[0], seen.body),
        ]
    if walk.question.mood != "request":
        hint = walk.say(
            f"Say “restore {names[0]} from its last checkpoint” and I propose it.",
            f"“{names[0]}을(를) 마지막 checkpoint에서 복원해줘”라고 하면 제안합니다.",
        )
        return [*stored(walk, names[0], seen.body), hint]
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


def _which(walk: Walk) -> list[str]:
    lines, there = which_fleet(walk, "restore"), jobs.known_names(walk)
    return [*lines, walk.say(f"Jobs: {there}.", f"작업: {there}.")] if there else lines


def _wanted_checkpoint(walk: Walk, rows: list[dict[str, Any]]) -> str | None:
    """The checkpoint named in the question, exactly as the store has it; None = the newest whole one."""
    text = normal(walk.question.text)
    ids = sorted((str(r.get("checkpoint_id")) for r in rows), key=len, reverse=True)
    exact = next((i for i in ids if normal(i) in text), walk.question.found.checkpoint_id)
    if exact is None and re.search(_ONE_BEFORE, text):
        whole = [str(r.get("checkpoint_id")) for r in rows if r.get("whole")]
        return whole[1] if len(whole) > 1 else None
    return exact


_ONE_BEFORE = (
    r"before (?:the )?(?:last|latest|newest)|second (?:to )?(?:last|latest|newest)|\bprevious\b|one before|penultimate"
    r"|직전|그\s?전|바로\s?전|이전|두\s?번째"
)


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
    if walk.question.mood != "request":
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
