"""What stands behind the options of `plan`: lists with commas, ranges, percentages, tags. Errors name the option."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tools.errors import UsageError

if TYPE_CHECKING:
    from policies.records import Aftercare
    from tools.fleets.draw_up import Typed
    from tools.fleets.slo_floor import OnDemandFloor

_HINT = "spotwarden plan --help"
_VERIFY = "20m"
_FIELDS = {
    "on_demand_base": "on_demand_base_capacity",
    "on_demand_percentage": "on_demand_percentage_above_base",
    "on_demand_strategy": "on_demand_allocation_strategy",
    "strategy": "spot_allocation_strategy",
    "desired": "desired_capacity",
    "min_size": "min_size",
    "max_size": "max_size",
    "capacity_rebalance": "capacity_rebalance",
    "protect_new": "new_instances_protected",
    "template_version": "launch_template_version",
}


def settings_from(options: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a ChangeFleet that the options name. Raises UsageError."""
    wanted = {field: options[name] for name, field in _FIELDS.items() if options[name] is not None}
    if options["types"] is not None:
        wanted["instance_types"] = [part.strip() for part in options["types"].split(",")]  # a blank one is told
    if options["weights"] is not None:
        wanted["weights"] = _weights(options["weights"])
    if options["vcpus"] is not None or options["memory_mib"] is not None:
        low, high = _range("--vcpus", options["vcpus"] or "0-")
        least, most = _range("--memory-mib", options["memory_mib"] or "0-")
        wanted["instance_requirements"] = {
            "min_vcpus": low,
            "max_vcpus": high,
            "min_memory_mib": least,
            "max_memory_mib": most,
            "instance_generations": ("current",),
        }
    return wanted


def typed_from(options: Mapping[str, Any]) -> "Typed":
    """What may follow an operation. Raises UsageError."""
    from tools.fleets.draw_up import Typed
    from tools.fleets.draw_up_storage import StorageTyped

    return Typed(
        instances=_listed(options["instances"]),
        lower_desired=options["lower_desired"],
        terminate=options["terminate"],
        min_healthy=options["min_healthy"],
        warmup_seconds=options["warmup_seconds"],
        every_instance=options["every_instance"],
        template=options["template"],
        types=_listed(options["types"]),
        weights=_weights(options["weights"]) if options["weights"] is not None else None,
        subnets=_listed(options["subnets"]),
        fleet_type=options["fleet_type"],
        desired=options["desired"],
        on_demand_base=options["on_demand_base"],
        strategy=options["strategy"],
        on_demand_strategy=options["on_demand_strategy"],
        count=options["count"],
        buy=options["buy"],
        image=options["image"],
        target_group=options["target_group"],
        devices=_listed(options["devices"]),
        exclude_boot=options["no_boot"],
        tags=_tags(options["tag"] or ()),
        untag=tuple(options["untag"] or ()),
        storage=StorageTyped(**{field: options[field] for field in StorageTyped.__dataclass_fields__}),
    )


def step_percent(text: str | None) -> int | None:
    """10% or 10 → 10. Raises UsageError: not 1 to 100."""
    if text is None:
        return None
    number = text.strip().removesuffix("%")
    if not number.isdigit() or not 1 <= int(number) <= 100:
        raise UsageError(f"--step {text}: must be 1% to 100%", hint="such as --step 10%")
    return int(number)


def aftercare_from(verify: str | None, *, rollback: bool) -> "Aftercare | None":
    """How long a change is watched, and what then. Raises UsageError: not a duration."""
    if verify is None and not rollback:
        return None
    from policies.records import Aftercare
    from policies.units import duration_seconds

    try:
        seconds = duration_seconds(verify or _VERIFY)
        return Aftercare(verify_seconds=seconds, on_fail="rollback" if rollback else "escalate")
    except ValueError:  # pydantic's are too
        raise UsageError(
            f"--verify {verify}: must be a duration from 1m to 7d", hint="such as 90s, 20m or 2h"
        ) from None


def floor_from(options: Mapping[str, Any], desired: int) -> "OnDemandFloor":
    """The smallest on-demand base that meets the objective named. Raises UsageError: not a share, or two bases."""
    from tools.fleets.slo_floor import ServiceObjective, baseline_for_slo

    if options["on_demand_base"] is not None:
        raise UsageError("--on-demand-base and an objective exclude each other", hint="leave one of them out")
    served = None if options["served"] is None else _share("--served", options["served"])
    least = 0.0 if options["keep_serving"] is None else _share("--keep-serving", options["keep_serving"])
    return baseline_for_slo(
        desired,
        ServiceObjective(least_share=least, served_share=served),
        losses_per_day=options["losses_per_day"],
        minutes_lost=options["minutes_lost"],
    )


def _share(option: str, text: str) -> float:
    try:
        percent = float(text.strip().removesuffix("%"))
    except ValueError:
        percent = -1.0
    if not 0 <= percent <= 100:
        raise UsageError(f"{option} {text}: must be 0% to 100%", hint=_HINT)
    return percent / 100


def _listed(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


def _weights(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in _listed(text))
    except ValueError:
        raise UsageError(f"--weights {text}: must be whole numbers with commas", hint=_HINT) from None


def _range(option: str, text: str) -> tuple[int, int | None]:
    low, dash, high = text.partition("-")
    numbers = [low.strip(), high.strip() if dash else low.strip()]
    if not numbers[0].isdigit() or (numbers[1] and not numbers[1].isdigit()):
        raise UsageError(f"{option} {text}: must be such as 4-8, or 4- for no upper bound", hint=_HINT)
    return int(numbers[0]), int(numbers[1]) if numbers[1] else None


def _tags(given: Any) -> Any:
    from tools.records import Tag

    tags = []
    for text in given:
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise UsageError(f"--tag {text}: must be KEY=VALUE", hint="--untag KEY removes one")
        tags.append(Tag(key=key, value=value))
    return tuple(tags)
