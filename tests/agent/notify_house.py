"""A receiver on this machine that is told things, and recoveries to tell it of."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from agent.journal.journal import Journal
from agent.notifying import KIND, Notifying
from agent.webhook import Webhook
from tests.agent.recovery_house import ref
from tools.records import Job, Recovery
from tui.safe_text import safe_text

SECRET = "T0SECRET"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SECONDS = 60
"""nothing takes as long, on however busy a machine"""


@dataclass
class Receiver:
    """A real server on this machine that is told things."""

    url: str
    told: list[dict[str, Any]] = field(default_factory=list)
    """what it was sent, whatever it answered"""
    answers: list[int] = field(default_factory=list)
    """next answers; 200 when there is none"""
    before_answer: Callable[[], object] = lambda: None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def events(self) -> list[str]:
        return [m["event"] for m in self.told]


@contextmanager
def open_receiver() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            receiver.told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            receiver.before_answer()
            try:
                self.send_response(receiver.answers.pop(0) if receiver.answers else 200)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.end_headers()
            except OSError:  # whoever asked is gone
                self.close_connection = True

        def do_GET(self) -> None:
            receiver.told.append({"event": "GET"})
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_said: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver = Receiver(f"http://127.0.0.1:{server.server_port}/services/{SECRET}")
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield receiver
        server.shutdown()
        thread.join()


@dataclass
class Stepped:
    at: datetime = NOON

    def now(self) -> datetime:
        return self.at

    def step(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


def notifying(journal: Journal, clock: Any, url: str, *, seconds: float = 5) -> Notifying:
    """As a new daemon has it."""
    found = Notifying(journal, clock, Webhook(url, seconds), shown=safe_text, pauses=())
    found.begin()
    return found


def begun(journal: Journal, count: int, *, fleet: str = "ml-train", job: str = "", first: int = 0) -> None:
    """So many recoveries in one transaction, as the machine opens them."""
    at = NOON
    home = ref(fleet)
    work = Job(job_id=job or fleet, fleet=home, registered_at=at, registered_by="kim")
    opened = [
        Recovery(recovery_id=f"{fleet}-{n}", job=work, instance_id=f"i-{n:017x}", notice_at=at, opened_at=at)
        for n in range(first, first + count)
    ]
    assert len(journal.jobs.begin(opened, actor="test")) == count


def delivered(journal: Journal) -> list[dict[str, Any]]:
    return [t for e in journal.entries(kinds=(KIND,)) if (t := json.loads(e.payload))["id"] is not None]
