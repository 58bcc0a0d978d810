"""Why something that nobody seems to use is not proposed for deletion. A reason is enough; none is no order to delete.

Source  tags and descriptions that AWS Backup, Data Lifecycle Manager, CloudFormation, CreateImage and the EBS CSI
        driver of Kubernetes write themselves
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from tools.figures import length
from tools.fleets.effects.storage import COPIED
from tools.records import Snapshot, Tag, Volume

VOLUME_YOUNG = timedelta(hours=24)
"""a volume that was just made may be on its way to an instance"""
SNAPSHOT_YOUNG = timedelta(days=30)
"""a snapshot is all that is left of a volume that is gone"""
_HELD_BY_TAG = {
    "aws:backup:source-resource": "AWS Backup",
    "aws:dlm:lifecycle-policy-id": "Data Lifecycle Manager",
    "dlm:managed": "Data Lifecycle Manager",
    "aws:cloudformation:stack-name": "a CloudFormation stack",
    "aws:servicecatalog:provisionedProductArn": "Service Catalog",
    "ebs.csi.aws.com/cluster": "Kubernetes (EBS CSI driver)",
    "kubernetes.io/created-for/pvc/name": "Kubernetes (a persistent volume claim)",
    "CSIVolumeName": "Kubernetes (EBS CSI driver)",
    "AWSElasticDisasterRecoveryManaged": "Elastic Disaster Recovery",
}
_HELD_BY_DESCRIPTION = (
    (re.compile(r"Created by CreateImage\(.*\) for (ami-[0-9a-f]+)"), "the image {0}, which was made with it"),
    (re.compile(r"Copied for DestinationAmi (ami-[0-9a-f]+)"), "the image {0}, which was copied with it"),
    (re.compile(r"Created for policy: (policy-[0-9a-f]+)"), "the Data Lifecycle Manager policy {0}"),
    (re.compile(r"(?i)(created by the AWS Backup service)"), "AWS Backup"),
)


def volume_protected(
    volume: Volume,
    *,
    fleet: str | None,
    jobs: Mapping[str, str],
    tags: Sequence[str],
    attached_at: datetime | None = None,
    now: datetime,
) -> str | None:
    """fleet        its label
    jobs         fleet label → a registered job of it
    tags         KEY or KEY=VALUE that the policy protects
    attached_at  a moment at which an instance still had it; None = none is known
    """
    if volume.state != "available":
        return f"it is {volume.state}"
    held = _by_tags(volume.tags, tags)
    if held is not None:
        return held
    if fleet is not None and fleet in jobs:
        return f"the job {jobs[fleet]} runs on {fleet}, and may want it back"
    since, did = max((volume.created_at, "made"), (attached_at or volume.created_at, "in use"))
    age = now - since
    return f"{did} {length(age.total_seconds())} ago: left alone for a day" if age < VOLUME_YOUNG else None


def snapshot_protected(
    snapshot: Snapshot,
    *,
    fleet: str | None,
    jobs: Mapping[str, str],
    tags: Sequence[str],
    images: Sequence[str] = (),
    newest: bool,
    now: datetime,
) -> str | None:
    """images  AMIs that boot from it; newest  whether it is the newest completed one of its volume"""
    if snapshot.state not in ("completed", "error"):
        return f"it is {snapshot.state}"
    booted = f"the image {', '.join(images)} boots from it" if images else None
    held = booted or _by_tags(snapshot.tags, tags) or _by_description(snapshot.description)
    if held is not None:
        return held
    if newest and fleet is not None and fleet in jobs:
        return f"the job {jobs[fleet]} runs on {fleet}, and may be restored from it"
    return _copied_or_young(snapshot, now)


def _copied_or_young(snapshot: Snapshot, now: datetime) -> str | None:
    if snapshot.volume_id == COPIED:
        return "it is a copy: somebody made it on purpose, and its volume was never here"
    age = now - snapshot.started_at
    if age < SNAPSHOT_YOUNG:
        return f"{length(age.total_seconds())} old: kept for {SNAPSHOT_YOUNG.days} days"
    return None


def _by_tags(tags: Iterable[Tag], protected: Sequence[str]) -> str | None:
    for tag in tags:
        if tag.key in _HELD_BY_TAG:
            return f"{_HELD_BY_TAG[tag.key]} holds it (tag {tag.key})"
        if tag.key in protected or f"{tag.key}={tag.value}" in protected:
            return f"the policy protects what is tagged {tag.key}"
    return None


def _by_description(text: str) -> str | None:
    for pattern, words in _HELD_BY_DESCRIPTION:
        found = pattern.search(text)
        if found is not None:
            return f"{words.format(found[1])} holds it"
    return None
