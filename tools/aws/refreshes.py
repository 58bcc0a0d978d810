"""Instance refreshes of a group."""

from typing import Any

from tools.aws.calls import Calls
from tools.records import InstanceRefresh


def instance_refreshes(calls: Calls, name: str) -> tuple[InstanceRefresh, ...]:
    """Newest first, as Auto Scaling lists them. Raises NotFound: there is no such group."""
    rows = calls.pages_by_token(
        "autoscaling",
        "DescribeInstanceRefreshes",
        "InstanceRefreshes",
        token="NextToken",  # noqa: S106 - the name of a field
        AutoScalingGroupName=name,
    )
    return tuple(_refresh(row) for row in rows)


def _refresh(row: dict[str, Any]) -> InstanceRefresh:
    preferences = row.get("Preferences") or {}
    return InstanceRefresh(
        refresh_id=row["InstanceRefreshId"],
        status=row["Status"],
        percentage_complete=row.get("PercentageComplete"),
        started_at=row.get("StartTime"),
        reason=row.get("StatusReason") or "",
        min_healthy_percentage=preferences.get("MinHealthyPercentage"),
        instance_warmup_seconds=preferences.get("InstanceWarmup"),
        skip_matching=preferences.get("SkipMatching"),
    )
