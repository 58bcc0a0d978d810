"""A queue that EventBridge fills with notices. A message comes again until it is acknowledged."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tools.aws.calls import LONG_POLL_SECONDS, Calls
from tools.errors import CloudError, DataError
from tools.records import QueuedNotice
from tools.recovery.notices import read_notice

_A_CALL = 10  # SQS hands out and takes back at most ten at a time
_BESIDE = 8


class SqsQueue:
    def __init__(self, calls: Calls, url: str) -> None:
        self._calls = calls
        self._url = url

    def receive(self, *, wait_seconds: int) -> tuple[QueuedNotice, ...]:
        """At most ten; empty after `wait_seconds` (at most 20) of silence."""
        answer = self._calls.read(
            "sqs",
            "ReceiveMessage",
            QueueUrl=self._url,
            MaxNumberOfMessages=_A_CALL,
            WaitTimeSeconds=max(0, min(wait_seconds, LONG_POLL_SECONDS)),
        )
        return tuple(_queued(m) for m in answer.get("Messages") or ())

    def acknowledge(self, receipts: Sequence[str]) -> None:
        """Ten a call, several calls at once. Raises CloudError: some were not taken back; they will come again."""
        batches = [receipts[start : start + _A_CALL] for start in range(0, len(receipts), _A_CALL)]
        if len(batches) < 2:
            for batch in batches:
                self._take_back(batch)
            return
        with ThreadPoolExecutor(min(_BESIDE, len(batches)), thread_name_prefix="queue") as pool:
            told = [pool.submit(self._take_back, batch) for batch in batches]
        for one in told:
            one.result()

    def _take_back(self, receipts: Sequence[str]) -> None:
        entries = [{"Id": str(n), "ReceiptHandle": r} for n, r in enumerate(receipts)]
        answer = self._calls.read("sqs", "DeleteMessageBatch", QueueUrl=self._url, Entries=entries)
        failed = answer.get("Failed") or []
        if failed:
            raise CloudError(
                f"sqs:DeleteMessageBatch: {len(failed)} of {len(entries)} messages were not acknowledged:"
                f" {failed[0].get('Code')}",
                hint="they will be delivered again",
                code=str(failed[0].get("Code", "")),
            )


def _queued(message: dict[str, Any]) -> QueuedNotice:
    try:
        return QueuedNotice(notice=read_notice(message.get("Body", "")), receipt=message["ReceiptHandle"])
    except DataError as error:
        return QueuedNotice(notice=None, receipt=message["ReceiptHandle"], problem=error.message)
