"""Nouns of risk: what was seen of a pool, how likely it is to be taken, what that means for who runs there."""

from typing import Literal

from pydantic import Field

from tools.records.actions import Action
from tools.records.base import Money, Name, Record, Share, UtcTime
from tools.records.fleets import FleetRef
from tools.records.market import (
    LINUX,
    AdvisorBand,
    CapacityPool,
    InstanceTypeSpec,
    PlacementScore,
    PoolPrices,
    RiskLevel,
    SetAside,
)


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


class Exposure(Record):
    """What we saw of one pool ourselves: EC2-initiated events only, and the hours in which they could happen."""

    pool: CapacityPool
    instance_hours: float = Field(ge=0)
    """hours that our spot instances ran in it"""
    interruptions: int = Field(default=0, ge=0)
    rebalances: int = Field(default=0, ge=0)
    launches: int = Field(default=0, ge=0)
    """that EC2 granted"""
    refusals: int = Field(default=0, ge=0)
    """launches that EC2 refused for want of capacity"""
    since: UtcTime | None
    until: UtcTime | None


class Hazard(Record):
    """Interruptions of a pool to expect, per instance-hour times a hundred; None where nothing supports a number."""

    pool: CapacityPool
    per_100_hours: float | None
    low: float | None
    high: float | None
    """90 % interval"""
    shape: float | None = None
    hours: float | None = None
    """the rate per instance-hour is Gamma(shape, hours): as good as `shape` interruptions seen in `hours`"""
    prior: str
    """what was believed before our own records, in words: the Advisor's band, or none"""
    exposure: Exposure | None
    abstains: str | None
    """why no number is given; None = it is"""
    evidence: tuple[Evidence, ...]
    missing: tuple[str, ...]


class Interruption(Record):
    """P(one instance of the pool is interrupted within the horizon). None where we abstain, with the reason."""

    horizon_minutes: float = Field(gt=0)
    probability: Share | None
    low: Share | None
    high: Share | None
    """90 % interval; where we abstain, what is left open, or None"""
    method: Literal["state forecast", "constant hazard", "none"]
    """state forecast: trained on availability traces, from this pool's own recent states;
    constant hazard: 1 − exp(−rate × hours) of the pool's rate; none: not enough is known"""
    abstains: str | None = None
    as_of: UtcTime
    source: Name


class FleetRisk(Record):
    """Risk of a fleet: its pools, how concentrated it is, what that means."""

    fleet: Name
    level: RiskLevel
    level_by_prices: RiskLevel | None = None
    """by prices alone, as the list of fleets, previews and the monitor tell it: they look often, and at nothing else"""
    pools: tuple[RiskScore, ...]
    largest_pool_share: Share | None
    """share of spot instances in the largest pool; None = no spot instances"""
    advice: tuple[str, ...]
    as_of: UtcTime
    source: Name


class GuideRisk(Record):
    """The risk score of the published guides, by their formula, for comparison only (tools/risk/guide.py)."""

    score: float
    level: Literal["low", "medium", "high"]
    factors: dict[str, float]
    actions: tuple[str, ...]
    """the guides' words"""


class RecommendedAction(Record):
    """What a person or the daemon may do about a risk. `action` is typed and goes the one way to write."""

    what: Name
    why: str
    action: Action | None = None
    """None = nothing to change: keep watching"""


class InstanceRisk(Record):
    """One spot instance: how likely it is to be taken, what would be lost, what to do."""

    instance_id: Name
    pool: CapacityPool
    level: RiskLevel
    within: tuple[Interruption, ...]
    """shortest horizon first"""
    unsaved_minutes: float | None
    """since the newest whole checkpoint: what an interruption would cost; None = unknown or nothing to save"""
    evidence: tuple[Evidence, ...]
    missing: tuple[str, ...]
    recommended: tuple[RecommendedAction, ...]
    guide: GuideRisk | None = None


class FleetInstanceRisk(Record):
    """Every spot instance of a fleet, the most pressed first."""

    fleet: FleetRef
    name: Name
    instances: tuple[InstanceRisk, ...]
    as_of: UtcTime
    source: Name


class PoolForecast(Record):
    """The answer to «how likely is this pool to be taken»: horizons, evidence, what is not known."""

    pool: CapacityPool
    level: RiskLevel
    within: tuple[Interruption, ...]
    hazard: Hazard
    advisor: AdvisorBand | None
    placement: PlacementScore | None
    guide_average_probability: float | None = None
    """the guides' pattern formula, for comparison only"""
    missing: tuple[str, ...]


class InterruptionForecast(Record):
    """Pools of an instance type or a fleet, most pressed first."""

    subject: Name
    pools: tuple[PoolForecast, ...]
    as_of: UtcTime
    source: Name


Recommendation = Literal["use", "use with care", "avoid", "unknown"]


class Opportunity(Record):
    """One capacity pool, weighed: what an hour of useful work costs there, and how sure that hour is."""

    pool: CapacityPool
    prices: PoolPrices
    within: tuple[Interruption, ...]
    hazard: Hazard
    placement: PlacementScore | None
    advisor: AdvisorBand | None
    availability_share: Share | None
    """of our own launches that EC2 granted; None = we never asked"""
    baseline_usd_per_hour: Money | None
    """the marginal rate that spot replaces: 0 where a commitment already pays for the hour; else on-demand"""
    saving_share: float | None
    """1 − mean / baseline; None = baseline unknown or 0"""
    saving_usd_per_hour: Money | None
    overhead_share: float | None
    """expected extra hours per useful hour: restarts and lost work; None = hazard unknown"""
    usd_per_useful_hour: Money | None
    """mean price × (1 + overhead)"""
    usd_per_useful_hour_low: Money | None = None
    usd_per_useful_hour_high: Money | None = None
    """90 %: from the hazard's interval"""
    score: Share | None
    score_low: Share | None
    score_high: Share | None
    """90 %: from the hazard's interval"""
    score_parts: dict[str, float | None] = {}
    """stability, interruption, availability, saving, each 0..1; None = unknown"""
    guide_score: float | None
    """overall_score of the guides' formula, for comparison only"""
    spec: InstanceTypeSpec | None = None
    """what the type is; None = not looked up"""
    rank_value: float | None = None
    """what the list is ordered by (`ordered_by` of the analysis); None = unknown, at the end of the list"""
    recommendation: Recommendation
    reasons: tuple[str, ...]
    missing: tuple[str, ...]


class OpportunityAnalysis(Record):
    """Pools side by side, best first; what was left out, and why."""

    region: Name
    asked: dict[str, str]
    """attributes of a scan, or the types that were named"""
    horizon_hours: float
    window_hours: float
    product: str = LINUX
    ordered_by: str = ""
    """what ranks the list, with its unit"""
    opportunities: tuple[Opportunity, ...]
    left_out: tuple[SetAside, ...]
    set_aside: tuple[SetAside, ...] = ()
    commitments: str
    """which Savings Plans and Reserved Instances were weighed, in words"""
    assumptions: tuple[str, ...]
    as_of: UtcTime
    source: Name


# watching


PoolState = Literal["running", "refused", "taken"]
"""an instance of ours runs there · EC2 refused a launch · EC2 took an instance"""


class PoolSignal(Record):
    """EC2 did something in a pool: evidence for its hazard. One event has one key, however often it is seen."""

    kind: Literal["interruption", "rebalance", "launch", "refusal"]
    pool: CapacityPool
    instance_id: str | None = None
    fleet: str | None = None
    code: str | None = None
    """AWS's own: instance-terminated-no-capacity, InsufficientInstanceCapacity, …"""
    at: UtcTime
    source: Name


class FleetSample(Record):
    """One look at a fleet."""

    fleet: FleetRef
    name: Name
    at: UtcTime
    desired_capacity: int
    running_spot: int
    running_on_demand: int
    running_units: int | None = None
    """capacity units that run, where types carry weights: desired_capacity counts those; None = an instance is one"""
    usd_per_hour: Money | None
    level: RiskLevel
    pools: dict[str, int]
    """spot instances by pool label"""


AlertKind = Literal["price", "risk", "interruptions", "capacity", "concentration", "blind"]


class Alert(Record):
    """Something a person should look at: raised once, cleared once; in between it is one alert, however often seen."""

    alert_id: Name
    kind: AlertKind
    subject: Name
    """a fleet or a pool"""
    severity: Literal["warning", "critical"]
    message: str
    value: str
    raised_at: UtcTime
    seen_at: UtcTime
    cleared_at: UtcTime | None = None
    times_seen: int = Field(ge=1)
    evidence: tuple[Evidence, ...] = ()


class Watch(Record):
    """What the monitor knows now: the newest sample of every fleet, and what is wrong."""

    fleets: tuple[FleetSample, ...]
    alerts: tuple[Alert, ...]
    """open ones, the newest first; then those cleared in the last day"""
    samples: int
    since: UtcTime | None
    as_of: UtcTime
    source: Name
