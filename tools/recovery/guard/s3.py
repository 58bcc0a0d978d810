"""The store in S3. The only file that speaks boto3, and only for `--store s3://…`.

One attempt a call, with a short timeout; attempts are repeated here, within the budget and never past it.
Bodies carry a SHA-256 that S3 compares; what S3 says it holds is compared again.
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from .files import PIECE_BYTES, sync_file
from .stores import Budget, Stored
from .trouble import BadRequest, StoreRefused, StoreSilent

T = TypeVar("T")
PART_BYTES = 8 << 20
"""held in memory while it is sent, several of several files at once: the job needs its memory"""
MAX_PARTS = 10_000
RANGE_BYTES = 64 << 20
PARTS_AT_ONCE = 4
CONNECT_SECONDS = 3
READ_SECONDS = 20
FIRST_PAUSE_SECONDS = 0.2
TAKEN = ("PreconditionFailed", "ConditionalRequestConflict")
AGAIN = (
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "RequestTimeout",
    "InternalError",
    "ServiceUnavailable",
    "503",
)
ABSENT = ("NoSuchKey", "404", "NotFound")


class S3:
    """s3://BUCKET/JOB"""

    def __init__(self, bucket: str, job_id: str, *, endpoint_url: str | None = None) -> None:
        try:
            import boto3
            from botocore.config import Config
        except ImportError:
            raise BadRequest(
                f"--store s3://{bucket}/{job_id}: boto3 is not installed for this Python",
                hint="pip install boto3, or say --store DIR, a directory that outlives the instance",
            ) from None
        self.bucket, self.job_id = bucket, job_id
        self.where = f"s3://{bucket}/{job_id}"
        config = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"total_max_attempts": 1, "mode": "standard"},
            max_pool_connections=PARTS_AT_ONCE * PARTS_AT_ONCE,
        )
        region = None if boto3.session.Session().region_name else "us-east-1"
        self._client = boto3.client("s3", endpoint_url=endpoint_url, region_name=region, config=config)

    def list(self, below: str, *, budget: Budget) -> list[Stored]:
        found: list[Stored] = []
        more: dict[str, str] = {}
        while True:
            answer = self._ask("list_objects_v2", budget, below, Prefix=self._key(below), **more)
            for row in answer.get("Contents", ()):
                name = row["Key"][len(self.job_id) + 1 :]
                found.append(Stored(name, row["Size"], row["LastModified"].timestamp()))
            if not answer.get("IsTruncated"):
                return found
            more = {"ContinuationToken": answer["NextContinuationToken"]}

    def read(self, name: str, *, limit_bytes: int, budget: Budget) -> bytes | None:
        def whole(answer: dict[str, Any]) -> bytes:
            if answer["ContentLength"] > limit_bytes:
                raise StoreRefused(f"{self.where}/{name}: more than {limit_bytes:,} bytes")
            return b"".join(_pieces(answer["Body"], budget))

        try:
            return self._get(name, budget, whole)
        except _Absent:
            return None

    def fetch(self, name: str, path: Path, size_bytes: int, *, budget: Budget) -> None:
        """In pieces beside each other: how soon the work goes on depends on it."""

        def take(begin: int) -> None:
            end = min(begin + RANGE_BYTES, size_bytes) - 1

            def down(answer: dict[str, Any]) -> None:
                with path.open("r+b") as file:
                    file.seek(begin)
                    file.writelines(_pieces(answer["Body"], budget))

            self._get(name, budget, down, **({"Range": f"bytes={begin}-{end}"} if size_bytes > RANGE_BYTES else {}))

        path.touch()
        with ThreadPoolExecutor(PARTS_AT_ONCE) as hands:
            list(hands.map(take, range(0, max(size_bytes, 1), RANGE_BYTES)))
        sync_file(path)

    def put(self, name: str, content: bytes, *, budget: Budget) -> None:
        self._ask("put_object", budget, name, Key=self._key(name), Body=content, ChecksumSHA256=_encoded(content))

    def put_once(self, name: str, content: bytes, *, budget: Budget) -> bool:
        try:
            self._ask(
                "put_object",
                budget,
                name,
                Key=self._key(name),
                Body=content,
                ChecksumSHA256=_encoded(content),
                IfNoneMatch="*",
            )
        except _Taken:
            # an attempt of ours whose answer was lost is there as well: then it is ours
            return self.read(name, limit_bytes=len(content) + 1, budget=budget) == content
        return True

    def put_file(self, name: str, path: Path, sha256: str, *, budget: Budget) -> None:
        size, composite = path.stat().st_size, ""
        if size > PART_BYTES:
            composite = self._put_parts(name, path, size, budget=budget)
        elif not self.put_once(name, path.read_bytes(), budget=budget):
            raise StoreRefused(f"{self.where}/{name}: another file has that name: written by somebody else")
        self._check(name, size, (sha256, composite), budget=budget)

    def remove(self, name: str, *, budget: Budget) -> None:
        self._ask("delete_object", budget, name, Key=self._key(name))

    # --- large files
    def _put_parts(self, name: str, path: Path, size: int, *, budget: Budget) -> str:
        """Several parts at once, each with its SHA-256; the checksum of checksums that S3 has to arrive at."""
        key = self._key(name)
        length = max(PART_BYTES, -(-size // MAX_PARTS))
        upload = self._ask("create_multipart_upload", budget, name, Key=key, ChecksumAlgorithm="SHA256")["UploadId"]
        try:
            with ThreadPoolExecutor(PARTS_AT_ONCE) as hands:

                def send(number: int) -> dict[str, Any]:
                    with path.open("rb") as file:
                        file.seek((number - 1) * length)
                        body = file.read(length)
                    checksum = _encoded(body)
                    told = {"Key": key, "UploadId": upload, "PartNumber": number, "ChecksumSHA256": checksum}
                    answer = self._ask("upload_part", budget, name, Body=body, **told)
                    return {"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": checksum}

                parts = list(hands.map(send, range(1, -(-size // length) + 1)))
            told = {"Key": key, "UploadId": upload, "MultipartUpload": {"Parts": parts}, "IfNoneMatch": "*"}
            self._ask("complete_multipart_upload", budget, name, **told)
        except StoreRefused as problem:
            if not isinstance(problem, _Taken):  # the one that is there is compared afterwards
                raise
        finally:
            self._abort(key, upload)
        digests = b"".join(base64.b64decode(p["ChecksumSHA256"]) for p in parts)
        return f"{_encoded(digests)}-{len(parts)}"

    def _abort(self, key: str, upload: str) -> None:
        """Parts that are left over cost money. After a completed upload there is nothing left to abort."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._client.abort_multipart_upload(Bucket=self.bucket, Key=key, UploadId=upload)
        except (BotoCoreError, ClientError):
            return  # a lifecycle rule of the bucket has the last word

    def _check(self, name: str, size: int, expected: tuple[str, str], *, budget: Budget) -> None:
        """What S3 says it holds; where it says no SHA-256 of the whole, the object is read back.

        expected  (SHA-256 of the file, S3's checksum of its parts' checksums or "")
        Raises  StoreRefused: it is not what was sent
        """
        answer = self._ask("head_object", budget, name, Key=self._key(name), ChecksumMode="ENABLED")
        if answer["ContentLength"] != size:
            raise StoreRefused(f"{self.where}/{name}: has {answer['ContentLength']:,} bytes, {size:,} were sent")
        told = answer.get("ChecksumSHA256") or ""
        if told and told == expected[1]:
            return
        of_whole = told and "-" not in told and not expected[1]
        held = base64.b64decode(told).hex() if of_whole else self._hash(name, budget=budget)
        if held != expected[0]:
            raise StoreRefused(
                f"{self.where}/{name}: its checksum is not the file's: written by somebody else, or damaged"
            )

    def _hash(self, name: str, *, budget: Budget) -> str:
        def hashed(answer: dict[str, Any]) -> str:
            digest = hashlib.sha256()
            for piece in _pieces(answer["Body"], budget):
                digest.update(piece)
            return digest.hexdigest()

        return self._get(name, budget, hashed)

    # --- one call, within the budget
    def _key(self, name: str) -> str:
        return f"{self.job_id}/{name}"

    def _get(self, name: str, budget: Budget, use: Callable[[dict[str, Any]], T], **more: str) -> T:
        """A body that breaks off is asked for again."""
        from botocore.exceptions import BotoCoreError
        from urllib3.exceptions import HTTPError

        while True:
            answer = self._ask("get_object", budget, name, Key=self._key(name), **more)
            try:
                return use(answer)
            except (BotoCoreError, HTTPError) as error:
                if budget.left_seconds <= 0:
                    raise StoreSilent(f"{self.where}/{name}: broke off: {_short(error)}") from None
            finally:
                answer["Body"].close()

    def _ask(self, verb: str, budget: Budget, name: str, **arguments: Any) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError  # noqa: A004

        pause = FIRST_PAUSE_SECONDS
        while True:
            if budget.left_seconds <= 0:
                raise StoreSilent(f"{self.where}/{name}: {verb}: no time was left for it")
            try:
                return dict(getattr(self._client, verb)(Bucket=self.bucket, **arguments))
            except ClientError as error:
                code = error.response.get("Error", {}).get("Code", "")
                status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
                problem = self._told(verb, name, code, error)
                final = code not in AGAIN and status < 500
            except BotoCoreError as error:
                final = not isinstance(error, (ConnectionError, HTTPClientError))
                kind = StoreRefused if final else StoreSilent
                problem = kind(f"{self.where}/{name}: {verb}: {_short(error)}")
            if final or budget.left_seconds <= pause:
                raise problem
            time.sleep(pause)
            pause = min(pause * 2, 2.0)

    def _told(self, verb: str, name: str, code: str, error: Exception) -> StoreRefused:
        if code in TAKEN:
            return _Taken(f"{self.where}/{name}: the name is taken")
        if code in ABSENT and verb == "get_object":
            return _Absent(f"{self.where}/{name}: there is none")
        hint = {
            "NoSuchBucket": "create the bucket, or name another",
            "AccessDenied": "the instance's role needs s3:ListBucket, s3:GetObject and s3:PutObject there",
        }.get(code, "")
        return StoreRefused(f"{self.where}/{name}: {verb}: {code}: {_short(error)}", hint=hint)


class _Taken(StoreRefused):
    pass


class _Absent(StoreRefused):
    pass


def _encoded(content: bytes) -> str:
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


def _pieces(body: Any, budget: Budget) -> Iterator[bytes]:
    for piece in body.iter_chunks(PIECE_BYTES):
        if budget.left_seconds <= 0:
            raise StoreSilent("reading took longer than there was time")
        yield piece


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
