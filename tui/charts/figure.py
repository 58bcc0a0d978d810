"""The one door to matplotlib: a file of the wanted kind, the same bytes for the same figures, whole or not at all."""

import importlib
import io
import logging
import textwrap
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.errors import UsageError
from tools.whole_file import check_writable, write_bytes_whole
from tui.safe_text import safe_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES = (".svg", ".png")
WIDTH_INCHES = 10.0
LEFT_INCHES, RIGHT_INCHES = 0.9, 0.3
LINE_INCHES = 0.2
"""one line of small text"""
FOOT_CHARACTERS = 150
"""that fit a line of the footer"""
PNG_DOTS_PER_INCH = 150

INK, FAINT, GRID = "#23282f", "#636c79", "#dcd9d0"
SPOT, LIST_PRICE, TAKEN, REBALANCE = "#2b5c8a", "#8a5a12", "#a5302a", "#7a4f9a"

_LOOKS: dict[Any, object] = {
    # one list on every machine, so that an SVG is the same everywhere; a viewer takes the first that it has
    "font.family": ["DejaVu Sans", "NanumGothic", "Noto Sans CJK KR", "Malgun Gothic", "Apple SD Gothic Neo"],
    "font.size": 9.0,
    "text.parse_math": False,  # a name with two $ is a name, not a formula
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": FAINT,
    "axes.labelsize": 8.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "svg.fonttype": "none",  # words stay words: they can be found and read aloud
    "svg.hashsalt": "spotwarden",
    "hatch.linewidth": 0.6,
    "timezone": "UTC",
}


def check_chart(path: Path) -> None:
    """Before long work: can a chart of this name be drawn?

    Raises  UsageError: it ends in neither .svg nor .png, its folder is missing or may not be written,
            or matplotlib is not installed
    """
    if path.suffix.lower() not in SUFFIXES:
        seen = f"in {path.suffix}" if path.suffix else "in no suffix"
        raise UsageError(
            f"{path}: a chart is an .svg or a .png file, and this name ends {seen}",
            hint=f"name it {path.stem or 'chart'}.svg or {path.stem or 'chart'}.png",
        )
    try:
        importlib.import_module("matplotlib")
    except ImportError as missing:
        raise UsageError(
            f"{path}: charts are drawn by matplotlib, which is not installed ({missing})",
            hint="pip install 'spotwarden[charts]'; the same figures come with --json",
        ) from None
    check_writable(path)


def save_chart(path: Path, draw: "Callable[[], Figure]", *, title: str) -> None:
    """Draw, and replace the file whole.

    Raises  UsageError as `check_chart`; DataError: the disk refuses, and a file that was there is as before
    """
    check_chart(path)
    import matplotlib as mpl

    kind = path.suffix.lower().removeprefix(".")
    # neither the day nor the version of the library goes into the file
    told = {"Date": None, "Creator": "spotwarden", "Title": title} if kind == "svg" else {"Software": "spotwarden"}
    with _quiet(), mpl.rc_context():
        mpl.rcdefaults()  # a person's own matplotlibrc must not change a report
        mpl.rcParams.update(_LOOKS)
        content = io.BytesIO()
        draw().savefig(content, format=kind, dpi=PNG_DOTS_PER_INCH, metadata=told)
    write_bytes_whole(path, content.getvalue())


@contextmanager
def _quiet() -> Iterator[None]:
    """A letter that no font here has is drawn as a box: no reason to warn, nor to fail where warnings are errors."""
    log = logging.getLogger("matplotlib")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            yield
    finally:
        log.setLevel(level)


class Sheet:
    """A page of fixed width whose height is the sum of what it holds; everything is placed in inches."""

    def __init__(self, title: str, *, body_inches: float, foot: Sequence[str], head_inches: float = 0.75) -> None:
        from matplotlib.figure import Figure

        lines = [line for text in foot for line in wrapped(text)]
        foot_inches = 0.25 + LINE_INCHES * len(lines)
        self.height = head_inches + body_inches + foot_inches
        self.below_head = self.height - head_inches
        self.figure = Figure(figsize=(WIDTH_INCHES, self.height), facecolor="white")
        self.write(LEFT_INCHES, self.height - 0.32, shown(title), size=12.5, weight="bold")
        for n, line in enumerate(reversed(lines)):
            self.write(LEFT_INCHES, 0.15 + LINE_INCHES * n, line, size=7.5, color=FAINT)

    def write(self, x: float, y: float, text: str, *, size: float, color: str = INK, weight: str = "normal") -> None:
        """x, y: inches from the lower left corner."""
        self.figure.text(x / WIDTH_INCHES, y / self.height, text, fontsize=size, color=color, fontweight=weight)

    def axes(
        self, *, top: float, height: float, left: float = LEFT_INCHES, right: float = RIGHT_INCHES, gid: str = ""
    ) -> "Axes":
        """top: inches from the lower edge."""
        wide = WIDTH_INCHES - left - right
        place = (left / WIDTH_INCHES, (top - height) / self.height, wide / WIDTH_INCHES, height / self.height)
        made = self.figure.add_axes(place)
        made.patch.set_gid(f"{gid}frame")
        return made


def wrapped(text: str) -> list[str]:
    return textwrap.wrap(shown(text, limit=1000), FOOT_CHARACTERS, break_long_words=True) or [""]


def shown(text: object, *, limit: int = 120) -> str:
    """Anybody's text for a drawing: what a viewer would obey or XML forbids is made visible."""
    return safe_text(text, limit=limit)


def percents(value: float, _: object = None) -> str:
    """A tick of a scale 0..1."""
    return f"{value * 100:.3g} %"
