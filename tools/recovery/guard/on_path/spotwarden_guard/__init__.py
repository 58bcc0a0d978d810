"""The library under the name that it has in the one file. The folder above, and nothing else, is on the PYTHONPATH."""

from pathlib import Path

_HERE = Path(__file__).resolve().parents[2]
__path__ = [str(_HERE)]
exec(compile((_HERE / "__init__.py").read_text(encoding="utf-8"), str(_HERE / "__init__.py"), "exec"))  # noqa: S102
