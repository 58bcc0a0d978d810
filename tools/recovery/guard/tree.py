"""The process tree below guard: who is in it, who handles a signal, and its end.

Linux: orphans come to guard (subreaper), so nobody leaves the tree. Elsewhere the process group has to do.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Collection
from contextlib import suppress

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
LINUX = sys.platform.startswith("linux")
KILL_SECONDS = 5.0
_LIBC = ctypes.CDLL(None) if LINUX else None  # opened here: after a fork among threads nothing may be loaded


def adopt_orphans() -> bool:
    """False: this system cannot."""
    return _prctl(PR_SET_CHILD_SUBREAPER, 1)


def end_with_parent(number: int) -> bool:
    """Called in the child between fork and exec: the signal it gets when guard itself is killed."""
    return _prctl(PR_SET_PDEATHSIG, number)


def _prctl(option: int, value: int) -> bool:
    return _LIBC is not None and bool(_LIBC.prctl(option, value, 0, 0, 0) == 0)


def below(root: int) -> dict[int, list[int]]:
    """Children of every process in the tree of one, itself included; a zombie is not in it. Linux."""
    children: dict[int, list[int]] = defaultdict(list)
    for name in os.listdir("/proc"):
        if name.isdigit():
            with suppress(OSError, ValueError, IndexError):
                state, parent = _status(int(name))
                if state not in "ZX":
                    children[parent].append(int(name))
    tree: dict[int, list[int]] = {}
    waiting = [root]
    while waiting:
        one = waiting.pop()
        tree[one] = sorted(children.get(one, ()))
        waiting += tree[one]
    return tree


def _status(pid: int) -> tuple[str, int]:
    """(state, parent)"""
    with open(f"/proc/{pid}/stat", "rb") as file:
        after_name = file.read().rpartition(b")")[2].split()
    return after_name[0].decode(), int(after_name[1])


def handles(pid: int, number: int) -> bool:
    """Has the process a handler of its own for this signal?"""
    with suppress(OSError, ValueError), open(f"/proc/{pid}/status", "rb") as file:
        for line in file:
            if line.startswith(b"SigCgt:"):
                return bool(int(line.split()[1], 16) >> (number - 1) & 1)
    return False


def alive(child: int) -> list[int]:
    """Processes below guard that still run; without /proc, the child's group."""
    if LINUX:
        return [p for p in below(os.getpid()) if p != os.getpid()]
    try:
        os.killpg(child, 0)
    except OSError:
        return []
    return [child]


def tell(child: int, number: int, *, spared: Collection[int | None] = ()) -> list[int]:
    """Signal those who can answer: on each branch the first process that handles it. If none does, and for INT,
    the whole group, as a terminal would. Returns whom it was sent to.

    spared  branches that are none of the command's
    """
    if LINUX and number != signal.SIGINT:
        tree = below(os.getpid())
        told: list[int] = []
        waiting = [p for p in tree[os.getpid()] if p not in spared]
        while waiting:
            one = waiting.pop(0)
            if handles(one, number):
                told.append(one)
            else:
                waiting += tree.get(one, [])
        if told:
            return [p for p in told if _send(p, number)]
    try:
        os.killpg(child, number)
    except OSError:
        return []
    return [child]


def _send(pid: int, number: int) -> bool:
    try:
        os.kill(pid, number)
    except OSError:
        return False
    return True


def kill_all(child: int) -> list[int]:
    """SIGKILL until nobody is left, also of those who fork meanwhile. Returns who was killed."""
    killed: list[int] = []
    until = time.monotonic() + KILL_SECONDS
    while True:
        rest = alive(child)
        if not rest:
            return killed
        for pid in rest:  # stopped first, so that nobody answers the death of a child with another child
            _send(pid, signal.SIGSTOP)
        with suppress(OSError):
            os.killpg(child, signal.SIGKILL)
        for pid in rest:
            if _send(pid, signal.SIGKILL) and pid not in killed:
                killed.append(pid)
        reap()
        if time.monotonic() >= until:
            return killed  # in the kernel's hands: it answers no signal
        time.sleep(0.01)


def reap() -> dict[int, int]:
    """Everybody below us who ended: (pid, wait status)."""
    ended: dict[int, int] = {}
    with suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            ended[pid] = status
    return ended
