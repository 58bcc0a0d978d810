"""Dollars per hour on three bases, for one fleet, for the account, and for a change.

A commitment is the account's: freed hours of one fleet are taken up by another, or are paid for nothing.
So a change is measured on the whole account, and a saving against the marginal rate, not against list.
"""

from collections import Counter
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
    """What the account pays more or less when one fleet's instances become others. Of many changes: `Bill`."""
    return Bill(fleets, book, plans).change(before, after, fleet=fleet)


class Bill:
    """What a whole account runs, rated once, to measure many changes against.

    The plans pay everybody the same share of what they cover, so the other fleets count by their sums alone: a
    change costs as much to measure in an account of a thousand fleets as in one of two.
    """

    def __init__(self, fleets: Iterable[Fleet], book: PriceBook, plans: Sequence[SavingsPlan]) -> None:
        """fleets: every fleet of the account; a changed one may be among them, and is left out of the others"""
        self._book = book
        self._live = in_force(plans, region=book.region, now=book.as_of)
        self._rated = {f.ref.label: _rate(bought(f), book, self._live) for f in fleets}
        self._whole = _Sums()
        for rated in self._rated.values():
            self._whole.add(rated)

    def change(self, before: Sequence[Bought], after: Sequence[Bought], *, fleet: FleetRef) -> EffectiveChange:
        """What the account pays more or less when the instances of one fleet become others.

        Moving covered hours to spot can lose money: the commitment is paid all the same.
        """
        mine = fleet.label
        others = self._whole.without(self._rated.get(mine))
        old, new = (
            _pay({_OTHERS: others, mine: _rate(instances, self._book, self._live)}, self._live)
            for instances in (before, after)
        )
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


_OTHERS = ""
"""no fleet's label"""


@dataclass(frozen=True)
class _Rated:
    """Some instances before the plans pay, USD per hour.

    usage   on-demand list value by instance type
    unsure  an on-demand hour of unknown price may or may not be covered
    """

    listed: Decimal | None
    contracted: Decimal | None
    usage: Mapping[str, Decimal]
    not_rated: tuple[str, ...]
    unsure: bool


class _Sums:
    """Rated fleets added up, so that one can be taken out again; how many unknowns there are stands beside the sums."""

    def __init__(self) -> None:
        self.listed, self.contracted = ZERO, ZERO
        self.usage: dict[str, Decimal] = {}
        self.unknown = Counter[str]()

    def add(self, rated: _Rated, sign: int = 1) -> None:
        self.listed += sign * (rated.listed or ZERO)
        self.contracted += sign * (rated.contracted or ZERO)
        self.unknown["listed"] += sign * (rated.listed is None)
        self.unknown["contracted"] += sign * (rated.contracted is None)
        self.unknown["unsure"] += sign * rated.unsure
        for kind, value in rated.usage.items():
            self.usage[kind] = self.usage.get(kind, ZERO) + sign * value

    def without(self, rated: _Rated | None) -> _Rated:
        rest = _Sums()
        rest.listed, rest.contracted = self.listed, self.contracted
        rest.usage, rest.unknown = dict(self.usage), self.unknown.copy()
        if rated is not None:
            rest.add(rated, -1)
        return _Rated(
            listed=None if rest.unknown["listed"] else rest.listed,
            contracted=None if rest.unknown["contracted"] else rest.contracted,
            usage={kind: value for kind, value in rest.usage.items() if value},
            not_rated=(),
            unsure=bool(rest.unknown["unsure"]),
        )


def _rate(instances: Iterable[Bought], book: PriceBook, live: Sequence[SavingsPlan]) -> _Rated:
    listed: Decimal | None = ZERO
    contracted: Decimal | None = ZERO
    usage: dict[str, Decimal] = {}
    not_rated: dict[str, None] = {}
    unsure = False
    for (instance_type, zone, option), count in Counter(instances).items():
        rate = book.on_demand(instance_type)
        price = book.spot_now(instance_type, zone) if option == "spot" else rate
        listed, contracted = _plus(listed, _times(rate, count)), _plus(contracted, _times(price, count))
        if rate is None:
            not_rated[f"{instance_type}: on-demand price unknown"] = None
            unsure |= option != "spot" and any(covers(p, instance_type) for p in live)
        elif option != "spot":
            usage[instance_type] = usage.get(instance_type, ZERO) + rate * count
        if option == "spot" and price is None:
            not_rated[f"{instance_type}/{zone}: spot price unknown"] = None
    return _Rated(listed, contracted, usage, tuple(not_rated), unsure)


def _settle(groups: Mapping[str, Sequence[Bought]], book: PriceBook, plans: Sequence[SavingsPlan]) -> AccountCost:
    """Rate every instance, then let the plans pay."""
    live = in_force(plans, region=book.region, now=book.as_of)
    return _pay({who: _rate(instances, book, live) for who, instances in groups.items()}, live)


def _pay(rated: Mapping[str, _Rated], live: Sequence[SavingsPlan]) -> AccountCost:
    """live: from `in_force`"""
    usage = {(who, kind): value for who, r in rated.items() for kind, value in r.usage.items()}
    unsure = any(r.unsure for r in rated.values())
    uses = apply_commitments(usage, live)
    moved: dict[str, Decimal] = {}  # what the plans charge each who, less the list value that they pay for
    for use in uses:
        for who, charge in use.charge.items():
            moved[who] = moved.get(who, ZERO) + charge
        for (who, _), value in use.covered.items():
            moved[who] = moved.get(who, ZERO) - value
    by_fleet = {who: _cost(r, moved.get(who, ZERO), unsure=unsure) for who, r in rated.items()}
    not_rated = dict.fromkeys(text for r in rated.values() for text in r.not_rated)
    return AccountCost(_total(by_fleet.values(), uses, unsure=unsure), by_fleet, uses, tuple(not_rated))


def _cost(rated: _Rated, moved: Decimal, *, unsure: bool) -> HourlyCost:
    return HourlyCost(
        list_usd_per_hour=_round(rated.listed),
        contracted_usd_per_hour=_round(rated.contracted),
        effective_usd_per_hour=_round(None if unsure else _plus(rated.contracted, moved)),
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


def _times(value: Decimal | None, count: int) -> Decimal | None:
    return None if value is None else value * count


def _round(value: Decimal | None) -> Decimal | None:
    """Shares of a plan are fractions without an end: a millionth of a cent is enough."""
    return None if value is None else value.quantize(_CENTS).normalize() + 0
