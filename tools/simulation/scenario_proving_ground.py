"""The scenario `proving-ground`: one of everything that may be changed, small and quickly laid out.

trainers    a mixed group over three zones, behind a target group, its job saved in the checkpoint bucket
ledger      a plain on-demand group that CloudFormation made
renderers   an EC2 Fleet of type maintain, spot
crawlers    a Spot Fleet request of type maintain
lone-spot   a spot instance of a persistent request: it can be stopped
lone-saver  on demand, set up for hibernation, with a data volume that outlives it
lone-managed  an instance that Amazon EKS operates
proving     a launch template with two versions, the first the default
kept-data, scratch  volumes that nothing has, the first with a snapshot
old-index   a snapshot of a volume that is gone
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from moto.elbv2.models import elbv2_backends

from tools.simulation import scenario_tour, storage
from tools.simulation.agents import JobAgent
from tools.simulation.ec2_fleets import FleetActions
from tools.simulation.fleets import Launch, plan
from tools.simulation.machines import give_to
from tools.simulation.market import Pool
from tools.simulation.scenario_tour import IMAGE, Laid
from tools.simulation.settling import Settler
from tools.simulation.spot_fleets import SpotFleetActions
from tools.simulation.targets import DELAY
from tools.simulation.wishes import wish_of_group
from tools.simulation.world import ACCOUNT_ID, World

NAME = "proving-ground"
REGION = scenario_tour.REGION
ZONES = scenario_tour.ZONES
START = datetime(2026, 11, 18, 1, tzinfo=UTC)
BUCKET = scenario_tour.BUCKET
JOB = "trainers"
OPERATOR = "eks.amazonaws.com"
DRAIN_SECONDS = 60
AGE = timedelta(hours=9)
MIXED_TYPES = ("m5.large", "m6i.large", "m5a.large")
FLEET_TYPES = ("c5.xlarge", "c6i.xlarge")
_STACK = "arn:aws:cloudformation:us-east-1:123456789012:stack/ledger/5f0d7a10-0000-11f0-8000-0e1f4c1a2b3d"
STACK_TAGS = {
    "aws:cloudformation:stack-name": "ledger",
    "aws:cloudformation:stack-id": _STACK,
    "aws:cloudformation:logical-id": "LedgerGroup",
}

start_for = scenario_tour.start_for


def lay_out(world: World, settler: Settler, fleets: FleetActions) -> Laid:
    """Build the scenario in an empty account. Nothing of it reaches the effect log."""
    now = world.clock.now()
    with world.occasion("scenario"):
        scenario_tour.lay_queue(world)
        world.s3.create_bucket(BUCKET, world.region)
        template = world.ec2.create_launch_template(
            "proving", "as it is", {"ImageId": IMAGE, "InstanceType": MIXED_TYPES[0]}, {}
        )
        template.create_version({"ImageId": IMAGE, "InstanceType": MIXED_TYPES[1]}, "the next generation")
        _trainers(world, settler, template, now)
        _ledger(world, settler, template, now)
        _renderers(fleets, template)
        _crawlers(world, settler, template)
        _lone(world, settler, now)
        job = _job(world, now)
        storage.lay_out(world, now)
        return Laid((), [job], world.queue_name)


def _group(world: World, settler: Settler, name: str, tags: dict[str, str], now: datetime, **settings: Any) -> None:
    subnets = world.ec2.get_default_subnets()
    given: list[dict[str, Any]] = [
        {"Key": k, "Value": v, "PropagateAtLaunch": not k.startswith("aws:")} for k, v in tags.items()
    ]
    group = world.autoscaling.create_auto_scaling_group(
        name=name,
        availability_zones=[],
        vpc_zone_identifier=",".join(subnets[z].id for z in world.zones),
        launch_config_name="",
        default_cooldown=None,
        health_check_period=None,
        health_check_type=None,
        load_balancers=[],
        placement_group=None,
        termination_policies=[],
        tags=given,
        capacity_rebalance=False,
        **settings,
    )
    group.created_time = (now - timedelta(days=40)).isoformat()
    launches = plan(wish_of_group(group, world.market.types()), [], settler.prices).launches
    settler.launch_into_group(group, launches, now - AGE, ready=True)


def _trainers(world: World, settler: Settler, template: Any, now: datetime) -> None:
    vpc_id = world.ec2.get_default_subnets()[world.zones[0]].vpc_id
    target_group = elbv2_backends[ACCOUNT_ID][world.region].create_target_group(
        name="trainers", protocol="HTTP", port="80", vpc_id=vpc_id, target_type="instance"
    )
    target_group.attributes[DELAY] = DRAIN_SECONDS
    spec = {"LaunchTemplateId": template.id, "Version": "$Default"}
    tags = {"workload": "training", "team": "research", "env": "prod", "checkpointed": "true"}
    _group(
        world,
        settler,
        JOB,
        tags | {"spotwarden:checkpoints": f"s3://{BUCKET}/{JOB}"},
        now,
        desired_capacity=4,
        min_size=1,
        max_size=8,
        launch_template={},
        target_group_arns=[target_group.arn],
        mixed_instances_policy={
            "LaunchTemplate": {
                "LaunchTemplateSpecification": spec,
                "Overrides": [{"InstanceType": k} for k in MIXED_TYPES],
            },
            "InstancesDistribution": {
                "OnDemandAllocationStrategy": "prioritized",
                "OnDemandBaseCapacity": 1,
                "OnDemandPercentageAboveBaseCapacity": 0,
                "SpotAllocationStrategy": "price-capacity-optimized",
            },
        },
    )


def _ledger(world: World, settler: Settler, template: Any, now: datetime) -> None:
    _group(
        world,
        settler,
        "ledger",
        {"workload": "db", "team": "shop", "env": "prod", "checkpointed": "false"} | STACK_TAGS,
        now,
        desired_capacity=2,
        min_size=1,
        max_size=4,
        launch_template={"LaunchTemplateId": template.id, "Version": "1"},
        target_group_arns=[],
        mixed_instances_policy=None,
    )


def _renderers(fleets: FleetActions, template: Any) -> None:
    tags = {"Name": "renderers", "workload": "render", "team": "studio", "env": "prod", "checkpointed": "false"}
    fleets.make(
        {
            "Type": "maintain",
            "ClientToken": "renderers-1",
            "ReplaceUnhealthyInstances": True,
            "ExcessCapacityTerminationPolicy": "termination",
            "TerminateInstancesWithExpiration": False,
            "LaunchTemplateConfigs": [
                {
                    "LaunchTemplateSpecification": {"LaunchTemplateId": template.id, "Version": "$Default"},
                    "Overrides": [{"InstanceType": k, "AvailabilityZone": z} for k in FLEET_TYPES for z in ZONES],
                }
            ],
            "SpotOptions": {"AllocationStrategy": "price-capacity-optimized"},
            "OnDemandOptions": {"AllocationStrategy": "lowest-price"},
            "TargetCapacitySpecification": {
                "TotalTargetCapacity": 2,
                "OnDemandTargetCapacity": 0,
                "SpotTargetCapacity": 2,
                "DefaultTargetCapacityType": "spot",
            },
            "TagSpecifications": [{"ResourceType": "fleet", "Tags": [{"Key": k, "Value": v} for k, v in tags.items()]}],
        },
        ready=True,
    )


def _crawlers(world: World, settler: Settler, template: Any) -> None:
    tags = {"Name": "crawlers", "workload": "crawl", "team": "search", "env": "test", "checkpointed": "false"}
    SpotFleetActions(world, settler).make(
        {
            "ClientToken": "crawlers-1",
            "Type": "maintain",
            "IamFleetRole": f"arn:aws:iam::{ACCOUNT_ID}:role/aws-ec2-spot-fleet-tagging-role",
            "AllocationStrategy": "priceCapacityOptimized",
            "TargetCapacity": 2,
            "LaunchTemplateConfigs": [
                {
                    "LaunchTemplateSpecification": {"LaunchTemplateId": template.id, "Version": "1"},
                    "Overrides": [{"InstanceType": k} for k in FLEET_TYPES],
                }
            ],
            "TagSpecifications": [
                {"ResourceType": "spot-fleet-request", "Tags": [{"Key": k, "Value": v} for k, v in tags.items()]}
            ],
        },
        ready=True,
    )


def _lone(world: World, settler: Settler, now: datetime) -> None:
    """Three instances of no fleet."""
    subnets = world.ec2.get_default_subnets()
    kind, zone = MIXED_TYPES[0], world.zones[0]

    def launch(name: str, *, spot: bool) -> Any:
        return settler.launch(
            Launch(Pool(kind, zone), spot, 1),
            image_id=IMAGE,
            template=None,
            subnet_id=subnets[zone].id,
            tags={"Name": name, "team": "research", "env": "test"},
            now=now - AGE,
            ready=True,
        )

    world.born(launch("lone-spot", spot=True), now - AGE, persistent=True, behaviour="stop")
    saver = launch("lone-saver", spot=False)
    saver.hibernation_options = {"Configured": True}
    data = world.ec2.create_volume(size=20, zone_name=zone, volume_type="gp3")
    world.ec2.attach_volume(data.id, saver.id, "/dev/sdf", delete_on_termination=False)
    give_to(launch("lone-managed", spot=False), OPERATOR)


def _job(world: World, now: datetime) -> JobAgent:
    """Nine hours in, with its last checkpoints and a pointer at an older one."""
    agent = JobAgent(JOB, BUCKET, JOB, began=now - AGE, last_saved=now)
    saver = world.autoscaling.autoscaling_groups[JOB].instance_states[0].instance.id
    saved = [agent.save(world, saver, now - timedelta(minutes=m)) for m in (37, 22, 7)]
    agent.point_at(world, saved[0])
    return agent
