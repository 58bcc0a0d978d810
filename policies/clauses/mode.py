"""How far a policy goes: its mode, its window, its expiry, what autonomy must have earned, its expressions."""
# ruff: noqa: ARG002 - every clause is asked with the same three, whether it needs them or not

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from policies.clauses.clause import Clause, Example, Word, missing
from policies.expressions import Expression, context_maker
from policies.parts import Window
from policies.records import Facts, Verdict
from policies.rules import Requires
from policies.windows import opening
from tools.records import Action, utc_text


class Observe(Clause):
    """observe: nothing is written."""

    key = "mode"
    examples = (Example({}, {}, "deny"),)

    def holds(self) -> str:
        return "observe only"

    def ask(self, action: Action, facts: Facts, now: datetime) -> Word | None:
        return "deny", "observe only: proposals are recorded, nothing is changed"


class Approve(Clause):
    """approve: a person says yes each time."""

    key = "mode"
    examples = (Example({}, {}, "ask"),)

    def holds(self) -> str:
        return "a person approved"

    def ask(self, action: Action, facts: Facts, now: datetime) -> Word | None:
        return "ask", "mode approve: a person must say yes"


class Autonomous(Clause):
    """autonomous: allowed in advance, inside everything that the other clauses say."""

    key = "mode"
    examples = (Example({}, {}, None),)

    def holds(self) -> str:
        return "mode autonomous: allowed in advance inside its limits"

    def ask(self, action: Action, facts: Facts, now: datetime) -> Word | None:
        return None


class InWindow(Clause):
    """Outside of the policy's windows nothing happens."""

    key = "mode.window"
    _night = Window(days=("mon", "tue", "wed", "thu"), **{"from": "01:00", "to": "06:00"})  # type: ignore[arg-type]
    examples = (
        Example({"windows": {"night": _night}, "timezone": "UTC"}, {}, None, now="2026-11-19T02:00:00Z"),
        Example({"windows": {"night": _night}, "timezone": "UTC"}, {}, "deny", now="2026-11-19T06:00:00Z"),
        Example({"windows": {"night": _night}, "timezone": "UTC"}, {}, "deny", now="2026-11-20T02:00:00Z"),
        Example({"windows": {"night": _night}, "timezone": "Asia/Seoul"}, {}, "deny", now="2026-11-19T02:00:00Z"),
    )

    def __init__(self, windows: dict[str, Window], timezone: str) -> None:
        self.names = " or ".join(windows)
        self.are_inside: tuple[Callable[[datetime], bool], ...] = tuple(
            opening(w, timezone=timezone) for w in windows.values()
        )

    def holds(self) -> str:
        return f"inside the window {self.names}"

    def ask(self, action: Action, facts: Facts, now: datetime) -> Word | None:
        for is_inside in self.are_inside:
            if is_inside(now):
                return None
        return "deny", f"outside the window {self.names}"


class Unexpired(Clause):
    """An expired document or policy denies."""

    key = "expires"
    examples = (
        Example({"at": datetime(2026, 11, 20, tzinfo=UTC)}, {}, None, now="2026-11-19T23:59:59Z"),
        Example({"at": datetime(2026, 11, 20, tzinfo=UTC)}, {}, "deny", now="2026-11-20T00:00:00Z"),
    )

    def __init__(self, at: datetime) -> None:
        self.at = at

    def holds(self) -> str:
        return f"expires {utc_text(self.at)}"

    def ask(self, action: Action, facts: Facts, now: datetime) -> Word | None:
        return None if now < self.at else ("deny", f"expired {utc_text(self.at)}")


class Earned(Clause):
    """What autonomy must have shown; short of it a person is asked, or `else` says observe."""

    key = "mode.requires"
    _all = Requires(observe_days=14, prediction_error_max_percent=15, approved_in_a_row=10)
    _shown = {"observed_days": 14.0, "prediction_error_percent": 15.0, "approved_in_a_row": 10}
    _drill = Requires(drill_newer_than_days=30, drill_ready_within_seconds=600)
    _drilled = {"drill_age_days": 30.0, "drill_ready_seconds": 600.0}
    examples = (
        Example({"otherwise": "ask", "requires": _all}, {"track_record": _shown}, None),
        Example({"otherwise": "ask", "requires": _all}, {"track_record": {**_shown, "observed_days": 13.0}}, "ask"),
        Example({"otherwise": "deny", "requires": _all}, {"track_record": {**_shown, "approved_in_a_row": 9}}, "deny"),
        Example({"otherwise": "deny", "requires": _all}, {"track_record": {}}, "ask"),
        Example(
            {"otherwise": "ask", "requires": _all},
            {"track_record": {**_shown, "prediction_error_percent": 15.1}},
            "ask",
        ),
        Example({"otherwise": "deny", "requires": _drill}, {"track_record": _drilled}, None),
        Example(
            {"otherwise": "ask", "requires": _drill}, {"track_record": {**_drilled, "drill_age_days": 30.1}}, "ask"
        ),
        Example(
            {"otherwise": "deny", "requires": _drill}, {"track_record": {**_drilled, "drill_age_days": 31}}, "deny"
        ),
        Example(
            {"otherwise": "deny", "requires": _drill},
            {"track_record": {**_drilled, "drill_ready_seconds": 601}},
            "deny",
        ),
        Example({"otherwise": "deny", "requires": _drill}, {"track_record": {"drill_ready_seconds": 60}}, "ask"),
        Example({"otherwise": "deny", "requires": _drill}, {"track_record": {"drill_age_days": 1}}, "ask"),
    )

    def __init__(self, otherwise: Verdict, requires: Requires) -> None:
        self.otherwise: Verdict = otherwise
        self.days = requires.observe_days
        self.error = requires.prediction_error_max_percent
        self.row = requires.approved_in_a_row
        self.drill_days = requires.drill_newer_than_days
        self.drill_ready = requires.drill_ready_within_seconds

    def holds(self) -> str:
        words = (
            f"{self.days} days observed" if self.days is not None else "",
            f"predictions off by at most {self.error:g} %" if self.error is not None else "",
            f"{self.row} approved in a row" if self.row is not None else "",
            f"a measured interruption at most {self.drill_days} days ago" if self.drill_days is not None else "",
            f"its job working on within {self.drill_ready} s of the notice" if self.drill_ready is not None else "",
        )
        return "earned: " + (", ".join(filter(None, words)) or "nothing is required")

    def ask(self, action: Action, facts: Facts, now: datetime) -> Word | None:
        shown = facts.track_record
        checks = (
            (self.days, shown.observed_days, "observed_days", 1),
            (self.error, shown.prediction_error_percent, "prediction_error_percent", -1),
            (self.row, shown.approved_in_a_row, "approved_in_a_row", 1),
            (self.drill_days, shown.drill_age_days, "drill_age_days", -1),
            (self.drill_ready, shown.drill_ready_seconds, "drill_ready_seconds", -1),
        )
        short: Word | None = None
        for wanted, value, name, sign in checks:
            if wanted is None:
                continue
            if value is None:
                return missing(f"track_record.{name}")
            if (value - wanted) * sign < 0 and short is None:
                most = "at most " if sign < 0 else ""
                short = self.otherwise, f"not earned yet: {name} is {value:g}, {most}{wanted:g} is required"
        return short


class When(Clause):
    """CEL expressions: anything but true denies, a fact that one names and that is missing asks."""

    key = "when"
    examples = (
        Example({"sources": ("facts.instances <= 40",)}, {"instances": 40}, None),
        Example({"sources": ("facts.instances <= 40",)}, {"instances": 41}, "deny"),
        Example({"sources": ("facts.instances <= 40",)}, {"instances": None}, "ask"),
        Example({"sources": ('facts.tags["team"] == "web"',)}, {"tags": {}}, "deny"),
        Example({"sources": ("facts.added_cost_usd_per_day < 2.5",)}, {"added_cost_usd_per_day": "2.49"}, None),
        Example({"sources": ('action.kind == "change-fleet"', "facts.zones > 1")}, {"zones": 1}, "deny"),
    )

    def __init__(self, sources: tuple[str, ...], context: "SharedContext | None" = None) -> None:
        self.expressions = tuple(Expression(s) for s in sources)
        self.needed = tuple(dict.fromkeys(p for e in self.expressions for p in e.needed_facts))
        self.context = context if context is not None else SharedContext()
        self.context.add(self.expressions)

    def holds(self) -> str:
        return " and ".join(e.source for e in self.expressions)

    def ask(self, action: Action, facts: Facts, now: datetime) -> Word | None:
        for path in self.needed:
            value: Any = facts
            for name in path:
                value = getattr(value, name, None) if not isinstance(value, dict) else value
                if value is None:
                    return missing(".".join(path))
        said = ""
        try:
            context = self.context.of(action, facts, now)
            for expression in self.expressions:
                said = expression.source
                if not expression.holds(context):
                    return "deny", f"not true: {said}"
        except Exception as error:  # noqa: BLE001 - whatever goes wrong inside an expression denies
            return "deny", f"{said}: {type(error).__name__}: {str(error).split('.')[0]}"
        return None


class SharedContext:
    """One CEL context for all expressions of a document: building it costs more than evaluating five of them.

    Only the last one is kept, by identity of what it was built from; each decision begins with `forget`.
    """

    def __init__(self) -> None:
        self.expressions: tuple[Expression, ...] = ()
        self.make: Callable[[Any, Facts, datetime], Any] | None = None
        self.last: tuple[Any, Any, Any, Any] = (None, None, None, None)

    def add(self, expressions: tuple[Expression, ...]) -> None:
        self.expressions += expressions

    def forget(self) -> None:
        self.last = (None, None, None, None)

    def of(self, action: Action, facts: Facts, now: datetime) -> Any:
        last = self.last
        if last[0] is action and last[1] is facts and last[2] is now:
            return last[3]
        if self.make is None:
            self.make = context_maker(self.expressions)
        context = self.make(action, facts, now)
        self.last = (action, facts, now, context)
        return context
