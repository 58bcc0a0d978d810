"""What a model is to the rest of the house: messages in, words and tool calls out. It never acts."""

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, Protocol

from pydantic import Field

from tools.records import Name, Record
from tools.tool import Tool


class ToolCall(Record):
    call_id: Name
    tool: str
    """as the model wrote it: may be no tool of ours"""
    arguments: str
    """as the model wrote it: JSON text, maybe malformed; parsed once by Tool.parse"""


class Message(Record):
    role: Literal["system", "user", "assistant", "tool"]
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    """assistant only"""
    tool_call_id: str | None = None
    """tool only: which call this answers"""
    tool: str | None = None
    """tool only: its name"""


class Delta(Record):
    """A piece of text as it streams."""

    text: str


class Turn(Record):
    """One whole answer of the model: the last thing that `respond` yields."""

    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    prompt_tokens: int = Field(default=0, ge=0)
    completion_tokens: int = Field(default=0, ge=0)
    usd: float | None = 0.0
    """None = price unknown"""


class Model(Protocol):
    name: str
    """as people should see it: «gpt-x at api.example», «offline planner: no language model»"""
    is_language_model: bool

    def respond(
        self, messages: Sequence[Message], tools: Sequence[Tool], *, stop: Callable[[], bool]
    ) -> Iterator[Delta | Turn]:
        """Stream one turn. `stop()` turning True ends it early with what there is.

        Raises  ModelError: the endpoint failed for good; LimitReached: a budget would be passed
        """
        ...
