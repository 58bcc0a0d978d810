"""What a pool's ticks so far tell of its next hours: one watcher, fed tick by tick, in training and at work alike."""

import math
from collections.abc import Iterable

USUAL_SPELL_HOURS, USUAL_SPELLS = 1.5, 2
"""a pool's spells of availability are believed to last so long before any is seen, as if so many had been"""
MOST_SPELLS = 6
"""that are remembered: of more, the latest count as much as the sixth"""


class Watch:
    """One pool, seen tick by tick: how old its present state is, and how long its spells of availability last."""

    def __init__(self, tick_seconds: float) -> None:
        self.up = False
        self.mean_log_spell = math.log(USUAL_SPELL_HOURS)
        """log hours, of the spells that have ended: one long spell does not hide many short ones"""
        self._hours_per_tick = tick_seconds / 3600
        self._age_ticks = 0
        self._spells = USUAL_SPELLS

    @property
    def age_hours(self) -> float:
        """Of the present state, to the middle of its last tick."""
        return (self._age_ticks - 0.5) * self._hours_per_tick

    def see(self, up: bool) -> None:
        """The next tick."""
        if up == self.up and self._age_ticks:
            self._age_ticks += 1
            return
        if self.up and self._age_ticks:
            self._ended(self._age_ticks * self._hours_per_tick)
        self.up, self._age_ticks = up, 1

    def _ended(self, hours: float) -> None:
        self.mean_log_spell += (math.log(hours) - self.mean_log_spell) / (self._spells + 1)
        self._spells = min(self._spells + 1, MOST_SPELLS)

    def see_all(self, flags: Iterable[bool]) -> None:
        for up in flags:
            self.see(up)
