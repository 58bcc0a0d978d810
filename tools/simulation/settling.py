"""Carries out the plans of groups and fleets in moto: launches, ends, lifecycle states, activities."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from moto.autoscaling.models import ASG_NAME_TAG, FakeAutoScalingGroup, InstanceState
from moto.ec2.models.instances import Instance

from tools.simulation.activities import ActivityLog
from tools.simulation.fleets import Launch, Member, Option, Prices, Wish, plan
from tools.simulation.market import Pool, depth, spot_price
from tools.simulation.memory import Event, of_instance, refused
from tools.simulation.rates import list_price
from tools.simulation.wishes import Ec2Fleet, configuration_of, launch_template_version, wish_of_fleet, wish_of_group
from tools.simulation.world import PENDING, World

ALIVE = ("pending", "running")
_ENDING = {
    "deleted_terminating": "deleted",
    "deleted_running": "deleted",
    "cancelled_terminating": "cancelled",
    "cancelled_running": "cancelled",
}
"""states of a fleet that goes → what it is when its last instance went"""
TRY_AGAIN = timedelta(minutes=5)
"""how long a group or a fleet that found no capacity waits before it asks again"""


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
        for fleet in [*self.world.ec2_fleets.values(), *self.world.spot_fleets.values()]:
            keeps_size = fleet.state == "active" and fleet.type == "maintain"
            if keeps_size and (changed or self._tries_again(fleet.fleet_id, now)):
                self.settle_fleet(fleet, now)
            elif fleet.state in _ENDING and not self.alive(fleet):
                fleet.state = _ENDING[fleet.state]

    def _tries_again(self, name: str, now: datetime) -> bool:
        return name in self._refused_at and now - self._refused_at[name] >= TRY_AGAIN

    # --- Auto Scaling groups
    def settle_group(self, group: FakeAutoScalingGroup, now: datetime) -> None:
        self._drop_lost(group, now)
        for state in group.instance_states:
            if state.lifecycle_state == "Pending" and state.instance.state == "running":
                state.lifecycle_state = "InService"
        wish = wish_of_group(group, self.world.market.types())
        marked = self._marked(group)
        counted = [s for s in group.instance_states if s.lifecycle_state != "Standby"]
        step = plan(wish, [self._member(state, wish, marked, now) for state in counted], self.prices)
        if step.launches and "Launch" not in group._suspended_processes:
            self.launch_into_group(group, step.launches, now)
        if step.ends and "Terminate" not in group._suspended_processes:
            self.end_in_group(group, step.ends, now)
        if step.starved and self._refused_now(group.name, now):
            subnets = _subnets(self.world, group.vpc_zone_identifier)
            for zone in sorted(set(group.availability_zones)):
                self.activities.refused(group.name, zone, subnets.get(zone), step.starved, now)
        elif not step.starved:
            self._refused_at.pop(group.name, None)

    def _drop_lost(self, group: FakeAutoScalingGroup, now: datetime) -> None:
        """Health checks: what ended is forgotten, what was stopped is ended. An instance in standby may stand still."""
        for state in [s for s in group.instance_states if s.instance.state not in ALIVE]:
            if state.instance.state != "terminated":
                if state.lifecycle_state == "Standby":
                    continue
                self._end(state.instance, now)
                self.world.log("TerminateInstance", {"group": group.name}, [state.instance.id])
            group.instance_states.remove(state)
            self.activities.found_gone(group.name, state.instance.id, now)

    def _marked(self, group: FakeAutoScalingGroup) -> set[str]:
        """Instances to be replaced, new before old: by an instance refresh, or on advice in a group that follows it."""
        refreshed = self.world.refreshing.get(group.name, set())
        return refreshed | (self.world.warned | self.world.reclaims.keys() if group.capacity_rebalance else set())

    def _refused_now(self, name: str, now: datetime) -> bool:
        """Whether a lack of capacity is news: once each time it was asked for."""
        if name in self._refused_at and now - self._refused_at[name] < TRY_AGAIN:
            return False
        self._refused_at[name] = now
        return True

    def _member(self, state: InstanceState, wish: Wish, marked: set[str], now: datetime) -> Member:
        instance = state.instance
        return Member(
            instance_id=instance.id,
            pool=_pool(instance),
            spot=instance.lifecycle == "spot",
            weight=_weight(wish.options, instance.instance_type),
            in_service=state.lifecycle_state == "InService",
            protected=bool(state.protected_from_scale_in),
            marked=instance.id in marked,
            age_seconds=(now - self.world.launched_at[instance.id]).total_seconds(),
        )

    def launch_into_group(
        self, group: FakeAutoScalingGroup, launches: Sequence[Launch], now: datetime, *, ready: bool = False
    ) -> list[str]:
        """Launch and attach. `ready` puts them in service at once, for the scenario's beginning."""
        ids = []
        version = configuration_of(group).version
        for launch in launches:
            tags = group.get_propagated_tags() | {ASG_NAME_TAG: group.name}
            subnets = _subnets(self.world, group.vpc_zone_identifier)
            instance = self.launch(
                launch,
                image_id=version.image_id if version else group.image_id,
                template={"LaunchTemplateId": version.template.id, "Version": str(version.number)} if version else None,
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

    def end_in_group(self, group: FakeAutoScalingGroup, instance_ids: Sequence[str], now: datetime) -> None:
        """End instances that the group decided on, and say why."""
        for instance_id in instance_ids:
            instance = self.world.instances[instance_id]
            self.activities.ended(group, instance_id, now)
            self._end(instance, now)
            self.world.log("TerminateInstance", {"group": group.name}, [instance_id])
        group.instance_states = [s for s in group.instance_states if s.instance.id not in instance_ids]

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
        for launch in step.launches[: self.world.part_of(len(step.launches))]:
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

    def end_fleet(self, fleet: Ec2Fleet, *, ends: bool) -> None:
        """A fleet was deleted or cancelled: its instances end, or run on by themselves."""
        now = self.world.clock.now()
        for instance in self.alive(fleet) if ends else []:
            self._events(fleet).append(of_instance(instance, "terminated", now))
            self._end(instance, now)
            self.world.log("TerminateInstance", {"fleet": fleet.fleet_id}, [instance.id])

    def _events(self, fleet: Ec2Fleet) -> list[Event]:
        return self.world.fleet_events.setdefault(fleet.fleet_id, [])

    def alive(self, fleet: Ec2Fleet) -> list[Instance]:
        known = self.world.instances
        fleet.instance_ids = [i for i in fleet.instance_ids if i in known and known[i].state in ALIVE]
        return [known[i] for i in fleet.instance_ids]

    def _launch_into_fleet(self, fleet: Ec2Fleet, launch: Launch, now: datetime, *, ready: bool) -> Instance:
        config = fleet.request["LaunchTemplateConfigs"][0]
        template = config.get("LaunchTemplateSpecification")
        version = launch_template_version(self.world, template) if template else None
        named = "aws:ec2spot:fleet-request-id" if fleet.fleet_id.startswith("sfr-") else "aws:ec2:fleet-id"
        return self.launch(
            launch,
            image_id=version.image_id if version else str(config.get("ImageId") or ""),
            template={"LaunchTemplateId": version.template.id, "Version": str(version.number)} if version else None,
            subnet_id=_subnets(self.world, None).get(launch.pool.zone),
            tags={named: fleet.fleet_id},
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
        vars(instance)["launched_from"] = dict(template or {})
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
