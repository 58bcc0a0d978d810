"""Pure what-if: what an action would do to a fleet as it stands, in instances, dollars and risk. Nothing is called."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from tools.cloud import Clock, CloudReader
from tools.errors import UsageError
from tools.fleets.effects import effect_of
from tools.fleets.launches import Bought, spot_pools
from tools.fleets.owners import ownership_warnings
from tools.fleets.prices import AccountPrices, fleet_types, read_account_prices, types_named
from tools.market.pricebook import read_price_book
from tools.money.hourly import EffectiveChange, bought
from tools.money.storage import a_day
from tools.records import Action, Fleet, HourlyCost, Preview, ReplaceInstances, RiskLevel
from tools.risk.score import fleet_level

SOURCE = "computed from the fleet as read, EC2's rules and the price book"
HOURS_A_DAY = 24


def draw_preview(reader: CloudReader, clock: Clock, action: Action, fleet: Fleet) -> Preview:
    """`preview` with prices, commitments and the account's other fleets read now. Raises CloudError, UsageError."""
    effect = effect_of(action)
    effect.check(action, fleet)
    effect.check_now(reader, action, fleet)
    check_offered(reader, action, fleet)
    if not effect.priced(action):
        return _of_things(action, fleet, now=clock.now())
    if isinstance(action, ReplaceInstances) and not fleet.on_demand:
        # only spot moves, which no commitment pays for: the account's other fleets say nothing, and a notice is urgent
        prices = AccountPrices(read_price_book(reader, clock, fleet_types(fleet)), (), (fleet,))
    else:
        others = tuple(f for f in reader.fleets() if f.ref != fleet.ref)
        prices = read_account_prices(reader, clock, (*others, fleet), more_types=types_named(action))
    return preview(action, fleet, prices=prices, now=clock.now())


def preview(action: Action, fleet: Fleet, *, prices: AccountPrices, now: datetime) -> Preview:
    """What the action would do.

    prices  of every type that the fleet runs or may launch; what is not in them is unknown, and so is what it costs
    Raises  UsageError: the fleet cannot take the action; says the way out
    """
    effect = effect_of(action)
    effect.check(action, fleet)
    moved = effect.movement(action, fleet, prices.book)
    if moved is None:
        return _of_things(action, fleet, now=now)
    gone = {i.instance_id for i in moved.ends}
    staying = fleet.with_(instances=tuple(i for i in fleet.instances if i.instance_id not in gone))
    after = (*bought(staying), *moved.launches)
    money = prices.of_change(fleet, after)
    changes = effect.lines(action, fleet)
    return Preview(
        fleet=fleet.ref,
        state_fingerprint=fleet.fingerprint,
        changes=changes,
        replaced_instances=tuple(i.instance_id for i in moved.ends),
        instances_launched=len(moved.launches),
        instances_total=len(fleet.instances),
        cost_before=money.before,
        cost_after=money.after,
        added_cost_usd_per_day=None if money.added_usd_per_hour is None else money.added_usd_per_hour * HOURS_A_DAY,
        risk_before=_risk(bought(fleet), prices),
        risk_after=_risk(after, prices),
        reversible=effect.can_undo(action),
        calls=effect.calls(action) if changes else (),
        warnings=(
            *effect.warnings(action, fleet, moved),
            *ownership_warnings(fleet),
            *_money_warnings(money),
            *_strangers(action, fleet, prices),
        ),
        price_as_of=prices.oldest,
        as_of=now,
        source=SOURCE,
    )


def _of_things(action: Action, fleet: Fleet, *, now: datetime) -> Preview:
    """What touches no instance and no price."""
    effect = effect_of(action)
    unread = HourlyCost(
        list_usd_per_hour=None,
        contracted_usd_per_hour=None,
        effective_usd_per_hour=None,
        unused_commitment_usd_per_hour=None,
    )
    changes, cost = effect.lines(action, fleet), effect.cost(action, fleet)
    return Preview(
        fleet=fleet.ref,
        state_fingerprint=fleet.fingerprint,
        changes=changes,
        replaced_instances=(),
        instances_launched=0,
        instances_total=len(fleet.instances),
        cost_before=unread,
        cost_after=unread,
        added_cost_usd_per_day=Decimal(0) if effect.free else cost and a_day(cost),
        risk_before="unknown",
        risk_after="unknown",
        reversible=effect.can_undo(action),
        calls=effect.calls(action) if changes else (),
        warnings=(*effect.warnings(action, fleet, None), *ownership_warnings(fleet)),
        price_as_of=cost.as_of if cost is not None else None,
        as_of=now,
        source=SOURCE,
    )


def _risk(instances: Iterable[Bought], prices: AccountPrices) -> RiskLevel:
    return fleet_level(spot_pools(instances), prices.book)


def check_offered(reader: CloudReader, action: Action, fleet: Fleet) -> None:
    """Raises UsageError: a type that would be brought in is offered in none of the fleet's zones."""
    new = [t for t in types_named(action) if t not in fleet.instance_types]
    if not new:
        return
    zones = set(fleet.zones)
    offered = {spec.instance_type: set(spec.zones) for spec in reader.instance_types(new)}
    for name in new:
        if name not in offered:
            raise UsageError(
                f"{name}: {fleet.ref.region} offers no such instance type", hint="`spotwarden market scan` lists types"
            )
        if zones and not zones & offered[name]:
            raise UsageError(
                f"{name} is offered in none of {fleet.name}'s zones {', '.join(sorted(zones))}, only in"
                f" {', '.join(sorted(offered[name])) or 'none'}",
                hint="choose a type that these zones have, or give the fleet a subnet in another zone",
            )


def _strangers(action: Action, fleet: Fleet, prices: AccountPrices) -> Iterable[str]:
    """Types that would be added and that nobody sells here, as far as the price list tells."""
    for name in types_named(action):
        if name not in fleet.instance_types and prices.book.on_demand(name) is None:
            yield f"{name}: no price is known in {fleet.ref.region}; is it a type that this region offers?"


def _money_warnings(money: EffectiveChange) -> list[str]:
    """A commitment never pays for spot: what leaves on-demand may free commitment that is paid all the same."""
    freed, added = money.after.unused_commitment_usd_per_hour, money.added_usd_per_hour
    if added is None:
        return ["a price or a commitment is unknown: the change in cost cannot be told"]
    if not freed:
        return []
    moves = f"{'rises' if added > 0 else 'falls'} by ${abs(added):.4f}/h" if added else "stays as it is"
    text = f"${freed:.4f}/h of Savings Plan commitment is freed and paid all the same"
    return [f"{text}, for commitments never pay for spot: effective cost {moves}"]
