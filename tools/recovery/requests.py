"""«Save now»: one marker object an instance, written once. The job on the instance looks for it, saves, and goes on."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tools.cloud import CloudReader, CloudWriter, Receipt
from tools.errors import CloudError, OutcomeUnknown, Rejected
from tools.records import Intent, RequestCheckpoint, canonical_json

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

    Raises  CloudError: nothing was written; OutcomeUnknown: some may have been
    """
    first, *others = action.instance_ids
    request_ids = [_ask(writer, intent, action, first)]
    if others:
        with ThreadPoolExecutor(min(_BESIDE, len(others)), thread_name_prefix="markers") as pool:
            asked = [pool.submit(_ask, writer, intent, action, i) for i in others]
        troubles = [e for e in (a.exception() for a in asked) if e is not None]
        if troubles:
            raise _told(troubles[0], done=1 + len(asked) - len(troubles)) from troubles[0]
        request_ids += [a.result() for a in asked]
    return Receipt(request_ids=tuple(r for r in request_ids if r))


def _ask(writer: CloudWriter, intent: Intent, action: RequestCheckpoint, instance_id: str) -> str:
    """The request's id."""
    body = canonical_json(
        {
            "fleet": action.fleet.label,
            "instance_id": instance_id,
            "job_id": action.job_id,
            "notice_digest": action.notice_digest,
        }
    ).encode()
    try:
        return "".join(writer.put_object_once(intent, action.bucket, marker_key(action, instance_id), body).request_ids)
    except Rejected as error:
        if error.code != _ALREADY:
            raise
        return error.request_id


def _told(error: BaseException, *, done: int) -> BaseException:
    """A refusal means that nothing happened, which is true only of the first write."""
    if not isinstance(error, CloudError):
        return error
    return OutcomeUnknown(
        f"{done} markers were asked for, then: {error.message}", hint="the bucket is looked at, and tells"
    )
