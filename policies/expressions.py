"""`when:` — CEL expressions over the facts, the action and the moment. Compiled once, checked when loaded.

Anything but `true` denies: false, an error, another type. A fact that an expression names and that is not
known asks first, so that no expression ever sees a null where it expects a number.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from policies.parts import near
from policies.records import Facts, TrackRecord, WindowUse
from tools.records import ACTION_KINDS, PurchaseMix

MAX_LENGTH = 500
_ROOTS = ("facts", "action", "now")
_ACTIONS: tuple[type[BaseModel], ...] = ACTION_KINDS
_TEXT = re.compile(r"""r?"(?:\\.|[^"\\])*"|r?'(?:\\.|[^'\\])*'""")
_PATH = re.compile(r"(?<![\w.])(facts|action)((?:\.[A-Za-z_]\w*)*)(?!\w)")
_MACROS = re.compile(r"\.(?:all|exists|exists_one|map|filter)\s*\(")
_EQUALS = re.compile(r"(facts|action)((?:\.[A-Za-z_]\w*)+)\s*[!=]=\s*(\"|'|-?[0-9]|true\b|false\b)")
_TAG = re.compile(r"""tags\s*(?:\[\s*["']([^"']+)["']\s*\]|\.(\w+))""")
_TAGS = re.compile(
    r"""(?:(["'])([^"']+)\1\s+in\s+)?\bfacts\.(?:volume_)?tags\b(?:\s*\[\s*["']([^"']+)["']\s*\]|\.(\w+)(?!\w*\s*\())?"""
)


def tags_in(source: str) -> tuple[str, ...]:
    """Keys of the tags that an expression goes by; «*» where it looks at tags without naming one."""
    keys = (within or quoted or bare or "*" for _, within, quoted, bare in _TAGS.findall(source))
    return tuple(dict.fromkeys(keys))


def names_fleet(source: str) -> bool:
    """Whether an expression goes by the fleet's name, which may be a tag."""
    return "facts.fleet" in {".".join(m.group().split(".")[:2]) for m in _PATH.finditer(_TEXT.sub('""', source))}


class Expression:
    """One `when:`, ready to be asked.

    Raises  ValueError when made: too long, not CEL, an unknown name (with the nearest), a comparison that can
            never hold, a value that is not true or false
    """

    def __init__(self, source: str) -> None:
        self.source = source
        if len(source) > MAX_LENGTH:
            raise ValueError(f"when: {len(source)} characters, at most {MAX_LENGTH}")
        bare = _TEXT.sub('""', source)
        self.paths = tuple(dict.fromkeys((m[1], *m[2].split(".")[1:]) for m in _PATH.finditer(bare)))
        self._check_names(bare)
        self._check_equals(source)
        self.program = _compiled(source)
        self._check_variables()
        self._try_out()

    @cached_property
    def needed_facts(self) -> tuple[tuple[str, ...], ...]:
        """Paths below `facts` that must be known."""
        return tuple(p[1:] for p in self.paths if p[0] == "facts")

    def _check_names(self, bare: str) -> None:
        if len(_MACROS.findall(bare)) > 2:
            raise ValueError("when: more than two loops (all, exists, map, filter) in one expression")
        for path in self.paths:
            if len(path) == 1:
                raise ValueError(f"when: {path[0]} alone says nothing: name a field, such as {path[0]}.kind")
            if path[0] == "facts":
                _field_type(path, (Facts,))
            else:
                _field_type(path, _ACTIONS)

    def _check_equals(self, source: str) -> None:
        for found in _EQUALS.finditer(source):
            path = (found[1], *found[2].split(".")[1:])
            kinds = _kinds(_field_type(path, (Facts,) if path[0] == "facts" else _ACTIONS))
            literal = "text" if found[3] in "\"'" else "boolean" if found[3] in ("true", "false") else "number"
            if kinds and literal not in kinds:
                raise ValueError(f"when: {'.'.join(path)} is {' or '.join(sorted(kinds))}, never equal to {literal}")
            self._check_word(path, source[found.start(3) :])

    def _check_word(self, path: tuple[str, ...], rest: str) -> None:
        """A word that the field never has: «not equal» would hold for everything."""
        said, known = _TEXT.match(rest), _words(path)
        word = said.group().strip("\"'") if said else None
        if word is not None and known and word not in known:
            raise ValueError(f"when: {'.'.join(path)} is never {word!r}; nearest: {near(word, sorted(known))!r}")

    def _check_variables(self) -> None:
        loops = set(re.findall(r"\.(?:all|exists|exists_one|map|filter)\s*\(\s*([A-Za-z_]\w*)\s*,", self.source))
        for name in self.program.variables():
            if name not in _ROOTS and name not in loops:
                raise ValueError(f"when: no value is called {name!r}; nearest: {near(name, list(_ROOTS))!r}")

    def _try_out(self) -> None:
        """Run it once on made-up facts of the right types: a type error shows here and not at night."""
        tags = {a or b: "x" for a, b in _TAG.findall(self.source)}
        sample = {"facts": _sample(Facts) | {"tags": tags}, "now": datetime(2026, 1, 1, tzinfo=UTC)}
        sample["action"] = {k: v for model in _ACTIONS for k, v in _sample(model).items()}
        try:
            value = self.program.execute(sample)
        except TypeError as error:
            raise ValueError(f"when: types do not fit: {str(error).split('.')[0]}") from None
        except Exception:  # noqa: BLE001 - made-up values may well have no such key
            return
        if not isinstance(value, bool):
            raise ValueError(f"when: gives {type(value).__name__}, not true or false")  # noqa: TRY004 - a finding

    def holds(self, context: Any) -> bool:
        """True only for true. Raises whatever CEL raises: the caller denies."""
        return self.program.execute(context) is True


def _compiled(source: str) -> Any:
    import cel  # 9 ms of shared library that no `--help` needs

    try:
        return cel.compile(source)
    except Exception as error:  # noqa: BLE001 - the library's own kinds are not promised
        raise ValueError(f"when: not CEL: {str(error).splitlines()[0][:200]}") from None


def context_maker(expressions: tuple[Expression, ...]) -> Callable[[Any, Facts, datetime], Any]:
    """A function that builds one CEL context for several expressions, holding only what they name."""
    import cel

    paths = {p for e in expressions for p in e.paths}
    fact_names = tuple(sorted({p[1] for p in paths if p[0] == "facts"}))
    action_names = tuple(sorted({p[1] for p in paths if p[0] == "action"}))

    def make(action: Any, facts: Facts, now: datetime) -> Any:
        f, a = facts.__dict__, action.__dict__
        return cel.Context(
            {
                "facts": {n: _plain(f[n]) for n in fact_names},
                "action": {n: _plain(a[n]) for n in action_names if n in a},
                "now": now,
            }
        )

    return make


def _plain(value: Any) -> Any:
    kind = type(value)
    if kind is int or kind is str or kind is float or kind is bool or value is None:
        return value
    if kind is Decimal:
        return float(value)
    if isinstance(value, BaseModel):
        return {k: _plain(v) for k, v in value.__dict__.items()}
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, tuple | list) else value


def _field_type(path: tuple[str, ...], models: tuple[type[BaseModel], ...]) -> Any:
    """The annotation at the end of the path. Raises ValueError with the nearest name."""
    annotation: Any = None
    for depth, name in enumerate(path[1:], start=1):
        holders = [m for m in models if name in m.model_fields]
        if not holders:
            if depth > 1 and not models:
                return None  # below a mapping, such as a tag: any key
            known = sorted({f for m in models for f in m.model_fields})
            where = ".".join(path[: depth + 1])
            raise ValueError(f"when: unknown name {where!r}; nearest: {'.'.join((*path[:depth], near(name, known)))!r}")
        annotation = holders[0].model_fields[name].annotation
        models = tuple(t for t in _branches(annotation) if isinstance(t, type) and issubclass(t, BaseModel))
    return annotation


def _branches(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) is Annotated:
        return _branches(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return tuple(b for a in get_args(annotation) for b in _branches(a))
    return (annotation,)


def _words(path: tuple[str, ...]) -> set[str]:
    """Every word that a field may hold, over all kinds of actions; empty = any text."""
    models: tuple[type[BaseModel], ...] = (Facts,) if path[0] == "facts" else _ACTIONS
    if len(path) != 2:
        return set()
    words: set[str] = set()
    for model in models:
        field = model.model_fields.get(path[1])
        for branch in _branches(field.annotation) if field is not None else ():
            if get_origin(branch) is Literal:
                words.update(str(value) for value in get_args(branch))
            elif branch is not type(None):
                return set()
    return words


def _kinds(annotation: Any) -> set[str]:
    """text, number, boolean; empty = not a plain value."""
    kinds = set()
    for branch in _branches(annotation):
        values = get_args(branch) if get_origin(branch) is Literal else (branch,)
        for value in values:
            kind = value if isinstance(value, type) else type(value)
            if kind is bool:
                kinds.add("boolean")
            elif kind in (int, float, Decimal):
                kinds.add("number")
            elif kind is str:
                kinds.add("text")
            elif get_origin(branch) is not None or issubclass(kind, BaseModel):
                return set()
    return kinds


def _sample(model: type[BaseModel]) -> dict[str, Any]:
    return {name: _sample_value(field.annotation) for name, field in model.model_fields.items()}


def _sample_value(annotation: Any) -> Any:
    branch = next((b for b in _branches(annotation) if b is not type(None)), str)
    if branch in (WindowUse, TrackRecord, PurchaseMix) or (isinstance(branch, type) and issubclass(branch, BaseModel)):
        return _sample(branch)
    if get_origin(branch) is Literal:
        return get_args(branch)[0]
    origin = get_origin(branch) or branch
    made: dict[Any, Any] = {bool: True, int: 1, float: 1.0, Decimal: 1.0, str: "x", dict: {}, tuple: []}
    return made.get(origin, "x")
