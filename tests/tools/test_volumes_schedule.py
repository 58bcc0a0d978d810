"""Snapshot schedules from records alone: when one is due, what waits, what may be let go and what never."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from tests.tools.test_volumes import fleet, of_a_set
from tools.records import AttachedVolume, CreateSnapshots, Fleet, Instance, SnapshotSchedule, SnapshotSet
from tools.volumes.schedule import Tried, expiries, plan_schedule
from tools.volumes.sets import sets_of

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
RULE = SnapshotSchedule(fleet="web", every_hours=6, keep=2)
ONE = "i-0000000a"


def web(*, root_only: bool = False, gone: bool = False, state: str = "running") -> Fleet:
    root = AttachedVolume(device_name="/dev/xvda", volume_id="vol-00000009", delete_on_termination=True, root=True)
    data = AttachedVolume(device_name="/dev/sdf", volume_id="vol-00000001", delete_on_termination=False)
    alive = Instance(
        instance_id=ONE,
        instance_type="m5.large",
        zone_name="us-east-1a",
        zone_id=None,
        purchase_option="spot",
        state=state,
        launched_at=NOW - 90 * HOUR,
        volumes=(root,) if root_only else (root, data),
    )
    return fleet().with_(instances=() if gone else (alive,))


def past(*taken: tuple[float, str]) -> tuple[SnapshotSet, ...]:
    """(hours ago, state) each; one intent a set, named by its age."""
    wanted = CreateSnapshots(fleet=fleet().ref, instance_id=ONE, volume_ids=("vol-00000001",), exclude_boot_volume=True)
    snapshots = [
        of_a_set(1, f"{hours:g}", snapshot_id=f"snap-{n + 16:08x}", state=state, started_at=NOW - hours * HOUR)
        for n, (hours, state) in enumerate(taken)
    ]
    return sets_of(snapshots, {f"{hours:g}": wanted for hours, _ in taken}, now=NOW)


def tried(status: str, *, minutes_ago: float = 1, kind: str = "create-snapshots", target: str = ONE) -> Tried:
    return Tried(proposal_id="p-1", kind=kind, target=target, status=status, at=NOW - minutes_ago * MINUTE)


def due(*taken: tuple[float, str], asked: tuple[Tried, ...] = (), **over: object) -> bool:
    plan = plan_schedule(RULE, over.pop("fleet", web()), past(*taken), tried=asked, now=NOW, **over)
    return bool(plan.due)


@pytest.mark.parametrize(
    ("taken", "asked", "expected"),
    [
        ((), (), True),
        (((5.9, "completed"),), (), False),
        (((6, "completed"),), (), True),
        (((0.1, "pending"),), (), False),
        (((6.5, "pending"),), (), True),
        (((7, "completed"), (0.1, "error")), (), False),
        (((7, "completed"), (0.2, "error")), (), True),
        (((7, "completed"), (0.5, "error"), (0.2, "error")), (), False),
        (((1, "completed"), (2, "error")), (), False),
        ((), (tried("pending"),), False),
        ((), (tried("acting"),), False),
        ((), (tried("unknown", minutes_ago=4),), False),
        ((), (tried("allowed"),), True),
        ((), (tried("done"),), False),
        ((), (tried("failed", minutes_ago=9),), False),
        ((), (tried("failed", minutes_ago=10),), True),
        ((), (tried("failed", minutes_ago=25), tried("denied", minutes_ago=19)), False),
        ((), (tried("refused", minutes_ago=300),), False),
        ((), (tried("expired", minutes_ago=361),), True),
    ],
)
def test_a_set_is_due_once_its_time_has_come_and_nothing_waits(taken, asked, expected):
    assert due(*taken, asked=asked) is expected


def test_an_instance_that_comes_or_goes_or_has_only_its_root_is_not_taken_and_that_is_told():
    assert not due(fleet=web(state="pending"))
    assert due(fleet=web(state="stopped"))
    plan = plan_schedule(RULE, web(root_only=True), (), now=NOW)
    assert plan.due == ()
    assert "include_root" in plan.held[0]
    whole = plan_schedule(RULE.with_(include_root=True), web(), (), now=NOW).due[0]
    assert (whole.volume_ids, whole.exclude_boot_volume) == (("vol-00000009", "vol-00000001"), False)
    data = plan_schedule(RULE, web(), (), now=NOW).due[0]
    assert (data.volume_ids, data.exclude_boot_volume) == (("vol-00000001",), True)


@pytest.mark.accepts("EB-03")
def test_inside_a_notice_only_a_volume_that_was_copied_before_is_taken():
    noticed = frozenset({ONE})
    assert not due(noticed=noticed)
    assert due((7, "completed"), noticed=noticed, snapshotted=frozenset({"vol-00000001"}))


def let_go(*taken: tuple[float, str], made: frozenset[str] | None = None, **over: object) -> list[float]:
    """Hours ago of the sets that may go."""
    sets = past(*taken)
    whose = {s.snapshot_id: one.intent_id for one in sets for s in one.snapshots}
    known = frozenset(s for s, intent_id in whose.items() if made is None or intent_id in made)
    plan = plan_schedule(RULE, over.pop("fleet", web()), sets, made=known, now=NOW, **over)
    return sorted(float(whose[g.snapshot_id]) for g in plan.let_go)


def test_what_is_older_than_the_kept_ones_goes_and_nothing_else():
    four = ((1, "completed"), (7, "completed"), (13, "completed"), (19, "completed"))
    assert let_go(*four) == [13, 19]
    assert let_go(*four, made=frozenset({"1", "7", "19"})) == [19]
    assert let_go(*four, made=frozenset({"1", "13", "19"})) == [19], "what others took is not counted as kept"
    assert let_go(*four, made=frozenset({"7", "19"})) == []
    assert let_go((1, "pending"), *four[1:]) == [19]
    assert let_go((1, "completed"), (7, "error"), (13, "completed"), (19, "error")) == [19]
    assert let_go((1, "completed"), (7, "completed"), (13, "pending")) == []
    assert let_go(*four, tried=(tried("pending", kind="delete-snapshot", target="snap-00000012"),)) == [19]


def test_the_last_copy_of_a_volume_that_was_detached_since_stays():
    ages = (1, 7, 13)
    snapshots = [of_a_set(1, f"{h}", snapshot_id=f"snap-{h:08x}", started_at=NOW - h * HOUR) for h in ages]
    detached = of_a_set(2, "13", snapshot_id="snap-0000ffff", started_at=NOW - 13 * HOUR)
    sets = sets_of([*snapshots, detached], {}, now=NOW)
    plan = plan_schedule(RULE, web(), sets, made=frozenset(s.snapshot_id for s in [*snapshots, detached]), now=NOW)
    assert [g.snapshot_id for g in plan.let_go] == ["snap-0000000d"]


def test_a_set_without_a_volume_that_is_wanted_now_holds_no_other_up():
    """By hand without the root, before a volume came, or under tags that somebody copied."""
    of_another = (of_a_set(2, "1", snapshot_id="snap-0000ffff", started_at=NOW - HOUR),)
    assert plan_schedule(RULE, web(), sets_of(of_another, {}, now=NOW), now=NOW).due
    assert not due((1, "completed"))
    assert plan_schedule(RULE.with_(include_root=True), web(), past((1, "completed")), now=NOW).due
    not_shown_yet = tried("done", minutes_ago=1)
    whole = RULE.with_(include_root=True)
    assert not plan_schedule(whole, web(), past((0.1, "completed")), tried=(not_shown_yet,), now=NOW).due


def test_with_three_pending_another_waits():
    assert due((8, "pending"), (15, "pending"))
    assert not due((8, "pending"), (15, "pending"), (22, "pending"))


def test_of_an_instance_that_is_gone_the_newest_stays():
    gone = web(gone=True)
    assert let_go((1, "completed"), (7, "completed"), fleet=gone) == []
    assert let_go((20, "completed"), (26, "completed"), (32, "error"), fleet=gone) == [26, 32]


@pytest.mark.parametrize("seed", range(40))
def test_never_the_last_completed_one_never_a_pending_one_never_a_stranger_s(seed):
    dice = random.Random(seed)
    states = ("completed", "completed", "pending", "error")
    taken = tuple((float(h), dice.choice(states)) for h in sorted(dice.sample(range(1, 200), dice.randint(1, 12))))
    made = frozenset(f"{h:g}" for h, _ in taken if dice.random() < 0.8)
    gone_instance = dice.random() < 0.3
    gone = set(let_go(*taken, made=made, fleet=web(gone=gone_instance)))
    left = [h for h, state in taken if h not in gone and state == "completed"]
    whole = [h for h, state in taken if state == "completed"]
    assert not whole or min(whole) in left
    ours = [h for h in whole if f"{h:g}" in made]
    assert ours[: 1 if gone_instance else RULE.keep] == [h for h in ours if h in left][: 1 if gone_instance else 2]
    assert all(f"{h:g}" in made for h in gone)
    assert all(state != "pending" for h, state in taken if h in gone)


def test_a_kept_snapshot_tells_when_it_goes_and_the_state_tells_what_is_late():
    sets = past((8, "completed"), (14, "completed"))
    ends = expiries(RULE, web(), sets)
    assert sorted(ends.values()) == [NOW - 2 * HOUR, NOW + 4 * HOUR]
    state = plan_schedule(RULE, web(), sets, now=NOW).state
    assert (state.newest_at, state.due_at) == (NOW - 8 * HOUR, NOW - 2 * HOUR)
    assert state.overdue_seconds == 7_200
    bad = plan_schedule(RULE, web(), past((8, "error")), now=NOW).state
    assert "it is tried again" in (bad.trouble or "")
