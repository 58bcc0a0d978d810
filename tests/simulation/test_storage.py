"""Volumes and snapshots that stand alone are made, attached and deleted as EC2 lets them."""

import json

import pytest
from botocore.exceptions import ClientError

HERE, THERE, LAST = "us-east-1a", "us-east-1b", "us-east-1c"


def refused(call, **asked):
    with pytest.raises(ClientError) as told:
        call(**asked)
    return told.value.response["Error"]["Code"]


def volume(ground, zone=HERE, **more):
    made = ground("ec2").create_volume(AvailabilityZone=zone, **{"Size": 1, "VolumeType": "gp3", **more})
    ground.account.advance(10)
    return made["VolumeId"]


def snapshot(ground, volume_id, seconds=70):
    made = ground("ec2").create_snapshot(VolumeId=volume_id)["SnapshotId"]
    ground.account.advance(seconds)
    return made


def state(ground, snapshot_id):
    return ground("ec2").describe_snapshots(SnapshotIds=[snapshot_id])["Snapshots"][0]


def test_a_volume_is_made_once_for_a_token_and_takes_a_moment(ground):
    ec2 = ground("ec2")
    asked = {"AvailabilityZone": HERE, "Size": 2, "VolumeType": "gp3", "ClientToken": "once"}
    made = ec2.create_volume(**asked)
    assert (made["State"], made["Throughput"], made["Iops"]) == ("creating", 125, 3000)
    assert ec2.create_volume(**asked)["VolumeId"] == made["VolumeId"]
    assert refused(ec2.create_volume, **{**asked, "Size": 3}) == "IdempotentParameterMismatch"
    saver = ground.named("lone-saver")["InstanceId"]
    attaching = {"VolumeId": made["VolumeId"], "InstanceId": saver, "Device": "/dev/sdp"}
    assert refused(ec2.attach_volume, **attaching) == "IncorrectState"
    ground.account.advance(10)
    assert ec2.describe_volumes(VolumeIds=[made["VolumeId"]])["Volumes"][0]["State"] == "available"
    assert ec2.attach_volume(**attaching)["State"] in ("attaching", "attached")


def test_zones_have_their_types_and_snapshots_their_size(ground):
    ec2, source = ground("ec2"), snapshot(ground, volume(ground, Size=2))
    asked = {"AvailabilityZone": LAST, "Size": 10, "VolumeType": "io2", "Iops": 1000}
    assert refused(ec2.create_volume, **asked) == "UnsupportedOperation"
    assert refused(ec2.create_volume, **{**asked, "VolumeType": "gp9"}) == "UnknownVolumeType"
    assert refused(ec2.create_volume, **{**asked, "AvailabilityZone": "us-east-1z"}) == "InvalidZone.NotFound"
    small = {"AvailabilityZone": HERE, "SnapshotId": source, "Size": 1}
    assert refused(ec2.create_volume, **small) == "InvalidParameterValue"
    assert ec2.create_volume(**{**asked, "AvailabilityZone": HERE})["VolumeType"] == "io2"
    assert ec2.create_volume(AvailabilityZone=THERE, SnapshotId=source)["Size"] == 2


def test_a_snapshot_takes_its_time_may_fail_and_may_never_end(ground):
    ec2, source = ground("ec2"), volume(ground)
    one = snapshot(ground, source, seconds=30)
    assert state(ground, one)["State"] == "pending"
    restoring = {"AvailabilityZone": HERE, "SnapshotId": one, "VolumeType": "gp3"}
    assert refused(ec2.create_volume, **restoring) == "IncorrectState"
    ground.account.advance(40)
    told = state(ground, one)
    assert (told["State"], told["Progress"]) == ("completed", "100%")
    assert 60 <= (told["CompletionTime"] - told["StartTime"]).total_seconds() <= 75
    ground.account.fate_snapshots("error", volume_id=source)
    failed = snapshot(ground, source)
    assert state(ground, failed)["State"] == "error"
    ground.account.fate_snapshots("never", volume_id=source)
    endless = snapshot(ground, source, seconds=3600)
    assert (state(ground, endless)["State"], state(ground, endless)["Progress"]) == ("pending", "99%")
    ground.account.fate_snapshots("usual", volume_id=source)
    ground.account.advance(5)
    assert state(ground, endless)["State"] == "completed"


def test_a_volume_goes_to_one_living_instance_of_its_zone_on_a_free_device(ground):
    ec2, saver = ground("ec2"), ground.named("lone-saver")["InstanceId"]
    one, far = volume(ground), volume(ground, THERE)
    asked = {"VolumeId": one, "InstanceId": saver, "Device": "/dev/sdm"}
    assert refused(ec2.attach_volume, **{**asked, "VolumeId": far}) == "InvalidVolume.ZoneMismatch"
    assert refused(ec2.attach_volume, **{**asked, "Device": "/dev/xvda"}) == "InvalidParameterValue"
    assert refused(ec2.attach_volume, **{**asked, "VolumeId": "vol-0000000a"}) == "InvalidVolume.NotFound"
    assert refused(ec2.attach_volume, **{**asked, "InstanceId": "i-0000000a"}) == "InvalidInstanceID.NotFound"
    managed = ground.named("lone-managed")["InstanceId"]
    assert refused(ec2.attach_volume, **{**asked, "InstanceId": managed}) == "OperationNotPermitted"
    assert refused(ec2.attach_volume, **asked, DryRun=True) == "DryRunOperation"
    ec2.attach_volume(**asked)
    assert refused(ec2.attach_volume, **{**asked, "Device": "/dev/sdn"}) == "VolumeInUse"
    assert refused(ec2.delete_volume, VolumeId=one) == "VolumeInUse"
    assert refused(ec2.delete_volume, VolumeId=one, DryRun=True) in ("VolumeInUse", "DryRunOperation")
    ec2.delete_volume(VolumeId=far)
    assert refused(ec2.delete_volume, VolumeId=far) == "InvalidVolume.NotFound"


def test_what_an_image_boots_from_is_not_deleted(ground):
    ec2, saver = ground("ec2"), ground.named("lone-saver")["InstanceId"]
    image = ec2.create_image(InstanceId=saver, Name="boots")["ImageId"]
    used = ec2.describe_images(ImageIds=[image])["Images"][0]["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    by_snapshot = [{"Name": "block-device-mapping.snapshot-id", "Values": [used]}]
    assert [i["ImageId"] for i in ec2.describe_images(Owners=["self"], Filters=by_snapshot)["Images"]] == [image]
    assert refused(ec2.delete_snapshot, SnapshotId=used) == "InvalidSnapshot.InUse"
    free = snapshot(ground, volume(ground))
    ec2.delete_snapshot(SnapshotId=free)
    assert refused(ec2.delete_snapshot, SnapshotId=free) == "InvalidSnapshot.NotFound"


def test_lists_come_in_pages(ground):
    ec2 = ground("ec2")
    whole = [v["VolumeId"] for v in ec2.describe_volumes()["Volumes"]]
    paged = ec2.get_paginator("describe_volumes").paginate(PaginationConfig={"PageSize": 5})
    pages = [[v["VolumeId"] for v in page["Volumes"]] for page in paged]
    assert [v for page in pages for v in page] == whole
    assert len(pages) > 1
    both = {"MaxResults": 5, "VolumeIds": whole[:1]}
    assert refused(ec2.describe_volumes, **both) == "InvalidParameterCombination"


def test_storage_is_on_the_price_list_and_dearer_where_instances_are(ground):
    pricing = ground("pricing")

    def price(region, family, **wanted):
        asked = {"regionCode": region, "productFamily": family, **wanted}
        filters = [{"Type": "TERM_MATCH", "Field": k, "Value": v} for k, v in asked.items()]
        (item,) = pricing.get_products(ServiceCode="AmazonEC2", Filters=filters)["PriceList"]
        (term,) = json.loads(item)["terms"]["OnDemand"].values()
        (dimension,) = term["priceDimensions"].values()
        return float(dimension["pricePerUnit"]["USD"]), dimension["unit"]

    assert price("us-east-1", "Storage", volumeApiName="gp3") == (0.08, "GB-Mo")
    assert price("us-east-1", "Storage Snapshot") == (0.05, "GB-Mo")
    assert price("us-east-1", "Provisioned Throughput") == (40.96, "GiBps-mo")
    assert price("eu-west-3", "Storage", volumeApiName="gp3")[0] == pytest.approx(0.08 * 0.112 / 0.096)
