"""Reads the queues of the settings through the workers' own adapters. No work is taken, nothing is declared."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from tools.desk import NO_QUEUES
from tools.errors import NotFound
from tools.records import QueueState
from tools.recovery.guard.queues import QueueStatus, QueueTrouble, open_queue
from tools.recovery.guard.queues.work import ODD_CHARACTERS, readable, shown
from tools.recovery.guard.trouble import BadRequest

PATIENCE_SECONDS = 3.0
_AT_ONCE = 8
_UNREADABLE = f"its url cannot be read as an address (such as amqp://USER:${{PASSWORD}}@HOST:5672/; {ODD_CHARACTERS})"


@dataclass(frozen=True)
class QueuePlace:
    """One queue of the settings."""

    name: str
    url: str = field(repr=False)
    """may hold a password: it is shown to nobody"""
    trouble: str = ""
    """why the address is not whole: nobody is asked then"""
    warnings: tuple[str, ...] = ()


class ConfiguredQueues:
    """A QueueReader for the places that the settings name; servers that do not answer cost seconds, once for all."""

    def __init__(self, places: Sequence[QueuePlace]) -> None:
        self._places = tuple(places)

    def queues(self, name: str | None = None) -> tuple[QueueState, ...]:
        places = [place for place in self._places if name in (None, place.name)]
        if name is not None and not places:
            known = ", ".join(sorted(place.name for place in self._places))
            if not known:
                return NO_QUEUES.queues(name)
            raise NotFound(f"no queue {name[:80]!r} in the settings", hint=f"there is {known}")
        if not places:
            return ()
        with ThreadPoolExecutor(min(_AT_ONCE, len(places)), thread_name_prefix="queues") as pool:
            return tuple(sorted(pool.map(_read, places), key=lambda state: state.name))


def _read(place: QueuePlace) -> QueueState:
    server = shown(place.url)
    trouble = place.trouble or ("" if readable(place.url) else _UNREADABLE)
    if trouble:
        return QueueState(name=place.name, server=server, trouble=trouble, warnings=place.warnings)
    try:
        with open_queue(place.url, place.name, patience_seconds=PATIENCE_SECONDS, say=_nobody) as queue:
            status = queue.status()
    except (QueueTrouble, BadRequest) as error:
        return QueueState(name=place.name, server=server, trouble=str(error), warnings=place.warnings)
    return QueueState(
        name=place.name,
        server=server,
        waiting=status.waiting,
        in_flight=status.in_flight,
        oldest_in_flight_seconds=status.oldest_in_flight_seconds,
        dead=status.dead,
        done=status.done,
        workers=status.workers,
        warnings=(*place.warnings, *_warnings(status)),
    )


def _warnings(status: QueueStatus) -> tuple[str, ...]:
    found = []
    if status.dead:
        items = "1 dead item waits" if status.dead == 1 else f"{status.dead:,} dead items wait"
        found.append(f"{items} for a person: python -m spotwarden_guard.queues dead URL NAME tells why")
    if status.waiting and status.workers == 0:
        found.append("items wait, and no worker is connected")
    return tuple(found)


def _nobody(_: str) -> None:
    """What an adapter says for people at a terminal stands in `trouble`."""
