"""report_costs: where the money goes now, and what an honest what-if says about each fleet."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from tools.cloud import Clock, CloudReader
from tools.errors import AccessDenied
from tools.market.pricebook import PriceBook, read_price_book
from tools.money.commitments import ZERO, PlanUse
from tools.money.hourly import AccountCost, Bill, Bought, account_cost, bought
from tools.records import CommitmentUse, CostReport, Fleet, FleetCost, HourlyCost, SavingsPlan
from tools.tool import tool

INTERRUPTIBLE_WORKLOADS = frozenset({"batch", "training", "render", "ci"})
"""`workload` tags of work that can be taken and gone on with, if it is checkpointed"""
KEPT_ON_DEMAND = 1
"""so that the work goes on, if slowly, when every pool is dry"""


@tool(
    effect="read",
    iam=(
        "autoscaling:DescribeAutoScalingGroups",
        "ec2:DescribeFleets",
        "ec2:DescribeSpotPriceHistory",
        "pricing:GetProducts",
        "savingsplans:DescribeSavingsPlans",
    ),
    example={},
)
def report_costs(reader: CloudReader, clock: Clock) -> CostReport:
    """What every fleet costs per hour on three bases, commitments' use, and which fleets could save with more spot.

    Raises  CloudError: the account cannot be read
    """
    fleets = reader.fleets()
    types = sorted({t for f in fleets for t in (*f.instance_types, *(i.instance_type for i in f.instances))})
    book = read_price_book(reader, clock, types)
    plans = read_plans(reader)
    return cost_report(fleets, book, plans)


def read_plans(reader: CloudReader) -> tuple[SavingsPlan, ...] | None:
    """The account's commitments; None = they may not be read, so effective cost is unknown."""
    try:
        return reader.savings_plans()
    except AccessDenied:
        return None


@dataclass(frozen=True)
class _Account:
    """What every row of the report is computed from."""

    book: PriceBook
    plans: Sequence[SavingsPlan] | None
    cost: AccountCost
    bill: Bill

    def paid_by(self, fleet: Fleet) -> tuple[SavingsPlan, ...]:
        """Plans that pay for hours of the fleet now."""
        return tuple(u.plan for u in self.cost.uses if fleet.ref.label in u.charge)


def cost_report(fleets: Sequence[Fleet], book: PriceBook, plans: Sequence[SavingsPlan] | None) -> CostReport:
    """The report from what was read. `plans` None = unknown: no effective cost, no potential."""
    if book.as_of is None:
        raise ValueError("a price book without as_of was never read")
    bill = Bill(fleets, book, plans or ())
    account = _Account(book, plans, account_cost(fleets, book, plans or ()), bill)
    cost = account.cost
    total = cost.total if plans is not None else _without_effective(cost.total)
    unread = () if plans is not None else ("Savings Plans: may not be read, so effective cost is unknown",)
    return CostReport(
        fleets=tuple(_fleet_cost(f, account) for f in fleets),
        total=total,
        effective_savings_rate_share=savings_rate(total),
        commitments=tuple(_commitment(use, fleets) for use in cost.uses),
        not_rated=(*cost.not_rated, *book.missing, *unread),
        as_of=book.as_of,
        source=f"{book.source}, Savings Plans; fleets of {book.region or 'this region'} only",
    )


def savings_rate(cost: HourlyCost) -> float | None:
    """ESR on list: 1 − effective / list, unused commitment included. None where a price is unknown or nothing runs."""
    listed, effective = cost.list_usd_per_hour, cost.effective_usd_per_hour
    if effective is None or not listed:
        return None
    return float(1 - effective / listed)


def _without_effective(cost: HourlyCost) -> HourlyCost:
    return cost.with_(effective_usd_per_hour=None, unused_commitment_usd_per_hour=None)


def _fleet_cost(fleet: Fleet, account: _Account) -> FleetCost:
    now = account.cost.by_fleet[fleet.ref.label]
    listed, contracted = now.list_usd_per_hour, now.contracted_usd_per_hour
    saved = None if listed is None or contracted is None else listed - contracted
    instances = bought(fleet)
    potential, note = _potential(fleet, instances, account)
    return FleetCost(
        fleet=fleet.name,
        instances=len(instances),
        spot=sum(1 for _, _, option in instances if option == "spot"),
        now=now if account.plans is not None else _without_effective(now),
        saved_usd_per_hour=saved,
        potential_usd_per_hour=potential,
        potential_note=note,
    )


def _potential(fleet: Fleet, instances: Sequence[Bought], account: _Account) -> tuple[Decimal | None, str]:
    """Effective dollars per hour that a whole suggested mix would save, and why or why not.

    Suited fleets keep one on-demand instance. Others are only tried where a Savings Plan pays for them, to show
    what moving them would lose.
    """
    plain = _without_a_what_if(fleet, instances, account)
    if plain is not None or account.plans is None:
        return plain or _UNREAD
    keep = KEPT_ON_DEMAND if suits_spot(fleet) else 0
    after = more_spot(fleet, instances, keep, account.book)
    if after is None:
        return None, "not rated: a spot price of its pools is unknown"
    change = account.bill.change(instances, after, fleet=fleet.ref)
    if change.added_usd_per_hour is None:
        return None, "not rated: a price is unknown"
    moved = _on_demand(instances) - keep
    return -change.added_usd_per_hour, _note(change.added_usd_per_hour, fleet, account, moved=moved, keep=keep)


_UNREAD = (None, "not rated: Savings Plans may not be read, so what a change costs is unknown")


def _on_demand(instances: Sequence[Bought]) -> int:
    return sum(1 for _, _, option in instances if option != "spot")


def _without_a_what_if(
    fleet: Fleet, instances: Sequence[Bought], account: _Account
) -> tuple[Decimal | None, str] | None:
    """The answer for a fleet that nothing needs computing for; None = compute."""
    on_demand, suited = _on_demand(instances), suits_spot(fleet)
    if account.plans is None:
        return _UNREAD
    if not instances:
        return None, "not rated: no instance runs"
    if not on_demand:
        return ZERO, "all on spot already"
    if suited and on_demand <= KEPT_ON_DEMAND:
        return ZERO, f"{on_demand} on-demand is the floor: nothing more to move"
    if not suited and not account.paid_by(fleet):
        tags = f"workload {fleet.tag('workload') or 'unknown'}, checkpointed {fleet.tag('checkpointed') or 'unknown'}"
        return None, f"not rated: {tags}: nothing says that its work survives an interruption"
    return None


def _note(added: Decimal, fleet: Fleet, account: _Account, *, moved: int, keep: int) -> str:
    paid_by = ", ".join(f"{p.savings_plan_id} until {p.ends_at:%Y-%m-%d}" for p in account.paid_by(fleet))
    if added >= 0 and paid_by:
        return f"don't: its hours are paid by Savings Plan {paid_by}; on spot the account would lose ${added:.3f}/h"
    if added >= 0:
        return f"don't: spot would cost ${added:.3f}/h more now"
    if suits_spot(fleet):
        return f"{moved} more on spot, {keep} kept on-demand: interruptible and checkpointed by its tags"
    return (
        f"{moved} on spot would save ${-added:.3f}/h beyond what Savings Plan {paid_by} pays, "
        "but nothing says that its work survives an interruption"
    )


def suits_spot(fleet: Fleet) -> bool:
    """Its own tags say that its work can be interrupted and goes on from a checkpoint."""
    return fleet.tag("workload") in INTERRUPTIBLE_WORKLOADS and fleet.tag("checkpointed") == "true"


def more_spot(fleet: Fleet, instances: Sequence[Bought], keep: int, book: PriceBook) -> tuple[Bought, ...] | None:
    """The same types with all but `keep` on-demand instances on spot, spread over the zones in turn.

    None where some type has no known spot price in any of the fleet's zones.
    """
    zones = tuple(sorted({*fleet.zones, *(zone for _, zone, _ in instances)}))
    after = [b for b in instances if b[2] == "spot"]
    on_demand = sorted(b for b in instances if b[2] != "spot")
    after += on_demand[:keep]
    for turn, (instance_type, _, _) in enumerate(on_demand[keep:]):
        priced = [z for z in zones if book.spot_now(instance_type, z) is not None]
        if not priced:
            return None
        after.append((instance_type, priced[turn % len(priced)], "spot"))
    return tuple(after)


def _commitment(use: PlanUse, fleets: Sequence[Fleet]) -> CommitmentUse:
    names = {f.ref.label: f.name for f in fleets}
    owners = dict.fromkeys(names[owner] for owner, _ in use.covered)
    committed = use.plan.commitment_usd_per_hour
    return CommitmentUse(
        savings_plan_id=use.plan.savings_plan_id,
        commitment_usd_per_hour=committed,
        used_usd_per_hour=use.used.quantize(Decimal("0.00000001")).normalize() + 0,
        utilisation_share=float(use.used / committed) if committed else 0.0,
        covers=tuple(owners),
        ends_at=use.plan.ends_at,
    )
