"""A row gives no rights that the audit chain does not tell of: anybody with SQL can write a row."""

import json
import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest
from journal_nouns import NOW, approval, begin, decision, intent, outcome, proposal, saved

from agent.journal.chain import entry_hash
from agent.journal.journal import Journal
from agent.journal.verify import verify
from tools.errors import AuditBroken, Denied

pytestmark = pytest.mark.accepts("U-05")


@pytest.fixture
def sql(path):
    """Somebody with the file and a little SQL, while the journal is open."""

    def run(statement, *values):
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute("DROP TRIGGER IF EXISTS audit_is_never_updated")
            return db.execute(statement, values).fetchall()

    return run


def refused(journal, of, match, *, approval_ids=("ok-1",)):
    entries = journal.head().count
    with pytest.raises(AuditBroken, match=match) as caught:
        begin(journal, of, approval_ids=approval_ids)
    assert "audit verify" in caught.value.hint
    assert journal.open_intents() == ()
    assert journal.head().count == entries


def approved(journal, proposal_id="p-1"):
    made = saved(journal, proposal_id, verdict="ask")
    journal.save_approval(proposal_id, approval(made), actor="person:ada")
    return made


def forge_approval(sql, of, seq):
    sql(
        "INSERT INTO approvals VALUES ('ok-1', 'p-1', ?, 'ceo', 'approve', '2030', NULL, ?, ?)",
        "2026-11-20T09:00:00.000000Z",
        seq,
        approval(of, by="ceo").canonical(),
    )
    sql("UPDATE proposals SET status = 'approved'")


@pytest.mark.parametrize("seq", [1, 2, 99])
def test_an_approval_that_the_audit_log_does_not_hold_is_none(journal, sql, seq):
    made = saved(journal, verdict="ask")
    forge_approval(sql, made, seq)
    refused(journal, made, f"the audit log holds no approval entry {seq}")


def test_an_approval_of_another_proposal_does_not_stand_for_a_forged_one(journal, sql):
    made = saved(journal, verdict="ask")
    other = saved(journal, "p-2", verdict="ask", fleet="batch")
    journal.save_approval("p-2", approval(other), actor="person:ada")
    sql("DELETE FROM approvals")
    forge_approval(sql, made, 5)
    refused(journal, made, "the stored approval is not the one of entry 5")


def test_an_action_that_was_edited_with_its_approval_is_never_begun(journal, sql):
    made = approved(journal)
    edited = proposal(capacity=500)
    sql("UPDATE approvals SET approval = ?", approval(edited).canonical())
    sql("UPDATE proposals SET proposal = ?, digest = ?", edited.canonical(), edited.digest)
    refused(journal, edited, "the stored proposal is not the one of entry 1")
    assert verify(journal.path).ok  # the chain is whole: it is the rows that lie
    assert made.action.desired_capacity == 14


def test_a_verdict_that_was_edited_is_never_begun_on(journal, sql):
    made = saved(journal, verdict="ask")
    sql("UPDATE proposals SET status = 'allowed', decision = ?", decision("allow").canonical())
    refused(journal, made, "the stored decision is not the one of entry 2", approval_ids=())


def test_a_denied_proposal_stays_denied_whatever_its_row_says(journal, sql):
    made = saved(journal, verdict="deny")
    sql("UPDATE proposals SET status = 'allowed'")
    with pytest.raises(Denied, match="p-1 is"):
        begin(journal, made)


def test_an_answer_of_another_person_is_not_the_one_that_was_given(journal, sql):
    made = approved(journal)
    sql("UPDATE approvals SET approval = ?", approval(made, by="person:bo").canonical())
    refused(journal, made, "the stored approval is not the one of entry 3")


def test_a_no_that_was_taken_out_of_the_table_is_still_a_no(journal, sql):
    made = approved(journal)
    journal.save_approval("p-1", approval(made, "no-1", answer="deny", by="bo"), actor="bo")
    sql("DELETE FROM approvals WHERE approval_id = 'no-1'")
    sql("UPDATE proposals SET status = 'approved'")
    refused(journal, made, "the answers in the audit log are not those in the table")


def test_a_refusal_that_was_taken_back_by_hand_is_still_one(journal, sql):
    made = saved(journal)
    journal.refuse("p-1", reason="drift", actor="test")
    sql("UPDATE proposals SET status = 'allowed'")
    refused(journal, made, "entry 3 tells of its refused", approval_ids=())


def test_an_action_is_not_done_twice_when_its_rows_are_taken_away(journal, sql):
    made = approved(journal)
    begin(journal, made, approval_ids=("ok-1",))
    journal.close_intent("i-1", outcome("done"), actor="test")
    sql("UPDATE approvals SET consumed_by = NULL")
    for table in ("outcomes", "uses", "intents"):
        sql(f"DELETE FROM {table}")
    sql("UPDATE proposals SET status = 'approved'")
    refused(journal, made, "entry 4 tells of its intent")


def test_an_entry_that_was_edited_to_fit_its_row_is_found_by_its_hash(journal, sql):
    made = approved(journal)
    edited = decision("ask", quorum=0)
    payload = journal.entries(kinds=("decision",))[0].payload
    forged = json.dumps(json.loads(payload) | {"decision": json.loads(edited.canonical())}, separators=(",", ":"))
    sql("UPDATE audit SET payload = ? WHERE seq = 2", forged)
    sql("UPDATE proposals SET decision = ?", edited.canonical())
    refused(journal, made, "entry 2 does not match its hash")
    row = sql("SELECT seq, at, actor, kind, payload, previous_hash FROM audit WHERE seq = 2")[0]
    sql("UPDATE audit SET hash = ? WHERE seq = 2", entry_hash(*row))
    refused(journal, made, "entry 2 does not match its hash")  # entry 3 names the old one


def send(journal, **more):
    journal.mark_sending("i-1", lease=None, at=NOW, actor="test", **more)


@pytest.mark.accepts("U-04")
def test_an_intent_is_sent_once(journal):
    begin(journal, approved(journal), approval_ids=("ok-1",))
    assert journal.open_intents()[0].sent_at is None
    send(journal)
    assert journal.open_intents()[0].sent_at is not None
    with pytest.raises(Denied, match="was sent before"):
        send(journal)


@pytest.mark.accepts("U-04")
def test_who_slept_until_somebody_gave_the_intent_up_does_not_send_it(path, journal, clock):
    begin(journal, approved(journal), approval_ids=("ok-1",))
    with Journal.open(path, clock=clock) as other:
        assert other.close_intent("i-1", outcome("failed"), unsent_only=True, actor="reconcile")
    with pytest.raises(Denied, match="closed while its sender slept"):
        send(journal)


def test_what_was_sent_is_not_given_up_as_unsent(journal):
    begin(journal, approved(journal), approval_ids=("ok-1",))
    send(journal)
    assert not journal.close_intent("i-1", outcome("failed"), unsent_only=True, actor="reconcile")
    assert [o.intent.intent_id for o in journal.open_intents()] == ["i-1"]


def test_a_permit_that_is_over_is_not_sent(journal):
    begin(journal, approved(journal), approval_ids=("ok-1",))
    with pytest.raises(Denied, match="permit of i-1 is over"):
        journal.mark_sending("i-1", lease=None, at=NOW + timedelta(hours=2), actor="test")


def test_an_intent_whose_row_was_edited_is_not_sent(journal, sql):
    made = saved(journal)
    begin(journal, made)
    sql("UPDATE intents SET intent = ?", intent(made, "i-1", at=NOW).with_(want={"desired_capacity": 500}).canonical())
    with pytest.raises(AuditBroken, match="the stored intent is not the one of entry 3"):
        send(journal)
