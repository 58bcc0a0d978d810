"""When something is worth a person's attention, and when it is over. The two differ, so that nothing flaps."""

from typing import Self

from pydantic import Field, model_validator

from tools.records import Record, Share


class MonitorSettings(Record):
    """Thresholds of the alerts, in the units that their names say."""

    price_raise_share: float = Field(default=0.9, gt=0)
    """a pool's spot price as a share of on-demand, at or above which it is an alert"""
    price_clear_share: float = Field(default=0.8, gt=0)
    """below which it is over"""
    interruptions_raise_per_hour: int = Field(default=3, ge=1)
    """of one fleet, in the last hour"""
    interruptions_clear_per_hour: int = Field(default=2, ge=1)
    """below which it is over"""
    capacity_raise_minutes: float = Field(default=10, ge=0)
    """so long a fleet runs less than it should"""
    concentration_raise_share: Share = 0.8
    """of a fleet's spot instances in one pool"""
    concentration_clear_share: Share = 0.65
    """below which it is over"""
    concentration_least_instances: int = Field(default=4, ge=2)
    """fewer spot instances than this cannot be spread"""
    blind_minutes: float = Field(default=15, gt=0)
    """without a fresh sample; instance-hours are not counted across more either"""
    clear_after_minutes: float = Field(default=10, ge=0)
    """so long it must have been calm before an alert is cleared"""

    @model_validator(mode="after")
    def _clears_below_what_raises(self) -> Self:
        for name in ("price", "concentration", "interruptions"):
            unit = "per_hour" if name == "interruptions" else "share"
            raised, cleared = (getattr(self, f"{name}_{verb}_{unit}") for verb in ("raise", "clear"))
            if cleared > raised:
                msg = f"{name}_clear_{unit} is {cleared}, above {name}_raise_{unit}, which is {raised}: it would flap"
                raise ValueError(msg)
        return self


STANDARD = MonitorSettings()
