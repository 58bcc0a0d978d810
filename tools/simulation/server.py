"""The account's front door: plain HTTP/1.1 on loopback, moto behind it, faults and the effect log around it."""

import contextlib
import json
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from hashlib import sha256
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from tools.simulation.control import Control
from tools.simulation.faults import AFTER, BEFORE, Fault, Faults
from tools.simulation.past import Past
from tools.simulation.queue_api import QueueDoor
from tools.simulation.refusals import fault_error, short_of
from tools.simulation.scenario_tour import Laid
from tools.simulation.services import describe_savings_plan_rates, describe_savings_plans, get_products
from tools.simulation.strangers import calls_of, environ_of
from tools.simulation.wire import Request, error_answer, read_request
from tools.simulation.world import ACCOUNT_ID, World

CARRIED_OUT = (*AFTER, "slow", "malformed", "partial", "duplicate")
"""faults whose call has its effect, or a part of it"""
# what moto raises on parameters that it did not expect
MOTO_STUMBLES = (LookupError, ValueError, TypeError, AttributeError, RuntimeError)
# control characters as JSON spells them, line breaks and tabs apart: no answer could carry them
_UNSAYABLE = re.compile(r"\\u00(?:0[0-8bcef]|1[0-9a-f])")
_REQUEST_ID = re.compile(rb"equestId>[^<]*<(?=/[Rr]equestId>)")
_IDS = re.compile(rb"\b(?:i|fleet|sfr|lt|vol|snap|r)-[0-9a-f][0-9a-f-]{7,40}\b")


CHECKED_DRY = frozenset(
    (
        "RunInstances",
        "StopInstances",
        "StartInstances",
        "RebootInstances",
        "TerminateInstances",
        "ModifyInstanceAttribute",
        "CreateFleet",
        "ModifyFleet",
        "DeleteFleets",
        "RequestSpotFleet",
        "ModifySpotFleetRequest",
        "CancelSpotFleetRequests",
        "CreateLaunchTemplate",
        "CreateLaunchTemplateVersion",
        "ModifyLaunchTemplate",
        "AttachVolume",
        "CreateSnapshot",
        "CreateSnapshots",
        "CreateTags",
        "CreateVolume",
        "DeleteSnapshot",
        "DeleteTags",
        "DeleteVolume",
    )
)
"""whose dry runs are carried out up to the effect, so that what is not there is said"""


@dataclass
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes


@dataclass
class Remembered:
    """What a ClientToken was first used for, and what was answered."""

    parameters: str
    answer: Answer


class ConnectionGone(ConnectionError):
    """The fault layer hung up: the handler must not write an answer."""


@dataclass
class Account:
    """The WSGI application."""

    world: World
    laid: Laid
    faults: Faults
    control: Control
    moto: Any = field(default_factory=lambda: DomainDispatcherApplication(create_backend_app))
    tokens: dict[tuple[str, str], Remembered] = field(default_factory=dict)
    _reads: int = 0
    _past: Past = field(init=False)
    _queues: QueueDoor = field(init=False)

    def __post_init__(self) -> None:
        self._queues = QueueDoor(self.world.queues, waits=lambda: self.world.clock.speed is not None)
        self._past = Past(self._answer_as_copy)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("PATH_INFO", "").startswith("/_sim/"):
            answer = self.control.answer(environ)
            headers = [("Content-Type", "application/json"), *self.control.dated(environ)]
            answer_from_control = Answer(answer[0], headers, answer[1])
            return _send(answer_from_control, start_response, environ)
        began = time.perf_counter()
        request = read_request(environ)
        visits = self.faults.strangers(request)
        self._visit(visits, "before", environ)
        fault = self.faults.take(request)
        answered = self._with_fault(request, environ, fault, visits)
        took = ("x-sim-seconds", f"{time.perf_counter() - began:.6f}")
        return _send(Answer(answered.status, [*answered.headers, took], answered.body), start_response, environ)

    def _with_fault(
        self, request: Request, environ: dict[str, Any], fault: Fault | None, visits: list[Fault]
    ) -> Answer:
        kind = fault.kind if fault else ""
        seconds = fault.seconds if fault else 0.0
        short = short_of(request, kind)
        if kind in BEFORE:
            _hang_up(environ, seconds)
        if kind and kind not in CARRIED_OUT and short is None:
            status, code, message = fault_error(request, kind)
            return self._error(request, status, code, message)
        if kind == "slow":
            time.sleep(seconds)  # a slow service is slow on the caller's clock
        if kind == "duplicate":
            request = replace(request, parameters={**request.parameters, "VisibilityTimeout": 0})
        answer = self._carry_out(request, environ, short)
        self._visit(visits, "after", environ)
        if kind in AFTER:
            _hang_up(environ, seconds)
        if kind == "malformed":
            headers = [(k, v) for k, v in answer.headers if k.lower() != "content-length"]
            return Answer(answer.status, headers, answer.body[: len(answer.body) // 2])
        return answer

    def _visit(self, visits: list[Fault], when: str, environ: dict[str, Any]) -> None:
        """Somebody else makes their changes. What AWS refuses them is noted in the log of effects."""
        for visit in (v for v in visits if v.when == when):
            for call in calls_of(visit.change):
                theirs = environ_of(call, environ, self.world.region)
                answer = self._carry_out(read_request(theirs), theirs)
                if answer.status >= 300:
                    said = {"operation": call.operation, "refused": answer.body.decode("utf-8", "replace")[:300]}
                    self.world.log("StrangerRefused", said, [])

    def _error(self, request: Request, status: int, code: str, message: str) -> Answer:
        request_id = self.world.request_id(self._next_read())
        status, kind, body = error_answer(request, status, code, message, request_id)
        headers = [("Content-Type", kind), ("x-amzn-RequestId", request_id)]
        return Answer(status, [*headers, ("x-amzn-ErrorType", code)], body)

    def _carry_out(self, request: Request, environ: dict[str, Any], short: tuple[float, str] | None = None) -> Answer:
        """short: the share that is done, and AWS's code for the rest; None = all of it"""
        if request.service == "sqs":
            return self._of_queues(request, environ)
        if not request.mutates:
            return self._dry_run(request, environ) if request.dry_run else self._read(request, environ)
        if request.protocol in ("ec2", "query") and _UNSAYABLE.search(json.dumps(request.parameters, default=str)):
            text = "Invalid value: it holds characters that XML 1.0 cannot say"
            return self._error(request, 400, "InvalidParameterValue", text)
        with self.world.lock:
            token = request.client_token
            known = self.tokens.get((request.operation, token)) if token else None
            if known is not None:
                return self._again(request, known)
            self._past.keep(self.world.clock.now(), timedelta(seconds=self.faults.longest_lag_seconds))
            occasion = self.world.next_write()
            request_id = self.world.request_id(occasion)
            with self.world.occasion(occasion), self.world.doing(short):
                answer = _stamped(self._dispatch(request, environ), request_id)
            affected = self.world.affected
            if affected or (affected is None and answer.status < 300):
                self.world.changed = True
                self._log(request, answer, request_id, affected)
            if answer.status < 300 and token:
                self.tokens[request.operation, token] = Remembered(_fingerprint(request), answer)
            return answer

    def _dry_run(self, request: Request, environ: dict[str, Any]) -> Answer:
        """EC2 looks at permissions, and at what is named; nothing happens. Auto Scaling knows no dry runs."""
        answer = self._read(request, environ) if request.operation in CHECKED_DRY else None
        if answer is None or b"<Code>DryRunOperation</Code>" in answer.body:
            text = "Request would have succeeded, but DryRun flag is set."
            return self._error(request, 412, "DryRunOperation", text)
        return answer

    def _again(self, request: Request, known: Remembered) -> Answer:
        if known.parameters != _fingerprint(request):
            text = "The client token you have provided is not unique to this request: its parameters are others."
            return self._error(request, 400, "IdempotentParameterMismatch", text)
        return known.answer

    def _log(self, request: Request, answer: Answer, request_id: str, affected: list[str] | None) -> None:
        found = _IDS.findall(request.body + b" " + answer.body)
        ids = affected or list(dict.fromkeys(i.decode() for i in found))
        if request.parameters.get("AutoScalingGroupName"):
            ids.insert(0, str(request.parameters["AutoScalingGroupName"]))
        if request.service == "s3":
            ids = [f"s3://{request.parameters['Bucket']}/{request.parameters['Key']}"]
        self.world.effects.append(
            at=self.world.clock.now(),
            service=request.service,
            operation=request.operation,
            parameters=request.parameters,
            request_id=request_id,
            ids=ids,
            access_key=request.access_key,
            user_agent=request.user_agent,
        )

    def _read(self, request: Request, environ: dict[str, Any]) -> Answer:
        with self.world.lock:
            name = self._next_read()
            lag = self.faults.lag(request)
            old = lag and self._as_of(request, environ, timedelta(seconds=lag.seconds))
            with self.world.occasion(name):
                return _stamped(old or self._dispatch(request, environ), self.world.request_id(name))

    def _as_of(self, request: Request, environ: dict[str, Any], lag: timedelta) -> Answer | None:
        """What the account would have answered that long ago; None = nothing was written since."""
        found: Answer | None = self._past.ask(environ, request.body, self.world.clock.now() - lag)
        return found

    def _answer_as_copy(self, environ: dict[str, Any]) -> Answer:
        with self.world.occasion("read|of the past"):
            return self._dispatch(read_request(environ), environ)

    def _of_queues(self, request: Request, environ: dict[str, Any]) -> Answer:
        """Outside the lock: a queue has its own, and who waits for a message holds nobody up."""
        request_id = self.world.request_id(self.world.next_write() if request.mutates else self._next_read())
        at = f"http://{environ.get('HTTP_HOST', '')}"
        answer = _stamped(Answer(*self._queues.answer(request, at=at, request_id=request_id)), request_id)
        if request.mutates and answer.status < 300:
            self._log(request, answer, request_id, None)
        return answer

    def _next_read(self) -> str:
        self._reads += 1
        return f"read|{self._reads}"

    def _dispatch(self, request: Request, environ: dict[str, Any]) -> Answer:
        if request.service in ("pricing", "savingsplans"):
            return self._beside_moto(request)
        try:
            return _call(self.moto, environ)
        except NotImplementedError:
            return self._error(request, 400, "InvalidAction", f"The action {request.operation} is not served here.")
        except MOTO_STUMBLES as error:
            return self._error(request, 500, "InternalError", f"{request.operation}: {type(error).__name__}: {error}")

    def _beside_moto(self, request: Request) -> Answer:
        body = request.parameters
        try:
            if request.operation == "GetProducts":
                found: Any = get_products(body, as_of=self.world.clock.start)
            elif request.operation == "DescribeSavingsPlans":
                found = describe_savings_plans(self.laid.savings_plans, ACCOUNT_ID, body)
            elif request.operation == "DescribeSavingsPlanRates":
                found = describe_savings_plan_rates(self.laid.savings_plans, body)
            else:
                return self._error(request, 400, "UnknownOperationException", f"{request.operation}: not served here")
        except (ValueError, KeyError, TypeError) as error:
            return self._error(request, 400, "InvalidParameterException", str(error))
        if found is None:
            return self._error(request, 404, "ResourceNotFoundException", "The Savings Plan was not found")
        kind = "application/x-amz-json-1.1" if request.service == "pricing" else "application/json"
        return Answer(200, [("Content-Type", kind)], json.dumps(found).encode())


def _call(app: Any, environ: dict[str, Any]) -> Answer:
    """One WSGI call, whole."""
    got: dict[str, Any] = {}

    def start_response(status: str, headers: list[tuple[str, str]], *_: Any) -> Callable[[bytes], None]:
        got["status"], got["headers"] = int(status.split(maxsplit=1)[0]), headers
        return lambda _data: None

    chunks = app(environ, start_response)
    try:
        body = b"".join(chunks)
    finally:
        close = getattr(chunks, "close", None)
        if close:
            close()
    return Answer(got["status"], list(got["headers"]), body)


def _stamped(answer: Answer, request_id: str) -> Answer:
    """The answer under a request id that depends on the seed."""
    kept = [(k, v) for k, v in answer.headers if k.lower() not in ("x-amzn-requestid", "x-amz-request-id")]
    headers = [*kept, ("x-amzn-RequestId", request_id), ("x-amz-request-id", request_id)]
    body = _REQUEST_ID.sub(f"equestId>{request_id}<".encode(), answer.body) if answer.body[:1] == b"<" else answer.body
    headers = [(k, str(len(body)) if k.lower() == "content-length" and answer.body else v) for k, v in headers]
    return Answer(answer.status, headers, body)


def _send(answer: Answer, start_response: Callable[..., Any], environ: dict[str, Any]) -> Iterable[bytes]:
    headers = answer.headers
    if not any(k.lower() == "content-length" for k, _ in headers):
        headers = [*headers, ("Content-Length", str(len(answer.body)))]
    start_response(f"{answer.status} simulated", headers)
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [answer.body]


def _hang_up(environ: dict[str, Any], after_seconds: float) -> None:
    """End the connection without an answer, as a lost network does."""
    if after_seconds:
        time.sleep(after_seconds)  # the caller's own time-out decides who gives up first
    connection: socket.socket | None = environ.get("werkzeug.socket")
    if connection is not None:
        with contextlib.suppress(OSError):  # the caller gave up first
            connection.shutdown(socket.SHUT_RDWR)
    raise ConnectionGone


def _fingerprint(request: Request) -> str:
    return sha256(json.dumps(request.parameters, sort_keys=True, default=str).encode()).hexdigest()


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    wbufsize = -1  # headers and body leave together

    def handle_expect_100(self) -> bool:
        """The go-ahead leaves at once: the caller holds its body back for it."""
        going = super().handle_expect_100()
        self.wfile.flush()
        return going

    def run_wsgi(self) -> None:
        """One request, one write; connections stay open. werkzeug's own drains the socket after an answer, and would
        eat the next request; ours has read the whole body before.
        """
        got: dict[str, Any] = {}

        def start_response(status: str, headers: list[tuple[str, str]], *_: Any) -> Callable[[bytes], object]:
            got["code"], got["headers"] = int(status.split(maxsplit=1)[0]), headers
            return self.wfile.write

        try:
            body = b"".join(self.server.app(self.make_environ(), start_response))
        except ConnectionError:
            self.close_connection = True
            return
        self.send_response(got["code"])
        for name, value in got["headers"]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002  werkzeug's name
        """Nobody reads it."""


def listen(account: Account, port: int) -> BaseWSGIServer:
    """Bound to loopback only; port 0 takes a free one."""
    return make_server("127.0.0.1", port, account, threaded=True, request_handler=_Quiet)


def introduce(account: Account, port: int) -> dict[str, Any]:
    """What the ready line says of an account that is heard at a port; its control says the same from now on."""
    url = f"http://127.0.0.1:{port}"
    line = {
        "endpoint_url": url,
        "region": account.world.region,
        "account_id": ACCOUNT_ID,
        "queue_url": f"{url}/{ACCOUNT_ID}/{account.laid.queue_name}",
        "scenario": account.world.scenario,
        "seed": account.world.seed,
        "prices": account.world.market.source,
        "pid": os.getpid(),
    }
    account.control.ready = line
    return line


def keep_time(world: World, every: timedelta = timedelta(milliseconds=250)) -> threading.Thread:
    """Run the ticks of a world whose time moves by itself."""
    stop = threading.Event()

    def run() -> None:
        while not stop.wait(every.total_seconds()):
            world.catch_up()

    thread = threading.Thread(target=run, daemon=True, name="ticks")
    thread.start()
    return thread
