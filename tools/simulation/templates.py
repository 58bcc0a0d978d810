"""Launch templates as EC2 answers for them, where moto's own stumble: versions of templates that are not there."""

from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.instance_types import INSTANCE_TYPES
from moto.ec2.responses import EC2Response

from tools.simulation.wishes import launch_template
from tools.simulation.world import World


def install(world: World) -> None:
    """Replace moto's answers with ours, for this process."""
    moto_create, moto_modify = EC2Response.create_launch_template_version, EC2Response.modify_launch_template

    def create_launch_template_version(response: EC2Response) -> ActionResult:
        template = _named(world, response)
        data = response._get_param("LaunchTemplateData", {})
        source = response._get_param("SourceVersion")
        kind = data.get("InstanceType")
        if kind and kind not in INSTANCE_TYPES:
            raise EC2ClientError("InvalidParameterValue", f"Invalid value '{kind}' for InstanceType.")
        if source:
            data = {**template.get_version(source).data, **data}
        if not data:
            raise EC2ClientError("MissingParameter", "The request must contain the parameter LaunchTemplateData")
        response.params["LaunchTemplateData"] = data
        result: ActionResult = moto_create(response)
        return result

    def modify_launch_template(response: EC2Response) -> ActionResult:
        template = _named(world, response)
        wanted = response._get_param("DefaultVersion")
        if wanted is None or not str(wanted).isdigit():
            raise EC2ClientError("InvalidParameterValue", f"The default version {wanted!r} is not a version number.")
        template.get_version(int(wanted))
        result: ActionResult = moto_modify(response)
        world.changed = True
        return result

    setattr(EC2Response, create_launch_template_version.__name__, create_launch_template_version)
    setattr(EC2Response, modify_launch_template.__name__, modify_launch_template)


def _named(world: World, response: EC2Response) -> Any:
    """The template of a request. Raises EC2ClientError: named twice, not at all, or not there."""
    spec = {k: response._get_param(k) for k in ("LaunchTemplateId", "LaunchTemplateName")}
    if bool(spec["LaunchTemplateId"]) == bool(spec["LaunchTemplateName"]):
        text = "Either provide launch template ID or launch template name, not both and not neither."
        raise EC2ClientError("InvalidParameterCombination", text)
    return launch_template(world, spec)
