"""Whether anybody is there to talk to."""

import socket
from urllib.parse import urlsplit

from tools.errors import Unreachable

_CONNECT_SECONDS = 5.0


def somebody_listens(endpoint: str) -> None:
    """Raises  Unreachable: nobody does; asking AWS's client first would end in a riddle about regions or keys"""
    parts = urlsplit(endpoint)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), timeout=_CONNECT_SECONDS).close()
    except OSError as error:
        raise Unreachable(
            f"endpoint {endpoint}: nobody answers there: {error.strerror or error}",
            hint="start it again (spotwarden demo --serve), or unset SPOTWARDEN_ENDPOINT_URL and AWS_ENDPOINT_URL",
        ) from None
