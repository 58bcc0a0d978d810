"""`spotwarden run`: work alone under the policy's limits. No model takes part."""

import math
import signal
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tui.config import Settings, settings_of

if TYPE_CHECKING:
    from agent.autonomy import Daemon, Round, Trouble
    from agent.journal.watches import WatchedChange
    from agent.notifying import Notifying
    from agent.reflex import ReflexReport
    from tools.records import Recovery
    from tui.opening import House

app = typer.Typer(rich_markup_mode=None)


@app.command()
def run(
    ctx: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="one round, then end")] = False,
    interval: Annotated[float, typer.Option(help="seconds between rounds", min=1, max=86_400)] = 300,
    events: Annotated[str | None, typer.Option(help="SQS queue URL with EventBridge notices")] = None,
    status: Annotated[bool, typer.Option("--status", help="who leads, what waits, what is open")] = False,
    stop: Annotated[bool, typer.Option("--stop", help="kill switch: nothing is changed any more, by anybody")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="take the kill switch off")] = False,
) -> None:
    """Watch fleets, answer interruption notices, and do alone what the policy allows alone; the rest waits for you.

    Ctrl+C ends it after the step under way. Exit 7: the kill switch is on, or another daemon leads.
    """
    from dataclasses import replace

    from tools.errors import UsageError
    from tui.opening import open_house

    settings = settings_of(ctx)
    asked = [
        n for n, given in (("--once", once), ("--status", status), ("--stop", stop), ("--resume", resume)) if given
    ]
    if len(asked) > 1:
        raise UsageError(f"{' and '.join(asked)} do not go together", hint="give one of them")
    if not math.isfinite(interval):
        raise UsageError(f"--interval {interval}: not a number of seconds", hint="such as --interval 300")
    settings = replace(settings, queue=events or settings.queue)
    with open_house(settings) as house:
        if stop:
            house.halt()
            _tell_switch(settings, house, "on: spotwarden run --resume takes it off")
        elif resume:
            house.resume_running()
            _tell_switch(settings, house, "off")
        elif status:
            _status(settings, house)
        else:
            _run(settings, house, once=once, interval=interval)


def _tell_switch(settings: Settings, house: "House", state: str) -> None:
    from tui.output import emit, say

    files = [str(path) for path in house.kill_switches]
    document = {"halted": house.halted(), "kill_switches": files}
    emit(settings, document, lambda: say(settings, f"kill switch {', '.join(files)} {state}"))


def _run(settings: Settings, house: "House", *, once: bool, interval: float) -> None:
    from agent.autonomy import Daemon
    from tui.output import emit, say

    with _stop_signal() as stopped:  # before the lease is taken: whoever stops us finds it free again
        if house.archive.unavailable:
            say(settings, f"what is seen is not kept: {house.archive.unavailable}")
        daemon = Daemon(
            house.actuation,
            house.queue,
            holder=house.daemon_name(),
            archive=house.archive,
            monitoring=house.monitoring,
            steady=house.steady,
            keeping=house.keeping,
            notifying=_notifying(settings, house),
        )
        if once:
            try:
                report = daemon.round()
                if daemon.notifying is not None:
                    daemon.notifying.look(gather=False)
                    for trouble in daemon.notifying.troubles():
                        say(settings, f"{trouble.message}; {trouble.hint}")
            finally:
                daemon.release()
            emit(settings, report, lambda: print("\n".join(_round_lines(report))))
            return
        who = house.account.reader.account()  # and never the model: the daemon runs without one
        where = f"{who.account_id} · {who.region} · {house.mode}"
        say(settings, f"{where} · round every {interval:g} s · Ctrl+C ends · spotwarden run --stop halts everything")
        if house.queue is None:
            say(settings, "no event queue: interruption notices are not seen; name one with --events URL")
        _watch(settings, daemon, interval, stopped)
    say(settings, "ended; the lease is free")


def _notifying(settings: Settings, house: "House") -> "Notifying | None":
    """Raises UsageError: the webhook that is named is no address to tell things to."""
    from agent.notifying import Notifying
    from agent.webhook import Webhook
    from tui.safe_text import safe_text

    if settings.webhook is None:
        return None
    return Notifying(house.journal, house.clock, Webhook(settings.webhook), shown=safe_text)


def _watch(settings: Settings, daemon: "Daemon", interval: float, stopped: threading.Event) -> None:
    from tui.output import inert_json

    watching = daemon.watch(interval_seconds=interval, stop=stopped.is_set, pause=stopped.wait)
    with closing(watching):  # a reader that went away must not keep the lease
        for report in watching:
            kind, lines = _told(report)
            if settings.json:  # one document a line: a stream has no end to wait for
                print(f'{{"{kind}":{inert_json(report.canonical())}}}', flush=True)
            else:
                print("\n".join(lines), flush=True)


def _told(report: "Round | ReflexReport | Trouble | Recovery") -> tuple[str, list[str]]:
    from agent.autonomy import Round, Trouble
    from tools.records import Recovery
    from tui.output import plain
    from tui.render_jobs import recovery_line

    if isinstance(report, Round):
        return "round", list(_round_lines(report))
    if isinstance(report, Trouble):
        return "trouble", [f"{report.at:%H:%M:%S}Z  {report.kind}: {plain(report.message)}; trying again"]
    if isinstance(report, Recovery):
        return "recovery", [recovery_line(report)]
    return "notices", list(_notice_lines(report))


@contextmanager
def _stop_signal() -> Iterator[threading.Event]:
    """The first Ctrl+C or TERM asks for an end between two steps; the second one is Python's own."""
    stopped = threading.Event()

    def ask(number: int, _frame: Any) -> None:
        stopped.set()
        signal.signal(number, signal.default_int_handler)

    before = {s: signal.signal(s, ask) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _round_lines(report: "Round") -> Iterator[str]:
    from tui.output import plain
    from tui.render import alert_line, counted, outcome_line
    from tui.render_jobs import recovery_line

    done = f"{counted(report.fleets, 'fleet')} looked at, {counted(len(report.steps), 'suggestion')}"
    yield f"{report.at:%H:%M:%S}Z  {done}"
    for outcome in report.settled:
        yield f"  left open before: {outcome_line(outcome)}"
    if report.notices is not None:
        yield from _notice_lines(report.notices)
    for alert in report.alerts:
        yield f"  {alert_line(alert)}"
    for watch in report.watches:
        yield f"  {_watch_line(watch)}"
    for recovery in report.recoveries:
        yield f"  {recovery_line(recovery)}"
    for step in report.steps:
        told = outcome_line(step.outcome) if step.outcome else plain("; ".join(step.reasons))
        waits = f"  → spotwarden approve {step.proposal_id}" if step.verdict == "ask" else ""
        yield f"  {plain(step.fleet)}: {step.action}: {step.verdict.upper()}: {told}{waits}"
    for left in report.held:
        yield f"  {plain(left.fleet)}: left as it is: {plain(left.held.why)}"


def _notice_lines(report: "ReflexReport") -> Iterator[str]:
    from tui.output import plain
    from tui.render import outcome_line

    yield f"  {len(report.notices)} new notices, {report.repeated} repeats"
    if report.unknown_instances:
        yield f"  in no fleet here: {', '.join(report.unknown_instances)}"
    if report.left_alone:
        yield f"  left alone, its fleet replaces it and keeps no checkpoints: {', '.join(report.left_alone)}"
    for step in report.steps:
        told = outcome_line(step.outcome) if step.outcome else plain("; ".join(step.reasons))
        yield f"  {step.at:%H:%M:%S}Z {plain(step.fleet)}: {step.action} {', '.join(step.instance_ids)}: {told}"
    if report.to_do:
        yield f"  will be tried again: {', '.join(report.to_do)}"


def _watch_line(watch: "WatchedChange") -> str:
    """ESCALATED asg/batch p-…: why, and what was recorded before it."""
    from tui.safe_text import safe_text

    loud = watch.status.upper() if watch.status in {"failed", "escalated"} else watch.status
    until = f" until {watch.until:%H:%M:%SZ}" if watch.open and watch.until is not None else ""
    seen = "; ".join(watch.verdict.reasons) if watch.verdict is not None else "not looked at yet"
    return safe_text(f"{loud}{until} {watch.fleet} {watch.proposal_id}: {watch.told or seen}", limit=2_000)


_WATCH_FIELDS = {"proposal_id", "fleet", "status", "on_fail", "until", "rollback_id", "told"}


def _watches(house: "House") -> "list[WatchedChange]":
    """Changes under watch, and for a day those that a person must look at."""
    from datetime import timedelta

    since = house.clock.now() - timedelta(days=1)
    known = house.journal.watches.of_status("watching", "failed", "escalated")
    return [w for w in known if w.ended_at is None or w.ended_at >= since]


def _status(settings: Settings, house: "House") -> None:
    from agent.autonomy import LEASE
    from tui.output import emit

    lease = house.journal.lease(LEASE)
    now = house.clock.now()
    alive = lease is not None and lease.expires_at > now
    waiting = house.journal.proposals(status="pending")
    last = house.journal.entries(kinds=("round",), newest_first=True, limit=1)
    document = {
        "leader": lease.holder if lease is not None and alive else None,
        "lease_expires_at": lease.expires_at if lease is not None and alive else None,
        "halted": house.halted(),
        **_law(house),
        "last_round_at": last[0].at if last else None,
        "waiting": [s.proposal.proposal_id for s in waiting],
        "open_intents": [o.intent.intent_id for o in house.open_intents()],
    }
    watches = _watches(house)
    lines = [f"{k:<17} {_show(v)}" for k, v in document.items()] + [f"{'watch':<17} {_watch_line(w)}" for w in watches]
    told = [w.model_dump(mode="json", include=_WATCH_FIELDS) for w in watches]
    emit(settings, document | {"watches": told}, lambda: print("\n".join(lines)))


def _law(house: "House") -> dict[str, str]:
    """The mode and the document; with one that is not valid, what is wrong with it."""
    from tools.errors import PolicyError

    try:
        return {"mode": house.mode, "policy": house.policy.source}
    except PolicyError as error:
        return {"mode": "none: nothing is changed", "policy": error.message}


def _show(value: Any) -> str:
    from tui.output import plain

    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else plain(value)
