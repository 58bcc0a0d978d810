"""Launch templates and their versions."""

from tools.aws.calls import Calls
from tools.records import TemplateVersion


def template_versions(calls: Calls, template_id: str) -> tuple[TemplateVersion, ...]:
    """Oldest first. Raises NotFound."""
    rows = calls.pages("ec2", "DescribeLaunchTemplateVersions", "LaunchTemplateVersions", LaunchTemplateId=template_id)
    found = (
        TemplateVersion(
            template_id=row["LaunchTemplateId"],
            number=row["VersionNumber"],
            instance_type=row["LaunchTemplateData"].get("InstanceType"),
            image_id=row["LaunchTemplateData"].get("ImageId"),
            description=row.get("VersionDescription") or "",
            default=bool(row.get("DefaultVersion")),
            market=(row["LaunchTemplateData"].get("InstanceMarketOptions") or {}).get("MarketType"),
        )
        for row in rows
    )
    return tuple(sorted(found, key=lambda v: v.number))
