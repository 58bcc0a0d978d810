"""Prices as they are: a step function, drawn with lines; the on-demand price over it; what EC2 took, marked."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from rich.cells import cell_len
from textual.content import Content
from textual.widget import Widget

from tools.records import PoolPrices, PoolSignal, PricePoint
from tui.charts.marks import Marks, marks_of
from tui.safe_text import fit, plain, safe_text
from tui.widgets.glyphs import Glyphs
from tui.widgets.title import glyphs_of

LABEL_WIDTH = 8
NO_MARKS = Marks()
_LEGEND_COLUMNS = 57
"""at its longest, beside the name of the pool"""
MAX_ROWS = 20
_BREAK_FROM = 6
"""rows from which two are spared for an on-demand line far above the prices"""


class StepChart(Widget):
    """The prices of one pool, as large as there is room."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 -- Textual's own word
        super().__init__(id=id)
        self._pool: PoolPrices | None = None
        self._until: datetime | None = None
        self._signals: Sequence[PoolSignal] = ()

    def show(self, pool: PoolPrices | None, *, until: datetime, signals: Sequence[PoolSignal] = ()) -> None:
        """until: closes the last step where the pool does not say how long it was observed; signals: of any pool."""
        self._pool, self._until, self._signals = pool, until, signals
        self.refresh()

    def render(self) -> Content:
        if self._pool is None or self._until is None:
            return Content("")
        points, until = self._pool.points, self._pool.observed_until or self._until
        since = points[0].at if points else until
        drawn = step_chart(
            points,
            until=until,
            on_demand=self._pool.on_demand_usd_per_hour,
            width=self.size.width,
            height=min(self.size.height - 2, MAX_ROWS),
            glyphs=glyphs_of(self),
            marks=marks_of(self._signals, self._pool.pool, since=since, until=until),
        )
        return Content.assemble(plain(f"{self._name_shown()}  ", "bold"), drawn)

    def _name_shown(self) -> str:
        """Cut where the legend beside it would not fit one line."""
        return fit(
            safe_text(self._pool.pool.label if self._pool else ""), max(self.size.width - _LEGEND_COLUMNS, 12)
        ).rstrip()


def step_chart(
    points: Sequence[PricePoint],
    *,
    until: datetime,
    on_demand: Decimal | None,
    width: int,
    height: int,
    glyphs: Glyphs,
    marks: Marks = NO_MARKS,
) -> Content:
    """Lines of exactly `width` columns, `height` rows and one row of times.

    points     oldest first, USD per instance-hour; each holds until the next
    until      closes the last step
    on_demand  USD per instance-hour: a level line; far above the prices it stands over a break in the scale
    marks      within the times drawn; they take a row over the prices, and are counted below
    """
    columns = width - LABEL_WIDTH - 1
    if not points:
        return Content.styled("no prices to draw: unknown is not 0", "$muted")
    if columns < 8 or height < 3:
        return Content.styled("too little room for the chart: a taller terminal shows it", "$muted")
    values = sample([(p.at, float(p.usd_per_hour)) for p in points], until=until, columns=columns)
    low, high = min(values), max(values)
    line = None if on_demand is None else float(on_demand)
    inside = line is not None and line <= high + (high - low)
    if inside and line is not None:
        low, high = min(low, line), max(high, line)
    over = _over_a_break(line, columns, glyphs) if line is not None and not inside and height >= _BREAK_FROM else []
    signs = [_marked(marks, points[0].at, until, columns, glyphs)] if len(marks) else []
    height = max(height - len(over) - len(signs), 1)
    span = (high - low) or max(high * 0.1, 0.0001)
    low, high = low - span * 0.08, high + span * 0.08
    rows = [_row(v, low, high, height) for v in values]
    grid = draw(rows, height, glyphs)
    level = _row(line, low, high, height) if inside and line is not None else None
    drawn = [_line(grid[r], r, level, _price_at(r, low, high, height), glyphs) for r in range(height)]
    counted = marks.words((glyphs.taken, glyphs.rebalance))
    times = Content.styled(" " * (LABEL_WIDTH + 1) + _times(points[0].at, until, columns, counted), "$muted")
    legend = _legend(line, drawn=inside or bool(over), glyphs=glyphs)
    return Content("\n").join([legend, *signs, *over, *drawn, times])


def sample(points: Sequence[tuple[datetime, float]], *, until: datetime, columns: int) -> list[float]:
    """The value in force at the middle of each column."""
    start = points[0][0]
    seconds = max((until - start).total_seconds(), 1.0)
    values: list[float] = []
    at = 0
    for column in range(columns):
        moment = (column + 0.5) / columns * seconds
        while at + 1 < len(points) and (points[at + 1][0] - start).total_seconds() <= moment:
            at += 1
        values.append(points[at][1])
    return values


def draw(rows: Sequence[int], height: int, glyphs: Glyphs) -> list[str]:
    """rows: the row (0 on top) of each column; steps are joined by risers."""
    flat, riser, up_end, up_start, down_start, down_end = tuple(glyphs.step)  # ─ │ └ ┘ ┌ ┐
    grid = [[" "] * len(rows) for _ in range(height)]
    for x, row in enumerate(rows):
        before = rows[x - 1] if x else row
        grid[row][x] = flat
        if row < before:  # the price rose: ┘ where it was, ┌ where it is
            grid[before][x], grid[row][x] = up_start, down_start
        elif row > before:  # it fell: ┐ where it was, └ where it is
            grid[before][x], grid[row][x] = down_end, up_end
        for between in range(min(row, before) + 1, max(row, before)):
            grid[between][x] = riser
    return ["".join(line) for line in grid]


def _row(value: float, low: float, high: float, height: int) -> int:
    return min(height - 1, max(0, int((high - value) / (high - low) * height)))


def _price_at(row: int, low: float, high: float, height: int) -> float:
    return high - (row + 0.5) / height * (high - low)


def _line(drawn: str, row: int, level: int | None, price: float, glyphs: Glyphs) -> Content:
    label = Content.styled(f"{price:>{LABEL_WIDTH}.4f}{glyphs.bar}", "$muted")
    if row != level:
        return Content.assemble(label, Content.styled(drawn, "$primary"))
    pieces = [Content.styled(glyphs.level if c == " " else c, "$accent" if c == " " else "$primary") for c in drawn]
    return Content.assemble(label, *pieces)


def _over_a_break(line: float, columns: int, glyphs: Glyphs) -> list[Content]:
    level = Content.styled(f"{line:>{LABEL_WIDTH}.4f}{glyphs.bar}", "$muted")
    gap = Content.styled(f"{'~~':>{LABEL_WIDTH}}", "$muted")
    return [Content.assemble(level, Content.styled(glyphs.level * columns, "$accent")), gap]


def _legend(line: float | None, *, drawn: bool, glyphs: Glyphs) -> Content:
    if line is None:
        return Content.styled("USD per hour   on-demand price unknown", "$muted")
    where = "" if drawn else ", off scale"
    return Content.assemble(
        Content.styled("USD per hour   ", "$muted"),
        Content.styled(f"{glyphs.step[0] * 2} spot   ", "$primary"),
        Content.styled(f"{glyphs.level * 2} on-demand {line:.4f}{where}", "$accent"),
    )


def _times(start: datetime, until: datetime, columns: int, between: str) -> str:
    """between: left out where it does not fit"""
    first, last = start.strftime("%m-%d %H:%M"), until.strftime("%m-%d %H:%MZ")
    room = columns - len(first) - len(last)
    return first + (between if cell_len(between) < room else "").center(room) + last


def _marked(marks: Marks, start: datetime, until: datetime, columns: int, glyphs: Glyphs) -> Content:
    """A sign in the column of each moment; where several meet, an interruption is shown."""
    seconds = max((until - start).total_seconds(), 1.0)
    cells = [Content(" ")] * columns
    for moments, sign, style in (
        (marks.rebalances, glyphs.rebalance, "$warning"),
        (marks.interruptions, glyphs.taken, "$error"),
    ):
        for moment in moments:
            place = int((moment - start).total_seconds() / seconds * columns)
            cells[min(columns - 1, max(0, place))] = Content.styled(sign, style)
    return Content.assemble(Content.styled("EC2".rjust(LABEL_WIDTH) + " ", "$muted"), *cells)
