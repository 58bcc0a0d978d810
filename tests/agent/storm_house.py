"""Many groups of spot instances behind load balancers, and notices for all of them at once."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from policies.document import parse_policy
from tests.agent.autonomy_house import HEAD, Street
from tools.records import utc_text

STORM = parse_policy(
    f"""{HEAD}blast_radius:
  max_instances_replaced: {{count: 2000, per: 1h}}
policies:
  - name: answer-notices
    resource: any
    mode: {{type: autonomous, on: interruption-notice}}
    actions: [request-checkpoint, deregister-targets, replace-instances]
""",
    source="storm",
)
TYPES = ("m5.large", "m6i.large", "c5.large")
_EVENTS = {
    "interruption": ("aws.ec2", "EC2 Spot Instance Interruption Warning", "instance-id"),
    "rebalance": ("aws.ec2", "EC2 Instance Rebalance Recommendation", "instance-id"),
    "lifecycle": ("aws.autoscaling", "EC2 Instance-terminate Lifecycle Action", "EC2InstanceId"),
}


def lay_out(street: Street, groups: int, size: int) -> dict[str, list[str]]:
    """Group → its spot instances, all in service, in a target group of their own, with checkpoints."""
    somebody, elb = street.raw("autoscaling"), street.raw("elbv2")
    vpc = street.raw("ec2").describe_vpcs()["Vpcs"][0]["VpcId"]
    (train,) = somebody.describe_auto_scaling_groups(AutoScalingGroupNames=["ml-train"])["AutoScalingGroups"]
    template = train["MixedInstancesPolicy"]["LaunchTemplate"]["LaunchTemplateSpecification"]["LaunchTemplateId"]
    names = [f"storm-{n:02}" for n in range(groups)]
    for name in names:
        made = elb.create_target_group(Name=name, Protocol="HTTP", Port=80, VpcId=vpc, TargetType="instance")
        _create(somebody, name, size, template, made["TargetGroups"][0]["TargetGroupArn"])
    street.sim.advance(300)
    return {name: street.spot(name, size) for name in names}


def _create(somebody: Any, name: str, size: int, template: str, target_group_arn: str) -> None:
    tags = {"checkpointed": "true", "spotwarden:checkpoints": f"s3://acme-checkpoints/{name}"}
    somebody.create_auto_scaling_group(
        AutoScalingGroupName=name,
        MinSize=0,
        MaxSize=2 * size,
        DesiredCapacity=size,
        AvailabilityZones=["us-east-1a", "us-east-1b"],
        TargetGroupARNs=[target_group_arn],
        MixedInstancesPolicy={
            "LaunchTemplate": {
                "LaunchTemplateSpecification": {"LaunchTemplateId": template, "Version": "$Default"},
                "Overrides": [{"InstanceType": t} for t in TYPES],
            },
            "InstancesDistribution": {
                "OnDemandBaseCapacity": 0,
                "OnDemandPercentageAboveBaseCapacity": 0,
                "SpotAllocationStrategy": "price-capacity-optimized",
            },
        },
        Tags=[
            {"Key": k, "Value": v, "ResourceId": name, "ResourceType": "auto-scaling-group", "PropagateAtLaunch": False}
            for k, v in tags.items()
        ],
    )


def post_all(street: Street, kind: str, instance_ids: Sequence[str], *, at: datetime | None = None) -> None:
    """Put notices into the queue, ten a call. at: None = this moment"""
    source, name, word = _EVENTS[kind]
    more = {"instance-action": "terminate"} if kind == "interruption" else {}
    event = {"source": source, "detail-type": name, "time": utc_text(at or street.sim.clock.now())}
    bodies = [json.dumps(event | {"detail": {word: i, **more}}) for i in instance_ids]
    for start in range(0, len(bodies), 10):
        entries = [{"Id": str(n), "MessageBody": b} for n, b in enumerate(bodies[start : start + 10])]
        street.raw("sqs").send_message_batch(QueueUrl=street.sim.queue_url, Entries=entries)
