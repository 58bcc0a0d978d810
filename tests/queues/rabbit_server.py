"""A real RabbitMQ server on free loopback ports, in a folder of its own, gone with its context manager.

Debian's `rabbitmq-server` switches to the user rabbitmq; the release's own script does not, and reads RABBITMQ_*
variables only. No plugins, one scheduler: it starts in seconds. epmd, which Erlang would leave behind as a daemon, is
our child on a port of its own.
"""

import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

START_SECONDS = 60
# ends what is left when we ended without: it reads a pipe that closes with us
_HEIR = 'read _; test -d "$1" && { kill -9 $(cat "$1"/*.group | sed s/^/-/); sleep 1; rm -rf "$1"; }; true'
_PROGRAMS = ("/usr/lib/rabbitmq/bin/rabbitmq-server", "/opt/homebrew/sbin/rabbitmq-server")
_CONFIG = """
log.file.level = warning
heartbeat = 60
vm_memory_high_watermark.absolute = 2GB
disk_free_limit.absolute = 1MB
"""


def absent() -> str:
    """Why no server can be started here; "" = one can."""
    for name in ("erl", "epmd", "erl_call"):
        if _erlang(name) is None:
            return f"{name} of Erlang is not installed"
    return "" if _program() else "rabbitmq-server is not installed"


def _program() -> str | None:
    return next((p for p in _PROGRAMS if Path(p).exists()), None)


def _erlang(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path="/usr/lib/erlang/bin:/usr/local/lib/erlang/bin")


def _free_ports(count: int) -> list[int]:
    """Below those that the system hands out itself: seconds pass before the node listens on its own."""
    ports: list[int] = []
    while len(ports) < count:
        port = random.randrange(10_240, 32_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            ports.append(port)
    return ports


@dataclass
class RabbitServer:
    """One node. `restart` keeps what is durable."""

    folder: Path
    port: int
    dist_port: int
    epmd_port: int
    node: "subprocess.Popen[str] | None" = field(default=None, repr=False)
    epmd: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return self.url_of("guest", "guest")

    def url_of(self, user: str, password: str, vhost: str = "%2F") -> str:
        return f"amqp://{user}:{password}@127.0.0.1:{self.port}/{vhost}"

    def start(self) -> None:
        """Returns when AMQP is served. Raises RuntimeError with what it printed."""
        self.node = subprocess.Popen(
            ["sh", str(_program())],
            env=self._environment(),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        (self.folder / "node.group").write_text(f"{self.node.pid}\n")
        watch = _Alarm(self.node, START_SECONDS)
        said = []
        for line in self.node.stdout or ():
            said.append(line)
            if "completed with" in line:
                watch.off()
                return
        self.kill()
        raise RuntimeError(f"rabbitmq-server did not start within {START_SECONDS} s:\n{''.join(said)[-4000:]}")

    def start_epmd(self) -> None:
        self.epmd = subprocess.Popen(
            [str(_erlang("epmd")), "-port", str(self.epmd_port), "-address", "127.0.0.1"],
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        (self.folder / "epmd.group").write_text(f"{self.epmd.pid}\n")

    def _environment(self) -> dict[str, str]:
        places = {
            "HOME": self.folder,  # Erlang's cookie
            "RABBITMQ_MNESIA_BASE": self.folder / "mnesia",
            "RABBITMQ_LOG_BASE": self.folder / "log",
            "RABBITMQ_CONFIG_FILE": self.folder / "rabbitmq.conf",
            "RABBITMQ_ENABLED_PLUGINS_FILE": self.folder / "enabled_plugins",
            "RABBITMQ_FEATURE_FLAGS_FILE": self.folder / "feature_flags",
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_NODENAME": "warden@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": self.port,
            "RABBITMQ_DIST_PORT": self.dist_port,
            "ERL_EPMD_PORT": self.epmd_port,
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +SDio 1 -kernel inet_dist_use_interface {127,0,0,1}",
            "detached": "true",  # the script becomes the node, without a shell that waits for it
        }
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("RABBITMQ_", "ERL_"))}
        return kept | {k: str(v) for k, v in places.items()}

    def ask(self, erlang: str) -> str:
        """Evaluate an Erlang expression in the node: rabbitmqctl takes seconds, this takes milliseconds."""
        done = subprocess.run(
            [str(_erlang("erl_call")), "-c", self._cookie(), "-r", "-name", "warden@localhost", "-e"],
            input=f"{erlang}.\n", env=self._environment(), capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        if done.returncode != 0 or not done.stdout.startswith("{ok,"):
            raise RuntimeError(f"{erlang}: {done.stdout}{done.stderr}")
        return done.stdout.strip().removeprefix("{ok,").removesuffix("}").strip()

    def _cookie(self) -> str:
        return (self.folder / ".erlang.cookie").read_text()

    def memory_alarm(self, *, on: bool) -> None:
        """Every connection that publishes is blocked while it is on."""
        self.ask(f"vm_memory_monitor:set_vm_memory_high_watermark({{absolute, {1 if on else 2_000_000_000}}})")

    def drop_connections(self) -> None:
        """Every client loses its connection, as when a node or a network goes."""
        self.ask('[rabbit_networking:close_connection(P, "test") || P <- rabbit_networking:connections()], ok')

    def kill(self) -> None:
        if self.node is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.node.pid, signal.SIGKILL)
            self.node.wait()
            if self.node.stdout:
                self.node.stdout.close()
            self.node = None

    def restart(self) -> None:
        """Killed as a machine that goes; started again on what was durable.

        Which Raft log is which queue's reaches RabbitMQ 3.10's disk seconds after a queue is declared (dets writes late):
        a queue that is younger would begin anew, empty and without a leader. Here it has its seconds at once.
        """
        self.ask("[dets:sync(T) || T <- dets:all()]")
        self.kill()
        self.start()

    def end(self) -> None:
        self.kill()
        if self.epmd is not None:
            self.epmd.kill()
            self.epmd.wait()


class _Alarm:
    """Kills a node that does not come up: whoever reads its output then reads the end."""

    def __init__(self, node: "subprocess.Popen[str]", seconds: float) -> None:
        import threading

        self._timer = threading.Timer(seconds, lambda: os.killpg(node.pid, signal.SIGKILL))
        self._timer.daemon = True
        self._timer.start()

    def off(self) -> None:
        self._timer.cancel()


@contextmanager
def rabbit_server(folder: Path | None = None) -> Iterator[RabbitServer]:
    """Raises FileNotFoundError: the programs are absent (ask `absent` first)."""
    if why := absent():
        raise FileNotFoundError(why)
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # mnesia and Raft sync much at the start
    place = Path(tempfile.mkdtemp(prefix="rabbit-", dir=folder or memory))
    heir = subprocess.Popen(["sh", "-c", _HEIR, "sh", place], stdin=subprocess.PIPE, start_new_session=True)
    (place / "rabbitmq.conf").write_text(_CONFIG)
    (place / "enabled_plugins").write_text("[].\n")
    server = RabbitServer(place, *_free_ports(3))
    try:
        server.start_epmd()
        server.start()
        yield server
    finally:
        server.end()
        shutil.rmtree(place, ignore_errors=True)
        heir.communicate()
