"""Spot instances are warned over EventBridge and SQS, taken after two minutes, and replaced."""

import json
import time

import pytest

from tools.errors import DataError


def spot_of(aws, name):
    return next(i for i in aws.instances(name) if i.get("InstanceLifecycle") == "spot")


def drain(aws, account):
    """Every message in the queue, acknowledged."""
    bodies = []
    while True:
        got = aws("sqs").receive_message(QueueUrl=account.queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=5)
        if "Messages" not in got:
            return bodies
        for message in got["Messages"]:
            bodies.append(json.loads(message["Body"]))
            aws("sqs").delete_message(QueueUrl=account.queue_url, ReceiptHandle=message["ReceiptHandle"])


def test_a_warning_has_awss_shape_and_the_instance_goes_after_two_minutes(account, aws):
    drain(aws, account)
    victim = spot_of(aws, "ml-train")
    notice = account.interrupt(victim["InstanceId"])
    assert notice["instance_id"] == victim["InstanceId"]
    (event,) = drain(aws, account)
    assert event["source"] == "aws.ec2"
    assert event["detail-type"] == "EC2 Spot Instance Interruption Warning"
    assert event["detail"] == {"instance-id": victim["InstanceId"], "instance-action": "terminate"}
    zone = victim["Placement"]["AvailabilityZone"]
    assert event["resources"] == [f"arn:aws:ec2:{zone}:instance/{victim['InstanceId']}"]
    assert event["time"] == account.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")

    account.advance(115)
    assert victim["InstanceId"] in {i["InstanceId"] for i in aws.instances("ml-train")}
    account.advance(10)
    seen = aws("ec2").describe_instances(InstanceIds=[victim["InstanceId"]])["Reservations"][0]["Instances"][0]
    assert seen["State"]["Name"] == "terminated"
    assert seen["StateReason"]["Code"] == "Server.SpotInstanceTermination"
    (ended,) = drain(aws, account)
    assert ended["detail-type"] == "EC2 Instance State-change Notification"
    assert ended["detail"] == {"instance-id": victim["InstanceId"], "state": "terminated"}


def test_the_group_replaces_what_was_taken(account, aws):
    victim = spot_of(aws, "batch")["InstanceId"]
    account.interrupt(victim)
    account.advance(180)
    ids = {m["InstanceId"] for m in aws.group("batch")["Instances"]}
    assert len(ids) == 24
    assert victim not in ids
    told = [(e["operation"], e["ids"]) for e in account.effects() if e["service"] == "simulation"]
    assert ("ReclaimSpotInstance", [victim]) in told
    assert [operation for operation, _ in told[-2:]] == ["LaunchInstance", "ResumeJob"]


def test_a_maintained_fleet_replaces_what_was_taken(account, aws):
    fleet = aws("ec2").describe_fleets()["Fleets"][0]["FleetId"]
    victim = aws("ec2").describe_fleet_instances(FleetId=fleet)["ActiveInstances"][0]["InstanceId"]
    account.interrupt(victim)
    account.advance(180)
    ids = [i["InstanceId"] for i in aws("ec2").describe_fleet_instances(FleetId=fleet)["ActiveInstances"]]
    assert len(ids) == 6
    assert victim not in ids


def test_a_rebalance_recommendation_is_only_acted_on_by_groups_that_asked(account, aws):
    drain(aws, account)
    for name, acts in (("ml-train", False), ("web-canary", True)):
        warned = spot_of(aws, name)["InstanceId"]
        size = len(aws.instances(name))
        account.rebalance(warned)
        (event,) = drain(aws, account)
        assert event["detail-type"] == "EC2 Instance Rebalance Recommendation"
        assert event["detail"] == {"instance-id": warned}
        account.advance(5)
        assert len(aws.instances(name)) == size + acts, "a replacement comes before the old one goes"
        account.advance(120)
        assert (warned not in {i["InstanceId"] for i in aws.instances(name)}) is acts
        drain(aws, account)


def test_a_second_warning_changes_nothing(account, aws):
    drain(aws, account)
    victim = spot_of(aws, "batch")["InstanceId"]
    first = account.interrupt(victim)
    account.advance(30)
    assert account.interrupt(victim)["reclaimed_at"] == first["reclaimed_at"]
    assert len(drain(aws, account)) == 1


def test_on_demand_and_unknown_instances_are_not_interrupted(account, aws):
    for instance_id in (aws.instances("api-core")[0]["InstanceId"], "i-00000000000000000"):
        with pytest.raises(DataError, match=instance_id):
            account.interrupt(instance_id)


def test_an_empty_stepped_queue_answers_at_once_and_blocks_nobody(account, aws):
    drain(aws, account)
    began = time.monotonic()
    assert "Messages" not in aws("sqs").receive_message(QueueUrl=account.queue_url, WaitTimeSeconds=10)
    assert time.monotonic() - began < 10


def test_nothing_is_taken_by_chance_in_stepped_time(account, aws):
    before = {i["InstanceId"] for i in aws.instances("batch")}
    account.advance(6 * 3600)
    after = {i["InstanceId"] for i in aws.instances("batch")}
    assert len(before - after) <= 1  # the one that was warned above
    account.random_interruptions(on=True)
    reclaimed = len([e for e in account.effects() if e["operation"] == "ReclaimSpotInstance"])
    account.advance(48 * 3600)
    account.random_interruptions(on=False)
    assert len([e for e in account.effects() if e["operation"] == "ReclaimSpotInstance"]) > reclaimed
