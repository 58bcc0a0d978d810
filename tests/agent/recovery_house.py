"""Interrupted jobs on the simulated account: a notice, and looks until what became of it is known."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agent.autonomy import Daemon
from agent.journal.journal import Journal
from agent.recovery import Recoveries
from tests.agent.autonomy_house import Post, Street
from tools.records import FleetRef, Job, Recovery

ROOT = Path(__file__).resolve().parents[2]
BUCKET = "acme-checkpoints"


def a_job(street: Street, fleet: str = "ml-train", **told: Any) -> Job:
    found = street.fleet(fleet)
    place = {"bucket": BUCKET, "store_id": fleet} if told.pop("stored", True) else {}
    now = street.sim.clock.now()
    given = {"job_id": fleet, "fleet": found.ref, **place, "registered_at": now, "registered_by": "kim"}
    return Job.model_validate(given | told)


def ref(name: str = "ml-train") -> FleetRef:
    return FleetRef(kind="asg", fleet_id=name, account_id="123456789012", region="us-east-1")


def interrupted(street: Street, daemon: Daemon, fleet: str = "ml-train", *, victim: str | None = None) -> str:
    """A notice that the reflex has answered; returns the instance."""
    victim = victim or street.spot(fleet)[0]
    street.sim.interrupt(victim)
    daemon.answer_notices(wait_seconds=0)
    return victim


def looked(
    street: Street, recoveries: Recoveries, *, seconds: int = 300, every: int = 5, until: str | None = None
) -> list[Recovery]:
    """Every step that was taken in so many seconds, or until one comes to a status."""
    seen: list[Recovery] = []
    for _ in range(seconds // every):
        seen += recoveries.look()
        if any(r.status == until for r in seen):
            break
        street.sim.advance(every)
    return seen


def only(journal: Journal, job: str = "ml-train") -> Recovery:
    (found,) = journal.jobs.recoveries_of(job)
    return found


def newest(street: Street, job: str = "ml-train") -> str:
    """The id of the newest checkpoint with a manifest."""
    keys = street.raw("s3").list_objects_v2(Bucket=BUCKET, Prefix=f"{job}/checkpoints/")["Contents"]
    return max(k["Key"].split("/")[-2] for k in keys if k["Key"].endswith("/manifest.json"))


def spoil(street: Street, checkpoint_id: str, job: str = "ml-train") -> None:
    """One file has other bytes, as many: only its checksum tells."""
    key = f"{job}/checkpoints/{checkpoint_id}/model.bin"
    street.raw("s3").put_object(Bucket=BUCKET, Key=key, Body=b"x" * 4096)


def heal(street: Street, job: str = "ml-train") -> None:
    """No checkpoint of an earlier test is damaged, and nothing points anywhere."""
    s3 = street.raw("s3")
    for item in s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{job}/checkpoints/")["Contents"]:
        key = item["Key"]
        if key.endswith("/model.bin") and s3.get_object(Bucket=BUCKET, Key=key)["Body"].read(4) == b"xxxx":
            s3.delete_object(Bucket=BUCKET, Key=key.replace("model.bin", "manifest.json"))
    s3.delete_object(Bucket=BUCKET, Key=f"{job}/resume.json")


def pointer(street: Street, job: str = "ml-train") -> str | None:
    try:
        body = street.raw("s3").get_object(Bucket=BUCKET, Key=f"{job}/resume.json")["Body"].read()
    except street.raw("s3").exceptions.NoSuchKey:
        return None
    return str(json.loads(body)["checkpoint_id"])


def pointed(street: Street, after: int, job: str = "ml-train") -> list[dict[str, Any]]:
    """Writes of the pointer, by the account's own log."""
    return [r for r in street.did("PutObject", after) if r["parameters"]["Key"] == f"{job}/resume.json"]


def steps(recovery: Recovery) -> dict[str, str]:
    return {s.name: s.state for s in recovery.steps}


def machine(post: Post, name: str = "looker") -> Recoveries:
    return Recoveries(post.actuation, name)


ZYGOTE = f"""
import json, os, signal, sys, threading, traceback
sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from agent.recovery import Recoveries
from tests.agent.autonomy_house import CREDENTIALS, Street, open_post
from tools.aws.session import open_account
from tools.simulation.client import SimulatedAccount


def look(endpoint, folder, where, nth):
    left = [nth]

    def on_call(frame, event, argument):
        if event == "call" and frame.f_code.co_name == where:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    threading.setprofile(on_call)  # also of the journal's own thread, which starts when it is opened
    sys.setprofile(on_call)
    sim = SimulatedAccount.attach(endpoint)
    with open_account(
        profile=None, region=sim.region, endpoint_url=endpoint, clock=sim.clock, credentials=CREDENTIALS
    ) as aws, open_post(Street(sim, aws), Path(folder)) as post:
        Recoveries(post.actuation, "killed").look()


for line in sys.stdin:
    child = os.fork()
    if child == 0:
        try:
            look(**json.loads(line))
        except BaseException:
            traceback.print_exc()
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@contextmanager
def open_zygote() -> Iterator[Callable[..., int]]:
    """Looks once in a process of its own that is killed at a call of a function, the n-th; returns its exit code."""
    process = subprocess.Popen(
        [sys.executable, "-c", ZYGOTE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdin is not None
    assert process.stdout is not None

    def look(**order: Any) -> int:
        process.stdin.write(json.dumps(order) + "\n")
        process.stdin.flush()
        return int(process.stdout.readline())

    yield look
    process.stdin.close()
    process.wait(10)
    process.stdout.close()
