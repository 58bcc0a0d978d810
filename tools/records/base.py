"""The one base of every noun: frozen, closed, finite, with canonical JSON and a digest.

The same shape is the model's schema, the policy's fields, the screen's rows and the audit's payload.
"""

import hashlib
import json
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, StringConstraints


def _utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        msg = "a time without a zone: give UTC, such as 2026-11-20T09:00:00Z"
        raise ValueError(msg)
    try:
        return value.astimezone(UTC)
    except OverflowError:
        msg = "a time outside the years 1 to 9999 in UTC"
        raise ValueError(msg) from None


def utc_text(moment: datetime) -> str:
    """2026-11-20T09:00:00Z; microseconds only where there are some."""
    text = moment.astimezone(UTC).isoformat()
    return text.replace("+00:00", "Z")


def _plain(value: Decimal) -> str:
    return format(value, "f")  # never 1E-7: people and other languages read these


UtcTime = Annotated[datetime, AfterValidator(_utc), PlainSerializer(utc_text, when_used="json")]
Money = Annotated[Decimal, Field(allow_inf_nan=False), PlainSerializer(_plain, when_used="json")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=255)]
Share = Annotated[float, Field(ge=0, le=1)]  # 0..1; percent only on screens and in AWS's own field names


def canonical_json(value: Any) -> str:
    """One text for one value: sorted keys, no blanks, UTF-8, no NaN.

    Raises  ValueError: NaN or infinity, which JSON cannot say
    """
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_as_json
    )


def _as_json(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Decimal):
        return _plain(value)
    if isinstance(value, datetime):
        return utc_text(_utc(value))
    raise TypeError(f"{type(value).__name__} has no canonical JSON")


def digest_of(value: Any) -> str:
    """SHA-256 of the canonical JSON, 64 hex characters."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


class Record(BaseModel):
    """A frozen noun. Unknown fields are errors, numbers are finite, errors do not echo the input."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        hide_input_in_errors=True,
        ser_json_inf_nan="strings",
        use_attribute_docstrings=True,
    )

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON of every field, 64 hex characters."""
        return digest_of(self.model_dump(mode="json"))

    def canonical(self) -> str:
        return canonical_json(self.model_dump(mode="json"))

    def with_(self, **changes: Any) -> Self:
        """A validated copy with some fields changed."""
        # fields by name: dict(self) also holds what cached_property has computed
        return type(self).model_validate({**{f: getattr(self, f) for f in type(self).model_fields}, **changes})
