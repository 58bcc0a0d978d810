"""The error tree. A message says what, on what, what was seen; the hint is the way out.

SpotError
├─ UsageError               the person asked for something that cannot be                     64
├─ DataError                a file or an answer is not what it should be                       1
│  ├─ NoPriceHistory        no price is known for a pool
│  └─ CheckpointDamaged     a checkpoint is not whole
├─ CloudError               AWS answered, and not with what was asked                          1
│  ├─ InsufficientCapacity  the pool is dry
│  ├─ Throttled             too many calls
│  ├─ AccessDenied          a permission is missing
│  ├─ CredentialsInvalid    none, expired or wrong
│  ├─ NotFound              the thing is not there
│  ├─ Rejected              AWS refused the request: nothing happened
│  └─ Unreachable           no answer before anything was sent: nothing happened
├─ OutcomeUnknown           a write was sent and no answer came: it may have happened          1
├─ PolicyError              the document is not a policy                                       1
├─ Denied                   a policy, a protection or the absence of one says no               3
├─ ApprovalNeeded           a person must say yes first                                        4
├─ AuditBroken              the audit log does not verify                                      5
├─ StalePlan                the world moved since it was shown                                 6
├─ Halted                   the kill switch is on, or a limit stopped the run                  7
├─ JournalError             the journal cannot be read or written                              1
└─ ModelError               the language model failed                                          1
   └─ LimitReached          steps, tokens, dollars or seconds are used up
"""


class SpotError(Exception):
    """Anything that spotwarden can explain. `str()` is the message; `hint` is the way out."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(SpotError):
    exit_code = 64


class DataError(SpotError):
    pass


class NoPriceHistory(DataError):
    pass


class CheckpointDamaged(DataError):
    pass


class CloudError(SpotError):
    """`code` is AWS's own error code, `request_id` joins CloudTrail."""

    def __init__(self, message: str, *, hint: str = "", code: str = "", request_id: str = "") -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.request_id = request_id


class InsufficientCapacity(CloudError):
    pass


class Throttled(CloudError):
    pass


class AccessDenied(CloudError):
    pass


class CredentialsInvalid(CloudError):
    pass


class NotFound(CloudError):
    pass


class Rejected(CloudError):
    pass


class Unreachable(CloudError):
    pass


class OutcomeUnknown(SpotError):
    """Never re-sent: the intent stays open until the fleet is read and tells."""


class PolicyError(SpotError):
    pass


class Denied(SpotError):
    exit_code = 3


class ApprovalNeeded(SpotError):
    exit_code = 4


class AuditBroken(SpotError):
    exit_code = 5


class StalePlan(SpotError):
    """`drift` holds a line per field that moved: «field: shown → now»."""

    exit_code = 6

    def __init__(self, message: str, *, hint: str = "", drift: tuple[str, ...] = ()) -> None:
        super().__init__(message, hint=hint)
        self.drift = drift


class Halted(SpotError):
    exit_code = 7


class JournalError(SpotError):
    pass


class ModelError(SpotError):
    pass


class LimitReached(ModelError):
    pass
