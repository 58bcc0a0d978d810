"""What became of changes once they were made, and how one is set back: the house's part of aftercare."""

import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from tools.errors import UsageError

if TYPE_CHECKING:
    from agent.actuation import Actuation
    from agent.aftercare import Keeper
    from agent.journal.journal import Journal
    from agent.journal.records import SavedProposal
    from agent.journal.watches import WatchedChange
    from policies.records import Mode
    from tools.desk import ChangeMade, Desk
    from tools.records import VolumesReport

MOST_CHANGES = 20
_MADE = "done"


def _next_step(orphan: str, report: "VolumesReport") -> str:
    from tui.render_volumes import clean_up_step

    named = {v.volume.volume_id: v for v in report.volumes} | {s.snapshot.snapshot_id: s for s in report.snapshots}
    kept = named.get(orphan)
    if kept is None or not kept.orphan:
        told = "there is none of this id any more" if kept is None else "it is in use"
        raise UsageError(f"{orphan}: {told}", hint="read the volumes again")
    step = clean_up_step(kept, report)
    if step == "wait":
        raise UsageError(f"{orphan}: its copy is not completed", hint="try again once it is: r reads the volumes again")
    return step


@dataclass(frozen=True)
class FleetChange:
    """One change of a fleet that was carried out.

    by       who proposed it
    watch    None = nobody wanted it watched
    undone   the change that set it back; None = none did
    """

    change: "ChangeMade"
    by: str
    watch: "WatchedChange | None"
    undone: str | None


class Care:
    """What a house needs for it stands above the line; calls may block, so screens use threads."""

    @property
    def actuation(self) -> "Actuation":
        raise NotImplementedError

    @property
    def journal(self) -> "Journal":
        raise NotImplementedError

    @property
    def desk(self) -> "Desk":
        raise NotImplementedError

    @property
    def person(self) -> str:
        raise NotImplementedError

    @property
    def mode(self) -> "Mode":
        raise NotImplementedError

    def halted(self) -> bool:
        raise NotImplementedError

    def daemon_name(self) -> str:
        raise NotImplementedError

    # ----

    @cached_property
    def _keeper(self) -> "Keeper":
        from agent.aftercare import Keeper

        return Keeper(self.actuation, f"{self.person} at {self.daemon_name()}")

    def look_after(self) -> None:
        """Verify one change whose turn has come; a daemon does it where one leads, as it may act on what it sees.

        Raises  Halted, JournalError, AuditBroken
        """
        for watch in self.journal.watches.of_status("watching", "failed", "escalated"):
            for undoing in self.journal.watches.undone_by(watch.proposal_id):
                self.end_watch(self.journal.proposal(undoing))
        if not self.halted() and self.mode != "observe" and not self._led():
            self._keeper.look(most=1)

    def _led(self) -> bool:
        from agent.autonomy import LEASE

        lease = self.journal.lease(LEASE)
        return lease is not None and self.actuation.clock.now() < lease.expires_at

    def watched(self, named: Collection[str]) -> "tuple[WatchedChange, ...]":
        """Changes that are watched or wait for a person to look, oldest first; and those named, however they ended."""
        watches = self.journal.watches
        found = {w.proposal_id: w for w in watches.of_status("watching", "failed", "escalated")}
        for name in named:
            one = found.get(name) or watches.one(name)
            if one is not None:
                found[name] = one
        return tuple(found.values())

    def escalated(self) -> "tuple[WatchedChange, ...]":
        """Changes that failed and wait for a person to look, oldest first."""
        return self.journal.watches.of_status("escalated")

    def changes(self, fleet: str) -> tuple[FleetChange, ...]:
        """The newest changes of a fleet (its label), newest first."""
        return tuple(self._told(c) for c in self.journal.changes_of(fleet, limit=MOST_CHANGES))

    def _told(self, change: "ChangeMade") -> FleetChange:
        watches, journal = self.journal.watches, self.journal
        undoing = (journal.proposal(p) for p in watches.undone_by(change.proposal_id))
        undone = next((s.proposal.proposal_id for s in undoing if s.status == _MADE), None)
        by = journal.proposal(change.proposal_id).proposal.proposed_by
        return FleetChange(change, by, watches.one(change.proposal_id), undone)

    def held(self, fleet: str) -> str:
        """Why the daemon's rules suggest nothing for a fleet (its name); empty where they say nothing."""
        for entry in self.journal.entries(kinds=("round",), limit=1, newest_first=True):
            held = json.loads(entry.payload).get("held", ())
            return next((f"{h['held']['why']} ({entry.at:%H:%MZ})" for h in held if h["fleet"] == fleet), "")
        return ""

    def undo(self, proposal_id: str) -> "SavedProposal":
        """Draw up the change that sets one back to what was recorded before it; a person is asked, always.

        Raises  UsageError: there is nothing to set back, or no way back; Denied; CloudErrors
        """
        from policies.records import Aftercare
        from tools.fleets.roll_back import roll_back

        action = roll_back.run(reader=self.desk.reader, audit=self.desk.audit, proposal_id=proposal_id, fleet=None)
        return replace(self.actuation, ask_first=True).propose(
            action,  # type: ignore[arg-type]
            by=self.person,
            actor="person",
            rationale=f"sets {proposal_id} back",
            aftercare=Aftercare(undoes=proposal_id),
        )

    def clean_up(self, orphan: str) -> "SavedProposal":
        """Draw up the next step of clearing an orphan volume or snapshot away: a copy, or the deletion.

        Raises  UsageError: it is used, or kept for a reason; NotFound; Denied; CloudErrors
        """
        from tools.volumes.keep import keep_volume
        from tools.volumes.report import volumes_report

        desk = self.desk
        doors = {"reader": desk.reader, "clock": desk.clock, "audit": desk.audit}
        report = volumes_report(desk.reader, desk.clock, desk.audit, desk.keeping)
        operation = _next_step(orphan, report)
        more = dict.fromkeys(("zone", "instance_id", "device_name", "include_root"))
        action = keep_volume.run(**doors, keeping=desk.keeping, operation=operation, target=orphan, **more)
        return replace(self.actuation, ask_first=True).propose(
            action,  # type: ignore[arg-type]
            by=self.person,
            actor="person",
            rationale="nobody uses it any more" if operation != "snapshot" else "a copy before the volume is deleted",
        )

    def end_watch(self, saved: "SavedProposal") -> None:
        """What was set back by hand needs no watch any more."""
        care, watches = saved.proposal.aftercare, self.journal.watches
        if care is None or care.undoes is None or saved.status != _MADE or watches.one(care.undoes) is None:
            return
        watches.claim_rollback(care.undoes, saved.proposal.proposal_id)
        watches.move(
            care.undoes,
            "rolled-back",
            only_from=("watching", "failed", "escalated"),
            told=f"set back by {saved.proposal.proposal_id}, asked for by {self.person}",
            actor=self.person,
        )
