"""What is laid down before a change, so that it can be verified after it: who asked for how much, and the baseline."""

from agent.journal.journal import Journal
from policies.document import Policy
from policies.records import Aftercare, Decision, Proposal
from policies.units import duration_seconds
from tools.cloud import Clock, CloudReader
from tools.errors import CloudError
from tools.fleets.verification import baseline_of, in_service, verification_of
from tools.records import Action, Fleet


def aftercare_for(policy: Policy, decision: Decision, action: Action, asked: Aftercare | None) -> Aftercare | None:
    """What the policy that judged the action wants (`verify_after`, `on_verify_fail`), and what was asked: the
    stricter of both. None = neither says anything.
    """
    wanted = asked
    for spec in (p for p in policy.policies if p.name == decision.policy):
        for word in spec.actions:
            name = "set-instance-types" if word.type == "add-instance-types" else word.type
            seconds = getattr(word, "verify_after", None)
            if name in action.types and seconds is not None:
                said = Aftercare(verify_seconds=duration_seconds(seconds), on_fail=word.on_verify_fail or "escalate")
                wanted = stricter(wanted, said)
    return wanted


def stricter(one: Aftercare | None, other: Aftercare) -> Aftercare:
    """The longer watch, and the rollback where either wants it; what is a rollback is not rolled back."""
    if one is None:
        return other
    undoes = one.undoes or other.undoes
    rollback = undoes is None and "rollback" in (one.on_fail, other.on_fail)
    seconds = max(one.verify_seconds or 0, other.verify_seconds or 0)
    return Aftercare(verify_seconds=seconds or None, on_fail="rollback" if rollback else "escalate", undoes=undoes)


def arm(
    journal: Journal, reader: CloudReader, clock: Clock, proposal: Proposal, fleet: Fleet, wanted: Aftercare | None
) -> None:
    """Record what the fleet is before the change; nothing where nobody wants it watched.

    fleet   read just before
    Raises  UsageError: the change was begun without a watch; JournalError
    """
    if wanted is not None and proposal.aftercare is not None:
        wanted = stricter(proposal.aftercare, wanted)
    if wanted is None or wanted.verify_seconds is None or verification_of(proposal.action) is None:
        return
    try:
        unhealthy: dict[str, int] | None = unhealthy_targets(reader, fleet)
    except CloudError:
        unhealthy = None
    now = clock.now()
    baseline = baseline_of(proposal.action, fleet, proposal.preview, unhealthy_targets=unhealthy, now=now)
    journal.watches.arm(proposal.proposal_id, wanted, baseline, now=now)


def unhealthy_targets(reader: CloudReader, fleet: Fleet) -> dict[str, int]:
    """How many of the fleet's instances in service are not healthy, by target group. Raises CloudErrors."""
    ours = [i.instance_id for i in in_service(fleet)]
    found = {}
    for group in fleet.target_groups:
        health = reader.target_health(group)
        found[group] = sum(health.get(i) != "healthy" for i in ours)
    return found
