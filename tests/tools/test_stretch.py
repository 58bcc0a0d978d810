"""Windows longer than EC2's 90 days: what the archive kept, and what it does not know."""

import contextlib
from datetime import timedelta
from decimal import Decimal

import pytest

from tests.forked_accounts import started
from tools.archive.archive import open_archive
from tools.aws.session import open_account
from tools.choice.survey import Doors
from tools.errors import NoPriceHistory, UsageError
from tools.market.advisor import SpotAdvisor
from tools.market.analyze import analyze_prices
from tools.market.append_file import append_file
from tools.records import LINUX, CapacityPool, SpotPrice

YEAR = 8760


@pytest.fixture(scope="module")
def sim():
    with started(scenario="tour", seed=7, stepped=True) as running:
        yield running


@pytest.fixture
def doors(sim, tmp_path):
    opened = open_account(
        profile=None, region=sim.region, endpoint_url=sim.endpoint_url, clock=sim.clock,
        credentials=("AKIASIMULATED0000000", "simulated"),
    )  # fmt: skip
    with contextlib.closing(opened), open_archive(tmp_path / "archive.db", clock=sim.clock) as archive:
        yield Doors(opened.reader, sim.clock, archive, SpotAdvisor(sim.advisor_url, cache=None, clock=sim.clock))


def ask(doors: Doors, hours: int, subject: str = "g5.xlarge"):
    arguments = analyze_prices.validate({"fleet": subject, "window_hours": hours})
    return analyze_prices.run(reader=doors.reader, clock=doors.clock, archive=doors.archive, **dict(arguments))


def remember(doors: Doors, *, days_ago: float, until_days_ago: float, usd: str) -> None:
    """Somebody fetched g5.xlarge then; its price was the same in every zone all the while."""
    now = doors.clock.now()
    since, until = now - timedelta(days=days_ago), now - timedelta(days=until_days_ago)
    zones = doors.reader.zone_ids()
    prices = [
        SpotPrice(
            pool=CapacityPool(instance_type="g5.xlarge", zone_name=z, zone_id=zones[z]),
            usd_per_hour=Decimal(usd),
            at=since,
        )
        for z in ("us-east-1a", "us-east-1b", "us-east-1c")
    ]
    doors.archive.add_prices(prices, region="us-east-1", since=since, until=until, source="an older fetch")


def test_a_year_without_an_archive_of_it_is_answered_with_what_is_known_and_says_so(doors) -> None:
    found = ask(doors, YEAR)
    assert found.window_hours == YEAR
    assert found.known_since == doors.clock.now() - timedelta(days=90)
    assert any("asked for 8,760 h" in note and "EC2 keeps 90 days" in note for note in found.notes)
    assert all(p.observed_from == found.known_since for p in found.pools)
    within = ask(doors, 90 * 24)
    assert within.known_since is None
    assert within.notes == ()
    assert [p.mean_usd_per_hour for p in within.pools] == [p.mean_usd_per_hour for p in found.pools]


def test_what_a_fetch_saw_is_in_the_archive_afterwards(doors) -> None:
    assert doors.archive.fetched_since(["g5.xlarge"], region="us-east-1", product=LINUX) is None
    ask(doors, 48)
    now = doors.clock.now()
    assert doors.archive.fetched_since(["g5.xlarge"], region="us-east-1", product=LINUX) == now - timedelta(hours=48)
    kept = doors.archive.prices(
        ["g5.xlarge"], region="us-east-1", since=now - timedelta(hours=48), until=now, product=LINUX
    )
    fetched = doors.reader.spot_prices(["g5.xlarge"], since=now - timedelta(hours=48), until=now, product=LINUX)
    assert {(p.pool, p.at, p.usd_per_hour) for p in kept} == {(p.pool, p.at, p.usd_per_hour) for p in fetched}


def test_history_outgrows_ec2s_90_days(doors) -> None:
    remember(doors, days_ago=200, until_days_ago=80, usd="0.9")
    found = ask(doors, YEAR)
    now = doors.clock.now()
    assert found.known_since == now - timedelta(days=200)
    assert any("known since" in note and "(4,800 h)" in note for note in found.notes)
    assert "local price archive" in found.source
    rows = doors.reader.spot_prices(["g5.xlarge"], since=now - timedelta(days=90), until=now, product=LINUX)
    recent = {p.pool: p for p in ask(doors, 90 * 24).pools}
    for pool in found.pools:
        newer = recent[pool.pool]
        first = pool.points[0]
        assert first.usd_per_hour == Decimal("0.9")
        assert pool.observed_from == now - timedelta(days=200)
        # 0.9 until the price came up that was in force when EC2's own 90 days begin
        held = next(p for p in rows if p.pool == pool.pool)
        before = (now - timedelta(days=90) - held.at) / timedelta(days=1)
        sums = (110 - before) * 0.9 + before * float(held.usd_per_hour) + 90 * float(newer.mean_usd_per_hour)
        expected = sums / 200
        assert float(pool.mean_usd_per_hour) == pytest.approx(expected, rel=1e-6)
        assert not [a for a in found.set_aside if "duplicate" in a.reason]
    half = ask(doors, 150 * 24)
    assert half.known_since is None
    assert half.notes == ()


def test_prices_before_a_gap_are_in_no_figure(doors) -> None:
    remember(doors, days_ago=300, until_days_ago=200, usd="0.9")
    found = ask(doors, YEAR)
    assert found.known_since == doors.clock.now() - timedelta(days=90)
    assert all(p.high_usd_per_hour < Decimal("0.9") for p in found.pools)


def test_an_archive_that_is_no_database_costs_the_past_and_not_the_answer(doors, tmp_path) -> None:
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"this is no database at all, though it is longer than the header of one: " * 40)
    before = broken.read_bytes()
    with open_archive(broken, clock=doors.clock) as none:
        found = ask(Doors(doors.reader, doors.clock, none, doors.advisor), YEAR)
    assert found.pools
    assert any("archive cannot be used" in note for note in found.notes)
    assert broken.read_bytes() == before


def test_more_than_five_years_are_refused(doors) -> None:
    with pytest.raises(UsageError):
        ask(doors, 5 * 366 * 24 + 1)


# a file of prices


CSV = """availability_zone,instance_type,product,timestamp_utc,spot_price_usd_per_h
us-east-1a,g5.xlarge,Linux/UNIX,2026-03-01T00:00:00Z,0.5
us-east-1a,g5.xlarge,Linux/UNIX,2026-06-01T00:00:00Z,0.6
us-east-1a,g5.xlarge,Linux/UNIX,2026-09-15T00:00:00Z,0.7
us-east-1a,g4dn.xlarge,Linux/UNIX,2026-03-01T00:00:00Z,0.2
us-east-1a,g4dn.xlarge,Linux/UNIX,2026-09-15T00:00:00Z,-3
"""


def test_a_file_of_prices_makes_the_past_known_once(doors, tmp_path) -> None:
    (tmp_path / "prices.csv").write_text(CSV)
    now = doors.clock.now()
    done = append_file(tmp_path / "prices.csv", doors.archive, region="us-east-1", now=now)
    assert (done.new, done.prices, done.types) == (4, 4, 2)
    assert [a.reason for a in done.set_aside] == ["price is zero or below"]
    again = append_file(tmp_path / "prices.csv", doors.archive, region="us-east-1", now=now)
    assert again.new == 0
    found = ask(doors, YEAR)
    assert f"{found.known_since:%Y-%m-%d}" == "2026-03-01"
    first = next(p for p in found.pools if p.pool.zone_name == "us-east-1a")
    assert first.points[0].usd_per_hour == Decimal("0.5")


def test_a_file_without_a_usable_price_adds_nothing(doors, tmp_path) -> None:
    (tmp_path / "prices.csv").write_text(CSV.splitlines()[0] + "\nus-east-1a,g5.xlarge,Linux/UNIX,never,0.5\n")
    with pytest.raises(NoPriceHistory):
        append_file(tmp_path / "prices.csv", doors.archive, region="us-east-1", now=doors.clock.now())
    assert doors.archive.fetched_since(["g5.xlarge"], region="us-east-1", product=LINUX) is None
