"""Finding what was asked about: a fleet by its name or id, or an instance type by its form."""

import difflib
import re
from collections.abc import Sequence

from tools.cloud import CloudReader
from tools.errors import NotFound
from tools.records import Fleet, FleetKind, FleetRef

FLEETS_IAM = (
    "autoscaling:DescribeAutoScalingGroups",
    "autoscaling:DescribeLaunchConfigurations",
    "ec2:DescribeAvailabilityZones",
    "ec2:DescribeFleetInstances",
    "ec2:DescribeFleets",
    "ec2:DescribeInstances",
    "ec2:DescribeLaunchTemplateVersions",
    "ec2:DescribeSpotFleetInstances",
    "ec2:DescribeSpotFleetRequests",
    "ec2:DescribeSubnets",
    "sts:GetCallerIdentity",
)
"""what reading the account's fleets, and whose they are, asks of AWS"""
INSTANCE_TYPE = re.compile(r"^[a-z][a-z0-9-]{0,20}\.(nano|micro|small|medium|large|metal|\d{0,3}xlarge|metal-\d+xl)$")

INSTANCE_ID = re.compile(r"^(instance/)?i-[0-9a-f]{8,17}$")
_BY_ID: dict[FleetKind, re.Pattern[str]] = {
    "instance": INSTANCE_ID,
    "ec2-fleet": re.compile(r"^(ec2-fleet/)?fleet-[0-9a-f-]{8,40}$"),
    "spot-fleet": re.compile(r"^(spot-fleet/)?sfr-[0-9a-f-]{8,40}$"),
    "volume": re.compile(r"^(volume/)?vol-[0-9a-f]{8,17}$"),
    "snapshot": re.compile(r"^(snapshot/)?snap-[0-9a-f]{8,17}$"),
}


def is_instance_type(text: str) -> bool:
    return INSTANCE_TYPE.fullmatch(text) is not None


def named_fleet(reader: CloudReader, name: str) -> Fleet:
    """The fleet of this name or id; an instance's id means it alone, as a fleet of one.

    An id is asked for by itself: AWS lists instant fleets in no other way.
    Raises  NotFound: none, or a name that two fleets share; names what there is
    """
    kind = next((kind for kind, ids in _BY_ID.items() if ids.fullmatch(name)), None)
    if kind is None:
        return fleet_among(reader.fleets(), name)
    account = reader.account()
    return reader.fleet(
        FleetRef(
            kind=kind, fleet_id=name.rsplit("/", maxsplit=1)[-1], account_id=account.account_id, region=account.region
        )
    )


def fleet_among(fleets: Sequence[Fleet], name: str) -> Fleet:
    """`named_fleet` of fleets that were read already."""
    by_id = [f for f in fleets if name in (f.ref.fleet_id, f.ref.label)]
    found = by_id or [f for f in fleets if f.name == name]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(f.ref.fleet_id for f in found)
        raise NotFound(f"{name}: {len(found)} fleets have this name", hint=f"give the id: {ids}")
    names = sorted({f.name for f in fleets})
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5) or names[:8]
    raise NotFound(f"{name}: no fleet of this name", hint=f"there is {', '.join(near) or 'no fleet at all'}")
