"""The product as one process of it runs: what `plan`, `approve`, `apply` and a start after a crash do, on real parts."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from agent.actuation import Actuation
from agent.autonomy import Daemon
from agent.journal.journal import Journal
from agent.journal.verify import verify
from policies.document import Policy, load_policy
from tests.torture.boundaries import Boundaries
from tools.aws.reader import AwsReader
from tools.aws.session import AwsAccount
from tools.errors import SpotError
from tools.records.actions import ACTION
from tui.kill_switch import is_on

OURS = ("AKIATORTURED00000000", "tortured")
STRANGER = ("AKIASOMEBODYELSE0000", "other")
OPERATOR = "person:operator"


class FileClock:
    """The account's time as the harness last wrote it: everybody sees the same, also who slept."""

    path = Path("/nowhere")

    def now(self) -> datetime:
        return datetime.fromisoformat(self.path.read_text())


CLOCK = FileClock()


@dataclass(frozen=True)
class Ground:
    """Where one experiment lies: every file of it, and nothing else."""

    folder: Path

    @property
    def db(self) -> Path:
        return self.folder / "journal.db"

    @property
    def effects(self) -> Path:
        return self.folder / "effects.jsonl"

    @property
    def told(self) -> Path:
        return self.folder / "told.jsonl"

    @property
    def clock(self) -> Path:
        return self.folder / "clock"

    @property
    def stop(self) -> Path:
        return self.folder / "STOP"

    @property
    def policy(self) -> Path:
        return self.folder / "policy.yaml"


@dataclass
class House:
    """One process of the product, opened."""

    ground: Ground
    account: AwsAccount
    boundaries: Boundaries
    lease: Any = None
    _loaded: tuple[tuple[int, ...], Policy] | None = None

    def __post_init__(self) -> None:
        calls = self.account.calls
        self.reader = AwsReader(calls, CLOCK)
        self.journal = Journal.open(self.ground.db, clock=CLOCK)
        self.actuation = Actuation(
            reader=self.reader,
            writer=self.account.writer,
            journal=self.journal,
            policy=self._policy,
            clock=CLOCK,
            halted=lambda: is_on((self.ground.stop,)),
            audit_verified=lambda: verify(self.ground.db).ok,
            lease=lambda: self.lease,
        )

    def _policy(self) -> Policy:
        """As the front door reads it: anew when the file changed."""
        found = self.ground.policy.stat()
        stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
        if self._loaded is None or self._loaded[0] != stamp:
            self._loaded = (stamp, load_policy(self.ground.policy))
        return self._loaded[1]

    def proposal(self, action: Any) -> Any:
        """The newest one that is for this action; None = there is none."""
        return next((p for p in self.journal.proposals() if p.proposal.action == action), None)

    def draw(self, job: dict[str, Any]) -> str:
        """`plan` and `approve --no-apply`."""
        action = ACTION.validate_python(job["action"])
        actor = job["actor"]
        by = "reflex" if actor == "reflex" else OPERATOR
        saved = self.actuation.propose(action, by=by, actor=actor, rationale="torture")
        return self._answered(saved)

    def propose(self, job: dict[str, Any]) -> None:
        """`plan`."""
        action = ACTION.validate_python(job["action"])
        self.actuation.propose(action, by=OPERATOR, actor=job["actor"], rationale="torture")

    def _answered(self, saved: Any) -> str:
        proposal_id: str = saved.proposal.proposal_id
        if saved.status == "pending":
            self.actuation.answer(proposal_id, answer="approve", by=OPERATOR)
        return proposal_id

    def act(self, job: dict[str, Any]) -> None:
        """`apply`."""
        action = ACTION.validate_python(job["action"])
        saved = self.proposal(action)
        outcome = self.actuation.act(saved.proposal.proposal_id, by=OPERATOR)
        self.boundaries.tell(outcome=outcome.status, message=outcome.message)

    def resume(self, job: dict[str, Any]) -> None:
        """A new process after a crash: settle what is open, then carry on with what was asked."""
        action = ACTION.validate_python(job["action"])
        for proposal_id, outcome in self.actuation.reconcile():
            self.boundaries.tell(reconciled=proposal_id, outcome=outcome.status)
        saved = self.proposal(action)
        if saved is None:
            self.draw(job)
        elif saved.status == "pending":
            self._answered(saved)
        self.act(job)

    def answer(self, job: dict[str, Any]) -> None:
        """`approve` or `deny`, by somebody."""
        saved = self.proposal(ACTION.validate_python(job["action"]))
        self.actuation.answer(saved.proposal.proposal_id, answer=job["answer"], by=job["by"])

    def whole(self, job: dict[str, Any]) -> None:
        self.draw(job)
        self.act(job)

    def lead(self, job: dict[str, Any]) -> None:
        """One of two daemons: take the lease, settle, carry on with what was approved."""
        self.take_over(job)
        self.resume(job)

    def take_over(self, job: dict[str, Any]) -> None:
        """Take the lease, and for now nothing more."""
        daemon = Daemon(self.actuation, None, str(job["holder"]))
        daemon.lead()
        self.actuation = daemon.actuation

    def settle(self, job: dict[str, Any]) -> None:
        """Only look."""
        for proposal_id, outcome in self.actuation.reconcile():
            self.boundaries.tell(reconciled=proposal_id, outcome=outcome.status)


def _drifts(house: House, job: dict[str, Any]) -> None:
    from tests.torture.drifts import batch

    batch(house, job)


Program = Callable[[House, dict[str, Any]], Any]
PROGRAMS: dict[str, Program] = {
    "propose": House.propose,
    "draw": House.draw,
    "act": House.act,
    "resume": House.resume,
    "whole": House.whole,
    "settle": House.settle,
    "lead": House.lead,
    "take-over": House.take_over,
    "answer": House.answer,
    "drifts": _drifts,
}


def run(ground: Ground, account: AwsAccount, boundaries: Boundaries, program: str, job: dict[str, Any]) -> None:
    """One process's life, after the fork. Troubles that the product tells are its answers, and noted as such."""
    CLOCK.__class__.path = ground.clock
    try:
        house = House(ground, account, boundaries)
        try:
            PROGRAMS[program](house, job)
        except SpotError as error:
            boundaries.tell(refused=type(error).__name__, message=error.message)
        house.journal.close()
    except SpotError as error:
        boundaries.tell(refused=type(error).__name__, message=error.message, opening=True)


def acknowledged(told: Path) -> list[tuple[int, str]]:
    """(seq, hash) of every entry that a process was told is stored."""
    if not told.exists():
        return []
    lines = (json.loads(line) for line in told.read_text().splitlines())
    return [tuple(line["acknowledged"]) for line in lines if "acknowledged" in line]


def open_told(ground: Ground) -> int:
    return os.open(ground.told, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
