"""What AWS really does, by topic: each fact with its source and the day on which that was read.

Documents change: a fact is as old as its date.
"""

from datetime import UTC, datetime
from typing import Literal

from tools.records import Record, UtcTime

Topic = Literal["consistency", "first-snapshot", "root-volume", "zones", "hibernation", "efs", "notebook", "snapstart"]
READ_ON = datetime(2026, 11, 21, tzinfo=UTC)
_EC2 = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide"
_EBS = "https://docs.aws.amazon.com/ebs/latest/userguide"
_EFS = "https://docs.aws.amazon.com/efs/latest/ug"
_LAMBDA = "https://docs.aws.amazon.com/lambda/latest/dg"
_RESEED = (
    "after any restore of memory: seed random numbers anew, make new ids and tokens, open connections again, and read "
    "the clock and credentials again"
)


class Fact(Record):
    text: str
    source: str
    as_of: UtcTime = READ_ON
    """when the source was read"""


class Chapter(Record):
    """One topic: in short, what is so, what to do."""

    short: str
    facts: tuple[Fact, ...]
    do: tuple[str, ...]


FACTS: dict[Topic, Chapter] = {
    "consistency": Chapter(
        short="a snapshot holds what had reached the volume; what memory and caches held is not in it",
        facts=(
            Fact(
                text="a snapshot holds what was written to the volume when it was asked for; data that applications or"
                " the operating system cache are not in it",
                source=f"{_EBS}/ebs-creating-snapshot.html",
            ),
            Fact(
                text="writes may go on as soon as the snapshot is pending: a pause need only last until then",
                source=f"{_EBS}/ebs-creating-snapshot.html",
            ),
            Fact(
                text="CreateSnapshots takes the volumes of one instance at one moment: crash-consistent together",
                source="https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSnapshots.html",
            ),
        ),
        do=(
            "set freeze_seconds in [[snapshots]], and run the job under spotwarden-guard with freeze and thaw hooks",
            "a set within a freeze that thawed well is application-consistent, or one of a stopped instance; no other",
            "databases: restore a crash-consistent set through the database's own recovery, and try it once",
        ),
    ),
    "first-snapshot": Chapter(
        short="a first snapshot, or one after many changes, may take hours: never plan its end inside a notice",
        facts=(
            Fact(
                text="creation is asynchronous: pending until every changed block is in S3, which may be several hours",
                source=f"{_EBS}/ebs-creating-snapshot.html",
            ),
            Fact(
                text="the first snapshot of a volume copies all of it, later ones what changed; how long it takes"
                " cannot be foretold",
                source="https://repost.aws/knowledge-center/ebs-incremental-snapshot-creation-slow",
            ),
        ),
        do=(
            "take the first set while nothing presses: a schedule does when it begins",
            "spotwarden begins no first snapshot on an instance that EC2 takes back",
        ),
    ),
    "root-volume": Chapter(
        short="AWS recommends to stop before a root volume is snapshotted; where it cannot be stopped the set is"
        " crash-consistent, and says so",
        facts=(
            Fact(
                text="for a volume that is a root device stopping the instance first is recommended (the guide says"
                " must); a running one can be snapshotted all the same",
                source=f"{_EBS}/ebs-creating-snapshot.html",
            ),
            Fact(
                text="a spot instance can be stopped only when its request is persistent; when EC2 stopped it, only"
                " EC2 starts it again, in the same zone and of the same type",
                source=f"{_EC2}/interruption-behavior.html",
            ),
        ),
        do=(
            "a single instance: spotwarden volumes snapshot i-… --stop-first stops, waits, snapshots, starts",
            "in an Auto Scaling group stopping is no way: the group ends what is stopped as unhealthy",
            "better: keep nothing on the root, bake it into an image, and keep data on a volume of its own",
        ),
    ),
    "zones": Chapter(
        short="a kept volume stays in its zone; a replacement should not: data crosses by a snapshot",
        facts=(
            Fact(
                text="a volume can be attached to instances of its own zone only",
                source=f"{_EBS}/ebs-volumes.html",
            ),
            Fact(
                text="DeleteOnTermination false keeps a volume when its instance is terminated, and it is billed on",
                source=f"{_EC2}/preserving-volumes-on-termination.html",
            ),
            Fact(
                text="a volume made from a snapshot reads its blocks from S3 at first use: slow until all were read",
                source=f"{_EBS}/initalize-volume.html",
            ),
        ),
        do=(
            "in the same zone the kept volume is attached, anywhere else the newest completed set is restored",
            "replacements avoid the zone that was lost: that rule wins over keeping volumes, which then are orphans",
            "spotwarden volumes restore FLEET --to i-…  (spotwarden volumes orphans tells what kept volumes cost)",
        ),
    ),
    "hibernation": Chapter(
        short="no pause button: it begins with its notice, only EC2 resumes it, in the same zone",
        facts=(
            Fact(
                text="hibernation of an interrupted spot instance begins at once: there is a notice, and no two"
                " minutes",
                source=f"{_EC2}/hibernate-spot-instances.html",
            ),
            Fact(
                text="what EC2 hibernated only EC2 resumes, when capacity of the type is back in the zone",
                source=f"{_EC2}/hibernating-resuming.html",
            ),
            Fact(
                text="without the agent, or room on the root volume for the memory, it is stopped instead",
                source=f"{_EC2}/hibernate-spot-instances.html",
            ),
            Fact(
                text="it is chosen at launch for good; the root volume is EBS, encrypted, and large enough for the"
                " memory; instances in Auto Scaling groups do not hibernate; instance store is lost; EBS is billed on",
                source=f"{_EC2}/hibernating-prerequisites.html",
            ),
            Fact(
                text="no snapshots or images of instances that are set up for hibernation (EC2 user guide, limits)",
                source=f"{_EC2}/Hibernate.html",
            ),
        ),
        do=("do not count on it for a deadline: checkpoint as well", _RESEED),
    ),
    "efs": Chapter(
        short="one file system for many instances in every zone: nothing to restore, and slower and dearer than EBS",
        facts=(
            Fact(
                text="NFS 4.0 and 4.1, mounted by many instances at once; Regional file systems stand in several zones,"
                " One Zone ones in one",
                source=f"{_EFS}/availability-durability.html",
            ),
            Fact(
                text="close-to-open consistency, advisory locks: two writers to one file have to agree themselves",
                source=f"{_EFS}/features.html",
            ),
            Fact(
                text="latency as low as 0.25 to 1 ms for reads and 2.7 ms for writes (1.6 ms One Zone); 500 to 1,500"
                " MiB/s a client: many small files are slow",
                source=f"{_EFS}/performance.html",
            ),
            Fact(
                text="billed by what is stored and, in Elastic throughput, by what is read and written; a GB-month is"
                " several times that of gp3",
                source="https://aws.amazon.com/efs/pricing/",
            ),
        ),
        do=(
            "checkpoints of a few large files: S3 is cheaper, and what spotwarden-guard writes to",
            "shared state that must be there at once in any zone: Regional EFS, mounted by the launch template",
        ),
    ),
    "notebook": Chapter(
        short="what lives in an interpreter's memory cannot be recovered: split the long work off",
        facts=(
            Fact(
                text="a kernel is one process: its variables are gone with its instance",
                source="https://docs.jupyter.org/en/latest/projects/kernels.html",
            ),
            Fact(
                text="SageMaker managed spot training restarts interrupted training jobs, from checkpoints in S3 that"
                " the code writes itself; without these from the beginning",
                source="https://docs.aws.amazon.com/sagemaker/latest/dg/model-managed-spot-training.html",
            ),
        ),
        do=(
            "long work: a script of its own under spotwarden-guard, with checkpoints; the notebook starts it and looks",
            "the notebook itself: on-demand, or its files on EFS or in git, and nothing in it that took hours",
            "training of deep networks: SageMaker managed spot training with a checkpoint place in S3",
        ),
    ),
    "snapstart": Chapter(
        short="it starts Lambda functions from a memory snapshot, and does nothing for EC2 spot; its rule holds for"
        " every restore of memory",
        facts=(
            Fact(
                text="a snapshot of memory and disk of the initialised environment, taken when a version is published;"
                " not on $LATEST",
                source=f"{_LAMBDA}/snapstart.html",
            ),
            Fact(
                text="Java 11 and later, Python 3.12 and later, .NET 8 and later; no container images, no other"
                " runtimes (the guide: Java only, nine regions)",
                source=f"{_LAMBDA}/snapstart.html",
            ),
            Fact(
                text="not together with provisioned concurrency, EFS, or more than 512 MB of ephemeral storage",
                source=f"{_LAMBDA}/snapstart.html",
            ),
            Fact(
                text="in nearly every commercial region by now; Python and .NET are billed for caching and restoring",
                source=f"{_LAMBDA}/snapstart.html",
            ),
            Fact(
                text="many environments begin from one snapshot: what was random or unique in it is the same in all",
                source=f"{_LAMBDA}/snapstart-uniqueness.html",
            ),
        ),
        do=(
            "work of under 15 minutes that may start over: Lambda is no spot capacity and is not interrupted",
            "for an EC2 job: checkpoints; no memory image of a spot instance outlives it except by hibernation",
            _RESEED,
        ),
    ),
}
