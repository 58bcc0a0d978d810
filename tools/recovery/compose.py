"""A Compose service with guard in front of its command, and what a restart policy can and cannot do for it.

Sources: compose-spec (services `restart`, `stop_grace_period`; deploy `restart_policy`); Docker Compose's
pkg/compose/create.go, getRestartPolicy: `deploy.restart_policy` goes before `restart`, its condition and max_attempts
are honoured, its delay and window are not; Engine API, RestartPolicy: on-failure fires on a non-zero exit code.
"""

import io
import re
from textwrap import wrap
from typing import Any

from pydantic import Field
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError
from ruamel.yaml.scalarstring import DoubleQuotedScalarString as Quoted

from tools.errors import DataError, UsageError
from tools.records import Record
from tools.recovery.guard.places import in_s3
from tools.recovery.guard.trouble import BadRequest

GUARD = "/opt/spotwarden/spotwarden_guard.pyz"
LAST_UPLOAD_SECONDS = 60
"""that guard takes at most for the last checkpoint, after the command has ended"""
WARNING = (
    "a restart on the same host never helps against a reclaim: the instance is gone, and the container with it. "
    "What brings the job back is its group and `spotwarden jobs`; the restart is for crashes of the job."
)
_REMARKS = """\
on-failure fires on an exit code that is not 0. Guard ends with 75 (interrupted, saved) or 76 (not saved), and passes
on the job's own; a SIGTERM handler that exits 0 never makes it fire.
docker compose    honours condition and max_attempts of deploy.restart_policy; its own delay: 100 ms, doubled each time
docker-compose 1  ignores deploy, honours restart
docker stack      (Swarm) honours deploy.restart_policy whole, ignores restart
In a container the metadata service needs a hop limit of 2:
aws ec2 modify-instance-metadata-options --instance-id ID --http-put-response-hop-limit 2"""
_HEADER = "".join(
    f"# {line}".rstrip() + "\n" for line in (*wrap(f"WARNING: {WARNING}", 110), "", *_REMARKS.splitlines())
)
_SERVICES = "it has `services:` with a service below, each a mapping"
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}")
_IMAGE = re.compile(r"[a-z0-9][a-zA-Z0-9._/:@-]{0,254}")
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


class ComposePlan(Record):
    """checkpoints  (a volume's name or a host's path, the path in the container); None = nothing is kept"""

    service: str
    image: str
    command: tuple[str, ...]
    checkpoints: tuple[str, str] | None = None
    store: str | None = None
    grace_seconds: int = Field(default=120, ge=1, le=3_600)
    delay_seconds: int = Field(default=5, ge=0, le=3_600)
    max_attempts: int = Field(default=3, ge=1, le=100)

    @property
    def stop_seconds(self) -> int:
        """`docker stop` until SIGKILL: the grace, and the last upload after it."""
        return self.grace_seconds + (LAST_UPLOAD_SECONDS if self.store else 0)


def compose_plan(
    image: str, command: tuple[str, ...], *, service: str, checkpoints: str | None, store: str | None, **numbers: int
) -> ComposePlan:
    """Raises  UsageError: blank, or nothing that could be; which option, and what would do"""
    for option, text in [("--image", image), ("--name", service), ("--checkpoints", checkpoints), ("--store", store)]:
        if text is not None:
            _check_told(option, text)
    for place, word in enumerate(command, 1):
        if not word.strip():
            raise UsageError(
                f"word {place} of the command is blank", hint="a variable that the shell did not know? Say it in full"
            )
    if not command:
        raise UsageError("no command", hint="spotwarden jobs compose --image IMAGE -- python train.py")
    if not _IMAGE.fullmatch(image):
        raise UsageError(f"--image {image[:80]!r}: is no image", hint="such as --image registry.example/model:1.4")
    if not _NAME.fullmatch(service):
        raise UsageError(f"--name {service[:80]!r}: is no service's name", hint="letters, digits, . _ -")
    if store and not checkpoints:
        raise UsageError("--store without --checkpoints: nothing says what to store", hint="add --checkpoints VOL:PATH")
    if store:
        _check_store(store)
    kept = _volume(checkpoints) if checkpoints else None
    return ComposePlan(service=service, image=image, command=command, checkpoints=kept, store=store, **numbers)


def _check_told(option: str, text: str) -> None:
    if not text.strip():
        raise UsageError(f"{option} is blank", hint="a variable that the shell did not know? Say it in full")
    if "$" in text:
        raise UsageError(
            f"{option} {text[:80]!r}: has a variable in it, which Compose fills in, with nothing where it is not set",
            hint="say it in full",
        )
    if not text.isprintable():
        raise UsageError(f"{option} {text[:80]!r}: has characters that are not printable", hint="say it in full")


def _check_store(store: str) -> None:
    try:
        found = in_s3(store)
    except BadRequest as trouble:
        raise UsageError(trouble.message, hint="such as --store s3://acme-checkpoints/nightly") from None
    if found is None:
        raise UsageError(
            f"--store {store[:80]!r}: in a container a directory is not what outlives the instance",
            hint="such as --store s3://acme-checkpoints/nightly",
        )


def _volume(text: str) -> tuple[str, str]:
    source, colon, target = text.partition(":")
    known = _NAME.fullmatch(source) or source.startswith("/")
    if not colon or not known or not target.startswith("/") or ":" in target or target.strip("/") == "":
        raise UsageError(
            f"--checkpoints {text[:80]!r}: is not VOLUME:PATH",
            hint="such as --checkpoints checkpoints:/app/checkpoints, or /mnt/efs/job:/app/checkpoints",
        )
    return source, target


def render_compose(plan: ComposePlan) -> str:
    """The file, with its warning; checked by our own reading of it before anybody sees it."""
    document = CommentedMap(services={plan.service: _service(plan)})
    if plan.checkpoints is not None and not plan.checkpoints[0].startswith("/"):
        document["volumes"] = {plan.checkpoints[0]: {}}
    out = io.StringIO()
    yaml = YAML()
    yaml.width = 10_000
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.dump(document, out)
    text = _HEADER + out.getvalue()
    faults = compose_faults(text, grace_seconds=plan.grace_seconds)
    if faults:
        raise DataError(f"the rendered file has faults: {'; '.join(faults)}", hint="tell us, with the command line")
    return text


def _service(plan: ComposePlan) -> CommentedMap:
    guard = ["python3", GUARD]
    guard += ["--checkpoints", plan.checkpoints[1]] if plan.checkpoints else []
    guard += ["--store", plan.store] if plan.store else []
    policy = {"condition": "on-failure", "delay": f"{plan.delay_seconds}s", "max_attempts": plan.max_attempts}
    return CommentedMap(
        image=Quoted(plan.image),
        entrypoint=_words(*guard, "--"),
        command=_words(*plan.command),
        restart=Quoted(f"on-failure:{plan.max_attempts}"),
        deploy={"restart_policy": policy},
        stop_grace_period=f"{plan.stop_seconds}s",
        volumes=[
            _mount("./spotwarden_guard.pyz", GUARD, read_only=True),
            *([_mount(*plan.checkpoints)] if plan.checkpoints else []),
        ],
    )


def _words(*words: str) -> CommentedSeq:
    """On one line, each quoted; $$ is how Compose writes a $."""
    found = CommentedSeq([Quoted(word.replace("$", "$$")) for word in words])
    found.fa.set_flow_style()
    return found


def _mount(source: str, target: str, *, read_only: bool = False) -> dict[str, Any]:
    kind = "bind" if source.startswith(("/", ".")) else "volume"
    mount = {"type": kind, "source": Quoted(source), "target": Quoted(target)}
    return {**mount, "read_only": True} if read_only else mount


def compose_faults(text: str, *, grace_seconds: int = 120) -> tuple[str, ...]:
    """What keeps the services of a Compose file from outliving an interruption as they should, in words; () = nothing.

    Raises  DataError: it is no Compose file
    """
    try:
        document = YAML(typ="safe", pure=True).load(text)
        services = dict(document["services"] or {})
        found = tuple(
            f"{name}: {fault}" for name, service in services.items() for fault in _faults(service, grace_seconds)
        )
        if not services:
            raise DataError("no Compose file: it has no services", hint=_SERVICES)
    except (YAMLError, AttributeError, TypeError, KeyError, ValueError) as error:
        raise DataError(f"no Compose file: {str(error)[:200]}", hint=_SERVICES) from None
    return found


def _faults(service: dict[str, Any], grace_seconds: int) -> list[str]:
    found = []
    deploy = (service.get("deploy") or {}).get("restart_policy") or {}
    restart = str(service.get("restart", "no"))
    conditions = {c for c in (deploy.get("condition"), restart.partition(":")[0]) if c not in (None, "no")}
    entrypoint = service.get("entrypoint") or []
    guarded = isinstance(entrypoint, list) and any("spotwarden" in str(word) for word in entrypoint)
    if conditions - {"on-failure"} or not conditions:
        found.append(f"restart {', '.join(sorted(conditions)) or 'no'}: on-failure is what tells a crash from an end")
    if not guarded:
        found.append("guard is not its entrypoint: a job that ends with 0 at SIGTERM never makes on-failure fire")
    if deploy.get("delay") and restart == "no":
        found.append("deploy.restart_policy.delay holds for Swarm only, and restart is not there for plain Compose")
    if (stop := _seconds(service.get("stop_grace_period", "10s"))) is None or stop < grace_seconds:
        found.append(
            f"stop_grace_period {service.get('stop_grace_period', '10s (default)')}: less than {grace_seconds} s"
        )
    for key in ("image", "entrypoint", "command"):
        words = service.get(key)
        found += [
            f"{key} {str(word)[:80]!r}: blank, or filled in by Compose with what may be nothing"
            for word in (words if isinstance(words, list) else [] if words is None else [words])
            if not str(word).strip() or "$" in str(word).replace("$$", "")
        ]
    return found


def _seconds(text: object) -> int | None:
    parts = _DURATION.fullmatch(str(text))
    if parts is None or not any(parts.groups()):
        return None
    hours, minutes, seconds = (int(part or 0) for part in parts.groups())
    return hours * 3600 + minutes * 60 + seconds
