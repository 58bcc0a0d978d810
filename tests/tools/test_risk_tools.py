"""The risk tools on the simulated account: what they say, what it rests on, what they do not know, what they propose."""

import json
from datetime import timedelta

import pytest

from tests.forked_accounts import started
from tools.archive.archive import SqliteArchive
from tools.aws.session import open_account
from tools.errors import DataError, NoPriceHistory, NotFound, UsageError
from tools.fleets.effects import effect_of
from tools.fleets.find import find_fleet
from tools.fleets.preview import draw_preview
from tools.market.advisor import SpotAdvisor
from tools.records import (
    ACTION,
    ChangeFleet,
    FleetInstanceRisk,
    FleetSample,
    InterruptionForecast,
    PoolSignal,
    ReplaceInstances,
    RequestCheckpoint,
)
from tools.recovery.checkpoints import list_checkpoints
from tools.risk.forecast import load_forecaster
from tools.risk.instances import assess_instances
from tools.risk.outlook import HORIZONS_MINUTES, forecast_interruptions
from tools.risk.score import score_risk

NOWHERE = "http://127.0.0.1:9/spot-advisor-data.json"


@pytest.fixture(scope="module")
def sim():
    with started(scenario="tour", seed=7, stepped=True) as running:
        yield running


@pytest.fixture
def account(sim):
    opened = open_account(
        profile=None, region=sim.region, endpoint_url=sim.endpoint_url, clock=sim.clock,
        credentials=("AKIASIMULATED0000000", "simulated"),
    )  # fmt: skip
    yield opened
    opened.close()


@pytest.fixture
def archive(tmp_path, sim):
    with SqliteArchive.open(tmp_path / "archive.db", clock=sim.clock) as opened:
        yield opened


@pytest.fixture
def ask(sim, account, archive):
    """Calls a tool with the account, the archive and the account's own Advisor, or another one."""
    sim.mend()

    def call(tool, *, advisor=None, **arguments):
        chosen = SpotAdvisor(advisor or sim.advisor_url, cache=None, clock=sim.clock)
        doors = {"reader": account.reader, "clock": sim.clock, "archive": archive, "advisor": chosen}
        wanted = {name: doors[field] for name, field in tool.desk_fields.items()}
        return tool.run(**wanted, **dict(tool.validate(arguments)))

    yield call
    sim.mend()


def watched(sim, account, archive, name: str, hours: float, every_minutes: int = 10, refs=None):
    """Samples of one fleet as it stands, over the last hours: we looked, and it was there."""
    fleet = find_fleet(account.reader, name)
    now = sim.clock.now()
    pools: dict[str, int] = {}
    for instance in fleet.spot:
        pools[instance.pool.label] = pools.get(instance.pool.label, 0) + 1
    one = FleetSample(
        fleet=fleet.ref, name=name, at=now, desired_capacity=fleet.desired_capacity, running_spot=len(fleet.spot),
        running_on_demand=0, usd_per_hour=None, level="unknown", pools=pools,
    )  # fmt: skip
    count = int(hours * 60 / every_minutes)
    looks = [one.with_(at=now - timedelta(minutes=every_minutes * i)) for i in range(count, -1, -1)]
    archive.add_samples(looks, region=sim.region)
    return fleet


def signal(sim, pool, kind, minutes_ago=5.0, instance_id=None) -> PoolSignal:
    at = sim.clock.now() - timedelta(minutes=minutes_ago)
    return PoolSignal(kind=kind, pool=pool, instance_id=instance_id, fleet="asg/ml-train", at=at, source="test")


# forecasts


@pytest.mark.accepts("P-02", "IP-01", "P-04")
def test_band_and_placement_score_stand_side_by_side_each_with_its_meaning_and_date(ask) -> None:
    found = ask(forecast_interruptions, subject="batch")
    assert len(found.pools) >= 6
    for pool in found.pools:
        assert pool.advisor.instance_type == pool.pool.instance_type
        assert "trailing month" in pool.advisor.meaning
        assert "not an interruption risk" in pool.placement.meaning
        assert pool.advisor.as_of
        assert pool.placement.as_of
        assert pool.placement.zone_id in (None, pool.pool.zone_id)
    assert "Spot Instance Advisor" in found.source
    assert InterruptionForecast.model_validate_json(found.model_dump_json()) == found


@pytest.mark.accepts("IP-01", "IP-05", "P-04", "U-08")
def test_a_pool_that_nobody_watched_has_the_bands_wide_interval_and_says_so(ask) -> None:
    found = ask(forecast_interruptions, subject="g5.xlarge")
    assert {p.pool.instance_type for p in found.pools} == {"g5.xlarge"}
    for pool in found.pools:
        assert "prior only" in pool.hazard.prior
        assert [w.horizon_minutes for w in pool.within] == list(HORIZONS_MINUTES)
        chances = [w.probability for w in pool.within if w.probability is not None]
        assert chances == sorted(chances)
        assert pool.hazard.high > 3 * pool.hazard.per_100_hours
        for within in pool.within:
            assert within.low < within.high
            assert "the Advisor's band alone" in (within.abstains or within.source)
        # from the band of the worst pools anything may follow within a day
        assert pool.within[-1].probability is None
        assert "own interruption records of this pool" in pool.missing
        # EC2 scores one type low whatever the capacity
        assert pool.placement is None
        assert "a placement score of three or more types" in pool.missing
        assert pool.guide_average_probability == pytest.approx(0.1)
        assert "no hour or weekday factor" in pool.hazard.evidence[-1].value


@pytest.mark.accepts("IP-01", "P-02", "U-08")
def test_without_band_and_records_the_answer_is_unknown_and_never_a_number(ask) -> None:
    found = ask(forecast_interruptions, advisor=NOWHERE, subject="ml-train")
    for pool in found.pools:
        assert pool.advisor is None
        assert pool.hazard.per_100_hours is None
        assert all(w.probability is None and w.abstains and w.method == "none" for w in pool.within)
        assert any("Spot Instance Advisor" in m and "no answer" in m for m in pool.missing)
        assert "Spot Advisor band" in pool.missing


@pytest.mark.accepts("IP-01", "IP-04", "P-04")
def test_our_own_records_narrow_the_interval_and_move_the_rate(ask, sim, account, archive) -> None:
    fleet = watched(sim, account, archive, "ml-train", hours=60)
    largest = max(fleet.spot, key=lambda i: sum(j.pool == i.pool for j in fleet.spot)).pool
    calm = next(p for p in ask(forecast_interruptions, subject="ml-train").pools if p.pool == largest)
    ids = [f"i-{n:017x}" for n in range(12)]
    taken = [signal(sim, largest, "interruption", minutes_ago=100 + 60 * n, instance_id=i) for n, i in enumerate(ids)]
    archive.add_signals(taken, region=sim.region)
    pressed = next(p for p in ask(forecast_interruptions, subject="ml-train").pools if p.pool == largest)
    alone = next(p for p in ask(forecast_interruptions, subject="g5.xlarge").pools)
    assert calm.hazard.exposure.instance_hours >= 400
    assert calm.hazard.per_100_hours < pressed.hazard.per_100_hours
    assert pressed.hazard.exposure.interruptions == 12
    assert pressed.hazard.high / pressed.hazard.low < 4
    assert calm.hazard.high < alone.hazard.high


def test_a_type_or_fleet_that_is_not_there_is_named(ask) -> None:
    with pytest.raises(NotFound, match="ml-trian"):
        ask(forecast_interruptions, subject="ml-trian")
    with pytest.raises(NoPriceHistory, match=r"x99\.large"):
        ask(forecast_interruptions, subject="x99.large")
    with pytest.raises(UsageError):
        ask(forecast_interruptions, subject="")
    with pytest.raises(NotFound):
        ask(assess_instances, fleet="nothing")


def test_what_may_not_be_read_is_said_to_be_missing(ask, sim) -> None:
    for operation in ("DescribeSpotInstanceRequests", "GetSpotPlacementScores", "DescribeSpotPriceHistory"):
        sim.fail(operation, "access-denied", times=50)
    found = ask(score_risk, fleet="batch")
    assert {p.level for p in found.pools} == {"unknown"}
    missing = " ".join(found.pools[0].missing)
    for word in ("signals of our fleets", "placement scores", "spot prices"):
        assert word in missing


def test_a_file_that_is_no_advisor_is_an_error_when_checked_and_unknown_in_an_answer(ask, tmp_path, sim) -> None:
    path = tmp_path / "advisor.json"
    path.write_text('{"ranges": []}')
    with pytest.raises(DataError, match="ranges: '0 ranges' instead of 5 ranges"):
        SpotAdvisor(path, cache=None, clock=sim.clock).check()
    found = ask(score_risk, advisor=path, fleet="ml-train")
    assert any("0 ranges" in m for m in found.pools[0].missing)
    assert found.pools[0].interruptions_per_100_hours is None


# scores


@pytest.mark.accepts("P-02")
def test_a_score_rests_on_prices_bands_and_records_each_dated(ask) -> None:
    found = ask(score_risk, fleet="batch")
    for pool in found.pools:
        facts = {e.fact: e for e in pool.evidence}
        assert {"spot price against on-demand", "placement score", "Spot Advisor band"} <= set(facts)
        assert all(e.as_of for e in facts.values())
        assert "as of" in facts["Spot Advisor band"].value
        assert pool.low <= pool.interruptions_per_100_hours <= pool.high
    assert "Spot Instance Advisor" in found.source


def test_what_ec2_did_in_a_pool_within_a_day_raises_its_level(ask, sim, account, archive) -> None:
    fleet = find_fleet(account.reader, "batch")
    pool = fleet.spot[0].pool
    levels = ["low", "medium", "high"]

    def level():
        return next(p for p in ask(score_risk, fleet="batch").pools if p.pool == pool).level

    before = level()
    archive.add_signals([signal(sim, pool, "refusal", minutes_ago=60)], region=sim.region)
    after = level()
    assert levels.index(after) == min(levels.index(before) + 1, 2)
    archive.add_signals([signal(sim, pool, "rebalance", 40, "i-0123456789abcdef0")], region=sim.region)
    assert level() == "high"


# instances


@pytest.mark.accepts("MO-02", "MO-04", "MO-05")
def test_every_spot_instance_is_assessed_with_evidence_and_what_it_would_cost(ask, sim, account) -> None:
    found = ask(assess_instances, fleet="ml-train")
    fleet = find_fleet(account.reader, "ml-train")
    assert {i.instance_id for i in found.instances} == {i.instance_id for i in fleet.spot}
    saved = ask(list_checkpoints, fleet="ml-train")
    for item in found.instances:
        assert item.evidence
        launched = next(i.launched_at for i in fleet.spot if i.instance_id == item.instance_id)
        age = (sim.clock.now() - launched).total_seconds() / 60
        assert item.unsaved_minutes == pytest.approx(min(saved.age_seconds / 60, age))
        assert item.guide.level in ("low", "medium", "high")
        assert len(item.recommended) == {"high": 4, "medium": 3, "low": 2, "unknown": 1}[item.level]
        assert [w.horizon_minutes for w in item.within] == [60, 360, 1440]
    assert FleetInstanceRisk.model_validate_json(found.model_dump_json()) == found


@pytest.mark.accepts("MO-03", "MO-05", "P-05")
def test_an_instance_that_ec2_takes_comes_first_and_its_actions_can_be_done_as_they_stand(ask, sim, account) -> None:
    before = ask(assess_instances, fleet="ml-train")
    victim = before.instances[-1].instance_id
    sim.interrupt(victim)
    found = ask(assess_instances, fleet="ml-train")
    first = next(i for i in found.instances if i.instance_id == victim)
    assert first.level == "high"
    assert first.evidence[0].fact == "EC2 takes this instance"
    fleet = find_fleet(account.reader, "ml-train")
    proposed = [r.action for r in first.recommended if r.action is not None]
    assert {type(a) for a in proposed} == {RequestCheckpoint, ReplaceInstances, ChangeFleet}
    for action in proposed:
        assert ACTION.validate_json(action.model_dump_json()) == action
        effect_of(action).check(action, fleet)
        seen = draw_preview(account.reader, sim.clock, action, fleet)
        assert seen.changes
    # asked again, it is the same request: one marker in the store
    again = next(i for i in ask(assess_instances, fleet="ml-train").instances if i.instance_id == victim)
    assert again.recommended[0].action == first.recommended[0].action


@pytest.mark.accepts("MO-02", "P-05")
def test_a_rebalance_recommendation_presses_its_own_instance_most(ask, sim, account, archive) -> None:
    fleet = find_fleet(account.reader, "batch")
    told = fleet.spot[0]
    archive.add_signals([signal(sim, told.pool, "rebalance", instance_id=told.instance_id)], region=sim.region)
    found = {i.instance_id: i for i in ask(assess_instances, fleet="batch").instances}
    assert found[told.instance_id].level == "high"
    save, prepare, rank, fall_back = found[told.instance_id].recommended
    assert isinstance(save.action, RequestCheckpoint)
    assert isinstance(prepare.action, ReplaceInstances)
    assert rank.action is None
    assert isinstance(fall_back.action, ChangeFleet)
    elsewhere = [i for i in found.values() if i.pool != told.pool]
    assert elsewhere
    assert not any(e.fact.startswith("EC2 recommends") for i in elsewhere for e in i.evidence)


@pytest.mark.accepts("MO-02")
def test_age_is_no_risk_and_the_guides_make_it_one(ask, sim) -> None:
    young = {i.instance_id: i for i in ask(assess_instances, fleet="web-canary").instances}
    sim.advance(20 * 3600)
    aged = {i.instance_id: i for i in ask(assess_instances, fleet="web-canary").instances}
    common = young.keys() & aged.keys()
    assert common
    for name in common:
        grown = aged[name].guide.factors["instance_age"] - young[name].guide.factors["instance_age"]
        assert grown == pytest.approx(20)
        assert not any("age" in e.fact.split() for e in aged[name].evidence)
        # no store is named: what would be lost is unknown, not 0
        assert aged[name].unsaved_minutes is None
        assert any("checkpoint store" in m for m in aged[name].missing)


@pytest.mark.accepts("MO-05")
def test_an_ec2_fleet_and_a_fleet_without_spot_are_told_what_is_possible_there(ask, sim, account, archive) -> None:
    render = next(f for f in account.reader.fleets() if f.ref.kind == "ec2-fleet")
    victim = render.spot[0]
    archive.add_signals([signal(sim, victim.pool, "interruption", 1, victim.instance_id)], region=sim.region)
    found = ask(assess_instances, fleet=render.ref.fleet_id)
    first = next(i for i in found.instances if i.instance_id == victim.instance_id)
    assert first.level == "high"
    assert not any(isinstance(r.action, ReplaceInstances) for r in first.recommended)
    for item in first.recommended:
        if item.action is not None:
            effect_of(item.action).check(item.action, render)
    assert ask(assess_instances, fleet="api-core").instances == ()


def test_the_tools_are_described_for_a_model_and_ask_for_few_permissions() -> None:
    for tool in (score_risk, forecast_interruptions, assess_instances):
        assert 10 < len(tool.summary) < 400
        tool.parse(json.dumps(tool.example))
        assert tool.effect == "read"
        assert not [a for a in tool.iam if not a.split(":")[1].startswith(("Describe", "Get", "List"))]
        assert len(set(tool.iam)) == len(tool.iam)


@pytest.mark.accepts("P-04", "IP-01")
def test_a_pool_that_was_seen_dry_is_forecast_from_its_states(ask, sim, account, archive) -> None:
    try:
        load_forecaster()
    except DataError as error:
        pytest.skip(f"no trained forecast: {error.message}")
    fleet = watched(sim, account, archive, "batch", hours=60)
    pool = fleet.spot[0].pool
    dry = [signal(sim, pool, "refusal", minutes_ago=600 + 10 * n) for n in range(6)]
    archive.add_signals(dry, region=sim.region)
    found = {p.pool: p for p in ask(forecast_interruptions, subject="batch").pools}
    methods = [w.method for w in found[pool].within]
    assert methods == ["state forecast"] * 3 + ["constant hazard"]
    chances = [w.probability for w in found[pool].within]
    assert chances == sorted(chances)
    for w in found[pool].within:
        assert w.low <= w.probability <= w.high, w
    other = next(p for p in found.values() if p.pool != pool)
    assert "state forecast" not in {w.method for w in other.within}
    assert any("no state forecast" in w.source for w in other.within)
