"""What a front end sees, in order: the session's only output. Terminal, one-shot and tour read the same stream."""

from typing import Any, Literal

from pydantic import SerializeAsAny

from policies.records import Decision, Proposal
from tools.records import Name, Outcome, Record, UtcTime


class Said(Record):
    """A piece of the assistant's answer, Markdown, to append."""

    text: str


class ToolStarted(Record):
    call_id: Name
    tool: Name
    arguments: dict[str, Any]


class ToolRan(Record):
    call_id: Name
    tool: Name
    ok: bool
    summary: str
    """one line for people: what was found, or why it failed"""
    result: SerializeAsAny[Record] | None = None
    """whole, for screens; the model got a summary"""
    seconds: float


class Proposed(Record):
    """A change was drawn up and judged."""

    proposal: Proposal
    decision: Decision


class ApprovalNeeded(Record):
    """The session waits: answer it with Session.answer(proposal_id, …)."""

    proposal: Proposal
    decision: Decision
    expires_at: UtcTime


class Acted(Record):
    """An allowed or approved action was carried out, or refused at the last look."""

    proposal_id: Name
    outcome: Outcome


class Spent(Record):
    """Use so far in this run, against its limits."""

    steps: int
    prompt_tokens: int
    completion_tokens: int
    usd: float | None
    """None = the model's price is unknown"""


class Finished(Record):
    """The last event of a stream."""

    status: Literal["answered", "waiting", "cancelled", "limit", "failed"]
    message: str = ""
    hint: str = ""


Event = Said | ToolStarted | ToolRan | Proposed | ApprovalNeeded | Acted | Spent | Finished
