"""What is read once for all pools of one question: bands, own records, placement scores, commitments.

What cannot be read is named in `missing` and is unknown in every figure; it never stops the answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tools.choice.baseline import Commitments
from tools.choice.useful_hour import WorkShape
from tools.cloud import CloudReader
from tools.desk import AdvisorReader, Archive
from tools.errors import AccessDenied, Rejected, Throttled
from tools.market.advisor import known_bands
from tools.records import LINUX, AdvisorBand, CapacityPool, Exposure, PlacementScore
from tools.risk.knowledge import Knowledge, read_knowledge
from tools.risk.score import TYPES_FOR_A_SCORE

FEW_TYPES = f"placement score: EC2 scores requests of fewer than {TYPES_FOR_A_SCORE} types low whatever the capacity"
NOT_IN_A_SCAN = "placement score: not asked in a scan, where one score for many types says nothing of one pool"


@dataclass(frozen=True)
class Evidence:
    """known      Advisor bands, own records, patterns of the week
    placement  scores of the types that were asked about together, by zone
    missing    what could not be read, in words
    """

    known: Knowledge
    product: str = LINUX
    placement: tuple[PlacementScore, ...] = ()
    paid: Commitments = field(default_factory=Commitments)
    work: WorkShape = field(default_factory=WorkShape)
    missing: tuple[str, ...] = ()

    @property
    def now(self) -> datetime:
        return self.known.now

    def band(self, pool: CapacityPool) -> AdvisorBand | None:
        return self.known.bands.get(pool.instance_type)

    def exposure(self, pool: CapacityPool) -> Exposure | None:
        return self.known.exposure(pool)

    def placed(self, pool: CapacityPool) -> PlacementScore | None:
        """The score of the pool's zone, else of the region."""
        fit = [
            s for s in self.placement if pool.instance_type in s.instance_types and s.zone_id in (None, pool.zone_id)
        ]
        return min(fit, key=lambda s: (s.zone_id is None, s.score), default=None)


def read_known(
    reader: CloudReader, archive: Archive, advisor: AdvisorReader, *, now: datetime, product: str
) -> Knowledge:
    """`read_knowledge`, with the Advisor's bands of the product's system: Windows has its own."""
    found = read_knowledge(reader, archive, advisor, now=now)
    if not product.startswith("Windows"):
        return found
    missing = list(found.missing)
    bands = known_bands(advisor, found.region, missing, operating_system="Windows")
    return Knowledge(region=found.region, now=now, bands=bands, exposures=found.exposures, missing=tuple(missing))


def read_placement(
    reader: CloudReader, instance_types: Sequence[str], *, missing: list[str]
) -> tuple[PlacementScore, ...]:
    """Of three types or more together, for one instance; new questions are rationed by EC2."""
    types = sorted(set(instance_types))
    if len(types) < TYPES_FOR_A_SCORE:
        missing.append(FEW_TYPES)
        return ()
    try:
        scores = reader.placement_scores(types, target_capacity=1)
    except (AccessDenied, Rejected, Throttled) as refused:
        missing.append(f"placement score: {refused.message}")
        return ()
    if not scores:
        missing.append("placement score: EC2 gave none")
    return scores
