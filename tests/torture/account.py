"""The account as the torture needs it: laid out once, forked for every experiment, never killed with the product.

Every account process is a loop that reads orders from a Unix socket, one JSON object a line. While it serves, HTTP
runs on threads beside it; a process that does not serve has one thread, and may be forked. Each row of the effect
log also notes where the journal's chain ended when the effect happened.
"""

import contextlib
import gc
import json
import os
import signal
import socket
import sqlite3
import sys
import threading
import time
from pathlib import Path
from typing import Any

from tests.forked_accounts import end_with_parent, laid_out

HELD_SECONDS = 20.0


class Gate:
    """Holds the next request of one operation between its arrival and its being looked at."""

    def __init__(self) -> None:
        self.operation: str | None = None
        self.arrived = threading.Event()
        self.open = threading.Event()

    def pass_through(self, environ: dict[str, Any]) -> None:
        if self.operation is None:
            return
        from tools.simulation.wire import read_request

        if read_request(environ).operation == self.operation:
            self.operation = None
            self.arrived.set()
            self.open.wait(HELD_SECONDS)


class Served:
    """One forked account while it answers: its server, its effect log, its gate."""

    def __init__(self, account: Any, port: int, effects: Path, journal: Path) -> None:
        from tools.simulation.effects import EffectLog
        from tools.simulation.server import introduce, listen

        self.account = account
        self.gate = Gate()
        self._journal = journal
        self._file = os.open(effects, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        noted = self

        class WatchedLog(EffectLog):
            def append(self, **row: Any) -> dict[str, Any]:
                end = noted.journal_end()
                kept = super().append(**row)
                noted.note({**kept, "journal_seq": end})
                return kept

        account.world.effects = WatchedLog(None)
        self.server = listen(self.answer, port)
        introduce(account, self.server.server_port)
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def answer(self, environ: dict[str, Any], start_response: Any) -> Any:
        self.gate.pass_through(environ)
        return self.account(environ, start_response)

    def note(self, row: dict[str, Any]) -> None:
        os.write(self._file, (json.dumps(row, sort_keys=True, default=str) + "\n").encode())

    def journal_end(self) -> int:
        """The last committed entry, as anybody could read it now."""
        if not self._journal.exists():
            return 0
        with contextlib.closing(sqlite3.connect(f"file:{self._journal}?mode=ro", uri=True, timeout=10)) as db:
            try:
                return int(db.execute("SELECT coalesce(max(seq), 0) FROM audit").fetchone()[0])
            except sqlite3.OperationalError:  # not even its tables are there
                return 0

    def stop(self) -> None:
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()
        os.close(self._file)


class Process:
    """One account process and the orders it takes."""

    def __init__(self, account: Any) -> None:
        self.account = account
        self.served: Served | None = None
        self.door: socket.socket | None = None

    def live(self, path: str) -> None:
        """Take orders at a socket until told to end."""
        self.door = socket.socket(socket.AF_UNIX)
        self.door.bind(path)
        self.door.listen(4)
        while True:
            caller, _ = self.door.accept()
            with caller, caller.makefile("rwb") as wire:
                for line in wire:
                    try:
                        answer = self.obey(json.loads(line))
                    except (ValueError, OSError) as error:
                        answer = {"error": str(error)}
                    wire.write(json.dumps(answer, default=str).encode() + b"\n")
                    wire.flush()
                    if answer.get("fork"):
                        self.fork(answer["fork"], caller.fileno())

    def obey(self, order: dict[str, Any]) -> dict[str, Any]:
        match order["do"]:
            case "fork":
                return {"fork": order["door"]}
            case "serve":
                return self.serve(order)
            case "hush":
                self.hush()
            case "advance":
                return {"now": self.account.world.advance(order["seconds"]).isoformat()}
            case "fault":
                self.account.faults.order(order["operation"], order["kind"], **order.get("more", {}))
            case "mend":
                self.account.faults.clear()
            case "hold":
                self.gate.operation = order["operation"]
            case "held":
                return {"held": self.gate.arrived.wait(order["seconds"])}
            case "release":
                self.gate.open.set()
            case "end":
                os._exit(0)
        return {}

    @property
    def gate(self) -> Gate:
        assert self.served
        return self.served.gate

    def serve(self, order: dict[str, Any]) -> dict[str, Any]:
        for _ in range(400):
            if _free(order["port"]):
                break
            time.sleep(0.005)  # the one before it has not quite let go of the port
        self.served = Served(self.account, order["port"], Path(order["effects"]), Path(order["journal"]))
        return {"now": self.account.world.clock.now().isoformat(), "port": self.served.server.server_port}

    def hush(self) -> None:
        if self.served:
            self.served.stop()
            self.served = None
            gc.collect()
            gc.freeze()

    def fork(self, door: str, caller: int) -> None:
        """A copy of this account as it stands; the caller finds it at its own door."""
        if os.fork() == 0:
            assert self.door
            self.door.close()
            os.dup2(os.open(os.devnull, os.O_RDWR), caller)
            end_with_parent()
            Process(self.account).live(door)


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def main() -> None:
    """python -m tests.torture.account DOOR SCENARIO SEED: ends with its starter."""
    door, scenario, seed = sys.argv[1], sys.argv[2], int(sys.argv[3])
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    end_with_parent()
    account = laid_out(scenario=scenario, seed=seed)
    Process(account).live(door)


if __name__ == "__main__":
    main()
