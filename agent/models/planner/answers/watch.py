"""Whether a fleet may be left alone for a night: its risk, its checkpoints, and what answers a notice meanwhile."""

from typing import Any

from agent.models.planner.answers.chances import chance_line
from agent.models.planner.answers.common import fleet_rows, level, rows_of, texts_of, trouble, which_fleet
from agent.models.planner.figures import basis, named, percent, plainly, span
from agent.models.planner.walk import Walk


def watch(walk: Walk) -> list[str]:
    """One line to go by, and the evidence, with the chance of the hours to come."""
    if not walk.question.fleets:
        return which_fleet(walk, "judge")
    lines: list[str] = []
    for name in walk.question.fleets[:2]:
        score, saved = walk.look("score_risk", fleet=name), walk.look("list_checkpoints", fleet=name)
        ahead = walk.look("forecast_interruptions", subject=name)
        if score is None or saved is None or ahead is None:
            continue
        if not score.ok:
            lines.append(trouble(walk, score, named(name)))
            continue
        age = saved.body.get("age_seconds") if saved.ok and saved.body.get("newest_whole") else None
        lines += [
            _verdict(walk, name, score.body, age is not None),
            *([line] if ahead.ok and (line := chance_line(walk, ahead.body, _largest(walk, name))) else []),
            *_evidence(walk, score.body),
            *_work(walk, saved.ok, age),
        ]
        lines.append(basis(score.body, walk.lang))
    if lines:
        lines.append(
            walk.say(
                "While `spotwarden run` is up, interruption notices are answered as the policy allows; the chat "
                "alone watches "
                "nothing.",
                "`spotwarden run`이 떠 있는 동안에만 정책이 허용한 대로 중단 알림에 대응합니다. 채팅만으로는 "
                "감시하지 않습니다.",
            )
        )
    return lines


def _largest(walk: Walk, name: str) -> str:
    row = next((r for r in fleet_rows(walk) or [] if r.get("name") == name), {})
    return str(row.get("largest_pool") or "")


def _verdict(walk: Walk, name: str, body: dict[str, Any], saves: bool) -> str:
    risk = str(body.get("level"))
    spot = body.get("largest_pool_share") is not None
    en, ko = {
        (False, "low"): ("Yes, as far as spot goes: it runs none", "네, spot이 없어 중단될 것이 없습니다"),
    }.get((spot, risk)) or (
        ("By today's evidence, yes", "현재 근거로는 괜찮습니다")
        if risk == "low"
        else ("With care: work is saved, but a loss is possible", "조심해서: 작업은 저장되지만 중단될 수 있습니다")
        if saves and risk == "medium"
        else ("I would not rely on it", "믿고 맡기기는 어렵습니다")
    )
    return walk.say(
        f"**{en}: {named(name)} is at {level(walk, risk)} interruption risk.**",
        f"**{ko}: {named(name)} 중단 위험 {level(walk, risk)}.**",
    )


def _evidence(walk: Walk, body: dict[str, Any]) -> list[str]:
    lines = []
    if body.get("largest_pool_share") is not None:
        share = percent(body.get("largest_pool_share"), walk.lang)
        lines.append(
            walk.say(f"- {share} of its spot instances are in one pool", f"- spot 인스턴스의 {share}가 한 풀에 있음")
        )
    missing = list(dict.fromkeys(m for p in rows_of(body, "pools") for m in texts_of(p, "missing")))
    if missing:
        lines.append(
            walk.say("- Not known: ", "- 모르는 것: ") + "; ".join(plainly(m, walk.lang, 80) for m in missing[:3])
        )
    return lines


def _work(walk: Walk, readable: bool, age: Any) -> list[str]:
    if age is not None:
        old = span(age, walk.lang)
        return [walk.say(f"- Newest whole checkpoint is {old} old: that much work is at stake",
                         f"- 최신 온전한 checkpoint는 {old} 전: 그만큼의 작업이 걸려 있음")]  # fmt: skip
    if readable:
        return [
            walk.say(
                "- No whole checkpoint: all progress is at stake", "- 온전한 checkpoint 없음: 진행분 전부가 걸려 있음"
            )
        ]
    return [walk.say("- No checkpoint store is known for it", "- 알려진 checkpoint 저장소가 없음")]
