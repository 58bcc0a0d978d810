"""Bugs on purpose: each breaks one law or forgets one fault, as a patch to the product's source in memory.

A patch names text that stands in the file exactly once; one that does not fit is an error that says so.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import tools

ROOT = Path(tools.__path__[0]).parent
Patch = tuple[str, str, str]
"""file, old, new"""


@dataclass(frozen=True)
class Bug:
    name: str
    law: str
    """the law that it breaks, or the fault that it forgets"""
    patches: tuple[Patch, ...]
    cells: tuple[str, ...]
    """where it shows"""
    only: str = ""
    """the law of the checker that must find it; "" = any"""


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


ACTUATION = "agent/actuation.py"
INTENTS = "agent/journal/intents.py"
PROPOSALS = "agent/journal/proposals.py"
LEASES = "agent/journal/leases.py"
EVIDENCE = "agent/journal/evidence.py"
COMPARING = "agent/comparing.py"
WRITER = "agent/journal/writer.py"
WITNESS = "agent/journal/witness.py"
BUDGETS = "agent/journal/budgets.py"
AUTHORIZE = "policies/authorize.py"
PEOPLE = "policies/people.py"
CALLS = "tools/aws/calls.py"
ERRORS = "tools/aws/errors.py"
G, F = "change-fleet-asg", "change-fleet-ec2"
AFTER = f"fault/{G}/UpdateAutoScalingGroup/0/timeout-after-effect"
BEFORE = f"fault/{G}/UpdateAutoScalingGroup/0/timeout-before-effect"


def _bugs() -> Iterator[Bug]:
    yield Bug(
        "no-drift-check",
        "law 4: drift refuses",
        ((ACTUATION, "if digest_of(now) != proposal.preview.state_fingerprint:", "if False:"),),
        ("law/drift-before",),
    )
    yield Bug(
        "no-last-look",
        "law 4: the last look, after the intent",
        ((ACTUATION, "            fleet = self._undrifted(proposal)\n        except StalePlan as error:", "            fleet = effect_of(proposal.action).subject(self.reader, proposal.action)\n        except StalePlan as error:"),),
        ("law/drift-between-the-looks",),
    )
    yield Bug(
        "sending-not-marked",
        "law 2: durable intent, then effect",
        ((ACTUATION, "        self.journal.mark_sending(intent.intent_id, lease=lease, at=now, actor=by)\n", ""),),
        ("law/undisturbed",),
    )
    yield Bug(
        "lost-answer-is-a-failure",
        "fault: time-out after the effect",
        ((ACTUATION, 'return self._close(intent, "unknown", error.message, by=by)', 'return self._close(intent, "failed", error.message, after=intent.expect, by=by)'),),
        (AFTER,),
    )
    yield Bug(
        "gives-up-at-once",
        "the horizon: AWS may still show an old state",
        ((ACTUATION, "ends = left.sent_at + effect.horizon", "ends = left.sent_at"),),
        (f"flying/{G}/UpdateAutoScalingGroup",),
    )
    yield Bug(
        "retries-writes",
        "one attempt a write",
        ((CALLS, '{"mode": "standard", "total_max_attempts": 1} if wrote', '{"mode": "standard", "total_max_attempts": 3} if wrote'),),
        (AFTER,),
    )
    yield Bug(
        "no-answer-is-never-sent",
        "fault: connection dropped after the effect",
        ((ERRORS, "    boto.ConnectTimeoutError,\n", "    boto.ConnectTimeoutError,\n    boto.ConnectionClosedError,\n    boto.ReadTimeoutError,\n"),),
        (AFTER,),
    )
    yield Bug(
        "halted-not-looked-at",
        "the kill switch",
        ((ACTUATION, "        if self.halted():\n            raise Halted", "        if False:\n            raise Halted"), ("policies/clauses/ground.py", "facts.kill_switch", "False")),
        ("law/halted-between-the-looks",),
    )
    yield Bug(
        "policy-digest-not-compared",
        "an approval is bound to the policy",
        (
            (ACTUATION, "if self.policy().digest != saved.decision.policy_digest:", "if False:"),
            (AUTHORIZE, '        ("policy", a.policy_digest, policy.digest),\n', ""),
        ),
        ("law/policy-edited",),
    )
    yield Bug(
        "expiry-ignored",
        "an approval holds until a moment",
        (
            (AUTHORIZE, "    if now >= a.expires_at:", "    if False:"),
            (AUTHORIZE, "ends = [now + timedelta(seconds=PERMIT_SECONDS), *(a.expires_at for a in yes)]", "ends = [now + timedelta(seconds=PERMIT_SECONDS)]"),
            (INTENTS, "        if approval.expires_at <= now:", "        if False:"),
            (PROPOSALS, "expires_at <= ? THEN 'expired'", "expires_at <= ? AND 0 THEN 'expired'"),
        ),
        ("law/approval-over",),
    )
    yield Bug(
        "permit-never-over",
        "a permit is for a short while",
        ((INTENTS, "if now >= Intent.model_validate_json(row[2]).permit.expires_at:", "if False:"),),
        ("law/permit-over-while-it-looks",),
    )
    yield Bug(
        "lease-not-checked",
        "one leader: the fencing token",
        ((LEASES, "    if row is None or row[0] != lease.token:", "    if False:"), (LEASES, "    if row[2] <= instant(now):\n        raise Halted", "    if False:\n        raise Halted"), (ACTUATION, "send_by=until if lease is None else min(until, lease.expires_at)", "send_by=until")),
        ("law/lease-taken-over-while-it-looks",),
    )
    yield Bug(
        "witness-skipped",
        "a head file witnesses the chain at every clean exit",
        ((WITNESS, "            _replace(head_path(database), canonical_json(witness)", "            known or _replace(head_path(database), canonical_json(witness)"),),
        ("law/undisturbed",),
    )
    yield Bug(
        "closed-intent-is-sent",
        "who slept finds its intent closed",
        ((INTENTS, "if row is None or row[0] is not None or row[1] is not None:", "if row is None:"),),
        ("law/slept-before-it-was-marked",),
    )
    yield Bug(
        "leaves-whenever",
        "a send deadline",
        ((ACTUATION, "until = now + effect_of(intent.permit.action).horizon / 3", "until = now + 1000 * effect_of(intent.permit.action).horizon"),),
        ("law/slept-before-it-left",),
    )
    yield Bug(
        "leaves-under-a-dead-lease",
        "no effect from a stale lease",
        ((ACTUATION, "send_by=until if lease is None else min(until, lease.expires_at)", "send_by=until"),),
        ("law/lease-lost-before-it-left",),
    )
    yield Bug(
        "two-intents-on-a-fleet",
        "one change of a fleet at a time",
        (
            (INTENTS, "    if busy is not None:\n", "    if False:\n"),
            ("agent/journal/schema.py", "CREATE UNIQUE INDEX one_open_intent_at_a_time", "CREATE INDEX one_open_intent_at_a_time"),
        ),
        ("law/one-change-of-a-fleet-at-a-time",),
    )
    yield Bug(
        "limits-outside-the-transaction",
        "limits are reserved with the intent",
        ((INTENTS, "    within_limits(tx.db, limits, amounts, now=earliest, approved=bool(approved_by))\n", ""),),
        ("law/limit-of-one-at-once",),
    )
    yield Bug(
        "limits-not-kept",
        "what was taken is counted",
        (
            (INTENTS, "    reserve(tx.db, limits, amounts, fleet=fleet, intent_id=intent.intent_id, at=now)\n", ""),
        ),
        ("law/limit-of-one",),
    )
    yield Bug(
        "approval-good-for-twice",
        "an approval is used once",
        (
            (INTENTS, "    _not_acted_on(saved)\n    confirm(tx.db, proposal_id)\n", ""),
            (INTENTS, "        if approval_id in approval_ids:\n", "        if False:\n"),
            (INTENTS, "        if taken.rowcount != 1:\n", "        if False:\n"),
            (INTENTS, "    if busy is not None:\n", "    if False:\n"),
            ("agent/journal/schema.py", "proposal_id TEXT NOT NULL UNIQUE REFERENCES proposals, fleet TEXT NOT NULL,\n      touches", "proposal_id TEXT NOT NULL REFERENCES proposals, fleet TEXT NOT NULL,\n      touches"),
            ("agent/journal/schema.py", "CREATE UNIQUE INDEX one_open_intent_at_a_time", "CREATE INDEX one_open_intent_at_a_time"),
            (ACTUATION, "            fleet = self._undrifted(proposal)\n        except StalePlan as error:", "            fleet = effect_of(proposal.action).subject(self.reader, proposal.action)\n        except StalePlan as error:"),
        ),
        ("law/acted-on-twice-a-moment-later",),
    )
    yield Bug(
        "machines-may-approve",
        "the agent can never approve",
        ((PEOPLE, "    return kind.strip() not in _MACHINES and (not colon or named_a_person)", "    return True"), (PEOPLE, "    if not any(c.isalnum() for c in plain) or plain.startswith(_MACHINE_STARTS):", "    if not plain:")),
        ("law/machine-approves",),
    )
    yield Bug(
        "one-person-counts-twice",
        "a quorum is of different people",
        ((PEOPLE, '    plain = unicodedata.normalize("NFKC", name).strip().casefold()\n    while', "    plain = name\n    while"),),
        ("law/quorum-of-one-person",),
    )
    yield Bug(
        "a-no-is-not-heard",
        "a yes can be taken back",
        (
            (AUTHORIZE, "        if a.answer == \"deny\" and a.proposal_digest", "        if False and a.proposal_digest"),
            (PROPOSALS, "        tx.db.execute(\"UPDATE proposals SET status = 'refused' WHERE proposal_id = ?\", (proposal_id,))\n        return\n", "        return\n"),
        ),
        ("law/taken-back",),
    )
    yield Bug(
        "rows-believed-without-the-chain",
        "rows give rights only where the chain tells the same",
        ((EVIDENCE, "    first, second, proposal, decision = db.execute(", "    return\n    first, second, proposal, decision = db.execute("),),
        ("law/approval-written-by-hand",),
    )
    yield Bug(
        "some-written-is-none-written",
        "fault: one of several writes fails",
        (("tools/recovery/requests.py", "    if done == 0:\n", "    if True:\n"),),
        ("fault/request-checkpoint/PutObject/1/throttle",),
    )
    yield Bug(
        "acknowledged-before-it-is-stored",
        "an entry is acknowledged when it is on disk",
        (
            (WRITER, '            self._db.execute("COMMIT")\n            if self._idle_until', '            for future, answer, refusal in answers:\n                if refusal is None:\n                    future.set_result(answer)\n            time.sleep(0.05)\n            self._db.execute("COMMIT")\n            if self._idle_until'),
            (WRITER, "            if refusal is None:\n                future.set_result(answer)\n            else:\n                future.set_exception(refusal)\n", "            if refusal is not None:\n                future.set_exception(refusal)\n"),
        ),
        tuple(f"single/{G}/draw/{n}/after" for n in range(14, 40)),
    )
    yield Bug(
        "open-intents-are-forgotten",
        "reconcile at the start",
        ((ACTUATION, "return tuple((o.proposal_id, self._settle(o)) for o in self.journal.open_intents())", "return ()"), (ACTUATION, "        if any(o.proposal_id == proposal_id for o in self.journal.open_intents()):", "        if False:")),
        (AFTER, BEFORE),
    )
    yield Bug(
        "sent-again-when-unknown",
        "an unknown outcome is never sent again",
        (
            (
                ACTUATION,
                "            settled = dict(self.reconcile())\n",
                "            left = next(o for o in self.journal.open_intents() if o.proposal_id == proposal_id)\n"
                "            if left.sent_at:\n"
                "                effect = effect_of(left.intent.permit.action)\n"
                "                sending = left.intent.with_(send_by=self.clock.now() + effect.horizon)\n"
                "                fleet = effect.subject(self.reader, left.intent.permit.action)\n"
                "                receipt = effect.carry_out(self.writer, sending, left.intent.permit.action, fleet)\n"
                "                return self._read_back(left.intent, receipt, by=by)\n"
                "            settled = dict(self.reconcile())\n",
            ),
            (ACTUATION, "return tuple((o.proposal_id, self._settle(o)) for o in self.journal.open_intents())", "return tuple((o.proposal_id, self._settle(o)) for o in self.journal.open_intents() if o.sent_at is None)"),
        ),
        (f"single/{G}/act/0/before", AFTER),
    )
    yield Bug(
        "intent-log-off",
        "the same harness with the intent log switched off",
        (
            (ACTUATION, "        if told and told[-1].status in _FINAL:", "        if False:"),
            (ACTUATION, "        if any(o.proposal_id == proposal_id for o in self.journal.open_intents()):", "        if False:"),
            (INTENTS, "    earliest, now = sorted((intent.opened_at, tx.at))", "    return\n    earliest, now = sorted((intent.opened_at, tx.at))"),
            (INTENTS, "    row = tx.db.execute(\"SELECT closed_at, sent_at, intent FROM", "    return\n    row = tx.db.execute(\"SELECT closed_at, sent_at, intent FROM"),
            (INTENTS, "    row = tx.db.execute(\n        \"SELECT proposal_id, closed_at, fleet, sent_at FROM", "    return True\n    row = tx.db.execute(\n        \"SELECT proposal_id, closed_at, fleet, sent_at FROM"),
        ),
        (f"fault/{G}/UpdateAutoScalingGroup/0/lost-and-stale", "fault/create-snapshots/CreateSnapshots/0/lost-and-stale"),
        only="duplicates",
    )
    yield Bug(
        "token-by-chance",
        "an API's token is made of the intent",
        ((ACTUATION, "hashlib.sha256(intent_id.encode()).digest()", "__import__('os').urandom(32)"),),
        ("law/undisturbed-launch",),
    )
    yield Bug(
        "not-read-back",
        "what was done is read back",
        ((ACTUATION, "            after = effect_of(action).observe(self.reader, intent, action)\n        except CloudError as error:\n            text = f\"{told}; reading", "            after = {}\n        except CloudError as error:\n            text = f\"{told}; reading"),),
        ("law/undisturbed",),
    )
    yield Bug(
        "some-is-all",
        "fault: some of a call's items were done",
        ((COMPARING, 'return ("failed" if len(lost) == len(items) else "partial"), told', 'return "done", told'),),
        ("fault/delete-fleet-ec2/DeleteFleets/0/partial", "fault/create-fleet-instant/CreateFleet/0/partial", "fault/terminate-in-group/TerminateInstanceInAutoScalingGroup/1/throttle"),
    )
    yield Bug(
        "created-things-bear-no-intent",
        "what was created is found by the intent's tag",
        (("tools/aws/volume_writes.py", "tags_of(intent.intent_id, action.instance_id,", 'tags_of("none", action.instance_id,'),),
        ("fault/create-snapshots/CreateSnapshots/0/drop-after-effect",),
    )
    yield Bug(
        "half-an-answer-is-a-no",
        "fault: a malformed answer",
        ((ERRORS, "    if wrote:\n        otherwise", "    if wrote and not isinstance(error, boto.parsers.ResponseParserError if hasattr(boto, 'parsers') else __import__('botocore.parsers').parsers.ResponseParserError):\n        otherwise"),),
        (f"fault/{G}/UpdateAutoScalingGroup/0/malformed",),
    )
    yield Bug(
        "relative-change",
        "relative changes are forbidden",
        (("tools/aws/autoscaling.py", "            parameters[name] = getattr(wanted, field)\n", "            parameters[name] = getattr(wanted, field)\n    if wanted.desired_capacity is not None:\n        parameters['DesiredCapacity'] = row['DesiredCapacity'] + 2\n"),),
        ("law/undisturbed-sizes",),
    )
    yield Bug(
        "entries-not-chained",
        "every entry names the one before it",
        ((WRITER, "seq, at, previous = self.head.count + 1, instant(self.at), self.head.hash", 'seq, at, previous = self.head.count + 1, instant(self.at), "0" * 64'),),
        ("law/undisturbed",),
    )
    yield Bug(
        "a-no-of-the-policy-is-not-heard",
        "deny stays deny",
        (
            (AUTHORIZE, '        if said.verdict == "deny":', "        if False:"),
            (INTENTS, 'if saved.status in ("denied", "refused", "expired") or saved.decision.verdict == "deny":', "if False:"),
        ),
        ("law/policy-says-no",),
    )
    yield Bug(
        "instances-are-not-bound",
        "an approval is bound to the instances that were shown",
        (("tools/records/fleets.py", '            "instances": {i.instance_id: _as_bound(i) for i in self.instances},\n', '            "instances": {},\n'),),
        ("law/drift-of-an-instance",),
    )
    yield Bug(
        "template-version-is-not-bound",
        "an approval is bound to the launch template's version",
        (("tools/records/fleets.py", '            "launch_template": self.launch_template.model_dump(mode="json") if self.launch_template else None,\n', ""),),
        ("law/drift-of-the-template-version",),
    )
    yield Bug(
        "unsent-is-left-open",
        "terminal within two restarts and the horizon",
        ((ACTUATION, "over=now >= intent.opened_at + UNSENT", "over=False"),),
        (f"single/{G}/act/30/before", *(f"single/{G}/act/{n}/after" for n in range(18, 30))),
    )


PLANTED: dict[str, Bug] = {bug.name: bug for bug in _bugs()}
