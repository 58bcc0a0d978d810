"""A small house for the screens: real records in memory, and a conversation that says what a test wrote for it."""

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from agent.events import (
    Acted,
    ApprovalNeeded,
    Event,
    Finished,
    Proposed,
    Said,
    Spent,
    ToolRan,
    ToolStarted,
)
from agent.journal.watches import WatchedChange
from policies.records import Aftercare, Approval, Decision, Mode, Proposal
from tests.tui import care_records, job_records, records, volume_records
from tools.errors import SpotError
from tools.jobs.report import JobsReport
from tools.records import (
    AuditEntry,
    CostReport,
    Fleet,
    FleetRisk,
    HourlyCost,
    Intent,
    InterruptionForecast,
    Inventory,
    OpportunityAnalysis,
    Outcome,
    Permit,
    PoolSignal,
    PriceAnalysis,
    QueuesReport,
    Record,
    Recovery,
    VolumesReport,
    Watch,
)
from tui.care import FleetChange

ANSWER = """**ml-train** costs $6.15 an hour now. The money is in three places:

| fleet | $/h | spot | risk |
|---|---:|---:|---|
| ml-train | 6.15 | 83% | high |
| batch | 1.62 | 100% | medium |
| web-canary | 0.77 | 60% | low |

- `api-core` is covered by a Savings Plan until 2027-08: leave it alone.
- 83% of ml-train's spot capacity sits in one pool, `g5.xlarge/use1-az1`.

as of 2026-11-18 01:14:30Z, EC2 DescribeSpotPriceHistory
"""


class SavedPaper(Record):
    proposal: Proposal
    decision: Decision
    status: str = "pending"
    approvals: tuple[Approval, ...] = ()


class Checked(Record):
    ok: bool
    entries: int
    head: str
    first_bad: int | None = None
    reason: str = ""


class OpenPaper(Record):
    proposal_id: str
    intent: Intent
    last_outcome: Outcome | None = None


@dataclass
class StillClock:
    moment: datetime = records.NOW

    def now(self) -> datetime:
        return self.moment

    def forward(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


@dataclass
class Talk:
    """A conversation by script: `answers` are the events of the next questions, in order."""

    answers: list[Sequence[Event] | Exception] = field(default_factory=list)
    go: threading.Event = field(default_factory=threading.Event)
    """while cleared, the stream waits before its last event"""
    cancelled: threading.Event = field(default_factory=threading.Event)
    heard: list[tuple[str, ...]] = field(default_factory=list)
    at_last: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self.go.set()

    def ask(self, text: str) -> Iterator[Event]:
        self.heard.append(("ask", text))
        yield from self._tell()

    def answer(
        self, proposal_id: str, answer: Literal["approve", "deny"], *, by: str, reason: str = ""
    ) -> Iterator[Event]:
        self.heard.append(("answer", proposal_id, answer, by))
        if answer == "approve":
            yield Acted(proposal_id=proposal_id, outcome=outcome("done", "the fleet is as you approved it, read back"))
        yield Said(text="Done." if answer == "approve" else "Denied: nothing was changed.")
        yield Finished(status="answered")

    def resume(self) -> Iterator[Event]:
        self.heard.append(("resume",))
        yield Finished(status="answered", message="nothing was open")

    def cancel(self) -> None:
        self.cancelled.set()
        self.go.set()

    def _tell(self) -> Iterator[Event]:
        self.cancelled.clear()
        events = self.answers.pop(0) if self.answers else answered(ANSWER)
        if isinstance(events, Exception):
            raise events
        yield from events[:-1]
        self.go.wait(timeout=10)
        yield Finished(status="cancelled", message="stopped by you") if self.cancelled.is_set() else events[-1]


def outcome(status: Literal["done", "unknown", "refused"], message: str) -> Outcome:
    return Outcome(status=status, message=message, before={}, after={}, request_ids=(), at=records.NOW)


def answered(text: str, tool: str = "list_fleets", arguments: dict[str, object] | None = None) -> list[Event]:
    """One tool, then the text in pieces."""
    told = {"fleet": "ml-train", "window_hours": 168} if arguments is None else arguments
    return [
        ToolStarted(call_id="c1", tool="list_fleets", arguments={}),
        ToolRan(
            call_id="c1",
            tool="list_fleets",
            ok=True,
            summary="5 fleets, 60 instances",
            result=records.inventory(),
            seconds=0.4,
        ),
        ToolStarted(call_id="c2", tool=tool, arguments=told),
        ToolRan(call_id="c2", tool=tool, ok=False, summary="no prices for c7g.2xlarge in us-east-1", seconds=1.2),
        *(Said(text=text[n : n + 40]) for n in range(0, len(text), 40)),
        Spent(steps=3, prompt_tokens=1800, completion_tokens=240, usd=0.0),
        Finished(status="answered"),
    ]


def asking(proposal: Proposal, decision: Decision) -> list[Event]:
    """A proposal that waits for a person."""
    expires = records.NOW + timedelta(minutes=30)
    return [
        Said(text="I would widen the pools. "),
        Proposed(proposal=proposal, decision=decision),
        ApprovalNeeded(proposal=proposal, decision=decision, expires_at=expires),
        Finished(status="waiting"),
    ]


@dataclass
class PaperHouse:
    title: str = "123456789012 · us-east-1 · approve · offline planner: no language model"
    mode: Mode = "approve"
    simulated: bool = True
    person: str = "minji"
    clock: StillClock = field(default_factory=StillClock)
    talk: Talk = field(default_factory=Talk)
    fleets_now: Inventory = field(default_factory=records.inventory)
    fleet_now: Fleet = field(default_factory=records.fleet)
    prices_now: PriceAnalysis = field(default_factory=records.prices)
    signals_now: tuple[PoolSignal, ...] = field(default_factory=records.signals)
    forecast_now: InterruptionForecast = field(default_factory=records.forecast)
    choice_now: OpportunityAnalysis = field(default_factory=records.choice)
    watch_now: Watch = field(default_factory=records.watch)
    changes_now: tuple[FleetChange, ...] = field(default_factory=care_records.changes)
    watched_now: tuple[WatchedChange, ...] = ()
    jobs_now: JobsReport = field(default_factory=job_records.jobs)
    newest_now: dict[str, tuple[Recovery, ...]] = field(default_factory=dict)
    """what the journal holds by now, where it differs from `jobs_now`"""
    queues_now: QueuesReport | None = None
    volumes_now: VolumesReport = field(default_factory=volume_records.volumes)
    held_now: str = ""
    looks_after: int = 0
    saved: list[SavedPaper] = field(default_factory=list)
    entries: tuple[AuditEntry, ...] = field(default_factory=records.audit)
    checked: Checked | None = None
    left_open: tuple[OpenPaper, ...] = ()
    stopped: bool = False
    answers: list[tuple[str, str, str]] = field(default_factory=list)
    trouble: Exception | None = None
    """what every question about fleets meets, when set"""

    def session(self) -> Talk:
        return self.talk

    def inventory(self) -> Inventory:
        self._meet()
        return self.fleets_now

    def fleet(self, name: str) -> Fleet:
        self._meet()
        return self.fleet_now

    def prices(self, fleet: str) -> PriceAnalysis:
        return self.prices_now

    def risk(self, fleet: str) -> FleetRisk:
        return records.risk(fleet)

    def signals(self) -> tuple[PoolSignal, ...]:
        return self.signals_now

    def forecast(self, fleet: str) -> InterruptionForecast:
        self._meet()
        return self.forecast_now

    def choice(self, fleet: str) -> OpportunityAnalysis:
        self._meet()
        return self.choice_now

    def watch(self) -> Watch:
        return self.watch_now

    def jobs(self) -> JobsReport:
        self._meet()
        return self.jobs_now

    def recoveries(self, jobs: Collection[str]) -> dict[str, tuple[Recovery, ...]]:
        told = {s.job.job_id: tuple(v.recovery for v in s.recoveries) for s in self.jobs_now.jobs} | self.newest_now
        return {name: found for name, found in told.items() if name in jobs}

    def work_queues(self) -> QueuesReport | None:
        self._meet()
        return self.queues_now

    def volumes(self) -> VolumesReport:
        self._meet()
        return self.volumes_now

    def clean_up(self, orphan: str) -> SavedPaper:
        self._meet()
        self.saved.insert(0, SavedPaper(proposal=records.proposal(f"D-{orphan}"), decision=records.decision()))
        return self.saved[0]

    def costs(self) -> CostReport:
        nothing = HourlyCost(
            list_usd_per_hour=None,
            contracted_usd_per_hour=None,
            effective_usd_per_hour=None,
            unused_commitment_usd_per_hour=Decimal(0),
        )
        return CostReport(
            fleets=(),
            total=nothing,
            effective_savings_rate_share=None,
            commitments=(),
            not_rated=(),
            as_of=records.NOW,
            source="paper",
        )

    def proposals(self) -> tuple[SavedPaper, ...]:
        return tuple(self.saved)

    def answer(self, proposal_id: str, answer: Literal["approve", "deny"], *, by: str, reason: str = "") -> SavedPaper:
        self.answers.append((proposal_id, answer, by))
        place = next(n for n, s in enumerate(self.saved) if s.proposal.proposal_id == proposal_id)
        self.saved[place] = self.saved[place].with_(status="done" if answer == "approve" else "refused")
        return self.saved[place]

    def changes(self, fleet: str) -> tuple[FleetChange, ...]:
        return self.changes_now

    def undo(self, proposal_id: str) -> SavedPaper:
        self._meet()
        undoing = records.proposal(f"U-{proposal_id}").with_(aftercare=Aftercare(undoes=proposal_id))
        self.saved.insert(0, SavedPaper(proposal=undoing, decision=records.decision()))
        return self.saved[0]

    def held(self, fleet: str) -> str:
        return self.held_now

    def look_after(self) -> None:
        self.looks_after += 1

    def watched(self, named: Collection[str]) -> tuple[WatchedChange, ...]:
        return tuple(w for w in self.watched_now if w.open or w.status == "escalated" or w.proposal_id in named)

    def audit(self, after_seq: int, limit: int) -> tuple[AuditEntry, ...]:
        return tuple(e for e in self.entries if e.seq > after_seq)[:limit]

    def verify(self) -> Checked:
        return self.checked or Checked(ok=True, entries=len(self.entries), head=self.entries[0].hash)

    def open_intents(self) -> tuple[OpenPaper, ...]:
        return self.left_open

    def halt(self) -> None:
        self.stopped = True

    def resume_running(self) -> None:
        self.stopped = False

    def halted(self) -> bool:
        return self.stopped

    def _meet(self) -> None:
        if self.trouble is not None:
            raise self.trouble


def open_intent(proposal: Proposal) -> OpenPaper:
    """An action that was begun and never heard of again."""
    permit = Permit(
        permit_id="permit-1",
        proposal_digest=proposal.digest,
        action=proposal.action,
        action_digest=proposal.action.digest,
        state_fingerprint=proposal.preview.state_fingerprint,
        policy_digest="0" * 64,
        granted_by="person:minji",
        approval_id="A-1",
        issued_at=records.NOW,
        expires_at=records.NOW + timedelta(minutes=5),
    )
    intent = Intent(intent_id="I-1", permit=permit, expect={}, want={}, token="t", opened_at=records.NOW)
    return OpenPaper(proposal_id=proposal.proposal_id, intent=intent)


def busy_house() -> PaperHouse:
    """What the pictures show: one proposal waits, others are done."""
    return PaperHouse(
        saved=[
            SavedPaper(proposal=records.proposal(), decision=records.decision()),
            SavedPaper(
                proposal=records.proposal("P-7K1", name="batch", replaced=0),
                decision=records.decision("allow"),
                status="done",
            ),
            SavedPaper(
                proposal=records.proposal("P-7K0", name="api-core", replaced=8),
                decision=records.decision("deny", "covered by a Savings Plan: spot would pay twice"),
                status="denied",
            ),
        ]
    )


__all__ = ["ANSWER", "PaperHouse", "SpotError", "Talk", "answered", "asking", "busy_house", "open_intent", "outcome"]
