"""Instance types that can stand in for one another: same architecture, same size class.

Source  AWS instance type tables: families of one row give the same vCPU and memory ratio at one size;
        the GPU rows give one GPU of at least 16 GiB, four or eight vCPU.
"""

from collections.abc import Sequence

_FAMILIES: tuple[tuple[str, ...], ...] = (
    ("m6i", "m5", "m6a", "m5a", "m7i", "m5n", "m7a"),
    ("c6i", "c5", "c6a", "c5a", "c7i", "c5n", "c7a"),
    ("r6i", "r5", "r6a", "r5a", "r7i", "r5n", "r7a"),
    ("m6g", "m7g", "m6gd", "m8g"),
    ("c6g", "c7g", "c6gd", "c8g"),
    ("r6g", "r7g", "r6gd", "r8g"),
    ("t3", "t3a", "t2"),
    ("i3", "i3en", "i4i"),
    ("p4d", "p4de"),
)
_NAMED: tuple[tuple[str, ...], ...] = (
    ("g5.xlarge", "g4dn.xlarge", "g6.xlarge", "g5.2xlarge", "g4dn.2xlarge", "g6.2xlarge"),
    ("g5.2xlarge", "g6.2xlarge", "g4dn.2xlarge", "g5.4xlarge", "g4dn.4xlarge"),
    ("g5.4xlarge", "g6.4xlarge", "g4dn.4xlarge", "g5.8xlarge"),
    ("g5.12xlarge", "g6.12xlarge", "g4dn.12xlarge"),
)

# GPU types by GPU and how many they have; Source: AWS's tables of accelerated instance types
_G_SIZES = (("xlarge", 1), ("2xlarge", 1), ("4xlarge", 1), ("8xlarge", 1), ("16xlarge", 1), ("12xlarge", 4))
_BY_GPU: dict[str, tuple[tuple[str, int], ...]] = {
    "T4": tuple((f"g4dn.{size}", n) for size, n in _G_SIZES),
    "T4G": (("g5g.xlarge", 1), ("g5g.2xlarge", 1), ("g5g.4xlarge", 1), ("g5g.8xlarge", 1), ("g5g.16xlarge", 2)),
    "A10G": (*((f"g5.{size}", n) for size, n in _G_SIZES), ("g5.24xlarge", 4), ("g5.48xlarge", 8)),
    "L4": (*((f"g6.{size}", n) for size, n in _G_SIZES), ("g6.24xlarge", 4), ("g6.48xlarge", 8)),
    "L40S": (*((f"g6e.{size}", n) for size, n in _G_SIZES), ("g6e.24xlarge", 4), ("g6e.48xlarge", 8)),
    "V100": (("p3.2xlarge", 1), ("p3.8xlarge", 4), ("p3.16xlarge", 8), ("p3dn.24xlarge", 8)),
    "A100": (("p4d.24xlarge", 8), ("p4de.24xlarge", 8)),
    "H100": (("p5.4xlarge", 1), ("p5.48xlarge", 8)),
    "H200": (("p5e.48xlarge", 8), ("p5en.48xlarge", 8)),
    "K80": (("p2.xlarge", 1), ("p2.8xlarge", 8), ("p2.16xlarge", 16)),
    "M60": (("g3s.xlarge", 1), ("g3.4xlarge", 1), ("g3.8xlarge", 2), ("g3.16xlarge", 4)),
}


def types_with(gpu: str, at_least: int) -> tuple[str, ...]:
    """Types with so many GPUs of that name; empty when the name is none of a GPU."""
    return tuple(name for name, n in _BY_GPU.get({"A10": "A10G"}.get(gpu, gpu), ()) if n >= at_least)


def alternatives(instance_type: str) -> tuple[str, ...]:
    """Stand-ins for one type, nearest first, without the type itself; empty when none is known."""
    for row in _NAMED:
        if instance_type in row and row[0] == instance_type:
            return row[1:]
    for row in _NAMED:
        if instance_type in row:
            return tuple(t for t in row if t != instance_type)
    family, _, size = instance_type.partition(".")
    for row in _FAMILIES:
        if family in row and size:
            return tuple(f"{f}.{size}" for f in row if f != family)
    return ()


def diversified(instance_types: Sequence[str], *, wanted: int = 5) -> tuple[str, ...]:
    """Today's types first, then stand-ins in turn for each, until `wanted` types; never drops one."""
    kept = list(dict.fromkeys(instance_types))
    rows = [alternatives(t) for t in kept]
    for column in range(max((len(r) for r in rows), default=0)):
        for row in rows:
            if column < len(row) and row[column] not in kept and len(kept) < wanted:
                kept.append(row[column])
    return tuple(kept)
