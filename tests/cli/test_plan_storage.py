"""`plan --do` on volumes and snapshots, as an operator types it: a volume or a snapshot stands where a fleet does."""

import json

import pytest

from tests.cli.conftest import strangers_client
from tests.forked_accounts import started
from tools.records import ACTION_TYPES

POLICY = f"""
version: 1
accounts: [{{id: "123456789012", regions: [us-east-1], write_role: current}}]
policies:
  - name: ask
    resource: any
    mode: {{type: approve}}
    actions: [{", ".join(ACTION_TYPES)}]
"""


@pytest.fixture(scope="module")
def account():
    with started(scenario="proving-ground", stepped=True, seed=7) as running:
        yield running


@pytest.fixture
def ops(run, home):
    (home / "policy.yaml").write_text(POLICY)
    return run


@pytest.fixture(scope="module")
def named(account):
    """Ids of what the account has, by Name."""
    with strangers_client(account, "ec2") as ec2:
        found = {
            "kept-data": ec2.describe_volumes(Filters=[{"Name": "tag:Name", "Values": ["kept-data"]}])["Volumes"],
            "old-index": ec2.describe_snapshots(Filters=[{"Name": "tag:Name", "Values": ["old-index"]}])["Snapshots"],
        }
        saver = ec2.describe_instances(Filters=[{"Name": "tag:Name", "Values": ["lone-saver"]}])["Reservations"][0]
        yield {
            "volume": found["kept-data"][0]["VolumeId"],
            "snapshot": found["old-index"][0]["SnapshotId"],
            "saver": saver["Instances"][0]["InstanceId"],
        }


def done(ops, *argv: str) -> dict:
    planned = ops("plan", *argv, "--json")
    assert planned.exit == 0, planned.err
    outcome = ops("apply", planned.json["proposal"]["proposal_id"], "--yes", "--json")
    assert outcome.exit == 0, (outcome.err, outcome.out)
    return {**planned.json["proposal"]["action"], "items": outcome.json["outcome"]["items"]}


@pytest.mark.accepts("EB-01", "EB-05", "P-13")
def test_a_kept_volume_is_copied_brought_to_another_zone_and_attached_at_home(ops, account, named):
    here, saver = named["volume"], named["saver"]
    far = ops("plan", "trainers", "--do", "restore-volume", "--volume", here, "--zone", "us-east-1b", "--iops", "4000")
    assert far.exit == 0, far.err
    assert "gp3 20 GiB, 4000 IOPS" in far.out
    assert "costs $6.60 a month at list price" in far.out
    assert done(ops, here, "--do", "snapshot-volume")["volume_id"] == here
    account.advance(170)
    made = done(ops, saver, "--do", "restore-volume", "--volume", here, "--tag", "restored=yes")
    assert (made["zone_name"], made["volume_type"], made["size_gib"]) == ("us-east-1a", "gp3", 20)
    account.advance(10)
    new = made["items"][0]["item"].split()[0]
    assert done(ops, saver, "--do", "attach-volume", "--volume", new)["device_name"] == "/dev/sdg"
    used = ops("plan", new, "--do", "delete-volume")
    assert (used.exit, "is in use" in used.err, "detach it first" in used.err) == (64, True, True)


@pytest.mark.accepts("EB-05")
def test_what_nobody_uses_is_deleted_by_its_id_and_then_it_is_not_there(ops, named):
    assert done(ops, named["snapshot"], "--do", "delete-snapshot")["snapshot_id"] == named["snapshot"]
    again = ops("plan", named["snapshot"], "--do", "delete-snapshot")
    assert again.exit == 1
    assert "there is no snapshot" in again.err


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("trainers", "--do", "delete-volume"), "is about a volume, and trainers is none"),
        (("trainers", "--do", "restore-volume"), "needs --snapshot, or --volume for its newest one"),
        (("{snapshot}", "--do", "restore-volume"), "restore-volume needs --zone"),
        (("{saver}", "--do", "attach-volume"), "attach-volume needs --volume"),
        (
            ("trainers", "--do", "attach-volume", "--volume", "{volume}"),
            "attach-volume needs one value for --instances",
        ),
        (("{volume}", "--desired", "3"), "it has no settings of a fleet"),
        (("{volume}", "--do", "stop", "--instances", "i-0123456789abcdef0"), "i-0123456789abcdef0"),
        (("{volume}", "--do", "delete-fleet"), "nothing else is deleted"),
        (("vol-00000000", "--do", "delete-volume"), "there is no volume vol-00000000"),
    ],
)
def test_what_is_missing_or_does_not_fit_is_said(ops, untouched, named, argv, said):
    told = ops("plan", *(a.format(**named) for a in argv))
    assert told.exit != 0, told.out
    if "{snapshot}" not in argv or "there is no snapshot" not in told.err:  # another test may have deleted it
        assert said in told.err


def test_who_writes_storage_is_told_which_rights_it_takes(alone):
    documents = json.loads(alone("doctor", "--iam").out)
    writes = set(documents["write"]["Statement"][0]["Action"])
    wanted = {"AttachVolume", "CreateSnapshot", "CreateVolume", "DeleteSnapshot", "DeleteVolume", "CreateTags"}
    assert {f"ec2:{name}" for name in wanted} <= writes
