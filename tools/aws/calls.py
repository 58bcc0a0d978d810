"""One call of one service: clients are made once, errors are given meaning once, every page is read."""

import threading
from collections.abc import Callable, Iterator
from typing import Any, cast

import boto3
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from tools.aws.errors import meaning
from tools.errors import CloudError

CONNECT_SECONDS = 5
READ_SECONDS = 20
LONG_POLL_SECONDS = 20
CONNECTIONS = 48
"""kept open to one service: fleets in a storm are answered beside each other, and their instances asked to save"""
MAX_PAGES = 2_000

FAILED = (BotoCoreError, ClientError, ResponseParserError)
"""how botocore says that a call failed"""

# the Price List and Savings Plans APIs live in a few regions only and answer for all of their partition
_PRICING_HOMES = {"eu": "eu-central-1", "ap": "ap-south-1", "cn": "cn-northwest-1"}
_WITHOUT_BILLING_APIS = ("us-gov-", "us-iso", "eu-iso", "eusc-")
"""partitions that have neither: keys of theirs open no door in another partition"""


class Calls:
    """Every call that leaves the house goes through `read`, `pages` or `write`."""

    def __init__(
        self,
        session: boto3.Session,
        *,
        region: str,
        endpoint_url: str | None,
        region_hint: str = "",
        read_seconds: float = READ_SECONDS,
    ) -> None:
        self.region = region
        self._session = session
        self._endpoint_url = endpoint_url
        self._region_hint = region_hint
        self._read_seconds = read_seconds
        self._clients: dict[tuple[str, bool], Any] = {}
        self._lock = threading.Lock()
        self._leaving = threading.local()

    def read(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """One answer. Retried by botocore within bounds. Raises CloudError kinds, UsageError."""
        return self._call(service, operation, parameters, wrote=False)

    def write(
        self, service: str, operation: str, *, last_word: Callable[[], None], **parameters: Any
    ) -> dict[str, Any]:
        """One attempt. Raises CloudError kinds: nothing happened; OutcomeUnknown: sent, and no answer came.

        last_word  asked when the request is signed and ready to leave; what it raises keeps it from leaving
        """
        self._leaving.word = last_word
        try:
            return self._call(service, operation, parameters, wrote=True)
        finally:
            self._leaving.word = None

    def _before_send(self, **_: Any) -> None:
        self._leaving.word()

    def pages(self, service: str, operation: str, key: str, **parameters: Any) -> Iterator[dict[str, Any]]:
        """Every item of every page under `key`."""
        try:
            paginator = self._client(service, wrote=False).get_paginator(_snake(operation))
            for number, page in enumerate(paginator.paginate(**parameters)):
                if number >= MAX_PAGES:
                    raise _too_many(service, operation)
                yield from page.get(key) or ()
        except FAILED as error:
            raise self._meaning(error, service, operation, wrote=False) from error

    def pages_by_token(
        self, service: str, operation: str, key: str, *, token: str, **parameters: Any
    ) -> Iterator[dict[str, Any]]:
        """As `pages`, for operations that botocore has no paginator for; `token` is the name of their page token."""
        more: dict[str, str] = {}
        for _ in range(MAX_PAGES):
            answer = self.read(service, operation, **parameters, **more)
            yield from answer.get(key) or ()
            if not answer.get(token):
                return
            more = {token: answer[token]}
        raise _too_many(service, operation)

    def _call(self, service: str, operation: str, parameters: dict[str, Any], *, wrote: bool) -> dict[str, Any]:
        try:
            method = getattr(self._client(service, wrote=wrote), _snake(operation))
            return cast("dict[str, Any]", method(**parameters))
        except FAILED as error:
            raise self._meaning(error, service, operation, wrote=wrote) from error

    def _meaning(self, error: Exception, service: str, operation: str, *, wrote: bool) -> Exception:
        return meaning(error, service=service, operation=operation, wrote=wrote, region_hint=self._region_hint)

    def _client(self, service: str, *, wrote: bool) -> Any:
        with self._lock:  # botocore clients may be shared between threads, their making may not
            if (service, wrote) not in self._clients:
                client = self._session.client(
                    service,
                    region_name=self._home(service),
                    endpoint_url=self._endpoint_url,
                    config=self._config(service, wrote=wrote),
                )
                if wrote:
                    client.meta.events.register("before-send", self._before_send)
                    client.meta.events.register_last("before-call.s3", _unasked)
                self._clients[service, wrote] = client
            return self._clients[service, wrote]

    def _home(self, service: str) -> str:
        if self._endpoint_url or service not in {"pricing", "savingsplans"}:
            return self.region
        china = self.region.startswith("cn-")
        if service == "savingsplans":
            return self.region if china else "us-east-1"
        return _PRICING_HOMES.get(self.region.split("-")[0], "us-east-1")

    def reaches(self, service: str) -> bool:
        """Whether the region's partition has the service at all; where it does not, what it would say is unknown."""
        if self._endpoint_url or service not in {"pricing", "savingsplans"}:
            return True
        return not self.region.startswith(_WITHOUT_BILLING_APIS)

    def _config(self, service: str, *, wrote: bool) -> Config:
        attempts = (
            {"mode": "standard", "total_max_attempts": 1} if wrote else {"mode": "adaptive", "total_max_attempts": 4}
        )
        return Config(
            user_agent_extra="spotwarden",
            connect_timeout=CONNECT_SECONDS,
            read_timeout=self._read_seconds + (LONG_POLL_SECONDS if service == "sqs" else 0),
            retries=attempts,
            # only an endpoint that the caller named is honoured, never a stray AWS_ENDPOINT_URL
            ignore_configured_endpoint_urls=True,
            # an address on this machine is not behind a proxy
            proxies={} if _is_loopback(self._endpoint_url) else None,
            max_pool_connections=CONNECTIONS,
        )

    def endpoint(self, service: str) -> str:
        """Where reads of a service go."""
        return cast("str", self._client(service, wrote=False).meta.endpoint_url)

    def close(self) -> None:
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()


def _unasked(params: dict[str, Any], **_: Any) -> None:
    """What we write is small: waiting for S3's go-ahead takes longer than sending it."""
    params["headers"].pop("Expect", None)


def _too_many(service: str, operation: str) -> CloudError:
    return CloudError(
        f"{service}:{operation}: more than {MAX_PAGES:,} pages", hint="the account is larger than this reads"
    )


def _is_loopback(url: str | None) -> bool:
    return url is not None and any(url.startswith(f"http://{h}") for h in ("127.", "localhost", "[::1]"))


def _snake(operation: str) -> str:
    """DescribeFleets → describe_fleets, as botocore names its methods."""
    return cast("str", xform_name(operation))
