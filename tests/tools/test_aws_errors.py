"""What AWS's answers mean: one table, and whether anything may have happened."""

import pytest
from botocore import exceptions as boto
from hypothesis import given
from hypothesis import strategies as st

from tools.aws.errors import meaning
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


def _answer(code, status, message="it said so"):
    response = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status, "RequestId": "req-1"},
    }
    return boto.ClientError(response, "Operation")


def _meaning(error, *, wrote):
    return meaning(error, service="ec2", operation="Operation", wrote=wrote)


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("RequestLimitExceeded", 503, Throttled),
        ("Throttling", 400, Throttled),
        ("SlowDown", 503, Throttled),
        ("UnauthorizedOperation", 403, AccessDenied),
        ("AccessDenied", 403, AccessDenied),
        ("OptInRequired", 403, AccessDenied),
        ("ExpiredToken", 403, CredentialsInvalid),
        ("AuthFailure", 401, CredentialsInvalid),
        ("InvalidClientTokenId", 403, CredentialsInvalid),
        ("InsufficientInstanceCapacity", 500, InsufficientCapacity),
        ("InvalidInstanceID.NotFound", 400, NotFound),
        ("NoSuchKey", 404, NotFound),
        ("ValidationError", 400, Rejected),
        ("PreconditionFailed", 412, Rejected),
        ("VcpuLimitExceeded", 400, Rejected),
        ("ResourceContention", 500, Rejected),
    ],
)
@pytest.mark.parametrize("wrote", [False, True])
def test_a_refusal_has_one_meaning_and_keeps_its_code_and_request_id(code, status, kind, wrote):
    found = _meaning(_answer(code, status), wrote=wrote)
    assert type(found) is kind
    assert (found.code, found.request_id) == (code, "req-1")
    assert "ec2:Operation" in found.message


def test_a_group_that_is_not_there_is_known_by_its_words():
    found = _meaning(_answer("ValidationError", 400, "AutoScalingGroup name not found - null"), wrote=True)
    assert type(found) is NotFound


@given(status=st.integers(500, 599), code=st.text(min_size=1, max_size=20))
def test_a_failure_inside_aws_is_unknown_for_a_write_unless_it_is_a_known_refusal(status, code):
    found = _meaning(_answer(code, status), wrote=True)
    assert isinstance(
        found, OutcomeUnknown | Throttled | AccessDenied | CredentialsInvalid | InsufficientCapacity | NotFound
    )
    assert isinstance(_meaning(_answer(code, status), wrote=False), CloudError)


BEFORE_SENDING = [
    boto.EndpointConnectionError(endpoint_url="https://x", error="refused"),
    boto.ConnectTimeoutError(endpoint_url="https://x"),
    boto.ProxyConnectionError(proxy_url="http://p"),
    boto.SSLError(
        endpoint_url="https://x", error="[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: expired"
    ),
]
AFTER_SENDING = [
    boto.ReadTimeoutError(endpoint_url="https://x"),
    boto.ConnectionClosedError(endpoint_url="https://x"),
    boto.HTTPClientError(error="?"),
    boto.SSLError(endpoint_url="https://x", error="[SSL: DECRYPTION_FAILED_OR_BAD_RECORD_MAC] bad record mac"),
]


@pytest.mark.parametrize("error", BEFORE_SENDING)
@pytest.mark.parametrize("wrote", [False, True])
def test_a_connection_that_never_opened_means_that_nothing_happened(error, wrote):
    assert type(_meaning(error, wrote=wrote)) is Unreachable


@pytest.mark.parametrize("error", AFTER_SENDING)
def test_silence_after_sending_is_unknown_for_a_write_and_unreachable_for_a_read(error):
    assert type(_meaning(error, wrote=True)) is OutcomeUnknown
    assert type(_meaning(error, wrote=False)) is Unreachable


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (boto.NoCredentialsError(), CredentialsInvalid),
        (boto.PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"), CredentialsInvalid),
        (boto.UnauthorizedSSOTokenError(), CredentialsInvalid),
        (boto.TokenRetrievalError(provider="sso", error_msg="expired"), CredentialsInvalid),
        (boto.ProfileNotFound(profile="nope"), UsageError),
        (boto.NoRegionError(), UsageError),
        (boto.ParamValidationError(report="Invalid type"), Rejected),
    ],
)
@pytest.mark.parametrize("wrote", [False, True])
def test_trouble_on_our_side_of_the_wire_never_means_unknown(error, kind, wrote):
    found = _meaning(error, wrote=wrote)
    assert type(found) is kind
    assert isinstance(found, SpotError)


def test_long_and_broken_words_of_others_become_one_bounded_line():
    found = _meaning(_answer("ValidationError", 400, "line\n" * 500), wrote=False)
    assert "\n" not in found.message
    assert len(found.message) < 400
