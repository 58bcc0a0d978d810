"""Instance refreshes and tags of a group: every preference said, nobody else's taken for ours, two calls told apart."""

from collections.abc import Iterator

import pytest

from tests.contract.conftest import World
from tests.contract.ground_house import Hand, group, open_ground, open_hand, ref, row_of, writes
from tests.contract.trainers import HORIZON_SECONDS, NAME, cancel, put_back, put_tag, refresh, unprotect
from tools.errors import NotFound, UsageError
from tools.fleets.effects import effect_of
from tools.fleets.preview import draw_preview
from tools.records import SetTags, Tag


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with open_ground() as found:
        yield found


@pytest.fixture(autouse=True)
def hand(world: World, tmp_path) -> Iterator[Hand]:
    """Every test finds the group as the scenario laid it."""
    with open_hand(world, tmp_path) as found:
        yield found
    put_back(world)


# refreshes


def test_a_refresh_names_every_preference_and_counts_what_it_replaces(world, hand):
    (spared,) = unprotect(world).instance_ids
    action = refresh(world, min_healthy_percentage=90, instance_warmup_seconds=45)
    shown = draw_preview(world.reader, world.clock, action, group(world))
    assert len(shown.replaced_instances) == 3
    assert spared not in shown.replaced_instances
    assert any("1 instances that are protected" in w for w in shown.warnings)
    before, members = world.seen(), {i.instance_id for i in group(world).instances}
    assert hand.do(action).status == "done"
    (row,) = world.effects_since(before, "StartInstanceRefresh")
    said = {k.rpartition(".")[2]: v for k, v in row["parameters"].items() if k.startswith("Preferences")}
    assert said == {
        "MinHealthyPercentage": "90",
        "MaxHealthyPercentage": "100",
        "InstanceWarmup": "45",
        "SkipMatching": "false",
        "AutoRollback": "false",
        "ScaleInProtectedInstances": "Ignore",
        "StandbyInstances": "Ignore",
    }
    world.sim.advance(1800)
    newest = world.reader.instance_refreshes(group(world).ref)[0]
    assert (newest.status, newest.runs) == ("Successful", False)
    assert members & {i.instance_id for i in group(world).instances} == {spared}


def test_a_second_refresh_is_refused_while_one_runs(world, hand):
    running = cancel(world)
    before = world.seen()
    with pytest.raises(UsageError, match="one runs at a time") as refused:
        hand.approved(refresh(world))
    assert running.instance_refresh_id in refused.value.hint
    assert writes(world, before) == []


def test_a_refresh_of_somebody_else_with_other_preferences_is_not_taken_for_ours(world, hand):
    action = refresh(world)
    proposal = hand.approved(action)
    world.sim.fail("StartInstanceRefresh", "timeout-before-effect")
    assert hand.act(proposal).status == "unknown"
    cancel(world)
    assert hand.settled().status == "unknown"
    world.sim.advance(HORIZON_SECONDS)
    assert hand.settled().status == "failed"


def test_a_refresh_that_was_known_before_is_not_taken_for_ours_though_it_asked_for_the_same(world, hand):
    world.raw("autoscaling").start_instance_refresh(
        AutoScalingGroupName=NAME,
        Preferences={"MinHealthyPercentage": 50, "InstanceWarmup": 30, "SkipMatching": False},
    )
    world.raw("autoscaling").cancel_instance_refresh(AutoScalingGroupName=NAME)
    world.sim.advance(30)
    proposal = hand.approved(refresh(world))
    world.sim.fail("StartInstanceRefresh", "timeout-before-effect")
    assert hand.act(proposal).status == "unknown"
    assert hand.settled().status == "unknown"
    world.sim.advance(HORIZON_SECONDS)
    assert hand.settled().status == "failed"


def test_instances_that_match_are_left_out_only_where_the_group_says_a_version_by_number(world, hand):
    action = refresh(world, skip_matching=True)
    shown = draw_preview(world.reader, world.clock, action, group(world))
    assert len(shown.replaced_instances) == 4
    assert any("version $Default of its template" in w for w in shown.warnings)
    ledger = action.with_(fleet=group(world, "ledger").ref)
    assert draw_preview(world.reader, world.clock, ledger, group(world, "ledger")).changes == ()
    before = world.seen()
    assert hand.do(ledger).status == "already"
    assert writes(world, before) == []


def test_a_refresh_that_has_ended_cannot_be_cancelled(world, hand):
    action = cancel(world)
    world.sim.advance(3600)
    with pytest.raises(UsageError, match=r"has ended: Successful, so it cannot be cancelled"):
        hand.approved(action)


def test_refreshes_of_a_group_that_is_gone_are_not_found(world):
    with pytest.raises(NotFound):
        world.reader.instance_refreshes(ref(world, "asg", "nobody"))


# tags


def test_tags_keep_whether_instances_to_come_get_them_and_new_ones_are_the_groups_alone(world, hand):
    put_tag(world, "cost-center", "11", propagate=True)
    action = SetTags(
        fleet=group(world).ref, tags=(Tag(key="cost-center", value="12"), Tag(key="reviewed", value="yes"))
    )
    hand.do(action)
    propagates = {t["Key"]: t["PropagateAtLaunch"] for t in row_of(world)["Tags"]}
    assert (propagates["cost-center"], propagates["reviewed"]) == (True, False)
    hand.do(SetTags(fleet=action.fleet, remove=("cost-center", "reviewed")))


def test_only_tags_that_differ_are_sent(world, hand):
    put_tag(world, "same", "1", propagate=True)
    action = SetTags(fleet=group(world).ref, tags=(Tag(key="same", value="1"), Tag(key="other", value="2")))
    before = world.seen()
    hand.do(action)
    (row,) = world.effects_since(before, "CreateOrUpdateTags")
    assert [v for k, v in row["parameters"].items() if k.endswith(".Key")] == ["other"]
    hand.do(SetTags(fleet=action.fleet, remove=("same", "other")))


def test_written_and_removed_are_two_calls_and_set_back_in_two(world, hand):
    put_tag(world, "old", "1")
    was = group(world).tags
    action = SetTags(fleet=group(world).ref, tags=(Tag(key="new", value="2"),), remove=("old", "never-there"))
    before = world.seen()
    outcome = hand.do(action)
    assert (outcome.status, outcome.before) == ("done", {"tags": {"new": None, "old": "1", "never-there": None}})
    assert writes(world, before) == ["CreateOrUpdateTags", "DeleteTags"]
    undo = effect_of(action).undo(action, outcome.before, group(world))
    assert hand.do(undo).status == "done"
    assert group(world).tags == was


@pytest.mark.parametrize(("fault", "status"), [("access-denied", "partial"), ("timeout-after-effect", "unknown")])
def test_a_second_call_that_fails_leaves_the_first_told(world, hand, fault, status):
    put_tag(world, "old", "1")
    action = SetTags(fleet=group(world).ref, tags=(Tag(key="new", value=fault),), remove=("old",))
    proposal = hand.approved(action)
    world.sim.fail("DeleteTags", fault)
    outcome = hand.act(proposal)
    assert outcome.status == status
    if status == "partial":
        assert {i.item: i.ok for i in outcome.items} == {"new": True, "old": False}
    else:
        assert "written before: new" in outcome.message
        assert hand.settled().status == "done"


def test_tags_that_somebody_else_writes_are_warned_of(world):
    ledger = group(world, "ledger")
    action = SetTags(fleet=ledger.ref, tags=(Tag(key="team", value="other"),))
    shown = draw_preview(world.reader, world.clock, action, ledger)
    assert any(w.startswith("team: CloudFormation writes tags") for w in shown.warnings)
    assert shown.reversible
