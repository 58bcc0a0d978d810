"""Starts and speaks to a simulated account. Standard library only: moto stays in the other process."""

import http.client
import json
import os
import select
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import weakref
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from tools.errors import DataError, SpotError, Unreachable

START_SECONDS = 60.0
CALL_SECONDS = 120.0


class SimulatedClock:
    """Simulated time as this process sees it: its own copy, so that telling the time costs no call."""

    def __init__(self, account: "SimulatedAccount", told: Mapping[str, Any], *, shared: bool) -> None:
        self._account = account
        self._shared = shared
        self._told = _moment(told["now"])
        self._heard = time.monotonic()
        self.speed: float | None = told["speed"]

    def now(self) -> datetime:
        """Aware UTC. Stepped time that others may advance is asked for; running time is computed."""
        if self.speed is not None:
            return self._told + timedelta(seconds=(time.monotonic() - self._heard) * self.speed)
        if self._shared:
            self.hear(self._account._told_time())
        return self._told

    def hear(self, now: str) -> None:
        self._told, self._heard = _moment(now), time.monotonic()


class _Lines:
    """Connections that stay open: stepped time that others may advance is asked for thousands of times."""

    def __init__(self, endpoint_url: str) -> None:
        self._where = urllib.parse.urlsplit(endpoint_url).netloc
        self._idle: list[http.client.HTTPConnection] = []

    def get(self, path: str) -> Any:
        """Raises OSError, HTTPException, ValueError."""
        try:
            line = self._idle.pop()
        except IndexError:
            line = http.client.HTTPConnection(self._where, timeout=CALL_SECONDS)
        try:
            line.request("GET", path)
            body = line.getresponse().read()
        except BaseException:
            line.close()
            raise
        self._idle.append(line)
        return json.loads(body)

    def close(self) -> None:
        idle, self._idle = self._idle, []
        for line in idle:
            line.close()


class SimulatedAccount:
    """One account: started here (a context manager that stops it), or attached to."""

    def __init__(self, endpoint_url: str, child: "subprocess.Popen[bytes] | None", errors: IO[bytes] | None) -> None:
        self.endpoint_url = endpoint_url
        self._child = child
        self._errors = errors
        self._lines = _Lines(endpoint_url)
        weakref.finalize(self, self._lines.close)
        told = self._get("clock")
        self.region: str = told["region"]
        self.account_id: str = told["account_id"]
        self.queue_url: str = told["queue_url"]
        self.scenario: str = told["scenario"]
        self.seed: int = told["seed"]
        self.stepped: bool = told["stepped"]
        self.pid: int = told["pid"]
        self.clock = SimulatedClock(self, told, shared=child is None)

    @property
    def advisor_url(self) -> str:
        """The Spot Instance Advisor's file of this account's market, in the shape that AWS publishes."""
        return f"{self.endpoint_url}/_sim/spot-advisor-data.json"

    @classmethod
    def start(
        cls,
        *,
        scenario: str = "tour",
        seed: int = 7,
        speed: float = 60.0,
        stepped: bool = False,
        prices: Path | None = None,
        effects: Path | None = None,
        port: int = 0,
        start_seconds: float = START_SECONDS,
    ) -> Self:
        """Start a process and wait for its ready line.

        speed    simulated seconds per wall second, unless stepped
        Raises   SpotError: it died (its own words), or was not ready in time
        """
        pace = ["--stepped"] if stepped else ["--speed", str(speed)]
        command = [sys.executable, "-m", "tools.simulation", "--scenario", scenario, "--seed", str(seed), *pace]
        command += ["--port", str(port)]
        for flag, path in (("--prices", prices), ("--effects", effects)):
            command += [flag, str(Path(path).absolute())] if path else []
        errors = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as the child
        child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, env=_environment()
        )
        try:
            line = _ready_line(child, errors, start_seconds)
            return cls(line["endpoint_url"], child, errors)
        except BaseException:
            _end(child, errors)
            raise

    @classmethod
    def attach(cls, endpoint_url: str) -> Self | None:
        """The account behind an endpoint; None when that is not a simulated one."""
        try:
            return cls(endpoint_url.rstrip("/"), None, None)
        except (SpotError, KeyError, TypeError):
            return None

    # --- what the market does
    def advance(self, seconds: float) -> datetime:
        """Let simulated time pass; returns the new now."""
        told = self._post("advance", seconds=seconds)
        self.clock.hear(told["now"])
        return _moment(told["now"])

    def interrupt(self, instance_id: str) -> dict[str, Any]:
        """The two-minute warning, now. Raises DataError: no such running spot instance."""
        return self._post("interrupt", instance_id=instance_id)

    def rebalance(self, instance_id: str) -> dict[str, Any]:
        """A rebalance recommendation, now. Raises DataError."""
        return self._post("rebalance", instance_id=instance_id)

    def fail(
        self,
        operation: str,
        kind: str,
        times: int = 1,
        *,
        seconds: float = 0.0,
        skip: int = 0,
        change: Mapping[str, Any] | None = None,
        when: str = "before",
    ) -> None:
        """Order a fault: the next `times` calls of an operation meet it, after `skip` that do not.

        operation  such as UpdateAutoScalingGroup, s3:PutObject, or *
        kind       one of the table in tools/simulation/faults.py
        times      0 = until mended
        seconds    wall seconds of slowness, or of silence before the connection ends; of stale: simulated, 1 to 300
        change     of a stranger, as the table in tools/simulation/strangers.py says: {"group": …, "desired": 3}
        when       of a stranger: before or after the call
        Raises     DataError: an unknown kind, or one that does not fit the operation
        """
        more: dict[str, Any] = {"change": dict(change), "when": when} if change is not None else {}
        self._post("faults", operation=operation, kind=kind, times=times, seconds=seconds, skip=skip, **more)

    def mend(self) -> None:
        """Take every standing fault back."""
        self._post("faults", clear=True)

    def dry(self, instance_type: str, zone: str, *, dry: bool = True) -> None:
        """A pool has no spot capacity from now on; `dry=False` gives it back. Raises DataError: no such zone."""
        self._post("dry", instance_type=instance_type, zone=zone, dry=dry)

    def random_interruptions(self, *, on: bool) -> None:
        """Whether the market takes instances by itself; on with --speed, off when stepped."""
        self._post("random", on=on)

    def limit_placement(self, configurations: int) -> None:
        """How many new questions for placement scores EC2 answers in 24 hours; 0 = none. Raises DataError."""
        self._post("limits", placement_configurations=configurations)

    def fate_snapshots(self, fate: str, *, volume_id: str = "*") -> None:
        """What becomes of a volume's snapshots, or of all: usual, error, never (they stay pending)."""
        self._post("snapshots", fate=fate, volume_id=volume_id)

    # --- what can be seen from behind
    def effects(self, after: int = 0) -> list[dict[str, Any]]:
        """Rows of the effect log with seq > after, oldest first."""
        rows: list[dict[str, Any]] = self._get(f"effects?after={after}")["effects"]
        return rows

    def state(self) -> dict[str, Any]:
        return self._get("state")

    # --- its life
    def stop(self) -> None:
        """End a process that was started here; an attached one lives on."""
        if self._child is not None:
            _end(self._child, self._errors)
            self._child = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _told_time(self) -> str:
        if self.endpoint_url.startswith("http://"):
            try:
                return str(self._lines.get("/_sim/clock")["now"])
            except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError):
                self._lines.close()  # it may only have been kept for too long: the plain way tells
        return str(self._get("clock")["now"])

    def _get(self, path: str) -> dict[str, Any]:
        return self._call(path, None)

    def _post(self, path: str, **body: Any) -> dict[str, Any]:
        return self._call(path, json.dumps(body).encode())

    def _call(self, path: str, data: bytes | None) -> dict[str, Any]:
        if not self.endpoint_url.startswith(("http://", "https://")):
            raise DataError(f"{self.endpoint_url}: not an http address")
        request = urllib.request.Request(f"{self.endpoint_url}/_sim/{path}", data=data)  # noqa: S310  checked above
        request.add_header("Content-Type", "application/json")
        try:
            with _OPENER.open(request, timeout=CALL_SECONDS) as answer:
                found = json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                text = error.read(2000).decode("utf-8", "replace")
            raise DataError(f"simulated account: {_reason(text)}") from None
        except (OSError, ValueError) as error:
            raise Unreachable(
                f"{self.endpoint_url}: no simulated account answers: {error}", hint="is it still running?"
            ) from None
        if not isinstance(found, dict):
            raise DataError(f"{self.endpoint_url}: not a simulated account")
        return found


# loopback only, so never through a proxy
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _environment() -> dict[str, str]:
    """The caller's, with our packages found from any directory and AWS's own settings left out."""
    root = str(Path(__file__).resolve().parents[2])
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "MOTO_"))}
    path = [root, *filter(None, [kept.get("PYTHONPATH")])]
    return {**kept, "PYTHONPATH": os.pathsep.join(path), "PYTHONDONTWRITEBYTECODE": "1"}


def _ready_line(child: "subprocess.Popen[bytes]", errors: IO[bytes], seconds: float) -> dict[str, Any]:
    assert child.stdout is not None  # noqa: S101  PIPE was asked for
    deadline = time.monotonic() + seconds
    text = b""
    while not text.endswith(b"\n"):
        left = deadline - time.monotonic()
        if left <= 0:
            raise SpotError(f"simulated account: not ready after {seconds:g} s", hint="is the machine overloaded?")
        if not select.select([child.stdout], [], [], left)[0]:
            continue
        piece = os.read(child.stdout.fileno(), 65_536)
        if not piece:
            child.wait(timeout=10)
            raise SpotError(
                _last_words(errors) or f"simulated account: ended with {child.returncode} before it was ready"
            )
        text += piece
    line: dict[str, Any] = json.loads(text)
    return line


def _last_words(errors: IO[bytes]) -> str:
    errors.seek(0)
    return errors.read(20_000).decode("utf-8", "replace").strip()


def _end(child: "subprocess.Popen[bytes]", errors: IO[bytes] | None) -> None:
    for pipe in (child.stdin, child.stdout):
        if pipe:
            pipe.close()
    try:
        child.wait(timeout=3)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    if errors:
        errors.close()


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _reason(text: str) -> str:
    try:
        return str(json.loads(text)["error"])
    except (ValueError, KeyError, TypeError):
        return text[:200]
