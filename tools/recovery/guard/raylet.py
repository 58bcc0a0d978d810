"""The Ray node on this machine, as its own processes tell it, and Ray's answer when it is asked to drain the node.

The raylet's command line names the node, the cluster's address and the Python that Ray runs in: nothing has to be on
the PATH. `ray drain-node` counts its seconds from after its own start, some seconds late; the same call with the
moment itself is made here, and Ray is asked afterwards whether it knows: a node that is dead to Ray is «accepted» too.
Sources  ray 2.60: _private/services.py start_raylet, scripts/scripts.py drain_node, _raylet.GcsClient
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
DRAIN = """\
import json, sys
from ray._raylet import GcsClient
from ray.core.generated import autoscaler_pb2
address, node_id, deadline_ms, words = sys.argv[1:]
gcs = GcsClient(address=address)
reason = autoscaler_pb2.DrainNodeReason.Value("DRAIN_NODE_REASON_PREEMPTION")
accepted, problem = gcs.drain_node(node_id, reason, words, int(deadline_ms))
if accepted and hasattr(gcs, "get_draining_nodes") and node_id not in gcs.get_draining_nodes():
    accepted, problem = False, "the node is not among those that drain: it is dead to Ray, or was never known"
print(json.dumps({"accepted": accepted, "problem": problem}))
"""


@dataclass(frozen=True)
class Raylet:
    """One Ray node on this machine. `python`: what its workers run in; None = its command line does not say."""

    pid: int
    started: str  # of /proc/PID/stat: tells a process from the next one with its number
    node_id: str
    address: str  # of the GCS, HOST:PORT
    head: bool
    python: str | None

    @property
    def alive(self) -> bool:
        return _started(self.pid) == self.started

    def __str__(self) -> str:
        return f"node {self.node_id[:12]}… of the cluster at {self.address} (raylet {self.pid})"


@dataclass(frozen=True)
class Answer:
    """`problem` is empty where it is accepted."""

    accepted: bool
    problem: str


def raylets() -> tuple[list[Raylet], int]:
    """Those that run here now as our own user, and how many others: what their command lines name is not run."""
    found, others = [], 0
    for pid in _pids():
        try:
            words = (PROC / str(pid) / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
            owner = (PROC / str(pid)).stat().st_uid
        except OSError:
            continue  # it has ended meanwhile
        if os.path.basename(words[0]) != "raylet":
            continue
        if owner != os.getuid():
            others += 1
            continue
        told = dict(word[2:].split("=", 1) for word in words[1:] if word.startswith("--") and "=" in word)
        started, node_id = _started(pid), told.get("node_id", "")
        if started is not None and node_id:
            python = _python(told.get("python_worker_command", ""))
            found.append(Raylet(pid, started, node_id, told.get("gcs-address", ""), "--head" in words, python))
    return found, others


def drain(raylet: Raylet, *, deadline_unix_ms: int, words: str, patience_seconds: float) -> Answer:
    """Asks the cluster to drain the node with the reason PREEMPTION, as the raylet's own Python.

    deadline_unix_ms  when the node is gone; 0 = not known
    """
    asked = [raylet.python or sys.executable, "-c", DRAIN]
    asked += [raylet.address, raylet.node_id, str(deadline_unix_ms), words]
    try:
        told = subprocess.run(
            asked,
            env={**os.environ, **_settings(raylet.pid)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=patience_seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Answer(False, f"no answer from {raylet.address} in {patience_seconds:.0f} s: is the head there?")
    except OSError as trouble:
        return Answer(False, f"{asked[0]} cannot be started: {trouble.strerror}")
    try:
        answer = json.loads(told.stdout.strip().rpartition("\n")[2])
        return Answer(bool(answer["accepted"]), str(answer["problem"]))
    except (ValueError, KeyError, TypeError):
        last = told.stderr.strip().rpartition("\n")[2] or f"exit code {told.returncode}"
        return Answer(False, f"{asked[0]}: {last[:200]}")


def _pids() -> Iterator[int]:
    try:
        names = os.listdir(PROC)
    except OSError:
        return
    yield from (int(name) for name in names if name.isdigit())


def _started(pid: int) -> str | None:
    """When the process began, in ticks since boot; None: it has ended."""
    try:
        fields = (PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
        return None if fields[0] in "ZX" else fields[19]
    except (OSError, IndexError):
        return None


def _python(command: str) -> str | None:
    try:
        first = shlex.split(command)[:1]
    except ValueError:
        return None
    return first[0] if first and os.access(first[0], os.X_OK) else None


def _settings(pid: int) -> dict[str, str]:
    """The raylet's RAY_…: authentication and TLS are told there."""
    try:
        words = (PROC / str(pid) / "environ").read_bytes().decode("utf-8", "surrogateescape").split("\0")
    except OSError:
        return {}  # it has ended
    return dict(word.split("=", 1) for word in words if word.startswith("RAY_") and "=" in word)
