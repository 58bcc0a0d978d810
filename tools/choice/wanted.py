"""What a scan asks for, as attributes, and the sieve that instance types pass. Every type left out has a reason."""

import fnmatch
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from tools.choice.left_out import LeftOut
from tools.errors import UsageError
from tools.records import InstanceTypeSpec

ARCHITECTURES = ("x86_64", "arm64", "i386", "x86_64_mac", "arm64_mac")
"""EC2's own names"""
PRODUCTS = ("Linux/UNIX", "Red Hat Enterprise Linux", "SUSE Linux", "Windows")
"""what a spot price is for"""
_NUMBER = re.compile(r"[0-9]{1,12}(\.[0-9]{1,12})?")
_ALIASES = {
    "amd64": "x86_64",
    "x64": "x86_64",
    "x86": "x86_64",
    "aarch64": "arm64",
    "arm": "arm64",
    "graviton": "arm64",
}


@dataclass(frozen=True)
class Range:
    """low ≤ value ≤ high; None = no bound."""

    low: float | None = None
    high: float | None = None

    def holds(self, value: float) -> bool:
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    @property
    def open(self) -> bool:
        return self.low is None and self.high is None

    def __str__(self) -> str:
        """4..16, 16.., ..64, 8"""
        if self.low is not None and self.low == self.high:
            return f"{self.low:g}"
        return f"{'' if self.low is None else f'{self.low:g}'}..{'' if self.high is None else f'{self.high:g}'}"


ANY = Range()


def parse_range(name: str, text: str, *, whole: bool = False, example: str = "4..16") -> Range:
    """4..16, 16.., ..64 or 8.

    name    of the option, for the error
    whole   only integers
    Raises  UsageError: no range, an end that is no number ≥ 0, or one that ends before it starts
    """
    hint = f"give a range such as {example}, 16.. or ..64, or one number"
    low_text, dots, high_text = text.strip().partition("..")
    if not (low_text or high_text):
        raise UsageError(f"{name} {text!r}: not a range", hint=hint)
    low = _bound(name, text, low_text, whole, hint)
    high = _bound(name, text, high_text, whole, hint) if dots else low
    if low is not None and high is not None and low > high:
        raise UsageError(f"{name} {text}: the range ends before it starts", hint=f"did you mean {high:g}..{low:g}?")
    return Range(low, high)


def _bound(name: str, text: str, end: str, whole: bool, hint: str) -> float | None:
    if not end.strip():
        return None
    if not _NUMBER.fullmatch(end.strip()):
        raise UsageError(f"{name} {text!r}: {end.strip()!r} is not a number of 0 or more", hint=hint)
    value = float(end)
    if whole and value != int(value):
        raise UsageError(f"{name} {text!r}: {end.strip()!r} is not a whole number", hint=hint)
    return value


def architecture(name: str) -> str:
    """EC2's name of an architecture.

    Raises  UsageError: it has none of this name
    """
    if name in ARCHITECTURES:
        return name
    alias = _ALIASES.get(name.lower())
    meant = f"did you mean {alias}? " if alias else ""
    raise UsageError(f"--arch {name}: no such architecture", hint=f"{meant}known: {', '.join(ARCHITECTURES)}")


def product_named(name: str) -> str:
    """What EC2's price history calls a product.

    Raises  UsageError: it knows none of this name
    """
    found = next((p for p in PRODUCTS if p.lower() == name.lower()), None)
    if found is None:
        raise UsageError(f"--product {name}: no such product", hint=f"known: {', '.join(PRODUCTS)}")
    return found


@dataclass(frozen=True)
class Wanted:
    """Attributes of a scan; the defaults leave out what EC2's own attribute-based selection leaves out.

    architectures      any of them; empty = any
    accelerator_names  any of them, as T4 or «A10G»; empty = any
    types, exclude     patterns such as m6i.* ; empty = all, none
    zones              names or ids; empty = every zone
    price_share        mean spot price / on-demand, 0..1
    """

    vcpus: Range = ANY
    memory_gib: Range = ANY
    accelerators: Range = ANY
    architectures: tuple[str, ...] = ()
    accelerator_names: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    price_share: Range = ANY
    bare_metal: bool = False
    burstable: bool = False
    current_generation: bool = False
    """only what AWS calls current: it calls much of last year's fleet previous"""

    def asked(self) -> dict[str, str]:
        """What was asked for, in words, for the record."""
        ranges = {"vcpus": self.vcpus, "memory_gib": self.memory_gib, "accelerators": self.accelerators}
        ranges["price_share"] = self.price_share
        found = {name: str(r) for name, r in ranges.items() if not r.open}
        lists = {
            "architectures": self.architectures,
            "accelerator_names": self.accelerator_names,
            "types": self.types,
            "exclude": self.exclude,
            "zones": self.zones,
        }
        found |= {name: ", ".join(values) for name, values in lists.items() if values}
        flags = {"bare_metal": "too", "burstable": "too", "current_generation": "only"}
        return found | {name: word for name, word in flags.items() if getattr(self, name)}


@dataclass(frozen=True)
class Rule:
    """reason  why a type that fails it is left out"""

    reason: str
    passes: Callable[[InstanceTypeSpec], bool]


def _rules(wanted: Wanted) -> tuple[Rule, ...]:
    """In the order in which a type is asked; the first that fails is the reason."""
    names = {n.lower() for n in wanted.accelerator_names}
    return (
        Rule("not sold on the spot market", lambda s: s.spot),
        Rule("not among the types asked for", lambda s: not wanted.types or _matches(s, wanted.types)),
        Rule("excluded by its name", lambda s: not _matches(s, wanted.exclude)),
        Rule(
            f"architecture is not {' or '.join(wanted.architectures)}",
            lambda s: not wanted.architectures or bool(set(wanted.architectures) & set(s.architectures)),
        ),
        Rule(f"vCPUs outside {wanted.vcpus}", lambda s: wanted.vcpus.holds(s.vcpus)),
        Rule(f"memory outside {wanted.memory_gib} GiB", lambda s: wanted.memory_gib.holds(s.memory_gib)),
        Rule(f"accelerators outside {wanted.accelerators}", lambda s: wanted.accelerators.holds(s.accelerators)),
        Rule(
            f"accelerator is not {' or '.join(wanted.accelerator_names)}",
            lambda s: not names or (s.accelerator_name or "").lower() in names,
        ),
        Rule("bare metal", lambda s: wanted.bare_metal or not s.bare_metal),
        Rule("burstable", lambda s: wanted.burstable or not s.burstable),
        Rule("previous generation", lambda s: s.current_generation or not wanted.current_generation),
    )


def _matches(spec: InstanceTypeSpec, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(spec.instance_type, p) for p in patterns)


def sift(
    specs: Iterable[InstanceTypeSpec], wanted: Wanted, zone_ids: Mapping[str, str], left: LeftOut
) -> dict[str, InstanceTypeSpec]:
    """The types that fit, with the zones that were asked for; the others are counted in `left`.

    zone_ids  name → id of the account
    Raises    UsageError: a zone that the region has not
    """
    zones = wanted_zones(wanted.zones, zone_ids)
    rules = _rules(wanted)
    kept: dict[str, InstanceTypeSpec] = {}
    for spec in specs:
        failed = next((r.reason for r in rules if not r.passes(spec)), None)
        if failed is not None:
            left.add(failed, spec.instance_type)
            continue
        offered = tuple(z for z in spec.zones if z in zones)
        for zone in sorted(zones - set(spec.zones)):
            left.add("not offered in the zone", f"{spec.instance_type}/{zone}")
        if offered:
            kept[spec.instance_type] = spec.with_(zones=offered)
    return kept


def wanted_zones(asked: Iterable[str], zone_ids: Mapping[str, str]) -> frozenset[str]:
    """Zone names, from names or ids.

    Raises  UsageError: the region has no such zone
    """
    names = {zone_id: name for name, zone_id in zone_ids.items()} | {name: name for name in zone_ids}
    unknown = [z for z in asked if z not in names]
    if unknown:
        known = ", ".join(f"{name} ({zone_ids[name]})" for name in sorted(zone_ids))
        raise UsageError(f"--zones {unknown[0]}: the region has no such zone", hint=f"it has {known}")
    return frozenset(names[z] for z in asked) or frozenset(zone_ids)
