"""What the cloud says about this instance, over its metadata service: three formats, one noun.

An answer is small and comes in time, or it does not count: a service that hangs, drips or lies stops nothing here.
Sources  EC2: instance metadata, spot/instance-action, events/recommendations/rebalance; GCP: instance/preempted;
         Azure: scheduled events of type Preempt
"""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any, Protocol
from urllib.parse import urlsplit

ANSWER_SECONDS = 2.0
CONNECT_SECONDS = 1.0
MAX_ANSWER_BYTES = 1 << 16
TOKEN_SECONDS = 21_600
ACTIONS = {name: name for name in ("terminate", "stop", "hibernate")}
NOTICE_SECONDS = {"aws": 120.0, "gcp": 30.0, "azure": 30.0}
"""what each cloud promises at best; where no deadline can be read, or none that can be true"""
LONGEST_NOTICE_SECONDS = {"aws": 130.0, "gcp": 130.0, "azure": 900.0}


@dataclass(frozen=True)
class Seen:
    """What one look found. `left_seconds` None: it is prepared for, no end is known."""

    kind: str  # interruption, rebalance
    action: str | None
    key: str  # the same notice has the same key
    left_seconds: float | None
    source: str
    remark: str = ""
    looked_at: float = field(default_factory=time.monotonic, compare=False)

    @property
    def aside(self) -> str:
        return f" ({self.remark})" if self.remark else ""

    @property
    def left_now_seconds(self) -> float | None:
        """A checkpoint may be fetched between the look and the answer to it."""
        if self.left_seconds is None:
            return None
        return max(0.0, self.left_seconds - (time.monotonic() - self.looked_at))


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    date: datetime | None  # the service's own clock


class Silent(Exception):
    """No answer in time. `connected`: somebody is there."""

    def __init__(self, words: str, *, connected: bool = False) -> None:
        super().__init__(words)
        self.connected = connected


class Provider(Protocol):
    name: str
    remark: str  # what a person should know of the way it answers

    def detect(self) -> bool:
        """Is this the cloud we are on? Raises Silent."""

    def instance_id(self) -> str | None:
        """None: it does not say. Raises Silent."""

    def look(self) -> list[Seen]:
        """Notices in force now. Raises Silent."""


def ask(base: str, path: str, *, method: str = "GET", headers: dict[str, str] | None = None) -> Answer:
    """One request, ended after two seconds whatever the other side does; no proxy, no redirect.

    Raises  Silent: no connection, no answer in time, or no HTTP
    """
    place = urlsplit(base)
    line = http.client.HTTPConnection(place.hostname or "", place.port or 80, timeout=CONNECT_SECONDS)
    connected = False
    alarm: threading.Timer | None = None
    try:
        line.connect()
        connected = True
        alarm = threading.Timer(ANSWER_SECONDS, _hang_up, (line.sock,))
        alarm.daemon = True
        alarm.start()
        line.sock.settimeout(ANSWER_SECONDS)
        line.request(method, place.path.rstrip("/") + path, headers={"Accept": "*/*", **(headers or {})})
        told = line.getresponse()
        body = told.read(MAX_ANSWER_BYTES)
        return Answer(told.status, body, _date(told.getheader("Date")))
    except (OSError, http.client.HTTPException, ValueError) as error:
        words = str(error) or type(error).__name__
        raise Silent(f"{method} {base}{path}: {words[:120]}", connected=connected) from None
    finally:
        if alarm is not None:
            alarm.cancel()
        line.close()


def _hang_up(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it is closed already


def _date(text: str | None) -> datetime | None:
    try:
        found = parsedate_to_datetime(text) if text else None
    except (TypeError, ValueError, IndexError):
        return None
    return found if found and found.tzinfo else None


def left_until(deadline: datetime | None, answer: Answer, provider: str) -> tuple[float, str]:
    """(seconds left, remark). The service's clock counts, ours may be wrong; what cannot be true is not believed."""
    promised = NOTICE_SECONDS[provider]
    if deadline is None:
        return promised, f"no readable deadline: {promised:.0f} s are assumed"
    left = (deadline - (answer.date or datetime.now(timezone.utc))).total_seconds()
    if 0 < left <= LONGEST_NOTICE_SECONDS[provider]:
        return left, ""
    how = f"{-left:.0f} s ago" if left <= 0 else f"in {left:.0f} s"
    return promised, f"its deadline is {how}: a clock is wrong, {promised:.0f} s are assumed"


def _utc(text: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(text).strip().replace("Z", "+00:00"))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)


class Aws:
    """IMDSv2. Without a token only where there is no token to be had, and said."""

    name = "aws"

    def __init__(self, base: str | None = None) -> None:
        modes = {"ipv6": "http://[fd00:ec2::254]"}
        mode = os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "").lower()
        told = base or os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT")
        self.told = bool(told)
        self.base = (told or modes.get(mode, "http://169.254.169.254")).rstrip("/")
        self.remark = ""
        self._token: str | None = None
        self._renew_at = 0.0
        self._garbage = 0

    def detect(self) -> bool:
        self._take_token()
        if self._token is not None:
            return True
        if self.told:  # somebody named this endpoint: whatever answers there is it
            return True
        found = self._get("/latest/meta-data/instance-id")
        return found.status == 200 and re.fullmatch(rb"i-[0-9a-f]{8,17}", found.body.strip()) is not None

    def instance_id(self) -> str | None:
        found = self._get("/latest/meta-data/instance-id")
        text = found.body.decode("ascii", "replace").strip()
        return text if found.status == 200 and re.fullmatch(r"i-[0-9a-f]{8,17}", text) else None

    def look(self) -> list[Seen]:
        seen = self._interruption() or self._rebalance()
        return [seen] if seen else []

    def _interruption(self) -> Seen | None:
        path = "/latest/meta-data/spot/instance-action"
        answer = self._get(path)
        if answer.status != 200:
            self._expect_none(answer, path)
            return None
        try:
            told = json.loads(answer.body)
            action, moment = ACTIONS[told["action"]], told.get("time")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            saw = answer.body[:40].decode("utf-8", "replace")
            return Seen(
                "rebalance", None, "garbage", None, path, f"an answer that cannot be read: {saw!r}: prepared for"
            )
        left, remark = left_until(_utc(moment), answer, "aws")
        if action == "hibernate":  # the memory is kept and the process goes on: ending it would be the loss
            return Seen("rebalance", action, f"hibernate {moment}", None, path, remark)
        return Seen("interruption", action, f"{action} {moment}", left, path, remark)

    def _rebalance(self) -> Seen | None:
        path = "/latest/meta-data/events/recommendations/rebalance"
        answer = self._get(path)
        if answer.status != 200:
            self._expect_none(answer, path)
            return None
        try:
            moment = str(json.loads(answer.body)["noticeTime"])
        except (ValueError, KeyError, TypeError, RecursionError):
            moment = "unreadable"
        return Seen("rebalance", None, f"rebalance {moment}", None, path)

    def _expect_none(self, answer: Answer, path: str) -> None:
        if answer.status != 404:
            raise Silent(f"GET {self.base}{path}: {answer.status}", connected=True)

    def _get(self, path: str) -> Answer:
        if time.monotonic() >= self._renew_at:
            self._take_token()
        for attempt in (1, 2):
            headers = {} if self._token is None else {"X-aws-ec2-metadata-token": self._token}
            answer = ask(self.base, path, headers=headers)
            if answer.status != 401 or attempt == 2:
                break
            self._take_token()
        return answer

    def _take_token(self) -> None:
        """A new token; None where PUT is not known there (v1), or is never answered while GET is (the hop limit)."""
        self._token, self._renew_at = None, time.monotonic() + 60
        try:
            headers = {"X-aws-ec2-metadata-token-ttl-seconds": str(TOKEN_SECONDS)}
            answer = ask(self.base, "/latest/api/token", method="PUT", headers=headers)
        except Silent as silence:
            if not silence.connected:
                self._renew_at = 0.0
                raise
            self.remark = (
                "the metadata service gives no token: asked without one"
                " (in a container: raise the instance's hop limit to 2)"
            )
            return
        token = answer.body.decode("utf-8", "replace").strip()
        if answer.status == 200 and token.isascii() and token.isprintable() and 0 < len(token) < 4096:
            self._token, self.remark = token, ""
            self._renew_at = time.monotonic() + TOKEN_SECONDS / 2
        elif answer.status in (404, 405, 501):
            self.remark = "the metadata service answers version 1 only: asked without a token"
        elif answer.status == 403:
            raise Silent("the metadata service is turned off for this instance (403)", connected=True)
        else:
            self.remark = f"the metadata service gives no token ({answer.status}): asked without one"


class Gcp:
    name = "gcp"
    _headers = {"Metadata-Flavor": "Google"}

    def __init__(self, base: str | None = None) -> None:
        host = os.environ.get("GCE_METADATA_HOST")
        self.base = base or (f"http://{host}" if host else "http://169.254.169.254")
        self.remark = ""

    def detect(self) -> bool:
        answer = self._get("id")
        return answer.status == 200 and answer.body.strip().isdigit()

    def instance_id(self) -> str | None:
        answer = self._get("id")
        return answer.body.decode("ascii", "replace").strip() if answer.status == 200 else None

    def look(self) -> list[Seen]:
        answer = self._get("preempted")
        if answer.status != 200:
            raise Silent(f"GET {self.base}: {answer.status}", connected=True)
        if answer.body.strip().upper() != b"TRUE":
            return []
        return [Seen("interruption", "terminate", "preempted", NOTICE_SECONDS["gcp"], "instance/preempted")]

    def _get(self, name: str) -> Answer:
        return ask(self.base, f"/computeMetadata/v1/instance/{name}", headers=self._headers)


class Azure:
    name = "azure"
    _headers = {"Metadata": "true"}

    def __init__(self, base: str | None = None) -> None:
        self.base = base or os.environ.get("AZURE_METADATA_ENDPOINT") or "http://169.254.169.254"
        self.remark = ""
        self._vm: str | None = None

    def detect(self) -> bool:
        return self._compute("vmId") is not None

    def instance_id(self) -> str | None:
        self._vm = self._compute("name")
        return self._compute("vmId")

    def look(self) -> list[Seen]:
        path = "/metadata/scheduledevents?api-version=2020-07-01"
        answer = ask(self.base, path, headers=self._headers)
        if answer.status != 200:
            raise Silent(f"GET {self.base}{path}: {answer.status}", connected=True)
        try:
            events = json.loads(answer.body)["Events"]
            return [self._seen(e, answer) for e in events if e.get("EventType") == "Preempt" and self._mine(e)]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            saw = answer.body[:40].decode("utf-8", "replace")
            remark = f"an answer that cannot be read: {saw!r}: prepared for"
            return [Seen("rebalance", None, "garbage", None, "scheduledevents", remark)]

    def _mine(self, event: dict[str, Any]) -> bool:
        """A scale set hears of its other machines too."""
        names = [str(n).lower() for n in event.get("Resources") or ()]
        return self._vm is None or not names or self._vm.lower() in names

    def _seen(self, event: dict[str, Any], answer: Answer) -> Seen:
        told = event.get("NotBefore")
        moment = (_date(str(told)) or _utc(told)) if told else None
        left, remark = left_until(moment, answer, "azure")
        return Seen("interruption", "terminate", str(event.get("EventId")), left, "scheduledevents", remark)

    def _compute(self, field: str) -> str | None:
        path = f"/metadata/instance/compute/{field}?api-version=2021-02-01&format=text"
        answer = ask(self.base, path, headers=self._headers)
        text = answer.body.decode("utf-8", "replace").strip()
        return text if answer.status == 200 and 0 < len(text) < 128 and text.isprintable() else None


KINDS: dict[str, type[Aws | Gcp | Azure]] = {"aws": Aws, "gcp": Gcp, "azure": Azure}


def found_provider(which: str) -> tuple[Provider | None, list[str]]:
    """(the one that answers, what was said). All are asked at once: at most a few seconds. None: nobody answers.

    which   auto, none, or a name: then it is that one, whether it answers now or later
    """
    if which != "auto":
        return (KINDS[which](), []) if which in KINDS else (None, [])
    off = os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true"
    asked: list[Provider] = [kind() for name, kind in KINDS.items() if not (off and name == "aws")]
    answers: dict[str, bool] = {}
    words: list[str] = []

    def one(provider: Provider) -> None:
        try:
            answers[provider.name] = provider.detect()
        except Silent as silence:
            # somebody is there and does not speak yet: where AWS's endpoint was named, it is AWS
            answers[provider.name] = provider.name == "aws" and silence.connected and getattr(provider, "told", False)
            words.append(str(silence))

    threads = [threading.Thread(target=one, args=(p,), daemon=True) for p in asked]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * (CONNECT_SECONDS + ANSWER_SECONDS))
    return next((p for p in asked if answers.get(p.name)), None), words
