"""The tables. `audit` is append-only and chained; the others hold the state that its entries tell of.

Times are UTC text of one width (they sort as text), money is decimal text, nouns are canonical JSON:
Datasette opens the file as it is. A row that gives rights names the entry that proves it (`seq`).
"""

import sqlite3
from pathlib import Path
from typing import Any

import sqlite_utils

from agent.journal.chain import COLUMNS
from tools.errors import JournalError

VERSION = 4
APPLICATION_ID = 0x53505744  # «SPWD», for file(1)

_AUDIT = f"""
CREATE TABLE audit (
  seq INTEGER PRIMARY KEY CHECK (seq >= 1),
  {", ".join(f"{c} TEXT NOT NULL CHECK (typeof({c}) = 'text')" for c in COLUMNS[1:])}
) STRICT
"""

_WATCHES = (
    # until NULL = the change is not made yet; a row gives no rights: what undoes a change is judged like any other
    """CREATE TABLE watches (
      proposal_id TEXT PRIMARY KEY REFERENCES proposals, fleet TEXT NOT NULL, armed_at TEXT NOT NULL,
      seconds INTEGER NOT NULL, on_fail TEXT NOT NULL CHECK (on_fail IN ('rollback', 'escalate')),
      status TEXT NOT NULL CHECK (status IN
        ('armed', 'void', 'watching', 'passed', 'failed', 'rolled-back', 'escalated')),
      changed_at TEXT, until TEXT, ended_at TEXT, rollback_id TEXT REFERENCES proposals, told TEXT NOT NULL DEFAULT '',
      attended_by TEXT, attended_until TEXT,
      baseline TEXT NOT NULL CHECK (json_valid(baseline)), verdict TEXT CHECK (verdict IS NULL OR json_valid(verdict))
    ) STRICT""",
    "CREATE INDEX watches_by_status ON watches (status)",
)

_JOBS = (
    # neither gives rights: what a recovery asks for is judged like any other proposal
    """CREATE TABLE jobs (
      job_id TEXT PRIMARY KEY, fleet TEXT NOT NULL, registered_at TEXT NOT NULL,
      job TEXT NOT NULL CHECK (json_valid(job))
    ) STRICT""",
    """CREATE TABLE recoveries (
      recovery_id TEXT PRIMARY KEY, job_id TEXT NOT NULL, fleet TEXT NOT NULL, instance_id TEXT NOT NULL,
      notice_at TEXT NOT NULL,
      status TEXT NOT NULL CHECK (status IN ('open', 'recovered', 'gave-up', 'passed-on')),
      replaced_by TEXT, opened_at TEXT NOT NULL, ended_at TEXT, digest TEXT NOT NULL,
      recovery TEXT NOT NULL CHECK (json_valid(recovery))
    ) STRICT""",
    "CREATE INDEX recoveries_by_status ON recoveries (status)",
    "CREATE INDEX recoveries_by_instance ON recoveries (job_id, instance_id)",
    "CREATE UNIQUE INDEX one_replaces_one ON recoveries (job_id, replaced_by) WHERE replaced_by IS NOT NULL",
    """CREATE VIEW v_recoveries AS
      SELECT notice_at, job_id, fleet, instance_id, status, replaced_by, ended_at,
        json_extract(recovery, '$.attempt') AS attempt, json_extract(recovery, '$.checkpoint_id') AS checkpoint,
        json_extract(recovery, '$.lost_work_seconds') AS lost_work_seconds,
        (SELECT group_concat(json_extract(s.value, '$.name') || ': ' || json_extract(s.value, '$.state'), ', ')
          FROM json_each(recovery, '$.steps') s) AS steps,
        json_extract(recovery, '$.told') AS told
      FROM recoveries ORDER BY notice_at DESC""",
)

_TABLES = (
    _AUDIT,
    """CREATE TABLE proposals (
      proposal_id TEXT PRIMARY KEY, at TEXT NOT NULL, fleet TEXT NOT NULL, verdict TEXT NOT NULL,
      status TEXT NOT NULL, expires_at TEXT, digest TEXT NOT NULL,
      proposal_seq INTEGER NOT NULL REFERENCES audit, decision_seq INTEGER NOT NULL REFERENCES audit,
      proposal TEXT NOT NULL CHECK (json_valid(proposal)), decision TEXT NOT NULL CHECK (json_valid(decision))
    ) STRICT""",
    """CREATE TABLE approvals (
      approval_id TEXT PRIMARY KEY, proposal_id TEXT NOT NULL REFERENCES proposals, at TEXT NOT NULL,
      "by" TEXT NOT NULL, answer TEXT NOT NULL CHECK (answer IN ('approve', 'deny')), expires_at TEXT NOT NULL,
      consumed_by TEXT REFERENCES intents, seq INTEGER NOT NULL REFERENCES audit,
      approval TEXT NOT NULL CHECK (json_valid(approval))
    ) STRICT""",
    """CREATE TABLE intents (
      intent_id TEXT PRIMARY KEY, proposal_id TEXT NOT NULL UNIQUE REFERENCES proposals, fleet TEXT NOT NULL,
      touches TEXT NOT NULL, opened_at TEXT NOT NULL, sent_at TEXT, closed_at TEXT, status TEXT NOT NULL,
      changed_at TEXT,
      seq INTEGER NOT NULL REFERENCES audit,
      intent TEXT NOT NULL CHECK (json_valid(intent))
    ) STRICT""",
    "CREATE UNIQUE INDEX one_open_intent_at_a_time ON intents (touches) WHERE closed_at IS NULL",
    """CREATE TABLE outcomes (
      outcome_id INTEGER PRIMARY KEY, intent_id TEXT NOT NULL REFERENCES intents, at TEXT NOT NULL,
      status TEXT NOT NULL, outcome TEXT NOT NULL CHECK (json_valid(outcome))
    ) STRICT""",
    # amount NULL = unknown; added_cost_usd is a rate, in USD a day
    """CREATE TABLE uses (
      use_id INTEGER PRIMARY KEY, measure TEXT NOT NULL, fleet TEXT NOT NULL, amount TEXT,
      at TEXT NOT NULL, intent_id TEXT REFERENCES intents, what TEXT NOT NULL, released_at TEXT
    ) STRICT""",
    "CREATE INDEX uses_in_window ON uses (measure, at)",
    """CREATE TABLE leases (
      name TEXT PRIMARY KEY, holder TEXT NOT NULL, token INTEGER NOT NULL, expires_at TEXT NOT NULL
    ) STRICT""",
    """CREATE TABLE conversations (
      conversation_id TEXT PRIMARY KEY, title TEXT NOT NULL, lang TEXT, started_at TEXT NOT NULL
    ) STRICT""",
    """CREATE TABLE messages (
      message_id INTEGER PRIMARY KEY, conversation_id TEXT NOT NULL REFERENCES conversations, at TEXT NOT NULL,
      message TEXT NOT NULL CHECK (json_valid(message))
    ) STRICT""",
    "CREATE INDEX messages_of_conversation ON messages (conversation_id, message_id)",
    *_WATCHES,
    *_JOBS,
    # guard rails against accidents; whoever drops them is found by the chain
    """CREATE TRIGGER audit_is_never_updated BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END""",
    """CREATE TRIGGER audit_is_never_deleted BEFORE DELETE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END""",
)

_MIGRATIONS: dict[int, tuple[str, ...]] = {2: _WATCHES, 3: _JOBS}
"""version → what makes the next one of it"""

_VIEWS = {
    "v_audit": """
      SELECT seq, at, actor, kind,
        coalesce(json_extract(payload, '$.proposal_id'), json_extract(payload, '$.proposal.proposal_id')) AS proposal,
        coalesce(json_extract(payload, '$.decision.verdict'), json_extract(payload, '$.approval.answer'),
                 json_extract(payload, '$.outcome.status')) AS said,
        coalesce(json_extract(payload, '$.approval.reason'), json_extract(payload, '$.outcome.message'),
                 json_extract(payload, '$.proposal.rationale'), json_extract(payload, '$.decision.reasons')) AS why,
        json_extract(payload, '$.outcome.request_ids') AS aws_request_ids, payload
      FROM audit ORDER BY seq""",
    "v_proposals": """
      SELECT p.at, p.proposal_id, p.fleet, p.verdict, p.status,
        (SELECT group_concat(a."by" || ': ' || a.answer, ', ') FROM approvals a
          WHERE a.proposal_id = p.proposal_id) AS answers,
        json_extract(p.proposal, '$.rationale') AS rationale,
        json_extract(p.proposal, '$.preview.added_cost_usd_per_day') AS added_cost_usd_per_day
      FROM proposals p ORDER BY p.at DESC""",
}


def create_or_check(db: Any, path: Path) -> None:
    """Inside one IMMEDIATE transaction: make the tables in an empty file, or see that the file is ours; one of an
    older version gets what it lacks, and its audit log stays as it is.

    Raises  JournalError: another program's database, or one from a newer or a much older spotwarden
    """
    version = db.execute("PRAGMA user_version").fetchone()[0]
    application = db.execute("PRAGMA application_id").fetchone()[0]
    if version == 0 and application == 0 and not db.table_names() and not db.view_names():
        _create(db)
        return
    if application != APPLICATION_ID:
        raise JournalError(
            f"{path} is a SQLite database, but not spotwarden's",
            hint="name another file with --db; nothing was changed",
        )
    if version > VERSION:
        raise JournalError(
            f"{path} was written by a newer spotwarden (journal version {version}, this one knows {VERSION})",
            hint="upgrade spotwarden, or name another file with --db; nothing was changed",
        )
    while version in _MIGRATIONS:
        for statement in _MIGRATIONS[version]:
            db.execute(statement)
        version += 1
        db.execute(f"PRAGMA user_version={version}")
    if version < VERSION:
        raise JournalError(
            f"{path} was written by an older spotwarden (journal version {version}, this one writes {VERSION})",
            hint="`spotwarden audit` still reads it: move it aside together with its .head file, or name another "
            "file with --db; nothing was changed",
        )


def _create(db: Any) -> None:
    if sqlite3.sqlite_version_info < (3, 37):
        raise JournalError(
            f"SQLite {sqlite3.sqlite_version} knows no STRICT tables", hint="use a Python with SQLite 3.37 or newer"
        )
    for statement in _TABLES:
        db.execute(statement)
    for name, select in _VIEWS.items():
        db.create_view(name, select)
    db.execute(f"PRAGMA application_id={APPLICATION_ID}")
    db.execute(f"PRAGMA user_version={VERSION}")


def wrap(connection: sqlite3.Connection) -> Any:
    """sqlite-utils over a connection of ours; plugins of other tools stay out of the journal."""
    return sqlite_utils.Database(connection, execute_plugins=False)
