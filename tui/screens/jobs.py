"""Screen 5: work that has to be finished: what is durable, what is left, and how each interruption went."""

from collections.abc import Iterator, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static

from tools.jobs.report import JobsReport, JobState
from tools.records import QueuesReport, Recovery
from tui.house import House
from tui.messages import JobsSeen, Pulse, QueuesSeen, RecoveriesSeen
from tui.render_jobs import job_lines, recovery_line
from tui.safe_text import fit, hung, safe_text
from tui.screens.listing import Listing
from tui.screens.room import consult
from tui.widgets.glyphs import percent, short_length
from tui.widgets.queues import queue_panel
from tui.widgets.table import Column, Table, Words
from tui.widgets.timeline import status_words, timeline

_COLUMNS = (
    Column("JOB", 12, flex=True),
    Column("FLEET", 12, drop=1),
    Column("DURABLE", 7, right=True),
    Column("SAVED", 7, right=True, drop=3),
    Column("ETA", 11, drop=4),
    Column("DEADLINE", 11, drop=2),
    Column("SLACK", 11),
    Column("LOST", 7, right=True),
    Column("RECOVERY", 10),
)
_FIELD = 11
_TALL = 30
"""rows from which more than two queues have a line"""


class JobsScreen(Listing):
    NAME = THINGS = "jobs"
    THING = "job"
    READ_SECONDS = 30.0
    """of stores and prices; recoveries are read with every look at the house"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "refresh", "Read again"),
        Binding("c", "copy", "Copy job"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._report: JobsReport | None = None
        self._newest: dict[str, Sequence[Recovery]] = {}
        """job id → its recoveries, newest first, read after the report"""
        self._queues: QueuesReport | None = None
        """None = none is configured, or not read yet"""

    def compose_beside(self) -> Iterator[Static]:
        yield Static(id="queues", markup=False)

    # asking

    def read(self) -> None:
        house = self.house
        consult(self, lambda: JobsSeen(house.jobs()), what="Reading the jobs", once=True)
        consult(self, lambda: _queues(house), what="Reading the queues", once=True)

    def on_pulse(self, pulse: Pulse) -> None:
        """How a recovery goes on stands in the journal: it is cheap to look."""
        del pulse
        if self._report is None or not self.is_current:
            return
        house, names = self.house, tuple(s.job.job_id for s in self._report.jobs)
        consult(self, lambda: RecoveriesSeen(house.recoveries(names)), what="Looking at recoveries", once=True)

    @property
    def was_read(self) -> bool:
        return self._report is not None

    def on_jobs_seen(self, message: JobsSeen) -> None:
        self._report = message.report
        self._newest = {s.job.job_id: tuple(v.recovery for v in s.recoveries) for s in message.report.jobs}
        self.show()

    def on_queues_seen(self, message: QueuesSeen) -> None:
        self._queues = message.report
        self._show_queues()

    def on_recoveries_seen(self, message: RecoveriesSeen) -> None:
        ended = {r.recovery_id for of in self._newest.values() for r in of if r.status != "open"}
        self._newest = dict(message.recoveries)
        self.show()
        if any(r.status != "open" and r.recovery_id not in ended for of in self._newest.values() for r in of):
            self.read()  # what it resumed from, and what it lost, changes the job's own line

    # keys

    def action_copy(self) -> None:
        state = self._at_cursor()
        if state is not None:
            self.hosting.copy_out(state.canonical(), what=f"{safe_text(state.job.job_id, limit=60)} as JSON")

    def _at_cursor(self) -> JobState | None:
        key = self.query_one(Table).key_at_cursor
        jobs = self._report.jobs if self._report else ()
        return next((s for s in jobs if _key(s) == key), None)

    # showing

    def _show_queues(self) -> None:
        """Beside the jobs only where there are any."""
        panel = self.query_one("#queues", Static)
        panel.display = self._queues is not None
        if self._queues is not None:
            most = 6 if self.app.size.height >= _TALL else 2
            panel.update(queue_panel(self._queues, glyphs=self.glyphs, room=self.room, most=most))

    def show(self) -> None:
        self._show_queues()
        report = self._report
        if report is None:
            return
        self.query_one(Table).show(_COLUMNS, [(_key(s), self._cells(s)) for s in report.jobs])
        dot = f" {self.glyphs.dot} "
        self.head(self._head(report, dot, self.room))
        meaning = f"DURABLE by the newest whole checkpoint{dot}LOST work if it were interrupted now"
        told = f"as of {report.as_of:%Y-%m-%d %H:%M:%SZ}{dot}`spotwarden run` carries recoveries on"
        self.foot(meaning, told)
        self.show_row()

    def _head(self, report: JobsReport, dot: str, room: int) -> Iterator[Content]:
        late = sum((s.outlook.slack_seconds or 0) < 0 for s in report.jobs)
        going = sum(r.status == "open" for of in self._newest.values() for r in of)
        words = [f"{len(report.jobs)} jobs", f"{going} being recovered"] + ([f"{late} LATE"] if late else [])
        yield Content.styled(fit(dot.join(words), room).rstrip(), "bold")
        if report.missing:
            yield Content.styled(fit(f"not known: {safe_text('; '.join(report.missing))}", room).rstrip(), "$warning")

    def _cells(self, state: JobState) -> list[str | Words]:
        lost = state.lost.unsaved_minutes
        return [
            state.job.job_id + (" *" if state.job.implicit else ""),
            state.job.fleet.fleet_id,
            percent(state.progress.share),
            short_length(state.progress.age_seconds),
            "unknown" if state.eta.finishes_at is None else f"{state.eta.finishes_at:%m-%d %H:%M}",
            "none" if state.job.deadline is None else f"{state.job.deadline:%m-%d %H:%M}",
            self._slack(state),
            "unknown" if lost is None else f"{lost:.0f} min",
            self._last(state),
        ]

    @staticmethod
    def _slack(state: JobState) -> Words:
        slack = state.outlook.slack_seconds
        if slack is None:
            return Words("no deadline", "secondary") if state.job.deadline is None else Words("unknown", "warning")
        return Words(short_length(slack)) if slack >= 0 else Words(f"LATE {short_length(-slack)}", "error")

    def _last(self, state: JobState) -> Words:
        found = self._newest.get(state.job.job_id, ())
        if not found:
            return Words("none", "secondary")
        word, ink = status_words(next((r for r in found if r.status == "open"), found[0]))
        return Words(word.lower() if ink != "error" else word, ink)

    def show_row(self) -> None:
        """The job at the cursor: its recoveries, the newest and the open ones as timelines, then how it stands."""
        report, state = self._report, self._at_cursor()
        if report is None:
            return
        if state is None:
            self.row_words([Content.styled(_NO_JOBS, "$muted")])
            return
        room = max(self.app.size.width - 4, 20)
        lines = [*self._timelines(self._newest.get(state.job.job_id, ()), room), *_facts(state, report, room)]
        self.row_words(lines)

    def _timelines(self, found: Sequence[Recovery], room: int) -> Iterator[Content]:
        now = self.hosting.now()
        for number, recovery in enumerate(found):
            if number == 0 or recovery.status == "open":
                yield timeline(recovery, now, glyphs=self.glyphs, room=room)
                yield Content("")
        older = [r for n, r in enumerate(found) if n and r.status != "open"]
        yield from (hung(Content.styled(recovery_line(r), "$muted"), room, 2) for r in older)
        if older:
            yield Content("")


def _queues(house: House) -> QueuesSeen | None:
    found = house.work_queues()
    return None if found is None else QueuesSeen(found)


_NO_JOBS = (
    "no jobs. Tell of one:  spotwarden jobs register NAME --fleet FLEET --work 48h --deadline 3d\n"
    "or tag its fleet       spotwarden:checkpoints = s3://BUCKET/JOB"
)


def _key(state: JobState) -> str:
    return f"{state.job.fleet.label} {state.job.job_id}"


def _facts(state: JobState, report: JobsReport, room: int) -> Iterator[Content]:
    """The lines of `jobs status NAME`."""
    first, *rest = job_lines(state.with_(recoveries=()), report.as_of)
    yield hung(Content.styled(first, "bold"), room, 2)
    for line in rest:
        label, words = line[2 : 2 + _FIELD], line[2 + _FIELD :]
        yield hung(Content.assemble(Content.styled(label, "$muted"), words), room, _FIELD)
    if state.job.implicit:
        told = "* not registered: known by its fleet's tag; jobs register tells its work and deadline"
        yield hung(Content.styled(told, "$muted"), room, 2)
