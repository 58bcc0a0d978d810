"""Metadata services on a real socket, as kind or unkind as a test wants them."""

import json
import socket
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

INSTANCE_ID = "i-0123456789abcdef0"


@dataclass
class FakeCloud:
    """EC2's service; with `kind` gcp or azure, theirs. Set what it says; it says it from then on."""

    kind: str = "aws"
    token: str = "v2"  # v2, v1 (405), hang, refused (403), garbage
    lifetime: int = 10**9  # tokens are 401 after so many uses
    action: bytes | None = None
    rebalance: bytes | None = None
    preempted: bool = False
    events: list[dict[str, Any]] = field(default_factory=list)
    clock_ahead: timedelta = timedelta()
    status: int = 200  # of everything, if not 200
    asked: list[str] = field(default_factory=list)
    looked: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)
    uses: int = 0
    tokens: int = 0
    server: Any = None

    def __enter__(self) -> Self:
        cloud = self

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                cloud.answer(self)

            do_PUT = do_GET  # noqa: N815

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    @property
    def environment(self) -> dict[str, str]:
        """Of a process on this cloud and no other."""
        nowhere = "127.0.0.1:1"
        return {
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": self.url if self.kind == "aws" else f"http://{nowhere}",
            "GCE_METADATA_HOST": f"127.0.0.1:{self.server.server_port}" if self.kind == "gcp" else nowhere,
            "AZURE_METADATA_ENDPOINT": self.url if self.kind == "azure" else f"http://{nowhere}",
        }

    def interrupt(self, seconds: float = 120.0, action: str = "terminate") -> None:
        moment = datetime.now(UTC) + self.clock_ahead + timedelta(seconds=seconds)
        self.action = json.dumps({"action": action, "time": moment.strftime("%Y-%m-%dT%H:%M:%SZ")}).encode()

    def recommend(self) -> None:
        self.rebalance = json.dumps({"noticeTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}).encode()

    # --- the other side
    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.asked.append(f"{request.command} {request.path}")
        if self.status != 200:
            self._send(request, self.status, b"trouble")
        elif self.kind == "aws":
            self._aws(request)
        elif self.kind == "gcp":
            self._gcp(request)
        else:
            self._azure(request)

    def _aws(self, request: BaseHTTPRequestHandler) -> None:
        if request.command == "PUT":
            self._token(request)
            return
        if self.token == "v2" and not self._token_is_good(request):
            self._send(request, 401, b"")
            return
        if "instance-action" in request.path:
            self.looked.set()
        bodies = {
            "/latest/meta-data/instance-id": INSTANCE_ID.encode(),
            "/latest/meta-data/spot/instance-action": self.action,
            "/latest/meta-data/events/recommendations/rebalance": self.rebalance,
        }
        self._send_or_404(request, bodies.get(request.path))

    def _token(self, request: BaseHTTPRequestHandler) -> None:
        if self.token == "hang":
            self.released.wait(30)
        elif self.token == "v2":
            self.tokens, self.uses = self.tokens + 1, 0
            self._send(request, 200, f"token-{self.tokens}".encode())
        elif self.token == "garbage":
            self._send(request, 200, "토큰\u2003".encode())
        else:
            self._send(request, {"v1": 405, "refused": 403}[self.token], b"")

    def _token_is_good(self, request: BaseHTTPRequestHandler) -> bool:
        self.uses += 1
        given = request.headers.get("X-aws-ec2-metadata-token")
        return given == f"token-{self.tokens}" and self.uses <= self.lifetime

    def _gcp(self, request: BaseHTTPRequestHandler) -> None:
        if request.headers.get("Metadata-Flavor") != "Google":
            self._send(request, 403, b"")
            return
        if request.path.endswith("preempted"):
            self.looked.set()
        bodies = {
            "/computeMetadata/v1/instance/id": b"4567890123456789",
            "/computeMetadata/v1/instance/preempted": b"TRUE" if self.preempted else b"FALSE",
        }
        self._send_or_404(request, bodies.get(request.path))

    def _azure(self, request: BaseHTTPRequestHandler) -> None:
        path = request.path.partition("?")[0]
        if path.endswith("scheduledevents"):
            self.looked.set()
        bodies = {
            "/metadata/instance/compute/vmId": b"0b1c-vm",
            "/metadata/instance/compute/name": b"worker-3",
            "/metadata/scheduledevents": json.dumps({"DocumentIncarnation": 1, "Events": self.events}).encode(),
        }
        self._send_or_404(request, bodies.get(path) if request.headers.get("Metadata") == "true" else None)

    def _send_or_404(self, request: BaseHTTPRequestHandler, body: bytes | None) -> None:
        self._send(request, 404 if body is None else 200, body or b"")

    def _send(self, request: BaseHTTPRequestHandler, status: int, body: bytes) -> None:
        request.send_response_only(status)
        request.send_header("Date", format_datetime(datetime.now(UTC) + self.clock_ahead, usegmt=True))
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)


class Dripping:
    """Answers a byte at a time, and never ends."""

    def __init__(self, first: bytes = b"HTTP/1.1 200 OK\r\n") -> None:
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.first, self.over = first, threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listening.getsockname()[1]}"

    def _serve(self) -> None:
        while not self.over.is_set():
            try:
                line, _ = self.listening.accept()
            except OSError:
                return
            threading.Thread(target=self._drip, args=(line,), daemon=True).start()

    def _drip(self, line: socket.socket) -> None:
        with line:
            try:
                line.sendall(self.first)
                while not self.over.wait(0.1):
                    line.sendall(b"X")
            except OSError:
                return

    def close(self) -> None:
        self.over.set()
        self.listening.close()
