"""set-delete-on-termination: whether volumes of one instance outlive it."""

from typing import Any

from tools.cloud import CloudReader, CloudWriter, Receipt
from tools.errors import UsageError
from tools.fleets.effects.effect import Effect, instances_bound
from tools.fleets.launches import Movement
from tools.records import AttachedVolume, FieldChange, Fleet, Instance, Intent, SetVolumeRetention

_FIELD = "delete_on_termination"


class SetVolumeRetentionEffect(Effect[SetVolumeRetention]):
    iam = ("ec2:ModifyInstanceAttribute",)
    moves = False
    free = False
    reversible = True

    def seen(self, reader: CloudReader, action: SetVolumeRetention, fleet: Fleet) -> dict[str, Any]:
        volumes = {v.device_name: [v.volume_id, v.delete_on_termination] for v in _named(action, fleet)}
        return instances_bound(fleet, (action.instance_id,)) | {"volumes": volumes}

    def check(self, action: SetVolumeRetention, fleet: Fleet) -> None:
        instance = member(fleet, action.instance_id)
        if instance.managed_by is not None:
            raise UsageError(
                f"{action.instance_id} is operated by {instance.managed_by}, which lets nobody else change it",
                hint=f"set it where {instance.managed_by} takes its settings from",
            )
        has = {v.device_name for v in instance.volumes}
        absent = [d for d in action.device_names if d not in has]
        if absent:
            raise UsageError(
                f"{action.instance_id} has no volume on {', '.join(absent)}",
                hint=f"it has {', '.join(sorted(has)) or 'none'}",
            )

    def lines(self, action: SetVolumeRetention, fleet: Fleet) -> tuple[FieldChange, ...]:
        return tuple(
            FieldChange(
                sign="~",
                field=f"{_FIELD} of {v.volume_id} on {v.device_name} of {action.instance_id}"[:255],
                before=str(v.delete_on_termination),
                after=str(action.delete_on_termination),
            )
            for v in _named(action, fleet)
            if v.delete_on_termination != action.delete_on_termination
        )

    def calls(self, action: SetVolumeRetention) -> tuple[str, ...]:
        return ("ec2:ModifyInstanceAttribute",)

    def warnings(self, action: SetVolumeRetention, fleet: Fleet, moved: Movement | None) -> tuple[str, ...]:
        instance, named = member(fleet, action.instance_id), _named(action, fleet)
        said = []
        if action.delete_on_termination:
            lost = ", ".join(f"{v.volume_id} ({'root' if v.root else v.device_name})" for v in named)
            when = (
                "EC2 takes the instance, two minutes after it says so, or somebody"
                if _is_spot(instance)
                else "somebody"
            )
            said.append(f"when {when} terminates it, what is on {lost} is lost")
        else:
            said.append("the volumes outlive the instance, and are billed until somebody deletes them")
            if any(v.root for v in named) and _is_spot(instance):
                said.append("a replacement boots from its image: nothing attaches the kept root volume to it")
        if fleet.ref.kind != "instance":
            said.append("it holds for this instance alone: replacements have what the launch template says")
        return tuple(said)

    def expect_and_want(
        self, reader: CloudReader, action: SetVolumeRetention, fleet: Fleet
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        want = {_FIELD: dict.fromkeys(action.device_names, action.delete_on_termination)}
        return _as_it_is(action, fleet), want

    def carry_out(self, writer: CloudWriter, intent: Intent, action: SetVolumeRetention, fleet: Fleet) -> Receipt:
        return writer.set_volume_retention(intent, action)

    def observe(self, reader: CloudReader, intent: Intent, action: SetVolumeRetention) -> dict[str, Any]:
        return _as_it_is(action, reader.fleet(action.fleet))

    def undo(self, action: SetVolumeRetention, before: dict[str, Any], fleet: Fleet) -> SetVolumeRetention:
        """Raises UsageError: it changed nothing."""
        was = before.get(_FIELD, {})
        changed = tuple(d for d in action.device_names if was.get(d) is (not action.delete_on_termination))
        if not changed:
            raise UsageError(
                f"{action.instance_id}: no volume was set otherwise before", hint="there is nothing to undo"
            )
        return action.with_(device_names=changed, delete_on_termination=not action.delete_on_termination)


def member(fleet: Fleet, instance_id: str) -> Instance:
    """Raises UsageError: the fleet has no such instance."""
    for instance in fleet.instances:
        if instance.instance_id == instance_id:
            return instance
    raise UsageError(f"{fleet.name} has no instance {instance_id}", hint=f"spotwarden show {fleet.name} lists them")


def _is_spot(instance: Instance) -> bool:
    return instance.purchase_option == "spot"


def _attached(fleet: Fleet, instance_id: str) -> tuple[AttachedVolume, ...]:
    return next((i.volumes for i in fleet.instances if i.instance_id == instance_id), ())


def _named(action: SetVolumeRetention, fleet: Fleet) -> list[AttachedVolume]:
    return [v for v in _attached(fleet, action.instance_id) if v.device_name in action.device_names]


def _as_it_is(action: SetVolumeRetention, fleet: Fleet) -> dict[str, Any]:
    """None: there is no such volume any more."""
    has = {v.device_name: v.delete_on_termination for v in _named(action, fleet)}
    return {_FIELD: {d: has.get(d) for d in action.device_names}}
