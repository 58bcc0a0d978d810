"""A notice to a job that works on: what was asked, once; what came of it, in seconds; what people are told."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from agent.recovery import Recoveries
from policies.document import parse_policy
from tests.agent.autonomy_house import HEAD, open_post, open_street
from tests.agent.recovery_house import (
    BUCKET,
    a_job,
    heal,
    interrupted,
    looked,
    machine,
    newest,
    only,
    open_zygote,
    pointed,
    pointer,
    spoil,
    steps,
)
from tools.records import Notice
from tools.recovery.jobs import reachable_progress


@pytest.fixture(scope="module")
def street():
    with open_street() as found:
        yield found


@pytest.fixture(autouse=True)
def quiet_street(street):
    street.clear()
    heal(street)
    street.sim.advance(60)


@pytest.fixture(scope="module")
def zygote():
    with open_zygote() as look:
        yield look


@pytest.fixture
def post(street, tmp_path):
    with open_post(street, tmp_path) as found:
        yield found


@pytest.mark.accepts("RC-01", "RC-05", "P-12", "PO-02")
def test_a_notice_becomes_a_job_that_works_on_from_what_it_saved_and_the_others_stay(street, post):
    before = {i.instance_id for i in street.fleet("ml-train").instances}
    noticed, seen = street.sim.clock.now(), street.seen()
    victim = interrupted(street, post.daemon)
    ended = looked(street, post.daemon.recoveries, until="recovered")[-1]
    assert steps(ended) == dict.fromkeys(("save", "replace", "restore", "restart", "verify", "tell"), "done")
    line = ended.timeline
    assert 0 < line.saved_seconds < line.replaced_seconds <= line.restored_seconds < line.verified_seconds < 120
    assert ended.lost_work_seconds == 0
    assert ended.job.implicit
    assert ended.step("save").at > noticed
    after = {i.instance_id for i in street.fleet("ml-train").instances}
    assert before - after == {victim}
    assert after - before == {ended.replaced_by}
    assert street.detached(seen) == [[victim]]
    (resumed,) = street.did("ResumeJob", seen)
    assert resumed["ids"] == [ended.replaced_by]
    assert resumed["parameters"]["restored"] == {"checkpoint_id": ended.checkpoint_id, "step": ended.restored_step}


def test_save_and_replacement_are_asked_for_beside_each_other(street, post):
    interrupted(street, post.daemon)
    (first,) = post.daemon.bring_back()
    assert (steps(first)["save"], steps(first)["replace"]) == ("asked", "asked")
    assert first.step("replace").at - first.notice_at < timedelta(seconds=2)


@pytest.mark.accepts("RC-07")
def test_the_end_is_told_once_with_the_audit_log_beside_it(street, post):
    told = []
    post.daemon.recoveries.on_told = told.append
    interrupted(street, post.daemon)
    looked(street, post.daemon.recoveries)
    assert [r.status for r in told] == ["recovered"]
    assert "0 s of work lost" in told[0].told
    kinds = post.kinds()
    assert (kinds.count("recovery"), kinds.count("recovery-told")) == (1, 1)
    assert kinds.count("recovery-step") == 4  # asked; saved; replaced; working on


def test_the_daemon_tells_of_recoveries_between_its_rounds(street, post):
    ended, reports = [], []
    victim = street.spot("ml-train")[0]
    street.sim.interrupt(victim)
    watching = post.daemon.watch(interval_seconds=3_600, stop=lambda: bool(ended), pause=lambda _s: None)
    for report in watching:
        reports.append(type(report).__name__)
        if reports[-1] == "Recovery":
            ended.append(report)
        street.sim.advance(20)
        street.post("rebalance", "i-0123456789abcdef0")  # so that the watch has something to tell every time
    assert ended[0].instance_id == victim


@pytest.mark.accepts("P-05", "RC-01")
def test_two_channels_late_and_repeated_deliveries_are_one_recovery(street, post):
    victim = interrupted(street, post.daemon)
    recoveries = machine(post)
    recoveries.look()
    first = only(post.journal)
    metadata = first.notice_at + timedelta(seconds=7)
    notice = Notice(kind="interruption", instance_id=victim, instance_action="terminate", at=metadata, source="IMDS")
    post.journal.append("notice", notice, actor="IMDS")
    street.post("interruption", victim)
    post.answer()
    street.sim.advance(200)
    recoveries.look()
    machine(post, "anew").look()
    assert only(post.journal).recovery_id == first.recovery_id


@pytest.mark.accepts("P-05")
def test_a_rebalance_recommendation_and_an_unknown_instance_open_nothing(street, post):
    street.post("rebalance", street.spot("ml-train")[0])
    street.post("interruption", "i-0123456789abcdef0")
    post.answer()
    assert machine(post).look() == ()
    assert post.journal.jobs.open() == ()


@pytest.mark.accepts("EB-10", "RC-05")
def test_of_a_damaged_newest_checkpoint_the_older_whole_one_is_restored_and_pointed_at_once(street, post):
    interrupted(street, post.daemon)
    recoveries, seen = machine(post), street.seen()
    whole = newest(street)
    street.sim.advance(15)
    saved = newest(street)
    assert saved > whole
    spoil(street, saved)
    ended = looked(street, recoveries, until="recovered")[-1]
    assert ended.checkpoint_id == whole == pointer(street)
    assert f"{saved}: a checksum differs: model.bin" in ended.step("restore").words
    assert ended.lost_work_seconds > 0
    assert len(pointed(street, seen)) == 1
    (resumed,) = street.did("ResumeJob", seen)
    assert resumed["parameters"]["restored"]["checkpoint_id"] == whole


@pytest.mark.accepts("RC-05", "RC-07")
def test_without_any_whole_checkpoint_a_person_is_told_and_nothing_is_written(street, post):
    bucket = street.raw("s3")
    job = a_job(street, store_id="jobs/ruined")
    post.journal.jobs.register(job, actor="kim")
    bucket.put_object(Bucket=BUCKET, Key="jobs/ruined/checkpoints/a/manifest.json", Body=b"{")
    interrupted(street, post.daemon)
    seen = street.seen()
    ended = looked(street, machine(post), every=30, until="gave-up")[-1]
    assert "none of 1 checkpoints is whole: a: the manifest cannot be read" in ended.told
    assert pointed(street, seen, "jobs/ruined") == []


def test_a_job_that_never_saved_starts_over_on_its_replacement(street, post):
    post.journal.jobs.register(a_job(street, job_id="새 작업", store_id="jobs/fresh"), actor="kim")
    interrupted(street, post.daemon)
    looked(street, machine(post), seconds=240, every=20)
    (recovery,) = post.journal.jobs.recoveries_of("새 작업")
    assert (steps(recovery)["save"], steps(recovery)["restore"]) == ("failed", "skipped")
    assert recovery.lost_work_seconds is None
    assert "starts over" in recovery.step("restore").words


def test_a_bucket_that_refuses_does_not_stop_the_replacement(street, post):
    interrupted(street, post.daemon)
    street.sim.fail("ListObjectsV2", "access-denied", times=0)
    looked(street, machine(post), seconds=200, every=20)
    recovery = only(post.journal)
    assert (steps(recovery)["replace"], steps(recovery)["restore"]) == ("done", "pending")
    assert "cannot be read" in recovery.step("save").words
    street.sim.mend()
    assert looked(street, machine(post), until="recovered")[-1].lost_work_seconds == 0


@pytest.mark.accepts("PO-03")
def test_one_lost_node_of_a_batch_leaves_the_others_at_work(street, post):
    before = {i.instance_id for i in street.fleet("batch").instances}
    victim = interrupted(street, post.daemon, "batch")
    ended = looked(street, machine(post), seconds=1_200, every=15, until="recovered")[-1]
    assert "takes work from the queue" in ended.step("restart").words
    assert before - {i.instance_id for i in street.fleet("batch").instances} == {victim}


@pytest.mark.accepts("PO-04")
def test_a_ci_run_without_checkpoints_is_repeated_on_its_replacement(street, post):
    post.journal.jobs.register(a_job(street, workload="ci", stored=False), actor="kim")
    interrupted(street, post.daemon)
    ended = looked(street, machine(post), until="recovered")[-1]
    assert ended.step("restart").words == f"the run is repeated on {ended.replaced_by}"
    assert {steps(ended)[s] for s in ("save", "restore", "verify")} == {"skipped"}


@pytest.mark.accepts("P-12")
def test_a_replacement_that_is_interrupted_too_counts_and_the_limit_is_told(street, post):
    post.journal.jobs.register(a_job(street, restart_limit=2), actor="kim")
    recoveries, seen = machine(post), street.seen()
    victim = interrupted(street, post.daemon)
    for _ in range(2):
        while not (replaced := post.journal.jobs.recoveries_of("ml-train")[:1]) or replaced[0].replaced_by is None:
            recoveries.look()
            street.sim.advance(5)
        victim = interrupted(street, post.daemon, victim=replaced[0].replaced_by)
        recoveries.look()
    last, middle, first = post.journal.jobs.recoveries_of("ml-train")
    assert [r.status for r in (first, middle, last)] == ["passed-on", "passed-on", "gave-up"]
    assert [r.attempt for r in (first, middle, last)] == [1, 2, 3]
    assert "its limit is 2: a person has to look" in last.told
    assert street.detached(seen) == [[first.instance_id], [middle.instance_id], [victim]]  # each of them once


@pytest.mark.accepts("RC-02", "RC-03")
def test_where_every_pool_refuses_on_demand_is_asked_for_once_as_the_daemon_would(street, post):
    zones = ("us-east-1a", "us-east-1b", "us-east-1c")
    for kind in ("g5.xlarge", "g4dn.xlarge"):
        for zone in zones:
            street.sim.dry(kind, zone)
    try:
        interrupted(street, post.daemon)
        words = [r.step("replace").words for r in looked(street, machine(post), seconds=240, every=20)]
    finally:
        for kind in ("g5.xlarge", "g4dn.xlarge"):
            for zone in zones:
                street.sim.dry(kind, zone, dry=False)
    assert "waiting for on demand" in words  # at once: every pool of the mix has just refused
    asked = [p for p in post.journal.proposals(limit=50) if p.proposal.action.kind == "change-fleet"]
    assert len(asked) == 1
    assert "fallback" in asked[0].proposal.rationale
    assert asked[0].proposal.action.on_demand_base_capacity == 3


@pytest.mark.accepts("RC-03")
def test_on_demand_that_a_person_has_to_approve_waits_through_the_rounds_of_the_daemon(street, tmp_path):
    asks = f"{HEAD}policies: [{{name: m, resource: aws.asg, mode: {{type: approve}}, actions: [set-purchase-mix]}}]"
    pools = [(kind, f"us-east-1{zone}") for kind in ("g5.xlarge", "g4dn.xlarge") for zone in "abc"]
    with open_post(street, tmp_path, parse_policy(asks, source="asks")) as post:
        for pool in pools:
            street.sim.dry(*pool)
        try:
            interrupted(street, post.daemon)
            looked(street, machine(post), seconds=400, every=20)
            post.daemon.round()
        finally:
            for pool in pools:
                street.sim.dry(*pool, dry=False)
        asked = [p for p in post.journal.proposals(limit=50) if p.proposal.rationale.startswith("recovery of")]
        assert [(p.proposal.action.kind, p.status) for p in asked] == [("change-fleet", "pending")]


@pytest.mark.accepts("P-12")
def test_of_two_who_look_at_once_one_takes_each_step(street, tmp_path):
    with open_post(street, tmp_path) as one, open_post(street, tmp_path, holder="second") as two:
        interrupted(street, one.daemon)
        street.sim.advance(15)
        spoil(street, newest(street))
        seen, pair = street.seen(), (machine(one, "one"), machine(two, "two"))
        with ThreadPoolExecutor(2) as both:
            for _ in range(25):
                list(both.map(Recoveries.look, pair))
                street.sim.advance(5)
        recovery = only(one.journal)
        assert recovery.status == "recovered"
        assert len(pointed(street, seen)) == 1
        assert street.did("DetachInstances", seen) == []
        kinds = one.kinds()
        assert (kinds.count("recovery"), kinds.count("recovery-told")) == (1, 1)


@pytest.mark.accepts("RC-05")
@pytest.mark.parametrize("workload", ["training", "batch"])
def test_what_happened_while_nobody_looked_is_told_at_its_own_time(street, post, workload):
    post.journal.jobs.register(a_job(street, workload=workload), actor="kim")
    interrupted(street, post.daemon)
    street.sim.advance(240)
    line = looked(street, machine(post), until="recovered")[-1].timeline
    assert line.saved_seconds < line.replaced_seconds <= line.restored_seconds < line.verified_seconds < 120


def test_of_two_jobs_on_one_fleet_what_both_lost_is_replaced_once(street, post):
    for name in ("days", "nights"):
        post.journal.jobs.register(a_job(street, job_id=name), actor="kim")
    victim, seen = street.spot("ml-train")[0], street.seen()
    street.sim.interrupt(victim)
    now = street.sim.clock.now()
    notice = Notice(kind="interruption", instance_id=victim, instance_action="terminate", at=now, source="IMDS")
    post.journal.append("notice", notice, actor="IMDS")  # and the reflex does nothing
    looked(street, machine(post), seconds=60)
    assert street.detached(seen) == [[victim]]
    assert [len(post.journal.jobs.recoveries_of(name)) for name in ("days", "nights")] == [1, 1]


@pytest.mark.accepts("RC-04")
def test_on_demand_that_could_not_be_asked_for_is_asked_for_at_the_next_look_and_told_once(street, tmp_path):
    asks = f"{HEAD}policies: [{{name: m, resource: aws.asg, mode: {{type: approve}}, actions: [set-purchase-mix]}}]"
    with open_post(street, tmp_path, parse_policy(asks, source="asks")) as post:
        soon = street.sim.clock.now() + timedelta(minutes=20)
        post.journal.jobs.register(a_job(street, work_seconds=144_000, deadline=soon), actor="kim")
        recoveries = machine(post)
        street.sim.fail("DescribeAutoScalingGroups", "error-500", times=50, skip=1)  # the look at the fleet
        try:
            recoveries.look()
        finally:
            street.sim.mend()
        assert post.journal.proposals() == ()
        for _ in range(2):
            street.sim.advance(60)
            recoveries.look()
        assert [p.proposal.action.kind for p in post.journal.proposals()] == ["change-fleet"]
        assert post.kinds().count("job-deadline") == 1


@pytest.mark.accepts("RC-04")
def test_at_the_last_moment_of_a_deadline_on_demand_is_asked_for_once_and_not_before(street, tmp_path):
    asks = f"{HEAD}policies: [{{name: m, resource: aws.asg, mode: {{type: approve}}, actions: [set-purchase-mix]}}]"
    with open_post(street, tmp_path, parse_policy(asks, source="asks")) as post:
        work = timedelta(hours=40)
        job = a_job(street, work_seconds=work.total_seconds(), deadline=street.sim.clock.now() + work)
        post.journal.jobs.register(job, actor="kim")
        machine(post).look()
        assert "job-deadline" not in post.kinds()
        soon = job.with_(deadline=street.sim.clock.now() + work / 100)
        post.journal.jobs.register(soon, actor="kim")
        machine(post).look()
        machine(post, "anew").look()
        (asked,) = [p for p in post.journal.proposals() if p.proposal.action.kind == "change-fleet"]
        assert asked.proposal.action.on_demand_base_capacity == street.fleet("ml-train").desired_capacity
        assert "must be on demand by now" in asked.proposal.rationale
        assert asked.status == "pending"
        assert post.kinds().count("job-deadline") == 1


@pytest.mark.accepts("RC-04")
def test_where_a_move_would_be_late_and_what_runs_may_not_be_nothing_is_moved(street, tmp_path):
    asks = f"{HEAD}policies: [{{name: m, resource: aws.asg, mode: {{type: approve}}, actions: [set-purchase-mix]}}]"
    with open_post(street, tmp_path, parse_policy(asks, source="asks")) as post:
        job = a_job(street, work_seconds=144_000, changeover_seconds=3_600)
        post.journal.jobs.register(job, actor="kim")
        now = street.sim.clock.now()
        share = reachable_progress(post.daemon.actuation.reader, job, now=now).share
        deadline = now + timedelta(seconds=144_000 * (1 - share) + 1_800)
        post.journal.jobs.register(job.with_(deadline=deadline), actor="kim")
        machine(post).look()
        assert post.kinds().count("job-deadline") == 1
        assert post.journal.proposals() == ()


PLACES = [
    ("_begin", 1), ("_move", 1), ("_move", 2), ("save_proposal", 2), ("open_intent", 2),
    ("mark_sending", 1), ("put_object", 1), ("close_intent", 2),
]  # fmt: skip


@pytest.mark.accepts("RC-05", "P-12")
@pytest.mark.parametrize(("where", "nth"), PLACES)
def test_killed_anywhere_the_next_one_goes_on_and_nothing_is_done_twice(street, tmp_path, zygote, where, nth):
    with open_post(street, tmp_path) as post:
        interrupted(street, post.daemon)
        post.daemon.release()
    street.sim.advance(15)
    whole, seen = sorted(_ids(street))[-2], street.seen()
    spoil(street, newest(street))
    assert zygote(endpoint=street.sim.endpoint_url, folder=str(tmp_path), where=where, nth=nth) == -9
    with open_post(street, tmp_path, holder="next") as post:
        for _ in range(80):
            post.actuation.reconcile()
            if any(r.status != "open" for r in machine(post, "next").look()):
                break
            street.sim.advance(10)
        recovery = only(post.journal)
        assert recovery.status == "recovered", recovery
        assert recovery.checkpoint_id == whole
        assert len(pointed(street, seen)) <= 1
        assert street.did("DetachInstances", seen) == []
        assert len(street.did("ResumeJob", seen)) == 1


def _ids(street, job="ml-train"):
    keys = street.raw("s3").list_objects_v2(Bucket=BUCKET, Prefix=f"{job}/checkpoints/")["Contents"]
    return {k["Key"].split("/")[-2] for k in keys if k["Key"].endswith("/manifest.json")}
