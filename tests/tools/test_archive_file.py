"""The archive's file: one owner, many processes, and no trouble that it keeps to itself."""

import os
import signal as signals
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.tools.archive_house import FLEET, REGION, HandClock, fetch, hour, many, price, read, sample, signal
from tools.archive import schema
from tools.archive.archive import SqliteArchive, open_archive
from tools.errors import DataError
from tools.records import LINUX

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deep" / "archive.db"


def opened(path):
    return SqliteArchive.open(path, clock=HandClock())


def test_the_file_is_for_its_owner_only_and_opens_again(path) -> None:
    with opened(path) as archive:
        fetch(archive, [price(0, "0.4")])
        modes = {stat.S_IMODE(p.stat().st_mode) for p in path.parent.iterdir()}
    assert modes == {0o600}
    path.chmod(0o644)
    with opened(path) as archive:
        assert read(archive) == [(0, "0.4")]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_people_can_read_it_as_it_is(path) -> None:
    with opened(path) as archive:
        fetch(archive, [price(0, "0.40")])
        archive.add_samples([sample(1, {"g5.xlarge/use1-az1": 2})], region=REGION)
    with sqlite3.connect(path) as db:
        rows = db.execute("SELECT instance_type, zone_id, at, usd_per_hour FROM prices JOIN pools USING (pool_id)")
        assert rows.fetchall() == [("g5.xlarge", "use1-az1", "2026-11-18T00:00:00.000000Z", "0.40")]
        assert db.execute("SELECT usd_per_hour, spot FROM samples").fetchall() == [("1.50", 2)]
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    db.close()


# versions


def _set(path, statement):
    db = sqlite3.connect(path)
    db.execute(statement)
    db.close()


def test_a_newer_archive_is_refused_and_left_as_it_is(path) -> None:
    opened(path).close()
    _set(path, f"PRAGMA user_version={schema.VERSION + 1}")
    before = path.read_bytes()
    with pytest.raises(DataError, match="newer spotwarden") as caught:
        opened(path)
    assert "upgrade" in caught.value.hint
    assert path.read_bytes() == before


@pytest.mark.parametrize("version", range(1, schema.VERSION))
def test_an_older_archive_is_led_to_this_version_with_what_it_holds(path, version) -> None:
    path.parent.mkdir()
    db = sqlite3.connect(path)
    for step in schema.STEPS[:version]:
        for statement in step:
            db.execute(statement)
    db.execute(f"PRAGMA application_id={schema.APPLICATION_ID}")
    db.execute(f"PRAGMA user_version={version}")
    db.execute("INSERT INTO pools VALUES (1, 'us-east-1', 'g5.xlarge', 'Linux/UNIX', 'us-east-1a', 'use1-az1')")
    db.execute("INSERT INTO prices VALUES (1, '2026-11-18T00:00:00.000000Z', '0.4', 1)")
    db.commit()
    db.close()
    with opened(path) as archive:
        assert read(archive) == [(0, "0.4")]
        archive.add_signals([signal(1)], region=REGION)
        assert len(archive.signals(region=REGION, since=hour(0))) == 1


def test_a_database_of_another_program_is_left_alone(path) -> None:
    path.parent.mkdir()
    _set(path, "CREATE TABLE theirs (x)")
    before = path.read_bytes()
    with pytest.raises(DataError, match="not an archive of spotwarden"):
        opened(path)
    db = sqlite3.connect(path)
    assert db.execute("SELECT name FROM sqlite_schema").fetchall() == [("theirs",)]
    db.close()
    assert len(path.read_bytes()) == len(before)


# trouble


def test_what_is_no_database_is_told_and_the_product_goes_on_without(path) -> None:
    path.parent.mkdir()
    path.write_text("prices, prices, prices\n" * 100)
    with pytest.raises(DataError, match="not a database") as caught:
        opened(path)
    assert "move the file aside" in caught.value.hint
    with open_archive(path, clock=HandClock()) as archive:
        assert "not a database" in archive.unavailable
        assert "move the file aside" in archive.unavailable
        assert fetch(archive, [price(0, "0.4")]) == 0
        assert read(archive) == []
        assert archive.fetched_since(["g5.xlarge"], region=REGION, product=LINUX) is None
        assert archive.exposures(region=REGION, since=hour(0), until=hour(24)) == ()
    assert path.read_text().startswith("prices")


@pytest.mark.parametrize("at", [20, 5000, 9000, 20000, 60000])
def test_a_damaged_page_is_told_or_harmless_and_never_a_wrong_price(path, at) -> None:
    with opened(path) as archive:
        fetch(archive, many(3000, 6, "m"))
        before = read(archive, types=["m0.large"])
    body = bytearray(path.read_bytes())
    body[at : at + 200] = bytes(200)
    path.write_bytes(body)
    found, error = _what_is_left(path)
    assert set(found) <= set(before)
    assert error is None or (str(path) in error.message and error.hint)


def _what_is_left(path):
    try:
        with opened(path) as archive:
            return read(archive, types=["m0.large"]), None
    except DataError as error:
        return [], error


def test_a_damaged_row_is_told(path) -> None:
    with opened(path) as archive:
        fetch(archive, [price(0, "0.4")])
        archive.add_samples([sample(1, {})], region=REGION)
    for statement in ("UPDATE prices SET usd_per_hour = 'NaN'", "UPDATE samples SET level = 'purple'"):
        db = sqlite3.connect(path)
        with db:
            db.execute(statement)
        db.close()
    with opened(path) as archive:
        with pytest.raises(DataError, match="SpotPrice is damaged: usd_per_hour"):
            read(archive)
        with pytest.raises(DataError, match="FleetSample is damaged: level"):
            archive.samples(region=REGION, since=hour(0))


def test_a_full_disk_keeps_what_was_there_and_says_so(path) -> None:
    with opened(path) as archive:
        fetch(archive, [price(0, "0.4")])
        pages = archive._writer.execute("PRAGMA page_count").fetchone()[0]
        archive._writer.execute(f"PRAGMA max_page_count={pages}")
        with pytest.raises(DataError, match="full") as caught:
            fetch(archive, many(20_000, 6, "m"))
        assert "make room" in caught.value.hint
        assert read(archive) == [(0, "0.4")]
        assert read(archive, types=["m0.large"]) == []
        archive._writer.execute("PRAGMA max_page_count=100000")
        assert fetch(archive, many(600, 6, "m")) == 600


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="no folder here that nobody may write")
def test_a_folder_that_cannot_be_written_is_told(tmp_path) -> None:
    archive = open_archive(Path("/sys/kernel/spotwarden/archive.db"), clock=HandClock())
    assert "make the file and its folder writable" in archive.unavailable


def test_links_and_folders_are_not_taken_for_archives(tmp_path) -> None:
    (tmp_path / "link.db").symlink_to(tmp_path / "target.db")
    with pytest.raises(DataError, match="symbolic link"):
        opened(tmp_path / "link.db")
    with pytest.raises(DataError, match="not a file"):
        opened(tmp_path)
    assert not (tmp_path / "target.db").exists()


# many at once


@pytest.mark.accepts("P-01")
def test_a_fetch_killed_in_the_middle_leaves_the_archive_whole(path) -> None:
    """Killed while its rows are on the way to the disk: a fetch is there with all its rows and its stretch, or not."""
    count, wal = 60_000, path.with_name(path.name + "-wal")
    for _ in range(3):
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.tools.archive_house", str(path), str(count)],
            stdout=subprocess.PIPE, text=True, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        try:
            for _ in range(2):
                child.stdout.readline()  # the first is in, the second has begun
            begun = wal.stat().st_size
            while child.poll() is None and wal.stat().st_size == begun:
                pass
        finally:
            child.send_signal(signals.SIGKILL)
            child.communicate()
        with opened(path) as archive:
            kept = 0
            for turn in range(4):
                name = f"m{turn}-0.large"
                rows = read(archive, types=[name])
                known = archive.fetched_since([name], region=REGION, product=LINUX)
                assert (len(rows), known) in ((count, hour(0)), (0, None))
                kept += bool(rows)
            assert kept >= 1
    assert sqlite3.connect(path).execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_processes_and_threads_add_at_once_and_nothing_is_lost(path) -> None:
    opened(path).close()
    script = (
        "import sys; from pathlib import Path; from tests.tools.archive_house import *\n"
        "with SqliteArchive.open(Path(sys.argv[1]), clock=HandClock()) as a:\n"
        "    for k in range(20): fetch(a, [price(k, '0.4'), price(k + 0.5, f'0.{sys.argv[2]}')], k, k + 1)\n"
    )
    children = [
        subprocess.Popen([sys.executable, "-c", script, str(path), str(n)], cwd=ROOT, stderr=subprocess.PIPE, text=True)
        for n in (5, 6)
    ]
    with opened(path) as archive:
        threads = [
            threading.Thread(
                target=lambda n=n: [
                    archive.add_samples([sample(k / 60 + n, {"a1.large/use1-az1": 1})], region=REGION)
                    for k in range(50)
                ]
            )
            for n in range(4)
        ]
        for thread in threads:
            thread.start()
        reads = [read(archive) for _ in range(20)]
        for thread in threads:
            thread.join()
        for child in children:
            _, errors = child.communicate()
            assert child.returncode == 0, errors
        assert all(len(r) <= 40 for r in reads)
        assert len(read(archive)) == 40
        aside = archive.set_aside(["g5.xlarge"], region=REGION, since=hour(0), until=hour(24), product=LINUX)
        assert sum(a.count for a in aside) == 20, "of two prices for one moment one is kept, whoever came first"
        assert len(archive.samples(region=REGION, since=hour(0), fleet=FLEET.label)) == 200
