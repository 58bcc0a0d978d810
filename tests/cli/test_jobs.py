"""`spotwarden jobs` as people drive it: registered, looked at, brought back, forgotten; what cannot be is refused."""

import json

import pytest

from agent.journal.journal import Journal
from tests.cli.conftest import strangers_client, work_on
from tests.forked_accounts import started

BUCKET = "acme-checkpoints"
POLICY = """
version: 1
accounts: [{id: "123456789012", regions: [us-east-1], write_role: current}]
policies:
  - {name: jobs, resource: aws.asg, mode: {type: approve}, actions: [restore-checkpoint, replace-instances]}
"""


@pytest.fixture(scope="module")
def account():
    """An account of its own: checkpoints are spoiled here."""
    with started(stepped=True) as running:
        yield running


@pytest.fixture
def environment(account, home, monkeypatch):
    work_on(account, home, monkeypatch)
    (home / "policy.yaml").write_text(POLICY)


@pytest.fixture(scope="module")
def s3(account):
    with strangers_client(account, "s3") as client:
        yield client


def test_a_registered_job_is_told_by_its_name_with_its_deadline(run):
    told = run("jobs", "register", "야간 학습", "--fleet", "ml-train", "--work", "12h", "--deadline", "36h")
    assert told.exit == 0, told.err
    assert "야간 학습 registered on ml-train; s3://acme-checkpoints/ml-train" in told.out
    (state,) = run("jobs", "status", "야간 학습", "--json").json["jobs"]
    assert (state["job"]["workload"], state["job"]["registered_by"]) == ("training", "operator")
    assert state["progress"]["share"] == pytest.approx(0.74, abs=0.02)
    assert 30 * 3600 < state["outlook"]["slack_seconds"] < 36 * 3600
    assert state["choice"]["guide"] == "on_demand_fallback"
    assert state["lost"]["unsaved_minutes"] == pytest.approx(7)
    assert state["recoveries"] == []
    shown = run("jobs", "status", "야간 학습").out
    assert "must begin by 2026-11-19" in shown
    assert "ETA        unknown: how long a restart takes was never measured" in shown
    rows = run("jobs", "status").out.splitlines()
    assert [r.split("  ")[0] for r in rows[1:3]] == ["야간 학습", "batch *"]


def test_registered_again_it_is_replaced_and_forgotten_it_is_gone(run, home):
    run("jobs", "register", "nightly", "--fleet", "ml-train", "--store", "s3://other/place", "--restarts", "0")
    again = run("jobs", "register", "nightly", "--fleet", "batch", "--workload", "ci", "--changeover", "5m", "--json")
    assert (again.json["workload"], again.json["changeover_seconds"], again.json["restart_limit"]) == ("ci", 300, 3)
    assert "replaced" in run("jobs", "register", "nightly", "--fleet", "batch").out
    assert run("jobs", "forget", "nightly").exit == 0
    run("jobs", "forget", "nightly").refuses(64, "no job 'nightly' is registered")
    kinds = [e["kind"] for e in run("audit", "show", "--json").json]
    assert (kinds.count("job-registered"), kinds.count("job-forgotten")) == (3, 1)


REFUSED = [
    (("--fleet", "ml-trian"), 1, ("ml-trian: no fleet of this name", "there is ml-train")),
    (("--fleet", "ml-train", "--deadline", "2026-01-01T09:00Z"), 64, ("it is past, by 320 d",)),
    (("--fleet", "ml-train", "--deadline", "2026-12-01T09:00"), 64, ("without a time zone",)),
    (("--fleet", "ml-train", "--deadline", "tomorrow"), 64, ("'tomorrow': not a time",)),
    (("--fleet", "ml-train", "--work", "48"), 64, ("--work '48': not a duration", "--work 90m")),
    (("--fleet", "ml-train", "--store", "/mnt/x"), 64, ("names no place in S3",)),
    (("--fleet", "ml-train", "--workload", "web"), 64, ("not one of training, batch, ci, other",)),
    (("--fleet", "ml-train", "--priority", "urgent"), 64, ("not one of low, normal, high",)),
    (
        ("--fleet", "ml-train", "--work", "40d", "--deadline", "36h"),
        64,
        ("10 d 9 h of work left, 1 d 12 h until the deadline: on-demand from now on is 8 d", "late, for $"),
    ),
]


@pytest.mark.parametrize(("options", "code", "said"), REFUSED)
def test_what_cannot_be_is_refused_with_what_was_seen_and_nothing_is_kept(run, options, code, said):
    run("jobs", "register", "x", *options).refuses(code, *said)
    assert [s["job"]["implicit"] for s in run("jobs", "status", "--json").json["jobs"]] == [True, True]


def test_a_store_that_is_not_there_is_told_at_once_and_with_a_way_out(run):
    told = run("jobs", "register", "x", "--fleet", "ml-train", "--store", "s3://nobodys-bucket/x")
    assert "s3://nobodys-bucket/x, not read: " in told.out
    assert "NoSuchBucket" in told.out
    run("jobs", "recover", "x").refuses(1, "x: s3://nobodys-bucket/x: ", "again with the --store")
    run("jobs", "forget", "x")
    run("jobs", "recover", "ml-train", "--checkpoint", "../x").refuses(
        1, "there is no checkpoint '../x'", "there is ckpt-"
    )


def test_work_that_was_told_far_from_the_pace_of_its_checkpoints_is_shown_beside_it(run):
    for work, said in (("400h", True), ("12h", False)):
        run("jobs", "register", "x", "--fleet", "ml-train", "--work", work)
        shown = run("jobs", "status", "x").out
        assert ("its checkpoints tell 3 h" in shown) is said
    run("jobs", "forget", "x")


@pytest.mark.parametrize("name", ["", "  ", "a" * 121, "a\u202eb"])
def test_a_name_that_cannot_be_shown_is_refused(run, name):
    assert run("jobs", "register", name, "--fleet", "ml-train").exit == 64


def test_an_unknown_job_is_answered_with_the_nearest(run):
    run("jobs", "status", "ml-trian").refuses(1, "no job is called 'ml-trian'", "ml-train")
    run("jobs", "recover", "nope").refuses(1, "no job is called 'nope'")


def test_help_teaches_with_examples(alone):
    shown = alone("jobs", "--help").out
    assert "spotwarden jobs register nightly --fleet ml-train --work 48h --deadline 3d" in shown
    assert "--checkpoint ckpt-20261118T002300Z -y" in alone("jobs", "recover", "--help").out


@pytest.mark.accepts("EB-10", "RC-05")
def test_recover_points_a_job_at_its_newest_whole_checkpoint_and_then_nothing_is_missing(run, account, s3):
    assert run("jobs", "recover", "ml-train").out == "nothing is missing: it resumes from its newest whole checkpoint\n"
    keys = [o["Key"] for o in s3.list_objects_v2(Bucket=BUCKET, Prefix="ml-train/checkpoints/")["Contents"]]
    ids = sorted({k.split("/")[2] for k in keys})
    s3.put_object(Bucket=BUCKET, Key=f"ml-train/checkpoints/{ids[-1]}/model.bin", Body=b"x" * 4096)
    before = len(account.effects())
    dry = run("jobs", "recover", "ml-train", "--dry-run", "--json").json
    assert dry["action"]["checkpoint_id"] == ids[-2]
    run("jobs", "recover", "ml-train", "--no-input").refuses(4, "needs a person's approval")
    run("jobs", "recover", "ml-train", "--checkpoint", ids[-1], "-y").refuses(1, "a checksum differs: model.bin")
    assert account.effects()[before:] == []
    done = run("jobs", "recover", "ml-train", "-y", "--json").json["steps"]
    assert [s["outcome"]["status"] for s in done] == ["done"]
    body = s3.get_object(Bucket=BUCKET, Key="ml-train/resume.json")["Body"].read()
    assert json.loads(body)["checkpoint_id"] == ids[-2]
    assert "nothing is missing" in run("jobs", "recover", "ml-train").out
    older = run("jobs", "recover", "ml-train", "--checkpoint", ids[-3], "-y")
    assert (older.exit, "done" in older.out) == (0, True)


@pytest.mark.accepts("U-09")
def test_the_timeline_of_a_recovery_stands_in_the_status_in_seconds(run, account, home):
    (home / "policy.yaml").unlink()  # the tour's own policy answers interruptions alone
    import os

    del os.environ["SPOTWARDEN_POLICY"]
    instances = next(f for f in account.state()["fleets"] if f["name"] == "batch")["instances"]
    account.interrupt(next(i["instance_id"] for i in instances if i["purchase_option"] == "spot"))
    for seconds in (15, 45, 60):
        assert run("run", "--once", "--quiet").exit == 0
        account.advance(seconds)
    assert run("run", "--once", "--quiet").exit == 0
    (state,) = run("jobs", "status", "batch", "--json").json["jobs"]
    (view,) = state["recoveries"]
    line = view["timeline"]
    assert 0 < line["saved_seconds"] < line["replaced_seconds"]
    shown = run("jobs", "status", "batch").out
    assert f"saved {line['saved_seconds']:.0f} s → replacement {line['replaced_seconds']:.0f} s" in shown


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("what is the status of my jobs?", "is durable, saved"),
        ("will ml-train make its deadline?", "**`ml-train`: "),
        ("작업 상태 보여줘", "저장됨"),
        ("how is my training job?", "is durable"),
        ("ml-train 작업 언제 끝나?", "저장됨"),
        ("ml-train 마감까지 끝나?", "예상 완료"),
        ("recover the job batch", "nothing is missing"),
        ("batch 작업 복구해줘", "변경을 제안할 수 없었습니다"),
    ],
)
def test_the_offline_planner_answers_about_jobs_in_both_languages(run, untouched, question, said):
    assert said in run("chat", "-p", question).out


def test_a_hostile_name_of_a_checkpoint_is_shown_and_not_obeyed(run, s3, home, account):
    with Journal.open(home / "journal.db", clock=account.clock):
        pass
    key = "batch/checkpoints/\u202ezzz/manifest.json"
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"{")
    told = run("jobs", "status", "batch")
    assert told.exit == 0
    assert "\u202e" not in told.out
