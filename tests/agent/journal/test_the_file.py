"""The journal's file: its owner's only, durable, and every trouble with it told with a way out."""

import json
import os
import sqlite3
import stat
import threading
import time
from contextlib import closing

import pytest

from agent.journal.journal import Journal
from agent.journal.reading import look
from agent.journal.verify import verify
from agent.journal.witness import head_path, read_witness
from tools.errors import AuditBroken, JournalError


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.accepts("DC-04")
def test_the_tables_are_what_was_promised(journal, path):
    entry = journal.append("kind", {"b": 1, "a": "한"}, actor="ada")
    with closing(sqlite3.connect(path)) as db:
        columns = db.execute("PRAGMA table_info(audit)").fetchall()
        assert [(c[1], c[2], c[3]) for c in columns[1:]] == [
            (name, "TEXT", 1) for name in ("at", "actor", "kind", "payload", "previous_hash", "hash")
        ]
        assert db.execute("SELECT * FROM audit").fetchall() == [
            (1, "2026-11-20T09:00:00.000000Z", "ada", "kind", '{"a":"한","b":1}', "0" * 64, entry.hash)
        ]
        assert db.execute("SELECT actor, kind FROM v_audit").fetchall() == [("ada", "kind")]
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_the_audit_table_only_grows(journal, path):
    journal.append("kind", {}, actor="ada")
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA recursive_triggers=ON")
        for statement in (
            "UPDATE audit SET actor = 'eve'",
            "DELETE FROM audit",
            "REPLACE INTO audit SELECT * FROM audit",
        ):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                db.execute(statement)


def test_files_are_their_owners_only_whatever_the_umask(tmp_path, clock):
    before = os.umask(0)
    try:
        path = tmp_path / "new" / "er" / "journal.db"
        with Journal.open(path, clock=clock) as journal:
            journal.append("kind", {}, actor="ada")
            assert {mode(f) for f in path.parent.iterdir()} == {0o600}
    finally:
        os.umask(before)
    assert mode(path.parent) == mode(path.parent.parent) == 0o700
    path.chmod(0o644)
    Journal.open(path, clock=clock).close()
    assert mode(path) == 0o600


def test_a_link_is_not_followed(tmp_path, clock):
    (tmp_path / "link.db").symlink_to(tmp_path / "target.db")
    with pytest.raises(JournalError, match="symbolic link"):
        Journal.open(tmp_path / "link.db", clock=clock)
    assert not (tmp_path / "target.db").exists()


def test_other_files_are_left_alone(tmp_path, clock):
    text = tmp_path / "notes.txt"
    text.write_text("not a database, and long enough to be looked at " * 50)
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as db:
        db.execute("CREATE TABLE mine (x)")
    for path, why in ((text, "not a database"), (other, "not spotwarden's"), (tmp_path, "not a file")):
        with pytest.raises(JournalError, match=why) as caught:
            Journal.open(path, clock=clock)
        assert caught.value.hint
    assert text.read_text().startswith("not a database")
    assert not head_path(text).exists()


def test_a_journal_of_a_newer_spotwarden_is_left_alone(path, clock):
    Journal.open(path, clock=clock).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version=99")
    with pytest.raises(JournalError, match=r"newer spotwarden \(journal version 99") as caught:
        Journal.open(path, clock=clock)
    assert "upgrade" in caught.value.hint


def test_a_journal_of_an_older_spotwarden_is_left_alone_and_still_read(path, clock):
    with Journal.open(path, clock=clock) as journal:
        journal.append("kind", {}, actor="ada")
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version=1")
    before = path.read_bytes()
    with pytest.raises(JournalError, match=r"older spotwarden \(journal version 1") as caught:
        Journal.open(path, clock=clock)
    assert "move it aside" in caught.value.hint
    assert path.read_bytes() == before
    assert verify(path).ok


def test_a_full_disk_stores_nothing_and_says_so(path, clock):
    with Journal.open(path, clock=clock) as journal:
        journal.append("kind", {}, actor="ada")
        pages = journal._writer._db.execute("PRAGMA page_count").fetchone()[0]
        journal._writer._db.execute(f"PRAGMA max_page_count={pages}")
        with pytest.raises(JournalError, match="full") as caught:
            journal.append("kind", {"text": "x" * 100_000}, actor="ada")
        assert "make room" in caught.value.hint
        assert len(journal.entries()) == 1
        journal._writer._db.execute("PRAGMA max_page_count=100000")
        assert journal.append("kind", {}, actor="ada").seq == 2
    assert verify(path).entries == 2


def test_a_journal_that_is_not_there_is_told(path):
    found = verify(path)
    assert (found.ok, found.entries, found.first_bad) == (False, 0, None)
    assert f"there is no journal at {path}" in found.reason
    assert not list(path.parent.iterdir())


def test_looking_makes_no_file_and_changes_none(path, clock):
    journal = Journal.open(path, clock=clock)
    journal.append("kind", {}, actor="ada")
    for _ in (1, 2):  # while it is open, and at rest
        before = {f.name: f.read_bytes() for f in path.parent.iterdir() if not f.name.endswith("-shm")}
        names = {f.name for f in path.parent.iterdir()}
        assert verify(path).ok
        assert {f.name for f in path.parent.iterdir()} == names
        assert {f.name: f.read_bytes() for f in path.parent.iterdir() if not f.name.endswith("-shm")} == before
        journal.close()


def test_a_copy_taken_in_mid_flight_verifies_without_its_shm(path, clock, tmp_path):
    with Journal.open(path, clock=clock) as journal:
        journal.append("kind", {}, actor="ada")
        copy = tmp_path / "copy"
        copy.mkdir()
        for suffix in ("", "-wal", ".head"):
            (copy / f"journal.db{suffix}").write_bytes(path.with_name(f"journal.db{suffix}").read_bytes())
    assert verify(copy / "journal.db").entries == 1
    assert sorted(f.name for f in copy.iterdir()) == ["journal.db", "journal.db-wal", "journal.db.head"]


@pytest.mark.accepts("DC-04")
def test_the_head_is_witnessed_at_open_every_hundred_rows_every_minute_and_at_close(path, clock):
    with Journal.open(path, clock=clock) as journal:
        assert read_witness(path).count == 0
        for _ in range(100):
            journal.append("kind", {}, actor="ada")
        assert read_witness(path).count == 100
        journal.append("kind", {}, actor="ada")
        assert read_witness(path).count == 100
        clock.move(60)
        journal.append("kind", {}, actor="ada")
        assert read_witness(path).count >= 101
        journal.append("kind", {}, actor="ada")
        journal.append("kind", {}, actor="ada")
        journal.witness()
        assert read_witness(path).count == 104
        journal.append("kind", {}, actor="ada")
    witness = json.loads(head_path(path).read_text())
    assert (witness["count"], witness["head"]) == (105, verify(path).head)
    assert mode(head_path(path)) == 0o600


@pytest.mark.accepts("DC-04")
def test_the_head_is_witnessed_while_nobody_writes(path, clock):
    """The clock stands still, and nobody calls: the writer sees to it."""
    with Journal.open(path, clock=clock, witness_seconds=0.05) as journal:
        for count in (1, 2):
            assert journal.append("kind", {}, actor="ada").seq == count
            assert witnessed(path, count)


def test_a_witness_that_cannot_be_written_while_idle_is_told_to_the_next_writer(path, clock):
    with Journal.open(path, clock=clock, witness_seconds=0.05) as journal:
        journal.append("kind", {}, actor="ada")
        assert witnessed(path, 1)
        good = head_path(path).read_bytes()
        head_path(path).write_text("{}")
        journal.append("kind", {}, actor="ada")
        clock.move(1)
        with pytest.raises(AuditBroken, match="is not a head file"):
            journal.append("kind", {}, actor="ada")
        head_path(path).write_bytes(good)
        assert witnessed(path, 2)  # tried again, with nobody calling


def witnessed(path, count, *, seconds=20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = read_witness(path)
        if found is not None and found.count >= count:
            return True
        threading.Event().wait(0.01)
    return False


def test_threads_share_one_chain_and_get_their_own_entry(journal):
    seen = []
    threads = [
        threading.Thread(
            target=lambda n=n: seen.extend(journal.append("kind", {"n": n}, actor=f"t{n}") for _ in range(50))
        )
        for n in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(e.seq for e in seen) == list(range(1, 301))
    assert {e.seq: e for e in seen} == {e.seq: e for e in journal.entries()}


def test_a_closed_journal_takes_nothing(path, clock):
    journal = Journal.open(path, clock=clock)
    journal.close()
    journal.close()
    with pytest.raises(JournalError, match="not open"):
        journal.append("kind", {}, actor="ada")


def test_text_that_utf8_cannot_say_is_escaped(journal):
    assert journal.append("kind", {"tag": "\ud800"}, actor="ada").payload == '{"tag":"\\ud800"}'


def test_conversations_are_kept_apart_from_the_evidence(journal):
    first, second = journal.start_conversation("돈?", lang="ko"), journal.start_conversation("money", lang=None)
    journal.add_message(first, {"role": "user", "content": "안녕"})
    journal.add_message(first, {"role": "assistant", "content": "네"})
    assert [m["content"] for m in journal.messages(first)] == ["안녕", "네"]
    assert journal.messages(second) == ()
    assert [c.conversation_id for c in journal.conversations(5)] == [second, first]


def test_search_finds_every_word_newest_first(journal):
    for n in range(5):
        journal.append("Approval", {"fleet": f"ml-train-{n % 2}", "why": "비용"}, actor="Ada")
    found, searched = journal.search_audit("approval ADA ml-train-0 비용", limit=2)
    assert [e.seq for e in found] == [5, 3]
    assert searched == 3
    assert journal.search_audit("approval nothing", limit=2) == ((), 5)


def test_a_tool_searches_it(journal, clock):
    from tools.audit import search_audit

    journal.append("approval", {"by": "ada"}, actor="ada")
    found = search_audit.run(journal, clock, "ada")
    assert (len(found.entries), found.searched, found.as_of) == (1, 1, clock.now())


def test_reading_sees_what_is_in_the_wal(journal, path):
    journal.append("kind", {}, actor="ada")
    assert look(path, lambda db: db.execute("SELECT count(*) FROM audit").fetchone()) == (1,)
