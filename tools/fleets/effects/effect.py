"""What one kind of action means on the world: the base of every effect, one file a kind beside it.

An effect says what the action needs, what it would do, does it, looks whether it is done, and names what undoes it.
Only the one way to write calls `carry_out`. Every want is absolute, so that equal means nothing to do.
"""

from datetime import timedelta
from typing import Any, Generic, TypeVar

from tools.cloud import CloudReader, CloudWriter, Receipt
from tools.fleets.launches import Movement
from tools.market.pricebook import PriceBook
from tools.records import Action, FieldChange, Fleet, FleetAction, Intent, ItemOutcome, StorageCost

A = TypeVar("A", bound=FleetAction)

EC2_HORIZON = timedelta(seconds=300)
"""EC2 may show an old state for up to about five minutes: until then an unanswered write is neither done nor not"""
S3_HORIZON = timedelta(seconds=15)
"""S3 shows a write as soon as it happened; the time is for a request that is still on its way"""
SEND_WINDOW = timedelta(seconds=60)
"""from the mark that something is being sent until it may not leave any more: calls of one intent leave one by one"""


class Effect(Generic[A]):
    """The meaning of one kind of action. `fleet` is always as read just now."""

    iam: tuple[str, ...] = ()
    """the AWS actions that change something on its behalf, for the least-privilege documents"""
    horizon: timedelta = EC2_HORIZON
    """how long after a call its effect may stay unseen"""
    moves: bool = True
    """whether instances or money may move; False: no price is read for it, it may be urgent"""
    free: bool = True
    """of what moves nothing: whether it costs nothing; False = what it costs is not known"""
    watched: bool = True
    """whether its fleet tells, later, if it did harm: of a volume or a snapshot alone none does"""
    reversible: bool = False
    """whether `undo` can name an action that sets back what this one set"""

    @property
    def settles_after(self) -> timedelta:
        """From the mark that it is being sent: what is not seen by then did not happen, and cannot any more."""
        return SEND_WINDOW + self.horizon

    def priced(self, action: A) -> bool:
        """Whether prices are read for it."""
        return self.moves

    # judging

    def subject(self, reader: CloudReader, action: A) -> Fleet:
        """What the action is about, read now. Raises NotFound, CloudErrors."""
        return reader.fleet(action.fleet)

    def seen(self, reader: CloudReader, action: A, fleet: Fleet) -> dict[str, Any]:
        """What an approval is bound to, as it is now: moved means drift, and drift refuses."""
        return fleet.state

    def check(self, action: A, fleet: Fleet) -> None:
        """Raises UsageError where AWS has no way to do it, with the way out."""

    def check_now(self, reader: CloudReader, action: A, fleet: Fleet) -> None:
        """As `check`, where the fleet alone does not tell. Raises UsageError, CloudErrors."""

    def lines(self, action: A, fleet: Fleet) -> tuple[FieldChange, ...]:
        """The diff as people read it; empty where it is so already."""
        raise NotImplementedError

    def calls(self, action: A) -> tuple[str, ...]:
        """The AWS calls that change something, in order, such as ec2:ModifyFleet."""
        raise NotImplementedError

    def movement(self, action: A, fleet: Fleet, book: PriceBook) -> Movement | None:
        """Instances that end and are launched; None for kinds that do not move any."""
        return None

    def cost(self, action: A, fleet: Fleet) -> StorageCost | None:
        """What it adds a month in storage, below 0 what it saves; None = it is not about storage, or not known."""
        return None

    def warnings(self, action: A, fleet: Fleet, moved: Movement | None) -> tuple[str, ...]:
        return ()

    # acting

    def expect_and_want(self, reader: CloudReader, action: A, fleet: Fleet) -> tuple[dict[str, Any], dict[str, Any]]:
        """The touched fields as they are, and the same fields as they shall be; equal = nothing to do."""
        raise NotImplementedError

    def carry_out(self, writer: CloudWriter, intent: Intent, action: A, fleet: Fleet) -> Receipt:
        """Do it. Raises CloudErrors: nothing happened; OutcomeUnknown: it may have."""
        raise NotImplementedError

    def observe(self, reader: CloudReader, intent: Intent, action: A) -> dict[str, Any]:
        """The touched fields, read now: the same keys as `want`."""
        raise NotImplementedError

    def items(self, want: dict[str, Any], seen: dict[str, Any]) -> tuple[ItemOutcome, ...]:
        """Item by item, where a wanted field holds one value an id; () = it is all or nothing."""
        return tuple(
            ItemOutcome(item=name, ok=(seen.get(field) or {}).get(name) == wanted)
            for field, values in want.items()
            if isinstance(values, dict)
            for name, wanted in values.items()
        )

    # afterwards

    def result(self, reader: CloudReader, intent_id: str, action: A) -> Fleet:
        """What the action is about once it was done, read now: the subject, or what it created. Raises as `subject`."""
        return self.subject(reader, action)

    def can_undo(self, action: A) -> bool:
        return self.reversible

    def undo(self, action: A, before: dict[str, Any], fleet: Fleet) -> Action | None:
        """The action that sets back what this one set; None = there is none.

        before  the touched fields as they were recorded when it was carried out
        fleet   `result`, read now
        """
        return None


def instances_bound(fleet: Fleet, instance_ids: tuple[str, ...]) -> dict[str, Any]:
    """What touches named instances is bound to those alone: in a storm of interruptions the others come and go."""
    state = fleet.state
    named = {i: s for i, s in state["instances"].items() if i in instance_ids}
    return {"ref": state["ref"], "tags": state["tags"], "instances": named}
