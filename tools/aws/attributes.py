"""Types chosen by attributes, as Auto Scaling and EC2 Fleet both say it."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from tools.errors import DataError
from tools.records import InstanceRequirements

CHOICES = {
    "allowed_instance_types": "AllowedInstanceTypes",
    "excluded_instance_types": "ExcludedInstanceTypes",
    "cpu_manufacturers": "CpuManufacturers",
    "instance_generations": "InstanceGenerations",
}


def requirements_of(name: str, overrides: Iterable[Mapping[str, Any]]) -> InstanceRequirements | None:
    """Of the first override that chooses by attributes; None = they all name types.

    Raises  DataError: AWS's answer holds what is not known here
    """
    asked = next((o["InstanceRequirements"] for o in overrides if o.get("InstanceRequirements")), None)
    if asked is None:
        return None
    vcpus, memory = asked.get("VCpuCount") or {}, asked.get("MemoryMiB") or {}
    try:
        return InstanceRequirements(
            min_vcpus=vcpus.get("Min") or 0,
            max_vcpus=vcpus.get("Max"),
            min_memory_mib=memory.get("Min") or 0,
            max_memory_mib=memory.get("Max"),
            **{field: tuple(asked.get(member) or ()) for field, member in CHOICES.items()},
        )
    except ValidationError as error:
        told = "; ".join(f"{e['loc']}: {e['msg']}" for e in error.errors()[:3])
        raise DataError(f"{name}: InstanceRequirements hold what is not known here: {told}") from None
