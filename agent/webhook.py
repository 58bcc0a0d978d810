"""One address that is told things by POST, as JSON. The address is a secret: only its host is ever named."""

import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, ProxyHandler, Request, build_opener

from tools.errors import Rejected, Unreachable, UsageError

SECONDS = 5.0
"""for one answer of the socket: to connect, to send, to hear"""
_HINT = "an https address, such as Slack's https://hooks.slack.com/services/...; http on this machine only"
_MAY_PASS = (408, 425, 429)


class _Stay(HTTPRedirectHandler):
    """What is told goes where a person said, and nowhere else."""

    def redirect_request(self, *_asked: Any) -> None:
        return None


@dataclass(frozen=True)
class Webhook:
    """Raises  UsageError: not https, nor http on this machine; the message does not hold the address"""

    url: str = field(repr=False)
    seconds: float = SECONDS
    host: str = field(init=False)
    _opener: OpenerDirector = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            host, port_is_one = parts.hostname or "", parts.port != 0
        except ValueError:  # a port or an IPv6 address that cannot be one
            raise UsageError("the webhook: not an address", hint=_HINT) from None
        plain = self.url.isascii() and self.url.isprintable() and " " not in self.url
        if not (plain and host and port_is_one) or parts.scheme not in {"http", "https"}:
            raise UsageError("the webhook: not an address", hint=_HINT)
        if parts.username is not None or parts.password is not None:
            raise UsageError(f"the webhook at {host}: a name or password stands before the host", hint=_HINT)
        if parts.scheme == "http" and not _is_loopback(host):
            raise UsageError(f"the webhook at {host}: http would tell everybody on the way", hint=_HINT)
        proxies = ProxyHandler({}) if _is_loopback(host) else ProxyHandler()
        object.__setattr__(self, "host", host)
        object.__setattr__(self, "_opener", build_opener(_Stay, proxies))

    def post(self, message: Mapping[str, Any]) -> None:
        """Returns when the receiver took it: any answer 2xx.

        Raises  Rejected: it does not want this one; Unreachable: nobody, or nobody well, is there now
        """
        body = json.dumps(message).encode("ascii")
        headers = {"Content-Type": "application/json", "User-Agent": "spotwarden"}
        request = Request(self.url, data=body, headers=headers, method="POST")  # noqa: S310  checked above
        try:
            with self._opener.open(request, timeout=self.seconds):
                return
        except HTTPError as error:
            status = error.code
            error.close()
        except (OSError, HTTPException, ValueError) as error:  # the text of some holds the address
            raise Unreachable(f"the webhook at {self.host}: {_why(error)}") from None
        if 300 <= status < 400:
            raise Unreachable(f"the webhook at {self.host}: redirects ({status}), which is not followed")
        kind = Rejected if status < 500 and status not in _MAY_PASS else Unreachable
        raise kind(f"the webhook at {self.host}: answered {status}")


def _why(error: Exception) -> str:
    reason = getattr(error, "reason", error)
    return str(getattr(reason, "strerror", None) or type(reason).__name__)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
