"""Autonomy that a fleet earns by an interruption that was measured: the journal's recoveries are the proof."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.agent.autonomy_house import open_post, open_street
from tests.agent.recovery_house import interrupted, looked, only
from tests.forked_accounts import started
from tools.records import ChangeFleet, Job, Recovery
from tools.recovery.drill import drill_of, newest_drill
from tools.simulation.client import SimulatedAccount
from tui.config import Settings
from tui.opening import House, open_house

pytestmark = pytest.mark.accepts("U-10")
POLICY = """
version: 1
accounts: [{id: "123456789012", regions: [us-east-1], write_role: current}]
policies:
  - name: drilled
    resource: aws.asg
    mode: {type: autonomous, requires: {drill_newer_than_days: 30, drill_ready_within_seconds: 600}}
    actions: [set-size-limits]
"""


@pytest.fixture(scope="module")
def account() -> Iterator[SimulatedAccount]:
    with started(stepped=True, seed=7) as running:
        yield running


@pytest.fixture
def house(account, tmp_path) -> Iterator[House]:
    (tmp_path / "policy.yaml").write_text(POLICY)
    settings = Settings(db=tmp_path / "j.db", state_dir=tmp_path, policy=tmp_path / "policy.yaml")
    with open_house(settings, account) as opened:
        yield opened


def recovered(
    house: House, *, fleet: str = "ml-train", days_ago: float = 1, ready: float | None = 118, gave_up: bool = False
) -> Recovery:
    """A recovery that ended, in the journal; `ready` None = nobody saw the job work on."""
    noticed = house.clock.now() - timedelta(days=days_ago)
    job = Job(job_id=fleet, fleet=house.fleet(fleet).ref, registered_at=noticed, registered_by="kim")
    name = f"r-{fleet}-{days_ago}-{gave_up}"
    begun = Recovery(recovery_id=name, job=job, instance_id="i-0123abcd", notice_at=noticed, opened_at=noticed)
    ended = begun.with_(status="gave-up" if gave_up else "recovered", ended_at=house.clock.now())
    if ready is not None:
        ended = ended.with_step("verify", state="done", at=noticed + timedelta(seconds=ready))
    house.journal.jobs.begin([begun], actor="test")
    assert house.journal.jobs.move([(begun, ended)], actor="test")
    return ended


def judged(house: House) -> tuple[str, tuple[str, ...]]:
    fleet = house.fleet("ml-train")
    wish = ChangeFleet(fleet=fleet.ref, max_size=fleet.desired_capacity + 30)
    decision = house.actuation.propose(wish, by="agent:x", actor="agent", rationale="").decision
    return decision.verdict, decision.reasons


def test_a_fleet_without_a_measured_interruption_asks_and_names_what_is_missing(house):
    recovered(house, fleet="batch")
    assert judged(house) == ("ask", ("fact missing: track_record.drill_age_days",))


def test_a_late_one_that_was_quick_is_enough(house):
    recovered(house, days_ago=40, ready=900)
    recovered(house)
    verdict, reasons = judged(house)
    assert verdict == "allow", reasons


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"days_ago": 40}, "not earned yet: drill_age_days is 40, at most 30 is required"),
        ({"ready": 900}, "not earned yet: drill_ready_seconds is 900, at most 600 is required"),
        ({"ready": None}, "fact missing: track_record.drill_age_days"),
        ({"gave_up": True}, "fact missing: track_record.drill_age_days"),
    ],
    ids=["too long ago", "too slow", "never seen to work on", "gave up"],
)
def test_one_that_is_old_or_slow_or_failed_asks(house, told, reason):
    recovered(house, **told)
    assert judged(house) == ("ask", (reason,))


def test_a_recovery_that_gave_up_takes_back_what_an_earlier_one_showed(house):
    recovered(house, days_ago=2)
    recovered(house, days_ago=1, gave_up=True)
    assert judged(house)[0] == "ask"
    recovered(house, days_ago=0.5)
    assert judged(house)[0] == "allow"


def test_an_interruption_made_on_purpose_is_a_drill_with_its_seconds(tmp_path):
    with open_street() as street, open_post(street, tmp_path) as post:
        street.sim.advance(60)
        interrupted(street, post.daemon)
        journal = post.journal
        post.daemon.recoveries.open_new()
        assert drill_of(only(journal)) is None
        ended = looked(street, post.daemon.recoveries, until="recovered")[-1]
        drill = newest_drill(journal.jobs.ended_on(ended.job.fleet.label))
        assert drill is not None
        assert (drill.at, drill.ready_seconds) == (ended.notice_at, ended.timeline.verified_seconds)
        assert drill.checkpoint_seconds <= drill.restored_seconds <= drill.ready_seconds
