"""A snapshot is application-consistent only if writes were held still: asked for in the store, and always let go again.

What --freeze-command and --thaw-command do is written down by themselves, in a file.
"""

import json
import os
import select
import signal
import subprocess
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.guard.clouds import INSTANCE_ID
from tools.recovery.guard.markers import asked_in
from tools.recovery.guard.places import open_store
from tools.recovery.guard.stores import Budget

pytestmark = pytest.mark.accepts("EB-04")
NAME = f"0123456789abcdef-{INSTANCE_ID}.json"
OTHER = f"fedcba9876543210-{INSTANCE_ID}.json"
WAITS = ("sh", "-c", "echo ready; trap 'kill $!; exit 0' TERM; sleep 60 & wait")


class Frozen:
    """A run of guard with both commands, and its store."""

    def __init__(self, guard: Any, cloud: Any, place: Path, *more: str, **environment: str) -> None:
        self.place = place
        self.diary = place / "diary"
        self.store = open_store(
            str(environment.pop("store", place / "store")), endpoint_url=environment.pop("at", None)
        )
        self.command = environment.pop("command", WAITS)
        self.freeze, self.thaw = environment.pop("freeze", "true"), environment.pop("thaw", "true")
        self._start = lambda: guard(
            cloud, "--checkpoints", str(place / "ckpt"), "--store", self.store.where,
            "--checkpoint-command", f"echo saved >> {self.diary}",
            "--freeze-command", f"echo frozen >> {self.diary}; {self.freeze}",
            "--thaw-command", f"{self.thaw} && echo thawed >> {self.diary}", *more, "--", *self.command, **environment,
        )  # fmt: skip

    def begin(self) -> Any:
        self.run = self._start()
        assert self.run.line() == "ready"
        return self.run

    def ask(self, seconds: object = 120, name: str = NAME) -> None:
        self.store.put(f"requests/{name}", json.dumps({"freeze_seconds": seconds}).encode(), budget=Budget(20))

    def answer(self, name: str = NAME) -> dict[str, Any]:
        content = self.store.read(f"freezes/{name}", limit_bytes=10_000, budget=Budget(20))
        return json.loads(content) if content else {}

    def becomes(self, state: str, name: str = NAME) -> dict[str, Any]:
        self.waits(lambda: self.answer(name).get("state") in {state, "thawed", "refused"})
        told = self.answer(name)
        assert told["state"] == state, told
        return told

    def waits(self, until: Any) -> None:
        """As long as guard lives."""
        while not until() and self.run.process.poll() is None:
            select.select([], [], [], 0.02)  # the other side needs the processor

    def lives(self) -> list[str]:
        return self.diary.read_text().split() if self.diary.exists() else []

    def end(self) -> int:
        self.run.process.terminate()
        return self.run.end()


def dead_man(guard_pid: int) -> int:
    told = subprocess.run(["pgrep", "-P", str(guard_pid), "-f", "dead_man"], capture_output=True, text=True, check=True)
    return int(told.stdout)


@pytest.fixture
def frozen(guard, cloud, tmp_path):
    return lambda *more, **how: Frozen(guard, cloud, tmp_path, *more, **how)


@pytest.mark.parametrize("place", ["directory", "S3"])
def test_a_marker_saves_freezes_holds_and_thaws_and_both_are_told(place, frozen, account):
    found = frozen()
    if place == "S3":
        found = frozen("--endpoint-url", account[0].endpoint_url, store="s3://jobs/freeze", at=account[0].endpoint_url)
    run = found.begin()
    found.ask(1)
    early = found.becomes("frozen")
    late = found.becomes("thawed")
    assert found.end() == 0
    assert found.lives() == ["saved", "frozen", "thawed"]
    assert (late["ok"], late["problem"], late["why"]) == (True, None, None)
    assert late["frozen_at"] == early["frozen_at"]
    frozen_at, thawed_at, until = map(datetime.fromisoformat, (late["frozen_at"], late["thawed_at"], early["until"]))
    assert frozen_at < thawed_at
    assert abs(thawed_at - until) < timedelta(seconds=1)
    assert [e["event"] for e in run.report["events"] if e["event"] in {"hook", "frozen", "thawed"}] == [
        "hook",
        "frozen",
        "thawed",
    ]
    assert run.events("thawed")[0]["ok"] is True


def test_a_marker_that_is_seen_again_by_the_next_run_freezes_once(frozen):
    found = frozen()
    found.begin()
    found.ask(1)
    before = found.becomes("thawed")
    assert found.end() == 0
    run = found.begin()
    found.ask(1, OTHER)
    found.becomes("thawed", OTHER)
    assert found.end() == 0
    assert [e["marker"] for e in run.events("freeze-known")] == [f"requests/{NAME}"]
    assert found.lives() == ["saved", "frozen", "thawed"] * 2
    assert found.answer() == before


def test_whoever_asked_may_have_it_thawed_before_its_time(frozen):
    found = frozen()
    found.begin()
    found.ask(120)
    found.becomes("frozen")
    found.store.put(f"thaw/{NAME}", b"{}", budget=Budget(20))
    told = found.becomes("thawed")
    assert (told["ok"], told["why"]) == (True, "asked for")
    assert found.end() == 0


def test_a_notice_in_the_middle_thaws_before_anything_else(frozen, cloud, tmp_path):
    found = frozen(
        DIARY=str(tmp_path / "diary"),
        command=("sh", "-c", "echo ready; trap 'echo signal >> $DIARY; kill $!; exit 0' TERM; sleep 60 & wait"),
    )
    run = found.begin()
    found.ask(120)
    found.becomes("frozen")
    cloud.interrupt()
    assert run.end() == 76
    assert [w for w in found.lives() if w != "saved"] == ["frozen", "thawed", "signal"]
    assert found.answer()["why"] == "an interruption notice"
    assert found.answer()["ok"] is True


@pytest.mark.parametrize("how", ["SIGTERM", "SIGKILL", "the job ends", "its child is killed"])
def test_whatever_happens_to_guard_it_is_thawed(how, frozen, tmp_path):
    stop = tmp_path / "stop"
    found = frozen(command=("sh", "-c", f"echo ready; trap 'exit 0' TERM; until [ -e {stop} ]; do sleep 0.1; done"))
    run = found.begin()
    found.ask(120)
    found.becomes("frozen")
    if how == "the job ends":
        stop.touch()
    elif how == "its child is killed":
        os.kill(dead_man(run.process.pid), signal.SIGKILL)
    else:
        run.process.send_signal(getattr(signal, how))
    found.waits(lambda: "thawed" in found.lives())
    if how == "its child is killed":
        told = found.becomes("thawed")
        assert (told["ok"], told["problem"]) == (False, "its child was killed")
        run.process.terminate()
    run.end()
    assert found.lives() == ["saved", "frozen", "thawed"]
    if how in {"SIGTERM", "the job ends"}:
        assert found.answer()["ok"] is True
    if how == "SIGKILL":  # who looks after it next says how it ended
        assert found.answer()["state"] == "frozen"
        found.begin()
        told = found.becomes("thawed")
        assert (told["ok"], told["problem"]) == (False, "guard was killed while it was frozen")
        stop.touch()
        run = found.run
        assert run.end() == 0


@pytest.mark.parametrize(
    ("freeze", "seconds", "problem"),
    [
        ("echo no such mount >&2; exit 3", 120, "--freeze-command ended with 3: no such mount"),
        ("exec sleep 60", 1, "--freeze-command did not end in 1 s"),
    ],
)
def test_a_freeze_command_that_fails_or_hangs_is_thawed_all_the_same(freeze, seconds, problem, frozen):
    found = frozen(freeze=freeze)
    found.begin()
    found.ask(seconds)
    told = found.becomes("thawed")
    assert (told["ok"], told["frozen_at"], told["problem"]) == (False, None, problem)
    assert found.end() == 0
    assert found.lives() == ["saved", "frozen", "thawed"]


def test_a_thaw_command_that_fails_is_run_until_it_does_not(frozen, tmp_path):
    found = frozen(thaw=f"echo busy; echo tried >> {tmp_path}/diary; test $(grep -c tried {tmp_path}/diary) -ge 2")
    found.begin()
    found.ask(1)
    told = found.becomes("thawed")
    assert (told["ok"], told["problem"]) == (True, None)
    assert found.end() == 0
    assert found.lives() == ["saved", "frozen", "tried", "tried", "thawed"]


def test_where_the_store_does_not_take_it_nothing_is_held_for_nobody(frozen, tmp_path):
    found = frozen(
        freeze=f"touch {tmp_path}/store/freezes"
    )  # what should be a folder is a file: no answer can be written
    run = found.begin()
    found.ask(120)
    found.waits(lambda: "thawed" in found.lives())
    assert found.end() == 0
    [told] = run.events("thawed")
    assert told["why"].startswith("the store is away")


@pytest.mark.parametrize("seconds", [121, 0, "ten", True, [5], -1e400])
def test_a_length_that_cannot_be_is_refused_and_says_what_can(seconds):
    asked = asked_in(f"requests/{NAME}", json.dumps({"freeze_seconds": seconds}).encode(), age_seconds=0)
    assert asked.problem == f"freeze_seconds {str(seconds)!r}: not from 1 to 120"


@pytest.mark.parametrize("content", [b"{}", b"", b"[]", b"\xff", b'{"freeze_seconds": null}', None])
def test_a_marker_without_a_length_asks_for_a_checkpoint_only(content):
    assert asked_in(f"requests/{NAME}", content, age_seconds=0) is None


def test_without_a_freeze_command_the_answer_says_crash_consistent(guard, cloud, tmp_path):
    store = open_store(str(tmp_path / "store"))
    store.put(f"requests/{NAME}", b'{"freeze_seconds": 5}', budget=Budget(5))
    answer = tmp_path / "store" / "freezes" / NAME
    run = guard(cloud, "--checkpoints", str(tmp_path / "c"), "--store", store.where, "--", "sh", "-c", f"until [ -e {answer} ]; do sleep 0.1; done")  # fmt: skip
    assert run.end() == 0, run.err
    told = json.loads(answer.read_text())
    assert told["state"] == "refused"
    assert "without --freeze-command: a snapshot of a running instance is crash-consistent" in told["problem"]
    assert len(run.events("freeze-refused")) == 1


def test_a_marker_of_long_ago_freezes_nothing(frozen, tmp_path):
    found = frozen()
    found.ask(5)
    os.utime(tmp_path / "store" / "requests" / NAME, (1, 1))
    found.begin()
    assert "nobody waits any more" in found.becomes("refused")["problem"]
    assert found.end() == 0


def test_one_freeze_at_a_time(frozen):
    found = frozen()
    found.begin()
    found.ask(120)
    found.becomes("frozen")
    found.ask(120, OTHER)
    found.store.put(f"thaw/{NAME}", b"{}", budget=Budget(20))
    found.becomes("thawed")
    found.becomes("frozen", OTHER)  # asked for meanwhile: it has its turn
    assert found.end() == 0
    assert [w for w in found.lives() if w != "saved"] == ["frozen", "thawed"] * 2


def test_a_save_that_fails_freezes_nothing(guard, cloud, tmp_path):
    found = Frozen(guard, cloud, tmp_path, "--checkpoint-command", "exit 7")
    found.begin()
    found.ask(5)
    assert found.becomes("refused")["problem"] == "--checkpoint-command ended with 7: nothing of it is used"
    assert found.end() == 0
    assert found.lives() == []


@pytest.mark.parametrize(
    ("words", "saw"),
    [
        (["--freeze-command", "true"], "one of --freeze-command and --thaw-command without the other"),
        (["--freeze-command", "true", "--thaw-command", "true"], "--freeze-command without --store"),
    ],
)
def test_a_freeze_that_could_not_end_or_be_asked_for_is_a_usage_error(words, saw, guard, cloud):
    run = guard(cloud, *words, "--", "true")
    assert run.end() == 64
    assert saw in run.err
