"""One recovery as a timeline: what was reached, how many seconds after the notice, what it waits for, what to do."""

from collections.abc import Iterator
from datetime import datetime

from textual.content import Content

from tools.figures import length
from tools.records import Recovery, RecoveryStep, RecoveryStepName
from tui.safe_text import fit, hung, plain, safe_text
from tui.widgets.glyphs import Glyphs

_REACHED: dict[RecoveryStepName, str] = {
    "save": "saved",
    "restore": "checkpoint",
    "replace": "replacement",
    "restart": "restored",
    "verify": "working",
}
"""In the words of `jobs status`. Once the save is settled the checkpoint to resume from is verified, and pointed at
where that is needed, while the replacement is still on its way."""
_STATES = {"pending": "waits", "asked": "asked", "failed": "FAILED", "skipped": "not needed"}
_INK = {"done": "success", "asked": "warning", "failed": "error", "pending": "muted", "skipped": "muted"}
_HEADS = {
    "open": ("RECOVERING", "warning"),
    "recovered": ("RECOVERED", "success"),
    "gave-up": ("GAVE UP", "error"),
    "passed-on": ("PASSED ON", "secondary"),
}
_LABEL, _SECONDS, _BAR = 11, 11, 24
_ROOMY = 96
"""columns from which the seconds are drawn too"""
_NOTICE_SECONDS = 120.0
"""what EC2 gives: a scale is never shorter"""


def timeline(recovery: Recovery, now: datetime, *, glyphs: Glyphs, room: int) -> Content:
    """A line a step, from the notice on; room: columns."""
    steps = [recovery.step(name) for name in _REACHED]
    scale = max([_NOTICE_SECONDS, *(s for step in steps if (s := seconds_after(recovery, step)) is not None)])
    bars = room >= _ROOMY
    lines = [_head(recovery, now, glyphs, room), *(hung(line, room, 2) for line in _told(recovery, glyphs))]
    lines.append(_line(glyphs.ok, "success", "notice", "0 s", _scale(scale, glyphs, bars), _noticed(recovery), room))
    lines += [_step(recovery, step, scale, glyphs, bars, room) for step in steps]
    return Content("\n").join([*lines, _lost(recovery)])


def seconds_after(recovery: Recovery, step: RecoveryStep) -> float | None:
    """From the notice until it was done; None = it is not, or nothing was to be done."""
    if step.state != "done" or step.at is None:
        return None
    return (step.at - recovery.notice_at).total_seconds()


def status_words(recovery: Recovery) -> tuple[str, str]:
    """One word for it, and its colour."""
    return _HEADS[recovery.status]


def _head(r: Recovery, now: datetime, glyphs: Glyphs, room: int) -> Content:
    word, ink = status_words(r)
    since = f"{length(max(0.0, (now - r.notice_at).total_seconds()))} since the notice"
    ended = f"ended {r.ended_at:%H:%M:%SZ}" if r.ended_at is not None else since
    tries = f"{glyphs.dot} attempt {r.attempt} of {r.job.restart_limit} " if r.attempt > 1 else ""
    told = f"  {safe_text(r.instance_id, limit=30)} {tries}{glyphs.dot} {ended}"
    return Content.assemble(Content.styled(word, f"bold ${ink}"), fit(told, max(room - len(word), 0)).rstrip())


def _noticed(r: Recovery) -> str:
    return f"{r.notice_at:%Y-%m-%d %H:%M:%SZ}"


def _step(r: Recovery, step: RecoveryStep, scale: float, glyphs: Glyphs, bars: bool, room: int) -> Content:
    after = seconds_after(r, step)
    state = "not reached" if step.state == "pending" and r.status != "open" else _STATES.get(step.state, "done")
    said = state if after is None else f"{after:.0f} s"
    signs = {"done": glyphs.ok, "failed": glyphs.bad, "asked": glyphs.running}
    sign = signs.get(step.state, glyphs.dash if step.state == "skipped" else glyphs.dot)
    words = step.words
    if step.state == "asked" and step.at is not None:
        asked = f"{(step.at - r.notice_at).total_seconds():.0f} s after the notice"
        words = f"{asked}: {words}" if words else asked
    words += f" (try {step.tries + 1})" if step.tries and not step.over else ""
    return _line(sign, _INK[step.state], _REACHED[step.name], said, _bar(after, scale, glyphs, bars), words, room)


def _line(sign: str, ink: str, label: str, said: str, bar: str, words: str, room: int) -> Content:
    """✓ saved          10 s  ────●                     ckpt-1 at step 1200 by i-…"""
    front = f"{sign:<2} {label:<{_LABEL}} {said:>{_SECONDS}}  "
    line = Content.assemble(Content.styled(front, f"${ink}"), Content.styled(bar, "$muted"), plain(words, limit=500))
    return hung(line, room, min(len(front) + len(bar), room // 2))


def _bar(after: float | None, scale: float, glyphs: Glyphs, bars: bool) -> str:
    """Seconds on the scale of the whole recovery: from the notice to the longest step, at least two minutes."""
    if not bars:
        return ""
    if after is None:
        return " " * (_BAR + 2)
    cells = round(min(max(after / scale, 0.0), 1.0) * (_BAR - 1))
    return (glyphs.step[0] * cells + glyphs.bullet).ljust(_BAR) + "  "


def _scale(scale: float, glyphs: Glyphs, bars: bool) -> str:
    """The notice itself, and where the scale ends."""
    return f"{glyphs.bullet}{f'{scale:.0f} s':>{_BAR - 1}}  " if bars else ""


def _told(r: Recovery, glyphs: Glyphs) -> Iterator[Content]:
    """How it ended where it did not recover, and the way out."""
    if r.told and r.status in ("gave-up", "passed-on"):
        yield plain(r.told, "bold $error" if r.status == "gave-up" else "$muted", limit=1_000)
    way = _way_out(r)
    if way:
        yield Content.assemble(Content.styled(f"{glyphs.arrow} ", "$accent"), plain(way, limit=300))


def _lost(r: Recovery) -> Content:
    lost = length(r.lost_work_seconds)
    step = f", resumes from step {r.restored_step:,}" if r.restored_step is not None else ""
    return plain(f"work lost: {lost}{step}", "$muted")


def _way_out(r: Recovery) -> str:
    if r.status == "gave-up":
        return f"spotwarden jobs recover {quoted(r.job.job_id)} --dry-run shows what is missing, and changes nothing"
    waiting = [s for s in r.steps if r.status == "open" and not s.over and "waits for a person" in s.words]
    return "key 3 has the card that waits for your answer" if waiting else ""


def quoted(name: str) -> str:
    """For a shell; what it would not take as one word is put in quotes."""
    return name if name.replace("-", "").replace("_", "").isalnum() else "'" + name.replace("'", "'\\''") + "'"
