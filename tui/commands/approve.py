"""`spotwarden approve`: what waits for a person, and their answer, from any terminal."""

from typing import Annotated

import typer

from tui.config import settings_of

app = typer.Typer(rich_markup_mode=None)


@app.command()
def approve(
    ctx: typer.Context,
    proposal_id: Annotated[str | None, typer.Argument(help="proposal to answer; without it, list what waits")] = None,
    deny: Annotated[bool, typer.Option("--deny", help="say no")] = False,
    reason: Annotated[str, typer.Option(help="kept in the audit log")] = "",
    no_apply: Annotated[bool, typer.Option("--no-apply", help="record the approval, carry it out later")] = False,
) -> None:
    """List what waits; or answer one proposal and, when approved, carry it out once."""
    from tui.opening import open_house
    from tui.output import emit
    from tui.render import outcome_line, proposal_lines, saved_json

    settings = settings_of(ctx)
    with open_house(settings) as house:
        if proposal_id is None:
            waiting = house.journal.proposals(status="pending")
            cards = ["\n".join(proposal_lines(s.proposal, s.decision)) for s in waiting]
            text = "\n\n".join(cards) or "nothing waits for an approval"
            emit(settings, {"waiting": [saved_json(s) for s in waiting]}, lambda: print(text))
            return
        saved = house.actuation.answer(
            proposal_id, answer="deny" if deny else "approve", by=house.person, reason=reason
        )
        outcome = None
        if saved.status == "approved" and not no_apply:
            outcome = house.actuation.act(proposal_id, by=house.person)
        final = house.journal.proposal(proposal_id)
        document = saved_json(final) | {"outcome": outcome.model_dump(mode="json") if outcome else None}
        line = outcome_line(outcome) if outcome else f"{proposal_id}: {final.status}"
        emit(settings, document, lambda: print(line))
    if outcome is not None and outcome.status not in {"done", "already"}:
        raise typer.Exit(1)
