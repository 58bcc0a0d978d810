"""Off spot when EC2 has none, and back again: fast to leave, slow to return, one step at a time. Pure.

Both move the on-demand base and nothing else. At every instant at least the lower of the two on-demand counts runs: a
fallback ends nothing on-demand, and of a return AWS ends no more than the difference. An Auto Scaling group that is
given another mix launches new instances before it ends old ones, so nobody lacks capacity meanwhile, and where spot
is refused the old ones stay. An EC2 Fleet promises no such order.
Source: EC2 Auto Scaling API reference, UpdateAutoScalingGroup.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from tools.fleets.dry_pools import Place, Refused, dry_places, refusals_of, wet_since
from tools.fleets.launches import target
from tools.fleets.net_benefit import net_benefit, too_little
from tools.fleets.past_changes import PastChange, Raised, base_moves, flipped_at, last_change, raised_by_us
from tools.fleets.seen import LOOKS_APART, Seen, Standing, short_since, standing
from tools.fleets.steady_rules import SteadyRules
from tools.fleets.suggest import Held, Suggestion, hour
from tools.records import ChangeFleet, Fleet, PoolSignal, PurchaseMix


def fall_back(
    fleet: Fleet, seen: Seen, past: Sequence[PastChange], rules: SteadyRules, now: datetime
) -> Suggestion | Held | None:
    """Raise the on-demand base by the spot that EC2 refuses; None = nothing is refused, or nothing is lacking.

    After a step back to spot the first refusal is enough; else the fleet must have run short for a while, since a
    launch takes its time.
    """
    mix, have = fleet.mix, standing(fleet)
    if mix is None or not have.spot_short:
        return None
    tried = _on_trial(mix, past, rules, now)
    if tried is not None and (refused := refusals_of(fleet, seen.signals, past, since=tried)):
        return _raise(fleet, mix, have, refused, rules, now)
    if not have.short:
        return None
    since = short_since(fleet, seen, after=last_change(past), now=now)
    refused = refusals_of(fleet, seen.signals, past, since=(since or now) - LOOKS_APART)
    if not refused:
        return None
    patience = timedelta(minutes=rules.fallback_minutes)
    if since is None or now < since + patience:
        until = (since or now) + patience
        return Held(
            code="waiting",
            why=f"spot was refused at {hour(refused[-1].at, now)} and {have.short} of {fleet.desired_capacity} are "
            f"missing: on-demand from {hour(until, now)} on",
            until=until,
        )
    return _raise(fleet, mix, have, refused, rules, now)


def _on_trial(mix: PurchaseMix, past: Sequence[PastChange], rules: SteadyRules, now: datetime) -> datetime | None:
    """When the last step back to spot was made, which stands and has not proved itself yet; None = there is none."""
    last = next(reversed(base_moves(past)), None)
    if last is None or last.up or mix.on_demand_base_capacity != last.after:
        return None
    return last.at if now - last.at <= timedelta(minutes=rules.return_minutes) else None


def _raise(
    fleet: Fleet, mix: PurchaseMix, have: Standing, refused: Sequence[PoolSignal], rules: SteadyRules, now: datetime
) -> Suggestion | Held:
    most = int(rules.fallback_most_share * fleet.desired_capacity + 1e-9)
    wanted = min(have.want.total - have.spot, most)
    if wanted <= have.want.on_demand:
        return Held(
            code="at-most",
            why=f"{have.spot_short} of spot are refused, and on-demand is {have.want.on_demand} of "
            f"{fleet.desired_capacity} already: a fallback raises it to {most} at most",
        )
    base = _base_for(fleet, mix, wanted)
    pools = Counter(s.pool.label for s in refused)
    named = ", ".join(sorted(pools)[:4]) + (f" and {len(pools) - 4} more" if len(pools) > 4 else "")
    first, last = hour(refused[0].at, now), hour(refused[-1].at, now)
    return Suggestion(
        action=ChangeFleet(fleet=fleet.ref, on_demand_base_capacity=base),
        rationale=f"fallback: EC2 refused spot in {named} ({first if first == last else f'{first} to {last}'}) and "
        f"{have.spot} of {have.want.spot} spot units run; on-demand takes over {wanted - have.want.on_demand} until "
        f"there is capacity again, and is then given back down to a base of {mix.on_demand_base_capacity}",
        pressed=have.short > 0,
    )


def _base_for(fleet: Fleet, mix: PurchaseMix, on_demand: int) -> int:
    """The smallest base with which AWS buys so many units on demand; a base more buys one more, or as many."""
    desired = fleet.desired_capacity
    low, high = min(mix.on_demand_base_capacity, desired), desired
    while low < high:
        middle = (low + high) // 2
        if target(fleet, mix.with_(on_demand_base_capacity=middle), desired).on_demand < on_demand:
            low = middle + 1
        else:
            high = middle
    return low


def give_back(
    fleet: Fleet,
    seen: Seen,
    past: Sequence[PastChange],
    memory: Mapping[Place, Refused],
    rules: SteadyRules,
    now: datetime,
) -> Suggestion | Held | None:
    """One step back to spot of what a fallback raised; None = nothing of ours is raised.

    Never below the base that stood before it. Whether it is worth it is asked of the whole way back: a threshold
    that each small step had to pass would be none for a fleet that is large enough, and a wall for one that is not.
    """
    raised = raised_by_us(fleet, past)
    if raised is None or fleet.mix is None:
        return None
    if seen.unread is not None:
        why = f"on-demand is raised by a fallback, and what EC2 refused since is not known: {seen.unread}"
        return Held(code="unknown", why=why)
    held = _not_yet(fleet, past, raised, memory, rules, now)
    if held is not None:
        return held
    step = max(1, int(rules.step_share * fleet.desired_capacity + 1e-9))
    base = max(raised.floor, raised.last.after - step)
    given, owed = raised.last.after - base, raised.last.after - raised.floor
    whole = ChangeFleet(fleet=fleet.ref, on_demand_base_capacity=raised.floor)
    worth = net_benefit(whole, fleet, seen, rules, now=now)
    if (held := too_little(worth, rules)) is not None:
        return held
    return Suggestion(
        action=ChangeFleet(fleet=fleet.ref, on_demand_base_capacity=base),
        rationale=f"return to spot: the pools of {fleet.name} have looked as if they had capacity for "
        f"{rules.return_minutes:g} min; {given} of the {owed} units that a fallback moved to on-demand are given back. "
        f"All of them: {worth.words()}",
    )


def _not_yet(
    fleet: Fleet,
    past: Sequence[PastChange],
    raised: Raised,
    memory: Mapping[Place, Refused],
    rules: SteadyRules,
    now: datetime,
) -> Held | None:
    what = f"{raised.last.after - raised.floor} units of on-demand are a fallback's"
    window = timedelta(hours=rules.flip_hours)
    flipped = flipped_at(past, within=window)
    if flipped is not None and now < flipped + window:
        until = flipped + window
        why = f"{what}; spot was refused to what was given back, at {hour(flipped, now)}: not again until"
        return Held(code="flip-flop", why=f"{why} {hour(until, now)}", until=until, escalate=True)
    if standing(fleet).spot_short:
        return Held(code="waiting", why=f"{what}; the last step's spot instances are not there yet")
    wet = wet_since(fleet, memory, now)
    if wet is None:
        dry = dry_places(fleet, memory, now)
        if not dry:
            return Held(code="unknown", why=f"{what}; which pools it may launch in is not known")
        told = "; ".join(r.words(now) for r in dry[:3])
        return Held(code="dry", why=f"{what}; {told}", until=max(r.until for r in dry))
    since = max([wet, *(m.at for m in base_moves(past) if m.up)])
    until = since + timedelta(minutes=rules.return_minutes)
    if now >= until:
        return None
    why = f"{what}; most pools have not refused since {hour(since, now)}: given back from {hour(until, now)} on"
    return Held(code="waiting", why=why, until=until)
