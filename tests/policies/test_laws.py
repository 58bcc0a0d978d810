"""The laws of judging, over random small documents, actions and facts."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.document import parse_policy
from policies.engine import decide
from policies.records import Facts
from tests.policies.cases import ACCOUNT, FACTS, MIX, NOW, REF, WHOLE, action, facts
from tests.policies.reference import RANK, verdict
from tools.records import ACTION, ACTION_KINDS, ACTION_TYPES

pytestmark = pytest.mark.accepts("DC-02", "P-15", "U-11")
FEW = settings(max_examples=100, deadline=None, derandomize=True)
HEAD = {"version": 1, "accounts": [{"id": ACCOUNT, "regions": ["us-east-1"], "write_role": "current"}]}

tag_filter = st.builds(lambda k, v: {f"tag:{k}": v}, st.sampled_from("ab"), st.sampled_from("xy"))
any_filter = st.recursive(
    tag_filter,
    lambda f: st.one_of(
        st.builds(lambda fs: {"or": fs}, st.lists(f, min_size=1, max_size=2)),
        st.builds(lambda fs: {"not": fs}, st.lists(f, min_size=1, max_size=2)),
    ),
    max_leaves=3,
)


KINDS = ("asg", "ec2-fleet", "spot-fleet", "instance", "volume", "snapshot")
WORDS = ("aws.asg", "aws.ec2-fleet", "aws.spot-fleet", "aws.ec2", "aws.ebs", "aws.ebs-snapshot")
RESOURCES = dict(zip(KINDS, WORDS, strict=True))
ON_NOTICE = ["request-checkpoint", "deregister-targets", "replace-instances", "restore-checkpoint"]
LAUNCH = {"launch_template_id": "lt-00000001", "launch_template_version": 1}
ids = st.lists(st.sampled_from(["i-0000000a", "i-0000000b", "i-000000ff"]), min_size=1, max_size=2, unique=True)
some_tags = st.lists(st.sampled_from(["a", "b", "c", "spotwarden:x"]), max_size=2, unique=True).map(
    lambda keys: [{"key": k, "value": "y"} for k in keys]
)
few = st.integers(0, 3)
"""what each kind says besides its kind and its fleet"""
SAYS: dict[str, st.SearchStrategy] = {
    "change-fleet": st.dictionaries(
        st.sampled_from(["on_demand_base_capacity", "desired_capacity", "max_size", "instance_types"]),
        few,
        min_size=1,
    ).map(lambda d: {k: ["m5.large"] if k == "instance_types" else v for k, v in d.items()}),
    "replace-instances": st.fixed_dictionaries({"instance_ids": ids}),
    "request-checkpoint": st.fixed_dictionaries(
        {"job_id": st.just("j"), "bucket": st.just("b"), "instance_ids": ids, "notice_digest": st.just("d")}
    ),
    "restore-checkpoint": st.just(
        {"job_id": "j", "bucket": "b", "checkpoint_id": "c", "manifest_sha256": "0" * 64},
    ),
    "start-instance-refresh": st.just(
        {"min_healthy_percentage": 90, "instance_warmup_seconds": 60, "skip_matching": True}
    ),
    "cancel-instance-refresh": st.just({"instance_refresh_id": "r"}),
    "operate-instances": st.fixed_dictionaries(
        {
            "operation": st.sampled_from(
                ["stop", "terminate", "enter-standby", "exit-standby", "unprotect-from-scale-in"]
            ),
            "instance_ids": ids,
            "lower_desired_capacity": st.booleans(),
        }
    ),
    "create-fleet": st.fixed_dictionaries(
        {k: st.just(v) for k, v in LAUNCH.items()}
        | {
            "instance_types": st.just(["m5.large"]),
            "subnet_ids": st.just(["subnet-1"]),
            "fleet_type": st.just("maintain"),
            "total_target_capacity": few.map(lambda n: n + 3),
            "on_demand_target_capacity": few,
            "spot_allocation_strategy": st.just("price-capacity-optimized"),
            "on_demand_allocation_strategy": st.just("lowest-price"),
            "tags": some_tags,
        }
    ),
    "delete-fleet": st.fixed_dictionaries({"terminate_instances": st.booleans()}),
    "run-instances": st.fixed_dictionaries(
        {k: st.just(v) for k, v in LAUNCH.items()}
        | {
            "instance_type": st.just("m5.large"),
            "subnet_id": st.just("subnet-1"),
            "count": st.integers(1, 3),
            "purchase_option": st.sampled_from(["spot", "on-demand"]),
            "tags": some_tags,
        }
    ),
    "create-launch-template-version": st.just(
        {"launch_template_id": "lt-00000001", "source_version": 1, "instance_type": "m5.large"}
    ),
    "set-targets": st.fixed_dictionaries(
        {"target_group_arn": st.just("arn:t"), "instance_ids": ids, "registered": st.booleans()}
    ),
    "set-delete-on-termination": st.fixed_dictionaries(
        {
            "instance_id": st.sampled_from(["i-0000000a", "i-000000ff"]),
            "device_names": st.just(["/dev/xvda"]),
            "delete_on_termination": st.booleans(),
        }
    ),
    "create-snapshots": st.fixed_dictionaries(
        {
            "instance_id": st.sampled_from(["i-0000000a", "i-000000ff"]),
            "volume_ids": st.just(["vol-00000001"]),
            "exclude_boot_volume": st.booleans(),
        }
    ),
    "create-snapshot": st.just({"volume_id": "vol-00000001"}),
    "create-volume": st.fixed_dictionaries(
        {
            "snapshot_id": st.just("snap-00000001"),
            "zone_name": st.just("us-east-1a"),
            "volume_type": st.just("gp3"),
            "size_gib": st.integers(1, 9),
            "encrypted": st.booleans(),
            "tags": some_tags,
        }
    ),
    "attach-volume": st.fixed_dictionaries(
        {
            "volume_id": st.just("vol-00000001"),
            "instance_id": st.sampled_from(["i-0000000a", "i-000000ff"]),
            "device_name": st.just("/dev/sdf"),
        }
    ),
    "delete-volume": st.just({"volume_id": "vol-00000001"}),
    "delete-snapshot": st.just({"snapshot_id": "snap-00000001"}),
    "set-tags": st.one_of(
        some_tags.filter(bool).map(lambda tags: {"tags": tags}),
        st.sampled_from(["a", "c", "spotwarden"]).map(lambda key: {"remove": [key]}),
    ),
}


def test_every_kind_of_action_is_drawn():
    assert set(SAYS) == {kind.model_fields["kind"].default for kind in ACTION_KINDS}


@st.composite
def policies(draw, name):
    kind = draw(st.sampled_from(["observe", "approve", "autonomous", "autonomous", "autonomous"]))
    mode: dict = {"type": kind}
    made: dict = {"name": name, "filters": draw(st.lists(any_filter, max_size=2)), "mode": mode}
    made["resource"] = draw(st.sampled_from(["any", "any", *RESOURCES.values()]))
    if kind == "autonomous" and draw(st.integers(0, 3)) == 0:
        mode["on"] = "interruption-notice"
    if kind == "autonomous" and draw(st.booleans()):
        mode["requires"] = {"approved_in_a_row": draw(few)}
    if draw(st.booleans()):
        made["capacity"] = draw(
            st.sampled_from(
                [
                    {"on_demand_base": {"min": 2}},
                    {"desired": {"min": 1, "max": 3}},
                    {"on_demand_instances": {"min": 2}},
                ]
            )
        )
    if draw(st.booleans()):
        made["limits"] = draw(
            st.sampled_from(
                [
                    {"min_placement_score": 5},
                    {"max_risk": "medium"},
                    {"max_added_cost": {"amount": 2}},
                    {"max_instances_replaced": 1},
                ]
            )
        )
    if ("limits" in made or "requires" in mode) and draw(st.booleans()):
        made["else"] = {"type": draw(st.sampled_from(["approve", "observe"]))}
    if draw(st.integers(0, 3)) == 0:
        made["when"] = f"facts.zones > {draw(few)}"
    known_words = ON_NOTICE if "on" in mode else ACTION_TYPES
    left_out = draw(st.lists(st.sampled_from(known_words), unique=True, max_size=9))
    made["actions"] = [w for w in known_words if w not in left_out]
    return made


@st.composite
def documents(draw):
    made: dict = {**HEAD, "policies": [draw(policies(f"p{n}")) for n in range(draw(few))]}
    if draw(st.booleans()):
        made["protect"] = draw(
            st.sampled_from(
                [
                    {"tags": [{"key": "b", "value": "y"}]},
                    {"instance_ids": ["i-000000ff"]},
                    {"never": ["terminate-outside-asg", "delete-asg"]},
                    {"never": ["terminate-instances", "run-instances"]},
                ]
            )
        )
    made["blast_radius"] = {
        k: v
        for k, v in (
            ("max_actions", {"count": draw(few), "per": "1h"}),
            (
                "max_instances_replaced",
                draw(
                    st.sampled_from([{"count": 2}, {"percent": 25}, {"percent": 50, "count": 1}]).map(
                        lambda d: {**d, "per": "1h"}
                    )
                ),
            ),
        )
        if draw(st.booleans())
    }
    if draw(st.booleans()):
        made["budgets"] = [{"name": "extra", "limit": draw(st.integers(0, 5)), "per": "day", "measure": "added_cost"}]
    return made


def known(strategy, weight=5):
    """Mostly known."""
    return st.one_of(*[strategy] * weight, st.none())


@st.composite
def scenes(draw):
    """(action, facts) that fit together, as plain dicts."""
    kind = draw(st.sampled_from(sorted(SAYS)))
    fleet = {**REF, "kind": draw(st.sampled_from(KINDS))}
    if fleet["kind"] == "instance":
        fleet["fleet_id"] = draw(st.sampled_from(["i-0000000a", "i-000000ff"]))
    request = {"kind": kind, "fleet": fleet, **draw(SAYS[kind])}
    base = few.map(lambda n: {**MIX, "on_demand_base_capacity": n})
    world = {
        **FACTS,
        "actor": draw(st.sampled_from(["agent", "agent", "person", "reflex"])),
        "resource": RESOURCES[fleet["kind"]],
        "tags": draw(known(st.dictionaries(st.sampled_from("ab"), st.sampled_from("xy")))),
        "volume_tags": draw(known(st.dictionaries(st.sampled_from("ab"), st.sampled_from("xy")))),
        "superseded": draw(st.sampled_from([None, False, True])),
        "kill_switch": draw(st.sampled_from([False] * 9 + [True, None])),
        "audit_verified": draw(st.sampled_from([True] * 9 + [False, None])),
        "instance_ids": draw(known(st.sampled_from([(), (), ("i-0000000a",), ("i-000000ff",)]))),
        "scale_in_protected": draw(known(st.sampled_from([0, 0, 0, 1]))),
        "instances_replaced": draw(known(st.sampled_from([0, 1, 2, 11]))),
        "desired_capacity": draw(known(st.sampled_from([2, 4, 40]))),
        "desired_capacity_after": draw(known(st.integers(0, 4))),
        "on_demand_instances_after": draw(known(few)),
        "placement_score": draw(known(st.integers(1, 10))),
        "risk_after": draw(known(st.sampled_from(["low", "medium", "high", "unknown"]))),
        "zones": draw(known(st.integers(0, 4))),
        "mix_after": draw(known(base)),
        "added_cost_usd_per_day": draw(known(st.integers(-2, 5))),
        "track_record": {"approved_in_a_row": draw(known(st.integers(0, 4)))},
        "use": {
            "actions": draw(st.sampled_from([{}, {"1h": 0}, {"1h": 1}, {"1h": 2}])),
            "instances_replaced": draw(
                st.sampled_from([{}, {"1h": 0, "1h everywhere": 1}, {"1h": 1, "1h everywhere": 2}, {"1h": 8}])
            ),
            "added_cost_usd": draw(st.sampled_from([{}, {"extra": 0}, {"extra": 2}])),
        },
    }
    return request, world


def judged(document: dict, scene: tuple[dict, dict | Facts]):
    request, world = scene
    known_facts = world if isinstance(world, Facts) else Facts.model_validate(world)
    wanted = ACTION.validate_python(request)
    return decide(wanted, known_facts, parse_policy(json.dumps(document), source="random"), now=NOW)


@pytest.mark.accepts("P-16")
@settings(FEW, max_examples=300)
@given(documents(), scenes())
def test_the_engine_and_the_reference_agree(document, scene):
    assert judged(document, scene).verdict == verdict(document, *scene)


DENIALS = [
    lambda d: {**d, "protect": {"tags": [{"key": "a"}, {"key": "b"}]}},
    lambda d: {**d, "protect": {**d.get("protect", {}), "never": list(ACTION_TYPES[::2])}},
    lambda d: {**d, "accounts": []},
    lambda d: {**d, "expires": "2026-01-01T00:00:00Z"},
    lambda d: {**d, "windows": {"freeze": {"dates": ["2026-11-19"], "deny": "all"}}},
    lambda d: {**d, "blast_radius": {**d["blast_radius"], "max_actions": {"count": 0, "per": "1h"}}},
    lambda d: {**d, "blast_radius": {**d["blast_radius"], "max_instances_replaced": {"count": 0, "per": "1h"}}},
    lambda d: {**d, "budgets": [{"name": "extra", "limit": 0, "per": "day", "measure": "added_cost"}]},
    lambda d: {**d, "policies": [{**p, "when": "1 == 2"} for p in d["policies"]]},
]


@FEW
@given(documents(), scenes(), st.sampled_from(DENIALS))
def test_adding_a_denial_never_allows_more(document, scene, deny):
    assert RANK[judged(deny(document), scene).verdict] <= RANK[judged(document, scene).verdict]


@FEW
@given(documents(), scenes(), st.data())
def test_a_policy_that_only_denies_never_allows_more_where_something_was_named(document, scene, data):
    """A new policy may turn «nobody names it» into its own word; where policies speak already, it only restricts."""
    before = judged(document, scene)
    extra = {**data.draw(policies("extra")), "mode": {"type": "observe"}}
    extra.pop("else", None)
    after = judged({**document, "policies": [*document["policies"], extra]}, scene)
    assert after.verdict != "allow" or before.verdict == "allow"


@FEW
@given(documents(), scenes(), st.randoms(use_true_random=False))
def test_the_order_of_policies_changes_nothing(document, scene, random):
    shuffled = list(document["policies"])
    random.shuffle(shuffled)
    one, two = judged(document, scene), judged({**document, "policies": shuffled}, scene)
    assert one.model_dump(exclude={"policy_digest"}) == two.model_dump(exclude={"policy_digest"})


FIELDS = [(f,) for f in FACTS if f != "actor"] + [
    (outer, inner) for outer in ("use", "track_record") for inner in FACTS[outer]
]


def without(world: dict, path: tuple[str, ...]) -> Facts:
    if len(path) == 1:
        return Facts.model_validate({k: v for k, v in world.items() if k != path[0]})
    outer = {k: v for k, v in world[path[0]].items() if k != path[1]}
    return Facts.model_validate({**world, path[0]: outer})


@FEW
@given(documents(), scenes(), st.sampled_from(FIELDS))
def test_taking_a_fact_away_never_turns_into_allow(document, scene, path):
    request, world = scene
    if judged(document, scene).verdict != "allow":
        known_path = path if len(path) == 1 or path[1] in world[path[0]] else path[:1]
        assert judged(document, (request, without(world, known_path))).verdict != "allow"


WRONG = {
    "account_id": "999999999999", "region": "eu-west-3", "resource": "aws.ec2-fleet", "fleet": "other",
    "tags": {"workload": "batch", "checkpointed": "true", "team": "data", "keep": "1"}, "desired_capacity": 9,
    "mix_before": {**MIX, "on_demand_percentage_above_base": 90},
    "mix_after": {**MIX, "on_demand_base_capacity": 0}, "desired_capacity_after": 20, "on_demand_instances_after": 39,
    "zones": 1, "instance_ids": ["i-000000ff"], "scale_in_protected": 1, "instances_replaced": 5,
    "added_cost_usd_per_day": "45", "net_saving_usd_per_day": "0.5", "net_saving_basis": "list",
    "net_saving_after": [], "risk_after": "high", "placement_score": 2, "price_age_seconds": 9000.0,
    "verification": "escalate", "principal_arn": "arn:aws:iam::123456789012:user/me", "audit_verified": False,
    "kill_switch": True, "failed_launches": 9, "interruptions_per_100_instance_hours": 50.0,
    "use": {**FACTS["use"], "actions": {"1h": 6}},
    "track_record": {**FACTS["track_record"], "observed_days": 1.0},
}  # fmt: skip
BATCH = parse_policy(WHOLE, source="whole")
STEP = {
    "on_demand_base_capacity": 1,
    "on_demand_percentage_above_base": 25,
    "instance_types": ["m6i.large", "m5.large", "m7i.large"],
}


def test_the_whole_document_allows_on_good_facts():
    decision = decide(action(**STEP), facts(), BATCH, now=NOW)
    assert decision.verdict == "allow", decision.reasons
    assert decision.policy == "batch"


@pytest.mark.parametrize("field", sorted(WRONG))
def test_each_wrong_fact_stops_the_whole_document(field):
    assert decide(action(**STEP), facts(**{field: WRONG[field]}), BATCH, now=NOW).verdict != "allow"


@pytest.mark.parametrize("path", FIELDS, ids=[".".join(p) for p in FIELDS])
def test_each_missing_fact_that_a_clause_needs_is_asked_for_by_name(path):
    decision = decide(action(**STEP), without(FACTS, path), BATCH, now=NOW)
    unused = {("instances",), ("mixed_instances",), ("largest_pool_share_after",), ("risk_before",)}
    if path in unused:
        assert decision.verdict == "allow"
    else:
        assert decision.verdict == "ask"
        assert all("missing" in r for r in decision.reasons)
