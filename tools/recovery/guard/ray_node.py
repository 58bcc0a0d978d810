"""`python -m spotwarden_guard.ray_node`: at the cloud's notice, Ray drains this node while there is time.

Two moments before the end. LEARNT_SECONDS: what Ray is told as its deadline; a node that dies after it was «preempted»,
and retries and restarts do not count. OVER_SECONDS: the raylet is ended here, so that Ray hears of it at once; of a
machine that vanishes it hears 15 s later, when five health checks have failed, and until then nothing is retried.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import queue
import signal
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import NoReturn

from .manifest import as_text
from .metadata import Seen
from .raylet import Raylet, drain, raylets
from .report import Report, say
from .trouble import BadRequest
from .watch import Watch

ENDED, USAGE, NO_NODE, DRAINED, NOT_DRAINED = 0, 64, 69, 75, 76
LEARNT_SECONDS, OVER_SECONDS = 3.0, 2.0
AT_ONCE_SECONDS = 1.0
"""hibernation begins with its notice: a node that sleeps is dead to Ray"""
PATIENCE_SECONDS = 10.0
AGAIN_SECONDS = 1.0
TICK_SECONDS = 0.25
DESCRIPTION = """\
On a node of a Ray cluster: watches the cloud's notices, and at an interruption has Ray drain this node with the
reason PREEMPTION and the deadline that is left. No new work comes here, what runs may finish, Ray Train and Serve
hear of it, and the autoscaler asks for another node. Ends when the node's raylet ends.

  python -m spotwarden_guard.ray_node --address auto
"""
EPILOG = """\
exit codes
  0    the raylet ended, and there was no notice, or another watcher had the node
  75   the raylet ended, and Ray had accepted the drain
  76   the raylet ended after a notice, and Ray had not accepted the drain: the line says why
  64   what is asked for cannot be: the head, one of several nodes without --node-id
  69   no raylet of this user and cluster ran here for --wait seconds

A rebalance recommendation is noted only: it may come hours before an interruption, or without one, and a drain cannot
be taken back. --on-rebalance drain suits short tasks on a cluster that the autoscaler can grow. More: docs/ray-node.md
"""


@dataclass(frozen=True)
class Options:
    address: str
    node_id: str
    on_rebalance: str
    provider: str
    poll_seconds: float
    wait_seconds: float
    log: Path | None


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise BadRequest(message, hint="python -m spotwarden_guard.ray_node --help shows how")


class NoNode(BadRequest):
    """The raylet that is meant does not run here, or not yet."""


def parsed(arguments: Sequence[str]) -> Options:
    """Raises  BadRequest: says which word"""
    made = _Parser(
        prog="python -m spotwarden_guard.ray_node",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = made.add_argument
    add("--address", metavar="HOST:PORT", default="auto", help="of the cluster's GCS (default auto: the raylet's own)")
    add("--node-id", metavar="HEX", default="", help="which node, where several run on this machine; a start suffices")
    add("--on-rebalance", choices=("note", "drain"), default="note", help="(default note)")
    add("--provider", choices=("auto", "aws", "gcp", "azure"), default="auto", help="(default auto)")
    add("--poll", metavar="SECONDS", type=_seconds, default=5.0, help="between looks (default 5, as AWS advises)")
    add("--wait", metavar="SECONDS", type=_seconds, default=60.0, help="for the raylet to start (default 60)")
    add("--log-json", metavar="FILE", type=Path, help="what happens, one JSON object a line")
    given = made.parse_args(list(arguments))
    return Options(
        address=given.address,
        node_id=given.node_id.lower(),
        on_rebalance=given.on_rebalance,
        provider=given.provider,
        poll_seconds=given.poll,
        wait_seconds=given.wait,
        log=given.log_json and given.log_json.absolute(),
    )


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def our_raylet(options: Options) -> Raylet:
    """The one that is meant.

    Raises  NoNode: it does not run here; BadRequest: it is the head, or several are meant
    """
    here, others = raylets()
    meant = [r for r in here if r.node_id.startswith(options.node_id) and options.address in ("auto", r.address)]
    asked = f"--address {options.address}" + (f" --node-id {options.node_id}" if options.node_id else "")
    nodes = "; ".join(f"{r.node_id} at {r.address}" for r in here)
    if not meant:
        seen = f"{others} of other users: start this as Ray's own user" if others else "is «ray start» done?"
        raise NoNode(f"no Ray node of this user runs here for {asked}", hint=f"here: {nodes}" if nodes else seen)
    if len(meant) > 1:
        raise BadRequest(f"{len(meant)} Ray nodes run here for {asked}", hint=f"say --node-id; here: {nodes}")
    if meant[0].head:
        raise BadRequest(
            f"{meant[0]} is the HEAD: it is never drained",
            hint="when it goes, the cluster goes: run the head on-demand, and this on the workers only",
        )
    return meant[0]


class RayNode:
    """`RayNode(options).play()` returns the exit code."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.report = Report("ray-node", socket.gethostname(), log=options.log, path=None)
        self.came: queue.SimpleQueue[Seen | str] = queue.SimpleQueue()
        self.watch = Watch(options.provider, options.poll_seconds, self.report, new=self.came.put, gone=self.came.put)
        self.notice: Seen | None = None  # the drain that should be in force
        self.accepted: Seen | None = None  # the one that Ray has accepted
        self.problem = ""
        self.ask_again_at = 0.0
        self.over = self.stands_by = False
        self.key: socket.socket | None = None
        self.raylet: Raylet

    def play(self) -> int:
        """Raises  BadRequest: there is no node to watch here"""
        self.raylet = self._found()
        self.report.event("node", node_id=self.raylet.node_id, address=self.raylet.address, pid=self.raylet.pid)
        if self._is_ours():
            say(f"watching for notices: {self.raylet}")
        self.watch.start()
        try:
            while self.raylet.alive:
                self._hear()
                if self._is_ours():
                    self._act()
        finally:
            self.watch.stop()
            if self.key is not None:
                self.key.close()
        return self._end()

    def _found(self) -> Raylet:
        until, told = time.monotonic() + self.options.wait_seconds, ""
        while True:
            try:
                return our_raylet(self.options)
            except NoNode as trouble:
                if time.monotonic() >= until:
                    raise
                if str(trouble) != told:
                    told = str(trouble)
                    say(f"{told}: waiting {self.options.wait_seconds:.0f} s at most")
                time.sleep(TICK_SECONDS)

    def _is_ours(self) -> bool:
        """One watcher has the node, the others stand by: a name that the kernel gives once, and frees at our death."""
        if self.key is not None:
            return True
        key = socket.socket(socket.AF_UNIX)
        try:
            key.bind(f"\0spotwarden-ray-node-{self.raylet.node_id}")
        except OSError:
            key.close()
            if not self.stands_by:
                self.stands_by = True
                self.report.event("standby")
                say("another watcher has this node: standing by, should it end")
            return False
        self.key = key
        return True

    # --- what comes in
    def _hear(self) -> None:
        with contextlib.suppress(queue.Empty):
            told = self.came.get(timeout=TICK_SECONDS)
            while True:
                if isinstance(told, str):
                    self._gone(told)
                else:
                    self._new(told)
                told = self.came.get_nowait()

    def _new(self, seen: Seen) -> None:
        told = {k: v for k, v in vars(seen).items() if k in ("kind", "action", "source", "remark")}
        self.report.event("notice", seconds_left=seen.left_now_seconds, **told)
        if seen.remark:
            say(f"{seen.source}: {seen.remark}")
        ends = seen.kind == "interruption" or seen.action == "hibernate"
        if ends or (seen.key != "garbage" and self.options.on_rebalance == "drain" and self.notice is None):
            self.notice, self.ask_again_at = seen, 0.0
            say(f"{name(seen)}: {left(seen)}; asking Ray to drain the node")
        elif self.notice is None and seen.key != "garbage":
            say(f"{name(seen)}: noted, not drained: --on-rebalance drain would")

    def _gone(self, key: str) -> None:
        if self.notice is None or key != self.notice.key:
            return
        self.report.event("withdrawn", drained=self.accepted is not None)
        if self.accepted is None:
            say(f"{name(self.notice)}: withdrawn before Ray had accepted the drain: none is asked for")
        else:
            say(
                f"{name(self.notice)}: withdrawn, but Ray cannot take a drain back: the node ends when what runs on it"
                " has ended; «ray stop» ends it now, and the autoscaler brings another"
            )
        self.notice = None

    # --- what is done about it
    def _act(self) -> None:
        seen, now = self.notice, time.monotonic()
        if seen is None:
            return
        seconds = seen.left_now_seconds
        if seconds is not None and seconds <= OVER_SECONDS:
            self._hand_over(seen)
        elif self.accepted != seen and now >= self.ask_again_at:
            self._ask(seen)
            self.ask_again_at = time.monotonic() + AGAIN_SECONDS

    def _ask(self, seen: Seen) -> None:
        seconds = AT_ONCE_SECONDS + LEARNT_SECONDS if seen.action == "hibernate" else seen.left_now_seconds
        deadline = None if seconds is None else time.time() + max(AT_ONCE_SECONDS, seconds - LEARNT_SECONDS)
        patience = PATIENCE_SECONDS if seconds is None else min(PATIENCE_SECONDS, max(1.0, seconds - OVER_SECONDS))
        began = time.monotonic()
        answer = drain(
            self.raylet,
            deadline_unix_ms=int((deadline or 0) * 1000),
            words=f"spotwarden: {name(seen)}",
            patience_seconds=patience,
        )
        took = round(time.monotonic() - began, 3)
        until = None if deadline is None else as_text(datetime.fromtimestamp(deadline, timezone.utc))
        if answer.accepted:
            self.accepted, self.problem = seen, ""
            self.report.event("drained", deadline=until, seconds=took)
            say(f"Ray drains {self.raylet}: no new work comes here" + (f"; it ends by {until}" if until else ""))
        elif self.raylet.alive:
            self.report.event("refused", problem=answer.problem, seconds=took)
            if answer.problem != self.problem:
                say(f"not drained: {answer.problem}; asked again every second")
            self.problem = answer.problem

    def _hand_over(self, seen: Seen) -> None:
        """Once: a raylet that does not end is not ours to kill."""
        if self.over:
            return
        self.over = True
        how = "Ray hears of it now" if self.accepted else f"NOT drained: {self.problem or 'no time was left'}"
        self.report.event("over", seconds_left=seen.left_now_seconds)
        say(f"{name(seen)}: {OVER_SECONDS:.0f} s are left: ending the raylet; {how}")
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.raylet.pid, signal.SIGTERM)

    def _end(self) -> int:
        if self.accepted is not None:
            code, words = DRAINED, "the raylet has ended, drained"
        elif self.notice is not None and self.key is not None:
            code, words = NOT_DRAINED, f"the raylet has ended, NOT drained: {self.problem or 'no time was left'}"
        else:
            code, words = ENDED, "the raylet has ended"
        self.report.event("ended", exit_code=code)
        say(f"{words}; exit {code}")
        return code


def name(seen: Seen) -> str:
    return f"{seen.kind} ({seen.action})" if seen.action else seen.kind


def left(seen: Seen) -> str:
    seconds = seen.left_now_seconds
    return "no end is known" if seconds is None else f"{seconds:.0f} s left"


def main(arguments: Sequence[str] | None = None) -> int:
    try:
        return RayNode(parsed(sys.argv[1:] if arguments is None else arguments)).play()
    except NoNode as trouble:
        say(str(trouble))
        return NO_NODE
    except BadRequest as trouble:
        say(str(trouble))
        return USAGE


if __name__ == "__main__":
    sys.exit(main())
