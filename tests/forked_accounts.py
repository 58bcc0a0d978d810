"""Simulated accounts in milliseconds: one warm process imports moto and lays each scenario out once; copies are forks.

`started` takes what SimulatedAccount.start takes, and gives what it gives: a process of its own on a port of its own,
which ends with its context manager, and with this process however that ends. Tests of the process itself (its command
line, its ready line, its death) start a real one.

    this process ─ kitchen: moto imported ─ one mould a scenario, seed and file of prices ─ copies, each with its caller

Nothing is served and no thread runs before the last fork. A caller is a socket that travels with the order: the copy
answers on it once, and ends when it closes.
"""

import atexit
import ctypes
import gc
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

from tools.errors import SpotError
from tools.simulation.client import START_SECONDS, SimulatedAccount, _environment

ROOT = Path(__file__).resolve().parent.parent
LONGEST_ORDER = 65_536


class ForkedAccount(SimulatedAccount):
    """Ends when its socket closes."""

    def __init__(self, endpoint_url: str, life: socket.socket) -> None:
        super().__init__(endpoint_url, life, None)

    def stop(self) -> None:
        if self._child is not None:
            with self._child as life, suppress(OSError):
                life.shutdown(socket.SHUT_WR)
                life.recv(1)  # nothing comes but its end
            self._child = None


def started(
    *,
    scenario: str = "tour",
    seed: int = 7,
    speed: float = 60.0,
    stepped: bool = False,
    prices: Path | None = None,
    effects: Path | None = None,
) -> ForkedAccount:
    """An account of its own, laid out and answering. Raises SpotError: it could not be; its own words."""
    life, theirs = socket.socketpair()
    order = {
        "mould": {"scenario": scenario, "seed": seed, "prices": prices and str(Path(prices).absolute())},
        "speed": None if stepped else speed,
        "effects": effects and str(Path(effects).absolute()),
    }
    try:
        with theirs:
            kitchen().order(order, theirs)
        return ForkedAccount(hear(life)["endpoint_url"], life)
    except BaseException:
        life.close()
        raise


@dataclass
class Kitchen:
    """The warm process; one a test process, from the first order on."""

    orders: socket.socket
    process: "subprocess.Popen[bytes]"

    def order(self, order: dict[str, Any], caller: socket.socket) -> None:
        """The caller's end of the line goes with it."""
        hand_over(self.orders, order, caller)

    def close(self) -> None:
        self.orders.close()
        self.process.wait()


@cache
def kitchen() -> Kitchen:
    ours, theirs = _orders()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.forked_accounts", str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            env=_environment(),
            cwd=ROOT,
        )
    found = Kitchen(ours, process)
    atexit.register(found.close)
    return found


# --- the warm process
def serve(orders: socket.socket) -> None:
    """Hand each order to its mould; a new one is a fork that lays its scenario out."""
    from tools.simulation import building  # noqa: F401  moto comes with it

    moulds: dict[str, socket.socket] = {}
    for order, caller in taken(orders):
        name = json.dumps(order["mould"])
        if name not in moulds:
            moulds[name], inside = _orders()
            if os.fork() == 0:
                for door in (orders, caller, *moulds.values()):
                    door.close()
                mould(inside, **order["mould"])
            inside.close()
        hand_over(moulds[name], order, caller)
        caller.close()


def mould(orders: socket.socket, *, scenario: str, seed: int, prices: str | None) -> NoReturn:
    """One scenario laid out, and a fork for whoever asks. One that cannot be laid out tells everybody so."""
    end_with_parent()
    account: Any = None
    trouble = ""
    try:
        account = laid_out(scenario=scenario, seed=seed, prices=prices and Path(prices))
    except Exception as error:  # noqa: BLE001  whoever asks is told, and the kitchen stays open for the others
        trouble = _words(error)
    for order, caller in taken(orders):
        if trouble:
            tell(caller, error=trouble)
        elif os.fork() == 0:
            orders.close()
            live(account, caller, speed=order["speed"], effects=order["effects"])
        caller.close()
    os._exit(0)


def laid_out(*, scenario: str, seed: int, prices: Path | None = None) -> Any:
    """An account with stepped time that nobody hears yet, its memory left alone so that forks share it."""
    os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"
    os.environ.pop("MOTO_ACCOUNT_ID", None)
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    from tools.simulation.building import build

    account = build(scenario=scenario, seed=seed, speed=None, prices=prices, effects=None)
    gc.collect()
    gc.freeze()
    return account


def live(account: Any, caller: socket.socket, *, speed: float | None, effects: str | None) -> NoReturn:
    """The life of a copy: its own clock, log and port, until the caller lets go."""
    from tools.simulation.effects import EffectLog
    from tools.simulation.server import introduce, keep_time, listen

    end_with_parent()
    world = account.world
    try:
        world.effects = EffectLog(effects and Path(effects))
    except SpotError as error:
        tell(caller, error=_words(error))
        os._exit(1)
    if speed is not None:
        world.clock.speed, world.clock._begun = speed, time.monotonic()
        world.random_interruptions = True
    server = listen(account, 0)
    ready = introduce(account, server.server_port)
    if speed is not None:
        keep_time(world)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    tell(caller, **ready)
    while caller.recv(1):
        pass
    os._exit(0)


def _words(error: Exception) -> str:
    """As the process would say it."""
    if not isinstance(error, SpotError):
        return f"simulated account: {type(error).__name__}: {error}"
    return f"simulated account: {error.message}" + (f" ({error.hint})" if error.hint else "")


def end_with_parent() -> None:
    """Linux tells us when whoever forked us is gone: no account outlives the tests."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


# --- the lines between them
def _orders() -> tuple[socket.socket, socket.socket]:
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def hand_over(orders: socket.socket, order: dict[str, Any], caller: socket.socket) -> None:
    socket.send_fds(orders, [json.dumps(order).encode()], [caller.fileno()])


def taken(orders: socket.socket) -> Iterator[tuple[dict[str, Any], socket.socket]]:
    """Orders with their callers, until nobody gives any more; who ended meanwhile is laid to rest."""
    while True:
        data, descriptors, _, _ = socket.recv_fds(orders, LONGEST_ORDER, 1)
        if not data:
            return
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        yield json.loads(data), socket.socket(fileno=descriptors[0])


def tell(caller: socket.socket, **line: Any) -> None:
    caller.sendall(json.dumps(line).encode() + b"\n")


def hear(life: socket.socket) -> dict[str, Any]:
    """The copy's one line. Raises SpotError: what it says is a trouble, or it ended without a word."""
    life.settimeout(START_SECONDS)
    with life.makefile("rb") as wire:
        line = wire.readline()
    life.settimeout(None)
    if not line:
        raise SpotError("forked account: ended before it was ready", hint="its own words are on stderr")
    found: dict[str, Any] = json.loads(line)
    if "error" in found:
        raise SpotError(found["error"])
    return found


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
