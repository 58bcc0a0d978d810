"""Which on-demand hours a Savings Plan pays for. It never pays for spot.

Source: AWS Savings Plans user guide: EC2 Instance plans apply before Compute plans, the highest saving first,
to all eligible usage of the account; an hour's commitment is paid whether it is used or not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cached_property

from tools.records import SavingsPlan

Usage = tuple[str, str]
"""(who runs it, instance type)"""
ZERO = Decimal(0)


@dataclass(frozen=True)
class PlanUse:
    """What one plan pays for in this hour, USD per hour.

    used     of the commitment
    covered  on-demand list value that it pays for, by (who, type)
    """

    plan: SavingsPlan
    used: Decimal
    covered: Mapping[Usage, Decimal] = field(default_factory=dict)

    @property
    def unused(self) -> Decimal:
        return self.plan.commitment_usd_per_hour - self.used

    @cached_property
    def charge(self) -> Mapping[str, Decimal]:
        """Commitment used by each who, in proportion to what of theirs is covered."""
        total = sum(self.covered.values(), ZERO)
        shares: dict[str, Decimal] = {}
        for (who, _), value in self.covered.items():
            shares[who] = shares.get(who, ZERO) + (self.used * value / total if total else ZERO)
        return shares


def in_force(plans: Sequence[SavingsPlan], *, region: str | None, now: datetime | None) -> tuple[SavingsPlan, ...]:
    """Active plans that can pay for usage of this region, in the order that AWS applies them."""
    live = [
        p
        for p in plans
        if p.state == "active"
        and (now is None or p.ends_at > now)
        and (p.plan_type == "Compute" or None in (p.region, region) or p.region == region)
    ]
    order = {"EC2Instance": 0, "Compute": 1}
    return tuple(sorted(live, key=lambda p: (order[p.plan_type], -p.discount_share, p.savings_plan_id)))


def covers(plan: SavingsPlan, instance_type: str) -> bool:
    """Whether the plan may pay for an on-demand hour of the type; region and dates are `in_force`'s."""
    return plan.plan_type == "Compute" or plan.instance_family in (None, instance_type.split(".", maxsplit=1)[0])


def apply_commitments(on_demand: Mapping[Usage, Decimal], plans: Sequence[SavingsPlan]) -> tuple[PlanUse, ...]:
    """Pay for on-demand usage with the plans, in their order.

    on_demand  list value, USD per hour, by (who, type); spot is not in it
    plans      from `in_force`
    Where a plan cannot pay for all that is eligible, everybody gets the same share of it.
    """
    left = dict(on_demand)
    uses = []
    for plan in plans:
        eligible = {usage: value for usage, value in left.items() if value > 0 and covers(plan, usage[1])}
        use = _spend(plan, eligible)
        for usage, value in use.covered.items():
            left[usage] -= value
        uses.append(use)
    return tuple(uses)


def _spend(plan: SavingsPlan, eligible: Mapping[Usage, Decimal]) -> PlanUse:
    total = sum(eligible.values(), ZERO)
    rate = 1 - Decimal(repr(plan.discount_share))  # committed dollars an on-demand dollar
    wanted = total * rate
    if wanted <= plan.commitment_usd_per_hour:
        return PlanUse(plan, wanted, dict(eligible))
    paid_for = plan.commitment_usd_per_hour / rate
    return PlanUse(plan, plan.commitment_usd_per_hour, {u: v * paid_for / total for u, v in eligible.items()})
