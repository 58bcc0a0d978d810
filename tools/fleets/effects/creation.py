"""create-fleet and run-instances: what does not exist yet, named by the name that it shall bear.

What is created bears the intent's id as a tag, and the call its token: an answer that was lost is looked for by the
tag, and a second call with the token would have no second effect.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, TypeVar

from tools.cloud import CloudReader, CloudWriter, Receipt
from tools.errors import NotFound, UsageError
from tools.fleets.effects.effect import Effect
from tools.fleets.launches import Movement, movement, weights
from tools.market.pricebook import PriceBook
from tools.records import (
    INTENT_TAG,
    CreateFleet,
    DeleteFleet,
    FieldChange,
    Fleet,
    FleetRef,
    InstanceTypeOverride,
    Intent,
    LaunchTemplateUse,
    Name,
    OperateInstances,
    PurchaseMix,
    RunInstances,
    Site,
    Tag,
)

C = TypeVar("C", CreateFleet, RunInstances)

SOURCE = "what was asked for; nothing of it exists"
MAX_OVERRIDES = 300
"""in one EC2 Fleet (service quota); we write one a type and subnet"""
_OURS = ("Name", INTENT_TAG)


class Prospect(Fleet):
    """A fleet before its first launch: configured as it would be, empty."""

    bearers: tuple[Name, ...]
    """ids of what bears its name already: what exists by now is not created a second time"""
    unknown_subnets: tuple[Name, ...]

    @property
    def state(self) -> dict[str, Any]:
        return super().state | {"bearers": list(self.bearers), "unknown_subnets": list(self.unknown_subnets)}


class _Creation(Effect[C]):
    """What the two ways to create have in common."""

    reversible = True

    def check_now(self, reader: CloudReader, action: C, fleet: Fleet) -> None:
        """The template's version, and that the zones offer the types: AWS would find out only while it launches."""
        market = check_template(reader, action.launch_template_id, action.launch_template_version)
        if market is not None and not (market == "spot" and _only_spot(action)):
            raise UsageError(
                f"version {action.launch_template_version} of {action.launch_template_id} itself buys {market}:"
                " a launch from it cannot buy otherwise",
                hint="use a version without a market option of its own",
            )
        check_types(reader, _types(action), zones=fleet.zones, region=action.fleet.region)

    def _check_name(self, action: C, fleet: Fleet, what: str) -> None:
        if isinstance(fleet, Prospect) and fleet.bearers:
            raise UsageError(
                f"{action.fleet.fleet_id}: the name is borne by {', '.join(fleet.bearers[:3])} already",
                hint=f"choose another name for the {what}, or change what there is",
            )
        if isinstance(fleet, Prospect) and fleet.unknown_subnets:
            raise UsageError(
                f"{', '.join(fleet.unknown_subnets)}: {action.fleet.region} has no such subnet",
                hint="`aws ec2 describe-subnets` lists them",
            )
        ours = [t.key for t in action.tags if t.key in _OURS or t.key.lower().startswith("aws:")]
        twice = [k for k, n in Counter(t.key for t in action.tags).items() if n > 1]
        if ours or twice:
            raise UsageError(
                f"tags: {', '.join(ours + twice)} cannot be given" + (" twice" if twice else ""),
                hint="Name and spotwarden:intent are written by spotwarden, aws: keys by AWS",
            )


class CreateFleetEffect(_Creation[CreateFleet]):
    iam = ("ec2:CreateFleet", "ec2:CreateTags", "ec2:RunInstances", "iam:PassRole")

    def subject(self, reader: CloudReader, action: CreateFleet) -> Fleet:
        site = reader.site("ec2-fleet", action.fleet.fleet_id, action.subnet_ids)
        weighted = action.weights or (None,) * len(action.instance_types)
        mix = PurchaseMix(
            on_demand_base_capacity=action.on_demand_target_capacity,
            on_demand_percentage_above_base=0,
            spot_allocation_strategy=action.spot_allocation_strategy,
            on_demand_allocation_strategy=action.on_demand_allocation_strategy,
            overrides=tuple(
                InstanceTypeOverride(instance_type=t, weighted_capacity=w)
                for t, w in zip(action.instance_types, weighted, strict=True)
            ),
        )
        return _prospect(
            action,
            site,
            action.subnet_ids,
            max_size=action.total_target_capacity,
            mix=mix,
            capacity_rebalance=action.capacity_rebalance,
            fleet_type=action.fleet_type,
        )

    def check(self, action: CreateFleet, fleet: Fleet) -> None:
        if action.fleet.kind != "ec2-fleet":
            raise UsageError(f"{action.fleet.label}: only EC2 Fleets are created", hint="name an ec2-fleet")
        if action.capacity_rebalance and action.fleet_type != "maintain":
            raise UsageError(
                f"a fleet of type {action.fleet_type} launches once, and cannot rebalance capacity",
                hint="choose type maintain, or leave capacity rebalancing off",
            )
        entries = len(action.instance_types) * len(action.subnet_ids)
        if entries > MAX_OVERRIDES:
            raise UsageError(
                f"{len(action.instance_types)} types in {len(action.subnet_ids)} subnets are {entries} overrides,"
                f" and an EC2 Fleet takes {MAX_OVERRIDES}",
                hint="name fewer types or subnets",
            )
        self._check_name(action, fleet, "fleet")

    def lines(self, action: CreateFleet, fleet: Fleet) -> tuple[FieldChange, ...]:
        spot = action.total_target_capacity - action.on_demand_target_capacity
        said = {
            "fleet": f"{action.fleet.fleet_id}, type {action.fleet_type}",
            "launch_template": f"{action.launch_template_id} version {action.launch_template_version}",
            "target_capacity": f"{action.on_demand_target_capacity} on-demand + {spot} spot units",
            "spot_allocation_strategy": action.spot_allocation_strategy,
            "on_demand_allocation_strategy": action.on_demand_allocation_strategy,
            "subnets": ", ".join(action.subnet_ids),
            "capacity_rebalance": "launch, and the old one stays" if action.capacity_rebalance else "",
            "excess_capacity": "is terminated" if action.fleet_type == "maintain" else "",
            "unhealthy_instances": "are replaced" if action.fleet_type == "maintain" else "",
        }
        weighed = weights(fleet.mix)
        types = [f"{t} × {weighed.get(t, 1)}" if action.weights else t for t in action.instance_types]
        return (*_added(said), *(FieldChange(sign="+", field="instance_types", before="", after=t) for t in types))

    def calls(self, action: CreateFleet) -> tuple[str, ...]:
        return ("ec2:CreateFleet",)

    def movement(self, action: CreateFleet, fleet: Fleet, book: PriceBook) -> Movement:
        return movement(action, fleet, book)

    def warnings(self, action: CreateFleet, fleet: Fleet, moved: Movement | None) -> tuple[str, ...]:
        said = []
        if action.fleet_type != "instant":
            said.append("instances bear only the tags that the launch template gives them, as AWS has it for this type")
        if action.fleet_type == "request":
            said.append("a fleet of type request replaces nothing that it loses")
        if action.fleet_type == "instant":
            said.append("a fleet of type instant launches what there is, once; AWS lists it only to who knows its id")
        if moved and any(option == "spot" for _, _, option in moved.launches):
            said.append("where new spot instances land is EC2's choice: costed as an even spread over the pools")
        if any(w != 1 for w in weights(fleet.mix).values()):
            said.append("the fleet counts by weights: capacity is in units, and instance counts are estimates")
        return tuple(said)

    def expect_and_want(
        self, reader: CloudReader, action: CreateFleet, fleet: Fleet
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """An instant fleet has its capacity at once or never, so that is wanted too."""
        if action.fleet_type == "instant":
            return {"created": {"fleet": 0, "units": 0}}, {
                "created": {"fleet": 1, "units": action.total_target_capacity}
            }
        return {"created": 0}, {"created": 1}

    def carry_out(self, writer: CloudWriter, intent: Intent, action: CreateFleet, fleet: Fleet) -> Receipt:
        return writer.create_fleet(intent, action)

    def observe(self, reader: CloudReader, intent: Intent, action: CreateFleet) -> dict[str, Any]:
        ids = reader.created_by(intent.intent_id, action)
        if action.fleet_type != "instant":
            return {"created": len(ids)}
        units = min(action.total_target_capacity, sum(_units(reader, action, i) for i in ids))
        return {"created": {"fleet": len(ids), "units": units}}

    def result(self, reader: CloudReader, intent_id: str, action: CreateFleet) -> Fleet:
        ids = reader.created_by(intent_id, action)
        if not ids:
            raise NotFound(f"{action.fleet.label}: no fleet bears the intent {intent_id}")
        return reader.fleet(action.fleet.with_(fleet_id=ids[0]))

    def undo(self, action: CreateFleet, before: dict[str, Any], fleet: Fleet) -> DeleteFleet:
        """Delete the fleet that was created, with its instances."""
        if isinstance(fleet, Prospect):
            raise UsageError(f"{action.fleet.label}: what was created is not known", hint="name the fleet's id")
        return DeleteFleet(fleet=fleet.ref, terminate_instances=True)


class RunInstancesEffect(_Creation[RunInstances]):
    iam = ("ec2:RunInstances", "ec2:CreateTags", "iam:PassRole")

    def can_undo(self, action: RunInstances) -> bool:
        """Instances of no fleet are ended one by one."""
        return action.count == 1

    def subject(self, reader: CloudReader, action: RunInstances) -> Fleet:
        site = reader.site("instance", action.fleet.fleet_id, (action.subnet_id,))
        return _prospect(
            action, site, (action.subnet_id,), max_size=action.count, mix=None, instance_type=action.instance_type
        )

    def check(self, action: RunInstances, fleet: Fleet) -> None:
        if action.fleet.kind != "instance":
            raise UsageError(
                f"{action.fleet.label}: instances are run by themselves, not into a fleet",
                hint="raise the fleet's desired capacity, or name an instance that does not exist yet",
            )
        self._check_name(action, fleet, "instances")

    def lines(self, action: RunInstances, fleet: Fleet) -> tuple[FieldChange, ...]:
        zone = fleet.zones[0] if fleet.zones else "an unknown zone"
        said = {
            "instances": f"{action.count} × {action.instance_type} {action.purchase_option}, {action.fleet.fleet_id}",
            "launch_template": f"{action.launch_template_id} version {action.launch_template_version}",
            "subnet": f"{action.subnet_id} in {zone}",
            "spot_request": "one-time, terminated when interrupted" if action.purchase_option == "spot" else "",
        }
        return _added(said)

    def calls(self, action: RunInstances) -> tuple[str, ...]:
        return ("ec2:RunInstances",)

    def movement(self, action: RunInstances, fleet: Fleet, book: PriceBook) -> Movement:
        return movement(action, fleet, book)

    def warnings(self, action: RunInstances, fleet: Fleet, moved: Movement | None) -> tuple[str, ...]:
        if action.purchase_option == "spot":
            return ("nothing replaces a single spot instance that EC2 takes: a fleet of type maintain would",)
        return ()

    def expect_and_want(
        self, reader: CloudReader, action: RunInstances, fleet: Fleet
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        return {"created": 0}, {"created": action.count}

    def carry_out(self, writer: CloudWriter, intent: Intent, action: RunInstances, fleet: Fleet) -> Receipt:
        return writer.run_instances(intent, action)

    def observe(self, reader: CloudReader, intent: Intent, action: RunInstances) -> dict[str, Any]:
        return {"created": len(reader.created_by(intent.intent_id, action))}

    def result(self, reader: CloudReader, intent_id: str, action: RunInstances) -> Fleet:
        """The instances that were launched and still run, as one fleet under the first one's id."""
        found = [f for i in reader.created_by(intent_id, action) if (f := _alive(reader, action.fleet, i)) is not None]
        if not found:
            raise NotFound(f"{action.fleet.label}: no instance that lives bears the intent {intent_id}")
        return found[0].with_(
            instances=tuple(i for f in found for i in f.instances), desired_capacity=len(found), max_size=len(found)
        )

    def undo(self, action: RunInstances, before: dict[str, Any], fleet: Fleet) -> OperateInstances:
        ids = tuple(i.instance_id for i in fleet.instances)
        if len(ids) != 1:
            raise UsageError(
                f"{action.fleet.label}: {len(ids)} instances were launched, and those of no fleet are ended one by one",
                hint=f"terminate each: {', '.join(ids[:5])}",
            )
        return OperateInstances(fleet=fleet.ref, operation="terminate", instance_ids=ids)


def check_template(reader: CloudReader, template_id: str, version: int) -> str | None:
    """What the version itself buys; None = that is left to the launch. Raises UsageError: there is none."""
    try:
        versions = {v.number: v for v in reader.template_versions(template_id)}
    except NotFound:
        raise UsageError(
            f"there is no launch template {template_id}", hint="`aws ec2 describe-launch-templates` lists them"
        ) from None
    if version not in versions:
        told = ", ".join(str(n) for n in sorted(versions)[-5:])
        raise UsageError(f"launch template {template_id} has no version {version}", hint=f"its newest are {told}")
    return versions[version].market


def check_types(reader: CloudReader, types: Sequence[str], *, zones: Sequence[str], region: str) -> None:
    """Raises UsageError: a type that the region, or every one of the zones, does not offer."""
    offered = {spec.instance_type: set(spec.zones) for spec in reader.instance_types(types)}
    for name in types:
        if name not in offered:
            raise UsageError(f"{name}: {region} offers no such type", hint="`spotwarden market scan` lists types")
        if zones and not offered[name] & set(zones):
            raise UsageError(
                f"{name} is offered in none of {', '.join(zones)}, only in"
                f" {', '.join(sorted(offered[name])) or 'no zone'}",
                hint="choose a type that these zones have, or a subnet in another zone",
            )


def _prospect(action: CreateFleet | RunInstances, site: Site, subnet_ids: Sequence[str], **configured: Any) -> Prospect:
    name = Tag(key="Name", value=action.fleet.fleet_id)
    return Prospect(
        ref=action.fleet,
        desired_capacity=0,
        min_size=0,
        zones=tuple(sorted(set(site.zones.values()))),
        instances=(),
        tags=tuple(sorted((name, *action.tags), key=lambda t: t.key)),
        launch_template=LaunchTemplateUse(
            template_id=action.launch_template_id, version=str(action.launch_template_version)
        ),
        bearers=site.bearers,
        unknown_subnets=tuple(s for s in dict.fromkeys(subnet_ids) if s not in site.zones),
        as_of=site.as_of,
        source=SOURCE,
        **configured,
    )


def _types(action: CreateFleet | RunInstances) -> tuple[str, ...]:
    return action.instance_types if isinstance(action, CreateFleet) else (action.instance_type,)


def _only_spot(action: CreateFleet | RunInstances) -> bool:
    return isinstance(action, RunInstances) and action.purchase_option == "spot"


def _units(reader: CloudReader, action: CreateFleet, fleet_id: str) -> int:
    """Capacity units that run; 0 once the fleet is gone."""
    weight = dict(zip(action.instance_types, action.weights or (), strict=False))
    try:
        fleet = reader.fleet(action.fleet.with_(fleet_id=fleet_id))
    except NotFound:
        return 0
    return sum(weight.get(i.instance_type, 1) for i in fleet.instances)


def _alive(reader: CloudReader, like: FleetRef, instance_id: str) -> Fleet | None:
    try:
        return reader.fleet(like.with_(fleet_id=instance_id))
    except NotFound:
        return None


def _added(said: dict[str, str]) -> tuple[FieldChange, ...]:
    return tuple(FieldChange(sign="+", field=field, before="", after=text) for field, text in said.items() if text)
