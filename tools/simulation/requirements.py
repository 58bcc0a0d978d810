"""Attribute-based instance type selection: which types of the account's catalogue have the attributes asked for.

Source  Amazon EC2 API reference: InstanceRequirements. Burstable types and bare metal are left out unless asked for;
price protection is not simulated.
"""

import fnmatch
from collections.abc import Mapping, Sequence
from typing import Any

from tools.simulation.rates import is_accelerated, is_arm, memory_gib, vcpus

_BURSTABLE = ("t2.", "t3.", "t3a.", "t4g.")


def matching_types(types: Sequence[str], asked: Mapping[str, Any]) -> tuple[str, ...]:
    """The types that have every attribute, smallest first.

    asked  InstanceRequirements as botocore names it; VCpuCount and MemoryMiB are required by AWS
    """
    found = [t for t in types if _fits(t, asked)]
    return tuple(sorted(found, key=lambda t: (vcpus(t), memory_gib(t), t)))


def _fits(kind: str, asked: Mapping[str, Any]) -> bool:
    allowed, excluded = asked.get("AllowedInstanceTypes"), asked.get("ExcludedInstanceTypes") or []
    makers = asked.get("CpuManufacturers")
    return (
        _within(vcpus(kind), asked.get("VCpuCount"))
        and _within(memory_gib(kind) * 1024, asked.get("MemoryMiB"))
        and _within(memory_gib(kind) / vcpus(kind), asked.get("MemoryGiBPerVCpu"))
        and _choice(asked.get("BurstablePerformance"), has=kind.startswith(_BURSTABLE), default="excluded")
        and _choice(asked.get("BareMetal"), has=kind.endswith(".metal"), default="excluded")
        and _accelerators_fit(kind, asked)
        and (not makers or _maker(kind) in makers)
        and (not allowed or any(fnmatch.fnmatchcase(kind, p) for p in allowed))
        and not any(fnmatch.fnmatchcase(kind, p) for p in excluded)
    )


def _within(value: float, bounds: Mapping[str, Any] | None) -> bool:
    low, high = (bounds or {}).get("Min"), (bounds or {}).get("Max")
    return (low is None or value >= float(low)) and (high is None or value <= float(high))


def _choice(said: str | None, *, has: bool, default: str) -> bool:
    return {"included": True, "required": has, "excluded": not has}.get(said or default, True)


def _accelerators_fit(kind: str, asked: Mapping[str, Any]) -> bool:
    """Accelerated types are for those who ask for them."""
    count = asked.get("AcceleratorCount")
    wants = bool(asked.get("AcceleratorTypes")) or bool(count and float(count.get("Min") or 0) > 0)
    return is_accelerated(kind) == wants


def _maker(kind: str) -> str:
    if is_arm(kind):
        return "amazon-web-services"
    return "amd" if kind.partition(".")[0].endswith("a") else "intel"
