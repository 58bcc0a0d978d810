"""`make acceptance`: the rows of docs/acceptance.md and the tests that claim to prove them."""

import contextlib
import io
import re
import sys
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


class Claims:
    """Collects `accepts` marks without running a test."""

    def __init__(self) -> None:
        self.tests: dict[str, list[str]] = defaultdict(list)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            for mark in item.iter_markers("accepts"):
                for row in mark.args:
                    self.tests[row].append(item.nodeid.split("[")[0])


def rows() -> dict[str, str]:
    """Row id → our one-line text."""
    text = (ROOT / "docs" / "acceptance.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^\| ([A-Z]+-\d+) \| (.+?) \|$", text, flags=re.MULTILINE))


def _short(tests: list[str]) -> str:
    """«12 in tests/agent/test_session.py and 3 more files»; `--all` names every test."""
    files = sorted({t.split("::")[0] for t in tests}, key=lambda f: -sum(t.startswith(f) for t in tests))
    more = f" and {len(files) - 1} more files" if len(files) > 1 else ""
    return f"{len(tests)} in {files[0]}{more}" if tests else ""


def main() -> int:
    claims = Claims()
    with contextlib.redirect_stdout(io.StringIO()) as said:
        code = pytest.main(["--collect-only", "-qq", "--no-summary", str(ROOT / "tests")], plugins=[claims])
    if not claims.tests or code in {pytest.ExitCode.INTERRUPTED, pytest.ExitCode.USAGE_ERROR}:
        print(said.getvalue()[-3000:], file=sys.stderr)
        return int(code) or 1
    known = rows()
    whole = "--all" in sys.argv
    print("\n| row | what | tests |\n|---|---|---|")
    for row, text in known.items():
        tests = sorted(set(claims.tests.get(row, ())))
        print(f"| {row} | {text} | {'<br>'.join(tests) if whole else _short(tests)} |")
    proved = sum(bool(claims.tests.get(row)) for row in known)
    unknown = sorted(set(claims.tests) - set(known))
    print(f"\n{proved} of {len(known)} rows have a test", file=sys.stderr)
    if unknown:
        print(f"marks for rows that do not exist: {', '.join(unknown)}", file=sys.stderr)
    return 1 if unknown else 0


if __name__ == "__main__":
    sys.exit(main())
