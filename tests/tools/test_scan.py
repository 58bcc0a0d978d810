"""The whole region by attributes: what fits, in which order, and what was left out."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.forked_accounts import started
from tools.archive.archive import open_archive
from tools.aws.session import open_account
from tools.choice.left_out import LeftOut
from tools.choice.ranking import ORDERS
from tools.choice.scan import scan, scan_market
from tools.choice.survey import Doors
from tools.choice.wanted import ARCHITECTURES, Range, Wanted, architecture, parse_range, product_named, sift
from tools.errors import UsageError
from tools.market.advisor import SpotAdvisor
from tools.records import InstanceTypeSpec

ZONES = {"us-east-1a": "use1-az6", "us-east-1b": "use1-az1"}


# attributes


@settings(deadline=None)
@given(st.integers(0, 500), st.integers(0, 500))
def test_a_range_is_read_back_as_it_is_written(low, high) -> None:
    low, high = sorted((low, high))
    assert parse_range("--vcpus", f"{low}..{high}", whole=True) == Range(low, high)
    assert parse_range("--vcpus", f"{low}..") == Range(low, None)
    assert parse_range("--vcpus", f"..{high}") == Range(None, high)
    assert parse_range("--vcpus", str(low)) == Range(low, low)
    assert parse_range("--vcpus", str(parse_range("--vcpus", f"{low}..{high}"))) == Range(low, high)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("16..4", "ends before it starts"),
        ("a..b", "'a' is not a number"),
        ("4..x", "'x' is not a number"),
        ("-4..8", "'-4' is not a number of 0 or more"),
        ("nan", "not a number"),
        ("4..inf", "not a number"),
        ("..", "not a range"),
        ("", "not a range"),
        ("1.5..2", "not a whole number"),
        ("4...8", "'.8' is not a number"),
        ("1e3..", "'1e3' is not a number"),
        ("１６..", "not a number"),
    ],
)
def test_a_range_that_cannot_be_is_refused_with_what_was_seen(text, said) -> None:
    with pytest.raises(UsageError) as wrong:
        parse_range("--vcpus", text, whole=True)
    assert said in wrong.value.message
    assert "--vcpus" in wrong.value.message
    assert wrong.value.hint


def test_an_unknown_architecture_or_product_names_the_known_ones() -> None:
    assert [architecture(a) for a in ARCHITECTURES] == list(ARCHITECTURES)
    with pytest.raises(UsageError) as wrong:
        architecture("amd64")
    assert "did you mean x86_64?" in wrong.value.hint
    assert "arm64" in wrong.value.hint
    assert product_named("windows") == "Windows"
    with pytest.raises(UsageError, match="OS/2"):
        product_named("OS/2")


def spec(name: str, vcpus: int = 4, memory: float = 16, **more) -> InstanceTypeSpec:
    return InstanceTypeSpec(
        instance_type=name, vcpus=vcpus, memory_gib=memory,
        **({"architectures": ("x86_64",), "zones": tuple(ZONES)} | more),
    )  # fmt: skip


EVERYTHING = (
    spec("m6i.xlarge"),
    spec("m7g.xlarge", architectures=("arm64",)),
    spec("m6i.metal", 128, 512, bare_metal=True),
    spec("t3.xlarge", burstable=True),
    spec("m3.xlarge", current_generation=False),
    spec("g5.xlarge", accelerators=1, accelerator_name="A10G"),
    spec("r6i.xlarge", 4, 32),
    spec("c6i.large", 2, 4),
    spec("u-6tb1.112xlarge", spot=False),
    spec("m6a.xlarge", zones=("us-east-1b",)),
)


def fit(wanted: Wanted) -> tuple[set[str], dict[str, int]]:
    left = LeftOut()
    return set(sift(EVERYTHING, wanted, ZONES, left)), {a.reason: a.count for a in left.counted()}


def test_the_defaults_leave_out_what_ec2s_own_selection_leaves_out() -> None:
    kept, left = fit(Wanted())
    assert kept == {"m6i.xlarge", "m7g.xlarge", "g5.xlarge", "r6i.xlarge", "c6i.large", "m6a.xlarge", "m3.xlarge"}
    assert left == {
        "bare metal": 1,
        "burstable": 1,
        "not sold on the spot market": 1,
        "not offered in the zone": 1,
    }
    assert fit(Wanted(bare_metal=True, burstable=True))[0] >= {"m6i.metal", "t3.xlarge"}
    current, left = fit(Wanted(current_generation=True))
    assert current == kept - {"m3.xlarge"}
    assert left["previous generation"] == 1


@pytest.mark.parametrize(
    ("wanted", "kept"),
    [
        (Wanted(vcpus=Range(2, 2)), {"c6i.large"}),
        (Wanted(types=("m3.*",), current_generation=True), set()),
        (Wanted(memory_gib=Range(20, None)), {"r6i.xlarge"}),
        (Wanted(architectures=("arm64",)), {"m7g.xlarge"}),
        (Wanted(accelerators=Range(1, None)), {"g5.xlarge"}),
        (Wanted(accelerator_names=("a10g",)), {"g5.xlarge"}),
        (Wanted(types=("m6?.*",)), {"m6i.xlarge", "m6a.xlarge"}),
        (Wanted(types=("m6?.*",), exclude=("m6a.*",)), {"m6i.xlarge"}),
        (Wanted(zones=("use1-az6",), types=("m6*",)), {"m6i.xlarge"}),
        (Wanted(zones=("us-east-1b",), types=("m6*",)), {"m6i.xlarge", "m6a.xlarge"}),
    ],
)
def test_types_are_found_by_their_attributes(wanted, kept) -> None:
    found, left = fit(wanted)
    assert found == kept
    assert sum(count for reason, count in left.items() if reason != "not offered in the zone") >= 10 - len(kept) - 1


def test_a_zone_that_the_region_has_not_names_those_it_has() -> None:
    with pytest.raises(UsageError) as wrong:
        fit(Wanted(zones=("eu-west-3a",)))
    assert "us-east-1a (use1-az6)" in wrong.value.hint


# the region


@pytest.fixture(scope="module")
def sim():
    with started(scenario="tour", seed=7, stepped=True) as running:
        yield running


@pytest.fixture(scope="module")
def doors(sim, tmp_path_factory):
    opened = open_account(
        profile=None, region=sim.region, endpoint_url=sim.endpoint_url, clock=sim.clock,
        credentials=("AKIASIMULATED0000000", "simulated"),
    )  # fmt: skip
    path = tmp_path_factory.mktemp("archive") / "archive.db"
    with contextlib.closing(opened), open_archive(path, clock=sim.clock) as archive:
        yield Doors(opened.reader, sim.clock, archive, SpotAdvisor(sim.advisor_url, cache=None, clock=sim.clock))


def test_every_pool_that_fits_is_shown_or_counted_with_its_reason(doors) -> None:
    wanted = Wanted(vcpus=Range(4, 16), memory_gib=Range(16, None), architectures=("x86_64", "arm64"))
    found = scan(doors, wanted, limit=7)
    every = doors.reader.instance_types()
    left = {a.reason: a.count for a in found.left_out}
    fitting = [
        s
        for s in every
        if s.spot and 4 <= s.vcpus <= 16 and s.memory_gib >= 16 and not s.bare_metal and not s.burstable
        and set(s.architectures) & {"x86_64", "arm64"}
    ]  # fmt: skip
    pools = len(found.opportunities) + left["ranked below the first 7"] + left.get("no on-demand price", 0)
    pools += left.get("no spot price in the zone over the window", 0)
    assert pools == sum(len(s.zones) for s in fitting)
    zones = len(doors.reader.zone_ids())
    assert left.get("not offered in the zone", 0) == sum(zones - len(s.zones) for s in fitting)
    types = sum(n for r, n in left.items() if "zone" not in r and "ranked" not in r and "on-demand" not in r)
    assert types == len(every) - len(fitting)
    for one in found.opportunities:
        assert 4 <= one.spec.vcpus <= 16
        assert one.spec.memory_gib >= 16


@pytest.mark.parametrize("by", sorted(ORDERS))
def test_the_list_is_in_the_order_that_it_names(doors, by) -> None:
    found = scan(doors, Wanted(vcpus=Range(None, 8)), by=by, limit=200)
    values = [o.rank_value for o in found.opportunities if o.rank_value is not None and o.recommendation != "avoid"]
    assert values == sorted(values, reverse=by == "score")
    assert found.ordered_by == ORDERS[by].words
    kinds = ["avoid" if o.recommendation == "avoid" else str(o.rank_value is None) for o in found.opportunities]
    assert kinds == sorted(kinds, key=["False", "True", "avoid"].index)
    if by == "per-vcpu":
        for one in found.opportunities:
            assert one.rank_value == pytest.approx(float(one.usd_per_useful_hour) / one.spec.vcpus)


def test_accelerators_are_ranked_by_the_accelerator_and_a_list_can_be_spread_over_types(doors) -> None:
    found = scan(doors, Wanted(accelerators=Range(1, None)), per_type=1, limit=50)
    assert found.asked["by"] == "per-accelerator"
    kinds = [o.pool.instance_type for o in found.opportunities]
    assert len(kinds) == len(set(kinds)) > 3
    known = {s.instance_type for s in doors.reader.instance_types()}
    assert set(kinds) <= known


def test_a_limit_on_the_price_counts_what_is_above_it(doors) -> None:
    found = scan(doors, Wanted(price_share=Range(None, 0.35), types=("c*",)), limit=200)
    left = {a.reason: a.count for a in found.left_out}
    assert left["price outside ..0.35 of on-demand"] > 0
    assert all(1 - o.prices.saving_share <= 0.35 for o in found.opportunities)


def test_a_scan_that_nothing_fits_is_an_empty_list_with_reasons(doors) -> None:
    found = scan(doors, Wanted(vcpus=Range(1000, None)))
    assert found.opportunities == ()
    assert any("vCPUs outside 1000.." in a.reason for a in found.left_out)


def test_placement_scores_are_not_asked_for_in_a_scan_and_that_is_said(doors) -> None:
    for one in scan(doors, Wanted(types=("m6i.*",)), limit=3).opportunities:
        assert one.placement is None
        assert any("not asked in a scan" in text for text in one.missing)


def test_the_tool_takes_flat_arguments_and_refuses_a_range_that_ends_before_it_starts(doors) -> None:
    whole = dict(scan_market.example)
    found = scan_market.run(
        reader=doors.reader, clock=doors.clock, archive=doors.archive, advisor=doors.advisor,
        **dict(scan_market.validate(whole)),
    )  # fmt: skip
    assert 0 < len(found.opportunities) <= 10
    with pytest.raises(UsageError, match="ends before it starts"):
        scan_market.run(
            reader=doors.reader, clock=doors.clock, archive=doors.archive, advisor=doors.advisor,
            **dict(scan_market.validate(whole | {"max_vcpus": 2})),
        )  # fmt: skip


def test_windows_has_prices_and_bands_of_its_own(doors) -> None:
    found = scan(doors, Wanted(types=("m6i.large", "m5.large")), product="Windows", limit=50)
    assert {o.pool.product for o in found.opportunities} == {"Windows"}
    linux = {o.pool.zone_id: o for o in scan(doors, Wanted(types=("m6i.large",)), limit=50).opportunities}
    for one in found.opportunities:
        if one.pool.instance_type == "m6i.large":
            assert one.prices.mean_usd_per_hour > linux[one.pool.zone_id].prices.mean_usd_per_hour
            assert one.baseline_usd_per_hour is None  # commitments are weighed for Linux


def test_an_old_market_without_list_prices_is_scanned_and_every_pool_is_accounted_for(data_dir, tmp_path) -> None:
    prices = data_dir / "prices" / "aws_us-east-1_2015.csv.gz"
    with started(scenario="tour", stepped=True, prices=prices) as old:
        opened = open_account(
            profile=None, region=old.region, endpoint_url=old.endpoint_url, clock=old.clock,
            credentials=("AKIASIMULATED0000000", "simulated"),
        )  # fmt: skip
        with contextlib.closing(opened), open_archive(tmp_path / "archive.db", clock=old.clock) as archive:
            advisor = SpotAdvisor(old.advisor_url, cache=None, clock=old.clock)
            found = scan(Doors(opened.reader, old.clock, archive, advisor), Wanted(burstable=True), limit=50)
    left = {a.reason: a.count for a in found.left_out}
    assert left["no on-demand price"] > 0
    assert all(o.prices.on_demand_usd_per_hour for o in found.opportunities)
    assert "Savings Plans cannot be read" in found.commitments
