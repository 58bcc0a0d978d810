"""What a job should run on now, in the reader's language."""

from typing import Any

from agent.models.planner.figures import moment, number, plainly, span, told
from agent.models.planner.walk import Walk

_KO = {
    "done": "남은 작업이 없습니다",
    "unknown": "{unknown}",
    "no-price": "가격을 알 수 없어 spot을 따져 볼 수 없습니다. {by}까지 시간이 있습니다",
    "no-spot": "플릿이 spot을 쓰지 않습니다",
    "spot": "제시간에 끝내는 가장 싼 길로 예상됩니다. 잃어도 {by}까지는 on-demand로 제시간에 끝납니다",
    "wait": "지금은 spot이 없고, 기다리는 편이 on-demand보다 쌀 것으로 예상됩니다. {by}까지 시간이 있습니다",
    "not-lasting": "spot이 있지만 오래가지 않을 것으로 예상됩니다. 기다리는 편이 싸고, {by}까지 시간이 있습니다",
    "on-demand": "spot을 기다리거나 잃는 편이 더 비쌀 것으로 예상됩니다",
    "guard": "더 잃을 시간이 없습니다. 지금부터 on-demand면 spot과 상관없이 제시간에 끝납니다",
    "stay": "지금부터 on-demand면 {late} 늦습니다. 쓰고 있는 spot이 회수되지 않으면 제시간에 끝나니 지금 저장하십시오",
    "too-late": "남은 작업이 마감 전에 끝날 수 없습니다. 지금부터 on-demand면 {late} 늦고, 비용은 {usd}입니다",
    "past": "마감이 지났습니다. 지금부터 on-demand면 {done}에 끝나 {late} 늦고, 비용은 {usd}입니다",
}
_TAKE = {"idle": "기다림", "spot": "spot", "on-demand": "on-demand", None: "판단 보류"}


def advice_lines(walk: Walk, row: dict[str, Any]) -> list[str]:
    """Nothing for a job without a deadline."""
    advice = row.get("advice")
    if not isinstance(advice, dict):
        return []
    where = f" {told(advice['pool'], 80)}" if advice.get("run_on_now") == "spot" and advice.get("pool") else ""
    return [f"- {_take(walk, advice)}{where}: {_reason(walk, advice)}", f"- {_costs(walk, advice)}"]


def _take(walk: Walk, advice: dict[str, Any]) -> str:
    take = advice.get("run_on_now")
    return walk.say(f"Now: {take or 'not judged'}", f"지금: {_TAKE.get(take, take)}")


def _reason(walk: Walk, advice: dict[str, Any]) -> str:
    known = _KO.get(str(advice.get("because")))
    if walk.lang == "en" or known is None:
        return told(advice.get("reason"))
    return known.format(
        by=moment(advice.get("on_demand_must_begin_by") or advice.get("deadline"), walk.lang),
        late=span(_seconds(advice, "late"), walk.lang),
        done=moment(advice.get("on_demand_from_now_is_done_at"), walk.lang),
        usd=_usd(walk, advice, "on_demand_all_the_way"),
        unknown=plainly(_inner(advice, "slack").get("basis"), walk.lang),
    )


def _costs(walk: Walk, advice: dict[str, Any]) -> str:
    sure, expected = _usd(walk, advice, "on_demand_all_the_way"), _usd(walk, advice, "expected")
    return walk.say(
        f"From here: {sure} on demand all the way, {expected} expected",
        f"지금부터의 비용: 끝까지 on-demand면 {sure}, 예상 {expected}",
    )


def _usd(walk: Walk, advice: dict[str, Any], name: str) -> str:
    amount = number(_inner(advice, name).get("usd"))
    return walk.say("unknown", "알 수 없음") if amount is None else f"${amount:,.2f}"


def _seconds(advice: dict[str, Any], name: str) -> Any:
    return _inner(advice, name).get("seconds")


def _inner(advice: dict[str, Any], name: str) -> dict[str, Any]:
    value = advice.get(name)
    return value if isinstance(value, dict) else {}
