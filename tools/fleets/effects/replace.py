"""replace-instances: detach named instances, so that their group launches others at once."""

from typing import Any

from tools.cloud import CloudReader, CloudWriter, Receipt
from tools.errors import UsageError
from tools.fleets.effects.effect import Effect, instances_bound
from tools.fleets.launches import Movement, movement
from tools.market.pricebook import PriceBook
from tools.records import FieldChange, Fleet, Intent, ReplaceInstances


class ReplaceInstancesEffect(Effect[ReplaceInstances]):
    iam = ("autoscaling:DetachInstances",)

    def seen(self, reader: CloudReader, action: ReplaceInstances, fleet: Fleet) -> dict[str, Any]:
        return instances_bound(fleet, action.instance_ids)

    def check(self, action: ReplaceInstances, fleet: Fleet) -> None:
        if fleet.ref.kind != "asg":
            raise UsageError(
                f"{fleet.name} is no Auto Scaling group: it has no instances to detach",
                hint="a fleet of type maintain replaces what it loses by itself",
            )

    def lines(self, action: ReplaceInstances, fleet: Fleet) -> tuple[FieldChange, ...]:
        return tuple(
            FieldChange(
                sign="-/+", field=i.instance_id, before=f"{i.pool.label} {i.purchase_option}", after="a new one"
            )
            for i in fleet.instances
            if i.instance_id in action.instance_ids
        )

    def calls(self, action: ReplaceInstances) -> tuple[str, ...]:
        return ("autoscaling:DetachInstances",)

    def movement(self, action: ReplaceInstances, fleet: Fleet, book: PriceBook) -> Movement:
        return movement(action, fleet, book)

    def warnings(self, action: ReplaceInstances, fleet: Fleet, moved: Movement | None) -> tuple[str, ...]:
        mine = {i.instance_id for i in fleet.instances}
        absent = [i for i in action.instance_ids if i not in mine]
        said = ["detached instances run, and are billed, until EC2 takes them or somebody ends them"]
        if absent:
            said.append(f"{len(absent)} of them are no longer in the fleet, and are left out: {', '.join(absent[:3])}")
        return tuple(said)

    def expect_and_want(
        self, reader: CloudReader, action: ReplaceInstances, fleet: Fleet
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Which of the named instances are attached, and that none shall be."""
        return _attached(action, fleet), {"attached": []}

    def carry_out(self, writer: CloudWriter, intent: Intent, action: ReplaceInstances, fleet: Fleet) -> Receipt:
        return writer.detach_instances(intent, action.fleet, action.instance_ids)

    def observe(self, reader: CloudReader, intent: Intent, action: ReplaceInstances) -> dict[str, Any]:
        return _attached(action, reader.fleet(action.fleet))


def _attached(action: ReplaceInstances, fleet: Fleet) -> dict[str, Any]:
    """What ends is replaced by its group already, and can be detached no more."""
    mine = {i.instance_id for i in fleet.instances if not (i.lifecycle_state or "").startswith("Terminat")}
    return {"attached": sorted(i for i in action.instance_ids if i in mine)}
