"""One next step for one fleet, or why there is none: replacement that does not thrash. Pure.

The rules, in the order in which they speak; each stands in a file of its own.
 1 fallback          spot was refused and the fleet runs short: on-demand takes over          fallback.py
 2 cooldown          nothing else soon after a change, whoever made it
 3 more pools        its own are mostly dry: types from others                                more_pools.py
 4 return            what a fallback raised, and nothing else, step by step                   fallback.py
 5 strategy          leave one that ignores capacity                                          suggest.py
Whatever one of them says is held when somebody set the same back before: two hands on one field never end.
Rebalance recommendations move none of them: they say that a pool may be taken, not that another will not.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from tools.fleets.dry_pools import Place, Refused, dry_places, refusals_of, remembered
from tools.fleets.fallback import fall_back, give_back
from tools.fleets.more_pools import add_pools
from tools.fleets.past_changes import PastChange, last_change, set_back
from tools.fleets.seen import Seen
from tools.fleets.steady_rules import SteadyRules
from tools.fleets.suggest import NOTHING, Held, Suggestion, hour, suggest_change
from tools.records import Fleet

Step = Suggestion | Held


def next_step(fleet: Fleet, *, seen: Seen, past: Sequence[PastChange], rules: SteadyRules, now: datetime) -> Step:
    """What the rules suggest for a fleet as read just now.

    past    its changes by anybody, carried out and read back, in any order
    """
    memory = memory_of(fleet, seen, past, rules)
    steps = _steps(fleet, seen, past, memory, rules, now)
    chosen = next((s for s in steps if isinstance(s, Suggestion)), None)
    return chosen or next(iter(steps), NOTHING)


def memory_of(fleet: Fleet, seen: Seen, past: Sequence[PastChange], rules: SteadyRules) -> Mapping[Place, Refused]:
    """Which pools refused, to this fleet or to another of ours."""
    others = [s for s in seen.signals if s.kind != "refusal" or s.fleet != fleet.ref.label]
    told = (*others, *refusals_of(fleet, seen.signals, past))
    return remembered(told, rules, scores=seen.scores)


def _steps(
    fleet: Fleet,
    seen: Seen,
    past: Sequence[PastChange],
    memory: Mapping[Place, Refused],
    rules: SteadyRules,
    now: datetime,
) -> list[Step]:
    """Everything that the rules have to say, the most pressing first."""
    if fleet.mix is None or fleet.fleet_type in ("request", "instant"):
        return []  # nothing to shift, or EC2 lets nobody change it
    first = fall_back(fleet, seen, past, rules, now)
    if isinstance(first, Suggestion) or (first is not None and first.code == "waiting"):
        # capacity first: another change now would only begin a cooldown
        return [_unless_set_back(first, fleet, past, rules, now)]
    said = [
        add_pools(fleet, seen, memory, rules, now),
        give_back(fleet, seen, past, memory, rules, now),
        suggest_change(fleet),
    ]
    found = [_unless_set_back(s, fleet, past, rules, now) for s in (first, *said) if s is not None]
    cooled = _cooldown(past, rules, now)
    if cooled is not None and any(isinstance(s, Suggestion) for s in found):
        found = [cooled, *(s for s in found if isinstance(s, Held))]
    dry = dry_places(fleet, memory, now)
    if dry:
        told = "; ".join(r.words(now) for r in dry[:3])
        found.append(Held(code="dry", why=told, until=max(r.until for r in dry)))
    return found


def _cooldown(past: Sequence[PastChange], rules: SteadyRules, now: datetime) -> Held | None:
    changed = last_change(past)
    until = changed + timedelta(minutes=rules.cooldown_minutes) if changed else now
    if changed is None or now >= until:
        return None
    return Held(code="cooldown", why=f"changed at {hour(changed, now)}: cooldown until {hour(until, now)}", until=until)


def _unless_set_back(step: Step, fleet: Fleet, past: Sequence[PastChange], rules: SteadyRules, now: datetime) -> Step:
    if isinstance(step, Held):
        return step
    window = timedelta(hours=rules.undone_hours)
    undone = set_back(step.action, fleet, past, now=now, within=window)
    if undone is None:
        return step
    until = undone.at + window
    return Held(
        code="undone",
        why=f"{', '.join(step.action.types)} was changed at {hour(undone.at, now)} and set back by somebody else: "
        f"not changed again until {hour(until, now)}",
        until=until,
        escalate=True,
    )
