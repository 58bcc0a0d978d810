"""`spotwarden apply`: carry out a saved plan or a proposal, exactly once; watch what it did; set it back."""

import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tui.config import Settings, is_terminal, settings_of

if TYPE_CHECKING:
    from agent.journal.records import SavedProposal
    from agent.journal.watches import WatchedChange
    from policies.records import Aftercare
    from tools.records import Outcome
    from tui.opening import House

app = typer.Typer(rich_markup_mode=None)
_VERIFY = "20m"
"""where a rollback is asked for and no time is given"""
_NAP_SECONDS = 0.5
_TELL = timedelta(minutes=1)
_MADE = frozenset({"done", "already"})


@app.command()
def apply(
    ctx: typer.Context,
    plan: Annotated[str | None, typer.Argument(help="plan file, or the id of a proposal")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="approve it yourself; the policy still has its say")] = False,
    verify: Annotated[
        str | None, typer.Option(help="watch it so long afterwards, such as 20m; a policy may want longer")
    ] = None,
    rollback_on_fail: Annotated[
        bool, typer.Option("--rollback-on-fail", help="watch it, and set it back when it does harm")
    ] = False,
    rollback: Annotated[str | None, typer.Option(help="set back the change of this proposal", metavar="ID")] = None,
    watch: Annotated[str | None, typer.Option(help="go on watching the change of this proposal", metavar="ID")] = None,
) -> None:
    """Re-check and carry out a plan, once. A fleet that moved since is refused (exit 6) and nothing is called.

    Started again after a crash it looks at what happened, and never sends the same change twice. A change that is
    watched and fails is set back, or told: exit 1 either way.
    """
    from tui.opening import open_house

    settings = settings_of(ctx)
    _one_of(plan=plan, rollback=rollback, watch=watch)
    wanted = _wanted(verify, rollback=rollback_on_fail, undoes=rollback)
    with open_house(settings) as house:
        tell_open(settings, house)
        if watch is not None:
            said_yes = rollback_on_fail and _answers(settings, yes=yes)
            code = _end(settings, house, watch, outcome=None, rollback_on_fail=said_yes)
        else:
            saved = _find(house, plan) if plan is not None else _undoing(house, rollback or "", wanted)
            code = _carry_out(settings, house, saved, wanted, yes=yes)
    if code:
        raise typer.Exit(code)


def _one_of(**named: str | None) -> None:
    from tools.errors import UsageError

    given = [n for n, value in named.items() if value is not None]
    if len(given) != 1:
        said = " and ".join("PLAN" if n == "plan" else f"--{n}" for n in given) or "nothing"
        raise UsageError(
            f"{said} was given to apply", hint="give one: a PLAN or proposal, --rollback ID, or --watch ID"
        )


def _wanted(verify: str | None, *, rollback: bool, undoes: str | None) -> "Aftercare | None":
    """What the options ask for. Raises UsageError: no duration, or one that cannot be watched."""
    from pydantic import ValidationError

    from policies.records import Aftercare
    from policies.units import duration_seconds
    from tools.errors import UsageError

    if undoes is not None and rollback:
        raise UsageError(
            "--rollback-on-fail: a rollback is not rolled back", hint="leave it out; --verify goes with it"
        )
    if verify is None and not rollback and undoes is None:
        return None
    seconds = None
    try:
        if verify is not None or rollback:
            seconds = duration_seconds(verify or _VERIFY)
        return Aftercare(verify_seconds=seconds, on_fail="rollback" if rollback else "escalate", undoes=undoes)
    except ValidationError:
        raise UsageError(f"--verify {verify}: from 1m to 7d", hint="such as --verify 20m") from None
    except ValueError as error:
        raise UsageError(f"--verify {str(verify)[:80]!r}: {error}", hint="such as --verify 20m") from None


def _carry_out(
    settings: Settings, house: "House", saved: "SavedProposal", wanted: "Aftercare | None", *, yes: bool
) -> int:
    """Approve where it waits, arm the watch, act once, wait for the verdict; the exit code."""
    from tui.output import say
    from tui.render import outcome_line

    proposal = saved.proposal
    proposal_id = proposal.proposal_id
    known = house.journal.outcomes(proposal_id)
    if known and known[-1].status in _MADE:
        say(settings, f"{proposal_id} was carried out at {known[-1].at:%Y-%m-%d %H:%M:%S} UTC: nothing is sent again")
    if saved.status == "pending":
        house.actuation.check_running()
        _approve(settings, house, saved, yes=yes)
    if wanted is not None and wanted.verify_seconds is not None:
        _arm(house, saved, wanted)
    outcome = house.actuation.act(proposal_id, by=house.person)
    house.end_watch(house.journal.proposal(proposal_id))
    if not _is_watched(house, proposal_id):
        _tell(settings, house, proposal_id, outcome, None)
        return 0 if outcome.status in _MADE else 1
    say(settings, f"{outcome_line(outcome)}; now it is watched{_how_long(house, proposal_id, wanted)}")
    rollback = wanted is not None and wanted.on_fail == "rollback" and _answers(settings, yes=yes)
    return _end(settings, house, proposal_id, outcome=outcome, rollback_on_fail=rollback)


def _how_long(house: "House", proposal_id: str, wanted: "Aftercare | None") -> str:
    """Why it takes longer than was asked for, when it does."""
    watch = house.journal.watches.one(proposal_id)
    asked = wanted.verify_seconds if wanted is not None else None
    if watch is None or asked is None or watch.seconds <= asked:
        return ""
    return f" for {watch.seconds / 60:g} min, as long as the policy wants"


def _arm(house: "House", saved: "SavedProposal", wanted: "Aftercare") -> None:
    """What the person wants watched, durable before the change; after it, what was recorded before it stands."""
    from agent.verifying import arm
    from tools.fleets.effects import effect_of

    proposal, watches = saved.proposal, house.journal.watches
    known = watches.one(proposal.proposal_id)
    if known is not None and known.changed_at is not None:
        watches.arm(proposal.proposal_id, wanted, known.baseline, now=house.clock.now())
        return
    fleet = effect_of(proposal.action).subject(house.account.reader, proposal.action)
    arm(house.journal, house.account.reader, house.clock, proposal, fleet, wanted)


def _is_watched(house: "House", proposal_id: str) -> bool:
    found = house.journal.watches.one(proposal_id)
    return found is not None and found.status not in {"armed", "void"}


def _end(
    settings: Settings, house: "House", proposal_id: str, *, outcome: "Outcome | None", rollback_on_fail: bool
) -> int:
    """Wait until it is known what the change did; the exit code."""
    ended = _wait(settings, house, proposal_id, rollback_on_fail=rollback_on_fail)
    if outcome is None:
        told = house.journal.outcomes(proposal_id)
        outcome = told[-1] if told else None
    _tell(settings, house, proposal_id, outcome, ended)
    made = outcome is not None and outcome.status in _MADE
    return 0 if made and ended.status == "passed" else 1


def _wait(settings: Settings, house: "House", proposal_id: str, *, rollback_on_fail: bool) -> "WatchedChange":
    """Look, and tell how it goes, until the watch is over. Ctrl+C leaves it to whoever looks next."""
    from agent.aftercare import Keeper
    from tui.output import say

    name = f"{house.person} at {house.daemon_name()}"
    keeper = Keeper(house.actuation, name, approve_as=house.person if rollback_on_fail else None)
    told_at, told = None, ""
    try:
        while (seen := keeper.attend(proposal_id)).open:
            if keeper.due(seen):
                seen = keeper.look_at(proposal_id)
            now, line = house.clock.now(), _progress(seen)
            if told_at is None or line != told or now >= told_at + _TELL:
                told_at, told = now, line
                say(settings, f"{_elapsed(seen, now)}  {line}")
            if seen.open:
                time.sleep(_NAP_SECONDS)
    except KeyboardInterrupt:
        say(
            settings,
            f"the watch of {proposal_id} goes on without you: the daemon (spotwarden run) looks after it, "
            f"or spotwarden apply --watch {proposal_id}",
        )
        raise
    finally:
        keeper.leave(proposal_id)
    return keeper.look_at(proposal_id)  # what was told to a person may be set back by now


def _elapsed(seen: "WatchedChange", now: Any) -> str:
    """3 of 20 min."""
    if seen.changed_at is None or seen.until is None:
        return "not begun"
    minute = timedelta(minutes=1)
    return f"{(now - seen.changed_at) // minute} of {(seen.until - seen.changed_at) // minute} min"


def _progress(seen: "WatchedChange") -> str:
    if seen.status == "failed":
        return _line(f"failed: {seen.told}; setting it back")
    if seen.verdict is None:
        return "not looked at yet: AWS does not answer"
    return _line(f"{seen.verdict.health}: {'; '.join(seen.verdict.reasons)}")


def _line(text: str) -> str:
    """Whole: what a person must know stands at its end."""
    from tui.safe_text import safe_text

    return safe_text(text, limit=10_000)


def _tell(
    settings: Settings, house: "House", proposal_id: str, outcome: "Outcome | None", ended: "WatchedChange | None"
) -> None:
    from tui.output import emit
    from tui.render import outcome_line

    undo = None
    if ended is not None and ended.rollback_id is not None:
        done = house.journal.outcomes(ended.rollback_id)
        undo = {
            "proposal_id": ended.rollback_id,
            "status": house.journal.proposal(ended.rollback_id).status,
            "outcome": done[-1].model_dump(mode="json") if done else None,
        }
    document = {
        "proposal_id": proposal_id,
        "outcome": outcome.model_dump(mode="json") if outcome else None,
        "verification": _verification(ended) if ended else None,
        "rollback": undo,
    }
    lines = [outcome_line(outcome)] if outcome else []
    if ended is not None:
        lines.append(_line(f"{_ENDS.get(ended.status, ended.status)}: {ended.told}"))
        if ended.status == "rolled-back" and ended.rollback_id:
            lines.append(f"the rollback is watched too: spotwarden apply --watch {ended.rollback_id}")
        if ended.status == "escalated" and undo is not None and undo["status"] == "pending":
            lines.append(f"it waits for you: spotwarden approve {ended.rollback_id}")
    emit(settings, document, lambda: print("\n".join(lines)))


_ENDS = {
    "passed": "verified",
    "rolled-back": "ROLLED BACK, the verification failed",
    "escalated": "NOT VERIFIED AND NOT SET BACK, a person must look",
}


def _verification(ended: "WatchedChange") -> dict[str, Any]:
    return {
        "status": ended.status,
        "told": ended.told,
        "until": ended.until,
        "on_fail": ended.on_fail,
        "verdict": ended.verdict.model_dump(mode="json") if ended.verdict else None,
        "baseline": ended.baseline.model_dump(mode="json"),
    }


# setting back


def _undoing(house: "House", proposal_id: str, wanted: "Aftercare | None") -> "SavedProposal":
    """The proposal that sets a change back: the one that was drawn up before, if it still counts; else a new one."""
    from tools.fleets.roll_back import roll_back

    for known in house.journal.watches.undone_by(proposal_id):
        saved = house.journal.proposal(known)
        if saved.status not in {"denied", "refused", "failed", "expired"}:
            return saved
    action: Any = roll_back.run(
        reader=house.account.reader, audit=house.desk.audit, proposal_id=proposal_id, fleet=None
    )
    saved = house.actuation.propose(
        action, by=house.person, actor="person", rationale=f"sets {proposal_id} back", aftercare=wanted
    )
    return _not_denied(saved)


# what is applied


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
    from tools.errors import StalePlan
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
    return _not_denied(saved)


def _not_denied(saved: "SavedProposal") -> "SavedProposal":
    from tools.errors import Denied

    if saved.decision.verdict == "deny":
        raise Denied("; ".join(saved.decision.reasons), hint="spotwarden policy explain tells what is allowed")
    return saved


def _answers(settings: Settings, *, yes: bool) -> bool:
    """Whether a person answers: by --yes, or at the keyboard."""
    return yes or (settings.input and not settings.json and is_terminal())


def _approve(settings: Settings, house: "House", saved: "SavedProposal", *, yes: bool) -> None:
    """A person's yes, from --yes or from the keyboard; anything else is no."""
    from tools.errors import ApprovalNeeded, Denied
    from tui.render import proposal_lines

    proposal_id = saved.proposal.proposal_id
    if not yes:
        if not _answers(settings, yes=yes):
            raise ApprovalNeeded(
                f"{proposal_id} needs a person's approval: {'; '.join(saved.decision.reasons)}",
                hint=f"spotwarden approve {proposal_id}, or apply with --yes",
            )
        print("\n".join(proposal_lines(saved.proposal, saved.decision)))
        yes = input("approve? type yes (anything else denies): ").strip().lower() in {"y", "yes", "ㅛ", "네", "예"}
    house.actuation.answer(proposal_id, answer="approve" if yes else "deny", by=house.person)
    if not yes:
        raise Denied(f"{proposal_id} denied by {house.person}")
