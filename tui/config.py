"""Settings: flags > SPOTWARDEN_* > ./spotwarden.toml > XDG file. The only reader of the environment.

Standard library only: it stands on the way to `--help`.
"""

import os
import re
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from tools.errors import UsageError

if TYPE_CHECKING:
    from tools.records import Record

T = TypeVar("T", bound="Record")
PROJECT_FILE = Path("spotwarden.toml")
LANGUAGES = ("en", "ko")
MAX_CHARACTERS = 64 * 1024
_AWS = "unset AWS_ENDPOINT_URL and SPOTWARDEN_ENDPOINT_URL for AWS itself, or run: spotwarden demo --serve"
_FILE_KEYS = (
    "profile",
    "region",
    "db",
    "policy",
    "model",
    "model_prompt_usd",
    "model_completion_usd",
    "base_url",
    "endpoint_url",
    "lang",
    "ascii",
    "actor",
    "queue",
    "archive",
    "advisor",
)


_FILE_TABLES = ("monitor", "steady", "notify")
_FILE_LISTS = ("snapshots", "queues")
"""of tables: `[[snapshots]]`"""


VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(frozen=True)
class QueueRow:
    """One `[[queues]]` as it is written, and those variables of the environment that its `${NAME}` stand for."""

    values: Mapping[str, Any] = field(repr=False)
    variables: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True)
class Settings:
    """One frozen answer to «how shall I run», whatever it came from."""

    db: Path
    state_dir: Path
    profile: str | None = None
    region: str | None = None
    policy: Path | None = None
    model: str | None = None
    model_prompt_usd: str | None = None
    """USD per million tokens; without both prices a model's dollars are unknown, and tokens alone limit it"""
    model_completion_usd: str | None = None
    base_url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    endpoint_url: str | None = None
    queue: str | None = None
    archive: str | None = None
    advisor: str | None = None
    """where the Spot Advisor's bands come from: a file or an https address; None = AWS's own"""
    monitor: Mapping[str, Any] = field(default_factory=dict)
    """thresholds of alerts by name: tools.monitor.settings.MonitorSettings"""
    steady: Mapping[str, Any] = field(default_factory=dict)
    """when `run` leaves spot and comes back, by name: tools.fleets.steady_rules.SteadyRules"""
    snapshots: tuple[Mapping[str, Any], ...] = ()
    """schedules of `run`: tools.records.SnapshotSchedule each"""
    queues: tuple[QueueRow, ...] = ()
    """of spot workers: tui.queue_places reads them"""
    webhook: str | None = field(default=None, repr=False)
    """told of interruptions and what became of them; whoever has the address may write there, so it is a secret"""
    lang: str | None = None
    actor: str = "person"
    """who acts, for approvals and the audit: SPOTWARDEN_ACTOR, else the login name"""
    json: bool = False
    color: bool = True
    input: bool = True
    quiet: bool = False
    verbose: bool = False
    ascii: bool = False
    explicit_db: bool = False
    """a flag, variable or file named the journal"""
    explicit_policy: bool = False
    """a flag or variable named the policy, rather than a file that lies here"""

    @property
    def kill_switch(self) -> Path:
        """The file whose existence stops every change: `spotwarden run --stop` makes it."""
        return self.state_dir / "STOP"

    @property
    def archive_file(self) -> Path:
        """Prices, samples and events that were seen, kept beside the journal unless a setting names a file."""
        return Path(self.archive).expanduser() if self.archive else self.db.with_suffix(".archive.db")

    def price(self, key: str) -> Decimal | None:
        """One of the model's prices, USD per million tokens. Raises UsageError: not a number of 0 or more."""
        text = getattr(self, key)
        if text is None:
            return None
        try:
            amount = Decimal(text)
        except InvalidOperation:
            amount = Decimal(-1)
        if not amount.is_finite() or amount < 0:
            raise UsageError(f"{key} {text!r}: not a price", hint="USD per million tokens, such as 0.15")
        return amount

    @property
    def endpoint(self) -> str | None:
        """The endpoint to use instead of AWS's own.

        Raises  UsageError: not an address, or not on this machine; traffic with credentials goes to AWS or to a
                simulation only
        """
        if self.endpoint_url is None:
            return None
        try:
            parts = urlsplit(self.endpoint_url)
            is_address = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:  # a port or an IPv6 address that cannot be one
            is_address = False
        if not is_address:
            raise UsageError(f"endpoint {self.endpoint_url}: not an address such as http://127.0.0.1:5000", hint=_AWS)
        if parts.hostname not in {"127.0.0.1", "localhost", "::1"}:
            raise UsageError(f"endpoint {self.endpoint_url}: only a loopback address may stand in for AWS", hint=_AWS)
        return self.endpoint_url


def read_settings(flags: Mapping[str, Any], *, environment: Mapping[str, str] | None = None) -> Settings:
    """Merge flags (None = not given), environment and files.

    Raises  UsageError: a file that is not TOML, a key that is not ours, a value that cannot be one
    """
    env = os.environ if environment is None else environment
    home = Path(env.get("HOME", "~")).expanduser()
    state_dir = Path(env.get("XDG_STATE_HOME") or home / ".local/state") / "spotwarden"
    config_home = Path(env.get("XDG_CONFIG_HOME") or home / ".config") / "spotwarden"
    named = flags.get("config") or env.get("SPOTWARDEN_CONFIG")
    files = [Path(named)] if named else [f for f in (PROJECT_FILE, config_home / "config.toml") if f.exists()]
    values: dict[str, Any] = {}
    for file in reversed(files):
        values |= _read_file(file)
    values |= {k: env[f"SPOTWARDEN_{k.upper()}"] for k in _FILE_KEYS if env.get(f"SPOTWARDEN_{k.upper()}")}
    values.setdefault("endpoint_url", env.get("AWS_ENDPOINT_URL"))
    values.setdefault("base_url", env.get("OPENAI_BASE_URL"))
    values.setdefault("region", env.get("AWS_REGION"))  # botocore itself knows only AWS_DEFAULT_REGION
    values["api_key"] = env.get("OPENAI_API_KEY") or None
    webhook = _webhook(values.pop("notify", {}))
    values["queues"] = tuple(_queue_row(row, env) for row in values.get("queues", ()))
    values |= {k: v for k, v in flags.items() if v is not None and k != "config"}
    _check(values)
    db = values.pop("db", None)
    policy = values.pop("policy", None)
    values["color"] = values.get("color", True) and not env.get("NO_COLOR") and env.get("TERM") != "dumb"
    values["ascii"] = str(values.get("ascii", False)).lower() in {"1", "true", "yes"}
    values["actor"] = values.get("actor") or env.get("USER") or env.get("LOGNAME") or "person"
    known = {f.name for f in fields(Settings)}
    return Settings(
        db=Path(db).expanduser() if db else state_dir / "spotwarden.db",
        state_dir=state_dir,
        policy=Path(policy).expanduser()
        if policy
        else _first_existing(Path("spotwarden-policy.yaml"), config_home / "policy.yaml"),
        webhook=env.get("SPOTWARDEN_WEBHOOK") or webhook,
        explicit_db=db is not None,
        explicit_policy=bool(flags.get("policy") or env.get("SPOTWARDEN_POLICY")),
        **{k: v for k, v in values.items() if k in known},
    )


def check_text(what: str, value: str) -> None:
    """Text from outside that everything behind can hold: files, digests, SQLite, AWS.

    Raises  UsageError: too long, a NUL character, or bytes that are not UTF-8
    """
    trouble = ""
    if len(value) > MAX_CHARACTERS:
        trouble = f"{len(value):,} characters, at most {MAX_CHARACTERS:,}"
    elif "\0" in value:
        trouble = "holds a NUL character"
    elif not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value):
        trouble = "not UTF-8 text"
    if trouble:
        raise UsageError(f"{what} {value[:40]!r}: {trouble}", hint="give plain text; what is long belongs in a file")


def _check(values: Mapping[str, Any]) -> None:
    for key, value in values.items():
        if isinstance(value, str):
            check_text(key, value)
    if values.get("lang") not in {None, "", *LANGUAGES}:
        raise UsageError(f"lang {values['lang']!r}: not a language of ours", hint=" or ".join(LANGUAGES))


def _webhook(table: Mapping[str, Any]) -> str | None:
    """Out of [notify]; an error never shows it. Raises UsageError."""
    unknown = sorted(set(table) - {"webhook"})
    if unknown:
        raise UsageError(f"[notify]: unknown key {unknown[0]!r}", hint="it holds webhook")
    address = table.get("webhook")
    if address is not None and not isinstance(address, str):
        raise UsageError("[notify]: webhook is not text in quotes", hint='write webhook = "https://..."')
    return address or None


def _queue_row(row: Mapping[str, Any], env: Mapping[str, str]) -> QueueRow:
    named = VARIABLE.findall(str(row.get("url")))
    return QueueRow(row, {name: env[name] for name in named if env.get(name)})


def _first_existing(*paths: Path) -> Path | None:
    return next((p for p in paths if p.exists()), None)


def _read_file(path: Path) -> dict[str, Any]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", hint="name a file that exists with --config") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not TOML: {error}", hint="see docs/configuration.md for an example") from None
    known = (*_FILE_KEYS, *_FILE_TABLES, *_FILE_LISTS)
    unknown = sorted(set(document) - set(known))
    if unknown:
        raise UsageError(f"{path}: unknown key {unknown[0]!r}", hint="known keys: " + ", ".join(known))
    for key, value in document.items():
        if key in _FILE_TABLES:
            if not isinstance(value, dict):
                shown = "something else" if key == "notify" else repr(value)  # it may be the secret address
                raise UsageError(f"{path}: {key} is {shown}, not a table", hint=f"write [{key}] and its keys below")
        elif key in _FILE_LISTS:
            if not (isinstance(value, list) and all(isinstance(row, dict) for row in value)):
                shown = "something else" if key == "queues" else repr(value)  # a password may stand in it
                raise UsageError(f"{path}: {key} is {shown}, not tables", hint=f"write [[{key}]] and its keys below")
            document[key] = tuple(value)
        elif not isinstance(value, bool if key == "ascii" else str):
            wanted = "true or false" if key == "ascii" else "text in quotes"
            raise UsageError(f"{path}: {key} is {value!r}, not {wanted}", hint=f"write {key} = …, {wanted}")
    return document


def read_table(name: str, values: Mapping[str, Any], model: type[T]) -> T:
    """A table of the settings file as its record. Raises UsageError: a key or a value that cannot be."""
    from pydantic import ValidationError

    from tools.tool import explain

    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        raise UsageError(f"[{name}]: {explain(error)}", hint="it holds " + ", ".join(model.model_fields)) from None


def is_terminal() -> bool:
    """True when a person is at both ends; the screens are drawn on stderr, as Textual does."""
    return sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty()


def settings_of(context: Any) -> Settings:
    """What the front door put on a command's context."""
    settings: Settings = context.obj
    return settings
