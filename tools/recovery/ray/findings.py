"""What `ray lint` says: one Finding for one fault in one place, and the Review of a file.

A file that is reviewed was written by somebody: its text is data. Only what looks like an identifier is repeated,
shortened; prose is counted and secrets are named by their kind.
"""

import re
from typing import Literal

from pydantic import Field

from tools.records import Name, Record

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")
_TOKEN = re.compile(r"[A-Za-z0-9_.:/${}()@*+=<>,\[\]~%-]{1,64}")
SECRETS = (
    ("an AWS access key id", re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b")),
    ("a private key", re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----")),
    ("a GitHub token", re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})")),
    ("a Slack token", re.compile(r"\bxox[abprs]-[A-Za-z0-9-]{10,}")),
    ("an API key", re.compile(r"\b(?:sk-[A-Za-z0-9_-]{20,}|hf_[A-Za-z0-9]{20,})")),
    ("a password in an address", re.compile(r"\w+://[^\s/:@'\"]+:(?!\$)[^\s/@'\"]+@")),
    (
        "a secret",
        re.compile(
            r"(?i)(?:secret_?access_?key|session_?token|passw(?:or)?d|api_?key|auth_?token|(?:^|[\s_-])(?:token|secret))"
            r"['\"]?\s*[:=]\s*['\"]?(?!\$[({A-Za-z])[^\s'\"#]{4,}"
        ),
    ),
)
"""kind, and what it looks like; a value that is read from a variable or a command is none"""


class Finding(Record):
    """One fault in one place."""

    rule: Name
    severity: Severity
    row: str | None = None
    """of docs/acceptance.md"""
    line: int = Field(ge=1)
    """of the file that was given"""
    where: str = ""
    """available_node_types.x86_worker_node.node_config.SubnetId"""
    seen: str
    why: str
    fix: str


class Review(Record):
    """Everything that was found in one file, by line."""

    file: Name
    findings: tuple[Finding, ...]
    looked_at: tuple[str, ...]
    """«a cluster file (lines 24 to 111)», in order"""
    checked: tuple[str, ...]
    """which of Ray's own checks ran, or why not"""
    errors: int = Field(ge=0)
    warnings: int = Field(ge=0)


def secret_kind(text: str) -> str | None:
    """«an AWS access key id», or None."""
    return next((kind for kind, pattern in SECRETS if pattern.search(text)), None)


def shown(value: object) -> str:
    """A piece of the file as it may be repeated: identifiers, shortened; never a secret, never a sentence."""
    text = str(value).strip()
    if not text:
        return "nothing"
    if secret_kind(text):
        return "a secret (not shown)"
    return text if _TOKEN.fullmatch(text) else f"text of {len(text):,} characters"
