"""A warm process that forks the real command line and kills it with -9 at a chosen line.

Reads one JSON request a line on stdin: {"argv": […], "kill_at": N | null}; answers one JSON line:
{"exit": code | -9, "sites": [file:line …], "stdout", "stderr"}. A site is a line of the write path, counted when it is
reached for the first time in the run; `kill_at` N kills at the N-th new site, before that line runs; a number beyond
the last site only counts them; null runs as users do.
"""

import importlib
import json
import os
import signal
import sys
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WATCHED = ("agent/actuation.py", "agent/journal/", "tools/effects.py", "tools/fleets/change.py", "tools/aws/writer.py")

# loaded before the first fork: a fork then starts in milliseconds
WARM = (
    "agent.actuation",
    "agent.journal.verify",
    "policies.engine",
    "tools.aws.session",
    "tools.catalog",
    "tui.commands.apply",
    "tui.commands.approve",
    "tui.commands.fleets",
    "tui.commands.plan",
)


def trace(kill_at: int, sites: int) -> None:
    """Write each new site to the file descriptor; SIGKILL at the chosen one."""
    seen: set[str] = set()
    lock = threading.Lock()

    def on_line(frame, event, _argument):
        if event == "line":
            site = f"{Path(frame.f_code.co_filename).relative_to(ROOT)}:{frame.f_lineno}"
            with lock:
                if site not in seen:
                    if len(seen) == kill_at:
                        os.kill(os.getpid(), signal.SIGKILL)
                    seen.add(site)
                    os.write(sites, f"{site}\n".encode())
        return on_line

    def on_call(frame, _event, _argument):
        name = frame.f_code.co_filename
        inside = name.startswith(str(ROOT)) and any(w in name for w in WATCHED)
        return on_line if inside else None

    threading.settrace(on_call)
    sys.settrace(on_call)


def child(request: dict, out: int, err: int, sites: int) -> None:
    os.dup2(out, 1)
    os.dup2(err, 2)
    from tui.cli import main

    if request["kill_at"] is not None:
        trace(request["kill_at"], sites)
    code = 1
    try:
        code = main(request["argv"])
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def serve() -> None:
    for module in WARM:
        importlib.import_module(module)
    for line in sys.stdin:
        with ExitStack() as stack:
            files = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(3)]
            print(json.dumps(answer(json.loads(line), files)), flush=True)


def answer(request: dict, files: list) -> dict:
    """Fork, wait, read what the child said and which sites it reached."""
    pid = os.fork()
    if pid == 0:
        child(request, *(f.fileno() for f in files))
    _, status = os.waitpid(pid, 0)
    texts = []
    for file in files:
        file.seek(0)
        texts.append(file.read().decode(errors="replace"))
    return {
        "exit": os.waitstatus_to_exitcode(status),
        "stdout": texts[0],
        "stderr": texts[1],
        "sites": texts[2].splitlines(),
    }


if __name__ == "__main__":
    serve()
