"""`spotwarden policy`: the command that other programs rely on. Garbage in is a deny out, never an exit."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from policies.document import parse_policy
from tests.policies.cases import FACTS, REF, WHOLE
from tui.commands.policy import MAX_LINE_BYTES, answer_lines, decide_schema

pytestmark = pytest.mark.accepts("DC-02", "P-15")
LAW = parse_policy(WHOLE, source="whole")
LINE = {
    "action": {"kind": "change-fleet", "fleet": REF, "on_demand_base_capacity": 2},
    "facts": FACTS,
    "now": "2026-11-19T02:00:00Z",
}


def asked(*lines: bytes, law=LAW) -> list[dict]:
    out = io.BytesIO()
    answer_lines(io.BytesIO(b"".join(lines)), out, law)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def line(**changes) -> bytes:
    return json.dumps({k: v for k, v in {**LINE, **changes}.items() if v != "gone"}).encode() + b"\n"


def spotwarden(*arguments: str, stdin: str = "", cwd: Path) -> subprocess.CompletedProcess[str]:
    code = "import sys; from tui.cli import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], input=stdin, capture_output=True, text=True, cwd=cwd, check=False
    )


def test_a_good_line_gets_its_verdict():
    (verdict,) = asked(line())
    assert verdict["verdict"] == "allow", verdict
    assert set(verdict) == {"verdict", "clauses", "reasons"}


@pytest.mark.parametrize(
    "bad",
    [
        b"\n",
        b"nope\n",
        b"[1]\n",
        b"null\n",
        b"{}\n",
        b"\xff\xfe\n",
        b"{" * 100_000 + b"\n",
        b'{"action": {}, "action": {}}\n',
        line(now="gone"),
        line(now="2026-11-19T02:00:00"),
        line(now="soon"),
        line(now=5),
        line(extra=1),
        line(facts="gone"),
        line(action={**LINE["action"], "kind": "terminate-everything"}),
        line(action={**LINE["action"], "on_demand_base_capacity": "2"}),
        line(action={**LINE["action"], "on_demand_base_capacity": None}),
        line(facts={**FACTS, "kill_switch": "false"}),
        line(facts={**FACTS, "kill_switch": 0}),
        line(facts={**FACTS, "instances": -1}),
        line(facts={**FACTS, "instancess": 1}),
        line(facts={**FACTS, "account_id": "1"}),
        json.dumps(LINE).replace('"zones": 3', '"zones": NaN').encode() + b"\n",
        json.dumps(LINE).replace("0.3", "1e999").encode() + b"\n",
        json.dumps(LINE).replace('"zones": 3', '"zones": ' + "9" * 5000).encode() + b"\n",
        json.dumps(LINE).replace('"zones": 3', '"zones": 3, "zones": 3').encode() + b"\n",
        b'"' + b"x" * (2 * MAX_LINE_BYTES) + b'"\n',
    ],
)
def test_garbage_is_denied_with_a_reason_and_the_next_line_is_answered(bad):
    first, second = asked(bad, line())
    assert first["verdict"] == "deny"
    assert first["reasons"][0]
    assert second["verdict"] == "allow"


def test_a_last_line_without_an_end_is_answered():
    assert [v["verdict"] for v in asked(line(), line().rstrip())] == ["allow", "allow"]


def test_a_broken_policy_denies_every_line_and_exits_well(tmp_path: Path):
    (tmp_path / "p.yaml").write_text("version: 1\nbudgts: []\n")
    done = spotwarden("policy", "decide", "--policy", "p.yaml", stdin=line().decode() * 2, cwd=tmp_path)
    verdicts = [json.loads(v) for v in done.stdout.splitlines()]
    assert done.returncode == 0
    assert [v["verdict"] for v in verdicts] == ["deny", "deny"]
    assert "p.yaml:2: unknown key 'budgts'" in verdicts[0]["reasons"][0]
    assert done.stderr.count("unknown key") == 1


def test_answers_come_line_by_line(tmp_path: Path):
    (tmp_path / "spotwarden-policy.yaml").write_text(WHOLE)
    code = "import sys; from tui.cli import main; sys.exit(main(['policy', 'decide']))"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=tmp_path
    ) as process:
        for _ in range(2):
            process.stdin.write(line())
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["verdict"] == "allow"
        process.stdin.close()
        assert process.wait(timeout=20) == 0


def test_a_policy_is_written_checked_explained_and_never_overwritten(tmp_path: Path):
    assert spotwarden("policy", "init", "approve", cwd=tmp_path).returncode == 0
    before = (tmp_path / "spotwarden-policy.yaml").read_bytes()
    again = spotwarden("policy", "init", "observe", cwd=tmp_path)
    assert again.returncode == 64
    assert "exists already" in again.stderr
    assert (tmp_path / "spotwarden-policy.yaml").read_bytes() == before
    checked = json.loads(spotwarden("policy", "validate", "--json", cwd=tmp_path).stdout)
    assert checked["ok"] is True
    assert checked["policies"] == ["ask-for-everything", "save-work-on-notice"]
    assert "save-work-on-notice: autonomous" in spotwarden("policy", "explain", cwd=tmp_path).stdout


def test_a_wrong_policy_is_told_with_its_line_and_exit_1(tmp_path: Path):
    (tmp_path / "p.yaml").write_text("version: 1\nbudgts: []\n")
    done = spotwarden("policy", "validate", "p.yaml", cwd=tmp_path)
    assert done.returncode == 1
    assert "p.yaml:2: unknown key 'budgts' under the document; nearest: 'budgets'" in done.stderr


def test_schemas_are_printed(tmp_path: Path):
    document = json.loads(spotwarden("policy", "schema", cwd=tmp_path).stdout)
    assert "policies" in document["properties"]
    assert set(decide_schema()["required"]) == {"action", "facts", "now"}
