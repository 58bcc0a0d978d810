"""The guides' rules of recovery at their borders, each defect shown beside ours."""

from datetime import UTC, datetime, timedelta

import pytest

from tools.recovery import guide
from tools.recovery.eta import Pace, estimate_completion
from tools.recovery.guard.interval import Belief
from tools.recovery.interval import Measured, advise_interval

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)


@pytest.mark.accepts("BP-05")
@pytest.mark.parametrize(
    ("duration", "told"),
    [(0, 5), (1799.9, 5), (1800, 15), (7199.9, 15), (7200, 30), (1e7, 30)],
)
def test_how_often_the_guides_save_goes_by_the_jobs_length_alone(duration, told) -> None:
    assert guide.checkpointing_frequency(duration) == f"every_{told}_minutes"
    assert guide.checkpointing_frequency() == "every_15_minutes"
    ours = [advise_interval((), Measured(save_seconds=s), now=NOW, duration_seconds=duration) for s in (1, 100)]
    assert ours[0].guide_frequency == ours[1].guide_frequency == guide.checkpointing_frequency(duration)
    assert ours[1].interval_seconds > 5 * ours[0].interval_seconds


@pytest.mark.accepts("RC-04")
@pytest.mark.parametrize(
    ("progress", "strategy"),
    [
        (0.0, "different_type"), (0.1999, "different_type"), (0.2, "spot_retry"), (0.5, "spot_retry"),
        (0.8, "spot_retry"), (0.8001, "on_demand_fallback"), (1.0, "on_demand_fallback"),
    ],
)  # fmt: skip
def test_the_strategy_goes_by_progress_with_its_borders_on_the_spot_side(progress, strategy) -> None:
    assert guide.determine_replacement_strategy({"progress": progress}) == strategy
    for urgent in ({"priority": "high"}, {"time_constraint": "strict"}):
        assert guide.determine_replacement_strategy({"progress": progress, **urgent}) == "on_demand_fallback"
    for calm in ({"priority": "low"}, {"time_constraint": "flexible", "priority": "normal"}):
        assert guide.determine_replacement_strategy({"progress": progress, **calm}) == strategy


@pytest.mark.accepts("RC-04")
def test_a_job_of_which_nothing_is_known_changes_its_type() -> None:
    assert guide.determine_replacement_strategy({}) == "different_type"


@pytest.mark.accepts("RC-03")
def test_each_strategy_asks_for_what_the_guides_say() -> None:
    def asked(strategy: str) -> tuple[str | None, ...]:
        request = guide.request_replacement_instance(
            strategy, original_type="g5.xlarge", original_az="us-east-1a", alternative_type="g6.xlarge"
        )
        return request["purchase_option"], request["instance_type"], request["exclude_az"]

    assert asked("spot_retry") == ("spot", "g5.xlarge", "us-east-1a")
    assert asked("on_demand_fallback") == ("on-demand", "g5.xlarge", None)
    assert asked("different_type") == ("spot", "g6.xlarge", None)  # may come back to the zone that was just taken
    assert asked("anything else") == ("spot", "g5.xlarge", None)


@pytest.mark.accepts("RC-06")
def test_the_guides_time_of_completion_is_now_where_nothing_moves_and_ours_is_unknown() -> None:
    def guides(**result: float) -> datetime:
        return guide.estimate_completion_time(result, now=NOW)

    assert guides(progress=0.25, processing_rate=0.0001) == NOW + timedelta(seconds=7500)
    assert guides(progress=0.25, processing_rate=0) == guides(progress=0.25, processing_rate=-3) == NOW
    assert guides(progress=0.0) == NOW + timedelta(seconds=1)

    def ours(work_left: float, rate: float | None):
        pace = Pace(work_left, rate, restart_seconds=120)
        spot = Belief(10, 60, "test")
        return estimate_completion(pace, spot, interval_seconds=1800, save_seconds=30, now=NOW, source="test")

    for rate, why in ((0, "stands still"), (None, "never measured")):
        found = ours(0.75, rate)
        assert (found.finishes_at, found.low_at, found.high_at) == (None, None, None)
        assert why in found.unknown
    # the same rate, with the restart, the saves and the interruptions that are to come
    found = ours(0.75, 0.36)
    assert guides(progress=0.25, processing_rate=0.0001) < found.earliest_at <= found.low_at < found.finishes_at
