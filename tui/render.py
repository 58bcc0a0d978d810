"""Records as lines for a plain terminal: the same facts as the approval card, for plan, apply, chat -p and the tour."""

from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from agent.journal.records import SavedProposal
from agent.journal.watches import WatchedChange
from policies.records import Aftercare, Decision, Proposal
from tools.records import Alert, Fleet, HourlyCost, Inventory, Outcome, Preview, Watch
from tui.care import FleetChange
from tui.output import plain, table

_INSTANCES = 40
"""shown of one fleet"""


def usd(amount: Decimal | None, *, digits: int = 2, sign: bool = False) -> str:
    """«$1,234.50», «unknown» for None; with `sign`, «+$1.20» / «-$1.20»."""
    if amount is None:
        return "unknown"
    front = "-" if amount < 0 else "+" if sign else ""
    return f"{front}${abs(amount):,.{digits}f}"


def share(value: float | None) -> str:
    return "unknown" if value is None else f"{value * 100:.0f} %"


def counted(number: int, noun: str) -> str:
    """1 fleet, 2 fleets."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def proposal_lines(proposal: Proposal, decision: Decision) -> Iterator[str]:
    """The card: what changes, what AWS replaces, money on three bases, risk, the clauses that spoke."""
    yield f"{proposal.proposal_id}  {plain(proposal.title)}"
    yield f"  why     {plain(proposal.rationale)}  (the words of {plain(proposal.proposed_by)})"
    yield from preview_lines(proposal.preview)
    yield from _aftercare_lines(proposal.aftercare)
    yield f"  policy  {decision.verdict.upper()}  {plain(decision.policy or 'no policy')} ({decision.mode})"
    for reason in decision.reasons:
        yield f"          {plain(reason)}"
    yield f"  bound   state {proposal.preview.state_fingerprint[:12]} · policy {decision.policy_digest[:12]}"


def preview_lines(preview: Preview) -> Iterator[str]:
    """What changes, what AWS replaces, money on three bases, risk, the calls that would be made."""
    for change in preview.changes:
        yield f"  {change.sign:<3} {change.field}: {plain(change.before) or '–'} → {plain(change.after) or '–'}"
    if not preview.changes:
        yield "  nothing to change: the fleet is already so"
    if preview.replaced_instances:
        first = ", ".join(preview.replaced_instances[:4]) + (" …" if len(preview.replaced_instances) > 4 else "")
        yield f"  {preview.ends_sign:<3} {preview.ends_said}: {first}"
    yield from _money_lines(preview.cost_before, preview.cost_after)
    yield (
        f"  Δ       {usd(preview.added_cost_usd_per_day, sign=True)} a day (effective)"
        f" · risk {preview.risk_before} → {preview.risk_after}"
        f" · {'reversible' if preview.reversible else 'not reversible'}"
    )
    if preview.calls:
        calls = Counter(preview.calls)
        yield "  calls   " + ", ".join(f"{call}" + (f" × {n}" if n > 1 else "") for call, n in calls.items())
    for warning in preview.warnings:
        yield f"  !       {plain(warning)}"


def _aftercare_lines(care: Aftercare | None) -> Iterator[str]:
    if care is not None and care.verify_seconds is not None:
        then = "set back" if care.on_fail == "rollback" else "told to a person"
        yield f"  watch   {care.verify_seconds / 60:g} min after it is applied; {then} when that fails"
    if care is not None and care.undoes is not None:
        yield f"  undoes  {plain(care.undoes)}"


def _money_lines(before: HourlyCost, after: HourlyCost) -> Iterator[str]:
    if before == after:
        return
    for basis in ("list", "contracted", "effective"):
        was, then = (getattr(c, f"{basis}_usd_per_hour") for c in (before, after))
        yield f"  $/h     {basis:<10} {usd(was, digits=3)} → {usd(then, digits=3)}"


def outcome_line(outcome: Outcome) -> str:
    ids = f" · AWS request {', '.join(outcome.request_ids)}" if outcome.request_ids else ""
    lost = "".join(
        f"\n  - {plain(item.item)}: did not happen: {plain(f'{item.code} {item.message}'.strip()) or 'not seen'}"
        for item in outcome.items
        if not item.ok
    )
    return f"{outcome.status}: {plain(outcome.message)}{ids}{lost}"


def inventory_table(inventory: Inventory) -> str:
    rows = [
        (
            f.name,
            f.ref.kind,
            f"{f.instances}/{f.desired_capacity}",
            f"{f.on_demand}/{f.spot}",
            len(f.instance_types),
            share(f.largest_pool_share),
            usd(f.usd_per_hour, digits=3),
            f.risk,
            "yes" if f.covered_by_commitment else "",
        )
        for f in inventory.fleets
    ]
    header = ("NAME", "TYPE", "HAVE/WANT", "OD/SPOT", "TYPES", "TOP POOL", "$/H", "RISK", "COMMITTED")
    end = f"total {usd(inventory.usd_per_hour, digits=3)}/h effective · as of {inventory.as_of:%Y-%m-%d %H:%M:%SZ}"
    return table(header, rows, right=frozenset({2, 3, 4, 5, 6})) + f"\n{end} · {plain(inventory.source)}"


def fleet_lines(fleet: Fleet) -> Iterator[str]:
    yield f"{plain(fleet.name)}  {fleet.ref.label}  {fleet.ref.account_id} {fleet.ref.region}"
    yield f"  capacity  {len(fleet.instances)} of {fleet.desired_capacity} (min {fleet.min_size}, max {fleet.max_size})"
    if fleet.mix is not None:
        mix = fleet.mix
        yield (
            f"  mix       on-demand base {mix.on_demand_base_capacity}, {mix.on_demand_percentage_above_base} % above,"
            f" {mix.spot_allocation_strategy}, {', '.join(mix.instance_types)}"
        )
    else:
        yield f"  mix       none: on-demand {plain(fleet.instance_type or 'type unknown')}"
    yield f"  tags      {plain(', '.join(f'{t.key}={t.value}' for t in fleet.tags))}"
    rows = sorted(fleet.pools().items(), key=lambda item: -item[1])
    yield "  " + table(("POOL", "INSTANCES"), [(p.label, n) for p, n in rows], right=frozenset({1})).replace(
        "\n", "\n  "
    )
    shown = fleet.instances[:_INSTANCES]
    ids = [(i.instance_id, i.pool.label, i.purchase_option, i.lifecycle_state or i.state) for i in shown]
    yield "  " + table(("INSTANCE", "POOL", "OPTION", "STATE"), ids).replace("\n", "\n  ")
    if len(shown) < len(fleet.instances):
        yield f"  and {len(fleet.instances) - len(shown)} more: --json has all"
    yield f"  as of {fleet.as_of:%Y-%m-%d %H:%M:%SZ} · {plain(fleet.source)}"


def change_lines(changes: Sequence[FleetChange]) -> Iterator[str]:
    """The newest changes, what a watch found, and the way back."""
    for one in changes:
        change = one.change
        found = "set back by " + one.undone if one.undone else one.watch.status if one.watch else "not watched"
        types = ", ".join(change.action.types)
        yield f"  changed   {change.at:%m-%d %H:%MZ} {plain(types)}: {change.status}, {found} · {change.proposal_id}"
    if any(c.undone is None for c in changes):
        yield "            spotwarden apply --rollback ID sets one back"


def escalated_line(watch: WatchedChange) -> str:
    """critical · verification · asg/batch: which change failed, and why it is not set back."""
    return f"critical · verification · {plain(f'{watch.fleet}: {watch.proposal_id} failed: {watch.told}')}"


def alert_line(alert: Alert) -> str:
    """critical · capacity · asg/batch: what is wrong · since when, or when it was over."""
    when = f"since {alert.raised_at:%Y-%m-%d %H:%MZ}"
    if alert.cleared_at is not None:
        when = f"over since {alert.cleared_at:%Y-%m-%d %H:%MZ}"
    return f"{alert.severity} · {alert.kind} · {plain(alert.message)} · {when}"


def watch_lines(seen: Watch) -> Iterator[str]:
    """The alerts, and how every fleet stood when it was looked at last."""
    yield from (alert_line(a) for a in seen.alerts)
    if not seen.alerts:
        yield "no alert now, and none in the last day"
    header = ("FLEET", "RUNNING", "DESIRED", "SPOT", "USD/H", "RISK", "SEEN")
    rows = (
        (
            s.name, s.running_spot + s.running_on_demand, s.desired_capacity, s.running_spot, usd(s.usd_per_hour),
            s.level, f"{s.at:%H:%M:%SZ}",
        )
        for s in seen.fleets
    )  # fmt: skip
    yield table(header, rows, right=frozenset({1, 2, 3, 4}))
    yield f"as of {seen.as_of:%Y-%m-%d %H:%M:%SZ} · {counted(seen.samples, 'sample')} · {plain(seen.source)}"


def saved_json(saved: SavedProposal) -> dict[str, Any]:
    """A proposal as JSON callers see it: the whole card, and where it stands."""
    return {
        "proposal": saved.proposal.model_dump(mode="json"),
        "decision": saved.decision.model_dump(mode="json"),
        "status": saved.status,
        "approvals": [a.model_dump(mode="json") for a in saved.approvals],
    }
