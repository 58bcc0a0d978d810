"""The judge: what the account did, against what the journal had said by then. Reads two files, and shares no code with the product.

Counts, each with a sentence that says what was seen:
duplicates      more effects of one intent than it has calls
early_effects   an effect of ours while no matching intent was durable, open and marked as sending
outside_policy  an effect that no allowed or approved decision covers, or that is not what was approved
lost            an acknowledged entry that is not in the chain, a broken chain, a witness that saw more
unresolved      an intent without an end, or whose end is not what happened
"""

import base64
import hashlib
import json
import sqlite3
import struct
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.torture.claims import claimed

KINDS = ("duplicates", "early_effects", "outside_policy", "lost", "unresolved")
Row = dict[str, Any]


@dataclass
class Found:
    """What one experiment shows."""

    violations: list[tuple[str, str]] = field(default_factory=list)
    effects: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)

    def add(self, kind: str, text: str) -> None:
        self.violations.append((kind, text))


def check(
    *,
    journal: Path,
    effects: Path,
    acknowledged: Iterable[tuple[int, str]],
    access_key: str,
    witnessed: bool,
    at_most: int | None = None,
) -> Found:
    """witnessed  the last process ended as it should: then every entry has its witness
    at_most    effects of ours that this experiment allows; None = what the intents say
    """
    found = Found()
    entries = _chain(journal, found)
    _nothing_lost(entries, acknowledged, found)
    _witnessed(journal, entries, found, whole=witnessed)
    story = Story(entries)
    ours = [r for r in _rows(effects) if r.get("access_key") == access_key]
    found.effects = len(ours)
    made: dict[str, Counter[tuple[str, ...]]] = {}
    for row in ours:
        _judge(row, story, made, found)
    for intent in story.intents.values():
        _ended(intent, made.get(intent.intent_id, Counter()), found)
    if at_most is not None and len(ours) > at_most:
        found.add("outside_policy", f"{len(ours)} effects where at most {at_most} may be: {_ops(ours)}")
    return found


def _ops(rows: list[Row]) -> str:
    return ", ".join(str(r["operation"]) for r in rows)


def _rows(effects: Path) -> list[Row]:
    return [json.loads(line) for line in effects.read_text().splitlines()] if effects.exists() else []


# the chain


def _chain(journal: Path, found: Found) -> list[Row]:
    """Every entry, and whether each is what its hash says and follows the one before."""
    if not journal.exists():
        return []
    db = sqlite3.connect(f"file:{journal}?mode=ro", uri=True)
    try:
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'audit'").fetchone():
            return []
        rows = db.execute(
            "SELECT seq, at, actor, kind, payload, previous_hash, hash FROM audit ORDER BY seq"
        ).fetchall()
        if db.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
            found.add("lost", "the journal's file is damaged")
    finally:
        db.close()
    before = "0" * 64
    for number, (seq, *rest, stored) in enumerate(rows, 1):
        fields = [str(seq), *rest]
        made = hashlib.sha256(b"".join(struct.pack(">I", len(f.encode())) + f.encode() for f in fields)).hexdigest()
        if seq != number or rest[-1] != before or made != stored:
            found.add("lost", f"the chain is broken at entry {seq}")
            break
        before = stored
    return [
        {"seq": seq, "at": at, "actor": actor, "kind": kind, "payload": json.loads(payload), "hash": end}
        for seq, at, actor, kind, payload, _, end in rows
    ]


def _nothing_lost(entries: list[Row], acknowledged: Iterable[tuple[int, str]], found: Found) -> None:
    hashes = {e["seq"]: e["hash"] for e in entries}
    hashes[0] = "0" * 64
    for seq, end in acknowledged:
        if hashes.get(seq) != end:
            found.add("lost", f"entry {seq} was acknowledged and is not in the chain")


def _witnessed(journal: Path, entries: list[Row], found: Found, *, whole: bool) -> None:
    path = journal.with_name(journal.name + ".head")
    seen = json.loads(path.read_text()) if path.exists() else {"count": 0}
    if whole and seen["count"] < len(entries):
        found.add("lost", f"{len(entries)} entries after a clean exit, and the witness saw {seen['count']}")
    if seen["count"] and (len(entries) < seen["count"] or entries[seen["count"] - 1]["hash"] != seen["head"]):
        found.add("lost", f"the witness saw entry {seen['count']}, which is not in the chain")


# what the journal says


@dataclass
class Intent:
    intent_id: str
    proposal_id: str
    seq: int
    action: Row
    permit: Row
    approval_ids: list[str]
    lease: Row | None
    sent: int | None = None
    sent_at: str = ""
    closed: int | None = None
    """the first entry that ended it"""
    last: Row = field(default_factory=lambda: {"status": ""})
    """what was said of it last"""


class Story:
    """The entries, by what they are about."""

    def __init__(self, entries: list[Row]) -> None:
        self.intents: dict[str, Intent] = {}
        self.proposals: dict[str, Row] = {}
        self.decisions: dict[str, Row] = {}
        self.answers: dict[str, list[tuple[int, Row]]] = {}
        self.leases: list[tuple[int, Row]] = []
        for entry in entries:
            tell = getattr(self, "_" + entry["kind"].replace("-", "_"), None)
            if tell:
                tell(entry["seq"], entry["payload"])

    def _proposal(self, _: int, said: Row) -> None:
        proposal = said.get("proposal", said)
        self.proposals[proposal["proposal_id"]] = proposal

    def _decision(self, _: int, said: Row) -> None:
        self.decisions[said["proposal_id"]] = said["decision"]

    def _approval(self, seq: int, said: Row) -> None:
        self.answers.setdefault(said["proposal_id"], []).append((seq, said["approval"]))

    def _lease(self, seq: int, said: Row) -> None:
        self.leases.append((seq, said))

    def _intent(self, seq: int, said: Row) -> None:
        intent = said["intent"]
        self.intents[intent["intent_id"]] = Intent(
            intent["intent_id"],
            said["proposal_id"],
            seq,
            intent["permit"]["action"],
            intent["permit"],
            list(said.get("approval_ids") or ()),
            said.get("lease"),
        )

    def _sending(self, seq: int, said: Row) -> None:
        self.intents[said["intent_id"]].sent = seq

    def _outcome(self, seq: int, said: Row) -> None:
        intent = self.intents[said["intent_id"]]
        intent.last = said["outcome"]
        if intent.last["status"] != "unknown" and intent.closed is None:
            intent.closed = seq


# one effect


def _judge(row: Row, story: Story, made: dict[str, Counter[tuple[str, ...]]], found: Found) -> None:
    name, end = f"{row['operation']} (effect {row['seq']})", row["journal_seq"]
    mine = [(i, items) for i in story.intents.values() if (items := claimed(i.action, row)) is not None]
    if not mine:
        found.add("early_effects", f"{name}: no intent is for it")
        counted = made.setdefault("", Counter())
        counted[row["operation"], _canonical(row["parameters"])] += 1
        if counted[row["operation"], _canonical(row["parameters"])] > 1:
            found.add("duplicates", f"{name}: the same call as before, and no intent is for either")
        return
    ready = [
        (i, items)
        for i, items in mine
        if i.seq <= end and i.sent is not None and i.sent <= end and (i.closed is None or i.closed > end)
    ]
    if not ready:
        intent = mine[0][0]
        found.add(
            "early_effects",
            f"{name} when the journal ended at {end}: {intent.intent_id} was opened at {intent.seq}, "
            f"marked as sending at {intent.sent}, closed at {intent.closed}",
        )
    for intent, items in ready or mine:
        counted = made.setdefault(intent.intent_id, Counter())
        counted.update(items)
        again = [i for i in items if counted[i] > 1]
        if again:
            found.add("duplicates", f"{name}: {intent.intent_id} did {' '.join(again[0])} {counted[again[0]]} times")
        _covered(row, intent, story, found)
        _token(row, intent, found)
        break


def _token(row: Row, intent: Intent, found: Found) -> None:
    """Where the API takes a token it is made of the intent's name: the same intent sent twice would act once."""
    token = str(row["parameters"].get("ClientToken", ""))
    made = base64.b32encode(hashlib.sha256(intent.intent_id.encode()).digest()).decode()
    if "ClientToken" in row["parameters"] and not (len(token) >= 32 and made.startswith(token)):
        found.add("duplicates", f"{row['operation']}: its token {token!r} is not that of {intent.intent_id}")


def _covered(row: Row, intent: Intent, story: Story, found: Found) -> None:
    """Somebody who may said yes to exactly this, and the yes held when it happened."""
    trouble = _uncovered(row, intent, story)
    if trouble:
        found.add("outside_policy", f"{row['operation']} (effect {row['seq']}) by {intent.intent_id}: {trouble}")


def _uncovered(row: Row, intent: Intent, story: Story) -> str:
    proposal, decision = story.proposals.get(intent.proposal_id), story.decisions.get(intent.proposal_id)
    if proposal is None or decision is None:
        return "nothing was proposed or decided"
    if proposal["action"] != intent.action:
        return "its action is not the proposed one"
    digest = hashlib.sha256(_canonical(proposal).encode()).hexdigest()
    now = _moment(row["at"])
    if intent.permit["proposal_digest"] != digest:
        return "its permit is for another proposal"
    if intent.permit["policy_digest"] != decision["policy_digest"]:
        return "the policy was another one"
    if _moment(intent.permit["expires_at"]) <= now:
        return "its permit was over"
    if [i.proposal_id for i in story.intents.values()].count(intent.proposal_id) > 1:
        return "its proposal was acted on twice"
    newer = [s for s, said in story.leases if intent.seq < s <= row["journal_seq"] and _another(said, intent.lease)]
    if newer:
        return f"its lease was given to somebody else at entry {newer[0]}"
    answers = [a for seq, a in story.answers.get(intent.proposal_id, ()) if seq < intent.seq]
    if any(a["answer"] == "deny" for a in answers):
        return "a person said no"
    if decision["verdict"] == "allow" and intent.permit["approval_id"] is None:
        return ""
    if decision["verdict"] == "deny":
        return "the policy said no"
    yes = {
        a["by"]
        for a in answers
        if a["answer"] == "approve" and a["proposal_digest"] == digest and now < _moment(a["expires_at"])
    }
    return "" if len(yes) >= decision["quorum"] else f"{len(yes)} of {decision['quorum']} approvals held"


def _another(said: Row, lease: Row | None) -> bool:
    """A lease acquired under a newer token than the intent's."""
    if lease is None or said.get("change") != "acquired":
        return False
    return bool(said["lease"]["name"] == lease["name"] and said["lease"]["token"] > lease["token"])


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _ended(intent: Intent, items: Counter[tuple[str, ...]], found: Found) -> None:
    status = intent.last["status"]
    found.outcomes[status or "open"] += 1
    trouble = ""
    if intent.closed is None:
        trouble = status or "nothing was heard of it"
    elif status in ("done", "partial") and not items:
        trouble = f"is told {status} and nothing happened"
    elif status in ("failed", "refused", "already") and items:
        trouble = f"is told {status}, and {len(items)} things happened"
    elif status == "done" and not all(item["ok"] for item in intent.last.get("items") or ()):
        trouble = "is told done, and AWS said of some of it that it is not"
    elif status == "done" and not intent.last["after"] and "reading back failed" not in intent.last["message"]:
        trouble = "is told done and was not read back"
    if trouble:
        found.add("unresolved", f"{intent.intent_id}: {trouble}")
