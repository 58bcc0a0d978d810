"""Objects: listed, read within a limit, hashed in pieces, written with a checksum that S3 verifies."""

import base64
import hashlib
from collections.abc import Callable
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError
from urllib3.exceptions import HTTPError

from tools.aws.calls import Calls
from tools.aws.errors import one_line
from tools.errors import DataError, Unreachable
from tools.records import StoredObject

PIECE_BYTES = 1 << 20
_BODY_ATTEMPTS = 3
T = TypeVar("T")


def objects(calls: Calls, bucket: str, prefix: str) -> tuple[StoredObject, ...]:
    rows = calls.pages("s3", "ListObjectsV2", "Contents", Bucket=bucket, Prefix=prefix)
    return tuple(StoredObject(key=r["Key"], size_bytes=r["Size"]) for r in rows)


def read(calls: Calls, bucket: str, key: str, *, limit_bytes: int) -> bytes:
    """Raises NotFound; DataError: larger than the limit."""

    def whole(answer: dict[str, Any]) -> bytes:
        length: int = answer["ContentLength"]
        if length > limit_bytes:
            raise DataError(f"s3://{bucket}/{key} has {length:,} bytes, at most {limit_bytes:,} are read here")
        content: bytes = answer["Body"].read()
        return content

    return _body(calls, bucket, key, whole)


def sha256(calls: Calls, bucket: str, key: str) -> str:
    """64 hex characters; the object is never held whole."""

    def hashed(answer: dict[str, Any]) -> str:
        digest = hashlib.sha256()
        for piece in answer["Body"].iter_chunks(PIECE_BYTES):
            digest.update(piece)
        return digest.hexdigest()

    return _body(calls, bucket, key, hashed)


def _body(calls: Calls, bucket: str, key: str, use: Callable[[dict[str, Any]], T]) -> T:
    """botocore retries the request but not a body that breaks off half way: reading is begun again."""
    trouble: Exception | None = None
    for _ in range(_BODY_ATTEMPTS):
        answer = calls.read("s3", "GetObject", Bucket=bucket, Key=key)
        try:
            return use(answer)
        except (BotoCoreError, HTTPError, OSError) as error:
            trouble = error
        finally:
            answer["Body"].close()
    raise Unreachable(f"s3:GetObject: s3://{bucket}/{key} broke off: {one_line(str(trouble))}") from trouble


def put(send: Callable[..., dict[str, Any]], bucket: str, key: str, body: bytes, *, once: bool) -> dict[str, Any]:
    """One attempt; S3 refuses a body whose SHA-256 differs, and with `once` a key that exists."""
    checksum = base64.b64encode(hashlib.sha256(body).digest()).decode()
    condition = {"IfNoneMatch": "*"} if once else {}
    return send(
        "s3",
        "PutObject",
        Bucket=bucket,
        Key=key,
        Body=body,
        ChecksumAlgorithm="SHA256",
        ChecksumSHA256=checksum,
        **condition,
    )
