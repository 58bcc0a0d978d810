"""Whoever changes the file is found: every byte of every row, rows gone, swapped or added, the tail, the whole."""

import os
import random
import shutil
import sqlite3
from contextlib import closing

import pytest

from agent.journal.chain import COLUMNS, GENESIS, entry_hash
from agent.journal.journal import Journal
from agent.journal.reading import look
from agent.journal.verify import verify
from agent.journal.witness import head_path
from tools.errors import AuditBroken, Denied, JournalError, UsageError

pytestmark = pytest.mark.accepts("DC-04")
ROWS = 6


@pytest.fixture
def whole(path, clock):
    """A closed journal of six entries."""
    with Journal.open(path, clock=clock) as journal:
        for n in range(ROWS):
            clock.move(1)
            journal.append(f"kind-{n}", {"n": n}, actor=f"아다-{n}")
    assert verify(path).ok
    return path


def edit(path, *statements):
    """Somebody with the file and a little SQL: guard rails are no wall."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("DROP TRIGGER IF EXISTS audit_is_never_updated")
        db.execute("DROP TRIGGER IF EXISTS audit_is_never_deleted")
        db.execute("PRAGMA ignore_check_constraints=ON")
        for statement, *values in statements:
            db.execute(statement, values)


def rows_of(path):
    with closing(sqlite3.connect(path)) as db:
        return db.execute(f"SELECT {', '.join(COLUMNS)} FROM audit ORDER BY seq").fetchall()


def found_at(path, seq, why=""):
    found = verify(path)
    assert not found.ok
    assert found.first_bad == seq, found.reason
    assert why in found.reason


def test_every_byte_of_every_row_counts(whole):
    with closing(sqlite3.connect(whole, isolation_level=None)) as db:
        db.execute("DROP TRIGGER audit_is_never_updated")
        checked = 0
        for row in rows_of(whole):
            for column, text in zip(COLUMNS[1:], row[1:], strict=True):
                for n in range(len(text)):
                    other = "x" if text[n] != "x" else "y"
                    changed = text[:n] + other + text[n + 1 :]
                    db.execute("BEGIN")
                    db.execute(f"UPDATE audit SET {column} = ? WHERE seq = ?", (changed, row[0]))
                    assert _first_bad(db) == row[0], (column, n)
                    db.execute("ROLLBACK")
                    checked += 1
    assert checked > ROWS * 150
    assert verify(whole).ok


def _first_bad(db):
    from agent.journal.verify import _Broken, walk

    try:
        walk(db)
    except _Broken as found:
        return found.first_bad
    return None


@pytest.mark.parametrize("column", COLUMNS[1:])
@pytest.mark.parametrize("seq", [1, 3, ROWS])
def test_an_edited_field_is_found_where_it_stands(whole, column, seq):
    edit(whole, (f"UPDATE audit SET {column} = {column} || ' ' WHERE seq = ?", seq))
    found_at(whole, seq)


@pytest.mark.parametrize("column", COLUMNS[1:])
def test_a_blob_of_the_same_bytes_is_found(whole, column):
    with closing(sqlite3.connect(whole, isolation_level=None)) as db:  # a strict table takes no BLOB: rebuild it
        db.execute("ALTER TABLE audit RENAME TO old")
        db.execute(
            f"CREATE TABLE audit (seq INTEGER PRIMARY KEY, {', '.join(f'{c} TEXT NOT NULL' for c in COLUMNS[1:])})"
        )
        db.execute("INSERT INTO audit SELECT * FROM old")
        db.execute(f"UPDATE audit SET {column} = CAST({column} AS BLOB) WHERE seq = 4")
    found_at(whole, 4)


@pytest.mark.parametrize("seq", [1, 3, 5])
def test_a_deleted_row_is_found(whole, seq):
    edit(whole, ("DELETE FROM audit WHERE seq = ?", seq))
    found_at(whole, seq, "missing")


def test_a_deleted_row_with_the_rest_moved_up_is_found(whole):
    edit(
        whole,
        ("DELETE FROM audit WHERE seq = 3",),
        *(("UPDATE audit SET seq = ? WHERE seq = ?", n - 1, n) for n in (4, 5, 6)),
    )
    found_at(whole, 3)


@pytest.mark.parametrize(("one", "two"), [(1, 2), (2, 5), (5, 6), (1, 6)])
def test_two_swapped_rows_are_found(whole, one, two):
    swaps = [(one, 99), (two, one), (99, two)]
    edit(whole, *(("UPDATE audit SET seq = ? WHERE seq = ?", to, at) for at, to in swaps))
    found_at(whole, one)


@pytest.mark.parametrize("seq", [0, -1])
def test_a_row_before_the_first_is_found(whole, seq):
    edit(whole, ("INSERT INTO audit VALUES (?, 'a', 'b', 'c', '{}', ?, 'x')", seq, GENESIS))
    found_at(whole, seq)


def test_an_inserted_row_is_found(whole):
    moves = [("UPDATE audit SET seq = ? WHERE seq = ?", n + 1, n) for n in (6, 5, 4)]
    before = rows_of(whole)[2][6]
    forged = (4, "2026-11-20T09:00:03.000000Z", "ada", "approval", "{}", before)
    edit(whole, *moves, ("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?)", *forged, entry_hash(*forged)))
    found_at(whole, 5)


def test_a_cut_tail_is_found_by_the_witness(whole):
    edit(whole, ("DELETE FROM audit WHERE seq > 4",))
    found_at(whole, 5, "the witness saw 6 entries")


def test_a_cut_tail_is_found_by_a_head_that_was_noted(whole):
    head = verify(whole).head
    edit(whole, ("DELETE FROM audit WHERE seq > 4",))
    head_path(whole).unlink()
    for expected in ({"expect_head": head}, {"expect_count": 6}, {"expect_head": head, "expect_count": 6}):
        found = verify(whole, **expected)
        assert (found.ok, found.first_bad) == (False, 5), expected


def test_a_log_rewritten_from_the_middle_is_found_by_the_witness(whole):
    rows, previous = rows_of(whole), rows_of(whole)[2][6]
    changes = []
    for seq, at, actor, kind, _, _, _ in rows[3:]:
        forged = (seq, at, actor, kind, '{"n":"forged"}', previous)
        previous = entry_hash(*forged)
        changes.append(
            ("UPDATE audit SET payload = ?, previous_hash = ?, hash = ? WHERE seq = ?", *forged[4:], previous, seq)
        )
    edit(whole, *changes)
    found_at(whole, 6, "not the one that was witnessed")


def test_an_emptied_log_is_found(whole):
    edit(whole, ("DELETE FROM audit",))
    found_at(whole, 1)


def test_an_older_copy_of_the_whole_file_is_found_and_never_continued(whole, clock, tmp_path):
    old = tmp_path / "old.db"
    shutil.copy(whole, old)
    with Journal.open(whole, clock=clock) as journal:
        journal.append("later", {}, actor="ada")
    shutil.copy(old, whole)
    found_at(whole, 7)
    witnessed = head_path(whole).read_bytes()
    with pytest.raises(AuditBroken, match="the witness saw 7 entries"):
        Journal.open(whole, clock=clock)
    assert head_path(whole).read_bytes() == witnessed


def test_another_log_of_the_same_length_is_never_continued(whole, clock, tmp_path):
    other = tmp_path / "other.db"
    with Journal.open(other, clock=clock) as journal:
        for _ in range(ROWS):
            journal.append("forged", {}, actor="eve")
    shutil.copy(other, whole)
    found_at(whole, ROWS)
    with pytest.raises(AuditBroken, match="not the one that was witnessed"):
        Journal.open(whole, clock=clock)


def test_a_missing_witness_is_told_and_a_noted_head_may_stand_for_it(whole):
    noted = verify(whole)
    head_path(whole).unlink()
    found = verify(whole)
    assert not found.ok
    assert "copy the .head file along" in found.reason
    assert verify(whole, expect_head=noted.head, expect_count=noted.entries).ok


def test_a_cut_tail_without_a_witness_is_not_whole_again_because_somebody_opened_the_log(whole, clock):
    edit(whole, ("DELETE FROM audit WHERE seq > 4",))
    head_path(whole).unlink()
    for _ in (1, 2):
        with Journal.open(whole, clock=clock) as journal:
            assert [e.kind for e in journal.entries(after_seq=4, limit=1)] == ["witness-missing"]
            journal.append("later", {}, actor="ada")
        found_at(whole, 5, "the witness was missing when entry 5 was written")
    found = verify(whole)
    assert not verify(whole, expect_head=found.head, expect_count=found.entries).ok


def test_a_witness_is_missed_before_there_is_a_new_one(whole, clock):
    """Whoever is killed while opening leaves no log that looks whole."""
    head_path(whole).unlink()
    in_the_way = whole.with_name(f"{head_path(whole).name}.{os.getpid()}.new")
    in_the_way.mkdir()  # the new witness cannot be written
    with pytest.raises(JournalError):
        Journal.open(whole, clock=clock)
    assert not head_path(whole).exists()
    assert [row[3] for row in rows_of(whole)[ROWS:]] == ["witness-missing"]


def test_a_person_answers_for_a_log_whose_witness_was_missing(whole, clock):
    head_path(whole).unlink()
    with Journal.open(whole, clock=clock) as journal:
        for by in ("agent:offline planner", "journal", "autonomy", ""):
            with pytest.raises(Denied, match="cannot answer for a person"):
                journal.accept_witness(reason="because", by=by)
        with pytest.raises(UsageError, match="no reason"):
            journal.accept_witness(reason="  ", by="ada")
        assert not verify(whole).ok
        accepted = journal.accept_witness(reason="restored from the backup of Monday", by="ada")
        assert (accepted.kind, accepted.actor) == ("witness-accepted", "ada")
        assert f'"missing":[{ROWS + 1}]' in accepted.payload
        with pytest.raises(UsageError, match="nothing to accept"):
            journal.accept_witness(reason="again", by="ada")
    assert verify(whole).ok
    head_path(whole).unlink()  # and again: one yes is good for what was seen
    Journal.open(whole, clock=clock).close()
    found_at(whole, ROWS + 3, "the witness was missing")


def test_no_machine_answers_for_a_missing_witness_by_writing_the_entry_itself(whole, clock):
    head_path(whole).unlink()
    with Journal.open(whole, clock=clock) as journal:
        journal.append("witness-accepted", {"reason": "trust me"}, actor="agent:gpt")
    found_at(whole, ROWS + 1, "the witness was missing")


def test_a_witness_that_is_none_is_told(whole):
    head_path(whole).write_text("{}")
    found = verify(whole)
    assert not found.ok
    assert "is not a head file" in found.reason


def test_a_view_in_the_place_of_the_table_is_found(whole):
    edit(whole, ("ALTER TABLE audit RENAME TO real",), ("CREATE VIEW audit AS SELECT * FROM real WHERE seq < 4",))
    found = verify(whole)
    assert not found.ok
    assert "audit is a view" in found.reason


def test_a_column_too_many_is_found(whole):
    edit(whole, ("ALTER TABLE audit ADD COLUMN note TEXT",))
    assert "other columns" in verify(whole).reason


def test_flipped_bits_of_the_file_are_found_or_changed_nothing(path, clock):
    with Journal.open(path, clock=clock) as journal:
        for n in range(20):
            journal.append("kind", {"n": n, "text": "한글 and text"}, actor="ada")
    content, rows = path.read_bytes(), rows_of(path)
    dice, detected, harmless = random.Random(20261120), 0, 0
    pages = [p for p in range(0, len(content), 4096) if p == 0 or "한글".encode() in content[p : p + 4096]]
    bits = [8 * p + bit for p in pages for bit in dice.sample(range(4096 * 8), 500)]
    for bit in bits + dice.sample(range(len(content) * 8), 300):
        broken = bytearray(content)
        broken[bit // 8] ^= 1 << bit % 8
        path.write_bytes(broken)
        if verify(path).ok:
            harmless += 1
            assert look(path, _every_row) == rows, f"bit {bit}: other rows, and verified"
        else:
            detected += 1
    assert detected > 200
    assert harmless > 200


def _every_row(db):
    return db.execute(f"SELECT {', '.join(COLUMNS)} FROM audit ORDER BY seq").fetchall()
