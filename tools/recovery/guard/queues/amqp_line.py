"""One AMQP connection and its channel, in a thread of their own.

pika's BlockingConnection answers heartbeats only while somebody is inside it. Here a thread always is, so the work may
take any time; what others want done on the channel is handed to that thread. A line that broke stays broken: whoever
needs one opens another.
"""

from __future__ import annotations

import concurrent.futures
import logging
import os
import queue
import ssl
import threading
from collections import deque
from contextlib import suppress
from typing import Any, Callable, TypeVar

import pika
from pika.exceptions import (
    AMQPConnectionError,
    AMQPError,
    AuthenticationError,
    ChannelClosedByBroker,
    IncompatibleProtocolError,
    NackError,
    ProbableAccessDeniedError,
    ProbableAuthenticationError,
    UnroutableError,
)

from ..trouble import BadRequest
from .work import ODD_CHARACTERS, QueueAway, QueueRefused, QueueTrouble, readable

T = TypeVar("T")
CLOSE_SECONDS = 5.0
logging.getLogger("pika").addHandler(logging.NullHandler())  # told here; who configures logging still gets pika's


class Line:
    """`inbox` gets what a consumer is sent, and None when the line broke or its consumer was cancelled."""

    def __init__(
        self,
        parameters: Any,
        *,
        where: str,
        seconds: float,
        say: Callable[[str], None],
    ) -> None:
        """Raises  QueueAway, QueueRefused"""
        self.inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.error: QueueTrouble | None = None
        self.blocked = ""
        self.where, self.declared = where, False
        self._pid = os.getpid()
        self._parameters, self._say = parameters, say
        self._ready, self._ends, self._lock = threading.Event(), False, threading.Lock()
        self._jobs: deque[tuple[Callable[[Any], Any], concurrent.futures.Future[Any]]] = deque()
        self._connection: Any = None
        self._channel: Any = None
        self._thread = threading.Thread(target=self._run, name="spotwarden-amqp", daemon=True)
        self._thread.start()
        if not self._ready.wait(seconds):
            self.close()
            raise QueueAway(f"{where}: no answer within {seconds:.0f} s", hint="is it up, and to be reached from here?")
        if self.error is not None:
            raise self.error

    @property
    def broken(self) -> bool:
        """Nothing more goes over it; a fork has its parent's socket, and no thread."""
        return self.error is not None or self._pid != os.getpid()

    def do(self, act: Callable[[Any], T], *, seconds: float) -> T:
        """Run on the channel, in its thread. Raises QueueTrouble"""
        job: concurrent.futures.Future[T] = concurrent.futures.Future()
        with self._lock:
            if self.broken:
                raise self.error or QueueAway(f"{self.where}: the connection stayed with the process that was forked")
            self._jobs.append((act, job))
        with suppress(AMQPError):  # it closes just now: the thread ends the job
            self._connection.add_callback_threadsafe(self._next)
        try:
            return job.result(timeout=seconds)
        except concurrent.futures.TimeoutError:
            self._abort()
            held = f": it holds back what is published: {self.blocked}" if self.blocked else ""
            raise QueueAway(
                f"{self.where}: no answer within {seconds:.0f} s{held}", hint=_ROOM if held else ""
            ) from None

    def close(self) -> None:
        """Unacknowledged messages go back to their queue."""
        self._ends = True
        with suppress(AMQPError, AttributeError):  # closed, or not even open
            self._connection.add_callback_threadsafe(lambda: None)
        if threading.current_thread() is not self._thread:
            self._thread.join(CLOSE_SECONDS)

    def _abort(self) -> None:
        """Its thread hangs in a call without an answer: what the connection holds goes back when the socket closes."""
        silent = AMQPConnectionError("no answer")
        with self._lock:
            self.error = self.error or told(silent, self.where)
        if self._connection is not None:
            inner = self._connection._impl  # noqa: SLF001 - as pika's own heartbeat does
            inner.ioloop.add_callback_threadsafe(lambda: inner._terminate_stream(silent))  # noqa: SLF001

    def _run(self) -> None:
        error: BaseException = AMQPConnectionError("its thread ended")
        try:
            self._connection = pika.BlockingConnection(self._parameters)
            # BlockingConnection's own tell it only after what is blocked has ended
            self._connection._impl.add_on_connection_blocked_callback(self._on_blocked)  # noqa: SLF001
            self._connection._impl.add_on_connection_unblocked_callback(self._on_unblocked)  # noqa: SLF001
            self._channel = self._connection.channel()
            self._channel.confirm_delivery()
            self._channel.add_on_cancel_callback(lambda _: self.inbox.put(None))
            self._ready.set()
            while not self._ends:
                self._connection.process_data_events(time_limit=None)
                if self._channel.is_closed:
                    raise getattr(self._channel, "_closing_reason", None) or error
        except (AMQPError, OSError) as trouble:
            error = trouble
        finally:
            self._end(told(error, self.where))

    def _end(self, error: QueueTrouble) -> None:
        with self._lock:
            self.error = self.error or error
            left = list(self._jobs)
            self._jobs.clear()
        for _, job in left:
            if job.set_running_or_notify_cancel():
                job.set_exception(error)
        self.inbox.put(None)
        self._ready.set()
        with suppress(AMQPError, OSError, AttributeError):
            self._connection.close()

    def _next(self) -> None:
        try:
            act, job = self._jobs.popleft()
        except IndexError:
            return  # ended meanwhile
        if not job.set_running_or_notify_cancel():
            return
        try:
            job.set_result(act(self._channel))
        except (AMQPError, OSError) as error:
            job.set_exception(told(error, self.where))
        except BaseException as error:  # noqa: BLE001 - whoever asked gets it, and the thread lives
            job.set_exception(error)

    def _on_blocked(self, _connection: Any, frame: Any) -> None:
        self.blocked = str(getattr(frame.method, "reason", "") or "a resource alarm")
        self._say(f"{self.where}: RabbitMQ holds back what is published: {self.blocked}; {_ROOM}")

    def _on_unblocked(self, _connection: Any, _frame: Any) -> None:
        self.blocked = ""
        self._say(f"{self.where}: RabbitMQ takes what is published again")


_ROOM = "give the server memory or disk; rabbitmqctl status tells its alarms"
_UP = "is it up, and to be reached from here?"
_TIMED_OUT = (
    "the work took longer than RabbitMQ's consumer_timeout, 30 minutes unless somebody set it: the item comes again,"
    " and its result, once written, is found"
)
_LONGER = (
    "give the queue a longer one: rabbitmqctl set_policy long '^NAME$' '{\"consumer-timeout\": 7200000}'"
    " --apply-to queues (RabbitMQ 3.12), or consumer_timeout in rabbitmq.conf"
)
_VHOST = "the address ends with the vhost, /%2F is «/»; rabbitmqctl list_vhosts, list_permissions -p VHOST"
_OTHER = "use another name; or, once it is empty: rabbitmqctl delete_queue NAME, and it is declared anew"
_ADDRESS = f"amqp://USER:PASSWORD@HOST:5672/VHOST, or amqps://; {ODD_CHARACTERS}"
_TLS = "amqps:// for TLS (5671), amqp:// without (5672)"

# pika's kinds: ours, what happened, the way out
_KINDS: tuple[tuple[tuple[type[BaseException], ...], type[QueueTrouble], str, str], ...] = (
    (
        (ProbableAuthenticationError, AuthenticationError),
        QueueRefused,
        "the user or the password is refused",
        "guest may only come from the server's own machine",
    ),
    ((ProbableAccessDeniedError,), QueueRefused, "the virtual host is refused: {seen}", _VHOST),
    ((UnroutableError,), QueueRefused, "no queue takes the message", "it was deleted: the next call declares it again"),
    ((NackError,), QueueRefused, "it did not take the message", "is the queue full, or without a majority?"),
    ((IncompatibleProtocolError,), QueueAway, "it did not answer in AMQP 0-9-1: {seen}", _UP + " " + _TLS),
    ((ssl.SSLError,), QueueRefused, "TLS failed: {seen}", _TLS + "; the name must be the certificate's"),
)
# what pika guesses from when a connection ended: also a server that stops, which says no reason
_PROBABLE = (ProbableAuthenticationError, ProbableAccessDeniedError)
# AMQP's reply codes
_CODES: dict[int, tuple[type[QueueTrouble], str, str]] = {
    403: (QueueRefused, "{seen}", "rabbitmqctl set_permissions gives configure, write, read"),
    404: (QueueRefused, "{seen}", "a put or a claim declares it; is the name right?"),
    405: (QueueAway, "somebody else looks at the dead letters just now", "one at a time: ask again"),
    406: (QueueRefused, "{seen}", "RabbitMQ 3.10 or newer is needed"),
    530: (QueueRefused, "the virtual host is refused: {seen}", _VHOST),
}


def told(error: BaseException, where: str) -> QueueTrouble:
    """pika's error in our words, with the way out. It quotes the server's reason, never the address."""
    if isinstance(error, QueueTrouble):
        return error
    error = _innermost(error)
    seen = getattr(error, "strerror", None) or getattr(error, "reply_text", None) or str(error) or type(error).__name__
    seen = " ".join(str(seen).split())[:300]
    if isinstance(error, ChannelClosedByBroker) and "acknowledgement" in seen and "timed out" in seen:
        return QueueAway(f"{where}: {_TIMED_OUT}", hint=_LONGER)
    if "inequivalent arg" in seen:
        return QueueRefused(f"{where}: it was declared by somebody with other arguments: {seen}", hint=_OTHER)
    kind, words, hint = _CODES.get(getattr(error, "reply_code", 0), (QueueAway, "{seen}", _UP))
    for kinds, its_kind, its_words, its_hint in _KINDS:
        if isinstance(error, kinds) and not (isinstance(error, _PROBABLE) and "ClosedByBroker" not in seen):
            kind, words, hint = its_kind, its_words, its_hint
    return kind(f"{where}: {words.format(seen=seen)}", hint=hint)


def _innermost(error: BaseException) -> BaseException:
    """pika wraps what a socket said."""
    while True:
        inner = getattr(error, "exception", None) or (error.args[0] if len(error.args) == 1 else None)
        if not isinstance(inner, BaseException):
            return error
        error = inner


def parameters_of(url: str, *, heartbeat_seconds: int, seconds: float) -> Any:
    """Raises  BadRequest, without the address: a password may stand in it"""
    if not url.startswith(("amqp://", "amqps://")):
        raise BadRequest("not an address of RabbitMQ", hint=_ADDRESS)
    unreadable = BadRequest("an address that cannot be read", hint=_ADDRESS)
    if not readable(url):
        raise unreadable
    try:
        parameters = pika.URLParameters(url)
        parameters.heartbeat = heartbeat_seconds
        parameters.connection_attempts = 1
        parameters.socket_timeout = parameters.stack_timeout = seconds
    except (ValueError, TypeError, AssertionError):
        raise unreadable from None
    return parameters
