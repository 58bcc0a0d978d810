"""A command under guard, told by a metadata service on a socket."""

import json
import os
import re
import signal

import pytest

from tests.guard.clouds import INSTANCE_ID

SAVES_AT_TERM = """
import signal, sys, time
from spotwarden_guard import checkpoints, notice, time_left
store = checkpoints()
def save(*_):
    with store.save(step=7, progress_share=0.5) as folder:
        (folder / "state").write_bytes(b"x" * 1000)
    print("saved", notice().kind, 0 < time_left() <= 120, flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, save)
print("ready", flush=True)
while True:
    time.sleep(60)
"""
IGNORES_EVERYTHING = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print(os.getpid(), flush=True)
        while True: time.sleep(60)
    os._exit(0)
os.wait()
while True: time.sleep(60)
"""


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.accepts("RC-01", "IN-03", "IN-05", "P-05", "PO-02")
def test_an_interruption_is_told_saved_and_ends_with_75(cloud, guard, script, tmp_path):
    run = guard(cloud, "--checkpoints", str(tmp_path / "ckpt"), "--", *script(SAVES_AT_TERM))
    assert run.line() == "ready"
    cloud.interrupt()
    assert run.line() == "saved interruption True"
    assert run.end() == 75, run.err
    assert run.report["saved"] is True
    assert run.report["instance_id"] == INSTANCE_ID
    assert run.report["checkpoint"]["step"] == 7
    assert run.report["checkpoint"]["progress_share"] == 0.5
    assert len(run.report["save_seconds"]) == 1
    order = [e["event"] for e in run.report["events"] if e["event"] in {"started", "notice", "signal", "saved", "exit"}]
    assert order == ["started", "notice", "signal", "saved", "exit"]
    manifest = next((tmp_path / "ckpt").glob("0*/manifest.json"))
    assert json.loads(manifest.read_text())["saved_by"] == INSTANCE_ID


def test_a_checkpoint_older_than_the_notice_does_not_count(cloud, guard, script, tmp_path):
    text = SAVES_AT_TERM.replace('print("ready"', 'signal.signal(signal.SIGTERM, signal.SIG_DFL)\ntry: save()\nexcept SystemExit: pass\nprint("ready"').replace("notice().kind, 0 < time_left() <= 120, ", "")  # fmt: skip
    run = guard(cloud, "--checkpoints", str(tmp_path / "ckpt"), "--", *script(text))
    assert [run.line(), run.line()] == ["saved", "ready"]
    cloud.interrupt()
    assert run.end() == 76
    assert "no whole checkpoint in" in run.err
    assert "newer than the notice" in run.err


def test_children_that_ignore_the_signal_are_killed_at_the_end_of_grace(cloud, guard, script):
    run = guard(cloud, "--grace", "0.3", "--", *script(IGNORES_EVERYTHING))
    orphan = int(run.line())
    cloud.interrupt()
    assert run.end() == 76
    assert gone(orphan)
    assert orphan in run.events("killed")[0]["pids"]


def test_grace_never_goes_beyond_the_deadline(cloud, guard, script):
    run = guard(cloud, "--grace", "600", "--", *script(IGNORES_EVERYTHING))
    run.line()
    cloud.interrupt(seconds=3)
    assert run.end() == 76
    assert len(run.events("killed")) == 1
    left, grace = map(int, re.search(r"in (\d+) s: (\d+) s to save", run.err).groups())
    assert grace <= left <= 3


@pytest.mark.accepts("P-05")
@pytest.mark.parametrize("how", ["rebalance", "hibernate", "garbage"])
def test_what_is_not_an_end_asks_for_a_checkpoint_and_ends_nothing(how, cloud, guard, script, tmp_path):
    clock = """
from spotwarden_guard import CheckpointClock, checkpoints, done
import time
store, clock = checkpoints(), CheckpointClock(seconds=3600)
print("ready", flush=True)
while not clock.due(): time.sleep(0.01)
assert not clock.must_end()
with store.save(step=1) as folder: (folder / "s").write_text("1")
done()
"""
    run = guard(cloud, "--checkpoints", str(tmp_path / "c"), "--", *script(clock))
    assert run.line() == "ready"
    if how == "rebalance":
        cloud.recommend()
    elif how == "hibernate":
        cloud.interrupt(action="hibernate")
    else:
        cloud.action = b"<html>not what you think"
    assert run.end() == 0, run.err
    assert run.events("signal") == []
    assert run.report["checkpoint"]["step"] == 1
    assert run.report["restart_seconds"] is not None


def test_a_rebalance_is_only_told_if_asked_so(cloud, guard, tmp_path):
    seen = tmp_path / "notice.json"
    stop = tmp_path / "stop"
    run = guard(cloud, "--on-rebalance", "ignore", "--notice-file", str(seen), "--", "sh", "-c", f"echo ready; until [ -e {stop} ]; do sleep 0.02; done")  # fmt: skip
    run.line()
    cloud.recommend()
    assert "ignored, as asked" in run.process.stderr.readline()
    stop.touch()
    assert run.end() == 0
    assert not seen.exists()


def test_an_old_notice_file_is_not_believed(cloud, guard, script, tmp_path):
    path = tmp_path / "notice.json"
    path.write_text('{"number": 4}')
    run = guard(cloud, "--notice-file", str(path), "--", *script("import os\nprint(os.path.exists(os.environ['SPOTWARDEN_NOTICE_FILE']))"))  # fmt: skip
    assert run.line() == "False"
    assert run.end() == 0


def test_a_command_saves_for_one_that_knows_nothing_of_us(cloud, guard, tmp_path):
    run = guard(cloud, "--checkpoints", str(tmp_path / "c"), "--checkpoint-command", 'echo state > "$SPOTWARDEN_SAVE_TO/s"', "--", "sh", "-c", "echo ready; sleep 60")  # fmt: skip
    run.line()
    cloud.interrupt()
    assert run.end() == 75, run.err
    [saved] = (tmp_path / "c").glob("0*/s")
    assert saved.read_text() == "state\n"
    events = [e["event"] for e in run.report["events"]]
    assert events.index("hook") < events.index("signal")


def test_a_checkpoint_command_that_fails_saves_nothing(cloud, guard, tmp_path):
    run = guard(cloud, "--checkpoints", str(tmp_path / "c"), "--checkpoint-command", 'echo half > "$SPOTWARDEN_SAVE_TO/s"; exit 9', "--", "sh", "-c", "echo ready; sleep 60")  # fmt: skip
    run.line()
    cloud.interrupt()
    assert run.end() == 76
    assert "--checkpoint-command: ended with 9: nothing of it is used" in run.err


@pytest.mark.accepts("IN-09")
def test_where_the_notice_stands_already_nothing_is_started_and_the_job_stays_its_owners(cloud, guard, tmp_path):
    """A container that is restarted on the host that goes would take the job from its replacement."""
    cloud.interrupt()
    run = guard(cloud, "--checkpoints", str(tmp_path / "c"), "--store", str(tmp_path / "store"), "--", "touch", str(tmp_path / "ran"))  # fmt: skip
    assert run.end() == 76
    assert re.search(r"this instance ends in 1?\d+ s \(terminate\): nothing is started here", run.err)
    assert [e["event"] for e in run.report["events"]][-1] == "not-started"
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "store").exists()


def test_a_checkpoint_command_that_takes_too_long_is_not_taken_for_the_command(cloud, guard, script):
    hook = "trap : TERM; while :; do sleep 0.1; done"
    run = guard(cloud, "--grace", "0.6", "--checkpoint-command", hook, "--", "sh", "-c", "echo $$; sleep 60")
    command = int(run.line())
    cloud.interrupt()
    assert run.end() == 76
    assert [e["pids"] for e in run.events("signal")] == [[command]]


def test_a_checkpoint_command_ends_with_the_command(cloud, guard, tmp_path):
    told = tmp_path / "pid"
    hook = f"touch $SPOTWARDEN_SAVE_TO/half; echo $$ > {told}; sleep 60"
    run = guard(cloud, "--checkpoints", str(tmp_path / "c"), "--checkpoint-command", hook, "--", "sh", "-c", f"until [ -s {told} ]; do sleep 0.05; done")  # fmt: skip
    cloud.recommend()
    assert run.end() == 0
    assert gone(int(told.read_text()))
    assert list((tmp_path / "c").glob(".hook*")) == []


def test_a_job_that_saves_where_guard_does_not_look_is_told(cloud, guard, script, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "c")
    text = """
import sys
from spotwarden_guard import checkpoints
checkpoints(sys.argv[1]); checkpoints(sys.argv[2]); checkpoints(sys.argv[2])
"""
    run = guard(cloud, "--checkpoints", str(tmp_path / "c"), "--", *script(text), f"{tmp_path}/link", f"{tmp_path}/elsewhere")  # fmt: skip
    assert run.end() == 0
    assert [e["words"] for e in run.events("remark")] == [
        f"the job saves into {tmp_path}/elsewhere, and --checkpoints is {tmp_path}/c: nothing there is kept safe"
    ]


def test_done_beats_an_interruption_of_the_last_second(cloud, guard, script):
    text = """
import signal, sys, time
from spotwarden_guard import done
def end(*_):
    done(); sys.exit(0)
signal.signal(signal.SIGTERM, end); print("ready", flush=True); time.sleep(60)
"""
    run = guard(cloud, "--", *script(text))
    run.line()
    cloud.interrupt()
    assert run.end() == 0


@pytest.mark.parametrize(
    ("command", "code"), [("exit 0", 0), ("exit 3", 3), ("kill -9 $$", 137), ("kill -TERM $$", 143)]
)
def test_without_an_interruption_the_code_is_the_commands_own(command, code, cloud, guard):
    assert guard(cloud, "--", "sh", "-c", command).end() == code


@pytest.mark.parametrize(("command", "code", "words"), [("no-such-thing-here", 127, "command not found"), ("/etc/hosts", 126, "cannot be run")])  # fmt: skip
def test_a_command_that_cannot_be_started_ends_as_a_shell_would(command, code, words, cloud, guard):
    run = guard(cloud, "--", command)
    assert run.end() == code
    assert words in run.err


@pytest.mark.accepts("IN-05")
@pytest.mark.parametrize("name", ["TERM", "USR1", "INT"])
def test_signals_to_guard_reach_the_command_and_its_code_comes_back(name, cloud, guard, script):
    text = f"""
import signal, sys, time
signal.signal(signal.SIG{name}, lambda *_: sys.exit(42)); print("ready", flush=True); time.sleep(60)
"""
    run = guard(cloud, "--", *script(text))
    run.line()
    run.process.send_signal(getattr(signal, f"SIG{name}"))
    assert run.end() == 42


def test_when_guard_itself_is_killed_the_command_is_told(cloud, guard, script, tmp_path):
    told = tmp_path / "told"
    text = f"""
import pathlib, signal, sys, time, os
def end(*_):
    pathlib.Path({str(told)!r}).write_text("told"); sys.exit(0)
signal.signal(signal.SIGTERM, end); print(os.getpid(), flush=True); time.sleep(60)
"""
    run = guard(cloud, "--", *script(text))
    assert run.line().isdigit()
    run.process.kill()
    run.process.wait()
    assert run.process.stdout.read() == ""  # it ends when the command does
    assert told.read_text() == "told"


def test_the_signal_goes_to_who_handles_it_and_spares_those_below(cloud, guard, script, tmp_path):
    text = """
import os, signal, sys, time
worker = os.fork()
if worker == 0:
    time.sleep(60); os._exit(0)
def save(*_):
    print("alive" if os.waitpid(worker, os.WNOHANG)[0] == 0 else "dead", flush=True); os.kill(worker, 9); os.wait(); sys.exit(0)
signal.signal(signal.SIGTERM, save); print("ready", flush=True)
time.sleep(60)
"""
    python, path = script(text)
    run = guard(cloud, "--", "sh", "-c", f"{python} {path}; exit 5")
    assert run.line() == "ready"
    cloud.interrupt()
    assert run.line() == "alive"
    assert run.end() == 76
    assert run.report["events"][-2]["exit_code"] == 5  # the shell saw the end of its command


# --- services that are unkind


def test_a_save_longer_than_the_notice_is_76_and_is_never_loaded(cloud, guard, script, tmp_path):
    slow = SAVES_AT_TERM.replace('print("ready"', 'signal.signal(signal.SIGTERM, slow)\nprint("ready"').replace(
        "def save(",
        "def slow(*_):\n    with store.save(step=8) as folder:\n        (folder / 'state').write_bytes(b'half')\n        time.sleep(60)\ndef save(",
    )
    run = guard(cloud, "--grace", "0.5", "--checkpoints", str(tmp_path / "c"), "--", *script(slow))
    assert run.line() == "ready"
    cloud.interrupt()
    assert run.end() == 76
    again = guard(cloud, "--provider", "none", "--checkpoints", str(tmp_path / "c"), "--", *script("from spotwarden_guard import checkpoints\nprint(checkpoints().newest_whole())"))  # fmt: skip
    assert again.line() == "None"
    assert again.end() == 0


def test_a_second_notice_of_the_same_end_changes_nothing(cloud, guard, script, tmp_path):
    text = SAVES_AT_TERM.replace("def save(*_):", "import select, os\ndef save(*_):\n    print('asked', flush=True); sys.stdout.flush(); time.sleep(0.3)")  # fmt: skip
    run = guard(cloud, "--checkpoints", str(tmp_path / "c"), "--", *script(text))
    assert run.line() == "ready"
    cloud.recommend()
    cloud.interrupt(seconds=100)
    assert run.line() == "asked"
    cloud.interrupt(seconds=90)
    assert run.end() == 75
    assert len(run.events("signal")) == 1


def test_a_rebalance_runs_the_checkpoint_command_and_the_work_goes_on(cloud, guard, tmp_path):
    stop = tmp_path / "stop"
    run = guard(
        cloud, "--checkpoints", str(tmp_path / "c"), "--checkpoint-command", f'echo s > "$SPOTWARDEN_SAVE_TO/s"; touch {stop}',
        "--", "sh", "-c", f"until [ -e {stop} ]; do sleep 0.02; done; until ls {tmp_path}/c/0*/COMPLETE; do sleep 0.02; done; exit 4",
    )  # fmt: skip
    cloud.recommend()
    assert run.end() == 4, run.err
    assert run.events("signal") == []
    assert run.report["checkpoint"]["step"] == 0


def test_the_log_has_every_event_as_it_happens(cloud, guard, tmp_path):
    log = tmp_path / "log.jsonl"
    assert guard(cloud, "--log-json", str(log), "--", "true").end() == 0
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    assert rows[-1]["event"] == "exit"
    assert {"at", "elapsed_seconds", "event"} <= set(rows[0])


def test_the_job_is_told_how_often_to_save_and_that_follows_its_saves(cloud, guard, script, tmp_path):
    text = """
import os, pathlib, time
from spotwarden_guard import checkpoints, CheckpointClock
file = pathlib.Path(os.environ["SPOTWARDEN_CHECKPOINT_SECONDS_FILE"])
before = file.read_text()
assert CheckpointClock().seconds == float(before) == float(os.environ["SPOTWARDEN_CHECKPOINT_SECONDS"])
with checkpoints().save(step=1) as folder: (folder / "s").write_text("1")
while file.read_text() == before: time.sleep(0.02)
print(before.strip(), file.read_text().strip())
"""
    run = guard(cloud, "--mtbf", "5", "--checkpoints", str(tmp_path / "c"), "--", *script(text))
    first, then = map(float, run.line().split())
    assert run.end() == 0, run.err
    assert then < first
    assert run.report["checkpoint_interval_seconds"] == pytest.approx(then, rel=0.02)


def test_an_interval_that_somebody_wants_is_told_as_it_is(cloud, guard):
    run = guard(cloud, "--checkpoint-every", "77", "--", "sh", "-c", "echo $SPOTWARDEN_CHECKPOINT_SECONDS")
    assert run.line() == "77.000"
    assert run.end() == 0


def test_where_nobody_reads_what_guard_says_the_work_goes_on(cloud, guard, script, tmp_path):
    run = guard(cloud, "--checkpoints", str(tmp_path / "ckpt"), "--", *script(SAVES_AT_TERM))
    assert run.line() == "ready"
    run.process.stderr.close()
    cloud.interrupt()
    assert run.line() == "saved interruption True"
    assert run.process.wait(60) == 75
