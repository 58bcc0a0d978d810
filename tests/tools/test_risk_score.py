"""Risk levels from evidence, and `unknown` where there is none."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.market.advisor_file import BANDS
from tools.market.pricebook import PriceBook
from tools.records import (
    AdvisorBand,
    CapacityPool,
    Exposure,
    Fleet,
    FleetRef,
    Instance,
    InstanceTypeOverride,
    OnDemandRate,
    PlacementScore,
    PoolPrices,
    PoolSignal,
    PurchaseMix,
)
from tools.risk.hazard import pool_hazard
from tools.risk.knowledge import Known
from tools.risk.rates import gamma_cdf, gamma_quantile
from tools.risk.score import fleet_level, fleet_risk, score_pool

NOW = datetime(2026, 11, 20, tzinfo=UTC)
A, B, C = ("g5.xlarge", "us-east-1a"), ("g5.xlarge", "us-east-1b"), ("g4dn.xlarge", "us-east-1a")


def prices(pool, now: str, mean: str | None = None, volatility: float = 0.02) -> PoolPrices:
    usd, average = Decimal(now), Decimal(mean or now)
    return PoolPrices(
        pool=CapacityPool(instance_type=pool[0], zone_name=pool[1], zone_id=f"use1-az{ord(pool[1][-1]) - 96}"),
        current_usd_per_hour=usd, mean_usd_per_hour=average, low_usd_per_hour=min(usd, average),
        high_usd_per_hour=max(usd, average), volatility=volatility, changes=3, on_demand_usd_per_hour=None,
        saving_share=None, observed_from=NOW, observed_until=NOW,
    )  # fmt: skip


def book(*pools: PoolPrices, rates: str | None = "1.0") -> PriceBook:
    types = {p.pool.instance_type for p in pools} if rates else set()
    return PriceBook(
        pools={(p.pool.instance_type, p.pool.zone_name): p for p in pools},
        rates={
            t: OnDemandRate(instance_type=t, region="us-east-1", usd_per_hour=Decimal(rates), as_of=NOW, source="list")
            for t in types
        },
        as_of=NOW,
        source="test prices",
        region="us-east-1",
    )


def score(value: int, types=("g5.xlarge", "g4dn.xlarge", "g6.xlarge")) -> PlacementScore:
    return PlacementScore(
        region="us-east-1", zone_id="use1-az1", score=value, instance_types=types, target_capacity=12, as_of=NOW
    )


@pytest.mark.parametrize(
    ("pool", "level"),
    [
        (prices(A, "0.35"), "low"),
        (prices(A, "0.75"), "medium"),
        (prices(A, "0.95"), "high"),
        (prices(A, "0.35", mean="0.28"), "medium"),
        (prices(A, "0.35", mean="0.20"), "high"),
        (prices(A, "0.35", volatility=0.15), "medium"),
        (prices(A, "0.35", volatility=0.30), "high"),
        (prices(A, "0.75", volatility=0.15), "high"),
    ],
)
def test_signs_of_demand_raise_the_level(pool, level) -> None:
    assert score_pool(*A, book(pool)).level == level


def test_a_pool_of_which_nothing_is_known_is_unknown_and_says_what_is_missing() -> None:
    found = score_pool(*A, book())
    assert found.level == "unknown"
    assert found.evidence == ()
    assert found.interruptions_per_100_hours is None
    assert "spot price of g5.xlarge in us-east-1a" in found.missing


def test_no_rate_is_made_up_from_prices() -> None:
    found = score_pool(*A, book(prices(A, "0.95")))
    assert found.level == "high"
    assert (found.interruptions_per_100_hours, found.low, found.high) == (None, None, None)
    assert "own interruption records of this pool" in found.missing
    assert found.evidence[0].fact == "spot price against on-demand"
    assert all(e.as_of == NOW and e.source == "test prices" for e in found.evidence)


def test_a_placement_score_is_told_for_what_it_is_and_ignored_for_fewer_than_three_types() -> None:
    low = score_pool(*A, book(prices(A, "0.35")), [score(2)])
    assert low.level == "medium"
    assert any("not interruption risk" in e.value for e in low.evidence)
    few = score_pool(*A, book(prices(A, "0.35")), [score(1, types=("g5.xlarge",))])
    assert few.level == "low"
    assert "a placement score of three or more types" in few.missing
    elsewhere = score_pool(*B, book(prices(B, "0.35")), [score(2)])
    assert elsewhere.level == "low"


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2000), st.floats(0.001, 0.999))
def test_the_gamma_quantile_undoes_the_distribution(count, probability) -> None:
    shape = count + 0.5
    assert gamma_cdf(shape, gamma_quantile(shape, probability)) == pytest.approx(probability, abs=1e-9)


CALM = book(prices(A, "0.35"), prices(B, "0.35"), prices(C, "0.35"))
PRESSED = book(prices(A, "0.75"), prices(B, "0.35"), prices(C, "0.35"))


def test_a_fleet_is_as_risky_as_its_weighty_pools_and_more_so_when_one_pool_holds_most() -> None:
    assert fleet_level(Counter({A: 4, B: 4, C: 4}), CALM) == "low"
    assert fleet_level(Counter({A: 9, B: 2, C: 1}), CALM) == "medium"
    assert fleet_level(Counter({A: 4, B: 4, C: 4}), PRESSED) == "medium"
    assert fleet_level(Counter({A: 9, B: 3}), PRESSED) == "high"
    assert fleet_level(Counter({A: 1, B: 9, C: 9}), PRESSED) == "low"


def test_a_fleet_without_spot_is_low_and_one_with_a_weighty_unknown_pool_is_unknown() -> None:
    assert fleet_level(Counter(), CALM) == "low"
    assert fleet_level(Counter({A: 3, ("x9.large", "us-east-1a"): 3}), CALM) == "unknown"
    # a pool that is known to be high is high whatever the rest is
    assert fleet_level(Counter({A: 3, ("x9.large", "us-east-1a"): 3}), book(prices(A, "0.95"))) == "high"


def fleet_of(counts: Counter, strategy="lowest-price", rebalance=False) -> Fleet:
    spread = [pool for pool, n in counts.items() for _ in range(n)]
    return Fleet(
        ref=FleetRef(kind="asg", fleet_id="ml-train", account_id="123456789012", region="us-east-1"),
        desired_capacity=len(spread), min_size=0, max_size=99, capacity_rebalance=rebalance,
        mix=PurchaseMix(
            on_demand_base_capacity=0, on_demand_percentage_above_base=0, spot_allocation_strategy=strategy,
            overrides=tuple(InstanceTypeOverride(instance_type=t) for t in sorted({t for t, _ in counts})),
        ),
        zones=("us-east-1a", "us-east-1b", "us-east-1c"),
        instances=tuple(
            Instance(
                instance_id=f"i-{i:017x}", instance_type=t, zone_name=z, zone_id=None, purchase_option="spot",
                state="running", launched_at=NOW,
            )
            for i, (t, z) in enumerate(spread)
        ),
        tags=(), as_of=NOW, source="test",
    )  # fmt: skip


def test_a_concentrated_fleet_is_told_where_and_what_to_do() -> None:
    found = fleet_risk(fleet_of(Counter({A: 8, C: 2})), CALM, now=NOW)
    assert found.level == "medium"
    assert found.largest_pool_share == pytest.approx(0.8)
    assert [p.pool.instance_type for p in found.pools] == ["g5.xlarge", "g4dn.xlarge"]
    advice = "\n".join(found.advice)
    assert "8 of 10 spot instances are in g5.xlarge/us-east-1a" in advice
    assert "10 of 10 spot instances are in us-east-1a: it may also launch in us-east-1b, us-east-1c" in advice
    assert "price-capacity-optimized" in advice
    assert "Capacity Rebalancing" in advice
    assert "add instance types" in advice


def test_a_fleet_without_spot_instances_has_no_concentration() -> None:
    found = fleet_risk(fleet_of(Counter()), CALM, now=NOW)
    assert found.largest_pool_share is None
    assert found.level == "low"
    assert found.advice == ("no spot instance runs: nothing here can be interrupted by EC2",)


def test_what_could_not_be_read_is_said_by_every_pool() -> None:
    found = fleet_risk(fleet_of(Counter({A: 1})), CALM, now=NOW, unread=["placement scores: not allowed"])
    assert "placement scores: not allowed" in found.pools[0].missing


# bands, hazards and signals


def known(index: int | None = None, hours: float = 0, interruptions: int = 0, signals=()) -> Known:
    pool = CapacityPool(instance_type=A[0], zone_name=A[1])
    bounds = BANDS[index] if index is not None else None
    band = None
    if bounds:
        band = AdvisorBand(
            region="us-east-1", operating_system="Linux", instance_type=A[0], band=index, label=bounds[0],
            low_share=bounds[1], high_share=bounds[2], saving_share=0.6, as_of=NOW, source="Spot Instance Advisor",
        )  # fmt: skip
    seen = Exposure(pool=pool, instance_hours=hours, interruptions=interruptions, since=NOW, until=NOW)
    hazard = pool_hazard(pool, band=band, exposure=seen if hours else None, as_of=NOW)
    found = tuple(PoolSignal(kind=k, pool=pool, at=NOW - timedelta(minutes=ago), source="test") for k, ago in signals)
    return Known(band=band, hazard=hazard, signals=found)


def level(more: Known, now="0.35") -> str:
    return score_pool(*A, book(prices(A, now)), known=more).level


@pytest.mark.accepts("P-02", "U-08")
def test_a_band_alone_makes_no_level_and_a_bad_one_raises_one() -> None:
    assert score_pool(*A, book(), known=known(4)).level == "unknown"
    assert [level(known(i)) for i in range(5)] == ["low", "low", "low", "medium", "medium"]
    found = score_pool(*A, book(prices(A, "0.35")), known=known(0))
    assert found.low <= found.interruptions_per_100_hours <= found.high
    assert "prior only" in found.evidence[-1].value
    assert "own interruption records of this pool" in found.missing
    unknown = score_pool(*A, book(prices(A, "0.35")), known=known())
    assert unknown.interruptions_per_100_hours is None
    assert "Spot Advisor band" in unknown.missing


def test_own_records_press_by_their_rate_once_there_are_enough() -> None:
    assert level(known(0, hours=5000, interruptions=1)) == "low"
    assert level(known(0, hours=5000, interruptions=10)) == "medium"
    assert level(known(0, hours=5000, interruptions=60)) == "high"
    assert level(known(0, hours=50, interruptions=1)) == "low"
    # records alone speak of the pool itself
    assert score_pool(*A, book(), known=known(hours=5000, interruptions=60)).level == "high"


@pytest.mark.parametrize(
    ("signals", "expected"),
    [
        ([("refusal", 300)], "medium"), ([("rebalance", 300)], "medium"), ([("interruption", 300)], "medium"),
        ([("interruption", 10)], "high"), ([("refusal", 9), ("rebalance", 9)], "high"), ([("launch", 5)], "low"),
        ([("refusal", n) for n in range(50)], "medium"),
    ],
)  # fmt: skip
def test_signals_of_the_last_day_press(signals, expected) -> None:
    assert level(known(1, signals=signals)) == expected
