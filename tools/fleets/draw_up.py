"""Actions from what a person typed: `spotwarden plan NAME --do OPERATION …`. Reads what it needs, changes nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import ValidationError

from tools.cloud import CloudReader
from tools.errors import NotFound, UsageError
from tools.fleets import draw_up_storage
from tools.fleets.draw_up_storage import NOTHING_TYPED, StorageTyped
from tools.fleets.effects import effect_of
from tools.fleets.find import find_fleet
from tools.fleets.operate import its_group, running_refresh
from tools.fleets.preview import check_offered
from tools.market.subject import INSTANCE_ID
from tools.records import (
    Action,
    CancelInstanceRefresh,
    CreateFleet,
    CreateSnapshots,
    CreateTemplateVersion,
    DeleteFleet,
    Fleet,
    FleetRef,
    Instance,
    InstanceOperation,
    OperateInstances,
    RunInstances,
    SetTags,
    SetTargets,
    SetVolumeRetention,
    StartInstanceRefresh,
    Tag,
)
from tools.tool import explain


@dataclass(frozen=True)
class Typed:
    """What may follow an operation; None and () = not said."""

    instances: tuple[str, ...] = ()
    lower_desired: bool = False
    terminate: bool = False
    min_healthy: int | None = None
    warmup_seconds: int | None = None
    every_instance: bool = False
    template: str | None = None
    """lt-…, or lt-…:VERSION"""
    types: tuple[str, ...] = ()
    weights: tuple[int, ...] | None = None
    subnets: tuple[str, ...] = ()
    fleet_type: str | None = None
    desired: int | None = None
    on_demand_base: int | None = None
    strategy: str | None = None
    on_demand_strategy: str | None = None
    count: int | None = None
    buy: str | None = None
    image: str | None = None
    target_group: str | None = None
    devices: tuple[str, ...] = ()
    exclude_boot: bool = False
    tags: tuple[Tag, ...] = ()
    untag: tuple[str, ...] = ()
    storage: StorageTyped = NOTHING_TYPED


def draw_up(reader: CloudReader, name: str, operation: str, typed: Typed) -> Action:
    """One action, checked against the fleet as it is now.

    Raises  UsageError: an unknown operation, something missing, or AWS would refuse it; NotFound; CloudErrors
    """
    makes = OPERATIONS.get(operation)
    if makes is None:
        raise UsageError(f"--do {operation}: no such operation", hint=f"one of {', '.join(OPERATIONS)}")
    try:
        action = makes(reader, name, operation, typed)
    except ValidationError as error:
        raise UsageError(f"{operation}: {explain(error)}", hint="spotwarden plan --help") from None
    effect = effect_of(action)
    fleet = effect.subject(reader, action)
    effect.check(action, fleet)
    check_offered(reader, action, fleet)
    return action


def _operate(reader: CloudReader, name: str, operation: str, typed: Typed) -> Action:
    fleet = its_group(reader, find_fleet(reader, name))
    alone = (name.removeprefix("instance/"),) if INSTANCE_ID.fullmatch(name) else ()
    return OperateInstances.model_validate(
        {
            "fleet": fleet.ref,
            "operation": operation,
            "instance_ids": typed.instances or alone or _need("--instances", operation),
            "lower_desired_capacity": typed.lower_desired,
        }
    )


def _refresh(reader: CloudReader, name: str, _operation: str, typed: Typed) -> Action:
    return StartInstanceRefresh(
        fleet=find_fleet(reader, name).ref,
        min_healthy_percentage=90 if typed.min_healthy is None else typed.min_healthy,
        instance_warmup_seconds=300 if typed.warmup_seconds is None else typed.warmup_seconds,
        skip_matching=not typed.every_instance,
    )


def _cancel(reader: CloudReader, name: str, _operation: str, _typed: Typed) -> Action:
    fleet = find_fleet(reader, name)
    return CancelInstanceRefresh(fleet=fleet.ref, instance_refresh_id=running_refresh(reader, fleet))


def _create(reader: CloudReader, name: str, operation: str, typed: Typed) -> Action:
    wanted = {
        "instance_types": typed.types or _need("--types", operation),
        "subnet_ids": typed.subnets or _need("--subnets", operation),
        "total_target_capacity": _need("--desired", operation) if typed.desired is None else typed.desired,
    }
    template_id, version = _template(reader, typed, operation)
    return CreateFleet.model_validate(
        {
            **wanted,
            "fleet": _new(reader, "ec2-fleet", name),
            "launch_template_id": template_id,
            "launch_template_version": version,
            "weights": typed.weights,
            "fleet_type": typed.fleet_type or "maintain",
            "on_demand_target_capacity": typed.on_demand_base or 0,
            "spot_allocation_strategy": typed.strategy or "price-capacity-optimized",
            "on_demand_allocation_strategy": typed.on_demand_strategy or "prioritized",
            "tags": typed.tags,
        }
    )


def _delete(reader: CloudReader, name: str, _operation: str, typed: Typed) -> Action:
    return DeleteFleet(fleet=find_fleet(reader, name).ref, terminate_instances=typed.terminate)


def _run(reader: CloudReader, name: str, operation: str, typed: Typed) -> Action:
    template_id, version = _template(reader, typed, operation)
    return RunInstances.model_validate(
        {
            "fleet": _new(reader, "instance", name),
            "launch_template_id": template_id,
            "launch_template_version": version,
            "instance_type": _one("--types", operation, typed.types),
            "subnet_id": _one("--subnets", operation, typed.subnets),
            "count": typed.count or 1,
            "purchase_option": typed.buy or _need("--buy spot|on-demand", operation),
            "tags": typed.tags,
        }
    )


def _new_version(reader: CloudReader, name: str, operation: str, typed: Typed) -> Action:
    fleet = find_fleet(reader, name)
    if fleet.launch_template is None:
        raise UsageError(f"{fleet.name} has no launch template", hint="give it one first")
    template_id = fleet.launch_template.template_id
    return CreateTemplateVersion.model_validate(
        {
            "fleet": fleet.ref,
            "launch_template_id": template_id,
            "source_version": _number(reader, template_id, fleet.launch_template.version),
            "instance_type": _one("--types", operation, typed.types) if typed.types else None,
            "image_id": typed.image,
        }
    )


def _targets(reader: CloudReader, name: str, operation: str, typed: Typed) -> Action:
    fleet = find_fleet(reader, name)
    group = typed.target_group or (fleet.target_groups[0] if len(fleet.target_groups) == 1 else None)
    return SetTargets.model_validate(
        {
            "fleet": fleet.ref,
            "target_group_arn": group or _need("--target-group", operation),
            "instance_ids": typed.instances or _need("--instances", operation),
            "registered": operation == "register",
        }
    )


def _volumes(reader: CloudReader, name: str, operation: str, typed: Typed) -> Action:
    fleet, instance = _one_instance(reader, name, operation, typed)
    devices = typed.devices or tuple(v.device_name for v in instance.volumes)
    return SetVolumeRetention(
        fleet=fleet.ref,
        instance_id=instance.instance_id,
        device_names=devices,
        delete_on_termination=operation == "delete-volumes",
    )


def _snapshot(reader: CloudReader, name: str, operation: str, typed: Typed) -> Action:
    fleet, instance = _one_instance(reader, name, operation, typed)
    volumes = tuple(v.volume_id for v in instance.volumes if not (typed.exclude_boot and v.root))
    return CreateSnapshots.model_validate(
        {
            "fleet": fleet.ref,
            "instance_id": instance.instance_id,
            "volume_ids": volumes,
            "exclude_boot_volume": typed.exclude_boot,
        }
    )


def _restore(reader: CloudReader, name: str, _operation: str, typed: Typed) -> Action:
    return draw_up_storage.restore(reader, name, typed.storage, typed.tags)


def _attach(reader: CloudReader, name: str, operation: str, typed: Typed) -> Action:
    fleet, instance = _one_instance(reader, name, operation, typed)
    device = _one("--devices", operation, typed.devices) if typed.devices else None
    return draw_up_storage.attach(reader, fleet, instance, typed.storage, device)


def _alone(reader: CloudReader, name: str, operation: str, typed: Typed) -> Action:
    return draw_up_storage.alone(reader, name, operation, typed.storage)


def _tags(reader: CloudReader, name: str, _operation: str, typed: Typed) -> Action:
    return SetTags(fleet=find_fleet(reader, name).ref, tags=typed.tags, remove=typed.untag)


OPERATIONS: dict[str, Callable[[CloudReader, str, str, Typed], Action]] = {
    **dict.fromkeys(get_args(InstanceOperation), _operate),
    "start-instance-refresh": _refresh,
    "cancel-instance-refresh": _cancel,
    "create-fleet": _create,
    "delete-fleet": _delete,
    "run": _run,
    "new-template-version": _new_version,
    "deregister": _targets,
    "register": _targets,
    "keep-volumes": _volumes,
    "delete-volumes": _volumes,
    "snapshot": _snapshot,
    "snapshot-volume": _alone,
    "restore-volume": _restore,
    "attach-volume": _attach,
    "delete-volume": _alone,
    "delete-snapshot": _alone,
    "tag": _tags,
}


def _need(option: str, operation: str) -> Any:
    raise UsageError(f"{operation} needs {option}", hint="spotwarden plan --help")


def _one(option: str, operation: str, given: Sequence[str]) -> str:
    if len(given) != 1:
        raise UsageError(f"{operation} needs one value for {option}, got {len(given)}", hint="spotwarden plan --help")
    return given[0]


def _new(reader: CloudReader, kind: Any, name: str) -> FleetRef:
    account = reader.account()
    return FleetRef(kind=kind, fleet_id=name, account_id=account.account_id, region=account.region)


def _template(reader: CloudReader, typed: Typed, operation: str) -> tuple[str, int]:
    given = typed.template or _need("--template", operation)
    template_id, _, version = given.partition(":")
    return template_id, _number(reader, template_id, version or "$Default")


def _number(reader: CloudReader, template_id: str, version: str) -> int:
    """$Latest and $Default as the number that they mean now: a plan names what it will do."""
    if version.isdigit():
        return int(version)
    try:
        known = reader.template_versions(template_id)
    except NotFound as error:
        raise UsageError(error.message, hint="--template takes an id such as lt-0123456789abcdef0") from None
    found = [v.number for v in known if v.default or version == "$Latest"]
    if version not in {"$Default", "$Latest"} or not found:
        raise UsageError(f"{template_id}: no version {version!r}", hint="a number, $Default or $Latest")
    return found[-1]


def _one_instance(reader: CloudReader, name: str, operation: str, typed: Typed) -> tuple[Fleet, Instance]:
    fleet = find_fleet(reader, name)
    wanted = _one("--instances", operation, typed.instances) if fleet.ref.kind != "instance" else fleet.ref.fleet_id
    found = next((i for i in fleet.instances if i.instance_id == wanted), None)
    if found is None:
        raise UsageError(f"{fleet.name} has no {wanted}", hint=f"`spotwarden fleets {fleet.name}` lists its instances")
    return fleet, found
