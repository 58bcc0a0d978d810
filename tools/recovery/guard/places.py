"""Where things are: the store that the command line names, and this code itself."""

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
    found = in_s3(place)
    return Folder(Path(place)) if found is None else S3(*found, endpoint_url=endpoint_url)


def in_s3(place: str) -> tuple[str, str] | None:
    """(bucket, job); None: a directory. Raises BadRequest: it names no place."""
    if "://" not in place:
        return None
    found = _S3.fullmatch(place.rstrip("/"))
    if found is None or any(part in ("", ".", "..") for part in found[2].split("/")):
        raise BadRequest(f"--store {place}: names no place", hint="say s3://BUCKET/JOB or a directory")
    return found[1], found[2]


def library_path() -> str:
    """For a PYTHONPATH, so that `spotwarden_guard` is this: the one file, or a folder with that name."""
    here = Path(__file__).parent
    if here.is_dir():
        return str(here / "on_path")
    return str(here.parent.absolute())  # spotwarden_guard.pyz/spotwarden_guard
