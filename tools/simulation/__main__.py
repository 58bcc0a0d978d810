"""python -m tools.simulation: one simulated AWS account on loopback, until stdin closes.

Prints one JSON line on stdout when it is ready. Troubles are one message on stderr and exit code 1.
"""

import argparse
import json
import logging
import os
import sys
import threading
from pathlib import Path

from tools.errors import DataError, SpotError
from tools.records import utc_text


def main(arguments: list[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    try:
        return _run(given)
    except SpotError as error:
        hint = f" ({error.hint})" if error.hint else ""
        print(f"simulated account: {error.message}{hint}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.simulation", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--scenario", default="tour")
    parser.add_argument("--seed", type=int, default=7)
    pace = parser.add_mutually_exclusive_group()
    pace.add_argument("--speed", type=float, default=60.0, help="simulated seconds per wall second")
    pace.add_argument("--stepped", action="store_true", help="time moves by POST /_sim/advance only")
    parser.add_argument("--prices", type=Path, help="csv or csv.gz of real price changes")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--effects", type=Path, help="append every effect to this file, one JSON object a line")
    parser.add_argument("--serve", action="store_true", help="keep running when stdin closes")
    return parser


def _run(given: argparse.Namespace) -> int:
    if not given.stepped and not 0 < given.speed <= 100_000:
        raise DataError(f"--speed {given.speed:g}: expected above 0 and at most 100,000")
    os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"  # 15 MB of images that nothing here launches
    os.environ.pop("MOTO_ACCOUNT_ID", None)
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    from tools.simulation.building import build
    from tools.simulation.server import introduce, keep_time, listen

    account = build(
        scenario=given.scenario,
        seed=given.seed,
        speed=None if given.stepped else given.speed,
        prices=given.prices,
        effects=given.effects,
    )
    try:
        server = listen(account, given.port)
    except SystemExit:
        raise DataError(f"port {given.port}: cannot be bound on 127.0.0.1", hint="leave --port out") from None
    world = account.world
    line = introduce(account, server.server_port)
    if not given.stepped:
        keep_time(world)
    print(json.dumps({**line, "now": utc_text(world.clock.now()), "stepped": given.stepped}), flush=True)
    if not given.serve:
        threading.Thread(target=_leave_with_parent, daemon=True).start()
    server.serve_forever()
    return 0


def _leave_with_parent() -> None:
    """stdin closes when whoever started us ends, however they end."""
    while sys.stdin.buffer.read(4096):
        pass
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
