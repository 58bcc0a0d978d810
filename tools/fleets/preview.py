"""Pure what-if: what an action would do to a fleet as it stands, in instances, dollars and risk. Nothing is called."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from tools.cloud import Clock, CloudReader
from tools.errors import UsageError
from tools.fleets.launches import Bought, Movement, desired_after, mix_after, movement, spot_pools, weights
from tools.fleets.prices import AccountPrices, read_account_prices, types_named
from tools.money.hourly import EffectiveChange, bought
from tools.records import (
    Action,
    ChangeFleet,
    FieldChange,
    Fleet,
    HourlyCost,
    Preview,
    PurchaseMix,
    ReplaceInstances,
    RequestCheckpoint,
    RestoreCheckpoint,
    RiskLevel,
)
from tools.recovery.checkpoints import resume_key
from tools.recovery.requests import marker_key
from tools.risk.score import fleet_level

__all__ = ["MIX_FIELDS", "check_possible", "draw_preview", "mix_after", "preview"]

SOURCE = "computed from the fleet as read, EC2's rules and the price book"
HOURS_A_DAY = 24
MIX_FIELDS = (
    "on_demand_base_capacity",
    "on_demand_percentage_above_base",
    "spot_allocation_strategy",
    "instance_types",
)


def draw_preview(reader: CloudReader, clock: Clock, action: Action, fleet: Fleet) -> Preview:
    """`preview` with prices, commitments and the account's other fleets read now. Raises CloudError, UsageError."""
    check_possible(action, fleet)
    if not isinstance(action, ChangeFleet | ReplaceInstances):
        return _of_objects(action, fleet, now=clock.now())
    others = tuple(f for f in reader.fleets() if f.ref != fleet.ref)
    prices = read_account_prices(reader, clock, (*others, fleet), more_types=types_named(action))
    return preview(action, fleet, prices=prices, now=clock.now())


def preview(action: Action, fleet: Fleet, *, prices: AccountPrices, now: datetime) -> Preview:
    """What the action would do.

    prices  of every type that the fleet runs or may launch; what is not in them is unknown, and so is what it costs
    Raises  UsageError: the fleet cannot take the action; says the way out
    """
    check_possible(action, fleet)
    moved = movement(action, fleet, prices.book)
    gone = {i.instance_id for i in moved.ends}
    staying = fleet.with_(instances=tuple(i for i in fleet.instances if i.instance_id not in gone))
    after = (*bought(staying), *moved.launches)
    money = prices.of_change(fleet, after)
    changes = field_changes(action, fleet)
    return Preview(
        fleet=fleet.ref,
        state_fingerprint=fleet.fingerprint,
        changes=changes,
        replaced_instances=tuple(i.instance_id for i in moved.ends),
        instances_launched=len(moved.launches),
        instances_total=len(fleet.instances),
        cost_before=money.before,
        cost_after=money.after,
        added_cost_usd_per_day=None if money.added_usd_per_hour is None else money.added_usd_per_hour * HOURS_A_DAY,
        risk_before=_risk(bought(fleet), prices),
        risk_after=_risk(after, prices),
        reversible=isinstance(action, ChangeFleet),  # the settings can be set back; an instance that ended cannot
        calls=_calls(action) if changes else (),
        warnings=(*_warnings(action, fleet, moved, money), *_strangers(action, fleet, prices)),
        price_as_of=prices.oldest,
        as_of=now,
        source=SOURCE,
    )


def _of_objects(action: Action, fleet: Fleet, *, now: datetime) -> Preview:
    """What writes objects only touches no instance and no price: nothing is read for it, it may be urgent."""
    unread = HourlyCost(
        list_usd_per_hour=None,
        contracted_usd_per_hour=None,
        effective_usd_per_hour=None,
        unused_commitment_usd_per_hour=None,
    )
    return Preview(
        fleet=fleet.ref,
        state_fingerprint=fleet.fingerprint,
        changes=field_changes(action, fleet),
        replaced_instances=(),
        instances_launched=0,
        instances_total=len(fleet.instances),
        cost_before=unread,
        cost_after=unread,
        added_cost_usd_per_day=Decimal(0),
        risk_before="unknown",
        risk_after="unknown",
        reversible=False,
        calls=_calls(action),
        price_as_of=None,
        as_of=now,
        source=SOURCE,
    )


def _risk(instances: Iterable[Bought], prices: AccountPrices) -> RiskLevel:
    return fleet_level(spot_pools(instances), prices.book)


def check_possible(action: Action, fleet: Fleet) -> None:
    """Raises UsageError where AWS has no way to do it, with the way out."""
    if isinstance(action, ReplaceInstances) and fleet.ref.kind != "asg":
        raise UsageError(
            f"{fleet.name} is an EC2 Fleet: it has no instances to detach",
            hint="a fleet of type maintain replaces what it loses by itself",
        )
    if not isinstance(action, ChangeFleet):
        return
    wanted = action.desired_capacity
    if wanted is not None and not fleet.min_size <= wanted <= fleet.max_size:
        raise UsageError(
            f"{fleet.name}: desired capacity {wanted} is outside its size limits {fleet.min_size}…{fleet.max_size}",
            hint="ask for a number inside them, or change the group's limits first",
        )
    if fleet.mix is None and _mix_fields(action):
        raise UsageError(
            f"{fleet.name} has no mixed instances policy, so {', '.join(_mix_fields(action))} cannot be set",
            hint="give the group a mixed instances policy from its launch template first; desired capacity can be set",
        )
    mix = mix_after(action, fleet)
    if mix is None or fleet.mix is None:
        return
    _check_weights(fleet, fleet.mix, mix)
    if fleet.ref.kind == "ec2-fleet":
        _check_ec2_fleet(fleet, fleet.mix, mix, desired_after(action, fleet))
    elif mix.spot_allocation_strategy == "diversified":
        raise UsageError(
            f"{fleet.name}: Auto Scaling groups have no strategy «diversified», only EC2 Fleets do",
            hint="price-capacity-optimized spreads by price and spare capacity",
        )


def _check_weights(fleet: Fleet, now: PurchaseMix, mix: PurchaseMix) -> None:
    new = [o.instance_type for o in mix.overrides if o not in now.overrides]
    if new and any(o.weighted_capacity is not None for o in now.overrides):
        raise UsageError(
            f"{fleet.name} counts instances by weights, and {', '.join(new)} would have none",
            hint="add the type with its weight to the group yourself, or choose among the types it has",
        )


def _check_ec2_fleet(fleet: Fleet, now: PurchaseMix, mix: PurchaseMix, desired: int) -> None:
    if mix.spot_allocation_strategy != now.spot_allocation_strategy:
        raise UsageError(
            f"{fleet.name}: EC2 cannot change the allocation strategy of a fleet that runs",
            hint="create a new EC2 Fleet with the strategy, and drain this one",
        )
    if mix.on_demand_percentage_above_base not in (0, 100):
        raise UsageError(
            f"{fleet.name}: an EC2 Fleet buys by counts, its percentage above base is 0 or 100",
            hint="say the share as a base capacity",
        )
    if mix.on_demand_base_capacity > desired:
        raise UsageError(
            f"{fleet.name}: a base of {mix.on_demand_base_capacity} units does not fit into a target of {desired}",
            hint="raise desired capacity too, or lower the base",
        )


def _mix_fields(action: ChangeFleet) -> list[str]:
    return [f for f in MIX_FIELDS if getattr(action, f) is not None]


def field_changes(action: Action, fleet: Fleet) -> tuple[FieldChange, ...]:
    """The diff as people read it; empty where the fleet is already so."""
    match action:
        case ChangeFleet():
            return _change_lines(action, fleet)
        case ReplaceInstances():
            mine = [i for i in fleet.instances if i.instance_id in action.instance_ids]
            return tuple(
                FieldChange(
                    sign="-/+", field=i.instance_id, before=f"{i.pool.label} {i.purchase_option}", after="a new one"
                )
                for i in mine
            )
        case RequestCheckpoint():
            keys = [marker_key(action, i) for i in action.instance_ids]
            return tuple(
                FieldChange(sign="+", field=f"s3://{action.bucket}/{k}"[:255], before="", after="save now")
                for k in keys
            )
        case RestoreCheckpoint():
            field = f"s3://{action.bucket}/{resume_key(action.job_id)}"
            after = f"{action.checkpoint_id} (manifest {action.manifest_sha256[:12]})"
            return (FieldChange(sign="~", field=field[:255], before="where it points now", after=after),)


def _change_lines(action: ChangeFleet, fleet: Fleet) -> tuple[FieldChange, ...]:
    now, then = fleet.mix, mix_after(action, fleet)
    pairs: list[tuple[str, object, object]] = []
    if now is not None and then is not None:
        pairs = [(f, getattr(now, f), getattr(then, f)) for f in MIX_FIELDS[:3]]
    pairs.append(("desired_capacity", fleet.desired_capacity, desired_after(action, fleet)))
    lines = [FieldChange(sign="~", field=f, before=str(a), after=str(b)) for f, a, b in pairs if a != b]
    if now is None or then is None or now.instance_types == then.instance_types:
        return tuple(lines)
    removed = [t for t in now.instance_types if t not in then.instance_types]
    added = [t for t in then.instance_types if t not in now.instance_types]
    lines += [FieldChange(sign="-", field="instance_types", before=t, after="") for t in removed]
    lines += [FieldChange(sign="+", field="instance_types", before="", after=t) for t in added]
    if not removed and not added:
        before, after = ", ".join(now.instance_types), ", ".join(then.instance_types)
        lines.append(FieldChange(sign="~", field="instance_types (order)", before=before, after=after))
    return tuple(lines)


def _calls(action: Action) -> tuple[str, ...]:
    match action:
        case ChangeFleet():
            group = action.fleet.kind == "asg"
            return ("autoscaling:UpdateAutoScalingGroup" if group else "ec2:ModifyFleet",)
        case ReplaceInstances():
            return ("autoscaling:DetachInstances",)
        case RequestCheckpoint():
            return ("s3:PutObject",) * len(action.instance_ids)
        case RestoreCheckpoint():
            return ("s3:PutObject",)


def _strangers(action: Action, fleet: Fleet, prices: AccountPrices) -> Iterable[str]:
    """Types that would be added and that nobody sells here, as far as the price list tells."""
    for name in types_named(action):
        if name not in fleet.instance_types and prices.book.on_demand(name) is None:
            yield f"{name}: no price is known in {fleet.ref.region}; is it a type that this region offers?"


def _warnings(action: Action, fleet: Fleet, moved: Movement, money: EffectiveChange) -> tuple[str, ...]:
    said: list[str] = []
    if isinstance(action, ChangeFleet):
        said += _change_warnings(action, fleet, moved)
    if isinstance(action, ReplaceInstances):
        said += _replace_warnings(action, fleet)
    said += _money_warnings(money)
    return tuple(said)


def _change_warnings(action: ChangeFleet, fleet: Fleet, moved: Movement) -> list[str]:
    said: list[str] = []
    if moved.ends:
        first = ", new ones before old" if moved.launches else ""
        said.append(
            f"AWS will terminate {len(moved.ends)} of {len(fleet.instances)} instances{first};"
            " these are the likeliest, AWS chooses"
        )
    mix = mix_after(action, fleet)
    removed = {*(fleet.mix.instance_types if fleet.mix else ())} - {*(mix.instance_types if mix else ())}
    staying = [i for i in fleet.instances if i.instance_type in removed and i not in moved.ends]
    if staying:
        said.append(f"{len(staying)} running instances of removed types stay until something else replaces them")
    if fleet.mix and mix and mix.spot_allocation_strategy != fleet.mix.spot_allocation_strategy and not moved.ends:
        said.append("a new allocation strategy holds for new launches only: no running instance is replaced")
    if any(w != 1 for w in weights(mix).values()):
        said.append("the fleet counts by weights: capacity is in units, and instance counts are estimates")
    if any(option == "spot" for _, _, option in moved.launches):
        said.append("where new spot instances land is EC2's choice: costed as an even spread over the pools")
    said += _written_elsewhere(fleet)
    return said


def _written_elsewhere(fleet: Fleet) -> list[str]:
    stack = fleet.tag("aws:cloudformation:stack-name")
    if stack is not None:
        return ["CloudFormation made this fleet: its next update sets these fields back; change the template too"]
    terraform = any("terraform" in f"{t.key}={t.value}".lower() for t in fleet.tags)
    return ["tags say Terraform: its next apply sets these fields back; change the code too"] if terraform else []


def _replace_warnings(action: ReplaceInstances, fleet: Fleet) -> list[str]:
    mine = {i.instance_id for i in fleet.instances}
    absent = [i for i in action.instance_ids if i not in mine]
    said = ["detached instances run, and are billed, until EC2 takes them or somebody ends them"]
    if absent:
        said.append(f"{len(absent)} of them are no longer in the fleet, and are left out: {', '.join(absent[:3])}")
    return said


def _money_warnings(money: EffectiveChange) -> list[str]:
    """A commitment never pays for spot: what leaves on-demand may free commitment that is paid all the same."""
    freed, added = money.after.unused_commitment_usd_per_hour, money.added_usd_per_hour
    if added is None:
        return ["a price or a commitment is unknown: the change in cost cannot be told"]
    if not freed:
        return []
    moves = f"{'rises' if added > 0 else 'falls'} by ${abs(added):.4f}/h" if added else "stays as it is"
    text = f"${freed:.4f}/h of Savings Plan commitment is freed and paid all the same"
    return [f"{text}, for commitments never pay for spot: effective cost {moves}"]
