"""Reading a grid: what it says, and what it may not say, by line and column."""

import gzip
import json
from pathlib import Path

import pytest

from tools.errors import DataError, UsageError
from tools.recovery.deadline.grid import COLUMNS, availability, read_grid

HEADER = ",".join(COLUMNS)
GOOD = dict(zip(COLUMNS, ("zone/a.json.gz", "2", "8", "600.0", "0.5", "1.4", "0.02", "0.318"), strict=True))


def save(path: Path, rle: list, gap: float = 600.0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(json.dumps({"gap_seconds": gap, "rle": rle}).encode()))


@pytest.fixture
def traces(tmp_path) -> Path:
    root = tmp_path / "traces"
    save(root / "zone/a.json.gz", [[2, 4], [0, 2], [None, 1], [1, 5]])
    save(root / "zone/b.json.gz", [[1, 20]])
    save(root / "zone/fast.json.gz", [[1, 20]], 30)
    (root / "zone/broken.json.gz").write_bytes(b"nothing")
    return root


@pytest.fixture
def written(tmp_path, traces):
    """Reads a grid of these rows."""

    def read(*rows: dict[str, str] | str, header: str = HEADER, **more):
        lines = [header, *(r if isinstance(r, str) else ",".join((GOOD | r).values()) for r in rows)]
        grid = tmp_path / "grid.csv"
        grid.write_text("\n".join(lines) + "\n")
        return read_grid(grid, traces, **more)

    return read


def test_a_row_is_a_job_on_a_window_of_a_trace(written, traces) -> None:
    (window,) = written({})
    assert (window.line, window.text, window.names) == (2, tuple(GOOD.values()), ("zone/a.json.gz",))
    assert (window.traces, window.start_tick) == ((traces / "zone/a.json.gz",), 2)
    terms = window.terms
    assert (terms.work_seconds, terms.deadline_seconds, terms.changeover_seconds) == (1800, 5040, 72)
    assert (terms.tick_seconds, terms.spot_price_ratio, terms.ticks) == (600, 0.318, 8)
    assert (terms.can_be_met, window.ended_early, window.unknown_ticks) == (True, False, 1)


def test_unknown_ticks_are_not_available(written) -> None:
    (window,) = written({"start_tick": "6"})
    assert availability(window.traces[0]).flags.astype(int).tolist() == [1, 1, 1, 1, 0, 0, 0, 1, 1, 1, 1, 1]
    assert window.unknown_ticks == 1 + 2  # one is null, two lie beyond the file


def test_hours_are_taken_as_the_decimals_written(written) -> None:
    windows = written({"deadline_hours": "4.35", "ticks": "99"}, {"changeover_hours": "1e-1", "deadline_hours": ".5"})
    assert [w.terms.deadline_seconds for w in windows] == [15_660, 1_800]
    assert windows[0].terms.ticks == 26
    assert windows[1].terms.changeover_seconds == 360


def test_other_columns_and_their_order_mean_nothing(written) -> None:
    mixed = ("note", *reversed(COLUMNS), "od_cost")
    row = ",".join((GOOD | {"note": '"a, b"', "od_cost": "nan"})[c] for c in mixed)
    (window,) = written(row, header=",".join(mixed))
    assert window.text == tuple(GOOD.values())


def test_lines_may_end_as_on_windows_begin_with_a_mark_and_be_empty(tmp_path, traces) -> None:
    grid = tmp_path / "grid.csv"
    row = ",".join(GOOD.values())
    grid.write_bytes(f"\ufeff{HEADER}\r\n{row}\r\n\r\n{row}".encode())
    assert [w.line for w in read_grid(grid, traces)] == [2, 4]


def test_a_window_shorter_or_longer_than_the_deadline_is_told_apart(written) -> None:
    short, long = written({"ticks": "3"}, {"ticks": "500"})
    assert (short.terms.ticks, short.ended_early, short.terms.can_be_met) == (3, True, False)
    assert (long.terms.ticks, long.ended_early) == (8, False)


def test_work_longer_than_the_deadline_is_a_row_like_any_other(written) -> None:
    (window,) = written({"work_hours": "9"})
    assert not window.terms.can_be_met


def test_several_zones_share_their_ticks(written, traces) -> None:
    (window,) = written({"trace": "zone/a.json.gz;zone/b.json.gz"}, several=True)
    assert window.names == ("zone/a.json.gz", "zone/b.json.gz")
    assert window.traces == (traces / "zone/a.json.gz", traces / "zone/b.json.gz")
    assert window.unknown_ticks == 0
    with pytest.raises(DataError, match="line 2, trace") as refused:
        written({"trace": "zone/a.json.gz;zone/b.json.gz"})
    assert "backtest zones" in refused.value.hint
    for trace in ("zone/a.json.gz;", ";", "zone/a.json.gz;zone/fast.json.gz"):
        with pytest.raises(DataError, match="line 2"):
            written({"trace": trace}, several=True)


@pytest.mark.parametrize(
    ("column", "seen"),
    [
        ("start_tick", "-1"),
        ("start_tick", "1.0"),
        ("start_tick", "12"),
        ("start_tick", "9" * 30),
        ("ticks", "0"),
        ("ticks", "1_000"),
        ("ticks", "1000001"),
        ("ticks", "٣"),
        ("gap_seconds", "601"),
        ("gap_seconds", "0"),
        ("gap_seconds", "600s"),
        ("work_hours", "0"),
        ("work_hours", "nan"),
        ("work_hours", "inf"),
        ("work_hours", ""),
        ("work_hours", " 1"),
        ("work_hours", "1e30"),
        ("deadline_hours", "-52"),
        ("deadline_hours", "1e-99999999999"),
        ("changeover_hours", "-0.1"),
        ("changeover_hours", "Infinity"),
        ("spot_price_ratio", "0"),
        ("spot_price_ratio", "0x1"),
        ("trace", ""),
        ("trace", "../traces/zone/a.json.gz"),
        ("trace", "zone/../../traces/zone/a.json.gz"),
        ("trace", "/etc/passwd"),
        ("trace", "zone/missing.json.gz"),
        ("trace", "zone/a.json.gz\0"),
    ],
)
def test_a_field_that_cannot_be_is_refused_by_line_and_column(written, column, seen) -> None:
    with pytest.raises(DataError) as refused:
        written({}, {column: seen})
    assert f"grid.csv, line 3, {column}: {seen[:20]!r}"[:-1] in str(refused.value)
    assert refused.value.hint.startswith("write ")


def test_a_broken_trace_is_told_with_the_row_that_names_it(written) -> None:
    with pytest.raises(DataError, match=r"line 2, trace: .*broken.json.gz: the gzip is damaged") as refused:
        written({"trace": "zone/broken.json.gz"})
    assert "again" in refused.value.hint
    with pytest.raises(DataError, match=r"line 2, trace: .*: not a file"):
        written({"trace": "zone"})


@pytest.mark.parametrize(
    ("header", "rows", "said"),
    [
        (HEADER.replace(",ticks", ""), [], "line 1: no column ticks"),
        (HEADER.replace("work_hours", "Work_Hours"), [], "line 1: no column work_hours"),
        ("", [], "line 1: no column trace"),
        (HEADER + ",ticks", [], "line 1: column ticks stands there twice"),
        (HEADER, [], "no row below the header"),
        (HEADER, [",".join(GOOD.values()) + ",9"], "line 2: 9 fields, the header has 8"),
        (HEADER, ["a,b"], "line 2: 2 fields, the header has 8"),
        (HEADER, ['"zone/a.json.gz'], "not CSV"),
    ],
)
def test_what_is_not_a_grid_is_refused(written, header, rows, said) -> None:
    with pytest.raises(DataError, match=said) as refused:
        written(*rows, header=header)
    assert refused.value.hint


def test_a_file_that_is_no_text_or_is_not_there_is_refused(tmp_path, traces) -> None:
    grid = tmp_path / "grid.csv"
    grid.write_bytes(HEADER.encode() + b"\n\xff\xfe")
    with pytest.raises(DataError, match="not UTF-8 at byte"):
        read_grid(grid, traces)
    with pytest.raises(UsageError, match="No such file"):
        read_grid(tmp_path / "none.csv", traces)
    with pytest.raises(UsageError, match="directory"):
        read_grid(traces, traces)
    with pytest.raises(UsageError, match="no such folder"):
        read_grid(grid, tmp_path / "none")
    with pytest.raises(UsageError, match="a file, not a folder"):
        read_grid(grid, grid)
