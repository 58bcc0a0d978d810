"""What actuation compares: a wish with a waiting one, money shown with money now, a look with what was wanted."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from agent.facts import drift
from agent.journal.records import SavedProposal
from policies.records import Decision, Proposal
from tools.errors import StalePlan
from tools.records import Account, FleetRef, Intent, ItemOutcome, OutcomeStatus

# how much dearer a change may have become since it was shown
_DEARER_USD_A_DAY = Decimal(5)
_DEARER_SHARE = Decimal("0.2")


def item_status(items: Sequence[ItemOutcome]) -> tuple[OutcomeStatus, str]:
    """What AWS's own answer, item by item, amounts to."""
    lost = [i for i in items if not i.ok]
    if not lost:
        return "done", "AWS took it"
    said = "; ".join(f"{i.item}: {i.code} {i.message}".strip() for i in lost[:3])
    told = f"{len(lost)} of {len(items)} did not happen: {said}"
    return ("failed" if len(lost) == len(items) else "partial"), told


def found(
    intent: Intent, seen: dict[str, Any], items: Sequence[ItemOutcome] = (), *, over: bool, held_lately: bool = False
) -> tuple[OutcomeStatus, str]:
    """What a look at the world says of a write whose answer was lost.

    over         AWS shows no old state any more
    held_lately  what is wanted was so a short while before: as long as AWS may show that, it proves nothing
    """
    if seen == intent.want and not held_lately:
        return "done", "found done when looked for"
    if not over:
        return "unknown", "sent, and no answer is known; AWS may still show an old state"
    if seen == intent.expect:
        return "failed", "not found when its time was over: it did not happen"
    if items and all(i.ok for i in items):
        return "done", "found done when looked for; moved since: " + "; ".join(drift(intent.want, seen))
    if any(i.ok for i in items) and not all(i.ok for i in items):
        lost = [i.item for i in items if not i.ok]
        return "partial", f"found done for {len(items) - len(lost)} of {len(items)}; not for {', '.join(lost[:5])}"
    return "superseded", "cannot be told any more: " + "; ".join(drift(intent.want, seen))


def check_place(ref: FleetRef, here: Account, *, what: str) -> None:
    """Raises StalePlan: it is of another account or region than the one that we speak to."""
    if (ref.account_id, ref.region) != (here.account_id, here.region):
        raise StalePlan(
            f"{what} is for account {ref.account_id} in {ref.region}, and this is {here.account_id} in {here.region}:"
            " nothing was called",
            hint=f"use the profile and --region {ref.region} that it was planned with, or plan it here",
        )


def check_price(shown: Proposal, now: Proposal) -> None:
    """An approval holds for about the money that was shown. Raises StalePlan: it became dearer, or unknown."""
    was, has = shown.preview.added_cost_usd_per_day, now.preview.added_cost_usd_per_day
    if was is None or (has is not None and has <= was + max(_DEARER_USD_A_DAY, abs(was) * _DEARER_SHARE)):
        return
    raise StalePlan(
        f"{shown.proposal_id}: prices moved since it was shown: nothing was called",
        hint="ask or plan again: the change will be previewed at today's prices",
        drift=(f"added_cost_usd_per_day: {was:.2f} → {'unknown' if has is None else f'{has:.2f}'}",),
    )


def same_wish(waiting: SavedProposal, proposal: Proposal, decision: Decision) -> bool:
    """The same change by the same kind of proposer on the same state under the same law. Notices never wait in line."""
    ours, theirs = proposal, waiting.proposal
    return (
        ours.facts.actor != "reflex"
        and theirs.facts.actor == ours.facts.actor
        and theirs.action == ours.action
        and theirs.aftercare == ours.aftercare
        and theirs.preview.state_fingerprint == ours.preview.state_fingerprint
        and waiting.decision.policy_digest == decision.policy_digest
        and waiting.decision.verdict == decision.verdict
    )
