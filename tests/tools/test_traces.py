"""Trace files whole, damaged and hostile; which ticks are scored, and what came of them, against the plain definition."""

import gzip
import json
import math
import os
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.errors import DataError, UsageError
from tools.traces import (
    MAX_BYTES,
    MAX_TICKS,
    find_traces,
    observed,
    outcomes,
    read_trace,
    scored_every,
    scored_ticks,
    ticks_within,
)

GAPS = st.sampled_from([30, 32, 34, 60, 195, 240, 300, 600, 3600, 0.1, 1 / 3, 599.5, 86_400])


def write(path, document):
    path.parent.mkdir(parents=True, exist_ok=True)
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    path.write_bytes(gzip.compress(content, mtime=0))
    return path


def trace(tmp_path, rle, gap=300, **more):
    return write(tmp_path / "availability" / "zone.json.gz", {"gap_seconds": gap, "rle": rle, **more})


def test_runs_become_ticks_and_what_is_not_known_is_nan(tmp_path) -> None:
    found = read_trace(trace(tmp_path, [[1, 2], [None, 1], [0, 2], [math.nan, 1], [3.5, 1]]))
    assert found.gap_seconds == 300
    assert np.array_equal(found.values, [1, 1, math.nan, 0, 0, math.nan, 3.5], equal_nan=True)
    assert found.price_ticks is None
    assert found.hours == pytest.approx(7 * 300 / 3600)


def test_other_keys_mean_nothing_and_prices_are_not_looked_at_unless_asked_for(tmp_path) -> None:
    path = trace(tmp_path, [[1, 9]], spot_price_changes="nonsense", zone=7, ticks=-1)
    assert read_trace(path).price_ticks is None
    with pytest.raises(DataError, match="spot_price_changes is text, not a list"):
        read_trace(path, prices=True)


def test_prices_hold_from_their_tick_and_null_is_not_offered(tmp_path) -> None:
    path = trace(tmp_path, [[1, 9]], spot_price_changes=[[0, None], [3, 0.5], [8, 1]])
    found = read_trace(path, prices=True)
    assert found.price_ticks.tolist() == [0, 3, 8]
    assert np.array_equal(found.price_usd_per_hour, [math.nan, 0.5, 1], equal_nan=True)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ([[0, 1], [0, 2]], r"\[1\] is at tick 0, not between 0 and 9"),
        ([[9, 1]], r"\[0\] is at tick 9"),
        ([[-1, 1]], r"\[0\] is at tick -1"),
        ([[0.5, 1]], r"\[0\] is at tick 0.5"),
        ([[0, 0]], r"\[0\] is 0 USD per hour, not a price above 0"),
        ([[0, "1"]], r"\[0\] is \"1\" USD per hour"),
        ([[0, math.inf]], r"\[0\] is Infinity USD per hour"),
        ([[0]], r"\[0\] is \[0\], not \[tick, price\]"),
    ],
)
def test_a_bad_price_is_named_with_its_place(tmp_path, changes, said) -> None:
    with pytest.raises(DataError, match=r"zone\.json\.gz: spot_price_changes" + said):
        read_trace(trace(tmp_path, [[1, 9]], spot_price_changes=changes), prices=True)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        ([1], "the JSON is a list, not an object"),
        ({"rle": [[1, 1]]}, "gap_seconds is missing"),
        ({"gap_seconds": None, "rle": [[1, 1]]}, "gap_seconds is null"),
        ({"gap_seconds": "300", "rle": [[1, 1]]}, 'gap_seconds is "300"'),
        ({"gap_seconds": True, "rle": [[1, 1]]}, "gap_seconds is true"),
        ({"gap_seconds": 0, "rle": [[1, 1]]}, "gap_seconds is 0, not a number of seconds above 0"),
        ({"gap_seconds": -300, "rle": [[1, 1]]}, "gap_seconds is -300"),
        ({"gap_seconds": math.nan, "rle": [[1, 1]]}, "gap_seconds is NaN"),
        ({"gap_seconds": math.inf, "rle": [[1, 1]]}, "gap_seconds is Infinity"),
        ({"gap_seconds": 300}, "rle is missing"),
        ({"gap_seconds": 300, "rle": None}, "rle is null"),
        ({"gap_seconds": 300, "rle": {"1": 1}}, "rle is an object"),
        ({"gap_seconds": 300, "rle": []}, "rle is empty"),
        ({"gap_seconds": 300, "rle": [[1, 1], [1]]}, r"rle\[1\] is \[1\], not \[value, ticks\]"),
        ({"gap_seconds": 300, "rle": [[1, 1], [1, 2, 3]]}, r"rle\[1\] is \[1, 2, 3\]"),
        ({"gap_seconds": 300, "rle": [[1, 1], 5]}, r"rle\[1\] is 5"),
        ({"gap_seconds": 300, "rle": [[1, 1], [-1, 5]]}, r"rle\[1\] has the value -1, not a number of instances"),
        ({"gap_seconds": 300, "rle": [["1", 5]]}, r"rle\[0\] has the value \"1\""),
        ({"gap_seconds": 300, "rle": [[True, 5]]}, r"rle\[0\] has the value true"),
        ({"gap_seconds": 300, "rle": [[math.inf, 5]]}, r"rle\[0\] has the value Infinity"),
        ({"gap_seconds": 300, "rle": [[10**400, 5]]}, r"rle\[0\] has the value 1000"),
        ({"gap_seconds": 300, "rle": [[1, -5]]}, r"rle\[0\] lasts -5 ticks, not a whole number"),
        ({"gap_seconds": 300, "rle": [[1, 0]]}, r"rle\[0\] lasts 0 ticks"),
        ({"gap_seconds": 300, "rle": [[1, 2.5]]}, r"rle\[0\] lasts 2.5 ticks"),
        ({"gap_seconds": 300, "rle": [[1, None]]}, r"rle\[0\] lasts null ticks"),
        ({"gap_seconds": 300, "rle": [[1, 10**30]]}, r"rle\[0\] lasts 1000000000000000000000000000000 ticks"),
        ({"gap_seconds": 300, "rle": [[1, MAX_TICKS], [0, 1]]}, r"rle\[1\] brings the trace to 50,000,001 ticks"),
    ],
)
def test_a_bad_trace_is_named_with_its_field_and_what_was_seen(tmp_path, document, said) -> None:
    path = write(tmp_path / "zone.json.gz", document)
    with pytest.raises(DataError, match=r"zone\.json\.gz: " + said) as caught:
        read_trace(path)
    assert caught.value.hint
    assert len(caught.value.message) < 400


def test_a_damaged_gzip_says_so(tmp_path) -> None:
    whole = trace(tmp_path, [[i % 2, 1 + i * 7919 % 50] for i in range(5000)]).read_bytes()
    path = tmp_path / "zone.json.gz"
    for content in (whole[: len(whole) // 2], b"", b"{}", whole[:-4], whole[:40] + b"\x00\xff" + whole[42:]):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"zone\.json\.gz: (the gzip is damaged|not JSON)"):
            read_trace(path)
    with pytest.raises(DataError, match="No such file"):
        read_trace(tmp_path / "none.json.gz")
    os.mkfifo(tmp_path / "pipe.json.gz")
    with pytest.raises(DataError, match=r"pipe\.json\.gz: not a file"):
        read_trace(tmp_path / "pipe.json.gz")


def test_a_small_file_that_unzips_to_a_very_large_one_is_refused(tmp_path) -> None:
    path = tmp_path / "bomb.json.gz"
    path.write_bytes(gzip.compress(b" " * (1 << 20)) * (MAX_BYTES // (1 << 20) + 1))
    assert path.stat().st_size < 1 << 19
    with pytest.raises(DataError, match="more than 268,435,456 bytes of JSON"):
        read_trace(path)


def test_traces_are_found_below_a_folder_of_their_kind_in_the_order_of_their_names(tmp_path) -> None:
    wanted = ["a/availability/x.json.gz", "a/availability/y/z.json.gz", "availability/b.json.gz"]
    others = ["a/preemption/x.json.gz", "top.json.gz", "availability/notes.json", "availability.json.gz"]
    for name in wanted[::-1] + others:
        write(tmp_path / name, {})
    relative = [p.relative_to(tmp_path).as_posix() for p in find_traces(tmp_path)]
    assert relative == wanted
    assert [p.name for p in find_traces(tmp_path / "availability")] == ["b.json.gz"]
    assert [p.name for p in find_traces(tmp_path, kind="preemption")] == ["x.json.gz"]
    (tmp_path / "a" / "availability" / "loop").symlink_to(tmp_path, target_is_directory=True)
    assert [p.relative_to(tmp_path).as_posix() for p in find_traces(tmp_path)] == wanted


def test_a_link_is_followed_after_the_real_folders_and_may_give_one_its_kind(tmp_path) -> None:
    def found(root) -> list[str]:
        return [p.relative_to(root).as_posix() for p in find_traces(root)]

    write(tmp_path / "a" / "pools" / "x.json.gz", {})
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "availability").symlink_to(tmp_path / "a" / "pools", target_is_directory=True)
    assert found(tmp_path) == ["b/availability/x.json.gz"]
    write(tmp_path / "z" / "availability" / "real" / "y.json.gz", {})
    (tmp_path / "z" / "availability" / "alias").symlink_to("real", target_is_directory=True)
    assert found(tmp_path / "z") == ["availability/real/y.json.gz"]
    (tmp_path / "z" / "linked.json.gz").symlink_to("availability/real/y.json.gz")
    (tmp_path / "z" / "availability" / "linked.json.gz").symlink_to("real/y.json.gz")
    assert found(tmp_path / "z") == ["availability/linked.json.gz", "availability/real/y.json.gz"]


def test_a_folder_that_is_not_there_or_may_not_be_read_is_named(tmp_path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        find_traces(tmp_path / "none")
    with pytest.raises(UsageError, match="a file, not a folder"):
        find_traces(trace(tmp_path, [[1, 1]]))
    if os.geteuid() == 0:
        pytest.skip("root may read every folder")
    (tmp_path / "availability").chmod(0)
    with pytest.raises(DataError, match="Permission denied"):
        find_traces(tmp_path)


def plain_rows(values, gap, horizon_minutes):
    """The contract read word by word, in whole fractions: [(tick, outcome or None where it is not known)]."""
    exact = Fraction(str(gap))
    horizon = math.floor(Fraction(horizon_minutes) * 60 / exact)
    stride = max(1, round(Fraction(600) / exact))
    first = next((t for t in range(len(values)) if t * exact >= 24 * 3600), len(values))
    rows = []
    for t in range(first, len(values), stride):
        if t + horizon > len(values) - 1 or not values[t] > 0:
            continue
        window = values[t + 1 : t + horizon + 1]
        known = any(v == 0 for v in window) or (horizon > 0 and not any(math.isnan(v) for v in window))
        rows.append((t, any(v == 0 for v in window) if known else None))
    return rows


@pytest.mark.accepts("P-06")
@given(gap=GAPS, horizon=st.integers(5, 1440), past=st.integers(0, 400), seed=st.integers(0, 2**32), data=st.data())
def test_scored_ticks_and_outcomes_are_those_of_the_contract(gap, horizon, past, seed, data) -> None:
    day = math.ceil(Fraction(86_400) / Fraction(str(gap)))
    warm = day if day < 5000 else None
    if warm is None:
        gap, warm = 30, 2880
    length = max(1, warm + past - data.draw(st.integers(0, 20)))
    dice = np.random.default_rng(seed)
    values = dice.choice([0.0, 1.0, 1.0, 1.0, 1.0, 4.0, math.nan], size=length, p=[0.05, 0.3, 0.2, 0.2, 0.1, 0.1, 0.05])
    ticks = scored_ticks(values, gap, horizon)
    came, known = outcomes(values, gap, ticks, horizon), observed(values, gap, ticks, horizon)
    told = [(t, c if k else None) for t, c, k in zip(ticks.tolist(), came.tolist(), known.tolist(), strict=True)]
    assert told == plain_rows(values.tolist(), gap, horizon)


def test_a_horizon_holds_the_ticks_of_decimals_as_they_are_written() -> None:
    assert ticks_within(3600, 0.1) == 36_000
    assert ticks_within(3600, 195) == 18
    assert ticks_within(300, 600) == 0
    assert ticks_within(1.1, 0.1) == 11
    assert [scored_every(g) for g in (30, 195, 240, 300, 600, 7200)] == [20, 3, 2, 2, 1, 1]


def test_a_tick_longer_than_the_horizon_tells_nothing() -> None:
    values = np.ones(200)
    ticks = scored_ticks(values, 600, 5)
    assert len(ticks) == 56
    assert not observed(values, 600, ticks, 5).any()


@pytest.mark.accepts("P-06")
def test_the_dev_traces_give_the_rows_that_a_plain_reading_gives(data_dir) -> None:
    root = data_dir / "traces_dev"
    paths = find_traces(root)
    assert paths
    for path in paths[::5]:
        with gzip.open(path) as file:
            document = json.load(file)
        values = [float(v) for v, n in document["rle"] for _ in range(n)]
        found = read_trace(path, prices=True)
        ticks = scored_ticks(found.values, found.gap_seconds, 60)
        came = outcomes(found.values, found.gap_seconds, ticks, 60)
        expected = plain_rows(values, document["gap_seconds"], 60)
        assert list(zip(ticks.tolist(), came.tolist(), strict=True)) == expected
