"""A place that the command line names."""

from __future__ import annotations

import re
from pathlib import Path

from .s3 import S3
from .stores import Folder, Store
from .trouble import BadRequest

_S3 = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/([A-Za-z0-9][A-Za-z0-9._/-]{0,180})")


def open_store(place: str, *, endpoint_url: str | None = None) -> Store:
    """`s3://BUCKET/JOB` or a directory, which stands for it.

    Raises  BadRequest: it names no place, or boto3 is missing
    """
    if "://" not in place:
        return Folder(Path(place))
    found = _S3.fullmatch(place.rstrip("/"))
    if found is None or any(part in ("", ".", "..") for part in found[2].split("/")):
        raise BadRequest(f"--store {place}: names no place", hint="say s3://BUCKET/JOB or a directory")
    return S3(found[1], found[2], endpoint_url=endpoint_url)
