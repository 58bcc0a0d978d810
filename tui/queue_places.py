"""`[[queues]]` of the settings file: which queues of spot workers are looked at, and where they are.

`${NAME}` in an address stands for a variable of the environment, so that no password stands in a file.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from tools.errors import UsageError
from tui.config import VARIABLE, QueueRow, Settings

if TYPE_CHECKING:
    from tools.queues.reader import ConfiguredQueues, QueuePlace

_SCHEMES = ("redis", "rediss", "amqp", "amqps")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SAY = 'such as url = "redis://queue.internal:6379/0" or "amqp://spot:${RABBIT_PASSWORD}@queue.internal/"'


def read_queues(rows: Sequence[QueueRow]) -> "tuple[QueuePlace, ...]":
    """Raises UsageError: a key or a value that cannot be, or two queues of one name. No address is quoted."""
    places = tuple(_place(row) for row in rows)
    names = [place.name for place in places]
    twice = next((n for n in names if names.count(n) > 1), None)
    if twice is not None:
        raise UsageError(f"[[queues]]: two queues are called {twice}", hint="take one of them out")
    return places


def _place(row: QueueRow) -> "QueuePlace":
    from tools.queues.reader import QueuePlace

    name, url = _texts(row.values)
    unset = sorted({n for n in VARIABLE.findall(url) if n not in row.variables})
    trouble = ""
    if unset:
        trouble = f"${{{unset[0]}}} is not set in the environment (export {unset[0]}=… before you start spotwarden)"
    warnings: tuple[str, ...] = ()
    if _password_in(url):
        warnings = ("its password stands in the settings file: write ${NAME} there, and export NAME",)
    filled = url if unset else _filled(url, row.variables)
    if not trouble and filled.partition("://")[0] not in _SCHEMES:
        raise UsageError(f"[[queues]] {name}: its url is not an address of Redis or RabbitMQ", hint=_SAY)
    return QueuePlace(name=name, url=filled, trouble=trouble, warnings=warnings)


def _texts(row: Mapping[str, Any]) -> tuple[str, str]:
    unknown = sorted(set(row) - {"name", "url"})
    if unknown:
        raise UsageError(f"[[queues]]: unknown key {unknown[0]!r}", hint="it holds name and url")
    name, url = row.get("name"), row.get("url")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UsageError(
            f"[[queues]]: name is {name!r:.80}, not a queue's name",
            hint="letters, digits, . _ - and at most 100 of them",
        )
    if not isinstance(url, str):
        raise UsageError(f"[[queues]] {name}: url is missing, or is not text in quotes", hint=_SAY)
    return name, url


def _filled(url: str, variables: Mapping[str, str]) -> str:
    """A variable may be the whole address; in a part of one its odd characters are escaped."""
    if VARIABLE.fullmatch(url):
        return VARIABLE.sub(lambda m: variables[m[1]], url)
    return VARIABLE.sub(lambda m: quote(variables[m[1]], safe=""), url)


def _password_in(url: str) -> bool:
    try:
        password = urlsplit(url).password
    except ValueError:  # not an address: the adapter says so
        return False
    return bool(password) and not VARIABLE.search(password or "")


class Queues:
    """What the house knows of queues."""

    settings: Settings

    @cached_property
    def queues(self) -> "ConfiguredQueues":
        """Raises UsageError: a queue of the settings that cannot be."""
        from tools.queues.reader import ConfiguredQueues

        return ConfiguredQueues(read_queues(self.settings.queues))
