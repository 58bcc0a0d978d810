"""What moto looks up anew for each request, looked up once: its own folders on the disk, the methods of its classes.

The ids that it draws for its answers, and writes into them, are ours in the end.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any

from moto import backends
from moto.core import responses
from moto.core.responses import BaseResponse
from moto.moto_server.werkzeug_app import DomainDispatcherApplication


def install() -> None:
    """Replace the searches by their answers, for this process."""
    modules = frozenset(backends.list_of_moto_modules())

    def list_of_moto_modules() -> Iterable[str]:
        return modules

    def _enrich_response(headers: dict[str, Any], body: Any) -> tuple[dict[str, Any], Any]:
        if "status" in headers:
            headers["status"] = str(headers["status"])
        return headers, body

    _put(backends, "list_of_moto_modules", list_of_moto_modules)
    _put(DomainDispatcherApplication, "get_backend_for_host", _once(DomainDispatcherApplication.get_backend_for_host))
    _put(responses, "method_names_from_class", cache(vars(responses)["method_names_from_class"]))
    _put(BaseResponse, "_enrich_response", staticmethod(_enrich_response))


def _once(method: Any) -> Any:
    known: dict[str | None, Any] = {}

    def get_backend_for_host(dispatcher: Any, host: str | None) -> Any:
        if host not in known:
            known[host] = method(dispatcher, host)
        return known[host]

    return get_backend_for_host


def _put(place: Any, name: str, value: Any) -> None:
    setattr(place, name, value)
