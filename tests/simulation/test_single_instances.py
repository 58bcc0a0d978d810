"""Single instances stop, start, hibernate and end as EC2 lets them; their disks outlive them when told to."""

import pytest
from botocore.exceptions import ClientError

RUN = {"ImageId": "ami-0c02fb55956c7d316", "InstanceType": "m5.large", "MinCount": 1, "MaxCount": 1}


def code_of(call, **asked):
    with pytest.raises(ClientError) as refused:
        call(**asked)
    return refused.value.response["Error"]["Code"]


def state(aws, instance_id):
    return aws.described(InstanceIds=[instance_id])[0]["State"]["Name"]


def run(aws, **more):
    instance_id = aws("ec2").run_instances(**{**RUN, **more})["Instances"][0]["InstanceId"]
    aws.account.advance(30)
    return instance_id


def test_a_persistent_spot_instance_stops_in_time_and_starts_again(ground):
    ec2, spot = ground("ec2"), ground.named("lone-spot")["InstanceId"]
    (row,) = ec2.stop_instances(InstanceIds=[spot])["StoppingInstances"]
    assert (row["PreviousState"]["Name"], row["CurrentState"]["Name"]) == ("running", "stopping")
    assert state(ground, spot) == "stopping"
    ground.account.advance(30)
    assert state(ground, spot) == "stopped"
    asked = [{"Name": "instance-id", "Values": [spot]}]
    (request,) = ec2.describe_spot_instance_requests(Filters=asked)["SpotInstanceRequests"]
    assert (request["Type"], request["State"]) == ("persistent", "disabled")
    assert request["Status"]["Code"] == "instance-stopped-by-user"
    ec2.start_instances(InstanceIds=[spot])
    assert state(ground, spot) == "pending"
    ground.account.advance(30)
    assert state(ground, spot) == "running"


def test_a_one_time_spot_instance_cannot_be_stopped_and_none_of_the_others_is(ground):
    one_time = next(i for i in ground.instances("trainers") if i.get("InstanceLifecycle") == "spot")["InstanceId"]
    saver = ground.named("lone-saver")["InstanceId"]
    assert code_of(ground("ec2").stop_instances, InstanceIds=[saver, one_time]) == "UnsupportedOperation"
    assert state(ground, saver) == "running"


def test_only_what_is_set_up_for_it_hibernates(ground):
    ec2, saver = ground("ec2"), ground.named("lone-saver")
    assert saver["HibernationOptions"] == {"Configured": True}
    other = ground.instances("ledger")[0]["InstanceId"]
    refused = code_of(ec2.stop_instances, InstanceIds=[other], Hibernate=True)
    assert refused == "UnsupportedHibernationConfiguration"
    ec2.stop_instances(InstanceIds=[saver["InstanceId"]], Hibernate=True)
    ground.account.advance(30)
    seen = ground.named("lone-saver")
    assert seen["State"]["Name"] == "stopped"
    assert "hibernate" in seen["StateTransitionReason"]
    ec2.start_instances(InstanceIds=[saver["InstanceId"]])
    ground.account.advance(30)


def test_an_instance_of_a_service_is_shown_as_such_and_left_alone(ground):
    ec2, managed = ground("ec2"), ground.named("lone-managed")
    assert managed["Operator"] == {"Managed": True, "Principal": "eks.amazonaws.com"}
    assert ground.named("lone-saver")["Operator"] == {"Managed": False}
    ids = {"InstanceIds": [managed["InstanceId"]]}
    for call in (ec2.stop_instances, ec2.terminate_instances, ec2.start_instances):
        assert code_of(call, **ids) == "OperationNotPermitted"
    one = managed["InstanceId"]
    protect = {"InstanceId": one, "DisableApiTermination": {"Value": True}}
    assert code_of(ec2.modify_instance_attribute, **protect) == "OperationNotPermitted"


def test_a_protected_instance_spares_its_zone_and_no_other(ground):
    ec2 = ground("ec2")
    a, b, c = (run(ground, Placement={"AvailabilityZone": f"us-east-1{z}"}) for z in "aab")
    ec2.modify_instance_attribute(InstanceId=a, DisableApiTermination={"Value": True})
    assert ec2.describe_instance_attribute(InstanceId=a, Attribute="disableApiTermination")[
        "DisableApiTermination"
    ] == {"Value": True}
    before = len(ground.account.effects())
    assert code_of(ec2.terminate_instances, InstanceIds=[a, b, c]) == "OperationNotPermitted"
    (row,) = ground.account.effects(before)
    assert (row["operation"], row["ids"]) == ("TerminateInstances", [c]), "the log tells what the answer does not"
    assert [state(ground, i) for i in (a, b, c)] == ["running", "running", "terminated"]
    ec2.modify_instance_attribute(InstanceId=a, DisableApiTermination={"Value": False})
    (row, _) = ec2.terminate_instances(InstanceIds=[a, b])["TerminatingInstances"]
    assert (row["PreviousState"]["Name"], row["CurrentState"]["Name"]) == ("running", "shutting-down")
    assert code_of(ec2.terminate_instances, InstanceIds=[a, "i-0123456789abcdef0"]) == "InvalidInstanceID.NotFound"


def test_a_volume_that_is_to_stay_outlives_its_instance(ground):
    ec2 = ground("ec2")
    disk = {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 20, "DeleteOnTermination": True}}
    instance_id = run(ground, BlockDeviceMappings=[disk])
    (seen,) = ground.described(InstanceIds=[instance_id])
    devices = {m["DeviceName"]: m["Ebs"] for m in seen["BlockDeviceMappings"]}
    assert {d: e["DeleteOnTermination"] for d, e in devices.items()} == {"/dev/xvda": True, "/dev/sdf": True}
    kept = {"DeviceName": "/dev/sdf", "Ebs": {"DeleteOnTermination": False}}
    ec2.modify_instance_attribute(InstanceId=instance_id, BlockDeviceMappings=[kept])
    shown = ec2.describe_instance_attribute(InstanceId=instance_id, Attribute="blockDeviceMapping")
    ends = {m["DeviceName"]: m["Ebs"]["DeleteOnTermination"] for m in shown["BlockDeviceMappings"]}
    assert ends == {"/dev/xvda": True, "/dev/sdf": False}
    lost = {"DeviceName": "/dev/sdz", "Ebs": {"DeleteOnTermination": False}}
    refused = code_of(ec2.modify_instance_attribute, InstanceId=instance_id, BlockDeviceMappings=[lost])
    assert refused == "InvalidInstanceAttributeValue"
    ec2.terminate_instances(InstanceIds=[instance_id])
    (left,) = ec2.describe_volumes(VolumeIds=[devices["/dev/sdf"]["VolumeId"]])["Volumes"]
    assert (left["State"], left["Size"]) == ("available", 20)
    root = {"VolumeIds": [devices["/dev/xvda"]["VolumeId"]]}
    assert code_of(ec2.describe_volumes, **root) == "InvalidVolume.NotFound"


def test_a_snapshot_takes_its_time_and_is_found_by_its_tag(ground):
    ec2, saver = ground("ec2"), ground.named("lone-saver")["InstanceId"]
    tags = [{"ResourceType": "snapshot", "Tags": [{"Key": "spotwarden:intent", "Value": "one"}]}]
    made = ec2.create_snapshots(InstanceSpecification={"InstanceId": saver}, TagSpecifications=tags)["Snapshots"]
    assert [s["State"] for s in made] == ["pending", "pending"]
    asked = [{"Name": "tag:spotwarden:intent", "Values": ["one"]}]

    def progress():
        found = ec2.describe_snapshots(Filters=asked)["Snapshots"]
        return sorted((s["VolumeSize"], s["State"], s["Progress"]) for s in found)

    assert progress() == [(8, "pending", "0%"), (20, "pending", "0%")]
    ground.account.advance(100)
    assert progress() == [(8, "completed", "100%"), (20, "pending", "62%")]
    ground.account.advance(60)
    assert progress() == [(8, "completed", "100%"), (20, "completed", "100%")]
    volume = made[0]["VolumeId"]
    one = ec2.create_snapshot(VolumeId=volume, TagSpecifications=tags)
    assert one["State"] == "pending"
    assert len(progress()) == 3


def test_several_instances_come_all_or_as_many_as_asked_for(ground):
    ec2 = ground("ec2")
    made = ec2.run_instances(**{**RUN, "MinCount": 2, "MaxCount": 3})["Instances"]
    assert [i["State"]["Name"] for i in made] == ["pending"] * 3
    assert code_of(ec2.run_instances, **{**RUN, "MinCount": 2}) == "InvalidParameterValue"
    assert code_of(ec2.run_instances, **{**RUN, "InstanceType": "m99.huge"}) == "InvalidParameterValue"
    persistent = {"MarketType": "spot", "SpotOptions": {"SpotInstanceType": "persistent"}}
    assert code_of(ec2.run_instances, **RUN, InstanceMarketOptions=persistent) == "InvalidParameterCombination"
    ec2.terminate_instances(InstanceIds=[i["InstanceId"] for i in made])


def test_a_dry_run_of_any_change_says_that_it_would_have_been_made(ground):
    ec2, saver = ground("ec2"), ground.named("lone-saver")["InstanceId"]
    fleet = ec2.describe_fleets()["Fleets"][0]
    template = fleet["LaunchTemplateConfigs"][0]["LaunchTemplateSpecification"]["LaunchTemplateId"]
    request = ec2.describe_spot_fleet_requests()["SpotFleetRequestConfigs"][0]
    before, target = len(ground.account.effects()), {"TotalTargetCapacity": 3}
    calls = [
        (ec2.run_instances, RUN),
        (ec2.stop_instances, {"InstanceIds": [saver]}),
        (ec2.start_instances, {"InstanceIds": [saver]}),
        (ec2.terminate_instances, {"InstanceIds": [saver]}),
        (ec2.modify_instance_attribute, {"InstanceId": saver, "DisableApiTermination": {"Value": True}}),
        (ec2.modify_fleet, {"FleetId": fleet["FleetId"], "TargetCapacitySpecification": target}),
        (ec2.delete_fleets, {"FleetIds": [fleet["FleetId"]], "TerminateInstances": True}),
        (
            ec2.cancel_spot_fleet_requests,
            {"SpotFleetRequestIds": [request["SpotFleetRequestId"]], "TerminateInstances": True},
        ),
        (ec2.modify_launch_template, {"LaunchTemplateId": template, "DefaultVersion": "2"}),
        (
            ec2.create_launch_template_version,
            {"LaunchTemplateId": template, "LaunchTemplateData": {"InstanceType": "m5.large"}},
        ),
        (ec2.create_snapshots, {"InstanceSpecification": {"InstanceId": saver}}),
        (ec2.create_tags, {"Resources": [saver], "Tags": [{"Key": "a", "Value": "b"}]}),
        (ec2.create_volume, {"AvailabilityZone": "us-east-1a", "Size": 1}),
        (ec2.delete_tags, {"Resources": [saver], "Tags": [{"Key": "team"}]}),
    ]
    for call, asked in calls:
        with pytest.raises(ClientError) as refused:
            call(**asked, DryRun=True)
        answer = refused.value.response
        assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == ("DryRunOperation", 412)
    assert len(ground.account.effects()) == before
    assert state(ground, saver) == "running"
    lost = {"InstanceIds": ["i-0123456789abcdef0"], "DryRun": True}
    assert code_of(ec2.stop_instances, **lost) == "InvalidInstanceID.NotFound"


def test_tags_of_instances_and_fleets_come_and_go_and_aws_keeps_its_own(ground):
    ec2, saver = ground("ec2"), ground.named("lone-saver")["InstanceId"]
    fleet = ec2.describe_fleets()["Fleets"][0]["FleetId"]
    note = [{"Key": "note", "Value": "x"}]
    ec2.create_tags(Resources=[saver, fleet], Tags=note)
    rows = ec2.describe_tags(Filters=[{"Name": "key", "Values": ["note"]}])["Tags"]
    assert {r["ResourceId"] for r in rows} == {saver, fleet}
    assert note[0] in ec2.describe_fleets(FleetIds=[fleet])["Fleets"][0]["Tags"]
    ec2.delete_tags(Resources=[saver, fleet], Tags=note)
    assert ec2.describe_tags(Filters=[{"Name": "key", "Values": ["note"]}])["Tags"] == []
    reserved = [{"Key": "aws:x", "Value": "y"}]
    assert code_of(ec2.create_tags, Resources=[saver], Tags=reserved) == "InvalidParameterValue"
