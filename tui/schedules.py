"""`[[snapshots]]` of the settings file: what is snapshotted how often, and what the policy protects."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tools.errors import PolicyError, UsageError
from tui.config import Settings, read_table

if TYPE_CHECKING:
    from policies.parts import ProtectedTag
    from tools.records import KeepingSettings


def read_keeping(
    rows: Sequence[Mapping[str, Any]], protected: "Callable[[], Sequence[ProtectedTag]]"
) -> "KeepingSettings":
    """Raises UsageError: a key or a value that cannot be, or two schedules of one fleet."""
    from tools.records import KeepingSettings, SnapshotSchedule

    schedules = tuple(read_table("[snapshots]", row, SnapshotSchedule) for row in rows)
    names = [s.fleet for s in schedules]
    twice = next((n for n in names if names.count(n) > 1), None)
    if twice is not None:
        raise UsageError(f"[[snapshots]]: two schedules for {twice}", hint="one a fleet; take one of them out")
    try:
        tags = tuple(t.key if t.value is None else f"{t.key}={t.value}" for t in protected())
    except PolicyError:  # without a valid policy nothing is deleted anyway
        tags = ()
    return KeepingSettings(schedules=schedules, protected_tags=tags)


class Schedules:
    """What the house knows of snapshot schedules."""

    settings: Settings
    policy: Any

    @cached_property
    def keeping(self) -> "KeepingSettings":
        """Schedules, and the tags that the policy protects. Raises UsageError: a schedule that cannot be."""
        return read_keeping(self.settings.snapshots, lambda: self.policy.protect.tags)
