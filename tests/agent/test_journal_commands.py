"""`spotwarden audit` in a process of its own, as an auditor runs it."""

import csv
import io
import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.journal.chain import COLUMNS, entry_hash
from agent.journal.export import cell
from agent.journal.journal import Journal

pytestmark = pytest.mark.accepts("P-24", "DC-04")
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


def audit(path, *arguments):
    code = "import sys; from tui.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "audit", *arguments, "--db", str(path)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


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
