"""roll_back: draw up the change that sets an earlier one back to what was recorded before it."""

from itertools import takewhile
from typing import Annotated, Any

from pydantic import Field

from tools.cloud import CloudReader
from tools.desk import AuditReader, ChangeMade
from tools.errors import NotFound, UsageError
from tools.fleets.effects import effect_of
from tools.fleets.find import find_fleet
from tools.market.subject import FLEETS_IAM
from tools.records import Action, Fleet, Name
from tools.tool import tool

_REMEMBERED = 100
"""changes of a fleet, newest first, among which a later one is looked for"""
_MADE = frozenset({"done", "partial"})


@tool(
    effect="write",
    iam=("autoscaling:UpdateAutoScalingGroup", "ec2:ModifyFleet", *FLEETS_IAM),
    example={"proposal_id": None, "fleet": "ml-train"},
)
def roll_back(
    reader: CloudReader,
    audit: AuditReader,
    proposal_id: Annotated[
        Name | None, Field(description="the change to set back; null = the newest change of the fleet")
    ],
    fleet: Annotated[Name | None, Field(description="fleet name or id; null = the fleet of the change")],
) -> Action:
    """Draw up: set a change back to what was recorded before it, by its proposal or as the newest of a fleet.

    Nothing happens until the policy, and where it asks a person, said yes.
    Raises  UsageError: nothing to set back, no way back, or the fields were changed again since; CloudError kinds
    """
    if proposal_id is None and fleet is None:
        raise UsageError("which change? none was named", hint="give a proposal id, or a fleet for its newest change")
    change = _newest(reader, audit, fleet) if proposal_id is None and fleet else _made(audit, proposal_id or "")
    effect = effect_of(change.action)
    now = effect.result(reader, change.intent_id, change.action)
    if fleet is not None and fleet not in (now.name, now.ref.fleet_id, now.ref.label):
        raise UsageError(f"{change.proposal_id} changed {now.name}, not {fleet}", hint="give one of the two")
    _unchanged_since(reader, audit, change, now)
    undo: Action | None = effect.undo(change.action, change.before, now)
    if undo is None:
        raise UsageError(
            f"{change.proposal_id}: {', '.join(change.action.types)} on {now.name} has no way back",
            hint=f"recorded before it: {change.before}",
        )
    effect_of(undo).check(undo, now)
    return undo


def _newest(reader: CloudReader, audit: AuditReader, fleet: str) -> ChangeMade:
    found = find_fleet(reader, fleet)
    made = [c for c in audit.changes_of(found.ref.label, limit=_REMEMBERED) if _changed(c)]
    if not made:
        raise UsageError(
            f"{found.name}: this journal knows of no change that could be set back",
            hint="spotwarden audit show lists what was done; plan the values that you want",
        )
    return made[0]


def _made(audit: AuditReader, proposal_id: str) -> ChangeMade:
    try:
        change = audit.change_made(proposal_id)
    except NotFound as error:
        raise UsageError(error.message, hint=error.hint) from None
    if not _changed(change):
        raise UsageError(
            f"{proposal_id} is {change.status}: there is nothing that it changed for certain",
            hint="look how the fleet stands: spotwarden fleets; plan the values that you want",
        )
    return change


def _changed(change: ChangeMade) -> bool:
    return change.status in _MADE and change.before != change.after


def _unchanged_since(reader: CloudReader, audit: AuditReader, change: ChangeMade, fleet: Fleet) -> None:
    """Raises  UsageError: what it set was set again since, by a later change or by somebody else"""
    if set(change.before) == {"created"}:  # it made something: there is nothing of before
        return
    now, want = effect_of(change.action).expect_and_want(reader, change.action, fleet)
    moved = [f for f, left in change.after.items() if now.get(f) not in (left, want.get(f))]
    if not moved:
        return
    known = audit.changes_of(change.action.fleet.label, limit=_REMEMBERED)
    newer = takewhile(lambda c: c.proposal_id != change.proposal_id, known)
    later = [c for c in newer if set(moved) & set(c.before) and _changed(c)]
    said = "; ".join(f"{f}: {_short(change.after[f])} → {_short(now.get(f))}" for f in moved)
    if later:
        raise UsageError(
            f"{change.proposal_id} is not the newest: {later[0].proposal_id} changed {', '.join(moved)} since ({said})",
            hint=f"set {later[0].proposal_id} back first",
        )
    raise UsageError(
        f"{fleet.name} was changed since {change.proposal_id}, and not by spotwarden: {said}",
        hint="whoever changed it knows why; plan the values that you want",
    )


def _short(value: Any) -> str:
    return "none" if value is None else str(value)[:120]
