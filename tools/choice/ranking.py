"""What a list of pools is ordered by. Unknown never stands at the front, nor does what is to be avoided."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from operator import attrgetter

from tools.errors import UsageError
from tools.records import InstanceTypeSpec, Opportunity


@dataclass(frozen=True)
class Order:
    """words   what it is, with its unit
    per     what the price of a pool is divided by; None = unknown, or the pool has none of it
    usd     price of a pool; None = unknown
    """

    words: str
    per: Callable[[InstanceTypeSpec], float | None]
    usd: Callable[[Opportunity], Decimal | None] = attrgetter("usd_per_useful_hour")
    by_score: bool = False

    def value(self, found: Opportunity) -> float | None:
        """What the list is ordered by; None = unknown."""
        return found.score if self.by_score else self._divided(found, self.usd(found))

    def fallback(self, found: Opportunity) -> float:
        """What orders pools whose value is unknown or the same: the mean price, in the same unit."""
        value = self._divided(found, found.prices.mean_usd_per_hour)
        return float("inf") if value is None else value

    def _divided(self, found: Opportunity, usd: Decimal | None) -> float | None:
        if usd is None:
            return None
        parts = 1.0 if self.per is _instance else self.per(found.spec) if found.spec else None
        return float(usd) / parts if parts else None


def _instance(spec: InstanceTypeSpec) -> float | None:
    del spec
    return 1.0


def _mean(found: Opportunity) -> Decimal | None:
    return found.prices.mean_usd_per_hour


ORDERS = {
    "useful-hour": Order("USD per useful instance-hour", _instance),
    "price": Order("mean spot price, USD per instance-hour", _instance, _mean),
    "score": Order("score, 0..1", _instance, by_score=True),
    "per-vcpu": Order("USD per useful vCPU-hour", attrgetter("vcpus")),
    "per-gib": Order("USD per useful GiB-hour of memory", attrgetter("memory_gib")),
    "per-accelerator": Order("USD per useful accelerator-hour", attrgetter("accelerators")),
}


def order_named(name: str) -> Order:
    """Raises UsageError: there is none of this name."""
    if name not in ORDERS:
        raise UsageError(f"--by {name}: no such order", hint="one of " + ", ".join(ORDERS))
    return ORDERS[name]


def ranked(found: Sequence[Opportunity], order: Order) -> tuple[Opportunity, ...]:
    """Best first, each with its `rank_value`; then the unknown, then what is to be avoided.

    Equal ones by mean price and pool.
    """
    valued = [o.with_(rank_value=order.value(o)) for o in found]
    sign = -1 if order.by_score else 1

    def key(one: Opportunity) -> tuple[int, float, float, str]:
        value = one.rank_value
        group = 2 if one.recommendation == "avoid" else int(value is None)
        return (group, 0.0 if value is None else sign * value, order.fallback(one), one.pool.label)

    return tuple(sorted(valued, key=key))
