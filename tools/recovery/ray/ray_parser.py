"""Starts Ray's own parser in a process of its own: importing Ray here would cost half a second and its habits."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tools.errors import DataError

SECONDS = 60
_PROGRAM = Path(__file__).with_name("parse_with_ray.py")
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH")


def parsed_by_ray(text: str, *, seconds: float = SECONDS) -> dict[str, Any]:
    """What Ray made of a cluster file: `steps` that went well, `problem` or None, `groups` name → [min, max, priority].

    seconds  after which the parser is ended
    Raises   DataError: it did not answer
    """
    with tempfile.TemporaryDirectory(prefix="spotwarden-ray-") as home:
        environment = {k: v for k, v in os.environ.items() if k in _PASSED_ON}
        environment |= {"HOME": home, "RAY_USAGE_STATS_ENABLED": "0", "AWS_EC2_METADATA_DISABLED": "true"}
        try:
            done = subprocess.run(
                [sys.executable, "-I", str(_PROGRAM)],
                input=text.encode(),
                capture_output=True,
                timeout=seconds,
                check=False,
                env=environment,
                cwd=home,
            )
        except subprocess.TimeoutExpired:
            hint = "run again with --no-parse; `ray up` would wait as long"
            raise DataError(f"Ray's parser did not end within {seconds:g} s", hint=hint) from None
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2][:200]
        hint = "check the installation: python -c 'import ray'; or run with --no-parse"
        raise DataError(f"Ray's parser ended with {done.returncode}: {last}", hint=hint) from None
    return dict(answer)
