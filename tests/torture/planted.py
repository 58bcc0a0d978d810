"""Bugs on purpose: each breaks one law or forgets one fault, as a patch to the product's source in memory.

A patch that does not fit the source as it is is an error that says so.
"""

import importlib.abc
import importlib.machinery
import sys
from collections.abc import Sequence
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import tools
from tests.torture.bug import Bug
from tests.torture.bugs_acting import ACTING
from tests.torture.bugs_around import AROUND

ROOT = Path(tools.__path__[0]).parent
PLANTED: dict[str, Bug] = {bug.name: bug for bug in (*ACTING, *AROUND)}


class Misfit(Exception):
    """A patch that does not fit the source as it is."""


def patched(bug: Bug) -> dict[str, str]:
    """file → its source with the bug. Raises Misfit."""
    sources: dict[str, str] = {}
    for file, old, new in bug.patches:
        text = sources.get(file) or (ROOT / file).read_text()
        if text.count(old) != 1:
            raise Misfit(f"planted {bug.name}: {old!r} stands {text.count(old)} times in {file}, not once")
        sources[file] = text.replace(old, new)
    return sources


def plant(name: str) -> None:
    """From now on this process imports the product with the bug. Nothing of it may be imported yet."""
    sources = patched(PLANTED[name])
    early = [m for m in sys.modules if _file_of(m) in sources]
    if early:
        raise Misfit(f"planted {name}: {', '.join(early)} was imported before the bug was planted")
    sys.meta_path.insert(0, _Finder(sources))


def _file_of(module: str) -> str:
    return module.replace(".", "/") + ".py"


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, sources: dict[str, str]) -> None:
        self._sources = sources

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> Any:
        source = self._sources.get(_file_of(name)) or self._sources.get(name.replace(".", "/") + "/__init__.py")
        if source is None:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        assert spec
        assert isinstance(spec.loader, importlib.machinery.SourceFileLoader)
        spec.loader = _Loader(spec.loader.name, spec.loader.path, source)
        return spec


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, name: str, path: str, source: str) -> None:
        super().__init__(name, path)
        self._source = source

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._source, self.path, "exec", dont_inherit=True)
