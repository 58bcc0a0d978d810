"""What AWS's answers mean, said once: botocore's exceptions and error codes become tools.errors.

The one question that matters after a write: did anything happen? A refusal (4xx, a throttle, a dry pool) says no;
a connection that never opened says no; everything else after sending says «unknown», which is never re-sent.
"""

import re
from typing import Any

from botocore import exceptions as boto

from tools.errors import (
    AccessDenied,
    CloudError,
    CredentialsInvalid,
    InsufficientCapacity,
    NotFound,
    OutcomeUnknown,
    Rejected,
    SpotError,
    Throttled,
    Unreachable,
    UsageError,
)

_THROTTLED = {
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "PriorRequestNotComplete",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
}
_CREDENTIALS = {
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "InvalidToken",
    "MissingAuthenticationToken",
    "RequestExpired",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_BUSY = {"ResourceContention", "ResourceContentionFault"}
"""Auto Scaling still works on an earlier change, and says so with status 500: it did not begin ours"""
_DENIED = {
    "403",
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "Forbidden",
    "OptInRequired",
    "UnauthorizedOperation",
}
_DRY = {
    "InsufficientCapacity",
    "InsufficientHostCapacity",
    "InsufficientInstanceCapacity",
    "InsufficientReservedInstanceCapacity",
    "UnfulfillableCapacity",
}
_ABSENT = {
    "404",
    "AWS.SimpleQueueService.NonExistentQueue",
    "NoSuchBucket",
    "NoSuchKey",
    "QueueDoesNotExist",
    "ResourceNotFoundException",
    "TargetGroupNotFound",
}

LOG_IN = "log in again (aws sso login, aws login), or name a profile that works: --profile NAME"
_KINDS: tuple[tuple[set[str], type[CloudError], str], ...] = (
    (_THROTTLED, Throttled, "too many calls in this account and region: wait a minute and ask again"),
    (_CREDENTIALS, CredentialsInvalid, LOG_IN),
    (_DENIED, AccessDenied, "the identity lacks {call}; `spotwarden doctor --iam` prints what is needed"),
    (_BUSY, Rejected, "an earlier change of it is still on its way: ask again in a minute"),
    (_DRY, InsufficientCapacity, "add pools in other zones, or raise on-demand base capacity"),
)
_NO_CREDENTIALS = "run `aws configure` or `aws sso login`, name a profile with --profile, or try `spotwarden demo`"
_NO_NETWORK = "check the network, the proxy and the region, then ask again; nothing was changed"
_UNKNOWN_HINT = "it is not sent again: the fleet will be read, and tells whether it happened"

_MISSING = (boto.NoCredentialsError, boto.PartialCredentialsError, boto.NoAuthTokenError)
_STALE = (
    boto.CredentialRetrievalError,
    boto.LoginError,
    boto.MetadataRetrievalError,
    boto.RefreshWithMFAUnsupportedError,
    boto.SSOError,
    boto.TokenRetrievalError,
)
_NEVER_SENT = (
    boto.ConnectTimeoutError,
    boto.EndpointConnectionError,
    boto.InvalidRegionError,
    boto.ProxyConnectionError,
)
_SETTINGS = (
    boto.ConfigNotFound,
    boto.ConfigParseError,
    boto.DataNotFoundError,
    boto.InvalidConfigError,
    boto.NoRegionError,
    boto.ProfileNotFound,
    boto.UnknownRegionError,
)


def meaning(error: Exception, *, service: str, operation: str, wrote: bool, region_hint: str = "") -> SpotError:
    """The error to raise instead, for one call that failed.

    wrote        the call changes something: an answer that never came is then OutcomeUnknown
    region_hint  added where the region may be misspelt
    """
    call = f"{service}:{operation}"
    if isinstance(error, boto.ClientError):
        return _answered(error, call=call, wrote=wrote)
    text = one_line(str(error))
    known: list[tuple[tuple[type[Exception], ...], SpotError]] = [
        (_MISSING, CredentialsInvalid(f"{call}: no AWS credentials were found", hint=_NO_CREDENTIALS)),
        (_STALE, CredentialsInvalid(f"{call}: AWS credentials could not be had: {text}", hint=LOG_IN)),
        (_SETTINGS, UsageError(f"{call}: {text}", hint="see ~/.aws/config, --profile and --region")),
        (
            _never_sent(text, wrote=wrote),
            Unreachable(f"{call}: no connection: {text}", hint=region_hint or _NO_NETWORK),
        ),
        ((boto.ParamValidationError,), Rejected(f"{call}: not sent, a parameter is malformed: {text}")),
    ]
    if wrote:
        otherwise: SpotError = OutcomeUnknown(f"{call} was sent and no answer came: {text}", hint=_UNKNOWN_HINT)
    else:
        otherwise = Unreachable(f"{call}: no whole answer: {text}", hint=_NO_NETWORK)
    return next((trouble for kinds, trouble in known if isinstance(error, kinds)), otherwise)


def _never_sent(text: str, *, wrote: bool) -> tuple[type[Exception], ...]:
    """TLS may also break after the request left, while its answer is read: only a certificate is looked at before."""
    before = not wrote or "certificate verify failed" in text.lower()
    return (*_NEVER_SENT, boto.SSLError) if before else _NEVER_SENT


def _answered(error: boto.ClientError, *, call: str, wrote: bool) -> SpotError:
    response: dict[str, Any] = error.response
    code = str(response.get("Error", {}).get("Code", ""))
    said = one_line(str(response.get("Error", {}).get("Message", ""))) or "no message"
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) or 0)
    request_id = request_id_of(response)
    kind, hint = _kind(code, said, call)
    if kind is None and status >= 500:  # AWS broke while working on it: it may or may not be done
        if wrote:
            return OutcomeUnknown(
                f"{call}: AWS failed with {status} {code} while working on it (request {request_id}): {said}",
                hint=_UNKNOWN_HINT,
            )
        return CloudError(
            f"{call}: AWS failed with {status} {code}: {said}", hint="ask again later", code=code, request_id=request_id
        )
    if call.startswith("sqs:") and kind is NotFound:
        hint = "name the URL of an SQS queue that exists in this account and region: run --events URL"
    return (kind or Rejected)(f"{call}: {code}: {said}", hint=hint, code=code, request_id=request_id)


_WAYS = {
    "ConcurrentSnapshotLimitExceeded": "wait until a snapshot on its way is complete",
    "IncorrectState": "wait until it is so, and plan it again",
    "InvalidSnapshot.InUse": "deregister the image that boots from it first",
    "InvalidVolume.ZoneMismatch": "snapshot it, and make a new volume from the snapshot in the instance's zone",
    "SnapshotCreationPerVolumeRateExceeded": "one snapshot of a volume in 15 seconds: ask again later",
    "SnapshotLimitExceeded": "delete snapshots that nobody needs, or ask AWS for a higher quota",
    "UnknownVolumeType": "choose another volume type, such as gp3",
    "VolumeInUse": "detach it first, or make another one from a snapshot",
    "VolumeLimitExceeded": "delete volumes that nobody needs, or ask AWS for a higher quota",
}
"""what EC2 refuses of volumes and snapshots, and the way out. Source  EC2 API error codes"""


def _kind(code: str, said: str, call: str) -> tuple[type[CloudError] | None, str]:
    for codes, kind, hint in _KINDS:
        if code in codes:
            return kind, hint.format(call=call)
    if code in _ABSENT or code.endswith((".NotFound", "NotFoundException")) or _says_absent(code, said):
        return NotFound, ""
    if call == "ec2:CreateVolume" and code == "UnsupportedOperation":
        return Rejected, "not every zone has every volume type: choose gp3, or another zone"
    return (Rejected, _WAYS[code]) if code in _WAYS else (None, "")


def _says_absent(code: str, said: str) -> bool:
    # Auto Scaling has no code of its own for a group that is not there
    return code == "ValidationError" and re.search(r"not found|does not exist", said, re.IGNORECASE) is not None


def request_id_of(response: dict[str, Any]) -> str:
    """AWS's id of one call, which joins CloudTrail; empty when it gave none."""
    return str(response.get("ResponseMetadata", {}).get("RequestId", "") or "")


def one_line(text: str, *, limit: int = 300) -> str:
    """Other people's text as one line of bounded length."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
