"""`spotwarden_guard.pyz`: guard in one file that any Python ≥ 3.9 runs. The same sources give the same bytes."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

MAIN = b"import sys\nfrom spotwarden_guard.__main__ import main\nsys.exit(main())\n"
FIRST_LINE = b"#!/usr/bin/env python3\n"
LONG_AGO = (1980, 1, 1, 0, 0, 0)


def build_pyz(target: Path) -> Path:
    """Written beside and renamed; its folder is made."""
    here = Path(__file__).parent
    sources = sorted(
        p.relative_to(here) for p in here.rglob("*.py") if p != Path(__file__) and "on_path" not in p.parts
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.part")
    with beside.open("wb") as file:
        file.write(FIRST_LINE)
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            _add(archive, "__main__.py", MAIN)
            for source in sources:
                _add(archive, f"spotwarden_guard/{source.as_posix()}", (here / source).read_bytes())
    beside.chmod(0o755)
    beside.replace(target)
    return target


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, LONG_AGO)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = 3
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, content)


if __name__ == "__main__":
    made = build_pyz(Path(sys.argv[1] if len(sys.argv) > 1 else "dist/spotwarden_guard.pyz"))
    print(f"{made}  {made.stat().st_size:,} bytes")
