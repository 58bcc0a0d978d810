"""EC2 Fleets and Spot Fleet requests answer item by item, remember tokens, and template versions take effect."""

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from tests.simulation.test_single_instances import code_of

DATA = {"ImageId": "ami-0c02fb55956c7d316", "InstanceType": "m5.large"}
ROLE = "arn:aws:iam::123456789012:role/aws-ec2-spot-fleet-tagging-role"


@pytest.fixture(scope="module")
def template(ground):
    (found,) = ground("ec2").describe_launch_templates(LaunchTemplateNames=["proving"])["LaunchTemplates"]
    return found["LaunchTemplateId"]


def instant(template, **more):
    kinds = [{"InstanceType": k, "AvailabilityZone": "us-east-1a"} for k in ("r5.large", "r6i.large")]
    spec = {"LaunchTemplateId": template, "Version": "1"}
    return {
        "Type": "instant",
        "SpotOptions": {"AllocationStrategy": "price-capacity-optimized"},
        "TargetCapacitySpecification": {"TotalTargetCapacity": 4, "DefaultTargetCapacityType": "spot"},
        "LaunchTemplateConfigs": [{"LaunchTemplateSpecification": spec, "Overrides": kinds}],
        **more,
    }


def test_an_instant_fleet_says_what_it_launched_and_which_pools_were_dry(ground, template):
    ec2 = ground("ec2")
    whole = ec2.create_fleet(**instant(template))
    assert sum(len(i["InstanceIds"]) for i in whole["Instances"]) == 4
    assert whole["Errors"] == []
    for kind in ("r5.large", "r6i.large"):
        ground.account.dry(kind, "us-east-1a")
    none = ec2.create_fleet(**instant(template))
    assert none["Instances"] == []
    assert {e["ErrorCode"] for e in none["Errors"]} == {"InsufficientInstanceCapacity"}
    assert {e["LaunchTemplateAndOverrides"]["Overrides"]["InstanceType"] for e in none["Errors"]} == {
        "r5.large",
        "r6i.large",
    }
    for kind in ("r5.large", "r6i.large"):
        ground.account.dry(kind, "us-east-1a", dry=False)
    ids = [whole["FleetId"], none["FleetId"]]
    assert code_of(ec2.delete_fleets, FleetIds=ids, TerminateInstances=False) == "InvalidParameterCombination"
    ec2.delete_fleets(FleetIds=ids, TerminateInstances=True)
    ground.account.advance(5)
    assert {f["FleetState"] for f in ec2.describe_fleets(FleetIds=ids)["Fleets"]} == {"deleted"}


def test_fleets_are_deleted_item_by_item(ground, template):
    ec2 = ground("ec2")
    fleet = ec2.create_fleet(**{**instant(template), "Type": "maintain"})["FleetId"]
    ground.account.advance(5)
    lost, odd = "fleet-00000000-0000-0000-0000-000000000000", "flotilla-1"
    answer = ec2.delete_fleets(FleetIds=[fleet, lost, odd], TerminateInstances=False)
    (done,) = answer["SuccessfulFleetDeletions"]
    assert (done["FleetId"], done["CurrentFleetState"], done["PreviousFleetState"]) == (
        fleet,
        "deleted_running",
        "active",
    )
    failed = {u["FleetId"]: u["Error"]["Code"] for u in answer["UnsuccessfulFleetDeletions"]}
    assert failed == {lost: "fleetIdDoesNotExist", odd: "fleetIdMalformed"}
    again = ec2.delete_fleets(FleetIds=[fleet], TerminateInstances=True)["UnsuccessfulFleetDeletions"]
    assert again[0]["Error"]["Code"] == "fleetNotInDeletableState"
    ids = [i["InstanceId"] for i in ec2.describe_fleet_instances(FleetId=fleet)["ActiveInstances"]]
    assert len(ids) == 4, "they run on"
    ec2.terminate_instances(InstanceIds=ids)
    assert (
        code_of(ec2.modify_fleet, FleetId=fleet, ExcessCapacityTerminationPolicy="termination") == "InvalidFleetState"
    )


def test_a_pool_that_is_not_there_is_refused_before_anything_is_changed(ground, template):
    ec2 = ground("ec2")
    fleet = next(f for f in ground.account.state()["fleets"] if f["name"] == "renderers")["fleet_id"]
    before = ec2.describe_fleets(FleetIds=[fleet])["Fleets"]
    spec = {"LaunchTemplateId": template, "Version": "1"}
    for override in ({"InstanceType": "m99.huge"}, {"InstanceType": "m5.large", "AvailabilityZone": "us-east-1z"}):
        config = {"LaunchTemplateSpecification": spec, "Overrides": [override]}
        change = {"FleetId": fleet, "LaunchTemplateConfigs": [config]}
        target = {"TargetCapacitySpecification": {"TotalTargetCapacity": 9}}
        assert code_of(ec2.modify_fleet, **change, **target) == "InvalidParameterValue"
    assert ec2.describe_fleets(FleetIds=[fleet])["Fleets"] == before


def spot_fleet(template, **more):
    spec = {"LaunchTemplateId": template, "Version": "1"}
    overrides = [{"InstanceType": "r5.large", "WeightedCapacity": 2.0}]
    return {
        "IamFleetRole": ROLE,
        "AllocationStrategy": "diversified",
        "TargetCapacity": 4,
        "Type": "maintain",
        "LaunchTemplateConfigs": [{"LaunchTemplateSpecification": spec, "Overrides": overrides}],
        **more,
    }


def spot_members(aws, request_id):
    return aws("ec2").describe_spot_fleet_instances(SpotFleetRequestId=request_id)["ActiveInstances"]


def test_a_spot_fleet_request_is_made_changed_and_cancelled(ground, template):
    ec2 = ground("ec2")
    made = ec2.request_spot_fleet(SpotFleetRequestConfig=spot_fleet(template))["SpotFleetRequestId"]
    ground.account.advance(60)
    assert len(spot_members(ground, made)) == 2, "four units of weight two"
    ec2.modify_spot_fleet_request(SpotFleetRequestId=made, TargetCapacity=6)
    ground.account.advance(60)
    (shown,) = ec2.describe_spot_fleet_requests(SpotFleetRequestIds=[made])["SpotFleetRequestConfigs"]
    config = shown["SpotFleetRequestConfig"]
    assert (shown["SpotFleetRequestState"], shown["ActivityStatus"]) == ("active", "fulfilled")
    assert (config["TargetCapacity"], config["FulfilledCapacity"], config["AllocationStrategy"]) == (
        6,
        6,
        "diversified",
    )
    ec2.modify_spot_fleet_request(
        SpotFleetRequestId=made, TargetCapacity=2, ExcessCapacityTerminationPolicy="NoTermination"
    )
    ground.account.advance(60)
    assert len(spot_members(ground, made)) == 3, "it was told to end none"
    lost = "sfr-00000000-0000-0000-0000-000000000000"
    answer = ec2.cancel_spot_fleet_requests(SpotFleetRequestIds=[made, lost], TerminateInstances=True)
    assert [r["CurrentSpotFleetRequestState"] for r in answer["SuccessfulFleetRequests"]] == ["cancelled_terminating"]
    assert answer["UnsuccessfulFleetRequests"][0]["Error"]["Code"] == "fleetRequestIdDoesNotExist"
    ground.account.advance(5)
    (shown,) = ec2.describe_spot_fleet_requests(SpotFleetRequestIds=[made])["SpotFleetRequestConfigs"]
    assert shown["SpotFleetRequestState"] == "cancelled"
    again = ec2.cancel_spot_fleet_requests(SpotFleetRequestIds=[made], TerminateInstances=True)
    assert again["UnsuccessfulFleetRequests"][0]["Error"]["Code"] == "fleetRequestNotInCancellableState"
    assert code_of(ec2.modify_spot_fleet_request, SpotFleetRequestId=lost) == "InvalidSpotFleetRequestId.NotFound"


def test_a_spot_fleet_with_launch_specifications_places_as_they_say(ground):
    ec2 = ground("ec2")
    spec = {**DATA, "InstanceType": "r6i.large", "Placement": {"AvailabilityZone": "us-east-1c"}}
    config = {"IamFleetRole": ROLE, "TargetCapacity": 1, "Type": "request", "LaunchSpecifications": [spec]}
    made = ec2.request_spot_fleet(SpotFleetRequestConfig=config)["SpotFleetRequestId"]
    (one,) = spot_members(ground, made)
    (seen,) = ground.described(InstanceIds=[one["InstanceId"]])
    assert (seen["InstanceType"], seen["Placement"]["AvailabilityZone"]) == ("r6i.large", "us-east-1c")
    assert code_of(ec2.modify_spot_fleet_request, SpotFleetRequestId=made) == "InvalidSpotFleetRequestConfig"
    ec2.cancel_spot_fleet_requests(SpotFleetRequestIds=[made], TerminateInstances=True)


def tokened(ground, template):
    """operation → (call, first parameters, others), each with a client token."""
    ec2 = ground("ec2")
    version = {"LaunchTemplateId": template, "LaunchTemplateData": DATA, "ClientToken": "v"}
    fleet = spot_fleet(template, ClientToken="s", Type="request", TargetCapacity=2)
    return {
        "CreateFleet": (
            ec2.create_fleet,
            instant(template, ClientToken="f"),
            instant(template, ClientToken="f", Type="maintain"),
        ),
        "CreateLaunchTemplate": (
            ec2.create_launch_template,
            {"LaunchTemplateName": "made-once", "LaunchTemplateData": DATA, "ClientToken": "t"},
            {"LaunchTemplateName": "made-twice", "LaunchTemplateData": DATA, "ClientToken": "t"},
        ),
        "CreateLaunchTemplateVersion": (
            ec2.create_launch_template_version,
            version,
            {**version, "VersionDescription": "other"},
        ),
        "ModifyLaunchTemplate": (
            ec2.modify_launch_template,
            {"LaunchTemplateId": template, "DefaultVersion": "1", "ClientToken": "m"},
            {"LaunchTemplateId": template, "DefaultVersion": "2", "ClientToken": "m"},
        ),
        "RequestSpotFleet": (
            ec2.request_spot_fleet,
            {"SpotFleetRequestConfig": fleet},
            {"SpotFleetRequestConfig": {**fleet, "TargetCapacity": 3}},
        ),
    }


@pytest.mark.parametrize(
    "operation",
    ["CreateFleet", "CreateLaunchTemplate", "CreateLaunchTemplateVersion", "ModifyLaunchTemplate", "RequestSpotFleet"],
)
def test_a_token_makes_one_effect_of_two_calls_and_refuses_others(ground, template, operation):
    call, first, others = tokened(ground, template)[operation]
    before = len(ground.account.effects())
    ground.account.fail(operation, "timeout-after-effect")
    with pytest.raises(ConnectionClosedError):
        call(**first)
    answers = [{k: v for k, v in call(**first).items() if k != "ResponseMetadata"} for _ in range(2)]
    assert answers[0] == answers[1]
    assert [r["operation"] for r in ground.account.effects(before) if r["service"] == "ec2"] == [operation]
    assert code_of(call, **others) == "IdempotentParameterMismatch"


def test_a_change_of_a_fleet_has_no_token_and_takes_effect_each_time(ground):
    ec2 = ground("ec2")
    fleet = next(f for f in ground.account.state()["fleets"] if f["name"] == "renderers")["fleet_id"]
    before = len(ground.account.effects())
    for _ in range(2):
        ec2.modify_fleet(FleetId=fleet, TargetCapacitySpecification={"TotalTargetCapacity": 2})
    assert len(ground.account.effects(before)) == 2


def test_a_template_version_of_nothing_or_nobody_is_refused(ground, template):
    ec2 = ground("ec2")
    made = ec2.create_launch_template_version(
        LaunchTemplateId=template, SourceVersion="1", LaunchTemplateData={"InstanceType": "m5a.large"}
    )["LaunchTemplateVersion"]
    assert made["LaunchTemplateData"]["ImageId"] == DATA["ImageId"]
    ec2.modify_launch_template(LaunchTemplateId=template, DefaultVersion=str(made["VersionNumber"]))
    (shown,) = ec2.describe_launch_templates(LaunchTemplateIds=[template])["LaunchTemplates"]
    assert shown["DefaultVersionNumber"] == made["VersionNumber"]
    ec2.modify_launch_template(LaunchTemplateId=template, DefaultVersion="1")
    lost = {"LaunchTemplateId": "lt-00000000000000000", "LaunchTemplateData": DATA}
    assert "NotFound" in code_of(ec2.create_launch_template_version, **lost)
    bogus = {"LaunchTemplateId": template, "LaunchTemplateData": {"InstanceType": "m99.huge"}}
    assert code_of(ec2.create_launch_template_version, **bogus) == "InvalidParameterValue"
    with pytest.raises(ClientError, match=r"VersionNotFound|NotFound"):
        ec2.modify_launch_template(LaunchTemplateId=template, DefaultVersion="99")


def test_the_log_says_whose_key_and_program_it_was(ground, template):
    before = len(ground.account.effects())
    ground("ec2").create_tags(Resources=[template], Tags=[{"Key": "who", "Value": "x"}])
    (row,) = ground.account.effects(before)
    assert row["access_key"] == "test"
    assert "Boto3" in row["user_agent"]
    ground.account.interrupt(ground.named("lone-spot")["InstanceId"])
    ground.account.advance(200)
    own = [r for r in ground.account.effects(before) if r["service"] == "simulation"]
    assert own
    assert all(r["access_key"] == "" for r in own)
