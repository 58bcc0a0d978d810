"""SQS on the wire: the operations that scripts use, in its JSON protocol and in the older query protocol.

Source  Amazon SQS API reference 2012-11-05. Standard queues: no order is promised, FIFO names are refused.
"""

import json
import re
from collections.abc import Callable, Mapping
from html import escape
from typing import Any

from tools.simulation.queues import DEFAULTS, MOST_HANDED_OUT, Message, Queue, Queues
from tools.simulation.wire import Request

MOST_BYTES = 1_048_576
_MOST = {
    "DelaySeconds": 900,
    "VisibilityTimeout": 43_200,
    "WaitTimeSeconds": 20,
    "MaxNumberOfMessages": MOST_HANDED_OUT,
}
_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")
_SAID = {
    "QueueDoesNotExist": "AWS.SimpleQueueService.NonExistentQueue",
    "QueueNameExists": "QueueAlreadyExists",
    "TooManyEntriesInBatchRequest": "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
    "EmptyBatchRequest": "AWS.SimpleQueueService.EmptyBatchRequest",
    "BatchEntryIdsNotDistinct": "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
    "MessageNotInflight": "AWS.SimpleQueueService.MessageNotInflight",
    "UnsupportedOperation": "AWS.SimpleQueueService.UnsupportedOperation",
}
"""errors whose older name in the query protocol is another; botocore reads it from a header"""
_LISTS = {
    "Messages": "Message",
    "QueueUrls": "QueueUrl",
    "Failed": "BatchResultErrorEntry",
    "Attributes": "Attribute",
    "MessageAttributes": "MessageAttribute",
}


class Refused(Exception):
    """AWS says no."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class QueueDoor:
    """Answers one request: status, headers, body."""

    def __init__(self, queues: Queues, *, waits: Callable[[], bool]) -> None:
        """waits: whether a long poll waits; stepped time stands still meanwhile, so there it does not"""
        self._queues = queues
        self._waits = waits
        self._doors: dict[str, Callable[[dict[str, Any]], Mapping[str, Any] | None]] = {
            "CreateQueue": self._create,
            "GetQueueUrl": lambda p: {"QueueUrl": self._queue({"QueueUrl": p.get("QueueName", "")}).name},
            "ListQueues": self._names,
            "DeleteQueue": lambda p: self._queues.drop(self._queue(p)),
            "GetQueueAttributes": self._attributes,
            "SetQueueAttributes": lambda p: self._queue(p).attributes.update(_settings(p)),
            "TagQueue": lambda p: self._queue(p).tags.update(p.get("Tags") or {}),
            "ListQueueTags": lambda p: {"Tags": dict(self._queue(p).tags)},
            "PurgeQueue": lambda p: self._queue(p).purge(),
            "SendMessage": lambda p: _send(self._queue(p), p),
            "SendMessageBatch": lambda p: _each(self._queue(p), p, _send),
            "ReceiveMessage": self._receive,
            "DeleteMessage": lambda p: _delete(self._queue(p), p),
            "DeleteMessageBatch": lambda p: _each(self._queue(p), p, _delete),
            "ChangeMessageVisibility": lambda p: _hide(self._queue(p), p),
            "ChangeMessageVisibilityBatch": lambda p: _each(self._queue(p), p, _hide),
        }

    def answer(self, request: Request, *, at: str, request_id: str) -> tuple[int, list[tuple[str, str]], bytes]:
        """at: where the account is heard, http://host:port, of which queue URLs are made"""
        try:
            found = self._found(request)
        except Refused as error:
            return _no(request, error, request_id)
        home = f"{at}/{self._queues.account_id}/"
        if "QueueUrl" in found:
            found["QueueUrl"] = home + found["QueueUrl"]
        if "QueueUrls" in found:
            found["QueueUrls"] = [home + name for name in found["QueueUrls"]]
        if request.protocol == "query":
            return 200, [("Content-Type", "text/xml")], _whole(request.operation, found, request_id)
        return 200, [("Content-Type", "application/x-amz-json-1.0")], json.dumps(found).encode()

    def _found(self, request: Request) -> dict[str, Any]:
        """Queues by their names alone. Raises Refused."""
        door = self._doors.get(request.operation)
        if door is None:
            raise Refused("UnsupportedOperation", f"The action {request.operation} is not served here.")
        return dict(door(_read_form(request) if request.protocol == "query" else request.parameters) or {})

    def _queue(self, given: Mapping[str, Any]) -> Queue:
        """By URL, or by name alone."""
        found = self._queues.named(str(given.get("QueueUrl") or "").rstrip("/").rpartition("/")[2])
        if found is None:
            raise Refused("QueueDoesNotExist", "The specified queue does not exist.")
        return found

    def _names(self, given: Mapping[str, Any]) -> dict[str, Any]:
        prefix = str(given.get("QueueNamePrefix") or "")
        return {"QueueUrls": [n for n in self._queues.names() if n.startswith(prefix)]}

    def _create(self, given: dict[str, Any]) -> dict[str, Any]:
        name = str(given.get("QueueName") or "")
        if not _NAME.fullmatch(name):
            text = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
            raise Refused("InvalidParameterValue", f"{text}; FIFO queues are not served here.")
        try:
            return {"QueueUrl": self._queues.create(name, _settings(given), given.get("tags") or {}).name}
        except ValueError:
            text = "A queue already exists with the same name and a different value for an attribute"
            raise Refused("QueueNameExists", text) from None

    def _attributes(self, given: dict[str, Any]) -> dict[str, Any]:
        queue, asked = self._queue(given), given.get("AttributeNames") or []
        made = {"QueueArn": queue.arn, "CreatedTimestamp": str(int(queue.created_at))}
        every = {**queue.attributes, **queue.counts(), **made, "LastModifiedTimestamp": made["CreatedTimestamp"]}
        return {"Attributes": {k: v for k, v in every.items() if "All" in asked or k in asked}}

    def _receive(self, given: dict[str, Any]) -> dict[str, Any]:
        queue = self._queue(given)
        most = _number(given, "MaxNumberOfMessages", least=1) or 1
        wait = _number(given, "WaitTimeSeconds")
        wait = int(queue.attributes["ReceiveMessageWaitTimeSeconds"]) if wait is None else wait
        hidden = _number(given, "VisibilityTimeout")
        found = queue.receive(most, wait_seconds=wait if self._waits() else 0, timeout_seconds=hidden)
        return {"Messages": [_told(m, receipt, given) for m, receipt in found]} if found else {}


def _send(queue: Queue, given: Mapping[str, Any]) -> dict[str, Any]:
    body = given.get("MessageBody")
    if not isinstance(body, str) or not body:
        raise Refused("MissingParameter", "The request must contain the parameter MessageBody.")
    if len(body.encode()) > MOST_BYTES:
        text = f"One or more parameters are invalid. Reason: Message must be shorter than {MOST_BYTES} bytes."
        raise Refused("InvalidParameterValue", text)
    delay = _number(given, "DelaySeconds")
    sent = queue.send(body, attributes=given.get("MessageAttributes"), delay_seconds=delay)
    return {"MessageId": sent.message_id, "MD5OfMessageBody": sent.body_md5}


def _delete(queue: Queue, given: Mapping[str, Any]) -> dict[str, Any]:
    try:
        queue.delete(str(given.get("ReceiptHandle") or ""))
    except ValueError as error:
        raise _bad_receipt(error) from None
    return {}


def _hide(queue: Queue, given: Mapping[str, Any]) -> dict[str, Any]:
    seconds = _number(given, "VisibilityTimeout")
    if seconds is None:
        raise Refused("MissingParameter", "The request must contain the parameter VisibilityTimeout.")
    try:
        held = queue.change_visibility(str(given.get("ReceiptHandle") or ""), seconds)
    except ValueError as error:
        raise _bad_receipt(error) from None
    if not held:
        raise Refused("MessageNotInflight", "The message referred to isn't in flight.")
    return {}


def _bad_receipt(error: ValueError) -> Refused:
    text = f'The input receipt handle "{str(error)[:80]}" is not a valid receipt handle.'
    return Refused("ReceiptHandleIsInvalid", text)


def _each(
    queue: Queue, given: Mapping[str, Any], one: Callable[[Queue, Mapping[str, Any]], dict[str, Any]]
) -> dict[str, Any]:
    """One to ten of a kind; each is done, or said why not."""
    entries = given.get("Entries") or []
    if not entries:
        raise Refused("EmptyBatchRequest", "There should be at least one entry in the request.")
    if len(entries) > MOST_HANDED_OUT:
        text = f"Maximum number of entries per request are {MOST_HANDED_OUT}. You have sent {len(entries)}."
        raise Refused("TooManyEntriesInBatchRequest", text)
    ids = [str(e.get("Id")) for e in entries]
    if len(set(ids)) < len(ids):
        raise Refused("BatchEntryIdsNotDistinct", "Two or more batch entries in the request have the same Id.")
    done: dict[str, Any] = {"Successful": [], "Failed": []}
    for name, entry in zip(ids, entries, strict=True):
        try:
            done["Successful"].append({"Id": name, **one(queue, entry)})
        except Refused as error:
            done["Failed"].append({"Id": name, "SenderFault": True, "Code": error.code, "Message": str(error)})
    return {k: v for k, v in done.items() if v or k == "Successful"}


def _told(message: Message, receipt: str, given: Mapping[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "MessageId": message.message_id,
        "ReceiptHandle": receipt,
        "MD5OfBody": message.body_md5,
        "Body": message.body,
    }
    asked = {*(given.get("AttributeNames") or ()), *(given.get("MessageSystemAttributeNames") or ())}
    if asked:
        first = message.first_received_at or message.sent_at
        known = {
            "SentTimestamp": str(int(message.sent_at * 1000)),
            "ApproximateReceiveCount": str(message.received),
            "ApproximateFirstReceiveTimestamp": str(int(first * 1000)),
        }
        row["Attributes"] = {k: v for k, v in known.items() if "All" in asked or k in asked}
    named = given.get("MessageAttributeNames") or ()
    chosen = {k: v for k, v in message.attributes.items() if {"All", ".*", k} & set(named)}
    return row | ({"MessageAttributes": chosen} if chosen else {})


def _settings(given: Mapping[str, Any]) -> dict[str, str]:
    settings = {str(k): str(v) for k, v in (given.get("Attributes") or {}).items()}
    for name in settings.keys() - DEFAULTS.keys() - {"Policy", "SqsManagedSseEnabled"}:
        raise Refused("InvalidAttributeName", f"Unknown Attribute {name}.")
    for name in settings.keys() & {"VisibilityTimeout", "DelaySeconds"}:
        _number(settings, name)
    return settings


def _number(given: Mapping[str, Any], name: str, *, least: int = 0) -> int | None:
    """None = not given."""
    value = given.get(name)
    if value is None:
        return None
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = least - 1
    if not least <= number <= _MOST[name]:
        text = f"Value {value} for parameter {name} is invalid. Reason: Must be between {least} and {_MOST[name]}"
        raise Refused("InvalidParameterValue", f"{text}, if provided.")
    return number


def _no(request: Request, error: Refused, request_id: str) -> tuple[int, list[tuple[str, str]], bytes]:
    older = _SAID.get(error.code, error.code)
    if request.protocol == "query":
        inner = f"<Error><Type>Sender</Type><Code>{older}</Code><Message>{escape(str(error))}</Message></Error>"
        text = f"<ErrorResponse>{inner}<RequestId>{request_id}</RequestId></ErrorResponse>"
        return 400, [("Content-Type", "text/xml")], text.encode()
    headers = [("Content-Type", "application/x-amz-json-1.0"), ("x-amzn-query-error", f"{older};Sender")]
    return 400, headers, json.dumps({"__type": f"com.amazonaws.sqs#{error.code}", "message": str(error)}).encode()


# --- the query protocol: numbered fields in, XML out


def _read_form(request: Request) -> dict[str, Any]:
    """«SendMessageBatchRequestEntry.1.Id» and «Attribute.1.Name» become the lists and maps of the JSON protocol."""
    plain: dict[str, Any] = {}
    groups: dict[str, dict[int, dict[str, Any]]] = {}
    for key, value in request.parameters.items():
        found = re.fullmatch(r"(\w+)\.(\d+)(?:\.([\w.]+))?", key)
        if found is None:
            plain[key] = value
        else:
            name, number, rest = found[1], int(found[2]), found[3] or ""
            groups.setdefault(name, {}).setdefault(number, {})[rest] = value
    for name, rows in groups.items():
        ordered = [rows[n] for n in sorted(rows)]
        if name.endswith("RequestEntry"):
            plain["Entries"] = ordered
        elif name in ("Attribute", "Tag"):
            plain[name + "s"] = {r.get("Name") or r.get("Key"): r.get("Value") for r in ordered}
        elif name == "MessageAttribute":
            plain[name + "s"] = {r.get("Name"): _valued(r) for r in ordered}
        else:
            plain[name + "s"] = [r.get("") for r in ordered]
    return plain


def _valued(row: Mapping[str, Any]) -> dict[str, Any]:
    return {k.removeprefix("Value."): v for k, v in row.items() if k.startswith("Value.")}


def _whole(operation: str, found: Mapping[str, Any], request_id: str) -> bytes:
    inner = "".join(_xml(operation, k, v) for k, v in found.items())
    result = f"<{operation}Result>{inner}</{operation}Result>" if found else ""
    told = f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
    space = 'xmlns="http://queue.amazonaws.com/doc/2012-11-05/"'
    return f"<{operation}Response {space}>{result}{told}</{operation}Response>".encode()


def _xml(operation: str, name: str, value: Any) -> str:
    """Lists and maps are flat: one element an item."""
    tag = f"{operation}ResultEntry" if name == "Successful" else _LISTS.get(name, name)
    if isinstance(value, list):
        return "".join(_xml(operation, tag, v) for v in value)
    if isinstance(value, dict) and name in ("Attributes", "MessageAttributes", "Tags"):
        pair = ("Key", "Value") if name == "Tags" else ("Name", "Value")
        tag = "Tag" if name == "Tags" else tag
        rows = ((_xml(operation, pair[0], k), _xml(operation, pair[1], v)) for k, v in value.items())
        return "".join(f"<{tag}>{key}{said}</{tag}>" for key, said in rows)
    if isinstance(value, dict):
        return f"<{tag}>{''.join(_xml(operation, k, v) for k, v in value.items())}</{tag}>"
    text = str(value).lower() if isinstance(value, bool) else escape(str(value), quote=False)
    return f"<{tag}>{text}</{tag}>"
