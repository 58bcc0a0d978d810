"""The one sink for text that somebody else wrote: tags, names, tool output, model prose, error messages.

What a terminal would obey or hide is shown as \\u{hex}; what Textual would read as markup stays text.
`safe_text` gives a plain string, `plain` and `cell` wrap it for widgets so that no markup parser sees it.
"""

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

from rich.cells import cell_len

if TYPE_CHECKING:  # the plain commands use safe_text too, and do not wait for a terminal app to load
    from markdown_it import MarkdownIt
    from markdown_it.rules_core import StateCore
    from rich.text import Text
    from textual.content import Content

LIMIT = 400
PROSE_LIMIT = 200_000
_MARKS_IN_A_ROW = 2
# letters by their category, blanks by their look: they pass isprintable() and show nothing
_BLANK = frozenset("\u115f\u1160\u3164\uffa0\u2800\u034f\u17b4\u17b5")
_PLAIN = re.compile(r"[ -~가-힣]*")
_PRESENTATION = str.maketrans("", "", "\ufe0e\ufe0f")


def safe_text(text: object, *, limit: int = LIMIT, lines: bool = False) -> str:
    """A plain string without control, bidi, zero-width or other unseen characters.

    limit   characters of the input that are shown; the rest is counted: «…(+123)» in ASCII
    lines   True keeps line breaks and turns tabs into blanks; False shows them as escapes too
    """
    whole = str(text)
    shown = whole[:limit]
    if lines:
        shown = shown.replace("\r\n", "\n").replace("\t", "    ")
    if not _PLAIN.fullmatch(shown):
        shown = _visible(shown, lines=lines)
    return shown if len(whole) <= limit else f"{shown}...(+{len(whole) - limit})"


def plain(text: object, style: str = "", *, limit: int = LIMIT, lines: bool = False) -> "Content":
    """For Static, Label and every other Textual widget: styled by us, never by the text."""
    from textual.content import Content

    return Content.styled(safe_text(text, limit=limit, lines=lines), style)


def cell(text: object, style: str = "", *, right: bool = False, limit: int = LIMIT) -> "Text":
    """For a DataTable, which would parse the markup of a plain str."""
    from rich.text import Text

    return Text(safe_text(text, limit=limit), style=style, justify="right" if right else "left", no_wrap=True)


def safe_markdown(text: str, *, limit: int = PROSE_LIMIT) -> str:
    """Model prose for a Markdown widget that was given `inert_markdown`: no escape codes, no unseen characters.

    Works on pieces of a stream as well as on a whole answer.
    """
    return safe_text(text.translate(_PRESENTATION), limit=limit, lines=True)


def inert_markdown() -> "MarkdownIt":
    """A Markdown parser whose prose cannot act: links and images stay text with their address in sight,
    HTML is text, and entities are not decoded (&#27; would become the escape code that was just taken out).
    """
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False})
    parser.enable(["table", "strikethrough"])
    parser.disable(["link", "image", "autolink", "html_inline", "html_block", "reference", "entity"])
    parser.core.ruler.push("line_breaks", _keep_line_breaks)
    return parser


def _keep_line_breaks(state: "StateCore") -> None:
    """In a conversation a new line is meant as one."""
    for token in state.tokens:
        for child in token.children or ():
            if child.type == "softbreak":
                child.type = "hardbreak"


def fit(text: str, width: int) -> str:
    """Cut or pad to exactly `width` terminal columns; Hangul counts two, and no character is halved."""
    if cell_len(text) > width:
        room, kept = max(width - 2, 0), ""
        for character in text:
            if cell_len(kept + character) > room:
                break
            kept += character
        text = kept + ".." if width >= 2 else kept
    return text + " " * (width - cell_len(text))


def hung(line: "Content", width: int, indent: int) -> "Content":
    """A line that is too long goes on below, under where its words began; what has no blanks is cut to fit."""
    from textual.content import Content

    text = line.plain
    breaks, start, room = list[int](), 0, width
    while cell_len(text[start:]) > room:
        end = start
        while cell_len(text[start : end + 1]) <= room:
            end += 1
        blank = text.rfind(" ", start + (0 if breaks else indent), end + 1) + 1
        start = blank if blank > start else max(end, start + 1)
        breaks.append(start)
        room = max(width - indent, 8)
    return Content("\n" + " " * indent).join(line.divide(breaks)) if breaks else line


def mixes_scripts(text: str) -> bool:
    """True when one word mixes Latin with letters that look like Latin: «аpi-core» with a Cyrillic а."""
    return any(len(_scripts(word)) > 1 for word in re.findall(r"\w+", text))


def _scripts(word: str) -> set[str]:
    names = (unicodedata.name(c, "").split(" ")[0] for c in word if c.isalpha())
    return {name for name in names if name in {"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE"}}


def _visible(text: str, *, lines: bool) -> str:
    pieces: list[str] = []
    marks = _MARKS_IN_A_ROW  # a mark without a letter before it has nothing to stand on
    for character in text:
        if lines and character == "\n":
            pieces.append(character)
            marks = _MARKS_IN_A_ROW
        elif unicodedata.category(character) == "Mn" and marks < _MARKS_IN_A_ROW and not _is_selector(character):
            pieces.append(character)
            marks += 1
        else:
            pieces.append(character if _shows(character) else f"\\u{{{ord(character):x}}}")
            marks = 0 if character.isalpha() else _MARKS_IN_A_ROW
    return "".join(pieces)


@lru_cache(maxsize=4096)
def _shows(character: str) -> bool:
    return character.isprintable() and character not in _BLANK and cell_len(character) > 0


def _is_selector(character: str) -> bool:
    return "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef" or character in _BLANK
