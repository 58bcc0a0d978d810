"""change-fleet: settings of a group, an EC2 Fleet or a Spot Fleet request, in one call."""

from collections.abc import Iterable
from typing import Any

from tools.cloud import CloudReader, CloudWriter, FleetSettings, Receipt
from tools.errors import UsageError
from tools.fleets.effects.change_lines import change_lines, change_warnings
from tools.fleets.effects.change_possible import check_change
from tools.fleets.effects.effect import Effect
from tools.fleets.launches import Movement, mix_after, movement
from tools.market.pricebook import PriceBook
from tools.records import (
    CHANGE_TYPES,
    ChangeFleet,
    FieldChange,
    Fleet,
    InstanceRequirements,
    InstanceTypeOverride,
    Intent,
    ItemOutcome,
    PurchaseMix,
)

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
        """A list of types takes its weights along: without them it could not be set back."""
        mix = mix_after(action, fleet)
        want = {f: _plain(getattr(action, f)) for f in named_fields(action)}
        if mix is not None and action.instance_types is not None:
            want["instance_types"] = _types(fleet, mix)
            if any(o.weighted_capacity is not None for o in mix.overrides):
                want["weights"] = _weights(fleet, mix)
        return _fields(want, fleet), want

    def carry_out(self, writer: CloudWriter, intent: Intent, action: ChangeFleet, fleet: Fleet) -> Receipt:
        """One call; a mix is written whole, so that no value is left to AWS's defaults."""
        mix = mix_after(action, fleet) if any(f in MIX_FIELDS for f in named_fields(action)) else None
        others = {f: getattr(action, f) for f in CHANGE_TYPES if f not in MIX_FIELDS}
        return writer.set_fleet(intent, action.fleet, FleetSettings(mix=mix, **others))

    def observe(self, reader: CloudReader, intent: Intent, action: ChangeFleet) -> dict[str, Any]:
        return _fields(dict.fromkeys((*named_fields(action), *intent.want)), reader.fleet(action.fleet))

    def items(self, want: dict[str, Any], seen: dict[str, Any]) -> tuple[ItemOutcome, ...]:
        """One call: all or nothing."""
        return ()

    def undo(self, action: ChangeFleet, before: dict[str, Any], fleet: Fleet) -> ChangeFleet | None:
        """Raises UsageError: what was before cannot be said as a change, such as a mix where there was none."""
        unsaid = [f for f, was in before.items() if was is None or was == [] or (isinstance(was, list) and None in was)]
        if isinstance(before.get("launch_template_version"), str):  # $Latest would be another version by now
            unsaid.append("launch_template_version")
        if unsaid:
            said = ", ".join(f"{f} {before[f] or 'none'}" for f in unsaid)
            raise UsageError(
                f"{fleet.name}: what was before cannot be said as a value: {said}", hint="plan the values that you want"
            )
        fields = dict(before)
        if "instance_requirements" in fields:
            fields["instance_requirements"] = InstanceRequirements.model_validate(fields["instance_requirements"])
        return ChangeFleet(fleet=action.fleet, **fields)


def named_fields(action: ChangeFleet) -> list[str]:
    """The settings that the action names, in the order in which people read them."""
    return [f for f in CHANGE_TYPES if getattr(action, f) is not None]


def _fields(named: Iterable[str], fleet: Fleet) -> dict[str, Any]:
    return {field: _now(field, fleet) for field in named}


def _now(field: str, fleet: Fleet) -> Any:
    mix = fleet.mix
    match field:
        case "instance_types":
            return _types(fleet, mix) if mix else []
        case "weights":
            return _weights(fleet, mix) if mix else []
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


def _types(fleet: Fleet, mix: PurchaseMix) -> list[str]:
    return [o.instance_type for o in _overrides(fleet, mix)]


def _weights(fleet: Fleet, mix: PurchaseMix) -> list[int | None]:
    """In the order of `_types`. None = one that is no whole number, among others that are; where there are none, 1."""
    found = [o.weighted_capacity for o in _overrides(fleet, mix)]
    return found if any(found) else [1] * len(found)


def _overrides(fleet: Fleet, mix: PurchaseMix) -> list[InstanceTypeOverride]:
    """In order, which an Auto Scaling group gives meaning to and an EC2 Fleet does not."""
    listed = list(mix.overrides)
    return listed if fleet.ref.kind == "asg" else sorted(listed, key=lambda o: o.instance_type)
