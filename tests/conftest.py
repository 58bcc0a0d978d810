"""What every test may lean on: the shared data, and the rows that tests prove."""

import gc
import os
import signal
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import botocore.session
import pytest
from botocore.loaders import Loader, create_loader

ROOT = Path(__file__).resolve().parent.parent
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
"""read when numpy is loaded: on cores that every worker shares, its threads wait for each other by spinning"""
_COLLECT_AFTER = 100_000
"""objects, not Python's 2,000: screens and service models make many that live, and each walk over them is a fifth of
all the time there is"""


def pytest_configure(config: pytest.Config) -> None:
    if (
        signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    ):  # started in the background: what tests start would inherit it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line("markers", "accepts(*rows): rows of docs/acceptance.md that this test proves")


def pytest_collection_finish() -> None:
    """Thousands of tests and all that they import live to the end: the collector need not walk them every time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, 50, 50)


@pytest.fixture(scope="session", autouse=True)
def models_of_aws_read_once() -> Iterator[None]:
    """Every session of botocore parses the same megabytes of JSON for itself; thousands of ours come and go here."""
    made = cache(create_loader)

    def shared(search_path: str | None = None) -> Loader:
        loader = made(search_path)
        loader.search_paths[:] = dict.fromkeys(loader.search_paths)  # each boto3 session adds its own, the same
        return loader

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", shared)
        yield


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Real traces and prices; they are not part of the repository."""
    path = Path(os.environ.get("SPOTWARDEN_DATA") or ROOT.parent / "shared" / "data")
    if not path.is_dir():
        pytest.skip("no shared data: set SPOTWARDEN_DATA")
    return path


def pytest_terminal_summary(terminalreporter) -> None:
    """Skips are counted by reason: what was not run is said."""
    reasons: dict[str, int] = {}
    for report in terminalreporter.stats.get("skipped", []):
        reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
        reasons[reason.removeprefix("Skipped: ")] = reasons.get(reason.removeprefix("Skipped: "), 0) + 1
    terminalreporter.write_line(f"skips by reason: {reasons or 'none'}")
