"""What is known of pools beside their prices, read once for all pools of a question: bands, own records, signals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tools.cloud import CloudReader
from tools.desk import AdvisorReader, Archive
from tools.errors import AccessDenied, DataError, Rejected, Throttled
from tools.market.advisor import known_bands
from tools.market.subject import FLEETS_IAM
from tools.records import AdvisorBand, CapacityPool, Exposure, Hazard, PoolSignal
from tools.risk.forecast import load_forecaster
from tools.risk.hazard import StateForecaster, pool_hazard
from tools.risk.pattern import ENOUGH_EPISODES, WeekPattern, week_pattern

EXPOSURE = timedelta(days=90)
"""how far back our own records speak of a pool as it is now"""
PATTERN = timedelta(days=30)
"""how far back hours and weekdays are compared"""
RECENT = timedelta(hours=24)
"""signals that press now"""
SIGNAL_IAM = (
    *FLEETS_IAM,
    "autoscaling:DescribeScalingActivities",
    "ec2:DescribeFleetHistory",
    "ec2:DescribeSpotInstanceRequests",
)


RISK_IAM = (*SIGNAL_IAM, "ec2:DescribeSpotPriceHistory", "ec2:GetSpotPlacementScores", "pricing:GetProducts")
"""everything that a question about the risk of pools reads"""


@dataclass(frozen=True)
class Known:
    """One pool.

    signals  EC2's of the last day, oldest first: refusals, rebalance recommendations, interruptions
    """

    band: AdvisorBand | None = None
    hazard: Hazard | None = None
    signals: tuple[PoolSignal, ...] = ()


@dataclass(frozen=True)
class Knowledge:
    """A region at one moment.

    bands      by instance type
    exposures  our own, over EXPOSURE
    signals    of the last day, from the archive and from what AWS itself remembers, each once
    missing    what could not be read, in words
    """

    region: str
    now: datetime
    bands: Mapping[str, AdvisorBand] = field(default_factory=dict)
    exposures: tuple[Exposure, ...] = ()
    signals: tuple[PoolSignal, ...] = ()
    pattern: WeekPattern = field(default_factory=WeekPattern)
    missing: tuple[str, ...] = ()

    @property
    def sources(self) -> tuple[str, ...]:
        """What speaks beside prices; each record carries its own, with its date."""
        advisor = ("Spot Instance Advisor",) if self.bands else ()
        return (*advisor, *(("own records",) if self.exposures or self.signals else ()))

    def of(self, pool: CapacityPool) -> Known:
        return Known(
            band=self.bands.get(pool.instance_type),
            hazard=self.hazard(pool),
            signals=tuple(s for s in self.signals if same_pool(s.pool, pool)),
        )

    def hazard(self, pool: CapacityPool) -> Hazard:
        band = self.bands.get(pool.instance_type)
        return pool_hazard(pool, band=band, exposure=self.exposure(pool), as_of=self.now)

    def exposure(self, pool: CapacityPool) -> Exposure | None:
        return next((e for e in self.exposures if same_pool(e.pool, pool)), None)


def granted_share(exposure: Exposure | None) -> float | None:
    """Of our own launches those that EC2 granted; None = we never asked."""
    asked = exposure.launches + exposure.refusals if exposure else 0
    return exposure.launches / asked if exposure and asked else None


def same_pool(one: CapacityPool, other: CapacityPool) -> bool:
    """By zone id where both have one, else by zone name; one of the two may have been seen by name only."""
    if (one.instance_type, one.product) != (other.instance_type, other.product):
        return False
    if one.zone_id is not None and other.zone_id is not None:
        return one.zone_id == other.zone_id
    return one.zone_name is not None and one.zone_name == other.zone_name


def read_knowledge(
    reader: CloudReader, archive: Archive, advisor: AdvisorReader, *, now: datetime, with_pattern: bool = False
) -> Knowledge:
    """Everything but prices and placement scores.

    with_pattern  also compare hours and weekdays, which reads a month of samples where there are events enough
    Raises  CloudError, but for what we may not read: that is unknown, and `missing` says so
    """
    missing: list[str] = []
    region = reader.account().region
    bands = known_bands(advisor, region, missing)
    exposures: tuple[Exposure, ...] = ()
    kept: tuple[PoolSignal, ...] = ()
    pattern = WeekPattern()
    if archive.unavailable:
        missing.append(f"own records: {archive.unavailable}")
    try:
        exposures = archive.exposures(region=region, since=now - EXPOSURE, until=now)
        kept = archive.signals(region=region, since=now - PATTERN)
        if with_pattern:
            pattern = _pattern(archive, kept, region=region, now=now)
    except DataError as error:
        missing.append(f"own records: {error.message}")
    return Knowledge(
        region=region,
        now=now,
        bands=bands,
        exposures=exposures,
        signals=seen_once((*kept, *account_signals(reader, now - RECENT, missing)), since=now - RECENT, until=now),
        pattern=pattern,
        missing=tuple(missing),
    )


def _pattern(archive: Archive, signals: Sequence[PoolSignal], *, region: str, now: datetime) -> WeekPattern:
    """A month of samples takes seconds to read: not where the events cannot be enough."""
    taken = sum(s.kind == "interruption" for s in signals)
    samples = archive.samples(region=region, since=now - PATTERN) if taken >= ENOUGH_EPISODES else ()
    return week_pattern(samples, signals, until=now)


def read_forecaster(missing: list[str]) -> StateForecaster | None:
    """The trained forecast; None where its artefact is not there or damaged, and `missing` says so."""
    try:
        return load_forecaster()
    except DataError as error:
        missing.append(f"state forecast: {error.message}")
        return None


def account_signals(reader: CloudReader, since: datetime, missing: list[str]) -> tuple[PoolSignal, ...]:
    """What AWS itself still remembers: a fresh archive is not blind. `missing` says what may not be read."""
    try:
        found = reader.pool_signals(since=since)
    except (AccessDenied, Rejected, Throttled) as refused:
        missing.append(f"signals of our fleets: {refused.message}")
        return ()
    missing += [f"signals of our fleets: {place}" for place in reader.signals_missing]
    return found


def seen_once(signals: tuple[PoolSignal, ...], *, since: datetime, until: datetime) -> tuple[PoolSignal, ...]:
    """One event has one row, whoever saw it: EC2's request log and EventBridge tell times a little apart."""
    found: dict[tuple[object, ...], PoolSignal] = {}
    for signal in sorted(signals, key=lambda s: s.at):
        if not since <= signal.at <= until:
            continue
        about: tuple[object, ...] = (signal.kind, signal.instance_id)
        if signal.instance_id is None:
            about = (signal.kind, signal.pool.instance_type, signal.pool.zone_name or signal.pool.zone_id, signal.at)
        found.setdefault(about, signal)
    return tuple(found.values())
