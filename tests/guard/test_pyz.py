"""The one file that travels alone."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.guard.clouds import INSTANCE_ID
from tests.guard.test_interruption import SAVES_AT_TERM
from tools.recovery.guard.pyz import build_pyz

GUARD = Path(__file__).resolve().parents[2] / "tools" / "recovery" / "guard"


def older_pythons() -> list[str]:
    """The oldest that guard promises to run on, and a new one, where this machine has them."""
    found = []
    for version in ("3.9", "3.13"):
        managed = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
        path = shutil.which(f"python{version}")
        for python in [*map(str, managed), *([path] if path else [])]:
            if subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0:
                found.append(python)
                break
    return found


@pytest.fixture(scope="module")
def pyz(tmp_path_factory) -> Path:
    return build_pyz(tmp_path_factory.mktemp("pyz") / "spotwarden_guard.pyz")


def test_the_same_sources_give_the_same_bytes_and_few(pyz, tmp_path):
    assert build_pyz(tmp_path / "again.pyz").read_bytes() == pyz.read_bytes()
    assert pyz.stat().st_size < 150_000


def test_guard_imports_nothing_but_itself_and_the_standard_library():
    foreign = set()
    for source in GUARD.rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                foreign |= {a.name.split(".")[0] for a in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                foreign.add((node.module or "").split(".")[0])
            elif isinstance(node, ast.ImportFrom):
                assert node.level <= len(source.relative_to(GUARD).parts), source  # else it leaves what travels
    assert foreign - set(sys.stdlib_module_names) <= {"boto3", "botocore", "urllib3", "redis", "pika", "ray"}


def test_boto3_is_loaded_only_for_s3(pyz):
    code = f"import sys; sys.path.insert(0, {str(pyz)!r}); import spotwarden_guard.__main__; print([m for m in sys.modules if m.startswith(('boto', 'tools', 'pydantic'))])"  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.accepts("PO-02", "PO-04")
@pytest.mark.parametrize("python", [sys.executable, *older_pythons()], ids=lambda p: Path(p).parts[-3])
def test_the_file_alone_runs_and_the_job_imports_from_it(python, pyz, cloud, tmp_path):
    alone = shutil.copy(pyz, tmp_path / "g.pyz")
    job = tmp_path / "job.py"
    job.write_text(SAVES_AT_TERM)
    command = [python, "-I", str(alone), "--poll", "0.05", "--checkpoints", "ckpt", "--store", "kept", "--", python, str(job)]  # fmt: skip
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], **cloud.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline().strip() == "ready", process.stderr.read()
        cloud.interrupt()
        _, words = process.communicate(timeout=60)
    assert process.returncode == 75, words
    assert (tmp_path / "kept" / "reports" / f"{INSTANCE_ID}.json").exists()


@pytest.mark.parametrize("python", [sys.executable, *older_pythons()], ids=lambda p: Path(p).parts[-3])
def test_help_teaches_on_every_python(python, pyz):
    done = subprocess.run([python, str(pyz), "--help"], capture_output=True, text=True, check=True)
    for words in ("spotwarden-guard -- python train.py", "75   interrupted, and saved", "SPOTWARDEN_NOTICE_FILE"):
        assert words in done.stdout


@pytest.mark.parametrize(
    ("words", "saw"),
    [
        (["python", "train.py"], "no «--» before the command"),
        (["--"], "no command"),
        (["--grase", "3", "--", "true"], "unrecognized arguments: --grase"),
        (["--grace", "soon", "--", "true"], "'soon' is not a number above 0"),
        (["--signal", "KILL", "--", "true"], "invalid choice: 'KILL'"),
        (["--store", "s3://b/j", "--checkpoints", "c", "--job", "x", "--", "true"], "--job beside --store"),
        (["--keep", "0", "--", "true"], "'0' is not a count of 1 or more"),
    ],
)
def test_a_command_line_that_cannot_be_is_64_and_says_what_would_do(words, saw, pyz):
    done = subprocess.run([sys.executable, str(pyz), *words], capture_output=True, text=True, check=False)
    assert done.returncode == 64
    assert saw in done.stderr
    assert len(done.stderr.splitlines()) == 1
