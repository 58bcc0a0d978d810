"""Long answers written as XML in one pass from botocore's shapes, for the query and EC2 wires.

moto's serialiser says the same, in seconds where this takes tenths: it looks for the name of every value anew and
builds the answer three times. Here the plan of a shape is drawn once.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any
from xml.sax.saxutils import escape

from botocore.model import ListShape, Shape, StructureShape
from moto.core.responses import ActionContext, ActionResult
from moto.core.serialize import AttributePickerContext, ResponseSerializer, XFormedAttributePicker

Write = Callable[[Any], str]
_HERE = {"here": "here"}
_PLACE = "<here>here</here>"
_MISSING = object()
_plans: dict[tuple[str, str], Write] = {}
"""(service, operation) → what writes its result"""


class Written(ActionResult):
    """A result as moto's `ActionResult` has it, written by the shape's plan."""

    def execute_result(self, context: ActionContext) -> Any:
        serializer = context.serializer_class(
            operation_model=context.operation_model, pretty_print=False, value_picker=None
        )
        shape = context.operation_model.output_shape
        asked = (str(context.service_model.service_name), str(context.operation_model.name))
        write = _plans.get(asked) or _plans.setdefault(asked, _writer(shape, serializer))
        response = serializer._create_default_response()
        response = serializer._serialized_result_to_response(response, self.result, shape, dict(_HERE))
        body = str(response["body"]).replace(_PLACE, write(self.result), 1)
        return response["status_code"], response["headers"], body


def _writer(shape: Shape, serializer: ResponseSerializer) -> Write:
    """Raises NotImplementedError: a shape that these answers do not have."""
    if isinstance(shape, StructureShape):
        return _structure(shape, serializer)
    if isinstance(shape, ListShape) and not shape.serialization.get("flattened"):
        return _list(shape, serializer)
    if shape.type_name == "timestamp":
        return _timestamp(shape, serializer)
    if shape.type_name not in _PLAIN:
        raise NotImplementedError(f"{shape.name}: {shape.type_name} is not written here")
    return _PLAIN[shape.type_name]


_PLAIN: dict[str, Write] = {
    "string": lambda value: escape(str(value)),
    "boolean": lambda value: "true" if str(value).lower() == "true" else "false",
    "integer": lambda value: str(int(value)),
    "long": lambda value: str(int(value)),
    "float": lambda value: str(float(value)),
    "double": lambda value: str(float(value)),
}


def _timestamp(shape: Shape, serializer: ResponseSerializer) -> Write:
    @lru_cache(maxsize=65_536)
    def write(value: Any) -> str:
        said: dict[str, Any] = {}
        serializer._timestamp_serializer.serialize(said, value, shape, "at")
        return str(said["at"])

    return write


def _list(shape: ListShape, serializer: ResponseSerializer) -> Write:
    member = shape.member
    item = _writer(member, serializer)
    tag = member.serialization.get("name", "member")
    keeps_empty = not isinstance(member, StructureShape)

    def write(values: Any) -> str:
        texts = [item(value) for value in values]
        return "".join(f"<{tag}>{text}</{tag}>" for text in texts if text or keeps_empty)

    return write


def _structure(shape: StructureShape, serializer: ResponseSerializer) -> Write:
    """Members are drawn up when a value is first met: shapes may hold themselves, and many members never come."""
    fields: dict[type, list[_Field]] = {}

    def write(value: Any) -> str:
        known = fields.get(type(value))
        if known is None:
            known = fields[type(value)] = [_Field(shape, key, value, serializer) for key in shape.members]
        found = [(f.tag, f.text(value)) for f in known]
        return "".join(f"<{tag}>{text}</{tag}>" for tag, text in found if text is not None)

    return write


class _Field:
    """One member of a structure, for values of one Python class: where it is found, and how it is written."""

    def __init__(self, parent: StructureShape, key: str, value: Any, serializer: ResponseSerializer) -> None:
        self._shape = parent.members[key]
        vars(self._shape)["parent"] = parent  # moto's names for a value depend on it
        names = XFormedAttributePicker().get_possible_keys(AttributePickerContext(value, key, self._shape))
        self.tag = self._shape.serialization.get("name", key)
        self._names = tuple(dict.fromkeys(names))
        self._is_mapping = isinstance(value, Mapping)
        self._serializer = serializer
        self._write: Write | None = None

    def text(self, value: Any) -> str | None:
        """None = the value has no such member."""
        for name in self._names:
            found = value.get(name, _MISSING) if self._is_mapping else getattr(value, name, _MISSING)
            if found is not _MISSING:
                break
        else:
            return None
        if found is None:
            return None
        if self._write is None:
            self._write = _writer(self._shape, self._serializer)
        return self._write(found)
