"""One process that keeps a snapshot schedule on the simulated account, as tests drive it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agent.actuation import Actuation
from agent.facts import KEEPING
from agent.journal.journal import Journal
from agent.journal.verify import verify
from agent.keeping import Keeping
from policies.document import Policy, parse_policy
from tests.agent.autonomy_house import HEAD, Street
from tools.fleets.find import find_fleet
from tools.records import INTENT_TAG, DeleteSnapshot, KeepingSettings, SnapshotSchedule
from tools.volumes.sets import tag_of

KEEP = """policies:
  - {name: keep, resource: any, mode: {type: autonomous}, actions: [create-snapshots, request-checkpoint]}
  - {name: let-go, resource: aws.ebs-snapshot, mode: {type: autonomous}, actions: [delete-snapshot]}
"""
ALONE = parse_policy(f"{HEAD}{KEEP}", source="alone")
COUNTED = parse_policy(
    f"{HEAD}budgets: [{{name: extra, limit: 50 USD, per: day, measure: added_cost}}]\n{KEEP}", source="counted"
)
ASKS = parse_policy(
    f"{HEAD}policies:\n  - {{name: ask, resource: any, mode: {{type: approve}}, actions: [create-snapshots]}}\n",
    source="asks",
)
HOUR = 3_600
DONE = ("create-snapshots", "allow", "done")


@dataclass
class Keeper:
    """One process that keeps a schedule."""

    street: Street
    journal: Journal
    actuation: Actuation
    keeping: Keeping

    def scheduled(self) -> list[str]:
        """Snapshots that bear an intent, oldest first."""
        found = [s for s in self.street.aws.reader.snapshots() if any(t.key == INTENT_TAG for t in s.tags)]
        by = {s.snapshot_id: self.journal.made_by(tag_of(s, INTENT_TAG)) for s in found}
        known = [s for s in found if (by[s.snapshot_id] or ("", None))[0] == KEEPING]
        return [s.snapshot_id for s in sorted(known, key=lambda s: s.started_at)]

    def wish_away(self, snapshot_id: str, *, by: str) -> str:
        """The verdict on deleting it."""
        here = self.street.fleet("ledger").ref.with_(kind="snapshot", fleet_id=snapshot_id)
        action = DeleteSnapshot(fleet=here, snapshot_id=snapshot_id)
        return self.actuation.propose(action, by=by, actor="agent", rationale="tidy up").decision.verdict

    def look(self, *, hours: float = 0) -> list[tuple[str, str, str | None]]:
        """(action, verdict, outcome) of what it did."""
        self.street.sim.advance(max(60, hours * HOUR))
        self.keeping.look()
        tried = [(kept.action.kind, kept.tried) for kept in self.keeping.news()]
        return [(kind, t.verdict, t.outcome and t.outcome.status) for kind, t in tried]

    def approve_all(self) -> None:
        for saved in self.journal.proposals(status="pending"):
            self.actuation.answer(saved.proposal.proposal_id, answer="approve", by="person:kim")
            self.actuation.act(saved.proposal.proposal_id, by="person:kim")

    def told(self) -> list[str]:
        return [json.loads(e.payload)["told"] for e in self.journal.entries() if e.kind == "keeping"]

    def sets(self) -> list[list[str]]:
        """States of the snapshots of each set that this journal knows, oldest first."""
        known = {c.intent_id for c in self.journal.changes_of(self.label, limit=100)}
        found: dict[str, list[str]] = {}
        for snapshot in reversed(self.street.aws.reader.snapshots()):
            tags = {t.key: t.value for t in snapshot.tags}
            if tags.get("spotwarden:intent") in known:
                found.setdefault(tags["spotwarden:intent"], []).append(snapshot.state)
        return list(found.values())

    @property
    def label(self) -> str:
        return find_fleet(self.street.aws.reader, self.keeping.settings.schedules[0].fleet).ref.label


@contextmanager
def keeper(
    street: Street, folder: Path, policy: Policy = ALONE, *, writer: object = None, **schedule: object
) -> Iterator[Keeper]:
    """Opened anew each time, as a new process would."""
    wanted = {"fleet": "lone", "every_hours": 6, "keep": 2, "include_root": True, **schedule}
    path = folder / "journal.db"
    with Journal.open(path, clock=street.sim.clock) as journal:
        actuation = Actuation(
            reader=street.aws.reader,
            writer=writer or street.aws.writer,
            journal=journal,
            policy=lambda: policy,
            clock=street.sim.clock,
            halted=lambda: False,
            audit_verified=lambda: True,
        )
        settings = KeepingSettings(schedules=(SnapshotSchedule.model_validate(wanted),))
        yield Keeper(street, journal, actuation, Keeping(actuation, settings))
    assert verify(path).ok
