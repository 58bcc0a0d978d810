"""Budgets, and the limits that are about money."""
# ruff: noqa: ARG002 - every clause is asked with the same three, whether it needs them or not

from datetime import datetime
from decimal import Decimal
from typing import Literal

from policies.clauses.clause import CHOSEN, COSTS, KEEPS, MOVES, Clause, Example, Word, missing
from policies.parts import Budget
from policies.records import Facts, Reservation, Verdict
from policies.rules import AddedCost, NetSaving
from policies.units import PERIOD_SECONDS
from tools.records import Action

_PER_DAY = {"hour": Decimal(24), "day": Decimal(1), "week": Decimal(1) / 7, "month": Decimal(1) / 30}


def _per_day(amount: Decimal, per: str) -> Decimal:
    return amount * _PER_DAY[per]


def _usd(amount: Decimal) -> str:
    return f"${amount:,.2f}"


_EXTRA = Budget(name="extra", limit=Decimal(50), per="day", measure="added_cost")
_TOOLS = Budget(name="tools", limit=Decimal(5), per="day", measure="llm_and_api_cost")
_MONTH = Budget(name="month", limit=Decimal(42000), per="month", measure="effective_cost", on_breach="observe")


class BudgetClause(Clause):
    """A sum over a sliding window that an action may not take past its limit."""

    key = "budgets"

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.name = budget.name
        self.limit = budget.limit
        self.verdict: Verdict = "ask" if budget.on_breach == "ask" else "deny"
        self.window_seconds = PERIOD_SECONDS[budget.per]
        self.breach = "observe only: " if budget.on_breach == "observe" else ""

    def over(self, text: str) -> Word:
        return (
            self.verdict,
            f"{self.breach}{text}, and the budget {self.name} is {_usd(self.limit)} per {self.budget.per}",
        )


class AddedCostBudget(BudgetClause):
    """What actions add, summed: each adds its rate over the period, so +$2 a day counts 2 in a budget per day."""

    actions = COSTS
    chosen = KEEPS
    examples = (
        Example({"budget": _EXTRA}, {"added_cost_usd_per_day": "10", "use": {"added_cost_usd": {"extra": "40"}}}, None),
        Example(
            {"budget": _EXTRA}, {"added_cost_usd_per_day": "10.01", "use": {"added_cost_usd": {"extra": "40"}}}, "deny"
        ),
        Example({"budget": _EXTRA}, {"added_cost_usd_per_day": "-3"}, None),
        Example({"budget": _EXTRA}, {"added_cost_usd_per_day": None}, "ask"),
        Example({"budget": _EXTRA}, {"added_cost_usd_per_day": "1", "use": {}}, "ask"),
    )

    def __init__(self, budget: Budget) -> None:
        super().__init__(budget)
        self.days = Decimal(self.window_seconds) / 86_400

    def holds(self) -> str:
        return f"the budget {self.name} of {_usd(self.limit)} per {self.budget.per} is not passed"

    def ask(self, action: Action, facts: Facts, now: datetime) -> Word | None:
        added = facts.added_cost_usd_per_day
        if added is None:
            return missing("added_cost_usd_per_day: a price is unknown")
        if added <= 0:
            return None
        used = facts.use.added_cost_usd.get(self.name)
        if used is None:
            return missing(f"what was added under the budget {self.name}")
        total = used + added * self.days
        return None if total <= self.limit else self.over(f"adds {_usd(added * self.days)} to {_usd(used)}")

    def takes(self, action: Action, facts: Facts) -> Reservation | None:
        added = facts.added_cost_usd_per_day
        if added is None or added <= 0:
            return None
        return Reservation.model_construct(
            limit=self.name,
            measure="added_cost_usd",
            scope="*",
            amount=added * self.days,
            ceiling=self.limit,
            window_seconds=self.window_seconds,
        )


class ToolCostBudget(BudgetClause):
    """Model tokens and paid calls. The reflex uses neither."""

    actors = CHOSEN
    examples = (
        Example({"budget": _TOOLS}, {"use": {"tool_cost_usd": {"tools": "4.99"}}}, None),
        Example({"budget": _TOOLS}, {"use": {"tool_cost_usd": {"tools": "5"}}}, "deny"),
        Example({"budget": _TOOLS}, {"use": {}}, "ask"),
    )

    def holds(self) -> str:
        return f"model and API cost are below the budget {self.name} of {_usd(self.limit)} per {self.budget.per}"

    def ask(self, action: Action, facts: Facts, now: datetime) -> Word | None:
        used = facts.use.tool_cost_usd.get(self.name)
        if used is None:
            return missing(f"what was spent under the budget {self.name}")
        return None if used < self.limit else self.over(f"{_usd(used)} are spent")


class SpendBudget(BudgetClause):
    """What the account spends in the period; one more day of the action's added cost must still fit."""

    actions = COSTS
    chosen = KEEPS
    examples = (
        Example({"budget": _MONTH}, {"use": {"effective_cost_usd": {"month": "41000"}}}, None),
        Example({"budget": _MONTH}, {"use": {"effective_cost_usd": {"month": "42000"}}}, "deny"),
        Example({"budget": _MONTH}, {"use": {}}, "ask"),
        Example(
            {"budget": _MONTH},
            {"added_cost_usd_per_day": None, "use": {"effective_cost_usd": {"month": "1"}}},
            "ask",
        ),
    )

    def holds(self) -> str:
        return f"the spend is below the budget {self.name} of {_usd(self.limit)} per {self.budget.per}"

    def ask(self, action: Action, facts: Facts, now: datetime) -> Word | None:
        spent, added = facts.use.effective_cost_usd.get(self.name), facts.added_cost_usd_per_day
        if spent is None:
            return missing(f"the effective cost under the budget {self.name}")
        if added is None:
            return missing("added_cost_usd_per_day: a price is unknown")
        return None if spent + max(added, Decimal(0)) < self.limit else self.over(f"{_usd(spent)} are spent")


class Limit(Clause):
    """A bound of one policy; outside of it speaks `otherwise`: deny, or ask where `else` says approve."""

    def __init__(self, otherwise: Verdict) -> None:
        self.otherwise: Verdict = otherwise


class MaxPrice(Limit):
    """A bid in USD an instance-hour. No action sets one, and no fact tells one: it asks."""

    key = "limits.max_price"
    actions = MOVES
    examples = (Example({"otherwise": "deny", "usd": Decimal("0.5")}, {}, "ask"),)

    def __init__(self, otherwise: Verdict, usd: Decimal) -> None:
        super().__init__(otherwise)
        self.usd = usd

    def holds(self) -> str:
        return f"every pool costs at most {_usd(self.usd)} an hour"

    def ask(self, action: Action, facts: Facts, now: datetime) -> Word | None:
        return missing(f"the price of every pool after the change, for max_price {_usd(self.usd)}")


class MinNetSaving(Limit):
    """What the action must save, on the basis that the document names, after what it says to take off."""

    key = "limits.min_net_saving"
    actions = MOVES
    _one = NetSaving(amount=Decimal(1), per="day", basis="contracted", after=("commitment_waste",))
    _told = {"net_saving_basis": "contracted", "net_saving_after": ("commitment_waste",)}
    examples = (
        Example({"otherwise": "ask", "saving": _one}, {"net_saving_usd_per_day": "1", **_told}, None),
        Example({"otherwise": "ask", "saving": _one}, {"net_saving_usd_per_day": "0.99", **_told}, "ask"),
        Example({"otherwise": "deny", "saving": _one}, {"net_saving_usd_per_day": "0.99", **_told}, "deny"),
        Example({"otherwise": "deny", "saving": _one}, {"net_saving_usd_per_day": None}, "ask"),
        Example({"otherwise": "deny", "saving": _one}, {"net_saving_usd_per_day": "9", "net_saving_after": ()}, "ask"),
    )

    def __init__(self, otherwise: Verdict, saving: NetSaving) -> None:
        super().__init__(otherwise)
        self.saving = saving
        self.per_day = _per_day(saving.amount, saving.per)
        self.after = frozenset(saving.after)

    def holds(self) -> str:
        return f"saves at least {_usd(self.saving.amount)} per {self.saving.per} ({self.saving.basis})"

    def ask(self, action: Action, facts: Facts, now: datetime) -> Word | None:
        saving = facts.net_saving_usd_per_day
        if saving is None:
            return missing("net_saving_usd_per_day")
        if facts.net_saving_basis != self.saving.basis:
            return missing(f"the net saving on the {self.saving.basis} basis")
        if self.after and not self.after.issubset(facts.net_saving_after):
            left = sorted(self.after.difference(facts.net_saving_after))
            return missing(f"the net saving after {', '.join(left)}")
        return None if saving >= self.per_day else (self.otherwise, f"saves {_usd(saving)} per day, " + self._wanted())

    def _wanted(self) -> str:
        return f"at least {_usd(self.saving.amount)} per {self.saving.per} is wanted"


class MaxAddedCost(Limit):
    """What one action may add."""

    key = "limits.max_added_cost"
    actions = COSTS
    chosen = KEEPS
    examples = (
        Example({"otherwise": "ask", "cost": AddedCost(amount=Decimal(2))}, {"added_cost_usd_per_day": "2"}, None),
        Example({"otherwise": "ask", "cost": AddedCost(amount=Decimal(2))}, {"added_cost_usd_per_day": "2.5"}, "ask"),
        Example({"otherwise": "deny", "cost": AddedCost(amount=Decimal(2))}, {"added_cost_usd_per_day": None}, "ask"),
    )

    def __init__(self, otherwise: Verdict, cost: AddedCost) -> None:
        super().__init__(otherwise)
        self.cost = cost
        self.per_day = _per_day(cost.amount, cost.per)

    def holds(self) -> str:
        return f"adds at most {_usd(self.cost.amount)} per {self.cost.per}"

    def ask(self, action: Action, facts: Facts, now: datetime) -> Word | None:
        added = facts.added_cost_usd_per_day
        if added is None:
            return missing("added_cost_usd_per_day: a price is unknown")
        return (
            None
            if added <= self.per_day
            else (self.otherwise, f"adds {_usd(added)} per day: {self.holds()} is allowed")
        )


BUDGETS: dict[Literal["added_cost", "llm_and_api_cost", "effective_cost"], type[BudgetClause]] = {
    "added_cost": AddedCostBudget,
    "llm_and_api_cost": ToolCostBudget,
    "effective_cost": SpendBudget,
}
