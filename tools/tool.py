"""@tool: one function becomes one typed tool with a name, a schema, its IAM actions and an example.

Parameters annotated with a door of tools.cloud or tools.desk (CloudReader, Clock, …) come from the desk; the others
are the model's to fill.
A read tool returns a Record. A write tool only draws up an Action: nothing happens until it was judged.
"""

import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from tools.cloud import Clock, CloudReader
from tools.desk import AdvisorReader, Archive, AuditReader, Desk, QueueReader
from tools.errors import UsageError
from tools.records import KeepingSettings, Record

Effect = Literal["read", "write"]
MAX_ARGUMENT_BYTES = 64 * 1024
_FROM_DESK = {
    CloudReader: "reader",
    Clock: "clock",
    AuditReader: "audit",
    Archive: "archive",
    AdvisorReader: "advisor",
    KeepingSettings: "keeping",
    QueueReader: "queues",
}


@dataclass(frozen=True)
class Tool:
    """One line of the menu."""

    name: str
    summary: str
    effect: Effect
    iam: tuple[str, ...]
    arguments: type[BaseModel]
    example: dict[str, Any]
    run: Callable[..., Record]
    desk_fields: dict[str, str]

    def schema(self) -> dict[str, Any]:
        """Flat, strict JSON schema: every argument required, nothing else allowed, no defaults."""
        schema = self.arguments.model_json_schema()
        schema.pop("title", None)
        for field in schema.get("properties", {}).values():
            field.pop("title", None)
        return {**schema, "required": list(schema.get("properties", {})), "additionalProperties": False}

    def parse(self, text: str) -> BaseModel:
        """The model's argument text, once and strictly.

        Raises  UsageError: too long, not JSON, a key twice, an unknown or missing argument, a wrong type
        """
        if len(text.encode()) > MAX_ARGUMENT_BYTES:
            raise UsageError(f"{self.name}: arguments of {len(text.encode()):,} bytes, at most {MAX_ARGUMENT_BYTES:,}")
        try:
            value = json.loads(text or "{}", object_pairs_hook=_no_key_twice, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{self.name}: arguments are not JSON: {error}") from None
        if not isinstance(value, dict):
            raise UsageError(f"{self.name}: arguments are {type(value).__name__}, not an object")
        return self.validate(value)

    def validate(self, value: dict[str, Any]) -> BaseModel:
        try:
            return self.arguments.model_validate(value)
        except ValidationError as error:
            raise UsageError(f"{self.name}: {explain(error)}", hint=f"for example {json.dumps(self.example)}") from None

    def call(self, desk: Desk, arguments: BaseModel) -> Record:
        from_desk = {name: getattr(desk, field) for name, field in self.desk_fields.items()}
        return self.run(**from_desk, **dict(arguments))


def explain(error: ValidationError) -> str:
    """Pydantic's findings in one line, without the input, which may hold a secret."""
    found = error.errors(include_input=False, include_url=False)
    return "; ".join(f"{'.'.join(map(str, e['loc'])) or 'arguments'}: {e['msg']}" for e in found[:5])


def tool(*, effect: Effect, iam: tuple[str, ...], example: dict[str, Any]) -> Callable[[Callable[..., Record]], Tool]:
    """Make a Tool of a function; its docstring's first line is what the model reads.

    effect   read: only looks; write: returns an Action for the one way to write
    iam      the AWS actions behind it, from which `doctor --iam` writes least-privilege documents
    example  arguments that are valid: its test, its help, and the hint of its errors
    """

    def make(function: Callable[..., Record]) -> Tool:
        hints = get_type_hints(function, include_extras=True)
        parameters = inspect.signature(function).parameters
        desk_fields = {n: _FROM_DESK[hints[n]] for n in parameters if hints[n] in _FROM_DESK}
        fields: dict[str, Any] = {n: (hints[n], ...) for n in parameters if n not in desk_fields}
        arguments = create_model(
            f"{function.__name__}_arguments",
            __config__=ConfigDict(
                extra="forbid", frozen=True, allow_inf_nan=False, hide_input_in_errors=True, strict=False
            ),
            **fields,
        )
        summary = (inspect.getdoc(function) or "").split("\n\n")[0].replace("\n", " ")
        return Tool(function.__name__, summary, effect, iam, arguments, example, function, desk_fields)

    return make


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [k for k, _ in pairs]
    twice = next((k for k in keys if keys.count(k) > 1), None) if len(set(keys)) < len(keys) else None
    if twice is not None:
        raise ValueError(f"the key {twice!r} stands twice")
    return dict(pairs)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
