"""One question on its way to an answer: a section asks for a tool's answer and either has it or waits for it.

Sections are run again on every turn. What they look for and is not there yet becomes the turn's tool calls;
when nothing is missing, what they said is the answer. Every call is made once, so the walk ends.
"""

import json
from collections.abc import Sequence
from typing import Any

from agent.models.planner.conversation import Exchange, Seen
from agent.models.planner.figures import Lang
from agent.models.planner.question import Question
from tools.tool import Tool

MAX_CALLS = 14
"""for one question"""


class Walk:
    """The state of one question: what was seen, what is still wanted."""

    def __init__(
        self,
        question: Question,
        now: Exchange,
        earlier: Sequence[Exchange],
        tools: Sequence[Tool],
        workloads: dict[str, str | None] | None,
    ) -> None:
        self.question = question
        self.lang: Lang = question.lang
        self.seen = now.seen
        self.earlier = tuple(earlier)
        self.workloads = workloads
        self._tools = {tool.name: tool for tool in tools}
        self.reads: list[tuple[str, dict[str, Any]]] = []
        self.writes: list[tuple[str, dict[str, Any]]] = []

    def say(self, en: str, ko: str) -> str:
        return en if self.lang == "en" else ko

    def offers(self, tool: str) -> bool:
        return tool in self._tools

    def look(self, tool: str, **wanted: Any) -> Seen | None:
        """The answer of a read; None = not there yet, and now it is asked for. A missing tool answers that it is."""
        return self._have(tool, wanted, self.reads)

    def propose(self, tool: str, **wanted: Any) -> Seen | None:
        """The outcome of a write; None = not yet. Only sections that were clearly asked for a change call it."""
        return self._have(tool, wanted, self.writes)

    def calls(self) -> tuple[tuple[str, dict[str, Any]], ...]:
        """What to ask now: every read at once, and writes one at a time when nothing is left to read."""
        wanted = self.reads or self.writes[:1]
        left = max(0, MAX_CALLS - len(self.seen))
        return tuple(wanted[:left])

    def _have(self, tool: str, wanted: dict[str, Any], asked: list[tuple[str, dict[str, Any]]]) -> Seen | None:
        if tool not in self._tools:
            return Seen(tool, wanted, {"ok": False, "error": self._not_offered(tool)})
        arguments = self._complete(tool, wanted)
        for seen in self.seen:
            if seen.tool == tool and _same(seen.arguments, arguments):
                return seen
        if len(self.seen) >= MAX_CALLS:
            return Seen(tool, wanted, {"ok": False, "error": self.say("too many calls for one question",
                                                                      "한 질문에 호출이 너무 많음")})  # fmt: skip
        if (tool, arguments) not in asked:
            asked.append((tool, arguments))
        return None

    def _complete(self, tool: str, wanted: dict[str, Any]) -> dict[str, Any]:
        """Every argument that the tool has: those not wanted are null."""
        return {name: wanted.get(name) for name in self._tools[tool].arguments.model_fields}

    def _not_offered(self, tool: str) -> str:
        return self.say(f"the tool {tool} is not available in this session", f"이 세션에는 {tool} 도구가 없음")


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
