"""What an interruption would cost, to the cent; where to go on; unknown is never 0."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tools.errors import UsageError
from tools.recovery.guard.waste import daly_seconds, waste
from tools.recovery.lost_work import Option, cheapest_useful_hour, expected_loss, lost_now, unsaved_minutes

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
HOUR = 3600.0
START = NOW - timedelta(hours=5)


@pytest.mark.accepts("U-09")
def test_minutes_since_the_last_checkpoint_times_the_rate_is_what_an_interruption_costs_now() -> None:
    found = lost_now(
        NOW - timedelta(minutes=45), START, usd_per_hour=Decimal("12.40"), restart_minutes=5, now=NOW, source="test"
    )
    assert found.unsaved_minutes == 45
    assert found.usd == Decimal("10.333333")  # 50 minutes of 12.40
    assert found.unknown is None


def test_unsaved_work_is_no_older_than_the_instance_and_never_below_0() -> None:
    assert unsaved_minutes(NOW - timedelta(days=3), START, now=NOW) == 300
    assert unsaved_minutes(NOW + timedelta(minutes=1), START, now=NOW) == 0
    assert unsaved_minutes(None, START, now=NOW) is None


@pytest.mark.accepts("U-09")
def test_without_a_checkpoint_or_a_price_the_cost_is_unknown_and_says_why() -> None:
    saved = NOW - timedelta(minutes=45)
    bare = lost_now(None, START, usd_per_hour=Decimal(1), restart_minutes=5, now=NOW, source="test")
    assert (bare.usd, bare.unsaved_minutes) == (None, None)
    assert "no whole checkpoint" in bare.unknown
    free = lost_now(saved, START, usd_per_hour=None, restart_minutes=5, now=NOW, source="test")
    assert free.usd is None
    assert "price" in free.unknown
    part = lost_now(saved, START, usd_per_hour=Decimal(4), restart_minutes=None, now=NOW, source="test")
    assert part.usd == 3
    assert "restart" in part.unknown


@pytest.mark.accepts("U-09")
def test_the_expected_loss_of_an_hour_is_least_at_the_advised_interval() -> None:
    def loss(every: float):
        return expected_loss(
            Decimal(10), interval_seconds=every, save_seconds=60, restart_seconds=300, between_seconds=6 * HOUR
        )

    best = loss(daly_seconds(60, 6 * HOUR))
    assert best.waste_share == pytest.approx(waste(60, best.interval_seconds, 300, 6 * HOUR))
    assert best.lost_usd_per_hour < min(loss(t).lost_usd_per_hour for t in (300, 900, 3600, 7200))
    assert float(best.usd_per_useful_hour) == pytest.approx(10 / (1 - best.waste_share), rel=1e-5)
    with pytest.raises(UsageError, match="interval_seconds"):
        loss(0)


def test_an_hour_that_never_lasts_has_no_price() -> None:
    hopeless = expected_loss(
        Decimal(10), interval_seconds=500 * HOUR, save_seconds=60, restart_seconds=900 * HOUR, between_seconds=HOUR
    )
    assert (hopeless.waste_share, hopeless.usd_per_useful_hour) == (1, None)


@pytest.mark.accepts("U-09")
def test_where_to_go_on_is_decided_by_the_price_of_work_that_lasts() -> None:
    options = [
        Option("taken every 20 min", Decimal("3.00"), 1200.0),
        Option("nobody knows", Decimal("0.10"), None),
        Option("on-demand", Decimal("10.00"), float("inf")),
        Option("taken daily", Decimal("4.00"), 24 * HOUR),
    ]
    ranked = cheapest_useful_hour(options, save_seconds=120, restart_seconds=1200)
    assert [o.name for o, _ in ranked] == ["taken daily", "on-demand", "taken every 20 min", "nobody knows"]
    assert ranked[-1][1] is None
    assert float(ranked[1][1].usd_per_useful_hour) == pytest.approx(10, rel=0.01)
    # the same pool is worth while once a restart is short
    ranked = cheapest_useful_hour(options, save_seconds=5, restart_seconds=30)
    assert ranked[0][0].name == "taken every 20 min"
    with pytest.raises(UsageError, match="broken"):
        cheapest_useful_hour([Option("broken", Decimal(1), -1.0)], save_seconds=5, restart_seconds=30)
