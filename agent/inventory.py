"""The inventory as a model reads it: honest totals, the fleets that matter most, and how to ask for the others.

However many fleets an account has, what is told stays the same size: totals and counts are of all of them, rows of a
few, and of the names as many as fit.
"""

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from tools.records import FleetSummary, Inventory, utc_text

ALL_SHOWN = 12
"""so many fleets are all told, in the order of the screens"""
RISKIEST = 6
DEAREST = 6
WORKLOADS = 5
NAMES_LENGTH = 500
"""characters of the list of names"""
TYPES = 3
_RISK = {"high": 0, "medium": 1, "unknown": 2, "low": 3}
TO_SEE_OTHERS = (
    "list_fleets with `matching`: part of a name or id, or one of workload=, risk=, kind=, zone=, type= and a value"
)
UNTRUSTED = ("fleets.name", "fleets.workload", "names", "by_workload.workload", "matching")


def of_inventory(found: Inventory) -> dict[str, Any]:
    """Totals are of every fleet of the inventory, shown or not."""
    fleets = found.fleets
    shown = fleets if len(fleets) <= ALL_SHOWN else _most_important(fleets)
    body: dict[str, Any] = {
        "matching": found.matching,
        "fleets_total": len(fleets),
        "totals": _sums(fleets),
        "by_risk": dict(Counter(f.risk for f in sorted(fleets, key=lambda f: _RISK[f.risk]))),
        "by_kind": dict(sorted(Counter(f.ref.kind for f in fleets).items())),
        **_by_workload(fleets),
        "fleets": [_row(f) for f in shown],
        "usd_per_hour": _usd(found.usd_per_hour),
        "as_of": utc_text(found.as_of),
        "source": found.source,
    }
    return body if shown is fleets else body | _rest(fleets, shown)


def _most_important(fleets: Sequence[FleetSummary]) -> tuple[FleetSummary, ...]:
    """The riskiest, dearest first, and the dearest of the others."""
    riskiest = sorted(fleets, key=lambda f: (_RISK[f.risk], *_dearest(f)))[:RISKIEST]
    named = {f.ref for f in riskiest}
    return (*riskiest, *[f for f in sorted(fleets, key=_dearest) if f.ref not in named][:DEAREST])


def _dearest(fleet: FleetSummary) -> tuple[Decimal, str]:
    """An unknown cost comes first: it may be any."""
    return -(Decimal("Infinity") if fleet.usd_per_hour is None else fleet.usd_per_hour), fleet.name


def _rest(fleets: Sequence[FleetSummary], shown: Sequence[FleetSummary]) -> dict[str, Any]:
    """What the rows leave out, and how to ask for it."""
    every = sorted(f.name for f in fleets)
    lengths = itertools.accumulate(len(name) + 1 for name in every)
    names = [name for name, length in zip(every, lengths, strict=True) if length <= NAMES_LENGTH]
    return {
        "shown": f"the {RISKIEST} riskiest, then the dearest of the others",
        "fleets_left_out": len(fleets) - len(shown),
        "names": " ".join(names),
        "names_left_out": len(every) - len(names),
        "to_see_others": TO_SEE_OTHERS,
    }


def _row(fleet: FleetSummary) -> dict[str, Any]:
    """Zones are left to describe_fleet."""
    row: dict[str, Any] = fleet.model_dump(mode="json", exclude={"ref", "zones"})
    types = row["instance_types"]
    row |= {"kind": fleet.ref.kind, "instance_types": types[:TYPES], "usd_per_hour": _usd(fleet.usd_per_hour)}
    if fleet.largest_pool_share is not None:
        row["largest_pool_share"] = round(fleet.largest_pool_share, 4)
    return row | ({"instance_types_left_out": len(types) - TYPES} if len(types) > TYPES else {})


def _by_workload(fleets: Sequence[FleetSummary]) -> dict[str, Any]:
    """Workloads by their instances, the largest ones; null = the fleets carry no such tag."""
    groups: dict[str | None, list[FleetSummary]] = {}
    for fleet in fleets:
        groups.setdefault(fleet.workload, []).append(fleet)
    ordered = sorted(groups.items(), key=lambda g: (-sum(f.instances for f in g[1]), str(g[0])))
    rows = [{"workload": name, "fleets": len(group), **_sums(group)} for name, group in ordered[:WORKLOADS]]
    left = [f for _, group in ordered[WORKLOADS:] for f in group]
    if not left:
        return {"by_workload": rows}
    rest = {"workloads": len(ordered) - WORKLOADS, "fleets": len(left), **_sums(left)}
    return {"by_workload": rows, "other_workloads": rest}


def _sums(fleets: Iterable[FleetSummary]) -> dict[str, Any]:
    """usd_per_hour is of the fleets whose cost is known; how many are not stands beside it."""
    rows = tuple(fleets)
    known = [f.usd_per_hour for f in rows if f.usd_per_hour is not None]
    sums: dict[str, Any] = {
        "instances": sum(f.instances for f in rows),
        "spot": sum(f.spot for f in rows),
        "on_demand": sum(f.on_demand for f in rows),
        "usd_per_hour": _usd(sum(known, Decimal(0))) if known or not rows else None,
    }
    return sums | ({"fleets_of_unknown_cost": len(rows) - len(known)} if len(known) < len(rows) else {})


def _usd(value: Decimal | None) -> str | None:
    """Six decimals at most: what AWS's prices have."""
    return None if value is None else f"{value.quantize(Decimal('0.000001')).normalize() + 0:f}"
