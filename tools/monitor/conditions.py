"""What is wrong by one look: a value, whether it presses, and what a person is told. Pure.

Three answers and «unknown»: `pressing` raises an alert, `between` keeps one that is open, `calm` lets it end.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal

from tools.monitor.look import SOURCE, Look
from tools.monitor.settings import MonitorSettings
from tools.records import AlertKind, Evidence, FleetSample, PoolSignal

State = Literal["pressing", "between", "calm", "unknown"]
IN_THE_LAST = timedelta(hours=1)
"""in which interruptions are counted"""


@dataclass(frozen=True)
class Condition:
    """One kind of trouble of one subject, as it is now."""

    kind: AlertKind
    subject: str
    state: State
    value: str
    message: str
    severity: Literal["warning", "critical"] = "warning"
    evidence: tuple[Evidence, ...] = ()


def conditions(
    look: Look,
    history: Sequence[FleetSample],
    signals: Sequence[PoolSignal],
    settings: MonitorSettings,
    *,
    whole: bool = True,
) -> tuple[Condition, ...]:
    """Every kind, for every fleet and pool that the look saw.

    history  samples before this look, oldest first, of the last hour at least
    signals  of the last hour
    whole    they are all that there were; False = there may be more, so that few of them say nothing
    """
    found = [*_prices(look, settings)]
    for sample in look.samples:
        before = [s for s in history if s.fleet.label == sample.fleet.label and s.at < sample.at]
        found += [
            _risk(sample, look),
            _interruptions(sample, signals, look.at, settings, whole=whole),
            _capacity(sample, before, settings),
            _concentration(sample, settings),
            _unpriced(sample, look),
        ]
    return tuple(found)


def grade(value: float | None, *, raises: float, clears: float) -> State:
    """pressing at or above `raises`, calm below `clears`, between the two: as it was."""
    if value is None or math.isnan(value):
        return "unknown"
    if value >= raises:
        return "pressing"
    return "calm" if value < clears else "between"


def _prices(look: Look, settings: MonitorSettings) -> Iterator[Condition]:
    for label, price in look.prices.items():
        spot, listed = price.spot_usd_per_hour, price.on_demand_usd_per_hour
        share = float(spot / listed) if spot is not None and listed else None
        value = "unknown" if share is None else f"{share:.0%} of on-demand"
        yield Condition(
            kind="price",
            subject=label,
            state=grade(share, raises=settings.price_raise_share, clears=settings.price_clear_share),
            value=value,
            message=f"{label}: spot costs {value}: {spot} of {listed} USD/h",
            severity="critical" if share is not None and share >= 1 else "warning",
            evidence=(
                Evidence(fact="spot price against on-demand", value=value, source=look.price_source, as_of=look.at),
            ),
        )


def _risk(sample: FleetSample, look: Look) -> Condition:
    state: State = "unknown" if sample.level == "unknown" else "pressing" if sample.level == "high" else "calm"
    return Condition(
        kind="risk",
        subject=sample.fleet.label,
        state=state,
        value=sample.level,
        message=f"{sample.name}: the risk that its spot pools are taken is {sample.level}",
        evidence=(Evidence(fact="risk level", value=sample.level, source=look.price_source, as_of=sample.at),),
    )


def _interruptions(
    sample: FleetSample, signals: Iterable[PoolSignal], now: datetime, settings: MonitorSettings, *, whole: bool
) -> Condition:
    names = {sample.fleet.label, sample.fleet.fleet_id, sample.name}
    taken = [s for s in signals if s.kind == "interruption" and s.fleet in names and now - IN_THE_LAST <= s.at <= now]
    pools = Counter(s.pool.label for s in taken)
    where = ", ".join(f"{n} in {label}" for label, n in pools.most_common(3))
    state = grade(
        len(taken), raises=settings.interruptions_raise_per_hour, clears=settings.interruptions_clear_per_hour
    )
    return Condition(
        kind="interruptions",
        subject=sample.fleet.label,
        state=state if whole or state == "pressing" else "unknown",
        value=f"{'' if whole else 'at least '}{len(taken)} in the last hour",
        message=f"{sample.name}: EC2 took {len(taken)} instances in the last hour: {where}",
        severity="critical" if len(taken) * 2 >= max(sample.desired_capacity, 2) else "warning",
        evidence=tuple(
            Evidence(fact=f"interruption of {s.instance_id}", value=s.code or s.pool.label, source=s.source, as_of=s.at)
            for s in taken[-3:]
        ),
    )


def _short_of(sample: FleetSample) -> int:
    """Capacity units that do not run."""
    running = sample.running_units
    if running is None:
        running = sample.running_spot + sample.running_on_demand
    return sample.desired_capacity - running


def _capacity(sample: FleetSample, before: Sequence[FleetSample], settings: MonitorSettings) -> Condition:
    short, since = _short_of(sample), sample.at
    apart = timedelta(minutes=settings.blind_minutes)
    for later, earlier in pairwise([sample, *reversed(before)]):
        if _short_of(earlier) <= 0 or later.at - earlier.at > apart:
            break
        since = earlier.at
    minutes = (sample.at - since) / timedelta(minutes=1)
    state: State = "calm"
    if short > 0:
        state = "pressing" if minutes >= settings.capacity_raise_minutes else "between"
    return Condition(
        kind="capacity",
        subject=sample.fleet.label,
        state=state,
        value=f"{short} of {sample.desired_capacity} short for {minutes:.0f} min",
        message=f"{sample.name}: {short} of {sample.desired_capacity} units have not run for {minutes:.0f} minutes",
        severity="critical" if short * 2 >= sample.desired_capacity else "warning",
        evidence=(Evidence(fact="units missing", value=str(short), source=SOURCE, as_of=sample.at),),
    )


def _concentration(sample: FleetSample, settings: MonitorSettings) -> Condition:
    total, largest = sum(sample.pools.values()), max(sample.pools.items(), key=lambda p: (p[1], p[0]), default=("", 0))
    share = largest[1] / total if total >= settings.concentration_least_instances else 0.0
    told = f"{largest[1]} of {total} spot instances in {largest[0]}" if total else "no spot instance"
    return Condition(
        kind="concentration",
        subject=sample.fleet.label,
        state=grade(share, raises=settings.concentration_raise_share, clears=settings.concentration_clear_share),
        value=f"{share:.0%}",
        message=f"{sample.name}: {told}: one event can take them all",
        evidence=(Evidence(fact="largest pool", value=told, source=SOURCE, as_of=sample.at),),
    )


def _unpriced(sample: FleetSample, look: Look) -> Condition:
    missing = sample.fleet.label in look.unpriced
    why = "; ".join(look.trouble) or "AWS told no price of something that runs in it"
    return Condition(
        kind="blind",
        subject=sample.fleet.label,
        state="pressing" if missing else "calm",
        value="prices missing" if missing else "prices known",
        message=f"{sample.name}: what it costs is not known, nor its risk: {why}",
        evidence=(Evidence(fact="prices", value=why, source=look.price_source, as_of=look.at),) if missing else (),
    )


def not_seen(region: str, newest: datetime | None, *, now: datetime, settings: MonitorSettings) -> Condition:
    """Whether somebody looks at the fleets of the region at all.

    newest  the last look; None = none ever
    """
    minutes = None if newest is None else (now - newest) / timedelta(minutes=1)
    told = "never" if minutes is None else f"{minutes:.0f} minutes ago"
    return Condition(
        kind="blind",
        subject=region,
        state="pressing" if minutes is None or minutes > settings.blind_minutes else "calm",
        value=f"last look: {told}",
        message=f"the fleets of {region} were last looked at {told}: `spotwarden run` looks every round",
        severity="critical",
        evidence=(Evidence(fact="last look", value=told, source=SOURCE, as_of=newest),),
    )
