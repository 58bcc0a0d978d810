"""Gather what a decision may look at: from the fleet, the preview, the journal. Unknown stays None, and then asks."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from agent.journal.journal import Journal
from policies.document import Policy
from policies.records import RESOURCES, Facts, TrackRecord
from tools.fleets.effects.disposal import newer_copies
from tools.fleets.effects.operate_states import capacity_after, moves_capacity, needing
from tools.fleets.effects.storage import Stored
from tools.fleets.launches import desired_after, mix_after, target
from tools.fleets.verification import verification_of
from tools.records import (
    INTENT_TAG,
    Action,
    AttachVolume,
    ChangeFleet,
    CreateFleet,
    DeleteFleet,
    DeleteSnapshot,
    Fleet,
    Instance,
    OperateInstances,
    Preview,
    PurchaseMix,
    ReplaceInstances,
    RunInstances,
    SetTargets,
    SetVolumeRetention,
)
from tools.recovery.drill import newest_drill

Actor = Literal["person", "agent", "reflex"]
KEEPING = "keeping"
"""who takes snapshots by schedule, and lets them go; agent:… is a model, whatever its name"""


def gather(
    action: Action,
    fleet: Fleet,
    preview: Preview,
    *,
    journal: Journal,
    policy: Policy,
    by: str,
    actor: Actor,
    principal_arn: str | None,
    halted: bool,
    audit_verified: bool | None,
    now: datetime,
) -> Facts:
    """Facts of one action on one fleet as both stand now, with what the policy's windows have used already."""
    touched = touched_instances(action, fleet, preview)
    added = _added(action, preview, actor)
    creates = isinstance(action, CreateFleet | RunInstances)
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
        mix_before=None if creates else fleet.mix,
        mix_after=None if isinstance(action, DeleteFleet) else mix_after(action, fleet),
        desired_capacity_after=_desired_after(action, fleet),
        on_demand_instances_after=_on_demand_after(action, fleet),
        zones=len(fleet.zones),
        instance_ids=tuple(i.instance_id for i in touched),
        scale_in_protected=sum(i.protected_from_scale_in for i in touched),
        instances_replaced=len(out_of_service(action, fleet, preview, actor)),
        added_cost_usd_per_day=added,
        net_saving_usd_per_day=None if added is None else -added,
        net_saving_basis="effective",
        net_saving_after=("commitment_waste",),  # the effective basis counts unused commitment
        volume_tags=_volume_tags(action, fleet),
        superseded=_superseded(action, fleet, journal, by),
        principal_arn=principal_arn,
        verification=verification_of(action),
        risk_before=preview.risk_before,
        risk_after=preview.risk_after,
        price_age_seconds=None
        if preview.price_as_of is None
        else max(0.0, (now - preview.price_as_of).total_seconds()),
        audit_verified=audit_verified,
        kill_switch=halted,
        track_record=_track_record(journal, fleet, now) if policy.asks_for_drill else TrackRecord(),
    )
    return facts.with_(use=journal.use(policy.measures(action, facts), fleet=fleet.ref.label, now=now))


def _track_record(journal: Journal, fleet: Fleet, now: datetime) -> TrackRecord:
    """What the fleet's own recoveries have measured."""
    drill = newest_drill(journal.jobs.ended_on(fleet.ref.label))
    if drill is None:
        return TrackRecord()
    age = max(0.0, (now - drill.at).total_seconds()) / 86_400
    return TrackRecord(drill_age_days=age, drill_ready_seconds=drill.ready_seconds)


def touched_instances(action: Action, fleet: Fleet, preview: Preview) -> Sequence[Instance]:
    """Those that the action names or ends, and all that it may end where the choice is AWS's."""
    named = (*getattr(action, "instance_ids", ()), getattr(action, "instance_id", ""))
    ids = {*preview.replaced_instances, *named}
    # a group that shrinks keeps its zones even, by ending others than those that were named
    lowers = isinstance(action, OperateInstances) and action.lower_desired_capacity
    chooses = lowers or (isinstance(action, ChangeFleet) and bool(preview.replaced_instances))
    return [
        i
        for i in fleet.instances
        if i.instance_id in ids
        or isinstance(action, DeleteFleet)
        or (chooses and not (i.protected_from_scale_in or i.in_standby))
    ]


def out_of_service(action: Action, fleet: Fleet, preview: Preview, actor: Actor) -> frozenset[str]:
    """Ids of instances that end or leave service because somebody chose so: what blast radius counts.

    The reflex drains what EC2 takes: its replacement is counted, the drain before it is not.
    """
    left: tuple[str, ...] = ()
    if isinstance(action, OperateInstances) and action.operation == "enter-standby":
        left = tuple(i.instance_id for i in needing(action, fleet))
    elif isinstance(action, SetTargets) and not action.registered and actor != "reflex":
        left = action.instance_ids
    return frozenset((*preview.replaced_instances, *left))


def _added(action: Action, preview: Preview, actor: Actor) -> Decimal | None:
    """None: what kept volumes cost is not known, nor how long detached instances run on that nobody takes."""
    keeps = isinstance(action, SetVolumeRetention) and not action.delete_on_termination
    detaches = isinstance(action, ReplaceInstances) and actor != "reflex"
    if keeps or detaches:
        return None
    return preview.added_cost_usd_per_day


def _volume_tags(action: Action, fleet: Fleet) -> dict[str, str] | None:
    """Whose protection an attachment must heed besides the instance's."""
    if not isinstance(action, AttachVolume) or not isinstance(fleet, Stored):
        return None
    return {t.key: t.value for v in fleet.volumes for t in v.tags}


def _superseded(action: Action, fleet: Fleet, journal: Journal, by: str) -> bool | None:
    """By the ids that AWS answered to the schedule's own call: a tag, which anybody may copy, only names the intent."""
    if not isinstance(action, DeleteSnapshot) or not isinstance(fleet, Stored):
        return None
    mine = next((s for s in fleet.snapshots if s.snapshot_id == action.snapshot_id), None)
    if mine is None or by != KEEPING:
        return False
    intent_id = next((t.value for t in mine.tags if t.key == INTENT_TAG), "")
    told = journal.made_by(intent_id)
    ours = told is not None and told[0] == KEEPING and mine.snapshot_id in told[1].made
    return ours and bool(newer_copies(fleet))


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
    if isinstance(value, list) and value and all(isinstance(v, dict) for v in value):
        value = ", ".join(str(v.get("instance_type", v)) for v in value)  # overrides as people know them
    return "none" if value is None else str(value)[:120]


def _desired_after(action: Action, fleet: Fleet) -> int | None:
    """None = a group that counts by weights: by how much it moves is AWS's to tell."""
    if isinstance(action, OperateInstances) and fleet.ref.kind == "asg" and needing(action, fleet):
        after = capacity_after(action, fleet)
        return None if after is None and moves_capacity(action) else fleet.desired_capacity if after is None else after
    return desired_after(action, fleet)


def _on_demand_after(action: Action, fleet: Fleet) -> int | None:
    """On-demand instances in service once AWS has settled; None = weights make units of instances, or AWS chooses."""
    mix, desired = mix_after(action, fleet), _desired_after(action, fleet)
    if desired is None or (isinstance(action, ChangeFleet | CreateFleet) and _weighs(mix)):
        return None
    match action:
        case ChangeFleet():
            return target(fleet, mix, desired).on_demand
        case CreateFleet():
            return action.on_demand_target_capacity
        case RunInstances():
            return action.count if action.purchase_option == "on-demand" else 0
        case DeleteFleet():
            return 0
        case _:
            return _serving_after(action, fleet)


def _serving_after(action: Action, fleet: Fleet) -> int:
    """Where the group keeps its desired capacity, it launches another of the same purchase option."""
    serving = {i.instance_id for i in fleet.on_demand if _serves(i)}
    if not isinstance(action, OperateInstances):
        return len(serving)
    moved = {i.instance_id for i in needing(action, fleet)}
    leaves = action.operation in {"stop", "hibernate", "terminate", "enter-standby"}
    if action.operation in {"start", "exit-standby"}:
        serving |= moved & {i.instance_id for i in fleet.on_demand}
    elif leaves and (action.lower_desired_capacity or fleet.ref.kind == "instance"):
        serving -= moved
    return len(serving)


def _serves(instance: Instance) -> bool:
    return not instance.in_standby and instance.state not in {"stopping", "stopped"}


def _weighs(mix: PurchaseMix | None) -> bool:
    return mix is not None and any(o.weighted_capacity not in {None, 1} for o in mix.overrides)
