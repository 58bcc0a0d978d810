"""One policy of a document: whom it speaks about, in which mode, inside which bounds, which actions it names."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from policies.parts import ModeWord, Part, Text, Word, near
from policies.units import Duration, Moment, Percent, Usd
from tools.records import ACTION_TYPES, RiskLevel, SpotAllocationStrategy

Resource = Literal["aws.asg", "aws.ec2-fleet", "aws.spot-fleet", "aws.ec2", "aws.ebs", "aws.ebs-snapshot", "any"]
FILTER_KEYS = (
    "fleet",
    "account_id",
    "region",
    "desired_capacity",
    "instances",
    "zones",
    "MixedInstancesPolicy",
)
FilterOp = Literal[
    "eq", "equal", "ne", "not-equal", "gt", "greater-than", "ge", "gte", "lt", "less-than", "le", "lte",
    "in", "ni", "not-in", "glob", "contains",
]  # fmt: skip
ON_NOTICE = ("request-checkpoint", "deregister-targets", "replace-instances", "restore-checkpoint")
"""what an interruption notice may ask for: to save, drain, replace, resume"""
Scalar = bool | int | float | str
FREE_WORDS = ("record-kpis", "propose")
"""Custodian-style words that change no purchase option here: nothing that spotwarden does needs them"""


class TagFilter(Part):
    """`{"tag:team": web}`; `present` and `absent` ask whether there is such a tag."""

    tag: Text
    value: str


class ValueFilter(Part):
    """`{type: value, key: …, op: …, value: …}`"""

    type: Literal["value"]
    key: Text
    op: FilterOp = "eq"
    value: Scalar | tuple[Scalar, ...]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.key not in FILTER_KEYS and not self.key.startswith("tag:"):
            known = [*FILTER_KEYS, "tag:NAME"]
            raise ValueError(f"no value is called {self.key!r}; nearest: {near(self.key, known)!r}")
        if (self.op in ("in", "ni", "not-in")) != isinstance(self.value, tuple):
            raise ValueError("a list of values goes with in and not-in, one value with the other ops")
        if self.key == "MixedInstancesPolicy" and self.value not in ("present", "absent"):
            raise ValueError("MixedInstancesPolicy: value is present or absent")
        numbers = self.op in ("gt", "greater-than", "ge", "gte", "lt", "less-than", "le", "lte")
        if numbers and (isinstance(self.value, bool) or not isinstance(self.value, int | float)):
            raise ValueError(f"{self.op} compares numbers")
        if self.op in ("glob", "contains") and not isinstance(self.value, str):
            raise ValueError(f"{self.op} compares text")
        self._has_the_type_of_its_key()
        return self

    def _has_the_type_of_its_key(self) -> None:
        values = self.value if isinstance(self.value, tuple) else (self.value,)
        number = self.key in ("desired_capacity", "instances", "zones")
        for value in values:
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if number != is_number and value not in ("present", "absent"):
                raise ValueError(f"{self.key} is {'a number' if number else 'text: quote it'}")
        if number and self.op in ("glob", "contains"):
            raise ValueError(f"{self.op} compares text, and {self.key} is a number")
        if not number and self.op in ("gt", "greater-than", "ge", "gte", "lt", "less-than", "le", "lte"):
            raise ValueError(f"{self.op} compares numbers, and {self.key} is text")


class AndFilter(Part):
    and_: tuple["Filter", ...] = Field(alias="and", min_length=1)


class OrFilter(Part):
    or_: tuple["Filter", ...] = Field(alias="or", min_length=1)


class NotFilter(Part):
    not_: tuple["Filter", ...] = Field(alias="not", min_length=1)
    """not all of them at once: the list is an `and`, as in Custodian"""


def _as_filter(value: Any) -> Any:
    if isinstance(value, dict) and len(value) == 1:
        key, wanted = next(iter(value.items()))
        if isinstance(key, str) and key.startswith("tag:"):
            if not isinstance(wanted, str):
                raise PydanticCustomError("tag_text", "a tag's value is text: quote it")
            return {"tag": key[4:], "value": wanted}
    return value


def _filter_kind(value: Any) -> str:
    if isinstance(value, Part):
        return type(value).__name__
    keys = value if isinstance(value, dict) else {}
    for word in ("and", "or", "not", "tag"):
        if word in keys:
            return f"{word.title()}Filter"
    return "ValueFilter"


Filter = Annotated[
    Annotated[TagFilter, Tag("TagFilter")]
    | Annotated[ValueFilter, Tag("ValueFilter")]
    | Annotated[AndFilter, Tag("AndFilter")]
    | Annotated[OrFilter, Tag("OrFilter")]
    | Annotated[NotFilter, Tag("NotFilter")],
    Discriminator(_filter_kind),
    BeforeValidator(_as_filter),
]


class Requires(Part):
    """What autonomy must have earned; not met falls back to a person, with the reason shown."""

    observe_days: int | None = Field(default=None, ge=0, le=3_650)
    prediction_error_max_percent: Percent | None = None
    approved_in_a_row: int | None = Field(default=None, ge=0, le=10_000)
    drill_newer_than_days: int | None = Field(default=None, ge=1, le=3_650)
    """an interruption, made on purpose or not, that a job of the fleet recovered from and that was measured"""
    drill_ready_within_seconds: int | None = Field(default=None, ge=1, le=86_400)
    """from its notice until the job worked on"""

    @property
    def asks_for_drill(self) -> bool:
        return self.drill_newer_than_days is not None or self.drill_ready_within_seconds is not None


class Mode(Part):
    """How far the policy goes: observe records, approve asks a person, autonomous acts inside its limits."""

    type: ModeWord
    window: Word | tuple[Word, ...] | None = None
    """outside of all of them: denied"""
    schedule: Annotated[str, Field(pattern=r"^every [1-9][0-9]{0,5}(s|m|h|d)$")] | None = None
    """how often the daemon looks"""
    on: Literal["interruption-notice"] | None = None
    """the policy speaks to the reflex, and only to it: what an interruption notice may do at once, without a
    model and without a person. Autonomous only: it is a yes that is given in advance"""
    requires: Requires | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.on is not None and self.type != "autonomous":
            raise ValueError("on: interruption-notice does not wait for a person: the type is autonomous")
        if self.requires is not None and self.type != "autonomous":
            raise ValueError("requires belongs to autonomous")
        return self


class Bounds(Part):
    min: int | None = Field(default=None, ge=0, le=100_000)
    max: int | None = Field(default=None, ge=0, le=100_000)

    @model_validator(mode="after")
    def _bounds_something(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError("bounds nothing: give min, max or both")
        if self.min is not None and self.max is not None and self.max < self.min:
            raise ValueError("max is below min")
        return self


class PercentBounds(Bounds):
    min: int | None = Field(default=None, ge=0, le=100)
    max: int | None = Field(default=None, ge=0, le=100)


class Capacity(Part):
    """What the fleet must be after the change."""

    on_demand_base: Bounds | None = None
    on_demand_percent_above_base: PercentBounds | None = None
    on_demand_instances: Bounds | None = None
    desired: Bounds | None = None
    spot_floor_percent: Percent | None = None
    """of the desired capacity, at least this much on spot"""


class Diversification(Part):
    min_instance_types: int | None = Field(default=None, ge=1, le=40)
    min_azs: int | None = Field(default=None, ge=1, le=30)
    max_share_per_pool_percent: Percent | None = None


class NetSaving(Part):
    amount: Usd
    per: Literal["hour", "day", "month"] = "day"
    basis: Literal["list", "contracted", "effective"] = "effective"
    after: tuple[Literal["interruption_overhead", "commitment_waste"], ...] = ()
    """what must have been taken off before"""


class AddedCost(Part):
    amount: Usd
    per: Literal["hour", "day", "month"] = "day"


class Limits(Part):
    """The bounds of acting. `else` says what happens outside of them; without it: denied."""

    max_price: Literal["none"] | Usd | None = None
    """USD an instance-hour; none is what AWS advises"""
    min_net_saving: NetSaving | None = None
    max_added_cost: AddedCost | None = None
    min_placement_score: int | None = Field(default=None, ge=1, le=10)
    max_risk: Literal["low", "medium", "high"] | None = None
    """of the fleet after the change"""
    max_price_age: Duration | None = None
    max_instances_replaced: int | None = Field(default=None, ge=0, le=100_000)
    """by one action"""


class Else(Part):
    """What happens outside `limits`, and when `requires` is not met. It answers nothing else."""

    type: Literal["approve", "observe"]


class Verified(Part):
    verify_after: Duration | None = None
    """health and cost are checked then"""
    on_verify_fail: Literal["rollback", "escalate"] | None = None

    @model_validator(mode="after")
    def _has_both(self) -> Self:
        if self.on_verify_fail is not None and self.verify_after is None:
            raise ValueError("on_verify_fail needs verify_after")
        return self


class SetPurchaseMix(Verified):
    type: Literal["set-purchase-mix"]
    step_percent: int | None = Field(default=None, ge=1, le=100)
    """most that the on-demand percentage above base moves in one action"""


class SetAllocationStrategy(Verified):
    type: Literal["set-allocation-strategy"]
    value: SpotAllocationStrategy | tuple[SpotAllocationStrategy, ...] | None = None
    """the only ones allowed; none = any"""


class SetInstanceTypes(Verified):
    type: Literal["set-instance-types"]
    values: tuple[Text, ...] | None = Field(default=None, min_length=1)
    """globs, such as "m6i.*": every type after the change matches one"""


class AddInstanceTypes(Verified):
    """set-instance-types that takes none away."""

    type: Literal["add-instance-types"]
    from_: Literal["attribute-based", "list"] = Field(default="list", alias="from")
    max_added: int | None = Field(default=None, ge=1, le=40)


class OtherAction(Verified):
    type: Literal[
        "set-desired-capacity", "set-size-limits", "enable-capacity-rebalance", "set-scale-in-protection",
        "set-launch-template-version", "replace-instances", "request-checkpoint", "restore-checkpoint",
        "start-instance-refresh", "cancel-instance-refresh", "stop-instances", "hibernate-instances",
        "start-instances", "terminate-instances", "enter-standby", "exit-standby", "create-fleet", "delete-fleet",
        "run-instances", "create-launch-template-version", "deregister-targets", "register-targets",
        "set-delete-on-termination", "create-snapshots", "create-snapshot", "create-volume", "attach-volume",
        "delete-volume", "delete-snapshot", "tag", "remove-tag", "record-kpis", "propose",
    ]  # fmt: skip


_ACTIONS: dict[str, str] = {
    "set-purchase-mix": "SetPurchaseMix",
    "set-allocation-strategy": "SetAllocationStrategy",
    "set-instance-types": "SetInstanceTypes",
    "add-instance-types": "AddInstanceTypes",
}
ACTION_WORDS: tuple[str, ...] = (*ACTION_TYPES, "add-instance-types", *FREE_WORDS)
"""every word that `actions:` knows"""


def _as_action(value: Any) -> Any:
    value = {"type": value} if isinstance(value, str) else value
    if isinstance(value, dict) and "type" in value:
        word = value["type"]
        if not isinstance(word, str) or word not in ACTION_WORDS:
            nearest = near(str(word), list(ACTION_WORDS))
            raise PydanticCustomError("unknown_word", "unknown action", {"word": str(word), "nearest": nearest})
    return value


def _action_kind(value: Any) -> str:
    if isinstance(value, Part):
        return type(value).__name__
    return _ACTIONS.get(value.get("type", "") if isinstance(value, dict) else "", "OtherAction")


ActionSpec = Annotated[
    Annotated[SetPurchaseMix, Tag("SetPurchaseMix")]
    | Annotated[SetAllocationStrategy, Tag("SetAllocationStrategy")]
    | Annotated[SetInstanceTypes, Tag("SetInstanceTypes")]
    | Annotated[AddInstanceTypes, Tag("AddInstanceTypes")]
    | Annotated[OtherAction, Tag("OtherAction")],
    Discriminator(_action_kind),
    BeforeValidator(_as_action),
]
Expression = Annotated[str, Field(min_length=1, max_length=500)]


class PolicySpec(Part):
    """One policy. It applies to a fleet that its resource and filters match, and to the actions that it names."""

    name: Word
    description: Text | None = None
    resource: Resource
    filters: tuple[Filter, ...] = ()
    """all must match; none = every fleet of the resource"""
    mode: Mode | None = None
    """none: the document's default"""
    capacity: Capacity | None = None
    diversification: Diversification | None = None
    limits: Limits | None = None
    when: Expression | tuple[Expression, ...] | None = None
    """CEL over facts, action and now; anything but true denies"""
    actions: tuple[ActionSpec, ...] = ()
    else_: Else | None = Field(default=None, alias="else")
    expires: Moment | None = None
    """from then on it denies"""

    @model_validator(mode="after")
    def _else_answers_something(self) -> Self:
        requires = self.mode.requires if self.mode is not None else None
        if self.else_ is not None and self.limits is None and requires is None:
            raise ValueError("else answers limits and requires, and there is neither")
        return self

    @property
    def expressions(self) -> tuple[str, ...]:
        return (self.when,) if isinstance(self.when, str) else (self.when or ())


RISK_ORDER: dict[RiskLevel, int] = {"low": 0, "medium": 1, "high": 2}
