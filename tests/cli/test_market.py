"""`spotwarden market` as people call it: the screen and the JSON tell the same figures, wrong asking is 64."""

import re
from decimal import Decimal

import pytest

from tools.records import FleetInstanceRisk, InterruptionForecast, OpportunityAnalysis, PriceAnalysis
from tui.market_lines import forecast_lines, instance_lines, opportunity_lines, price_lines

HEAVY_SCAN = ("market", "scan", "--types", "m7i.*,c7g.*,g6.*", "--vcpus", "2..16", "--limit", "30")


def cells(screen: str) -> list[dict[str, str]]:
    """The table at the top of a screen: a row as a dict by its header. Columns stand two blanks apart."""
    lines = screen.splitlines()
    header = re.split(r" {2,}", lines[0].strip())
    rows = []
    for line in lines[1:]:
        found = re.split(r" {2,}", line.strip())
        if len(found) != len(header):
            break
        rows.append(dict(zip(header, found, strict=True)))
    return rows


def dollars(text: str) -> Decimal | None:
    return None if text == "unknown" else Decimal(text)


def usd(value: str | None) -> Decimal | None:
    return None if value is None else round(Decimal(value), 6)


def same_chance(text: str, told: dict) -> None:
    """12 % (<0.1 % to 40 %), unknown (<0.1 % to >99.9 %), unknown; a bound stands for what is below or above it."""
    found = [float(n) / 100 for n in re.findall(r"[<>]?([\d.]+) %", text)]
    assert text.startswith("unknown") == (told["probability"] is None)
    wanted = [told[k] for k in ("probability", "low", "high") if told[k] is not None]
    for seen, exact in zip(found, wanted, strict=True):
        assert seen == pytest.approx(exact, abs=0.0051 if 0.1 <= exact <= 0.9 else 0.00101)


def percent(text: str) -> float | None:
    return None if text in ("unknown", "paid for") else float(text.removesuffix(" %")) / 100


def same_pool(row: dict[str, str], pool: dict) -> None:
    assert row["POOL"] == f"{pool['instance_type']}/{pool['zone_name']}"
    assert row["ZONE ID"] == pool["zone_id"]


# the screen is the JSON


@pytest.mark.accepts("P-01", "AN-06")
def test_prices_on_the_screen_are_those_of_the_json(run) -> None:
    document = run("market", "prices", "ml-train", "--window-hours", "48", "--json").json
    screen = run("market", "prices", "ml-train", "--window-hours", "48").out
    for row, told in zip(cells(screen), document["pools"], strict=True):
        same_pool(row, told["pool"])
        assert row["PRODUCT"] == told["pool"]["product"]
        assert dollars(row["NOW"]) == usd(told["current_usd_per_hour"])
        assert dollars(row["MEAN"]) == usd(told["mean_usd_per_hour"])
        assert dollars(row["MEDIAN"]) == usd(told["median_usd_per_hour"])
        assert dollars(row["P90"]) == usd(told["p90_usd_per_hour"])
        assert row["LOW-HIGH"] == f"{told['low_usd_per_hour']}-{told['high_usd_per_hour']}"
        assert float(row["VOLATILITY"]) == pytest.approx(told["volatility"], abs=0.0005)
        assert percent(row["VS ON-DEMAND"]) == pytest.approx(-told["saving_share"], abs=0.0005)
        assert int(row["CHANGES"]) == told["changes"]
    assert document["source"] in screen


def test_a_longer_window_than_anybody_knows_says_since_when_it_is_known(run) -> None:
    told = run("market", "prices", "g5.xlarge", "--window-hours", "8760")
    assert told.exit == 0
    assert "note: asked for 8,760 h, known since 2026-08-20T01:00:00Z (2,160 h): EC2 keeps 90 days" in told.out
    document = run("market", "prices", "g5.xlarge", "--window-hours", "8760", "--json").json
    assert document["known_since"] == "2026-08-20T01:00:00Z"
    assert all(note in told.out for note in document["notes"])
    levels = sum(len(p["change_points"]) for p in document["pools"])
    assert told.out.count("level changed: ") == min(levels, 5)


@pytest.mark.accepts("AN-01", "AN-02", "AN-03", "AN-05", "P-02", "P-03")
def test_a_comparison_on_the_screen_is_that_of_the_json(run) -> None:
    types = ("market", "compare", "g5.xlarge", "g4dn.xlarge", "m6i.large")
    document, screen = run(*types, "--json").json, run(*types).out
    same_opportunities(screen, document)
    advice = {o["pool"]["instance_type"]: o["recommendation"] for o in document["opportunities"]}
    assert advice["m6i.large"] == "avoid"
    assert "a commitment pays for the hour" in screen
    assert "no hourly probability" in screen
    assert "not an interruption risk" in screen
    for told in document["opportunities"]:
        weights = {"stability": 0.2, "interruption": 0.3, "availability": 0.3, "saving": 0.2}
        parts = ", ".join(f"{name} {told['score_parts'][name]:.2f} × {w:g}" for name, w in weights.items())
        if f"{told['pool']['instance_type']}/{told['pool']['zone_name']} (" in screen:
            assert f"parts of the score: {parts}; " in screen
    assert {o["advisor"]["label"] for o in document["opportunities"]} == {r["ADVISOR"] for r in cells(screen)}


@pytest.mark.accepts("AN-01", "AN-07")
def test_a_scan_on_the_screen_is_that_of_the_json(run) -> None:
    document, screen = run(*HEAVY_SCAN, "--json").json, run(*HEAVY_SCAN).out
    same_opportunities(screen, document)
    for row, told in zip(cells(screen), document["opportunities"], strict=True):
        assert dollars(row["PER-VCPU"]) == usd(f"{told['rank_value']:.12f}")
    for left in document["left_out"]:
        assert f"left out: {left['count']:,} × {left['reason']}, such as {left['example']}" in screen


def same_opportunities(screen: str, document: dict) -> None:
    rows = cells(screen)
    assert len(rows) == len(document["opportunities"]) > 0
    for row, told in zip(rows, document["opportunities"], strict=True):
        same_pool(row, told["pool"])
        assert row["VCPU/GIB"] == f"{told['spec']['vcpus']}/{told['spec']['memory_gib']:g}"
        assert dollars(row["MEAN"]) == usd(told["prices"]["mean_usd_per_hour"])
        assert dollars(row["USEFUL H"]) == usd(told["usd_per_useful_hour"])
        if row["VS MARGINAL"] == "paid for":
            assert Decimal(told["baseline_usd_per_hour"]) == 0
        else:
            assert percent(row["VS MARGINAL"]) == pytest.approx(-told["saving_share"], abs=0.0005)
        same_chance(row["P 7 days"], told["within"][-1])
        assert row["ADVISOR"] == told["advisor"]["label"]
        assert row["PLACED"] == ("unknown" if told["placement"] is None else f"{told['placement']['score']}/10")
        scores = [float(n) for n in re.findall(r"[\d.]+", row["SCORE"])]
        assert scores == pytest.approx([told[k] for k in ("score", "score_low", "score_high")], abs=0.0051)
        assert row["ADVICE"] == told["recommendation"]
    assert document["commitments"] in screen
    for text in (*document["assumptions"], document["source"]):
        assert text in screen


@pytest.mark.accepts("P-04")
def test_a_forecast_on_the_screen_is_that_of_the_json(run) -> None:
    document = run("market", "forecast", "ml-train", "--json").json
    screen = run("market", "forecast", "ml-train").out
    rows = cells(screen)
    for row, told in zip(rows, document["pools"], strict=True):
        same_pool(row, told["pool"])
        chances = [row[name] for name in row if name.startswith("P ")]
        for text, within in zip(chances, told["within"], strict=True):
            same_chance(text, within)
        assert row["LEVEL"] == told["level"]
    for missing in {text for p in document["pools"] for text in p["missing"]}:
        assert f"not known: {missing}" in screen


def test_the_risk_of_instances_on_the_screen_is_that_of_the_json(run) -> None:
    document = run("market", "risk", "ml-train", "--instances", "--json").json
    screen = run("market", "risk", "ml-train", "--instances").out
    for row, told in zip(cells(screen), document["instances"], strict=True):
        assert row["INSTANCE"] == told["instance_id"]
        same_pool(row, told["pool"])
        for text, within in zip([row[n] for n in row if n.startswith("P ")], told["within"], strict=True):
            same_chance(text, within)
        if told["unsaved_minutes"] is None:
            assert row["UNSAVED"] == "unknown"
        else:
            assert row["UNSAVED"] == f"{told['unsaved_minutes']:.0f} min"
        assert row["LEVEL"] == told["level"]
        assert all(r["what"] in screen for r in told["recommended"])


def test_assumptions_that_a_person_gives_change_the_price_of_a_useful_hour(run) -> None:
    def useful(*more: str) -> Decimal:
        told = run("market", "compare", "g5.xlarge", *more, "--json").json["opportunities"][0]
        return Decimal(told["usd_per_useful_hour"])

    assert useful("--checkpoint-minutes", "600") > useful() > useful("--lost-minutes", "0", "--restart-minutes", "1")


# wrong asking


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["scan", "--vcpus", "16..4"], "the range ends before it starts"),
        (["scan", "--vcpus", "a..b"], "'a' is not a number"),
        (["scan", "--memory", "lots"], "'lots' is not a number"),
        (["scan", "--vcpus", "1.5.."], "not a whole number"),
        (["scan", "--price-share", "0.5..0.1"], "the range ends before it starts"),
        (["scan", "--arch", "amd64"], "did you mean x86_64? known: x86_64, arm64"),
        (["scan", "--by", "luck", "--types", "m6i.large"], "one of useful-hour"),
        (["scan", "--limit", "0"], "--limit"),
        (["scan", "--horizon-hours", "nan"], "horizon"),
        (["scan", "--product", "BeOS"], "known: Linux/UNIX"),
        (["scan", "--zones", "us-east-1z"], "us-east-1a (use1-az"),
        (["scan", "--checkpoint-minutes", "0"], "checkpoint_minutes 0"),
        (["compare", ","], "compare what?"),
        (["compare"], "TYPE_OR_FLEET"),
        (["compare", "g5.xlarge", "--horizon-hours", "0"], "horizon"),
        (["prices"], "whose prices?"),
        (["prices", "ml-train", "--append"], "--append belongs to --history"),
        (["prices", "ml-train", "--window-hours", "50000"], "window_hours"),
    ],
)
def test_what_cannot_be_asked_is_64_with_the_way_out(run, argv, said) -> None:
    run("market", *argv).refuses(64, said)
    assert run("market", *argv, "--json").json["error"]["exit_code"] == 64


def test_a_fleet_stands_for_its_types_and_for_its_own_checkpoints(run) -> None:
    told = run("market", "compare", "batch", "--json").json
    assert {o["pool"]["instance_type"] for o in told["opportunities"]} == {"c5.2xlarge", "c6i.2xlarge", "m5.2xlarge"}
    assert any("measured: median of" in text and "of batch" in text for text in told["assumptions"])
    run("market", "compare", "bacth").refuses(1, "bacth: no fleet of this name", "there is batch")


def test_a_type_that_the_region_has_not_is_named_with_what_is_near(run) -> None:
    run("market", "compare", "g55.xlarge").refuses(1, "g55.xlarge", "us-east-1 offers no such type", "did you mean")


def test_an_advisor_of_another_shape_is_told_and_nothing_is_made_up(run, home) -> None:
    (home / "advisor.json").write_text('{"ranges": []}')
    told = run("market", "compare", "g5.xlarge", "--advisor", str(home / "advisor.json"))
    told.refuses(1, str(home / "advisor.json"))


def test_without_the_advisor_nothing_is_made_up(run, home) -> None:
    told = run("market", "compare", "g5.xlarge", "--advisor", "http://127.0.0.1:9/nobody.json")
    assert told.exit == 0
    rows = cells(told.out)
    assert {(r["USEFUL H"], r["ADVISOR"], r["SCORE"], r["ADVICE"]) for r in rows} == {("unknown",) * 4}
    assert "not known: Spot Instance Advisor" in told.out


@pytest.mark.parametrize("command", ["prices", "risk", "forecast", "compare", "scan"])
def test_the_help_of_each_command_shows_how_it_is_used(alone, command) -> None:
    told = alone("market", command, "--help")
    assert told.exit == 0
    assert f"spotwarden market {command} " in told.out


# a file into the archive


def test_a_real_file_makes_last_years_prices_known(run, data_dir, home) -> None:
    (home / "old.csv").write_text(
        "availability_zone,instance_type,product,timestamp_utc,spot_price_usd_per_h\n"
        "us-east-1a,g5.xlarge,Linux/UNIX,2026-02-01T00:00:00Z,0.5\n"
        "us-east-1a,g5.xlarge,Linux/UNIX,2026-09-15T00:00:00Z,0.7\n"
    )
    run("market", "prices", "--history", "old.csv", "--append").refuses(64, "--append needs a region")
    told = run("market", "prices", "--history", "old.csv", "--append", "--region", "us-east-1")
    assert told.exit == 0
    assert "note: appended to the archive: 2 new of 2 prices" in told.out
    year = run("market", "prices", "g5.xlarge", "--window-hours", "8760", "--json").json
    assert year["known_since"] == "2026-02-01T00:00:00Z"
    auction = str(data_dir / "prices" / "aws_us-east-1_2015.csv.gz")
    real = run("market", "prices", "--history", auction, "--append", "--region", "us-east-1", "--json").json
    assert "instance types, 2015-" in real["notes"][-1]


# a narrow terminal


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize(
    ("argv", "record", "lines"),
    [
        (["forecast", "ml-train"], InterruptionForecast, forecast_lines),
        (["compare", "ml-train"], OpportunityAnalysis, opportunity_lines),
        (["risk", "ml-train", "--instances"], FleetInstanceRisk, instance_lines),
        (["prices", "ml-train"], PriceAnalysis, price_lines),
    ],
)
def test_a_table_fits_the_terminal_and_says_what_it_leaves_out(run, argv, record, lines, width) -> None:
    found = record.model_validate_json(run("market", *argv, "--json").out)
    whole, narrow = "\n".join(lines(found, width=None)), "\n".join(lines(found, width=width)).splitlines()
    told = next(i for i, line in enumerate(narrow) if line.startswith(f"{width} columns are too narrow for "))
    assert max(map(len, narrow[:told])) <= width
    left_out = narrow[told].removeprefix(f"{width} columns are too narrow for ").removesuffix(": --json has all")
    header, full = re.split(r" {2,}", narrow[0]), re.split(r" {2,}", whole.splitlines()[0])
    assert [h for h in full if h not in header] == [n for n in left_out.split(", ") if n != "whole intervals"]
    assert "too narrow" not in whole
    assert header[-1] in ("LEVEL", "ADVICE", "VS ON-DEMAND")


@pytest.mark.accepts("MO-03")
def test_where_the_list_of_fleets_tells_another_level_than_the_risk_the_screen_says_why(run) -> None:
    listed = {f["name"]: f["risk"] for f in run("fleets", "--json").json["fleets"]}
    told = run("market", "risk", "ml-train", "--json").json
    assert told["level_by_prices"] == listed["ml-train"]
    assert told["level"] != listed["ml-train"]
    screen = run("market", "risk", "ml-train").out
    assert f"`spotwarden fleets` says {listed['ml-train']}: it looks at prices alone" in screen
