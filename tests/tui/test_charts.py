"""Charts for a report: the picture holds the record's own figures, and nothing that is unknown looks like a small one."""

import os
import re
import struct
import subprocess
import sys
import xml.etree.ElementTree as ET
import zlib
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import ROOT
from tests.tui import records
from tools.errors import DataError, SpotError, UsageError
from tools.records import FleetInstanceRisk, InstanceRisk, PriceShift
from tools.risk.backtest import ForecastBacktest
from tools.risk.calibration import measure
from tui.charts import write_price_chart, write_reliability_diagram, write_risk_chart

pytestmark = pytest.mark.accepts("MO-01")
SVG = "{http://www.w3.org/2000/svg}"
LINK = "{http://www.w3.org/1999/xlink}href"


class Picture:
    """An SVG as a reader sees it: its words, its marks, where its shapes lie."""

    def __init__(self, path) -> None:
        self.root = ET.fromstring(path.read_text(encoding="utf-8"))
        self.words = "\n".join(t.text or "" for t in self.root.iter(f"{SVG}text"))

    def part(self, gid: str) -> ET.Element | None:
        return next((e for e in self.root.iter() if e.get("id") == gid), None)

    def marks(self, gid: str) -> int:
        part = self.part(gid)
        return 0 if part is None else len(list(part.iter(f"{SVG}use")))

    def xs(self, gid: str) -> tuple[float, float]:
        """Leftmost and rightmost point of a shape."""
        numbers = [n for path in self.part(gid).iter(f"{SVG}path") for n in _points(path)]
        return min(x for x, _ in numbers), max(x for x, _ in numbers)

    def ys(self, gid: str) -> list[float]:
        return [y for path in self.part(gid).iter(f"{SVG}path") for _, y in _points(path)]


def _points(path: ET.Element) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"[ML] (-?[\d.]+) (-?[\d.]+)", path.get("d"))]


def backtest(**changes) -> ForecastBacktest:
    dice = np.random.default_rng(1)
    forecasts = dice.beta(0.6, 2.5, 4000)
    found = ForecastBacktest(
        traces="traces",
        horizon_minutes=60,
        files=12,
        files_scored=11,
        files_trained_on=0,
        calibration=measure(forecasts, dice.random(4000) < forecasts, draws=20),
        set_aside=(),
        out=None,
        as_of=records.NOW,
        source="interruption forecast 1",
    )
    return found.with_(**changes)


WRITERS = {
    "price": lambda path: write_price_chart(records.prices(), path, signals=records.signals()),
    "risk": lambda path: write_risk_chart(records.forecast(), path),
    "reliability": lambda path: write_reliability_diagram(backtest(), path),
}
each_chart = pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)


# prices


def test_every_interruption_and_rebalance_of_a_pool_is_a_mark_and_a_launch_is_none(tmp_path):
    path = tmp_path / "prices.svg"
    write_price_chart(records.prices(), path, signals=records.signals())
    picture = Picture(path)
    assert [picture.marks(f"pool-{n}-interruptions") for n in range(3)] == [1, 2, 0]
    assert [picture.marks(f"pool-{n}-rebalances") for n in range(3)] == [0, 1, 0]
    assert "2 interruptions, 1 rebalance" in picture.words


def test_marks_stand_at_their_moments(tmp_path):
    path = tmp_path / "prices.svg"
    write_price_chart(records.prices(), path, signals=records.signals())
    picture = Picture(path)
    left, right = picture.xs("pool-1-frame")
    at = sorted(float(u.get("x")) for u in picture.part("pool-1-interruptions").iter(f"{SVG}use"))
    assert at == pytest.approx([left + (right - left) * (168 - hours) / 168 for hours in (60, 20)], abs=0.5)


def test_what_lies_outside_the_pools_or_the_window_is_counted_and_not_drawn(tmp_path):
    path = tmp_path / "prices.svg"
    early = records.signal("interruption", hours_ago=400)
    other = early.with_(pool=early.pool.with_(instance_type="p5.48xlarge"), at=records.NOW)
    write_price_chart(records.prices(), path, signals=(*records.signals(), early, other))
    picture = Picture(path)
    assert picture.marks("pool-1-interruptions") == 2
    assert "2 more interruptions or rebalances lie outside" in picture.words


def test_without_a_record_of_interruptions_nobody_is_told_that_there_was_none(tmp_path):
    path = tmp_path / "prices.svg"
    write_price_chart(records.prices(), path)
    assert "no proof that there was none" in Picture(path).words


def test_the_price_is_a_step_that_holds_until_the_next(tmp_path):
    path = tmp_path / "prices.svg"
    found = records.prices()
    write_price_chart(found, path)
    [line] = Picture(path).part("pool-0-price").iter(f"{SVG}path")
    corners = _points(line)
    assert all(a[0] == b[0] or a[1] == b[1] for a, b in pairwise(corners))
    levels = [y for n, (_, y) in enumerate(corners) if n == 0 or corners[n - 1][1] != y]
    values = [float(p.usd_per_hour) for p in found.pools[0].points]
    assert np.corrcoef(levels, [v for n, v in enumerate(values) if n == 0 or values[n - 1] != v])[0, 1] < -0.999


def test_figures_units_window_time_and_source_are_in_words(tmp_path):
    path = tmp_path / "prices.svg"
    found = records.prices().with_(notes=("known since Tuesday",))
    write_price_chart(found, path, title="Prices of 학습")
    words = Picture(path).words
    mean = f"{found.pools[0].mean_usd_per_hour:f}".rstrip("0")
    for text in (
        "Prices of 학습",
        "g5.xlarge/use1-az1",
        f"mean {mean}",
        "on-demand 0.526",
        "USD per hour",
        "USD per instance-hour",
        "last 168 h",
        "known since Tuesday",
        "as of 2026-11-18 01:14:30 UTC",
        "EC2 DescribeSpotPriceHistory",
    ):
        assert text in words


def test_on_demand_is_drawn_where_it_fits_and_written_where_it_would_flatten_the_prices(tmp_path):
    path = tmp_path / "prices.svg"
    found = records.prices()
    near = found.pools[0].with_(on_demand_usd_per_hour=Decimal("0.23"))
    write_price_chart(found.with_(pools=(near, *found.pools[1:])), path)
    picture = Picture(path)
    assert picture.part("pool-0-on-demand") is not None
    assert picture.part("pool-1-on-demand") is None
    assert "on-demand 1.006: above this scale" in picture.words


def test_a_change_of_level_is_marked_with_both_levels(tmp_path):
    path = tmp_path / "prices.svg"
    found = records.prices()
    at = records.NOW - timedelta(hours=84)
    shift = PriceShift(at=at, before_usd_per_hour=Decimal("0.19"), after_usd_per_hour=Decimal("0.21"))
    write_price_chart(found.with_(pools=(found.pools[0].with_(change_points=(shift,)),)), path)
    picture = Picture(path)
    left, right = picture.xs("pool-0-frame")
    assert picture.xs("pool-0-shift-0")[0] == pytest.approx((left + right) / 2, abs=0.5)
    assert "0.19 → 0.21" in picture.words


def test_where_the_steps_are_fewer_than_the_changes_that_is_said(tmp_path):
    path = tmp_path / "prices.svg"
    found = records.prices()
    write_price_chart(found, path)
    assert "steps a pool are drawn" not in Picture(path).words
    busy = found.pools[0].with_(changes=40_000)
    write_price_chart(found.with_(pools=(busy,)), path)
    assert f"at most {len(busy.points)} steps a pool are drawn; the figures rest on every change" in Picture(path).words


@pytest.mark.accepts("U-08")
def test_a_pool_without_prices_is_said_to_be_unknown_and_no_line_is_drawn(tmp_path):
    path = tmp_path / "prices.svg"
    found = records.prices()
    nothing = {
        n: None for n in type(found.pools[0]).model_fields if n.endswith("_per_hour") or n.startswith("observed")
    }
    write_price_chart(found.with_(pools=(found.pools[0].with_(points=(), saving_share=None, **nothing),)), path)
    picture = Picture(path)
    assert picture.part("pool-0-price") is None
    assert "no price is known here: unknown is not 0" in picture.words
    assert "mean unknown" in picture.words
    write_price_chart(found.with_(pools=()), path)
    assert "no pool and no price is known" in Picture(path).words


def test_more_pools_than_anybody_reads_are_cut_and_counted(tmp_path):
    path = tmp_path / "prices.svg"
    found = records.prices()
    write_price_chart(found.with_(pools=found.pools * 5), path)
    picture = Picture(path)
    assert picture.part("pool-11-frame") is not None
    assert picture.part("pool-12-frame") is None
    assert "12 of 15 pools are drawn" in picture.words


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_hostile_names_are_drawn_as_text_and_break_nothing(tmp_path, suffix):
    path = tmp_path / f"prices.{suffix}"
    names = (*records.HOSTILE, "$\\frac{$", "학습 서버", "\U0001f916 \ufdd0\ufffe", "<svg onload=x>&amp;")
    for n in range(0, len(names), 3):
        write_price_chart(records.prices(names[n], names=names[n : n + 3]), path, title=names[n])
        if suffix == "svg":
            Picture(path)
            assert "\x1b" not in path.read_text(encoding="utf-8")


# risk


def test_bars_are_as_long_as_the_probabilities_and_lines_as_long_as_the_intervals(tmp_path):
    path = tmp_path / "risk.svg"
    write_risk_chart(records.forecast(), path)
    picture = Picture(path)
    left, right = picture.xs("frame")
    told = [chance for chances in records.CHANCES if chances for chance in chances]
    for n, (probability, low, high) in enumerate(told):
        assert picture.xs(f"bar-{n}") == pytest.approx((left, left + probability * (right - left)), abs=0.1)
        ends = sorted(float(u.get("x")) for u in picture.part(f"interval-{n}").iter(f"{SVG}use"))
        assert ends == pytest.approx([left + v * (right - left) for v in (low, high)], abs=0.1)


def test_a_small_risk_is_drawn_on_a_scale_of_its_own_size(tmp_path):
    path = tmp_path / "risk.svg"
    found = records.forecast()
    small = tuple(records.within(m, 0.004 * n, 0.001, 0.02) for n, m in enumerate((60, 360, 1440), 1))
    write_risk_chart(found.with_(pools=(found.pools[0].with_(within=small),)), path)
    picture = Picture(path)
    left, right = picture.xs("frame")
    assert picture.xs("bar-2")[1] == pytest.approx(left + 0.012 / 0.02 * (right - left), abs=0.1)
    assert "2 %" in picture.words


@pytest.mark.accepts("U-08")
def test_unknown_is_hatched_over_the_whole_scale_with_its_reason_and_has_no_bar(tmp_path):
    path = tmp_path / "risk.svg"
    write_risk_chart(records.forecast(), path)
    picture = Picture(path)
    for n in range(8, 12):
        assert picture.part(f"bar-{n}") is None
        assert picture.part(f"interval-{n}") is None
        assert picture.xs(f"unknown-{n}") == pytest.approx(picture.xs("frame"), abs=0.1)
        assert "url(#" in ET.tostring(picture.part(f"unknown-{n}"), encoding="unicode")  # the hatch
    assert picture.part("unknown-0") is None
    assert "unknown (4 of 12): the Advisor knows no band and we hold no hours of this pool" in picture.words


@pytest.mark.accepts("P-02")
def test_the_advisor_and_the_placement_score_stand_side_by_side_with_meaning_and_date(tmp_path):
    path = tmp_path / "risk.svg"
    write_risk_chart(records.forecast(), path)
    words = Picture(path).words
    for text in (
        "risk high · Advisor 10-15% · placement 4/10",
        "risk unknown · Advisor unknown · placement unknown",
        "no hourly probability; 2026-11-17",
        "2026-11-18 01:14 UTC",
        "57 % (1.0 % to",
        "constant hazard: 1 - exp(-rate x hours)",
    ):
        assert text in words


def test_a_fleets_score_and_its_instances_have_charts_too(tmp_path):
    path = tmp_path / "risk.svg"
    score = records.risk()
    dark = score.pools[0].with_(level="unknown", interruptions_per_100_hours=None, low=None, high=None)
    write_risk_chart(score.with_(pools=(*score.pools, dark)), path)
    picture = Picture(path)
    left, right = picture.xs("frame")
    assert (picture.xs("bar-0")[1] - left) / (right - left) == pytest.approx(0.15 / (0.3 * 1.05), abs=0.002)
    assert "0.15 (0.08 to 0.3)" in picture.words
    assert picture.part("unknown-3") is not None
    one = InstanceRisk(
        instance_id="i-0a1",
        pool=records.pool_of(1),
        level="high",
        within=records.forecast().pools[1].within,
        unsaved_minutes=None,
        evidence=(),
        missing=(),
        recommended=(),
    )
    fleet = FleetInstanceRisk(fleet=records.ref("x"), name="x", instances=(one,), as_of=records.NOW, source="paper")
    write_risk_chart(fleet, path)
    assert "i-0a1" in Picture(path).words
    assert "unsaved work unknown" in Picture(path).words
    write_risk_chart(fleet.with_(instances=()), path)
    assert "nothing to show" in Picture(path).words


# reliability


@pytest.mark.accepts("P-06")
def test_the_reliability_diagram_has_a_point_an_interval_and_a_count_for_each_range_and_the_diagonal(tmp_path):
    path = tmp_path / "reliability.svg"
    found = backtest()
    write_reliability_diagram(found, path)
    picture = Picture(path)
    left, right = picture.xs("frame")
    bottom, top = max(picture.ys("frame")), min(picture.ys("frame"))
    points = [(float(u.get("x")), float(u.get("y"))) for u in picture.part("observed").iter(f"{SVG}use")]
    known = [b for b in found.calibration.bins if b.rows]
    for (x, y), ranged in zip(points, known, strict=True):
        assert (x - left) / (right - left) == pytest.approx(ranged.mean_forecast, abs=0.002)
        assert (bottom - y) / (bottom - top) == pytest.approx(ranged.observed_share, abs=0.002)
        assert f"\n{ranged.rows:,}\n" in picture.words
    assert [n for n, b in enumerate(found.calibration.bins) if picture.part(f"count-{n}") is not None] == [
        n for n, b in enumerate(found.calibration.bins) if b.rows
    ]
    assert picture.xs("perfect") == pytest.approx((left, right))
    assert f"Brier {found.calibration.brier:.4f}" in picture.words


@pytest.mark.accepts("P-06")
def test_a_backtest_without_a_row_draws_no_point(tmp_path):
    path = tmp_path / "reliability.svg"
    write_reliability_diagram(backtest(calibration=None), path)
    assert "no forecast could be scored: nothing is known" in Picture(path).words
    assert Picture(path).part("observed") is None


# files


@each_chart
def test_a_png_is_a_picture_of_some_size(tmp_path, write):
    path = tmp_path / "chart.PNG"
    write(path)
    content = path.read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR")
    width, height = struct.unpack(">II", content[16:24])
    assert width == 1500
    assert height > 400
    assert len(set(_pixels(content))) > 20
    assert content.endswith(b"IEND\xaeB`\x82")


def _pixels(content: bytes) -> bytes:
    """The bytes of its rows: a blank page has a handful of values."""
    at, packed = 8, b""
    while at < len(content):
        size = struct.unpack(">I", content[at : at + 4])[0]
        if content[at + 4 : at + 8] == b"IDAT":
            packed += content[at + 8 : at + 8 + size]
        at += 12 + size
    return zlib.decompress(packed)


@each_chart
@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_the_same_figures_give_the_same_bytes(tmp_path, write, suffix):
    first, second = tmp_path / f"a.{suffix}", tmp_path / f"b.{suffix}"
    write(first)
    write(second)
    assert first.read_bytes() == second.read_bytes()
    assert b"matplotlib.org" not in first.read_bytes() or suffix == "svg"


@each_chart
@pytest.mark.parametrize("name", ["chart.pdf", "chart", "chart.svgz", ".svg"])
def test_another_suffix_is_refused_and_both_kinds_are_named(tmp_path, write, name):
    with pytest.raises(UsageError) as refused:
        write(tmp_path / name)
    assert ".svg" in refused.value.message
    assert ".png" in refused.value.message
    assert list(tmp_path.iterdir()) == []


@each_chart
def test_a_folder_that_is_not_there_is_named(tmp_path, write):
    with pytest.raises(UsageError, match="no such folder"):
        write(tmp_path / "nowhere" / "chart.svg")


@each_chart
def test_a_folder_that_takes_no_file_is_told_and_nothing_is_drawn(write):
    with pytest.raises(SpotError, match=r"chart\.svg: (not written|you may not write)"):
        write(Path("/proc/chart.svg"))


@each_chart
def test_a_chart_that_was_there_is_replaced_whole_or_kept(tmp_path, write, monkeypatch):
    path = tmp_path / "chart.svg"
    path.write_text("precious")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match="No space left"):
        write(path)
    assert path.read_text() == "precious"
    assert list(tmp_path.iterdir()) == [path]


def test_without_matplotlib_the_way_out_is_told_and_everything_else_works(tmp_path):
    script = (
        "import sys; from importlib.abc import MetaPathFinder\n"
        "class Gone(MetaPathFinder):\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] == 'matplotlib': raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Gone())\n"
        "import tui.charts.text, tui.screens.fleet, tui.commands.market\n"
        "from pathlib import Path; from tests.tui import records; from tools.errors import UsageError\n"
        "from tui.charts import write_risk_chart\n"
        "try: write_risk_chart(records.forecast(), Path(sys.argv[1]))\n"
        "except UsageError as error: print(error.message, error.hint, sep='\\n')\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "risk.svg")], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "charts are drawn by matplotlib, which is not installed" in told.stdout
    assert "risk.svg" in told.stdout
    assert "pip install 'spotwarden[charts]'" in told.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_persons_own_settings_of_matplotlib_change_nothing_and_nothing_is_said(tmp_path):
    (tmp_path / "matplotlibrc").write_text("lines.linewidth: 40\nsvg.fonttype: path\ntimezone: Asia/Seoul\n")
    script = (
        "import sys; from pathlib import Path; from tests.tui import records; from tui.charts import write_risk_chart\n"
        "write_risk_chart(records.forecast(), Path(sys.argv[1]))\n"
    )
    plain, theirs = tmp_path / "plain.svg", tmp_path / "theirs.svg"
    write_risk_chart(records.forecast(), plain)
    environment = {**os.environ, "MPLCONFIGDIR": str(tmp_path), "PYTHONWARNINGS": "error"}
    said = subprocess.run(
        [sys.executable, "-c", script, str(theirs)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert theirs.read_bytes() == plain.read_bytes()
    assert (said.stdout, said.stderr) == ("", "")
