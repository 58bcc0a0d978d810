"""Nouns of verifying a change: the rules, what was recorded before it, what was seen after it, the verdict."""

from typing import Literal

from pydantic import Field

from tools.records import Money, Name, Record, Share, UtcTime

Health = Literal["healthy", "settling", "failed", "unknown"]


class VerificationRules(Record):
    """What a change may do, and for how long, before it counts as harm."""

    allowed_seconds: int = Field(default=300, ge=0)
    """an Auto Scaling group's own health check grace period, and as long as EC2 may show an old state"""
    allowed_cost_over: Share = 0.2
    """above what was foretold: by as much a price may move between a yes and the act"""
    allowed_interruptions: int = Field(default=2, ge=0)
    """one or two are what spot is"""
    allowed_interruptions_factor: float = Field(default=2, ge=1)
    """more than so many times those of as long before the change are another risk than was shown"""
    overtime_seconds: int = Field(default=900, ge=0)
    """a fleet that still settles at the end is watched so much longer: AWS replaces new before old, in turn"""


STANDARD = VerificationRules()


class Baseline(Record):
    """A fleet just before a change, and what was foretold of it."""

    desired_capacity: int
    desired_capacity_after: int
    single: bool
    """a single instance, which wants nothing by itself: it is held against what was asked of it"""
    in_service: int
    """capacity units"""
    on_demand: int
    spot: int
    usd_per_hour: Money | None
    """contracted basis: the fleet's own, whatever other fleets leave of a commitment; None = a price is unknown"""
    foretold_usd_per_hour: Money | None
    price_as_of: UtcTime | None
    unhealthy_targets: dict[str, int] | None
    """by target group; None = not known"""
    at: UtcTime


class Sighting(Record):
    """A fleet some time after the change. None = not known."""

    desired_capacity: int
    in_service: int
    """capacity units"""
    running: int
    """capacity units that are paid for, in service or not"""
    usd_per_hour: Money | None
    price_as_of: UtcTime | None
    interruptions: int | None
    interruptions_before: int | None
    """in the hour before the change"""
    refused: tuple[str, ...]
    """pools that refused launches since the change"""
    unhealthy_targets: dict[str, int] | None
    at: UtcTime


class Check(Record):
    """One thing that was looked at, in words."""

    name: Name
    health: Health
    text: str


class Verdict(Record):
    health: Health
    checks: tuple[Check, ...]
    notes: tuple[str, ...] = ()
    """what explains, and decides nothing"""
    since: dict[str, UtcTime] = {}
    """trouble that lasts, by check: since when"""
    at: UtcTime

    @property
    def reasons(self) -> tuple[str, ...]:
        """The lines of those checks that made the verdict, then the notes."""
        return (*(c.text for c in self.checks if c.health == self.health), *self.notes)
