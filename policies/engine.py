"""decide(): the verdict. deny > ask > allow, over every clause that has a say; absence never allows."""

from datetime import UTC, datetime
from typing import Any

from policies.document import Policy
from policies.plan import Bench, Plan
from policies.records import ClauseSaid, Decision, Facts, Reservation, Verdict
from tools.records import Action

_FIELDS = set(Decision.model_fields)
_set = object.__setattr__


def decide(action: Action, facts: Facts, policy: Policy, *, now: datetime) -> Decision:
    """Judge one action on facts under a document.

    now     aware; a time without a zone denies
    Total   never raises: whatever goes wrong inside is a deny with its reason
    """
    try:
        return _judge(action, facts, policy, policy.compiled, now)
    except Exception as error:  # noqa: BLE001 - the law answers, whatever happens: a failure inside is a no
        return _broken(policy, now, f"the decision failed: {type(error).__name__}: {str(error)[:200]}")


def _judge(action: Action, facts: Facts, policy: Policy, plan: Plan, now: datetime) -> Decision:
    if now.tzinfo is None:
        return _broken(policy, now, "the moment of the decision has no time zone")
    if now.tzinfo is not UTC:
        now = now.astimezone(UTC)
    lane = plan.lane(action, facts)
    bench = lane.bench(tuple([match(facts) for match in lane.matches]))
    if plan.has_when:
        plan.expressions.forget()
    spoke = [*bench.fixed]
    for number, ask in bench.asks:
        word = ask(action, facts, now)
        if word is not None:
            spoke.append((number, word))
    if not spoke and bench.policy is not None:
        return _decision(
            bench,
            policy,
            plan,
            now,
            facts,
            "allow",
            bench.allowed_by,
            bench.allowed_because,
            bench.said,
            _taken(bench, action, facts),
        )
    return _spoken(bench, policy, plan, now, facts, spoke, action)


def _spoken(
    bench: Bench, policy: Policy, plan: Plan, now: datetime, facts: Facts, spoke: list[Any], action: Action
) -> Decision:
    spoke.sort()
    said = list(bench.said)
    verdict: Verdict = "deny" if bench.policy is None and not spoke else "ask"
    for number, (word, reason) in spoke:
        if word == "deny":
            verdict = "deny"
        said[number] = ClauseSaid(clause=said[number].clause, verdict=word, reason=reason)
    deciding = [(said[n].clause, w[1]) for n, w in spoke if w[0] == verdict]
    taken = () if verdict == "deny" else _taken(bench, action, facts)
    clauses, reasons = tuple(c for c, _ in deciding), tuple(r for _, r in deciding)
    return _decision(bench, policy, plan, now, facts, verdict, clauses, reasons, tuple(said), taken)


def _taken(bench: Bench, action: Action, facts: Facts) -> tuple[Reservation, ...]:
    return tuple([t for take in bench.takes if (t := take(action, facts)) is not None])


def _decision(
    bench: Bench,
    policy: Policy,
    plan: Plan,
    now: datetime,
    facts: Facts,
    verdict: Verdict,
    clauses: tuple[str, ...],
    reasons: tuple[str, ...],
    said: tuple[ClauseSaid, ...],
    reservations: tuple[Reservation, ...],
) -> Decision:
    """A Decision from parts that are right by how they were made: pydantic's checks would cost more than judging."""
    made = Decision.__new__(Decision)
    _set(
        made,
        "__dict__",
        {
            "verdict": verdict,
            "clauses": clauses,
            "reasons": reasons,
            "said": said,
            "policy": bench.policy,
            "policy_digest": policy.digest,
            "mode": bench.mode,
            "reservations": reservations,
            "approval_ttl_seconds": plan.ttl_seconds,
            "quorum": plan.people(facts),
            "judged_at": now,
        },
    )
    _set(made, "__pydantic_fields_set__", _FIELDS)
    _set(made, "__pydantic_extra__", None)
    _set(made, "__pydantic_private__", None)
    return made


def _broken(policy: Policy, now: datetime, reason: str) -> Decision:
    said = ClauseSaid(clause="engine", verdict="deny", reason=reason)
    aware = isinstance(now, datetime) and now.tzinfo is not None
    return Decision(
        verdict="deny",
        clauses=("engine",),
        reasons=(reason,),
        said=(said,),
        policy=None,
        policy_digest=policy.digest if isinstance(policy, Policy) else "",
        mode="observe",
        judged_at=now if aware else datetime(1970, 1, 1, tzinfo=UTC),
    )
