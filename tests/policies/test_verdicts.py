"""decide(): what each mode means, who is asked, what is reserved; and that it always answers."""

import pickle
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from policies.document import OBSERVE_ONLY, parse_policy, preset
from policies.engine import decide
from policies.records import Decision, Facts
from tests.policies.cases import NOW, REF, WHOLE, action, facts, policy, rule

pytestmark = pytest.mark.accepts("DC-02", "P-15", "U-11")
REPLACE = {"kind": "replace-instances", "fleet": REF, "instance_ids": ["i-0000000a"]}
SAVE = {"kind": "request-checkpoint", "fleet": REF, "job_id": "j", "bucket": "b", "notice_digest": "d"}
SAVE |= {"instance_ids": ["i-0000000a"]}


def of(wanted: dict):
    from tools.records import ACTION

    return ACTION.validate_python(wanted)


def judged(law, wanted=None, *, now=NOW, **changes) -> Decision:
    return decide(wanted or action(), facts(**changes), law, now=now)


def test_what_no_policy_names_is_denied_and_says_so():
    decision = judged(policy(rule(actions="[set-desired-capacity]")))
    assert decision.verdict == "deny"
    assert decision.reasons == ("no policy names set-purchase-mix for this fleet",)
    assert decision.policy is None


def test_every_part_of_an_action_must_be_named():
    decision = judged(policy(rule()), action(desired_capacity=3))
    assert decision.reasons == ("no policy names set-desired-capacity for this fleet",)
    both = policy(rule() + rule("b", actions="[set-desired-capacity]"))
    assert judged(both, action(desired_capacity=3)).verdict == "allow"


@pytest.mark.parametrize(("mode", "verdict"), [("observe", "deny"), ("approve", "ask"), ("autonomous", "allow")])
def test_a_mode_decides_when_nothing_else_speaks(mode, verdict):
    decision = judged(policy(rule(mode=f"{{type: {mode}}}")))
    assert (decision.verdict, decision.clauses, decision.mode) == (verdict, ("a/mode",), mode)


def test_observing_says_that_nothing_is_changed():
    assert judged(policy(rule(mode="{type: observe}"))).reasons == (
        "observe only: proposals are recorded, nothing is changed",
    )
    assert judged(OBSERVE_ONLY).verdict == "deny"


def test_a_policy_without_a_mode_has_the_documents():
    text = "  - {name: a, resource: aws.asg, actions: [set-purchase-mix]}\n"
    assert judged(policy(text)).mode == "observe"
    assert judged(policy(text, head="defaults: {mode: approve}")).verdict == "ask"


def test_deny_beats_ask_beats_allow_and_only_the_deciding_clauses_are_named():
    three = rule() + rule("b", mode="{type: approve}") + rule("c", extra="    capacity: {on_demand_base: {min: 9}}\n")
    decision = judged(policy(three))
    assert (decision.verdict, decision.clauses) == ("deny", ("c/capacity.on_demand_base",))
    assert {s.clause: s.verdict for s in decision.said}["b/mode"] == "ask"
    assert judged(policy(rule() + rule("b", mode="{type: approve}"))).clauses == ("b/mode",)


def test_protection_beats_every_policy_and_every_mode():
    law = policy(rule(), head="protect: {tags: [{key: workload, value: batch}]}")
    assert judged(law).clauses == ("protect.tags",)
    assert judged(policy(rule(), head="protect: {instance_ids: [i-0000000a]}")).verdict == "deny"


def test_else_answers_limits_and_requires_and_nothing_else():
    limit = "    limits: {min_placement_score: 9}\n    capacity: {on_demand_base: {min: 1}}\n"
    assert judged(policy(rule(extra=limit))).verdict == "deny"
    law = policy(rule(extra=limit + "    else: {type: approve}\n"))
    assert judged(law).verdict == "ask"
    assert judged(law, mix_after=None, placement_score=9).verdict == "ask"
    assert judged(law, mix_after={**facts().mix_after.model_dump(), "on_demand_base_capacity": 0}).verdict == "deny"


def test_autonomy_that_is_not_earned_asks_with_the_reason():
    law = policy(rule(mode="{type: autonomous, requires: {observe_days: 14}}"))
    decision = judged(law, track_record={"observed_days": 3.0})
    assert (decision.verdict, decision.reasons) == (
        "ask", ("not earned yet: observed_days is 3, 14 is required",),
    )  # fmt: skip


DRILLED = "{type: autonomous, requires: {drill_newer_than_days: 30, drill_ready_within_seconds: 600}}"


@pytest.mark.accepts("U-10")
@pytest.mark.parametrize(
    ("drill", "verdict", "reason"),
    [
        ({"drill_age_days": 3.0, "drill_ready_seconds": 118.0}, "allow", "mode autonomous"),
        ({"drill_age_days": 45.0, "drill_ready_seconds": 118.0}, "ask", "drill_age_days is 45, at most 30 is required"),
        ({"drill_age_days": 3.0, "drill_ready_seconds": 900.0}, "ask", "drill_ready_seconds is 900, at most 600 is"),
        ({"drill_ready_seconds": 118.0}, "ask", "fact missing: track_record.drill_age_days"),
        ({"drill_age_days": 3.0}, "ask", "fact missing: track_record.drill_ready_seconds"),
        ({}, "ask", "fact missing: track_record.drill_age_days"),
    ],
)
def test_autonomy_waits_for_an_interruption_that_was_measured_lately_and_was_quick(drill, verdict, reason):
    decision = judged(policy(rule(mode=DRILLED)), track_record=drill)
    assert decision.verdict == verdict
    assert reason in decision.reasons[0]


@pytest.mark.accepts("U-10")
def test_a_drill_that_is_not_known_asks_even_where_else_only_records():
    law = policy(rule(mode=DRILLED, extra="    else: {type: observe}\n"))
    assert judged(law, track_record={}).verdict == "ask"
    assert judged(law, track_record={"drill_age_days": 45.0, "drill_ready_seconds": 1.0}).verdict == "deny"


@pytest.mark.accepts("U-10")
def test_a_policy_that_wants_a_drill_says_so_in_prose():
    (line,) = [w for w in policy(rule(mode=DRILLED)).describe() if "earned" in w]
    assert "a measured interruption at most 30 days ago, its job working on within 600 s of the notice" in line


def test_an_expired_policy_or_document_denies():
    assert judged(policy(rule(extra="    expires: '2026-11-19T02:00:00Z'\n"))).reasons[0].startswith("expired")
    assert judged(policy(rule(), head="expires: '2026-11-19T02:00:00Z'")).clauses == ("expires",)


def test_outside_of_every_window_is_denied_inside_of_one_is_enough():
    head = "windows: {early: {from: '00:00', to: '01:00'}, night: {from: '02:00', to: '03:00'}}"
    law = policy(rule(mode="{type: autonomous, window: [early, night]}"), head=head)
    answers = [judged(law, now=NOW + timedelta(hours=h)).verdict for h in (-1, 0, 1)]
    assert answers == ["deny", "allow", "deny"]


@pytest.mark.parametrize("wanted", [REPLACE, SAVE])
def test_the_reflex_does_only_what_was_allowed_in_advance(wanted):
    named = "[replace-instances, request-checkpoint]"
    ordinary = policy(rule(actions=named))
    advance = policy(rule(mode="{type: autonomous, on: interruption-notice}", actions=named))
    assert judged(ordinary, of(wanted), actor="agent").verdict == "allow"
    assert judged(ordinary, of(wanted), actor="reflex").verdict == "deny"
    assert judged(advance, of(wanted), actor="reflex").verdict == "allow"
    assert judged(advance, of(wanted), actor="agent").verdict == "deny"


def test_the_reflex_is_held_by_protection_limits_and_freezes_but_not_by_rest():
    mode, named = "{type: autonomous, on: interruption-notice}", "[replace-instances]"
    for head, verdict in (
        ("protect: {tags: [{key: workload}]}", "deny"),
        ("blast_radius: {max_instances_replaced: {count: 1, per: 1h}}", "deny"),
        ("windows: {f: {dates: ['2026-11-19'], deny: all}}", "deny"),
        ("windows: {f: {dates: ['2026-11-19'], deny: changes}}", "allow"),
        ("blast_radius: {cooldown_after_change: 9h, max_concurrent_fleets: 1}", "allow"),
    ):
        law = policy(rule(mode=mode, actions=named), head=head)
        use = {**facts().use.model_dump(), "fleets_changing": 5}
        assert judged(law, of(REPLACE), actor="reflex", use=use).verdict == verdict, head


def test_a_fleet_rests_from_changes_but_is_copied_all_the_same():
    law = policy(rule(actions="[create-snapshots, set-purchase-mix]"), head="blast_radius: {cooldown_after_change: 9h}")
    copied = {"kind": "create-snapshots", "fleet": REF, "instance_id": "i-0000000a", "volume_ids": ["vol-00000001"]}
    copied |= {"exclude_boot_volume": False}
    assert judged(law).verdict == "deny"
    told = judged(law, of(copied))
    assert not [r for r in told.reasons if "rests" in r], "a set is one action an instance"


def test_a_price_that_is_unknown_does_not_hold_up_saving_a_checkpoint():
    head = "budgets: [{name: extra, limit: 1, per: day, measure: added_cost}]"
    law = policy(rule(mode="{type: autonomous, on: interruption-notice}", actions="[request-checkpoint]"), head=head)
    assert judged(law, of(SAVE), actor="reflex", added_cost_usd_per_day=None).verdict == "allow"


def test_what_is_allowed_is_reserved_with_ceilings_in_counts():
    head = (
        "budgets: [{name: extra, limit: 50, per: week, measure: added_cost}]\n"
        "blast_radius: {max_actions: {count: 6, per: 1h}, max_instances_replaced: {percent: 10, count: 9, per: 1h}}"
    )
    law = policy(rule(), head=head)
    taken = [(r.limit, r.measure, r.scope, r.amount, r.ceiling, r.window_seconds) for r in judged(law).reservations]
    assert taken == [
        ("extra", "added_cost_usd", "*", Decimal("10.5"), Decimal(50), 604_800),
        ("1h", "actions", "*", Decimal(1), Decimal(6), 3_600),
        ("1h", "instances_replaced", "asg/batch", Decimal(2), Decimal(4), 3_600),
    ]
    measured = {(m.name, m.measure, m.window_seconds, m.per_fleet) for m in law.measures(action(), facts())}
    assert measured == {
        ("1h", "actions", 3_600, False),
        ("1h", "instances_replaced", 3_600, True),
        ("extra", "added_cost_usd", 604_800, False),
    }
    assert judged(law, kill_switch=True).reservations == ()


def test_replacing_much_of_a_fleet_wants_more_people():
    law = policy(rule(mode="{type: approve}"), head="escalation: {quorum: {default: 1, replace_over_20_percent: 2}}")
    for replaced, people in ((8, 1), (9, 2), (None, 2), (0, 1)):
        assert judged(law, instances_replaced=replaced).quorum == people
    assert judged(law, desired_capacity=None).quorum == 2


def test_halting_turns_autonomy_into_asking_and_leaves_approvals_alone():
    head = "blast_radius: {halt_if: [{metric: failed_launches, over: 3, within: 15m}]}"
    assert judged(policy(rule(), head=head), failed_launches=4).verdict == "ask"
    approve = judged(policy(rule(mode="{type: approve}"), head=head), failed_launches=4)
    assert approve.clauses == ("a/mode",)


@pytest.mark.parametrize("when", ["1 / 0 == 1", "facts.tags['none'] == 'x'", "action.desired_capacity < 3", "1 == 2"])
def test_an_expression_that_fails_or_is_false_denies(when):
    assert judged(policy(rule(extra=f'    when: "{when}"\n'))).clauses == ("a/when",)


def test_an_expression_never_sees_the_facts_of_another_decision():
    law = policy(rule(extra="    when: facts.tags['team'] == 'data'\n"))
    known, wanted = facts(), action()
    assert decide(wanted, known, law, now=NOW).verdict == "allow"
    known.tags["team"] = "other"
    assert decide(wanted, known, law, now=NOW).verdict == "deny"


def test_it_always_answers_whatever_it_is_given():
    law = policy(rule())
    naive = decide(action(), facts(), law, now=datetime(2026, 11, 19))  # noqa: DTZ001 - that is the point
    assert (naive.verdict, naive.clauses) == ("deny", ("engine",))
    assert decide(None, facts(), law, now=NOW).verdict == "deny"
    assert decide(action(), None, law, now=NOW).verdict == "deny"
    assert decide(action(), Facts.model_construct(tags=3), law, now=NOW).verdict != "allow"
    assert decide(action(), facts(), law, now="today").verdict == "deny"
    assert decide(action(), facts(), None, now=NOW).verdict == "deny"


@pytest.mark.parametrize("changes", [{}, {"kill_switch": True}, {"placement_score": None}])
def test_a_decision_built_the_fast_way_is_a_decision_like_any_other(changes):
    fast = judged(parse_policy(WHOLE, source="whole"), **changes)
    slow = Decision.model_validate_json(fast.canonical())
    assert slow == fast
    assert slow.digest == fast.digest
    assert pickle.loads(pickle.dumps(fast)) == fast
    assert fast.judged_at.tzinfo is UTC


def test_a_moment_in_another_zone_is_the_same_moment():
    there = NOW.astimezone(datetime.fromisoformat("2026-01-01T00:00:00+09:00").tzinfo)
    assert judged(policy(rule()), now=there) == judged(policy(rule()))


def test_the_tour_has_one_rule_of_each_kind():
    tour = preset("tour")
    for workload, verdict in (("batch", "allow"), ("training", "ask"), ("api", "deny"), ("other", "deny")):
        tags = {"workload": workload, "checkpointed": "true"}
        use = {"actions": {"1h": 0}, "instances_replaced": {"1h": 0}, "added_cost_usd": {"extra-spend": "0"}}
        assert judged(tour, tags=tags, use=use).verdict == verdict, workload
    reflex = {"actor": "reflex", "tags": {"workload": "training", "checkpointed": "true"}, "use": use}
    assert judged(tour, of(REPLACE), **reflex, instances_replaced=1).verdict == "allow"
    assert judged(tour, of(SAVE), **reflex).verdict == "allow"
