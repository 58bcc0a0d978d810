"""When a job will be done, against dice; and that what is not known is not told."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from tools.errors import UsageError
from tools.recovery.eta import Pace, estimate_completion, number_of_interruptions
from tools.recovery.guard.interval import Belief

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
HOUR = 3600.0
CERTAIN = 1e6


def estimate(pace: Pace, belief: Belief | None, *, every=1800.0, save=30.0, q=0.0):
    return estimate_completion(
        pace, belief, interval_seconds=every, save_seconds=save, saved_share=q, now=NOW, source="test"
    )


def hours(moment: datetime) -> float:
    return (moment - NOW) / timedelta(hours=1)


def dice(work_hours: float, between_hours: np.ndarray, *, every=0.5, save=30 / 3600, restart=0.1, q=0.0) -> np.ndarray:
    """Hours to the end of so many jobs, one at each mean time between interruptions; the work starts with a restart."""
    rng = np.random.default_rng(6)
    found = []
    for m in between_hours:
        done, clock = 0.0, 0.0
        while True:
            left = rng.exponential(m)
            need = restart + (work_hours - done) * (1 + save / every)
            if left >= need:
                found.append(clock + need)
                break
            clock += left
            worked = max(left - restart, 0.0)
            whole, rest = divmod(worked, every + save)
            done += whole * every + (min(rest, every) if rng.random() < q else 0.0)
    return np.array(found)


@pytest.mark.accepts("RC-06")
@pytest.mark.parametrize("q", [0.0, 0.8])
def test_the_estimate_and_its_range_are_what_dice_say(q) -> None:
    pace = Pace(work_left=10.0, rate_per_hour=1.0, restart_seconds=360)
    told = estimate(pace, Belief(CERTAIN, 3 * CERTAIN, "test"), q=q)
    seen = dice(10.0, np.full(6_000, 3.0), q=q)
    assert hours(told.finishes_at) == pytest.approx(seen.mean(), rel=0.02)
    assert hours(told.low_at) == pytest.approx(np.quantile(seen, 0.1), rel=0.03)
    assert hours(told.high_at) == pytest.approx(np.quantile(seen, 0.9), rel=0.03)
    assert hours(told.earliest_at) == pytest.approx(seen.min(), rel=0.01)


@pytest.mark.accepts("RC-06")
def test_a_rate_that_is_hardly_known_widens_the_range() -> None:
    pace = Pace(work_left=10.0, rate_per_hour=1.0, restart_seconds=360)
    sure, unsure = estimate(pace, Belief(CERTAIN, 3 * CERTAIN, "test")), estimate(pace, Belief(2, 6, "test"))
    assert sure.finishes_at == unsure.finishes_at
    assert unsure.high_at - unsure.low_at > 1.3 * (sure.high_at - sure.low_at)
    seen = dice(10.0, 1 / np.random.default_rng(1).gamma(2, 1 / 6, 4_000))
    assert hours(unsure.high_at) == pytest.approx(np.quantile(seen, 0.9), rel=0.06)


def test_the_number_of_interruptions_is_poissons_where_the_rate_is_known() -> None:
    rng = np.random.default_rng(2)
    for mean, shape, drawn in (
        (3.0, 1e9, rng.poisson(3.0, 100_000)),
        (3.0, 2.0, rng.poisson(rng.gamma(2.0, 1.5, 100_000))),
    ):
        chances = number_of_interruptions(mean, shape)
        assert sum(chances) == pytest.approx(1, abs=1e-5)
        assert chances[:5] == pytest.approx([(drawn == n).mean() for n in range(5)], abs=0.006)


@pytest.mark.accepts("RC-06")
@pytest.mark.parametrize(
    ("pace", "why"),
    [
        (Pace(None, 1.0, restart_seconds=60), "how much work is left"),
        (Pace(0.5, None, restart_seconds=60), "never measured"),
        (Pace(0.5, 0.0, restart_seconds=60), "stands still"),
        (Pace(0.5, 1.0), "restart takes"),
    ],
)
def test_what_is_not_known_has_no_time_and_says_why(pace, why) -> None:
    found = estimate(pace, Belief(1, 10, "test"))
    assert found.finishes_at is found.low_at is found.high_at is None
    assert why in found.unknown


def test_without_a_known_hazard_only_the_earliest_end_is_told() -> None:
    found = estimate(Pace(4.0, 2.0, restart_seconds=360), None)
    assert found.finishes_at is None
    assert hours(found.earliest_at) == pytest.approx(0.1 + 2 * (1 + 30 / 1800))
    assert "interrupted" in found.unknown


def test_on_demand_has_no_interruptions_and_a_job_that_runs_needs_no_restart() -> None:
    found = estimate(Pace(4.0, 2.0, restart_seconds=360, working=True), Belief(0, 1, "on-demand"))
    assert found.finishes_at == found.low_at == found.high_at == found.earliest_at
    assert hours(found.finishes_at) == pytest.approx(2 * (1 + 30 / 1800))
    assert found.interruptions_expected == 0


def test_a_job_that_gets_nowhere_is_told_so_instead_of_a_date_in_the_far_future() -> None:
    found = estimate(Pace(1000.0, 1.0, restart_seconds=7200), Belief(1e3, 1e2, "ten an hour"))
    assert found.finishes_at is None
    assert "gets nowhere" in found.unknown
    assert found.work_hours == 1000


def test_nothing_left_is_done_now_and_a_measured_range_of_the_rate_counts() -> None:
    assert estimate(Pace(0.0, None, restart_seconds=60), Belief(1, 10, "test")).finishes_at == NOW
    wide = estimate(Pace(10.0, 1.0, rate_range=(0.8, 1.25), restart_seconds=60), Belief(0, 1, "on-demand"))
    assert hours(wide.low_at) == pytest.approx(0.8 * hours(wide.finishes_at))
    assert hours(wide.high_at) == pytest.approx(1.25 * hours(wide.finishes_at))


@pytest.mark.parametrize("pace", [Pace(-1, 1, restart_seconds=1), Pace(1, float("nan"), restart_seconds=1)])
def test_numbers_that_cannot_be_are_refused(pace) -> None:
    with pytest.raises(UsageError, match="not a number of 0 or more"):
        estimate(pace, None)
    with pytest.raises(UsageError, match="no times"):
        estimate(Pace(1.0, 1.0, restart_seconds=1), None, every=0.0)
