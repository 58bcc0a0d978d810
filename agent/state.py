"""What a run carries from node to node: ids and counters, ten plain keys. Words live in the journal."""

from dataclasses import dataclass
from typing import Any, Literal, TypedDict, get_args

from tools.errors import LimitReached
from tools.records import digest_of

Step = Literal["observe", "propose", "ask", "act", "end"]


class RunState(TypedDict):
    """The whole state of one run; a cache of what the journal can tell again (agent/transcript.py `position`)."""

    run_id: str
    """one question, or one late answer, with everything that follows from it"""
    turn: int
    """model turns taken"""
    tool_calls: int
    prompt_tokens: int
    completion_tokens: int
    usd: float | None
    """None = the model's price is unknown"""
    proposals: int
    """changes drawn up"""
    proposal_id: str
    """the one at judge, ask or act; empty = none"""
    call_key: str
    """the tool call that the proposal answers; empty = none"""
    next: str
    """a Step"""


def new_run(run_id: str) -> RunState:
    return RunState(
        run_id=run_id,
        turn=0,
        tool_calls=0,
        prompt_tokens=0,
        completion_tokens=0,
        usd=0.0,
        proposals=0,
        proposal_id="",
        call_key="",
        next="observe",
    )


def is_run_state(value: Any) -> bool:
    """Whether a dict out of the cache is a state of ours: same keys, plain types, numbers not below 0."""
    if not isinstance(value, dict) or set(value) != set(RunState.__annotations__):
        return False
    texts = all(isinstance(value[k], str) for k in ("run_id", "proposal_id", "call_key", "next"))
    counts = (value[k] for k in ("turn", "tool_calls", "prompt_tokens", "completion_tokens", "proposals"))
    numbers = all(type(n) is int and n >= 0 for n in counts)
    usd = value["usd"] is None or (isinstance(value["usd"], float) and value["usd"] >= 0)
    return texts and numbers and usd and value["next"] in get_args(Step)


@dataclass(frozen=True)
class Limits:
    """How much one run may use; None = not limited here. Looked at before each model turn and each tool call.

    steps        model turns
    tool_calls   calls of any tool, the refused ones included
    tokens       prompt and completion together, as the model reports them
    usd          for model turns; a model without a known price is held by `tokens` alone
    seconds      of work in one go: the time that a person thinks about an approval is not counted
    proposals    changes drawn up; one more is refused to the model, so that it can still report
    """

    steps: int = 16
    tool_calls: int = 40
    tokens: int | None = 400_000
    usd: float | None = 2.0
    seconds: float | None = 300.0
    proposals: int = 3

    def check(self, state: RunState, *, seconds: float) -> None:
        """Raises  LimitReached: the next model turn would go past a limit"""
        tokens = state["prompt_tokens"] + state["completion_tokens"]
        used: tuple[tuple[str, float, float | None, str], ...] = (
            ("steps", state["turn"], self.steps, f"{state['turn']} model turns"),
            ("tool_calls", state["tool_calls"], self.tool_calls, f"{state['tool_calls']} tool calls"),
            ("tokens", tokens, self.tokens, f"{tokens:,} tokens"),
            ("usd", state["usd"] or 0.0, self.usd, f"{state['usd'] or 0.0:.2f} USD"),
            ("seconds", seconds, self.seconds, f"{seconds:.0f} s"),
        )
        for name, value, limit, words in used:
            if limit is not None and value >= limit:
                raise LimitReached(
                    f"limit reached: {words} used in this run, {name} ≤ {limit:,}",
                    hint="what was found so far is kept: ask on, or raise the limit",
                )


def run_name(conversation_id: str, ordinal: int, said: str, now: str) -> str:
    """A run's id: its place in the conversation, and a digest of what began it."""
    return f"{ordinal:04d}-{digest_of([conversation_id, ordinal, said, now])[:8]}"
