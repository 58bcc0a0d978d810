"""The program: `spotwarden-guard`, `python spotwarden_guard.pyz`, `python -m tools.recovery.guard`."""

from __future__ import annotations

import sys

from .child import CannotStart
from .options import parsed
from .report import say
from .run import Run
from .trouble import BadRequest, GuardError

USAGE = 64


def main(arguments: list[str] | None = None) -> int:
    try:
        return Run(parsed(sys.argv[1:] if arguments is None else arguments)).play()
    except CannotStart as trouble:
        say(str(trouble))
        return trouble.exit_code
    except BadRequest as trouble:
        say(str(trouble))
        return USAGE
    except GuardError as trouble:
        say(str(trouble))
    except OSError as trouble:
        say(f"the machine refuses: {trouble}")
    return 1


def run() -> None:
    sys.exit(main())


if __name__ == "__main__":
    run()
