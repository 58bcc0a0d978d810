"""analyze_prices: what pools cost over the last hours, for a fleet or an instance type."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from tools.cloud import Clock, CloudReader
from tools.desk import Archive
from tools.errors import NoPriceHistory
from tools.market.prices import analyze
from tools.market.stretch import read_stretch
from tools.market.subject import FLEETS_IAM, is_instance_type, named_fleet
from tools.records import LINUX, Name, PriceAnalysis
from tools.tool import tool

MAX_WINDOW_HOURS = 5 * 366 * 24
"""EC2 keeps 90 days; the local archive keeps what was fetched before"""


@tool(
    effect="read",
    iam=(*FLEETS_IAM, "ec2:DescribeSpotPriceHistory", "pricing:GetProducts"),
    example={"fleet": "ml-train", "window_hours": 24},
)
def analyze_prices(
    reader: CloudReader,
    clock: Clock,
    archive: Archive,
    fleet: Name,
    window_hours: Annotated[int, Field(ge=1, le=MAX_WINDOW_HOURS)],
) -> PriceAnalysis:
    """Spot prices per capacity pool of a fleet or an instance type: now, time-weighted mean, quantiles, saving.

    fleet         a fleet's name or id, or an instance type such as g5.xlarge (every zone of the region)
    window_hours  1..43920, ends now; beyond EC2's 90 days as far back as the local archive reaches, and it says so
    Raises        NotFound: no such fleet; NoPriceHistory: no price of any of its pools is known
    """
    if is_instance_type(fleet):
        types: tuple[str, ...] = (fleet,)
        zones: frozenset[str] | None = None
    else:
        found = named_fleet(reader, fleet)
        types = tuple(sorted({*found.instance_types, *(i.instance_type for i in found.instances)}))
        zones = frozenset(found.zones) | {i.zone_name for i in found.instances}
    now = clock.now()
    start = now - timedelta(hours=window_hours)
    stretch = read_stretch(reader, archive, types, start=start, now=now)
    here = [p for p in stretch.prices if zones is None or p.pool.zone_name in zones]
    if not here:
        raise NoPriceHistory(
            f"{fleet}: EC2 knows no spot price of {', '.join(types) or 'any type'} in the last {window_hours} h",
            hint="check the region and the spelling of the type",
        )
    rates = {(r.instance_type, r.product): r.usd_per_hour for r in reader.on_demand_rates(types, product=LINUX)}
    pools, aside = analyze(here, start=stretch.since, end=now, on_demand=rates)
    kept = "local price archive, " if stretch.archived else ""
    return PriceAnalysis(
        subject=fleet,
        window_hours=window_hours,
        pools=pools,
        known_since=stretch.since if stretch.since > start else None,
        notes=stretch.notes,
        set_aside=(*stretch.set_aside, *aside),
        as_of=now,
        source=f"{kept}EC2 DescribeSpotPriceHistory, AWS Price List",
    )
