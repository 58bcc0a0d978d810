"""README and CHANGELOG are true: every command they name exists, every file they show is there."""

import re
from pathlib import Path

import pytest

from tests.acceptance.__main__ import rows
from tui.cli import COMMANDS, main

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`spotwarden ([a-z]+)", README))))
def test_a_command_that_the_readme_names_has_help(name, capsys):
    assert name in COMMANDS
    assert main([name, "--help"]) == 0
    assert len(capsys.readouterr().out) > 100


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#]+)\)", README))))
def test_a_file_that_the_readme_shows_is_there(link):
    assert link.startswith("https://") or (ROOT / link).exists()


@pytest.mark.parametrize("target", sorted(set(re.findall(r"^make ([a-z]+)", README, flags=re.MULTILINE))))
def test_a_make_target_that_the_readme_names_exists(target):
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)


@pytest.mark.accepts("DC-07")
def test_the_four_packages_tests_and_papers_are_at_the_top():
    for name in (
        "agent",
        "policies",
        "tools",
        "tui",
        "tests",
        "pyproject.toml",
        "README.md",
        "CHANGELOG.md",
        "LICENSE",
    ):
        assert (ROOT / name).exists()


def test_acceptance_rows_are_ours_and_unique():
    text = (ROOT / "docs" / "acceptance.md").read_text(encoding="utf-8")
    ids = re.findall(r"^\| ([A-Z]+-\d+) \|", text, flags=re.MULTILINE)
    assert len(ids) == len(set(ids)) == len(rows()) > 150


def test_no_committed_file_names_a_registry_or_a_machine_path():
    hosts = re.compile(r"pypi\.org|files\.pythonhosted|index-url|/root/|/home/[a-z]+/|/work/", re.IGNORECASE)
    names = [
        *ROOT.glob("*.md"),
        *ROOT.glob("*.t*"),
        ROOT / "Makefile",
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / ".ci").iterdir(),
    ]
    for floor in ("agent", "policies", "tools", "tui", "tests"):
        names += [p for p in (ROOT / floor).rglob("*") if p.suffix in {".py", ".yaml", ".md", ".tcss"}]
    guilty = [
        str(p)
        for p in names
        if p.is_file() and p.name != "test_readme.py" and hosts.search(p.read_text(errors="ignore"))
    ]
    assert guilty == []
