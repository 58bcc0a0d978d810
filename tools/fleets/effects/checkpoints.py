"""request-checkpoint and restore-checkpoint: objects in a bucket, no instance and no price is touched."""

from typing import Any

from tools.cloud import CloudReader, CloudWriter, Receipt
from tools.fleets.effects.effect import S3_HORIZON, Effect, instances_bound
from tools.records import FieldChange, Fleet, Intent, RequestCheckpoint, RestoreCheckpoint
from tools.recovery.checkpoints import carry_out_restore, observe_restore, restore_expect_and_want, resume_key
from tools.recovery.requests import carry_out_request, marker_key, observe_request, request_expect_and_want


class RequestCheckpointEffect(Effect[RequestCheckpoint]):
    iam = ("s3:PutObject",)
    horizon = S3_HORIZON
    moves = False

    def seen(self, reader: CloudReader, action: RequestCheckpoint, fleet: Fleet) -> dict[str, Any]:
        return instances_bound(fleet, action.instance_ids)

    def lines(self, action: RequestCheckpoint, fleet: Fleet) -> tuple[FieldChange, ...]:
        keys = [marker_key(action, i) for i in action.instance_ids]
        wanted = "save now"
        if action.freeze_seconds is not None:
            wanted += f", then hold writes still for {action.freeze_seconds} s"
        return tuple(
            FieldChange(sign="+", field=f"s3://{action.bucket}/{k}"[:255], before="", after=wanted) for k in keys
        )

    def calls(self, action: RequestCheckpoint) -> tuple[str, ...]:
        return ("s3:PutObject",) * len(action.instance_ids)

    def expect_and_want(
        self, reader: CloudReader, action: RequestCheckpoint, fleet: Fleet
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        return request_expect_and_want(reader, action)

    def carry_out(self, writer: CloudWriter, intent: Intent, action: RequestCheckpoint, fleet: Fleet) -> Receipt:
        return carry_out_request(writer, intent, action)

    def observe(self, reader: CloudReader, intent: Intent, action: RequestCheckpoint) -> dict[str, Any]:
        return observe_request(reader, action)


class RestoreCheckpointEffect(Effect[RestoreCheckpoint]):
    iam = ("s3:PutObject",)
    horizon = S3_HORIZON
    moves = False

    def seen(self, reader: CloudReader, action: RestoreCheckpoint, fleet: Fleet) -> dict[str, Any]:
        """Also where the job resumes now."""
        return instances_bound(fleet, ()) | observe_restore(reader, action)

    def lines(self, action: RestoreCheckpoint, fleet: Fleet) -> tuple[FieldChange, ...]:
        field = f"s3://{action.bucket}/{resume_key(action.job_id)}"
        after = f"{action.checkpoint_id} (manifest {action.manifest_sha256[:12]})"
        return (FieldChange(sign="~", field=field[:255], before="where it points now", after=after),)

    def calls(self, action: RestoreCheckpoint) -> tuple[str, ...]:
        return ("s3:PutObject",)

    def expect_and_want(
        self, reader: CloudReader, action: RestoreCheckpoint, fleet: Fleet
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        return restore_expect_and_want(reader, action)

    def carry_out(self, writer: CloudWriter, intent: Intent, action: RestoreCheckpoint, fleet: Fleet) -> Receipt:
        return carry_out_restore(writer, intent, action)

    def observe(self, reader: CloudReader, intent: Intent, action: RestoreCheckpoint) -> dict[str, Any]:
        return observe_restore(reader, action)
