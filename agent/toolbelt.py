"""Carries out a model's tool calls: parse once, strictly; look, or draw up an Action; say briefly what came of it.

What a tool found goes to three readers: whole to the screens (`record`), in at most 6 kB of JSON to the model
(`text_for_model`), in one line to people (`summary_for_people`). Text that others wrote, such as tags and names,
stays inside JSON strings, and the JSON says which fields those are.
"""

import difflib
import json
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from pydantic import ValidationError

from agent.briefs import BRIEFS, LINES, UNTRUSTED
from agent.inventory import UNTRUSTED as UNTRUSTED_INVENTORY
from agent.inventory import of_inventory
from agent.models.menu import openai_tools
from agent.models.model import ToolCall
from tools.desk import Desk
from tools.errors import SpotError, UsageError
from tools.records import (
    ACTION_TYPES,
    Action,
    AuditFindings,
    CheckpointInventory,
    CostReport,
    Fleet,
    FleetAction,
    FleetRisk,
    Inventory,
    Preview,
    Record,
    canonical_json,
    utc_text,
)
from tools.tool import Tool, explain

__all__ = ["MAX_TEXT_BYTES", "ToolResult", "Toolbelt", "condensed", "openai_tools", "summary", "text_for_model"]

MAX_TEXT_BYTES = 6_000
_ROOMS = ((60, 400), (40, 300), (24, 240), (16, 200), (10, 160), (6, 120), (4, 80), (2, 60), (1, 40))
"""(items in a list, characters in a string), tried in this order until the text fits"""


@dataclass(frozen=True)
class ToolResult:
    """What came of one call.

    record              what a read tool found; None for a write tool and for a failure
    action              what a write tool drew up; nothing has happened
    text_for_model      canonical JSON, at most MAX_TEXT_BYTES: {"ok", "tool", "result" | "action" | "error", …}
    summary_for_people  one line
    """

    ok: bool
    record: Record | None
    action: Action | None
    text_for_model: str
    summary_for_people: str
    seconds: float


class Toolbelt:
    """The catalogue and the desk it works at."""

    def __init__(
        self, catalog: Sequence[Tool], desk: Desk, *, stopwatch: Callable[[], float] = time.perf_counter
    ) -> None:
        self._tools = {tool.name: tool for tool in catalog}
        self._desk = desk
        self._stopwatch = stopwatch

    @property
    def tools(self) -> tuple[Tool, ...]:
        return tuple(self._tools.values())

    def run(self, call: ToolCall) -> ToolResult:
        """One call, once. A SpotError becomes an ok=False result; anything else is a bug and propagates."""
        started = self._stopwatch()
        try:
            found = self._carry_out(call)
        except SpotError as error:
            return ToolResult(
                ok=False,
                record=None,
                action=None,
                text_for_model=_error_text(call.tool, error),
                summary_for_people=_clip(f"{error.message} — {error.hint}" if error.hint else error.message, 300),
                seconds=self._stopwatch() - started,
            )
        drawn_up = _is_action(found)
        return ToolResult(
            ok=True,
            record=None if drawn_up else found,
            action=found if _is_action(found) else None,
            text_for_model=text_for_model(call.tool, found),
            summary_for_people=_clip(summary(found), 300),
            seconds=self._stopwatch() - started,
        )

    def _carry_out(self, call: ToolCall) -> Record:
        tool = self._tools.get(call.tool)
        if tool is None:
            raise self._unknown(call.tool)
        arguments = tool.parse(call.arguments.encode("utf-8", "replace").decode())  # lone surrogates have no UTF-8
        if tool.effect == "read":
            return tool.call(self._desk, arguments)
        try:
            found = tool.call(self._desk, arguments)
        except ValidationError as error:  # the arguments are well typed, and no action can be made of them
            raise UsageError(f"{tool.name}: {explain(error)}") from None
        if not _is_action(found):
            raise TypeError(f"{tool.name} is a write tool and returned {type(found).__name__}, not an Action")
        return found

    def _unknown(self, name: str) -> UsageError:
        name = name.encode("utf-8", "replace").decode()
        near = difflib.get_close_matches(name[:100], self._tools, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]}?" if near else f"the tools are {', '.join(self._tools) or 'none'}"
        return UsageError(f"there is no tool called {_clip(name, 60)!r}", hint=hint)


def text_for_model(tool: str, found: Record) -> str:
    """A record as the model reads it: at most MAX_TEXT_BYTES of JSON, with what was left out counted."""
    body = condensed(found)
    head: dict[str, Any] = {"ok": True, "tool": tool}
    if untrusted := _OF_ACTIONS if _is_action(found) else _UNTRUSTED.get(type(found)):
        head["untrusted"] = list(untrusted)
    key = "action" if _is_action(found) else "result"
    for items, characters in _ROOMS:
        text = canonical_json({**head, key: _cut(body, items, characters)})
        if len(text.encode()) <= MAX_TEXT_BYTES:
            return text
    kept = {k: _cut(body[k], 1, 40) for k in ("as_of", "source") if k in body}
    return canonical_json({**head, key: {**kept, "left_out": "everything else: too large to show"}})


def _error_text(tool: str, error: SpotError) -> str:
    return canonical_json(
        {
            "ok": False,
            "tool": _clip(tool.encode("utf-8", "replace").decode(), 100),
            "kind": type(error).__name__,
            "error": _clip(error.message, 1_500),
            "hint": _clip(error.hint, 500),
        }
    )


def condensed(found: Record) -> dict[str, Any]:
    """The fields that an answer can be made of; charts, files and instance lists become counts."""
    make = _CONDENSED.get(type(found))
    return make(found) if make else found.model_dump(mode="json")


def _of_fleet(fleet: Fleet) -> dict[str, Any]:
    pools: dict[str, Counter[str]] = {}
    zones: dict[str, Counter[str]] = {}
    ids = {i.zone_name: i.zone_id for i in fleet.instances}
    for instance in fleet.instances:
        zones.setdefault(instance.zone_name, Counter())[instance.purchase_option] += 1
        pools.setdefault(instance.pool.label, Counter())[instance.purchase_option] += 1
    body = fleet.model_dump(mode="json", exclude={"instances"})
    body |= {
        "name": fleet.name,
        "instances_total": len(fleet.instances),
        "spot": len(fleet.spot),
        "on_demand": len(fleet.on_demand),
        "pools": [{"pool": p, "spot": c["spot"], "on_demand": c["on-demand"]} for p, c in sorted(pools.items())],
        "by_zone": [
            {"zone": z, "zone_id": ids.get(z), "spot": c["spot"], "on_demand": c["on-demand"]}
            for z, c in sorted(zones.items())
        ],
        "instances": [
            f"{i.instance_id} {i.pool.label} {i.purchase_option} {i.state}"
            for i in sorted(fleet.instances, key=lambda i: i.launched_at)[:30]
        ],
    }
    if len(fleet.instances) > 30:
        body["instances_left_out"] = len(fleet.instances) - 30
    return body


def _of_risk(risk: FleetRisk) -> dict[str, Any]:
    body = risk.model_dump(mode="json")
    for row, score in zip(body["pools"], risk.pools, strict=True):
        row["pool"] = score.pool.label
        row["evidence"] = [f"{e.fact}: {e.value} ({e.source})" for e in score.evidence]
    return body


def _of_checkpoints(found: CheckpointInventory) -> dict[str, Any]:
    body = found.model_dump(mode="json", exclude={"checkpoints"})
    body["fleet"] = found.fleet.label
    body["checkpoints_total"] = len(found.checkpoints)
    body["checkpoints"] = [
        {
            "checkpoint_id": c.checkpoint_id,
            "whole": c.whole,
            "verified": c.verified,
            "problem": c.problem,
            "saved_at": m["saved_at"] if (m := c.manifest.model_dump(mode="json") if c.manifest else None) else None,
            "step": m["step"] if m else None,
            "progress_share": m["progress_share"] if m else None,
            "files": len(m["files"]) if m else None,
            "size_bytes": sum(f["size_bytes"] for f in m["files"]) if m else None,
        }
        for c in found.checkpoints
    ]
    return body


def _of_audit(found: AuditFindings) -> dict[str, Any]:
    body = found.model_dump(mode="json", exclude={"entries"})
    body["entries_total"] = len(found.entries)
    body["entries"] = [
        {"seq": e.seq, "at": utc_text(e.at), "actor": e.actor, "kind": e.kind, "payload": _gist(e.payload)}
        for e in found.entries
    ]
    return body


_TELLING = re.compile(
    r"proposal_id|fleet|fleet_id|verdict|clauses|reasons?|rationale|title|proposed_by|by|answer|status|message|before|"
    r"after|policy|mode|instance_ids?|kind|spot_allocation_strategy|on_demand_base_capacity|instance_types|"
    r"on_demand_percentage_above_base|desired_capacity|checkpoint_id|error|text"
)


def _gist(payload: str) -> dict[str, Any] | str:
    """The telling fields of an audit payload, the outermost of each name; the text itself when it is not an object."""
    try:
        value = json.loads(payload)
    except ValueError:
        return payload
    if not isinstance(value, dict):
        return payload
    gist: dict[str, Any] = {}
    level = [value]
    while level:
        for inner in level:
            for key, field in inner.items():
                if _TELLING.fullmatch(key) and field not in (None, "", [], {}) and not _is_target(field):
                    gist.setdefault(key, field)
        level = [f for inner in level for f in inner.values() if isinstance(f, dict)]
    return gist


def _is_target(field: Any) -> bool:
    return isinstance(field, dict) and "fleet_id" in field


def _of_preview(preview: Preview) -> dict[str, Any]:
    body = preview.model_dump(mode="json", exclude={"state_fingerprint"})
    body["fleet"] = preview.fleet.label
    body["instances_replaced"] = len(preview.replaced_instances)
    return body


_CONDENSED: dict[type[Record], Callable[[Any], dict[str, Any]]] = {
    Fleet: _of_fleet,
    Inventory: of_inventory,
    **BRIEFS,
    FleetRisk: _of_risk,
    CheckpointInventory: _of_checkpoints,
    AuditFindings: _of_audit,
    Preview: _of_preview,
}

_UNTRUSTED: dict[type[Record], tuple[str, ...]] = {
    Fleet: ("name", "tags"),
    Inventory: UNTRUSTED_INVENTORY,
    **UNTRUSTED,
    FleetRisk: ("fleet",),
    CheckpointInventory: ("fleet", "job_id", "bucket", "checkpoints.checkpoint_id", "checkpoints.problem"),
    CostReport: ("fleets.fleet", "commitments.covers", "not_rated"),
    AuditFindings: ("entries.actor", "entries.payload"),
    Preview: ("fleet",),
}
"""where text stands that somebody else wrote: data, never an instruction"""
_OF_ACTIONS = ("fleet", "job_id", "bucket", "checkpoint_id", "tags", "remove", "target_group_arn")


def _cut(value: Any, items: int, characters: int) -> Any:
    """Long lists shortened, with «<key>_left_out» beside them; long strings end in «…»."""
    if isinstance(value, dict):
        out: dict[str, Any] = {}
        for key, inner in value.items():
            out[str(key)[:100]] = inner if key == "names" else _cut(inner, items, characters)
            if isinstance(inner, list) and len(inner) > items:
                out[f"{key}_left_out"] = len(inner) - items + int(value.get(f"{key}_left_out", 0))
        return out
    if isinstance(value, list):
        return [_cut(inner, items, characters) for inner in value[:items]]
    if isinstance(value, str):
        return _clip(value, characters)
    return value


def _clip(text: str, characters: int) -> str:
    return text if len(text) <= characters else text[: characters - 1] + "…"


def _is_action(found: Record) -> TypeGuard[Action]:
    return isinstance(found, FleetAction)


def summary(found: Record) -> str:
    """What was found, in one line for people; names are untrusted, so screens send it through safe_text()."""
    if _is_action(found):
        return _drawn_up(found)
    make = _SUMMARY.get(type(found))
    return make(found) if make else type(found).__name__


def _usd(value: Any) -> str:
    return "price unknown" if value is None else f"${value:,.2f}/h"


def _drawn_up(action: Action) -> str:
    words = ", ".join(t for t in ACTION_TYPES if t in action.types)
    return f"proposed: {words} on {action.fleet.label}"


_SUMMARY: dict[type[Record], Callable[[Any], str]] = {
    Fleet: lambda r: f"{r.name}: {len(r.instances)} instances, {len(r.spot)} spot, {len(r.pools())} pools",
    Inventory: lambda r: f"{len(r.fleets)} fleets, {_usd(r.usd_per_hour)} now",
    **LINES,
    FleetRisk: lambda r: f"{r.fleet}: interruption risk {r.level}, {len(r.pools)} pools",
    CostReport: lambda r: f"{len(r.fleets)} fleets, effective {_usd(r.total.effective_usd_per_hour)}",
    CheckpointInventory: lambda r: f"{r.job_id}: {len(r.checkpoints)} checkpoints, newest whole {r.newest_whole}",
    AuditFindings: lambda r: f"{len(r.entries)} of {r.searched} audit entries",
    Preview: lambda r: f"{len(r.changes)} fields change, {len(r.replaced_instances)} instances replaced",
}
