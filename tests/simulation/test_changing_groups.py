"""Groups take attributes and weights, put instances on standby, refresh themselves, and register what they launch."""

import pytest
from botocore.exceptions import ClientError

from tests.simulation.test_single_instances import code_of

GROUP = "trainers"


def members(aws, group=GROUP):
    return {i["InstanceId"]: i for i in aws.group(group)["Instances"]}


def health(aws, group=GROUP):
    arn = aws.group(group)["TargetGroupARNs"][0]
    rows = aws("elbv2").describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
    return {r["Target"]["Id"]: r["TargetHealth"]["State"] for r in rows}


def update(aws, **more):
    aws("autoscaling").update_auto_scaling_group(AutoScalingGroupName=GROUP, **more)


def test_the_proving_ground_has_one_of_everything(ground):
    assert ground.split(GROUP) == (1, 3)
    assert {i["Placement"]["AvailabilityZone"] for i in ground.instances(GROUP)} == {
        "us-east-1a",
        "us-east-1b",
        "us-east-1c",
    }
    assert ground.split("ledger") == (2, 0)
    assert any(t["Key"] == "aws:cloudformation:stack-name" for t in ground.group("ledger")["Tags"])
    kinds = {f["name"]: (f["kind"], len(f["instances"])) for f in ground.account.state()["fleets"]}
    assert kinds == {
        "trainers": ("asg", 4),
        "ledger": ("asg", 2),
        "renderers": ("ec2-fleet", 2),
        "crawlers": ("spot-fleet", 2),
    }
    saved = ground("s3").list_objects_v2(Bucket="acme-checkpoints", Prefix="trainers/")["Contents"]
    assert any(o["Key"] == "trainers/resume.json" for o in saved)


def test_standby_with_a_decrement_shrinks_and_coming_back_grows(ground):
    asg, one = ground("autoscaling"), min(members(ground))
    ground.account.advance(5)
    assert health(ground)[one] == "healthy"
    (activity,) = asg.enter_standby(AutoScalingGroupName=GROUP, InstanceIds=[one], ShouldDecrementDesiredCapacity=True)[
        "Activities"
    ]
    assert "shrinking the capacity from 4 to 3" in activity["Cause"]
    ground.account.advance(60)
    assert ground.group(GROUP)["DesiredCapacity"] == 3
    assert members(ground)[one]["LifecycleState"] == "Standby"
    assert len(members(ground)) == 4, "nothing took its place"
    assert one not in health(ground) or health(ground)[one] == "draining"
    asg.exit_standby(AutoScalingGroupName=GROUP, InstanceIds=[one])
    ground.account.advance(5)
    assert ground.group(GROUP)["DesiredCapacity"] == 4
    assert members(ground)[one]["LifecycleState"] == "InService"
    assert health(ground)[one] == "healthy"


def test_standby_without_a_decrement_is_replaced_and_may_stand_still(ground):
    asg, ledger = ground("autoscaling"), {"AutoScalingGroupName": "ledger"}
    one = min(members(ground, "ledger"))
    asg.enter_standby(**ledger, InstanceIds=[one], ShouldDecrementDesiredCapacity=False)
    ground("ec2").stop_instances(InstanceIds=[one])
    ground.account.advance(60)
    assert sorted(m["LifecycleState"] for m in members(ground, "ledger").values()) == [
        "InService",
        "InService",
        "Standby",
    ]
    assert code_of(asg.exit_standby, **ledger, InstanceIds=[one]) == "ValidationError"
    ground("ec2").start_instances(InstanceIds=[one])
    ground.account.advance(60)
    asg.update_auto_scaling_group(**ledger, MaxSize=2)
    with pytest.raises(ClientError, match="max-size=2"):
        asg.exit_standby(**ledger, InstanceIds=[one])
    asg.update_auto_scaling_group(**ledger, MaxSize=4)
    asg.exit_standby(**ledger, InstanceIds=[one])
    assert ground.group("ledger")["DesiredCapacity"] == 3
    asg.set_desired_capacity(**ledger, DesiredCapacity=2)
    ground.account.advance(60)


def test_standby_below_the_minimum_or_of_a_stranger_is_refused(ground):
    asg, ids = ground("autoscaling"), sorted(members(ground))
    call = {"AutoScalingGroupName": GROUP, "ShouldDecrementDesiredCapacity": True}
    with pytest.raises(ClientError, match=r"min-size=1.*desired-size=4"):
        asg.enter_standby(**call, InstanceIds=ids)
    stranger = min(members(ground, "ledger"))
    with pytest.raises(ClientError, match="not part of Auto Scaling group"):
        asg.enter_standby(**call, InstanceIds=[stranger])
    with pytest.raises(ClientError, match="not in Standby"):
        asg.exit_standby(AutoScalingGroupName=GROUP, InstanceIds=ids[:1])
    assert ground.group(GROUP)["DesiredCapacity"] == 4


def test_a_protected_instance_stays_when_the_group_shrinks(ground):
    asg, kept = ground("autoscaling"), sorted(members(ground))[:3]
    protect = {"AutoScalingGroupName": GROUP, "InstanceIds": kept}
    asg.set_instance_protection(**protect, ProtectedFromScaleIn=True)
    asg.set_desired_capacity(AutoScalingGroupName=GROUP, DesiredCapacity=2)
    ground.account.advance(60)
    assert sorted(members(ground)) == kept
    asg.set_instance_protection(**protect, ProtectedFromScaleIn=False)
    asg.set_desired_capacity(AutoScalingGroupName=GROUP, DesiredCapacity=4)
    ground.account.advance(60)
    assert len(members(ground)) == 4


def test_what_the_group_launches_is_registered_and_what_it_ends_drains_for_the_delay(ground):
    asg, elb = ground("autoscaling"), ground("elbv2")
    (target_group,) = elb.describe_target_groups(Names=["trainers"])["TargetGroups"]
    arn = target_group["TargetGroupArn"]
    attributes = elb.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
    assert {a["Key"]: a["Value"] for a in attributes}["deregistration_delay.timeout_seconds"] == "60"
    ground.account.advance(120)
    assert set(health(ground)) == set(members(ground))
    asg.set_desired_capacity(AutoScalingGroupName=GROUP, DesiredCapacity=5)
    ground.account.advance(35)
    assert health(ground) == dict.fromkeys(members(ground), "healthy")
    before = set(members(ground))
    asg.set_desired_capacity(AutoScalingGroupName=GROUP, DesiredCapacity=4)
    ground.account.advance(10)
    (gone,) = before - set(members(ground))
    assert health(ground)[gone] == "draining"
    ground.account.advance(60)
    assert gone not in health(ground)
    asked = elb.describe_target_health(TargetGroupArn=arn, Targets=[{"Id": gone, "Port": 80}])
    assert asked["TargetHealthDescriptions"][0]["TargetHealth"]["State"] == "unused"


def test_a_target_that_somebody_takes_out_stays_out(ground):
    elb, one = ground("elbv2"), min(members(ground))
    arn = ground.group(GROUP)["TargetGroupARNs"][0]
    elb.deregister_targets(TargetGroupArn=arn, Targets=[{"Id": one}])
    elb.deregister_targets(TargetGroupArn=arn, Targets=[{"Id": "i-0123456789abcdef0"}])
    assert health(ground)[one] == "draining"
    ground.account.advance(65)
    assert one not in health(ground)
    elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": one}])
    assert health(ground)[one] == "healthy"
    lost = {"TargetGroupArn": arn, "Targets": [{"Id": "i-0123456789abcdef0"}]}
    assert code_of(elb.register_targets, **lost) == "InvalidTarget"
    assert code_of(elb.describe_target_health, TargetGroupArn=arn[:-1] + "z") == "TargetGroupNotFound"


def refresh_of(aws, group=GROUP):
    return aws("autoscaling").describe_instance_refreshes(AutoScalingGroupName=group)["InstanceRefreshes"][0]


def test_a_refresh_replaces_everything_a_few_at_a_time_and_ends(ground):
    asg, before = ground("autoscaling"), set(members(ground))
    started = asg.start_instance_refresh(AutoScalingGroupName=GROUP, Preferences={"MinHealthyPercentage": 50})
    assert refresh_of(ground)["Status"] == "Pending"
    refused = code_of(asg.start_instance_refresh, AutoScalingGroupName=GROUP)
    assert refused == "InstanceRefreshInProgress"
    serving = []
    for _ in range(60):
        ground.account.advance(5)
        serving.append(sum(m["LifecycleState"] == "InService" for m in members(ground).values()))
        if refresh_of(ground)["Status"] == "Successful":
            break
    done = refresh_of(ground)
    assert (done["InstanceRefreshId"], done["PercentageComplete"]) == (started["InstanceRefreshId"], 100)
    assert not before & set(members(ground))
    assert min(serving) == 2
    assert len(members(ground)) == 4


def test_a_refresh_with_everything_in_service_launches_before_it_ends(ground):
    asg, before = ground("autoscaling"), set(members(ground))
    asg.start_instance_refresh(
        AutoScalingGroupName=GROUP, Preferences={"MinHealthyPercentage": 100, "MaxHealthyPercentage": 110}
    )
    serving = []
    for _ in range(80):
        ground.account.advance(5)
        serving.append(sum(m["LifecycleState"] == "InService" for m in members(ground).values()))
    assert refresh_of(ground)["Status"] == "Successful"
    assert not before & set(members(ground))
    assert min(serving) == 4


def test_a_refresh_to_another_template_skips_what_matches_and_can_be_cancelled(ground):
    asg, ledger = ground("autoscaling"), {"AutoScalingGroupName": "ledger"}
    template = ground.group("ledger")["LaunchTemplate"]["LaunchTemplateId"]
    wanted = {"LaunchTemplate": {"LaunchTemplateId": template, "Version": "2"}}
    asg.start_instance_refresh(**ledger, DesiredConfiguration=wanted, Preferences={"SkipMatching": True})
    ground.account.advance(35)
    asg.cancel_instance_refresh(**ledger)
    assert refresh_of(ground, "ledger")["Status"] == "Cancelling"
    ground.account.advance(5)
    assert refresh_of(ground, "ledger")["Status"] == "Cancelled"
    assert ground.group("ledger")["LaunchTemplate"]["Version"] == "1", "only success makes it the group's own"
    assert code_of(asg.cancel_instance_refresh, **ledger) == "ActiveInstanceRefreshNotFound"
    versions = [m["LaunchTemplate"]["Version"] for m in members(ground, "ledger").values()]
    assert sorted(versions) == ["1", "2"]
    new = {i for i, m in members(ground, "ledger").items() if m["LaunchTemplate"]["Version"] == "2"}
    asg.start_instance_refresh(**ledger, DesiredConfiguration=wanted, Preferences={"SkipMatching": True})
    assert refresh_of(ground, "ledger")["InstancesToUpdate"] == 1
    ground.account.advance(120)
    assert refresh_of(ground, "ledger")["Status"] == "Successful"
    assert new < set(members(ground, "ledger"))
    assert {m["InstanceType"] for m in members(ground, "ledger").values()} == {"m6i.large"}
    assert ground.group("ledger")["LaunchTemplate"]["Version"] == "2"
    lost = {"LaunchTemplate": {"LaunchTemplateId": template, "Version": "9"}}
    with pytest.raises(ClientError, match="valid fully-formed launch template"):
        asg.start_instance_refresh(**ledger, DesiredConfiguration=lost)


def test_attributes_choose_among_the_types_of_the_catalogue(ground):
    asked = {
        "VCpuCount": {"Min": 2, "Max": 2},
        "MemoryMiB": {"Min": 8192, "Max": 8192},
        "CpuManufacturers": ["amd"],
    }
    template = {"Overrides": [{"InstanceRequirements": asked}]}
    split = {"OnDemandAllocationStrategy": "lowest-price", "OnDemandBaseCapacity": 0}
    policy = {"LaunchTemplate": template, "InstancesDistribution": split}
    prioritized = {**policy, "InstancesDistribution": {"OnDemandAllocationStrategy": "prioritized"}}
    with pytest.raises(ClientError, match="prioritized"):
        update(ground, MixedInstancesPolicy=prioritized)
    update(ground, MixedInstancesPolicy=policy, DesiredCapacity=6)
    ground.account.advance(60)
    kinds = [m["InstanceType"] for m in members(ground).values()]
    assert len(kinds) == 6
    assert set(kinds[4:]) <= {"m5a.large", "m6a.large", "m7a.large"}, "two more, of what AMD makes of that size"
    shown = ground.group(GROUP)["MixedInstancesPolicy"]["LaunchTemplate"]["Overrides"]
    assert shown[0]["InstanceRequirements"]["VCpuCount"] == {"Min": 2, "Max": 2}
    both = {"LaunchTemplate": {"Overrides": [{"InstanceType": "m5.large", "InstanceRequirements": asked}]}}
    with pytest.raises(ClientError, match="not both"):
        update(ground, MixedInstancesPolicy=both)


def test_weights_count_capacity_units(ground):
    kinds = [
        {"InstanceType": "m5.large", "WeightedCapacity": "2"},
        {"InstanceType": "m6i.large", "WeightedCapacity": "2"},
    ]
    split = {"OnDemandAllocationStrategy": "prioritized"}
    update(
        ground,
        MixedInstancesPolicy={"LaunchTemplate": {"Overrides": kinds}, "InstancesDistribution": split},
        DesiredCapacity=8,
        NewInstancesProtectedFromScaleIn=True,
        CapacityRebalance=True,
        DefaultCooldown=120,
    )
    ground.account.advance(200)
    units = sum(2 if m["InstanceType"] in ("m5.large", "m6i.large") else 1 for m in members(ground).values())
    assert units == 8
    group = ground.group(GROUP)
    assert group["NewInstancesProtectedFromScaleIn"]
    assert (group["CapacityRebalance"], group["DefaultCooldown"]) == (True, 120)
    for weights in (["2", None], ["0", "1"], ["1000", "1"]):
        wrong = [
            {"InstanceType": k, **({"WeightedCapacity": w} if w else {})}
            for k, w in zip(("m5.large", "m6i.large"), weights, strict=True)
        ]
        with pytest.raises(ClientError, match="WeightedCapacity"):
            update(ground, MixedInstancesPolicy={"LaunchTemplate": {"Overrides": wrong}})


def test_a_member_that_somebody_stops_is_ended_and_replaced(ground):
    before = set(members(ground, "ledger"))
    one = min(before)
    ground("ec2").stop_instances(InstanceIds=[one])
    ground.account.advance(60)
    after = set(members(ground, "ledger"))
    assert (one in after, len(after)) == (False, len(before))
    assert ground.described(InstanceIds=[one])[0]["State"]["Name"] == "terminated"


def test_an_update_that_is_refused_changes_nothing(ground):
    before = ground.group(GROUP)
    lost = {"LaunchTemplateSpecification": {"LaunchTemplateId": "lt-00000000000000000", "Version": "1"}}
    with pytest.raises(ClientError, match="valid fully-formed launch template"):
        update(ground, MaxSize=20, MixedInstancesPolicy={"LaunchTemplate": lost})
    with pytest.raises(ClientError, match="us-east-1z"):
        update(ground, MaxSize=20, AvailabilityZones=["us-east-1z"])
    assert ground.group(GROUP) == before


def test_ending_a_member_below_the_minimum_is_refused(ground):
    asg, size = ground("autoscaling"), ground.group(GROUP)["DesiredCapacity"]
    update(ground, MinSize=size)
    one = {"InstanceId": min(members(ground)), "ShouldDecrementDesiredCapacity": True}
    with pytest.raises(ClientError, match="desiredSize equals minSize"):
        asg.terminate_instance_in_auto_scaling_group(**one)
    update(ground, MinSize=1)


def test_tags_and_switches_of_a_group_that_is_not_there_are_refused(ground):
    asg = ground("autoscaling")
    tag = {"ResourceId": "nobody", "ResourceType": "auto-scaling-group", "Key": "k"}
    for call, asked in (
        (asg.create_or_update_tags, {"Tags": [{**tag, "Value": "v", "PropagateAtLaunch": False}]}),
        (asg.delete_tags, {"Tags": [tag]}),
        (asg.suspend_processes, {"AutoScalingGroupName": "nobody"}),
        (asg.start_instance_refresh, {"AutoScalingGroupName": "nobody"}),
        (asg.attach_load_balancer_target_groups, {"AutoScalingGroupName": "nobody", "TargetGroupARNs": ["x"]}),
    ):
        assert code_of(call, **asked) == "ValidationError"
    own = {**tag, "ResourceId": GROUP, "Value": "v", "PropagateAtLaunch": True}
    asg.create_or_update_tags(Tags=[own])
    rows = asg.describe_tags(Filters=[{"Name": "key", "Values": ["k"]}])["Tags"]
    assert [(r["ResourceId"], r["Value"], r["PropagateAtLaunch"]) for r in rows] == [(GROUP, "v", True)]
    asg.delete_tags(Tags=[{**tag, "ResourceId": GROUP}])
    assert asg.describe_tags(Filters=[{"Name": "key", "Values": ["k"]}])["Tags"] == []
