"""The laws of judging, over random small documents, actions and facts."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.document import parse_policy
from policies.engine import decide
from policies.records import Facts
from tests.policies.cases import ACCOUNT, FACTS, MIX, NOW, WHOLE, action, facts
from tests.policies.reference import RANK, verdict

pytestmark = pytest.mark.accepts("DC-02", "P-15", "U-11")
FEW = settings(max_examples=150, deadline=None, derandomize=True)
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


@st.composite
def policies(draw, name):
    kind = draw(st.sampled_from(["observe", "approve", "autonomous", "autonomous", "autonomous"]))
    mode: dict = {"type": kind}
    made: dict = {"name": name, "resource": "aws.asg", "filters": draw(st.lists(any_filter, max_size=2)), "mode": mode}
    if kind == "autonomous" and draw(st.booleans()):
        mode["requires"] = {"approved_in_a_row": draw(st.integers(0, 3))}
    if draw(st.booleans()):
        made["capacity"] = {"on_demand_base": {"min": draw(st.integers(0, 3))}}
    if draw(st.booleans()):
        made["limits"] = {"min_placement_score": draw(st.integers(1, 10))}
    if ("limits" in made or "requires" in mode) and draw(st.booleans()):
        made["else"] = {"type": draw(st.sampled_from(["approve", "observe"]))}
    if draw(st.integers(0, 3)) == 0:
        made["when"] = f"facts.zones > {draw(st.integers(0, 3))}"
    made["actions"] = draw(st.lists(st.sampled_from(["set-purchase-mix", "set-desired-capacity"]), unique=True))
    return made


@st.composite
def documents(draw):
    made: dict = {**HEAD, "policies": [draw(policies(f"p{n}")) for n in range(draw(st.integers(0, 3)))]}
    if draw(st.booleans()):
        made["protect"] = {"tags": [{"key": "b", "value": "y"}]}
    if draw(st.booleans()):
        made["blast_radius"] = {"max_actions": {"count": draw(st.integers(0, 3)), "per": "1h"}}
    if draw(st.booleans()):
        made["budgets"] = [{"name": "extra", "limit": draw(st.integers(0, 5)), "per": "day", "measure": "added_cost"}]
    return made


def known(strategy, weight=5):
    """Mostly known."""
    return st.one_of(*[strategy] * weight, st.none())


@st.composite
def worlds(draw):
    base = st.integers(0, 3).map(lambda n: {**MIX, "on_demand_base_capacity": n})
    return {
        **FACTS,
        "tags": draw(known(st.dictionaries(st.sampled_from("ab"), st.sampled_from("xy")))),
        "kill_switch": draw(st.sampled_from([False] * 6 + [True, None])),
        "audit_verified": draw(st.sampled_from([True] * 6 + [False, None])),
        "scale_in_protected": draw(known(st.sampled_from([0, 0, 0, 1]))),
        "placement_score": draw(known(st.integers(1, 10))),
        "zones": draw(known(st.integers(0, 4))),
        "mix_after": draw(known(base)),
        "added_cost_usd_per_day": draw(known(st.integers(-2, 5))),
        "track_record": {"approved_in_a_row": draw(known(st.integers(0, 4)))},
        "use": {
            "actions": draw(st.sampled_from([{}, {"1h": 0}, {"1h": 1}, {"1h": 2}])),
            "added_cost_usd": draw(st.sampled_from([{}, {"extra": 0}, {"extra": 2}])),
        },
    }


@st.composite
def requests(draw):
    parts = draw(
        st.sampled_from(
            [("on_demand_base_capacity",), ("desired_capacity",), ("on_demand_base_capacity", "desired_capacity")]
        )
    )
    return {p: draw(st.integers(0, 3)) for p in parts}


def judged(document: dict, request: dict, world: dict | Facts):
    known_facts = world if isinstance(world, Facts) else Facts.model_validate(world)
    wanted = action(**{"on_demand_base_capacity": None, **request})
    return decide(wanted, known_facts, parse_policy(json.dumps(document), source="random"), now=NOW)


@FEW
@given(documents(), requests(), worlds())
def test_the_engine_and_the_reference_agree(document, request, world):
    assert judged(document, request, world).verdict == verdict(document, request, world)


DENIALS = [
    lambda d: {**d, "protect": {"tags": [{"key": "a"}, {"key": "b"}]}},
    lambda d: {**d, "protect": {**d.get("protect", {}), "never": ["set-purchase-mix"]}},
    lambda d: {**d, "accounts": []},
    lambda d: {**d, "expires": "2026-01-01T00:00:00Z"},
    lambda d: {**d, "windows": {"freeze": {"dates": ["2026-11-19"], "deny": "all"}}},
    lambda d: {**d, "blast_radius": {"max_actions": {"count": 0, "per": "1h"}}},
    lambda d: {**d, "budgets": [{"name": "extra", "limit": 0, "per": "day", "measure": "added_cost"}]},
    lambda d: {**d, "policies": [{**p, "when": "1 == 2"} for p in d["policies"]]},
]


@FEW
@given(documents(), requests(), worlds(), st.sampled_from(DENIALS))
def test_adding_a_denial_never_allows_more(document, request, world, deny):
    assert RANK[judged(deny(document), request, world).verdict] <= RANK[judged(document, request, world).verdict]


@FEW
@given(documents(), requests(), worlds(), st.data())
def test_a_policy_that_only_denies_never_allows_more_where_something_was_named(document, request, world, data):
    """A new policy may turn «nobody names it» into its own word; where policies speak already, it only restricts."""
    before = judged(document, request, world)
    extra = {**data.draw(policies("extra")), "mode": {"type": "observe"}}
    extra.pop("else", None)
    after = judged({**document, "policies": [*document["policies"], extra]}, request, world)
    assert after.verdict != "allow" or before.verdict == "allow"


@FEW
@given(documents(), requests(), worlds(), st.randoms(use_true_random=False))
def test_the_order_of_policies_changes_nothing(document, request, world, random):
    shuffled = list(document["policies"])
    random.shuffle(shuffled)
    one, two = judged(document, request, world), judged({**document, "policies": shuffled}, request, world)
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
@given(documents(), requests(), worlds(), st.sampled_from(FIELDS))
def test_taking_a_fact_away_never_turns_into_allow(document, request, world, path):
    if judged(document, request, world).verdict != "allow":
        known_path = path if len(path) == 1 or path[1] in world[path[0]] else path[:1]
        assert judged(document, request, without(world, known_path)).verdict != "allow"


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
