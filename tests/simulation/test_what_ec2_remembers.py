"""Spot requests, scaling activities, fleet histories, Reserved Instances and rationed scores, asked for as of AWS."""

import json
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from tests.forked_accounts import started
from tests.simulation.conftest import Reach
from tools.errors import DataError
from tools.simulation.client import SimulatedAccount

SCORED = {"TargetCapacity": 10, "SingleAvailabilityZone": True, "RegionNames": ["us-east-1"]}


@pytest.fixture
def account() -> Iterator[SimulatedAccount]:
    with started(stepped=True, seed=7) as running:
        yield running


@pytest.fixture
def aws(account) -> Iterator[Reach]:
    reach = Reach(account, {})
    yield reach
    reach.close()


def spot_of(aws, group: str) -> list[str]:
    return [i["InstanceId"] for i in aws.instances(group) if i.get("InstanceLifecycle") == "spot"]


def request_of(aws, instance_id: str):
    asked = {"Filters": [{"Name": "instance-id", "Values": [instance_id]}]}
    (found,) = aws("ec2").describe_spot_instance_requests(**asked)["SpotInstanceRequests"]
    return found


def activities(aws, group: str):
    return aws("autoscaling").describe_scaling_activities(AutoScalingGroupName=group)["Activities"]


def test_a_request_tells_the_pool_and_that_it_was_fulfilled(aws):
    for group in ("ml-train", "batch"):
        seen = {i["InstanceId"]: i for i in aws.instances(group)}
        for instance_id in spot_of(aws, group)[:2]:
            request = request_of(aws, instance_id)
            assert request["Status"]["Code"] == "fulfilled"
            assert request["LaunchSpecification"]["InstanceType"] == seen[instance_id]["InstanceType"]
            assert request["LaunchedAvailabilityZone"] == seen[instance_id]["Placement"]["AvailabilityZone"]
            assert request["SpotInstanceRequestId"] == seen[instance_id]["SpotInstanceRequestId"]


def test_an_interruption_is_marked_first_and_then_a_lack_of_capacity(account, aws):
    taken = spot_of(aws, "batch")[0]
    account.interrupt(taken)
    assert request_of(aws, taken)["Status"]["Code"] == "marked-for-termination"
    assert request_of(aws, taken)["State"] == "active"
    account.advance(150)
    request = request_of(aws, taken)
    assert request["Status"]["Code"] in (
        "instance-terminated-no-capacity",
        "instance-terminated-capacity-oversubscribed",
    )
    assert request["State"] == "closed"


def test_an_instance_that_a_person_ended_was_not_interrupted(account, aws):
    ended = spot_of(aws, "batch")[0]
    aws("ec2").terminate_instances(InstanceIds=[ended])
    account.advance(10)
    assert request_of(aws, ended)["Status"]["Code"] == "instance-terminated-by-user"


def test_closed_requests_are_forgotten_after_hours_and_open_ones_are_not(account, aws):
    taken, stays = spot_of(aws, "batch")[:2]
    account.interrupt(taken)
    account.advance(7 * 3600)
    asked = {"Filters": [{"Name": "instance-id", "Values": [taken]}]}
    assert aws("ec2").describe_spot_instance_requests(**asked)["SpotInstanceRequests"] == []
    assert request_of(aws, stays)["State"] == "active"


def test_a_group_says_where_it_launched_and_why_an_instance_left(account, aws):
    taken = spot_of(aws, "batch")[0]
    zone = {i["InstanceId"]: i["Placement"]["AvailabilityZone"] for i in aws.instances("batch")}[taken]
    first = next(a for a in activities(aws, "batch") if taken in a["Description"])
    assert json.loads(first["Details"])["Availability Zone"] == zone
    account.interrupt(taken)
    account.advance(150)
    left = next(a for a in activities(aws, "batch") if a["Description"] == f"Terminating EC2 instance: {taken}")
    assert "EC2 health check indicating it has been terminated or stopped" in left["Cause"]


def test_a_group_that_rebalances_says_which_signal_it_followed(account, aws):
    warned, noticed = spot_of(aws, "web-canary")[:2]
    account.rebalance(warned)
    account.interrupt(noticed)
    account.advance(110)
    ends = [a for a in activities(aws, "web-canary") if a["Description"].startswith("Terminating")]
    causes = {a["Description"].rpartition(" ")[2]: a["Cause"] for a in ends}
    assert "rebalance recommendation" in causes[warned]
    assert "Spot interruption notice" in causes[noticed]


def test_a_group_without_capacity_is_refused_in_every_zone_and_asks_again(account, aws):
    for zone in ("us-east-1a", "us-east-1b", "us-east-1c"):
        for kind in ("c5.2xlarge", "c6i.2xlarge", "m5.2xlarge"):
            account.dry(kind, zone)
    aws("autoscaling").set_desired_capacity(AutoScalingGroupName="batch", DesiredCapacity=26)
    account.advance(30)
    failed = [a for a in activities(aws, "batch") if a["StatusCode"] == "Failed"]
    assert {json.loads(a["Details"])["Availability Zone"] for a in failed} == {
        "us-east-1a",
        "us-east-1b",
        "us-east-1c",
    }
    assert all("Could not launch Spot Instances. InsufficientInstanceCapacity" in a["StatusMessage"] for a in failed)
    account.advance(600)
    again = [a for a in activities(aws, "batch") if a["StatusCode"] == "Failed"]
    assert len(again) == 9
    asked = {"Name": "StartTimeLowerBound", "Values": [account.clock.now().isoformat()]}
    late = aws("autoscaling").describe_scaling_activities(AutoScalingGroupName="batch", Filters=[asked])
    assert late["Activities"] == []


def test_a_fleets_history_tells_launches_and_refusals(account, aws):
    (fleet,) = aws("ec2").describe_fleets()["Fleets"]
    since = fleet["CreateTime"]
    history = aws("ec2").describe_fleet_history(FleetId=fleet["FleetId"], StartTime=since)["HistoryRecords"]
    assert [r["EventInformation"]["EventSubType"] for r in history] == ["launched"] * 6
    assert {json.loads(r["EventInformation"]["EventDescription"])["instanceType"] for r in history} <= {
        "c6i.4xlarge",
        "c5.4xlarge",
    }
    for zone in ("us-east-1a", "us-east-1b", "us-east-1c"):
        for kind in ("c6i.4xlarge", "c5.4xlarge"):
            account.dry(kind, zone)
    account.interrupt(history[0]["EventInformation"]["InstanceId"])
    account.advance(150)
    asked = {"FleetId": fleet["FleetId"], "StartTime": since, "EventType": "service-error"}
    refused = aws("ec2").describe_fleet_history(**asked)["HistoryRecords"]
    assert {r["EventInformation"]["EventSubType"] for r in refused} == {"insufficientInstanceCapacity"}
    assert len(refused) == 6


def test_reserved_instances_of_the_tour_cover_no_fleet(aws):
    (reserved,) = aws("ec2").describe_reserved_instances(Filters=[{"Name": "state", "Values": ["active"]}])[
        "ReservedInstances"
    ]
    assert (reserved["InstanceType"], reserved["Scope"], reserved["State"]) == ("t3.medium", "Region", "active")
    retired = aws("ec2").describe_reserved_instances(Filters=[{"Name": "state", "Values": ["retired"]}])
    assert retired["ReservedInstances"] == []


def test_new_questions_for_placement_scores_are_rationed_by_the_day(account, aws):
    account.limit_placement(1)
    first = {"InstanceTypes": ["m5.large", "c5.large", "r5.large"], **SCORED}
    other = {"InstanceTypes": ["m5.large", "c5.large", "t3.large"], **SCORED}
    assert aws("ec2").get_spot_placement_scores(**first)["SpotPlacementScores"]
    with pytest.raises(ClientError, match="MaxConfigLimitExceeded"):
        aws("ec2").get_spot_placement_scores(**other)
    assert aws("ec2").get_spot_placement_scores(**first)["SpotPlacementScores"], "an old question may be asked again"
    account.advance(24 * 3600)
    assert aws("ec2").get_spot_placement_scores(**other)["SpotPlacementScores"]
    with pytest.raises(DataError, match="placement_configurations"):
        account.limit_placement(-1)
