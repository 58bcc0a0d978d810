"""Nouns of the market: pools, prices, rates, risk."""

from typing import Literal

from pydantic import Field

from tools.records.base import Money, Name, Record, Share, UtcTime

LINUX = "Linux/UNIX"
RiskLevel = Literal["low", "medium", "high", "unknown"]


class CapacityPool(Record):
    """One instance type of one product in one zone: the thing that runs out."""

    instance_type: Name
    """m6i.large"""
    zone_name: str | None = None
    """us-east-1a; names differ between accounts"""
    zone_id: str | None = None
    """use1-az1; the same in every account; None = only the name is known"""
    product: str = LINUX

    @property
    def label(self) -> str:
        return f"{self.instance_type}/{self.zone_id or self.zone_name or '?'}"


class SpotPrice(Record):
    """A price that came into force at a moment and holds until the next change."""

    pool: CapacityPool
    usd_per_hour: Money = Field(gt=0)
    at: UtcTime


class OnDemandRate(Record):
    """The list price of an hour."""

    instance_type: Name
    region: Name
    product: str = LINUX
    usd_per_hour: Money = Field(gt=0)
    as_of: UtcTime
    source: Name


class SavingsPlan(Record):
    """A commitment: covered hours are paid whether they run or not, and it never applies to spot."""

    savings_plan_id: Name
    plan_type: Literal["Compute", "EC2Instance"]
    commitment_usd_per_hour: Money
    instance_family: str | None = None
    """None for a Compute plan, which covers any family"""
    region: str | None = None
    discount_share: Share
    """off the on-demand list price of covered hours, 0..1"""
    ends_at: UtcTime
    state: Literal["active", "queued", "retired"] = "active"


class PlacementScore(Record):
    """EC2's own guess, 1..10, that a request succeeds now. It is not an interruption risk."""

    region: Name
    zone_id: str | None = None
    score: int = Field(ge=1, le=10)
    instance_types: tuple[str, ...]
    target_capacity: int
    as_of: UtcTime
    source: Name = "EC2 GetSpotPlacementScores"
    meaning: Name = "EC2's guess that a request of this size succeeds now; no guarantee, and not an interruption risk"


class ReservedInstances(Record):
    """A Reserved Instance commitment: paid whether used or not, and never applied to spot."""

    reserved_instances_id: Name
    instance_type: Name
    count: int = Field(ge=1)
    zone_name: str | None = None
    """zonal RIs reserve capacity in one zone; None = regional"""
    product: str = LINUX
    effective_usd_per_hour: Money = Field(ge=0)
    """one instance: the upfront price spread over the term, and the recurring one"""
    offering_class: Literal["standard", "convertible"]
    ends_at: UtcTime
    state: Literal["active", "payment-pending", "retired"] = "active"


class AdvisorBand(Record):
    """Spot Instance Advisor: how often a type was interrupted in a region over the trailing month.

    A 30-day aggregate over all zones and customers. It is no hourly probability, and says nothing of one pool now.
    """

    region: Name
    operating_system: Literal["Linux", "Windows"]
    instance_type: Name
    band: int = Field(ge=0, le=4)
    label: Name
    """<5%, 5-10%, 10-15%, 15-20%, >20%"""
    low_share: Share
    high_share: Share
    """of instances interrupted in the month; the highest band is open: 1"""
    saving_share: float
    """the Advisor's own, against on-demand, over the month; below 0 when spot cost more"""
    as_of: UtcTime
    source: Name
    meaning: Name = (
        "share of instances interrupted in the trailing month, all zones and customers; no hourly probability"
    )


class InstanceTypeSpec(Record):
    """What an instance type is."""

    instance_type: Name
    vcpus: int = Field(ge=1)
    memory_gib: float = Field(gt=0)
    architectures: tuple[str, ...]
    """arm64, x86_64, i386, …"""
    accelerators: int = 0
    accelerator_name: str | None = None
    """T4, A10G, V100, Inferentia …"""
    current_generation: bool = True
    bare_metal: bool = False
    burstable: bool = False
    spot: bool = True
    """sold on the spot market"""
    zones: tuple[str, ...] = ()
    """zone names of this region that offer it"""


class SetAside(Record):
    """Input that was not used, counted, with the reason and one example."""

    reason: Name
    count: int = Field(ge=1)
    example: str


class PricePoint(Record):
    at: UtcTime
    usd_per_hour: Money


class PriceShift(Record):
    """A moment at which the level of a price changed, not just the price."""

    at: UtcTime
    before_usd_per_hour: Money
    after_usd_per_hour: Money


class PoolPrices(Record):
    """What one pool cost over a window. Unknown is None, never 0."""

    pool: CapacityPool
    current_usd_per_hour: Money | None
    mean_usd_per_hour: Money | None
    """time-weighted: every price counts for as long as it was in force"""
    low_usd_per_hour: Money | None
    high_usd_per_hour: Money | None
    p10_usd_per_hour: Money | None = None
    median_usd_per_hour: Money | None = None
    p90_usd_per_hour: Money | None = None
    """quantiles over time: the price was at or below p90 for 90 % of the window"""
    volatility: float | None
    """standard deviation of the log price, time-weighted"""
    changes: int
    on_demand_usd_per_hour: Money | None
    saving_share: float | None
    """1 − mean / on-demand list; below 0 when spot costs more; None = on-demand price unknown"""
    observed_from: UtcTime | None
    observed_until: UtcTime | None
    points: tuple[PricePoint, ...] = ()
    """step function for a chart, at most 200 points, oldest first"""
    change_points: tuple[PriceShift, ...] = ()
    """when the level of the price changed, oldest first; the largest few"""


class PriceAnalysis(Record):
    """Prices of some pools over one window, cheapest mean first."""

    subject: Name
    """the fleet or the file that was asked about"""
    window_hours: float | None
    """None = everything that the source holds"""
    pools: tuple[PoolPrices, ...]
    known_since: UtcTime | None = None
    """where the stretch without a gap begins, when that is later than the window; None = all of it was looked at"""
    notes: tuple[str, ...] = ()
    """what a reader must know of the window: since when prices are known, what could not be kept"""
    set_aside: tuple[SetAside, ...] = ()
    currency: Literal["USD"] = "USD"
    as_of: UtcTime
    source: Name
