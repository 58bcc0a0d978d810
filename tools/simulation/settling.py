"""Carries out the plans of groups and fleets in moto: launches, ends, lifecycle states, activities."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from moto.autoscaling.models import ASG_NAME_TAG, FakeAutoScalingGroup, InstanceState
from moto.ec2.models.instances import Instance

from tools.simulation.activities import ActivityLog
from tools.simulation.fleets import Launch, Member, Option, Plan, Prices, Wish, on_demand_units, plan
from tools.simulation.market import Pool, depth, spot_price
from tools.simulation.memory import Event, of_instance, refused
from tools.simulation.rates import list_price
from tools.simulation.world import PENDING, World

ALIVE = ("pending", "running")
TRY_AGAIN = timedelta(minutes=5)
"""how long a group or a fleet that found no capacity waits before it asks again"""


@dataclass
class Ec2Fleet:
    """An EC2 Fleet: moto's own ignores overrides, weights, zones and strategies, and never replaces."""

    fleet_id: str
    request: dict[str, Any]
    """CreateFleet's parameters, botocore's names"""
    type: str
    target: dict[str, Any]
    """TargetCapacitySpecification as described: TotalTargetCapacity, OnDemandTargetCapacity, SpotTargetCapacity…"""
    tags: dict[str, str]
    created_at: datetime
    client_token: str
    state: str = "active"
    instance_ids: list[str] = field(default_factory=list)


class Settler:
    """Brings every group and fleet one step nearer to what it wants to be."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.activities = ActivityLog(world)
        self.prices = Prices(
            spot=lambda pool: spot_price(world.market, pool, world.clock.now()),
            on_demand=lambda pool: _list_price(pool.instance_type, world.region),
            depth=lambda pool: depth(world.seed, pool),
            is_dry=lambda pool: pool in world.dry,
        )
        self._refused_at: dict[str, datetime] = {}
        """group or fleet → when it last found no capacity"""

    def settle(self, now: datetime) -> None:
        """One step of everything, when something happened since the last. Called on every tick."""
        changed, self.world.changed = self.world.changed, False  # launches and ends say that there is more to do
        for group in self.world.autoscaling.autoscaling_groups.values():
            if changed or self._tries_again(group.name, now):
                self.settle_group(group, now)
        for fleet in self.world.ec2_fleets.values():
            keeps_size = fleet.state == "active" and fleet.type == "maintain"
            if keeps_size and (changed or self._tries_again(fleet.fleet_id, now)):
                self.settle_fleet(fleet, now)

    def _tries_again(self, name: str, now: datetime) -> bool:
        return name in self._refused_at and now - self._refused_at[name] >= TRY_AGAIN

    # --- Auto Scaling groups
    def settle_group(self, group: FakeAutoScalingGroup, now: datetime) -> None:
        for state in [s for s in group.instance_states if s.instance.state not in ALIVE]:
            group.instance_states.remove(state)
            self.activities.found_gone(group.name, state.instance.id, now)
        for state in group.instance_states:
            if state.lifecycle_state == "Pending" and state.instance.state == "running":
                state.lifecycle_state = "InService"
        wish = wish_of_group(group)
        members = [self._member(group, state, wish, now) for state in group.instance_states]
        step = plan(wish, [m for m in members if m is not None], self.prices)
        if step.launches and "Launch" not in group._suspended_processes:
            self.launch_into_group(group, step.launches, now)
        if step.ends and "Terminate" not in group._suspended_processes:
            self._end_in_group(group, step, now)
        if step.starved and self._refused_now(group.name, now):
            subnets = _subnets(self.world, group.vpc_zone_identifier)
            for zone in sorted(set(group.availability_zones)):
                self.activities.refused(group.name, zone, subnets.get(zone), step.starved, now)
        elif not step.starved:
            self._refused_at.pop(group.name, None)

    def _refused_now(self, name: str, now: datetime) -> bool:
        """Whether a lack of capacity is news: once each time it was asked for."""
        if name in self._refused_at and now - self._refused_at[name] < TRY_AGAIN:
            return False
        self._refused_at[name] = now
        return True

    def _member(self, group: FakeAutoScalingGroup, state: InstanceState, wish: Wish, now: datetime) -> Member:
        instance = state.instance
        acts_on_advice = group.capacity_rebalance and instance.id in (self.world.warned | self.world.reclaims.keys())
        return Member(
            instance_id=instance.id,
            pool=_pool(instance),
            spot=instance.lifecycle == "spot",
            weight=_weight(wish.options, instance.instance_type),
            in_service=state.lifecycle_state == "InService",
            protected=bool(state.protected_from_scale_in),
            marked=bool(acts_on_advice),
            age_seconds=(now - self.world.launched_at[instance.id]).total_seconds(),
        )

    def launch_into_group(
        self, group: FakeAutoScalingGroup, launches: Sequence[Launch], now: datetime, *, ready: bool = False
    ) -> list[str]:
        """Launch and attach. `ready` puts them in service at once, for the scenario's beginning."""
        ids = []
        for launch in launches:
            tags = group.get_propagated_tags() | {ASG_NAME_TAG: group.name}
            template = group.ec2_launch_template
            subnets = _subnets(self.world, group.vpc_zone_identifier)
            instance = self.launch(
                launch,
                image_id=group.image_id,
                template={"LaunchTemplateId": template.id} if template else None,
                subnet_id=subnets.get(launch.pool.zone),
                tags=tags,
                now=now,
                ready=ready,
            )
            vars(instance)["autoscaling_group"] = group  # where moto looks for it
            state = InstanceState(
                instance,
                lifecycle_state="InService" if ready else "Pending",
                protected_from_scale_in=group.new_instances_protected_from_scale_in,
            )
            group.instance_states.append(state)
            ids.append(instance.id)
            zone = launch.pool.zone
            self.activities.launched(group.name, instance.id, zone, subnets.get(zone), now)
            self.world.log("LaunchInstance", {"group": group.name, **_shown(launch)}, [instance.id])
        return ids

    def _end_in_group(self, group: FakeAutoScalingGroup, step: Plan, now: datetime) -> None:
        for instance_id in step.ends:
            instance = self.world.instances[instance_id]
            self.activities.ended(group, instance_id, now)
            self._end(instance, now)
            self.world.log("TerminateInstance", {"group": group.name}, [instance_id])
        group.instance_states = [s for s in group.instance_states if s.instance.id not in step.ends]

    # --- EC2 Fleets
    def settle_fleet(self, fleet: Ec2Fleet, now: datetime, *, ready: bool = False) -> None:
        alive = self.alive(fleet)
        wish = wish_of_fleet(self.world, fleet)
        members = [
            Member(
                instance_id=i.id,
                pool=_pool(i),
                spot=i.lifecycle == "spot",
                weight=_weight(wish.options, i.instance_type),
                in_service=i.state == "running",
                protected=False,
                marked=False,
                age_seconds=(now - self.world.launched_at[i.id]).total_seconds(),
            )
            for i in alive
        ]
        step = plan(wish, members, self.prices)
        for launch in step.launches:
            instance = self._launch_into_fleet(fleet, launch, now, ready=ready)
            fleet.instance_ids.append(instance.id)
            self._events(fleet).append(of_instance(instance, "launched", now))
            self.world.log("LaunchInstance", {"fleet": fleet.fleet_id, **_shown(launch)}, [instance.id])
        if "spot" in step.starved and self._refused_now(fleet.fleet_id, now):
            dry = dict.fromkeys(o.pool for o in wish.options)
            self._events(fleet).extend(refused(p.instance_type, p.zone, now) for p in dry)
        elif not step.starved:
            self._refused_at.pop(fleet.fleet_id, None)
        if fleet.request.get("ExcessCapacityTerminationPolicy") == "no-termination":
            return
        for instance_id in step.ends:
            self._events(fleet).append(of_instance(self.world.instances[instance_id], "terminated", now))
            self._end(self.world.instances[instance_id], now)
            self.world.log("TerminateInstance", {"fleet": fleet.fleet_id}, [instance_id])

    def _events(self, fleet: Ec2Fleet) -> list[Event]:
        return self.world.fleet_events.setdefault(fleet.fleet_id, [])

    def alive(self, fleet: Ec2Fleet) -> list[Instance]:
        known = self.world.instances
        fleet.instance_ids = [i for i in fleet.instance_ids if i in known and known[i].state in ALIVE]
        return [known[i] for i in fleet.instance_ids]

    def _launch_into_fleet(self, fleet: Ec2Fleet, launch: Launch, now: datetime, *, ready: bool) -> Instance:
        template = fleet.request["LaunchTemplateConfigs"][0]["LaunchTemplateSpecification"]
        found = launch_template(self.world, template)
        return self.launch(
            launch,
            image_id=found.get_version(template.get("Version") or "$Default").image_id,
            template={"LaunchTemplateId": found.id},
            subnet_id=_subnets(self.world, None).get(launch.pool.zone),
            tags={"aws:ec2:fleet-id": fleet.fleet_id},
            now=now,
            ready=ready,
        )

    # --- instances
    def launch(
        self,
        launch: Launch,
        *,
        image_id: str,
        template: dict[str, str] | None,
        subnet_id: str | None,
        tags: dict[str, str],
        now: datetime,
        ready: bool,
    ) -> Instance:
        reservation = self.world.ec2.run_instances(
            image_id,
            1,
            None,
            [],
            instance_type=launch.pool.instance_type,
            is_instance_type_default=False,
            placement=launch.pool.zone,
            subnet_id=subnet_id,
            region_name=self.world.region,
            launch_template=template or {},
            lifecycle="spot" if launch.spot else None,
            tags={"instance": tags},
        )
        instance: Instance = reservation.instances[0]
        instance._placement.zone = launch.pool.zone
        self.world.born(instance, now - PENDING if ready else now)
        if not ready:
            instance._state.name, instance._state.code = "pending", 0
        return instance

    def _end(self, instance: Instance, now: datetime) -> None:
        self.world.end(
            instance,
            now,
            code="Client.UserInitiatedShutdown",
            message="Client.UserInitiatedShutdown: User initiated shutdown",
        )


def wish_of_group(group: FakeAutoScalingGroup) -> Wish:
    """What a group's own settings ask for."""
    desired = int(group.desired_capacity or 0)
    policy = group.mixed_instances_policy
    if not policy:
        kinds = [(group.instance_type, 1)]
        return _wish(desired, desired, kinds, group.availability_zones, {}, balance=True)
    split = policy.get("InstancesDistribution") or {}
    overrides = (policy.get("LaunchTemplate") or {}).get("Overrides") or []
    kinds = [(o.get("InstanceType") or group.instance_type, int(o.get("WeightedCapacity") or 1)) for o in overrides]
    on_demand = on_demand_units(
        desired,
        int(split.get("OnDemandBaseCapacity") or 0),
        int(_given(split, "OnDemandPercentageAboveBaseCapacity", 100)),
    )
    kinds = kinds or [(group.instance_type, 1)]
    return _wish(desired, on_demand, kinds, group.availability_zones, split, balance=True)


def wish_of_fleet(world: World, fleet: Ec2Fleet) -> Wish:
    """What an EC2 Fleet's target capacity and overrides ask for."""
    options: list[Option] = []
    for config in fleet.request["LaunchTemplateConfigs"]:
        template = launch_template(world, config["LaunchTemplateSpecification"])
        version = template.get_version(config["LaunchTemplateSpecification"].get("Version") or "$Default")
        for override in config.get("Overrides") or [{}]:
            kind = override.get("InstanceType") or version.instance_type
            zones = _override_zones(world, override)
            weight = int(float(override.get("WeightedCapacity") or 1))
            options.extend(Option(Pool(kind, zone), weight, len(options)) for zone in zones)
    spot = fleet.request.get("SpotOptions") or {}
    return Wish(
        desired=int(fleet.target["TotalTargetCapacity"]),
        on_demand=int(fleet.target["OnDemandTargetCapacity"]),
        options=tuple(options),
        spot_strategy=spot.get("AllocationStrategy") or "lowest-price",
        on_demand_strategy=(fleet.request.get("OnDemandOptions") or {}).get("AllocationStrategy") or "lowest-price",
        spot_pools=int(spot.get("InstancePoolsToUseCount") or 1),
        balance_zones=False,
    )


def launch_template(world: World, spec: dict[str, Any]) -> Any:
    """By id or by name; moto raises EC2's own errors."""
    if spec.get("LaunchTemplateId"):
        return world.ec2.get_launch_template(spec["LaunchTemplateId"])
    return world.ec2.get_launch_template_by_name(str(spec.get("LaunchTemplateName")))


def _wish(
    desired: int,
    on_demand: int,
    kinds: Sequence[tuple[str, int]],
    zones: Iterable[str],
    split: dict[str, Any],
    *,
    balance: bool,
) -> Wish:
    return Wish(
        desired=desired,
        on_demand=on_demand,
        options=tuple(Option(Pool(k, z), w, rank) for rank, (k, w) in enumerate(kinds) for z in sorted(zones)),
        spot_strategy=split.get("SpotAllocationStrategy") or "lowest-price",
        on_demand_strategy=split.get("OnDemandAllocationStrategy") or "prioritized",
        spot_pools=int(split.get("SpotInstancePools") or 2),
        balance_zones=balance,
    )


def _given(split: dict[str, Any], key: str, default: int) -> Any:
    return default if split.get(key) is None else split[key]


def _override_zones(world: World, override: dict[str, Any]) -> tuple[str, ...]:
    if override.get("AvailabilityZone"):
        return (override["AvailabilityZone"],)
    if override.get("SubnetId"):
        return (str(world.ec2.get_subnet(override["SubnetId"]).availability_zone),)
    return world.zones


def _subnets(world: World, identifier: str | None) -> dict[str, str]:
    """Zone → subnet: the group's own, else the default ones."""
    if identifier:
        found = world.ec2.describe_subnets(subnet_ids=identifier.split(","))
        return {s.availability_zone: s.id for s in found}
    return {zone: subnet.id for zone, subnet in world.ec2.get_default_subnets().items()}


def _pool(instance: Instance) -> Pool:
    return Pool(instance.instance_type, str(instance.placement.zone))


def _weight(options: Sequence[Option], instance_type: str) -> int:
    return next((o.weight for o in options if o.pool.instance_type == instance_type), 1)


def _shown(launch: Launch) -> dict[str, Any]:
    bought = "spot" if launch.spot else "on-demand"
    return {"instance_type": launch.pool.instance_type, "zone": launch.pool.zone, "purchase_option": bought}


@lru_cache(maxsize=4096)
def _list_price(instance_type: str, region: str) -> float | None:
    price = list_price(instance_type, region)
    return None if price is None else float(price)
