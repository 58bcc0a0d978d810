"""How a proposal is told: to the model in the answer of its tool call, to front ends as events."""

import json
from typing import Any

from agent.actuation import expires_at
from agent.events import ApprovalNeeded, Finished
from agent.journal.records import SavedProposal
from agent.models.model import ToolCall
from tools.errors import SpotError
from tools.records import Outcome

_MAX_STATE_SHOWN = 1_500


def told(call: ToolCall, saved: SavedProposal, outcome: dict[str, Any] | None = None) -> dict[str, Any]:
    """What the model is told of its proposal: the verdict with the clauses that spoke, and what became of it."""
    proposal, decision = saved.proposal, saved.decision
    answers = [{"answer": a.answer, "by": a.by, "reason": a.reason} for a in saved.approvals]
    if outcome is None:
        outcome = {"status": saved.status, "message": _standing(saved)}
    preview = proposal.preview
    return {
        "ok": outcome["status"] in {"done", "already"},
        "tool": call.tool,
        "proposal_id": proposal.proposal_id,
        "title": proposal.title,
        "verdict": decision.verdict,
        "clauses": list(decision.clauses),
        "reasons": list(decision.reasons),
        "answers": answers,
        "changes": [f"{c.field}: {c.before} → {c.after}" for c in preview.changes][:20],
        "instances_replaced": len(preview.replaced_instances),
        "added_cost_usd_per_day": preview.added_cost_usd_per_day,
        "risk_before": preview.risk_before,
        "risk_after": preview.risk_after,
        "outcome": outcome,
    }


def _standing(saved: SavedProposal) -> str:
    if saved.status == "denied":
        return "policy denies it; nothing was changed"
    if saved.approvals and saved.approvals[-1].answer == "deny":
        reason = saved.approvals[-1].reason
        return f"{saved.approvals[-1].by} said no{': ' + reason if reason else ''}; nothing was changed"
    if saved.status == "pending":
        return "waits for a person's answer; nothing was changed"
    return f"{saved.status}; nothing was changed by this call"


def outcome_told(outcome: Outcome) -> dict[str, Any]:
    states = {"before": outcome.before, "after": outcome.after}
    small = {k: v for k, v in states.items() if len(json.dumps(v, default=str)) <= _MAX_STATE_SHOWN}
    return {"status": outcome.status, "message": outcome.message, "at": outcome.at, **small}


def trouble_told(call: ToolCall, error: SpotError) -> dict[str, Any]:
    return {"ok": False, "tool": call.tool, "kind": type(error).__name__, "error": error.message, "hint": error.hint}


def approval_needed(saved: SavedProposal) -> ApprovalNeeded:
    return ApprovalNeeded(proposal=saved.proposal, decision=saved.decision, expires_at=expires_at(saved))


def waiting_for(saved: SavedProposal) -> Finished:
    given, wanted = sum(a.answer == "approve" for a in saved.approvals), saved.decision.quorum
    count = f" ({given} of {wanted} given)" if wanted > 1 else ""
    return Finished(status="waiting", message=f"{saved.proposal.proposal_id} waits for an answer{count}")
