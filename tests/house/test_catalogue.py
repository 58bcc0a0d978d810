"""Every tool on the menu, before its author wrote a test."""

import json
import re

import pytest

from tools.catalog import CATALOG
from tools.errors import UsageError

NOT_OF_AWS = {"search_audit", "describe_queues"}
"""tools that look elsewhere: the journal, queue servers"""


@pytest.fixture(params=CATALOG, ids=lambda t: t.name)
def tool(request):
    return request.param


@pytest.mark.accepts("DC-01")
def test_a_tool_says_what_it_does_and_what_it_needs(tool):
    assert 10 < len(tool.summary) < 400
    assert tool.effect in {"read", "write"}
    assert all(re.fullmatch(r"[a-z0-9-]+:[A-Za-z]+", action) for action in tool.iam)
    assert tool.iam or tool.name in NOT_OF_AWS


def test_a_schema_is_flat_and_strict_and_has_no_defaults(tool):
    schema = tool.schema()
    assert schema["additionalProperties"] is False
    assert schema["required"] == list(schema["properties"])
    assert "default" not in json.dumps(schema)
    assert "$ref" not in json.dumps(schema)


def test_the_example_is_valid_and_an_extra_argument_is_not(tool):
    tool.parse(json.dumps(tool.example))
    with pytest.raises(UsageError, match=tool.name):
        tool.parse(json.dumps({**tool.example, "force": True}))


@pytest.mark.parametrize(
    ("text", "saw"),
    [("{", "not JSON"), ("[]", "not an object"), ('{"x":1,"x":2}', "stands twice"), ('{"x":NaN}', "not JSON")],
)
def test_broken_arguments_are_refused_with_what_was_seen(tool, text, saw):
    with pytest.raises(UsageError, match=saw):
        tool.parse(text)


def test_a_megabyte_of_arguments_is_refused(tool):
    with pytest.raises(UsageError, match="at most"):
        tool.parse(json.dumps({"fleet": "x" * 1_000_000}))


def test_names_are_unique_and_few_enough_for_a_model():
    """At most 20 of them are shown at once: tests/agent/models/test_menu.py."""
    names = [t.name for t in CATALOG]
    assert len(names) == len(set(names)) <= 29
