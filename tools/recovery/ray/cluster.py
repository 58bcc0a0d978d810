"""A cluster file as the rules look at it: tolerant of whatever stands in it, with lines of the file that was given."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tools.recovery.ray.parts import Part
from tools.recovery.ray.variables import Setting, Use
from tools.recovery.ray.yaml_tree import Path, Tree

PLACEHOLDER = re.compile(r"\$\{?[A-Za-z_]\w*\}?")
_FAMILY = re.compile(r"([a-z]+)([0-9]+)([a-z-]*)\.[a-z0-9-]+")
_ARM_IMAGE = re.compile(r"(?i)arm|aarch64|graviton")
_X86_IMAGE = re.compile(r"(?i)x86|amd64|intel")
GUARD = re.compile(r"\bray_node\b|spotwarden-guard\s+ray-node\b")


def architecture_of(instance_type: str) -> str | None:
    """arm64 or x86_64 by the family's name: a g after the generation is Graviton. None = no such name."""
    found = _FAMILY.fullmatch(instance_type)
    if found is None:
        return None
    return "arm64" if found[3].startswith("g") or found[1] + found[2] == "a1" else "x86_64"


def image_hint(image: str) -> str | None:
    """What an image's name or variable says of its architecture."""
    arm, x86 = bool(_ARM_IMAGE.search(image)), bool(_X86_IMAGE.search(image))
    return None if arm == x86 else "arm64" if arm else "x86_64"


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def texts(value: Any) -> list[str]:
    return [v for v in value if isinstance(v, str)] if isinstance(value, list) else []


@dataclass(frozen=True)
class Group:
    """One of available_node_types."""

    name: str
    data: dict[str, Any]
    is_head: bool

    @property
    def path(self) -> Path:
        return ("available_node_types", self.name)

    @property
    def node(self) -> dict[str, Any]:
        return _mapping(self.data.get("node_config"))

    @property
    def node_path(self) -> Path:
        return (*self.path, "node_config")

    @property
    def instance_type(self) -> str:
        return str(self.node.get("InstanceType") or "")

    @property
    def architecture(self) -> str | None:
        return architecture_of(self.instance_type)

    @property
    def image(self) -> str:
        return str(self.node.get("ImageId") or "")

    @property
    def on_spot(self) -> bool:
        return _mapping(self.node.get("InstanceMarketOptions")).get("MarketType") == "spot"

    @property
    def resources(self) -> dict[str, Any]:
        return _mapping(self.data.get("resources"))

    @property
    def custom(self) -> set[str]:
        """Resources of the file's own making."""
        return {r for r in self.resources if r not in ("CPU", "GPU", "memory", "object_store_memory")}

    @property
    def min_workers(self) -> int | None:
        return _count(self.data.get("min_workers", 0))

    @property
    def max_workers(self) -> int | None:
        """None = not told: Ray takes the cluster's for a worker group, 0 for the head."""
        return _count(self.data.get("max_workers"))

    @property
    def profile(self) -> str:
        profile = _mapping(self.node.get("IamInstanceProfile"))
        return str(profile.get("Name") or profile.get("Arn") or "")

    def volumes(self) -> Iterator[tuple[Path, dict[str, Any]]]:
        mappings = self.node.get("BlockDeviceMappings")
        for i, mapping in enumerate(mappings if isinstance(mappings, list) else []):
            yield (*self.node_path, "BlockDeviceMappings", i, "Ebs"), _mapping(_mapping(mapping).get("Ebs"))


@dataclass(frozen=True)
class Cluster:
    """part     where it stands
    tree     its values after the shell has written it
    unset    variables that the shell finds empty
    known    what the file's scripts set
    """

    part: Part
    tree: Tree
    unset: tuple[Use, ...] = ()
    known: dict[str, Setting] | None = None
    storage_usd_per_gib_month: float | None = None

    @property
    def data(self) -> dict[str, Any]:
        return _mapping(self.tree.value)

    @property
    def provider(self) -> dict[str, Any]:
        return _mapping(self.data.get("provider"))

    @property
    def on_aws(self) -> bool:
        return bool(self.provider.get("type", "aws") == "aws")

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        head = self.data.get("head_node_type")
        types = _mapping(self.data.get("available_node_types"))
        return tuple(Group(name, _mapping(data), name == head) for name, data in types.items())

    @property
    def head(self) -> Group | None:
        return next((g for g in self.groups if g.is_head), None)

    @property
    def workers(self) -> tuple[Group, ...]:
        return tuple(g for g in self.groups if not g.is_head)

    @property
    def spot_groups(self) -> tuple[Group, ...]:
        return tuple(g for g in self.workers if g.on_spot)

    @property
    def steady_groups(self) -> tuple[Group, ...]:
        """On-demand worker groups that may have nodes."""
        return tuple(g for g in self.workers if not g.on_spot and g.max_workers != 0)

    def commands(self, key: str) -> list[tuple[Path, str]]:
        """Of one list of shell commands, each with its place."""
        listed = self.data.get(key)
        return [((key, i), c) for i, c in enumerate(listed)] if isinstance(listed, list) else []

    def is_hole(self, path: Path) -> bool:
        """A variable that the shell finds unset stood on this line."""
        return any(use.line == self.line(path) for use in self.unset)

    def line(self, path: Path) -> int:
        """Of the file that was given."""
        return self.part.first_line + self.tree.line(path) - 1
