"""The proving ground's group of trainers: actions on it, and putting it back as the scenario laid it."""

from tests.contract.conftest import World
from tests.contract.ground_house import group, row_of
from tools.records import CancelInstanceRefresh, OperateInstances, StartInstanceRefresh

NAME = "trainers"
HORIZON_SECONDS = 361


def put_back(world: World) -> None:
    """Four in service, nothing protected, no refresh, no fault."""
    world.sim.mend()
    scaling = world.raw("autoscaling")
    scaling.update_auto_scaling_group(AutoScalingGroupName=NAME, MinSize=1, MaxSize=8)
    newest = next(iter(world.reader.instance_refreshes(group(world).ref)), None)
    if newest is not None and newest.status in {"Pending", "InProgress"}:
        scaling.cancel_instance_refresh(AutoScalingGroupName=NAME)
    standing = [i["InstanceId"] for i in row_of(world)["Instances"] if i["LifecycleState"] == "Standby"]
    if standing:
        scaling.exit_standby(AutoScalingGroupName=NAME, InstanceIds=standing)
    protected = [i["InstanceId"] for i in row_of(world)["Instances"] if i["ProtectedFromScaleIn"]]
    if protected:
        scaling.set_instance_protection(AutoScalingGroupName=NAME, InstanceIds=protected, ProtectedFromScaleIn=False)
    scaling.update_auto_scaling_group(AutoScalingGroupName=NAME, DesiredCapacity=4)
    world.sim.advance(600)
    assert [i["LifecycleState"] for i in row_of(world)["Instances"]] == ["InService"] * 4


def spot(world: World, count: int = 1) -> tuple[str, ...]:
    return tuple(i.instance_id for i in group(world).spot[:count])


def operate(world: World, operation: str, *, count: int = 1, lower: bool = False) -> OperateInstances:
    return OperateInstances(
        fleet=group(world).ref, operation=operation, instance_ids=spot(world, count), lower_desired_capacity=lower
    )


def refresh(world: World, **more) -> StartInstanceRefresh:
    wanted = {"min_healthy_percentage": 50, "instance_warmup_seconds": 30, "skip_matching": False, **more}
    return StartInstanceRefresh(fleet=group(world).ref, **wanted)


def out_of_standby(world: World) -> OperateInstances:
    action = operate(world, "exit-standby")
    world.raw("autoscaling").enter_standby(
        AutoScalingGroupName=NAME, InstanceIds=list(action.instance_ids), ShouldDecrementDesiredCapacity=True
    )
    return action


def unprotect(world: World) -> OperateInstances:
    action = operate(world, "unprotect-from-scale-in")
    world.raw("autoscaling").set_instance_protection(
        AutoScalingGroupName=NAME, InstanceIds=list(action.instance_ids), ProtectedFromScaleIn=True
    )
    return action


def cancel(world: World) -> CancelInstanceRefresh:
    world.raw("autoscaling").start_instance_refresh(AutoScalingGroupName=NAME)
    newest = world.reader.instance_refreshes(group(world).ref)[0]
    return CancelInstanceRefresh(fleet=group(world).ref, instance_refresh_id=newest.refresh_id)


def put_tag(world: World, key: str, value: str, *, propagate: bool = False) -> None:
    row = {"ResourceId": NAME, "ResourceType": "auto-scaling-group", "Key": key, "Value": value}
    world.raw("autoscaling").create_or_update_tags(Tags=[{**row, "PropagateAtLaunch": propagate}])
