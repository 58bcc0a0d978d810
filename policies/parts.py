"""The parts of a policy document that hold for every policy: accounts, protection, budgets, blast radius, windows."""

import difflib
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from policies.units import Dates, Duration, Moment, Percent, TimeOfDay, Usd, Zone
from tools.records import ACTION_TYPES

Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=500)]
AccountId = Annotated[str, StringConstraints(pattern=r"^\d{12}$")]
Role = Annotated[
    str, StringConstraints(pattern=r"^(arn:aws[a-z-]*:iam::\d{12}:role/[A-Za-z0-9_+=,.@/-]{1,200}|current)$")
]
Never = Literal["terminate-outside-asg", "delete-asg", "buy-commitment", "change-iam", "change-network"]
ModeWord = Literal["observe", "approve", "autonomous"]


class Part(BaseModel):
    """One mapping of the document: frozen, strict, and a key that it does not know is an error."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
        serialize_by_alias=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _knows_every_key(cls, value: Any) -> Any:
        if isinstance(value, dict):
            refuse_strange_keys(value, [f.alias or name for name, f in cls.model_fields.items()])
        return value


def refuse_strange_keys(value: dict[str, Any], known: list[str]) -> None:
    """Raises a finding that names every key that is not known, each with the nearest one that is."""
    strange = {str(key): near(str(key), known) for key in value if key not in known}
    if strange:
        raise PydanticCustomError("unknown_key", "unknown keys", {"strange": strange})


def near(word: str, known: list[str]) -> str:
    """The known word most like it, "" when there is none to offer."""
    found = difflib.get_close_matches(word, known, n=1, cutoff=0.0)
    return found[0] if found else ""


class Defaults(Part):
    timezone: Zone = "UTC"
    """of every window that names none"""
    currency: Literal["USD"] = "USD"
    mode: ModeWord = "observe"
    """of policies that name none"""
    kill_switch: Text | None = None
    """a file: while it exists nothing is applied"""


class AccountRule(Part):
    id: AccountId
    """quoted: YAML would eat leading zeros"""
    regions: tuple[Word, ...] = Field(min_length=1)
    read_role: Role | None = None
    write_role: Role | None = None
    """absent: observe only; an ARN: the writer must be that role; current: the credentials in use may write"""


class ProtectedTag(Part):
    key: Text
    value: Text | None = None
    """absent: any value protects"""


class Protect(Part):
    """Beats every policy; no approval overrides it."""

    tags: tuple[ProtectedTag, ...] = ()
    instance_ids: tuple[Annotated[str, StringConstraints(pattern=r"^i-[0-9a-f]{8,17}$")], ...] = ()
    scale_in_protected: Literal["respect", "ask"] = "respect"
    """respect: an action that touches a scale-in-protected instance is denied"""
    never: tuple[str, ...] = ()
    """actions that are never done"""

    @model_validator(mode="after")
    def _never_names_actions(self) -> Self:
        known = [*Never.__args__, *ACTION_TYPES]  # type: ignore[attr-defined]
        for word in self.never:
            if word not in known:
                raise ValueError(f"never: no action is called {word!r}; nearest: {near(word, known)!r}")
        return self


class Budget(Part):
    """A sum over a sliding window; of several the tightest one wins."""

    name: Word
    limit: Usd = Field(ge=0)
    per: Literal["hour", "day", "week", "month"]
    """a sliding window; a month is 30 days"""
    measure: Literal["added_cost", "llm_and_api_cost", "effective_cost"]
    """added_cost: what actions add, as a rate over the period; effective_cost: what the account spends"""
    on_breach: Literal["deny", "observe", "ask"] = "deny"


class Count(Part):
    count: int = Field(ge=0, le=1_000_000)
    per: Duration


class ReplacedLimit(Part):
    """Instances that end or leave service in one fleet over a sliding window; the smaller of both applies.

    Single instances are limited by the count alone, together with everything else in the account.
    """

    percent: Percent | None = None
    """of the fleet's desired capacity, rounded down"""
    count: int | None = Field(default=None, ge=0, le=1_000_000)
    per: Duration

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if self.percent is None and self.count is None:
            raise ValueError("limits nothing: give percent, count or both")
        return self


UNSAID_REPLACED = ReplacedLimit(percent=50.0, count=10, per="1h")
"""what somebody may choose to replace without a person's yes, where the document says nothing about it"""


class HaltIf(Part):
    """Stops autonomous mode: what would be allowed asks."""

    metric: Literal["failed_launches", "interruptions_per_100_instance_hours", "audit_chain_valid", "price_data_age"]
    over: int | float | Duration | None = None
    equals: bool | None = None
    within: Duration | None = None
    """the span over which the metric is counted"""

    @model_validator(mode="after")
    def _fits_its_metric(self) -> Self:
        if self.metric == "audit_chain_valid":
            if self.equals is None or self.over is not None:
                raise ValueError("audit_chain_valid is true or false: give equals")
        elif self.over is None or self.equals is not None:
            raise ValueError(f"{self.metric} is a number: give over")
        elif isinstance(self.over, str) != (self.metric == "price_data_age"):
            raise ValueError("over: price_data_age takes a duration such as 2h, the other metrics a number")
        return self


class BlastRadius(Part):
    """Counted over sliding windows, across all policies and sessions."""

    max_actions: Count | None = None
    max_instances_replaced: ReplacedLimit | None = None
    """of each fleet by itself; single instances count with all that was replaced in the account.
    none: more than half of a fleet, or than 10 instances, in one hour asks a person (never the reflex)"""
    max_concurrent_fleets: int | None = Field(default=None, ge=1, le=10_000)
    """not asked of the reflex: notices come when they come"""
    cooldown_after_change: Duration | None = None
    """of one fleet; not asked of the reflex"""
    halt_if: tuple[HaltIf, ...] = ()

    @property
    def replaced_limit(self) -> ReplacedLimit:
        return self.max_instances_replaced or UNSAID_REPLACED


class Window(Part):
    """When policies that name it may act; with `deny`, when nothing may."""

    days: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = ()
    """of the start, for windows that cross midnight; none = every day"""
    from_: TimeOfDay | None = Field(default=None, alias="from")
    to: TimeOfDay | None = None
    """an end before the start is on the next day; "24:00" is the end of the day"""
    timezone: Zone | None = None
    dates: tuple[Dates, ...] = ()
    """both ends included"""
    deny: Literal["all", "changes"] | None = None
    """a freeze: all = nothing at all, changes = all but the reflex to an interruption"""

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if (self.from_ is None) != (self.to is None):
            raise ValueError("give both from and to, or neither for whole days")
        if self.from_ is not None and self.from_ == self.to:
            raise ValueError("from equals to: leave both out for whole days")
        if not self.days and not self.dates and self.from_ is None:
            raise ValueError("names no time: give days, from and to, or dates")
        return self


class Quorum(Part):
    """How many different people must approve."""

    default: int = Field(default=1, ge=1, le=5)
    replace_over_percent: tuple[tuple[float, int], ...] = ()
    """(percent of the fleet, people), written `replace_over_20_percent: 2`"""

    @model_validator(mode="before")
    @classmethod
    def _knows_every_key(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        rest, steps = {}, []
        for key, people in value.items():
            digits = key[13:-8] if key.startswith("replace_over_") and key.endswith("_percent") else ""
            if not digits.isdecimal() or not digits.isascii() or int(digits) > 100:
                rest[key] = people
            elif isinstance(people, bool) or not isinstance(people, int) or not 1 <= people <= 5:
                raise ValueError(f"{key}: give 1 to 5 people")
            else:
                steps.append((float(digits), people))
        refuse_strange_keys(rest, ["default", "replace_over_20_percent"])
        return {**rest, "replace_over_percent": tuple(sorted(steps))}

    @property
    def most(self) -> int:
        return max([self.default, *(people for _, people in self.replace_over_percent)])


class Channel(Part):
    """Where an approval is asked for. A secret is named by its environment variable, never written."""

    type: Literal["tui", "webhook"]
    url_env: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{0,127}$")] | None = None

    @model_validator(mode="after")
    def _webhook_has_its_variable(self) -> Self:
        if (self.type == "webhook") != (self.url_env is not None):
            raise ValueError("a webhook names its address by url_env, a tui has none")
        return self


class Escalation(Part):
    approvers: tuple[Text, ...] = ()
    """none: any person"""
    quorum: Quorum = Quorum()
    approval_ttl: Duration = "30m"
    """unanswered: expired, which is denied"""
    channels: tuple[Channel, ...] = ()

    @model_validator(mode="after")
    def _can_be_reached(self) -> Self:
        if self.approvers and len(set(self.approvers)) < self.quorum.most:
            raise ValueError(f"quorum asks for {self.quorum.most} people, approvers names {len(set(self.approvers))}")
        return self


__all__ = ["AccountRule", "BlastRadius", "Budget", "Defaults", "Escalation", "Moment", "Part", "Protect", "Window"]
