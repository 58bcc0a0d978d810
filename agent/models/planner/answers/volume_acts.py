"""One step on a volume or a snapshot, proposed when it was clearly asked for and exactly as it was named."""

from collections.abc import Sequence
from typing import Any

from agent.models.planner.answers.common import rows_of, trouble
from agent.models.planner.answers.outcome import what_became
from agent.models.planner.figures import named
from agent.models.planner.keeping_words import ATTACH, DELETE, RESTORE, SNAPSHOT
from agent.models.planner.moods import NO_CHANGE, has
from agent.models.planner.text import normal
from agent.models.planner.walk import Walk

_DO_EN = (
    r"(?:^|[.,;:!]\s*|\b(?:please|pls|and|then|now|just|(?:can|could|would|will) you|want you to)\s+)"
    r"(?:snap-?shot|create|make|take|delete|remove|attach|mount|clean\s?up|back\s?up|drop|restore|copy)\b"
)
_DO_KO = (
    r"(?:만들어|떠|찍어|내려|삭제해|지워|없애|정리해|치워|붙여|연결해|마운트해|복원해|복구해|되살려|생성해|백업해|해)\s?"
    r"(?:줘|주세요|주십시오|줄래|라\b|자\b)"
)
Step = dict[str, Any]


def act(walk: Walk, ids: Sequence[str]) -> list[str] | None:
    """What became of the step that was asked for; [] = under way; None = none was asked for, or it is not clear."""
    text = normal(walk.question.text)
    if not _asks(walk, text):
        return None
    step = _step(walk, text, ids)
    if step is None or isinstance(step, list):
        return step
    subject = named(step["target"])
    done = walk.propose("keep_volume", **step)
    if done is None:
        what = _words(step)
        return [walk.say(f"I propose: {what}.", f"제안합니다: {what}.")]
    if not done.ok and done.find("verdict") is None:
        return [trouble(walk, done, subject), walk.say("Nothing was proposed.", "아무것도 제안하지 않았습니다.")]
    return what_became(walk, done, subject)


def _asks(walk: Walk, text: str) -> bool:
    if has(NO_CHANGE, text):
        return False
    return walk.question.mood == "request" or has(_DO_EN, text) or has(_DO_KO, text)


def _step(walk: Walk, text: str, ids: Sequence[str]) -> Step | list[str] | None:
    """The arguments of `keep_volume`; lines where something is to be read or told first; None = no step of ours."""
    found, fleets = walk.question.found, walk.question.fleets
    instance = found.instance_ids[0] if found.instance_ids else None
    if has(DELETE, text):
        return _deletion(ids)
    if has(RESTORE, text) and ids:
        snapshot = ids[0] if ids[0].startswith("snap-") else _newest_of(walk, ids[0])
        if not isinstance(snapshot, str):
            return snapshot
        return _filled("restore", snapshot, zone=found.zones[0] if found.zones else None, instance_id=instance)
    if has(ATTACH, text) and ids and ids[0].startswith("vol-"):
        return _filled("attach", ids[0], instance_id=instance)
    if has(SNAPSHOT, text):
        target = next((i for i in ids if i.startswith("vol-")), None) or instance or (fleets[0] if fleets else None)
        return None if target is None else _filled("snapshot", target, include_root=has(r"\broot\b|루트", text) or None)
    return None


def _deletion(ids: Sequence[str]) -> Step | None:
    if len(ids) != 1:
        return None
    return _filled("delete-volume" if ids[0].startswith("vol-") else "delete-snapshot", ids[0])


def _newest_of(walk: Walk, volume_id: str) -> str | list[str]:
    """The newest completed snapshot of a volume; lines where it has none, or where it is still being read."""
    seen = walk.look("describe_volumes", fleet=None, orphans_only=False)
    if seen is None:
        return []
    if not seen.ok:
        return [trouble(walk, seen)]
    copies = [r for r in rows_of(seen.body, "snapshots") if r.get("of") == volume_id and r.get("state") == "completed"]
    if copies:
        return str(min(copies, key=lambda r: float(r.get("age_hours") or 0))["snapshot_id"])
    return [
        walk.say(
            f"**I know no completed snapshot of {named(volume_id)}, so there is nothing to restore it from.** "
            "Nothing was proposed.",
            f"**{named(volume_id)}의 완료된 스냅샷을 알지 못해 복원할 것이 없습니다.** 아무것도 제안하지 않았습니다.",
        )
    ]


def _filled(operation: str, target: str, **more: Any) -> Step:
    return {"operation": operation, "target": target, **more}


def _words(step: Step) -> str:
    where = step.get("zone") or step.get("instance_id")
    return f"{step['operation']} — {named(step['target'])}{f' → {where}' if where else ''}"
