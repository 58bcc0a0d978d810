"""The journal as tools may see it, opened only when one of them looks: many commands never need it."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.journal.journal import Journal
    from tools.desk import ChangeMade
    from tools.records import AuditEntry, Job, Recovery


class JournalDoor:
    """tools.desk.AuditReader."""

    def __init__(self, opened: "Callable[[], Journal]") -> None:
        self._opened = opened

    def search_audit(self, text: str, *, limit: int) -> "tuple[tuple[AuditEntry, ...], int]":
        return self._opened().search_audit(text, limit=limit)

    def change_made(self, proposal_id: str) -> "ChangeMade":
        return self._opened().change_made(proposal_id)

    def changes_of(self, fleet: str, *, limit: int) -> "tuple[ChangeMade, ...]":
        return self._opened().changes_of(fleet, limit=limit)

    def registered_jobs(self) -> "tuple[Job, ...]":
        return self._opened().registered_jobs()

    def recoveries_of(self, job_id: str, *, limit: int) -> "tuple[Recovery, ...]":
        return self._opened().recoveries_of(job_id, limit=limit)
