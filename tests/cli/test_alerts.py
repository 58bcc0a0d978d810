"""`fleets --alerts` and the monitor's thresholds: what a person sees of what is wrong."""

import json

import pytest


@pytest.mark.accepts("MO-01", "MO-06")
def test_alerts_on_the_screen_are_those_of_the_json(run) -> None:
    document = run("fleets", "--alerts", "--json").json
    screen = run("fleets", "--alerts").out
    assert {f["name"] for f in document["fleets"]} >= {"ml-train", "batch"}
    for alert in document["alerts"]:
        assert f"{alert['severity']} · {alert['kind']} · {alert['message']}" in screen
    # nobody watches this account, and that is told, not taken for calm
    assert "blind" in {a["kind"] for a in document["alerts"]}


@pytest.mark.accepts("MO-06")
def test_a_threshold_in_the_settings_file_counts(run, home) -> None:
    crowded = {a["subject"] for a in run("fleets", "--alerts", "--json").json["alerts"] if a["kind"] == "concentration"}
    assert crowded
    (home / "spotwarden.toml").write_text("[monitor]\nconcentration_least_instances = 500\n")
    alerts = run("fleets", "--alerts", "--json").json["alerts"]
    assert not [a for a in alerts if a["kind"] == "concentration"]


@pytest.mark.parametrize(
    ("table", "saw"),
    [
        ("[monitor]\nblind_minuts = 5\n", "blind_minuts"),
        ("[monitor]\nprice_raise_share = -1\n", "price_raise_share"),
        ("[monitor]\nprice_clear_share = 0.95\n", "would flap"),
        ('monitor = "high"\n', "not a table"),
    ],
)
def test_a_wrong_threshold_is_told_with_those_that_there_are(run, home, table, saw) -> None:
    (home / "spotwarden.toml").write_text(table)
    run("fleets", "--alerts").refuses(64, saw)


def test_a_round_of_the_daemon_keeps_samples_that_the_next_command_reads(run) -> None:
    round_ = run("run", "--once", "--json").json
    assert isinstance(round_["alerts"], list)
    seen = run("fleets", "--alerts", "--json").json
    assert seen["samples"] >= len(seen["fleets"]) > 0
    assert "blind" not in {a["kind"] for a in seen["alerts"] if a["cleared_at"] is None}
    assert json.dumps(seen["source"])
