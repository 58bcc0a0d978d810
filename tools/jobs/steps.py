"""One look at a recovery: which steps the world has taken since, and what is still to be asked for. Pure.

    notice ─┬─ save ────┬─ restore ─┬─ restart ── verify ── tell
            └─ replace ─┴───────────┘
Save and replace run beside each other; the replacement is never waited for with saving, nor the other way round.
What happened is read from what is there (checkpoints, instances, reports) and never from what was asked.
"""

from datetime import datetime, timedelta

from tools.fleets.seen import standing
from tools.jobs.fallbacks import Fallback
from tools.jobs.sight import Asked, RecoveryRules, Sight, astray, pointed
from tools.records import Checkpoint, Fleet, Instance, Recovery, RecoveryStepName
from tools.recovery.jobs import Resumed

_ALIVE = ("pending", "running")
_NOT_RESUMED = {"batch": "it takes work from the queue", "ci": "the run is repeated"}
"""workloads whose one lost instance leaves nothing to resume: the others go on with a batch, a run begins anew"""


def take_steps(recovery: Recovery, sight: Sight) -> Recovery:
    """Every step that the world has taken, and the end when there is one."""
    if recovery.status != "open":
        return recovery
    for step in (_save, _replace, _restore, _restart, _verify, _conclude):
        recovery = step(recovery, sight)
    return recovery


def in_service(instance: Instance) -> bool:
    return instance.state == "running" and instance.lifecycle_state in (None, "InService")


def _save(r: Recovery, s: Sight) -> Recovery:
    step = r.step("save")
    if step.over:
        return r
    if s.store is None:
        return r.with_step("save", state="skipped", at=s.now, words="it keeps no checkpoints")
    manifests = [c.manifest for c in s.store.checkpoints if c.whole and c.manifest is not None]
    fresh = sorted((m for m in manifests if m.saved_at >= r.notice_at), key=lambda m: m.saved_at)
    saved = next((m for m in fresh if m.saved_by == r.instance_id), fresh[0] if fresh else None)
    if saved is not None:
        words = f"{saved.checkpoint_id} at step {saved.step} by {saved.saved_by}"
        return r.with_step("save", state="done", at=saved.saved_at, words=words[:500])
    if s.now >= r.notice_at + timedelta(seconds=s.rules.save_seconds):
        last = s.store.newest_whole
        kept = s.unread or (f"the newest whole one is {last.checkpoint_id}" if last else "there is no whole one")
        refused = f" ({s.save.why})" if s.save is not None and s.save.status == "denied" else ""
        return r.with_step(
            "save", state="failed", at=s.now, words=f"nothing saved since the notice{refused}: {kept}"[:500]
        )
    return _asked(r, "save", s.save)


def _asked(r: Recovery, name: RecoveryStepName, asked: Asked | None) -> Recovery:
    """What the reflex proposed for it."""
    if asked is None or r.step(name).proposal_id == asked.proposal_id:
        return r
    if asked.came_to_nothing:
        words = f"{asked.proposal_id} is {asked.status}: {asked.why}"[:500]
        return r if r.step(name).words == words else r.with_step(name, words=words)
    if asked.status == "pending":
        words = f"waits for a person: spotwarden approve {asked.proposal_id}"
        return r.with_step(name, proposal_id=asked.proposal_id, at=asked.at, words=words)
    return r.with_step(name, state="asked", proposal_id=asked.proposal_id, at=asked.ended_at or asked.at, words="")


def _replace(r: Recovery, s: Sight) -> Recovery:
    if r.step("replace").over:
        return r
    if s.newcomer is not None:
        new = s.newcomer
        words = f"{new.instance_id}, {new.purchase_option} {new.pool.label}"
        at = s.now
        if s.report is not None and r.notice_at <= s.report.started_at < s.now:
            at = s.report.started_at  # nobody looked: its guard was there before
        return r.with_(replaced_by=new.instance_id).with_step("replace", state="done", at=at, words=words)
    r = _no_replacement(r, s)
    return r if r.step("replace").over else _replacement_asked(r, s)


def _no_replacement(r: Recovery, s: Sight) -> Recovery:
    """None is needed, none can be, or none has come in time."""
    gone = s.here(r.instance_id) is None
    if s.fleet.ref.kind == "instance":
        return r.with_step("replace", state="failed", at=s.now, words="a single instance: nothing replaces it")
    if gone and s.now >= r.notice_at + timedelta(seconds=s.rules.save_seconds) and _is_whole(s.fleet):
        words = f"the fleet has its {s.fleet.desired_capacity} without another one"
        return r.with_step("replace", state="skipped", at=s.now, words=words)
    if s.now >= r.notice_at + timedelta(seconds=s.rules.replace_seconds):
        words = f"no replacement in {s.rules.replace_seconds / 60:g} min; {r.step('replace').words}"
        return r.with_step("replace", state="failed", at=s.now, words=words[:500])
    return r


def _replacement_asked(r: Recovery, s: Sight) -> Recovery:
    mine = s.mine.get(r.step("replace").proposal_id or "")
    if s.stage is not None and r.step("replace").state == "asked":
        r = _waits_for(r, s.stage, mine)
    if mine is not None and mine.kind == "change-fleet" and not mine.came_to_nothing:
        return r
    if mine is not None and mine.came_to_nothing and mine.status != "denied":
        r = put_off(r, "replace", s.now, s.rules, f"{mine.proposal_id} is {mine.status}: {mine.why}")
    r = _asked(r, "replace", s.replace)
    gone, step = s.here(r.instance_id) is None, r.step("replace")
    if step.state == "pending" and (gone or s.fleet.ref.kind != "asg"):
        at = s.now if gone else r.notice_at
        return r.with_step("replace", state="asked", at=at, words=step.words or "its fleet replaces it by itself")
    return r


def _waits_for(r: Recovery, stage: Fallback, mine: Asked | None) -> Recovery:
    if mine is not None and mine.kind == "change-fleet":
        told = f"on demand: {mine.proposal_id} is {mine.status}"
        words = f"{told}: {mine.why}" if mine.status in ("pending", "denied") else told
    else:
        words = f"waiting for {stage.words}"
    return r if r.step("replace").words == words[:500] else r.with_step("replace", words=words[:500])


def _is_whole(fleet: Fleet) -> bool:
    """As many as wanted, and all of them in service: nothing is on its way."""
    alive = [i for i in fleet.instances if i.state in _ALIVE and not i.in_standby]
    return standing(fleet).short == 0 and all(in_service(i) for i in alive)


def _restore(r: Recovery, s: Sight) -> Recovery:
    if r.step("restore").over or not r.step("save").over:
        return r
    if s.store is None:
        return r.with_step("restore", state="skipped", at=s.now, words="there is nothing to resume from")
    if not s.looked:
        late = s.unread and s.now >= r.notice_at + timedelta(seconds=s.rules.restart_seconds)
        return r.with_step("restore", state="failed", at=s.now, words=s.unread[:500]) if late else r
    if s.chosen is not None:
        r = _resumes_from(r, s, s.chosen)
        return _pointer_asked(r, s) if astray(s) else r.with_step("restore", state="done", at=s.now, words=_said_of(s))
    if s.damaged:
        words = f"none of {len(s.damaged)} checkpoints is whole: {'; '.join(s.damaged[:3])}"
        return r.with_step("restore", state="failed", at=s.now, words=words[:500])
    return r.with_step("restore", state="skipped", at=s.now, words="none was ever saved: it starts over")


def _pointer_asked(r: Recovery, s: Sight) -> Recovery:
    """How far the proposal came that sets it."""
    step = r.step("restore")
    mine = s.mine.get(step.proposal_id or "")
    if s.report is not None and s.report.checkpoint_id is not None:
        return r.with_step("restore", state="done", at=s.now, words="its guard left the damaged one out by itself")
    if mine is None:
        given_up = step.tries >= s.rules.most_tries
        words = f"not set in {step.tries} tries; {step.words}"[:500]
        return r.with_step("restore", state="failed", at=s.now, words=words) if given_up else r
    if mine.made:
        return r.with_step("restore", state="done", at=mine.ended_at or s.now, words=_said_of(s))
    why = f"{mine.proposal_id} is {mine.status}: {mine.why}"
    if mine.status == "denied":
        return r.with_step("restore", state="failed", at=s.now, words=why[:500])
    return put_off(r, "restore", s.now, s.rules, why) if mine.came_to_nothing else r


def _resumes_from(r: Recovery, s: Sight, chosen: Checkpoint) -> Recovery:
    pinned = pointed(s) if s.pinned else None
    manifest = (pinned or chosen).manifest
    if manifest is None:
        return r
    lost = max(0.0, (r.notice_at - manifest.saved_at).total_seconds())
    return r.with_(checkpoint_id=manifest.checkpoint_id, restored_step=manifest.step, lost_work_seconds=lost)


def _said_of(s: Sight) -> str:
    pinned = pointed(s) if s.pinned else None
    at = pinned or s.chosen
    words = f"{at.checkpoint_id} at step {at.manifest.step}" if at is not None and at.manifest is not None else ""
    if pinned is not None:
        words += ", as somebody chose"
    return (f"{words}; left out: {'; '.join(s.damaged[:3])}" if s.damaged else words)[:500]


def _restart(r: Recovery, s: Sight) -> Recovery:
    replaced = r.step("replace")
    if r.step("restart").over or not replaced.over or replaced.state == "failed":
        return r
    if replaced.state == "skipped":
        return r.with_step("restart", state="skipped", at=s.now, words="the others go on")
    if s.here(r.replaced_by) is None:
        return _once_more(r, s)
    if s.store is None or r.job.workload in _NOT_RESUMED:
        words = _NOT_RESUMED.get(r.job.workload, "it starts over: it keeps no checkpoints")
        return r.with_step("restart", state="done", at=replaced.at, words=f"{words} on {r.replaced_by}")
    if s.report is not None and s.report.started_at >= r.notice_at:
        return _reported(r, s, s.report)
    return _first_sign(r, s, replaced.at or s.now)


def _first_sign(r: Recovery, s: Sight, since: datetime) -> Recovery:
    """Without a report: what the replacement saves itself, or in the end what the others do."""
    found = [c.manifest for c in s.store.checkpoints if c.whole and c.manifest is not None] if s.store else []
    mine = [m for m in found if m.saved_by == r.replaced_by]
    if mine:
        first = min(mine, key=lambda m: m.saved_at)
        words = f"{r.replaced_by} saved {first.checkpoint_id} at step {first.step}"
        return r.with_step("restart", state="done", at=first.saved_at, words=words[:500])
    if s.now < since + timedelta(seconds=s.rules.restart_seconds):
        asked = r.step("restart").state == "asked"
        return r if asked else r.with_step("restart", state="asked", at=s.now, words=f"on {r.replaced_by}")
    words = f"no sign of the job on {r.replaced_by} in {s.rules.restart_seconds / 60:g} min"
    if _progress_since(r, s, since) is None:
        return r.with_step("restart", state="failed", at=s.now, words=words)
    return r.with_step("restart", state="skipped", at=s.now, words=f"{words}; the others go on")


def _reported(r: Recovery, s: Sight, report: Resumed) -> Recovery:
    """What it says that it began from counts, whatever it should have been."""
    if report.checkpoint_id is None:
        return r.with_step("restart", state="done", at=report.restored_at, words="from the beginning")
    words = f"from {report.checkpoint_id} at step {report.step}"
    if report.checkpoint_id != r.checkpoint_id and s.store is not None:
        found = next((c.manifest for c in s.store.checkpoints if c.checkpoint_id == report.checkpoint_id), None)
        if found is not None:
            lost = max(0.0, (r.notice_at - found.saved_at).total_seconds())
            r = r.with_(checkpoint_id=found.checkpoint_id, restored_step=found.step, lost_work_seconds=lost)
    return r.with_step("restart", state="done", at=report.restored_at, words=words[:500])


def _once_more(r: Recovery, s: Sight) -> Recovery:
    """The replacement ended before the job was verified on it: its fleet launches another, and so it is counted."""
    words = f"{r.replaced_by} ended before the job worked on it"
    if r.attempt >= r.job.restart_limit:
        return r.with_step(
            "restart", state="failed", at=s.now, words=f"{words}, the {r.attempt}. of {r.job.restart_limit}"
        )
    again = r.with_(attempt=r.attempt + 1, replaced_by=None)
    again = again.with_step("replace", state="asked", at=s.now, words=f"{words}: its fleet launches another one")
    return again.with_step("restart", state="pending", at=None, words="")


def _verify(r: Recovery, s: Sight) -> Recovery:
    restarted = r.step("restart")
    before = restarted.over and restarted.state != "failed" and r.step("restore").over
    if r.step("verify").over or not before:
        return r
    if s.store is None:
        return r.with_step("verify", state="skipped", at=s.now, words="without checkpoints its progress is not seen")
    if restarted.state == "done" and s.report is not None:
        r = _verified_by(r, s, s.report)
    return r if r.step("verify").over else _verified_by_saves(r, s, restarted.at or s.now)


def _verified_by(r: Recovery, s: Sight, report: Resumed) -> Recovery:
    if report.checkpoint_id is None and r.checkpoint_id is not None:
        words = f"it began from the beginning, and {r.checkpoint_id} was there"
        return r.with_step("verify", state="failed", at=s.now, words=words)
    if report.working_at is not None:
        return r.with_step("verify", state="done", at=report.working_at, words=f"works on from step {report.step}")
    if (report.newest_step or 0) > (report.step or 0):
        return r.with_step("verify", state="done", at=s.now, words=f"step {report.newest_step} is saved")
    return r


def _verified_by_saves(r: Recovery, s: Sight, since: datetime) -> Recovery:
    later = _progress_since(r, s, since)
    if later is not None and later.manifest is not None:
        words = f"{later.checkpoint_id} at step {later.manifest.step}"
        return r.with_step("verify", state="done", at=later.manifest.saved_at, words=words)
    if s.now < since + timedelta(seconds=s.rules.verify_seconds):
        return r
    words = f"no progress beyond step {r.restored_step} in {s.rules.verify_seconds / 60:g} min"
    return r.with_step("verify", state="failed", at=s.now, words=words)


def _progress_since(r: Recovery, s: Sight, since: datetime) -> Checkpoint | None:
    """The first whole checkpoint saved after a moment, not by what was lost, at what it resumed from or beyond."""
    found = [
        c
        for c in (s.store.checkpoints if s.store else ())
        if c.whole
        and c.manifest is not None
        and c.manifest.saved_at > since
        and c.manifest.saved_by != r.instance_id
        and c.manifest.step >= (r.restored_step or 0)
    ]
    return min(found, key=lambda c: c.manifest.saved_at if c.manifest else since, default=None)


def _conclude(r: Recovery, s: Sight) -> Recovery:
    """The end, and what people are told of it."""
    over_limit = r.attempt > r.job.restart_limit
    failed = [step for step in r.steps if step.state == "failed" and step.name != "save"]
    if not failed and not over_limit and not r.step("verify").over:
        return r
    if over_limit:
        why = f"interrupted {r.attempt} times without a verified run between; its limit is {r.job.restart_limit}"
    else:
        why = "; ".join(f"{step.name}: {step.words}" for step in failed)
    told = f"gave up: {why}: a person has to look" if failed or over_limit else in_words(r)
    r = r.with_step("tell", state="done", at=s.now)
    return r.with_(status="gave-up" if failed or over_limit else "recovered", ended_at=s.now, told=told[:2_000])


def in_words(r: Recovery) -> str:
    """saved after 8 s, replacement in service after 61 s, restored after 85 s; 0 s of work lost"""
    line = r.timeline
    parts = (
        ("saved", line.saved_seconds),
        ("replacement in service", line.replaced_seconds),
        ("restored", line.restored_seconds),
        ("working on", line.verified_seconds),
    )
    said = ", ".join(f"{what} after {seconds:.0f} s" for what, seconds in parts if seconds is not None)
    lost = "work lost: unknown" if r.lost_work_seconds is None else f"{r.lost_work_seconds:.0f} s of work lost"
    not_saved = "" if r.step("save").state != "failed" else f"; {r.step('save').words}"
    return f"{said or 'nothing had to be done'}; {lost}{not_saved}"


def put_off(r: Recovery, name: RecoveryStepName, now: datetime, rules: RecoveryRules, why: str) -> Recovery:
    """Another try, each twice as late."""
    tries = r.step(name).tries + 1
    due = now + timedelta(seconds=rules.first_retry_seconds * 2 ** (tries - 1))
    return r.with_step(name, proposal_id=None, tries=tries, due_at=due, words=why[:500])


def wants_replacement(r: Recovery, s: Sight) -> bool:
    """The reflex did not ask, or what it asked came to nothing, and there still is something to detach.

    What the policy denied is not asked again: when EC2 has taken the instance its group replaces it all the same.
    """
    step = r.step("replace")
    if r.status != "open" or step.over or s.fleet.ref.kind != "asg" or s.here(r.instance_id) is None:
        return False
    if s.replace is not None and (not s.replace.came_to_nothing or s.replace.status == "denied"):
        return False
    rested = s.now >= r.opened_at + timedelta(seconds=s.rules.reflex_seconds)
    return rested and step.tries < s.rules.most_tries and (step.due_at is None or s.now >= step.due_at)


def wants_pointer(r: Recovery, s: Sight) -> bool:
    step = r.step("restore")
    due = step.due_at is None or s.now >= step.due_at
    ready = r.status == "open" and not step.over and r.step("save").over and step.proposal_id is None
    return ready and due and astray(s)
