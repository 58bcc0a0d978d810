"""Nouns of the market: pools, prices, rates, risk."""

from typing import Literal

from pydantic import Field

from tools.records.base import Money, Name, Record, Share, UtcTime

LINUX = "Linux/UNIX"


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


class SetAside(Record):
    """Input that was not used, counted, with the reason and one example."""

    reason: Name
    count: int = Field(ge=1)
    example: str


class PricePoint(Record):
    at: UtcTime
    usd_per_hour: Money


class PoolPrices(Record):
    """What one pool cost over a window. Unknown is None, never 0."""

    pool: CapacityPool
    current_usd_per_hour: Money | None
    mean_usd_per_hour: Money | None
    """time-weighted: every price counts for as long as it was in force"""
    low_usd_per_hour: Money | None
    high_usd_per_hour: Money | None
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


class PriceAnalysis(Record):
    """Prices of some pools over one window, cheapest mean first."""

    subject: Name
    """the fleet or the file that was asked about"""
    window_hours: float | None
    """None = everything that the source holds"""
    pools: tuple[PoolPrices, ...]
    set_aside: tuple[SetAside, ...] = ()
    currency: Literal["USD"] = "USD"
    as_of: UtcTime
    source: Name


RiskLevel = Literal["low", "medium", "high", "unknown"]


class Evidence(Record):
    """One fact behind a score: what was seen, its number, where it comes from."""

    fact: Name
    value: str
    source: Name
    as_of: UtcTime | None = None


class RiskScore(Record):
    """How likely a capacity pool is to be taken, with its evidence; unknown where there is none."""

    pool: CapacityPool
    level: RiskLevel
    interruptions_per_100_hours: float | None
    """expected, per 100 instance-hours; None = no data"""
    low: float | None
    high: float | None
    """90 % interval of interruptions_per_100_hours"""
    evidence: tuple[Evidence, ...]
    missing: tuple[str, ...]
    """what would have made the answer surer"""


class FleetRisk(Record):
    """Risk of a fleet: its pools, how concentrated it is, what that means."""

    fleet: Name
    level: RiskLevel
    pools: tuple[RiskScore, ...]
    largest_pool_share: Share | None
    """share of spot instances in the largest pool; None = no spot instances"""
    advice: tuple[str, ...]
    as_of: UtcTime
    source: Name
