"""«Save now»: one marker object an instance, written once. The job on the instance looks for it, saves, and goes on."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tools.cloud import CloudReader, CloudWriter, Receipt
from tools.errors import CloudError, OutcomeUnknown, Rejected
from tools.records import Intent, ItemOutcome, RequestCheckpoint, canonical_json

_ALREADY = "PreconditionFailed"
_BESIDE = 3
"""writes at once: fleets are answered beside each other too"""


def _prefix(action: RequestCheckpoint) -> str:
    return f"{action.job_id}/requests/{action.notice_digest[:16]}-"


def marker_key(action: RequestCheckpoint, instance_id: str) -> str:
    return f"{_prefix(action)}{instance_id}.json"


def request_expect_and_want(reader: CloudReader, action: RequestCheckpoint) -> tuple[dict[str, Any], dict[str, Any]]:
    return observe_request(reader, action), {"requested": sorted(action.instance_ids)}


def observe_request(reader: CloudReader, action: RequestCheckpoint) -> dict[str, Any]:
    """Instances of the action whose marker is there."""
    keys = {o.key for o in reader.objects(action.bucket, _prefix(action))}
    return {"requested": sorted(i for i in action.instance_ids if marker_key(action, i) in keys)}


def carry_out_request(writer: CloudWriter, intent: Intent, action: RequestCheckpoint) -> Receipt:
    """One write an instance; a marker that is there already is as good as ours.

    The first goes alone: a bucket that refuses says so before anything is written. The others go beside each other.

    Where some of the others are refused, the receipt says which: no marker of theirs was written.

    Raises  CloudError: nothing was written; OutcomeUnknown: some may have been
    """
    first, *others = action.instance_ids
    request_ids = [_ask(writer, intent, action, first)]
    refused: dict[str, CloudError] = {}
    if others:
        with ThreadPoolExecutor(min(_BESIDE, len(others)), thread_name_prefix="markers") as pool:
            asked = {i: pool.submit(_ask, writer, intent, action, i) for i in others}
        troubles = {i: e for i, e in ((i, a.exception()) for i, a in asked.items()) if e is not None}
        request_ids += [a.result() for i, a in asked.items() if i not in troubles]
        refused = _refused(troubles, done=len(request_ids))
    items = tuple(_item(i, refused.get(i)) for i in action.instance_ids) if refused else ()
    return Receipt(request_ids=tuple(r for r in request_ids if r), items=items)


def _ask(writer: CloudWriter, intent: Intent, action: RequestCheckpoint, instance_id: str) -> str:
    """The request's id."""
    said = {
        "fleet": action.fleet.label,
        "instance_id": instance_id,
        "job_id": action.job_id,
        "notice_digest": action.notice_digest,
    }
    freeze = {} if action.freeze_seconds is None else {"freeze_seconds": action.freeze_seconds}
    body = canonical_json(said | freeze).encode()
    try:
        return "".join(writer.put_object_once(intent, action.bucket, marker_key(action, instance_id), body).request_ids)
    except Rejected as error:
        if error.code != _ALREADY:
            raise
        return error.request_id


def _refused(troubles: Mapping[str, BaseException], *, done: int) -> dict[str, CloudError]:
    """Instance → why its marker was not written. Raises OutcomeUnknown, or what AWS did not say: some may have been."""
    refused: dict[str, CloudError] = {}
    for instance_id, error in troubles.items():
        if isinstance(error, OutcomeUnknown):
            text = f"{done} markers were asked for, then: {error.message}"
            raise OutcomeUnknown(text, hint="the bucket is looked at, and tells") from error
        if not isinstance(error, CloudError):
            raise error
        refused[instance_id] = error
    return refused


def _item(instance_id: str, error: CloudError | None) -> ItemOutcome:
    if error is None:
        return ItemOutcome(item=instance_id, ok=True)
    return ItemOutcome(item=instance_id, ok=False, code=error.code, message=error.message)
