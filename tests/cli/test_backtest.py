"""`spotwarden backtest forecast`, called as people and judges call it."""

import csv
import gzip
import io
import json
import math
import os
import resource
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tools.risk.backtest import forecast_traces

GAPS = (195, 300, 600, 34)


def history(seed: int, gap: float, hours: float = 90) -> list[float]:
    """Stretches of having and not having an instance, longer ones by day, as counts 0..4."""
    dice = np.random.default_rng(seed)
    values: list[float] = []
    up = True
    while len(values) * gap < hours * 3600:
        stretch = int(dice.lognormal(9.0 if up else 8.2, 1.2) / gap) + 1
        values += [float(dice.integers(1, 5)) if up else 0.0] * stretch
        up = not up
    return values[: int(hours * 3600 / gap)]


def save(path: Path, values: list[float], gap: float, **more: object) -> Path:
    edges = [
        0,
        *(i for i, (a, b) in enumerate(pairwise(values), 1) if not (a == b or (a != a and b != b))),
        len(values),
    ]
    rle = [[None if math.isnan(values[a]) else values[a], b - a] for a, b in pairwise(edges)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(json.dumps({"gap_seconds": gap, "rle": rle, **more}).encode(), mtime=0))
    return path


@pytest.fixture
def traces(home) -> Path:
    """Four pools in two campaigns, one of them deep down; and what is none."""
    root = home / "traces"
    for number, gap in enumerate(GAPS):
        folder = "availability/first" if number < 2 else "deep/availability/second/more"
        save(root / folder / f"zone-{number}.json.gz", history(number, gap), gap)
    save(root / "preemption" / "held.json.gz", history(9, 300), 300)
    (root / "availability" / "manifest.csv").write_text("split,kind\n")
    return root


def plain_rows(values: list[float], gap: int, horizon_minutes: int) -> dict[int, int]:
    """The contract for whole gaps, loop by loop: tick → outcome."""
    horizon, step, tick = horizon_minutes * 60 // gap, max(1, round(600 / gap)), -(-24 * 3600 // gap)
    rows = {}
    while tick + horizon < len(values):
        if values[tick] > 0:
            rows[tick] = int(any(v == 0 for v in values[tick + 1 : tick + horizon + 1]))
        tick += step
    return rows


def rows_in(path: Path) -> list[dict[str, str]]:
    text = path.read_bytes().decode()
    assert text.startswith("trace,tick,probability,outcome\n")
    assert "\r" not in text
    return list(csv.DictReader(io.StringIO(text)))


def forecast(run, root: Path, *more: str, out: str = "rows.csv", minutes: int = 60):
    told = run("backtest", "forecast", "--traces", str(root), "--horizon-minutes", str(minutes), "--out", out, *more)
    assert told.exit == 0, told
    assert told.err == ""
    return told, rows_in(Path(out))


@pytest.mark.accepts("P-06")
@pytest.mark.parametrize("minutes", [30, 60, 180, 1440])
def test_the_rows_are_those_of_the_contract_sorted_by_trace_and_tick(alone, traces, minutes) -> None:
    _, rows = forecast(alone, traces, minutes=minutes)
    expected = [
        (f"availability/first/zone-{n}.json.gz", plain_rows(history(n, GAPS[n]), GAPS[n], minutes)) for n in (0, 1)
    ] + [
        (f"deep/availability/second/more/zone-{n}.json.gz", plain_rows(history(n, GAPS[n]), GAPS[n], minutes))
        for n in (2, 3)
    ]
    told = [(r["trace"], int(r["tick"]), int(r["outcome"])) for r in rows]
    assert told == [(name, tick, came) for name, found in expected for tick, came in found.items()]
    assert all(0 <= float(r["probability"]) <= 1 for r in rows)
    assert len({r["probability"] for r in rows}) > 20


@pytest.mark.accepts("P-06")
def test_the_figures_are_those_of_the_file_on_screen_and_in_json(alone, traces) -> None:
    told, rows = forecast(alone, traces, "--json")
    said = told.json["calibration"]
    pairs = [(float(r["probability"]), int(r["outcome"])) for r in rows]
    rate = sum(o for _, o in pairs) / len(pairs)
    brier = sum((p - o) ** 2 for p, o in pairs) / len(pairs)
    assert (said["rows"], said["interrupted"]) == (len(pairs), sum(o for _, o in pairs))
    assert said["base_rate"] == pytest.approx(rate)
    assert said["brier"] == pytest.approx(brier)
    assert said["brier_skill"] == pytest.approx(1 - brier / (rate * (1 - rate)))
    up, down = ([p for p, o in pairs if o == kind] for kind in (1, 0))
    right = sum((p > q) + (p == q) / 2 for p in up for q in down) / len(up) / len(down)
    assert said["auc"] == pytest.approx(right)
    ranges = [[(p, o) for p, o in pairs if min(int(p * 1e6) // 100_000, 9) == b] for b in range(10)]
    gaps = [abs(sum(p - o for p, o in inside)) for inside in ranges]
    assert said["ece"] == pytest.approx(sum(gaps) / len(pairs), abs=1e-4)
    assert [b["rows"] for b in said["bins"]] == pytest.approx([len(r) for r in ranges], abs=2)
    assert 0 < said["perfect_ece_median"] < said["perfect_ece_p95"] < 0.5
    screen, again = forecast(alone, traces)
    assert again == rows
    for text in (
        f"{said['rows']:,} forecasts on 4 of 4 traces; {said['base_rate']:.1%} were interrupted",
        f"Brier {said['brier']:.4f} ",
        f"skill against that base rate {said['brier_skill']:+.3f}",
        f"AUC {said['auc']:.3f}",
        f"(ECE, ten ranges) {said['ece']:.4f}",
        f"95 % below {said['perfect_ece_p95']:.4f}",
        f"log loss {said['log_loss']:.4f} nats",
        told.json["source"],
    ):
        assert text in screen.out
    table = [line for line in screen.out.splitlines() if "-" in line[:7] and " %" in line[:9]]
    for line, b in zip(table, said["bins"], strict=True):
        assert line.split(" %", 1)[1].split()[0] == f"{b['rows']:,}"
        assert b["rows"] == 0 or f"{b['observed_share']:.1%}" in line


@pytest.mark.accepts("P-06")
def test_two_runs_give_the_same_bytes_and_a_trace_alone_the_same_rows(alone, traces, home) -> None:
    forecast(alone, traces, out="one.csv")
    _, rows = forecast(alone, traces, out="two.csv")
    assert Path("one.csv").read_bytes() == Path("two.csv").read_bytes()
    only = save(home / "alone" / "availability" / "renamed.json.gz", history(1, 300), 300, zone="else", campaign=None)
    _, mine = forecast(alone, only.parents[1])
    assert {r["trace"] for r in mine} == {"availability/renamed.json.gz"}
    same = [r | {"trace": ""} for r in rows if r["trace"].endswith("zone-1.json.gz")]
    assert [r | {"trace": ""} for r in mine] == same
    _, below = forecast(alone, only.parent)
    assert [r["trace"] for r in below] == ["renamed.json.gz"] * len(mine)


def futures(values: list[float], tick: int, seed: int) -> list[list[float]]:
    """Other histories that are the same up to a tick: turned round, unknown, empty, full, somebody else's, cut."""
    dice = np.random.default_rng(seed)
    past, future = values[: tick + 1], values[tick + 1 :]
    return [
        past + [float(v == 0) for v in future],
        past + [math.nan] * len(future),
        past + [0.0] * len(future),
        past + [5.0] * len(future),
        past + dice.choice([0.0, 1.0], size=len(future)).tolist(),
        past + history(seed + 100, 300)[: len(future) // 2],
        past,
    ]


def cuts(ticks: list[int]) -> list[int]:
    """Scored ticks over the whole length, at which the future is changed."""
    return [ticks[len(ticks) * part // 5] for part in (1, 2, 3, 4)]


def forecasts_until(rows: list[tuple[int, str]], tick: int) -> dict[int, str]:
    return {t: p for t, p in rows if t <= tick}


def unchanged(before: dict[int, str], after: dict[int, str]) -> bool:
    """Every forecast that both made is the same; a shorter or unknown future only leaves forecasts out."""
    return all(before[tick] == said for tick, said in after.items())


@pytest.mark.accepts("P-06", "U-08")
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("minutes", [30, 180])
def test_what_comes_after_a_tick_changes_no_forecast_made_at_or_before_it(alone, home, seed, minutes) -> None:
    gap = GAPS[seed]
    values = history(seed, gap)
    path = save(home / "t" / "availability" / "zone.json.gz", values, gap)
    _, rows = forecast(alone, home / "t", minutes=minutes)
    whole = Path("rows.csv").read_bytes()
    horizon = minutes * 60 // gap
    ticks = [int(r["tick"]) for r in rows]
    compared = 0
    for tick in cuts(ticks):
        before = forecasts_until([(int(r["tick"]), r["probability"]) for r in rows], tick)
        for number, other in enumerate(futures(values, tick, seed)):
            save(path, other, gap)
            _, found = forecast(alone, home / "t", minutes=minutes)
            after = forecasts_until([(int(r["tick"]), r["probability"]) for r in found], tick)
            assert unchanged(before, after)
            # horizon over by then: the outcome is the same too, and so is the row, byte for byte
            settled = [line for line in whole.splitlines()[1:] if int(line.split(b",")[1]) <= tick - horizon]
            assert Path("rows.csv").read_bytes().splitlines()[1 : len(settled) + 1] == settled
            compared += len(after)
            if number in {2, 3, 4}:  # nothing unknown and nothing cut: every forecast stands
                assert after == before
    assert compared > 200


class Peeking:
    """Looks some ticks ahead: what the test above must catch."""

    def __init__(self, ahead: int) -> None:
        self.ahead = ahead

    def probabilities(self, available, *, gap_seconds, ticks, horizon_minutes):
        later = available[np.minimum(ticks + self.ahead, len(available) - 1)]
        return 0.25 + 0.001 * (later == 0)


@pytest.mark.parametrize("ahead", [0, 1, 24])
def test_a_forecaster_that_peeks_is_caught(home, ahead) -> None:
    values = history(1, 300)
    path = save(home / "t" / "availability" / "zone.json.gz", values, 300)

    def forecasts(tick: int) -> dict[int, str]:
        scored = forecast_traces(home / "t", Peeking(ahead), horizon_minutes=60).traces
        rows = [(t, repr(p)) for s in scored for t, p in zip(s.ticks.tolist(), s.probabilities.tolist(), strict=True)]
        return forecasts_until(rows, tick)

    caught = 0
    for tick in cuts(list(plain_rows(values, 300, 60))):
        save(path, values, 300)
        before = forecasts(tick)
        for other in futures(values, tick, 1):
            save(path, other, 300)
            caught += not unchanged(before, forecasts(tick))
    assert (caught > 0) == (ahead > 0)


def test_what_is_not_known_is_left_out_and_counted(alone, home) -> None:
    values = history(1, 300)
    ticks = plain_rows(values, 300, 60)
    blind = list(ticks)[10]
    for tick in range(blind, blind + 3):
        values[tick] = math.nan
    save(home / "t" / "availability" / "a.json.gz", values, 300)
    save(home / "t" / "availability" / "b.json.gz", [1.0] * 200, 300)
    save(home / "t" / "availability" / "c.json.gz", [0.0] * 2000, 300)
    save(home / "t" / "availability" / "d.json.gz", [1.0] * 30, 86_401)
    told, rows = forecast(alone, home / "t", "--json")
    assert all(r["trace"] == "availability/a.json.gz" for r in rows)
    assert (told.json["files"], told.json["files_scored"]) == (4, 1)
    counted = {a["reason"]: (a["count"], a["example"]) for a in told.json["set_aside"]}
    open_ended = [t for t in ticks if t < blind <= t + 12 and 0 not in values[t + 1 : t + 13]]
    assert counted == {
        "row: not known whether an instance was obtainable": (2, "availability/a.json.gz"),
        "row: outcome not known, ticks of its horizon are missing": (len(open_ended), "availability/a.json.gz"),
        "trace ends before 24 h and one horizon": (1, "availability/b.json.gz"),
        "trace with nothing obtainable at any scored tick": (1, "availability/c.json.gz"),
        "trace whose ticks are more than a day apart": (1, "availability/d.json.gz"),
    }
    assert len(rows) == len(ticks) - 2 - len(open_ended)
    screen, _ = forecast(alone, home / "t")
    assert "set aside: 1 × trace ends before 24 h and one horizon, such as availability/b.json.gz" in screen.out


@pytest.mark.accepts("P-06")
def test_ticks_further_apart_than_the_horizon_give_the_rows_of_the_contract_and_it_is_said(alone, home) -> None:
    values = history(1, 600)
    save(home / "t" / "availability" / "a.json.gz", values, 600)
    save(home / "t" / "availability" / "one.json.gz", [1.0] * 25, 3600)  # a single row
    told, rows = forecast(alone, home / "t", "--json", minutes=5)
    expected = [("availability/a.json.gz", t) for t in plain_rows(values, 600, 5)] + [("availability/one.json.gz", 24)]
    assert [(r["trace"], int(r["tick"])) for r in rows] == expected
    assert {r["outcome"] for r in rows} == {"0"}
    assert all(0 < float(r["probability"]) < 1 for r in rows)
    assert told.json["rows_without_a_tick"] == told.json["calibration"]["rows"] == len(rows)
    screen, _ = forecast(alone, home / "t", minutes=5)
    assert f"{len(rows)} rows of traces whose ticks are further apart than 5 min: outcome 0 by def" in screen.out
    seen, _ = forecast(alone, home / "t", "--json", minutes=60)
    assert seen.json["rows_without_a_tick"] == 0


class Certain:
    """Says what no row may say."""

    def probabilities(self, available, *, gap_seconds, ticks, horizon_minutes):
        return (np.arange(len(ticks)) % 2).astype(np.float64)


def test_no_row_says_never_or_always(home) -> None:
    save(home / "t" / "availability" / "a.json.gz", history(1, 300), 300)
    rows = forecast_traces(home / "t", Certain(), horizon_minutes=60)
    assert {line.split(",")[2] for line in "".join(rows.csv()).splitlines()[1:]} == {"0.000001", "0.999999"}


def test_without_a_single_row_the_file_has_its_head_and_nothing_is_claimed(alone, home) -> None:
    save(home / "t" / "availability" / "b.json.gz", [1.0] * 200, 300)
    told, rows = forecast(alone, home / "t", "--json")
    assert rows == []
    assert told.json["calibration"] is None
    screen, _ = forecast(alone, home / "t")
    assert "no row could be scored on 1 trace" in screen.out


def test_outcomes_of_one_kind_leave_skill_and_auc_unknown(alone, home) -> None:
    save(home / "t" / "availability" / "b.json.gz", [1.0] * 600, 300)
    told, _ = forecast(alone, home / "t", "--json")
    assert told.json["calibration"]["brier_skill"] is None
    screen, _ = forecast(alone, home / "t")
    assert "skill against that base rate unknown · AUC unknown" in screen.out


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda whole: whole[: len(whole) // 2], "the gzip is damaged"),
        (lambda whole: b"", "not JSON: Expecting value"),
        (lambda whole: gzip.compress(b'{"gap_seconds": 300, "rle": [[1, 300], [-2, 5]]}'), "rle[1] has the value -2"),
        (lambda whole: gzip.compress(b'{"gap_seconds": 0, "rle": [[1, 300]]}'), "gap_seconds is 0"),
        (lambda whole: gzip.compress(b'{"gap_seconds": 1e-9, "rle": [[1, 99999999999]]}'), "lasts 99999999999 ticks"),
        (lambda whole: gzip.compress('{"\u202e\x1b]0;owned": ['.encode()), "not JSON"),
    ],
)
@pytest.mark.accepts("P-06")
def test_a_damaged_trace_stops_the_run_and_the_file_that_was_there_stays(alone, traces, damage, said) -> None:
    Path("rows.csv").write_text("precious\n")
    bad = traces / "availability" / "first" / "zone-1.json.gz"
    bad.write_bytes(damage(bad.read_bytes()))
    told = alone("backtest", "forecast", "--traces", str(traces), "--out", "rows.csv")
    told.refuses(1, "zone-1.json.gz", said)
    assert told.out == ""
    assert Path("rows.csv").read_text() == "precious\n"
    assert sorted(p.name for p in Path().iterdir() if p.name.startswith((".rows", "rows"))) == ["rows.csv"]


def test_a_request_that_cannot_be_is_refused_before_anything_is_read(alone, traces, home) -> None:
    def refused(*argv: str, said: str) -> None:
        alone("backtest", "forecast", *argv).refuses(64, said)

    (home / "empty").mkdir()
    refused("--traces", "none", "--out", "x.csv", said="none: no such folder")
    refused("--traces", "empty", "--out", "x.csv", said="empty: no availability trace")
    refused("--traces", str(traces), "--out", "none/x.csv", said="none: no such folder")
    refused("--traces", str(traces), "--out", "empty", said="empty: a folder, not a file")
    trace = str(traces / "availability" / "first" / "zone-0.json.gz")
    refused("--traces", str(traces), "--out", trace, said="a trace, not a place for results")
    for minutes in ("4", "1441", "-60", "nan", "60.5"):
        refused("--traces", str(traces), f"--horizon-minutes={minutes}", said="--horizon-minutes")
    refused("--out", "x.csv", said="--traces")
    assert not Path("x.csv").exists()


def test_a_disk_that_is_full_leaves_the_old_file_whole(alone, traces) -> None:
    Path("rows.csv").write_text("precious\n")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        told = alone("backtest", "forecast", "--traces", str(traces), "--out", "rows.csv")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    told.refuses(1, "rows.csv: not written: File too large, the file that was there is as before")
    assert Path("rows.csv").read_text() == "precious\n"
    assert [p.name for p in Path().iterdir() if "rows" in p.name] == ["rows.csv"]


def test_a_file_is_replaced_whole_a_link_stays_a_link_and_a_device_a_device(alone, traces) -> None:
    Path("real.csv").write_text("old\n")
    Path("link.csv").symlink_to("real.csv")
    forecast(alone, traces, out="link.csv")
    assert Path("link.csv").is_symlink()
    assert len(rows_in(Path("real.csv"))) > 100
    told = alone("backtest", "forecast", "--traces", str(traces), "--out", os.devnull)
    assert told.exit == 0
    assert Path(os.devnull).is_char_device()
    alone("backtest", "forecast", "--traces", str(traces), "--out", "/dev/full").refuses(1, "No space left on device")


def test_a_folder_that_may_not_be_written_is_refused_first(alone, traces, home) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write every folder")
    (home / "locked").mkdir(mode=0o500)
    told = alone("backtest", "forecast", "--traces", str(traces), "--out", "locked/x.csv")
    told.refuses(64, "locked/x.csv: you may not write there")


@pytest.mark.accepts("P-06")
def test_the_dev_traces_are_forecast_whole(alone, data_dir) -> None:
    told, rows = forecast(alone, data_dir / "traces_dev", "--json")
    said = told.json["calibration"]
    assert (said["rows"], told.json["files"]) == (26_810, 15)
    assert len(rows) == 26_810
    assert said["interrupted"] == sum(int(r["outcome"]) for r in rows) == 6_539
    assert said["auc"] > 0.8
    assert told.json["files_trained_on"] == 15  # and it says so


def test_traces_that_the_forecast_has_never_seen_are_not_said_to_flatter(alone, traces) -> None:
    told, _ = forecast(alone, traces, "--json")
    assert told.json["files_trained_on"] == 0
    screen, _ = forecast(alone, traces)
    assert "flatter" not in screen.out
