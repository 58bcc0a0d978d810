"""safe_text: what a terminal would obey or hide becomes visible, what people write stays."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tests.tui.records import HOSTILE
from tui.safe_text import cell, fit, inert_markdown, mixes_scripts, plain, safe_markdown, safe_text

OBEYED = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}

pytestmark = pytest.mark.accepts("U-12")


def test_no_code_point_that_a_terminal_obeys_or_hides_comes_through():
    for point in range(0x110000):
        shown = safe_text(f"a{chr(point)}b", lines=point % 2 == 0)
        unseen = [c for c in shown if unicodedata.category(c) in OBEYED and c != "\n"]
        assert not unseen, f"U+{point:04X} came through as {unseen!r}"


@pytest.mark.parametrize("text", ["\u200b", "\u3164", "\u115f", "\uffa0", "\u2800", "\ufe0f", "\U000e0041"])
def test_letters_that_show_nothing_are_named(text):
    assert safe_text(f"a{text}b") == f"a\\u{{{ord(text):x}}}b"


@pytest.mark.parametrize(
    "text", ["돈이 어디에 쓰이고 있어?", "café naïve", "e\u0301", "価格 ¥ €", "m6i.large/use1-az1", "🙂"]
)
def test_what_people_write_stays(text):
    assert safe_text(text) == text


def test_a_heap_of_combining_marks_is_cut_down():
    assert safe_text("e" + "\u0301" * 40).count("\u0301") == 2


def test_line_breaks_are_kept_only_where_asked():
    assert safe_text("a\r\nb\tc", lines=True) == "a\nb    c"
    assert "\n" not in safe_text("a\nb")


def test_length_is_capped_and_the_rest_counted():
    assert safe_text("x" * 1000, limit=10) == "x" * 10 + "...(+990)"


def test_markup_stays_text_in_every_wrapper():
    for text in HOSTILE:
        assert not plain(text).spans, "Content of a text has no spans of its own"
        assert not cell(text).spans


@given(st.text(max_size=60), st.integers(min_value=0, max_value=30))
def test_fit_is_exactly_as_wide_as_asked(text, width):
    assert cell_len(fit(safe_text(text), width)) == width


def test_alphabets_mixed_in_one_word_are_noticed():
    assert mixes_scripts("\u0430pi-core")  # a Cyrillic a
    assert not mixes_scripts("한글팀 api-core")


@pytest.mark.parametrize(
    "prose",
    [
        "&#27;[2J",
        "&#x202e;flip",
        "[a](javascript:x)",
        "![i](http://x/y.png)",
        "<b onclick=x>",
        "<https://x.example>",
        "[r]\n\n[r]: http://x",
    ],
)
def test_prose_makes_no_link_image_html_or_decoded_entity(prose):
    def kinds(tokens):
        for token in tokens:
            yield token
            yield from kinds(token.children or ())

    tokens = list(kinds(inert_markdown().parse(safe_markdown(prose))))
    assert not {t.type for t in tokens} & {"link_open", "image", "html_inline", "html_block"}
    assert not any(c in t.content for t in tokens for c in "\x1b\u202e")
