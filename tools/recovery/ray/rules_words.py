"""Rules on what stands around a cluster file: commands, claims in prose, secrets anywhere."""

import re
import shlex
from collections.abc import Iterator

from tools.recovery.ray.findings import secret_kind, shown
from tools.recovery.ray.parts import Part
from tools.recovery.ray.rule import Rule, Seen, rule

COMMANDS: list[Rule[Part]] = []
CLAIMS: list[Rule[Part]] = []
ANYWHERE: list[Rule[Part]] = []
_UP_OPTION = re.compile(
    r"--(?:min-workers|max-workers|no-restart|restart-only|yes|cluster-name|no-config-cache|redirect-command-output"
    r"|use-login-shells|use-normal-shells|disable-usage-stats|log-style|log-color|verbose|help)|-[ynv]"
)
"""of `ray up` in ray 2.60 (scripts/scripts.py)"""
_COMMENT = re.compile(r"(?:^|\s)#")
_UP = re.compile(r"(?:^|[;&|]\s*|\s)ray\s+up\b([^;&|#]*)")
_JOB = re.compile(r"(?:^|[;&|]\s*|\s)ray\s+job\s+submit\b([^;&|#]*)")
_ENTRYPOINT = re.compile(r"--entrypoint-(?:num-cpus|num-gpus|memory|resources|label-selector)\b")
_SAVING = re.compile(r"[1-9]\d?\s*%?\s*[-~\u2013]\s*[1-9]\d\s*%")
_SAVING_WORD = re.compile(r"(?i)절감|절약|sav(?:e|ing)|cheaper|discount|lower cost")
_NOTICE = re.compile(r"(?i)(?:termination|interruption)\s+notice|회수\s*알림|중단\s*알림")
_REPLACES = re.compile(
    r"(?i)autoscaler.*(?:replac|launch|provision|immediately|보충|교체)|(?:replac|보충|교체).*autoscaler"
)
_RETRIED = re.compile(r"(?i)ray\s+job\s+submit.*(?:retr(?:y|ie)|재시도)")
_LINEAGE = re.compile(r"(?i)lineage|계보")
_SPILLED = re.compile(r"(?i)spill.*(?:s3|back(?:ed)?[ -]?up|lost|백업|사라질)|유출.*(?:s3|백업|사라질)")


def _numbered(part: Part) -> Iterator[tuple[int, str]]:
    yield from enumerate(part.lines, part.first_line)


@rule(
    COMMANDS, "no-such-option", "error", "RY-09",
    why="`ray up` takes the file as its argument and ends with a usage error: no cluster is made",
    fix="ray up cluster.yaml -y",
)  # fmt: skip
def no_such_option(part: Part) -> Iterator[Seen]:
    for number, line in _numbered(part):
        for found in _UP.finditer(_COMMENT.split(line)[0]):
            words = _words(found[1])
            for word in words:
                if word.startswith("-") and not _UP_OPTION.fullmatch(word.split("=")[0]):
                    file = next((w.rpartition("=")[2] for w in words if w.endswith((".yaml", ".yml"))), "cluster.yaml")
                    yield Seen(number, f"ray up {shown(word)}: Ray has no such option", fix=f"ray up {shown(file)} -y")


@rule(
    COMMANDS, "driver-on-a-worker", "warning", "RY-10",
    why="with its own resources the driver runs on a worker: when that node is taken the whole job ends, and a driver"
    " is never retried",
    fix="leave the entrypoint's resources out: the driver then runs on the head, which is on demand",
)  # fmt: skip
def driver_on_a_worker(part: Part) -> Iterator[Seen]:
    for number, line in _numbered(part):
        for found in _JOB.finditer(_COMMENT.split(line)[0]):
            option = _ENTRYPOINT.search(found[1])
            if option:
                yield Seen(number, f"ray job submit {option[0]}")


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


@rule(
    CLAIMS, "saving-claimed", "info", "RY-14",
    why="what spot saves differs by pool and day, and work that is done twice is paid twice: a range is a claim",
    fix="`spotwarden market compare TYPE…` measures it against what an on-demand hour really adds",
)  # fmt: skip
def saving_claimed(part: Part) -> Iterator[Seen]:
    for number, line in _numbered(part):
        found = _SAVING.search(line)
        if found and _SAVING_WORD.search(line):
            yield Seen(number, f"a saving of {found[0]} is promised")


@rule(
    CLAIMS, "replacement-claimed", "warning", "RY-13",
    why="ray/autoscaler 2.60 holds no code for a spot notice or a rebalance recommendation; a node is replaced after it"
    " died, from the same group, and never on demand by itself",
    fix="a watcher that drains (`spotwarden ray plan` writes it) and an on-demand group with min_workers: 1",
)  # fmt: skip
def replacement_claimed(part: Part) -> Iterator[Seen]:
    for number, line in _numbered(part):
        if _NOTICE.search(line) and _REPLACES.search(line):
            yield Seen(number, "the text says that the autoscaler replaces a node on its notice")


@rule(
    CLAIMS, "retries-claimed", "info", "RY-10",
    why="tasks are retried (max_retries 3) however they are submitted; actors are not (max_restarts 0, max_task_retries"
    " 0), and a driver never is",
    fix="max_restarts and max_task_retries on every actor; a driver on the head that can be run again",
)  # fmt: skip
def retries_claimed(part: Part) -> Iterator[Seen]:
    for number, line in _numbered(part):
        if _RETRIED.search(line):
            yield Seen(number, "the text says that `ray job submit` retries what fails")


@rule(
    CLAIMS, "lineage-claimed", "info", "RY-11",
    why="only objects that a task returned are made again, while their owner lives and retries are left: not ray.put,"
    " not an actor's results, and nothing whose owner (the driver, or the task that made it) is gone",
    fix="keep results that count outside Ray (S3); owners on the head; no max_retries=0",
)  # fmt: skip
def lineage_claimed(part: Part) -> Iterator[Seen]:
    for number, line in _numbered(part):
        if _LINEAGE.search(line):
            yield Seen(number, "the text says that lost objects are made again by lineage")


@rule(
    CLAIMS, "spilling-claimed", "info", "RY-12",
    why="Ray spills when the object store is full, not before a node goes; by default to the node's own disk, which is"
    " lost with it",
    fix="results that must not be lost are written by the work itself; spilling to S3 only helps what was spilled",
)  # fmt: skip
def spilling_claimed(part: Part) -> Iterator[Seen]:
    for number, line in _numbered(part):
        if _SPILLED.search(line):
            yield Seen(number, "the text calls spilling a backup")


@rule(
    ANYWHERE, "secret", "error", None,
    why="whoever reads the file has it; Ray copies the file to the head",
    fix="take it out and make it invalid; use the instance profile, or fetch it on the node",
)  # fmt: skip
def secret(part: Part) -> Iterator[Seen]:
    for number, line in _numbered(part):
        kind = secret_kind(line)
        if kind is not None:
            yield Seen(number, f"{kind}, not shown here")
