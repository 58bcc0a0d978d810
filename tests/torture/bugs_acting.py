"""Bugs in the one way to write."""

from tests.torture.bug import ACTUATION, AUTHORIZE, COMPARING, GROUP, INTENTS, LOST, Bug

ACTING: tuple[Bug, ...] = (
    Bug(
        "settled-while-it-may-still-leave",
        "who finds an intent open waits for the send window and the horizon",
        (
            (
                "tools/fleets/effects/effect.py",
                "        return SEND_WINDOW + self.horizon\n",
                "        return self.horizon\n",
            ),
        ),
        ("nap/restore-checkpoint/0/16", "edge/change-fleet-asg"),
    ),
    Bug(
        "no-drift-check",
        "law 4: drift refuses",
        ((ACTUATION, "if digest_of(now) != proposal.preview.state_fingerprint:", "if False:"),),
        ("law/drift-before",),
    ),
    Bug(
        "no-last-look",
        "law 4: the last look, after the intent",
        (
            (
                ACTUATION,
                "            fleet = self._undrifted(proposal)\n        except StalePlan as error:",
                "            fleet = effect_of(proposal.action).subject(self.reader, proposal.action)\n        except StalePlan as error:",
            ),
        ),
        ("law/drift-between-the-looks",),
    ),
    Bug(
        "sending-not-marked",
        "law 2: durable intent, then effect",
        ((ACTUATION, "        self.journal.mark_sending(intent.intent_id, lease=lease, at=now, actor=by)\n", ""),),
        ("law/undisturbed",),
    ),
    Bug(
        "lost-answer-is-a-failure",
        "fault: time-out after the effect",
        (
            (
                ACTUATION,
                'return self._close(intent, "unknown", error.message, by=by)',
                'return self._close(intent, "failed", error.message, after=intent.expect, by=by)',
            ),
        ),
        (LOST,),
    ),
    Bug(
        "gives-up-at-once",
        "the horizon: AWS may still show an old state",
        ((ACTUATION, "ends = left.sent_at + effect.settles_after", "ends = left.sent_at"),),
        (f"flying/{GROUP}/UpdateAutoScalingGroup",),
    ),
    Bug(
        "halted-not-looked-at",
        "the kill switch",
        (
            (
                ACTUATION,
                "        if self.halted():\n            raise Halted",
                "        if False:\n            raise Halted",
            ),
            ("policies/clauses/ground.py", "facts.kill_switch", "False"),
        ),
        ("law/halted-between-the-looks",),
    ),
    Bug(
        "policy-digest-not-compared",
        "an approval is bound to the policy",
        (
            (ACTUATION, "if self.policy().digest != saved.decision.policy_digest:", "if False:"),
            (AUTHORIZE, '        ("policy", a.policy_digest, policy.digest),\n', ""),
        ),
        ("law/policy-edited",),
    ),
    Bug(
        "leaves-whenever",
        "a send deadline",
        (
            (
                ACTUATION,
                "until = now + SEND_WINDOW",
                "until = now + 1000 * SEND_WINDOW",
            ),
        ),
        ("law/slept-before-it-left",),
    ),
    Bug(
        "leaves-under-a-dead-lease",
        "no effect from a stale lease",
        ((ACTUATION, "send_by=until if lease is None else min(until, lease.expires_at)", "send_by=until"),),
        ("law/lease-lost-before-it-left",),
    ),
    Bug(
        "open-intents-are-forgotten",
        "reconcile at the start",
        (
            (
                ACTUATION,
                "return tuple((o.proposal_id, self._settle(o)) for o in self.journal.open_intents())",
                "return ()",
            ),
            (
                ACTUATION,
                "        if any(o.proposal_id == proposal_id for o in self.journal.open_intents()):",
                "        if False:",
            ),
        ),
        (LOST, f"fault/{GROUP}/UpdateAutoScalingGroup/0/timeout-before-effect"),
    ),
    Bug(
        "sent-again-when-unknown",
        "an unknown outcome is never sent again",
        (
            (
                ACTUATION,
                "            settled = dict(self.reconcile())\n",
                "            left = next(o for o in self.journal.open_intents() if o.proposal_id == proposal_id)\n            if left.sent_at:\n                effect = effect_of(left.intent.permit.action)\n                sending = left.intent.with_(send_by=self.clock.now() + effect.horizon)\n                fleet = effect.subject(self.reader, left.intent.permit.action)\n                receipt = effect.carry_out(self.writer, sending, left.intent.permit.action, fleet)\n                return self._read_back(left.intent, receipt, by=by)\n            settled = dict(self.reconcile())\n",
            ),
            (
                ACTUATION,
                "return tuple((o.proposal_id, self._settle(o)) for o in self.journal.open_intents())",
                "return tuple((o.proposal_id, self._settle(o)) for o in self.journal.open_intents() if o.sent_at is None)",
            ),
        ),
        (f"single/{GROUP}/act/0/before", LOST),
    ),
    Bug(
        "intent-log-off",
        "the same harness with the intent log switched off",
        (
            (ACTUATION, "        if told and told[-1].status in _FINAL:", "        if False:"),
            (
                ACTUATION,
                "        if any(o.proposal_id == proposal_id for o in self.journal.open_intents()):",
                "        if False:",
            ),
            (
                INTENTS,
                "    earliest, now = sorted((intent.opened_at, tx.at))",
                "    return\n    earliest, now = sorted((intent.opened_at, tx.at))",
            ),
            (
                INTENTS,
                '    row = tx.db.execute("SELECT closed_at, sent_at, intent FROM',
                '    return\n    row = tx.db.execute("SELECT closed_at, sent_at, intent FROM',
            ),
            (
                INTENTS,
                '    row = tx.db.execute(\n        "SELECT proposal_id, closed_at, fleet, sent_at FROM',
                '    return True\n    row = tx.db.execute(\n        "SELECT proposal_id, closed_at, fleet, sent_at FROM',
            ),
        ),
        (
            f"fault/{GROUP}/UpdateAutoScalingGroup/0/lost-and-stale",
            "fault/create-snapshots/CreateSnapshots/0/lost-and-stale",
        ),
        only="duplicates",
    ),
    Bug(
        "token-by-chance",
        "an API's token is made of the intent",
        (("agent/intended.py", "hashlib.sha256(intent_id.encode()).digest()", "__import__('os').urandom(32)"),),
        ("law/undisturbed-launch",),
    ),
    Bug(
        "not-read-back",
        "what was done is read back",
        ((ACTUATION, "after = effect_of(action).observe(self.reader, intent, action)", "after = {}"),),
        ("law/undisturbed",),
    ),
    Bug(
        "some-is-all",
        "fault: some of a call's items were done",
        ((COMPARING, 'return ("failed" if len(lost) == len(items) else "partial"), told', 'return "done", told'),),
        (
            "fault/delete-fleet-ec2/DeleteFleets/0/partial",
            "fault/create-fleet-instant/CreateFleet/0/partial",
            "fault/terminate-in-group/TerminateInstanceInAutoScalingGroup/1/throttle",
        ),
    ),
    Bug(
        "unsent-is-left-open",
        "terminal within two restarts and the horizon",
        ((ACTUATION, "over=now >= intent.opened_at + UNSENT", "over=False"),),
        (f"single/{GROUP}/act/30/before", *(f"single/{GROUP}/act/{n}/after" for n in range(18, 30))),
    ),
)
