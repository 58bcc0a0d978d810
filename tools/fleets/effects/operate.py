"""operate-instances: one operation on named instances of a group, or on a single instance."""

from typing import Any

from tools.cloud import CloudReader, CloudWriter, Receipt
from tools.errors import NotFound
from tools.fleets.effects.effect import Effect, instances_bound
from tools.fleets.effects.operate_possible import check_operation
from tools.fleets.effects.operate_states import (
    capacity_after,
    counts_by_weights,
    moves_capacity,
    needing,
    state_of,
    states_of,
    wanted_of,
)
from tools.fleets.launches import Movement, replacements
from tools.market.pricebook import PriceBook
from tools.records import FieldChange, Fleet, Instance, InstanceOperation, Intent, OperateInstances

_BACK: dict[InstanceOperation, InstanceOperation] = {
    "stop": "start",
    "hibernate": "start",
    "start": "stop",
    "enter-standby": "exit-standby",
    "exit-standby": "enter-standby",
    "protect-from-scale-in": "unprotect-from-scale-in",
    "unprotect-from-scale-in": "protect-from-scale-in",
}
_GROUP_CALLS: dict[InstanceOperation, str] = {
    "terminate": "autoscaling:TerminateInstanceInAutoScalingGroup",
    "enter-standby": "autoscaling:EnterStandby",
    "exit-standby": "autoscaling:ExitStandby",
    "protect-from-scale-in": "autoscaling:SetInstanceProtection",
    "unprotect-from-scale-in": "autoscaling:SetInstanceProtection",
}
_SINGLE_CALLS: dict[InstanceOperation, str] = {
    "stop": "ec2:StopInstances",
    "hibernate": "ec2:StopInstances",
    "start": "ec2:StartInstances",
    "terminate": "ec2:TerminateInstances",
}


class OperateInstancesEffect(Effect[OperateInstances]):
    iam = (
        "autoscaling:EnterStandby",
        "autoscaling:ExitStandby",
        "autoscaling:SetInstanceProtection",
        "autoscaling:TerminateInstanceInAutoScalingGroup",
        "ec2:StartInstances",
        "ec2:StopInstances",
        "ec2:TerminateInstances",
    )

    def priced(self, action: OperateInstances) -> bool:
        return not action.operation.endswith("-from-scale-in")

    def seen(self, reader: CloudReader, action: OperateInstances, fleet: Fleet) -> dict[str, Any]:
        """The named instances, as far as the operation goes; the sizes too, where desired capacity moves."""
        bound = {**instances_bound(fleet, action.instance_ids), "states": states_of(action, fleet)}
        if not moves_capacity(action):
            return bound
        return {**bound, **{f: getattr(fleet, f) for f in ("desired_capacity", "min_size", "max_size")}}

    def check(self, action: OperateInstances, fleet: Fleet) -> None:
        check_operation(action, fleet)

    def lines(self, action: OperateInstances, fleet: Fleet) -> tuple[FieldChange, ...]:
        wanted, ends = wanted_of(action), action.operation == "terminate"
        lines = [
            FieldChange(
                sign="-" if ends else "~",
                field=i.instance_id,
                before=f"{i.pool.label} {i.purchase_option}, {state_of(action, i)}",
                after="" if ends else wanted,
            )
            for i in needing(action, fleet)
        ]
        after = capacity_after(action, fleet)
        if after is not None:
            before = str(fleet.desired_capacity)
            lines.append(FieldChange(sign="~", field="desired_capacity", before=before, after=str(after)))
        return tuple(lines)

    def calls(self, action: OperateInstances) -> tuple[str, ...]:
        if action.fleet.kind == "instance":
            return (_SINGLE_CALLS[action.operation],)
        times = len(set(action.instance_ids)) if action.operation == "terminate" else 1
        return (_GROUP_CALLS[action.operation],) * times

    def movement(self, action: OperateInstances, fleet: Fleet, book: PriceBook) -> Movement | None:
        if not self.priced(action):
            return None
        touched = needing(action, fleet)
        if action.operation == "start":
            return Movement(launches=tuple((i.instance_type, i.zone_name, i.purchase_option) for i in touched))
        ends = touched if action.operation in {"stop", "hibernate", "terminate"} else ()
        return Movement(ends, replacements(fleet, _replaced(action, touched), book))

    def warnings(self, action: OperateInstances, fleet: Fleet, moved: Movement | None) -> tuple[str, ...]:
        touched = needing(action, fleet)
        return tuple(_told(action, fleet, touched)) if touched else ()

    def expect_and_want(
        self, reader: CloudReader, action: OperateInstances, fleet: Fleet
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Instance → its state, in our words; and desired capacity, absolute, where it moves."""
        expect: dict[str, Any] = {"instances": states_of(action, fleet)}
        want: dict[str, Any] = {"instances": dict.fromkeys(expect["instances"], wanted_of(action))}
        after = capacity_after(action, fleet)
        if after is not None:
            expect["desired_capacity"], want["desired_capacity"] = fleet.desired_capacity, after
        return expect, want

    def carry_out(self, writer: CloudWriter, intent: Intent, action: OperateInstances, fleet: Fleet) -> Receipt:
        """Only ids that still need it are sent: moving in and out of standby is relative, and twice is not once."""
        ids = [i.instance_id for i in needing(action, fleet)]
        return writer.operate_instances(intent, action, ids) if ids else Receipt(request_ids=())

    def observe(self, reader: CloudReader, intent: Intent, action: OperateInstances) -> dict[str, Any]:
        try:
            fleet = reader.fleet(action.fleet)
        except NotFound:
            if action.fleet.kind != "instance":
                raise
            return {"instances": dict.fromkeys(action.instance_ids, state_of(action, None))}
        seen: dict[str, Any] = {"instances": states_of(action, fleet)}
        if "desired_capacity" in intent.want:
            seen["desired_capacity"] = fleet.desired_capacity
        return seen

    def can_undo(self, action: OperateInstances) -> bool:
        return action.operation in _BACK

    def undo(self, action: OperateInstances, before: dict[str, Any], fleet: Fleet) -> OperateInstances | None:
        """Of those that it moved. Out of standby always raises desired capacity, so into it lowers it."""
        back = _BACK.get(action.operation)
        moved = tuple(
            i for i, was in before["instances"].items() if was not in {wanted_of(action), state_of(action, None)}
        )
        if back is None or not moved:
            return None
        lower = back == "enter-standby"
        return OperateInstances(fleet=action.fleet, operation=back, instance_ids=moved, lower_desired_capacity=lower)


def _replaced(action: OperateInstances, touched: tuple[Instance, ...]) -> tuple[Instance, ...]:
    """In whose place the group launches others: what is in standby does not count in its desired capacity."""
    if action.fleet.kind != "asg" or action.lower_desired_capacity:
        return ()
    if action.operation in {"terminate", "enter-standby"}:
        return tuple(i for i in touched if not i.in_standby)
    return ()


def _told(action: OperateInstances, fleet: Fleet, touched: tuple[Instance, ...]) -> list[str]:
    said = []
    match action.operation:
        case "terminate":
            said = _of_the_end(action, touched)
        case "enter-standby":
            said = _of_standby(action, fleet)
        case "stop" | "hibernate":
            said = ["while it is stopped its volumes are billed, and its place in the pool is not kept"]
        case "start":
            said = ["EC2 may have no capacity for it now: it then stays stopped"]
    if moves_capacity(action) and counts_by_weights(fleet):
        said.append("the group counts by weights: by how much desired capacity moves is AWS's to tell")
    return said


def _of_standby(action: OperateInstances, fleet: Fleet) -> list[str]:
    said = ["in standby they run, and are billed; coming back raises desired capacity by as many"]
    if not action.lower_desired_capacity:
        said.append("the group launches others in their place")
    if fleet.mix is not None:
        said.append("the group keeps its purchase mix among those in service, and may replace some of them")
    return said


def _of_the_end(action: OperateInstances, touched: tuple[Instance, ...]) -> list[str]:
    said = []
    if _replaced(action, touched):
        said.append("the group launches others in their place")
    if action.lower_desired_capacity:
        said.append("the group may move instances between zones to keep them even, which ends others")
    protected = sum(i.protected_from_scale_in for i in touched)
    if protected:
        said.append(f"{protected} of them are protected from scale-in, which does not protect from this")
    volumes = sum(v.delete_on_termination for i in touched for v in i.volumes)
    if volumes:
        said.append(f"{volumes} volumes are deleted with them")
    if action.fleet.kind == "instance" and any(i.purchase_option == "spot" for i in touched):
        said.append("where its spot request is persistent, EC2 launches another: cancel the request too")
    return said
