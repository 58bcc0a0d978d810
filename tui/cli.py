"""The front door: global options, the list of commands, errors as messages and exit codes.

Commands are imported when they are called: nothing heavy stands on the way to `--help`.
"""

import errno
import importlib
import io
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from tools.errors import SpotError
from tui import __version__
from tui.config import check_text, read_settings

# name → (module under tui.commands, what it does)
COMMANDS = {
    "chat": ("chat", "Ask, read proposals, approve: the terminal app, or one question with -p"),
    "demo": ("demo", "The same on a simulated account: no AWS account, no API key"),
    "doctor": ("doctor", "Check credentials, prices, model, journal; --iam prints least-privilege policies"),
    "fleets": ("fleets", "Inventory: mix, pools, dollars per hour, risk"),
    "market": ("market", "Spot prices, interruption risk, and which capacity to choose"),
    "plan": ("plan", "Preview a change, judge it, save it"),
    "apply": ("apply", "Carry out a plan or an approved proposal, once"),
    "approve": ("approve", "List what waits for a person; approve or deny it"),
    "run": ("run", "Work alone under the policy's limits; handle interruptions"),
    "jobs": ("jobs", "Jobs with checkpoints and deadlines: register, status, recover"),
    "ray": ("ray", "Ray clusters on spot: lint a cluster file, plan a better one"),
    "queues": ("queues", "Work queues of spot workers: waiting, in flight, dead, workers"),
    "audit": ("audit", "Read the audit log; prove that it is whole"),
    "backtest": ("backtest", "Forecasts on past traces against what came: Brier, skill, AUC, calibration"),
    "policy": ("policy", "Write, check, explain and try policies"),
    "volumes": ("volumes", "Volumes that outlive instances: cost, orphans, snapshots, restores"),
}
EXIT_USAGE, EXIT_INTERRUPTED = 64, 130
_STDOUT_ERRORS = {errno.EPIPE, errno.ENOSPC, errno.EIO, errno.EBADF, errno.EFBIG}
_FLAGS = {"--json", "--no-color", "--no-input", "-q", "--quiet", "-v", "--verbose", "--ascii"}
_OPTIONS = {"--profile", "--region", "--config", "--db", "--policy", "--archive", "--advisor"}


class Commands(TyperGroup):
    """Knows its commands by name and help; imports one only to run it."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        return list(COMMANDS)

    def get_command(self, ctx: typer.Context, cmd_name: str) -> Any:  # type: ignore[override]
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"tui.commands.{COMMANDS[cmd_name][0]}")
        command = typer.main.get_command(module.app)
        command.name = cmd_name
        return command

    def format_commands(self, ctx: typer.Context, formatter: Any) -> None:  # type: ignore[override]
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


app = typer.Typer(cls=Commands, rich_markup_mode=None, add_completion=False, invoke_without_command=True)


@app.callback()
def front_door(
    ctx: typer.Context,
    profile: Annotated[str | None, typer.Option(help="AWS profile")] = None,
    region: Annotated[str | None, typer.Option(help="AWS region")] = None,
    config: Annotated[str | None, typer.Option(help="settings file instead of ./spotwarden.toml")] = None,
    db: Annotated[str | None, typer.Option(help="journal (SQLite); default in $XDG_STATE_HOME/spotwarden")] = None,
    policy: Annotated[str | None, typer.Option(help="policy file; without one, nothing is ever changed")] = None,
    archive: Annotated[str | None, typer.Option(help="prices and samples seen (SQLite); default beside --db")] = None,
    advisor: Annotated[str | None, typer.Option(help="Spot Advisor bands from a file; default AWS's own")] = None,
    json_: Annotated[bool | None, typer.Option("--json", help="one JSON document on stdout")] = None,
    no_color: Annotated[bool, typer.Option("--no-color", help="no colours (also NO_COLOR)")] = False,
    no_input: Annotated[bool, typer.Option("--no-input", help="never ask; an approval needed is exit 4")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="no progress on stderr")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="more on stderr; tracebacks")] = False,
    ascii_: Annotated[bool | None, typer.Option("--ascii", help="no box or ambiguous-width characters")] = None,
    version: Annotated[bool, typer.Option("--version", help="print the version")] = False,
) -> None:
    """spotwarden: an assistant for cloud spot fleets that proposes, asks, acts once, and can prove it.

    Without a command: chat. Try `spotwarden demo`. Global options work before and after the command.
    Exit codes: 0 ok, 1 error, 2 changes pending (--detailed-exitcode), 3 denied, 4 approval needed,
    5 audit not verified, 6 stale plan, 7 halted, 64 usage, 130 interrupted.
    """
    if version:
        print(f"spotwarden {__version__}")
        raise typer.Exit
    flags = {"profile": profile, "region": region, "config": config, "db": db, "policy": policy, "json": json_}
    flags |= {"archive": archive, "advisor": advisor}
    ctx.obj = read_settings(
        flags
        | {"ascii": ascii_, "color": False if no_color else None, "input": False if no_input else None}
        | {"quiet": quiet, "verbose": verbose}
    )
    if ctx.invoked_subcommand is None:
        from tui.commands.chat import chat

        chat(ctx)


def hoist_global_options(arguments: Sequence[str]) -> list[str]:
    """Global options to the front, wherever they stand before a `--`, so that both orders work."""
    front: list[str] = []
    rest: list[str] = []
    pending = iter(arguments)
    for argument in pending:
        if argument == "--":
            rest += [argument, *pending]
        elif argument in _FLAGS or ("=" in argument and argument.split("=", 1)[0] in _OPTIONS):
            front.append(argument)
        elif argument in _OPTIONS:
            front += [argument, *([value] if (value := next(pending, None)) is not None else [])]
        else:
            rest.append(argument)
    return front + rest


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code. The CLI's edge: every error ends here as words."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    wants_json, verbose = "--json" in given, bool({"-v", "--verbose"} & set(given))
    command = typer.main.get_command(app)
    try:
        for argument in given:
            check_text("argument", argument)
        result = command.main(args=hoist_global_options(given), prog_name="spotwarden", standalone_mode=False)
        sys.stdout.flush()
    except (KeyboardInterrupt, typer.Abort):
        print("interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except Exception as error:
        if verbose:
            traceback.print_exc()
        return _explain(error, wants_json=wants_json)
    return result if isinstance(result, int) else 0


def _explain(error: Exception, *, wants_json: bool) -> int:
    """What went wrong in words; returns the exit code."""
    kind, message, code = type(error).__name__, str(error), 1
    hint = "run again with -v for the traceback"
    if isinstance(error, SpotError):
        drift = "".join(f"\n  ~ {line}" for line in getattr(error, "drift", ()))
        message, hint, code = error.message + drift, error.hint, error.exit_code
    elif isinstance(error, typer.TyperException):
        kind, message, code = "UsageError", error.format_message(), EXIT_USAGE
        hint = "spotwarden --help lists the commands and options"
    elif isinstance(error, OSError) and error.filename is None and error.errno in _STDOUT_ERRORS:
        return _lost_stdout(error)
    elif isinstance(error, OSError) and error.filename is not None:
        message = f"{error.filename}: {error.strerror}"
    else:
        kind, message = "Unexpected", f"unexpected {kind}: {message}"
    return _report(kind, message, hint, code, wants_json=wants_json)


def _report(kind: str, message: str, hint: str, code: int, *, wants_json: bool) -> int:
    from tui.output import complain, json_text

    if wants_json:
        try:
            print(json_text({"error": {"kind": kind, "message": message, "hint": hint, "exit_code": code}}), flush=True)
        except OSError as error:
            return _lost_stdout(error)
    complain(message, hint)
    return code


def _lost_stdout(error: OSError) -> int:
    """Stdout takes nothing more: closing must not complain again."""
    sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - as long as the process
    if isinstance(error, BrokenPipeError):  # the reader has enough
        return 0
    hint = "make room where stdout goes; what was done stands in the log: spotwarden audit show"
    return _report("OutputLost", f"stdout: {error.strerror}", hint, 1, wants_json=False)


def _ready_streams() -> None:
    """Whatever the shell gave: a closed stream is opened on nothing, so that no file takes its number, and no
    character is too much for an encoding.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - as long as the process
        elif mode == "w" and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def run() -> None:
    """The console script."""
    _ready_streams()
    sys.exit(main())
