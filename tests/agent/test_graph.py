"""The graph's cache: small, disposable, and read as plain data only."""

import itertools
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import ormsgpack
import pytest

from agent.events import ApprovalNeeded
from agent.models.model import Turn
from tests.forked_accounts import started

sys.path.insert(0, str(Path(__file__).parent))
from session_house import REPORT, call, change, open_house

BASES = itertools.count(1)  # each test's change is a change
LOOK = Turn(text="let me look", tool_calls=(call("describe_fleet", fleet="batch"),))


@pytest.fixture(scope="module")
def account():
    with started(stepped=True, seed=7) as running:
        yield running


@pytest.fixture
def waiting(account, tmp_path):
    """A conversation that waits for an approval: (folder, conversation id, proposal id)."""
    script = [Turn(text="", tool_calls=(change("web-canary", on_demand_base_capacity=next(BASES)),)), REPORT]
    with open_house(account, tmp_path, script) as house:
        events = list(house.session.ask("more base"))
        needed = next(e for e in events if isinstance(e, ApprovalNeeded))
        return tmp_path, house.session.conversation_id, needed.proposal.proposal_id


def test_strict_mode_is_in_force_whatever_the_environment_says():
    code = "import agent.graph\nfrom langgraph.checkpoint.serde import _msgpack\nassert _msgpack.STRICT_MSGPACK_ENABLED"
    environment = {**os.environ, "LANGGRAPH_STRICT_MSGPACK": "false"}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=60)


def test_langgraph_imported_before_us_without_strict_mode_is_an_error():
    code = "import langgraph.checkpoint.serde._msgpack\nimport agent.graph"
    environment = {k: v for k, v in os.environ.items() if k != "LANGGRAPH_STRICT_MSGPACK"}
    ran = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert "without strict mode" in ran.stderr


def test_the_cache_does_not_grow_with_questions(account, tmp_path):
    sizes = []
    with open_house(account, tmp_path, [LOOK, LOOK, REPORT]) as house:
        for _ in range(6):
            assert list(house.session.ask("look"))[-1].status == "answered"
            sizes.append(house.cache.stat().st_size)
        with sqlite3.connect(house.cache) as connection:
            rows = [connection.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in ("checkpoints", "writes")]
        connection.close()
    assert sizes[-1] == sizes[0]
    assert rows == [0, 0]
    assert house.cache.stat().st_mode & 0o777 == 0o600


def test_a_waiting_run_leaves_a_few_small_rows(waiting):
    folder, _conversation, proposal_id = waiting
    connection = sqlite3.connect(folder / "journal.db.graph")
    rows = connection.execute("SELECT length(checkpoint) + length(metadata) FROM checkpoints").fetchall()
    text = b"".join(r[0] for r in connection.execute("SELECT checkpoint FROM checkpoints"))
    connection.close()
    assert 0 < len(rows) < 8
    assert max(r[0] for r in rows) < 3_000
    assert proposal_id.encode() in text
    assert b"more base" not in text  # words live in the journal


def forge(folder: Path, blob: bytes) -> None:
    connection = sqlite3.connect(folder / "journal.db.graph")
    connection.execute("UPDATE checkpoints SET type = 'msgpack', checkpoint = ?", (blob,))
    connection.commit()
    connection.close()


def test_a_forged_row_runs_no_code_and_the_journal_takes_over(account, waiting):
    folder, conversation, proposal_id = waiting
    proof = folder / "ran"
    inner = ormsgpack.packb(("os", "system", f"touch {proof}"))
    forge(folder, ormsgpack.packb(ormsgpack.Ext(0, inner)))
    with open_house(account, folder, [REPORT], conversation_id=conversation) as house:
        events = list(house.session.resume())
        assert [e.proposal.proposal_id for e in events[:-1]] == [proposal_id]
        assert list(house.session.answer(proposal_id, "deny", by="kim"))[-1].status == "answered"
    assert not proof.exists()


@pytest.mark.parametrize("harm", ["gone", "garbage", "truncated", "other-tables"])
def test_a_lost_cache_costs_nothing(account, waiting, harm):
    folder, conversation, proposal_id = waiting
    cache = folder / "journal.db.graph"
    if harm == "gone":
        cache.unlink()
    elif harm == "garbage":
        cache.write_bytes(b"this is no database" * 500)
    elif harm == "truncated":
        cache.write_bytes(cache.read_bytes()[:5_000])
    else:
        cache.unlink()
        connection = sqlite3.connect(cache)
        connection.execute("CREATE TABLE checkpoints (a)")
        connection.commit()
        connection.close()
    script = [Turn(text=""), REPORT]
    with open_house(account, folder, script, conversation_id=conversation) as house:
        before = house.last_seq()
        events = list(house.session.resume())
        assert [e.proposal.proposal_id for e in events[:-1]] == [proposal_id]
        assert events[-1].status == "waiting"
        answered = list(house.session.answer(proposal_id, "approve", by="kim"))
        assert answered[0].outcome.status in {"done", "already"}
        assert answered[-1].status == "answered"
        assert len(house.updates(before)) <= 1
