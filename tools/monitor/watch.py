"""watch_fleets: what the monitor knows now, and what is wrong."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from tools.cloud import Clock, CloudReader
from tools.desk import Archive
from tools.fleets.describe import list_fleets
from tools.monitor.alerts import raise_alerts
from tools.monitor.conditions import IN_THE_LAST, conditions, not_seen
from tools.monitor.look import SOURCE, look_at_fleets
from tools.monitor.settings import STANDARD, MonitorSettings
from tools.records import Alert, FleetSample, Watch
from tools.tool import tool

WINDOW = timedelta(hours=24)
"""in which samples are counted and alerts that are over are told"""


@tool(
    effect="read",
    iam=(
        *list_fleets.iam,
        # what the daemon's monitor asks, beside what this asks itself
        "autoscaling:DescribeScalingActivities",
        "ec2:DescribeFleetHistory",
        "ec2:DescribeSpotInstanceRequests",
    ),
    example={},
)
def watch_fleets(clock: Clock, reader: CloudReader, archive: Archive) -> Watch:
    """What is wrong with the fleets now and in the last day: alerts, and the newest sample of every fleet.

    When nobody looked in the last minutes it looks itself, and says that nobody watches.
    Raises  DataError: the archive cannot be read; CloudError
    """
    return watch(clock, reader, archive)


def watch(clock: Clock, reader: CloudReader, archive: Archive, settings: MonitorSettings = STANDARD) -> Watch:
    """`watch_fleets` by other thresholds than the standard ones."""
    now, region = clock.now(), reader.account().region
    # a clock that ran ahead left looks of a time that is still to come: they say nothing of now
    samples = tuple(s for s in archive.samples(region=region, since=now - WINDOW) if s.at <= now)
    newest = max((s.at for s in samples), default=None)
    alerts = archive.alerts(region=region, open_only=False)
    opened = tuple(a for a in alerts if a.cleared_at is None)
    over = tuple(a for a in alerts if a.cleared_at is not None and a.cleared_at > now - WINDOW)
    blind = not_seen(region, newest, now=now, settings=settings)
    fleets = _newest_of_each(samples, newest, settings)
    source = f"samples of the last {WINDOW // timedelta(hours=1)} h in the archive"
    if blind.state == "pressing":
        seen = look_at_fleets(reader, clock)
        signals = archive.signals(region=region, since=now - IN_THE_LAST)
        found = (*conditions(seen, samples, signals, settings), blind)
        fleets, opened = seen.samples, _as_of(opened, raise_alerts(found, opened, settings, now=now))
        source = f"looked just now ({SOURCE}): nobody watches"
    if archive.unavailable is not None:
        source = f"{source}; no archive: {archive.unavailable}"[:255]
    return Watch(
        fleets=fleets,
        alerts=(*sorted(opened, key=lambda a: a.raised_at, reverse=True), *over),
        samples=len(samples),
        since=min((s.at for s in samples), default=None),
        as_of=now,
        source=source,
    )


def _newest_of_each(
    samples: tuple[FleetSample, ...], newest: datetime | None, settings: MonitorSettings
) -> tuple[FleetSample, ...]:
    """By name; a fleet that the latest looks did not see any more is gone."""
    if newest is None:
        return ()
    fresh = newest - timedelta(minutes=settings.blind_minutes)
    last = {s.fleet: s for s in samples if s.at >= fresh}
    return tuple(sorted(last.values(), key=lambda s: (s.name, s.fleet.label)))


def _as_of(opened: Sequence[Alert], changed: Sequence[Alert]) -> tuple[Alert, ...]:
    """Alerts that are open after a look of our own, which is not kept."""
    known = {a.alert_id: a for a in (*opened, *changed)}
    return tuple(a for a in known.values() if a.cleared_at is None)
