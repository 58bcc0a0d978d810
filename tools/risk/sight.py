"""Everything that is read once for a question about pools: prices, what is known of them, the trained forecast."""

from collections.abc import Sequence
from dataclasses import dataclass

from tools.cloud import Clock, CloudReader
from tools.desk import AdvisorReader, Archive
from tools.market.pricebook import PriceBook, read_price_book
from tools.records import CapacityPool, Fleet, Hazard, Interruption, PlacementScore, RiskScore
from tools.risk.hazard import StateForecaster, pool_forecast
from tools.risk.knowledge import Knowledge, read_forecaster, read_knowledge
from tools.risk.score import read_placement, score_pool


@dataclass(frozen=True)
class Sight:
    """missing  what could not be read, in words: every pool misses it"""

    archive: Archive
    book: PriceBook
    placement: tuple[PlacementScore, ...]
    knowledge: Knowledge
    forecaster: StateForecaster | None
    missing: tuple[str, ...]

    def score(self, pool: CapacityPool) -> RiskScore:
        zone = pool.zone_name or pool.zone_id or "?"
        return score_pool(pool.instance_type, zone, self.book, self.placement, known=self.knowledge.of(pool))

    def within(self, hazard: Hazard, horizons_minutes: Sequence[float]) -> tuple[Interruption, ...]:
        """P(interrupted within each horizon) of the hazard's pool, shortest first."""
        known = self.knowledge
        return pool_forecast(
            self.archive,
            self.forecaster,
            hazard.pool,
            hazard,
            region=known.region,
            horizons_minutes=horizons_minutes,
            now=known.now,
            pattern=known.pattern,
        )


def look(
    reader: CloudReader,
    clock: Clock,
    archive: Archive,
    advisor: AdvisorReader,
    *,
    types: Sequence[str],
    fleet: Fleet | None,
) -> Sight:
    """Read everything about the pools of some types.

    fleet   whose types are scored together for a launch; None = a type alone, which EC2 scores low whatever there is
    Raises  CloudError, but for what may not be read: `missing` says so
    """
    book = read_price_book(reader, clock, types)
    knowledge = read_knowledge(reader, archive, advisor, now=clock.now(), with_pattern=True)
    missing = [*book.missing, *knowledge.missing]
    placement = read_placement(reader, fleet, missing) if fleet else ()
    forecaster = read_forecaster(missing)
    return Sight(archive, book, placement, knowledge, forecaster, tuple(missing))
