"""set-tags: tags of a fleet of any kind, or of a single instance, written and removed by key."""

from typing import Any

from tools.cloud import CloudReader, CloudWriter, Receipt
from tools.errors import CloudError, OutcomeUnknown, UsageError
from tools.fleets.effects.effect import Effect, instances_bound
from tools.fleets.launches import Movement
from tools.fleets.owners import owners
from tools.records import FieldChange, Fleet, Intent, ItemOutcome, SetTags, Tag

_MOST_TAGS, _LONGEST_KEY, _LONGEST_VALUE = 50, 128, 256
"""of one thing, without those of AWS; characters (EC2 and Auto Scaling tag restrictions)"""


class SetTagsEffect(Effect[SetTags]):
    iam = ("autoscaling:CreateOrUpdateTags", "autoscaling:DeleteTags", "ec2:CreateTags", "ec2:DeleteTags")
    moves = False
    reversible = True

    def seen(self, reader: CloudReader, action: SetTags, fleet: Fleet) -> dict[str, Any]:
        return instances_bound(fleet, ())

    def check(self, action: SetTags, fleet: Fleet) -> None:
        for tag in action.tags:
            if len(tag.key) > _LONGEST_KEY or len(tag.value) > _LONGEST_VALUE:
                raise UsageError(
                    f"{fleet.name}: the tag {tag.key[:40]!r} has {len(tag.key)} and {len(tag.value)} characters",
                    hint=f"a key takes at most {_LONGEST_KEY}, a value {_LONGEST_VALUE}",
                )
        if not all(t.key for t in action.tags):
            raise UsageError(f"{fleet.name}: a tag without a key", hint="give KEY=VALUE")
        after = {t.key for t in fleet.tags} - set(action.remove) | {t.key for t in action.tags}
        ours = sum(not key.startswith("aws:") for key in after)
        if ours > _MOST_TAGS:
            raise UsageError(f"{fleet.name} would have {ours} tags, {_MOST_TAGS} is the most", hint="remove some")

    def lines(self, action: SetTags, fleet: Fleet) -> tuple[FieldChange, ...]:
        moved = {k: (was, wanted) for k, (was, wanted) in _pairs(action, fleet).items() if was != wanted}
        return tuple(
            FieldChange(
                sign="+" if was is None else "-" if wanted is None else "~",
                field=f"tag {key}",
                before=was or "",
                after=wanted or "",
            )
            for key, (was, wanted) in moved.items()
        )

    def calls(self, action: SetTags) -> tuple[str, ...]:
        group = action.fleet.kind == "asg"
        write = ("autoscaling:CreateOrUpdateTags" if group else "ec2:CreateTags",) if action.tags else ()
        remove = ("autoscaling:DeleteTags" if group else "ec2:DeleteTags",) if action.remove else ()
        return (*write, *remove)

    def warnings(self, action: SetTags, fleet: Fleet, moved: Movement | None) -> tuple[str, ...]:
        lines = self.lines(action, fleet)
        if not lines:
            return ()
        said = ["policies, budgets and cost reports that go by these tags see the fleet anew"]
        there = [line.field.removeprefix("tag ") for line in lines if line.before]
        if action.remove and fleet.ref.kind == "asg":
            said.append(
                "whether instances to come had a removed tag is not recorded: set back, it is the group's alone"
            )
        said += [
            f"{', '.join(there[:5])}: {owner} writes tags of this fleet, and its next run may set them back"
            for owner in owners(fleet)
            if there and owner in {"CloudFormation", "Terraform"}
        ]
        return tuple(said)

    def expect_and_want(
        self, reader: CloudReader, action: SetTags, fleet: Fleet
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Key → value; None = the tag is not there."""
        pairs = _pairs(action, fleet)
        return {"tags": {k: was for k, (was, _) in pairs.items()}}, {"tags": {k: has for k, (_, has) in pairs.items()}}

    def carry_out(self, writer: CloudWriter, intent: Intent, action: SetTags, fleet: Fleet) -> Receipt:
        """One call to write, one to remove: what needs neither is left out."""
        write = [t for t in action.tags if fleet.tag(t.key) != t.value]
        remove = [k for k in action.remove if fleet.tag(k) is not None]
        first = writer.set_tags(intent, action.fleet, write) if write else Receipt(request_ids=())
        if not remove:
            return first
        try:
            second = writer.remove_tags(intent, action.fleet, remove)
        except OutcomeUnknown as error:
            told = f"{error.message}; written before: {', '.join(t.key for t in write) or 'none'}"
            raise OutcomeUnknown(told, hint=error.hint) from error
        except CloudError as error:
            if not write:
                raise
            lost = [ItemOutcome(item=k, ok=False, code=error.code, message=error.message) for k in remove]
            return Receipt(request_ids=first.request_ids, items=(*_done([t.key for t in write]), *lost))
        items = _done([*(t.key for t in write), *remove])
        return Receipt(request_ids=(*first.request_ids, *second.request_ids), items=items)

    def observe(self, reader: CloudReader, intent: Intent, action: SetTags) -> dict[str, Any]:
        return {"tags": {k: was for k, (was, _) in _pairs(action, reader.fleet(action.fleet)).items()}}

    def undo(self, action: SetTags, before: dict[str, Any], fleet: Fleet) -> SetTags | None:
        was: dict[str, str | None] = before["tags"]
        return SetTags(
            fleet=action.fleet,
            tags=tuple(Tag(key=k, value=v) for k, v in was.items() if v is not None),
            remove=tuple(k for k, v in was.items() if v is None),
        )


def _pairs(action: SetTags, fleet: Fleet) -> dict[str, tuple[str | None, str | None]]:
    """Key → value now and wanted; None = not there."""
    wanted: dict[str, str | None] = {t.key: t.value for t in action.tags} | dict.fromkeys(action.remove)
    return {key: (fleet.tag(key), value) for key, value in wanted.items()}


def _done(keys: list[str]) -> tuple[ItemOutcome, ...]:
    return tuple(ItemOutcome(item=k, ok=True) for k in keys)
