"""`spotwarden plan`: preview a change, judge it, save it. Nothing is changed."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tui.config import settings_of
from tui.output import json_text

if TYPE_CHECKING:
    from pydantic import BaseModel

    from agent.journal.records import SavedProposal
    from policies.records import Decision, Proposal

app = typer.Typer(rich_markup_mode=None)
PLAN_VERSION = 1
MAX_PLAN_BYTES = 16 * 1024 * 1024
_WAY_OUT = "name a file that `spotwarden plan -o FILE` wrote"
_OPTIONS = {
    "fleet": "FLEET",
    "on_demand_base_capacity": "--on-demand-base",
    "on_demand_percentage_above_base": "--on-demand-percentage",
    "spot_allocation_strategy": "--strategy",
    "instance_types": "--types",
    "desired_capacity": "--desired",
}
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
    arguments = _arguments(
        {
            "fleet": fleet,
            "on_demand_base_capacity": on_demand_base,
            "on_demand_percentage_above_base": on_demand_percentage,
            "spot_allocation_strategy": strategy,
            "instance_types": None if types is None else [t.strip() for t in types.split(",")],
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


def _arguments(given: dict[str, Any]) -> "BaseModel":
    """Raises  UsageError: names the option as it was typed, and what was seen"""
    from pydantic import ValidationError

    from tools.errors import UsageError
    from tools.fleets.change import change_fleet

    try:
        return change_fleet.arguments.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        option, said = _OPTIONS[str(first["loc"][0])], first["msg"].replace("Input should be", "must be")
        raise UsageError(f"{option} {first['input']!r}: {said}", hint="spotwarden plan --help") from None


def write_plan(path: Path, saved: "SavedProposal") -> None:
    """One JSON file: the proposal as judged, and its digest, which the journal knows too.

    Raises  DataError: it cannot be written; the proposal is kept in the journal all the same
    """
    from tools.errors import DataError

    document = {
        "spotwarden_plan": PLAN_VERSION,
        "proposal_id": saved.proposal.proposal_id,
        "digest": saved.proposal.digest,
        "proposal": saved.proposal.model_dump(mode="json"),
        "decision": saved.decision.model_dump(mode="json"),
    }
    try:
        path.write_text(json_text(document) + "\n", encoding="utf-8")
    except OSError as error:
        raise DataError(
            f"{path}: the plan cannot be written: {error.strerror}",
            hint=f"the proposal is kept: spotwarden apply {saved.proposal.proposal_id}, or plan again with another -o",
        ) from None


def read_plan(path: Path) -> tuple["Proposal", "Decision"]:
    """The proposal and the decision that the file shows.

    Raises  DataError: not a plan of this version; StalePlan: edited since it was saved
    """
    from pydantic import ValidationError

    from policies.records import Decision, Proposal
    from tools.errors import DataError, StalePlan

    document = _read_document(path)
    if document["spotwarden_plan"] != PLAN_VERSION:
        seen = str(document["spotwarden_plan"])[:40]
        raise DataError(f"{path}: plan of version {seen}, this is version {PLAN_VERSION}", hint="plan again")
    try:
        proposal = Proposal.model_validate_json(json.dumps(document.get("proposal")))
        decision = Decision.model_validate_json(json.dumps(document.get("decision")))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, (error.title.lower(), *first["loc"])))
        raise DataError(f"{path}: not a plan: {where}: {first['msg']}", hint=_WAY_OUT) from None
    if document.get("digest") != proposal.digest or document.get("proposal_id") != proposal.proposal_id:
        raise StalePlan(f"{path}: edited since it was saved", hint="plan again with the values you want")
    return proposal, decision


def _read_document(path: Path) -> dict[str, Any]:
    """Raises  DataError: no JSON object with a plan's mark"""
    from tools.errors import DataError

    try:
        with path.open("rb") as file:
            raw = file.read(MAX_PLAN_BYTES + 1)
        if len(raw) > MAX_PLAN_BYTES:
            raise DataError(f"{path}: more than {MAX_PLAN_BYTES:,} bytes: not a plan", hint=_WAY_OUT)
        document = json.loads(raw.decode("utf-8"))
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}", hint=_WAY_OUT) from None
    except UnicodeDecodeError:
        raise DataError(f"{path}: not a plan: not UTF-8 text", hint=_WAY_OUT) from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not a plan: not JSON: {error}", hint=_WAY_OUT) from None
    if not isinstance(document, dict) or "spotwarden_plan" not in document:
        raise DataError(f"{path}: not a plan: JSON without the key spotwarden_plan", hint=_WAY_OUT)
    return document
