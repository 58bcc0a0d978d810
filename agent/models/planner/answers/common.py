"""What every section needs: the fleets meant, the trouble told, figures in the question's language."""

from collections.abc import Iterable, Sequence
from typing import Any

from agent.models.planner.conversation import Seen
from agent.models.planner.figures import named, number, plainly, told
from agent.models.planner.walk import Walk

MAX_FLEETS = 4
"""looked at one by one for one question"""


def trouble(walk: Walk, seen: Seen, about: str = "") -> str:
    """A tool's failure as a line: what it said, and its way out."""
    subject = f"{about}: " if about and about.strip("`") not in seen.error else ""
    hint = f" — {plainly(seen.hint, walk.lang)}" if seen.hint else ""
    return f"- {subject}{plainly(seen.error, walk.lang)}{hint} (`{seen.tool}`)"


def rows_of(body: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """A list of objects out of a tool's JSON; anything else is left out."""
    rows = body.get(key)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def texts_of(body: dict[str, Any], key: str) -> list[str]:
    rows = body.get(key)
    return [str(row) for row in rows if isinstance(row, str | int | float)] if isinstance(rows, list) else []


def fleet_rows(walk: Walk) -> list[dict[str, Any]] | None:
    """The inventory; None = not there yet. A failure is an empty list."""
    seen = walk.look("list_fleets")
    return None if seen is None else rows_of(seen.body, "fleets")


def counted(body: dict[str, Any]) -> tuple[int, int, int]:
    """(fleets, instances, spot instances) of an inventory: of all its fleets, also those that it shows no row of."""
    rows = rows_of(body, "fleets")
    totals = body.get("totals")
    if not isinstance(totals, dict):
        totals = {k: sum(int(r.get(k) or 0) for r in rows) for k in ("instances", "spot")}
    fleets = int(number(body.get("fleets_total")) or len(rows))
    return fleets, int(number(totals.get("instances")) or 0), int(number(totals.get("spot")) or 0)


def listed(walk: Walk, names: Iterable[str]) -> str:
    shown = [named(n) for n in names]
    return ", ".join(shown[:12]) or walk.say("none", "없음")


def spot_fleets(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Names of fleets that run spot, the riskiest first, at most MAX_FLEETS."""
    order = {"high": 0, "medium": 1, "unknown": 2, "low": 3}
    running = [r for r in rows if r.get("spot")]
    running.sort(
        key=lambda r: (
            order.get(str(r.get("risk")), 2),
            -float(r.get("largest_pool_share") or 0),
            -int(r.get("spot") or 0),
        )
    )
    return [str(r["name"]) for r in running if r.get("name")][:MAX_FLEETS]


def no_such_fleet(walk: Walk) -> list[str]:
    """Said first, when the question names fleets and this account has none of them."""
    strangers = walk.question.named.strangers
    if not strangers or walk.question.fleets or not walk.question.names_known:
        return []
    return [
        walk.say(
            f"There is no fleet called {listed(walk, strangers[:3])} in this account and region; this is what "
            f"there is:",
            f"이 계정·리전에는 {listed(walk, strangers[:3])} fleet이 없습니다. 있는 fleet으로 답합니다:",
        )
    ]


def which_fleet(walk: Walk, what_for: str) -> list[str]:
    """One question back, when a fleet is needed and none was understood."""
    known = walk.workloads
    strangers = walk.question.named.strangers
    lines = []
    if strangers and known is not None:
        lines.append(
            walk.say(
                f"There is no fleet called {listed(walk, strangers[:3])} in this account and region.",
                f"이 계정·리전에는 {listed(walk, strangers[:3])} fleet이 없습니다.",
            )
        )
    names = f" {walk.say('There is', '있는 fleet:')} {listed(walk, known)}." if known else ""
    ask = walk.say(f"Which fleet shall I {what_for}?", "어느 fleet을 말씀하시나요?")
    lines.append(f"{ask}{names} {walk.say('One fleet at a time.', '한 번에 하나씩 말씀해 주세요.')}")
    return lines


def guesses(walk: Walk) -> list[str]:
    """How a misspelt name was read."""
    return [
        walk.say(
            f"_I read “{told(written)}” as {named(read)}._",
            f"_“{told(written)}”을(를) {named(read)}(으)로 읽었습니다._",
        )
        for written, read in walk.question.named.guessed
    ]


def level(walk: Walk, value: Any) -> str:
    """A risk level in words; the level itself comes from the tool."""
    korean = {"low": "낮음(low)", "medium": "보통(medium)", "high": "높음(high)", "unknown": "모름(unknown)"}
    text = str(value) if value in korean else "unknown"
    return walk.say(text, korean[text])
