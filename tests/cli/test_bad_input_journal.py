"""A journal, a plan or an answer that cannot be trusted: told, refused, and neither account nor log is harmed."""

import contextlib
import ctypes
import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, UNSAFE, Told, process, settle_in, work_on
from tui.cli import main

PLAN = ("plan", "web-canary", "--desired", "11")
_PR_CAPBSET_DROP, _DAC_OVERRIDE, _DAC_READ_SEARCH = 24, 1, 2


@pytest.fixture(scope="module")
def desk(account, tmp_path_factory) -> Path:
    """A saved plan of ml-train that waits for a person, in the journal and in the file."""
    folder = tmp_path_factory.mktemp("desk")
    with pytest.MonkeyPatch.context() as patch:
        settle_in(folder, patch)
        work_on(account, folder, patch)
        assert main(["plan", "ml-train", "--desired", "11", "-o", "plan.json", "--quiet"]) == 0
    return folder


@pytest.fixture
def planned(run, desk, home) -> Path:
    """A copy of the desk; the plan's file."""
    for file in (*desk.glob("journal.db*"), desk / "plan.json"):
        shutil.copy(file, home)
    return home / "plan.json"


@pytest.fixture(scope="module", autouse=True)
def waiting(account, desk, tmp_path_factory):
    """A process that waits for a journal which another one has locked, while the other tests run."""
    folder = tmp_path_factory.mktemp("locked")
    for file in desk.glob("journal.db*"):
        shutil.copy(file, folder)
    with contextlib.closing(sqlite3.connect(folder / "journal.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.MonkeyPatch.context() as patch:
            settle_in(folder, patch)
            work_on(account, folder, patch)
            child = process(*PLAN, "--json")
        yield child
        child.kill()
        child.communicate()
        other.execute("ROLLBACK")


@pytest.fixture
def journal(planned, home) -> Path:
    return home / "journal.db"


def edit(journal: Path, *statements: str) -> None:
    """As somebody with the file in their hands would."""
    with contextlib.closing(sqlite3.connect(journal)) as connection:
        triggers = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for statement in (*(f"DROP TRIGGER {name}" for (name,) in triggers), *statements):
            connection.execute(statement)
        connection.commit()


def ended(child: "subprocess.Popen[str]", seconds: float = 90) -> Told:
    try:
        out, err = child.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
        raise
    return Told(child.returncode, out, err)


# the file

FILES = {
    "text": (b"hello " * 1000, "file is not a database"),
    "damaged": (b"SQLite format 3\0" + bytes(range(256)) * 40, "file is not a database"),
    "a directory": (None, "is not a file"),
}


@pytest.mark.parametrize("case", FILES)
def test_a_journal_that_is_none_is_told_and_left_as_it_is(run, home, untouched, case):
    content, said = FILES[case]
    file = home / "other.db"
    file.write_bytes(content) if content is not None else file.mkdir()
    run(*PLAN, "--db", "other.db").refuses(1, "other.db", said)
    run("audit", "show", "--db", "other.db").refuses(1, "other.db")
    verified = run("audit", "verify", "--db", "other.db", "--json")
    assert (verified.exit, verified.json["ok"]) == (5, False)
    assert content is None or file.read_bytes() == content
    assert run("fleets", "--db", "other.db").exit == 0  # looking needs no journal


def test_a_database_of_another_program_is_told_and_left_as_it_is(run, home, untouched):
    with contextlib.closing(sqlite3.connect(home / "other.db")) as connection:
        connection.execute("CREATE TABLE theirs (a)")
    run(*PLAN, "--db", "other.db").refuses(1, "not spotwarden's")
    run("audit", "show", "--db", "other.db").refuses(1, "no such table: audit", "name one with --db")


@pytest.mark.parametrize(("path", "said"), [("policy.yaml/journal.db", "Not a directory"), ("a" * 300, "too long")])
def test_a_journal_that_cannot_be_made_is_told(run, untouched, path, said):
    run(*PLAN, "--db", path).refuses(1, said, "with --db")


def _as_anybody() -> None:
    """Root is refused nothing: give that up, so that the file's mode counts."""
    libc = ctypes.CDLL(None)
    for capability in (_DAC_OVERRIDE, _DAC_READ_SEARCH):
        libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)


@pytest.mark.parametrize("what", ["file", "directory"])
def test_a_read_only_journal_is_told_and_can_still_be_read_and_proved(planned, journal, home, untouched, what):
    kept = home / "kept"
    kept.mkdir()
    for file in home.glob("journal.db*"):
        shutil.copy(file, kept)
    ours = kept / "journal.db"
    before = ours.read_bytes()
    (kept if what == "directory" else ours).chmod(0o500 if what == "directory" else 0o400)
    commands = (PLAN, ("audit", "show"), ("audit", "verify"))
    plan, show, verify = (
        ended(c) for c in [process(*argv, "--db", str(ours), preexec_fn=_as_anybody) for argv in commands]
    )
    kept.chmod(0o700)
    plan.refuses(1, "writable")
    assert (show.exit, verify.exit) == (0, 0), (show, verify)
    assert ours.read_bytes() == before


def test_a_full_disk_is_told_and_nothing_is_lost(planned, journal, run, untouched):
    def small() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        size = journal.stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    told = ended(process("plan", "web-canary", "--desired", "11", "--why", "x" * 60_000, preexec_fn=small))
    told.refuses(1, "journal.db", "try again")
    assert run("audit", "verify").exit == 0
    assert len(run("approve", "--json").json["waiting"]) == 1


# its content

TAMPERED = {
    "a byte": (["UPDATE audit SET payload = replace(payload, '1', '2') WHERE seq = 1"], 1),
    "a row deleted": (["DELETE FROM audit WHERE seq = 1"], 1),
    "two rows swapped": (
        [f"UPDATE audit SET seq = {to} WHERE seq = {seq}" for seq, to in ((1, 1000), (2, 1), (1000, 2))],
        1,
    ),
    "the tail cut": (["DELETE FROM audit WHERE seq = 2"], 2),
    "a time that is none": (["UPDATE audit SET at = 'yesterday' WHERE seq = 2"], 2),
}


@pytest.mark.parametrize("case", TAMPERED)
def test_a_tampered_log_is_found_and_nothing_is_applied_on_it(journal, planned, run, untouched, case):
    statements, first_bad = TAMPERED[case]
    edit(journal, *statements)
    verified = run("audit", "verify", "--json")
    assert (verified.exit, verified.json["first_bad"]) == (5, first_bad)
    told = run("apply", str(planned), "--yes")
    assert told.exit in {3, 5}
    assert "Traceback" not in told.err
    assert "unexpected" not in told.err
    assert run("audit", "verify").exit == 5
    doctor = run("doctor", "--json")
    assert [c["check"] for c in doctor.json["checks"] if not c["ok"]] == ["journal"]


def test_a_cut_tail_is_told_with_what_is_left(journal, run):
    edit(journal, "DELETE FROM audit WHERE seq = 2")
    run(*PLAN).refuses(5, "the witness saw 2 entries", "there are 1")


@pytest.mark.parametrize("content", [b"gar\x1b[31mbage\xe2\x80\xae", b"", b"{}", None])
def test_a_head_file_that_is_none_is_told(journal, run, untouched, content):
    head = journal.with_name("journal.db.head")
    head.unlink()
    head.write_bytes(content) if content is not None else head.mkdir()
    told = run(*PLAN)
    told.refuses(1 if content is None else 5, "journal.db.head")
    assert run("audit", "verify").exit == 5


def test_a_missing_head_file_is_told_by_verify(journal, run):
    journal.with_name("journal.db.head").unlink()
    told = run("audit", "verify")
    assert (told.exit, "no journal.db.head beside the journal" in told.out) == (5, True)


def test_a_journal_of_a_newer_version_is_left_alone(journal, planned, run, untouched):
    edit(journal, "PRAGMA user_version = 99")
    before = journal.read_bytes()
    run("apply", str(planned), "--yes").refuses(1, "newer spotwarden", "upgrade")
    assert journal.read_bytes() == before


def test_a_damaged_row_beside_the_log_is_told(journal, planned, run, untouched):
    edit(journal, "UPDATE proposals SET proposal = '{}'")
    for argv in (["approve"], ["apply", str(planned), "--yes"], list(PLAN)):
        run(*argv).refuses(1, "journal.db", "a stored Proposal is damaged", "restore a backup")


# plans


def edited(plan: Path, change) -> str:
    document = json.loads(plan.read_text())
    change(document)
    return json.dumps(document)


PLANS = {
    "an edited action": (lambda p: edited(p, lambda d: d["proposal"]["action"].update(desired_capacity=1)), 6),
    "an edited digest": (lambda p: edited(p, lambda d: d.update(digest=5)), 6),
    "an edited verdict": (lambda p: edited(p, lambda d: d["decision"].update(verdict="allow")), 6),
    "an edited id": (lambda p: edited(p, lambda d: d.update(proposal_id="p-0000000000")), 6),
    "another version": (lambda p: edited(p, lambda d: d.update(spotwarden_plan=2)), 1),
    "no proposal": (lambda p: edited(p, lambda d: d.pop("proposal")), 1),
    "cut": (lambda p: p.read_text()[:-200], 1),
    "not JSON": (lambda p: "hello", 1),
    "a list": (lambda p: "[1]", 1),
    "empty": (lambda p: "", 1),
    "very deep": (lambda p: "[" * 100_000, 1),
    "binary": (lambda p: "\x00\x1b\udcff", 1),
}


@pytest.mark.parametrize("case", PLANS)
def test_a_plan_file_that_is_not_what_was_shown_is_refused(planned, run, untouched, case):
    make, code = PLANS[case]
    planned.write_bytes(make(planned).encode("utf-8", "surrogateescape"))
    told = run("apply", "plan.json", "--yes", "--json")
    told.refuses(code, "plan.json")
    assert told.json["error"]["exit_code"] == code
    assert run("approve", "--json").json["waiting"]  # it still waits for its answer


@pytest.mark.parametrize(
    ("plan", "code", "said"),
    [
        (".", 1, "cannot be read: Is a directory"),
        ("none.json", 1, "cannot be read: No such file"),
        ("p-nope", 64, "there is no proposal 'p-nope'"),
        ("a" * 5000, 64, "there is no proposal"),
        ("p\x1b[31m\u202e", 64, "there is no proposal"),
    ],
)
def test_a_plan_that_is_not_there_is_told(run, untouched, plan, code, said):
    run("apply", plan, "--yes").refuses(code, said)


def test_a_plan_of_another_journal_is_refused(planned, run, untouched):
    run("apply", "plan.json", "--yes", "--db", "another.db").refuses(64, "in this journal")


def test_without_a_person_a_plan_waits(planned, run, untouched):
    for more in ("--no-input", "--json"):
        run("apply", "plan.json", more).refuses(4, "needs a person's approval", "spotwarden approve p-")


def test_a_plan_for_a_fleet_that_is_gone_is_refused(run, asg, account):
    assert run(*PLAN, "-o", "plan.json").exit == 0
    asg.delete_auto_scaling_group(AutoScalingGroupName="web-canary", ForceDelete=True)
    before = len(account.effects())
    run("apply", "plan.json", "--yes").refuses(6, "web-canary", "there → gone")
    assert len(account.effects()) == before
    assert run("audit", "verify").exit == 0


# answers


def test_an_answer_to_nothing_or_given_already_is_refused(planned, run, untouched):
    proposal = json.loads(planned.read_text())["proposal_id"]
    run("approve", "p-nope").refuses(64, "there is no proposal 'p-nope'")
    assert run("approve", proposal, "--no-apply").exit == 0
    assert run("approve", proposal, "--deny", "--reason", "not today").exit == 0  # a yes can be taken back
    run("approve", proposal).refuses(3, "does not wait for an answer")


# the daemon


def test_the_kill_switch_stops_the_daemon_and_every_change(planned, run, untouched):
    assert run("run", "--stop", "--json").json["halted"] is True
    for argv in (["run", "--once"], ["run"]):
        told = run(*argv)
        assert (told.exit, "the kill switch is on" in told.err) == (7, True)
    assert run(*PLAN[:1], "batch", "--desired", "20").exit == 3
    for argv in (["apply", "plan.json"], ["apply", "plan.json", "--yes"]):
        assert run(*argv).exit == 7
    assert run("run", "--resume", "--json").json["halted"] is False


def test_a_queue_that_is_not_there_is_told(run, untouched):
    url = "https://sqs.us-east-1.amazonaws.com/123456789012/nope"
    told = run("run", "--once", "--events", url)
    assert (told.exit, "queue does not exist" in told.err) == (1, True)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_daemon_ends_cleanly_and_a_second_one_does_not_lead(run, environment, how):
    daemon = process("run", "--json", "--interval", "600")
    try:
        assert "round" in json.loads(daemon.stdout.readline())
        run("run", "--once").refuses(7, "another daemon leads")
        daemon.send_signal(how)
        told = ended(daemon)
    finally:
        daemon.kill()
    assert told.exit == 0, told
    assert "Traceback" not in told.err
    assert run("run", "--status", "--json").json["leader"] is None
    assert run("audit", "verify").exit == 0


# the pipe


@pytest.mark.parametrize("argv", [("fleets",), ("audit", "show", "--json"), ("audit", "export")])
def test_a_reader_that_leaves_is_no_trouble(planned, argv):
    reading, writing = os.pipe()
    os.close(reading)
    child = process(*argv, stdout=writing)
    os.close(writing)
    told = ended(child)
    assert told.err.count("\n") <= 3, told.err
    assert "Traceback" not in told.err
    assert "Exception ignored" not in told.err
    assert not UNSAFE.search(told.err)


def test_a_full_disk_behind_stdout_is_told(planned, run):
    with Path("/dev/full").open("w") as full:
        told = ended(process("audit", "show", "--json", stdout=full))
    assert (told.exit, told.err.count("spotwarden: stdout: No space left")) == (1, 1)
    assert "Traceback" not in told.err
    assert "Exception ignored" not in told.err
    run("audit", "export", "--out", ".").refuses(1, "cannot be written", "--out")


def test_closed_streams_and_a_narrow_encoding_are_no_trouble(planned, monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    assert "\\u2192" in ended(process("approve")).out
    shell = ["bash", "-c", '"$@" <&- >&-', "-", sys.executable, "-c", "from tui.cli import run; run()", "approve"]
    ran = subprocess.run(
        shell, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


# what takes its time


def test_a_locked_journal_is_waited_for_within_bounds(waiting, untouched):
    told = ended(waiting)
    told.refuses(1, "database is locked", "another process holds it")
    assert told.json["error"]["kind"] == "JournalError"


def test_a_locked_journal_can_be_read_and_proved(journal, run):
    with contextlib.closing(sqlite3.connect(journal, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert run("audit", "verify").exit == 0
        assert run("audit", "show").exit == 0
        other.execute("ROLLBACK")


def test_a_plan_whose_time_is_over_is_stale(planned, run, account):
    proposal = json.loads(planned.read_text())["proposal_id"]
    account.advance(1801)
    before = len(account.effects())
    run("apply", "plan.json", "--yes").refuses(6, "has expired", "plan again")
    assert run("approve", proposal).exit in {3, 6}
    assert len(account.effects()) == before
