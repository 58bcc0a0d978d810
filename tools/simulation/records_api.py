"""EC2's memory as AWS answers for it: spot requests, fleet histories, Reserved Instances."""

import fnmatch
from datetime import UTC, datetime
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.responses import EC2Response

from tools.simulation.memory import HISTORY_STAYS, SpotRequest
from tools.simulation.world import World

MOST_ROWS = 1000


def install(world: World) -> None:
    """Replace moto's answers with ours, for this process."""

    def describe_spot_instance_requests(response: EC2Response) -> ActionResult:
        response.error_on_dryrun()
        wanted = response._get_param("SpotInstanceRequestIds", [])
        filters = response._filters_from_querystring()
        found = [
            r.shown()
            for r in world.spot_requests.all()
            if (not wanted or r.request_id in wanted) and _request_wanted(r, filters)
        ]
        rows, more = _page(response, found)
        return ActionResult({"SpotInstanceRequests": rows, "NextToken": more})

    def describe_fleet_history(response: EC2Response) -> ActionResult:
        response.error_on_dryrun()
        fleet_id = response._get_param("FleetId")
        if fleet_id not in world.ec2_fleets:
            raise EC2ClientError("InvalidFleetId.NotFound", f"The fleet ID '{fleet_id}' does not exist")
        now, since = world.clock.now(), _moment(response, "StartTime")
        kind = response._get_param("EventType")
        events = [
            e.shown()
            for e in world.fleet_events.get(fleet_id, [])
            if e.at >= max(since, now - HISTORY_STAYS) and kind in (None, e.event_type)
        ]
        rows, more = _page(response, events)
        return ActionResult(
            {
                "HistoryRecords": rows,
                "FleetId": fleet_id,
                "LastEvaluatedTime": now.replace(tzinfo=None),
                "StartTime": since.replace(tzinfo=None),
                "NextToken": more,
            }
        )

    def describe_reserved_instances(response: EC2Response) -> ActionResult:
        response.error_on_dryrun()
        wanted = response._get_param("ReservedInstancesIds", [])
        states = response._filters_from_querystring().get("state")
        rows = [r for r in world.reserved if not wanted or r["ReservedInstancesId"] in wanted]
        return ActionResult({"ReservedInstances": [r for r in rows if not states or r["State"] in states]})

    for action in (describe_spot_instance_requests, describe_fleet_history, describe_reserved_instances):
        setattr(EC2Response, action.__name__, action)


def _request_wanted(request: SpotRequest, filters: dict[str, Any]) -> bool:
    fields = {
        "instance-id": request.instance_id,
        "launched-availability-zone": request.zone,
        "launch.instance-type": request.instance_type,
        "spot-instance-request-id": request.request_id,
        "state": request.state,
        "status-code": request.code,
    }
    for name, patterns in filters.items():
        if name not in fields:
            raise EC2ClientError("InvalidParameterValue", f"The filter '{name}' is invalid")
        if not any(fnmatch.fnmatchcase(fields[name], p) for p in patterns):
            return False
    return True


def _page(response: EC2Response, rows: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], str | None]:
    start = str(response._get_param("NextToken") or "0")
    if not start.isdigit():
        raise EC2ClientError("InvalidNextToken", f"The token '{start}' is invalid.")
    end = int(start) + min(int(response._get_param("MaxResults") or MOST_ROWS), MOST_ROWS)
    return rows[int(start) : end], str(end) if end < len(rows) else None


def _moment(response: EC2Response, name: str) -> datetime:
    value = response._get_param(name)
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
