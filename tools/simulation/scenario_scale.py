"""The scenario `scale`: many Auto Scaling groups of about five instances, for measuring how things grow.

`scale` is 1,000 groups of 5,000 instances; `scale:100` is as many groups as it says. Workloads, shapes of purchase mix,
types and sizes go round in a fixed order, so that every size holds the same mixture.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from tools.errors import DataError
from tools.simulation import scenario_tour
from tools.simulation.ec2_fleets import FleetActions
from tools.simulation.fleets import plan
from tools.simulation.scenario_tour import Laid
from tools.simulation.services import SavingsPlan
from tools.simulation.settling import Settler
from tools.simulation.wishes import wish_of_group
from tools.simulation.world import World

NAME = "scale"
GROUPS = 1_000
MOST_GROUPS = 20_000
SIZES = (5, 4, 6, 3, 7)
"""instances of a group, in turn: five on average"""
KINDS = (
    ("m5.large", "m5a.large", "m6i.large", "m6a.large"),
    ("c5.2xlarge", "c6i.2xlarge", "c6a.2xlarge"),
    ("r5.xlarge", "r6i.xlarge", "r5a.xlarge", "r6a.xlarge", "r7i.xlarge"),
    ("g4dn.xlarge", "g5.xlarge"),
    ("c7g.xlarge", "m7g.xlarge", "r7g.xlarge"),
    ("m6i.2xlarge",),
    ("c5.4xlarge", "c6i.4xlarge", "c7i.4xlarge"),
)
SHAPES: tuple[dict[str, Any] | None, ...] = (
    {"OnDemandBaseCapacity": 0, "OnDemandPercentageAboveBaseCapacity": 0, "SpotAllocationStrategy": "lowest-price"},
    {"OnDemandBaseCapacity": 1, "SpotAllocationStrategy": "price-capacity-optimized"}
    | {"OnDemandPercentageAboveBaseCapacity": 0},
    {"OnDemandBaseCapacity": 2, "SpotAllocationStrategy": "price-capacity-optimized"}
    | {"OnDemandPercentageAboveBaseCapacity": 50},
    {"OnDemandBaseCapacity": 0, "SpotAllocationStrategy": "capacity-optimized-prioritized"}
    | {"OnDemandPercentageAboveBaseCapacity": 25},
    {"OnDemandBaseCapacity": 0, "SpotAllocationStrategy": "capacity-optimized"}
    | {"OnDemandPercentageAboveBaseCapacity": 100},
    None,
)
"""InstancesDistribution; None = no mixed instances policy: one type, on demand"""
WORKLOADS = ("web", "api", "batch", "training", "ci", "stream", "render", "cache")
TEAMS = ("shop", "search", "data", "research", "platform")
AGE = timedelta(hours=9)


@dataclass(frozen=True)
class Scale:
    """The scenario of one size; what `building` asks of a scenario."""

    groups: int = GROUPS
    REGION: str = scenario_tour.REGION
    ZONES: tuple[str, ...] = scenario_tour.ZONES
    START: datetime = scenario_tour.START

    @staticmethod
    def start_for(file: Any) -> datetime:
        raise DataError(
            f"{file.source}: the scenario {NAME!r} runs on generated prices only", hint="leave --prices out"
        )

    def lay_out(self, world: World, settler: Settler, fleets: FleetActions) -> Laid:  # noqa: ARG002  as every scenario's
        """Build the groups in an empty account. Nothing of it reaches the effect log."""
        now = world.clock.now()
        with world.occasion("scenario"):
            scenario_tour.lay_queue(world)
            for number in range(self.groups):
                _group(world, settler, number, now)
        return Laid(_savings_plans(world, self.groups, now), [], world.queue_name)


def of_size(scenario: str) -> Scale | None:
    """`scale` or `scale:100`; None for another scenario. Raises DataError: a size that is none."""
    name, colon, size = scenario.partition(":")
    if name != NAME:
        return None
    if not colon:
        return Scale()
    if not (size.isascii() and size.isdigit() and 1 <= int(size) <= MOST_GROUPS):
        raise DataError(f"scenario {scenario!r}: saw {size!r} groups, expected 1 to {MOST_GROUPS:,}")
    return Scale(int(size))


def _group(world: World, settler: Settler, number: int, now: datetime) -> None:
    kinds, split = KINDS[number % len(KINDS)], SHAPES[number % len(SHAPES)]
    workload, team = WORKLOADS[number % len(WORKLOADS)], TEAMS[number // len(WORKLOADS) % len(TEAMS)]
    name, size = f"{workload}-{team}-{number:04d}", SIZES[number % len(SIZES)]
    template = world.ec2.create_launch_template(
        name, "", {"ImageId": scenario_tour.IMAGE, "InstanceType": kinds[0]}, {}
    )
    spec = {"LaunchTemplateId": template.id, "Version": "$Default"}
    mixed: dict[str, Any] | None = split and {
        "LaunchTemplate": {"LaunchTemplateSpecification": spec, "Overrides": [{"InstanceType": k} for k in kinds]},
        "InstancesDistribution": {"OnDemandAllocationStrategy": "prioritized", **split},
    }
    named = {"workload": workload, "team": team, "env": "prod" if number % 3 else "test"}
    tags: list[dict[str, Any]] = [{"Key": k, "Value": v, "PropagateAtLaunch": True} for k, v in named.items()]
    subnets = world.ec2.get_default_subnets()
    group = world.autoscaling.create_auto_scaling_group(
        name=name,
        availability_zones=[],
        desired_capacity=size,
        max_size=4 * size,
        min_size=0,
        launch_config_name="",
        launch_template={} if mixed else spec,
        vpc_zone_identifier=",".join(subnets[z].id for z in world.zones),
        default_cooldown=None,
        health_check_period=None,
        health_check_type=None,
        load_balancers=[],
        target_group_arns=[],
        placement_group=None,
        termination_policies=[],
        tags=tags,
        capacity_rebalance=number % 4 == 0,
        mixed_instances_policy=mixed,
    )
    group.created_time = (now - timedelta(days=40)).isoformat()
    launches = plan(wish_of_group(group), [], settler.prices).launches
    settler.launch_into_group(group, launches, now - AGE, ready=True)


def _savings_plans(world: World, groups: int, now: datetime) -> tuple[SavingsPlan, ...]:
    """One for m6i and one for any machine; together they pay for about half of what is bought on demand."""
    return tuple(
        SavingsPlan(
            plan_id=world.request_id(f"savings-plan|{kind}"),
            plan_type=kind,
            family=family,
            region=world.region,
            commitment_usd_per_hour=Decimal(share) * groups,
            discount=discount,
            start=now - timedelta(days=120),
            end=now + timedelta(days=245),
        )
        for kind, family, share, discount in (
            ("EC2Instance", "m6i", "0.06", Decimal("0.37")),
            ("Compute", None, "0.12", Decimal("0.27")),
        )
    )
