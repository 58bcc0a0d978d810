"""The walls: what import contracts see, and what they cannot."""

import ast
import importlib
import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tools.cloud import CloudWriter

ROOT = Path(__file__).resolve().parents[2]
FLOORS = ("agent", "policies", "tools", "tui")
SOURCES = sorted(p for floor in FLOORS for p in (ROOT / floor).rglob("*.py"))


def loaded_after(code: str, *names: str) -> list[str]:
    """Which of the named modules are loaded in a fresh interpreter after running the code."""
    probe = f"import sys, json\n{code}\nprint(json.dumps([m for m in {names!r} if m in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True, cwd=ROOT)
    return json.loads(done.stdout.splitlines()[-1])


HEAVY = (
    "textual",
    "pydantic",
    "boto3",
    "botocore",
    "langgraph",
    "openai",
    "moto",
    "numpy",
    "sqlite_utils",
    "rich",
    "cel",
)


@pytest.mark.accepts("DC-07")
def test_help_loads_nothing_heavy():
    assert loaded_after("from tui.cli import main\nassert main(['--help']) == 0", *HEAVY) == []


@pytest.mark.parametrize(
    "command", ["market", "audit", "policy", "run", "plan", "demo", "doctor", "jobs", "queues", "ray", "volumes"]
)
def test_the_help_of_a_command_loads_nothing_heavy(command):
    heavy = [name for name in HEAVY if name != "pydantic"]  # typer itself loads it to read a command's parameters
    assert loaded_after(f"from tui.cli import main\nassert main([{command!r}, '--help']) == 0", *heavy) == []


def test_reaching_the_simulated_account_loads_neither_moto_nor_boto3():
    assert loaded_after("import tools.simulation.client", "moto", "boto3", "werkzeug") == []


def test_the_law_loads_neither_cloud_nor_graph_nor_screen():
    code = "import policies.engine, policies.authorize, policies.document"
    assert loaded_after(code, "boto3", "langgraph", "textual", "openai", "tools.cloud", "sqlite3") == []


def test_the_import_contracts_hold():
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-cache"], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.parametrize("floor", FLOORS)
def test_each_floor_is_ours_and_not_a_package_of_the_same_name(floor):
    assert Path(importlib.import_module(floor).__file__).parent == ROOT / floor


@cache
def nodes_of(path: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(ast.parse(path.read_text())))


@cache
def called_in(path: Path) -> frozenset[str]:
    """Last names of what it calls."""
    called = (ast.unparse(node.func) for node in nodes_of(path) if isinstance(node, ast.Call))
    return frozenset(name.split(".")[-1] for name in called)


@pytest.mark.accepts("P-15", "DC-02")
def test_only_authorize_makes_permits():
    makers = {str(p.relative_to(ROOT)) for p in SOURCES if "Permit" in called_in(p)}
    assert makers == {"policies/authorize.py"}


WRITES = tuple(name for name in vars(CloudWriter) if not name.startswith("_") and name != "try_out")


def test_writes_are_called_only_where_an_effect_is_carried_out():
    callers = {
        str(p.relative_to(ROOT)) for p in SOURCES if not called_in(p).isdisjoint(WRITES) and "simulation" not in p.parts
    }
    assert callers <= {
        *(str(p.relative_to(ROOT)) for p in (ROOT / "tools/fleets/effects").glob("*.py")),
        "tools/recovery/checkpoints.py",
        "tools/recovery/requests.py",
        "tools/aws/writer.py",
    }
    senders = {
        str(p.relative_to(ROOT)) for p in SOURCES if re.search(r"\)\.carry_out\(|effect\.carry_out\(", p.read_text())
    }
    assert senders == {"agent/actuation.py"}


# where «whatever it is» has an answer: an edge tells it, the law denies, a writer passes it to who waits
BLIND_EXCEPTS = {
    "tui/cli.py",
    "tui/app.py",
    "agent/session.py",
    "agent/graph.py",
    "agent/journal/writer.py",
    "policies/engine.py",
    "policies/expressions.py",
    "policies/clauses/mode.py",
    "tools/simulation/server.py",
    "tools/recovery/guard/queues/amqp_line.py",
    "tools/recovery/guard/queues/worker.py",  # what somebody's work raises is a failed attempt
}


def is_blind(node: ast.AST) -> bool:
    if not isinstance(node, ast.ExceptHandler):
        return False
    if node.type is not None and ast.unparse(node.type) not in {"Exception", "BaseException"}:
        return False
    return not isinstance(node.body[-1], ast.Raise)  # cleaning up and passing on is no answer


def test_blind_excepts_stand_at_the_edges_only():
    blind = {str(p.relative_to(ROOT)) for p in SOURCES for node in nodes_of(p) if is_blind(node)}
    assert blind <= BLIND_EXCEPTS
