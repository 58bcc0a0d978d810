"""The kernels of the step function against exact arithmetic: fractions, and logarithms of fifty digits."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.market.columns import EPOCH, PriceColumns, microseconds
from tools.market.prices import analyze, pool_prices, price_at
from tools.market.steps import step_statistics
from tools.records import CapacityPool, SpotPrice

BASE = microseconds(datetime(2026, 11, 18, tzinfo=UTC))
POOLS = tuple(CapacityPool(instance_type=f"m{i}.large", zone_name="us-east-1a") for i in range(5))
Changes = dict[int, int]
"""microseconds after BASE to a ten-thousandth of a USD"""

changes = st.dictionaries(st.integers(-400, 400), st.integers(1, 9_999), max_size=25)
markets = st.lists(changes, min_size=1, max_size=5)
windows = st.tuples(st.integers(-450, 450), st.integers(0, 500)).map(lambda w: (w[0], w[0] + w[1]))


def columns_of(market: list[Changes]) -> PriceColumns:
    rows = [(i, BASE + at, price / 10_000) for i, pool in enumerate(market) for at, price in sorted(pool.items())]
    pool, at_us, usd = zip(*rows, strict=True) if rows else ((), (), ())
    return PriceColumns(
        POOLS[: len(market)], np.array(pool, np.int64), np.array(at_us, np.int64), np.array(usd, np.float64)
    )


def in_force(pool: Changes, start: int, end: int) -> list[tuple[int, Fraction]]:
    """(microseconds held, price), oldest first; a window without length holds one price for one."""
    moments = sorted(pool)
    steps = []
    for at, until in zip(moments, [*moments, None][1:], strict=True):
        if at <= end and (until is None or until > start):
            closes = end if until is None else min(until, end)
            steps.append((closes - max(at, start), Fraction(pool[at], 10_000)))
    return [(1, steps[0][1])] if len(steps) == 1 and steps[0][0] == 0 else steps


def quantile(steps, tenths: int) -> Fraction:
    """The lowest price that, with all below it, was in force for at least so many tenths of the time."""
    total, passed = sum(held for held, _ in steps), 0
    for held, price in sorted(steps, key=lambda s: s[1]):
        passed += held
        if passed and Fraction(passed, total) >= Fraction(tenths, 10):
            return price
    raise AssertionError(steps)


def sigma(steps) -> float:
    with localcontext() as context:
        context.prec = 50
        logs = [(held, (Decimal(p.numerator) / Decimal(p.denominator)).ln()) for held, p in steps]
        total = sum(held for held, _ in logs)
        mean = sum(held * log for held, log in logs) / total
        return float((sum(held * (log - mean) ** 2 for held, log in logs) / total).sqrt())


@pytest.mark.accepts("AN-06", "CT-03", "P-01")
@settings(max_examples=250, deadline=None)
@given(markets, windows, st.sampled_from((1, 2, 3, 7, 32_768)))
def test_every_statistic_of_every_pool_agrees_with_exact_arithmetic(market, window, block_rows) -> None:
    start, end = window
    found = step_statistics(columns_of(market), start_us=BASE + start, end_us=BASE + end, block_rows=block_rows)
    for i, pool in enumerate(market):
        steps = in_force(pool, start, end)
        if not steps:
            assert np.isnan([found.current[i], found.mean[i], found.median[i], found.volatility[i]]).all()
            assert found.changes[i] == 0
            continue
        prices = [price for _, price in steps]
        mean = sum(held * price for held, price in steps) / sum(held for held, _ in steps)
        assert found.mean[i] == pytest.approx(float(mean), rel=1e-12)
        assert (found.low[i], found.high[i]) == (float(min(prices)), float(max(prices)))
        assert found.current[i] == float(prices[-1])
        assert found.changes[i] == len(steps) - 1
        assert [found.p10[i], found.median[i], found.p90[i]] == [float(quantile(steps, t)) for t in (1, 5, 9)]
        assert found.volatility[i] == pytest.approx(sigma(steps), rel=1e-9, abs=1e-12)


def test_volatility_keeps_its_digits_where_a_price_hardly_moves() -> None:
    pool = {0: 9_998, 100: 9_999, 250: 9_998, 300: 9_999}
    columns = columns_of([pool])
    columns = PriceColumns(columns.pools, columns.pool, columns.at_us, columns.usd_per_hour / 1000)
    found = step_statistics(columns, start_us=BASE, end_us=BASE + 400)
    assert found.volatility[0] == pytest.approx(sigma(in_force(pool, 0, 400)), rel=1e-9)
    still = step_statistics(columns_of([{0: 321, 5: 321}]), start_us=BASE, end_us=BASE + 10)
    assert still.volatility[0] == 0.0


def test_many_small_pools_and_a_few_large_ones_give_what_each_gives_alone() -> None:
    dice = np.random.default_rng(5)
    sizes = [1, 1, 2, 40_000, 1, 70_000, 3]
    market = [(np.sort(dice.choice(10**9, n, replace=False)), np.round(dice.uniform(0.1, 2.0, n), 4)) for n in sizes]
    pools = tuple(CapacityPool(instance_type=f"x{i}") for i in range(len(sizes)))
    together = PriceColumns(
        pools,
        np.repeat(np.arange(len(sizes)), sizes),
        np.concatenate([at for at, _ in market]) + BASE,
        np.concatenate([usd for _, usd in market]),
    )
    window = {"start_us": BASE, "end_us": BASE + 10**9}
    found = step_statistics(together, **window)
    for i, (at, usd) in enumerate(market):
        alone = step_statistics(PriceColumns(pools[:1], np.zeros(len(at), np.int64), at + BASE, usd), **window)
        for name in ("current", "mean", "low", "high", "p10", "median", "p90", "volatility", "changes"):
            assert getattr(found, name)[i] == pytest.approx(getattr(alone, name)[0], rel=1e-12), name


def test_quantiles_are_unknown_and_not_zero_when_they_are_not_asked_for() -> None:
    found = step_statistics(columns_of([{0: 5}]), start_us=BASE, end_us=BASE + 1, quantiles=False)
    assert np.isnan([found.p10[0], found.median[0], found.p90[0]]).all()
    assert found.mean[0] == 0.0005


def test_no_pools_and_no_rows_are_no_trouble() -> None:
    for columns in (PriceColumns.of([]), columns_of([{}])):
        found = step_statistics(columns, start_us=BASE, end_us=BASE + 1)
        assert len(found.mean) == len(columns.pools)
        assert np.isnan(found.mean).all()
        assert pool_prices(columns, start=None, end=EPOCH + timedelta(microseconds=BASE), on_demand={})[1:] == ()


@settings(max_examples=150, deadline=None)
@given(markets, st.integers(-450, 450), st.integers(0, 5))
def test_the_price_as_of_a_moment_is_the_last_one_dated_not_later(market, moment, which) -> None:
    asked = (*POOLS, CapacityPool(instance_type="z9.large"))[which]
    known = market[which] if which < len(market) else {}
    dated = [at for at in known if at <= moment]
    expected = Decimal(known[max(dated)]) / 10_000 if dated else None
    assert price_at(columns_of(market), asked, EPOCH + timedelta(microseconds=BASE + moment)) == expected


def test_a_pool_of_another_product_or_zone_has_no_price_of_this_one() -> None:
    columns = columns_of([{0: 400}])
    now = EPOCH + timedelta(microseconds=BASE + 10)
    assert price_at(columns, POOLS[0], now) == Decimal("0.04")
    assert price_at(columns, POOLS[0].with_(product="Windows"), now) is None
    assert price_at(columns, POOLS[0].with_(zone_id="use1-az1"), now) is None


@pytest.mark.accepts("P-01", "AN-06")
def test_quantiles_stand_in_the_record_as_prices_that_were_charged() -> None:
    start = datetime(2026, 11, 18, tzinfo=UTC)
    hours = {0: "0.4", 2: "0.5", 7: "0.9", 8: "0.45"}
    prices = [
        SpotPrice(pool=POOLS[0], usd_per_hour=Decimal(p), at=start + timedelta(hours=h)) for h, p in hours.items()
    ]
    (found,), _ = analyze(prices, start=start, end=start + timedelta(hours=10), on_demand={})
    # 2 h at .40, 2 h at .45, 5 h at .50, 1 h at .90
    assert found.p10_usd_per_hour == Decimal("0.4")
    assert found.median_usd_per_hour == Decimal("0.5")
    assert found.p90_usd_per_hour == Decimal("0.5")
    assert found.high_usd_per_hour == Decimal("0.9")
    (unknown,), _ = analyze(prices[-1:], start=start, end=start + timedelta(hours=1), on_demand={})
    assert (unknown.p10_usd_per_hour, unknown.median_usd_per_hour, unknown.p90_usd_per_hour) == (None, None, None)
