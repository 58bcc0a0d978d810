"""An answer as it grows out of a stream: tolerant of what servers leave out, bounded whatever they send."""

from dataclasses import dataclass, field
from typing import Any

from tools.tool import MAX_ARGUMENT_BYTES

_MAX_TEXT = 256 * 1024
_MAX_CALLS = 32


@dataclass
class Draft:
    """An answer as it grows."""

    text: list[str] = field(default_factory=list)
    characters: int = 0
    calls: dict[int, "CallDraft"] = field(default_factory=dict)
    finish: str | None = None
    usage: tuple[int, int] | None = None
    oversized: bool = False

    @property
    def begun(self) -> bool:
        """Whether the endpoint worked for it, and will want to be paid."""
        return bool(self.characters or self.calls or self.usage)


@dataclass
class CallDraft:
    call_id: str = ""
    tool: str = ""
    arguments: str = ""


def take(draft: Draft, chunk: Any) -> str:
    """Put one chunk into the draft; the words in it. Tolerant of what servers leave out."""
    usage = getattr(chunk, "usage", None)
    if usage is not None:
        counts = (getattr(usage, "prompt_tokens", None), getattr(usage, "completion_tokens", None))
        if all(isinstance(c, int) and c >= 0 for c in counts):
            draft.usage = (int(counts[0] or 0), int(counts[1] or 0))
    choices = getattr(chunk, "choices", None)
    if not isinstance(choices, list) or not choices:
        return ""
    choice = choices[0]
    draft.finish = getattr(choice, "finish_reason", None) or draft.finish
    delta = getattr(choice, "delta", None)
    calls = getattr(delta, "tool_calls", None)
    for call in calls if isinstance(calls, list) else ():
        _take_call(draft, call)
    text = getattr(delta, "content", None) or getattr(delta, "refusal", None)
    if not isinstance(text, str) or not text:
        return ""
    text = _utf8(text)
    text = text[: max(0, _MAX_TEXT - draft.characters)]
    draft.oversized = draft.oversized or draft.characters + len(text) >= _MAX_TEXT
    draft.text.append(text)
    draft.characters += len(text)
    return text


def _take_call(draft: Draft, piece: Any) -> None:
    """Assemble a tool call. One whose arguments pass the limit keeps one character too many, so that it is refused."""
    index = piece.index if isinstance(getattr(piece, "index", None), int) else max(draft.calls, default=0)
    if index not in draft.calls and len(draft.calls) >= _MAX_CALLS:
        draft.oversized = True
        return
    call = draft.calls.setdefault(index, CallDraft())
    call.call_id = str(getattr(piece, "id", None) or call.call_id)[:255]
    function = getattr(piece, "function", None)
    name, arguments = getattr(function, "name", None), getattr(function, "arguments", None)
    call.tool = _utf8(call.tool + name)[:255] if isinstance(name, str) and name != call.tool else call.tool
    if isinstance(arguments, str):
        arguments = _utf8(arguments)
        room = MAX_ARGUMENT_BYTES + 1 - len(call.arguments)
        call.arguments += arguments[: max(0, room)]
        draft.oversized = draft.oversized or len(arguments) >= room


def _utf8(text: str) -> str:
    """JSON can hold lone surrogates; they have no UTF-8, so they become «?»."""
    return text.encode("utf-8", "replace").decode()


def used_tokens(draft: Draft, prompt: int) -> tuple[int, int]:
    """(prompt, completion) tokens: as the endpoint says, else estimated."""
    if draft.usage is not None:
        return draft.usage
    arguments = "".join(c.arguments for c in draft.calls.values())
    return prompt, estimate("".join(draft.text) + arguments)


def estimate(text: str) -> int:
    """Tokens of a text, rather too many: three bytes to one."""
    return len(text.encode("utf-8", "replace")) // 3 + 1
