"""Alerts from conditions: raised once, cleared once, and in between one alert however often it is seen. Pure.

An alert opens when its condition presses. It ends when the condition was calm for `clear_after_minutes`; a value
between the two thresholds keeps it open and opens none. What is not known neither opens nor ends anything.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from tools.monitor.conditions import Condition
from tools.monitor.settings import MonitorSettings
from tools.records import Alert, digest_of


def raise_alerts(
    conditions: Sequence[Condition],
    open_alerts: Sequence[Alert],
    settings: MonitorSettings,
    *,
    now: datetime,
    whole: bool = True,
) -> tuple[Alert, ...]:
    """The alerts that this look opened, saw again or cleared; those that it says nothing new of are left out.

    open_alerts  at most one a (kind, subject) counts: the oldest
    whole        everything was looked at: what no condition tells of any more (its fleet is gone, its pool is empty)
                 is calm. False = what no condition tells of is unknown
    """
    known: dict[tuple[str, str], Alert] = {}
    for alert in sorted(open_alerts, key=lambda a: (a.raised_at, a.alert_id)):
        if alert.cleared_at is None:
            known.setdefault((alert.kind, alert.subject), alert)
    changed: list[Alert] = []
    for condition in conditions:
        key = (condition.kind, condition.subject)
        if key in known:
            alert = known.pop(key)
            moved = _moved(alert, condition, settings, now)
            changed += [moved] if moved is not alert else []
        elif condition.state == "pressing":
            changed.append(_raised(condition, now))
    gone = [(alert, _cleared(alert, settings, now)) for alert in known.values()] if whole else []
    return (*changed, *(after for before, after in gone if after is not before))


def _raised(condition: Condition, now: datetime) -> Alert:
    said = {"kind": condition.kind, "subject": condition.subject, "raised_at": now}
    return Alert(
        alert_id=f"{condition.kind}-{digest_of(said)[:10]}",
        kind=condition.kind,
        subject=condition.subject,
        severity=condition.severity,
        message=condition.message,
        value=condition.value,
        raised_at=now,
        seen_at=now,
        times_seen=1,
        evidence=condition.evidence,
    )


def _moved(alert: Alert, condition: Condition, settings: MonitorSettings, now: datetime) -> Alert:
    """The same alert when nothing is new."""
    if condition.state == "unknown":
        return alert
    if condition.state == "calm":
        return _cleared(alert, settings, now)
    if condition.state == "between":
        return alert.with_(seen_at=now, value=condition.value)
    critical = "critical" if "critical" in (alert.severity, condition.severity) else "warning"
    return alert.with_(
        seen_at=now,
        value=condition.value,
        message=condition.message,
        severity=critical,
        times_seen=alert.times_seen + 1,
        evidence=condition.evidence,
    )


def _cleared(alert: Alert, settings: MonitorSettings, now: datetime) -> Alert:
    """Over, when it was not seen for long enough."""
    if now - alert.seen_at < timedelta(minutes=settings.clear_after_minutes):
        return alert
    return alert.with_(cleared_at=now)
