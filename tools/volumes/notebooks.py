"""Is it a notebook? What lives in an interpreter's memory is lost with the instance, and nobody can bring it back.

By the fleet's own words: names, tags, open ports, user data. Evidence, never a verdict: it leads to a warning.
"""

import re
from collections.abc import Sequence

from tools.records import Fleet, Record

_WORD = re.compile(r"(?i)(?<![a-z])(jupyter(?:hub|lab)?|notebook|ipython|ipykernel|zeppelin|rstudio|sagemaker-studio)")
_WORKLOAD = "workload"
_PORTS = {8888: "Jupyter", 8787: "RStudio Server", 8890: "Zeppelin", 8000: "JupyterHub"}
_STARTS = re.compile(r"(?i)\b(jupyter[ -](?:lab|notebook|server)|jupyterhub|rstudio-server)\b")
_WEAK_PORTS = frozenset({8000})
"""many other programs listen there: no evidence by itself"""
WARNING = (
    "a notebook's variables live in one process on one instance: an interruption loses them, and no snapshot or "
    "checkpoint of spotwarden brings them back"
)


class Notebook(Record):
    """Why a fleet looks like a place of notebooks."""

    fleet: str
    evidence: tuple[str, ...]
    warning: str = WARNING


def looks_like_notebooks(
    fleet: Fleet, *, ports: Sequence[int] | None = None, user_data: str | None = None
) -> Notebook | None:
    """None = nothing says so.

    ports      that its security groups let in; None = not read
    user_data  of its launch template; None = not read
    """
    found = [f"its name is {fleet.name}"] if _WORD.search(fleet.name) else []
    for tag in fleet.tags:
        told = tag.value if tag.key != "Name" else ""
        if _WORD.search(told) or _WORD.search(tag.key) or (tag.key == _WORKLOAD and told.lower() == "interactive"):
            found.append(f"its tag {tag.key} is {tag.value[:80]}")
    if user_data is not None and (starts := _STARTS.search(user_data)):
        found.append(f"its user data starts {starts[1]}")
    heard = [p for p in ports or () if p in _PORTS]
    if found or any(p not in _WEAK_PORTS for p in heard):
        found += [f"port {p} is open, where {_PORTS[p]} listens" for p in heard]
    return Notebook(fleet=fleet.name, evidence=tuple(found)) if found else None
