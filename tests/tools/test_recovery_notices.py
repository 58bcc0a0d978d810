"""EventBridge's messages: read strictly from the detail, and what is no notice says why."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.errors import DataError
from tools.records import Notice
from tools.recovery.notices import MAX_BYTES, read_notice

WARNING = {
    "version": "0",
    "id": "12345678-1234-1234-1234-123456789012",
    "detail-type": "EC2 Spot Instance Interruption Warning",
    "source": "aws.ec2",
    "account": "123456789012",
    "time": "2026-11-18T01:02:03Z",
    "region": "us-east-2",
    "resources": ["arn:aws:ec2:us-east-2a:instance/i-ffffffffffffffff0"],
    "detail": {"instance-id": "i-1234567890abcdef0", "instance-action": "terminate"},
}


def test_the_instance_comes_from_the_detail_and_not_from_the_arn():
    notice = read_notice(json.dumps(WARNING))
    assert (notice.kind, notice.instance_id) == ("interruption", "i-1234567890abcdef0")
    assert notice.instance_action == "terminate"
    assert notice.at.isoformat() == "2026-11-18T01:02:03+00:00"


@pytest.mark.parametrize(
    ("detail_type", "detail", "kind"),
    [
        ("EC2 Instance Rebalance Recommendation", {"instance-id": "i-1234567890abcdef0"}, "rebalance"),
        (
            "EC2 Instance State-change Notification",
            {"instance-id": "i-1234567890abcdef0", "state": "terminated"},
            "state-change",
        ),
    ],
)
def test_the_other_kinds_are_read_too(detail_type, detail, kind):
    assert read_notice(json.dumps({**WARNING, "detail-type": detail_type, "detail": detail})).kind == kind


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[]", "not an object"),
        ('{"a": 1, "a": 2}', "twice"),
        ("[" * 100_000, "not JSON"),
        (json.dumps({**WARNING, "source": "my.app"}), "my.app"),
        (json.dumps({**WARNING, "detail-type": "Something New"}), "Something New"),
        (json.dumps({**WARNING, "detail-type": ["a"]}), "not a notice"),
        (json.dumps({**WARNING, "detail": None}), "no detail"),
        (json.dumps({**WARNING, "detail": {"instance-id": "i-1; drop"}}), "instance_id"),
        (json.dumps({**WARNING, "detail": {**WARNING["detail"], "instance-action": "explode"}}), "instance_action"),
        (json.dumps({**WARNING, "time": "yesterday"}), "at"),
        (json.dumps({**WARNING, "time": "2026-11-18T01:02:03"}), "zone"),
        ("x" * (MAX_BYTES + 1), "bytes"),
    ],
)
def test_a_message_that_is_no_notice_says_why(body, says):
    with pytest.raises(DataError, match=says):
        read_notice(body)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(sorted(WARNING)), _JSON)
def test_any_one_field_replaced_is_read_or_refused_and_nothing_else(field, value):
    try:
        notice = read_notice(json.dumps({**WARNING, field: value}))
    except DataError:
        return
    assert isinstance(notice, Notice)
    assert notice.instance_id.startswith("i-")


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text):
    with pytest.raises(DataError):
        read_notice(text)
