"""Who else writes a fleet's settings: what they wrote comes back with their next run. Pure."""

from tools.records import Fleet


def owners(fleet: Fleet) -> tuple[str, ...]:
    """CloudFormation, Terraform, AWS services that operate its instances; () = nobody that tags tell of."""
    said = []
    stack = fleet.tag("aws:cloudformation:stack-name")
    if stack is not None:
        said.append("CloudFormation")
    elif any("terraform" in f"{t.key}={t.value}".lower() for t in fleet.tags):
        said.append("Terraform")
    return (*said, *sorted({i.managed_by for i in fleet.instances if i.managed_by}))


def ownership_warnings(fleet: Fleet) -> tuple[str, ...]:
    said = []
    for owner in owners(fleet):
        match owner:
            case "CloudFormation":
                said.append(
                    "CloudFormation made this fleet: its next update sets these fields back; change the template too"
                )
            case "Terraform":
                said.append("tags say Terraform: its next apply sets these fields back; change the code too")
            case _:
                said.append(f"{owner} operates some of its instances, and lets nobody else change those")
    if fleet.deletion_protected:
        said.append("its deletion is protected")
    return tuple(said)
