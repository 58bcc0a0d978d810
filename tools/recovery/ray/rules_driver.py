"""Rules on a Python driver, from its syntax tree: nothing of it is run."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from tools.recovery.ray.findings import shown
from tools.recovery.ray.rule import Rule, Seen, names, rule

RULES: list[Rule["Driver"]] = []
_ENTRYPOINT = ("entrypoint_num_cpus", "entrypoint_num_gpus", "entrypoint_memory", "entrypoint_resources")
_FAMILIES = frozenset({"Intel", "Graviton", "AMD", "ARM", "arm64", "x86", "x86_64"})


@dataclass(frozen=True)
class Remote:
    """One @ray.remote, or one `.options(…)`."""

    name: str
    line: int
    options: dict[str, ast.expr]
    is_actor: bool
    body: ast.AST

    def number(self, name: str) -> object:
        """Its value where it is a literal; None = not told; … = told, and computed."""
        value = self.options.get(name)
        if value is None:
            return None
        try:
            return ast.literal_eval(value)
        except ValueError:
            return ...


class Driver:
    """tree  of the part
    first  its first line in the file
    """

    def __init__(self, tree: ast.Module, first: int) -> None:
        self.tree = tree
        self.first = first
        self.remotes = tuple(_remotes(tree))
        self.calls = tuple(n for n in ast.walk(tree) if isinstance(n, ast.Call))

    def line(self, node: ast.AST) -> int:
        return self.first + getattr(node, "lineno", 1) - 1


def _remotes(tree: ast.Module) -> Iterator[Remote]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            for decorator in node.decorator_list:
                call = decorator if isinstance(decorator, ast.Call) else None
                if _dotted(call.func if call else decorator) in ("ray.remote", "remote"):
                    options = {k.arg: k.value for k in (call.keywords if call else []) if k.arg}
                    yield Remote(node.name, decorator.lineno, options, isinstance(node, ast.ClassDef), node)


def _dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def _keywords(call: ast.Call) -> dict[str, ast.expr]:
    return {k.arg: k.value for k in call.keywords if k.arg}


def _is_zero(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value == 0 and node.value is not False


@rule(
    RULES, "actor-without-restart", "warning", "RY-10",
    why="max_restarts is 0 by default: when the actor's node is taken, the actor is gone and every call to it fails",
    fix="@ray.remote(max_restarts=-1, max_task_retries=-1), and state that is saved outside the actor",
)  # fmt: skip
def actor_without_restart(driver: Driver) -> Iterator[Seen]:
    for one in driver.remotes:
        if one.is_actor and one.number("max_restarts") in (None, 0):
            told = "max_restarts=0" if "max_restarts" in one.options else "no max_restarts"
            yield Seen(driver.first + one.line - 1, f"the actor {shown(one.name)} has {told}")


@rule(
    RULES, "actor-calls-not-retried", "warning", "RY-10",
    why="max_task_retries is 0 by default: the actor comes back, the call that was running fails all the same",
    fix="max_task_retries=-1 where a call may be done twice; else catch RayActorError and ask again",
)  # fmt: skip
def actor_calls_not_retried(driver: Driver) -> Iterator[Seen]:
    for one in driver.remotes:
        restarts = one.number("max_restarts") not in (None, 0)
        if one.is_actor and restarts and one.number("max_task_retries") in (None, 0):
            yield Seen(driver.first + one.line - 1, f"the actor {shown(one.name)} restarts, its calls do not")


@rule(
    RULES, "task-never-retried", "warning", "RY-10",
    why="a task on a node that is taken fails for good, and what it returned cannot be made again by lineage",
    fix="leave max_retries out (3), or set it to -1 where the work may be done twice",
)  # fmt: skip
def task_never_retried(driver: Driver) -> Iterator[Seen]:
    for one in driver.remotes:
        if not one.is_actor and one.number("max_retries") == 0:
            yield Seen(driver.first + one.line - 1, f"the task {shown(one.name)} has max_retries=0")
    for call in driver.calls:
        if isinstance(call.func, ast.Attribute) and call.func.attr == "options":
            told = [k for k in ("max_retries", "max_restarts") if _is_zero(_keywords(call).get(k))]
            if told:
                yield Seen(driver.line(call), f".options({told[0]}=0)")


@rule(
    RULES, "driver-on-a-worker", "warning", "RY-10",
    why="with resources of its own the driver runs on a worker: when that node is taken the whole job ends, and a"
    " driver is never retried",
    fix="leave them out: the driver then runs on the head, which is on demand",
)  # fmt: skip
def driver_on_a_worker(driver: Driver) -> Iterator[Seen]:
    for call in driver.calls:
        told = [k for k in _ENTRYPOINT if k in _keywords(call) and not _is_zero(_keywords(call)[k])]
        if told:
            yield Seen(driver.line(call), f"{told[0]}=… for the job's driver")


@rule(
    RULES, "pinned-work", "warning", "RY-06",
    why="work that asks for a processor's name waits for the one group that has it, though others have room",
    fix="ask for num_cpus and memory; where it must be, label_selector with a fallback_strategy",
)  # fmt: skip
def pinned_work(driver: Driver) -> Iterator[Seen]:
    for call in driver.calls:
        wanted = _keywords(call).get("resources")
        keys = [k.value for k in wanted.keys if isinstance(k, ast.Constant)] if isinstance(wanted, ast.Dict) else []
        pinned = _FAMILIES & {str(k) for k in keys}
        if pinned:
            yield Seen(driver.line(call), f"resources={{{names(pinned)}: …}}")


@rule(
    RULES, "put-not-rebuilt", "info", "RY-11",
    why="lineage makes only objects again that a task returned: what ray.put stored is gone with its node",
    fix="let a task load and return it, or keep the original where it can be read again",
)  # fmt: skip
def put_not_rebuilt(driver: Driver) -> Iterator[Seen]:
    for call in driver.calls:
        if _dotted(call.func) == "ray.put":
            yield Seen(driver.line(call), "ray.put(…)")


@rule(
    RULES, "owner-on-a-worker", "info", "RY-11",
    why="who calls .remote() owns what comes back: a task or actor that starts others owns their results, and when its"
    " node is taken they cannot be rebuilt (OwnerDiedError), wherever they lie",
    fix="start tasks from the driver on the head, or return values instead of references",
)  # fmt: skip
def owner_on_a_worker(driver: Driver) -> Iterator[Seen]:
    for one in driver.remotes:
        inner = [n for n in ast.walk(one.body) if isinstance(n, ast.Call) and _is_remote_call(n)]
        if inner:
            yield Seen(driver.line(inner[0]), f"{shown(one.name)} starts remote work of its own")


def _is_remote_call(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr == "remote" and _dotted(call.func) != "ray.remote"
