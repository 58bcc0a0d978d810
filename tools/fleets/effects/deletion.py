"""delete-fleet: an EC2 Fleet is deleted, a Spot Fleet request cancelled; with its instances, or they run on."""

from typing import Any

from tools.cloud import CloudReader, CloudWriter, Receipt
from tools.errors import NotFound, UsageError
from tools.fleets.effects.effect import Effect
from tools.fleets.launches import Movement, movement
from tools.market.pricebook import PriceBook
from tools.records import DeleteFleet, FieldChange, Fleet, Intent

MOST_TERMINATED = 1_000
"""instances of one fleet that EC2 ends with it; of more, the deletion may fail"""
_CALLS = {"ec2-fleet": "ec2:DeleteFleets", "spot-fleet": "ec2:CancelSpotFleetRequests"}


class DeleteFleetEffect(Effect[DeleteFleet]):
    iam = ("ec2:CancelSpotFleetRequests", "ec2:DeleteFleets", "ec2:TerminateInstances")

    def check(self, action: DeleteFleet, fleet: Fleet) -> None:
        if action.fleet.kind not in _CALLS:
            raise UsageError(
                f"{fleet.name} is no EC2 Fleet and no Spot Fleet request: nothing else is deleted",
                hint="set an Auto Scaling group's sizes to 0, or terminate an instance",
            )
        if fleet.fleet_type == "instant" and not action.terminate_instances:
            raise UsageError(
                f"{fleet.name} is of type instant: AWS deletes it only together with its instances",
                hint="delete it with its instances, or leave it: it launches nothing any more",
            )
        if action.terminate_instances and len(fleet.instances) > MOST_TERMINATED:
            raise UsageError(
                f"{fleet.name} has {len(fleet.instances):,} instances, and EC2 ends {MOST_TERMINATED:,} with it",
                hint="lower its target capacity first",
            )

    def lines(self, action: DeleteFleet, fleet: Fleet) -> tuple[FieldChange, ...]:
        what = FieldChange(sign="-", field="fleet", before=f"{fleet.name} ({fleet.ref.fleet_id})", after="")
        instances = (
            FieldChange(sign="-", field=i.instance_id, before=f"{i.pool.label} {i.purchase_option}", after="")
            for i in fleet.instances
            if action.terminate_instances
        )
        return (what, *instances)

    def calls(self, action: DeleteFleet) -> tuple[str, ...]:
        return (_CALLS[action.fleet.kind],)

    def movement(self, action: DeleteFleet, fleet: Fleet, book: PriceBook) -> Movement:
        return movement(action, fleet, book)

    def warnings(self, action: DeleteFleet, fleet: Fleet, moved: Movement | None) -> tuple[str, ...]:
        said = ["a deleted fleet cannot be brought back: a new one would have another id, and other instances"]
        if action.terminate_instances:
            said.append(
                f"all of its {len(fleet.instances)} instances are terminated, with what their volumes do not keep"
            )
        elif fleet.instances:
            said.append(
                f"its {len(fleet.instances)} instances run on, and are billed, until EC2 takes them or somebody ends"
                " them; nothing replaces them"
            )
        return tuple(said)

    def expect_and_want(
        self, reader: CloudReader, action: DeleteFleet, fleet: Fleet
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        return {"fleet": "live"}, {"fleet": "gone"}

    def carry_out(self, writer: CloudWriter, intent: Intent, action: DeleteFleet, fleet: Fleet) -> Receipt:
        return writer.delete_fleet(intent, action)

    def observe(self, reader: CloudReader, intent: Intent, action: DeleteFleet) -> dict[str, Any]:
        try:
            reader.fleet(action.fleet)
        except NotFound:
            return {"fleet": "gone"}
        return {"fleet": "live"}
