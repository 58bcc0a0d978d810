"""While the demo's terminal is open: notices are answered, changes verified, and one interruption is staged."""

import threading
from typing import Self

from agent.autonomy import Daemon
from tools.errors import SpotError
from tools.simulation.client import SimulatedAccount
from tui.opening import House

_STAGED_FLEET = "batch"
_AFTER_CHANGE_SECONDS = 6.0
_AT_THE_LATEST_SECONDS = 75.0


class DemoBackground:
    """Two threads beside the screens. What they do stands in the audit log, which the screens follow."""

    def __init__(self, house: House, account: SimulatedAccount) -> None:
        self.house, self.account = house, account
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._answer_notices, name="reflex", daemon=True),
            threading.Thread(target=self._stage_an_interruption, name="stage", daemon=True),
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=5)

    def _answer_notices(self) -> None:
        house = self.house
        daemon = Daemon(house.actuation, house.queue, holder="demo", archive=house.archive, steady=house.steady)
        try:
            while not self._stop.wait(0.2):
                self._answer_once(daemon)
        finally:
            daemon.release()

    def _answer_once(self, daemon: Daemon) -> None:
        try:
            if not self.house.halted():
                daemon.answer_notices(wait_seconds=1)
                daemon.keeper.look(most=1)
                daemon.bring_back()
        except SpotError as error:
            self.house.journal.append("trouble", {"message": error.message}, actor="reflex")
            self._stop.wait(2)

    def _stage_an_interruption(self) -> None:
        """Some seconds after the first change of the visitor's, or when they have only looked for a while."""
        waited = 0.0
        while waited < _AT_THE_LATEST_SECONDS and not self.house.journal.entries(kinds=("outcome",), limit=1):
            if self._stop.wait(0.5):
                return
            waited += 0.5
        if self._stop.wait(_AFTER_CHANGE_SECONDS):
            return
        try:
            victim = min(self.house.fleet(_STAGED_FLEET).spot, key=lambda i: i.instance_id)
            self.account.interrupt(victim.instance_id)
        except (SpotError, ValueError):  # the visitor may have emptied the fleet: then there is nothing to stage
            return
