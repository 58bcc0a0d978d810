"""The JSON schema of policy files, for editors: as people write them, with the short forms that reading accepts."""

from typing import Any, get_args

from policies.articles import Document
from policies.parts import Never
from policies.rules import ACTION_WORDS
from tools.records import ACTION_TYPES


def document_schema() -> dict[str, Any]:
    """Draft 2020-12. It says what keys and types there are; `policy validate` knows more than a schema can say."""
    schema = Document.model_json_schema(by_alias=True)
    parts = schema["$defs"]
    parts["TagFilter"] = {
        "type": "object",
        "description": "tag:NAME: the value wanted, or present, or absent",
        "patternProperties": {"^tag:.+$": {"type": "string"}},
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }
    parts["Quorum"] = {
        "type": "object",
        "properties": {"default": {"type": "integer", "minimum": 1, "maximum": 5}},
        "patternProperties": {"^replace_over_[0-9]{1,3}_percent$": {"type": "integer", "minimum": 1, "maximum": 5}},
        "additionalProperties": False,
    }
    actions = parts["PolicySpec"]["properties"]["actions"]
    actions["items"] = {"anyOf": [{"enum": list(ACTION_WORDS)}, actions["items"]]}
    parts["Protect"]["properties"]["never"]["items"] = {"enum": [*get_args(Never), *ACTION_TYPES]}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "spotwarden policy"}
