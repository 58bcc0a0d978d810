"""Opening an account: whose credentials, which region, which endpoint. Said plainly when it cannot be."""

import difflib
import os
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import boto3
import botocore.session
from botocore.exceptions import BotoCoreError, ProfileNotFound, UnknownRegionError

from tools.aws.calls import READ_SECONDS, Calls
from tools.aws.errors import meaning
from tools.aws.parsing import moment
from tools.aws.reader import AwsReader
from tools.aws.sqs import SqsQueue
from tools.aws.writer import AwsWriter
from tools.cloud import Clock, CloudReader, CloudWriter, NoticeQueue
from tools.errors import UsageError

# with explicit credentials nothing of the machine's own AWS set-up may leak in
_NO_FILES = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}


@dataclass(frozen=True)
class AwsAccount:
    """One account in one region: what reads it, what writes it, what it says by itself."""

    reader: CloudReader
    writer: CloudWriter
    calls: Calls
    clock: Clock

    def queue(self, url: str) -> NoticeQueue:
        return SqsQueue(self.calls, url)

    def close(self) -> None:
        self.calls.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_account(
    *,
    profile: str | None,
    region: str | None,
    endpoint_url: str | None,
    clock: Clock,
    credentials: tuple[str, str] | None = None,
    read_seconds: float = READ_SECONDS,
) -> AwsAccount:
    """Nothing is called yet: credentials are proven by the first call.

    profile       None = boto3's own chain (AWS_PROFILE, default, SSO, instance role)
    region        None = boto3's own chain (AWS_REGION, the profile's region)
    endpoint_url  None = AWS itself; AWS_ENDPOINT_URL is not looked at: the caller decides
    credentials   (access key id, secret) for the simulated account: files and profiles are then not looked at
    read_seconds  how long one answer may take
    Raises        UsageError: unknown profile, no region, a region that cannot be one, a broken config file
    """
    session = botocore.session.Session(profile=profile, session_vars=_NO_FILES if credentials else None)
    session.set_config_variable("metadata_service_num_attempts", 1)
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=moment)
    if credentials:
        session.set_credentials(*credentials)
    try:
        chosen = region or session.get_config_variable("region")
        hint = _check_region(session, chosen)
        whole = boto3.Session(botocore_session=session)
    except ProfileNotFound as error:
        raise _unknown_profile(str(error.kwargs["profile"])) from None
    except BotoCoreError as error:
        raise meaning(error, service="aws", operation="config", wrote=False) from error
    calls = Calls(whole, region=chosen, endpoint_url=endpoint_url, region_hint=hint, read_seconds=read_seconds)
    return AwsAccount(reader=AwsReader(calls, clock), writer=AwsWriter(calls, clock), calls=calls, clock=clock)


def _unknown_profile(name: str) -> UsageError:
    known = sorted(botocore.session.Session(session_vars={"profile": (None, None, None, None)}).available_profiles)
    near = difflib.get_close_matches(name, known, n=1)
    listed = ", ".join(known[:10]) or "none"
    guess = f"did you mean {near[0]}? " if near else ""
    return UsageError(f"the AWS profile {name!r} is not configured", hint=f"{guess}configured profiles: {listed}")


def _check_region(session: botocore.session.Session, region: str | None) -> str:
    """A hint for calls that do not connect. Raises UsageError: none, or a name that cannot be a region's."""
    if not region:
        raise UsageError(
            "no AWS region is set", hint="--region us-east-1, or AWS_REGION, or region = … in ~/.aws/config"
        )
    try:
        known = session.get_available_regions("ec2", partition_name=session.get_partition_for_region(region))
    except UnknownRegionError:
        near = ", ".join(difflib.get_close_matches(region, session.get_available_regions("ec2"), n=3, cutoff=0.5))
        raise UsageError(
            f"{region!r} is not the name of an AWS region", hint=f"nearest: {near}" if near else "such as us-east-1"
        ) from None
    if region in known:
        return ""
    near = ", ".join(difflib.get_close_matches(region, known, n=3, cutoff=0.5))
    return f"is the region {region!r} right? nearest known: {near or 'none'}"
