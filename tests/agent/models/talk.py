"""A conversation with the planner on the account of world.py."""

import json
from dataclasses import dataclass
from typing import Any

from agent.models.model import Message, Turn
from agent.models.offline import OfflinePlanner
from agent.toolbelt import Toolbelt
from tests.agent.models.world import CATALOG, desk
from tools.records import canonical_json


@dataclass
class Talk:
    """A conversation with the planner, every call answered by a real Toolbelt."""

    messages: tuple[Message, ...] = ()
    catalog: tuple[Any, ...] = CATALOG
    calls: tuple[tuple[str, dict[str, Any]], ...] = ()
    results: tuple[str, ...] = ()

    def ask(self, text: str, *, verdict: str = "ask") -> str:
        belt, planner = Toolbelt(self.catalog, desk()), OfflinePlanner()
        self.messages += (Message(role="user", content=text),)
        self.calls, self.results = (), ()
        for _ in range(12):
            turn = list(planner.respond(self.messages, self.catalog, stop=lambda: False))[-1]
            assert isinstance(turn, Turn)
            self.messages += (Message(role="assistant", content=turn.text, tool_calls=turn.tool_calls),)
            if not turn.tool_calls:
                return turn.text
            for call in turn.tool_calls:
                self.calls += ((call.tool, json.loads(call.arguments)),)
                result = belt.run(call)
                content = result.text_for_model
                if result.action is not None:  # as the session tells it
                    status = {"ask": "pending", "allow": "done", "deny": "denied"}[verdict]
                    content = canonical_json({"ok": status == "done", "tool": call.tool, "proposal_id": "p-1", "verdict": verdict,
                                              "clauses": ["tour/approve"], "reasons": ["a person must say yes"],
                                              "outcome": {"status": status, "message": "as judged"}})  # fmt: skip
                self.results += (content,)
                self.messages += (Message(role="tool", content=content, tool_call_id=call.call_id, tool=call.tool),)
        raise AssertionError(f"no answer after 12 turns: {self.calls}")
