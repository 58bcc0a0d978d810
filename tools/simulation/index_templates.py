"""DescribeLaunchTemplateVersions in EC2's pages, one template's or every one's; moto shows fifteen and no token."""

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.responses import EC2Response

from tools.simulation.index_xml import Written
from tools.simulation.world import ACCOUNT_ID, World

MOST_A_PAGE = 200


def install(world: World) -> None:
    """Replace moto's answer with ours, for this process."""

    def describe_launch_template_versions(response: EC2Response) -> ActionResult:
        response.error_on_dryrun()
        start, size = _start(response), _size(response)
        found = world.ec2.describe_launch_template_versions(
            template_name=response._get_param("LaunchTemplateName"),
            template_id=response._get_param("LaunchTemplateId"),
            versions=response._get_param("Versions", []),
            min_version=response._get_int_param("MinVersion"),
            max_version=response._get_int_param("MaxVersion"),
            max_results=len(world.ec2.launch_templates) * 2 + MOST_A_PAGE,
        )
        rows = [
            {
                "CreateTime": version.create_time,
                "CreatedBy": f"arn:aws:iam::{ACCOUNT_ID}:root",
                "DefaultVersion": template.is_default(version),
                "LaunchTemplateData": version.data,
                "LaunchTemplateId": template.id,
                "LaunchTemplateName": template.name,
                "VersionDescription": version.description,
                "VersionNumber": version.number,
            }
            for template, version in found[start : start + size]
        ]
        more = str(start + size) if start + size < len(found) else None
        return Written({"LaunchTemplateVersions": rows, "NextToken": more})

    EC2Response.describe_launch_template_versions = describe_launch_template_versions  # type: ignore[assignment, method-assign]


def _size(response: EC2Response) -> int:
    size = int(response._get_param("MaxResults") or MOST_A_PAGE)
    if not 1 <= size <= MOST_A_PAGE:
        raise EC2ClientError("InvalidParameterValue", f"Maximum results allowed are between 1 and {MOST_A_PAGE}")
    return size


def _start(response: EC2Response) -> int:
    token = str(response._get_param("NextToken") or "0")
    if not (token.isascii() and token.isdigit()):
        raise EC2ClientError("InvalidNextToken", f"The token '{token}' is invalid.")
    return int(token)
