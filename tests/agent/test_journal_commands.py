"""`spotwarden audit` in a process of its own, as an auditor runs it."""

import csv
import io
import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.journal.chain import COLUMNS, entry_hash
from agent.journal.export import cell
from agent.journal.journal import Journal
from agent.journal.witness import head_path

pytestmark = pytest.mark.accepts("DC-04")
ROOT = Path(__file__).resolve().parents[2]


class Noon:
    def now(self):
        return datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def path(tmp_path):
    with Journal.open(tmp_path / "j.db", clock=Noon()) as journal:
        journal.append("tag", {"text": "\x1b[2Jhostile"}, actor="=cmd()")
        journal.append("outcome", {"proposal_id": "p-1", "outcome": {"status": "done", "message": "m"}}, actor="ada")
        journal.append("note", {"한": "글"}, actor="ada")
    return tmp_path / "j.db"


def command(path, *arguments):
    code = "import sys; from tui.cli import main; sys.exit(main())"
    return [sys.executable, "-c", code, "audit", *arguments, "--db", str(path)]


def audit(path, *arguments, actor="ada"):
    """As `actor`, in a pipe."""
    environment = {**os.environ, "SPOTWARDEN_ACTOR": actor}
    return subprocess.run(
        command(path, *arguments), cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def on_a_terminal(path, *arguments):
    """What a terminal is sent."""
    ours, theirs = os.openpty()
    with os.fdopen(ours, "rb", buffering=0) as screen:
        process = subprocess.Popen(command(path, *arguments), cwd=ROOT, stdout=theirs, stdin=subprocess.DEVNULL)
        os.close(theirs)
        shown = b""
        with suppress(OSError):  # how a terminal ends on Linux
            while piece := screen.read(65_536):
                shown += piece
        assert process.wait(60) == 0
    return shown.decode()


def test_verify_prints_the_contract_and_exits_0_or_5(path):
    good = audit(path, "verify", "--json")
    document = json.loads(good.stdout)
    assert good.returncode == 0
    assert document == {"ok": True, "entries": 3, "head": document["head"], "first_bad": None, "reason": ""}
    assert audit(path, "verify", "--expect-head", document["head"], "--expect-count", "3").returncode == 0
    assert audit(path, "verify", "--expect-count", "4").returncode == 5
    with closing(sqlite3.connect(path)) as db:
        db.execute("DROP TRIGGER audit_is_never_updated")
        db.execute("UPDATE audit SET actor = 'eve' WHERE seq = 2")
        db.commit()
    bad = audit(path, "verify", "--json")
    assert bad.returncode == 5
    assert json.loads(bad.stdout)["first_bad"] == 2
    assert "first bad entry 2" in audit(path, "verify").stdout


@pytest.mark.parametrize("head", ["zz", "", "0" * 63, "0" * 65, "g" * 64])
def test_a_head_that_can_be_none_is_a_mistake_and_not_a_finding(path, head):
    found = audit(path, "verify", "--expect-head", head)
    assert (found.returncode, found.stdout) == (64, "")
    assert "64 hex characters" in found.stderr


def test_a_person_accepts_a_log_whose_witness_was_missing(path):
    head_path(path).unlink()
    assert audit(path, "accept-witness").returncode == 64  # no reason
    assert audit(path, "accept-witness", "--reason", " ").returncode == 64
    refused = audit(path, "accept-witness", "--reason", "fine", actor="Agent:gpt")
    assert refused.returncode == 3
    assert audit(path, "verify").returncode == 5
    done = audit(path, "accept-witness", "--reason", "compared with Monday's backup", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["ok"] is True
    assert audit(path, "verify").returncode == 0
    entry = json.loads(audit(path, "show", "--kind", "witness-accepted", "--json").stdout)[0]
    assert entry["actor"] == "ada"
    assert "Monday's backup" in entry["payload"]
    again = audit(path, "accept-witness", "--reason", "once more")
    assert (again.returncode, "nothing to accept" in again.stderr) == (64, True)
    assert "accept-witness" in audit(path, "verify", "--help").stdout


def test_accepting_does_not_hide_another_finding(path):
    with closing(sqlite3.connect(path)) as db:
        db.execute("DROP TRIGGER audit_is_never_updated")
        db.execute("UPDATE audit SET actor = 'eve' WHERE seq = 2")
        db.commit()
    head_path(path).unlink()
    found = audit(path, "accept-witness", "--reason", "never mind", "--json")
    assert found.returncode == 5
    assert json.loads(found.stdout)["first_bad"] == 2


def test_accepting_makes_no_journal(tmp_path):
    assert audit(tmp_path / "no.db", "accept-witness", "--reason", "x").returncode == 1
    assert not list(tmp_path.iterdir())


def test_verify_of_nothing_exits_5_and_makes_nothing(tmp_path):
    found = audit(tmp_path / "no.db", "verify")
    assert found.returncode == 5
    assert "there is no journal at" in found.stdout
    assert not list(tmp_path.iterdir())


def test_show_filters_and_makes_control_characters_visible(path):
    everything = audit(path, "show").stdout
    assert "\x1b" not in everything
    assert "p-1 · done · m" in everything
    only = json.loads(audit(path, "show", "--actor", "ada", "--limit", "1", "--json").stdout)
    assert [e["seq"] for e in only] == [3]
    kinds = json.loads(audit(path, "show", "--kind", "tag", "--kind", "note", "--json").stdout)
    assert [e["seq"] for e in kinds] == [1, 3]
    assert audit(path, "show", "--since", "2026-11-20T13:00").stdout == "no entries\n"
    assert audit(path, "show", "--since", "yesterday").returncode == 64


def test_export_holds_every_column_so_that_the_chain_checks_elsewhere(path):
    rows = json.loads(audit(path, "export").stdout)
    lines = [json.loads(line) for line in audit(path, "export", "--format", "jsonl").stdout.splitlines()]
    assert rows == lines
    for row in rows:
        assert entry_hash(*(row[c] for c in COLUMNS[:-1])) == row["hash"]


@pytest.mark.parametrize("form", ["json", "jsonl", "csv"])
def test_export_shows_a_terminal_nothing_that_it_would_obey_or_hide(path, form):
    evil = "\x1b[2J\u202eevil\u200b\u2066\x7f한글"
    with Journal.open(path, clock=Noon()) as journal:
        journal.append("tag", {"text": evil}, actor=evil)
    shown = on_a_terminal(path, "export", "--format", form)
    assert [c for c in shown if not c.isprintable() and c not in "\r\n"] == []
    assert "한글" in shown
    exact = audit(path, "export", "--format", form).stdout
    assert evil in exact if form == "csv" else "\u202eevil\u200b" in exact
    if form == "json":
        assert json.loads(shown) == json.loads(exact)  # the same value, written otherwise


def test_export_to_csv_holds_no_formula_and_the_file_is_private(path, tmp_path):
    out = tmp_path / "audit.csv"
    done = audit(path, "export", "--format", "csv", "--out", str(out))
    assert (done.returncode, done.stdout) == (0, "")
    assert out.stat().st_mode & 0o777 == 0o600
    rows = list(csv.reader(io.StringIO(out.read_text(), newline="")))
    assert rows[0] == list(COLUMNS)
    assert rows[1][2] == "'=cmd()"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_starts_a_formula(start):
    assert cell(f"{start}1+1") == f"'{start}1+1"
    assert cell(f"1{start}") == f"1{start}"
