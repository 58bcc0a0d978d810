"""`spotwarden apply`: carry out a saved plan or a proposal, exactly once."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tui.config import Settings, is_terminal, settings_of

if TYPE_CHECKING:
    from agent.journal.records import SavedProposal
    from tui.opening import House

app = typer.Typer(rich_markup_mode=None)


@app.command()
def apply(
    ctx: typer.Context,
    plan: Annotated[str, typer.Argument(help="plan file, or the id of a proposal")],
    yes: Annotated[bool, typer.Option("--yes", help="approve it yourself; the policy still has its say")] = False,
) -> None:
    """Re-check and carry out a plan, once. A fleet that moved since is refused (exit 6) and nothing is called.

    Started again after a crash it looks at what happened, and never sends the same change twice.
    """
    from tui.opening import open_house
    from tui.output import emit
    from tui.render import outcome_line

    settings = settings_of(ctx)
    with open_house(settings) as house:
        tell_open(settings, house)
        saved = _find(house, plan)
        proposal_id = saved.proposal.proposal_id
        if saved.status == "pending":
            _approve(settings, house, saved, yes=yes)
        outcome = house.actuation.act(proposal_id, by=house.person)
        document = {"proposal_id": proposal_id, "outcome": outcome.model_dump(mode="json")}
        emit(settings, document, lambda: print(outcome_line(outcome)))
    if outcome.status not in {"done", "already"}:
        raise typer.Exit(1)


def tell_open(settings: Settings, house: "House") -> None:
    """Say what an earlier process left open, and settle what can be settled by looking."""
    from tui.output import say
    from tui.render import outcome_line

    for proposal_id, outcome in house.actuation.reconcile():
        say(settings, f"left open by an earlier run: {proposal_id}: {outcome_line(outcome)}")


def _is_file(plan: str) -> bool:
    """A path, rather than the id of a proposal."""
    try:
        return Path(plan).exists() or plan.endswith(".json")
    except OSError:  # too long for a path, say
        return False


def _find(house: "House", plan: str) -> "SavedProposal":
    from tools.errors import Denied, StalePlan
    from tui.commands.plan_file import read_plan

    if not _is_file(plan):
        saved = house.journal.proposal(plan)
    else:
        proposal, decision = read_plan(Path(plan))
        saved = house.journal.proposal(proposal.proposal_id)
        if saved.proposal != proposal or saved.decision != decision:
            raise StalePlan(
                f"{plan}: not what this journal knows as {proposal.proposal_id}",
                hint="plan again with the values you want",
            )
    if saved.status == "expired":
        raise StalePlan(
            f"{saved.proposal.proposal_id}, planned at {saved.proposal.created_at:%Y-%m-%d %H:%M:%S} UTC, has expired",
            hint="plan again: the change will be previewed and judged anew",
        )
    if saved.decision.verdict == "deny":
        raise Denied("; ".join(saved.decision.reasons), hint="spotwarden policy explain tells what is allowed")
    return saved


def _approve(settings: Settings, house: "House", saved: "SavedProposal", *, yes: bool) -> None:
    """A person's yes, from --yes or from the keyboard; anything else is no."""
    from tools.errors import ApprovalNeeded, Denied
    from tui.render import proposal_lines

    proposal_id = saved.proposal.proposal_id
    if not yes:
        if settings.json or not settings.input or not is_terminal():
            raise ApprovalNeeded(
                f"{proposal_id} needs a person's approval: {'; '.join(saved.decision.reasons)}",
                hint=f"spotwarden approve {proposal_id}, or apply with --yes",
            )
        print("\n".join(proposal_lines(saved.proposal, saved.decision)))
        yes = input("approve? type yes (anything else denies): ").strip().lower() in {"y", "yes", "ㅛ", "네", "예"}
    house.actuation.answer(proposal_id, answer="approve" if yes else "deny", by=house.person)
    if not yes:
        raise Denied(f"{proposal_id} denied by {house.person}")
