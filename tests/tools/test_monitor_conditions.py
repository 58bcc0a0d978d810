"""What is wrong by one look, each kind on its own."""

from datetime import timedelta
from decimal import Decimal

import pytest

from tests.tools.archive_house import FLEET, POOL, hour, sample, signal
from tools.monitor.conditions import Condition, conditions, grade, not_seen
from tools.monitor.look import Look, PoolPrice
from tools.monitor.settings import STANDARD
from tools.records import FleetSample

LABEL = POOL.label
NOW = 12.0


def look(*samples: FleetSample, **changes) -> Look:
    fields = {"at": hour(NOW), "samples": samples, "prices": {}, "unpriced": frozenset(), "price_source": "test"}
    return Look(**fields | changes)


def one(kind: str, seen: Look, history=(), signals=(), settings=STANDARD) -> Condition:
    return next(c for c in conditions(seen, history, signals, settings) if c.kind == kind)


def at(minutes_ago: float, pools=None, **changes) -> FleetSample:
    return sample(NOW - minutes_ago / 60, {LABEL: 4} if pools is None else pools, **changes)


@pytest.mark.accepts("MO-06")
@pytest.mark.parametrize(
    ("spot", "listed", "state", "severity"),
    [
        ("0.30", "1.00", "calm", "warning"),
        ("0.85", "1.00", "between", "warning"),
        ("0.90", "1.00", "pressing", "warning"),
        ("1.20", "1.00", "pressing", "critical"),
        (None, "1.00", "unknown", "warning"),
        ("0.30", None, "unknown", "warning"),
    ],
)
def test_a_pools_price_is_judged_against_on_demand(spot, listed, state, severity) -> None:
    price = PoolPrice(Decimal(spot) if spot else None, Decimal(listed) if listed else None)
    found = one("price", look(at(0), prices={LABEL: price}))
    assert (found.subject, found.state, found.severity) == (LABEL, state, severity)
    assert found.evidence[0].source == "test"


@pytest.mark.accepts("MO-06")
@pytest.mark.parametrize(
    ("level", "state"), [("low", "calm"), ("medium", "calm"), ("high", "pressing"), ("unknown", "unknown")]
)
def test_a_fleets_risk_presses_when_it_is_high_and_unknown_is_not_low(level, state) -> None:
    assert one("risk", look(at(0, level=level))).state == state


@pytest.mark.accepts("MO-06", "P-05")
def test_interruptions_of_the_last_hour_are_counted_by_fleet() -> None:
    mine = [signal(NOW - k / 10, instance=f"i-0000000{k}", fleet=FLEET.label) for k in range(3)]
    others = [
        signal(NOW - 1.1, instance="i-00000008", fleet=FLEET.label),
        signal(NOW - 0.1, instance="i-00000009", fleet="asg/other"),
        signal(NOW - 0.1, "rebalance", fleet=FLEET.label),
    ]
    assert one("interruptions", look(at(0)), signals=others).state == "calm"
    assert one("interruptions", look(at(0)), signals=[*others, *mine[:2]]).state == "between"
    found = one("interruptions", look(at(0)), signals=[*others, *mine])
    assert (found.state, found.severity) == ("pressing", "critical")
    assert found.message == "ml-train: EC2 took 3 instances in the last hour: 3 in g5.xlarge/use1-az1"


@pytest.mark.accepts("MO-06")
def test_a_fleet_below_its_size_presses_after_ten_minutes_without_a_break() -> None:
    short = {"desired": 6}
    assert one("capacity", look(at(0))).state == "calm"
    assert one("capacity", look(at(0, **short))).state == "between"
    assert one("capacity", look(at(0, **short)), [at(5, **short)]).state == "between"
    found = one("capacity", look(at(0, **short)), [at(10, **short), at(5, **short)])
    assert (found.state, found.value) == ("pressing", "2 of 6 short for 10 min")
    assert one("capacity", look(at(0, **short)), [at(10, **short), at(5)]).state == "between", "it was whole between"
    assert one("capacity", look(at(0, **short)), [at(40, **short)]).state == "between", "nobody looked for 40 minutes"


def test_where_types_carry_weights_units_are_counted_and_not_instances() -> None:
    assert (
        one("capacity", look(at(0, desired=16, running_units=16)), [at(20, desired=16, running_units=8)]).state
        == "calm"
    )
    history = [at(12, desired=16, running_units=12), at(6, desired=16, running_units=12)]
    assert one("capacity", look(at(0, desired=16, running_units=12)), history).state == "pressing"


@pytest.mark.accepts("MO-06")
@pytest.mark.parametrize(
    ("pools", "state"),
    [
        ({}, "calm"),
        ({LABEL: 3}, "calm"),
        ({LABEL: 4}, "pressing"),
        ({LABEL: 8, "m6i.large/use1-az2": 2}, "pressing"),
        ({LABEL: 7, "m6i.large/use1-az2": 3}, "between"),
        ({LABEL: 5, "m6i.large/use1-az2": 5}, "calm"),
    ],
)
def test_many_spot_instances_in_one_pool_press_few_cannot_be_spread(pools, state) -> None:
    assert one("concentration", look(at(0, pools))).state == state


@pytest.mark.accepts("MO-06")
def test_a_fleet_whose_prices_are_missing_is_said_to_be_so() -> None:
    assert one("blind", look(at(0))).state == "calm"
    found = one("blind", look(at(0), unpriced=frozenset({FLEET.label}), trouble=("prices: access denied",)))
    assert found.state == "pressing"
    assert "access denied" in found.message


@pytest.mark.accepts("MO-06")
def test_fleets_that_nobody_looked_at_for_a_while_are_an_alert() -> None:
    def after(minutes: float) -> Condition:
        return not_seen("us-east-1", hour(NOW), now=hour(NOW) + timedelta(minutes=minutes), settings=STANDARD)

    assert (after(0).state, after(15).state, after(16).state) == ("calm", "calm", "pressing")
    assert after(16).value == "last look: 16 minutes ago"
    assert not_seen("us-east-1", None, now=hour(NOW), settings=STANDARD).value == "last look: never"


def test_what_is_no_number_is_unknown() -> None:
    assert grade(float("nan"), raises=0.9, clears=0.8) == "unknown"
