"""The steps of a run: observe, propose, act. Plain functions of a state; agent/graph.py strings them together.

Every step may be killed anywhere and run again from its start: what it wrote before is found under its key and
kept, a proposal is found again in the journal, and an effect happens once because Actuation says so.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from agent.actuation import Actuation
from agent.events import Acted, Event, Proposed, Said, Spent, ToolRan, ToolStarted
from agent.journal.journal import Journal
from agent.journal.records import SavedProposal
from agent.models.model import Delta, Model, ToolCall, Turn
from agent.state import Limits, RunState, Step
from agent.told import outcome_told, told, trouble_told
from agent.toolbelt import Toolbelt, ToolResult
from agent.transcript import (
    Transcript,
    call_key,
    clean,
    counted,
    same_call,
    tool_message,
    turn_key,
    turn_message,
)
from policies.records import Aftercare
from tools.cloud import Clock
from tools.errors import (
    ApprovalNeeded,
    AuditBroken,
    CloudError,
    DataError,
    Denied,
    Halted,
    JournalError,
    LimitReached,
    ModelError,
    SpotError,
    StalePlan,
)
from tools.records import Action, digest_of

Emit = Callable[[Event], None]
_ACTED_ON = frozenset({"allowed", "approved", "acting", "done", "partial", "failed", "unknown"})
_REPLANS = 1
_MAX_RATIONALE = 300
_REMEMBERED = 100
"""changes of a fleet among which the newest is looked for, as `roll_back` does"""


class Cancelled(Exception):
    """The person said stop."""


@dataclass(frozen=True)
class Walk:
    """What the steps need, for one stream of events."""

    toolbelt: Toolbelt
    actuation: Actuation
    journal: Journal
    model: Model
    clock: Clock
    limits: Limits
    transcript: Transcript
    system: str
    """the system message"""
    stopped: Callable[[], bool]
    seconds: Callable[[], float]
    """of work in this stream so far"""

    @property
    def by(self) -> str:
        return f"agent:{self.model.name}"[:255]

    # 1 observe

    def observe(self, state: RunState, emit: Emit) -> RunState:
        """One model turn, and the answers to the tools that only look."""
        number = state["turn"] + 1
        turn = self.transcript.turn(state["run_id"], number)
        if turn is None:
            turn = self._ask_model(state, emit)
        elif turn.text:
            emit(Said(text=turn.text))  # told to a stream that ended before its people could read it
        after = counted(state, turn)
        emit(_spent(after))
        chosen = self._answer_turn(state, number, turn, emit)
        if not turn.tool_calls:
            return _to(after, "end")
        return _to(after, "propose", call=chosen) if chosen else _to(after, "observe")

    def _ask_model(self, state: RunState, emit: Emit) -> Turn:
        """Stream one turn, and write it down whole. A turn that was cut short is not written.

        Raises  Cancelled; LimitReached; ModelError
        """
        self._check_stop()
        self.limits.check(state, seconds=self.seconds())
        key = turn_key(state["run_id"], state["turn"] + 1)
        stream = self.model.respond(
            self.transcript.window(self.system, state["run_id"]), self.toolbelt.tools, stop=self.stopped
        )
        turn, streamed = None, False
        try:
            for piece in stream:
                if isinstance(piece, Delta):
                    self._check_stop()
                    streamed = True
                    emit(Said(text=clean(piece.text)))
                else:
                    turn = piece
                    self._pay(turn)
        finally:
            close = getattr(stream, "close", None)
            if close is not None:
                close()
        self._check_stop()
        if turn is None or not (turn.text.strip() or turn.tool_calls):
            raise ModelError(f"{self.model.name} answered nothing", hint="ask again, or choose another model")
        self._write_turn(key, turn)
        if turn.text and not streamed:
            emit(Said(text=clean(turn.text)))
        return self.transcript.turn(state["run_id"], state["turn"] + 1) or turn

    def _pay(self, turn: Turn) -> None:
        """Into the ledger at once: a turn that is thrown away was paid for too."""
        if turn.usd:
            self.journal.spend(Decimal(f"{turn.usd:.6f}"), what=self.by, now=self.clock.now())

    def _write_turn(self, key: str, turn: Turn) -> None:
        message = turn_message(turn)
        self.journal.append(
            "model-turn",
            {
                "conversation": self.transcript.conversation_id,
                "key": key,
                "model": self.model.name,
                "text_digest": digest_of(message.content),
                "text_characters": len(message.content),
                "calls": [{"tool": c.tool, "arguments_digest": digest_of(c.arguments)} for c in message.tool_calls],
                "prompt_tokens": turn.prompt_tokens,
                "completion_tokens": turn.completion_tokens,
                "usd": None if turn.usd is None else f"{turn.usd:.6f}",
            },
            actor=self.by,
        )
        self.transcript.add(key, message, turn=turn)

    def _answer_turn(self, state: RunState, number: int, turn: Turn, emit: Emit) -> str:
        """Answer a turn's calls, one by one. Returns the key of the one write call that goes on to propose, or ""."""
        writes = {tool.name for tool in self.toolbelt.tools if tool.effect == "write"}
        chosen = ""
        for index, call in enumerate(turn.tool_calls):
            key = call_key(state["run_id"], number, index)
            if self.transcript.line(key):
                continue
            self._check_stop()
            if state["tool_calls"] + index >= self.limits.tool_calls:
                raise LimitReached(
                    f"limit reached: {self.limits.tool_calls} tool calls used in this run",
                    hint="what was found so far is kept: ask on, or raise the limit",
                )
            refused = self._refusal(state, number, key, call, write=call.tool in writes)
            if refused or (call.tool in writes and chosen):
                self._refuse(key, call, refused or "one change at a time: propose this after the first", emit)
            elif call.tool in writes:
                chosen = key
            else:
                result = self._run(key, call, emit)
                self._answer(key, call, result.text_for_model)
        return chosen

    def _refusal(self, state: RunState, number: int, key: str, call: ToolCall, *, write: bool) -> str:
        """Why a call is not carried out; "" = it is."""
        calls = self.transcript.calls(state["run_id"], number)
        earlier = calls[: [k for k, _ in calls].index(key)]
        changed = [n for n, (k, _) in enumerate(earlier) if "proposal_id" in self.transcript.answer(k)]
        since = 0 if write or not changed else changed[-1]  # after a change the same look finds something new
        if sum(same_call(c) == same_call(call) for _, c in earlier[since:]) >= 2:
            return "the same call with the same arguments a third time: use what it answered, or ask something else"
        if write and state["proposals"] >= self.limits.proposals:
            return f"{self.limits.proposals} changes were proposed in this run, the most that may: report what is so"
        stale = sum(self._outcome_status(k) == "stale" for k, _ in earlier)
        if write and stale > _REPLANS:
            return "the fleet moved twice under this plan: report that, and let the person ask again"
        return ""

    def _outcome_status(self, key: str) -> str:
        outcome = self.transcript.answer(key).get("outcome")
        return str(outcome.get("status")) if isinstance(outcome, dict) else ""

    # 2 and 3 propose and judge

    def propose(self, state: RunState, emit: Emit) -> RunState:
        """Draw up the chosen write call's action, have it previewed and judged. Nothing is changed."""
        key = state["call_key"]
        call = self._call(key)
        if call is None or self.transcript.line(key):
            return _to(state, "observe")
        self._check_stop()
        result = self._run(key, call, emit, audited=False)
        if result.action is None:
            self._audit_call(key, call, ok=False, summary=result.summary_for_people)
            self._answer(key, call, result.text_for_model)
            return _to(state, "observe")
        try:
            saved = self._proposal_again(key, result.action) or self.actuation.propose(
                result.action,
                by=self.by,
                actor="agent",
                rationale=self._rationale(state),
                aftercare=self._undoes(call, result.action),
            )
        except (JournalError, AuditBroken):
            raise
        except SpotError as error:
            self._audit_call(key, call, ok=False, summary=error.message)
            self._answer(key, call, trouble_told(call, error))
            return _to(state, "observe")
        return self._judged(state, key, call, result, saved, emit)

    def _undoes(self, call: ToolCall, action: Action) -> Aftercare | None:
        """What `roll_back` sets back: the change that was named, or the newest of the fleet that changed something."""
        if call.tool != "roll_back":
            return None
        named = _arguments(call).get("proposal_id")
        if not named:
            known = self.journal.changes_of(action.fleet.label, limit=_REMEMBERED)
            made = (c.proposal_id for c in known if c.status in {"done", "partial"} and c.before != c.after)
            named = next(made, None)
        return Aftercare(undoes=str(named)) if named else None

    def _judged(
        self, state: RunState, key: str, call: ToolCall, result: ToolResult, saved: SavedProposal, emit: Emit
    ) -> RunState:
        proposal_id = saved.proposal.proposal_id
        self._audit_call(key, call, ok=True, summary=result.summary_for_people, proposal_id=proposal_id)
        emit(Proposed(proposal=saved.proposal, decision=saved.decision))
        after: RunState = {**state, "proposals": state["proposals"] + 1, "proposal_id": proposal_id}
        if saved.status == "pending":
            return _to(after, "ask", call=key)
        if saved.status in _ACTED_ON:
            return _to(after, "act", call=key)
        self._answer(key, call, told(call, saved))
        return _to(after, "observe")

    def _proposal_again(self, key: str, action: Action) -> SavedProposal | None:
        """The proposal that this very call drew up before a kill: linked to it, or written after its model turn."""
        found = None
        kinds = ("model-turn", "tool-call", "proposal")
        for entry in self.journal.entries(newest_first=True, limit=500, kinds=kinds):
            payload = json.loads(entry.payload)
            if entry.kind == "tool-call" and payload.get("key") == key and payload.get("proposal_id"):
                return self.journal.proposal(payload["proposal_id"])
            if entry.kind == "model-turn" and payload.get("key") == key.rpartition(".")[0]:
                return found
            if entry.kind == "proposal" and payload["proposal"]["proposed_by"] == self.by:
                saved = self.journal.proposal(payload["proposal"]["proposal_id"])
                found = saved if saved.proposal.action == action else found
        return None

    def _rationale(self, state: RunState) -> str:
        """What was asked, and what a language model said to it, in one line. The planner's words are the preview."""
        asked = self.transcript.line(f"{state['run_id']}/0")
        turn = self.transcript.turn(state["run_id"], state["turn"])
        said = turn.text if turn and self.model.is_language_model else ""
        words = f"asked: {asked.message.content if asked else ''}" + (f" | said: {said}" if said else "")
        return " ".join(words.split())[:_MAX_RATIONALE]

    # 5 act

    def act(self, state: RunState, emit: Emit) -> RunState:
        """Carry out the allowed or approved proposal, once, and tell the model what became of it."""
        key = state["call_key"]
        call = self._call(key)
        if call is not None and not self.transcript.line(key):
            self._check_stop()
            self._answer(key, call, self._carry_out(call, state["proposal_id"], emit))
        return _to({**state, "proposal_id": ""}, "observe")

    def _carry_out(self, call: ToolCall, proposal_id: str, emit: Emit) -> dict[str, Any]:
        saved = self.journal.proposal(proposal_id)
        if saved.status not in _ACTED_ON and saved.status != "pending":
            return told(call, saved)
        try:
            outcome = self.actuation.act(proposal_id, by=self.by)
        except StalePlan as error:
            drift = list(error.drift)[:20]
            return told(call, saved, {"status": "stale", "message": error.message, "hint": error.hint, "drift": drift})
        except (Denied, ApprovalNeeded, Halted) as error:
            return told(call, saved, {"status": "refused", "message": error.message, "hint": error.hint})
        except (CloudError, DataError) as error:
            return told(call, saved, {"status": "failed", "message": error.message, "hint": error.hint})
        emit(Acted(proposal_id=proposal_id, outcome=outcome))
        return told(call, self.journal.proposal(proposal_id), outcome_told(outcome))

    # small things

    def _check_stop(self) -> None:
        if self.stopped():
            raise Cancelled
        if self.limits.seconds is not None and self.seconds() >= self.limits.seconds:
            raise LimitReached(
                f"limit reached: {self.limits.seconds:.0f} s of work used in this run",
                hint="what was found so far is kept: ask on, or raise the limit",
            )

    def _call(self, key: str) -> ToolCall | None:
        run_id, _, place = key.partition("/")
        number, _, index = place.partition(".")
        turn = self.transcript.turn(run_id, int(number)) if number.isdigit() and index.isdigit() else None
        return turn.tool_calls[int(index)] if turn and int(index) < len(turn.tool_calls) else None

    def _run(self, key: str, call: ToolCall, emit: Emit, *, audited: bool = True) -> ToolResult:
        """Through the toolbelt, with its two events."""
        emit(ToolStarted(call_id=key, tool=_name(call), arguments=_arguments(call)))
        result = self.toolbelt.run(call)
        if audited:
            self._audit_call(key, call, ok=result.ok, summary=result.summary_for_people)
        emit(
            ToolRan(
                call_id=key,
                tool=_name(call),
                ok=result.ok,
                summary=result.summary_for_people,
                result=result.record or result.action,
                seconds=result.seconds,
            )
        )
        return result

    def _refuse(self, key: str, call: ToolCall, why: str, emit: Emit) -> None:
        self._audit_call(key, call, ok=False, summary=why)
        emit(ToolStarted(call_id=key, tool=_name(call), arguments=_arguments(call)))
        emit(ToolRan(call_id=key, tool=_name(call), ok=False, summary=why, seconds=0.0))
        self._answer(key, call, {"ok": False, "tool": call.tool[:100], "error": why})

    def _answer(self, key: str, call: ToolCall, content: dict[str, Any] | str) -> None:
        self.transcript.add(key, tool_message(call, content))

    def _audit_call(self, key: str, call: ToolCall, *, ok: bool, summary: str, proposal_id: str = "") -> None:
        entry: dict[str, Any] = {
            "conversation": self.transcript.conversation_id,
            "key": key,
            "tool": clean(call.tool)[:100],
            "arguments_digest": digest_of(clean(call.arguments)),
            "ok": ok,
            "summary": clean(summary)[:300],
        }
        self.journal.append("tool-call", {**entry, "proposal_id": proposal_id} if proposal_id else entry, actor=self.by)


def _name(call: ToolCall) -> str:
    return call.tool[:255] or "(no name)"


def _arguments(call: ToolCall) -> dict[str, Any]:
    """For the screen: the arguments when they are an object, else their beginning."""
    try:
        value = json.loads(call.arguments or "{}", parse_constant=str)
    except (ValueError, RecursionError):
        value = None
    return value if isinstance(value, dict) else {"(not an object)": call.arguments[:200]}


def _spent(state: RunState) -> Spent:
    return Spent(
        steps=state["turn"],
        prompt_tokens=state["prompt_tokens"],
        completion_tokens=state["completion_tokens"],
        usd=state["usd"],
    )


def _to(state: RunState, step: Step, *, call: str = "") -> RunState:
    return {**state, "call_key": call, "next": step}
