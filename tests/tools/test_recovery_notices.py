"""EventBridge's messages: read strictly from the detail, and what is no notice says why."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.errors import DataError
from tools.records import Notice
from tools.recovery.notices import MAX_BYTES, read_notice, read_notices

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


LIFECYCLE = {
    **WARNING,
    "source": "aws.autoscaling",
    "detail-type": "EC2 Instance-terminate Lifecycle Action",
    "detail": {
        "LifecycleActionToken": "87654321-4321-4321-4321-210987654321",
        "AutoScalingGroupName": "ml-train",
        "LifecycleHookName": "save-first",
        "EC2InstanceId": "i-1234567890abcdef0",
        "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING",
    },
}
PREEMPTED = {
    "insertId": "abc",
    "logName": "projects/acme/logs/cloudaudit.googleapis.com%2Fsystem_event",
    "protoPayload": {
        "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
        "methodName": "compute.instances.preempted",
        "resourceName": "projects/acme/zones/us-central1-a/instances/train-1",
    },
    "resource": {"type": "gce_instance", "labels": {"instance_id": "4012345678901234567", "zone": "us-central1-a"}},
    "timestamp": "2026-11-18T01:02:03.250Z",
}
SCHEDULED = {
    "DocumentIncarnation": 3,
    "Events": [
        {
            "EventId": "602d9444-d2cd-49c7-8624-8643e7171297",
            "EventType": "Preempt",
            "ResourceType": "VirtualMachine",
            "Resources": ["train_0", "train_7"],
            "EventStatus": "Scheduled",
            "NotBefore": "Wed, 18 Nov 2026 01:02:33 GMT",
        },
        {"EventId": "7", "EventType": "Reboot", "Resources": ["train_1"], "NotBefore": ""},
    ],
}


def test_a_groups_lifecycle_action_is_a_kind_of_its_own():
    notice = read_notice(json.dumps(LIFECYCLE))
    assert (notice.kind, notice.instance_id, notice.instance_action) == ("lifecycle", "i-1234567890abcdef0", None)


@pytest.mark.parametrize("pushed", [False, True])
def test_gcps_audit_log_tells_of_a_preemption_with_or_without_its_envelope(pushed):
    body = json.dumps(PREEMPTED)
    if pushed:
        data = base64.b64encode(body.encode()).decode()
        body = json.dumps(
            {"message": {"data": data, "messageId": "1"}, "subscription": "projects/acme/subscriptions/s"}
        )
    notice = read_notice(body)
    assert (notice.provider, notice.kind, notice.instance_id) == ("gcp", "interruption", "4012345678901234567")
    assert (notice.at.isoformat(), notice.ends_at) == ("2026-11-18T01:02:03.250000+00:00", None)


def test_azures_scheduled_events_tell_of_each_machine_that_is_preempted_and_when_it_goes():
    first, second = read_notices(json.dumps(SCHEDULED))
    assert (first.instance_id, second.instance_id) == ("train_0", "train_7")
    assert {n.provider for n in (first, second)} == {"azure"}
    assert first.ends_at.isoformat() == "2026-11-18T01:02:33+00:00"
    assert first.at.isoformat() == "2026-11-18T01:02:03+00:00", "told thirty seconds ahead at least"
    assert read_notices(json.dumps({**SCHEDULED, "Events": SCHEDULED["Events"][1:]})) == ()


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({**LIFECYCLE, "detail": {}}, "instance_id"),
        ({**LIFECYCLE, "source": "aws.ec2"}, "Lifecycle"),
        ({**PREEMPTED, "protoPayload": {"methodName": "v1.compute.instances.stop"}}, "instances.stop"),
        ({**PREEMPTED, "resource": None}, "instance_id"),
        ({**PREEMPTED, "resource": {"labels": {"instance_id": "train-1"}}}, "instance_id"),
        ({**PREEMPTED, "timestamp": "yesterday"}, "at"),
        ({"message": {"data": "%%%"}}, "base64"),
        ({"message": {"data": None}}, "base64"),
        ({"Events": [7]}, "not an object"),
        ({"Events": [{"EventType": "Preempt", "Resources": None}]}, "Resources"),
        ({"Events": [{"EventType": "Preempt", "Resources": ["a"], "NotBefore": ""}]}, "NotBefore"),
        ({"Events": [{"EventType": "Preempt", "Resources": ["a"]}]}, "NotBefore"),
        (
            {"Events": [{"EventType": "Preempt", "Resources": ["a; b"], "NotBefore": "Wed, 18 Nov 2026 01:02:33 GMT"}]},
            "id",
        ),
        (SCHEDULED, "tells of 2"),
    ],
)
def test_what_another_cloud_says_badly_is_told_and_never_guessed(body, says):
    with pytest.raises(DataError, match=says):
        read_notice(json.dumps(body))
