"""create-launch-template-version: a copy of one version with another type or image; nothing is launched from it yet.

Versions take no tags, so the description bears the intent's id, and tells an answer that was lost.
"""

from typing import Any

from tools.cloud import CloudReader, CloudWriter, Receipt
from tools.errors import UsageError
from tools.fleets.effects.creation import check_template, check_types
from tools.fleets.effects.effect import Effect
from tools.fleets.launches import Movement
from tools.records import CreateTemplateVersion, FieldChange, Fleet, Intent

LATEST = "$Latest"


class CreateTemplateVersionEffect(Effect[CreateTemplateVersion]):
    iam = ("ec2:CreateLaunchTemplateVersion",)
    moves = False

    def seen(self, reader: CloudReader, action: CreateTemplateVersion, fleet: Fleet) -> dict[str, Any]:
        """Whose template it is, and how the fleet follows it; a version that exists never changes."""
        state = fleet.state
        return {key: state[key] for key in ("ref", "tags", "launch_template")}

    def check(self, action: CreateTemplateVersion, fleet: Fleet) -> None:
        used = fleet.launch_template
        if used is None or used.template_id != action.launch_template_id:
            has = used.template_id if used else "no launch template by id"
            raise UsageError(
                f"{fleet.name} does not launch from {action.launch_template_id}: it has {has}",
                hint="add a version to the template that the fleet launches from",
            )

    def check_now(self, reader: CloudReader, action: CreateTemplateVersion, fleet: Fleet) -> None:
        check_template(reader, action.launch_template_id, action.source_version)
        if action.instance_type is not None:
            check_types(reader, (action.instance_type,), zones=fleet.zones, region=action.fleet.region)

    def lines(self, action: CreateTemplateVersion, fleet: Fleet) -> tuple[FieldChange, ...]:
        source = f"version {action.source_version} of {action.launch_template_id}"
        said = {
            "launch_template_version": f"a copy of {source}",
            "instance_type": action.instance_type,
            "image_id": action.image_id,
        }
        return tuple(FieldChange(sign="+", field=f, before="", after=text) for f, text in said.items() if text)

    def calls(self, action: CreateTemplateVersion) -> tuple[str, ...]:
        return ("ec2:CreateLaunchTemplateVersion",)

    def warnings(self, action: CreateTemplateVersion, fleet: Fleet, moved: Movement | None) -> tuple[str, ...]:
        said = ["snapshots in the source version's block devices are not copied"]
        if fleet.launch_template is not None and fleet.launch_template.version == LATEST:
            said.append(f"{fleet.name} follows {LATEST}: what it launches from now on is the new version")
        elif action.instance_type is not None and fleet.mix is not None and fleet.mix.overrides:
            said.append("the fleet's own list of types goes before the template's type")
        return tuple(said)

    def expect_and_want(
        self, reader: CloudReader, action: CreateTemplateVersion, fleet: Fleet
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        return {"created": 0}, {"created": 1}

    def carry_out(self, writer: CloudWriter, intent: Intent, action: CreateTemplateVersion, fleet: Fleet) -> Receipt:
        return writer.create_template_version(intent, action)

    def observe(self, reader: CloudReader, intent: Intent, action: CreateTemplateVersion) -> dict[str, Any]:
        return {"created": len(reader.created_by(intent.intent_id, action))}
