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
