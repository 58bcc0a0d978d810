"""Whether replacing running instances is worth it: what it saves while it lasts, less what making it costs. Pure."""

from datetime import datetime
from decimal import ROUND_FLOOR, Decimal

from tools.fleets.launches import Bought, movement
from tools.fleets.preview import HOURS_A_DAY, preview
from tools.fleets.prices import AccountPrices
from tools.fleets.seen import Seen
from tools.fleets.steady_rules import SteadyRules
from tools.fleets.suggest import Held
from tools.records import ChangeFleet, Fleet, Instance, Money, Record

LOST_TAG = "spotwarden:lost-minutes"
_CHECKPOINTED_MINUTES = 40.0
"""half of an hourly interval, and ten minutes to start again: what tools.choice assumes of checkpointed work"""
_MOST_MINUTES = 60 * 24 * 7
_CENT = Decimal("0.01")


class NetBenefit(Record):
    """A change of a fleet in dollars. None = unknown, and then it is not made to save money."""

    saving_usd_per_day: Money | None
    """effective basis, from the preview: below 0 it costs more"""
    cost_usd: Money | None
    """of making it, once: both instances paid until the new one serves, and the work that the old one loses"""
    stay_hours: float
    """so long it is assumed to last"""
    assumptions: tuple[str, ...]

    @property
    def net_usd_per_day(self) -> Decimal | None:
        if self.saving_usd_per_day is None or self.cost_usd is None:
            return None
        return self.saving_usd_per_day - self.cost_usd * HOURS_A_DAY / Decimal(repr(self.stay_hours))

    def words(self) -> str:
        net = self.net_usd_per_day
        if net is None or self.saving_usd_per_day is None or self.cost_usd is None:
            return "what it saves is unknown"
        return (
            f"${self.saving_usd_per_day.quantize(_CENT)}/day saved, ${self.cost_usd.quantize(_CENT)} once to make it, "
            f"net ${net.quantize(_CENT)}/day ({'; '.join(self.assumptions)})"
        )


def net_benefit(action: ChangeFleet, fleet: Fleet, seen: Seen, rules: SteadyRules, *, now: datetime) -> NetBenefit:
    """What the action saves and costs, as the preview computes it. Raises UsageError: the fleet cannot take it."""
    stay, why = _stay(fleet, seen, rules)
    lost, told = _lost_minutes(fleet, rules)
    assumptions = (why, f"a replaced instance loses {lost:g} min of work, {told}")
    if seen.prices is None:
        return NetBenefit(saving_usd_per_day=None, cost_usd=None, stay_hours=stay, assumptions=assumptions)
    added = preview(action, fleet, prices=seen.prices, now=now).added_cost_usd_per_day
    moved = movement(action, fleet, seen.prices.book)
    overlap = [_bought_usd(b, seen.prices) for b in moved.launches] if moved.ends else []
    ending = [_running_usd(i, seen.prices) for i in moved.ends]
    return NetBenefit(
        saving_usd_per_day=None if added is None else -added,
        cost_usd=_sum(overlap, rules.in_service_minutes, ending, lost),
        stay_hours=stay,
        assumptions=assumptions,
    )


def too_little(worth: NetBenefit, rules: SteadyRules) -> Held | None:
    """Why running instances are not replaced; None = it is worth it."""
    net = worth.net_usd_per_day
    if net is None:
        return Held(
            code="unknown", why="what replacing instances saves is unknown: a price or a commitment is not known"
        )
    if net >= rules.min_net_saving_usd_per_day:
        return None
    least = rules.min_net_saving_usd_per_day
    told = net.quantize(_CENT, rounding=ROUND_FLOOR)  # never as much as the threshold
    return Held(code="not-worth", why=f"saves ${told}/day, below the threshold of ${least:f}/day")


def _stay(fleet: Fleet, seen: Seen, rules: SteadyRules) -> tuple[float, str]:
    """Until the next interruption to expect of an instance, at most as long as a change is assumed to last.

    One interruption in that time is taken for granted, so that the first few that were seen do not say it all.
    """
    mine = [e for e in seen.exposures if e.pool.instance_type in fleet.instance_types]
    taken, hours = sum(e.interruptions for e in mine), sum(e.instance_hours for e in mine)
    expected = (hours + rules.stay_hours) / (taken + 1)
    if expected >= rules.stay_hours:
        return rules.stay_hours, f"it lasts {rules.stay_hours:g} h, assumed"
    return expected, f"it lasts {expected:.1f} h: {taken} interruptions were seen in {hours:.0f} instance-hours"


def _lost_minutes(fleet: Fleet, rules: SteadyRules) -> tuple[float, str]:
    told = fleet.tag(LOST_TAG)  # other people's text: a number in bounds, or nothing
    try:
        minutes = float(told) if told is not None and len(told) <= 12 else -1.0
    except ValueError:
        minutes = -1.0
    if 0 <= minutes <= _MOST_MINUTES:
        return minutes, f"by its tag {LOST_TAG}"
    if fleet.tag("checkpointed") == "true":
        return _CHECKPOINTED_MINUTES, "assumed of checkpointed work"
    return rules.lost_minutes, "assumed"


def _bought_usd(one: Bought, prices: AccountPrices) -> Decimal | None:
    kind, zone, option = one
    return prices.book.spot_now(kind, zone) if option == "spot" else prices.book.on_demand(kind)


def _running_usd(one: Instance, prices: AccountPrices) -> Decimal | None:
    return _bought_usd((one.instance_type, one.zone_name, one.purchase_option), prices)


def _sum(
    overlap: list[Decimal | None], overlap_minutes: float, ending: list[Decimal | None], lost_minutes: float
) -> Decimal | None:
    total = Decimal(0)
    for rates, minutes in ((overlap, overlap_minutes), (ending, lost_minutes)):
        for rate in rates:
            if rate is None:
                return None
            total += rate * Decimal(repr(minutes)) / 60
    return total
