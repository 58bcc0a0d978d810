"""The Spot Instance Advisor from a file and over real HTTP: read strictly, kept for a day, always dated."""

import csv
import gzip
import json
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.errors import DataError, Unreachable, UsageError
from tools.market.advisor import MAX_BYTES, SpotAdvisor, known_bands
from tools.market.advisor_file import BANDS, COLUMNS, read_table

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LABELS = [label for label, _, _ in BANDS]


@dataclass
class Hands:
    """A clock that a test sets."""

    at: datetime = NOW

    def now(self) -> datetime:
        return self.at


def document(**types: tuple[int, float]) -> dict:
    """AWS's shape; types as g5_xlarge=(band, saving)."""
    rows = {t.replace("_", "."): {"r": r, "s": s} for t, (r, s) in types.items()} or {"g5.xlarge": {"r": 4, "s": 48}}
    return {
        "global_rate": "<10%",
        "instance_types": {t: {"cores": 4, "emr": True, "ram_gb": 16.0} for t in rows},
        "ranges": [
            {"index": i, "label": label, "dots": i, "max": top}
            for i, (label, top) in enumerate(zip(LABELS, (5, 11, 16, 22, 100), strict=True))
        ],
        "spot_advisor": {"us-east-1": {"Linux": rows, "Windows": {"g5.xlarge": {"r": 0, "s": -5}}}},
    }


def advisor_of(path, clock=None) -> SpotAdvisor:
    return SpotAdvisor(path, cache=None, clock=clock or Hands())


def file_of(tmp_path, content: bytes | str, name="advisor.json"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.accepts("P-02")
def test_a_band_is_told_with_its_shares_its_date_and_what_it_means(tmp_path) -> None:
    path = file_of(tmp_path, json.dumps(document()), "spot-advisor-2026-11-19.json")
    (band,) = advisor_of(path).bands("us-east-1")
    assert (band.instance_type, band.label, band.low_share, band.high_share) == ("g5.xlarge", ">20%", 0.2, 1.0)
    assert band.saving_share == pytest.approx(0.48)
    assert band.as_of == datetime(2026, 11, 19, tzinfo=UTC)
    assert "dated by its name" in band.source
    assert "no hourly probability" in band.meaning
    (windows,) = advisor_of(path).bands("us-east-1", operating_system="Windows")
    assert windows.saving_share == pytest.approx(-0.05)
    assert advisor_of(path).bands("mars-north-1") == ()
    with pytest.raises(UsageError, match="Linux and Windows"):
        advisor_of(path).bands("us-east-1", operating_system="BeOS")


@pytest.mark.parametrize("snapshot", ["2021-02", "2025-06"])
def test_a_real_snapshot_is_read_row_for_row(data_dir, snapshot) -> None:
    path = data_dir / "advisor" / f"spot_advisor_{snapshot}.csv.gz"
    with gzip.open(path, "rt") as file:
        rows = [r for r in csv.DictReader(file) if r["region"] == "ap-northeast-2" and r["os"] == "Linux"]
    found = {b.instance_type: b for b in advisor_of(path).bands("ap-northeast-2")}
    assert len(found) == len(rows) > 100
    for row in rows:
        band = found[row["instance_type"]]
        assert (band.band, band.saving_share) == (
            int(row["interruption_bucket"]), pytest.approx(int(row["savings_pct_over_od"]) / 100),
        )  # fmt: skip
    assert f"{band.as_of:%Y-%m}" == snapshot


@settings(max_examples=50, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["g5.xlarge", "m6i.large", "u-6tb1.metal", "p5.48xlarge"]),
        st.tuples(st.integers(0, 4), st.integers(-900, 100)),
        min_size=1,
    )
)
def test_json_and_csv_of_the_same_bands_say_the_same(rows) -> None:
    shape = document()
    shape["spot_advisor"] = {"eu-west-3": {"Linux": {t: {"r": r, "s": s} for t, (r, s) in rows.items()}}}
    lines = [",".join(COLUMNS), *(f"eu-west-3,Linux,{t},{r},{s}" for t, (r, s) in rows.items())]
    as_csv = "\n".join(lines).encode()
    expected = {("eu-west-3", "Linux"): {t: (r, float(s)) for t, (r, s) in rows.items()}}
    assert read_table(json.dumps(shape).encode(), "x") == expected
    assert read_table(as_csv, "x") == expected
    assert read_table(gzip.compress(as_csv), "x") == expected


def changed(**paths) -> str:
    """The document with values set by path, such as ranges__0__label; None takes the key away."""
    shape = document()
    for path, value in paths.items():
        *way, last = [int(p) if p.isdigit() else p.replace("dot", ".").replace("dash", "-") for p in path.split("__")]
        holder = shape
        for step in way:
            holder = holder[step]
        if value is None:
            del holder[last]
        else:
            holder[last] = value
    return json.dumps(shape)


ROW = "spot_advisor__usdasheastdash1__Linux__g5dotxlarge"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (changed(spot_advisor=None), "spot_advisor: missing"),
        (changed(ranges=None), "ranges: missing"),
        (changed(ranges__2__label="10-20%"), r"ranges\[2\].label: '10-20%' instead of '10-15%'"),
        (changed(ranges__2__index=1), r"ranges\[2\].label"),
        (changed(**{ROW + "__r": 5}), "us-east-1.Linux.g5.xlarge.r: 5 instead of 0, 1, 2, 3 or 4"),
        (changed(**{ROW + "__r": True}), "g5.xlarge.r: True instead of int"),
        (changed(**{ROW + "__r": "4"}), "g5.xlarge.r: '4' instead of int"),
        (changed(**{ROW + "__s": 101}), "g5.xlarge.s: 101 instead of percent"),
        (changed(**{ROW + "__s": None}), "g5.xlarge.s: missing"),
        (changed(**{ROW: [4, 48]}), "g5.xlarge: .* instead of dict"),
        (changed(spot_advisor={}), "holds no instance type"),
        (changed(spot_advisor={"us-east-1": {"Plan9": {}}}), "Plan9.* instead of Linux or Windows"),
        ('{"ranges": [], "ranges": []}', "'ranges' stands twice"),
        (changed().replace("48", "NaN"), "NaN is not JSON"),
        ("[1, 2]", "the document: .* instead of dict"),
        ("{" * 100_000, "not JSON|nested too deeply"),
        ("<html>log in to the hotel</html>", "advisor.json:1: the header: '<html>"),
        ("", "advisor.json:1: the header"),
        (b"\xff\xfe\x00", "byte 0 is not UTF-8"),
        (gzip.compress(changed().encode())[:-20], "gzip is damaged or cut off"),
        (",".join(COLUMNS), "no row after the header"),
        (",".join(COLUMNS) + "\nus-east-1,Linux,g5.xlarge,7,48", ":2: interruption_bucket: 7|:2: interruption_bucket"),
        (",".join(COLUMNS) + "\nus-east-1,Linux,g5.xlarge,4,nan", ":2: savings_pct_over_od: 'nan'"),
        (",".join(COLUMNS) + "\nus-east-1,Linux,g5.xlarge,4", ":2: the row"),
        (",".join(COLUMNS) + "\nus-east-1,Linux,xlarge,4,1", ":2: instance_type: 'xlarge'"),
        (",".join(COLUMNS) + "\nus-east-1,Linux,g5.xlarge,4,1\nus-east-1,Linux,g5.xlarge,3,1", ":3: g5.xlarge"),
    ],
)
def test_a_file_of_another_shape_is_an_error_that_names_file_field_and_what_was_seen(tmp_path, content, says) -> None:
    path = file_of(tmp_path, content)
    with pytest.raises(DataError, match=says) as error:
        advisor_of(path).check()
    assert error.value.message.startswith(str(path))
    assert error.value.hint
    assert len(error.value.message) < 700


def test_a_source_is_never_cut_in_the_middle_of_a_word_nor_too_long_for_a_record(tmp_path) -> None:
    path = file_of(tmp_path, json.dumps(document()), "2026-11-19" + "x" * 235 + ".json")
    (band, *_) = advisor_of(path).bands("us-east-1")
    assert band.source.endswith("x…; dated by its name")
    assert band.as_of.date().isoformat() == "2026-11-19"


def test_a_missing_file_and_one_that_is_far_too_large_are_told(tmp_path) -> None:
    with pytest.raises(DataError, match="no such file"):
        advisor_of(tmp_path / "nothing.json").bands("us-east-1")
    large = tmp_path / "large.json"
    with large.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(DataError, match="larger than"):
        advisor_of(large).bands("us-east-1")
    bomb = file_of(tmp_path, gzip.compress(b" " * (65 << 20)), "bomb.gz")
    with pytest.raises(DataError, match="more than 64 MiB"):
        advisor_of(bomb).bands("us-east-1")


# over HTTP


@dataclass
class Site:
    """A web server that says what a test wants, and counts."""

    body: bytes = b""
    status: int = 200
    dated: str | None = "Thu, 19 Nov 2026 06:00:00 GMT"
    location: str | None = None
    more: int = 0
    """bytes that are promised and never come"""
    asked: list[str] = field(default_factory=list)
    server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/spot-advisor-data.json"

    def stop(self) -> None:
        if self.server:
            self.server.shutdown()
            self.server.server_close()


@pytest.fixture
def site():
    told = Site(body=json.dumps(document()).encode())

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told.asked.append(self.path)
            moved = told.location is not None and self.path.startswith("/old")
            self.send_response(302 if moved else told.status)
            if moved:
                self.send_header("Location", told.location)
            if told.dated:
                self.send_header("Last-Modified", told.dated)
            self.send_header("Content-Length", "0" if moved else str(len(told.body) + told.more))
            self.end_headers()
            if not moved:
                self.wfile.write(told.body)

        def log_message(self, *_) -> None:
            pass

    told.server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=told.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield told
    told.stop()
    thread.join()


def test_what_was_fetched_is_kept_for_a_day_and_shared_with_the_next_process(site, tmp_path) -> None:
    clock, cache = Hands(), tmp_path / "state" / "advisor.cache"
    first = SpotAdvisor(site.url, cache=cache, clock=clock)
    (band,) = first.bands("us-east-1")
    assert band.as_of == datetime(2026, 11, 19, 6, tzinfo=UTC)
    assert "Last-Modified" in band.source
    assert "Spot Instance Advisor of 127.0.0.1; " in band.source
    first.bands("us-east-1", operating_system="Windows")
    assert SpotAdvisor(site.url, cache=cache, clock=clock).bands("us-east-1") == (band,)
    clock.at += timedelta(hours=23)
    assert SpotAdvisor(site.url, cache=cache, clock=clock).bands("us-east-1") == (band,)
    assert len(site.asked) == 1
    site.body = json.dumps(document(g5_xlarge=(0, 70))).encode()
    clock.at += timedelta(hours=2)
    assert first.bands("us-east-1")[0].band == 0
    assert len(site.asked) == 2
    assert [p.name for p in cache.parent.iterdir()] == ["advisor.cache"]


def test_a_stale_copy_serves_when_the_network_is_down_and_tells_its_age(site, tmp_path) -> None:
    clock, cache = Hands(), tmp_path / "advisor.cache"
    SpotAdvisor(site.url, cache=cache, clock=clock).bands("us-east-1")
    site.status = 503
    clock.at += timedelta(hours=50)
    late = SpotAdvisor(site.url, cache=cache, clock=clock)
    (band,) = late.bands("us-east-1")
    assert "a copy 50 h old" in band.source
    assert band.as_of == datetime(2026, 11, 19, 6, tzinfo=UTC)
    asked = len(site.asked)
    late.bands("us-east-1")
    assert len(site.asked) == asked  # not again within minutes
    site.status, site.body = 200, b"<html>please log in</html>"
    clock.at += timedelta(hours=1)
    assert "a copy 51 h old" in late.bands("us-east-1")[0].source
    site.body = json.dumps(document(g5_xlarge=(1, 60))).encode()
    clock.at += timedelta(hours=1)
    assert late.bands("us-east-1")[0].band == 1


def test_no_network_and_no_copy_is_unreachable_with_a_way_out_and_unknown_to_callers(site, tmp_path) -> None:
    site.status = 500
    advisor = SpotAdvisor(site.url, cache=tmp_path / "none", clock=Hands())
    with pytest.raises(Unreachable, match="HTTP status 500") as error:
        advisor.bands("us-east-1")
    assert "--advisor FILE" in error.value.hint
    missing: list[str] = []
    assert known_bands(advisor, "us-east-1", missing) == {}
    assert "HTTP status 500" in missing[0]
    nobody = SpotAdvisor("http://127.0.0.1:9/x", cache=None, clock=Hands())
    with pytest.raises(Unreachable, match="no answer"):
        nobody.bands("us-east-1")


def test_an_answer_that_is_cut_off_or_far_too_large_or_too_slow_is_no_answer(site) -> None:
    site.more = 7
    with pytest.raises(Unreachable, match="cut off after"):
        SpotAdvisor(site.url, cache=None, clock=Hands()).bands("us-east-1")
    site.more, site.body = 0, b" " * (MAX_BYTES + 1)
    with pytest.raises(Unreachable, match="larger than 32 MiB"):
        SpotAdvisor(site.url, cache=None, clock=Hands()).bands("us-east-1")
    site.body = json.dumps(document()).encode()
    with pytest.raises(Unreachable, match=r"not read within|no answer"):
        SpotAdvisor(site.url, cache=None, clock=Hands(), seconds=1e-6).bands("us-east-1")


def test_a_first_answer_of_another_shape_is_an_error_and_is_not_kept(site, tmp_path) -> None:
    site.body = b'{"ranges": {}}'
    cache = tmp_path / "advisor.cache"
    with pytest.raises(DataError, match="ranges"):
        SpotAdvisor(site.url, cache=cache, clock=Hands()).bands("us-east-1")
    assert not cache.exists()


@pytest.mark.parametrize("damage", [b"", b"\n", b"{}\n{}", b'{"magic": "x"}\nbody', b"\x00" * 100, b"[1]\n"])
def test_a_damaged_copy_is_fetched_anew(site, tmp_path, damage) -> None:
    cache = file_of(tmp_path, damage, "advisor.cache")
    assert SpotAdvisor(site.url, cache=cache, clock=Hands()).bands("us-east-1")
    assert len(site.asked) == 1
    assert SpotAdvisor(site.url, cache=cache, clock=Hands()).bands("us-east-1")
    assert len(site.asked) == 1


def test_a_copy_that_was_cut_off_and_one_of_another_address_are_not_used(site, tmp_path) -> None:
    cache = tmp_path / "advisor.cache"
    SpotAdvisor(site.url, cache=cache, clock=Hands()).bands("us-east-1")
    cache.write_bytes(cache.read_bytes()[:-40])
    SpotAdvisor(site.url, cache=cache, clock=Hands()).bands("us-east-1")
    SpotAdvisor(site.url + "?other", cache=cache, clock=Hands()).bands("us-east-1")
    assert len(site.asked) == 3


def test_a_redirect_is_followed_on_the_web_and_nowhere_else(site, tmp_path) -> None:
    secret = file_of(tmp_path, json.dumps(document()), "local.json")
    site.location = site.url
    old = site.url.replace("/spot", "/old/spot")
    assert SpotAdvisor(old, cache=None, clock=Hands()).bands("us-east-1")
    for elsewhere in (secret.as_uri(), "ftp://127.0.0.1/x"):
        site.location = elsewhere
        with pytest.raises(Unreachable):
            SpotAdvisor(old, cache=None, clock=Hands()).bands("us-east-1")


def test_what_is_secret_in_an_address_is_told_nowhere(site, tmp_path) -> None:
    port = site.server.server_port
    for url in (f"http://us:pass-w0rd@127.0.0.1:{port}/f", f"http://127.0.0.1:{port}/f?token=pass-w0rd"):
        cache = tmp_path / "advisor.cache"
        site.status = 404
        with pytest.raises((Unreachable, DataError)) as error:
            SpotAdvisor(url, cache=cache, clock=Hands()).bands("us-east-1")
        assert "pass-w0rd" not in error.value.message + error.value.hint
    site.status = 200
    (band,) = SpotAdvisor(url, cache=cache, clock=Hands()).bands("us-east-1")
    assert "pass-w0rd" not in band.canonical()
    assert b"pass-w0rd" not in cache.read_bytes()


def test_an_answer_without_a_date_is_dated_by_when_it_was_fetched(site) -> None:
    site.dated = None
    (band,) = SpotAdvisor(site.url, cache=None, clock=Hands()).bands("us-east-1")
    assert band.as_of == NOW
    assert "it names no date" in band.source


def test_many_threads_ask_and_one_fetch_answers_them(site) -> None:
    advisor = SpotAdvisor(site.url, cache=None, clock=Hands())
    found = []
    threads = [threading.Thread(target=lambda: found.append(advisor.bands("us-east-1"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert len(found) == 8
    assert len(site.asked) == 1
