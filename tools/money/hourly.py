"""Dollars per hour on three bases, for one fleet, for the account, and for a change.

A commitment is the account's: freed hours of one fleet are taken up by another, or are paid for nothing.
So a change is measured on the whole account, and a saving against the marginal rate, not against list.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from tools.market.pricebook import PriceBook
from tools.money.commitments import ZERO, PlanUse, apply_commitments, covers, in_force
from tools.records import Fleet, FleetRef, HourlyCost, SavingsPlan

Bought = tuple[str, str, str]
"""(instance type, zone name, "spot" or "on-demand"): one instance"""
_BILLED_STATES = ("pending", "running")
_CENTS = Decimal("0.00000001")


@dataclass(frozen=True)
class AccountCost:
    """What all fleets cost together.

    total      unused commitment included in effective; None where any part is unknown
    by_fleet   by FleetRef.label: covered hours at their committed rate, no unused commitment
    uses       what each plan in force pays for
    not_rated  instance types, or pools, whose price is unknown
    """

    total: HourlyCost
    by_fleet: Mapping[str, HourlyCost]
    uses: tuple[PlanUse, ...]
    not_rated: tuple[str, ...]


@dataclass(frozen=True)
class EffectiveChange:
    """What a change does to the account's bill.

    before  the fleet's own part, as it stands
    after   effective = before + what the whole account's bill moves by; unused = commitment that the change frees
            and nobody takes up
    added_usd_per_hour  account effective after − before; below 0 is a saving; None = a price is unknown
    """

    before: HourlyCost
    after: HourlyCost
    added_usd_per_hour: Decimal | None


def bought(fleet: Fleet) -> tuple[Bought, ...]:
    """The fleet's instances that are paid for."""
    return tuple(
        (i.instance_type, i.zone_name, i.purchase_option) for i in fleet.instances if i.state in _BILLED_STATES
    )


def hourly_cost(instances: Sequence[Bought], book: PriceBook, plans: Sequence[SavingsPlan]) -> HourlyCost:
    """Cost of some instances as if they were all that the account runs: every plan is theirs.

    Within an account that runs more, use `account_cost` or `effective_change`.
    """
    return _settle({"": instances}, book, plans).total


def account_cost(fleets: Iterable[Fleet], book: PriceBook, plans: Sequence[SavingsPlan]) -> AccountCost:
    """Cost of every fleet, with the plans shared among all eligible on-demand hours."""
    return _settle({f.ref.label: bought(f) for f in fleets}, book, plans)


def effective_change(
    fleets: Iterable[Fleet],
    before: Sequence[Bought],
    after: Sequence[Bought],
    book: PriceBook,
    plans: Sequence[SavingsPlan],
    *,
    fleet: FleetRef,
) -> EffectiveChange:
    """What the account pays more or less when one fleet's instances become others.

    fleets  every fleet of the account; the changed one may be among them and is left out
    fleet   the changed one
    Moving covered hours to spot can lose money: the commitment is paid all the same.
    """
    others = {f.ref.label: bought(f) for f in fleets if f.ref != fleet}
    mine = fleet.label
    old, new = _settle({**others, mine: before}, book, plans), _settle({**others, mine: after}, book, plans)
    added = _minus(new.total.effective_usd_per_hour, old.total.effective_usd_per_hour)
    freed = _minus(new.total.unused_commitment_usd_per_hour, old.total.unused_commitment_usd_per_hour)
    own = new.by_fleet[mine]
    after_cost = HourlyCost(
        list_usd_per_hour=own.list_usd_per_hour,
        contracted_usd_per_hour=own.contracted_usd_per_hour,
        effective_usd_per_hour=_plus(old.by_fleet[mine].effective_usd_per_hour, added),
        unused_commitment_usd_per_hour=None if freed is None else max(freed, ZERO),
    )
    return EffectiveChange(old.by_fleet[mine], after_cost, added)


def _settle(groups: Mapping[str, Sequence[Bought]], book: PriceBook, plans: Sequence[SavingsPlan]) -> AccountCost:
    """Rate every instance, then let the plans pay."""
    live = in_force(plans, region=book.region, now=book.as_of)
    usage: dict[tuple[str, str], Decimal] = {}
    not_rated: dict[str, None] = {}
    rated: dict[str, tuple[Decimal | None, Decimal | None]] = {}
    unsure = False  # an on-demand hour of unknown price may or may not be covered
    for who, instances in groups.items():
        listed: Decimal | None = ZERO
        contracted: Decimal | None = ZERO
        for instance_type, zone, option in instances:
            rate = book.on_demand(instance_type)
            price = book.spot_now(instance_type, zone) if option == "spot" else rate
            listed, contracted = _plus(listed, rate), _plus(contracted, price)
            if rate is None:
                not_rated[f"{instance_type}: on-demand price unknown"] = None
                unsure |= option != "spot" and any(covers(p, instance_type) for p in live)
            elif option != "spot":
                usage[who, instance_type] = usage.get((who, instance_type), ZERO) + rate
            if option == "spot" and price is None:
                not_rated[f"{instance_type}/{zone}: spot price unknown"] = None
        rated[who] = (listed, contracted)
    uses = apply_commitments(usage, live)
    by_fleet = {who: _cost(who, *rated[who], uses, unsure=unsure) for who in groups}
    return AccountCost(_total(by_fleet.values(), uses, unsure=unsure), by_fleet, uses, tuple(not_rated))


def _cost(
    who: str, listed: Decimal | None, contracted: Decimal | None, uses: Sequence[PlanUse], *, unsure: bool
) -> HourlyCost:
    effective = None if unsure else contracted
    for use in uses:
        covered = sum((value for (owner, _), value in use.covered.items() if owner == who), ZERO)
        effective = _plus(effective, use.charge.get(who, ZERO) - covered)
    return HourlyCost(
        list_usd_per_hour=_round(listed),
        contracted_usd_per_hour=_round(contracted),
        effective_usd_per_hour=_round(effective),
        unused_commitment_usd_per_hour=ZERO,
    )


def _total(costs: Iterable[HourlyCost], uses: Sequence[PlanUse], *, unsure: bool) -> HourlyCost:
    listed: Decimal | None = ZERO
    contracted: Decimal | None = ZERO
    effective: Decimal | None = ZERO
    for cost in costs:
        listed = _plus(listed, cost.list_usd_per_hour)
        contracted = _plus(contracted, cost.contracted_usd_per_hour)
        effective = _plus(effective, cost.effective_usd_per_hour)
    unused = None if unsure else sum((u.unused for u in uses), ZERO)
    return HourlyCost(
        list_usd_per_hour=listed,
        contracted_usd_per_hour=contracted,
        effective_usd_per_hour=_round(_plus(effective, unused)),
        unused_commitment_usd_per_hour=_round(unused),
    )


def _plus(a: Decimal | None, b: Decimal | None) -> Decimal | None:
    return None if a is None or b is None else a + b


def _minus(a: Decimal | None, b: Decimal | None) -> Decimal | None:
    return None if a is None or b is None else a - b


def _round(value: Decimal | None) -> Decimal | None:
    """Shares of a plan are fractions without an end: a millionth of a cent is enough."""
    return None if value is None else value.quantize(_CENTS).normalize() + 0
