"""The read tools on the simulated account: prices, risk and cost come out of what it says over the wire."""

import json
from datetime import timedelta

import pytest

from tests.forked_accounts import started
from tools.archive.none import NoArchive
from tools.aws.session import open_account
from tools.errors import NoPriceHistory, NotFound, UsageError
from tools.market.advisor import SpotAdvisor
from tools.market.analyze import analyze_prices
from tools.market.pricebook import read_price_book
from tools.money.costs import report_costs
from tools.records import LINUX
from tools.risk.score import score_risk
from tui.cli import main


@pytest.fixture(scope="module")
def sim():
    with started(scenario="tour", seed=7, stepped=True) as running:
        yield running


@pytest.fixture
def account(sim):
    sim.mend()
    opened = open_account(
        profile=None, region=sim.region, endpoint_url=sim.endpoint_url, clock=sim.clock,
        credentials=("AKIASIMULATED0000000", "simulated"),
    )  # fmt: skip
    yield opened
    opened.close()


def call(tool, account, sim, **arguments):
    """With no archive and an Advisor out of reach: what the account alone tells."""
    nowhere = SpotAdvisor("http://127.0.0.1:9/spot-advisor-data.json", cache=None, clock=sim.clock)
    doors = {"reader": account.reader, "clock": sim.clock, "archive": NoArchive("not opened"), "advisor": nowhere}
    return tool.run(**{n: doors[f] for n, f in tool.desk_fields.items()}, **dict(tool.validate(arguments)))


@pytest.mark.accepts("P-01")
def test_a_fleets_pools_are_priced_by_what_the_account_reports(account, sim) -> None:
    found = call(analyze_prices, account, sim, fleet="ml-train", window_hours=24)
    fleet = next(f for f in account.reader.fleets() if f.name == "ml-train")
    assert {p.pool.instance_type for p in found.pools} == set(fleet.instance_types)
    assert {p.pool.zone_name for p in found.pools} == set(fleet.zones)
    now = sim.clock.now()
    start = now - timedelta(hours=24)
    raw = account.reader.spot_prices(fleet.instance_types, since=start, until=now, product=LINUX)
    for pool in found.pools:
        rows = [r for r in raw if r.pool == pool.pool]
        ends = [*(r.at for r in rows[1:]), now]
        held = [max((end - max(r.at, start)).total_seconds(), 0) for r, end in zip(rows, ends, strict=True)]
        mean = sum(h * float(r.usd_per_hour) for h, r in zip(held, rows, strict=True)) / sum(held)
        assert float(pool.mean_usd_per_hour) == pytest.approx(mean, rel=1e-9)
        assert pool.current_usd_per_hour == rows[-1].usd_per_hour
        assert pool.saving_share == pytest.approx(1 - mean / float(pool.on_demand_usd_per_hour))
    assert found.as_of == now


def test_an_instance_type_is_priced_in_every_zone_of_the_region(account, sim) -> None:
    found = call(analyze_prices, account, sim, fleet="m6i.large", window_hours=24)
    assert {p.pool.instance_type for p in found.pools} == {"m6i.large"}
    zones = [p.pool.zone_name for p in found.pools]
    assert len(zones) == len(set(zones)) >= 3
    assert set(zones) <= set(account.reader.zone_ids())


def test_a_fleet_or_type_that_is_not_there_is_named_with_what_is(account, sim) -> None:
    with pytest.raises(NotFound) as missing:
        call(analyze_prices, account, sim, fleet="ml-trian", window_hours=24)
    assert "ml-train" in missing.value.hint
    with pytest.raises((NoPriceHistory, UsageError, NotFound)):
        call(analyze_prices, account, sim, fleet="x99.large", window_hours=24)
    with pytest.raises(UsageError):
        call(analyze_prices, account, sim, fleet="ml-train", window_hours=0)


@pytest.mark.accepts("P-03")
def test_the_committed_fleet_is_the_one_not_to_touch(account, sim) -> None:
    report = call(report_costs, account, sim)
    rows = {f.fleet: f for f in report.fleets}
    assert rows["api-core"].potential_usd_per_hour < 0
    assert rows["api-core"].potential_note.startswith("don't")
    assert rows["ml-train"].potential_usd_per_hour > 0
    (plan,) = report.commitments
    assert plan.covers == ("api-core",)
    parts = sum(f.now.effective_usd_per_hour for f in report.fleets)
    assert report.total.effective_usd_per_hour == parts + report.total.unused_commitment_usd_per_hour
    assert 0 < report.effective_savings_rate_share < 1


def test_a_concentrated_fleet_is_riskier_than_a_spread_one_and_no_rate_is_made_up(account, sim) -> None:
    found = call(score_risk, account, sim, fleet="ml-train")
    assert found.largest_pool_share > 0.6
    assert found.level in ("medium", "high")
    assert all(p.interruptions_per_100_hours is None and p.missing for p in found.pools)
    assert any("price-capacity-optimized" in text for text in found.advice)


def test_prices_that_may_not_be_read_are_unknown_and_said_to_be(account, sim) -> None:
    sim.fail("DescribeSpotPriceHistory", "access-denied", times=50)
    book = read_price_book(account.reader, sim.clock, ["m6i.large"])
    assert book.spot_now("m6i.large", "us-east-1a") is None
    assert book.on_demand("m6i.large") is not None
    assert any("spot prices" in text for text in book.missing)
    report = call(report_costs, account, sim)
    assert report.total.contracted_usd_per_hour is None
    assert report.total.list_usd_per_hour is not None
    assert report.not_rated
    sim.mend()


def test_the_command_prints_the_same_record(sim, capsys, monkeypatch, tmp_path) -> None:
    sim.mend()
    monkeypatch.setenv("AWS_ENDPOINT_URL", sim.endpoint_url)
    monkeypatch.setenv("SPOTWARDEN_DB", str(tmp_path / "journal.db"))
    assert main(["market", "prices", "ml-train", "--window-hours", "24", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["subject"] == "ml-train"
    assert main(["market", "prices", "ml-train", "--window-hours", "24"]) == 0
    screen = capsys.readouterr().out
    assert all(f"{p['pool']['instance_type']}/{p['pool']['zone_name']}" in screen for p in document["pools"])
    assert main(["market", "risk", "ml-train"]) == 0
    assert "ml-train: " in capsys.readouterr().out
    assert main(["market", "risk", "nothing"]) == 1
