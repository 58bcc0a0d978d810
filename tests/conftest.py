"""What every test may lean on: the shared data, and the rows that tests prove."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "accepts(*rows): rows of docs/acceptance.md that this test proves")


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
