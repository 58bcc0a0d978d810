"""The tour, as a user runs it: a real process, the real command line, the simulated account."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def spotwarden(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """more: environment variables"""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("SPOTWARDEN_", "AWS_", "OPENAI_"))}
    environment |= {"HOME": str(folder), "XDG_STATE_HOME": str(folder / "state"), "PYTHONPATH": str(ROOT)}
    environment |= more
    command = [sys.executable, "-c", "from tui.cli import run; run()", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=folder)


@pytest.fixture(scope="module")
def tours(tmp_path_factory):
    """The same tour twice, in two languages, with one seed, each with its own journal."""
    results = []
    for lang in ("en", "ko"):
        folder = tmp_path_factory.mktemp(lang)
        asked = ("demo", "--headless", "--json", "--lang", lang, "--seed", "7", "--db", str(folder / "j.db"))
        ran = spotwarden(folder, *asked)
        assert ran.returncode == 0, ran.stderr
        results.append((folder, json.loads(ran.stdout)))
    return results


@pytest.mark.accepts("DC-05", "DC-06", "P-17")
def test_the_tour_prints_its_contract_and_a_verified_audit(tours):
    _, tour = tours[0]
    assert {"scenario", "steps", "actions", "savings", "audit"} <= set(tour)
    assert [s["name"] for s in tour["steps"]] == [
        "ask",
        "propose",
        "approve",
        "settle",
        "lower",
        "lowered",
        "undo",
        "undone",
        "refuse",
        "interrupt",
        "recover",
        "audit",
    ]
    assert tour["audit"]["verified"] is True
    assert tour["audit"]["entries"] > 20
    assert len(tour["audit"]["head"]) == 64


def test_one_seed_gives_one_tour_in_any_language(tours):
    (_, first), (_, second) = tours
    assert first["actions"] == second["actions"]
    assert first["savings"] == second["savings"]


@pytest.mark.accepts("DC-02")
def test_the_tour_changes_refuses_and_recovers_for_real(tours):
    _, tour = tours[0]
    by_step = {s["name"]: s["facts"] for s in tour["steps"]}
    before, after = by_step["lowered"]["pools_before"], by_step["lowered"]["pools_after"]
    assert set(after) - set(before), "the fleet runs in a pool that the change opened"
    assert sum(after.values()) == sum(before.values())
    assert by_step["settle"]["strategy"] == "price-capacity-optimized"
    assert by_step["refuse"]["verdict"] == "deny"
    recovered = [a for a in tour["actions"] if a["by"] == "reflex"]
    assert {a["action"] for a in recovered} == {"request-checkpoint", "replace-instances"}
    assert all(a["outcome"] == "done" for a in recovered)
    assert by_step["interrupt"]["running_after"] == by_step["interrupt"]["desired_capacity"]
    assert by_step["interrupt"]["notice_to_asked_seconds"] <= 2
    line = by_step["recover"]["timeline"]
    assert 0 < line["saved_seconds"] <= line["restored_seconds"] <= line["verified_seconds"] < 120
    assert by_step["recover"]["lost_work_seconds"] == 0
    assert by_step["recover"]["replaced_by"] != by_step["interrupt"]["instance"]


@pytest.mark.accepts("P-09", "P-14", "P-17")
def test_each_change_of_the_tour_has_its_diff_its_verdict_and_its_verification(tours):
    _, tour = tours[0]
    diversified, lowered, undone = (a for a in tour["actions"] if a["by"] == "tour")
    assert "+ instance_types: – → g6.xlarge" in diversified["diff"]
    assert lowered["diff"] == ["~ on_demand_base_capacity: 2 → 1"]
    assert undone["diff"] == ["~ on_demand_base_capacity: 1 → 2"]
    assert [a["undoes"] for a in (diversified, lowered, undone)] == [None, None, lowered["proposal_id"]]
    for change in (diversified, lowered, undone):
        assert change["proposal_id"].startswith("p-")
        assert (change["verdict"], change["outcome"]) == ("ask", "done")
        assert change["verification"]["status"] == "passed"
        assert change["verification"]["watched_seconds"] == 1200
        assert set(change["verification"]["checks"]) == {"capacity", "cost", "targets", "interruptions"}
    refused = next(a for a in tour["actions"] if a["by"] == "policy")
    assert (refused["verdict"], refused["verification"]) == ("deny", None)
    assert {s["name"]: s["facts"] for s in tour["steps"]}["undone"]["recorded"] == {"on_demand_base_capacity": 2}


@pytest.mark.accepts("DC-04")
def test_its_journal_verifies_afterwards_and_a_cut_tail_is_found(tours):
    import sqlite3

    folder, tour = tours[1]
    ran = spotwarden(folder, "audit", "verify", "--db", "j.db", "--json")
    assert (ran.returncode, json.loads(ran.stdout)["head"]) == (0, tour["audit"]["head"])
    with sqlite3.connect(folder / "j.db") as connection:
        for (name,) in connection.execute("select name from sqlite_master where type='trigger'").fetchall():
            connection.execute(f"drop trigger {name}")
        connection.execute("delete from audit where seq = (select max(seq) from audit)")
    connection.close()
    ran = spotwarden(folder, "audit", "verify", "--db", "j.db", "--json")
    assert ran.returncode == 5
    assert json.loads(ran.stdout)["first_bad"] == tour["audit"]["entries"]


def test_the_tour_in_korean_asks_in_korean(tours):
    said = tours[1][1]["steps"][0]["said"]
    assert any("가" <= c <= "힣" for c in said)


def test_the_tour_runs_on_real_prices(tmp_path, data_dir):
    file = data_dir / "prices" / "aws_eu-west-3_2020-03_2020-07.csv.gz"
    ran = spotwarden(tmp_path, "demo", "--headless", "--json", "--prices", str(file))
    assert ran.returncode == 0, ran.stderr
    tour = json.loads(ran.stdout)
    assert tour["region"] == "eu-west-3"
    assert tour["audit"]["verified"] is True


def test_a_truncated_price_file_is_named_and_nothing_starts(tmp_path, data_dir):
    whole = (data_dir / "prices" / "aws_eu-west-3_2020-03_2020-07.csv.gz").read_bytes()
    (tmp_path / "cut.csv.gz").write_bytes(whole[: len(whole) // 2])
    ran = spotwarden(tmp_path, "demo", "--headless", "--prices", "cut.csv.gz")
    assert ran.returncode == 1
    assert "cut.csv.gz" in ran.stderr
    assert "Traceback" not in ran.stderr
