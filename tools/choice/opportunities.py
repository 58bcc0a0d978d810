"""analyze_spot_opportunities: the pools of some instance types side by side, weighed by one rule."""

import difflib
import re
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from tools.choice.left_out import LeftOut
from tools.choice.measured import measured_work
from tools.choice.ranking import order_named, ranked
from tools.choice.survey import SURVEY_IAM, Doors, Question, analysis, survey, weighed
from tools.choice.useful_hour import WorkShape
from tools.cloud import Clock, CloudReader
from tools.desk import AdvisorReader, Archive
from tools.errors import NoPriceHistory, NotFound, UsageError
from tools.market.subject import fleet_among, is_instance_type
from tools.records import LINUX, Fleet, InstanceTypeSpec, OpportunityAnalysis
from tools.records.fleets import InstanceTypeName
from tools.tool import tool

DEFAULT_HORIZON_HOURS = 168
"""the guides look 7 days ahead"""
MAX_HORIZON_HOURS = 90 * 24
MAX_TYPES = 40
"""as many as a mixed instances policy takes"""
SHORTEST_WINDOW_HOURS = 24.0
_MAY_BE_A_TYPE = re.compile(r"[a-z][a-z0-9-]*\.[a-z0-9-]+")


@tool(
    effect="read",
    iam=(*SURVEY_IAM, "ec2:GetSpotPlacementScores"),
    example={"instance_types": ["g5.xlarge", "g4dn.xlarge", "g6.xlarge"], "horizon_hours": 168},
)
def analyze_spot_opportunities(
    reader: CloudReader,
    clock: Clock,
    archive: Archive,
    advisor: AdvisorReader,
    instance_types: Annotated[tuple[InstanceTypeName, ...], Field(min_length=1, max_length=MAX_TYPES)],
    horizon_hours: Annotated[int, Field(ge=1, le=MAX_HORIZON_HOURS)],
) -> OpportunityAnalysis:
    """Weigh the spot pools of named instance types: price per useful hour, interruption, saving, recommendation.

    instance_types  1..40; three or more let EC2 score the chance of a launch
    horizon_hours   that the work will run; the guides use 168
    Raises          NotFound: the region offers none of them; CloudError
    """
    return compare(Doors(reader, clock, archive, advisor), instance_types, horizon_hours=horizon_hours)


def compare(
    doors: Doors,
    subjects: Sequence[str],
    *,
    horizon_hours: float = DEFAULT_HORIZON_HOURS,
    product: str = LINUX,
    by: str = "score",
    work: WorkShape | None = None,
    chart_points: int = 0,
) -> OpportunityAnalysis:
    """`analyze_spot_opportunities` with everything that a person may set.

    subjects  instance types; a fleet's name stands for its types and for how its work is checkpointed
    work      None = as the fleet's checkpoints show, else as assumed
    Prices are looked at over as long a time back as the horizon is ahead, a day at least and 90 at most.
    """
    order, left = order_named(by), LeftOut()
    # the account's fleets are read once, for their names and for what uses its commitments
    fleets = None if all(map(is_instance_type, subjects)) else doors.reader.fleets()
    wanted, measured = _named(doors.reader, subjects, fleets or ())
    specs = {s.instance_type: s for s in known_types(doors.reader, wanted, left)}
    question = Question(
        horizon_hours=horizon_hours,
        window_hours=max(horizon_hours, SHORTEST_WINDOW_HOURS),
        product=product,
        work=work or measured or WorkShape(),
        chart_points=chart_points,
        scores=True,
    )
    found = survey(doors, specs, question, left, fleets=fleets)
    if not found.pools:
        where, hours = found.seen.known.region, f"{question.window_hours:g} h"
        raise NoPriceHistory(
            f"{', '.join(specs)}: no spot price of {product} in {where} over {hours}",
            hint="check the product; `spotwarden market scan` lists what the region sells",
        )
    pools = ranked(weighed(doors, found, found.pools), order)
    asked = {"subjects": ", ".join(subjects), "instance_types": ", ".join(wanted), "by": by}
    return analysis(found, pools, asked=asked, order=order, left=left)


def _named(
    reader: CloudReader, subjects: Sequence[str], fleets: Sequence[Fleet]
) -> tuple[tuple[str, ...], WorkShape | None]:
    """Instance types, and the shape of the work of the first fleet whose checkpoints tell it."""
    types: set[str] = set()
    work: WorkShape | None = None
    for subject in subjects:
        if is_instance_type(subject):
            types.add(subject)
            continue
        try:
            fleet = fleet_among(fleets, subject)
        except NotFound:
            if not _MAY_BE_A_TYPE.fullmatch(subject):
                raise
            types.add(subject)  # such as g5.huge: the region is asked, and names what is near
            continue
        types |= {*fleet.instance_types, *(i.instance_type for i in fleet.instances)}
        work = work or measured_work(reader, fleet)
    if not types:
        raise UsageError(f"{', '.join(subjects)}: no instance type to weigh", hint="name types such as g5.xlarge")
    return tuple(sorted(types)), work


def known_types(reader: CloudReader, wanted: Sequence[str], left: LeftOut) -> tuple[InstanceTypeSpec, ...]:
    """What the region knows of the named types; the others are counted in `left`.

    Raises  NotFound: it knows none of them
    """
    specs = reader.instance_types(wanted)
    names = {s.instance_type for s in specs}
    unknown = [t for t in wanted if t not in names]
    if names:
        for name in unknown:
            left.add("the region offers no such type", name)
        return specs
    offered = sorted(s.instance_type for s in reader.instance_types())
    near = difflib.get_close_matches(wanted[0], offered, n=3, cutoff=0.6)
    raise NotFound(
        f"{', '.join(unknown)}: {reader.account().region} offers no such type",
        hint=f"did you mean {', '.join(near)}?" if near else "`spotwarden market scan` lists what the region sells",
    )
