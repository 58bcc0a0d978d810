"""A real Redis on a free loopback port, in a folder of its own, gone with its context manager; and a wire to cut."""

import os
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path


def absent() -> str:
    """Why no server can be started here; "" = one can."""
    return "" if shutil.which("redis-server") else "redis-server is not installed"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as held:
        return held.getsockname()[1]


@dataclass
class RedisServer:
    folder: Path
    port: int
    options: tuple[str, ...]
    process: "subprocess.Popen[str] | None" = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Returns when it serves. Raises RuntimeError with what it printed."""
        words = ["--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder), "--save", ""]
        self.process = subprocess.Popen(
            ["redis-server", *words, *self.options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        said = []
        for line in self.process.stdout or ():
            said.append(line)
            if "eady to accept connections" in line:
                return
        self.kill()
        raise RuntimeError(f"redis-server did not start:\n{''.join(said)[-4000:]}")

    def kill(self) -> None:
        """As a machine that goes."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            if self.process.stdout:
                self.process.stdout.close()
            self.process = None


@contextmanager
def redis_server(*options: str) -> Iterator[RedisServer]:
    """Raises FileNotFoundError: the program is absent (ask `absent` first)."""
    if why := absent():
        raise FileNotFoundError(why)
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    place = Path(tempfile.mkdtemp(prefix="redis-", dir=memory))
    server = RedisServer(place, free_port(), options)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(place, ignore_errors=True)


class Wire:
    """Between a client and a server that answers each request: `cut(word)` loses the next answer to what holds it."""

    def __init__(self, port: int) -> None:
        self._to = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._words: list[bytes] = []
        self._open: list[socket.socket] = []
        self.cuts = 0
        self.before = lambda: None
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._listener.getsockname()[1]}/0"

    def cut(self, word: str, *, times: int = 1, before=lambda: None) -> None:
        """before   called when the server has answered, and the client does not know yet"""
        self.before = before
        self._words += [word.encode()] * times

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._open.append(client)
                threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        with client, suppress(OSError), socket.create_connection(self._to) as server:
            self._open.append(server)
            while asked := client.recv(1 << 20):
                server.sendall(asked)
                answer = server.recv(1 << 20)
                if self._words and self._words[0] in asked:
                    self._words.pop(0)
                    self.cuts += 1
                    self.before()
                    return
                if not answer:
                    return
                client.sendall(answer)

    def close(self) -> None:
        self._listener.close()
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
