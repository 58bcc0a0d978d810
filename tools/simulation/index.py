"""An index of our own over moto's instances and tags: moto looks through everything it has for each one.

Its launch of one instance copies every reservation and walks every instance type on offer; the tags of one instance
are looked for among the tags of all. At 5,000 instances that is minutes; here it is a look-up.
"""

from typing import Any

import moto.ec2.models.instances as moto_instances
from moto.ec2.exceptions import InvalidInstanceIdError
from moto.ec2.models import EC2Backend
from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS
from moto.ec2.models.instances import Instance
from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE, get_prefix

from tools.simulation import index_dispatch, index_groups, index_templates
from tools.simulation.world import World


def install(world: World) -> None:
    """Replace moto's searches with look-ups, and its long answers with ours, for this process."""
    index_dispatch.install()
    index_groups.install(world)
    index_templates.install(world)

    def get_instance(backend: EC2Backend, instance_id: str) -> Instance:
        found = world.instances.get(instance_id) or _newest(backend, instance_id)
        if found is None:
            raise InvalidInstanceIdError(instance_id)
        return found

    def get_instance_by_id(backend: EC2Backend, instance_id: str) -> Instance | None:
        return world.instances.get(instance_id) or _newest(backend, instance_id)

    def get_multi_instances_by_id(backend: EC2Backend, instance_ids: list[str], filters: Any = None) -> list[Instance]:
        found = {i: get_instance_by_id(backend, i) for i in instance_ids}
        lost = [i for i in instance_ids if found[i] is None]
        if lost:
            raise InvalidInstanceIdError(lost)
        return [i for name in instance_ids if (i := found[name]) is not None and i.applies(filters)]

    for method in (get_instance, get_instance_by_id, get_multi_instances_by_id):
        setattr(EC2Backend, method.__name__, method)
    _put(TaggedEC2Resource, "get_tags", _tags_as_moto_says)
    _put(moto_instances, "INSTANCE_TYPE_OFFERINGS", _zones_alone(INSTANCE_TYPE_OFFERINGS))


def tags_of(resource: Any) -> dict[str, str]:
    """Tags of one instance, template, volume…, in the order in which they were given."""
    found: dict[str, str] = resource.ec2_backend.tags.get(resource.id) or {}
    return found


def _newest(backend: EC2Backend, instance_id: str) -> Instance | None:
    """An instance that is being launched: the world hears of it when moto is done with it."""
    newest = next(reversed(backend.reservations.values()), None)
    return next((i for i in newest.instances if i.id == instance_id), None) if newest else None


def _tags_as_moto_says(resource: Any) -> list[dict[str, str]]:
    kind = EC2_PREFIX_TO_RESOURCE.get(get_prefix(resource.id), "") if resource.id else ""
    return [
        {"resource_id": resource.id, "key": k, "value": v, "resource_type": kind} for k, v in tags_of(resource).items()
    ]


def _zones_alone(offerings: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What a launch needs of the offerings: which zones there are. Whether a zone has a type moto does not ask."""
    by_zone = offerings["availability-zone"]
    short = {region: list({row["Location"]: row for row in rows}.values()) for region, rows in by_zone.items()}
    return {"availability-zone": short, "region": short}


def _put(place: Any, name: str, value: Any) -> None:
    setattr(place, name, value)
