"""What a job uses: checkpoints in a folder, an offset, the notice, the clock."""

import json
import os
import threading
import time
from pathlib import Path

import pytest

from tools.records import CheckpointManifest
from tools.recovery.guard import (
    BadRequest,
    CheckpointClock,
    Checkpoints,
    OffsetDamaged,
    Offsets,
    StaleOwner,
    checkpoints,
    notice,
    on_notice,
    time_left,
)
from tools.recovery.guard.files import write_whole
from tools.recovery.guard.manifest import Manifest, StateFile, read_manifest
from tools.recovery.guard.saves import complete


def save(store: Checkpoints, step: int, text: str = "state") -> None:
    with store.save(step=step, progress_share=step / 100) as folder:
        (folder / "state").write_text(f"{text} {step}")


@pytest.fixture
def told():
    return []


@pytest.fixture
def store(tmp_path, told):
    return Checkpoints(tmp_path / "ckpt", keep=2, job_id="train", owner="i-0123456789abcdef0", say=told.append)


def test_a_checkpoint_is_saved_and_the_manifest_is_the_job_stores(store):
    save(store, 5)
    found = store.newest_whole()
    assert (found.step, (found.folder / "state").read_text()) == (5, "state 5")
    manifest = CheckpointManifest.model_validate_json((found.folder / "manifest.json").read_bytes())
    assert (manifest.job_id, manifest.step, manifest.progress_share) == ("train", 5, 0.05)
    assert complete(found.folder)["save_seconds"] >= 0


def test_an_exception_while_saving_leaves_nothing(store):
    save(store, 1)
    with pytest.raises(ZeroDivisionError), store.save(step=2) as folder:  # noqa: PT012
        (folder / "state").write_text("half")
        1 / 0  # noqa: B018
    assert store.newest_whole().step == 1
    assert [p.name for p in store.folder.iterdir() if p.name.startswith(".")] == []


def test_nothing_written_is_no_checkpoint(store):
    with pytest.raises(BadRequest, match=r"nothing was written into"), store.save(step=2):
        pass
    assert store.newest_whole() is None


def test_the_last_ones_stay(store):
    for step in range(1, 6):
        save(store, step)
    assert [i[-1] for i in store.ids()] == ["4", "5"]
    with pytest.raises(BadRequest, match=r"at least one"):
        Checkpoints(store.folder, keep=0)


@pytest.mark.parametrize(
    "damage", ["cut", "gone", "manifest cut", "manifest empty", "manifest elsewhere", "another name"]
)
def test_a_damaged_one_is_set_aside_told_and_never_loaded(damage, store, told):
    save(store, 1)
    save(store, 2)
    newest = store.folder / store.ids()[-1]
    manifest = newest / "manifest.json"
    if damage == "cut":
        (newest / "state").write_text("st")
    elif damage == "gone":
        (newest / "state").unlink()
    elif damage == "manifest elsewhere":
        manifest.write_text(manifest.read_text().replace('"state"', '"../../etc/passwd"'))
    elif damage == "another name":
        newest = newest.rename(newest.with_name("000001-000000000009"))
    else:
        manifest.write_bytes(manifest.read_bytes()[: 30 if damage == "manifest cut" else 0])
    assert store.newest_whole().step == 1
    assert len(told) == 1
    assert "damaged, not loaded, set aside" in told[0]
    assert not newest.exists()
    assert store.newest_whole().step == 1


UNFIT = {
    "a link": lambda folder: (folder / "latest").symlink_to("state"),
    "a pipe": lambda folder: os.mkfifo(folder / "pipe"),
    "a backslash": lambda folder: (folder / "a\\b").touch(),
    "no UTF-8": lambda folder: Path(os.fsdecode(os.fsencode(folder) + b"/\xff")).touch(),
    "that name": lambda folder: (folder / "manifest.json").write_text("{}"),
}


@pytest.mark.parametrize("words", UNFIT)
def test_what_could_not_be_given_back_is_refused_when_it_is_saved(words, store):
    save(store, 1)
    with pytest.raises(BadRequest, match=f"{words}.*cannot be kept"), store.save(step=2) as folder:  # noqa: PT012
        (folder / "state").write_text("state 2")
        UNFIT[words](folder)
    assert [e.name for e in store.folder.glob("*-*")] == [store.newest_whole().checkpoint_id]
    assert store.newest_whole().step == 1


def test_names_of_any_language_are_kept(store):
    names = {"한글 이름", " blank ", "two\nlines", "-rf", "a" * 255}
    with store.save(step=1) as folder:
        for name in names:
            (folder / name).touch()
    assert {f.name for f in store.newest_whole().manifest.files} == names


def test_a_manifest_of_many_thousand_files_is_read(tmp_path):
    files = tuple(StateFile(f"shard-{i:05}-of-20000.safetensors", 1, "0" * 64) for i in range(20_000))
    text = Manifest("job", "000001-000000000001", 1, None, files, "2026-11-21T00:00:00.000Z", "i").as_bytes()
    (tmp_path / "manifest.json").write_bytes(text)
    assert read_manifest(tmp_path).files == files


def test_more_files_than_a_manifest_holds_are_refused_when_they_are_saved(store):
    with pytest.raises(BadRequest, match=r"more than a manifest holds .write fewer"), store.save(step=1) as folder:  # noqa: PT012
        deep = folder.joinpath(*["d" * 250] * 13)
        deep.mkdir(parents=True)
        for i in range(2500):
            (deep / f"{i}").touch()
    assert store.newest_whole() is None


@pytest.mark.accepts("IN-06")
def test_of_two_owners_the_older_is_refused(store, tmp_path):
    save(store, 1)
    other = Checkpoints(store.folder, job_id="train")
    save(other, 2)
    with pytest.raises(StaleOwner, match=r"owner 2 has taken over, this is owner 1"):
        save(store, 3)
    assert other.newest_whole().step == 2


def test_an_owner_that_loses_the_folder_while_it_saves_is_refused(store):
    save(store, 1)
    with pytest.raises(StaleOwner), store.save(step=2) as folder:  # noqa: PT012
        (folder / "state").write_text("old owner's")
        save(Checkpoints(store.folder), 2, "new owner's")
    assert (store.newest_whole().folder / "state").read_text() == "new owner's 2"


def test_the_same_step_may_be_saved_again(store):
    save(store, 1, "first")
    save(store, 1, "second")
    assert (store.newest_whole().folder / "state").read_text() == "second 1"


def test_what_a_framework_finished_is_sealed_under_its_own_name(store):
    for step in (500, 1000):
        folder = store.folder / f"checkpoint-{step}"
        folder.mkdir(parents=True)
        (folder / "model").write_text(str(step))
        store.seal(folder, step=step)
    assert store.newest_whole().checkpoint_id == "checkpoint-1000"
    with pytest.raises(BadRequest, match=r"not a folder in"):
        store.seal(store.folder.parent, step=1)


def test_a_folder_without_a_name_is_a_bad_request(monkeypatch):
    monkeypatch.delenv("SPOTWARDEN_CHECKPOINTS", raising=False)
    with pytest.raises(BadRequest, match=r"name one, or start with"):
        checkpoints()


# --- offsets


@pytest.mark.accepts("IN-06", "PO-03")
def test_an_offset_is_read_and_committed(tmp_path):
    path = tmp_path / "offset.json"
    first = Offsets(path)
    assert first.read() == 0
    first.commit(10)
    first.commit(20)
    assert Offsets(path).read() == 20
    with pytest.raises(BadRequest, match=r"offset 5 after 20"):
        first.commit(5)


@pytest.mark.accepts("IN-06")
def test_of_two_owners_of_an_offset_the_older_is_refused_and_writes_nothing(tmp_path):
    path = tmp_path / "offset.json"
    older, newer = Offsets(path, owner="older"), Offsets(path, owner="newer")
    older.commit(10)
    assert newer.take_over() == 10
    with pytest.raises(StaleOwner, match=r"newer has taken over .owner 2, this is 1.: offset 11 is not written"):
        older.commit(11)
    newer.commit(12)
    assert Offsets(path).read() == 12


@pytest.mark.accepts("IN-06")
@pytest.mark.parametrize("content", [b"", b'{"offset": 3', b"17", b'{"offset": 99, "sha256": "0"}'])
def test_a_torn_offset_is_told_and_the_one_before_is_used(content, tmp_path, told):
    path = tmp_path / "offset.json"
    offsets = Offsets(path)
    offsets.commit(10)
    offsets.commit(20)
    path.write_bytes(content)
    again = Offsets(path, say=told.append)
    assert again.read() == 10
    assert "damaged" in told[0]
    assert "offset 10 of before is used" in told[0]
    again.commit(30)
    assert Offsets(path).read() == 30


def test_with_nothing_good_left_it_says_so_and_never_begins_at_0(tmp_path):
    path = tmp_path / "offset.json"
    path.write_bytes(b"")
    with pytest.raises(OffsetDamaged, match=r"cannot be read .0 bytes.*find the last offset in the output"):
        Offsets(path).read()
    with pytest.raises(OffsetDamaged):
        Offsets(path).commit(1)


@pytest.mark.accepts("IN-06")
def test_a_torn_offset_gives_no_second_owner_the_number_of_the_first(tmp_path):
    path = tmp_path / "offset.json"
    Offsets(path).commit(1)
    first, said = Offsets(path), []
    first.take_over()
    for _ in range(2):
        os.truncate(path, 5)
        Offsets(path, say=said.append).take_over()
        with pytest.raises(StaleOwner):
            first.commit(2)
        first = Offsets(path)
        first.take_over()
    assert first.read() == 1
    assert "damaged (5 bytes)" in said[0]


# --- what guard tells


@pytest.fixture
def told_by_guard(tmp_path, monkeypatch):
    path, seconds = tmp_path / "notice.json", tmp_path / "seconds"
    monkeypatch.setenv("SPOTWARDEN_NOTICE_FILE", str(path))
    monkeypatch.setenv("SPOTWARDEN_CHECKPOINT_SECONDS", "120")
    monkeypatch.setenv("SPOTWARDEN_CHECKPOINT_SECONDS_FILE", str(seconds))

    def tell(number: int, kind: str, left: float | None = None) -> None:
        told = {
            "number": number,
            "kind": kind,
            "action": None,
            "provider": "aws",
            "seen_at": "2026-11-20T09:00:00Z",
            "deadline": None,
            "deadline_monotonic_seconds": None if left is None else time.monotonic() + left,
            "source": "test",
        }
        write_whole(path, json.dumps(told).encode())

    return tell


def test_without_guard_there_is_no_notice_and_a_clock_of_its_own(monkeypatch):
    for name in ("SPOTWARDEN_NOTICE_FILE", "SPOTWARDEN_CHECKPOINT_SECONDS", "SPOTWARDEN_CHECKPOINT_SECONDS_FILE"):
        monkeypatch.delenv(name, raising=False)
    assert notice() is None
    assert time_left() is None
    assert CheckpointClock().seconds == 600
    assert CheckpointClock(seconds=1e-9).due()


def test_the_notice_and_the_time_that_is_left(told_by_guard):
    assert notice() is None
    told_by_guard(1, "rebalance")
    assert (notice().must_end, time_left()) == (False, None)
    told_by_guard(2, "interruption", left=100)
    assert notice().must_end
    assert 90 < time_left() <= 100
    told_by_guard(3, "interruption", left=-5)
    assert time_left() == 0


def test_every_notice_calls_back_once(told_by_guard):
    heard, both = [], threading.Event()

    def hear(found) -> None:
        heard.append(found.number)
        if len(heard) == 2:
            both.set()

    told_by_guard(1, "rebalance")
    first = threading.Event()
    on_notice(lambda found: (hear(found), first.set()))
    assert first.wait(20)
    told_by_guard(2, "interruption", left=100)
    assert both.wait(20)
    assert heard == [1, 2]


def test_a_notice_is_due_once_and_an_end_is_an_end(told_by_guard):
    clock = CheckpointClock(seconds=3600)
    clock._looked = -1e9
    assert not clock.due()
    for number, kind in ((1, "rebalance"), (2, "interruption")):
        told_by_guard(number, kind)
        clock._looked = -1e9  # half a second later
        assert clock.due()
        assert clock.must_end() is (kind == "interruption")
        assert not clock.due()


def test_the_clock_follows_what_guard_measures(told_by_guard, tmp_path):
    assert CheckpointClock().seconds == 120
    (tmp_path / "seconds").write_text("33.5\n")
    assert CheckpointClock().seconds == 33.5
