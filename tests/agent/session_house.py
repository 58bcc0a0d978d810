"""A session on the simulated account with everything real but the model, which follows a script."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from agent.actuation import Actuation
from agent.events import Event
from agent.journal.journal import Journal
from agent.models.model import Delta, Message, ToolCall, Turn
from agent.session import Limits, Session
from policies.document import parse_policy
from tools.archive.archive import open_archive
from tools.aws.session import open_account
from tools.catalog import CATALOG
from tools.desk import Desk
from tools.market.advisor import SpotAdvisor
from tools.records import canonical_json, digest_of
from tools.simulation.client import SimulatedAccount
from tools.tool import Tool

POLICY = """
version: 1
accounts: [{id: "123456789012", regions: [us-east-1], write_role: current}]
policies:
  - name: ask-about-the-web
    resource: aws.asg
    mode: {type: approve}
    filters: [{"tag:workload": web}]
    actions: [{type: set-purchase-mix}, {type: set-allocation-strategy}, {type: set-desired-capacity}]
  - name: batch-by-itself
    resource: aws.asg
    mode: {type: autonomous}
    filters: [{"tag:workload": batch}]
    actions: [{type: set-allocation-strategy}, {type: set-purchase-mix}, {type: set-desired-capacity}]
"""

Script = Turn | Callable[[Sequence[Message]], Turn]


@dataclass
class Scripted:
    """Says its n-th turn when n turns stand since the question: it holds nothing, so a new process goes on with it."""

    script: Sequence[Script]
    name: str = "scripted"
    is_language_model: bool = False
    seen: list[Sequence[Message]] = field(default_factory=list)
    before_word: Callable[[int], None] = lambda _n: None

    def respond(
        self, messages: Sequence[Message], tools: Sequence[Tool], *, stop: Callable[[], bool]
    ) -> Iterator[Delta | Turn]:
        self.seen.append(messages)
        asked = max(i for i, m in enumerate(messages) if m.role == "user")
        number = sum(m.role == "assistant" for m in messages[asked:])
        step = self.script[min(number, len(self.script) - 1)]
        turn = step if isinstance(step, Turn) else step(messages)
        for position, word in enumerate(turn.text.split()):
            self.before_word(position)
            if stop():
                return
            yield Delta(text=word + " ")
        yield turn


def call(tool: str, **arguments: object) -> ToolCall:
    text = canonical_json(arguments)
    return ToolCall(call_id=f"call-{digest_of([tool, text])[:8]}", tool=tool, arguments=text)


def change(fleet: str, **wanted: object) -> ToolCall:
    """A change_fleet call: every argument, the ones not named as null, as strict schemas want."""
    tool = next(t for t in CATALOG if t.name == "change_fleet")
    return call("change_fleet", **{**dict.fromkeys(tool.schema()["properties"]), "fleet": fleet, **wanted})


@dataclass
class House:
    account: SimulatedAccount
    session: Session
    journal: Journal
    actuation: Actuation
    model: Scripted
    cache: Path

    def last_seq(self) -> int:
        return max((e["seq"] for e in self.account.effects()), default=0)

    def updates(self, after: int) -> list[dict]:
        return [e for e in self.account.effects(after) if e["operation"] == "UpdateAutoScalingGroup"]


@contextmanager
def open_house(
    account: SimulatedAccount,
    folder: Path,
    script: Sequence[Script],
    *,
    limits: Limits | None = None,
    conversation_id: str | None = None,
    policy: str = POLICY,
    stopwatch: Callable[[], float] | None = None,
    halted: Callable[[], bool] = lambda: False,
) -> Iterator[House]:
    """Opened anew each time, as a new process would."""
    clock = account.clock
    model, law = Scripted(script), parse_policy(policy, source="test")
    with (
        Journal.open(folder / "journal.db", clock=clock) as journal,
        open_archive(folder / "journal.archive.db", clock=clock) as archive,
        open_account(
            profile=None,
            region=account.region,
            endpoint_url=account.endpoint_url,
            clock=clock,
            credentials=("AKIASIMULATED0000000", "simulated"),
        ) as aws,
    ):
        actuation = Actuation(
            reader=aws.reader,
            writer=aws.writer,
            journal=journal,
            policy=lambda: law,
            clock=clock,
            halted=halted,
            audit_verified=lambda: True,
        )
        session = Session(
            desk=Desk(
                reader=aws.reader,
                clock=clock,
                audit=journal,
                archive=archive,
                advisor=SpotAdvisor(account.advisor_url, cache=None, clock=clock),
            ),
            catalog=CATALOG,
            actuation=actuation,
            journal=journal,
            model=model,
            clock=clock,
            limits=limits or Limits(),
            conversation_id=conversation_id or journal.start_conversation("test", lang="en"),
            lang="en",
            mode="approve",
            checkpoints=folder / "journal.db.graph",
            **({"stopwatch": stopwatch} if stopwatch else {}),
        )
        yield House(account, session, journal, actuation, model, folder / "journal.db.graph")


def kinds(events: Sequence[Event]) -> list[str]:
    """Event names in order, runs of one name said once."""
    return [name for name, _ in itertools.groupby(type(e).__name__ for e in events)]


def said(events: Sequence[Event]) -> str:
    return "".join(e.text for e in events if type(e).__name__ == "Said").strip()


REPORT = Turn(text="there you are", prompt_tokens=20, completion_tokens=3)
