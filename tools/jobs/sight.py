"""What a look at one recovery sees, and how long its steps may take."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import Field

from tools.fleets.drain import NOTICE_SECONDS
from tools.jobs.fallbacks import Fallback
from tools.records import Checkpoint, Fleet, Instance, Name, Record, UtcTime
from tools.recovery.jobs import Resumed, StoreSight

_ALIVE = ("pending", "running")


class RecoveryRules(Record):
    """How long each step may take, and how often something is asked for."""

    save_seconds: float = Field(default=NOTICE_SECONDS + 60, gt=0)
    """after the notice: the two minutes, and an upload that was under way"""
    replace_seconds: float = Field(default=7_200, gt=0)
    """after the notice: pools may be dry"""
    restart_seconds: float = Field(default=1_800, gt=0)
    """from the replacement in service to a sign of the job"""
    verify_seconds: float = Field(default=3_600, gt=0)
    """from the restart to progress beyond what it resumed from"""
    reflex_seconds: float = Field(default=30, ge=0)
    """so long the reflex is left to ask by itself"""
    most_tries: int = Field(default=3, ge=1, le=20)
    first_retry_seconds: float = Field(default=30, gt=0)
    """twice as long each time"""


STANDARD = RecoveryRules()


class Asked(Record):
    """A proposal, and how far it came."""

    proposal_id: Name
    kind: Name
    """the action's"""
    fleet: Name
    """label"""
    status: Name
    """pending, denied, allowed, approved, refused, acting, done, partial, failed, unknown"""
    at: UtcTime
    ended_at: UtcTime | None
    """of its newest outcome; None = there is none"""
    instance_ids: tuple[str, ...]
    places: dict[str, tuple[str, str]] = {}
    """instance id → its type and zone name, as it was bound to"""
    by: Name
    why: str
    """of the verdict"""

    @property
    def made(self) -> bool:
        return self.status in ("done", "partial")

    @property
    def came_to_nothing(self) -> bool:
        return self.status in ("denied", "refused", "failed", "expired")


@dataclass(frozen=True)
class Sight:
    """What a look at one recovery sees.

    store       None = the job keeps no checkpoints
    chosen      the newest whole checkpoint, verified; None = there is none
    damaged     newer ones, and what is wrong with each
    looked      `chosen` was looked for
    unread      why the store could not be read this time; empty = it was
    pinned      somebody set the pointer after the newest checkpoint was saved: their word stands
    save, replace  what was last proposed to save on, or to replace, the instance
    mine        proposals of this recovery's own, by id
    stage       of the fallback chain, once a replacement is overdue
    newcomer    an instance of the fleet that replaces it
    report      of the instance that replaces it, or of the newcomer
    """

    now: datetime
    fleet: Fleet
    store: StoreSight | None = None
    chosen: Checkpoint | None = None
    damaged: tuple[str, ...] = ()
    looked: bool = True
    unread: str = ""
    pinned: bool = False
    save: Asked | None = None
    replace: Asked | None = None
    mine: Mapping[str, Asked] = field(default_factory=dict)
    stage: Fallback | None = None
    newcomer: Instance | None = None
    report: Resumed | None = None
    rules: RecoveryRules = STANDARD

    def here(self, instance_id: str | None) -> Instance | None:
        """Alive, and in the fleet."""
        return next((i for i in self.fleet.instances if i.instance_id == instance_id and i.state in _ALIVE), None)


def astray(s: Sight) -> bool:
    """Whoever resumes now could load what is damaged or gone: the pointer has to be set.

    It is honoured until a checkpoint is stored after it, so one that names an older whole one leads nobody astray,
    and none at all means the newest whole one; but a newer one whose checksums alone are wrong looks whole.
    """
    if s.store is None or s.chosen is None:
        return False
    pointer = s.store.pointer
    if isinstance(pointer, dict) and pointer.get("checkpoint_id") == s.chosen.checkpoint_id:
        return pointer.get("manifest_sha256") != s.chosen.manifest_sha256
    if pointer is not None and pointed(s) is None:
        return True
    return any(c.checkpoint_id != s.chosen.checkpoint_id for c in _seemingly_newer(s.store, s.chosen))


def pointed(s: Sight) -> Checkpoint | None:
    """The whole checkpoint that the pointer names."""
    named = s.store.pointer.get("checkpoint_id") if s.store is not None and isinstance(s.store.pointer, dict) else None
    found = s.store.checkpoints if s.store is not None else ()
    return next((c for c in found if c.checkpoint_id == named and c.whole), None)


def _seemingly_newer(store: StoreSight, chosen: Checkpoint) -> list[Checkpoint]:
    """Those with a manifest before it: a checkpoint without one does not exist."""
    ids = [c.checkpoint_id for c in store.checkpoints]
    before = store.checkpoints[: ids.index(chosen.checkpoint_id)] if chosen.checkpoint_id in ids else ()
    return [c for c in before if c.manifest is not None]
