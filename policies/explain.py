"""A policy document read back in plain words."""

from collections.abc import Iterator

from policies.articles import Document
from policies.parts import Window
from policies.plan import Plan, Rule
from policies.rules import PolicySpec

_KINDS = {
    "aws.asg": "Auto Scaling groups",
    "aws.ec2-fleet": "EC2 Fleets",
    "aws.spot-fleet": "Spot Fleet requests",
    "aws.ec2": "single instances",
    "aws.ebs": "volumes",
    "aws.ebs-snapshot": "snapshots",
    "any": "fleets of any kind, volumes and snapshots",
}


def prose(document: Document, source: str, digest: str) -> tuple[str, ...]:
    """One line each, headings without indent. Built from the clauses themselves, so it says what is enforced."""
    plan = Plan(document)
    specs = {p.name: p for p in document.policies}
    return tuple(_lines(document, plan, specs, source, digest))


def _lines(document: Document, plan: Plan, specs: dict[str, PolicySpec], source: str, digest: str) -> Iterator[str]:
    yield f"{source} (version {document.version}, digest {digest[:12]})"
    if document.description:
        yield f"  {document.description}"
    yield "Every write, whoever asks for it:"
    for placed in plan.ground:
        yield f"  {placed.path}: {placed.clause.holds()}"
    for account in document.accounts:
        role = "observe only" if account.write_role is None else f"written to by {account.write_role}"
        yield f"  account {account.id} in {', '.join(account.regions)}: {role}"
    for name, window in sorted(document.windows.items()):
        yield f"  window {name}: {_when(window, document.defaults.timezone)}"
    yield f"  {_approvals(document)}"
    for placed in plan.halts:
        yield f"  {placed.path}: autonomous mode asks a person unless {placed.clause.holds()}"
    for rule in plan.rules:
        yield from _policy(rule, specs[rule.name])
    yield "Whatever no policy names is denied. A fact that is missing asks. Deny beats ask, ask beats allow."
    yield from _remarks(document)


def _when(window: Window, timezone: str) -> str:
    words = ["nothing happens" if window.deny == "all" else "only the reflex acts" if window.deny else "open"]
    words.append(", ".join(window.days) if window.days else "every day")
    if window.from_ is not None:
        words.append(f"{window.from_} to {window.to}")
    if window.dates:
        words.append(f"on {', '.join(window.dates)}")
    return f"{' '.join(words)} ({window.timezone or timezone})"


def _approvals(document: Document) -> str:
    escalation = document.escalation
    who = " or ".join(escalation.approvers) or "any person"
    steps = "".join(
        f", {n} when over {p:g} % of the fleet is replaced" for p, n in escalation.quorum.replace_over_percent
    )
    return f"approvals: {escalation.quorum.default} of {who}{steps}; unanswered for {escalation.approval_ttl} is denied"


def _policy(rule: Rule, spec: PolicySpec) -> Iterator[str]:
    kind = _KINDS[rule.resource]
    filters = f" that match on {', '.join(rule.looks_at)}" if rule.looks_at else ""
    speaks = ", to the reflex on an interruption notice" if rule.on_notice else ""
    yield f"Policy {rule.name}: {rule.mode} for {kind}{filters}{speaks}"
    if spec.description:
        yield f"  {spec.description}"
    yield f"  may: {', '.join(sorted(rule.words)) or 'change nothing'}"
    for placed in rule.clauses:
        yield f"  {placed.path.split('/', 1)[1]}: {placed.clause.holds()}"
    if spec.else_ is not None:
        answer = "a person is asked" if spec.else_.type == "approve" else "it is only recorded"
        yield f"  else: outside limits and requires {answer}"


def _remarks(document: Document) -> Iterator[str]:
    """What the document says and deciding cannot enforce: told, not hidden."""
    if any(a.read_role not in (None, "current") for a in document.accounts):
        yield "Note: read_role is not assumed here: reads use the profile's own credentials."
    if any(c.type == "webhook" for c in document.escalation.channels):
        yield "Note: webhook channels are not delivered here: approvals wait in the terminal and in `approve`."
    if any(p.mode is not None and p.mode.schedule for p in document.policies):
        yield "Note: schedule says how often the daemon looks; it neither allows nor denies."
    if any(p.diversification and p.diversification.max_share_per_pool_percent is not None for p in document.policies):
        yield "Note: the share of the largest pool after a change is not foretold here, so its limit always asks."
    if any(p.limits and p.limits.max_price not in (None, "none") for p in document.policies):
        yield "Note: AWS advises against max_price; its fact is not read, so it always asks."
