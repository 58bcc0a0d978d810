"""Verifying a million audit rows, against the least that any verifier must do: fetch every row, SHA-256 its bytes."""

import gc
import hashlib
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent.journal.chain import GENESIS, entry_hash
from agent.journal.journal import Journal
from agent.journal.verify import verify

ROWS = 1_000_000
REPEATS = 3
_SELECT = "SELECT seq, at, actor, kind, payload, previous_hash, hash FROM audit ORDER BY seq"
_PAYLOAD = (
    '{"proposal_id":"p-%d","decision":{"verdict":"allow","reasons":["within every limit"],"text":"' + "x" * 180 + '"}}'
)


class _Clock:
    def now(self) -> datetime:
        return datetime(2026, 11, 20, tzinfo=UTC)


def run() -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.db"
        _fill(path)
        ours, bare = [], []
        for _ in range(REPEATS):  # side by side: the machine is shared
            bare.append(_seconds(lambda: _bare(path)))
            ours.append(_seconds(lambda: _verified(path)))
        gc.collect()
    mine, base = statistics.median(ours), statistics.median(bare)
    return [
        {
            "what": f"audit verify, {ROWS:,} rows",
            "ours": mine,
            "unit": "s",
            "baseline": f"{base:.3g} s bare fetch + SHA-256",
            "ratio": mine / base,
            "goal": "<= 1.5 x",
        }
    ]


def _fill(path: Path) -> None:
    """The rows go in by hand, as a million commits would take minutes; closing the journal witnesses them."""
    Journal.open(path, clock=_Clock()).close()
    previous, rows = GENESIS, []
    for seq in range(1, ROWS + 1):
        fields = (seq, "2026-11-20T09:00:00.000000Z", "agent:offline planner", "decision", _PAYLOAD % seq, previous)
        previous = entry_hash(*fields)
        rows.append((*fields, previous))
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("BEGIN")
        db.executemany("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        db.execute("COMMIT")
    with Journal.open(path, clock=_Clock()):
        pass


def _bare(path: Path) -> None:
    with closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as db:
        for seq, at, actor, kind, payload, previous, _ in db.execute(_SELECT):
            hashlib.sha256(f"{seq}{at}{actor}{kind}{payload}{previous}".encode()).hexdigest()


def _verified(path: Path) -> None:
    found = verify(path)
    if not found.ok or found.entries != ROWS:
        raise RuntimeError(found.reason)


def _seconds(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
