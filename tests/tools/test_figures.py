"""Figures in words: a small chance is never none, a large one never certain."""

import pytest

from tools.figures import share, span


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0 %"), (1e-9, "<0.1 %"), (0.000999, "<0.1 %"), (0.001, "0.1 %"), (0.0999, "10.0 %"), (0.1, "10 %"),
        (0.5, "50 %"), (0.9, "90 %"), (0.997, "99.7 %"), (0.9991, ">99.9 %"), (1.0, ">99.9 %"), (1.2, "120.0 %"),
    ],
)  # fmt: skip
def test_a_share_in_words(value, text) -> None:
    assert share(value) == text


@pytest.mark.parametrize(
    ("minutes", "text"),
    [(5, "5 min"), (60, "1 h"), (90, "1.5 h"), (1440, "24 h"), (2880, "2 days"), (10080, "7 days"), (3000, "50 h")],
)
def test_a_span_in_words(minutes, text) -> None:
    assert span(minutes) == text
