"""The account commits the faults it is told to, remembers client tokens, and its effect log tells the truth."""

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from tools.errors import DataError
from tools.simulation.client import SimulatedAccount

RUN = {"ImageId": "ami-0c02fb55956c7d316", "InstanceType": "m5.large", "MinCount": 1, "MaxCount": 1}


def set_desired(aws, count):
    return aws("autoscaling").set_desired_capacity(AutoScalingGroupName="batch", DesiredCapacity=count)


@pytest.mark.parametrize(
    ("kind", "ec2", "autoscaling", "s3"),
    [
        ("throttle", "RequestLimitExceeded", "Throttling", "SlowDown"),
        ("error-500", "InternalError", "InternalFailure", "InternalError"),
        ("access-denied", "UnauthorizedOperation", "AccessDenied", "AccessDenied"),
        ("expired-credentials", "RequestExpired", "ExpiredToken", "ExpiredToken"),
    ],
)
def test_refusals_carry_each_services_own_code_once(account, aws, kind, ec2, autoscaling, s3):
    before = len(account.effects())
    calls = {
        "RunInstances": (ec2, lambda: aws("ec2").run_instances(**RUN)),
        "SetDesiredCapacity": (autoscaling, lambda: set_desired(aws, 25)),
        "PutObject": (s3, lambda: aws("s3").put_object(Bucket="acme-checkpoints", Key="x", Body=b"x")),
    }
    for operation, (code, call) in calls.items():
        account.fail(operation, kind)
        with pytest.raises(ClientError) as refused:
            call()
        assert refused.value.response["Error"]["Code"] == code
    assert len(account.effects()) == before, "a refusal has no effect"
    set_desired(aws, 24)  # the fault is used up


@pytest.mark.parametrize("kind", ["drop", "timeout-before-effect"])
def test_a_lost_request_has_no_effect(account, aws, kind):
    before = len(account.effects())
    account.fail("SetDesiredCapacity", kind)
    with pytest.raises(ConnectionClosedError):
        set_desired(aws, 30)
    assert len(account.effects()) == before
    assert aws.group("batch")["DesiredCapacity"] == 24


def test_a_lost_answer_had_its_effect_and_the_log_says_so(account, aws):
    after = len(account.effects())
    account.fail("SetDesiredCapacity", "timeout-after-effect")
    with pytest.raises(ConnectionClosedError):
        set_desired(aws, 25)
    (row,) = account.effects(after)
    assert (row["seq"], row["service"], row["operation"]) == (after + 1, "autoscaling", "SetDesiredCapacity")
    assert row["parameters"]["DesiredCapacity"] == "25"
    assert row["ids"] == ["batch"]
    assert aws.group("batch")["DesiredCapacity"] == 25
    set_desired(aws, 24)


def test_faults_come_as_often_and_as_late_as_ordered(account, aws):
    account.fail("DescribeFleets", "throttle", times=2, skip=1)
    outcomes = []
    for _ in range(4):
        try:
            aws("ec2").describe_fleets()
            outcomes.append("ok")
        except ClientError:
            outcomes.append("throttled")
    assert outcomes == ["ok", "throttled", "throttled", "ok"]


def test_a_slow_answer_is_an_answer(account, aws):
    account.fail("DescribeFleets", "slow", seconds=0.05)
    assert aws("ec2").describe_fleets()["Fleets"]


def test_faults_can_be_taken_back_and_unknown_ones_are_refused(account, aws):
    account.fail("*", "error-500", times=1000)
    account.mend()
    assert aws("ec2").describe_fleets()["Fleets"]
    with pytest.raises(DataError, match="earthquake"):
        account.fail("RunInstances", "earthquake")


def test_a_client_token_is_remembered(account, aws):
    before = len(account.effects())
    account.fail("RunInstances", "timeout-after-effect")
    with pytest.raises(ConnectionClosedError):
        aws("ec2").run_instances(**RUN, ClientToken="once")
    again = aws("ec2").run_instances(**RUN, ClientToken="once")["Instances"][0]["InstanceId"]
    (row,) = account.effects(before)
    assert again in row["ids"], "the second answer is the first effect's"
    with pytest.raises(ClientError, match="IdempotentParameterMismatch"):
        aws("ec2").run_instances(**{**RUN, "InstanceType": "c5.large"}, ClientToken="once")
    assert len(account.effects(before)) == 1


def test_a_dry_pool_refuses_a_spot_launch(account, aws):
    account.dry("m5.large", "us-east-1a")
    spot = {**RUN, "InstanceMarketOptions": {"MarketType": "spot"}, "Placement": {"AvailabilityZone": "us-east-1a"}}
    with pytest.raises(ClientError, match="InsufficientInstanceCapacity"):
        aws("ec2").run_instances(**spot)


def test_reads_and_dry_runs_leave_no_trace_and_writes_keep_their_order(account, aws):
    before = len(account.effects())
    aws("ec2").describe_instances()
    aws("s3").list_objects_v2(Bucket="acme-checkpoints")
    aws("sts").get_caller_identity()
    with pytest.raises(ClientError, match="DryRunOperation"):
        aws("ec2").run_instances(**RUN, DryRun=True)
    aws("s3").put_object(Bucket="acme-checkpoints", Key="a", Body=b"1", IfNoneMatch="*")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        aws("s3").put_object(Bucket="acme-checkpoints", Key="a", Body=b"2", IfNoneMatch="*")
    aws("autoscaling").create_or_update_tags(
        Tags=[
            {
                "ResourceId": "batch",
                "ResourceType": "auto-scaling-group",
                "Key": "k",
                "Value": "v",
                "PropagateAtLaunch": False,
            }
        ]
    )
    rows = account.effects(before)
    assert [r["operation"] for r in rows] == ["PutObject", "CreateOrUpdateTags"]
    assert [r["seq"] for r in rows] == [before + 1, before + 2]
    assert all(r["request_id"] for r in rows)


def test_the_log_on_disk_is_the_log_in_memory(tmp_path):
    import json

    path = tmp_path / "effects.jsonl"
    with SimulatedAccount.start(stepped=True, effects=path) as account:
        victim = next(
            i["instance_id"]
            for f in account.state()["fleets"]
            for i in f["instances"]
            if i["purchase_option"] == "spot"
        )
        account.interrupt(victim)
        account.advance(200)
        rows = account.effects()
        assert rows
        assert [json.loads(line) for line in path.read_text().splitlines()] == rows


def test_an_action_that_is_not_served_is_refused_in_the_services_own_words(account, aws):
    before = len(account.effects())
    with pytest.raises(ClientError, match="InvalidAction"):
        aws("ec2").describe_capacity_reservations()
    assert len(account.effects()) == before


def test_a_tag_that_no_answer_could_carry_is_refused_when_it_is_written(aws):
    tag = {"Key": "note", "Value": "\x1b[2Jx", "ResourceId": "batch", "ResourceType": "auto-scaling-group"}
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        aws("autoscaling").create_or_update_tags(Tags=[tag | {"PropagateAtLaunch": False}])
    assert aws("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
