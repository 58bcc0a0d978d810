"""Single instances, each read as a fleet of one."""

from tools.aws import ec2
from tools.aws.calls import Calls
from tools.errors import NotFound
from tools.records import Fleet, FleetRef

SOURCE = "EC2 DescribeInstances"


def as_fleet(calls: Calls, ref: FleetRef, sight: ec2.Sight) -> Fleet:
    """An instance that lives, stopped or not, with its own tags; those that AWS writes tell which fleet it is of.

    Raises  NotFound: it is gone, or was never there
    """
    row = next(ec2.live_rows(calls, [ref.fleet_id]), None)
    if row is None:
        raise NotFound(
            f"there is no instance {ref.fleet_id} in {calls.region} that still lives",
            hint="`spotwarden fleets` lists fleets, and `spotwarden fleets NAME` their instances",
        )
    instance = ec2.instance(row, sight.zones)
    return Fleet(
        ref=FleetRef(kind="instance", fleet_id=ref.fleet_id, account_id=sight.account_id, region=calls.region),
        desired_capacity=1,
        min_size=1,
        max_size=1,
        mix=None,
        instance_type=instance.instance_type,
        zones=(instance.zone_name,),
        instances=(instance,),
        tags=ec2.tags(row.get("Tags") or ()),
        as_of=sight.now,
        source=SOURCE,
    )
