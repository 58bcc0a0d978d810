"""What an interruption would cost: work that no checkpoint holds × what its hour costs. It decides where to go on.

tools/choice/useful_hour.py has the same for pools before a launch, to the first order; here it is exact.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from tools.errors import UsageError
from tools.records import Money, Name, Record, Share, UtcTime
from tools.recovery.guard.waste import usable_seconds, waste

_DIGITS = Decimal("0.000001")


class LostWork(Record):
    """If everything of a job were interrupted now. None = unknown, and `unknown` says why."""

    unsaved_minutes: float | None
    """since the newest durable checkpoint, or the start where that is later"""
    restart_minutes: float | None
    usd_per_hour: Money | None
    """of all its instances"""
    usd: Money | None
    """unsaved work and the restart, paid a second time"""
    unknown: str | None
    as_of: UtcTime
    source: Name


class HourlyLoss(Record):
    """What of an hour, and of its price, is expected to go into saves, work done twice and restarts."""

    interval_seconds: float
    waste_share: Share
    usd_per_hour: Money
    lost_usd_per_hour: Money
    usd_per_useful_hour: Money | None
    """None = no hour of work ever lasts"""


@dataclass(frozen=True)
class Option:
    """Somewhere that the job could run. between_seconds: M of the job there; inf = on-demand; None = unknown."""

    name: str
    usd_per_hour: Decimal
    between_seconds: float | None


def unsaved_minutes(saved_at: datetime | None, started_at: datetime, *, now: datetime) -> float | None:
    """Work that an interruption would cost: since the newest whole checkpoint, at most since the instance was launched.

    None where no whole checkpoint is known.
    """
    if saved_at is None:
        return None
    return max((now - max(saved_at, started_at)) / timedelta(minutes=1), 0.0)


def lost_now(
    saved_at: datetime | None,
    started_at: datetime,
    *,
    usd_per_hour: Decimal | None,
    restart_minutes: float | None,
    now: datetime,
    source: str,
) -> LostWork:
    """What an interruption at this moment would cost. Without a checkpoint or a price that is unknown, not 0.

    restart_minutes  measured; None = unknown: the cost is then that of the unsaved work alone, and `unknown` says it
    """
    minutes = unsaved_minutes(saved_at, started_at, now=now)
    told = {
        "no whole checkpoint is known": minutes is None,
        "the price of the instances is unknown": usd_per_hour is None,
        "how long a restart takes was never measured: not counted": restart_minutes is None,
    }
    usd = None
    if minutes is not None and usd_per_hour is not None:
        usd = _usd(usd_per_hour, (minutes + (restart_minutes or 0.0)) / 60)
    return LostWork(
        unsaved_minutes=minutes,
        restart_minutes=restart_minutes,
        usd_per_hour=usd_per_hour,
        usd=usd,
        unknown="; ".join(why for why, so in told.items() if so) or None,
        as_of=now,
        source=source,
    )


def expected_loss(
    usd_per_hour: Decimal,
    *,
    interval_seconds: float,
    save_seconds: float,
    restart_seconds: float,
    between_seconds: float,
    saved_share: float = 0.0,
) -> HourlyLoss:
    """Per hour at an interval of work between saves, for a rate that does not change.

    Raises  UsageError: times that cannot be
    """
    try:
        lost = waste(save_seconds, interval_seconds, restart_seconds, between_seconds, saved_share)
    except ValueError as error:
        raise UsageError(str(error)) from None
    lost = min(max(lost, 0.0), 1.0)
    return HourlyLoss(
        interval_seconds=interval_seconds,
        waste_share=lost,
        usd_per_hour=usd_per_hour,
        lost_usd_per_hour=_usd(usd_per_hour, lost),
        usd_per_useful_hour=_usd(usd_per_hour, 1 / (1 - lost)) if lost < 1 else None,
    )


def cheapest_useful_hour(
    options: Sequence[Option],
    *,
    save_seconds: float,
    restart_seconds: float,
    saved_share: float | None = None,
    cap_seconds: float | None = None,
) -> tuple[tuple[Option, HourlyLoss | None], ...]:
    """Where to go on: by what an hour of lasting work costs there, each at its own best interval; unknown ones last.

    A cheaper pool that is taken too often costs more than on-demand, and this says where that begins.
    """
    weighed = [(o, _loss(o, save_seconds, restart_seconds, saved_share, cap_seconds)) for o in options]

    def cost(pair: tuple[Option, HourlyLoss | None]) -> Decimal:
        loss = pair[1]
        return loss.usd_per_useful_hour if loss and loss.usd_per_useful_hour is not None else Decimal("Infinity")

    return tuple(sorted(weighed, key=cost))


def _loss(
    option: Option, save: float, restart: float, saved_share: float | None, cap: float | None
) -> HourlyLoss | None:
    if option.between_seconds is None:
        return None
    try:
        every = usable_seconds(save, option.between_seconds, saved_share, cap)
    except ValueError as error:
        raise UsageError(f"{option.name}: {error}") from None
    return expected_loss(
        option.usd_per_hour,
        interval_seconds=every,
        save_seconds=save,
        restart_seconds=restart,
        between_seconds=option.between_seconds,
        saved_share=saved_share or 0.0,
    )


def _usd(usd_per_hour: Decimal, hours: float) -> Decimal:
    if not math.isfinite(hours):
        raise UsageError(f"{hours} hours cannot be paid")
    return (usd_per_hour * Decimal(repr(hours))).quantize(_DIGITS).normalize() + 0
