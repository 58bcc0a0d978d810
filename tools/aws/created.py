"""What bears the tag of an intent: how something that was created is found when the answer was lost."""

from typing import Any

from tools.records import Action


def created_by(calls: Any, intent_id: str, action: Action) -> tuple[str, ...]:
    raise NotImplementedError
