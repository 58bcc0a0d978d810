"""Whom a policy speaks about. Three answers: yes, no, and not known because a fact is missing."""

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

from policies.records import Facts
from policies.rules import AndFilter, Filter, NotFilter, OrFilter, TagFilter, ValueFilter

Match = Callable[[Facts], bool | None]
"""None = a fact is missing"""


def matcher(filters: tuple[Filter, ...]) -> Match | None:
    """All of the filters; None = there are none, and everything matches."""
    parts = tuple(_one(f) for f in filters)
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else _all_of(parts)


def facts_named(filters: tuple[Filter, ...]) -> tuple[str, ...]:
    """The facts that the filters look at, for saying which one is missing."""
    names: list[str] = []
    for f in filters:
        if isinstance(f, TagFilter):
            names.append("tags")
        elif isinstance(f, ValueFilter):
            tag = f.key.startswith("tag:")
            names.append("tags" if tag else "mixed_instances" if f.key == "MixedInstancesPolicy" else f.key)
        else:
            names.extend(facts_named(_inner(f)))
    return tuple(dict.fromkeys(names))


def tags_named(filters: tuple[Filter, ...]) -> tuple[str, ...]:
    """Keys of the tags that the filters look at."""
    keys: list[str] = []
    for f in filters:
        if isinstance(f, TagFilter):
            keys.append(f.tag)
        elif isinstance(f, ValueFilter):
            keys.extend([f.key[4:]] if f.key.startswith("tag:") else [])
        else:
            keys.extend(tags_named(_inner(f)))
    return tuple(dict.fromkeys(keys))


def _inner(f: AndFilter | OrFilter | NotFilter) -> tuple[Filter, ...]:
    if isinstance(f, AndFilter):
        return f.and_
    return f.or_ if isinstance(f, OrFilter) else f.not_


def _one(f: Filter) -> Match:
    if isinstance(f, TagFilter):
        return _tag(f.tag, f.value)
    if isinstance(f, ValueFilter):
        return _value(f)
    parts = tuple(_one(p) for p in _inner(f))
    if isinstance(f, OrFilter):
        return _any_of(parts)
    return _all_of(parts) if isinstance(f, AndFilter) else _not(_all_of(parts))


def _all_of(parts: tuple[Match, ...]) -> Match:
    def match(facts: Facts) -> bool | None:
        answer: bool | None = True
        for part in parts:
            said = part(facts)
            if said is False:
                return False
            if said is None:
                answer = None
        return answer

    return match


def _any_of(parts: tuple[Match, ...]) -> Match:
    def match(facts: Facts) -> bool | None:
        answer: bool | None = False
        for part in parts:
            said = part(facts)
            if said is True:
                return True
            if said is None:
                answer = None
        return answer

    return match


def _not(part: Match) -> Match:
    def match(facts: Facts) -> bool | None:
        said = part(facts)
        return None if said is None else not said

    return match


def _tag(key: str, wanted: str) -> Match:
    if wanted in ("present", "absent"):
        there = wanted == "present"
        return lambda facts: None if facts.tags is None else (key in facts.tags) is there
    return lambda facts: None if facts.tags is None else facts.tags.get(key) == wanted


def _value(f: ValueFilter) -> Match:
    compare = _comparison(f)
    if f.key.startswith("tag:"):
        tag = f.key[4:]
        return lambda facts: None if facts.tags is None else compare(facts.tags.get(tag))
    if f.key == "MixedInstancesPolicy":
        return lambda facts: _if_known(_has_mix(facts), f.value == "present")
    if f.value in ("present", "absent"):
        return lambda facts: None if getattr(facts, f.key) is None else f.value == "present"

    def match(facts: Facts) -> bool | None:
        value = getattr(facts, f.key)
        return None if value is None else compare(value)

    return match


def _has_mix(facts: Facts) -> bool | None:
    """No action of ours gives a mix to a fleet without one: a mix after is a mix before."""
    return True if facts.mix_after is not None else facts.mixed_instances


def _if_known(value: bool | None, wanted: bool) -> bool | None:
    return None if value is None else value is wanted


def _comparison(f: ValueFilter) -> Callable[[Any], bool]:  # noqa: C901, PLR0911 - one line for each op
    wanted: Any = f.value
    match f.op:
        case "eq" | "equal":
            if wanted in ("present", "absent"):
                return lambda v: (v is not None) is (wanted == "present")
            return lambda v: bool(v == wanted)
        case "ne" | "not-equal":
            return lambda v: bool(v != wanted)
        case "gt" | "greater-than":
            return lambda v: v is not None and v > wanted
        case "ge" | "gte":
            return lambda v: v is not None and v >= wanted
        case "lt" | "less-than":
            return lambda v: v is not None and v < wanted
        case "le" | "lte":
            return lambda v: v is not None and v <= wanted
        case "in":
            return lambda v: v in wanted
        case "ni" | "not-in":
            return lambda v: v not in wanted
        case "glob":
            return lambda v: v is not None and fnmatchcase(v, wanted)
        case _:
            return lambda v: v is not None and wanted in v
