"""The scenario `tour`: five fleets of one company, 60 instances, on a night in November.

ml-train is the one to worry about (spot-heavy, two pools, most of it in one), api-core the one to leave alone
(on-demand, paid for by a Savings Plan).
"""

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from moto.elbv2.models import elbv2_backends

from tools.simulation import storage
from tools.simulation.agents import JobAgent, put
from tools.simulation.ec2_fleets import FleetActions
from tools.simulation.fleets import Launch, plan
from tools.simulation.market import Pool, RecordedMarket, spot_price
from tools.simulation.pricefile import PriceFile
from tools.simulation.rates import list_price
from tools.simulation.services import SavingsPlan
from tools.simulation.settling import Settler
from tools.simulation.targets import DELAY
from tools.simulation.wishes import wish_of_group
from tools.simulation.world import ACCOUNT_ID, World

NAME = "tour"
REGION = "us-east-1"
ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")
START = datetime(2026, 11, 18, 1, tzinfo=UTC)
BUCKET = "acme-checkpoints"
IMAGE = "ami-0c02fb55956c7d316"
PLAN_DISCOUNT = Decimal("0.37")


@dataclass(frozen=True)
class GroupPlan:
    """One Auto Scaling group as the scenario lays it out."""

    name: str
    desired: int
    low: int
    high: int
    kinds: tuple[str, ...]
    tags: dict[str, str]
    split: dict[str, Any] | None
    """InstancesDistribution; None = no mixed instances policy"""
    capacity_rebalance: bool = False


def _tags(workload: str, team: str, *, checkpoints: str | None = None, env: str = "prod") -> dict[str, str]:
    tags = {"workload": workload, "team": team, "env": env, "checkpointed": "true" if checkpoints else "false"}
    return tags | ({"spotwarden:checkpoints": checkpoints} if checkpoints else {})


def _split(base: int, above: int, strategy: str, **more: Any) -> dict[str, Any]:
    return {
        "OnDemandAllocationStrategy": "prioritized",
        "OnDemandBaseCapacity": base,
        "OnDemandPercentageAboveBaseCapacity": above,
        "SpotAllocationStrategy": strategy,
        **more,
    }


GROUPS = (
    GroupPlan(
        "ml-train",
        12,
        0,
        30,
        ("g5.xlarge", "g4dn.xlarge"),
        _tags("training", "research", checkpoints=f"s3://{BUCKET}/ml-train"),
        _split(2, 0, "lowest-price", SpotInstancePools=1),
    ),
    GroupPlan(
        "batch",
        24,
        0,
        60,
        ("c5.2xlarge", "c6i.2xlarge", "m5.2xlarge"),
        _tags("batch", "data", checkpoints=f"s3://{BUCKET}/batch"),
        _split(0, 0, "price-capacity-optimized"),
    ),
    GroupPlan(
        "web-canary",
        10,
        4,
        20,
        ("m5.large", "m6a.large", "m5a.large"),
        _tags("web", "shop"),
        _split(2, 50, "price-capacity-optimized"),
        capacity_rebalance=True,
    ),
    GroupPlan("api-core", 8, 6, 16, ("m6i.large",), _tags("api", "shop"), None),
)
BALANCED = "web-canary"
"""the group behind a target group of the same name"""
DRAIN_SECONDS = 60
RENDER_TYPES = ("c6i.4xlarge", "c5.4xlarge")
RENDER_SIZE = 6


@dataclass
class Laid:
    """What the scenario leaves for the services and the ready line."""

    savings_plans: tuple[SavingsPlan, ...]
    agents: list[JobAgent]
    queue_name: str


def start_for(file: PriceFile) -> datetime:
    """A simulated start with as much history before it as the file allows, on the hour."""
    span = file.last - file.first
    at = file.first + min(timedelta(days=91), span * 0.7)
    return at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)


def lay_out(world: World, settler: Settler, fleets: FleetActions) -> Laid:
    """Build the scenario in an empty account. Nothing of it reaches the effect log."""
    kinds = _kinds(world)
    now = world.clock.now()
    with world.occasion("scenario"):
        lay_queue(world)
        for group in GROUPS:
            _group(world, settler, group, kinds, now)
        _render(world, fleets, kinds, now)
        world.s3.create_bucket(BUCKET, world.region)
        agents = [_job(world, group, now) for group in GROUPS if group.tags["checkpointed"] == "true"]
        if not isinstance(world.market, RecordedMarket):  # t3 is younger than some recordings
            world.reserved.append(_reserved(world, now))
        storage.lay_out(world, now)
        return Laid((_savings_plan(world, kinds, now),), agents, world.queue_name)


def _kinds(world: World) -> dict[str, str]:
    """The tour's instance types → the market's: the same, or for a price file those that cost about as much."""
    fleets = [*(g.kinds for g in GROUPS), RENDER_TYPES]
    if not isinstance(world.market, RecordedMarket):
        return {k: k for kinds in fleets for k in kinds}
    costs = {k: c for k in world.market.types() if (c := _cheapest(world, k)) is not None}
    chosen: dict[str, str] = {}
    for kinds in fleets:
        for kind in kinds:
            chosen[kind] = _nearest(kind, costs, [chosen[k] for k in kinds if k in chosen], list(chosen.values()))
    return chosen


def _nearest(kind: str, costs: dict[str, float], siblings: list[str], taken: list[str]) -> str:
    """The type that costs most nearly what `kind` does: not one of its own fleet's, rather none of another's."""
    wanted = float(list_price(kind, REGION) or 1) * 0.35
    free = [k for k in sorted(costs) if k not in siblings] or sorted(costs)
    return min(free, key=lambda k: abs(math.log(costs[k] / wanted)) + (1.5 if k in taken else 0))


def _cheapest(world: World, kind: str) -> float | None:
    prices = [spot_price(world.market, Pool(kind, z), world.clock.now()) for z in world.zones]
    return min((p for p in prices if p is not None), default=None)


def lay_queue(world: World) -> None:
    """EventBridge → SQS: everything EC2 says about its instances."""
    queue = world.queues.create(world.queue_name, {}, {})
    pattern = {
        "source": ["aws.ec2"],
        "detail-type": [
            "EC2 Spot Instance Interruption Warning",
            "EC2 Instance Rebalance Recommendation",
            "EC2 Instance State-change Notification",
        ],
    }
    world.events.put_rule(name="spot-notices", event_pattern=json.dumps(pattern), state="ENABLED")
    world.events.put_targets(name="spot-notices", event_bus_arn=None, targets=[{"Id": "queue", "Arn": queue.arn}])


def _template(world: World, name: str, kind: str) -> Any:
    return world.ec2.create_launch_template(name, "", {"ImageId": IMAGE, "InstanceType": kind}, {})


def _group(world: World, settler: Settler, laid: GroupPlan, kinds: dict[str, str], now: datetime) -> None:
    types = tuple(dict.fromkeys(kinds[k] for k in laid.kinds))
    template = _template(world, laid.name, types[0])
    spec = {"LaunchTemplateId": template.id, "Version": "$Default"}
    overrides = [{"InstanceType": k} for k in types]
    mixed: dict[str, Any] | None = laid.split and {
        "LaunchTemplate": {"LaunchTemplateSpecification": spec, "Overrides": overrides},
        "InstancesDistribution": dict(laid.split),
    }
    subnets = world.ec2.get_default_subnets()
    tags: list[dict[str, Any]] = [{"Key": k, "Value": v, "PropagateAtLaunch": True} for k, v in laid.tags.items()]
    group = world.autoscaling.create_auto_scaling_group(
        name=laid.name,
        availability_zones=[],
        desired_capacity=laid.desired,
        max_size=laid.high,
        min_size=laid.low,
        launch_config_name="",
        launch_template={} if mixed else spec,
        vpc_zone_identifier=",".join(subnets[z].id for z in world.zones),
        default_cooldown=None,
        health_check_period=None,
        health_check_type=None,
        load_balancers=[],
        target_group_arns=[_target_group(world)] if laid.name == BALANCED else [],
        placement_group=None,
        termination_policies=[],
        tags=tags,
        capacity_rebalance=laid.capacity_rebalance,
        mixed_instances_policy=mixed,
    )
    group.created_time = (now - timedelta(days=40)).isoformat()
    wish = wish_of_group(group)
    launches = _crowded(types, world.zones) if laid.name == "ml-train" else plan(wish, [], settler.prices).launches
    settler.launch_into_group(group, launches, now - timedelta(hours=9), ready=True)


def _target_group(world: World) -> str:
    """Where the shop's requests arrive. Returns its ARN."""
    vpc_id = world.ec2.get_default_subnets()[world.zones[0]].vpc_id
    made = elbv2_backends[ACCOUNT_ID][world.region].create_target_group(
        name=BALANCED, protocol="HTTP", port="80", vpc_id=vpc_id, target_type="instance"
    )
    made.attributes[DELAY] = DRAIN_SECONDS
    return str(made.arn)


def _crowded(types: tuple[str, ...], zones: tuple[str, ...]) -> tuple[Launch, ...]:
    """ml-train grew while other zones had no GPUs: 2 on-demand, 8 spot in one pool, 2 in another."""
    first, second = types[0], types[-1]
    here, there = zones[0], zones[min(1, len(zones) - 1)]
    return (
        Launch(Pool(first, here), spot=False, weight=1),
        Launch(Pool(first, there), spot=False, weight=1),
        *[Launch(Pool(second, here), spot=True, weight=1)] * 8,
        *[Launch(Pool(first, there), spot=True, weight=1)] * 2,
    )


def _render(world: World, fleets: FleetActions, kinds: dict[str, str], now: datetime) -> None:
    types = tuple(dict.fromkeys(kinds[k] for k in RENDER_TYPES))
    template = _template(world, "render", types[0])
    tags = {"Name": "render"} | _tags("render", "studio")
    fleets.make(
        {
            "Type": "maintain",
            "ClientToken": "render-1",
            "ReplaceUnhealthyInstances": True,
            "ExcessCapacityTerminationPolicy": "termination",
            "TerminateInstancesWithExpiration": False,
            "LaunchTemplateConfigs": [
                {
                    "LaunchTemplateSpecification": {"LaunchTemplateId": template.id, "Version": "$Default"},
                    "Overrides": [{"InstanceType": k, "AvailabilityZone": z} for k in types for z in world.zones],
                }
            ],
            "SpotOptions": {
                "AllocationStrategy": "price-capacity-optimized",
                "InstanceInterruptionBehavior": "terminate",
            },
            "OnDemandOptions": {"AllocationStrategy": "lowest-price"},
            "TargetCapacitySpecification": {
                "TotalTargetCapacity": RENDER_SIZE,
                "OnDemandTargetCapacity": 0,
                "SpotTargetCapacity": RENDER_SIZE,
                "DefaultTargetCapacityType": "spot",
            },
            "TagSpecifications": [{"ResourceType": "fleet", "Tags": [{"Key": k, "Value": v} for k, v in tags.items()]}],
        },
        ready=True,
    )


def _job(world: World, laid: GroupPlan, now: datetime) -> JobAgent:
    """A job nine hours in, with its last checkpoints and a pointer at an older one."""
    bucket, _, job_id = laid.tags["spotwarden:checkpoints"].removeprefix("s3://").partition("/")
    agent = JobAgent(laid.name, bucket, job_id, began=now - timedelta(hours=9), last_saved=now)
    group = world.autoscaling.autoscaling_groups[laid.name]
    saver = group.instance_states[0].instance.id
    saved = [agent.save(world, saver, now - timedelta(minutes=m)) for m in (52, 37, 22, 7)]
    agent.point_at(world, saved[0])
    if laid.name == "batch":  # an upload that died half way: no manifest, so it does not exist
        died = now - timedelta(minutes=14)
        put(world, bucket, f"{job_id}/checkpoints/ckpt-{died:%Y%m%dT%H%M%SZ}/model.bin", b"half", died)
    return agent


def _savings_plan(world: World, kinds: dict[str, str], now: datetime) -> SavingsPlan:
    """Covers api-core exactly: the fleet that costs nothing more by running and saves nothing by moving to spot."""
    kind = kinds["m6i.large"]
    rate = list_price(kind, world.region) or Decimal("0.1")
    commitment = (rate * (1 - PLAN_DISCOUNT) * GROUPS[-1].desired).quantize(Decimal("0.00001"))
    return SavingsPlan(
        plan_id=world.request_id(f"{ACCOUNT_ID}|savings-plan"),
        plan_type="EC2Instance",
        family=kind.partition(".")[0],
        region=world.region,
        commitment_usd_per_hour=commitment,
        discount=PLAN_DISCOUNT,
        start=now - timedelta(days=120),
        end=now + timedelta(days=245),
    )


def _reserved(world: World, now: datetime) -> dict[str, Any]:
    """Two small machines outside every fleet, reserved for a year: no fleet's hour is paid by them."""
    began = now - timedelta(days=200)
    return {
        "ReservedInstancesId": world.request_id(f"{ACCOUNT_ID}|reserved-instances"),
        "InstanceType": "t3.medium",
        "InstanceCount": 2,
        "ProductDescription": "Linux/UNIX",
        "InstanceTenancy": "default",
        "Scope": "Region",
        "OfferingClass": "standard",
        "OfferingType": "Partial Upfront",
        "FixedPrice": 113.0,
        "UsagePrice": 0.0,
        "RecurringCharges": [{"Amount": 0.013, "Frequency": "Hourly"}],
        "CurrencyCode": "USD",
        "Duration": 31_536_000,
        "Start": began.replace(tzinfo=None),
        "End": (began + timedelta(days=365)).replace(tzinfo=None),
        "State": "active",
        "Tags": [],
    }
