"""What an hour of useful work costs on spot: the price, and the hours that interruptions eat.

overhead = pause / interval + λ × (restart + lost), with λ interruptions per instance-hour, times in hours, and lost =
half the interval where nobody measured it. It is the first order of Daly's exact expression: at λ × (restart + lost)
of 0.1 it understates the overhead by about a tenth of itself.
Source: Young 1974; Daly 2006; AWS bills an instance that EC2 takes in its first hour nothing, which is left out here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from tools.errors import UsageError
from tools.records import Hazard

DEFAULT_INTERVAL_MINUTES = 60.0
DEFAULT_RESTART_MINUTES = 10.0
_DIGITS = Decimal("0.00000001")


@dataclass(frozen=True)
class WorkShape:
    """How the work takes an interruption.

    checkpoint_minutes  between two checkpoints
    restart_minutes     from the loss of an instance to the moment that its replacement does the same work
    pause_minutes       that a checkpoint stops the work; 0 = it is written beside the work
    lost_minutes        measured mean loss of work at an interruption; None = half an interval
    basis               where an input comes from, by its name, where it is not assumed: «given», «measured …»
    """

    checkpoint_minutes: float = DEFAULT_INTERVAL_MINUTES
    restart_minutes: float = DEFAULT_RESTART_MINUTES
    pause_minutes: float = 0.0
    lost_minutes: float | None = None
    basis: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("checkpoint_minutes", "restart_minutes", "pause_minutes", "lost_minutes"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 60 * 24 * 366:
                raise UsageError(f"{name} {value:g}: not a time", hint="give minutes of 0 or more, such as 30")
        if self.checkpoint_minutes == 0:
            raise UsageError("checkpoint_minutes 0: work without a pause between checkpoints", hint="give 1 or more")

    @property
    def lost_hours(self) -> float:
        return (self.checkpoint_minutes / 2 if self.lost_minutes is None else self.lost_minutes) / 60

    @property
    def hours_an_interruption(self) -> float:
        """Instance-hours that one interruption costs."""
        return self.restart_minutes / 60 + self.lost_hours

    def words(self) -> tuple[str, ...]:
        """The inputs as assumptions that a reader can check and change."""

        basis = {"checkpoint_minutes": "assumed", "restart_minutes": "assumed", "lost_minutes": "given", **self.basis}
        lost = (
            f"a checkpoint every {self.checkpoint_minutes:g} min ({basis['checkpoint_minutes']}): "
            f"an interruption loses half of that, {self.lost_hours * 60:g} min"
            if self.lost_minutes is None
            else f"an interruption loses {self.lost_minutes:g} min of work ({basis['lost_minutes']})"
        )
        paused = f", and a checkpoint stops the work for {self.pause_minutes:g} min" if self.pause_minutes else ""
        return (
            lost + paused,
            f"a restart takes {self.restart_minutes:g} min ({basis['restart_minutes']})",
        )


@dataclass(frozen=True)
class Estimate:
    """A value and its 90 % interval."""

    value: float
    low: float
    high: float


def expected_overhead(rate_per_hour: float, work: WorkShape) -> float:
    """Extra instance-hours per hour of useful work, ≥ 0.

    rate_per_hour  interruptions per instance-hour, ≥ 0
    """
    if not 0 <= rate_per_hour < float("inf"):
        raise UsageError(f"{rate_per_hour} interruptions an hour cannot be")
    return work.pause_minutes / work.checkpoint_minutes + rate_per_hour * work.hours_an_interruption


def overhead_of(hazard: Hazard, work: WorkShape) -> Estimate | None:
    """Overhead from a pool's hazard with its interval; None = the hazard abstains, so nothing is known."""
    if hazard.per_100_hours is None:
        return None
    middle = hazard.per_100_hours
    low = middle if hazard.low is None else hazard.low
    high = middle if hazard.high is None else hazard.high
    return Estimate(*(expected_overhead(rate / 100, work) for rate in (middle, low, high)))


def useful_hour_usd(mean_usd_per_hour: Decimal | None, overhead: float | None) -> Decimal | None:
    """mean × (1 + overhead), USD; None where either is unknown."""
    if mean_usd_per_hour is None or overhead is None:
        return None
    return (mean_usd_per_hour * (1 + Decimal(repr(overhead)))).quantize(_DIGITS).normalize() + 0
