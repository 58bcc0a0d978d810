"""Faults that the account commits on order: so many times, on a named operation, then never again.

| kind                  | what the caller sees                                    | the effect                    |
|-----------------------|---------------------------------------------------------|-------------------------------|
| throttle              | the service's own throttling code                       | none                          |
| error-500, error-503  | the service's own code, 500 or 503                      | none                          |
| access-denied         | UnauthorizedOperation, AccessDenied…, 403               | none                          |
| expired-credentials   | RequestExpired, ExpiredToken…                           | none                          |
| token-mismatch        | IdempotentParameterMismatch; calls with a client token  | none                          |
| quota                 | VcpuLimitExceeded, MaxSpotInstanceCountExceeded; calls  | none                          |
|                       | that launch; an instant fleet says it in its Errors;    |                               |
|                       | VolumeLimitExceeded, SnapshotLimitExceeded              |                               |
| insufficient-capacity | InsufficientInstanceCapacity; an instant fleet says it  | none                          |
|                       | in its Errors (a pool runs dry by /_sim/dry)            |                               |
| partial               | some items done, the rest as AWS says it                | half of the items: CreateFleet|
|                       |                                                         | (instant), DeleteFleets,      |
|                       |                                                         | CancelSpotFleetRequests,      |
|                       |                                                         | RunInstances (MinCount)       |
| timeout-before-effect | silence for `seconds`, then the connection ends         | none                          |
| timeout-after-effect  | the same                                                | had                           |
| drop                  | the connection ends at once                             | none                          |
| drop-after-effect     | the same                                                | had                           |
| malformed             | half an answer, with status 200                         | had                           |
| slow                  | the answer, `seconds` late                              | had                           |
| stale                 | Describe*, List* and Get* of EC2, Auto Scaling and ELB  | –                             |
|                       | answer as of before the writes of the last `seconds`    |                               |
|                       | (simulated, at most 300)                                |                               |
| duplicate             | ReceiveMessage: what it hands out is handed out again   | none                          |
| stranger              | nothing of it: somebody else makes `change` just before | had, and the stranger's own,  |
|                       | or after the call (strangers.py)                        | logged under access_key       |
|                       |                                                         | STRANGER                      |

`times` 0 = until cleared; `skip` = calls to let through first: skip=4, times=0 is "from the fifth call on".
"""

import threading
from dataclasses import dataclass, field
from typing import Any

from tools.simulation.strangers import calls_of
from tools.simulation.wire import TOKENS, Request

PARTIAL = ("CreateFleet", "DeleteFleets", "CancelSpotFleetRequests", "RunInstances")
LAUNCHING = ("RunInstances", "StartInstances", "RequestSpotInstances", "CreateFleet", "RequestSpotFleet")
STORING = ("CreateVolume", "CreateSnapshot", "CreateSnapshots")
READS = ("Describe", "List", "Get")
STALE_SERVICES = ("ec2", "autoscaling", "elasticloadbalancing")
WITHOUT_BODY = ("PutObject", "DeleteObject", "HeadObject", "HeadBucket", "CreateBucket")
LONGEST_LAG_SECONDS = 300
KINDS = (
    "throttle",
    "error-500",
    "error-503",
    "access-denied",
    "expired-credentials",
    "token-mismatch",
    "quota",
    "insufficient-capacity",
    "partial",
    "timeout-before-effect",
    "timeout-after-effect",
    "drop",
    "drop-after-effect",
    "malformed",
    "slow",
    "stale",
    "duplicate",
    "stranger",
)
BEFORE = ("timeout-before-effect", "drop")
"""the request is never carried out, and no answer comes"""
AFTER = ("timeout-after-effect", "drop-after-effect")
"""it is carried out, and no answer comes"""


@dataclass
class Fault:
    operation: str
    """EC2's name, such as ModifyFleet; service:Name; or * for any"""
    kind: str
    left: int
    """how often still; 0 = until cleared"""
    seconds: float = 0.0
    """wall seconds: how late a slow answer is, how long a time-out keeps its caller waiting; of stale: simulated lag"""
    skip: int = 0
    """calls to let through first"""
    change: dict[str, Any] = field(default_factory=dict)
    """a stranger's"""
    when: str = "before"
    """of a stranger: before | after the call"""

    def matches(self, request: Request) -> bool:
        named = self.operation in ("*", request.operation, f"{request.service}:{request.operation}")
        return named and _concerns(self.kind, request)


def _concerns(kind: str, request: Request) -> bool:
    """Whether a fault of that kind could happen to this very call; one that could not waits for the next."""
    operation = request.operation
    could: dict[str, bool] = {
        "token-mismatch": request.client_token is not None,
        "quota": operation in (*LAUNCHING, *STORING),
        "partial": request.parameters.get("Type") == "instant" if operation == "CreateFleet" else operation in PARTIAL,
        "stale": request.service in STALE_SERVICES and operation.startswith(READS),
        "malformed": operation not in WITHOUT_BODY,
        "duplicate": operation == "ReceiveMessage",
    }
    return could.get(kind, True)


def _misfit(kind: str, operation: str) -> str | None:
    """Why a fault of that kind can never happen to an operation; None = it can."""
    service, _, name = operation.rpartition(":")
    if name == "*":
        return None
    lags = name.startswith(READS) and service != "s3" and not name.endswith(("Object", "ObjectsV2"))
    never: dict[str, tuple[bool, str]] = {
        "token-mismatch": (name not in TOKENS, "it takes no client token: " + ", ".join(sorted(TOKENS)) + " do"),
        "quota": (
            name not in (*LAUNCHING, *STORING),
            f"it launches nothing under an EC2 quota: {', '.join((*LAUNCHING, *STORING))} do",
        ),
        "partial": (name not in PARTIAL, f"it is done whole or not at all: {', '.join(PARTIAL)} answer item by item"),
        "stale": (not lags, "only Describe*, List* and Get* of EC2, Auto Scaling and Elastic Load Balancing lag"),
        "malformed": (name in WITHOUT_BODY, "its answer has no body"),
        "duplicate": (name != "ReceiveMessage", "only ReceiveMessage hands anything out"),
    }
    if kind == "partial" and name == "TerminateInstances":
        return "it ends all or none on AWS (a protected instance spares its zone: order that by its attribute)"
    unfit, why = never.get(kind, (False, ""))
    return why if unfit else None


class Faults:
    """The orders that stand, oldest first."""

    def __init__(self) -> None:
        self._standing: list[Fault] = []
        self._lock = threading.Lock()

    def order(
        self,
        operation: str,
        kind: str,
        *,
        times: int = 1,
        seconds: float = 0.0,
        skip: int = 0,
        change: dict[str, Any] | None = None,
        when: str = "before",
    ) -> None:
        """Raises ValueError: an unknown kind, one that does not fit the operation, or numbers that make no sense."""
        if kind not in KINDS:
            raise ValueError(f"unknown fault {kind!r}: one of {', '.join(KINDS)}")
        if not operation or times < 0 or seconds < 0 or skip < 0:
            raise ValueError("a fault needs an operation, times >= 0, seconds >= 0 and skip >= 0")
        misfit = _misfit(kind, operation)
        if misfit:
            raise ValueError(f"{kind} does not fit {operation}: {misfit}")
        if kind == "stale" and not 0 < seconds <= LONGEST_LAG_SECONDS:
            raise ValueError(f"stale needs seconds, above 0 and at most {LONGEST_LAG_SECONDS}: saw {seconds:g}")
        if (kind == "stranger") != bool(change) or when not in ("before", "after"):
            raise ValueError("a stranger, and nobody else, needs a change, made before or after the call")
        if change:
            calls_of(change)
        with self._lock:
            self._standing.append(Fault(operation, kind, times, seconds, skip, change or {}, when))

    def clear(self) -> None:
        with self._lock:
            self._standing.clear()

    def take(self, request: Request) -> Fault | None:
        """The fault to commit on this request, used up by one; None most of the time. Strangers and lag are apart."""
        with self._lock:
            return self._take(request, [f for f in self._standing if f.kind not in ("stale", "stranger")])

    def strangers(self, request: Request) -> list[Fault]:
        """Those who act around this request: every standing one, each used up by one."""
        with self._lock:
            here = [f for f in self._standing if f.kind == "stranger"]
            return [taken for f in here if (taken := self._take(request, [f])) is not None]

    def lag(self, request: Request) -> Fault | None:
        """The lag that this read suffers, used up by one."""
        with self._lock:
            return self._take(request, [f for f in self._standing if f.kind == "stale"])

    @property
    def longest_lag_seconds(self) -> float:
        """Simulated; 0 = no read lags, so nothing of the past need be kept."""
        with self._lock:
            return max((f.seconds for f in self._standing if f.kind == "stale"), default=0.0)

    def _take(self, request: Request, candidates: list[Fault]) -> Fault | None:
        for fault in candidates:
            if not fault.matches(request):
                continue
            if fault.skip:
                fault.skip -= 1
                return None
            if fault.left == 1:
                self._standing.remove(fault)
            elif fault.left:
                fault.left -= 1
            return fault
        return None

    def standing(self) -> list[dict[str, Any]]:
        with self._lock:
            return [{"operation": f.operation, "kind": f.kind, "left": f.left} for f in self._standing]
