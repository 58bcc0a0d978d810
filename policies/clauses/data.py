"""What holds for data before any policy is read: none is lost unasked."""
# ruff: noqa: ARG002 - every clause is asked with the same three, whether it needs them or not

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from policies.clauses.clause import Clause, Example, Word
from policies.records import Facts
from tools.records import Action, DeleteSnapshot, DeleteVolume, SetVolumeRetention


class DataLoss(Clause):
    """Volumes and snapshots that are deleted, or go with their instance, are data that nobody brings back: a person
    says so, each time. What a schedule took and lets go again, with a newer copy left, is the schedule's to delete.
    """

    key = "volumes"
    actions = frozenset({"set-delete-on-termination", "delete-volume", "delete-snapshot"})
    _keeps: ClassVar[Mapping[str, Any]] = {
        "kind": "set-delete-on-termination",
        "instance_id": "i-0000000a",
        "device_names": ("/dev/xvda",),
        "delete_on_termination": False,
    }
    examples = (
        Example({}, {}, None, _keeps),
        Example({}, {}, "ask", {**_keeps, "delete_on_termination": True}),
        Example({}, {}, "ask", {"kind": "delete-volume", "volume_id": "vol-0000000a"}),
        Example({}, {"actor": "person"}, "ask", {"kind": "delete-snapshot", "snapshot_id": "snap-0000000a"}),
        Example({}, {"superseded": False}, "ask", {"kind": "delete-snapshot", "snapshot_id": "snap-0000000a"}),
        Example({}, {"superseded": True}, None, {"kind": "delete-snapshot", "snapshot_id": "snap-0000000a"}),
    )

    def holds(self) -> str:
        return "no volume and no snapshot is lost, unless a person says so or a schedule has a newer copy"

    def ask(self, action: Action, facts: Facts, now: datetime) -> Word | None:
        match action:
            case SetVolumeRetention(delete_on_termination=True):
                return "ask", f"{', '.join(action.device_names)} would be deleted with {action.instance_id}"
            case DeleteVolume():
                return "ask", f"{action.volume_id} would be deleted, with what it holds"
            case DeleteSnapshot() if facts.superseded is not True:
                return "ask", f"{action.snapshot_id} would be deleted, and nothing restored from it any more"
            case _:
                return None
