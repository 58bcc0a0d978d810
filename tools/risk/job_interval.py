"""advise_checkpoint_interval: how often the job of a fleet should save itself, from its pools' hazards."""

from collections import Counter
from typing import Annotated

from pydantic import Field

from tools.cloud import Clock, CloudReader
from tools.desk import AdvisorReader, Archive
from tools.errors import UsageError
from tools.market.subject import named_fleet
from tools.records import Name
from tools.recovery.interval import IntervalAdvice, Measured, advise_interval
from tools.risk.knowledge import SIGNAL_IAM, read_knowledge
from tools.tool import tool

Seconds = Annotated[float | None, Field(ge=0, le=86_400)]


@tool(
    effect="read",
    iam=SIGNAL_IAM,
    example={
        "fleet": "ml-train",
        "save_seconds": 60,
        "restart_seconds": None,
        "saved_share": None,
        "stops_together": True,
    },
)
def advise_checkpoint_interval(
    reader: CloudReader,
    clock: Clock,
    archive: Archive,
    advisor: AdvisorReader,
    fleet: Annotated[Name, Field(description="fleet name or id")],
    save_seconds: Annotated[Seconds, Field(description="that a save stops the work; null = not known")],
    restart_seconds: Annotated[Seconds, Field(description="from a launch to work again; null = not known")],
    saved_share: Annotated[
        float | None,
        Field(ge=0, le=1, description="0..1 of interruptions whose notice saved the work; null = not known"),
    ],
    stops_together: Annotated[
        bool, Field(description="true: the loss of any spot instance stops the whole job; false: each works for itself")
    ],
) -> IntervalAdvice:
    """How often a fleet's job should save itself, and what that costs, beside the guides' table.

    Where instances work for themselves, the one in the pool with the highest rate is asked for.
    Raises  NotFound: no such fleet; UsageError: it has no spot instance; CloudError
    """
    found = named_fleet(reader, fleet)
    if not found.spot:
        raise UsageError(
            f"{found.name} has no spot instance: EC2 interrupts none of it",
            hint="machines fail too: a save every few hours is enough",
        )
    knowledge = read_knowledge(reader, archive, advisor, now=clock.now())
    counts = Counter((i.instance_type, i.zone_name) for i in found.spot)
    by_pool = {(i.instance_type, i.zone_name): i.pool for i in found.spot}
    pools = [(knowledge.hazard(by_pool[key]), count) for key, count in sorted(counts.items())]
    if not stops_together:
        worst = max(pools, key=lambda p: p[0].per_100_hours if p[0].per_100_hours is not None else float("inf"))
        pools = [(worst[0], 1)]
    measured = Measured(save_seconds, save_seconds, restart_seconds, saved_share, source="given")
    return advise_interval(pools, measured, now=knowledge.now)
