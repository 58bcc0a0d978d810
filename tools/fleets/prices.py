"""What a preview needs to know about money: prices, commitments, and the account's other fleets."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from tools.cloud import Clock, CloudReader
from tools.errors import AccessDenied
from tools.fleets.launches import Bought
from tools.market.pricebook import PriceBook, read_price_book
from tools.money.hourly import AccountCost, Bill, EffectiveChange, account_cost, bought
from tools.records import Action, ChangeFleet, CreateFleet, Fleet, HourlyCost, RunInstances, SavingsPlan


@dataclass(frozen=True)
class AccountPrices:
    """One look at the market and the commitments.

    plans   None = commitments could not be read: effective cost is then unknown, never taken as uncommitted
    fleets  every fleet of the account: a commitment freed by one may be taken up by another
    """

    book: PriceBook
    plans: tuple[SavingsPlan, ...] | None
    fleets: tuple[Fleet, ...]

    @property
    def oldest(self) -> datetime | None:
        return self.book.oldest

    @cached_property
    def _bill(self) -> Bill:
        """Every fleet rated once, however many changes are measured."""
        return Bill(self.fleets, self.book, self.plans or ())

    def of_account(self) -> AccountCost:
        cost = account_cost(self.fleets, self.book, self.plans or ())
        if self.plans is not None:
            return cost
        by_fleet = {label: _without_effective(c) for label, c in cost.by_fleet.items()}
        return AccountCost(_without_effective(cost.total), by_fleet, cost.uses, cost.not_rated)

    def of_change(self, fleet: Fleet, after: Iterable[Bought]) -> EffectiveChange:
        """What the account pays when this fleet's instances become others."""
        change = self._bill.change(bought(fleet), tuple(after), fleet=fleet.ref)
        if self.plans is not None:
            return change
        return EffectiveChange(_without_effective(change.before), _without_effective(change.after), None)


def read_account_prices(
    reader: CloudReader, clock: Clock, fleets: tuple[Fleet, ...], *, more_types: Iterable[str] = ()
) -> AccountPrices:
    """Prices of every type that the fleets run or may launch, and `more_types`. Raises CloudError kinds."""
    types = {t for f in fleets for t in fleet_types(f)}
    book = read_price_book(reader, clock, sorted(types | set(more_types)))
    plans: tuple[SavingsPlan, ...] | None
    try:
        plans = reader.savings_plans()
    except AccessDenied:
        plans = None
    return AccountPrices(book, plans, fleets)


def fleet_types(fleet: Fleet) -> list[str]:
    """What it runs or may launch, each once."""
    return sorted({*fleet.instance_types, *(i.instance_type for i in fleet.instances)})


def types_named(action: Action) -> tuple[str, ...]:
    """Instance types that an action brings in."""
    if isinstance(action, ChangeFleet | CreateFleet):
        return action.instance_types or ()
    return (action.instance_type,) if isinstance(action, RunInstances) else ()


def _without_effective(cost: HourlyCost) -> HourlyCost:
    return cost.with_(effective_usd_per_hour=None, unused_commitment_usd_per_hour=None)
