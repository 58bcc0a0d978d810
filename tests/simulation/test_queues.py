"""The account's queues keep to what SQS promises: handed out, hidden for a while, handed out again until deleted."""

import json
import re
import threading
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

from tests.forked_accounts import started
from tests.simulation.conftest import Reach

URL = "QueueUrl"


@pytest.fixture
def sqs(aws):
    return aws("sqs")


@pytest.fixture
def url(sqs, request):
    """A queue of this test's own."""
    made = sqs.create_queue(QueueName=request.node.name[:80], Attributes={"VisibilityTimeout": "60"})[URL]
    yield made
    sqs.delete_queue(QueueUrl=made)


def take(sqs, url, **more):
    return sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, **more).get("Messages", [])


def counted(sqs, url):
    """Waiting, in somebody's hands, delayed."""
    said = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    names = ("", "NotVisible", "Delayed")
    return tuple(int(said[f"ApproximateNumberOfMessages{n}"]) for n in names)


def refusal(call, **parameters):
    with pytest.raises(ClientError) as told:
        call(**parameters)
    return told.value.response["Error"]["Code"]


def test_a_message_in_hand_is_hidden_and_deleted_by_its_receipt(sqs, url):
    sent = sqs.send_message(QueueUrl=url, MessageBody="save")
    (message,) = take(sqs, url, AttributeNames=["All"])
    assert (message["Body"], message["MessageId"]) == ("save", sent["MessageId"])
    assert message["MD5OfBody"] == sent["MD5OfMessageBody"]
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    assert (take(sqs, url), counted(sqs, url)) == ([], (0, 1, 0))
    for _ in range(2):  # again is no error
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert counted(sqs, url) == (0, 0, 0)


def test_what_is_not_deleted_comes_again_and_an_older_receipt_still_deletes_it(sqs, url):
    sqs.send_message(QueueUrl=url, MessageBody="save")
    (first,) = take(sqs, url, VisibilityTimeout=0)
    (second,) = take(sqs, url, AttributeNames=["ApproximateReceiveCount"])
    assert (second["MessageId"], second["Attributes"]["ApproximateReceiveCount"]) == (first["MessageId"], "2")
    assert second["ReceiptHandle"] != first["ReceiptHandle"]
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=second["ReceiptHandle"], VisibilityTimeout=0)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])
    assert (take(sqs, url), counted(sqs, url)) == ([], (0, 0, 0))


def test_a_thousand_are_handed_out_ten_a_call_each_to_one_of_many_hands(sqs, url):
    entries = [{"Id": str(n), "MessageBody": str(n)} for n in range(10)]
    for _ in range(100):
        assert len(sqs.send_message_batch(QueueUrl=url, Entries=entries)["Successful"]) == 10
    with ThreadPoolExecutor(4) as hands:
        got = [m for some in hands.map(lambda _: take(sqs, url), range(100)) for m in some]
    assert len({m["MessageId"] for m in got}) == len(got) == 1000
    assert counted(sqs, url) == (0, 1000, 0)
    sqs.purge_queue(QueueUrl=url)
    assert counted(sqs, url) == (0, 0, 0)


def test_a_batch_says_of_each_entry_what_became_of_it(sqs, url):
    sqs.send_message(QueueUrl=url, MessageBody="a")
    (message,) = take(sqs, url)
    entries = [{"Id": "good", "ReceiptHandle": message["ReceiptHandle"]}, {"Id": "bad", "ReceiptHandle": "nonsense"}]
    done = sqs.delete_message_batch(QueueUrl=url, Entries=entries)
    assert [row["Id"] for row in done["Successful"]] == ["good"]
    assert [(row["Id"], row["Code"]) for row in done["Failed"]] == [("bad", "ReceiptHandleIsInvalid")]


def test_a_delayed_message_waits_and_attributes_travel_with_it(sqs, url):
    attributes = {"kind": {"DataType": "String", "StringValue": "notice"}}
    sqs.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=900)
    sqs.send_message(QueueUrl=url, MessageBody="now", MessageAttributes=attributes)
    (message,) = take(sqs, url, MessageAttributeNames=["All"])
    assert (message["Body"], message["MessageAttributes"]) == ("now", attributes)
    assert counted(sqs, url) == (0, 1, 1)


def test_what_sqs_refuses_is_refused_in_its_words(sqs, url):
    nowhere = url.rpartition("/")[0] + "/nowhere"
    assert refusal(sqs.receive_message, QueueUrl=nowhere) == "AWS.SimpleQueueService.NonExistentQueue"
    assert refusal(sqs.get_queue_url, QueueName="nowhere") == "AWS.SimpleQueueService.NonExistentQueue"
    assert refusal(sqs.create_queue, QueueName="a.fifo") == "InvalidParameterValue"
    other = {"VisibilityTimeout": "5"}
    assert refusal(sqs.create_queue, QueueName=url.rpartition("/")[2], Attributes=other) == "QueueAlreadyExists"
    assert refusal(sqs.receive_message, QueueUrl=url, MaxNumberOfMessages=11) == "InvalidParameterValue"
    assert refusal(sqs.receive_message, QueueUrl=url, WaitTimeSeconds=21) == "InvalidParameterValue"
    assert refusal(sqs.delete_message, QueueUrl=url, ReceiptHandle="x") == "ReceiptHandleIsInvalid"
    sqs.send_message(QueueUrl=url, MessageBody="a")
    (message,) = take(sqs, url, VisibilityTimeout=0)
    named = {"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": 9}
    assert refusal(sqs.change_message_visibility, **named).endswith("MessageNotInflight")
    empty = {"QueueUrl": url, "Entries": []}
    assert refusal(sqs.send_message_batch, **empty).endswith("EmptyBatchRequest")
    twice = [{"Id": "1", "MessageBody": "a"}] * 2
    assert refusal(sqs.send_message_batch, QueueUrl=url, Entries=twice).endswith("BatchEntryIdsNotDistinct")


def test_faults_meet_queues_too_and_what_changed_them_is_in_the_effect_log(account, sqs, url):
    seen = max((row["seq"] for row in account.effects()), default=0)
    account.fail("ReceiveMessage", "access-denied")
    assert refusal(sqs.receive_message, QueueUrl=url) == "AccessDeniedException"
    account.fail("SendMessage", "error-500", times=20)
    assert refusal(sqs.send_message, QueueUrl=url, MessageBody="lost").startswith("Internal")
    account.mend()
    sqs.send_message(QueueUrl=url, MessageBody="a")
    assert [r["operation"] for r in account.effects(seen) if r["service"] == "sqs"] == ["SendMessage"]


def test_a_duplicate_is_handed_out_twice_without_waiting(account, sqs, url):
    """Standard queues deliver at least once."""
    sqs.send_message(QueueUrl=url, MessageBody="a")
    account.fail("ReceiveMessage", "duplicate")
    (first,), (again,) = take(sqs, url), take(sqs, url)
    assert first["MessageId"] == again["MessageId"]
    assert take(sqs, url) == []


def test_the_older_query_protocol_is_spoken_as_well(account, url):
    def say(action, **parameters):
        form = urllib.parse.urlencode({"Action": action, "Version": "2012-11-05", URL: url, **parameters}).encode()
        request = urllib.request.Request(account.endpoint_url, data=form)
        request.add_header("Authorization", "AWS4-HMAC-SHA256 Credential=AKIA/20261118/us-east-1/sqs/aws4_request, x")
        with urllib.request.urlopen(request) as answer:
            text = re.sub(rb' xmlns="[^"]*"', b"", answer.read(), count=1)
        return ET.fromstring(text)

    say("SendMessage", MessageBody=json.dumps({"a": "<&>"}))
    message = say("ReceiveMessage", **{"AttributeName.1": "All"}).find("ReceiveMessageResult/Message")
    assert json.loads(message.findtext("Body")) == {"a": "<&>"}
    assert {a.findtext("Name") for a in message.findall("Attribute")} >= {"SentTimestamp", "ApproximateReceiveCount"}
    one = {"DeleteMessageBatchRequestEntry.1.Id": "1"}
    one["DeleteMessageBatchRequestEntry.1.ReceiptHandle"] = message.findtext("ReceiptHandle")
    done = say("DeleteMessageBatch", **one)
    assert done.findtext("DeleteMessageBatchResult/DeleteMessageBatchResultEntry/Id") == "1"
    with pytest.raises(urllib.error.HTTPError) as told:
        say("DeleteMessage", ReceiptHandle="x")
    assert b"<Code>ReceiptHandleIsInvalid</Code>" in told.value.read()


def test_a_long_poll_in_running_time_ends_when_a_message_comes_or_comes_again():
    with started(speed=1.0) as running:
        reach = Reach(running, {})
        sqs, got = reach("sqs"), []
        url = sqs.create_queue(QueueName="poll")[URL]
        poll = threading.Thread(target=lambda: got.extend(take(sqs, url, WaitTimeSeconds=10)))
        poll.start()
        sqs.send_message(QueueUrl=url, MessageBody="here")
        poll.join(timeout=60)
        sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=got[0]["ReceiptHandle"], VisibilityTimeout=1)
        got += take(sqs, url, WaitTimeSeconds=20)
        reach.close()
    assert [m["Body"] for m in got] == ["here", "here"]
