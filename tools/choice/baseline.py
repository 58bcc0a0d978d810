"""What an on-demand hour would really add to the bill: the rate that spot is measured against.

A Reserved Instance or a Savings Plan is paid whether its hours run or not, and never pays for spot. Where one pays
for the hour and nobody else takes it up, the hour adds nothing, and moving it to spot loses the spot price.
Source: AWS Savings Plans and Reserved Instances user guides: Reserved Instances apply first, zonal ones before
regional ones, regional Linux ones over the sizes of a family by normalisation factor; then EC2 Instance plans, then
Compute plans, each to the usage with its highest saving.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from tools.cloud import CloudReader
from tools.errors import AccessDenied, DataError
from tools.money.commitments import covers, in_force
from tools.records import LINUX, Fleet, ReservedInstances, SavingsPlan

ZERO = Decimal(0)
_DIGITS = Decimal("0.00000001")
_BILLED = ("pending", "running")
_FACTORS = {
    "nano": Decimal("0.25"), "micro": Decimal("0.5"), "small": Decimal(1), "medium": Decimal(2), "large": Decimal(4),
}  # fmt: skip
_XLARGE = re.compile(r"(\d*)xlarge")
Place = tuple[str, str]
"""(instance type, zone name)"""


@dataclass(frozen=True)
class Commitments:
    """What is paid for already, and the on-demand instances that use it now.

    usage     on-demand instances of the region's fleets, by (type, zone name)
    rates     on-demand list price, USD per hour, by type
    plans     in the order that AWS applies them
    covered   USD per covered hour by plan id and type; a plan that is not in it uses its own discount
    unread    what may not be read, in words: then no baseline is known
    """

    usage: Mapping[Place, int] = field(default_factory=dict)
    rates: Mapping[str, Decimal] = field(default_factory=dict)
    plans: tuple[SavingsPlan, ...] = ()
    covered: Mapping[str, Mapping[str, Decimal]] = field(default_factory=dict)
    reserved: tuple[ReservedInstances, ...] = ()
    unread: tuple[str, ...] = ()

    @property
    def any(self) -> bool:
        return bool(self.plans or self.reserved)

    def words(self) -> str:
        """Which commitments were weighed."""
        if self.unread:
            return "; ".join(self.unread)
        if not self.any:
            return "no Savings Plan and no Reserved Instance is active: on-demand hours cost their list price"
        plans = [
            f"{p.plan_type} Savings Plan {p.savings_plan_id}, {p.commitment_usd_per_hour.normalize():f} USD/h "
            f"until {p.ends_at:%Y-%m-%d}"
            for p in self.plans
        ]
        reserved = [
            f"{r.count} × {r.instance_type} reserved {f'in {r.zone_name}' if r.zone_name else 'in the region'} "
            f"until {r.ends_at:%Y-%m-%d}"
            for r in self.reserved
        ]
        return "; ".join([*plans, *reserved])


@dataclass(frozen=True)
class Baseline:
    """usd_per_hour  what one on-demand hour adds to the bill; None = unknown
    kind          moved: an on-demand instance of the type runs now and would stop; added: none runs, one would start
    why           in words
    """

    usd_per_hour: Decimal | None
    kind: str
    why: str


def read_commitments(
    reader: CloudReader,
    instance_types: Iterable[str],
    rates: Mapping[str, Decimal],
    *,
    now: datetime,
    product: str = LINUX,
    fleets: Sequence[Fleet] | None = None,
) -> Commitments:
    """The account's commitments and what uses them now.

    instance_types  that are weighed, for their rates under each plan
    rates           list prices already read; those of the fleets' own types are read here
    fleets          of the account, where they were read already
    Raises          CloudError, but for what may not or cannot be read: `unread` says which
    """
    plans, reserved, unread = _read_paid(reader, product=product, now=now)
    if not (plans or reserved):
        return Commitments(rates=dict(rates), unread=unread)
    if product != LINUX:
        return Commitments(rates=dict(rates), unread=(*unread, f"they are weighed for {LINUX} only, not for {product}"))
    try:
        usage = running_on_demand(reader.fleets() if fleets is None else fleets)
        types = sorted({*instance_types, *(t for t, _ in usage)})
        more = reader.on_demand_rates([t for t in types if t not in rates], product=product)
    except AccessDenied as denied:
        hidden = f"what uses the commitments may not be read: {denied.message}"
        return Commitments(rates=dict(rates), unread=(*unread, hidden))
    known = {**rates, **{r.instance_type: r.usd_per_hour for r in more}}
    return Commitments(usage, known, plans, _covered(reader, plans, types), reserved, unread)


def _read_paid(
    reader: CloudReader, *, product: str, now: datetime
) -> tuple[tuple[SavingsPlan, ...], tuple[ReservedInstances, ...], tuple[str, ...]]:
    plans: tuple[SavingsPlan, ...] = ()
    reserved: tuple[ReservedInstances, ...] = ()
    unread: list[str] = []
    try:
        plans = in_force(reader.savings_plans(), region=reader.account().region, now=now)
    except (AccessDenied, DataError) as error:
        unread.append(f"Savings Plans cannot be read: {error.message}")
    try:
        reserved = tuple(r for r in reader.reserved_instances() if _serves(r, product=product, now=now))
    except (AccessDenied, DataError) as error:
        unread.append(f"Reserved Instances cannot be read: {error.message}")
    return plans, reserved, tuple(unread)


def running_on_demand(fleets: Sequence[Fleet]) -> dict[Place, int]:
    """On-demand instances of some fleets that are billed, by type and zone."""
    return dict(Counter((i.instance_type, i.zone_name) for f in fleets for i in f.on_demand if i.state in _BILLED))


def _serves(reserved: ReservedInstances, *, product: str, now: datetime) -> bool:
    return reserved.state == "active" and reserved.ends_at > now and reserved.product == product


def _covered(
    reader: CloudReader, plans: Sequence[SavingsPlan], types: Sequence[str]
) -> dict[str, Mapping[str, Decimal]]:
    """A plan whose rates may not be read keeps its one discount."""
    found: dict[str, Mapping[str, Decimal]] = {}
    for plan in plans:
        try:
            found[plan.savings_plan_id] = reader.savings_plan_rates(plan, types)
        except (AccessDenied, DataError):
            continue
    return found


def marginal_rate(instance_type: str, zone: str | None, paid: Commitments) -> Baseline:
    """The marginal on-demand rate of a type in a zone.

    Where on-demand instances of the type run, the hour that a move to spot would free; else the hour of one more.
    """
    rate = paid.rates.get(instance_type)
    if rate is None:
        return Baseline(None, "added", f"the on-demand price of {instance_type} is unknown")
    if paid.unread:
        return Baseline(None, "added", f"{paid.words()}: what an on-demand hour adds is unknown")
    places = sorted(p for p, count in paid.usage.items() if p[0] == instance_type and count > 0)
    if not paid.any or any(t not in paid.rates for t, _ in paid.usage):
        return _uncommitted(instance_type, rate, paid, runs=bool(places))
    now = _overflow(paid.usage, paid)
    if not places:
        grown = {**paid.usage, (instance_type, zone or ""): paid.usage.get((instance_type, zone or ""), 0) + 1}
        return _told(_overflow(grown, paid) - now, rate, "added", instance_type)
    here = [p for p in places if p[1] == zone] or places
    # of several that could be moved one would move the one that is paid for least
    freed = max(now - _overflow({**paid.usage, p: paid.usage[p] - 1}, paid) for p in here)
    return _told(freed, rate, "moved", instance_type)


def _uncommitted(instance_type: str, rate: Decimal, paid: Commitments, *, runs: bool) -> Baseline:
    kind = "moved" if runs else "added"
    if not paid.any:
        return Baseline(rate, kind, f"no commitment covers {instance_type}: an on-demand hour costs its list price")
    unknown = ", ".join(sorted({t for t, _ in paid.usage if t not in paid.rates}))
    return Baseline(None, kind, f"the on-demand price of {unknown} is unknown, so what commitments pay for is too")


def _told(exact: Decimal, rate: Decimal, kind: str, instance_type: str) -> Baseline:
    added = exact.quantize(_DIGITS)  # shares of a plan are fractions without an end
    whose = "runs on-demand now" if kind == "moved" else "does not run on-demand now"
    if added >= rate:
        why = f"{instance_type} {whose}, and no commitment is left for it: an hour costs its list price"
    elif added <= 0:
        why = f"{instance_type} {whose}, and a commitment pays for the hour whether it runs or not: it adds nothing"
    else:
        why = f"{instance_type} {whose}, and a commitment pays for part of the hour"
    return Baseline(max(added, ZERO).normalize() + 0, kind, why)


def _overflow(usage: Mapping[Place, int], paid: Commitments) -> Decimal:
    """On-demand dollars an hour beyond everything that commitments pay for."""
    left = _after_reserved({p: Decimal(n) for p, n in usage.items() if n > 0}, paid.reserved)
    hours: dict[str, Decimal] = {}
    for (instance_type, _), count in left.items():
        hours[instance_type] = hours.get(instance_type, ZERO) + count
    for plan in paid.plans:
        _spend(plan, hours, paid)
    return sum((hours[t] * paid.rates[t] for t in hours), ZERO)


def _after_reserved(usage: dict[Place, Decimal], reserved: Sequence[ReservedInstances]) -> dict[Place, Decimal]:
    """Instances that no Reserved Instance pays for: zonal ones first, then regional by family."""
    for one in sorted(reserved, key=lambda r: (r.zone_name is None, r.reserved_instances_id)):
        units = Decimal(one.count) * _factor(one.instance_type)
        for place in sorted(usage, key=lambda p: (p[0] != one.instance_type, _factor(p[0]), p)):
            if not _reserved_for(one, place):
                continue
            used = min(usage[place] * _factor(place[0]), units)
            usage[place] -= used / _factor(place[0])
            units -= used
    return usage


def _reserved_for(reserved: ReservedInstances, place: Place) -> bool:
    if reserved.zone_name is not None:
        return place == (reserved.instance_type, reserved.zone_name)
    if place[0] == reserved.instance_type:
        return True
    family, _, size = reserved.instance_type.partition(".")
    own, _, other = place[0].partition(".")
    # metal has a size of its own, and other products than Linux are not flexible
    return reserved.product == LINUX and own == family and "metal" not in (size + other)


def _factor(instance_type: str) -> Decimal:
    """Normalisation factor of a size: large is 4, xlarge 8, 12xlarge 96."""
    size = instance_type.partition(".")[2]
    if size in _FACTORS:
        return _FACTORS[size]
    found = _XLARGE.fullmatch(size)
    return Decimal(8 * int(found[1] or 1)) if found else Decimal(1)


def _spend(plan: SavingsPlan, hours: dict[str, Decimal], paid: Commitments) -> None:
    """One plan pays for what it saves most on, until its commitment is used up."""
    left = plan.commitment_usd_per_hour
    rates = {t: rate for t in hours if (rate := _plan_rate(plan, t, paid)) is not None}
    for instance_type in sorted(rates, key=lambda t: (rates[t] / paid.rates[t], t)):
        rate = rates[instance_type]
        taken = hours[instance_type] if rate == 0 else min(hours[instance_type], left / rate)
        hours[instance_type] -= taken
        left -= taken * rate


def _plan_rate(plan: SavingsPlan, instance_type: str, paid: Commitments) -> Decimal | None:
    known = paid.covered.get(plan.savings_plan_id)
    if known is not None:
        return known.get(instance_type)
    if not covers(plan, instance_type):
        return None
    return paid.rates[instance_type] * (1 - Decimal(repr(plan.discount_share)))
