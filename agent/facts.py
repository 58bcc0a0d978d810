"""Gather what a decision may look at: from the fleet, the preview, the journal. Unknown stays None, and then asks."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from agent.journal.journal import Journal
from policies.document import Policy
from policies.records import RESOURCES, Facts
from tools.fleets.launches import desired_after, mix_after, target
from tools.fleets.verification import verification_of
from tools.records import (
    Action,
    ChangeFleet,
    CreateFleet,
    DeleteFleet,
    Fleet,
    Instance,
    OperateInstances,
    Preview,
    PurchaseMix,
    RunInstances,
)

Actor = Literal["person", "agent", "reflex"]


def gather(
    action: Action,
    fleet: Fleet,
    preview: Preview,
    *,
    journal: Journal,
    policy: Policy,
    actor: Actor,
    principal_arn: str | None,
    halted: bool,
    audit_verified: bool | None,
    now: datetime,
) -> Facts:
    """Facts of one action on one fleet as both stand now, with what the policy's windows have used already."""
    touched = touched_instances(action, fleet, preview)
    facts = Facts(
        account_id=fleet.ref.account_id,
        region=fleet.ref.region,
        actor=actor,
        resource=RESOURCES[fleet.ref.kind],
        fleet=fleet.name,
        tags={t.key: t.value for t in fleet.tags},
        desired_capacity=fleet.desired_capacity,
        instances=len(fleet.instances),
        mixed_instances=fleet.mix is not None,
        mix_before=fleet.mix,
        mix_after=mix_after(action, fleet),
        desired_capacity_after=desired_after(action, fleet),
        on_demand_instances_after=_on_demand_after(action, fleet, preview),
        zones=len(fleet.zones),
        instance_ids=tuple(i.instance_id for i in touched),
        scale_in_protected=sum(i.protected_from_scale_in for i in touched),
        instances_replaced=len(preview.replaced_instances),
        added_cost_usd_per_day=preview.added_cost_usd_per_day,
        net_saving_usd_per_day=None if preview.added_cost_usd_per_day is None else -preview.added_cost_usd_per_day,
        net_saving_basis="effective",
        net_saving_after=("commitment_waste",),  # the effective basis counts unused commitment
        principal_arn=principal_arn,
        verification=verification_of(action),
        risk_before=preview.risk_before,
        risk_after=preview.risk_after,
        price_age_seconds=None
        if preview.price_as_of is None
        else max(0.0, (now - preview.price_as_of).total_seconds()),
        audit_verified=audit_verified,
        kill_switch=halted,
    )
    return facts.with_(use=journal.use(policy.measures(action, facts), fleet=fleet.ref.label, now=now))


def touched_instances(action: Action, fleet: Fleet, preview: Preview) -> Sequence[Instance]:
    named = (*getattr(action, "instance_ids", ()), getattr(action, "instance_id", ""))
    ids = {*preview.replaced_instances, *named}
    return [i for i in fleet.instances if i.instance_id in ids]


def drift(shown: dict[str, Any], now: dict[str, Any], *, path: str = "") -> tuple[str, ...]:
    """What moved between two states, a line a field: «mix.on_demand_base_capacity: 2 → 1»."""
    lines: list[str] = []
    for key in sorted({*shown, *now}):
        was, has = shown.get(key), now.get(key)
        name = f"{path}.{key}" if path else str(key)
        if isinstance(was, dict) and isinstance(has, dict):
            lines += drift(was, has, path=name)
        elif was != has:
            lines.append(f"{name}: {_short(was)} → {_short(has)}")
    return tuple(lines)


def _short(value: Any) -> str:
    return "none" if value is None else str(value)[:120]


def _on_demand_after(action: Action, fleet: Fleet, preview: Preview) -> int | None:
    """On-demand instances once AWS has settled; None = weights make units of instances, and which is not known."""
    mix = mix_after(action, fleet)
    if isinstance(action, ChangeFleet | CreateFleet) and _weighs(mix):
        return None
    match action:
        case ChangeFleet():
            return target(fleet, mix, desired_after(action, fleet)).on_demand
        case CreateFleet():
            return action.on_demand_target_capacity
        case RunInstances():
            return action.count if action.purchase_option == "on-demand" else 0
        case OperateInstances() | DeleteFleet() if desired_after(action, fleet) < fleet.desired_capacity:
            return sum(i.instance_id not in preview.replaced_instances for i in fleet.on_demand)
        case _:
            return len(fleet.on_demand)


def _weighs(mix: PurchaseMix | None) -> bool:
    return mix is not None and any(o.weighted_capacity not in {None, 1} for o in mix.overrides)
