"""When the daemon leaves spot, when it comes back, and what it leaves alone. The two differ, so that nothing flaps."""

from decimal import Decimal
from typing import Self

from pydantic import Field, model_validator

from tools.records import Money, Record, Share


class SteadyRules(Record):
    """Limits of the daemon's own suggestions, in the units that their names say. The policy's limits hold besides."""

    fallback_minutes: float = Field(default=10, ge=0)
    """so long, over two looks at least, a fleet runs less than it should while EC2 refuses spot; then on-demand is
    raised. As long as the monitor waits before it calls that an alert"""
    fallback_most_share: Share = 1
    """of desired capacity on demand, by a fallback. All of it: how much that may cost is the policy's to say"""
    return_minutes: float = Field(default=60, gt=0)
    """so long most pools must have looked as if they had capacity before on-demand is given back: six times what it
    took to leave"""
    step_share: Share = 0.1
    """of desired capacity given back at once, one unit at least: what Auto Scaling itself replaces at a time"""
    cooldown_minutes: float = Field(default=30, ge=0)
    """between two changes of one fleet; a fallback does not wait for it"""
    flip_hours: float = Field(default=6, gt=0)
    """after spot was refused to what had just been given back, nothing is given back for so long"""
    undone_hours: float = Field(default=24, gt=0)
    """what somebody set back after us is not set again for so long"""
    dry_minutes: float = Field(default=30, gt=0)
    """a pool that refused is left out for so long, twice as long after each next time; Karpenter forgets after 3, and
    asks again"""
    dry_most_hours: float = Field(default=8, gt=0)
    """and never longer"""
    wet_score: int = Field(default=8, ge=1, le=10)
    """EC2's placement score from which a refusal before it is forgotten; 10 is «highly likely to succeed»"""
    most_types_added: int = Field(default=4, ge=1, le=40)
    """in one change"""
    min_net_saving_usd_per_day: Money = Field(default=Decimal(1), ge=0)
    """below which running instances are not replaced to save money"""
    stay_hours: float = Field(default=24, gt=0)
    """so long a change is assumed to last, when no interruption is expected sooner"""
    in_service_minutes: float = Field(default=5, ge=0)
    """from a launch to service, in which the old and the new instance are both paid"""
    lost_minutes: float = Field(default=60, ge=0)
    """work that a replaced instance loses, where neither the tag spotwarden:lost-minutes nor checkpoints tell"""

    @model_validator(mode="after")
    def _comes_back_slower_than_it_leaves(self) -> Self:
        if self.return_minutes <= self.fallback_minutes:
            msg = (
                f"return_minutes is {self.return_minutes:g}, not above fallback_minutes, which is "
                f"{self.fallback_minutes:g}: it would flap"
            )
            raise ValueError(msg)
        if self.dry_most_hours * 60 < self.dry_minutes:
            msg = f"dry_most_hours is {self.dry_most_hours:g}, below dry_minutes, which is {self.dry_minutes:g}"
            raise ValueError(msg)
        return self


STANDARD_RULES = SteadyRules()
