"""DescribeInstances: by id, by tag, by state and by what else EC2 filters, in its pages, written straight as XML."""

import itertools
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from fnmatch import translate
from functools import lru_cache
from typing import Any
from xml.sax.saxutils import escape

from moto.ec2.exceptions import EC2ClientError, InvalidInstanceIdError
from moto.ec2.models.instances import Instance, Reservation
from moto.ec2.responses import EC2Response

from tools.simulation import machines
from tools.simulation.ec2_xml import elements
from tools.simulation.index import tags_of
from tools.simulation.rates import is_arm, vcpus
from tools.simulation.world import World

INSTANCES_A_PAGE = 1_000
SMALLEST_PAGE = 5
MOST_VALUES = 200
"""in the filters of one call"""
_SPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"
_FIELDS: dict[str, Callable[[Instance], Any]] = {
    "architecture": lambda i: _architecture(i.instance_type),
    "availability-zone": lambda i: i.placement.zone,
    "client-token": lambda i: i.client_token or "",
    "image-id": lambda i: i.image_id,
    "instance-id": lambda i: i.id,
    "instance-lifecycle": lambda i: i.lifecycle or "",
    "instance-state-code": lambda i: str(i.state_code),
    "instance-state-name": lambda i: i.state,
    "instance-type": lambda i: i.instance_type,
    "owner-id": lambda i: str(i.owner_id),
    "private-dns-name": lambda i: i.private_dns_name,
    "private-ip-address": lambda i: i.private_ip,
    "reservation-id": lambda i: _reservation(i).id,
    "state-reason-code": lambda i: i.state_reason.code,
    "subnet-id": lambda i: i.subnet_id,
    "tenancy": lambda _: "default",
    "vpc-id": lambda i: i.vpc_id,
}


def install(world: World) -> None:
    """Replace moto's answer with ours, for this process."""
    numbers = itertools.count(1)

    def describe_instances(response: EC2Response) -> str:
        response.error_on_dryrun()
        _number(world, numbers)
        return _page(response, _found(world, response))

    EC2Response.describe_instances = describe_instances  # type: ignore[assignment, method-assign]


# --- which


def _number(world: World, numbers: "itertools.count[int]") -> None:
    """New reservations get a number, and their instances a way back to them."""
    fresh = itertools.takewhile(lambda r: "number" not in vars(r), reversed(world.ec2.reservations.values()))
    for reservation in reversed(list(fresh)):
        vars(reservation)["number"] = next(numbers)
        for instance in reservation.instances:
            vars(instance)["reservation"] = reservation


def _reservation(instance: Instance) -> Reservation:
    found: Reservation = vars(instance)["reservation"]
    return found


def _number_of(instance: Instance) -> int:
    return int(vars(_reservation(instance))["number"])


def _found(world: World, response: EC2Response) -> list[Instance]:
    """Oldest reservation first. Raises EC2ClientError: unknown ids, filters that EC2 does not take."""
    wanted = response._get_param("InstanceIds", [])
    if wanted and response._get_param("MaxResults"):
        raise EC2ClientError(
            "InvalidParameterCombination", "The parameter instancesSet cannot be used with the parameter maxResults"
        )
    lost = [i for i in wanted if i not in world.instances]
    if lost:
        raise InvalidInstanceIdError(lost)
    filters = dict(response._filters_from_querystring())
    if sum(len(values) for values in filters.values()) > MOST_VALUES:
        raise EC2ClientError(
            "FilterLimitExceeded", f"The maximum number of filter values specified on a single call is {MOST_VALUES}"
        )
    if "instance-id" in filters and not any(_WILD.search(v) for v in filters["instance-id"]):
        ids = filters.pop("instance-id")
        wanted = [i for i in ids if i in world.instances and (not wanted or i in wanted)]
        found: Iterable[Instance] = sorted((world.instances[i] for i in dict.fromkeys(wanted)), key=_number_of)
    elif wanted:
        found = sorted((world.instances[i] for i in dict.fromkeys(wanted)), key=_number_of)
    else:
        found = world.instances.values()
    tests = [_test(name, values) for name, values in filters.items()]
    return [i for i in found if all(test(i) for test in tests)]


_WILD = re.compile(r"[*?]")


def _test(name: str, values: Sequence[str]) -> Callable[[Instance], bool]:
    """One filter; its values are alternatives, * and ? stand for any characters and any one."""
    kind, _, key = name.partition(":")
    matches = _matcher(values)
    if kind == "tag" and key:
        return lambda i: key in tags_of(i) and matches(tags_of(i)[key])
    if name == "tag-key":
        return lambda i: any(map(matches, tags_of(i)))
    if name == "tag-value":
        return lambda i: any(map(matches, tags_of(i).values()))
    field = _FIELDS.get(name)
    if field is None:
        raise EC2ClientError("InvalidParameterValue", f"The filter '{name}' is invalid")
    return lambda i: matches(str(field(i)))


def _matcher(values: Sequence[str]) -> Callable[[str], bool]:
    plain = frozenset(v for v in values if not _WILD.search(v))
    wild = [re.compile(translate(v.replace("[", "[[]"))) for v in values if _WILD.search(v)]
    return lambda text: text in plain or any(w.match(text) for w in wild)


# --- pages


def _page(response: EC2Response, found: list[Instance]) -> str:
    """Whole reservations, as many as fit."""
    after, size = _after(response), _size(response)
    parts: list[str] = []
    told, last = 0, None
    for number, group in itertools.groupby((i for i in found if _number_of(i) > after), key=_number_of):
        members = list(group)
        if told and told + len(members) > size:
            return _answer(parts, last)
        told, last = told + len(members), number
        parts.append(_shown_reservation(_reservation(members[0]), members))
    return _answer(parts, None)


def _after(response: EC2Response) -> int:
    token = response._get_param("NextToken")
    if not token:
        return 0
    if not (str(token).isascii() and str(token).isdigit()):
        raise EC2ClientError("InvalidNextToken", f"The token '{token}' is invalid.")
    return int(token)


def _size(response: EC2Response) -> int:
    size = int(response._get_param("MaxResults") or INSTANCES_A_PAGE)
    if size < SMALLEST_PAGE:
        text = f"Value ( {size} ) for parameter maxResults is invalid. Expecting a value greater than {SMALLEST_PAGE}."
        raise EC2ClientError("InvalidParameterValue", text)
    return min(size, INSTANCES_A_PAGE)


# --- as XML


def _answer(reservations: Iterable[str], more: int | None) -> str:
    token = f"<nextToken>{more}</nextToken>" if more is not None else ""
    return (
        f'<DescribeInstancesResponse xmlns="{_SPACE}"><requestId>-</requestId>'
        f"<reservationSet>{''.join(reservations)}</reservationSet>{token}</DescribeInstancesResponse>"
    )


def _shown_reservation(reservation: Reservation, members: Iterable[Instance]) -> str:
    return (
        f"<item><reservationId>{reservation.id}</reservationId><ownerId>{reservation.owner_id}</ownerId><groupSet/>"
        f"<instancesSet>{''.join(map(_shown, members))}</instancesSet></item>"
    )


def _shown(instance: Instance) -> str:
    """An instance in EC2's words; the network is left out: nothing here reads it."""
    i = instance
    tags = "".join(
        f"<item><key>{escape(k)}</key><value>{escape(v)}</value></item>" for k, v in tags_of(instance).items()
    )
    return (
        f"<item><instanceId>{i.id}</instanceId><imageId>{escape(str(i.image_id))}</imageId>"
        f"<instanceState><name>{i.state}</name><code>{i.state_code}</code></instanceState>"
        f"<launchTime>{_moment(i.launch_time)}</launchTime>"
        f"<placement><availabilityZone>{i.placement.zone}</availabilityZone><tenancy>default</tenancy></placement>"
        f"<privateIpAddress>{i.private_ip}</privateIpAddress><privateDnsName>{i.private_dns_name}</privateDnsName>"
        f"<subnetId>{i.subnet_id}</subnetId><vpcId>{i.vpc_id}</vpcId>"
        f"<clientToken>{escape(i.client_token or '')}</clientToken>"
        f"<monitoring><state>{i.monitoring_state}</state></monitoring>"
        f"<reason>{escape(i._reason or '')}</reason><tagSet>{tags}</tagSet>"
        f"{_of_type(i.instance_type)}{_of_spot(i)}{_of_end(i)}{_ALIKE}"
        f"<rootDeviceName>{i.root_device_name}</rootDeviceName>{elements(machines.shown(i))}</item>"
    )


_ALIKE = (
    "<ebsOptimized>false</ebsOptimized><hypervisor>xen</hypervisor><platformDetails>Linux/UNIX</platformDetails>"
    "<rootDeviceType>ebs</rootDeviceType><virtualizationType>hvm</virtualizationType>"
)


def _moment(at: datetime) -> str:
    return f"{at.isoformat()[:19]}.000Z"


def _architecture(instance_type: str) -> str:
    return "arm64" if is_arm(instance_type) else "x86_64"


@lru_cache(maxsize=1024)
def _of_type(instance_type: str) -> str:
    cores = max(vcpus(instance_type) // 2, 1)
    return (
        f"<instanceType>{escape(instance_type)}</instanceType>"
        f"<architecture>{_architecture(instance_type)}</architecture>"
        f"<cpuOptions><coreCount>{cores}</coreCount><threadsPerCore>2</threadsPerCore></cpuOptions>"
    )


def _of_spot(instance: Instance) -> str:
    if instance.lifecycle != "spot":
        return ""
    return (
        "<instanceLifecycle>spot</instanceLifecycle>"
        f"<spotInstanceRequestId>sir-{instance.id[2:10]}</spotInstanceRequestId>"
    )


def _of_end(instance: Instance) -> str:
    why = instance.state_reason
    if not why.code:
        return ""
    return f"<stateReason><code>{escape(why.code)}</code><message>{escape(why.message)}</message></stateReason>"
