"""For operators: `python -m spotwarden_guard.queues status|dead|requeue URL NAME`."""

from __future__ import annotations

import argparse
import base64
import dataclasses
import json
import os
import sys
from typing import Any

from ..options import _count as _limit
from ..options import _Parser
from ..trouble import BadRequest, GuardError
from . import open_queue
from .work import DeadItem, WorkQueue

URL = "SPOTWARDEN_QUEUE_URL"
USAGE = 64
EPILOG = """\
  python -m spotwarden_guard.queues status  redis://queue.internal:6379/0 images
  python -m spotwarden_guard.queues dead    amqp://queue.internal/ images --limit 20
  python -m spotwarden_guard.queues requeue - images cat-17.png cat-18.png
  python -m spotwarden_guard.queues requeue - images --all

URL «-» is the environment's SPOTWARDEN_QUEUE_URL: a password in it is not seen in the list of processes.
exit codes: 0; 1 the server refuses or does not answer, or an item is not dead; 64 the command line cannot be.
"""
_PREVIEW = 60
PATIENCE_SECONDS = 5.0


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m spotwarden_guard.queues",
        description="What stands in a work queue, what is dead in it and why, and dead items back to work.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="status|dead|requeue")
    for verb, told in (
        ("status", "how many wait, are in flight, done, dead"),
        ("dead", "dead items, the oldest first"),
        ("requeue", "dead items wait again, their attempts counted from zero"),
    ):
        one = verbs.add_parser(verb, help=told, description=told, allow_abbrev=False)
        one.add_argument("url", metavar="URL", help=f"redis://…, amqp://…, or - for ${URL}")
        one.add_argument("name", metavar="NAME", help="the queue's")
        one.add_argument("--json", action="store_true", help="one JSON document")
        one.add_argument("--results", metavar="PLACE", help="RabbitMQ: where its results are, s3://… or a directory")
        if verb == "dead":
            one.add_argument("--limit", metavar="N", type=_limit, default=100, help="at most so many (default 100)")
        if verb == "requeue":
            one.add_argument("items", metavar="ITEM", nargs="*", help="ids of dead items")
            one.add_argument("--all", action="store_true", help="every dead item")
    return parser


def main(arguments: list[str] | None = None) -> int:
    try:
        given = _parser().parse_args(sys.argv[1:] if arguments is None else arguments)
        options: dict[str, Any] = {"patience_seconds": PATIENCE_SECONDS}
        if given.results:
            options["results"] = given.results
        with open_queue(_address(given.url), given.name, **options) as queue:
            return _VERBS[given.verb](queue, given)
    except BadRequest as trouble:
        print(trouble, file=sys.stderr)
        return USAGE
    except GuardError as trouble:
        print(trouble, file=sys.stderr)
        return 1


def _address(url: str) -> str:
    found = url if url != "-" else os.environ.get(URL, "")
    if not found:
        raise BadRequest(f"URL is -, and ${URL} is empty", hint=f"export {URL}=redis://HOST:6379/0")
    return found


def _status(queue: WorkQueue, given: argparse.Namespace) -> int:
    found = queue.status()
    if given.json:
        _document({"queue": given.name, **dataclasses.asdict(found)})
        return 0
    since = found.oldest_in_flight_seconds
    told = "" if since is None else f", the oldest was put {since:,.0f} s ago"
    print(f"waiting    {_count(found.waiting)}\nin flight  {_count(found.in_flight)}{told}")
    print(f"done       {_count(found.done)}\ndead       {_count(found.dead)}\nworkers    {_count(found.workers)}")
    if not any((found.waiting, found.in_flight, found.done, found.dead, found.workers)):
        print(f"nothing stands under the name {given.name}", file=sys.stderr)
    return 0


def _count(number: int | None) -> str:
    return "unknown" if number is None else f"{number:,}"


def _dead(queue: WorkQueue, given: argparse.Namespace) -> int:
    found = queue.dead(given.limit)
    if given.json:
        _document({"queue": given.name, "dead": [_as_json(item) for item in found]})
        return 0
    for item in found:
        attempts = "unknown" if item.attempts is None else item.attempts
        print(f"{item.item_id}  {item.died_at or 'unknown'}  attempts {attempts}  {len(item.body):,} bytes")
        print(f"  {item.reason}\n  {item.body[:_PREVIEW]!r}")
    if not found:
        print("no dead items", file=sys.stderr)
    return 0


def _requeue(queue: WorkQueue, given: argparse.Namespace) -> int:
    if bool(given.items) == given.all:
        raise BadRequest("requeue needs items, or --all", hint="«dead» lists them")
    back: list[str] = []
    unknown: list[str] = []
    for item_id in given.items:
        (back if queue.requeue(item_id) else unknown).append(item_id)
    while given.all and (found := queue.dead(100)):
        now = [item.item_id for item in found if queue.requeue(item.item_id)]
        if not now:
            unknown += [item.item_id for item in found]
            break
        back += now
    if given.json:
        _document({"queue": given.name, "requeued": back, "not_dead": unknown})
    else:
        print(f"{len(back)} wait again")
    for item_id in unknown:
        print(f"{item_id} is not dead", file=sys.stderr)
    return 1 if unknown else 0


def _as_json(item: DeadItem) -> dict[str, Any]:
    """The body as text where it is text, and always whole."""
    row = dataclasses.asdict(item)
    try:
        row["body"] = item.body.decode()
    except UnicodeDecodeError:
        row["body"] = None
    row["body_base64"] = base64.b64encode(item.body).decode()
    return row


def _document(found: dict[str, Any]) -> None:
    print(json.dumps(found, ensure_ascii=False))


_VERBS = {"status": _status, "dead": _dead, "requeue": _requeue}

if __name__ == "__main__":
    sys.exit(main())
