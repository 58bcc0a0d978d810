"""change-fleet: settings of a group, an EC2 Fleet or a Spot Fleet request, in one call."""

from typing import Any

from tools.cloud import CloudReader, CloudWriter, FleetSettings, Receipt
from tools.errors import UsageError
from tools.fleets.effects.change_lines import change_lines, change_warnings
from tools.fleets.effects.change_possible import check_change
from tools.fleets.effects.effect import Effect
from tools.fleets.launches import Movement, mix_after, movement
from tools.market.pricebook import PriceBook
from tools.records import CHANGE_TYPES, ChangeFleet, FieldChange, Fleet, InstanceRequirements, Intent

MIX_FIELDS = (
    "on_demand_base_capacity",
    "on_demand_percentage_above_base",
    "on_demand_allocation_strategy",
    "spot_allocation_strategy",
    "instance_types",
    "weights",
    "instance_requirements",
)
_CALLS = {
    "asg": "autoscaling:UpdateAutoScalingGroup",
    "ec2-fleet": "ec2:ModifyFleet",
    "spot-fleet": "ec2:ModifySpotFleetRequest",
}


class ChangeFleetEffect(Effect[ChangeFleet]):
    iam = ("autoscaling:UpdateAutoScalingGroup", "ec2:ModifyFleet", "ec2:ModifySpotFleetRequest")
    reversible = True

    def check(self, action: ChangeFleet, fleet: Fleet) -> None:
        check_change(action, fleet)

    def lines(self, action: ChangeFleet, fleet: Fleet) -> tuple[FieldChange, ...]:
        return change_lines(action, fleet)

    def calls(self, action: ChangeFleet) -> tuple[str, ...]:
        return (_CALLS[action.fleet.kind],)

    def movement(self, action: ChangeFleet, fleet: Fleet, book: PriceBook) -> Movement:
        return movement(action, fleet, book)

    def warnings(self, action: ChangeFleet, fleet: Fleet, moved: Movement | None) -> tuple[str, ...]:
        return change_warnings(action, fleet, moved or Movement())

    def expect_and_want(
        self, reader: CloudReader, action: ChangeFleet, fleet: Fleet
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        want = {f: _plain(getattr(action, f)) for f in named_fields(action)}
        if "instance_types" in want:
            want["instance_types"] = _types(fleet, action.instance_types or ())
        return _fields(action, fleet), want

    def carry_out(self, writer: CloudWriter, intent: Intent, action: ChangeFleet, fleet: Fleet) -> Receipt:
        """One call; a mix is written whole, so that no value is left to AWS's defaults."""
        mix = mix_after(action, fleet) if any(f in MIX_FIELDS for f in named_fields(action)) else None
        others = {f: getattr(action, f) for f in CHANGE_TYPES if f not in MIX_FIELDS}
        return writer.set_fleet(intent, action.fleet, FleetSettings(mix=mix, **others))

    def observe(self, reader: CloudReader, intent: Intent, action: ChangeFleet) -> dict[str, Any]:
        return _fields(action, reader.fleet(action.fleet))

    def undo(self, action: ChangeFleet, before: dict[str, Any], fleet: Fleet) -> ChangeFleet | None:
        """Raises UsageError: what was before cannot be said as a change, such as a mix where there was none."""
        unsaid = [f for f, was in before.items() if was is None or was == []]
        if unsaid:
            raise UsageError(
                f"{fleet.name}: {', '.join(unsaid)} had no value of its own before, and cannot be set back to none",
                hint="plan the values that you want",
            )
        fields = dict(before)
        if "weights" in fields and "instance_types" not in fields:
            fields["instance_types"] = list(fleet.mix.instance_types) if fleet.mix else []
        if "instance_requirements" in fields:
            fields["instance_requirements"] = InstanceRequirements.model_validate(fields["instance_requirements"])
        return ChangeFleet(fleet=action.fleet, **fields)


def named_fields(action: ChangeFleet) -> list[str]:
    """The settings that the action names, in the order in which people read them."""
    return [f for f in CHANGE_TYPES if getattr(action, f) is not None]


def _fields(action: ChangeFleet, fleet: Fleet) -> dict[str, Any]:
    return {field: _now(field, fleet) for field in named_fields(action)}


def _now(field: str, fleet: Fleet) -> Any:
    mix = fleet.mix
    match field:
        case "instance_types":
            return _types(fleet, mix.instance_types if mix else ())
        case "weights":
            return [o.weighted_capacity or 1 for o in mix.overrides] if mix else []
        case "launch_template_version":
            version = fleet.launch_template.version if fleet.launch_template else ""
            return int(version) if version.isdigit() else version or None
        case _ if field in MIX_FIELDS:
            return _plain(getattr(mix, field)) if mix else None
        case _:
            return getattr(fleet, field)


def _plain(value: Any) -> Any:
    if isinstance(value, InstanceRequirements):
        return value.model_dump(mode="json")
    return list(value) if isinstance(value, tuple) else value


def _types(fleet: Fleet, types: tuple[str, ...]) -> list[str]:
    """In order, which an Auto Scaling group gives meaning to and an EC2 Fleet does not."""
    return list(types) if fleet.ref.kind == "asg" else sorted(types)
