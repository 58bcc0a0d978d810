"""A cluster file against the JSON schema that the installed `ray` package ships. Ray itself is not imported."""

import difflib
import importlib.metadata
import importlib.util
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from tools.recovery.ray.cluster import PLACEHOLDER, Cluster
from tools.recovery.ray.findings import shown
from tools.recovery.ray.rule import Rule, Seen

RULES: list[Rule[Cluster]] = []
MISSING = "Ray's own schema and parser did not run: pip install 'spotwarden[cluster]'"


@cache
def ray_folder() -> Path | None:
    """Where the `ray` package is installed; None = it is not, or without its schema."""
    spec = importlib.util.find_spec("ray")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        if (Path(place) / "autoscaler" / "ray-schema.json").is_file():
            return Path(place)
    return None


def ray_version() -> str:
    return importlib.metadata.version("ray")


def _look(cluster: Cluster) -> Iterator[Seen]:
    folder = ray_folder()
    if folder is None or not cluster.data:
        return
    import jsonschema  # type: ignore[import-untyped]

    schema = json.loads((folder / "autoscaler" / "ray-schema.json").read_text(encoding="utf-8"))
    for error in jsonschema.Draft7Validator(schema).iter_errors(cluster.data):
        path = tuple(error.absolute_path)
        if error.validator == "additionalProperties" and isinstance(error.instance, dict):
            yield from _unknown(path, error.instance, error.schema)
        elif error.validator == "required" and isinstance(error.instance, dict):
            missing = [key for key in error.validator_value if key not in error.instance]
            # Ray fills a group's resources in from EC2's description of the type
            if missing != ["resources"] or not cluster.on_aws:
                yield Seen(path, f"without {', '.join(missing)}")
        elif not _open(error.instance) and not cluster.is_hole(path):
            kind = _kind(error.instance)
            told = kind if isinstance(error.instance, dict | list) else f"{shown(error.instance)}: {kind}"
            rule = error.validator_value if error.validator == "type" else f"{error.validator} {error.validator_value}"
            yield Seen(path, f"{told}, not {rule}")


def _unknown(path: tuple[str | int, ...], instance: dict[str, Any], schema: dict[str, Any]) -> Iterator[Seen]:
    known = list(schema.get("properties", ()))
    for key in instance:
        if key not in known and not schema.get("patternProperties"):
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
            fix = (
                f"did you mean {near[0]}?"
                if near
                else "take it out; a key of EC2 stands in a group's node_config, of AWS in provider"
            )
            yield Seen((*path, key), f"{shown(key)}: Ray knows no such key", fix=fix)


def _open(value: object) -> bool:
    """It stands for a variable: what it will be is not known."""
    return isinstance(value, str) and PLACEHOLDER.search(value) is not None


def _kind(value: object) -> str:
    names = {dict: "mapping", list: "list", str: "text", bool: "boolean", int: "number", float: "number"}
    return names.get(type(value), "null")


RULES.append(
    Rule(
        "schema",
        "error",
        None,
        "`ray up` checks the file against this schema and stops",
        "write it as the schema of this Ray wants it",
        _look,
    )
)
