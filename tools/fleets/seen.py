"""What is known of a fleet and its market when the rules look at it, and how much of what it wants it has."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from tools.fleets.launches import Target, target, weights
from tools.fleets.prices import AccountPrices
from tools.records import Exposure, Fleet, FleetSample, InstanceTypeSpec, PlacementScore, PoolSignal

LOOKS_APART = timedelta(minutes=15)
"""longer than that between two looks, and what lay between is not known"""
_ALIVE = ("pending", "running")


@dataclass(frozen=True)
class Seen:
    """As read now and as kept by the monitor. Empty = not known.

    signals    of every fleet of the region, as far back as pools are remembered
    samples    of this fleet
    exposures  of the pools: hours that we ran, interruptions
    scores     EC2's placement scores, where they were asked
    offered    what the region offers; () = not asked
    prices     None = not read: what a change saves is then unknown
    unread     why nothing is known of what EC2 did, in words; None = it is known
    """

    signals: tuple[PoolSignal, ...] = ()
    samples: tuple[FleetSample, ...] = ()
    exposures: tuple[Exposure, ...] = ()
    scores: tuple[PlacementScore, ...] = ()
    offered: tuple[InstanceTypeSpec, ...] = ()
    prices: AccountPrices | None = None
    unread: str | None = None


@dataclass(frozen=True)
class Standing:
    """Capacity units of a fleet, launching ones included.

    want     what AWS brings it to
    """

    want: Target
    on_demand: int
    spot: int

    @property
    def short(self) -> int:
        """Units that it lacks."""
        return max(0, self.want.total - self.on_demand - self.spot)

    @property
    def spot_short(self) -> int:
        """Units of spot that it lacks, whatever runs in their place."""
        return max(0, self.want.spot - self.spot)


def standing(fleet: Fleet) -> Standing:
    weight = weights(fleet.mix)
    have = {"spot": 0, "on-demand": 0}
    for instance in fleet.instances:
        if instance.state in _ALIVE and not instance.in_standby:
            have[instance.purchase_option] += weight.get(instance.instance_type, 1)
    return Standing(target(fleet, fleet.mix, fleet.desired_capacity), have["on-demand"], have["spot"])


def short_since(fleet: Fleet, seen: Seen, *, after: datetime | None, now: datetime) -> datetime | None:
    """Since which look, without a gap, the fleet has run less than it should; None = only since now.

    after  its last change: what was lacking before that is another story
    """
    since: datetime | None = None
    later = now
    for sample in sorted((s for s in seen.samples if s.at < now), key=lambda s: s.at, reverse=True):
        units = sample.running_units
        running = sample.running_spot + sample.running_on_demand if units is None else units
        over = running >= sample.desired_capacity or later - sample.at > LOOKS_APART
        if sample.fleet != fleet.ref or over or (after is not None and sample.at <= after):
            break
        since = later = sample.at
    return since
