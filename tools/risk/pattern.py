"""Hour of the day and day of the week: how much more or less often than on average pools are taken then.

A factor is told only where our own records show one: a likelihood-ratio test on episodes, then shrinkage toward 1.
Otherwise every factor is 1 and the reason is said. Base rates stay each pool's own; the pattern is the region's, since
no single pool has the events for it.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

import numpy as np
from numpy.typing import NDArray

from tools.errors import UsageError
from tools.records import FleetSample, PoolSignal
from tools.risk.rates import gamma_cdf

Floats = NDArray[np.float64]

EPISODE = timedelta(hours=1)
"""interruptions of one pool come in bursts: those within an hour of the last are one episode, or a single bad night
would look like a law"""
ENOUGH_EPISODES = 60
ENOUGH_DAYS_FOR_HOURS, ENOUGH_DAYS_FOR_WEEKDAYS = 14, 28
SIGNIFICANCE = 0.01
SHRINKAGE_EPISODES = 8.0
"""episodes of «as on average» that every hour and weekday starts with"""
MAX_HOLD = timedelta(minutes=30)
"""a sample speaks for no longer: after it we did not look"""


@dataclass(frozen=True)
class WeekPattern:
    """Factors on a pool's base rate.

    hour      (24,) by local hour; 1 = as on average
    weekday   (7,) Monday first
    zone      the time zone that hours and days are of
    says      what was found, or why no factor is told
    """

    hour: tuple[float, ...] = (1.0,) * 24
    weekday: tuple[float, ...] = (1.0,) * 7
    zone: tzinfo = UTC
    says: str = "no pattern was looked for"

    @property
    def flat(self) -> bool:
        return set(self.hour) == {1.0} == set(self.weekday)

    def weighted_hours(self, start: datetime, minutes: float) -> float:
        """∫ factor dt over the window, in hours: what the base rate is to be multiplied with.

        start   aware; hours and weekdays come from it, in `zone`, also across a change of summer time
        Raises  UsageError: a time without a zone, a window that is not above 0
        """
        if start.tzinfo is None:
            raise UsageError("a time without a zone has no hour of the day: give an aware one")
        if not 0 < minutes < math.inf:
            raise UsageError(f"a window of {minutes} minutes: it has to be above 0")
        if self.flat:
            return minutes / 60
        at, end, total = start.astimezone(UTC), start.astimezone(UTC) + timedelta(minutes=minutes), 0.0
        while at < end:
            local = at.astimezone(self.zone)
            left = timedelta(hours=1) - timedelta(
                minutes=local.minute, seconds=local.second, microseconds=local.microsecond
            )
            until = min(at + left, end)
            hours = (until - at) / timedelta(hours=1)
            total += self.hour[local.hour] * self.weekday[local.weekday()] * hours
            at = until
        return total


def week_pattern(
    samples: Sequence[FleetSample], signals: Sequence[PoolSignal], *, until: datetime, zone: tzinfo = UTC
) -> WeekPattern:
    """Factors from what was seen of our own fleets, or none with the reason.

    samples, signals  of one region; any order
    """
    hours = exposure_by_hour(samples, until=until, zone=zone)
    # where no sample was read, nothing can be enough: count the events of every pool
    episodes = episodes_by_hour(signals, hours or {s.pool.label for s in signals}, zone=zone)
    count = float(sum(e.sum() for e in episodes.values()))
    days = len({s.at.astimezone(zone).date() for s in samples if s.pools})
    if count < ENOUGH_EPISODES or days < ENOUGH_DAYS_FOR_HOURS:
        why = f"{count:.0f} interruption episodes"
        why += f" on {days} days" if samples else ""
        why += f"; {ENOUGH_EPISODES} on {ENOUGH_DAYS_FOR_HOURS} days are needed"
        return WeekPattern(zone=zone, says=f"no hour or weekday factor: {why}")
    seen, expected = counts_and_expectation(hours, episodes)
    hour, hour_says = _factors(seen.sum(axis=0), expected.sum(axis=0), "hour of day")
    weekday: tuple[float, ...] = (1.0,) * 7
    weekday_says = f"weekday: {days} days seen, {ENOUGH_DAYS_FOR_WEEKDAYS} needed"
    if days >= ENOUGH_DAYS_FOR_WEEKDAYS:
        given = (expected * np.asarray(hour)).sum(axis=1)
        weekday, weekday_says = _factors(seen.sum(axis=1), given * seen.sum() / given.sum(), "weekday")
    says = f"{hour_says}; {weekday_says}; {count:.0f} episodes on {days} days"
    return WeekPattern(hour=hour, weekday=weekday, zone=zone, says=says)


def exposure_by_hour(samples: Sequence[FleetSample], *, until: datetime, zone: tzinfo) -> dict[str, Floats]:
    """Instance-hours by pool label: (7, 24) float64, weekday × local hour. A sample holds until the next of its fleet,
    at most MAX_HOLD.
    """
    found: dict[str, Floats] = defaultdict(lambda: np.zeros((7, 24)))
    by_fleet: dict[str, list[FleetSample]] = defaultdict(list)
    for sample in samples:
        by_fleet[sample.fleet.label].append(sample)
    for theirs in by_fleet.values():
        theirs.sort(key=lambda s: s.at)
        ends = [*(s.at for s in theirs[1:]), until]
        for sample, end in zip(theirs, ends, strict=True):
            hours = max(min(end - sample.at, MAX_HOLD) / timedelta(hours=1), 0.0)
            local = sample.at.astimezone(zone)
            for pool, count in sample.pools.items():
                found[pool][local.weekday(), local.hour] += count * hours
    return dict(found)


def episodes_by_hour(signals: Iterable[PoolSignal], pools: Iterable[str], *, zone: tzinfo) -> dict[str, Floats]:
    """Interruption episodes by pool label: (7, 24) float64. Pools without exposure are left out."""
    known = set(pools)
    found: dict[str, Floats] = defaultdict(lambda: np.zeros((7, 24)))
    last: dict[str, datetime] = {}
    for signal in sorted(signals, key=lambda s: s.at):
        label = signal.pool.label
        if signal.kind != "interruption" or label not in known:
            continue
        if label not in last or signal.at - last[label] >= EPISODE:
            local = signal.at.astimezone(zone)
            found[label][local.weekday(), local.hour] += 1
        last[label] = signal.at
    return dict(found)


def counts_and_expectation(hours: dict[str, Floats], episodes: dict[str, Floats]) -> tuple[Floats, Floats]:
    """(7, 24) episodes seen, and expected were every pool's rate the same at all times. Both sum to the same."""
    seen, expected = np.zeros((7, 24)), np.zeros((7, 24))
    for label, found in episodes.items():
        exposed = hours[label].sum()
        if exposed > 0:
            seen += found
            expected += hours[label] * (found.sum() / exposed)
    return seen, expected


def _factors(seen: Floats, expected: Floats, what: str) -> tuple[tuple[float, ...], str]:
    """Likelihood ratio against «the same at all times», χ²; then shrunk. Flat where it may be chance."""
    chance = chance_of(seen, expected)
    if chance >= SIGNIFICANCE:
        return (1.0,) * seen.size, f"{what}: no factor, chance explains it (p {chance:.2f})"
    shrunk = (seen + SHRINKAGE_EPISODES) / (expected + SHRINKAGE_EPISODES)
    scale = expected.sum() / (expected * shrunk).sum()  # the base rate stays the average over what was seen
    factors = tuple(float(f * scale) for f in shrunk)
    return factors, f"{what}: factors {min(factors):.2f}–{max(factors):.2f} (p {chance:.1g})"


def chance_of(seen: Floats, expected: Floats) -> float:
    """p of the likelihood-ratio test that counts follow `expected`; cells that were never exposed are left out."""
    known = expected > 0
    n, e = seen[known], expected[known]
    ratio = 2 * float(np.sum(n * np.log(np.where(n > 0, n, 1.0) / e), where=n > 0))
    freedom = int(known.sum()) - 1
    return 1.0 if freedom < 1 else 1.0 - gamma_cdf(freedom / 2, max(ratio, 0.0) / 2)
