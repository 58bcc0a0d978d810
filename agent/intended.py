"""What is laid down as an intent, and what it takes of the limits."""

import base64
import hashlib
from datetime import datetime
from decimal import Decimal
from typing import Any

from policies.records import Proposal
from tools.records import DeleteSnapshot, DeleteVolume, Intent, Permit, digest_of


def intent_of(
    proposal: Proposal, permit: Permit, expect: dict[str, Any], want: dict[str, Any], *, now: datetime
) -> Intent:
    """Its id and its token follow from the proposal and the permit: 52 base32 characters, EC2 takes 64."""
    intent_id = f"i-{digest_of([proposal.digest, permit.permit_id])[:16]}"
    token = base64.b32encode(hashlib.sha256(intent_id.encode()).digest()).decode().rstrip("=")
    return Intent(intent_id=intent_id, permit=permit, expect=expect, want=want, token=token, opened_at=now)


def amounts_of(proposal: Proposal) -> dict[str, Decimal | None]:
    """By limit, in its unit; None = unknown."""
    added, replaced = proposal.facts.added_cost_usd_per_day, proposal.facts.instances_replaced
    if isinstance(proposal.action, DeleteSnapshot | DeleteVolume):
        added = Decimal(0)  # how much it saves may be unknown, that it adds nothing is not
    return {
        "actions": Decimal(1),
        "instances_replaced": None if replaced is None else Decimal(replaced),
        "added_cost_usd": None if added is None else max(Decimal(0), added),
    }
