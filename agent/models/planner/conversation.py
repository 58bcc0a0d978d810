"""What has been said so far: questions, the calls made for each, and what the tools answered."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from agent.models.model import Message


@dataclass(frozen=True)
class Seen:
    """One tool call and its answer."""

    tool: str
    arguments: dict[str, Any]
    answer: dict[str, Any]
    """the tool message's JSON; empty when it was not a JSON object"""

    @property
    def ok(self) -> bool:
        return bool(self.answer.get("ok", bool(self.answer)))

    @property
    def body(self) -> dict[str, Any]:
        for key in ("result", "action"):
            if isinstance(inner := self.answer.get(key), dict):
                return inner
        return self.answer

    @property
    def error(self) -> str:
        return str(self.answer.get("error") or self.answer.get("message") or "no readable answer")

    @property
    def hint(self) -> str:
        return str(self.answer.get("hint") or "")

    def find(self, key: str) -> Any:
        """The outermost field of that name anywhere in the answer; None when there is none."""
        return next((found for found in _named(self.answer, key) if found is not None), None)


@dataclass(frozen=True)
class Exchange:
    """One question and everything done for it."""

    question: str
    seen: tuple[Seen, ...] = ()
    answer: str = ""


def exchanges(messages: Sequence[Message]) -> tuple[Exchange, ...]:
    """The conversation cut at each question of the person, oldest first. A call without an answer is left out."""
    cut: list[list[Message]] = []
    for message in messages:
        if message.role == "user":
            cut.append([message])
        elif cut:
            cut[-1].append(message)
    return tuple(_exchange(part) for part in cut)


def _exchange(part: Sequence[Message]) -> Exchange:
    answers = {m.tool_call_id: m.content for m in part if m.role == "tool" and m.tool_call_id}
    seen = tuple(
        Seen(call.tool, _object(call.arguments), _object(answers[call.call_id]))
        for message in part
        for call in message.tool_calls
        if call.call_id in answers
    )
    said = [m.content for m in part if m.role == "assistant" and m.content]
    return Exchange(question=part[0].content, seen=seen, answer=said[-1] if said else "")


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _named(value: Any, key: str) -> Iterator[Any]:
    level = [value] if isinstance(value, dict) else []
    while level:
        for inner in level:
            if key in inner:
                yield inner[key]
        level = [f for inner in level for f in inner.values() if isinstance(f, dict)]
