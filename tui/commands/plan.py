"""`spotwarden plan`: preview a change, judge it, save it. Nothing is changed."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tui.config import settings_of

if TYPE_CHECKING:
    from agent.journal.records import SavedProposal

app = typer.Typer(rich_markup_mode=None)
PLAN_VERSION = 1
EXIT_CHANGES, EXIT_DENIED = 2, 3


@app.command()
def plan(
    ctx: typer.Context,
    fleet: Annotated[str, typer.Argument(help="fleet to change")],
    on_demand_base: Annotated[int | None, typer.Option(help="on-demand base capacity")] = None,
    on_demand_percentage: Annotated[int | None, typer.Option(help="on-demand percentage above the base")] = None,
    strategy: Annotated[str | None, typer.Option(help="spot allocation strategy")] = None,
    types: Annotated[str | None, typer.Option(help="all instance types after the change, with commas")] = None,
    desired: Annotated[int | None, typer.Option(help="desired capacity")] = None,
    why: Annotated[str, typer.Option(help="your reason, kept in the audit log")] = "asked for on the command line",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="save the plan for `apply`")] = None,
    detailed_exitcode: Annotated[bool, typer.Option(help="exit 2 when there is something to change")] = False,
) -> None:
    """Show what a change would do: diff, instances AWS replaces, dollars on three bases, risk, the policy's verdict."""
    from tools.fleets.change import change_fleet
    from tui.opening import open_house
    from tui.output import emit, say
    from tui.render import proposal_lines, saved_json

    settings = settings_of(ctx)
    arguments = change_fleet.validate(
        {
            "fleet": fleet,
            "on_demand_base_capacity": on_demand_base,
            "on_demand_percentage_above_base": on_demand_percentage,
            "spot_allocation_strategy": strategy,
            "instance_types": types.split(",") if types else None,
            "desired_capacity": desired,
        }
    )
    with open_house(settings) as house:
        action: Any = change_fleet.call(house.desk, arguments)
        saved = house.actuation.propose(action, by=house.person, actor="person", rationale=why)
    if out is not None:
        write_plan(out, saved)
        say(settings, f"saved to {out}: spotwarden apply {out}")
    emit(settings, saved_json(saved), lambda: print("\n".join(proposal_lines(saved.proposal, saved.decision))))
    if saved.decision.verdict == "deny":
        raise typer.Exit(EXIT_DENIED)
    if detailed_exitcode and saved.proposal.preview.changes:
        raise typer.Exit(EXIT_CHANGES)


def write_plan(path: Path, saved: "SavedProposal") -> None:
    """One JSON file: the proposal as judged, and its digest, which the journal knows too."""
    document = {
        "spotwarden_plan": PLAN_VERSION,
        "proposal_id": saved.proposal.proposal_id,
        "digest": saved.proposal.digest,
        "proposal": saved.proposal.model_dump(mode="json"),
        "decision": saved.decision.model_dump(mode="json"),
    }
    path.write_text(json.dumps(document, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def read_plan(path: Path) -> tuple[str, str]:
    """(proposal id, digest of the proposal that the file holds).

    Raises  DataError: not a plan of this version; StalePlan: edited since it was saved
    """
    from pydantic import ValidationError

    from policies.records import Proposal
    from tools.errors import DataError, StalePlan

    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        version, digest = document["spotwarden_plan"], document["digest"]
        if version != PLAN_VERSION:
            raise DataError(f"{path}: plan of version {version}, this is version {PLAN_VERSION}", hint="plan again")
        proposal = Proposal.model_validate_json(json.dumps(document["proposal"]))
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read: {error}", hint="name a file that `plan -o` wrote") from None
    except (ValueError, KeyError, TypeError, ValidationError) as error:
        raise DataError(
            f"{path}: not a plan: {type(error).__name__}", hint="name a file that `plan -o` wrote"
        ) from None
    if proposal.digest != digest:
        raise StalePlan(
            f"{path}: edited since it was saved (digest {proposal.digest[:12]}, saved as {digest[:12]})",
            hint="plan again with the values you want",
        )
    return proposal.proposal_id, digest
