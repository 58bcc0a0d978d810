"""What scaling activities and fleet histories say in prose, read carefully. Pure.

AWS writes of a refusal that there was none of what was asked for, and seldom what that was: a group asks for all of
its types in one zone at once, so each of them was refused there.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

_ZONE = re.compile(r"\b([a-z]{2}(?:-[a-z]+)+-\d[a-z])\b")
_TYPE = re.compile(r"\b([a-z][a-z0-9-]*\.(?:nano|micro|small|medium|large|metal(?:-\d+xl)?|\d*xlarge))\b")
_INSTANCE = re.compile(r"\b(i-[0-9a-f]{8,17})\b")
_DRY = re.compile(
    r"InsufficientInstanceCapacity|InsufficientCapacity|UnfulfillableCapacity|no Spot capacity available"
    r"|(?:do|does) not have sufficient",
    re.IGNORECASE,
)
_ON_DEMAND_ONLY = re.compile(r"on-demand instances", re.IGNORECASE)
_SPOT = re.compile(r"\bspot\b", re.IGNORECASE)
_TAKEN = re.compile(
    r"taken out of service in response to an? .{0,60}?(rebalance recommendation|interruption)", re.IGNORECASE
)
_UNHEALTHY = re.compile(r"taken out of service in response to an? .{0,20}health.?check", re.IGNORECASE)


@dataclass(frozen=True)
class Told:
    """One activity or event in our words."""

    kind: Literal["launch", "refusal", "interruption", "rebalance", "gone", "other"]
    """gone: ended, and the text does not say by whom"""
    instance_id: str | None = None
    instance_types: tuple[str, ...] = ()
    zone_name: str | None = None
    code: str | None = None


OTHER = Told("other")


def told_by_activity(row: Mapping[str, Any], types_of_group: Sequence[str]) -> Told:
    """types_of_group: what the group may launch; a refusal that names no type refused each of them."""
    description = str(row.get("Description") or "")
    named = _INSTANCE.search(description)
    instance_id = named.group(1) if named else None
    if description.startswith("Launching"):
        if row.get("StatusCode") == "Failed":
            return _refusal(row, description, types_of_group)
        return Told("launch", instance_id, zone_name=_zone(row)) if instance_id else OTHER
    if not description.startswith("Terminating") or instance_id is None:
        return OTHER
    cause = str(row.get("Cause") or "")
    taken = _TAKEN.search(cause)
    if taken:
        kind: Literal["rebalance", "interruption"] = (
            "rebalance" if taken.group(1).lower().startswith("rebalance") else "interruption"
        )
        return Told(kind, instance_id, zone_name=_zone(row))
    return Told("gone", instance_id) if _UNHEALTHY.search(cause) else OTHER


def _refusal(row: Mapping[str, Any], description: str, types_of_group: Sequence[str]) -> Told:
    text = f"{row.get('StatusMessage') or ''} {description}"
    found = _DRY.search(text)
    if not found or not _SPOT.search(text) or (_ON_DEMAND_ONLY.search(text) and "Spot Instances" not in text):
        return OTHER  # a quota, a template, a price, or an on-demand machine: no word about spot capacity
    named = tuple(dict.fromkeys(_TYPE.findall(text)))
    # "unfulfillable" may be the request's own fault, so it speaks of one type only
    all_refused = len(types_of_group) == 1 or not found.group(0).lower().startswith("unfulfillable")
    types = named or (tuple(types_of_group) if all_refused else ())
    return Told("refusal", None, types, _zone(row) or _first(_ZONE, text), _code(found.group(0)))


def told_by_history(row: Mapping[str, Any]) -> Told:
    """One record of an EC2 Fleet's history."""
    event = row.get("EventInformation") or {}
    subtype, text = str(event.get("EventSubType") or ""), str(event.get("EventDescription") or "")
    instance_id, zone, kind = event.get("InstanceId"), _first(_ZONE, text), _first(_TYPE, text)
    types = (kind,) if kind else ()
    if subtype == "launched" and instance_id:
        return Told("launch", str(instance_id), types, zone)
    found = _DRY.search(f"{subtype} {text}")
    if found and row.get("EventType") not in ("instance-change", "instanceChange"):
        return Told("refusal", None, types, zone, _code(found.group(0)))
    return OTHER


def _code(words: str) -> str:
    known = ("InsufficientInstanceCapacity", "InsufficientCapacity", "UnfulfillableCapacity")
    return next((c for c in known if c.lower() == words.lower()), "InsufficientInstanceCapacity")


def _zone(row: Mapping[str, Any]) -> str | None:
    """Details is JSON in a text: {"Subnet ID": …, "Availability Zone": …}."""
    try:
        details = json.loads(row.get("Details") or "{}")
    except ValueError:
        return None
    zone = details.get("Availability Zone") if isinstance(details, dict) else None
    return zone if isinstance(zone, str) and _ZONE.fullmatch(zone) else None


def _first(pattern: re.Pattern[str], text: str) -> str | None:
    found = pattern.search(text)
    return found.group(1) if found else None
