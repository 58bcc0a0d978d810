"""`spotwarden volumes`: what outlives instances, what it costs; snapshot it, bring it back, clear it away."""

import shlex
from typing import Annotated, Any

import typer

from tui.config import Settings, settings_of

app = typer.Typer(rich_markup_mode=None, add_completion=False)
_TOPICS = "consistency, first-snapshot, root-volume, zones, hibernation, efs, notebook, snapstart"

Yes = Annotated[bool, typer.Option("--yes", "-y", help="approve it yourself; the policy still has its say")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="what would be done, and nothing is")]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="until it is completed; Ctrl+C leaves it to AWS")]


@app.callback(invoke_without_command=True)
def volumes(
    ctx: typer.Context,
    fleet: Annotated[str | None, typer.Option(help="of one fleet: name or id; default the region")] = None,
) -> None:
    """Volumes and snapshots: whose, what they cost a month, how old and how consistent the newest copy is, orphans.

    \b
    spotwarden volumes --fleet ml-train
    orphans   what nobody uses, its cost, and what to do: spotwarden volumes orphans
    snapshot  now, one set an instance: spotwarden volumes snapshot ml-train --wait
    restore   in another zone: spotwarden volumes restore ml-train --to i-0123456789abcdef0
    clean-up  snapshot, then delete what nobody uses: spotwarden volumes clean-up --dry-run
    advise    hibernation, EFS, notebooks, …, with their true limits: spotwarden volumes advise hibernation

    Schedules stand in the settings file under [[snapshots]]; spotwarden run keeps them.
    """
    if ctx.invoked_subcommand is not None:
        return
    from tui.volume_lines import listing

    _report(settings_of(ctx), fleet=fleet, orphans_only=False, lines=listing)


@app.command()
def orphans(
    ctx: typer.Context,
    fleet: Annotated[str | None, typer.Option(help="of one fleet: name or id; default the region")] = None,
) -> None:
    """The ledger of what nobody uses: volumes attached to nothing, snapshots whose volume is gone. Changes nothing.

    \b
    spotwarden volumes orphans
    spotwarden volumes orphans --json

    What a job, a protected tag, an image, AWS Backup or a schedule holds is listed with that, and left alone.
    """
    from tui.volume_lines import ledger

    _report(settings_of(ctx), fleet=fleet, orphans_only=True, lines=ledger)


def _report(settings: Settings, *, fleet: str | None, orphans_only: bool, lines: Any) -> None:
    from tools.volumes.describe import describe_volumes
    from tui.opening import open_house
    from tui.output import emit

    with open_house(settings) as house:
        report = house.ask(describe_volumes, fleet=fleet, orphans_only=orphans_only)
    emit(settings, report, lambda: print("\n".join(lines(report))))


@app.command()
def snapshot(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="fleet, instance, or a volume that no instance has")],
    include_root: Annotated[bool, typer.Option("--include-root", help="the root volume too")] = False,
    stop_first: Annotated[
        bool, typer.Option("--stop-first", help="stop a single instance, snapshot it with its root, start it")
    ] = False,
    wait: Wait = False,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Snapshot volumes now: those of one instance at one moment, crash-consistent together.

    \b
    spotwarden volumes snapshot ml-train --wait
    spotwarden volumes snapshot i-0123456789abcdef0 --stop-first -y

    With --stop-first nothing is being written, so the root is consistent too; where stopping is not possible (in a
    group, a fleet, a one-time spot request) that is said, and --include-root takes it as it runs.
    """
    from tui.opening import open_house
    from tui.volume_steps import Steps

    settings = settings_of(ctx)
    again = _again("snapshot", name, "--include-root" if include_root else None, "--stop-first" if stop_first else None)
    with open_house(settings) as house:
        steps = Steps(settings, house, again, yes=yes, dry_run=dry_run)
        if stop_first:
            steps.snapshot_stopped(name)
        else:
            steps.snapshot(name, include_root=include_root)
        if wait and not dry_run:
            steps.wait_for_snapshots()
        _end(settings, steps)


@app.command()
def restore(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="a snapshot; or an instance, or a fleet (any of it), for the newest set")],
    zone: Annotated[str | None, typer.Option(help="where the volume shall be; default the zone of --to")] = None,
    to: Annotated[str | None, typer.Option(help="attach it to this instance", metavar="INSTANCE")] = None,
    device: Annotated[str | None, typer.Option(help="such as /dev/sdf; default as before, else the first free")] = None,
    kind: Annotated[str | None, typer.Option("--type", help="volume type; default as before, else gp3")] = None,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Bring data back in whatever zone: a volume from the snapshot, and attached once it is available.

    \b
    spotwarden volumes restore ml-train --to i-0123456789abcdef0
    spotwarden volumes restore snap-0123456789abcdef0 --zone us-east-1b --dry-run

    A kept volume in the instance's own zone is attached itself. Each step is a proposal; begun anew it goes on where
    it ended. Mounting stays yours.
    """
    from tui.opening import open_house
    from tui.volume_steps import Steps

    settings = settings_of(ctx)
    given = {"--to": to, "--zone": zone, "--device": device, "--type": kind}
    again = _again("restore", name, *(word for key, value in given.items() if value for word in (key, value)))
    with open_house(settings) as house:
        steps = Steps(settings, house, again, yes=yes, dry_run=dry_run)
        steps.restore(name, zone=zone, to=to, device=device, kind=kind)
        _end(settings, steps)


@app.command("clean-up")
def clean_up(
    ctx: typer.Context,
    ids: Annotated[list[str] | None, typer.Argument(help="only these; default every orphan that nothing holds")] = None,
    wait: Wait = True,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Propose to delete what nobody uses: a volume is snapshotted first, and deleted once that is completed.

    \b
    spotwarden volumes clean-up --dry-run
    spotwarden volumes clean-up vol-0123456789abcdef0 -y

    Every step goes through the policy; what a job, a tag, an image or a service holds is left alone. Ctrl+C loses
    nothing: begun anew it goes on with the snapshots that are there.
    """
    from tui.opening import open_house
    from tui.volume_steps import Steps

    settings = settings_of(ctx)
    with open_house(settings) as house:
        steps = Steps(settings, house, _again("clean-up", *(ids or ())), yes=yes, dry_run=dry_run)
        steps.clean_up(tuple(ids or ()), wait=wait)
        _end(settings, steps)


@app.command()
def advise(
    ctx: typer.Context,
    topic: Annotated[str, typer.Argument(help=_TOPICS)] = "",
) -> None:
    """How to keep what an instance holds, with what AWS really does: each fact dated, with its source.

    \b
    spotwarden volumes advise hibernation
    spotwarden volumes advise notebook --json
    """
    from tools.errors import UsageError
    from tools.volumes.advice import advise_keeping
    from tools.volumes.facts import FACTS
    from tui.opening import open_house
    from tui.output import emit
    from tui.volume_lines import advice_lines

    settings = settings_of(ctx)
    if topic not in FACTS:
        told = f"{topic[:40]!r}: no such topic" if topic else "volumes advise: on what?"
        raise UsageError(told, hint=f"one of {_TOPICS}")
    with open_house(settings) as house:
        advice = house.ask(advise_keeping, topic=topic)
    emit(settings, advice, lambda: print("\n".join(advice_lines(advice))))


def _again(*words: str | None) -> str:
    """The same command as it would be typed, for hints."""
    return shlex.join(["spotwarden", "volumes", *(word for word in words if word)])


def _end(settings: Settings, steps: Any) -> None:
    """Tell what was done, and end as the worst of it says: denied 3, a person asked 4, failed 1."""
    from tui.output import emit

    emit(settings, steps.document(), lambda: print("\n".join(steps.lines())))
    if steps.exit_code:
        raise typer.Exit(steps.exit_code)
