"""Did a change do harm? What was recorded before it, what is seen now, and the verdict. Pure.

Trouble must last before it counts: replacing instances takes minutes, and AWS may show an old state for five.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from tools.fleets.effects import effect_of
from tools.fleets.launches import desired_after, weights
from tools.fleets.verdicts import Baseline, Check, Health, Sighting, Verdict, VerificationRules
from tools.market.pricebook import PriceBook
from tools.money.hourly import bought, hourly_cost
from tools.records import (
    Action,
    DeleteFleet,
    Fleet,
    Instance,
    OperateInstances,
    PoolSignal,
    Preview,
    RunInstances,
)

_WORST_FIRST: tuple[Health, ...] = ("failed", "settling", "unknown", "healthy")
BEFORE = timedelta(hours=1)
"""interruptions since a change are held against those of as long before it"""


def verification_of(action: Action) -> Literal["rollback", "escalate"] | None:
    """What can be done when a later check of this action fails; None = it is not checked later.

    Raises  UsageError: no such kind is carried out
    """
    effect = effect_of(action)
    # instances of no fleet: there is nothing that says how many shall run
    if isinstance(action, RunInstances) or not effect.watched:
        return None
    return "rollback" if effect.can_undo(action) else "escalate"


def baseline_of(
    action: Action, fleet: Fleet, preview: Preview, *, unhealthy_targets: Mapping[str, int] | None, now: datetime
) -> Baseline:
    """fleet  read just before the change; preview: what was shown of it"""
    return Baseline(
        desired_capacity=fleet.desired_capacity,
        desired_capacity_after=_wanted_after(action, fleet),
        single=fleet.ref.kind == "instance",
        in_service=_units(fleet, in_service(fleet)),
        on_demand=len(fleet.on_demand),
        spot=len(fleet.spot),
        usd_per_hour=preview.cost_before.contracted_usd_per_hour,
        foretold_usd_per_hour=preview.cost_after.contracted_usd_per_hour,
        price_as_of=preview.price_as_of,
        unhealthy_targets=None if unhealthy_targets is None else dict(unhealthy_targets),
        at=now,
    )


def _wanted_after(action: Action, fleet: Fleet) -> int:
    ended = isinstance(action, OperateInstances) and action.operation in {"stop", "hibernate", "terminate"}
    if isinstance(action, DeleteFleet) or (ended and fleet.ref.kind == "instance"):
        return 0
    return desired_after(action, fleet)


def gone(baseline: Baseline, now: datetime) -> Verdict | None:
    """The verdict on a fleet that is not there any more; None = it should be."""
    if baseline.desired_capacity_after:
        return None
    check = Check(name="capacity", health="healthy", text="capacity: gone, as was wanted")
    return Verdict(health="healthy", checks=(check,), at=now)


def sight(
    fleet: Fleet,
    book: PriceBook,
    signals: Sequence[PoolSignal] | None,
    *,
    changed_at: datetime,
    unhealthy_targets: Mapping[str, int] | None,
    now: datetime,
) -> Sighting:
    """signals  of the last hour before the change until now, any fleet's; None = they could not be read"""
    ours = [s for s in signals or () if _is_of(s, fleet) and s.at >= changed_at - BEFORE]
    taken = [s.at for s in ours if s.kind == "interruption"]
    refused = [s.pool.label for s in ours if s.kind == "refusal" and s.at >= changed_at]
    return Sighting(
        desired_capacity=fleet.desired_capacity,
        in_service=_units(fleet, in_service(fleet)),
        running=_units(fleet, _paid(fleet)),
        usd_per_hour=hourly_cost(bought(fleet), book, ()).contracted_usd_per_hour,
        price_as_of=book.oldest,
        interruptions=None if signals is None else sum(at >= changed_at for at in taken),
        interruptions_before=None if signals is None else sum(at < changed_at for at in taken),
        refused=tuple(sorted(set(refused))),
        unhealthy_targets=None if unhealthy_targets is None else dict(unhealthy_targets),
        at=now,
    )


def _is_of(signal: PoolSignal, fleet: Fleet) -> bool:
    """What AWS tells of no fleet, as of Spot Fleet requests and single instances, is told by its pool."""
    if signal.fleet is not None or fleet.ref.kind not in {"spot-fleet", "instance"}:
        return signal.fleet == fleet.ref.label
    pools = {p.label for p in fleet.pools()}
    return signal.pool.label in pools or (
        signal.pool.instance_type in fleet.instance_types and signal.pool.zone_name in fleet.zones
    )


def in_service(fleet: Fleet) -> tuple[Instance, ...]:
    """Instances that do their work: running, and in a group in service."""
    return tuple(i for i in fleet.instances if i.state == "running" and i.lifecycle_state in {None, "InService"})


def _paid(fleet: Fleet) -> tuple[Instance, ...]:
    return tuple(i for i in fleet.instances if i.state in {"pending", "running"} and not i.in_standby)


def _units(fleet: Fleet, instances: Iterable[Instance]) -> int:
    weight = weights(fleet.mix)
    return sum(weight.get(i.instance_type, 1) for i in instances)


def judge(baseline: Baseline, seen: Sighting, rules: VerificationRules, before: Verdict | None = None) -> Verdict:
    """The verdict on what is seen, given the one before it, which knows since when there is trouble."""
    if baseline.single:
        seen = seen.with_(desired_capacity=baseline.desired_capacity_after)
    checks = (
        _capacity(baseline, seen),
        _cost(baseline, seen, rules),
        _targets(baseline, seen),
    )
    since: dict[str, datetime] = {}
    told: list[Check] = []
    for check in checks:
        if check.health == "failed":
            since[check.name] = (before.since.get(check.name) if before else None) or seen.at
            told.append(_lasting(check, seen.at - since[check.name], rules))
        else:
            told.append(check)
    told.append(_interruptions(baseline, seen, rules))
    worst = next(h for h in _WORST_FIRST if any(c.health == h for c in told))
    notes = (f"launches refused: {', '.join(seen.refused)}",) if seen.refused else ()
    return Verdict(health=worst, checks=tuple(told), notes=notes, since=since, at=seen.at)


def unsettled(verdict: Verdict) -> Verdict:
    """The verdict of a fleet that had its time and more, and still moves."""
    checks = tuple(
        c.with_(health="failed", text=f"{c.text}: not settled at the end") if c.health == "settling" else c
        for c in verdict.checks
    )
    return verdict.with_(health="failed", checks=checks)


def _lasting(check: Check, lasted: timedelta, rules: VerificationRules) -> Check:
    """Trouble that may still pass by itself is settling."""
    allowed = timedelta(seconds=rules.allowed_seconds)
    text = f"{check.text} for {_minutes(lasted)} (allowed {_minutes(allowed)})"
    return check.with_(text=text, health="failed" if lasted > allowed else "settling")


def _capacity(baseline: Baseline, seen: Sighting) -> Check:
    """What was missing before the change is not its doing."""
    missing_before = max(0, baseline.desired_capacity - baseline.in_service)
    wanted = max(0, seen.desired_capacity - missing_before)
    text = f"capacity: {seen.in_service} of {seen.desired_capacity} in service"
    if missing_before:
        text += f", {missing_before} were missing before"
    if seen.in_service < wanted:
        return Check(name="capacity", health="failed", text=text)
    if seen.running > seen.desired_capacity:
        text += f", {seen.running} run"
    return Check(name="capacity", health="healthy", text=text)


def _cost(baseline: Baseline, seen: Sighting, rules: VerificationRules) -> Check:
    """More than whole, as while AWS replaces new before old, it may cost more; for another size than was foretold
    the forecast is scaled.
    """
    now, foretold = seen.usd_per_hour, baseline.foretold_usd_per_hour
    if foretold is not None and seen.desired_capacity != baseline.desired_capacity_after:
        size = baseline.desired_capacity_after
        foretold = foretold * seen.desired_capacity / size if size else None
    if now is None or foretold is None:
        lost = "what it costs now" if now is None else "what was foretold"
        return Check(name="cost", health="unknown", text=f"cost: {lost} is unknown, a price is missing")
    text = f"cost: {_usd(now)}/h, foretold {_usd(foretold)}/h"
    over = (now - foretold) / foretold if foretold else Decimal(0)
    if foretold:
        text += f" ({over * 100:+.0f} %, allowed {rules.allowed_cost_over * 100:.0f} %)"
    too_dear = now > foretold * (1 + Decimal(str(rules.allowed_cost_over)))
    if too_dear and seen.running > seen.desired_capacity:
        return Check(name="cost", health="settling", text=text)
    return Check(name="cost", health="failed" if too_dear else "healthy", text=text)


def _targets(baseline: Baseline, seen: Sighting) -> Check:
    if seen.unhealthy_targets is None:
        return Check(name="targets", health="unknown", text="targets: their health could not be read")
    known = baseline.unhealthy_targets
    if known is None and any(seen.unhealthy_targets.values()):
        text = "targets: some are not healthy, and how many were before the change is not known"
        return Check(name="targets", health="unknown", text=text)
    worse = {g: n for g, n in seen.unhealthy_targets.items() if n > (known or {}).get(g, 0)}
    if worse:
        said = ", ".join(f"{n} not healthy in {g.rpartition(':')[2]}" for g, n in sorted(worse.items()))
        return Check(name="targets", health="failed", text=f"targets: {said}")
    groups = len(seen.unhealthy_targets)
    text = "targets: no more unhealthy than before" if groups else "targets: in no target group"
    return Check(name="targets", health="healthy", text=text)


def _interruptions(baseline: Baseline, seen: Sighting, rules: VerificationRules) -> Check:
    if seen.interruptions is None or seen.interruptions_before is None:
        text = "interruptions: where AWS tells of them could not be read whole"
        return Check(name="interruptions", health="unknown", text=text)
    hours = max(timedelta(), seen.at - baseline.at) / BEFORE
    expected = seen.interruptions_before * hours * rules.allowed_interruptions_factor
    many = seen.interruptions > max(rules.allowed_interruptions, expected)
    text = f"interruptions: {seen.interruptions} since the change, {seen.interruptions_before} in the hour before"
    return Check(name="interruptions", health="failed" if many else "healthy", text=text)


def _minutes(time: timedelta) -> str:
    return f"{int(time / timedelta(minutes=1))} min"


def _usd(amount: Decimal) -> str:
    return f"${amount:.2f}"
