"""Python drivers, read and not run."""

import pytest

from tests.tools.recovery.ray.clusters import found

DRIVER = """
import ray
raise SystemExit("a driver is never run here")

@ray.remote
class Counter: ...

@ray.remote(max_restarts=0)
class Zero: ...

@ray.remote(max_restarts=3)
class Half: ...

@ray.remote(max_restarts=-1, max_task_retries=-1)
class Whole: ...

@ray.remote(max_retries=0)
def once(x): return x

@ray.remote(num_cpus=1)
def parent(x):
    return ray.get(once.remote(x))

@ray.remote(resources={"Graviton": 1})
def pinned(x): return x

big = ray.put([0] * 1000)
ray.get(once.options(max_retries=0).remote(big))
client.submit_job(entrypoint="python x.py", entrypoint_num_cpus=1)
client.submit_job(entrypoint="python x.py", entrypoint_num_cpus=0)
"""
SEEN = [
    ("RY-10", "actor-without-restart", 5, "the actor Counter has no max_restarts"),
    ("RY-10", "actor-without-restart", 8, "the actor Zero has max_restarts=0"),
    ("RY-10", "actor-calls-not-retried", 11, "the actor Half restarts, its calls do not"),
    ("RY-10", "task-never-retried", 17, "the task once has max_retries=0"),
    ("RY-11", "owner-on-a-worker", 22, "parent starts remote work of its own"),
    ("RY-06", "pinned-work", 24, "resources={Graviton: …}"),
    ("RY-11", "put-not-rebuilt", 27, "ray.put(…)"),
    ("RY-10", "task-never-retried", 28, ".options(max_retries=0)"),
    ("RY-10", "driver-on-a-worker", 29, "entrypoint_num_cpus=… for the job's driver"),
]


@pytest.mark.accepts("RY-06", "RY-10", "RY-11")
def test_what_a_reclaim_breaks_in_a_driver_is_found_by_line():
    assert [(f.row, f.rule, f.line, f.seen) for f in found(DRIVER, name="driver.py")] == SEEN


@pytest.mark.accepts("RY-10")
def test_a_driver_in_a_guide_keeps_the_lines_of_the_guide():
    text = "# How to\n\n```python\nimport ray\n@ray.remote\nclass A: ...\n```\n"
    (one,) = found(text, name="guide.md")
    assert (one.rule, one.line) == ("actor-without-restart", 5)


def test_a_driver_that_is_not_python_is_told_with_its_line():
    (one,) = found("import ray\n\ndef broken(:\n", name="driver.py")
    assert (one.rule, one.severity, one.line) == ("python", "error", 3)
