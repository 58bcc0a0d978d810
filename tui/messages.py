"""What workers tell the screens: one typed message per agent event, and one per answer of the house.

Workers never touch a widget: they post these, and the screen that asked handles them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from textual.message import Message

from agent import events
from agent.journal.watches import WatchedChange
from tools.jobs.report import JobsReport
from tools.records import (
    AuditEntry,
    Fleet,
    FleetRisk,
    InterruptionForecast,
    Inventory,
    OpportunityAnalysis,
    PoolSignal,
    PriceAnalysis,
    QueuesReport,
    Recovery,
    VolumesReport,
    Watch,
)
from tui.care import FleetChange
from tui.house import Open, Saved, Verified


class FromWorker(Message):
    """A worker has something to say; nobody listens any more once the app leaves."""


class Told(FromWorker):
    """An event of the session."""


@dataclass
class Said(Told):
    event: events.Said


@dataclass
class ToolStarted(Told):
    event: events.ToolStarted


@dataclass
class ToolRan(Told):
    event: events.ToolRan


@dataclass
class Proposed(Told):
    event: events.Proposed


@dataclass
class ApprovalNeeded(Told):
    event: events.ApprovalNeeded


@dataclass
class Acted(Told):
    event: events.Acted


@dataclass
class Spent(Told):
    event: events.Spent


@dataclass
class Finished(Told):
    event: events.Finished


_TELLING: dict[type, Callable[..., Told]] = {
    events.Said: Said,
    events.ToolStarted: ToolStarted,
    events.ToolRan: ToolRan,
    events.Proposed: Proposed,
    events.ApprovalNeeded: ApprovalNeeded,
    events.Acted: Acted,
    events.Spent: Spent,
    events.Finished: Finished,
}


def telling(event: events.Event) -> Told:
    """The message of one agent event."""
    return _TELLING[type(event)](event)


@dataclass
class Trouble(FromWorker):
    """Something failed that a person must know: what, and the way out."""

    message: str
    hint: str


@dataclass
class Pulse(FromWorker):
    """How the house stands: what the title bar and the side panel show."""

    title: str
    simulated: bool
    inventory: Inventory | None
    """None = could not be read, and `trouble` says why"""
    proposals: Sequence[Saved]
    open_intents: Sequence[Open]
    halted: bool
    at: datetime
    trouble: Trouble | None = None
    watch: Watch | None = None
    """the monitor's alerts and samples; None = not asked yet"""
    watched: Sequence[WatchedChange] = ()
    """changes that are looked after, those that a person must look at, and those that ended since the look before"""

    @property
    def escalated(self) -> tuple[WatchedChange, ...]:
        """Oldest first."""
        return tuple(w for w in self.watched if w.status == "escalated")

    @property
    def pending(self) -> tuple[Saved, ...]:
        return tuple(p for p in self.proposals if p.status == "pending")

    @property
    def alone(self) -> tuple[Saved, ...]:
        """What nobody asked for in a chat: the reflex's answers to notices, the daemon's rounds; newest first."""
        return tuple(p for p in self.proposals if p.proposal.proposed_by in {"reflex", "autonomy"})


def expiry(saved: Saved) -> datetime:
    """When a proposal can no longer be approved."""
    return saved.decision.judged_at + timedelta(seconds=saved.decision.approval_ttl_seconds)


@dataclass
class FleetSeen(FromWorker):
    fleet: Fleet
    prices: PriceAnalysis
    risk: FleetRisk
    signals: Sequence[PoolSignal] = ()
    held: str = ""
    """why the daemon's rules suggest nothing"""


@dataclass
class ChangesSeen(FromWorker):
    changes: Sequence[FleetChange]


@dataclass
class ForecastSeen(FromWorker):
    found: InterruptionForecast


@dataclass
class ChoiceSeen(FromWorker):
    found: OpportunityAnalysis


@dataclass
class WatchSeen(FromWorker):
    watch: Watch


@dataclass
class JobsSeen(FromWorker):
    report: JobsReport


@dataclass
class RecoveriesSeen(FromWorker):
    recoveries: Mapping[str, Sequence[Recovery]]
    """job id → newest first"""


@dataclass
class QueuesSeen(FromWorker):
    report: QueuesReport


@dataclass
class VolumesSeen(FromWorker):
    report: VolumesReport


@dataclass
class AuditSeen(FromWorker):
    entries: Sequence[AuditEntry]


@dataclass
class ChainChecked(FromWorker):
    verification: Verified


@dataclass
class Answered(FromWorker):
    """The house recorded a person's answer to a proposal (and acted, when it was a yes)."""

    saved: Saved
    answer: Literal["approve", "deny"]


@dataclass
class ProposalFound(FromWorker):
    """A proposal was looked up to be shown."""

    saved: Saved


@dataclass
class Switched(FromWorker):
    """The kill switch was set, or lifted."""

    halted: bool
