"""`spotwarden jobs`: work that has to be finished: register it, see how it stands, bring it back."""

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tui.commands.compose import compose
from tui.config import Settings, is_terminal, settings_of

if TYPE_CHECKING:
    from datetime import datetime

    from agent.journal.records import SavedProposal
    from tools.jobs.report import JobsReport
    from tools.records import Fleet, Job, JobProgress, Outcome
    from tui.opening import House

app = typer.Typer(rich_markup_mode=None, no_args_is_help=True)
_LOOK_SECONDS = 5
_MOST_STEPS = 3
"""drawn up one after the other by one `recover`"""
_WORKLOADS, _PRIORITIES = ("training", "batch", "ci", "other"), ("low", "normal", "high")
_LONGEST_NAME = 120

Name = Annotated[str, typer.Argument(help="the job's name, or its fleet's")]
app.command()(compose)


@app.callback()
def jobs() -> None:
    """Jobs with checkpoints and deadlines: what is durable, what is left, what an interruption costs, how one went.

    \b
    register  tell what has to be finished: spotwarden jobs register nightly --fleet ml-train --work 48h --deadline 3d
    status    progress, ETA, slack, lost work, recoveries: spotwarden jobs status nightly --watch
    recover   draw up and carry out what a recovery lacks: spotwarden jobs recover nightly --dry-run
    forget    spotwarden jobs forget nightly
    compose   render a Compose service with guard: spotwarden jobs compose --image model:1 -- python train.py

    On the instance: spotwarden-guard --store s3://BUCKET/JOB -- python train.py. A fleet tagged
    spotwarden:checkpoints=s3://BUCKET/JOB is looked after without being registered; what is told here makes its
    deadline known. `spotwarden run` answers interruptions and brings jobs back.
    """


@app.command()
def register(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="what you call it")],
    fleet: Annotated[str, typer.Option(help="the fleet that runs it: name or id")],
    work: Annotated[str | None, typer.Option(help="compute from nothing to done, such as 48h")] = None,
    deadline: Annotated[str | None, typer.Option(help="2026-12-01T09:00Z, or from now: 36h")] = None,
    priority: Annotated[str, typer.Option(help="low, normal or high")] = "normal",
    workload: Annotated[str | None, typer.Option(help="training, batch, ci or other; default the fleet's tag")] = None,
    changeover: Annotated[
        str | None, typer.Option(help="launch until it works on, such as 5m; default measured")
    ] = None,
    restarts: Annotated[int, typer.Option(min=0, max=100, help="recoveries in a row before a person is told")] = 3,
    store: Annotated[str | None, typer.Option(help="s3://BUCKET/JOB; default the fleet's tag")] = None,
) -> None:
    """Tell what has to be finished, and until when. Registered again it is replaced.

    \b
    spotwarden jobs register nightly --fleet ml-train --work 48h --deadline 2026-12-01T09:00Z --changeover 5m
    spotwarden jobs register 야간학습 --fleet ml-train --work 12h --deadline 36h --priority high
    spotwarden jobs register tests --fleet runners --workload ci --restarts 2

    Work that does not fit before the deadline is refused with how late it would be, and at what cost on demand.
    """
    from tools.recovery.jobs import reachable_progress
    from tui.opening import open_house
    from tui.output import emit, plain

    settings = settings_of(ctx)
    with open_house(settings) as house:
        found = house.fleet(fleet)
        job = _job(
            house, found, name, work=work, deadline=deadline, priority=priority, workload=workload,
            changeover=changeover, restarts=restarts, store=store,
        )  # fmt: skip
        progress = reachable_progress(house.desk.reader, job, now=house.clock.now())
        _check_fits(house, job, progress)
        before = house.journal.jobs.register(job, actor=house.person)
    told = f"{plain(job.job_id)} {'replaced' if before else 'registered'} on {plain(found.name)}"
    where = f"s3://{job.bucket}/{job.store_id}" if job.store else "no checkpoints: an interruption starts it over"
    unread = f", {progress.source}" if job.store and progress.source.startswith("not read") else ""
    emit(settings, job, lambda: print(f"{told}; {plain(where + unread)}"))


def _job(house: "House", fleet: "Fleet", name: str, **told: Any) -> "Job":
    """Raises UsageError: what was told cannot be, and which option."""
    import unicodedata

    from tools.errors import UsageError
    from tools.records import Job
    from tools.recovery.jobs import workload_of

    called = unicodedata.normalize("NFC", name).strip()
    if not 0 < len(called) <= _LONGEST_NAME or not called.isprintable():
        raise UsageError(
            f"{name[:80]!r} is no name for a job", hint=f"1 to {_LONGEST_NAME} printable characters, such as nightly"
        )
    place = _store(fleet, told["store"])
    return Job(
        job_id=called,
        fleet=fleet.ref,
        bucket=place[0] if place else None,
        store_id=place[1] if place else None,
        workload=_one_of("--workload", told["workload"], _WORKLOADS) if told["workload"] else workload_of(fleet),
        work_seconds=_seconds("--work", told["work"]),
        deadline=_deadline(told["deadline"], house.clock.now()),
        priority=_one_of("--priority", told["priority"], _PRIORITIES),
        changeover_seconds=_seconds("--changeover", told["changeover"]),
        restart_limit=told["restarts"],
        registered_at=house.clock.now(),
        registered_by=house.person,
    )


def _store(fleet: "Fleet", given: str | None) -> tuple[str, str] | None:
    from tools.errors import UsageError
    from tools.records import Tag
    from tools.recovery.checkpoints import TAG, checkpoint_store

    if given is None:
        return checkpoint_store(fleet)
    found = checkpoint_store(fleet.with_(tags=(Tag(key=TAG, value=given),)))
    if found is None:
        raise UsageError(f"--store {given[:80]!r}: names no place in S3", hint="such as --store s3://BUCKET/JOB")
    return found


def _one_of(option: str, value: str, known: tuple[str, ...]) -> Any:
    from tools.errors import UsageError

    if value not in known:
        raise UsageError(f"{option} {value[:40]!r}: not one of {', '.join(known)}", hint=f"such as {option} {known[1]}")
    return value


def _seconds(option: str, text: str | None) -> int | None:
    from policies.units import duration_seconds
    from tools.errors import UsageError

    try:
        return None if text is None else duration_seconds(text)
    except ValueError as error:
        raise UsageError(f"{option} {str(text)[:40]!r}: {error}", hint=f"such as {option} 90m") from None


def _deadline(text: str | None, now: "datetime") -> "datetime | None":
    """A moment with its zone, or a time from now. Raises UsageError: neither, or past."""
    from datetime import UTC, datetime, timedelta

    from policies.units import duration_seconds
    from tools.errors import UsageError
    from tools.figures import length

    if text is None:
        return None
    try:
        return now + timedelta(seconds=duration_seconds(text))
    except (ValueError, OverflowError):
        pass
    hint = "such as --deadline 2026-12-01T09:00Z, with its zone, or --deadline 36h from now"
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            raise UsageError(f"--deadline {text[:40]}: without a time zone", hint=hint)
        at = at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(f"--deadline {text[:40]!r}: not a time", hint=hint) from None
    if at <= now:
        ago = length((now - at).total_seconds())
        raise UsageError(f"--deadline {text[:40]}: it is past, by {ago}; now it is {now:%Y-%m-%dT%H:%MZ}", hint=hint)
    return at


def _check_fits(house: "House", job: "Job", progress: "JobProgress") -> None:
    """Raises UsageError: even on-demand from now on would be late; by how much, and at what cost."""
    from tools.errors import UsageError
    from tools.figures import length
    from tools.jobs.report import on_demand_usd
    from tools.recovery.rules import job_outlook

    if job.deadline is None or job.work_seconds is None:
        return
    outlook = job_outlook(job, progress, now=house.clock.now())
    if outlook.slack_seconds is None or outlook.work_left_seconds is None or outlook.slack_seconds >= 0:
        return
    until = (job.deadline - outlook.as_of).total_seconds()
    usd = on_demand_usd(house.desk.reader, house.clock, job, until - outlook.slack_seconds)
    cost = f"${usd:,.2f}" if usd is not None else "an unknown price"
    raise UsageError(
        f"{job.job_id}: {length(outlook.work_left_seconds)} of work left, {length(until)} "
        f"until the deadline: on-demand from now on is {length(-outlook.slack_seconds)} late, for {cost}",
        hint="tell a later --deadline, or less --work; without --deadline it is looked after all the same",
    )


@app.command()
def status(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Argument(help="one job, whole; default every job")] = None,
    watch: Annotated[bool, typer.Option("--watch", help=f"again every {_LOOK_SECONDS} s, until Ctrl+C")] = False,
) -> None:
    """How jobs stand by what is durable: progress, ETA, slack, the work lost if interrupted now, recoveries in seconds.

    \b
    spotwarden jobs status
    spotwarden jobs status nightly --watch
    spotwarden jobs status --json
    """
    from tools.jobs.report import describe_jobs
    from tui.opening import open_house
    from tui.output import inert_json

    settings = settings_of(ctx)
    with open_house(settings) as house:
        while True:
            report = house.ask(describe_jobs, job=name)
            if not watch:
                break
            print(inert_json(report.canonical()) if settings.json else "\n".join(_lines(report, name)), flush=True)
            time.sleep(_LOOK_SECONDS)
    _show(settings, report, name)


def _show(settings: Settings, report: "JobsReport", name: str | None) -> None:
    from tui.output import emit

    emit(settings, report, lambda: print("\n".join(_lines(report, name))))


def _lines(report: "JobsReport", name: str | None) -> list[str]:
    from tui.render_jobs import job_lines, jobs_table

    if name is None:
        return list(jobs_table(report))
    return [line for state in report.jobs for line in job_lines(state, report.as_of)]


@app.command()
def recover(
    ctx: typer.Context,
    name: Name,
    checkpoint: Annotated[str | None, typer.Option(help="resume from this one; default the newest whole one")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="what would be done, and nothing is")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="approve it yourself; the policy still has its say")] = False,
) -> None:
    """Draw up and carry out what a job's recovery lacks: the checkpoint to resume from, a replacement.

    \b
    spotwarden jobs recover nightly --dry-run
    spotwarden jobs recover nightly --checkpoint ckpt-20261118T002300Z -y

    Every file of the checkpoint is verified first; a damaged one is refused. Exit 0: nothing is missing (any more).
    """
    from tui.opening import open_house
    from tui.output import emit

    settings = settings_of(ctx)
    done: list[tuple[SavedProposal, Outcome]] = []
    with open_house(settings) as house:
        for _ in range(_MOST_STEPS):
            action = _missing(house, name, checkpoint)
            if action is None:
                break
            if dry_run:
                _tell_dry_run(settings, house, action)
                return
            done.append(_carry_out(settings, house, action, yes=yes))
            if done[-1][1].status not in ("done", "already"):
                break
            checkpoint = None if action.types == ("restore-checkpoint",) else checkpoint
    steps = [{"proposal_id": s.proposal.proposal_id, "action": s.proposal.action, "outcome": o} for s, o in done]
    emit(settings, {"job": name, "steps": steps}, lambda: print("\n".join(_told(done))))
    if any(outcome.status not in ("done", "already") for _, outcome in done):
        raise typer.Exit(1)


def _missing(house: "House", name: str, checkpoint: str | None) -> Any:
    """The next action, or None. Raises as `missing_action` does; NotFound: no such job."""
    from tools.jobs.report import known_jobs, missing_action, named_job

    reader, now = house.account.reader, house.clock.now()
    job = named_job(known_jobs(house.journal.jobs.all(), reader.fleets(), now=now), name)
    recoveries = house.journal.jobs.recoveries_of(job.job_id, limit=100)
    return missing_action(reader, job, recoveries, checkpoint_id=checkpoint, now=now)


def _carry_out(settings: Settings, house: "House", action: Any, *, yes: bool) -> "tuple[SavedProposal, Outcome]":
    """Through the one way to write. Raises Denied, ApprovalNeeded, StalePlan, Halted."""
    from tools.errors import ApprovalNeeded, Denied
    from tui.render import proposal_lines

    saved = house.actuation.propose(action, by=house.person, actor="person", rationale="recovery asked for by hand")
    proposal_id = saved.proposal.proposal_id
    if saved.decision.verdict == "deny":
        raise Denied(f"{proposal_id}: {'; '.join(saved.decision.reasons)}", hint="spotwarden policy explain tells why")
    if saved.status == "pending":
        house.actuation.check_running()
        if not yes:
            if settings.json or not settings.input or not is_terminal():
                raise ApprovalNeeded(
                    f"{proposal_id} needs a person's approval: {'; '.join(saved.decision.reasons)}",
                    hint=f"spotwarden approve {proposal_id}, or jobs recover with -y",
                )
            print("\n".join(proposal_lines(saved.proposal, saved.decision)))
            yes = input("approve? type yes (anything else denies): ").strip().lower() in {"y", "yes", "ㅛ", "네", "예"}
        house.actuation.answer(proposal_id, answer="approve" if yes else "deny", by=house.person)
        if not yes:
            raise Denied(f"{proposal_id} denied by {house.person}")
    return saved, house.actuation.act(proposal_id, by=house.person)


def _tell_dry_run(settings: Settings, house: "House", action: Any) -> None:
    from tools.fleets.effects import effect_of
    from tools.fleets.preview import draw_preview
    from tui.output import emit
    from tui.render import preview_lines

    fleet = effect_of(action).subject(house.account.reader, action)
    preview = draw_preview(house.account.reader, house.clock, action, fleet)
    document = {"action": action, "preview": preview}
    lines = [f"would {', '.join(action.types)}; nothing was done", *preview_lines(preview)]
    emit(settings, document, lambda: print("\n".join(lines)))


def _told(done: "list[tuple[SavedProposal, Outcome]]") -> list[str]:
    from tui.output import plain
    from tui.render import outcome_line

    if not done:
        return ["nothing is missing: it resumes from its newest whole checkpoint"]
    return [f"{plain(s.proposal.title)}: {outcome_line(outcome)}" for s, outcome in done]


@app.command()
def forget(ctx: typer.Context, name: Annotated[str, typer.Argument(help="the job's name")]) -> None:
    """Take a job out of the store; its checkpoints and the audit log stay. Open recoveries of it end.

    \b
    spotwarden jobs forget nightly
    """
    import unicodedata

    from tui.opening import open_house
    from tui.output import emit, plain

    settings = settings_of(ctx)
    with open_house(settings) as house:
        gone = house.journal.jobs.forget(unicodedata.normalize("NFC", name).strip(), actor=house.person)
    emit(settings, gone, lambda: print(f"{plain(gone.job_id)} is forgotten; its checkpoints stay where they are"))
