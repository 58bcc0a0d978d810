"""A policy document is read whole or not at all, and what is wrong with it has a file and a line."""

import json
from pathlib import Path

import pytest

from policies.articles import Document
from policies.document import OBSERVE_ONLY, PRESETS, load_policy, parse_policy, preset
from policies.expressions import tags_in
from policies.records import RESOURCES
from policies.schema import document_schema
from policies.yaml_text import MAX_DEPTH, read_yaml
from tests.policies.cases import WHOLE, policy, rule
from tools.errors import PolicyError
from tools.records import ACTION_TYPES

pytestmark = pytest.mark.accepts("DC-02", "P-15")


def refused(text: str) -> str:
    with pytest.raises(PolicyError) as caught:
        parse_policy(text, source="p.yaml")
    return caught.value.message


def keys_of(value, path=()):
    """Every key of the document that is a word of ours: names of windows are the author's."""
    if isinstance(value, dict):
        for key, below in value.items():
            if path != ("windows",):
                yield (*path, key)
            yield from keys_of(below, (*path, key))
    elif isinstance(value, tuple):
        for number, below in enumerate(value):
            yield from keys_of(below, (*path, number))


def changed(value, path, change):
    """A copy with `change` applied to the mapping that holds the path's last key."""
    if len(path) == 1:
        return change(dict(value), path[0])
    head, rest = path[0], path[1:]
    if isinstance(value, dict):
        return {k: changed(v, rest, change) if k == head else v for k, v in value.items()}
    return tuple(changed(v, rest, change) if n == head else v for n, v in enumerate(value))


TREE = read_yaml(WHOLE, source="whole.yaml").value
KEYS = list(keys_of(TREE))


def test_the_whole_vocabulary_is_read_and_told_in_prose():
    whole = parse_policy(WHOLE, source="whole.yaml")
    assert [p.name for p in whole.policies] == ["watch", "web", "batch", "notices"]
    prose = "\n".join(whole.describe())
    for word in ("on-demand base capacity stays at least 2", "earned: 14 days", "freeze", "never more than 5", "STOP"):
        assert word in prose
    assert whole.kill_switch == "~/STOP"


def test_the_target_document_is_read(data_dir: Path):
    path = data_dir.parent / "research" / "policy-example.yaml"
    if not path.is_file():
        pytest.skip("the target document is not beside the data")
    target = load_policy(path)
    assert {p.name for p in target.policies} == {"watch-everything", "web-canary-mix", "batch-night-autonomous"}
    assert target.escalation.quorum.replace_over_percent == ((20.0, 2),)


@pytest.mark.parametrize("path", KEYS, ids=[".".join(map(str, k)) for k in KEYS])
def test_a_typo_in_any_key_is_caught_and_named(path):
    key = path[-1]
    text = json.dumps(changed(TREE, path, lambda m, k: {f"x{n}" if n == k else n: v for n, v in m.items()}))
    message = refused(text)
    assert f"unknown key 'x{key}'" in message
    assert message.startswith("p.yaml:1: ")


@pytest.mark.parametrize("path", KEYS, ids=[".".join(map(str, k)) for k in KEYS])
def test_a_value_of_another_shape_is_refused_under_any_key(path):
    text = json.dumps(changed(TREE, path, lambda m, k: {**m, k: {"strange": [1]}}))
    assert "p.yaml:1: " in refused(text)


@pytest.mark.parametrize("path", KEYS, ids=[".".join(map(str, k)) for k in KEYS])
def test_no_key_is_ignored_taking_it_away_moves_the_digest_or_is_refused(path):
    text = json.dumps(changed(TREE, path, lambda m, k: {n: v for n, v in m.items() if n != k}))
    original = parse_policy(json.dumps(TREE), source="p.yaml")
    try:
        other = parse_policy(text, source="p.yaml")
    except PolicyError:
        return
    same = other.digest == original.digest
    defaults = {
        "mode",
        "currency",
        "timezone",
        "scale_in_protected",
        "filters",
        "per",
        "default",
        "approval_ttl",
        "from",
    }
    assert not same or path[-1] in defaults, "only a value that is the default may go unnoticed"


def test_an_unknown_key_has_its_line_its_place_and_the_nearest_name():
    text = "version: 1\npolicies:\n  - name: a\n    resource: aws.asg\n    capacity:\n      on_demand_bse: {min: 2}\n"
    assert (
        refused(text) == "p.yaml:6: unknown key 'on_demand_bse' under policies[0].capacity; nearest: 'on_demand_base'"
    )


def test_every_finding_is_told_on_its_own_line():
    message = refused("version: 1\nbudgts: []\nwindws: {}\n")
    assert [line.split(":")[1] for line in message.splitlines()] == ["2", "3"]


BOMB = "a: &a [x, x]\n" + "\n".join(f"{c}: &{c} [*{p}, *{p}]" for p, c in zip("abcdefgh", "bcdefghi", strict=True))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("version: 1\nversion: 1\n", "p.yaml:2: duplicate key 'version'"),
        ("version: 1\nprotect: {tags: [], tags: []}\n", "p.yaml:2: duplicate key 'tags' under protect"),
        (BOMB, "p.yaml:1: an anchor"),
        ("version: 1\nbudgets: *x\n", "p.yaml:2: an alias"),
        ("version: 1\ndefaults: {<<: {mode: observe}}\n", "p.yaml:2: a merge key"),
        ("version: !!int 1\n", "p.yaml:1: a tag"),
        ("version: !!python/object/apply:os.system [ls]\n", "p.yaml:1: a tag"),
        ("version: 1\n---\nversion: 1\n", "a second document"),
        ("%YAML 1.1\n---\nversion: 1\n", "a % directive"),
        ("version: 1\n? [a]\n: b\n", "p.yaml:2: a key that is not text"),
        ("version: [1\n", "not YAML"),
        ("version: 1\n\tpolicies: []\n", "not YAML"),
        ("version: 1\ndefaults: {mode: \x00}\n", "not YAML"),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "nested deeper"),
        ("# " + "x" * 300_000, "larger than"),
        ("version: [" + "1," * 30_000 + "]", "more than"),
        ("", "not a policy document"),
        ("- a", "not a policy document"),
        ("version: 2", "version"),
        ("version: yes", "version"),
        ("version: 1\naccounts: [{id: 012345678901, regions: [us-east-1]}]", "accounts[0].id"),
        ("version: 1\ndefaults: {timezone: Asia/Soul}", "no time zone is called 'Asia/Soul'"),
        ("version: 1\nbudgets: [{name: a, limit: 5 EUR, per: day, measure: added_cost}]", "not money in USD"),
        ("version: 1\nblast_radius: {cooldown_after_change: 30}", "a duration carries its unit"),
        ("version: 1\nwindows: {w: {from: 1:00, to: 2:00}}", "not a time of day"),
        ("version: 1\nwindows: {w: {days: [on]}}", "'on' is not one of"),
        ("version: 1\nwindows: {w: {dates: [2026-13-01]}}", "month must be"),
        ("version: 1\nprotect: {never: [delete-agg]}", "nearest: 'delete-asg'"),
        ("version: 1\nescalation: {approvers: [a], quorum: {default: 2}}", "approvers names 1"),
        ("version: 1\nbudgets: [{name: a, limit: .inf, per: day, measure: added_cost}]", "not money"),
        ("version: 1\nbudgets: [{name: a, limit: -1, per: day, measure: added_cost}]", "greater than or equal to 0"),
    ],
)
def test_what_is_not_plain_yaml_or_not_a_policy_is_refused(text, says):
    assert says in refused(text)


@pytest.mark.parametrize(
    ("extra", "says"),
    [
        ("    else: {type: approve}\n", "else answers limits and requires"),
        ("    when: facts.instnces < 4\n", "nearest: 'facts.instances'"),
        ("    when: action.desird_capacity == 4\n", "nearest: 'action.desired_capacity'"),
        ("    when: fact.instances < 4\n", "nearest: 'facts'"),
        ("    when: facts.instances == '4'\n", "never equal to text"),
        ("    when: facts.fleet == 4\n", "never equal to number"),
        ("    when: facts.instances < 'x'\n", "types do not fit"),
        ("    when: facts.instances + 1\n", "not true or false"),
        ("    when: facts.instances <\n", "not CEL"),
        ("    when: facts\n", "says nothing"),
        (f"    when: '{'1 == 1 && ' * 60}true'\n", "500"),
        ("    filters: [{type: value, key: instnces, value: 3}]\n", "nearest: 'instances'"),
        ("    filters: [{type: value, key: instances, value: '3'}]\n", "is a number"),
        ("    filters: [{type: value, key: instances, op: regex, value: '3'}]\n", "is not one of"),
        ("    filters: [{'tag:a': yes, 'tag:b': no}]\n", "unknown key"),
        ("    filters: [{'tag:a': true}]\n", "quote it"),
        ("    filters: [{and: []}]\n", "filters[0].and"),
        ("    capacity: {on_demand_base: {min: 3, max: 2}}\n", "max is below min"),
        ("    limits: {min_placement_score: 11}\n", "less than or equal to 10"),
    ],
)
def test_a_policy_that_cannot_be_meant_is_refused(extra, says):
    with pytest.raises(PolicyError, match=r"p\.yaml:[0-9]+: ") as caught:
        policy(rule(extra=extra))
    assert says in caught.value.message


@pytest.mark.parametrize(
    ("mode", "says"),
    [
        ("{type: autonomus}", "nearest: 'autonomous'"),
        ("{type: approve, window: nigt}", "no window is called 'nigt'; nearest: 'night'"),
        ("{type: approve, window: freeze}", "denies: it is a freeze"),
        ("{type: approve, on: interruption-notice}", "does not wait for a person"),
        ("{type: approve, requires: {observe_days: 3}}", "requires belongs to autonomous"),
    ],
)
def test_a_mode_that_cannot_be_meant_is_refused(mode, says):
    head = "windows: {night: {days: [mon]}, freeze: {dates: ['2026-11-26'], deny: all}}"
    with pytest.raises(PolicyError) as caught:
        policy(rule(mode=mode), head=head)
    assert says in caught.value.message


def test_an_unknown_action_is_refused_with_the_nearest():
    with pytest.raises(PolicyError, match=r"unknown action 'set-purchase-mx' .*nearest: 'set-purchase-mix'"):
        policy(rule(actions="[set-purchase-mx]"))


def test_two_policies_of_one_name_are_refused():
    with pytest.raises(PolicyError, match="'a' stands twice"):
        policy(rule() + rule())


def test_values_of_yaml_1_1_stay_text():
    tree = read_yaml("{a: no, b: 1:30, c: 2026-11-20, d: 0x1f, e: 012, f: on, g: null, h: 1.5}", source="t").value
    assert tree == {"a": "no", "b": "1:30", "c": "2026-11-20", "d": "0x1f", "e": 12, "f": "on", "g": None, "h": 1.5}


def test_the_digest_is_of_what_is_said_not_of_how_it_is_written(tmp_path: Path):
    one = parse_policy("version: 1\n# a comment\nprotect: {never: [delete-asg]}\n", source="a")
    two = parse_policy('"version": 1\nprotect:\n  never: ["delete-asg"]\n', source="b")
    assert one.digest == two.digest
    assert one.digest != parse_policy("version: 1\n", source="a").digest


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_valid_and_explains_itself(name):
    found = preset(name)
    assert found.describe()
    assert found.policies


def test_without_a_file_everything_is_only_observed():
    assert all(p.mode is not None and p.mode.type == "observe" for p in OBSERVE_ONLY.policies)


def test_a_file_that_cannot_be_read_is_a_policy_error(tmp_path: Path):
    with pytest.raises(PolicyError, match="cannot be read"):
        load_policy(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"version: 1\n# caf\xe9\n")
    with pytest.raises(PolicyError, match=r"latin\.yaml:2: not UTF-8"):
        load_policy(tmp_path / "latin.yaml")


def test_the_schema_knows_every_key_of_the_document():
    text = json.dumps(document_schema())
    for key in {k[-1] for k in KEYS if not k[-1].startswith(("tag:", "replace_over"))}:
        assert f'"{key}"' in text
    assert set(document_schema()["properties"]) == set(Document.model_fields)


@pytest.mark.accepts("P-15")
@pytest.mark.parametrize("word", ["terminate-instances", "set-purchase-mix", "delete-fleet", "run-instances"])
def test_a_notice_asks_only_to_save_drain_replace_and_resume(word):
    with pytest.raises(PolicyError, match=rf"p\.yaml:[0-9]+: no interruption notice asks for {word}.*nearest: "):
        policy(rule(mode="{type: autonomous, on: interruption-notice}", actions=f"[request-checkpoint, {word}]"))


@pytest.mark.parametrize(
    ("when", "nearest"),
    [
        ("action.kind != 'operate-instance'", "operate-instances"),
        ("action.operation != 'terminated'", "terminate"),
        ("facts.resource == 'aws.ec2-flet'", "aws.ec2-fleet"),
    ],
)
def test_a_word_that_a_field_never_has_is_refused(when, nearest):
    with pytest.raises(PolicyError, match=f"nearest: '{nearest}'"):
        policy(rule(extra=f'    when: "{when}"\n'))


@pytest.mark.parametrize("word", ACTION_TYPES)
def test_every_word_can_be_named_and_never_be_done(word):
    assert policy(rule(actions=f"[{word}]"), head=f"protect: {{never: [{word}]}}").compiled.rules[0].words == {word}


@pytest.mark.parametrize("resource", [*RESOURCES.values(), "any"])
def test_explaining_says_which_kind_of_fleet(resource):
    lines = " ".join(policy(rule().replace("aws.asg", resource)).describe())
    said = {"aws.asg": "Auto Scaling", "aws.ebs": "volumes", "aws.ebs-snapshot": "snapshots", "any": "fleets of any"}
    assert f"autonomous for {said.get(resource, '')}" in lines


@pytest.mark.accepts("P-16")
def test_the_blast_radius_that_nobody_wrote_is_told():
    (line,) = [line for line in policy(rule()).describe() if "max_instances_replaced" in line]
    assert "at most 50 % of the fleet and never more than 10 replaced in 1h, more asks" in line


@pytest.mark.parametrize(
    ("when", "keys"),
    [
        ("facts.tags['team'] == 'a'", ("team",)),
        ("facts.volume_tags['team'] == 'a'", ("team",)),
        ("'team' in facts.tags", ("team",)),
        ("has(facts.tags.team)", ("team",)),
        ("facts.tags.exists(k, k == 'team')", ("*",)),
        ("size(facts.tags) > 0", ("*",)),
        ("facts.zones > 1", ()),
    ],
)
def test_the_tags_that_an_expression_goes_by_are_known(when, keys):
    assert tags_in(when) == keys


@pytest.mark.parametrize(
    "extra",
    [
        "    filters: [{type: value, key: fleet, op: glob, value: 'batch-*'}]\n",
        "    when: facts.fleet == 'batch'\n",
    ],
)
def test_where_policies_go_by_a_fleets_name_the_tag_name_is_one_of_theirs(extra):
    (line,) = [line for line in policy(rule(extra=extra)).describe() if line.startswith("  tags:")]
    assert "Name" in line


def test_the_schema_knows_every_word_that_is_never_done():
    words = document_schema()["$defs"]["Protect"]["properties"]["never"]["items"]["enum"]
    assert {"terminate-outside-asg", "delete-asg", *ACTION_TYPES} <= set(words)
