"""The command line."""

from __future__ import annotations

import argparse
import signal
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from .trouble import BadRequest

SIGNALS = {"TERM": signal.SIGTERM, "USR1": signal.SIGUSR1, "INT": signal.SIGINT, "none": None}
DESCRIPTION = """\
Runs a command on a spot instance, and sees to it that an interruption loses next to nothing:
the cloud's notice is told in time, the last checkpoint is whole and stored, the exit code says so.

  spotwarden-guard -- python train.py
  spotwarden-guard --checkpoints ckpt --store s3://BUCKET/JOB -- python train.py
"""
EPILOG = """\
exit codes
  75   interrupted, and saved: a whole checkpoint newer than the notice exists (and is stored, with --store)
  76   interrupted, and not saved: the last line says why
  64   the command line asks for something that cannot be
  else the command's own; 128 + n when signal n ended it

what the command is told
  SPOTWARDEN_NOTICE_FILE              JSON, there from the first notice on: kind, action, deadline
  SPOTWARDEN_CHECKPOINT_SECONDS       how often to save; the file SPOTWARDEN_CHECKPOINT_SECONDS_FILE follows
  PYTHONPATH                          `from spotwarden_guard import checkpoints, notice, time_left, CheckpointClock`

A rebalance recommendation, or a «save now» marker in the store, asks for a checkpoint and ends nothing.
Where no cloud answers, the command runs as if guard were not there. More: docs/guard.md
"""


@dataclass(frozen=True)
class Options:
    command: tuple[str, ...]
    provider: str
    poll_seconds: float
    signal_number: int | None
    grace_seconds: float | None
    notice_file: Path | None
    checkpoint_command: str | None
    freeze_commands: tuple[str, str] | None
    on_rebalance: str
    checkpoints: Path | None
    store: str | None
    endpoint_url: str | None
    keep: int
    job_id: str
    instance_id: str | None
    checkpoint_seconds: float | None
    between_hours: float | None
    report: Path | None
    log: Path | None


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise BadRequest(message, hint="spotwarden-guard --help shows how")


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < 1e7:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def _count(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) < 10_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a count of 1 or more")
    return int(text)


def _interval(text: str) -> float | None:
    return None if text == "auto" else _seconds(text)


def parser() -> argparse.ArgumentParser:
    made = _Parser(
        prog="spotwarden-guard",
        usage="spotwarden-guard [options] -- COMMAND …",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = made.add_argument_group("saving").add_argument
    add("--checkpoints", metavar="DIR", type=Path, help="where the command saves; told to it as SPOTWARDEN_CHECKPOINTS")
    add("--store", metavar="PLACE", help="s3://BUCKET/JOB or a directory: outlives the instance, restored at the start")
    add("--keep", metavar="N", type=_count, default=3, help="whole checkpoints that stay in the store (default 3)")
    add(
        "--checkpoint-command", metavar="CMD", help="run at a notice, before the signal; saves into $SPOTWARDEN_SAVE_TO"
    )
    add(
        "--checkpoint-every",
        metavar="SECONDS",
        type=_interval,
        help="told to the command; auto (default): from the measured cost of saving and the rate of interruptions",
    )
    add("--mtbf", metavar="HOURS", type=_seconds, help="mean hours between interruptions, if you know (for auto)")
    add = made.add_argument_group("snapshots (a marker in the store asks)").add_argument
    add("--freeze-command", metavar="CMD", help="holds writes still, such as 'fsfreeze -f /data'; after the checkpoint")
    add("--thaw-command", metavar="CMD", help="always run after it, at most 120 s later, whatever happens to guard")
    add = made.add_argument_group("notices").add_argument
    add("--signal", choices=tuple(SIGNALS), default="TERM", help="sent at an interruption (default TERM)")
    add(
        "--grace",
        metavar="SECONDS",
        type=_seconds,
        help="until SIGKILL; never beyond the deadline (default: all the time there is)",
    )
    add("--on-rebalance", choices=("checkpoint", "ignore"), default="checkpoint", help="(default checkpoint)")
    add("--notice-file", metavar="PATH", type=Path, help="where the notice is written (default: a temporary file)")
    add("--poll", metavar="SECONDS", type=_seconds, default=5.0, help="between looks (default 5, as AWS advises)")
    add("--provider", choices=("auto", "aws", "gcp", "azure", "none"), default="auto", help="(default auto)")
    add = made.add_argument_group("names and records").add_argument
    add("--job", metavar="NAME", help="in the manifests, without --store (default: the folder's name)")
    add("--instance-id", metavar="ID", help="(default: what the cloud says, or the host's name)")
    add("--endpoint-url", metavar="URL", help="of an S3 that is not AWS's")
    add("--report", metavar="FILE", type=Path, help="what happened, with times, as one JSON document")
    add("--log-json", metavar="FILE", type=Path, help="the same events as they happen, one JSON object a line")
    return made


def parsed(arguments: list[str]) -> Options:
    """Raises  BadRequest: says which word, and what would do"""
    ours, command = _split(arguments)
    given = parser().parse_args(ours)
    if not command:
        raise BadRequest("no command", hint="say spotwarden-guard [options] -- COMMAND …")
    if given.store and not given.checkpoints:
        raise BadRequest("--store without --checkpoints: nothing says what to store", hint="add --checkpoints DIR")
    if given.store and given.job:
        raise BadRequest("--job beside --store: the store's own name is the job's", hint="leave --job out")
    number = SIGNALS[given.signal]
    freeze_commands = _freeze_commands(given)
    return Options(
        command=tuple(command),
        provider=given.provider,
        poll_seconds=given.poll,
        signal_number=None if number is None else int(number),
        grace_seconds=given.grace,
        notice_file=given.notice_file and given.notice_file.absolute(),
        checkpoint_command=given.checkpoint_command,
        freeze_commands=freeze_commands,
        on_rebalance=given.on_rebalance,
        checkpoints=given.checkpoints and given.checkpoints.absolute(),
        store=given.store,
        endpoint_url=given.endpoint_url,
        keep=given.keep,
        job_id=given.job or "",
        instance_id=given.instance_id,
        checkpoint_seconds=given.checkpoint_every,
        between_hours=given.mtbf,
        report=given.report and given.report.absolute(),
        log=given.log_json and given.log_json.absolute(),
    )


def _freeze_commands(given: argparse.Namespace) -> tuple[str, str] | None:
    """Raises  BadRequest"""
    if not given.freeze_command and not given.thaw_command:
        return None
    if not given.freeze_command or not given.thaw_command:
        raise BadRequest(
            "one of --freeze-command and --thaw-command without the other",
            hint="such as --freeze-command 'fsfreeze -f /data' --thaw-command 'fsfreeze -u /data'",
        )
    if not given.store:
        raise BadRequest("--freeze-command without --store: nobody could ask for it", hint="add --store PLACE")
    return given.freeze_command, given.thaw_command


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """At the first --: what follows is the command, whatever it looks like."""
    if "--" in arguments:
        at = arguments.index("--")
        return arguments[:at], arguments[at + 1 :]
    if {"-h", "--help"} & set(arguments):
        return ["--help"], []
    raise BadRequest("no «--» before the command", hint="say spotwarden-guard [options] -- COMMAND …")


def host_name() -> str:
    """Where no cloud gives a name; fit for an object's name."""
    name = "".join(c if c.isalnum() or c in "-." else "-" for c in socket.gethostname())
    return name.strip(".-") or f"host-{sys.platform}"
