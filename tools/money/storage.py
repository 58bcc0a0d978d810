"""What volumes and snapshots cost a month of 730 hours, at list price. A rate that is not known makes no number."""

from collections.abc import Sequence
from decimal import Decimal

from tools.records import StorageCost, StorageRate

SNAPSHOT = "snapshot"
HOURS_A_MONTH = 730
_INCLUDED_IOPS = {"gp3": 3_000, "io1": 0, "io2": 0}
"""of the types that are billed by IOPS: what the price of a GiB holds. Source  EBS pricing"""
_INCLUDED_MIB_PER_SECOND = {"gp3": 125}
_FIRST_TIER_IOPS = 32_000
"""of io2: above it an IOPS is cheaper"""
_CENT, _DAILY = Decimal("0.01"), Decimal("0.000001")
_UNREAD = "no rate was read"


def storage_cost(
    rates: Sequence[StorageRate],
    *,
    volume_type: str,
    size_gib: int,
    iops: int | None = None,
    throughput_mib_per_second: int | None = None,
) -> StorageCost:
    """A volume: its size, and what is provisioned above what that includes.

    iops, throughput_mib_per_second  None = not told: then what they would cost is unknown, where they cost
    """
    rate = _rate(rates, volume_type)
    if rate is None:
        return StorageCost(usd_per_month=None, upper_bound=False, as_of=None, source=_unknown(rates))
    parts: list[Decimal | None] = [rate.usd_per_gib_month * size_gib]
    if volume_type in _INCLUDED_IOPS:
        parts.append(_above(iops, _INCLUDED_IOPS[volume_type], rate.usd_per_iops_month))
    if volume_type in _INCLUDED_MIB_PER_SECOND:
        included = _INCLUDED_MIB_PER_SECOND[volume_type]
        parts.append(_above(throughput_mib_per_second, included, rate.usd_per_mib_per_second_month))
    dearer = volume_type == "io2" and (iops or 0) > _FIRST_TIER_IOPS
    return StorageCost(usd_per_month=summed(parts), upper_bound=dearer, as_of=rate.as_of, source=rate.source)


def copy_cost(rates: Sequence[StorageRate], size_gib: int) -> StorageCost:
    """Snapshots as if they stored their whole volumes: EC2 does not tell how many blocks one keeps, and shares them."""
    rate = _rate(rates, SNAPSHOT)
    if rate is None:
        return StorageCost(usd_per_month=None, upper_bound=True, as_of=None, source=_unknown(rates))
    usd = summed([rate.usd_per_gib_month * size_gib])
    return StorageCost(usd_per_month=usd, upper_bound=True, as_of=rate.as_of, source=rate.source)


def a_day(cost: StorageCost) -> Decimal | None:
    """Dollars in 24 hours; None = unknown."""
    return None if cost.usd_per_month is None else (cost.usd_per_month * 24 / HOURS_A_MONTH).quantize(_DAILY)


def summed(parts: Sequence[Decimal | None]) -> Decimal | None:
    """To the cent; None = one of them is unknown. Nothing costs 0."""
    known = [p for p in parts if p is not None]
    return sum(known, Decimal(0)).quantize(_CENT) if len(known) == len(parts) else None


def _rate(rates: Sequence[StorageRate], what: str) -> StorageRate | None:
    return next((r for r in rates if r.what == what), None)


def _unknown(rates: Sequence[StorageRate]) -> str:
    return rates[0].source if rates else _UNREAD


def _above(told: int | None, included: int, usd: Decimal | None) -> Decimal | None:
    """Dollars for what is above the included; None = EC2 or the price list does not tell."""
    if told is None:
        return None
    if told <= included:
        return Decimal(0)
    return None if usd is None else usd * (told - included)
