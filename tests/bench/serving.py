"""A web service that is told to end under load: requests that fail, ours beside what else is done at a notice.

Every side is real uvicorn with the same application, the same clients and the same balancer, which looks away after two
failed health checks. `python -m tests.bench serving`
"""

import asyncio
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from tests.guard.clouds import FakeCloud
from tests.guard.loads import Tally, drive
from tools.recovery.guard.places import library_path

ROOT = Path(__file__).resolve().parents[2]
AT_ONCE, TELL_AFTER, CHECK_SECONDS = 50, 3_000, 0.25
NOTICE_SECONDS = 12
"""from the notice until the instance is gone, whoever still runs on it: 120 in the cloud"""
PATHS = ("/answer?seconds=0.02", "/answer", "/stream?words=4", "/answer?seconds=0.3", "/blocking?seconds=0.01")
OURS, PLAIN, GUIDE = "examples.fastapi_service:app", "tests.bench.serving:plain", "tests.bench.serving:guides"


def plain() -> Any:
    """The same application without us; its readiness says yes as long as it lives."""
    from fastapi import FastAPI

    return _with_routes(FastAPI())


def guides() -> Any:
    """Example 3 of the guide on inference, word for word, with the same endpoints."""
    found: dict[str, Any] = {}
    exec(compile(_example_3(), "guide S2, example 3", "exec"), found)
    return _with_routes(found["app"])


def _with_routes(app: Any) -> Any:
    from examples.fastapi_service import service

    app.include_router(service.router)
    app.get("/ready")(lambda: "ready")
    return app


def _example_3() -> str:
    folder = Path(os.environ["SPOTWARDEN_DATA"]).parent / "guides"
    [guide] = folder.glob("002*.txt")
    [text] = re.findall(
        r"^Example 3:.*?\n(.*?)^Example 4:", guide.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    return str(text)


def served(app: str, how: str, place: Path) -> tuple[Tally, int, str]:
    """(what the clients saw, exit code, what it said). how: notice (guard watches), or the signal sent in its place"""
    factory = [] if app == OURS else ["--factory"]
    with FakeCloud() as cloud, (place / "err").open("w+") as err:
        guard = [sys.executable, "-m", "tools.recovery.guard", "--poll", "0.1", "--"] if how == "notice" else []
        command = [*guard, sys.executable, "-m", "uvicorn", app, *factory, "--port", "0", "--no-access-log"]
        environment = {"PYTHONPATH": f"{library_path()}:{ROOT}", "SERVICE_LOG": str(place / "log"), "AWAY_SECONDS": "1"}
        with subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **cloud.environment, **environment},
            stdout=subprocess.DEVNULL,
            stderr=err,
        ) as process:
            said = Path(err.name).read_text
            while "Uvicorn running on" not in said():
                if process.poll() is not None:
                    raise AssertionError(said())
            port = int(said().split("Uvicorn running on http://127.0.0.1:")[1].split()[0])

            gone = threading.Timer(NOTICE_SECONDS, process.kill)  # as the cloud does it

            def tell() -> None:
                gone.start()
                if how == "notice":
                    cloud.interrupt()
                else:
                    process.send_signal(signal.Signals[how])

            tally = asyncio.run(
                drive(port, PATHS, at_once=AT_ONCE, tell_after=TELL_AFTER, tell=tell, every=CHECK_SECONDS)
            )
            code = process.wait()
            gone.cancel()
            return tally, code, said()


def run() -> list[dict[str, Any]]:
    sides = [("plain uvicorn, SIGTERM at the notice", PLAIN, "SIGTERM"), ("plain uvicorn, killed", PLAIN, "SIGKILL")]
    if "SPOTWARDEN_DATA" in os.environ and list((Path(os.environ["SPOTWARDEN_DATA"]).parent / "guides").glob("002*")):
        sides.append(("the guide's SIGTERM handler", GUIDE, "SIGTERM"))
    with tempfile.TemporaryDirectory() as place:
        ours, code, said = served(OURS, "notice", Path(place))
        flushed = len((Path(place) / "log").read_text().splitlines())
        if flushed != 1 or code != 128 + signal.SIGTERM:
            raise AssertionError(f"{flushed} flushes, exit {code}: {said}")
        rows = []
        for name, app, how in sides:
            theirs, code, _ = served(app, how, Path(place))
            kinds = ", ".join(f"{count} {kind}" for kind, count in theirs.failed.most_common())
            rows.append(
                {
                    "what": f"drained under load, {AT_ONCE} at once: failed requests beside {name}",
                    "ours": ours.failed.total(),
                    "unit": f"of {ours.sent:,}",
                    "baseline": f"{theirs.failed.total()} of {theirs.sent:,} ({kinds or 'none'})"
                    + (f"; killed after {NOTICE_SECONDS} s" if code == -9 and how != "SIGKILL" else ""),
                    "goal": "0",
                }
            )
    return rows
