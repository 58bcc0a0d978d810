"""One Redis, asked until it has answered: what may be asked again is, what it refuses is told with a way out."""

from __future__ import annotations

import random
import time
from typing import Any, Callable, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from ..trouble import BadRequest
from .work import ODD_CHARACTERS, QueueAway, QueueRefused, QueueTrouble, readable, shown

CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 10.0
BACKOFF_SECONDS = (0.02, 2.0)
OLDEST = (6, 2)
_NOT_YET = (
    redis.exceptions.ReadOnlyError,
    redis.exceptions.MasterDownError,
    redis.exceptions.ClusterDownError,
    redis.exceptions.TryAgainError,
)
_NOT_YET_WORDS = ("BUSY ", "MISCONF", "NOREPLICAS", "UNBLOCKED")
_HINTS = (
    ("WRONGTYPE", "a key of this queue holds something else: give the queue another name, or look with TYPE"),
    ("OOM ", "Redis is at maxmemory: nothing was added; let workers finish items, or raise maxmemory"),
    ("no permissions", "the user needs the stream, hash, scripting and connection commands on the keys spotwarden:*"),
    ("unknown command", "Redis 6.2 or newer is needed"),
)
_told: set[str] = set()
Answer = TypeVar("Answer")


class NoGroup(QueueTrouble):
    """The stream or its group is not there."""


class Speech:
    """A connection to one Redis, from any thread.

    url               redis://[user:password@]host[:port][/db], rediss:// for TLS, unix://
    patience_seconds  how long it is asked again while it does not answer
    """

    def __init__(self, url: str, *, patience_seconds: float, say: Callable[[str], None]) -> None:
        self.where = shown(url)
        self.say = say
        self._patience_seconds = patience_seconds
        if not readable(url):
            raise BadRequest(f"{self.where}: not the address of a Redis", hint=f"redis://HOST:6379/0; {ODD_CHARACTERS}")
        try:
            self.client: Any = redis.Redis.from_url(
                url,
                socket_timeout=ANSWER_SECONDS,
                socket_connect_timeout=CONNECT_SECONDS,
                retry=Retry(NoBackoff(), 0),  # asked again here, where it is known how long
                protocol=2,
                decode_responses=False,
            )
        except ValueError as error:
            raise BadRequest(f"{self.where}: not the address of a Redis: {error}", hint="redis://HOST:6379/0") from None

    def script(self, text: str) -> Callable[..., Any]:
        """Called with keys and args."""
        known: Callable[..., Any] = self.client.register_script(text)
        return known

    def ask(self, call: Callable[[], Answer], *, seconds: float | None = None) -> Answer:
        """What `call` returns; it is called again until the server has answered, or for so many seconds.

        Raises  QueueAway, QueueRefused, NoGroup
        """
        until = time.monotonic() + (self._patience_seconds if seconds is None else seconds)
        pause, longest = BACKOFF_SECONDS
        while True:
            try:
                return call()
            except (redis.RedisError, OSError) as error:
                trouble = self._trouble(error)
                left = until - time.monotonic()
                if not isinstance(trouble, QueueAway) or left <= 0:
                    raise trouble from None
            time.sleep(min(left, pause * random.uniform(0.5, 1)))
            pause = min(longest, pause * 2)

    def _trouble(self, error: Exception) -> QueueTrouble:
        text = str(error).partition(", with args beginning with")[0]  # which may be a password
        words = f"{self.where}: {text}"
        if isinstance(error, (redis.AuthenticationError, redis.exceptions.AuthorizationError)):
            return QueueRefused(words, hint="the address needs the right name and password: redis://USER:PASSWORD@HOST")
        if isinstance(error, redis.InvalidResponse) or "Protocol Error" in text:
            return QueueRefused(
                f"{self.where}: what answers there is not a Redis", hint="look at the host and the port"
            )
        if not isinstance(error, redis.ResponseError) or isinstance(error, _NOT_YET):
            return QueueAway(words, hint="nothing is lost: asking again is safe")
        if text.startswith(_NOT_YET_WORDS):
            return QueueAway(words, hint="nothing is lost: asking again is safe")
        if "NOGROUP" in text:
            return NoGroup(words)
        if isinstance(error, redis.exceptions.OutOfMemoryError):
            text = "OOM " + text
        return QueueRefused(words, hint=next((hint for word, hint in _HINTS if word in text), ""))

    def look(self) -> None:
        """What a Redis that forgets would lose is told, once in a process; one that is too old is refused.

        Raises  QueueAway, QueueRefused
        """
        try:
            info = self.ask(self.client.info)
        except QueueRefused as trouble:
            if "INFO" not in trouble.message.upper():
                raise
            self._warn("INFO is not allowed to this user: whether this Redis keeps what it is given is unknown")
            return
        version = tuple(int(n) for n in str(info.get("redis_version", "0")).split(".")[:2])
        if version < OLDEST:
            raise QueueRefused(
                f"{self.where}: Redis {info.get('redis_version')} is too old",
                hint="6.2 or newer: it must tell which items are idle",
            )
        policy = info.get("maxmemory_policy", "noeviction")
        if info.get("aof_enabled") == 0:
            self._warn("appendonly is off: a Redis that restarts forgets work (appendonly yes, appendfsync everysec)")
        if policy != "noeviction":
            self._warn(f"maxmemory-policy is {policy}: work may be evicted (maxmemory-policy noeviction)")

    def _warn(self, words: str) -> None:
        line = f"{self.where}: {words}"
        if line not in _told:
            _told.add(line)
            self.say(line)

    def close(self) -> None:
        self.client.close()
