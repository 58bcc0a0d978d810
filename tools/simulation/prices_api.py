"""EC2's market actions as AWS answers them: DescribeSpotPriceHistory and GetSpotPlacementScores."""

import fnmatch
import json
from collections import OrderedDict
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.responses import EC2Response

from tools.simulation.ec2_xml import ec2_answer
from tools.simulation.market import HISTORY, PRODUCT_NAMES, Change, Pool, placement_score
from tools.simulation.world import World

MOST_ROWS = 1000
KEPT_LISTINGS = 4
RATIONED_FOR = timedelta(hours=24)
MOST_REGIONS = 10


def install(world: World) -> None:
    """Replace moto's answers with ours, for this process."""

    listings: OrderedDict[str, list[Change]] = OrderedDict()
    rationed = Ration(world)

    def describe_spot_price_history(response: EC2Response) -> str:
        response.error_on_dryrun()
        start, until = _token(world, response)
        return ec2_answer("DescribeSpotPriceHistory", _page(world, response, start, until, listings))

    def get_spot_placement_scores(response: EC2Response) -> ActionResult:
        response.error_on_dryrun()
        rationed.take(response)
        return ActionResult({"SpotPlacementScores": _scores(world, response)})

    for action in (describe_spot_price_history, get_spot_placement_scores):
        setattr(EC2Response, action.__name__, action)


def _history(world: World, response: EC2Response, until: datetime) -> list[Change]:
    """Newest first: changes in the window, and the price in force at its start."""
    oldest = world.clock.now() - HISTORY
    since = max(_moment(response, "StartTime") or oldest, oldest)
    zone_ids = _zone_ids(world)
    filters = response._filters_from_querystring()
    kinds = response._get_param("InstanceTypes", []) or filters.get("instance-type") or list(world.market.types())
    products = response._get_param("ProductDescriptions", []) or filters.get("product-description") or PRODUCT_NAMES
    zones = [z for z in world.zones if _zone_wanted(response, filters, z, zone_ids.get(z, ""))]
    kinds = [k for k in world.market.types() if any(fnmatch.fnmatchcase(k, pattern) for pattern in kinds)]
    found = [
        change
        for kind in kinds
        for zone in zones
        for product in products
        for change in world.market.changes(Pool(kind, zone), product, since=since, until=until)
        if _row_wanted(filters, change)
    ]
    found.sort(key=lambda c: (c.instance_type, c.zone, c.product))
    found.sort(key=lambda c: c.at, reverse=True)
    return found


def _zone_ids(world: World) -> dict[str, str]:
    return {z.name: z.zone_id for z in world.ec2.describe_availability_zones()}


def _zone_wanted(response: EC2Response, filters: dict[str, Any], zone: str, zone_id: str) -> bool:
    asked = response._get_param("AvailabilityZone")
    asked_id = response._get_param("AvailabilityZoneId")
    return (
        (not asked or zone == asked)
        and (not asked_id or zone_id == asked_id)
        and ("availability-zone" not in filters or _any_match(zone, filters["availability-zone"]))
        and ("availability-zone-id" not in filters or _any_match(zone_id, filters["availability-zone-id"]))
    )


def _row_wanted(filters: dict[str, Any], change: Change) -> bool:
    if not filters:
        return True
    stamp = change.at.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return (
        ("instance-type" not in filters or _any_match(change.instance_type, filters["instance-type"]))
        and ("product-description" not in filters or _any_match(change.product, filters["product-description"]))
        and ("spot-price" not in filters or _any_match(change.price, filters["spot-price"]))
        and ("timestamp" not in filters or _any_match(stamp, filters["timestamp"]))
    )


def _any_match(text: str, patterns: list[str]) -> bool:
    return any(fnmatch.fnmatchcase(text, p) for p in patterns)


def _token(world: World, response: EC2Response) -> tuple[int, datetime]:
    """Where the page starts, and the moment that its listing ends: later pages do not see newer changes."""
    token = response._get_param("NextToken")
    if not token:
        now = world.clock.now().replace(microsecond=0)
        return 0, min(_moment(response, "EndTime") or now, now)
    start, _, until = str(token).partition("-")
    if not (start.isdigit() and until.isdigit()):
        raise EC2ClientError("InvalidNextToken", f"The token '{token}' is invalid.")
    return int(start), datetime.fromtimestamp(int(until), UTC)


def _page(
    world: World, response: EC2Response, start: int, until: datetime, listings: OrderedDict[str, list[Change]]
) -> dict[str, Any]:
    """A page of the history; the token is "" when there is no more, as EC2 says it.

    listings  the latest few, so that the hundredth page of one does not cost as much as the whole
    """
    size = min(max(int(response._get_param("MaxResults") or MOST_ROWS), 1), MOST_ROWS)
    asked = json.dumps(
        [until, {k: v for k, v in response.params.items() if k not in ("NextToken", "MaxResults")}], default=str
    )
    rows, zone_ids = listings.get(asked), _zone_ids(world)
    if rows is None:
        rows = listings[asked] = _history(world, response, until)
        while len(listings) > KEPT_LISTINGS:
            listings.popitem(last=False)
    more = f"{start + size}-{int(until.timestamp())}" if start + size < len(rows) else ""
    shown = [
        {
            "AvailabilityZone": c.zone,
            "AvailabilityZoneId": zone_ids.get(c.zone),
            "InstanceType": c.instance_type,
            "ProductDescription": c.product,
            "SpotPrice": c.price,
            "Timestamp": c.at,
        }
        for c in rows[start : start + size]
    ]
    return {"SpotPriceHistory": shown, "NextToken": more}


def _moment(response: EC2Response, name: str) -> datetime | None:
    value = response._get_param(name)
    if value is None or isinstance(value, datetime):
        moment = value
    else:
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            raise EC2ClientError("InvalidParameterValue", f"Invalid {name}: {value}") from None
    if moment is None:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class Ration:
    """EC2 answers so many new questions for placement scores in 24 hours; old ones may be asked again."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._asked: dict[str, datetime] = {}

    def take(self, response: EC2Response) -> None:
        """Raises  EC2ClientError: too many regions, or too many configurations in 24 hours."""
        if len(response._get_param("RegionNames", [])) > MOST_REGIONS:
            raise EC2ClientError("InvalidParameterValue", f"At most {MOST_REGIONS} Regions may be named.")
        now = self._world.clock.now()
        self._asked = {c: at for c, at in self._asked.items() if now - at < RATIONED_FOR}
        paged = ("NextToken", "MaxResults", "DryRun")
        asked = json.dumps({k: v for k, v in response.params.items() if k not in paged}, sort_keys=True, default=str)
        if asked not in self._asked:
            if len(self._asked) >= self._world.placement_configurations:
                raise EC2ClientError(
                    "MaxConfigLimitExceeded",
                    "You have exceeded your maximum allowed Spot placement configurations. You can retry"
                    " configurations that you used within the last 24 hours, or wait for 24 hours before specifying a"
                    " new configuration.",
                )
            self._asked[asked] = now


def _scores(world: World, response: EC2Response) -> list[dict[str, Any]]:
    """Best first, at most ten; the region as one, or zone by zone."""
    kinds = response._get_param("InstanceTypes", [])
    target = int(response._get_param("TargetCapacity") or 1)
    regions = response._get_param("RegionNames", []) or [world.region]
    if not kinds or world.region not in regions:
        return []
    zone_ids = {z.name: z.zone_id for z in world.ec2.describe_availability_zones()}
    by_zone = {z: placement_score(world.seed, _offered(world, kinds, z), target) for z in world.zones}
    if response._get_bool_param("SingleAvailabilityZone", False):
        ranked = sorted(by_zone, key=lambda z: (-by_zone[z], z))[:10]
        return [{"Region": world.region, "AvailabilityZoneId": zone_ids.get(z), "Score": by_zone[z]} for z in ranked]
    return [{"Region": world.region, "Score": max(by_zone.values())}]


def _offered(world: World, kinds: list[str], zone: str) -> list[Pool]:
    return [p for p in (Pool(k, zone) for k in kinds) if p not in world.dry]
