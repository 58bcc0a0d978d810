"""`spotwarden backtest jobs`, called as people and judges call it."""

import csv
import gzip
import io
import json
import os
import pty
import signal
from collections import defaultdict
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import process
from tools.recovery.deadline.grid import COLUMNS, read_grid
from tools.recovery.deadline.plan import modes_of, read_plan
from tools.recovery.deadline.replay import price_plan

FIELD = ("uniform-progress", "greedy", "on-demand", "optimum")


@pytest.fixture
def traces(home) -> Path:
    """Two zones: one whose spot comes and goes, with a stretch of which nothing is known; one that has it always."""
    root = home / "traces"
    dice = np.random.default_rng(5)
    comes = [[int(n % 2), int(dice.integers(2, 40))] for n in range(60)]
    save(root / "deep/er/comes.json.gz", [*comes[:30], [None, 7], *comes[30:]], 300)
    save(root / "always.json.gz", [[4, 900]], 600)
    return root


def save(path: Path, rle: list, gap: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(json.dumps({"gap_seconds": gap, "rle": rle}).encode()))


@pytest.fixture
def grid(home, traces) -> Path:
    """Deadlines near and far, changeovers above and below a tick, in no particular order; one cannot be met."""
    jobs = [
        ("deep/er/comes.json.gz", start, 300, 3, deadline, changeover)
        for start in (700, 0, 520)
        for deadline in (5, 3.5)
        for changeover in ("0.02", "0.4")
    ]
    jobs += [("always.json.gz", 30, 600, 3, 3.5, "0.2"), ("deep/er/comes.json.gz", 3, 300, 6, 3.5, "0.2")]
    lines = [",".join((*COLUMNS, "note"))]
    for trace, start, gap, work, deadline, changeover in jobs:
        lines.append(
            f"{trace},{start},{int(deadline * 3600 / gap)},{gap}.0,{work}.0,{deadline},{changeover},0.318,mine"
        )
    path = home / "grid.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def backtest(alone, grid, traces):
    def run(*more: str, policies: str | None = ",".join(FIELD), out: str | None = "rows.csv"):
        chosen = () if policies is None else ("--policies", policies)
        saved = () if out is None else ("--out", out)
        return alone("backtest", "jobs", "--grid", str(grid), "--traces", str(traces), *chosen, *saved, *more)

    return run


def rows_in(name: str = "rows.csv") -> list[dict[str, str]]:
    text = Path(name).read_bytes().decode()
    assert text.startswith(",".join(COLUMNS) + ",policy,cost,met,launches,plan\n")
    assert "\r" not in text
    return list(csv.DictReader(io.StringIO(text)))


def test_every_window_has_a_row_a_policy_in_the_order_given(backtest, grid) -> None:
    asked = "optimum,on-demand,uniform-progress"
    told = backtest(policies=asked)
    assert (told.exit, told.err) == (0, "")
    with grid.open(newline="") as lines:
        windows = [{c: row[c] for c in COLUMNS} for row in csv.DictReader(lines)]
    rows = rows_in()
    assert [{c: r[c] for c in COLUMNS} for r in rows] == [w for w in windows for _ in range(3)]
    assert [r["policy"] for r in rows] == asked.split(",") * len(windows)


def test_every_row_is_what_its_plan_comes_to_for_somebody_else(backtest, grid, traces) -> None:
    assert backtest().exit == 0
    windows = read_grid(grid, traces)
    for window, (_, rows) in zip(windows, groupby(rows_in(), lambda r: [r[c] for c in COLUMNS]), strict=True):
        with gzip.open(window.traces[0]) as file:
            rle = json.load(file)["rle"]
        values = np.repeat(np.array([v or 0 for v, _ in rle]), [n for _, n in rle])
        costs = {}
        for row in rows:
            done = price_plan(window.terms, values[window.start_tick :] > 0, modes_of(read_plan(row["plan"])))
            assert (f"{done.cost_hours:.6f}", int(done.met), done.launches) == (
                row["cost"],
                int(row["met"]),
                int(row["launches"]),
            )
            assert done.met == window.terms.can_be_met
            costs[row["policy"]] = done.cost_hours
        assert costs["optimum"] == min(costs.values())


def test_the_figures_are_those_of_the_file_on_screen_and_in_json(backtest) -> None:
    told = backtest("--json")
    found, rows = told.json, [r for r in rows_in() if r["work_hours"] == "3.0"]
    costs = defaultdict(list)
    for row in rows:
        costs[row["policy"]].append(float(row["cost"]))
    assert (found["kind"], found["windows"], found["too_late"]) == ("jobs", 14, 1)
    assert [p["policy"] for p in found["policies"]] == list(FIELD)
    for figures in found["policies"]:
        own, best = np.array(costs[figures["policy"]]), np.array(costs["optimum"])
        assert figures["misses"] == 0
        assert figures["mean_cost_hours"] == pytest.approx(own.mean(), abs=1e-6)
        assert figures["to_optimum"] == pytest.approx(own.mean() / best.mean(), abs=1e-6)
        assert figures["p90_to_optimum"] == pytest.approx(np.quantile(own / best, 0.9), abs=1e-6)
    cells = [(c["deadline_hours"], c["changeover_hours"], c["windows"]) for c in found["cells"]]
    assert cells == [(3.5, 0.02, 3), (3.5, 0.2, 1), (3.5, 0.4, 3), (5, 0.02, 3), (5, 0.4, 3)]
    of_cell = [r for r in rows if (r["deadline_hours"], r["changeover_hours"]) == ("5", "0.4")]
    mean = {p: np.mean([float(r["cost"]) for r in of_cell if r["policy"] == p]) for p in FIELD}
    for figures in found["cells"][-1]["policies"]:
        assert figures["to_optimum"] == pytest.approx(mean[figures["policy"]] / mean["optimum"], abs=1e-6)
    screen = backtest().out
    for figures in found["policies"]:
        assert f"{figures['to_optimum']:.4f}" in screen
        assert f"{figures['p90_to_optimum']:.3f}" in screen
    assert "1 of 14 windows cannot be met by any policy: line 15 needs 6.2 h" in screen
    assert "4 of 14 windows have ticks that no trace knows of (line 10: 7): they count as not available" in screen


def test_without_the_optimum_ratios_are_unknown_not_nothing(backtest) -> None:
    figures = backtest("--json", policies="greedy").json["policies"][0]
    assert (figures["to_optimum"], figures["p90_to_optimum"]) == (None, None)
    screen = backtest(policies="greedy", out=None).out
    assert "unknown" in screen
    assert "mean cost by deadline and changeover" in screen
    assert f"{figures['mean_cost_hours']:.2f}" in screen


def test_a_grid_that_nobody_can_meet_has_rows_and_no_figures(backtest, grid) -> None:
    lines = grid.read_text().splitlines()
    grid.write_text(f"{lines[0]}\n{lines[-1]}\n")
    found = backtest("--json").json
    assert {(p["mean_cost_hours"], p["to_optimum"], p["misses"]) for p in found["policies"]} == {(None, None, 0)}
    assert [(r["met"], r["cost"]) for r in rows_in() if r["policy"] in {"on-demand", "optimum"}] == [
        ("0", "3.500000")
    ] * 2


def test_without_a_choice_all_policies_run_ours_first_and_none_is_late(backtest) -> None:
    found = backtest("--json", policies=None).json
    figures = found["policies"]
    assert "; deadline planner " in found["source"]
    assert [(p["policy"], p["misses"]) for p in figures] == [(p, 0) for p in ("warden", *FIELD)]
    assert figures[0]["to_optimum"] >= 1
    assert len(rows_in()) == 5 * 14
    assert "deadline planner" not in backtest("--json").json["source"]


def test_no_row_answers_otherwise_for_its_neighbours(backtest, grid) -> None:
    head, *lines = grid.read_text().splitlines()
    lines += [f"deep/er/comes.json.gz,9,{d * 12},300,{d / 2},{d},0.4,0.318," for d in (3, 11, 7)]
    rows = {}
    for name, order in (("forth", lines), ("back", lines[::-1])):
        grid.write_text("\n".join([head, *order]) + "\n")
        assert backtest("--workers", "1", policies="warden,greedy", out=name).exit == 0
        rows[name] = rows_in(name)
    by_window = lambda row: [*row.values()]  # noqa: E731
    assert sorted(rows["forth"], key=by_window) == sorted(rows["back"], key=by_window)


@pytest.mark.parametrize("shown", [0.2, 0.6])
def test_what_a_trace_does_later_changes_no_plan_before(backtest, grid, traces, shown) -> None:
    file = traces / "deep/er/comes.json.gz"
    assert backtest(policies=None).exit == 0
    before = rows_in()
    with gzip.open(file) as opened:
        rle = json.load(opened)["rle"]
    values = np.repeat(np.array([v or 0 for v, _ in rle]), [n for _, n in rle])
    ends = {int(r["start_tick"]) + int(shown * int(r["ticks"])) for r in before if "comes" in r["trace"]}
    for end in sorted(ends):
        save(file, [*([int(v), 1] for v in values[: end + 1]), *([int(not v), 1] for v in values[end + 1 :])], 300)
        assert backtest(policies=None).exit == 0
        for old, new in zip(before, rows_in(), strict=True):
            seen = end + 1 - int(old["start_tick"])
            if old["policy"] != "optimum" and "comes" in old["trace"] and seen > 0:
                first, second = (letters(row["plan"]) for row in (old, new))
                assert first[:seen].ljust(seen, "I") == second[:seen].ljust(seen, "I"), old


def letters(plan: str) -> str:
    return "".join(token[0] * int(token[1:]) for token in plan.split())


def test_windows_on_traces_that_ours_learned_from_are_told(alone, data_dir) -> None:
    lines = (data_dir / "golden_dev.csv").read_text().splitlines()
    Path("grid.csv").write_text(f"{lines[0]}\n{lines[600]}\n")
    argv = ("backtest", "jobs", "--grid", "grid.csv", "--traces", str(data_dir / "traces_dev"), "--policies")
    assert "1 of 1 windows lie on traces with the names of those that ours was trained on" in alone(*argv, "warden").out
    assert "trained on" not in alone(*argv, "greedy").out


@pytest.mark.parametrize("workers", ["1", "3"])
def test_any_number_of_processes_writes_the_same_file(backtest, grid, workers) -> None:
    head, *lines = grid.read_text().splitlines()
    grid.write_text("\n".join([head, *lines * 6]) + "\n")
    assert backtest("--workers", workers, policies="greedy,optimum").exit == 0
    several = Path("rows.csv").read_bytes()
    grid.write_text("\n".join([head, *lines]) + "\n")
    assert backtest(policies="greedy,optimum", out="once.csv").exit == 0
    title, *rows = Path("once.csv").read_bytes().splitlines()
    assert several.splitlines() == [title, *rows * 6]


def read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1000)
    except OSError:  # how a terminal whose other side is closed says so
        return b""


def test_stopped_by_the_keyboard_it_leaves_the_old_file(home, grid, traces) -> None:
    head, *lines = grid.read_text().splitlines()
    grid.write_text("\n".join([head, *lines * 400]) + "\n")
    out = home / "rows.csv"
    out.write_text("as before")
    terminal, theirs = pty.openpty()
    argv = ("backtest", "jobs", "--grid", str(grid), "--traces", str(traces), "--policies", ",".join(FIELD))
    child = process(*argv, "--out", str(out), "--workers", "2", stderr=theirs, start_new_session=True)
    os.close(theirs)
    shown = b""
    while b"of 5,600 windows" not in shown:
        shown += os.read(terminal, 1000)
    os.killpg(child.pid, signal.SIGINT)  # as a terminal does: the workers too
    told, _ = child.communicate()
    while more := read(terminal):
        shown += more
    os.close(terminal)
    assert (child.returncode, told) == (130, "")
    assert b"Traceback" not in shown
    assert out.read_text() == "as before"
    assert sorted(p.name for p in home.iterdir() if "rows" in p.name) == ["rows.csv"]


@pytest.mark.parametrize(
    ("policies", "said"),
    [("luck", "no policy 'luck'"), ("", "no policy ''"), ("greedy,greedy", "'greedy' stands there twice")],
)
def test_a_policy_that_is_none_is_refused_before_any_work(backtest, policies, said) -> None:
    backtest(policies=policies).refuses(64, said)
    assert not Path("rows.csv").exists()


def test_results_never_fall_on_what_they_come_from(backtest, grid, traces) -> None:
    before = grid.read_bytes()
    backtest(out=str(grid)).refuses(64, "the grid itself")
    Path("link.csv").symlink_to(grid)
    backtest(out="link.csv").refuses(64, "the grid itself")
    assert grid.read_bytes() == before
    trace = traces / "always.json.gz"
    kept = trace.read_bytes()
    backtest(out=str(trace)).refuses(64, "a trace")
    assert trace.read_bytes() == kept
    backtest(out="none/rows.csv").refuses(64, "no such folder")


def test_bad_rows_and_bad_traces_cost_nothing_that_was_there(backtest, grid, traces) -> None:
    Path("rows.csv").write_text("as before")
    good = grid.read_text()
    grid.write_text(good.replace("0.318", "nan", 1))
    backtest().refuses(1, "line 2, spot_price_ratio: 'nan'")
    grid.write_text(good.replace("always.json.gz", "../always.json.gz"))
    backtest().refuses(1, "line 14, trace: '../always.json.gz'")
    grid.write_text(good)
    (traces / "always.json.gz").write_bytes(b"\x1f\x8b")
    backtest().refuses(1, "line 14, trace: ", "the gzip is damaged")
    assert Path("rows.csv").read_text() == "as before"
