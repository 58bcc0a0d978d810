"""What the screens ask of the house. Every call may block: screens ask from thread workers only."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Literal, Protocol

from agent.events import Event
from agent.journal.watches import WatchedChange
from policies.records import Approval, Decision, Mode, Proposal
from tools.cloud import Clock
from tools.jobs.report import JobsReport
from tools.records import (
    AuditEntry,
    CostReport,
    Fleet,
    FleetRisk,
    Intent,
    InterruptionForecast,
    Inventory,
    OpportunityAnalysis,
    Outcome,
    PoolSignal,
    PriceAnalysis,
    QueuesReport,
    Recovery,
    VolumesReport,
    Watch,
)
from tui.care import FleetChange


class Conversation(Protocol):
    """agent.session.Session, as screens see it. Every stream ends with Finished."""

    def ask(self, text: str) -> Iterator[Event]: ...

    def answer(
        self, proposal_id: str, answer: Literal["approve", "deny"], *, by: str, reason: str = ""
    ) -> Iterator[Event]: ...

    def resume(self) -> Iterator[Event]: ...

    def cancel(self) -> None:
        """Thread-safe; the running stream ends with Finished("cancelled")."""
        ...


class Saved(Protocol):
    """A proposal as the journal keeps it (agent.journal's SavedProposal)."""

    @property
    def proposal(self) -> Proposal: ...

    @property
    def decision(self) -> Decision: ...

    @property
    def status(self) -> str:
        """pending, denied, allowed, approved, refused, acting, done, failed, unknown, expired"""
        ...

    @property
    def approvals(self) -> Sequence[Approval]: ...


class Open(Protocol):
    """An intent without a final outcome (agent.journal's OpenIntent)."""

    @property
    def proposal_id(self) -> str: ...

    @property
    def intent(self) -> Intent: ...

    @property
    def last_outcome(self) -> Outcome | None: ...


class Verified(Protocol):
    """The audit chain, checked (agent.journal's Verification)."""

    @property
    def ok(self) -> bool: ...

    @property
    def entries(self) -> int: ...

    @property
    def head(self) -> str: ...

    @property
    def first_bad(self) -> int | None: ...

    @property
    def reason(self) -> str: ...


class House(Protocol):
    """Everything the terminal shows or does. Raises SpotError, which is shown as a notice."""

    @property
    def title(self) -> str:
        """account · region · mode · model: parts joined with « · »"""
        ...

    @property
    def mode(self) -> Mode: ...

    @property
    def simulated(self) -> bool:
        """True: the account is the simulated one, nothing costs money"""
        ...

    @property
    def person(self) -> str:
        """who sits here, as approvals name them"""
        ...

    @property
    def clock(self) -> Clock: ...

    def session(self) -> Conversation:
        """The one conversation of this terminal: the same object every time."""
        ...

    def inventory(self) -> Inventory: ...

    def fleet(self, name: str) -> Fleet: ...

    def prices(self, fleet: str) -> PriceAnalysis: ...

    def risk(self, fleet: str) -> FleetRisk: ...

    def signals(self) -> Sequence[PoolSignal]:
        """What EC2 did in the pools of our fleets in the last week, oldest first, each event once."""
        ...

    def forecast(self, fleet: str) -> InterruptionForecast: ...

    def choice(self, fleet: str) -> OpportunityAnalysis:
        """The pools of the fleet's instance types side by side, for a day of work."""
        ...

    def watch(self) -> Watch: ...

    def costs(self) -> CostReport: ...

    def jobs(self) -> JobsReport: ...

    def work_queues(self) -> QueuesReport | None:
        """None = the settings name no queue."""
        ...

    def recoveries(self, jobs: Collection[str]) -> Mapping[str, Sequence[Recovery]]:
        """Of each job by name, newest first."""
        ...

    def volumes(self) -> VolumesReport: ...

    def clean_up(self, orphan: str) -> Saved:
        """Draw up the next step of clearing an orphan (its id) away; it waits for a person's answer."""
        ...

    def proposals(self) -> Sequence[Saved]:
        """Newest first, whatever their status."""
        ...

    def answer(self, proposal_id: str, answer: Literal["approve", "deny"], *, by: str, reason: str = "") -> Saved:
        """Record the answer; an approved action is carried out before this returns."""
        ...

    def changes(self, fleet: str) -> Sequence[FleetChange]:
        """What was carried out on a fleet (its label), newest first."""
        ...

    def undo(self, proposal_id: str) -> Saved:
        """Draw up what sets a change back; it waits for a person's answer like any other."""
        ...

    def held(self, fleet: str) -> str:
        """Why the daemon's rules suggest nothing for a fleet (its name); empty where they say nothing."""
        ...

    def look_after(self) -> None:
        """Verify one change whose turn has come, where no daemon does."""
        ...

    def watched(self, named: Collection[str]) -> Sequence[WatchedChange]:
        """Changes that are watched or wait for a person to look; and those named, however they ended."""
        ...

    def audit(self, after_seq: int, limit: int) -> Sequence[AuditEntry]:
        """The newest `limit` entries above `after_seq`, newest first."""
        ...

    def verify(self) -> Verified: ...

    def open_intents(self) -> Sequence[Open]: ...

    def halt(self) -> None: ...

    def resume_running(self) -> None: ...

    def halted(self) -> bool: ...
