"""A warm process that forks a session, runs one verb of it, and kills it with -9 at a chosen line.

One JSON request a line on stdin: {"endpoint", "folder", "conversation", "verb", "arguments", "wish", "kill_at"};
one JSON answer a line: {"exit": 0 | -9, "sites", "stderr"}. A site is a line of the session's path or of what it
leans on, counted when it is first reached; `kill_at` N kills before the N-th new one runs.
"""

import json
import os
import signal
import sys
import tempfile
import threading
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]
WATCHED = tuple(
    f"agent/{name}" for name in ("session.py", "graph.py", "nodes.py", "transcript.py", "actuation.py", "journal/")
)


def trace(kill_at: int | None, sites: int) -> None:
    seen: set[str] = set()
    lock = threading.Lock()

    def on_line(frame, event, _argument):
        site = f"{frame.f_code.co_filename.removeprefix(str(ROOT))}:{frame.f_lineno}"
        if event == "line" and site not in seen:
            with lock:
                if kill_at is not None and len(seen) == kill_at:
                    os.kill(os.getpid(), signal.SIGKILL)
                seen.add(site)
                os.write(sites, f"{site}\n".encode())
        return on_line

    def on_call(frame, _event, _argument):
        name = frame.f_code.co_filename.removeprefix(f"{ROOT}/")
        return on_line if name.startswith(WATCHED) else None

    threading.settrace(on_call)
    sys.settrace(on_call)


def child(request: dict, sites: int, err: int) -> None:
    os.dup2(err, 2)
    from session_house import REPORT, change, open_house

    from agent.models.model import Turn
    from tools.simulation.client import SimulatedAccount

    code = 1
    try:
        account = SimulatedAccount.attach(request["endpoint"])
        script = [Turn(text="so be it", tool_calls=(change(**request["wish"]),)), REPORT]
        folder = Path(request["folder"])
        with open_house(account, folder, script, conversation_id=request["conversation"]) as house:
            stream = getattr(house.session, request["verb"])(**request["arguments"])
            trace(request["kill_at"], sites)
            list(stream)
            sys.settrace(None)
        code = 0
    except BaseException:  # noqa: BLE001 - the parent reads what it was
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def serve() -> None:
    import session_house  # noqa: F401 - warm: a fork then starts in milliseconds

    for line in sys.stdin:
        request = json.loads(line)
        with tempfile.TemporaryFile() as sites, tempfile.TemporaryFile() as err:
            pid = os.fork()
            if pid == 0:
                child(request, sites.fileno(), err.fileno())
            _, status = os.waitpid(pid, 0)
            sites.seek(0)
            err.seek(0)
            answer = {
                "exit": os.waitstatus_to_exitcode(status),
                "sites": sites.read().decode().splitlines(),
                "stderr": err.read().decode(errors="replace"),
            }
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    serve()
