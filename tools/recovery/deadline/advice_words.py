"""A deadline advice in plain words."""

from datetime import datetime

from tools.figures import length
from tools.recovery.deadline.advice_records import Because, DeadlineAdvice

_REASONS: dict[Because, str] = {
    "done": "nothing is left to do",
    "unknown": "{unknown}",
    "no-price": "spot cannot be weighed: {pool_by}; there is time until {by}",
    "no-spot": "the fleet buys no spot",
    "spot": "expected to be the cheapest way in time; if it is lost, on-demand is in time until {by}",
    "wait": "spot is gone, and waiting for it is expected to cost less than on-demand; there is time until {by}",
    "not-lasting": "spot can be had, and is not expected to last; waiting costs less, and there is time until {by}",
    "on-demand": "waiting for spot, or losing it, is expected to cost more",
    "guard": "the deadline leaves no time to lose: on-demand from now on is in time, whatever spot does",
    "stay": "on-demand from now on is {late} late; the spot that it holds is in time unless it is taken: save now",
    "too-late": "the work left does not fit before the deadline any more: on-demand from now on is {late} late, {usd}",
    "past": "the deadline is past: on-demand from now on is done at {done}, {late} late, {usd}",
}


def reason_of(advice: DeadlineAdvice) -> str:
    usd = advice.on_demand.usd
    return _REASONS[advice.because].format(
        unknown=advice.work_left.basis,
        pool_by=advice.pool_by,
        by=_moment(advice.on_demand_by) if advice.on_demand_by is not None else "the deadline",
        late=length(advice.late.seconds),
        done=_moment(advice.done_at),
        usd="at an unknown price" if usd is None else f"for ${usd:,.2f}",
    )


def said(advice: DeadlineAdvice) -> tuple[str, ...]:
    """Lines of a plain terminal, with a name in front of each; the advice first."""
    what = "not judged" if advice.take is None else advice.take
    where = f" {advice.pool.label}" if advice.take == "spot" and advice.pool is not None else ""
    lines = [f"advice     {what}{where}: {advice.reason}"]
    if advice.take == "spot" and advice.pool_by and advice.pool_by != "held":
        lines.append(f"           the pool was chosen {advice.pool_by}")
    if advice.on_demand_by is not None and advice.kept:
        by, slack = _moment(advice.on_demand_by), length(advice.slack.seconds)
        short, _, more = advice.changeover.basis.partition(": ")
        counted = f"{length(advice.changeover.seconds)} ({short}) counted"
        lines.append(f"on-demand  must begin by {by}: slack {slack}, one changeover of {counted}")
        lines += [f"           {more}"] if more else []
    elif advice.holds == "on-demand" and advice.kept:
        lines.append(f"on-demand  is held: done by {_moment(advice.done_at)}, slack {length(advice.slack.seconds)}")
    if advice.on_demand.usd is None:
        lines.append(f"from here  cost unknown: {advice.on_demand.basis}")
    else:
        lines.append(f"from here  ${advice.on_demand.usd:,.2f} on demand all the way; {_expected(advice)}")
    if advice.because in ("spot", "wait", "not-lasting", "on-demand"):
        lines.append(f"rests on   {_past(advice)}")
    return tuple(lines)


def _expected(advice: DeadlineAdvice) -> str:
    if advice.expected.usd is None:
        return f"expected: unknown ({advice.expected.basis})"
    return f"${advice.expected.usd:,.2f} expected"


def _past(advice: DeadlineAdvice) -> str:
    if advice.past.seconds is None:
        return f"pools in general: {advice.past.basis}"
    return advice.past.basis


def _moment(at: datetime | None) -> str:
    return "an unknown time" if at is None else f"{at:%Y-%m-%d %H:%MZ}"
