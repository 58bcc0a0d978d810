"""Long XML answers in one pass: botocore asks each structure for every member that its shape may have.

A row of DescribeInstances has about seventy, of which a third come. Everything unusual is left to botocore.
"""

from datetime import datetime
from typing import Any

from botocore.parsers import PROTOCOL_PARSERS, EC2QueryParser, QueryParser, ResponseParserFactory
from botocore.utils import parse_timestamp

_UNUSUAL = ("location", "eventheader", "xmlAttribute")
_Plan = dict[str, tuple[str, Any]]


class AnswerParsers(ResponseParserFactory):  # type: ignore[misc]  # botocore has no types
    """The parsers of one session, each made once; ours for the EC2 and query wires."""

    def __init__(self) -> None:
        super().__init__()
        self._made: dict[str, Any] = {}

    def create_parser(self, protocol_name: str) -> Any:
        if protocol_name not in self._made:
            kind = {"ec2": _Ec2, "query": _Query}.get(protocol_name) or PROTOCOL_PARSERS[protocol_name]
            self._made[protocol_name] = kind(timestamp_parser=moment)
        return self._made[protocol_name]


class _ByTag:
    """A structure from the elements that are there."""

    def __init__(self, **defaults: Any) -> None:
        super().__init__(**defaults)
        self._plans: dict[int, tuple[Any, _Plan | None]] = {}

    def _handle_structure(self, shape: Any, node: Any) -> Any:
        kept = self._plans.get(id(shape))
        if kept is None:
            kept = self._plans[id(shape)] = shape, self._plan(shape)
        plan = kept[1]
        if plan is None:
            return super()._handle_structure(shape, node)  # type: ignore[misc]
        found: dict[str, Any] = {}
        for element in node[0] if isinstance(node, list) else node:
            tag = element.tag.rpartition("}")[2]
            if tag not in plan:
                continue
            if tag not in found:
                found[tag] = element
            elif isinstance(found[tag], list):
                found[tag].append(element)
            else:
                found[tag] = [found[tag], element]
        return {plan[tag][0]: self._parse_shape(plan[tag][1], element) for tag, element in found.items()}  # type: ignore[attr-defined]

    def _plan(self, shape: Any) -> _Plan | None:
        """Tag → member. None = botocore knows better: errors, unions, members outside the body, names that clash."""
        members = shape.members
        odd = any(m.serialization.get(word) for m in members.values() for word in _UNUSUAL)
        if odd or shape.metadata.get("exception") or getattr(shape, "is_tagged_union", False):
            return None
        plan = {self._member_key_name(m, name): (name, m) for name, m in members.items()}  # type: ignore[attr-defined]
        return plan if len(plan) == len(members) else None


class _Ec2(_ByTag, EC2QueryParser):  # type: ignore[misc]
    pass


class _Query(_ByTag, QueryParser):  # type: ignore[misc]
    pass


def moment(said: Any) -> datetime:
    """ISO 8601 is read for what it is: guessing its form takes longer than the rest of an answer of a thousand rows."""
    if isinstance(said, str) and said[10:11] == "T" and said.endswith("Z"):
        try:
            return datetime.fromisoformat(said)
        except ValueError:
            pass
    found: datetime = parse_timestamp(said)
    return found
