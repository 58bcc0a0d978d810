"""`spotwarden volumes` as people drive it, on an account of its own; where a command waits, the account's time goes on."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.cli.conftest import process, strangers_client, work_on
from tests.forked_accounts import started

POLICY = """
version: 1
accounts: [{id: "123456789012", regions: [us-east-1], write_role: current}]
policies:
  - name: ask
    resource: any
    mode: {type: approve}
    actions: [create-snapshots, create-snapshot, create-volume, attach-volume, delete-volume, delete-snapshot,
      stop-instances, start-instances]
"""


@pytest.fixture(scope="module")
def account():
    with started(scenario="proving-ground", stepped=True) as running:
        yield running


@pytest.fixture
def environment(account, home, monkeypatch):
    work_on(account, home, monkeypatch)
    (home / "policy.yaml").write_text(POLICY)


@pytest.fixture(scope="module")
def ec2(account):
    with strangers_client(account, "ec2") as client:
        yield client


@pytest.fixture(scope="module")
def saver(ec2):
    """A single on-demand instance with a root and a data volume of 20 GiB that outlives it."""
    rows = ec2.describe_volumes(Filters=[{"Name": "attachment.device", "Values": ["/dev/sdf"]}])["Volumes"]
    return rows[0]["Attachments"][0]["InstanceId"]


@pytest.fixture(scope="module")
def elsewhere(ec2, saver):
    """An instance in another zone: (id, zone)."""
    rows = [i for r in ec2.describe_instances()["Reservations"] for i in r["Instances"]]
    here = next(i["Placement"]["AvailabilityZone"] for i in rows if i["InstanceId"] == saver)
    other = next(i for i in rows if i["Placement"]["AvailabilityZone"] != here and i["State"]["Name"] == "running")
    return other["InstanceId"], other["Placement"]["AvailabilityZone"]


@contextmanager
def time_goes_on(account) -> Iterator[None]:
    """Less at once than a call may be on its way."""
    over = threading.Event()

    def flow() -> None:
        while not over.wait(0.3):
            account.advance(20)

    flowing = threading.Thread(target=flow)
    flowing.start()
    try:
        yield
    finally:
        over.set()
        flowing.join()


def operations(account, after: int) -> list[str]:
    wanted = {"CreateSnapshots", "CreateSnapshot", "CreateVolume", "AttachVolume", "DeleteVolume", "DeleteSnapshot"}
    wanted |= {"StopInstances", "StartInstances"}
    return [e["operation"] for e in account.effects(after) if e["operation"] in wanted]


def last(account) -> int:
    return max((e["seq"] for e in account.effects()), default=0)


@pytest.mark.accepts("P-13", "EB-05")
def test_the_ledger_tells_what_nobody_uses_what_it_costs_and_what_to_do(run, untouched):
    told = run("volumes", "orphans", "--json").json
    rows = [*told["volumes"], *told["snapshots"]]
    assert len(rows) == 3
    assert float(told["orphan_usd_per_month"]) == sum(float(r["cost"]["usd_per_month"]) for r in rows) == 10.6
    shown = run("volumes", "orphans").out
    assert "$10.60 a month for what nobody uses, snapshots at their upper bound" in shown
    assert shown.count("spotwarden volumes clean-up ") == 4
    everything = run("volumes").out
    assert everything.count("ORPHAN") == 3
    assert "asg/trainers" in everything
    assert "as of 2026-" in everything
    none = run("volumes", "orphans", "--fleet", "trainers")
    assert (none.exit, "nothing lies unused" in none.out) == (0, True)
    assert "  ec2-fleet/fleet-" in run("volumes", "--fleet", "renderers").out, "by its name, which is not its id"
    run("volumes", "--fleet", "trianers").refuses(1, "trianers: no volume or snapshot of it", "asg/trainers")


@pytest.mark.accepts("EB-01", "EB-05", "P-13")
def test_data_comes_back_in_another_zone_step_by_step_and_never_twice(run, account, ec2, saver, elsewhere):
    instance, zone = elsewhere
    run("volumes", "restore", saver, "--to", instance).refuses(64, f"{saver} has no snapshots of ours")
    taken = run("volumes", "snapshot", saver, "-y", "--json")
    assert taken.exit == 0, taken.err
    assert len(taken.json["steps"][0]["made"]) == 1, "its data volume; the root was not asked for"
    (snapshot,) = taken.json["steps"][0]["made"]
    run("volumes", "restore", saver, "--to", instance).refuses(64, "is pending", "wait until it is completed")
    run("volumes", "restore", snapshot, "--zone", zone).refuses(64, "is pending (0 %)", "wait")
    account.advance(600)
    before = last(account)
    dry = run("volumes", "restore", saver, "--to", instance, "--dry-run")
    assert f"from {snapshot}, in {zone}" in dry.out
    assert "a kept volume is bound to its zone" in dry.out
    run("volumes", "restore", saver, "--to", instance, "--json")
    assert operations(account, before) == [], "a person was not asked yet"
    with time_goes_on(account):
        back = run("volumes", "restore", saver, "--to", instance, "-y")
    assert back.exit == 0, back.err + back.out
    assert operations(account, before) == ["CreateVolume", "AttachVolume"]
    (volume,) = ec2.describe_volumes(Filters=[{"Name": "snapshot-id", "Values": [snapshot]}])["Volumes"]
    assert (volume["AvailabilityZone"], volume["VolumeType"], volume["Size"]) == (zone, "gp3", 20)
    assert [a["InstanceId"] for a in volume["Attachments"]] == [instance]
    again = run("volumes", "restore", saver, "--to", instance, "-y")
    assert f"{volume['VolumeId']} is attached to {instance}" in again.out
    assert operations(account, before) == ["CreateVolume", "AttachVolume"]
    device = volume["Attachments"][0]["Device"]
    run("volumes", "restore", snapshot, "--to", saver, "--device", "/dev/xvda").refuses(64, "/dev/xvda of", "--device")
    run("volumes", "restore", snapshot, "--zone", "us-east-1z").refuses(64, "no zone us-east-1z", "us-east-1a")
    run("volumes", "restore", snapshot, "--to", saver, "--zone", zone).refuses(64, "a volume is attached in its own")
    run("volumes", "restore", "snap-0123456789abcdef0", "--zone", zone).refuses(1, "no snapshot snap-0123456789abcdef0")
    assert device == "/dev/sdf"


def test_a_zone_without_the_type_is_told_with_the_way_out(run, account, ec2):
    zones = ["us-east-1a", "us-east-1c"]  # the last one of those that the account uses has no io1
    fast = ec2.create_volume(AvailabilityZone=zones[0], Size=10, VolumeType="io1", Iops=200)["VolumeId"]
    account.advance(60)
    copied = ec2.create_snapshot(VolumeId=fast)["SnapshotId"]
    account.advance(600)
    told = run("volumes", "restore", copied, "--zone", zones[-1], "-y")
    assert told.exit == 1
    asked = run("volumes", "restore", copied, "--zone", zones[-1], "--type", "gp3", "--device", "/dev/sdx", "--json")
    hint = asked.json["steps"][0]["error"]["hint"]
    assert f"volumes restore {copied} --zone {zones[-1]} --device /dev/sdx --type gp3" in hint, "the same command"
    assert f"'io1' is not supported in the Availability Zone '{zones[-1]}'" in told.out
    assert f"where {zones[-1]} has no io1: --type gp3" in told.out
    assert run("volumes", "restore", copied, "--zone", zones[-1], "--type", "gp3", "-y").exit == 0
    ec2.delete_volume(VolumeId=fast)


@pytest.mark.accepts("P-13")
def test_clean_up_copies_a_volume_before_it_deletes_it_and_asks_first(run, account, saver):
    before = last(account)
    dry = run("volumes", "clean-up", "--dry-run")
    assert dry.out.count("would create-snapshot on volume/") == dry.out.count(
        "then, once its snapshot is completed: delete"
    )
    assert "is lost for good" not in dry.out.partition("would delete-snapshot")[0], "it is copied before"
    assert "nothing was done" in dry.out
    orphans = run("volumes", "orphans", "--json").json
    first, second = (v["volume"]["volume_id"] for v in orphans["volumes"] if v["protected_by"] is None)
    asked = run("volumes", "clean-up", first, "--json")
    assert asked.exit == 4
    assert [s["error"]["kind"] for s in asked.json["steps"]] == ["ApprovalNeeded"]
    assert operations(account, before) == []
    begun = run("volumes", "clean-up", first, "--no-wait", "-y")
    assert f"{first} is deleted once its snapshot is completed" in begun.out
    assert operations(account, before) == ["CreateSnapshot"]
    account.advance(600)
    assert run("volumes", "clean-up", "--no-wait", "-y").exit == 0
    account.advance(600)
    assert run("volumes", "clean-up", "-y").exit == 0
    done = operations(account, before)
    assert sorted(done) == ["CreateSnapshot", "CreateSnapshot", "DeleteSnapshot", "DeleteVolume", "DeleteVolume"]
    assert done.index("CreateSnapshot") < done.index("DeleteVolume")
    left = run("volumes", "orphans", "--json").json
    assert all("left alone for a day" in v["protected_by"] for v in left["volumes"])
    assert all("kept for 30 days" in s["protected_by"] for s in left["snapshots"])
    run("volumes", "clean-up", second).refuses(1, f"{second}: no such volume or snapshot")
    held = left["snapshots"][0]["snapshot"]["snapshot_id"]
    run("volumes", "clean-up", held).refuses(64, f"{held} is left alone")


@pytest.mark.accepts("EB-02")
def test_a_single_instance_is_stopped_for_its_root_and_a_member_of_a_group_is_not(run, account, saver, ec2):
    before = last(account)
    with time_goes_on(account):
        taken = run("volumes", "snapshot", saver, "--stop-first", "-y", "--json")
    assert taken.exit == 0, taken.err
    assert operations(account, before) == ["StopInstances", "CreateSnapshots", "StartInstances"]
    made = set(taken.json["steps"][1]["made"])
    report = run("volumes", "--json").json
    mine = [s for s in report["snapshots"] if s["snapshot"]["snapshot_id"] in made]
    assert {s["consistency"] for s in mine} == {"application-consistent"}
    assert all("its instance was stopped" in s["evidence"] for s in mine)
    groups = ec2.describe_instances(Filters=[{"Name": "tag-key", "Values": ["aws:autoscaling:groupName"]}])
    member = groups["Reservations"][0]["Instances"][0]["InstanceId"]
    run("volumes", "snapshot", member, "--stop-first").refuses(64, "it cannot be stopped", "--include-root")
    run("volumes", "snapshot", member).refuses(64, "nothing to snapshot", "--include-root")


def test_one_reason_for_every_instance_of_a_fleet_is_told_once(run, home, account):
    (home / "policy.yaml").write_text(POLICY.replace("123456789012", "210987654321"))
    told = run("volumes", "snapshot", "trainers", "--include-root", "-y")
    assert told.exit == 3
    assert told.out.count("on asg/trainers: not done") > 1
    assert len({line for line in told.out.splitlines() if "not done" in line}) == told.out.count("not done")
    assert told.err.count("is not listed under accounts") == 1


def test_waiting_can_be_broken_off_and_aws_goes_on(environment, account, saver):
    account.fate_snapshots("never")
    with process("volumes", "snapshot", saver, "--wait", "-y") as waiting:
        assert "%" in waiting.stderr.readline()
        waiting.send_signal(signal.SIGINT)
        _, said = waiting.communicate()
    assert waiting.returncode == 130
    assert "go on at AWS: spotwarden volumes tells" in said
    account.fate_snapshots("usual")


@pytest.mark.accepts("EB-06", "EB-09", "EB-11", "EB-12")
def test_advice_is_dated_with_its_sources_and_finds_what_it_is_about(run, account, saver, untouched):
    for topic, said in (
        ("hibernation", "there is a notice, and no two minutes"),
        ("efs", "NFS 4.0 and 4.1"),
        ("snapstart", "seed random numbers anew"),
        ("notebook", "SageMaker managed spot training"),
    ):
        told = run("volumes", "advise", topic)
        assert said in told.out
        assert "https://" in told.out
        assert "read 2026-11-21" in told.out
    run("volumes", "advise").refuses(64, "on what?", "hibernation")
    run("volumes", "advise", "raid").refuses(64, "'raid': no such topic", "hibernation")


def test_a_notebook_is_found_by_its_tags_with_a_warning(run, account):
    with strangers_client(account, "autoscaling") as asg:
        tag = {"ResourceId": "ledger", "ResourceType": "auto-scaling-group", "PropagateAtLaunch": False}
        asg.create_or_update_tags(Tags=[{**tag, "Key": "purpose", "Value": "JupyterLab of research"}])
    (found,) = run("volumes", "advise", "notebook", "--json").json["found"]
    assert "ledger: its tag purpose is JupyterLab of research" in found
    assert "an interruption loses them" in found


SETTINGS = [
    ('[[snapshots]]\nfleet = "ledger"\nevery_hours = 6\n', "keep: Field required"),
    ('[[snapshots]]\nfleet = "ledger"\nevery_hours = 6\nkeep = 0\n', "keep: Input should be greater"),
    ('[[snapshots]]\nfleet = "ledger"\nevery = 6\nkeep = 2\n', "every: Extra inputs are not permitted"),
    ('[snapshots]\nfleet = "ledger"\n', "write [[snapshots]]"),
    ('[[snapshots]]\nfleet = "a"\nevery_hours = 6\nkeep = 2\n' * 2, "two schedules for a"),
]


@pytest.mark.parametrize(("text", "said"), SETTINGS, ids=[said for _, said in SETTINGS])
def test_a_schedule_that_cannot_be_is_refused_with_what_it_holds(run, home, text, said, untouched):
    (home / "spotwarden.toml").write_text(text)
    run("volumes").refuses(64, said)


@pytest.mark.accepts("EB-01")
def test_run_keeps_the_schedules_of_the_settings_file(run, home, account):
    row = '[[snapshots]]\nfleet = "ledger"\nevery_hours = 6\nkeep = 2\ninclude_root = true\n'
    (home / "spotwarden.toml").write_text(row)
    told = run("run", "--once", "--json")
    assert told.exit == 0, told.err
    steps = [(s["action"], s["verdict"]) for s in told.json["steps"]]
    assert steps.count(("create-snapshots", "ask")) == 2
    (state,) = run("volumes", "--json").json["schedules"]
    assert (state["fleet"]["fleet_id"], state["keep"]) == ("ledger", 2)
