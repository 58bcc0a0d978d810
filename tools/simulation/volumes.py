"""Disks and snapshots as EC2 keeps them, where moto's own differ.

Every instance has a root volume on /dev/xvda that goes with it; a snapshot takes its time, and may fail or never end
(/_sim/snapshots); volumes whose DeleteOnTermination is false outlive their instance (that much moto does).
What stands alone, how it is made, attached and deleted, is in storage.py.
Source  EC2 user guide: preserve data when an instance is terminated; EBS user guide: snapshot status
"""

from datetime import datetime, timedelta
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.elastic_block_store import Snapshot
from moto.ec2.models.instances import Instance
from moto.ec2.responses import EC2Response

from tools.simulation.world import World

ROOT = "/dev/xvda"
ROOT_GIB = 8
SNAPSHOT = timedelta(seconds=60)
PER_GIB = timedelta(seconds=5)
"""what a snapshot takes besides: a first one copies everything"""


def install(world: World) -> None:
    """Replace moto's ways with ours, for this process."""
    _install_disks(world)
    _install_snapshots(world)


def _install_disks(world: World) -> None:
    moto_run, add_block_device = EC2Response.run_instances, Instance.add_block_device

    def setup_defaults(instance: Instance) -> None:
        volume = world.ec2.create_volume(size=ROOT_GIB, zone_name=str(instance.placement.zone))
        world.ec2.attach_volume(volume.id, instance.id, ROOT, delete_on_termination=True)
        instance.root_device_name = ROOT

    def add_over_defaults(instance: Instance, *given: Any, **named: Any) -> None:
        """A mapping of the root device replaces the default one."""
        device = given[1] if len(given) > 1 else named["device_path"]
        if device in instance.block_device_mapping:
            old = instance.block_device_mapping[device].volume_id
            world.ec2.detach_volume(old, instance.id, device)
            world.ec2.delete_volume(old)
        add_block_device(instance, *given, **named)

    def run_instances(response: EC2Response) -> ActionResult:
        result: ActionResult = moto_run(response)
        launched: Any = result.result
        said = {
            m.get("DeviceName"): (m.get("Ebs") or {}).get("DeleteOnTermination")
            for m in response._get_param("BlockDeviceMappings", [])
        }
        for instance in launched.instances:
            if ROOT not in instance.block_device_mapping:
                setup_defaults(instance)
            instance.root_device_name = ROOT
            if said.get(ROOT) is None:
                instance.block_device_mapping[ROOT].delete_on_termination = True
        return result

    _put(Instance, "setup_defaults", setup_defaults)
    _put(Instance, "add_block_device", add_over_defaults)
    _put(EC2Response, "run_instances", run_instances)


def _install_snapshots(world: World) -> None:
    moto_one, moto_several = EC2Response.create_snapshot, EC2Response.create_snapshots

    def create_snapshot(response: EC2Response) -> ActionResult:
        result: ActionResult = moto_one(response)
        made: Any = result.result
        _begin(world, made)
        return result

    def create_snapshots(response: EC2Response) -> ActionResult:
        instance_id = str((response._get_param("InstanceSpecification") or {}).get("InstanceId"))
        if world.ec2.get_instance(instance_id).state == "terminated":
            text = f"The instance '{instance_id}' is not in a valid state for this operation."
            raise EC2ClientError("IncorrectInstanceState", text)
        result: ActionResult = moto_several(response)
        made: Any = result.result
        for snapshot in made["Snapshots"]:
            _begin(world, snapshot)
        return result

    _put(EC2Response, "create_snapshot", create_snapshot)
    _put(EC2Response, "create_snapshots", create_snapshots)
    _put(Snapshot, "progress", property(_progress))
    _put(Snapshot, "state", property(lambda snapshot: snapshot.status))


def _put(place: type, name: str, value: Any) -> None:
    setattr(place, name, value)


def _begin(world: World, snapshot: Snapshot) -> None:
    snapshot.status = "pending"
    began = world.clock.now()
    vars(snapshot).update(began=began, done_at=began + SNAPSHOT + PER_GIB * int(snapshot.volume.size or 0), share=0)
    snapshot.start_time = began.replace(tzinfo=None)


def _progress(snapshot: Snapshot) -> str:
    return f"{vars(snapshot).get('share', 100)}%"


def tick(world: World, now: datetime) -> None:
    """Snapshots come along, as they are fated to. Called on every tick."""
    for snapshot in world.ec2.snapshots.values():
        if snapshot.status != "pending":
            continue
        fate = world.snapshot_fates.get(snapshot.volume.id, world.snapshot_fates.get("*", "usual"))
        began, done_at = vars(snapshot)["began"], vars(snapshot)["done_at"]
        share = int(100 * (now - began) / (done_at - began))
        vars(snapshot)["share"] = min(share, 99 if fate == "never" else 100)
        if now >= done_at and fate != "never":
            finish(snapshot, now, failed=fate == "error")


def finish(snapshot: Snapshot, now: datetime, *, failed: bool = False) -> None:
    snapshot.status = "error" if failed else "completed"
    if not failed:
        vars(snapshot)["completion_time"] = now.replace(tzinfo=None)
