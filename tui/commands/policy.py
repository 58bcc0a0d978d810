"""`spotwarden policy`: write, check, explain and try policies. Nothing here needs an account."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from tools.errors import PolicyError, UsageError
from tui.config import settings_of

if TYPE_CHECKING:
    from policies.document import Policy
    from policies.records import Decision
    from tui.config import Settings

app = typer.Typer(rich_markup_mode=None, no_args_is_help=True)
DEFAULT_FILE = Path("spotwarden-policy.yaml")
MAX_LINE_BYTES = 1024 * 1024
File = Annotated[Path | None, typer.Argument(help="policy file; default: --policy, the project's, XDG's")]


@app.callback()
def policy() -> None:
    """Write, check, explain and try policies."""


@app.command()
def init(
    preset: Annotated[str, typer.Argument(help="observe, approve, autonomous or tour")] = "observe",
    out: Annotated[Path, typer.Option("--out", "-o", help="where to write it")] = DEFAULT_FILE,
) -> None:
    """Write a policy to start from. An existing file is never overwritten."""
    from policies.document import preset_text

    text = preset_text(preset)
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{out} exists already: nothing was written", hint="name another file with --out") from None
    except OSError as error:
        raise UsageError(f"{out}: cannot be written: {error.strerror}", hint="name another file with --out") from None
    print(f"{out}: {preset}. Next: spotwarden policy explain --policy {out}")


@app.command()
def validate(ctx: typer.Context, file: File = None) -> None:
    """Check a policy file. Every finding is told with file, line and the nearest known name; exit 1."""
    from tui.output import emit, plain

    settings = settings_of(ctx)
    found = _policy(settings, file)
    result = {"ok": True, "source": found.source, "digest": found.digest, "policies": [p.name for p in found.policies]}
    names = ", ".join(p.name for p in found.policies) or "none: everything is denied"
    emit(
        settings, result, lambda: print(plain(f"{found.source}: valid. Policies: {names}. Digest {found.digest[:12]}"))
    )


@app.command()
def explain(ctx: typer.Context, file: File = None) -> None:
    """Read a policy file back in plain words: what holds for every write, and what each policy may do."""
    from tui.output import emit, plain

    settings = settings_of(ctx)
    found = _policy(settings, file)
    lines = found.describe()
    result = {"source": found.source, "digest": found.digest, "lines": list(lines)}
    emit(settings, result, lambda: print("\n".join(plain(line) for line in lines)))


@app.command()
def schema(
    decide_: Annotated[bool, typer.Option("--decide", help="of one input line of `policy decide`")] = False,
) -> None:
    """Print the JSON schema of policy files, or of one line for `policy decide`."""
    print(json.dumps(decide_schema() if decide_ else document_schema(), ensure_ascii=False, indent=2))


@app.command()
def decide(ctx: typer.Context) -> None:
    """Judge actions: one JSON object {"action", "facts", "now"} a line in, one verdict a line out.

    Whatever is wrong with a line, or with the policy file, is a deny with its reason: never an exit.
    """
    settings = settings_of(ctx)
    try:
        law: Policy | str = _policy(settings, None)
    except PolicyError as error:
        law = f"the policy is not valid: {error.message}"
        print(f"spotwarden: {error.message}\n  → every line is denied", file=sys.stderr, flush=True)
    answer_lines(sys.stdin.buffer, sys.stdout.buffer, law)


def _policy(settings: "Settings", file: Path | None) -> "Policy":
    from policies.document import OBSERVE_ONLY, load_policy

    path = file or settings.policy
    return OBSERVE_ONLY if path is None else load_policy(path)


def answer_lines(lines: BinaryIO, out: BinaryIO, law: "Policy | str") -> None:
    """Answer each line as soon as it is read, and flush.

    law  a valid policy; or why there is none, which denies every line
    """
    while True:
        line = lines.readline(MAX_LINE_BYTES + 1)
        if not line:
            return
        if len(line) > MAX_LINE_BYTES and not line.endswith(b"\n"):
            _skip_line(lines)
            verdict = _deny("input", f"a line of more than {MAX_LINE_BYTES:,} bytes")
        elif not line.strip():
            verdict = _deny("input", "an empty line: give one JSON object")
        else:
            verdict = answer(line, law)
        out.write(json.dumps(verdict, ensure_ascii=False).encode(errors="replace") + b"\n")
        out.flush()


def _skip_line(lines: BinaryIO) -> None:
    while True:
        piece = lines.readline(MAX_LINE_BYTES)
        if not piece or piece.endswith(b"\n"):
            return


def answer(line: bytes, law: "Policy | str") -> dict[str, Any]:
    """The verdict on one line. Total: whatever is wrong with the line denies, and says what."""
    from pydantic import ValidationError

    from policies.engine import decide as judge
    from tools.tool import explain as findings

    try:
        question = _question().model_validate_json(_checked(line), strict=True)
    except ValidationError as error:
        return _deny("input", findings(error))
    except (ValueError, RecursionError) as error:
        return _deny("input", f"not JSON: {error}")
    if isinstance(law, str):
        return _deny("policy", law)
    return _as_dict(judge(question.action, question.facts, law, now=question.now))


def _as_dict(decision: "Decision") -> dict[str, Any]:
    return {"verdict": decision.verdict, "clauses": list(decision.clauses), "reasons": list(decision.reasons)}


def _deny(clause: str, reason: str) -> dict[str, Any]:
    return {"verdict": "deny", "clauses": [clause], "reasons": [reason]}


def _checked(line: bytes) -> bytes:
    """The same bytes, once they are known to be plain JSON. Raises ValueError."""
    text = line.decode("utf-8")
    value = json.loads(text, object_pairs_hook=_no_key_twice, parse_constant=_no_constant, parse_float=_finite)
    if not isinstance(value, dict):
        raise ValueError(f"{type(value).__name__}, not an object")  # noqa: TRY004 - a line's value, not our types
    return line


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key[:60]!r} stands twice")
        found[key] = value
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number")


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError("a number beyond any fact")
    return value


def _question() -> Any:
    """The shape of one input line, made once."""
    if "shape" not in _MADE:
        from policies.records import Facts
        from tools.records import Action, Record, UtcTime

        class Question(Record):
            """One line of `policy decide`."""

            action: Action
            facts: Facts
            now: UtcTime

        Question.model_rebuild(_types_namespace={"Action": Action, "Facts": Facts, "UtcTime": UtcTime})
        _MADE["shape"] = Question
    return _MADE["shape"]


_MADE: dict[str, Any] = {}


def decide_schema() -> dict[str, Any]:
    """JSON schema of one input line of `policy decide`."""
    schema: dict[str, Any] = _question().model_json_schema()
    return schema


def document_schema() -> dict[str, Any]:
    """JSON schema of policy files."""
    from policies.schema import document_schema as made

    return made()
