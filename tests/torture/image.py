"""A warm image of the product, and the account copies it acts on: a run is a fork, an experiment is a few runs.

The worker process is the image. It has one thread, so that it may fork; whatever it opened before is only what costs
time and holds no state of an experiment: imported modules and AWS clients without a connection.
"""

import gc
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from tests.torture import product
from tests.torture.boundaries import Boundaries, watch
from tests.torture.product import OURS, STRANGER, Ground
from tools.aws.session import AwsAccount, open_account

RUN_SECONDS = 300
"""no run takes as long; one that hangs is a finding"""


class Door:
    """An account process, spoken to."""

    def __init__(self, path: Path, seconds: float = 120) -> None:
        self.path = path
        deadline = time.monotonic() + seconds
        while True:
            self._socket = socket.socket(socket.AF_UNIX)
            try:
                self._socket.connect(str(path))
                break
            except OSError:
                self._socket.close()
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.002)
        self._wire = self._socket.makefile("rwb")

    def order(self, do: str, **more: Any) -> dict[str, Any]:
        self._wire.write(json.dumps({"do": do, **more}).encode() + b"\n")
        self._wire.flush()
        answer: dict[str, Any] = json.loads(self._wire.readline() or b"{}")
        if "error" in answer:
            raise ValueError(f"the account refuses to {do}: {answer['error']}")
        return answer

    def end(self) -> None:
        self.order("end")
        self.close()

    def close(self) -> None:
        self._wire.close()
        self._socket.close()


@dataclass
class Ended:
    """How one run of the product ended."""

    exit: int
    told: list[dict[str, Any]]
    """lines of this run"""

    @property
    def killed(self) -> bool:
        return self.exit == -signal.SIGKILL

    def says(self, key: str) -> list[Any]:
        return [line[key] for line in self.told if key in line]


@dataclass
class Scene:
    """One account copy that answers, and the files of the experiment that it belongs to."""

    image: "Image"
    door: Door
    ground: Ground
    runs: list[dict[str, Any]] = field(default_factory=list)
    fleet: str = ""
    """the one that the deed is about"""
    _ended: dict[int, int] = field(default_factory=dict)

    def run(self, program: str, job: dict[str, Any], **how: Any) -> Ended:
        """Fork, do, wait."""
        return self.finish(*self.start(program, job, **how))

    def start(self, program: str, job: dict[str, Any], **how: Any) -> tuple[int, int]:
        """The process id, and where its lines begin. `how` is as boundaries.Boundaries says."""
        at = self.ground.told.stat().st_size if self.ground.told.exists() else 0
        pid = os.fork()
        if pid:
            return pid, at
        code = 1
        try:
            signal.alarm(RUN_SECONDS)
            product.CLOCK.__class__.path = self.ground.clock
            boundaries = Boundaries(product.open_told(self.ground), **how)
            watch(boundaries)
            product.run(self.ground, self.image.account, boundaries, program, job)
            code = 0
        except BaseException as error:  # noqa: BLE001  nothing may escape into the worker's own loop
            import traceback

            Boundaries(product.open_told(self.ground)).tell(broke=repr(error), trace=traceback.format_exc())
        finally:
            os._exit(code)

    def stopped(self, pid: int) -> bool:
        """Wait until it stops itself, or ends: False, and then there is nobody left to wait for."""
        _, status = os.waitpid(pid, os.WUNTRACED)
        if os.WIFSTOPPED(status):
            return True
        self._ended[pid] = status
        return False

    def wake(self, pid: int) -> None:
        if pid not in self._ended:
            os.kill(pid, signal.SIGCONT)

    def finish(self, pid: int, at: int) -> Ended:
        status = self._ended.pop(pid, None)
        while status is None:
            _, status = os.waitpid(pid, 0)
        with self.ground.told.open("rb") as file:
            file.seek(at)
            told = [json.loads(line) for line in file.read().splitlines()]
        ended = Ended(os.waitstatus_to_exitcode(status), told)
        self.runs.append({"exit": ended.exit, "said": [t for t in told if not {"boundary", "acknowledged"} & {*t}]})
        return ended

    def kill(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)

    def advance(self, seconds: float) -> None:
        self.tell_time(self.door.order("advance", seconds=seconds)["now"])

    def tell_time(self, now: str) -> None:
        fresh = self.ground.clock.with_suffix(".new")
        fresh.write_text(datetime.fromisoformat(now).isoformat())
        fresh.replace(self.ground.clock)


@dataclass
class Base:
    """Where experiments begin: an account that does not serve, and what lies in the folder by then."""

    door: Door
    folder: Path | None
    """copied into each experiment's; None = nothing yet"""

    def end(self) -> None:
        self.door.end()
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)


class Image:
    """One worker: a warm product, a laid-out account, a port of its own."""

    def __init__(self, *, scenario: str, seed: int, policy: str, home: Path) -> None:
        self.home = Path(tempfile.mkdtemp(dir=home))
        self.policy = policy
        self.scenario, self.seed = scenario, seed
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._number = 0
        self._strangers: dict[str, Any] = {}
        root = self.home / "root.door"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.torture.account", str(root), scenario, str(seed)],
            stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONHASHSEED": "0"},
        )
        self.account: AwsAccount = open_account(
            profile=None,
            region="us-east-1",
            endpoint_url=self.url,
            clock=product.CLOCK,
            credentials=OURS,
            read_seconds=5,
        )
        self.root = Base(Door(root), None)

    def warm(self) -> None:
        """Make every client and look once around, on an account that is thrown away: a first time costs a second."""
        with self.scene(self.root) as scene:
            self.opened(scene).reader.fleets()
        for service in ("autoscaling", "ec2", "elbv2"):
            self.stranger(service)
        for service in ("autoscaling", "ec2", "s3", "elbv2", "pricing", "savingsplans", "sts"):
            for wrote in (True, False):
                self.account.calls._client(service, wrote=wrote)
        self.let_go()
        gc.collect()
        gc.freeze()

    def let_go(self) -> None:
        """Close connections that this process made, and keep the clients."""
        for client in (*self.account.calls._clients.values(), *self._strangers.values()):
            client.close()

    def opened(self, scene: Scene) -> product.House:
        """The product opened in this process, for what harms nobody: reading."""
        product.CLOCK.__class__.path = scene.ground.clock
        quiet = Boundaries(product.open_told(scene.ground))
        house = product.House(scene.ground, self.account, quiet)
        house.journal.close()
        return house

    def stranger(self, service: str) -> Any:
        """Somebody else's client in the same account."""
        if service not in self._strangers:
            self._strangers[service] = boto3.Session(*STRANGER, region_name="us-east-1").client(
                service,
                endpoint_url=self.url,
                config=Config(proxies={}, retries={"total_max_attempts": 1}),
            )
        return self._strangers[service]

    @contextmanager
    def scene(self, base: Base, *, keep: bool = False) -> Iterator[Scene]:
        """A copy of the account, answering on our port, and a folder of its own."""
        self._number += 1
        folder = self.home / f"{self._number}"
        if base.folder:
            shutil.copytree(base.folder, folder)
        else:
            folder.mkdir()
        ground = Ground(folder)
        if not base.folder:
            ground.policy.write_text(self.policy)
        door = self.copy(base)
        try:
            told = door.order("serve", port=self.port, effects=str(ground.effects), journal=str(ground.db))
            scene = Scene(self, door, ground)
            scene.tell_time(told["now"])
            yield scene
            if keep:
                door.order("hush")
        except BaseException:
            keep = False
            raise
        finally:
            if not keep:
                door.end()
                shutil.rmtree(folder, ignore_errors=True)

    def copy(self, base: Base) -> Door:
        self._number += 1
        path = self.home / f"{self._number}.door"
        base.door.order("fork", door=str(path))
        return Door(path)

    def keep(self, scene: Scene) -> Base:
        """Begin other experiments where this scene stands; it answers no more."""
        return Base(scene.door, scene.ground.folder)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self.home, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
