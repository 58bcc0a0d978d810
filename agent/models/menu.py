"""The catalogue as a model sees it."""

from collections.abc import Sequence
from typing import Any

from tools.tool import Tool


def openai_tools(catalog: Sequence[Tool]) -> list[dict[str, Any]]:
    """The menu on the OpenAI wire: strict functions, every argument required, none with a default."""
    return [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": _description(tool),
                "strict": True,
                "parameters": tool.schema(),
            },
        }
        for tool in catalog
    ]


def _description(tool: Tool) -> str:
    if tool.effect == "read":
        return tool.summary
    return f"{tool.summary} Only proposes: policies and people decide, and the answer says what became of it."
