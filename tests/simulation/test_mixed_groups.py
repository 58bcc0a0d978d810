"""Groups and fleets of the simulated account behave as AWS's do."""

import pytest
from botocore.exceptions import ClientError

from tools.simulation.fleets import Member, Option, Prices, Wish, on_demand_units, plan
from tools.simulation.market import Pool


def mixed(name, base, above, **more):
    split = {"OnDemandBaseCapacity": base, "OnDemandPercentageAboveBaseCapacity": above, **more}
    return {"AutoScalingGroupName": name, "MixedInstancesPolicy": {"InstancesDistribution": split}}


@pytest.mark.parametrize(
    ("desired", "base", "percent", "units"),
    [(10, 2, 50, 6), (10, 2, 0, 2), (10, 0, 100, 10), (3, 0, 50, 2), (2, 5, 0, 2), (20, 10, 25, 13), (0, 3, 50, 0)],
)
def test_on_demand_units_are_rounded_up(desired, base, percent, units):
    assert on_demand_units(desired, base, percent) == units


def test_the_tour_starts_as_its_policies_say(aws):
    assert aws.split("web-canary") == (6, 4)  # base 2, half of the other 8
    assert aws.split("ml-train") == (2, 10)
    assert aws.split("batch") == (0, 24)
    assert aws.split("api-core") == (8, 0)
    pools = {(i["InstanceType"], i["Placement"]["AvailabilityZone"]) for i in aws.instances("ml-train")}
    assert len(pools) > 1
    assert {i["InstanceType"] for i in aws.group("ml-train")["Instances"]} == {"g5.xlarge", "g4dn.xlarge"}


def test_a_mix_change_launches_before_it_ends(account, aws):
    aws("autoscaling").update_auto_scaling_group(**mixed("ml-train", 6, 0))
    assert aws.split("ml-train") == (2, 10), "nothing moves before time does"
    serving, total = [], []
    for _ in range(40):
        account.advance(5)
        members = aws.group("ml-train")["Instances"]
        serving.append(sum(1 for m in members if m["LifecycleState"] == "InService"))
        total.append(len(members))
    assert min(serving) >= 12, "capacity in service never falls below desired"
    assert 12 < max(total) <= 14, "at most a tenth above desired, rounded up"
    assert aws.split("ml-train") == (6, 6)
    policy = aws.group("ml-train")["MixedInstancesPolicy"]
    assert [o["InstanceType"] for o in policy["LaunchTemplate"]["Overrides"]] == ["g5.xlarge", "g4dn.xlarge"]
    assert policy["InstancesDistribution"]["SpotAllocationStrategy"] == "lowest-price", "what was not named stays"


def test_a_strategy_change_replaces_nothing(account, aws):
    before = {i["InstanceId"] for i in aws.instances("batch")}
    aws("autoscaling").update_auto_scaling_group(**mixed("batch", 0, 0, SpotAllocationStrategy="capacity-optimized"))
    account.advance(300)
    assert {i["InstanceId"] for i in aws.instances("batch")} == before


@pytest.mark.parametrize("call", ["set_desired_capacity", "update_auto_scaling_group"])
def test_desired_above_max_is_refused(account, aws, call):
    before = len(account.effects())
    with pytest.raises(ClientError) as refused:
        getattr(aws("autoscaling"), call)(AutoScalingGroupName="api-core", DesiredCapacity=17)
    assert refused.value.response["Error"]["Code"] == "ValidationError"
    assert "max" in refused.value.response["Error"]["Message"]
    assert len(account.effects()) == before


def test_an_update_of_the_size_keeps_the_mix(account, aws):
    before = aws.group("web-canary")["MixedInstancesPolicy"]
    aws("autoscaling").update_auto_scaling_group(AutoScalingGroupName="web-canary", DesiredCapacity=10, MaxSize=22)
    after = aws.group("web-canary")
    assert after["MixedInstancesPolicy"] == before
    assert after["MaxSize"] == 22


def test_a_bogus_instance_type_is_refused(aws):
    template = {"Overrides": [{"InstanceType": "m99.huge"}]}
    with pytest.raises(ClientError, match=r"m99\.huge"):
        aws("autoscaling").update_auto_scaling_group(
            AutoScalingGroupName="batch", MixedInstancesPolicy={"LaunchTemplate": template}
        )


def test_launches_skip_dry_pools(account, aws):
    for zone in ("us-east-1a", "us-east-1b"):
        for kind in ("m5.large", "m6a.large", "m5a.large"):
            account.dry(kind, zone)
    before = {i["InstanceId"] for i in aws.instances("web-canary")}
    aws("autoscaling").set_desired_capacity(AutoScalingGroupName="web-canary", DesiredCapacity=14)
    account.advance(60)
    fresh = [i for i in aws.instances("web-canary") if i["InstanceId"] not in before]
    spot = [i for i in fresh if i.get("InstanceLifecycle") == "spot"]
    assert len(fresh) == 4
    assert len(spot) == 2
    assert {i["Placement"]["AvailabilityZone"] for i in spot} == {"us-east-1c"}


def test_a_group_without_capacity_stays_short_and_says_so(account, aws):
    for zone in ("us-east-1a", "us-east-1b", "us-east-1c"):
        for kind in ("c5.2xlarge", "c6i.2xlarge", "m5.2xlarge"):
            account.dry(kind, zone)
    aws("autoscaling").set_desired_capacity(AutoScalingGroupName="batch", DesiredCapacity=26)
    account.advance(60)
    assert len(aws.instances("batch")) == 24
    newest = aws("autoscaling").describe_scaling_activities(AutoScalingGroupName="batch")["Activities"][0]
    assert newest["StatusCode"] == "Failed"
    account.dry("c5.2xlarge", "us-east-1b", dry=False)
    account.advance(60)
    assert len(aws.instances("batch")) == 26


def test_detached_instances_are_replaced_and_run_on(account, aws):
    gone = aws.instances("api-core")[0]["InstanceId"]
    aws("autoscaling").detach_instances(
        AutoScalingGroupName="api-core", InstanceIds=[gone], ShouldDecrementDesiredCapacity=False
    )
    account.advance(60)
    members = [m["InstanceId"] for m in aws.group("api-core")["Instances"]]
    assert len(members) == 8
    assert gone not in members
    seen = aws("ec2").describe_instances(InstanceIds=[gone])["Reservations"][0]["Instances"][0]
    assert seen["State"]["Name"] == "running"


def test_a_fleet_follows_its_target(account, aws):
    ec2 = aws("ec2")
    fleet = ec2.describe_fleets()["Fleets"][0]
    assert {t["Key"]: t["Value"] for t in fleet["Tags"]}["Name"] == "render"
    target = {"TotalTargetCapacity": 8, "OnDemandTargetCapacity": 3, "SpotTargetCapacity": 5}
    ec2.modify_fleet(FleetId=fleet["FleetId"], TargetCapacitySpecification=target)
    account.advance(120)
    ids = [i["InstanceId"] for i in ec2.describe_fleet_instances(FleetId=fleet["FleetId"])["ActiveInstances"]]
    found = [i for r in ec2.describe_instances(InstanceIds=ids)["Reservations"] for i in r["Instances"]]
    assert sorted(i.get("InstanceLifecycle", "on-demand") for i in found) == ["on-demand"] * 3 + ["spot"] * 5
    with pytest.raises(ClientError, match="do not fit"):
        ec2.modify_fleet(
            FleetId=fleet["FleetId"], TargetCapacitySpecification={"TotalTargetCapacity": 2, "SpotTargetCapacity": 3}
        )


def test_a_new_fleet_spreads_and_weighs(account, aws):
    ec2 = aws("ec2")
    data = {"ImageId": "ami-0c02fb55956c7d316", "InstanceType": "m5.large"}
    template = ec2.create_launch_template(LaunchTemplateName="spread", LaunchTemplateData=data)["LaunchTemplate"]
    overrides = [
        {"InstanceType": "r5.large", "WeightedCapacity": 2},
        {"InstanceType": "r6i.large", "WeightedCapacity": 2},
    ]
    spec = {"LaunchTemplateId": template["LaunchTemplateId"], "Version": "1"}
    fleet_id = ec2.create_fleet(
        Type="maintain",
        SpotOptions={"AllocationStrategy": "diversified"},
        TargetCapacitySpecification={"TotalTargetCapacity": 12, "DefaultTargetCapacityType": "spot"},
        LaunchTemplateConfigs=[{"LaunchTemplateSpecification": spec, "Overrides": overrides}],
    )["FleetId"]
    account.advance(60)
    ids = [i["InstanceId"] for i in ec2.describe_fleet_instances(FleetId=fleet_id)["ActiveInstances"]]
    found = [i for r in ec2.describe_instances(InstanceIds=ids)["Reservations"] for i in r["Instances"]]
    assert len(found) == 6, "twelve units of weight two"
    assert len({(i["InstanceType"], i["Placement"]["AvailabilityZone"]) for i in found}) == 6
    assert ec2.describe_fleets(FleetIds=[fleet_id])["Fleets"][0]["FulfilledCapacity"] == 12


def test_reads_page_and_filter(aws):
    pages = list(aws("ec2").get_paginator("describe_instances").paginate(PaginationConfig={"PageSize": 7}))
    ids = [i["InstanceId"] for p in pages for r in p["Reservations"] for i in r["Instances"]]
    assert len(pages) > 5
    assert len(ids) == len(set(ids)) >= 60
    spot = aws("ec2").describe_instances(Filters=[{"Name": "instance-lifecycle", "Values": ["spot"]}])
    assert all(i["InstanceLifecycle"] == "spot" for r in spot["Reservations"] for i in r["Instances"])


POOLS = (Option(Pool("a.large", "z1"), 1, 0), Option(Pool("b.large", "z1"), 1, 1))


@pytest.mark.parametrize(
    ("strategy", "chosen"),
    [
        ("lowest-price", "a.large"),
        ("capacity-optimized", "b.large"),
        ("price-capacity-optimized", "b.large"),
        ("capacity-optimized-prioritized", "b.large"),
    ],
)
def test_each_strategy_picks_its_pool(strategy, chosen):
    wish = Wish(1, 0, POOLS, strategy, "prioritized", 1, balance_zones=True)
    prices = Prices(
        spot=lambda p: {"a.large": 0.03, "b.large": 0.04}[p.instance_type],
        on_demand=lambda _: 0.1,
        depth=lambda p: {"a.large": 3, "b.large": 9}[p.instance_type],
        is_dry=lambda _: False,
    )
    step = plan(wish, [], prices)
    assert [launch.pool.instance_type for launch in step.launches] == [chosen]


def test_protected_instances_are_never_ended():
    wish = Wish(0, 0, POOLS, "lowest-price", "prioritized", 1, balance_zones=True)
    kept = Member("i-1", POOLS[0].pool, True, 1, True, True, False, 60.0)
    free = Member("i-2", POOLS[0].pool, True, 1, True, False, False, 10.0)
    prices = Prices(lambda _: 0.03, lambda _: 0.1, lambda _: 5, lambda _: False)
    assert plan(wish, [kept, free], prices).ends == ("i-2",)
