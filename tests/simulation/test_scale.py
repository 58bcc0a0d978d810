"""The scenario `scale` described by plain boto3: pages, tokens, filters, errors, and every change visible at once."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.forked_accounts import started
from tests.simulation.conftest import Reach
from tools.errors import SpotError
from tools.simulation.client import SimulatedAccount

GROUPS = 120
SIZES = 600


@pytest.fixture(scope="module")
def account() -> Iterator[SimulatedAccount]:
    with started(scenario=f"scale:{GROUPS}", stepped=True, seed=7) as running:
        yield running


def pages(aws: Reach, size: int | None = None, **asked: Any) -> list[list[dict[str, Any]]]:
    config = {"PageSize": size} if size else {}
    found = aws("ec2").get_paginator("describe_instances").paginate(**asked, PaginationConfig=config)
    return [[i for r in page["Reservations"] for i in r["Instances"]] for page in found]


def found(aws: Reach, **filters: list[str]) -> set[str]:
    named = [{"Name": k.replace("__", ":").replace("_", "-"), "Values": v} for k, v in filters.items()]
    return {i["InstanceId"] for page in pages(aws, Filters=named) for i in page}


def refused(call: Any, **asked: Any) -> str:
    with pytest.raises(ClientError) as raised:
        call(**asked)
    return str(raised.value.response["Error"]["Code"])


def everything(aws: Reach) -> list[dict[str, Any]]:
    return [i for page in pages(aws) for i in page]


def tag(instance: dict[str, Any], key: str) -> str | None:
    return next((t["Value"] for t in instance["Tags"] if t["Key"] == key), None)


def test_it_holds_as_many_groups_as_it_was_asked_for_each_at_its_size(aws: Reach) -> None:
    rows = aws("autoscaling").get_paginator("describe_auto_scaling_groups").paginate().build_full_result()
    groups = rows["AutoScalingGroups"]
    assert len(groups) == GROUPS
    assert all(len(g["Instances"]) == g["DesiredCapacity"] for g in groups)
    assert sum(len(g["Instances"]) for g in groups) == SIZES
    assert any("MixedInstancesPolicy" not in g for g in groups)
    strategies = {
        g["MixedInstancesPolicy"]["InstancesDistribution"]["SpotAllocationStrategy"]
        for g in groups
        if "MixedInstancesPolicy" in g
    }
    assert len(strategies) >= 4


def test_the_same_seed_lays_out_the_same_account() -> None:
    told = []
    for start in (SimulatedAccount.start, started):
        with start(scenario="scale:3", stepped=True, seed=5) as one:
            told.append(one.state()["fleets"])
    assert told[0] == told[1]


@pytest.mark.parametrize("size", ["0", "x"])
def test_a_size_that_is_none_is_refused_and_says_what_was_expected(size: str) -> None:
    with pytest.raises(SpotError, match="expected 1 to 20,000"):
        started(scenario=f"scale:{size}", stepped=True)


def test_every_instance_comes_once_whatever_the_page(aws: Reach) -> None:
    whole = Counter(i["InstanceId"] for i in everything(aws))
    for size in (5, 17, 1_000):
        told = pages(aws, size)
        assert all(len(page) <= size for page in told)
        assert Counter(i for page in told for i in (x["InstanceId"] for x in page)) == whole
    assert max(whole.values()) == 1


def test_a_page_token_stays_true_when_the_instance_before_it_is_gone(aws: Reach, account: SimulatedAccount) -> None:
    ec2 = aws("ec2")
    first = ec2.describe_instances(MaxResults=7)
    on_it = [i["InstanceId"] for r in first["Reservations"] for i in r["Instances"]]
    ec2.terminate_instances(InstanceIds=on_it[-1:])
    account.advance(2 * 3_600)  # EC2 forgets it
    second = ec2.describe_instances(MaxResults=7, NextToken=first["NextToken"])
    after = [i["InstanceId"] for r in second["Reservations"] for i in r["Instances"]]
    left = [i for i in (x["InstanceId"] for x in everything(aws)) if i not in on_it]
    assert after == left[: len(after)]


@pytest.mark.parametrize(
    ("filters", "passes"),
    [
        ({"instance_type": ["m5.large", "g5.xlarge"]}, lambda i: i["InstanceType"] in ("m5.large", "g5.xlarge")),
        ({"availability_zone": ["us-east-1b"]}, lambda i: i["Placement"]["AvailabilityZone"] == "us-east-1b"),
        ({"instance_lifecycle": ["spot"]}, lambda i: i.get("InstanceLifecycle") == "spot"),
        ({"instance_state_name": ["running"]}, lambda i: i["State"]["Name"] == "running"),
        ({"tag__workload": ["web", "ci"]}, lambda i: tag(i, "workload") in ("web", "ci")),
        ({"tag__aws:autoscaling:groupName": ["web-*"]}, lambda i: str(tag(i, "aws:autoscaling:groupName"))[:4] == "web-"),
        ({"instance_type": ["?5.large"]}, lambda i: i["InstanceType"][1:] == "5.large"),
        ({"instance_type": ["[m]5.large"]}, lambda i: False),
        ({"tag_key": ["team"]}, lambda i: tag(i, "team") is not None),
        ({"tag__team": ["shop"], "instance_lifecycle": ["spot"]},
         lambda i: tag(i, "team") == "shop" and i.get("InstanceLifecycle") == "spot"),
    ],
)  # fmt: skip
def test_a_filter_finds_what_looking_at_every_instance_finds(aws: Reach, filters: Any, passes: Any) -> None:
    assert found(aws, **filters) == {i["InstanceId"] for i in everything(aws) if passes(i)}


def test_an_id_that_is_gone_is_left_out_of_a_filter_and_refused_as_an_id(aws: Reach) -> None:
    ids = [i["InstanceId"] for i in everything(aws)][:3]
    gone = "i-0123456789abcdef0"
    assert found(aws, instance_id=[*ids, gone]) == set(ids)
    assert refused(aws("ec2").describe_instances, InstanceIds=[ids[0], gone]) == "InvalidInstanceID.NotFound"


def test_what_ec2_does_not_take_is_refused_in_its_words(aws: Reach) -> None:
    ask = aws("ec2").describe_instances
    many = [{"Name": "instance-id", "Values": [f"i-{n:017x}" for n in range(201)]}]
    assert refused(ask, Filters=many) == "FilterLimitExceeded"
    assert refused(ask, Filters=[{"Name": "colour", "Values": ["red"]}]) == "InvalidParameterValue"
    assert refused(ask, MaxResults=4) == "InvalidParameterValue"
    assert refused(ask, NextToken="somewhere") == "InvalidNextToken"
    assert refused(ask, InstanceIds=["i-0123456789abcdef0"], MaxResults=5) == "InvalidParameterCombination"


def test_groups_come_in_pages_of_fifty_and_a_hundred_at_most(aws: Reach) -> None:
    ask = aws("autoscaling").describe_auto_scaling_groups
    first = ask()
    assert len(first["AutoScalingGroups"]) == 50
    rest = ask(NextToken=first["NextToken"], MaxRecords=100)
    names = [g["AutoScalingGroupName"] for g in (*first["AutoScalingGroups"], *rest["AutoScalingGroups"])]
    assert len(names) == len(set(names)) == GROUPS
    assert "NextToken" not in rest
    assert refused(ask, MaxRecords=101) == "ValidationError"
    assert refused(ask, NextToken="somewhere") == "InvalidNextToken"


def test_groups_are_found_by_name_and_by_tag(aws: Reach) -> None:
    every = aws("autoscaling").get_paginator("describe_auto_scaling_groups").paginate().build_full_result()
    groups = every["AutoScalingGroups"]
    names = [groups[9]["AutoScalingGroupName"], groups[2]["AutoScalingGroupName"]]
    ask = aws("autoscaling").describe_auto_scaling_groups
    told = ask(AutoScalingGroupNames=[*names, "nobody", names[0]])["AutoScalingGroups"]
    assert told == [groups[2], groups[9]]
    shop = ask(Filters=[{"Name": "tag:team", "Values": ["shop"]}], MaxRecords=100)["AutoScalingGroups"]
    assert shop == [g for g in groups if {"team": "shop"}.items() <= {t["Key"]: t["Value"] for t in g["Tags"]}.items()]
    assert refused(ask, Filters=[{"Name": "colour", "Values": ["red"]}]) == "ValidationError"


def test_instances_of_groups_are_told_in_pages_of_fifty_and_by_id(aws: Reach) -> None:
    client = aws("autoscaling")
    first = client.describe_auto_scaling_instances()
    assert len(first["AutoScalingInstances"]) == 50
    every = client.get_paginator("describe_auto_scaling_instances").paginate().build_full_result()
    ids = [i["InstanceId"] for i in every["AutoScalingInstances"]]
    assert len(ids) == len(set(ids)) == SIZES
    told = client.describe_auto_scaling_instances(InstanceIds=ids[4:6])["AutoScalingInstances"]
    assert told == every["AutoScalingInstances"][4:6]


def test_versions_of_every_template_are_told_in_pages(aws: Reach) -> None:
    pager = aws("ec2").get_paginator("describe_launch_template_versions")
    told = pager.paginate(Versions=["$Default"], PaginationConfig={"PageSize": 50}).build_full_result()
    names = [v["LaunchTemplateName"] for v in told["LaunchTemplateVersions"]]
    assert len(names) == len(set(names)) == GROUPS
    ask = aws("ec2").describe_launch_template_versions
    assert refused(ask, Versions=["$Default"], NextToken="somewhere") == "InvalidNextToken"
    assert refused(ask, Versions=["$Default"], MaxResults=201) == "InvalidParameterValue"


def test_what_changes_is_seen_by_the_next_call(aws: Reach) -> None:
    ec2, groups = aws("ec2"), aws("autoscaling")
    first, second, third = [i["InstanceId"] for i in everything(aws) if i["State"]["Name"] == "running"][40:43]
    ec2.create_tags(Resources=[first], Tags=[{"Key": "seen <&>", "Value": 'at "once"'}])
    assert found(aws, **{"tag__seen <&>": ['at "once"']}) == {first}
    ec2.delete_tags(Resources=[first], Tags=[{"Key": "seen <&>"}])
    assert found(aws, **{"tag__seen <&>": ["*"]}) == set()
    ec2.terminate_instances(InstanceIds=[second])
    assert second in found(aws, instance_state_name=["terminated", "shutting-down"])
    run = ec2.run_instances(ImageId="ami-12345678", InstanceType="m5.large", MinCount=2, MaxCount=2)
    made = {i["InstanceId"] for i in run["Instances"]}
    assert found(aws, reservation_id=[run["ReservationId"]]) == made
    home = groups.describe_auto_scaling_instances(InstanceIds=[third])["AutoScalingInstances"][0][
        "AutoScalingGroupName"
    ]
    groups.update_auto_scaling_group(AutoScalingGroupName=home, MaxSize=97)
    assert aws.group(home)["MaxSize"] == 97
    groups.detach_instances(AutoScalingGroupName=home, InstanceIds=[third], ShouldDecrementDesiredCapacity=True)
    assert groups.describe_auto_scaling_instances(InstanceIds=[third])["AutoScalingInstances"] == []
