"""`spotwarden chat`: the terminal app; with -p, one question and its answer."""

import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tui.config import Settings, is_terminal, settings_of

if TYPE_CHECKING:
    from tui.opening import House

app = typer.Typer(rich_markup_mode=None)
_EXITS = {"answered": 0, "waiting": 4, "cancelled": 130, "limit": 1, "failed": 1}
_DENIED = 3


@app.command("chat")
def _chat(
    ctx: typer.Context,
    question: Annotated[str | None, typer.Option("--prompt", "-p", help="one question, answered on stdout")] = None,
    resume: Annotated[str | None, typer.Option(help="go on with a conversation: its id, or «last»")] = None,
    mode: Annotated[str | None, typer.Option(help="observe or approve: lowers what the policy allows")] = None,
    lang: Annotated[str | None, typer.Option(help="en or ko; else the language of the question")] = None,
) -> None:
    """Ask about fleets, money and risk; read proposals; approve them. English and Korean.

    With -p, a proposal that needs a person ends with exit 4 and its id for `spotwarden approve`; a denied one with 3.
    """
    chat(ctx, question=question, resume=resume, mode=mode, lang=lang)


def chat(
    ctx: typer.Context,
    *,
    question: str | None = None,
    resume: str | None = None,
    mode: str | None = None,
    lang: str | None = None,
) -> None:
    from tools.errors import UsageError
    from tui.opening import open_house

    settings = settings_of(ctx)
    for value, known, option in ((mode, ("observe", "approve"), "--mode"), (lang, ("en", "ko"), "--lang")):
        if value is not None and value not in known:
            raise UsageError(f"{option} {value}: not one of {', '.join(known)}")
    settings = replace(settings, lang=lang or settings.lang)
    with open_house(settings) as house:
        house.lower_to(mode)
        house.resume_conversation(resume)
        if question is not None:
            raise typer.Exit(_one_shot(settings, house, question))
        open_app(house, settings)


def open_app(house: "House", settings: Settings) -> None:
    """The Textual app on an open house. Raises UsageError: nobody sits at a terminal."""
    from tools.errors import UsageError

    if not is_terminal():
        raise UsageError(
            "the app needs a terminal on stdin, stdout and stderr",
            hint='for one question: spotwarden chat -p "where is the money?"; for the tour: spotwarden demo --headless',
        )
    from tui.app import SpotwardenApp

    house.warm()
    if not settings.color:
        os.environ["NO_COLOR"] = "1"  # Textual reads it itself
    SpotwardenApp(house, ascii_only=settings.ascii).run()


def _one_shot(settings: Settings, house: "House", question: str) -> int:
    """Stream one answer to stdout, tools and proposals to stderr; with --json one document at the end."""
    from agent.events import Acted, ApprovalNeeded, Finished, Proposed, Said, ToolRan
    from tui.output import emit, plain, say
    from tui.render import outcome_line, proposal_lines

    document: dict[str, Any] = {"question": question, "model": house.model.name, "answer": "", "tools": []}
    document |= {"proposals": [], "outcomes": [], "status": "failed"}
    for event in house.session().ask(question):
        match event:
            case Said():
                document["answer"] += event.text
                if not settings.json:
                    sys.stdout.write(_printable(event.text))
                    sys.stdout.flush()
            case ToolRan():
                document["tools"].append(event.model_dump(mode="json", exclude={"seconds"}))
                say(settings, f"  {'✓' if event.ok else '✗'} {event.tool}: {plain(event.summary)}")
            case Proposed():
                proposed = {"proposal": event.proposal, "decision": event.decision}
                document["proposals"].append(proposed)
                say(settings, "\n".join(proposal_lines(event.proposal, event.decision)))
            case ApprovalNeeded():
                say(settings, f"waits for you: spotwarden approve {event.proposal.proposal_id}")
            case Acted():
                document["outcomes"].append({"proposal_id": event.proposal_id, "outcome": event.outcome})
                say(settings, outcome_line(event.outcome))
            case Finished():
                document |= {"status": event.status, "message": event.message, "hint": event.hint}
    emit(settings, document, lambda: print() if document["answer"] else None)
    if document["status"] in {"failed", "limit"}:
        text = document["message"] + (f"\n  → {document['hint']}" if document["hint"] else "")
        print(f"spotwarden: {text}", file=sys.stderr)
    return _exit_of(document)


def _exit_of(document: dict[str, Any]) -> int:
    denied = [p["decision"].verdict == "deny" for p in document["proposals"]]
    if document["status"] == "answered" and denied and all(denied):
        return _DENIED
    return _EXITS[document["status"]]


def _printable(text: str) -> str:
    """Model prose for a terminal: line breaks stay, escape codes and bidi controls become visible."""
    from tui.safe_text import safe_text

    return safe_text(text, limit=len(text) or 1, lines=True)
