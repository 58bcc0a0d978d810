"""The table of watched changes: migrated to, armed before the change, moved by one winner."""

import contextlib
import sqlite3
from datetime import timedelta
from decimal import Decimal

import pytest
from journal_nouns import NOW, begin, outcome, saved

from agent.journal.journal import Journal
from agent.journal.schema import VERSION
from agent.journal.verify import verify
from policies.records import Aftercare
from tools.errors import JournalError, UsageError
from tools.fleets.verdicts import Baseline, Verdict

BASELINE = Baseline(
    desired_capacity=12,
    desired_capacity_after=14,
    single=False,
    in_service=12,
    on_demand=2,
    spot=10,
    usd_per_hour=Decimal(3),
    foretold_usd_per_hour=Decimal(4),
    price_as_of=NOW,
    unhealthy_targets={},
    at=NOW,
)
TWENTY = Aftercare(verify_seconds=1_200)


def verdict(health="healthy"):
    return Verdict(health=health, checks=(), at=NOW)


@pytest.fixture
def of_version_2(path, clock):
    """As that release left it: no table of watches, and none that came later."""
    with Journal.open(path, clock=clock) as journal:
        saved(journal)
        begin(journal, journal.proposal("p-1").proposal)
        journal.close_intent("i-1", outcome(), actor="test")
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.executescript("DROP VIEW v_recoveries; DROP TABLE recoveries; DROP TABLE jobs; DROP TABLE watches")
        db.execute("PRAGMA user_version=2")
        db.commit()
    return path


def test_a_journal_of_version_2_is_opened_and_gets_the_table(of_version_2, clock):
    before = verify(of_version_2)
    with Journal.open(of_version_2, clock=clock) as journal:
        assert journal.watches.of_status("watching", "armed") == ()
        assert journal.proposal("p-1").status == "done"
        assert journal.change_made("p-1").before == {"desired_capacity": 12}
        armed(journal, "p-2")
    after = verify(of_version_2)
    assert before.ok
    assert after.ok
    assert after.entries > before.entries
    with contextlib.closing(sqlite3.connect(of_version_2)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (VERSION,)


def test_two_who_open_a_journal_of_version_2_at_once_migrate_it_once(of_version_2, clock):
    with Journal.open(of_version_2, clock=clock) as one, Journal.open(of_version_2, clock=clock) as two:
        armed(one, "p-2")
        assert two.watches.one("p-2").status == "armed"


def test_a_much_older_journal_is_refused_and_left_as_it_is(of_version_2, clock):
    with contextlib.closing(sqlite3.connect(of_version_2)) as db:
        db.execute("PRAGMA user_version=1")
    with pytest.raises(JournalError, match="journal version 1"):
        Journal.open(of_version_2, clock=clock)


def armed(journal, proposal_id="p-1", wanted=TWENTY):
    of = saved(journal, proposal_id)
    journal.watches.arm(proposal_id, wanted, BASELINE, now=NOW)
    return of


def watched(journal, *, status="done"):
    of = armed(journal)
    begin(journal, of)
    journal.close_intent("i-1", outcome(status), actor="test")
    return journal.watches.one("p-1")


def test_the_watch_begins_in_the_transaction_of_the_outcome(journal):
    watch = watched(journal)
    assert (watch.status, watch.changed_at, watch.until) == ("watching", NOW, NOW + timedelta(minutes=20))
    assert [e.kind for e in journal.entries()][-2:] == ["outcome", "watch"]


@pytest.mark.parametrize("status", ["already", "failed", "refused", "superseded"])
def test_what_was_not_made_is_not_watched(journal, status):
    assert watched(journal, status=status).status == "void"
    assert "watch" not in [e.kind for e in journal.entries()]


def test_an_unknown_outcome_begins_nothing_until_it_is_known(journal):
    assert watched(journal, status="unknown").status == "armed"
    journal.close_intent("i-1", outcome(), actor="reconcile")
    assert journal.watches.one("p-1").status == "watching"


def test_of_two_wishes_the_stricter_one_counts_also_after_the_change(journal):
    armed(journal)
    journal.watches.arm("p-1", Aftercare(verify_seconds=60, on_fail="rollback"), BASELINE, now=NOW)
    begin(journal, journal.proposal("p-1").proposal)
    journal.close_intent("i-1", outcome(), actor="test")
    watch = journal.watches.one("p-1")
    assert (watch.seconds, watch.on_fail) == (1_200, "rollback")
    late = BASELINE.with_(in_service=3)
    journal.watches.arm("p-1", Aftercare(verify_seconds=3_600), late, now=NOW)
    watch = journal.watches.one("p-1")
    assert (watch.until, watch.on_fail) == (NOW + timedelta(hours=1), "rollback")
    assert watch.baseline == BASELINE  # what is read after the change was not before it


def test_what_was_begun_without_a_watch_cannot_get_one(journal):
    begin(journal, saved(journal))
    with pytest.raises(UsageError, match="begun without a watch"):
        journal.watches.arm("p-1", TWENTY, BASELINE, now=NOW)


def test_a_step_has_one_winner(journal, path, clock):
    watched(journal)
    with Journal.open(path, clock=clock) as other:
        won = [
            j.watches.move("p-1", "failed", only_from=("watching",), verdict=verdict("failed"), told="x", actor="a")
            for j in (journal, other)
        ]
    assert won == [True, False]
    assert [e.kind for e in journal.entries()].count("verified") == 1


def test_one_proposal_undoes_a_change_however_many_were_drawn_up(journal):
    watched(journal)
    for name in ("p-2", "p-3"):
        saved(journal, name)
    assert [journal.watches.claim_rollback("p-1", n) for n in ("p-2", "p-3")] == ["p-2", "p-2"]


def test_who_knows_of_no_rollback_has_no_word_once_one_is_named(journal):
    watched(journal)
    journal.watches.move("p-1", "failed", only_from=("watching",), told="x", actor="a")
    saved(journal, "p-2")
    journal.watches.claim_rollback("p-1", "p-2")
    assert not journal.watches.move("p-1", "escalated", only_from=("failed",), unclaimed=True, told="y", actor="b")
    assert journal.watches.move("p-1", "rolled-back", only_from=("failed",), told="z", actor="a")


def test_only_a_refused_rollback_is_forgotten(journal):
    watched(journal)
    saved(journal, "p-2")
    journal.watches.claim_rollback("p-1", "p-2")
    journal.watches.move("p-1", "failed", only_from=("watching",), told="x", actor="a")
    journal.watches.forget_rollback("p-1", "p-2")
    assert journal.watches.one("p-1").rollback_id == "p-2"
    journal.refuse("p-2", reason="drift", actor="a")
    journal.watches.forget_rollback("p-1", "p-2")
    assert journal.watches.one("p-1").rollback_id is None


def test_what_is_seen_after_the_end_changes_nothing(journal):
    watched(journal)
    journal.watches.note("p-1", verdict())
    journal.watches.move("p-1", "passed", only_from=("watching",), told="fine", actor="a")
    journal.watches.note("p-1", verdict("failed"))
    assert journal.watches.one("p-1").verdict.health == "healthy"
