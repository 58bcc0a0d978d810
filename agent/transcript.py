"""One conversation as the journal holds it: messages under keys, so that adding again is a no-op.

Keys tell where a run stands: `RUN/0` the question, `RUN/3` the third model turn, `RUN/3.1` the answer to that
turn's second tool call, `RUN/end` the word that closed a run which did not end by itself.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pydantic import Field

from agent.journal.journal import Journal
from agent.models.model import Message, ToolCall, Turn
from agent.state import RunState, new_run
from tools.records import Record, canonical_json, digest_of
from tools.tool import MAX_ARGUMENT_BYTES

MAX_TEXT = 100_000
WINDOW_RUNS = 8
WINDOW_CHARACTERS = 160_000
_MAX_SHOWN_ARGUMENTS = 4_000


class Line(Record):
    """One stored message with what a model turn cost."""

    key: str
    message: Message
    prompt_tokens: int = Field(default=0, ge=0)
    completion_tokens: int = Field(default=0, ge=0)
    usd: float | None = 0.0

    @property
    def run_id(self) -> str:
        return self.key.partition("/")[0]

    @property
    def place(self) -> str:
        return self.key.partition("/")[2]


class Transcript:
    """Read once a stream, written through."""

    def __init__(self, journal: Journal, conversation_id: str) -> None:
        self._journal = journal
        self.conversation_id = conversation_id
        self._lines: dict[str, Line] = {}
        for stored in journal.messages(conversation_id):
            line = _loaded(stored, len(self._lines))
            self._lines.setdefault(line.key, line)

    def add(self, key: str, message: Message, *, turn: Turn | None = None) -> None:
        """Store a message once; a key that is there already stays as it is."""
        if key in self._lines:
            return
        usage = {} if turn is None else turn.model_dump(include={"prompt_tokens", "completion_tokens", "usd"})
        line = Line(key=key, message=message, **usage)
        self._journal.add_message(self.conversation_id, _stored(line))
        self._lines[key] = line

    # reading

    @property
    def runs(self) -> tuple[str, ...]:
        """Run ids, oldest first."""
        return tuple(dict.fromkeys(line.run_id for line in self._lines.values()))

    def line(self, key: str) -> Line | None:
        return self._lines.get(key)

    def turn(self, run_id: str, number: int) -> Turn | None:
        """A model turn that was stored before."""
        line = self._lines.get(turn_key(run_id, number)) if number else None
        if line is None:  # 0 is the question, not a turn
            return None
        return Turn(
            text=line.message.content,
            tool_calls=line.message.tool_calls,
            prompt_tokens=line.prompt_tokens,
            completion_tokens=line.completion_tokens,
            usd=line.usd,
        )

    def turns(self, run_id: str) -> int:
        """How many model turns a run has taken."""
        number = 0
        while turn_key(run_id, number + 1) in self._lines:
            number += 1
        return number

    def unanswered(self, run_id: str, number: int) -> tuple[int, ...]:
        """Indexes of a turn's tool calls that have no answer yet."""
        return tuple(
            i for i, _ in enumerate(self._calls_of(run_id, number)) if call_key(run_id, number, i) not in self._lines
        )

    def is_closed(self, run_id: str) -> bool:
        """Whether a run ended: by an answer without tool calls, or by a closing word."""
        last = self.turn(run_id, self.turns(run_id))
        return f"{run_id}/end" in self._lines or (last is not None and not last.tool_calls)

    def calls(self, run_id: str, until: int) -> tuple[tuple[str, ToolCall], ...]:
        """Every tool call of a run's turns 1…until, with its key, in order."""
        return tuple(
            (call_key(run_id, n, i), call)
            for n in range(1, until + 1)
            for i, call in enumerate(self._calls_of(run_id, n))
        )

    def _calls_of(self, run_id: str, number: int) -> tuple[ToolCall, ...]:
        line = self._lines.get(turn_key(run_id, number))
        return line.message.tool_calls if line else ()

    def answer(self, key: str) -> dict[str, Any]:
        """What a tool call was answered, as JSON; {} = not yet, or no object."""
        line = self._lines.get(key)
        try:
            value = json.loads(line.message.content) if line else {}
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}

    # the model's window

    def window(self, system: str, run_id: str) -> tuple[Message, ...]:
        """What the model sees: the whole current run, earlier runs with their tool results cut to a line.

        Every tool call has its answer right behind it, as the wire demands, whatever order the journal has them in.
        """
        kept: list[Message] = []
        for run in reversed(self.runs[-WINDOW_RUNS - 1 :]):
            messages = list(self._run(run, whole=run == run_id))
            if kept and size_of(kept) + size_of(messages) > WINDOW_CHARACTERS:
                break
            kept = messages + kept
        return (Message(role="system", content=system), *kept)

    def _run(self, run_id: str, *, whole: bool) -> Iterable[Message]:
        if question := self._lines.get(f"{run_id}/0"):
            yield question.message
        for number in range(1, self.turns(run_id) + 1):
            message = self._lines[turn_key(run_id, number)].message
            yield message.with_(tool_calls=tuple(_shown(c) for c in message.tool_calls))
            for index, call in enumerate(message.tool_calls):
                line = self._lines.get(call_key(run_id, number, index))
                answer = line.message if line else tool_message(call, {"error": "not run: the run stopped before it"})
                yield answer if whole else _stub(answer)
        if end := self._lines.get(f"{run_id}/end"):
            yield end.message


def position(transcript: Transcript, run_id: str, proposal_of: Callable[[str], str | None]) -> RunState:
    """Where a run stands, told by the journal alone: what the cache would say, had it not been lost.

    proposal_of   the proposal that a tool call (by key) drew up, if any
    """
    number = transcript.turns(run_id)
    open_calls = [call_key(run_id, number, i) for i in transcript.unanswered(run_id, number)]
    drawn = next(((k, p) for k in open_calls if (p := proposal_of(k))), None)
    finished = number - 1 if open_calls and drawn is None else number
    state = new_run(run_id)
    for n in range(1, finished + 1):
        turn = transcript.turn(run_id, n)
        state = state if turn is None else counted(state, turn)
    state["proposals"] = sum("proposal_id" in transcript.answer(k) for k, _ in transcript.calls(run_id, finished))
    if drawn is not None:
        state["call_key"], state["proposal_id"] = drawn
        state["next"] = "ask"
        state["proposals"] += 1
    return state


def counted(state: RunState, turn: Turn) -> RunState:
    """The state after one more model turn."""
    usd = None if state["usd"] is None or turn.usd is None else state["usd"] + turn.usd
    return {
        **state,
        "turn": state["turn"] + 1,
        "tool_calls": state["tool_calls"] + len(turn.tool_calls),
        "prompt_tokens": state["prompt_tokens"] + turn.prompt_tokens,
        "completion_tokens": state["completion_tokens"] + turn.completion_tokens,
        "usd": usd,
    }


def turn_key(run_id: str, number: int) -> str:
    return f"{run_id}/{number}"


def call_key(run_id: str, number: int, index: int) -> str:
    return f"{run_id}/{number}.{index}"


def tool_message(call: ToolCall, content: Mapping[str, Any] | str) -> Message:
    text = content if isinstance(content, str) else canonical_json(content)
    return Message(role="tool", content=clean(text), tool_call_id=call.call_id, tool=call.tool)


def turn_message(turn: Turn) -> Message:
    """A turn as it is stored: bounded, and UTF-8 whatever the model sent."""
    calls = tuple(
        ToolCall(
            call_id=clean(c.call_id), tool=clean(c.tool)[:200], arguments=clean(c.arguments, MAX_ARGUMENT_BYTES + 1)
        )
        for c in turn.tool_calls
    )
    return Message(role="assistant", content=clean(turn.text), tool_calls=calls)


def clean(text: str, limit: int = MAX_TEXT) -> str:
    """Lone surrogates become «?»: they have no UTF-8, and SQLite would refuse the row."""
    return text[:limit].encode("utf-8", "replace").decode()


def same_call(call: ToolCall) -> str:
    """One digest for calls that ask the same, however their JSON is spaced or ordered."""
    try:
        arguments = json.dumps(json.loads(call.arguments or "{}"), sort_keys=True)
    except (ValueError, RecursionError):
        arguments = call.arguments
    return digest_of([call.tool, arguments])


def size_of(messages: Iterable[Message]) -> int:
    """Characters of content and arguments."""
    return sum(len(m.content) + sum(len(c.arguments) for c in m.tool_calls) for m in messages)


def _stub(message: Message) -> Message:
    text = {
        "earlier_result": f"{message.tool}: {len(message.content):,} characters, left out; call it again for numbers"
    }
    keep = message.content if '"proposal_id"' in message.content else canonical_json(text)
    return message.with_(content=keep)


def _shown(call: ToolCall) -> ToolCall:
    """A call as the model may see its own again: servers refuse histories whose arguments are not JSON."""
    try:
        whole = len(call.arguments) <= _MAX_SHOWN_ARGUMENTS and isinstance(json.loads(call.arguments), dict)
    except (ValueError, RecursionError):
        whole = False
    return call if whole else call.with_(arguments="{}")


def _stored(line: Line) -> dict[str, Any]:
    """The message's own fields, flat, with our key and what it cost beside them."""
    fields = line.model_dump(mode="json")
    return {**fields.pop("message"), **fields}


def _loaded(stored: Mapping[str, Any], ordinal: int) -> Line:
    """A stored row; one without a key (written by another hand) is a run of its own."""
    message = {k: v for k, v in stored.items() if k in Message.model_fields}
    rest = {k: v for k, v in stored.items() if k in Line.model_fields}
    return Line.model_validate({"key": f"{ordinal:04d}-other/0", **rest, "message": message})
