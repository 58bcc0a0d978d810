"""The audit log, for whoever asks: what was done, by whom, why."""

from typing import Annotated

from pydantic import Field

from tools.cloud import Clock
from tools.desk import AuditReader
from tools.records import AuditFindings
from tools.tool import tool

LIMIT = 20


@tool(effect="read", iam=(), example={"text": "ml-train approval"})
def search_audit(
    audit: AuditReader,
    clock: Clock,
    text: Annotated[str, Field(max_length=500, description="words; an entry must hold every one of them")],
) -> AuditFindings:
    """Search the audit log: who proposed, approved or changed what, when and why. Newest first, at most 20."""
    entries, searched = audit.search_audit(text, limit=LIMIT)
    return AuditFindings(query=text, entries=entries, searched=searched, as_of=clock.now())
