"""Bugs around the one way to write: the journal, the law, what speaks to AWS."""

from tests.torture.bug import (
    ACTUATION,
    AUTHORIZE,
    CALLS,
    ERRORS,
    EVIDENCE,
    FLEETS,
    GROUP,
    INTENTS,
    LEASES,
    LOST,
    PEOPLE,
    PROPOSALS,
    SCHEMA,
    WITNESS,
    WRITER,
    Bug,
)

AROUND: tuple[Bug, ...] = (
    Bug(
        "retries-writes",
        "one attempt a write",
        (
            (
                CALLS,
                '{"mode": "standard", "total_max_attempts": 1} if wrote',
                '{"mode": "standard", "total_max_attempts": 3} if wrote',
            ),
        ),
        (LOST,),
    ),
    Bug(
        "no-answer-is-never-sent",
        "fault: connection dropped after the effect",
        (
            (
                ERRORS,
                "    boto.ConnectTimeoutError,\n",
                "    boto.ConnectTimeoutError,\n    boto.ConnectionClosedError,\n    boto.ReadTimeoutError,\n",
            ),
        ),
        (LOST,),
    ),
    Bug(
        "expiry-ignored",
        "an approval holds until a moment",
        (
            (AUTHORIZE, "    if now >= a.expires_at:", "    if False:"),
            (
                AUTHORIZE,
                "ends = [now + timedelta(seconds=PERMIT_SECONDS), *(a.expires_at for a in yes)]",
                "ends = [now + timedelta(seconds=PERMIT_SECONDS)]",
            ),
            (INTENTS, "        if approval.expires_at <= now:", "        if False:"),
            (PROPOSALS, "expires_at <= ? THEN 'expired'", "expires_at <= ? AND 0 THEN 'expired'"),
        ),
        ("law/approval-over",),
    ),
    Bug(
        "permit-never-over",
        "a permit is for a short while",
        ((INTENTS, "if now >= Intent.model_validate_json(row[2]).permit.expires_at:", "if False:"),),
        ("law/permit-over-while-it-looks",),
    ),
    Bug(
        "lease-not-checked",
        "one leader: the fencing token",
        (
            (LEASES, "    if row is None or row[0] != lease.token:", "    if False:"),
            (LEASES, "    if row[2] <= instant(now):\n        raise Halted", "    if False:\n        raise Halted"),
            (ACTUATION, "send_by=until if lease is None else min(until, lease.expires_at)", "send_by=until"),
        ),
        ("law/lease-taken-over-while-it-looks",),
    ),
    Bug(
        "witness-skipped",
        "a head file witnesses the chain at every clean exit",
        (
            (
                WITNESS,
                "            _replace(head_path(database), canonical_json(witness)",
                "            known or _replace(head_path(database), canonical_json(witness)",
            ),
        ),
        ("law/undisturbed",),
    ),
    Bug(
        "closed-intent-is-sent",
        "who slept finds its intent closed",
        ((INTENTS, "if row is None or row[0] is not None or row[1] is not None:", "if row is None:"),),
        ("law/slept-before-it-was-marked",),
    ),
    Bug(
        "two-intents-on-a-fleet",
        "one change of a fleet at a time",
        (
            (INTENTS, "    if busy is not None:\n", "    if False:\n"),
            (SCHEMA, "CREATE UNIQUE INDEX one_open_intent_at_a_time", "CREATE INDEX one_open_intent_at_a_time"),
        ),
        ("law/one-change-of-a-fleet-at-a-time",),
    ),
    Bug(
        "limits-outside-the-transaction",
        "limits are reserved with the intent",
        ((INTENTS, "    within_limits(tx.db, limits, amounts, now=earliest, approved=bool(approved_by))\n", ""),),
        ("law/limit-of-one-at-once",),
    ),
    Bug(
        "limits-not-kept",
        "what was taken is counted",
        ((INTENTS, "    reserve(tx.db, limits, amounts, fleet=fleet, intent_id=intent.intent_id, at=now)\n", ""),),
        ("law/limit-of-one",),
    ),
    Bug(
        "approval-good-for-twice",
        "an approval is used once",
        (
            (INTENTS, "    _not_acted_on(saved)\n    confirm(tx.db, proposal_id)\n", ""),
            (INTENTS, "        if approval_id in approval_ids:\n", "        if False:\n"),
            (INTENTS, "        if taken.rowcount != 1:\n", "        if False:\n"),
            (INTENTS, "    if busy is not None:\n", "    if False:\n"),
            (
                SCHEMA,
                "proposal_id TEXT NOT NULL UNIQUE REFERENCES proposals, fleet TEXT NOT NULL,\n      touches",
                "proposal_id TEXT NOT NULL REFERENCES proposals, fleet TEXT NOT NULL,\n      touches",
            ),
            (SCHEMA, "CREATE UNIQUE INDEX one_open_intent_at_a_time", "CREATE INDEX one_open_intent_at_a_time"),
            (
                ACTUATION,
                "            fleet = self._undrifted(proposal)\n        except StalePlan as error:",
                "            fleet = effect_of(proposal.action).subject(self.reader, proposal.action)\n        except StalePlan as error:",
            ),
        ),
        ("law/acted-on-twice-a-moment-later",),
    ),
    Bug(
        "machines-may-approve",
        "the agent can never approve",
        (
            (PEOPLE, "    return kind.strip() not in _MACHINES and (not colon or named_a_person)", "    return True"),
            (
                PEOPLE,
                "    if not any(c.isalnum() for c in plain) or plain.startswith(_MACHINE_STARTS):",
                "    if not plain:",
            ),
        ),
        ("law/machine-approves",),
    ),
    Bug(
        "one-person-counts-twice",
        "a quorum is of different people",
        (
            (
                PEOPLE,
                '    plain = unicodedata.normalize("NFKC", name).strip().casefold()\n    while',
                "    plain = name\n    while",
            ),
        ),
        ("law/quorum-of-one-person",),
    ),
    Bug(
        "a-no-is-not-heard",
        "a yes can be taken back",
        (
            (
                AUTHORIZE,
                '        if a.answer == "deny" and a.proposal_digest',
                "        if False and a.proposal_digest",
            ),
            (
                PROPOSALS,
                "        tx.db.execute(\"UPDATE proposals SET status = 'refused' WHERE proposal_id = ?\", (proposal_id,))\n        return\n",
                "        return\n",
            ),
        ),
        ("law/taken-back",),
    ),
    Bug(
        "rows-believed-without-the-chain",
        "rows give rights only where the chain tells the same",
        (
            (
                EVIDENCE,
                "    first, second, proposal, decision = db.execute(",
                "    return\n    first, second, proposal, decision = db.execute(",
            ),
        ),
        ("law/approval-written-by-hand",),
    ),
    Bug(
        "some-written-is-none-written",
        "fault: one of several writes fails",
        (("tools/recovery/requests.py", "    if not isinstance(error, CloudError):\n", "    if True:\n"),),
        ("fault/request-checkpoint/PutObject/1/throttle",),
    ),
    Bug(
        "acknowledged-before-it-is-stored",
        "an entry is acknowledged when it is on disk",
        (
            (
                WRITER,
                '            self._db.execute("COMMIT")\n            if self._idle_until',
                '            for future, answer, refusal in answers:\n                if refusal is None:\n                    future.set_result(answer)\n            time.sleep(0.05)\n            self._db.execute("COMMIT")\n            if self._idle_until',
            ),
            (
                WRITER,
                "            if refusal is None:\n                future.set_result(answer)\n            else:\n                future.set_exception(refusal)\n",
                "            if refusal is not None:\n                future.set_exception(refusal)\n",
            ),
        ),
        tuple(f"single/{GROUP}/draw/{n}/after" for n in range(14, 40)),
    ),
    Bug(
        "created-things-bear-no-intent",
        "what was created is found by the intent's tag",
        (
            (
                "tools/aws/volume_writes.py",
                "tags_of(intent.intent_id, action.instance_id,",
                'tags_of("none", action.instance_id,',
            ),
        ),
        ("fault/create-snapshots/CreateSnapshots/0/drop-after-effect",),
    ),
    Bug(
        "half-an-answer-is-a-no",
        "fault: a malformed answer",
        (
            (
                ERRORS,
                "    if wrote:\n        otherwise",
                "    if wrote and not isinstance(error, boto.parsers.ResponseParserError if hasattr(boto, 'parsers') else __import__('botocore.parsers').parsers.ResponseParserError):\n        otherwise",
            ),
        ),
        (f"fault/{GROUP}/UpdateAutoScalingGroup/0/malformed",),
    ),
    Bug(
        "relative-change",
        "relative changes are forbidden",
        (
            (
                "tools/aws/autoscaling.py",
                "            parameters[name] = getattr(wanted, field)\n",
                "            parameters[name] = getattr(wanted, field)\n    if wanted.desired_capacity is not None:\n        parameters['DesiredCapacity'] = row['DesiredCapacity'] + 2\n",
            ),
        ),
        ("law/undisturbed-sizes",),
    ),
    Bug(
        "entries-not-chained",
        "every entry names the one before it",
        (
            (
                WRITER,
                "seq, at, previous = self.head.count + 1, instant(self.at), self.head.hash",
                'seq, at, previous = self.head.count + 1, instant(self.at), "0" * 64',
            ),
        ),
        ("law/undisturbed",),
    ),
    Bug(
        "a-no-of-the-policy-is-not-heard",
        "deny stays deny",
        (
            (AUTHORIZE, '        if said.verdict == "deny":', "        if False:"),
            (
                INTENTS,
                'if saved.status in ("denied", "refused", "expired") or saved.decision.verdict == "deny":',
                "if False:",
            ),
        ),
        ("law/policy-says-no",),
    ),
    Bug(
        "instances-are-not-bound",
        "an approval is bound to the instances that were shown",
        (
            (
                FLEETS,
                '            "instances": {i.instance_id: _as_bound(i) for i in self.instances},\n',
                '            "instances": {},\n',
            ),
        ),
        ("law/drift-of-an-instance",),
    ),
    Bug(
        "template-version-is-not-bound",
        "an approval is bound to the launch template's version",
        (
            (
                FLEETS,
                '            "launch_template": self.launch_template.model_dump(mode="json") if self.launch_template else None,\n',
                "",
            ),
        ),
        ("law/drift-of-the-template-version",),
    ),
)
