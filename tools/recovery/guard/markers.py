"""What a marker in the store asks of this instance: a checkpoint, or a freeze with it."""

from __future__ import annotations

import json
from dataclasses import dataclass

MOST_SECONDS = 120.0
STALE_SECONDS = 900.0
"""a marker older than this is of somebody who does not wait any more"""


@dataclass(frozen=True)
class Asked:
    """A marker that wants a freeze. `problem`: why not, whoever could."""

    marker: str  # requests/<notice>-<instance_id>.json
    seconds: float
    problem: str = ""

    @property
    def name(self) -> str:
        return self.marker.partition("/")[2]

    @property
    def answer(self) -> str:
        return f"freezes/{self.name}"


def asked_in(marker: str, content: bytes | None, *, age_seconds: float) -> Asked | None:
    """None: it asks for a checkpoint only."""
    try:
        told = json.loads(content or b"{}")
        wanted = told.get("freeze_seconds")
    except (ValueError, AttributeError):
        return None
    if wanted is None:
        return None
    if isinstance(wanted, bool) or not isinstance(wanted, (int, float)) or not 1 <= wanted <= MOST_SECONDS:
        return Asked(marker, 0.0, f"freeze_seconds {str(wanted)[:40]!r}: not from 1 to {MOST_SECONDS:.0f}")
    if age_seconds > STALE_SECONDS:
        return Asked(marker, 0.0, f"it was asked for {age_seconds / 60:.0f} minutes ago: nobody waits any more")
    return Asked(marker, float(wanted))
