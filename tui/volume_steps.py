"""Steps on volumes that a person asked for, a proposal each; begun anew they go on where the account is."""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tools.errors import ApprovalNeeded, CloudError, Denied, NotFound, SpotError, StalePlan, UsageError
from tools.fleets.effects.storage import one_snapshot
from tools.records import (
    Action,
    CreateSnapshot,
    KeptVolume,
    OperateInstances,
    Outcome,
    Record,
    Snapshot,
)
from tools.volumes.draw import draw_deletion, draw_snapshots, home_of, reference
from tools.volumes.report import asked_in, changes_of, sets_in, volumes_report
from tools.volumes.restore import RestoreItem, RestorePlan, attachment, newest_completed, plan_restore
from tools.volumes.sets import fleet_told_by, taken_alone
from tui.asking import Hand
from tui.config import Settings
from tui.output import complain, plain, say
from tui.render import outcome_line, preview_lines, usd

if TYPE_CHECKING:
    from tools.records import Fleet, Instance
    from tui.opening import House

_MADE = frozenset({"done", "already"})
_TOLD = (Denied, ApprovalNeeded, StalePlan, CloudError, UsageError)
"""what one step may end with, so that the others get their turn"""
_NAP_SECONDS = 0.5
_PROPOSAL = re.compile(r"p-[0-9a-f]{10}")


@dataclass
class Steps:
    """What one command does."""

    settings: Settings
    house: "House"
    again: str
    yes: bool = False
    dry_run: bool = False
    exit_code: int = 0
    done: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _told: list[str] = field(default_factory=list)
    _snapshots: list[str] = field(default_factory=list)
    """ids that this command made"""
    _complained: tuple[str, str] | None = None

    @property
    def _reader(self) -> Any:
        return self.house.account.reader

    def document(self) -> dict[str, Any]:
        return {"dry_run": self.dry_run, "steps": self.done, "notes": self.notes}

    def lines(self) -> Iterator[str]:
        yield from self._told or ["nothing is to be done"]
        yield from (plain(note) for note in self.notes)
        if self.dry_run:
            yield "nothing was done (--dry-run)"

    # one step

    def _do(self, action: Action, why: str) -> Outcome | None:
        """None = it did not come to pass: told, and in the exit code; or it is a dry run."""
        try:
            if self.dry_run:
                self._preview(action)
                return None
            saved, outcome = Hand(self.settings, self.house, yes=self.yes, again=self.again).take(action, why=why)
        except _TOLD as error:
            self._refused(action, error)
            return None
        step = {"action": action, "proposal_id": saved.proposal.proposal_id, "outcome": outcome, "error": None}
        self.done.append(step)
        self._told.append(f"{_titled(action)}: {outcome_line(outcome)}")
        if outcome.status not in _MADE:
            self.exit_code = self.exit_code or 1
            return None
        made = self._reader.created_by(self.house.journal.change_made(saved.proposal.proposal_id).intent_id, action)
        step["made"] = made
        self._snapshots += [i for i in made if i.startswith("snap-")]
        return outcome

    def _preview(self, action: Action) -> None:
        from tools.fleets.effects import effect_of
        from tools.fleets.preview import draw_preview

        fleet = effect_of(action).subject(self._reader, action)
        preview = draw_preview(self._reader, self.house.clock, action, fleet)
        self.done.append({"action": action, "preview": preview})
        self._told += [f"would {_titled(action)}", *preview_lines(preview)]

    def _refused(self, action: Action, error: SpotError) -> None:
        told = {
            "kind": type(error).__name__,
            "message": error.message,
            "hint": error.hint,
            "exit_code": error.exit_code,
        }
        self.done.append({"action": action, "error": told})
        self.exit_code = self.exit_code or error.exit_code
        self._told.append(f"{_titled(action)}: not done")
        said = (_PROPOSAL.sub("", error.message), _PROPOSAL.sub("", error.hint))
        if isinstance(error, ApprovalNeeded) or said != self._complained:  # one reason for many is told once
            complain(error.message, error.hint)
        self._complained = said

    def _until(self, look: Callable[[], str | None], left_to: str) -> None:
        """Look until there is nothing to tell any more. Ctrl+C says who goes on with it."""
        told = ""
        try:
            while (line := look()) is not None:
                if line != told:
                    say(self.settings, line)
                    told = line
                time.sleep(_NAP_SECONDS)
        except KeyboardInterrupt:
            say(self.settings, left_to)
            raise

    # snapshots

    def snapshot(self, name: str, *, include_root: bool) -> None:
        for action in draw_snapshots(self._reader, name, include_root=include_root):
            self._do(action, "a snapshot asked for by hand")

    def snapshot_stopped(self, name: str) -> None:
        """Stop, wait, take all volumes, start again where it ran. Raises UsageError: it is not for stopping."""
        fleet, instance = home_of(self._reader, name.rsplit("/", maxsplit=1)[-1])
        ran = instance.state != "stopped"
        if ran and not self._stop(fleet, instance):
            return
        started = self._operate(fleet, instance, "start")
        left = f"{instance.instance_id} is stopped: spotwarden plan {instance.instance_id} --do start"
        if self.dry_run:
            self.notes.append("then, once it is stopped: create-snapshots of all its volumes, and start")
            return
        self._until(lambda: self._not_stopped(instance.instance_id), left)
        try:
            for action in draw_snapshots(self._reader, instance.instance_id, include_root=True, stopped=True):
                self._do(action, "a snapshot of a stopped instance, asked for by hand")
        finally:
            if ran and self._do(started, "stopped for a snapshot, which is begun") is None:
                self.notes.append(left)

    def _stop(self, fleet: "Fleet", instance: "Instance") -> bool:
        from tools.fleets.effects import effect_of

        action = self._operate(fleet, instance, "stop")
        try:
            effect_of(action).check(action, fleet)
        except UsageError as error:
            running = f"spotwarden volumes snapshot {instance.instance_id} --include-root"
            hint = f"as it runs: {running}, which is crash-consistent; {error.hint}"
            raise UsageError(f"it cannot be stopped: {error.message}", hint=hint) from None
        return self._do(action, "stopped for a snapshot with its root") is not None or self.dry_run

    def _operate(self, fleet: "Fleet", instance: "Instance", operation: Any) -> OperateInstances:
        return OperateInstances(fleet=fleet.ref, operation=operation, instance_ids=(instance.instance_id,))

    def _not_stopped(self, instance_id: str) -> str | None:
        state = home_of(self._reader, instance_id)[1].state
        return None if state == "stopped" else f"{instance_id} is {state}"

    def wait_for_snapshots(self) -> None:
        """Those that this command made; one that fails is told."""
        if self._snapshots:
            ids = ", ".join(self._snapshots)
            self._until(self._not_completed, f"{ids} go on at AWS: spotwarden volumes tells")

    def _not_completed(self) -> str | None:
        found: Sequence[Snapshot] = self._reader.snapshots(snapshot_ids=self._snapshots)
        pending = [s for s in found if s.state == "pending"]
        if pending:
            return ", ".join(f"{s.snapshot_id} {s.progress_percent or 0} %" for s in pending)
        failed = [s.snapshot_id for s in found if s.state == "error"]
        if failed:
            self.exit_code = self.exit_code or 1
            complain(
                f"{', '.join(failed)} failed: nothing can be restored from it", f"look at its key; then {self.again}"
            )
        return None

    # restoring

    def restore(self, name: str, *, zone: str | None, to: str | None, device: str | None, kind: str | None) -> None:
        """Raises UsageError, NotFound, CloudErrors: it cannot be planned."""
        home = home_of(self._reader, to) if to is not None else None
        where = zone or (home[1].zone_name if home is not None else None)
        if where is None:
            raise UsageError(f"restore {name}: in which zone?", hint="give --zone, or --to INSTANCE")
        snapshots = (one_snapshot(self._reader, name),) if name.startswith("snap-") else self._newest(name)
        if device is not None and len(snapshots) > 1:
            raise UsageError(f"--device: {name} has {len(snapshots)} volumes", hint="name one snapshot, or no device")
        plan = plan_restore(
            snapshots,
            zone=where,
            zones=tuple(self._reader.zone_ids()),
            instance=home[1] if home is not None else None,
            volumes=self._reader.volumes(),
            account=self._reader.account(),
            kept=not name.startswith("snap-") and home is not None,
            device=device,
            volume_type=kind,
        )
        self.notes += [*plan.notes, *(n for item in plan.items for n in item.notes)]
        for item in plan.items:
            try:
                self._bring_back(plan, item, home)
            except _TOLD as error:  # the other volumes get their turn, and what was done is told
                self.exit_code = self.exit_code or error.exit_code
                complain(error.message, error.hint)

    def _newest(self, name: str) -> tuple[Snapshot, ...]:
        of = name if name.startswith("i-") else self.house.fleet(name).ref.label
        snapshots = self._reader.snapshots()
        labels = {label for s in snapshots if (label := fleet_told_by(s)) is not None}
        asked = asked_in(changes_of(self.house.journal, labels))
        sets = sets_in(snapshots, asked, now=self.house.clock.now())
        found = newest_completed([s for s in sets if s.intent_id in asked], of=of)  # a tag alone chooses nothing
        self.notes.append(f"the set of {found.instance_id}, begun at {found.started_at:%Y-%m-%d %H:%M:%S} UTC")
        return found.snapshots

    def _bring_back(self, plan: RestorePlan, item: RestoreItem, home: "tuple[Fleet, Instance] | None") -> None:
        volume_id = item.volume_id
        if item.create is not None:
            if self._do(item.create, f"restored from {item.snapshot_id} into {plan.zone_name}") is None:
                if self.dry_run and home is not None:
                    self.notes.append(f"then attach-volume to {plan.instance_id} as {item.device_name}")
                elif self.done[-1].get("outcome") is not None:
                    self.notes.append(f"where {plan.zone_name} has no {item.create.volume_type}: --type gp3")
                return
            volume_id = self.done[-1]["made"][0] if self.done[-1]["made"] else None
        if home is None or volume_id is None:
            self.notes.append(f"{volume_id} is in {plan.zone_name}")
            return
        item = item.with_(volume_id=volume_id, create=None)
        if not self.dry_run:
            self._until(lambda: self._not_ready(volume_id), f"then again: {self.again}")
        found = next(iter(self._reader.volumes(volume_ids=[volume_id])), None)
        action = attachment(item, found, home[1], home[0])
        if action is None:
            self.notes.append(f"{volume_id} is attached to {plan.instance_id}")
        elif self._do(action, f"what {item.snapshot_id or 'was kept'} holds, for {plan.instance_id}") is not None:
            self.notes.append(f"{volume_id} is attached as {item.device_name}: mount it on the instance")

    def _not_ready(self, volume_id: str) -> str | None:
        found = next(iter(self._reader.volumes(volume_ids=[volume_id])), None)
        return f"{volume_id} is {found.state}" if found is not None and found.state == "creating" else None

    # clearing away

    def clean_up(self, ids: Sequence[str], *, wait: bool) -> None:
        """Raises UsageError: one that was named is held, or used."""
        report = volumes_report(self._reader, self.house.clock, self.house.journal, self.house.keeping)
        volumes = {v.volume.volume_id: v for v in report.volumes}
        snapshots = {s.snapshot.snapshot_id: s for s in report.snapshots}
        for name in ids:
            _check_free(name, volumes.get(name) or snapshots.get(name))
        for name, volume in volumes.items():
            if volume.orphan and volume.protected_by is None and (not ids or name in ids):
                self._clear_volume(volume, [s.snapshot for s in report.snapshots], wait=wait)
        for name, one in snapshots.items():
            if one.orphan and one.protected_by is None and (not ids or name in ids):
                self._do(draw_deletion(self._reader, name), "its volume is gone, and no schedule keeps it")

    def _clear_volume(self, kept: KeptVolume, known: Sequence[Snapshot], *, wait: bool) -> None:
        volume_id = kept.volume.volume_id
        copies = [s for s in known if taken_alone(s, volume_id) and s.state in ("completed", "pending")]
        if not copies:
            ref = reference(self._reader, "volume", volume_id)
            made = self._do(CreateSnapshot(fleet=ref, volume_id=volume_id), "a copy before the volume is deleted")
            if made is None and not self.dry_run:
                return
        self._snapshots += [s.snapshot_id for s in copies if s.state == "pending"]
        if not any(s.state == "completed" for s in copies):
            if self.dry_run:
                saved = usd(kept.cost.usd_per_month)
                self.notes.append(
                    f"then, once its snapshot is completed: delete-volume {volume_id}, {saved} a month less"
                )
                return
            if not wait:
                self.notes.append(f"{volume_id} is deleted once its snapshot is completed: again {self.again}")
                return
            self.wait_for_snapshots()
            taken = self._reader.snapshots(volume_ids=[volume_id])
            if not any(taken_alone(s, volume_id) and s.state == "completed" for s in taken):
                return
        self._do(draw_deletion(self._reader, volume_id), "attached to nothing, and copied to a snapshot")


def _titled(action: Action) -> str:
    """create-snapshots of i-0123456789abcdef0 on asg/ml-train; attach-volume of vol-… to i-… on asg/ml-train"""
    told = (getattr(action, key, None) for key in ("volume_id", "instance_id"))
    whose = " to ".join(name for name in told if name is not None and name != action.fleet.fleet_id)
    return plain(f"{', '.join(action.types)}{f' of {whose}' if whose else ''} on {action.fleet.label}")


def _check_free(name: str, kept: Record | None) -> None:
    if kept is None:
        raise NotFound(f"{name}: no such volume or snapshot here", hint="spotwarden volumes orphans lists ids")
    if not getattr(kept, "orphan", False):
        raise UsageError(f"{name} is used: it is no orphan", hint="spotwarden volumes tells by what")
    held = getattr(kept, "protected_by", None)
    if held is not None:
        raise UsageError(f"{name} is left alone: {held}", hint="when that is over it can be cleared away")
