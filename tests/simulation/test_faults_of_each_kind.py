"""Each kind of fault, shown once by its effect; those that fit no operation are refused when they are ordered."""

import os
import select
import signal
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError, ConnectionClosedError
from botocore.parsers import ResponseParserError

from tests.forked_accounts import started
from tests.simulation.test_fleets_of_fleets import instant
from tests.simulation.test_single_instances import RUN, code_of
from tools.errors import DataError

GROUP = "trainers"


@pytest.fixture(autouse=True)
def mended(ground):
    yield
    ground.account.mend()


@pytest.fixture(scope="module")
def template(ground):
    (found,) = ground("ec2").describe_launch_templates(LaunchTemplateNames=["proving"])["LaunchTemplates"]
    return found["LaunchTemplateId"]


def desired(aws, count=None):
    if count is not None:
        aws("autoscaling").set_desired_capacity(AutoScalingGroupName=GROUP, DesiredCapacity=count)
    return aws.group(GROUP)["DesiredCapacity"]


def written(account, before):
    return [(r["access_key"], r["operation"]) for r in account.effects(before) if r["service"] != "simulation"]


def test_a_service_that_is_unavailable_says_so_in_its_own_words(ground):
    for operation, code, call in (
        ("RunInstances", "Unavailable", lambda: ground("ec2").run_instances(**RUN)),
        ("SetDesiredCapacity", "ServiceUnavailable", lambda: desired(ground, 5)),
    ):
        ground.account.fail(operation, "error-503")
        with pytest.raises(ClientError) as refused:
            call()
        answer = refused.value.response
        assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == (code, 503)


@pytest.mark.parametrize(("kind", "after"), [("drop", 4), ("drop-after-effect", 5)])
def test_a_dropped_connection_had_its_effect_or_not(ground, kind, after):
    ground.account.fail("SetDesiredCapacity", kind)
    with pytest.raises(ConnectionClosedError):
        desired(ground, 5)
    assert desired(ground) == after
    desired(ground, 4)


def test_a_malformed_answer_cannot_be_read_and_had_its_effect(ground):
    ground.account.fail("SetDesiredCapacity", "malformed")
    with pytest.raises(ResponseParserError):
        desired(ground, 5)
    assert desired(ground) == 5
    desired(ground, 4)


def test_credentials_that_expired_stay_so_until_they_are_renewed(ground):
    ground.account.fail("*", "expired-credentials", times=0, skip=2)
    outcomes = []
    for _ in range(5):
        try:
            desired(ground)
            outcomes.append("ok")
        except ClientError as error:
            outcomes.append(error.response["Error"]["Code"])
    assert outcomes == ["ok", "ok", "ExpiredToken", "ExpiredToken", "ExpiredToken"]
    ground.account.mend()
    assert desired(ground) == 4


def test_a_quota_is_named_by_what_was_asked_for(ground, template):
    ec2 = ground("ec2")
    spot = {"InstanceMarketOptions": {"MarketType": "spot"}}
    for more, code in (({}, "VcpuLimitExceeded"), (spot, "MaxSpotInstanceCountExceeded")):
        ground.account.fail("RunInstances", "quota")
        assert code_of(ec2.run_instances, **RUN, **more) == code
    ground.account.fail("CreateFleet", "quota")
    answer = ec2.create_fleet(**instant(template))
    assert answer["Instances"] == []
    assert {e["ErrorCode"] for e in answer["Errors"]} == {"MaxSpotInstanceCountExceeded"}


def test_a_token_that_was_used_for_something_else_is_refused(ground):
    before = len(ground.account.effects())
    ground.account.fail("RunInstances", "token-mismatch")
    assert code_of(ground("ec2").run_instances, **RUN, ClientToken="new") == "IdempotentParameterMismatch"
    assert written(ground.account, before) == []


def test_an_instant_fleet_comes_in_part(ground, template):
    ground.account.fail("CreateFleet", "partial")
    answer = ground("ec2").create_fleet(**instant(template))
    assert sum(len(i["InstanceIds"]) for i in answer["Instances"]) == 2
    assert {e["ErrorCode"] for e in answer["Errors"]} == {"InsufficientInstanceCapacity"}
    ground.account.fail("CreateFleet", "insufficient-capacity")
    assert ground("ec2").create_fleet(**instant(template))["Instances"] == []


def test_fleets_are_deleted_and_cancelled_in_part(ground, template):
    ec2 = ground("ec2")
    fleets = [ec2.create_fleet(**instant(template))["FleetId"] for _ in range(2)]
    ground.account.fail("DeleteFleets", "partial")
    before = len(ground.account.effects())
    answer = ec2.delete_fleets(FleetIds=fleets, TerminateInstances=True)
    (row,) = [r for r in ground.account.effects(before) if r["service"] == "ec2"]
    assert row["ids"] == fleets[:1]
    assert [d["FleetId"] for d in answer["SuccessfulFleetDeletions"]] == fleets[:1]
    assert [(u["FleetId"], u["Error"]["Code"]) for u in answer["UnsuccessfulFleetDeletions"]] == [
        (fleets[1], "unexpectedError")
    ]
    crawlers = next(f["fleet_id"] for f in ground.account.state()["fleets"] if f["name"] == "crawlers")
    ground.account.fail("CancelSpotFleetRequests", "partial")
    before = len(ground.account.effects())
    answer = ec2.cancel_spot_fleet_requests(SpotFleetRequestIds=[crawlers], TerminateInstances=True)
    assert answer["SuccessfulFleetRequests"] == []
    assert answer["UnsuccessfulFleetRequests"][0]["Error"]["Code"] == "unexpectedError"
    assert written(ground.account, before) == []


def test_instances_come_as_few_as_they_may_or_not_at_all(ground):
    ec2 = ground("ec2")
    ground.account.fail("RunInstances", "partial", times=2)
    assert len(ec2.run_instances(**{**RUN, "MaxCount": 3})["Instances"]) == 1
    assert code_of(ec2.run_instances, **RUN) == "InsufficientInstanceCapacity"


def test_reads_lag_behind_a_write_for_as_long_as_they_are_told(ground):
    account = ground.account
    account.fail("*", "stale", times=0, seconds=120)
    assert desired(ground) == 4, "nothing was written yet"
    desired(ground, 5)
    made = ground("ec2").run_instances(**RUN)["Instances"][0]["InstanceId"]
    assert desired(ground) == 4
    assert code_of(ground("ec2").describe_instances, InstanceIds=[made]) == "InvalidInstanceID.NotFound"
    account.advance(60)
    desired(ground, 6)
    account.advance(61)
    assert desired(ground) == 5, "the first write is seen, the last is not"
    assert ground.described(InstanceIds=[made])
    account.advance(60)
    assert desired(ground) == 6
    desired(ground, 4)
    assert desired(ground) == 6
    account.mend()
    assert desired(ground) == 4


def test_some_reads_lag_and_the_others_do_not(ground):
    ground.account.fail("DescribeAutoScalingGroups", "stale", seconds=300)
    tag = {"ResourceId": GROUP, "ResourceType": "auto-scaling-group", "Key": "k", "PropagateAtLaunch": False}
    asg = ground("autoscaling")
    asg.create_or_update_tags(Tags=[{**tag, "Value": "v"}])
    assert asg.describe_tags(Filters=[{"Name": "key", "Values": ["k"]}])["Tags"]
    assert not any(t["Key"] == "k" for t in ground.group(GROUP)["Tags"])
    assert any(t["Key"] == "k" for t in ground.group(GROUP)["Tags"]), "once was ordered"


def test_a_stranger_changes_a_group_before_and_after_a_call(ground):
    account, before = ground.account, len(ground.account.effects())
    account.fail("SetDesiredCapacity", "stranger", change={"group": GROUP, "desired": 3, "max": 9})
    account.fail("SetDesiredCapacity", "stranger", change={"group": GROUP, "tags": {"seen": "yes"}}, when="after")
    desired(ground, 5)
    assert written(account, before) == [
        ("STRANGER", "UpdateAutoScalingGroup"),
        ("test", "SetDesiredCapacity"),
        ("STRANGER", "CreateOrUpdateTags"),
    ]
    group = ground.group(GROUP)
    assert (group["DesiredCapacity"], group["MaxSize"]) == (5, 9)
    desired(ground, 4)


def test_a_stranger_acts_around_reads_and_lost_answers_too(ground):
    account, fleets = ground.account, {f["name"]: f["fleet_id"] for f in ground.account.state()["fleets"]}
    account.fail("DescribeFleets", "stranger", change={"fleet": fleets["renderers"], "target": 3})
    (seen,) = ground("ec2").describe_fleets(FleetIds=[fleets["renderers"]])["Fleets"]
    assert seen["TargetCapacitySpecification"]["TotalTargetCapacity"] == 3
    mix = {"OnDemandBaseCapacity": 2, "OnDemandPercentageAboveBaseCapacity": 0}
    account.fail("SetDesiredCapacity", "stranger", change={"group": GROUP, "mix": mix}, when="after")
    account.fail("SetDesiredCapacity", "drop-after-effect")
    with pytest.raises(ConnectionClosedError):
        desired(ground, 5)
    assert ground.group(GROUP)["MixedInstancesPolicy"]["InstancesDistribution"]["OnDemandBaseCapacity"] == 2
    desired(ground, 4)


def test_a_stranger_ends_and_guards_instances_and_is_refused_as_anybody(ground):
    account = ground.account
    one = ground("ec2").run_instances(**RUN)["Instances"][0]["InstanceId"]
    before = len(account.effects())
    account.fail("DescribeTags", "stranger", change={"instance": one, "protect": True})
    account.fail("DescribeTags", "stranger", change={"instance": one, "terminate": True})
    ground("ec2").describe_tags()
    assert written(account, before) == [("STRANGER", "ModifyInstanceAttribute")]
    (refused,) = [r for r in account.effects(before) if r["operation"] == "StrangerRefused"]
    assert "disableApiTermination" in refused["parameters"]["refused"]


@pytest.mark.parametrize(
    ("operation", "kind", "more", "why"),
    [
        ("TerminateInstances", "partial", {}, "all or none"),
        ("UpdateAutoScalingGroup", "partial", {}, "whole or not at all"),
        ("ModifyFleet", "token-mismatch", {}, "no client token"),
        ("UpdateAutoScalingGroup", "quota", {}, "launches nothing"),
        ("RunInstances", "stale", {"seconds": 60}, "only Describe"),
        ("s3:ListObjectsV2", "stale", {"seconds": 60}, "only Describe"),
        ("DescribeInstances", "stale", {"seconds": 301}, "at most 300"),
        ("DescribeInstances", "stale", {}, "at most 300"),
        ("PutObject", "malformed", {}, "no body"),
        ("RunInstances", "stranger", {}, "needs a change"),
        ("RunInstances", "throttle", {"change": {"group": GROUP, "desired": 1}}, "needs a change"),
        ("RunInstances", "stranger", {"change": {"group": GROUP, "colour": 1}}, "known none"),
        ("RunInstances", "stranger", {"change": {"planet": 1}}, "needs one of"),
        ("RunInstances", "stranger", {"change": {"group": GROUP, "desired": 1}, "when": "never"}, "before or after"),
    ],
)
def test_what_does_not_fit_is_refused_when_it_is_ordered(ground, operation, kind, more, why):
    with pytest.raises(DataError, match=why):
        ground.account.fail(operation, kind, **more)


def copies_of(account):
    """Process ids of the account's copies."""
    tasks = Path(f"/proc/{account.pid}/task").glob("*/children")
    return {int(p) for t in tasks for p in t.read_text().split()}


def test_copies_of_the_past_end_with_the_lag_that_they_are_for(ground):
    ground.account.fail("*", "stale", times=0, seconds=10)
    for count in (4, 5, 4):
        desired(ground, count)
    assert len(copies_of(ground.account)) == 3
    ground.account.advance(10)
    desired(ground, 4)
    assert len(copies_of(ground.account)) == 1
    ground.account.mend()
    desired(ground, 4)
    assert copies_of(ground.account) == set()


def test_copies_of_the_past_end_with_their_account():
    with started(scenario="proving-ground", stepped=True) as account:
        account.fail("*", "stale", times=0, seconds=300)
        fleet = next(f["fleet_id"] for f in account.state()["fleets"] if f["kind"] == "ec2-fleet")
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        ec2 = boto3.client("ec2", endpoint_url=account.endpoint_url, region_name="us-east-1", **keys)
        ec2.create_tags(Resources=[fleet], Tags=[{"Key": "k", "Value": "v"}])
        ec2.close()
        (copy,) = copies_of(account)
        watched = os.pidfd_open(copy)
        os.kill(account.pid, signal.SIGKILL)
    ended, _, _ = select.select([watched], [], [], 20)
    os.close(watched)
    assert ended
