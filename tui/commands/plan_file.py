"""The file of a plan: one proposal as it was judged, with the digest that the journal knows too."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui.output import json_text

if TYPE_CHECKING:
    from agent.journal.records import SavedProposal
    from policies.records import Decision, Proposal

PLAN_VERSION = 1
MAX_PLAN_BYTES = 16 * 1024 * 1024
_WAY_OUT = "name a file that `spotwarden plan -o FILE` wrote"


def write_plan(path: Path, saved: "SavedProposal") -> None:
    """One JSON file: the proposal as judged, and its digest, which the journal knows too.

    Raises  DataError: it cannot be written; the proposal is kept in the journal all the same
    """
    from tools.errors import DataError

    document = {
        "spotwarden_plan": PLAN_VERSION,
        "proposal_id": saved.proposal.proposal_id,
        "digest": saved.proposal.digest,
        "proposal": saved.proposal.model_dump(mode="json"),
        "decision": saved.decision.model_dump(mode="json"),
    }
    try:
        path.write_text(json_text(document) + "\n", encoding="utf-8")
    except OSError as error:
        raise DataError(
            f"{path}: the plan cannot be written: {error.strerror}",
            hint=f"the proposal is kept: spotwarden apply {saved.proposal.proposal_id}, or plan again with another -o",
        ) from None


def read_plan(path: Path) -> tuple["Proposal", "Decision"]:
    """The proposal and the decision that the file shows.

    Raises  DataError: not a plan of this version; StalePlan: edited since it was saved
    """
    from pydantic import ValidationError

    from policies.records import Decision, Proposal
    from tools.errors import DataError, StalePlan

    document = _read_document(path)
    if document["spotwarden_plan"] != PLAN_VERSION:
        seen = str(document["spotwarden_plan"])[:40]
        raise DataError(f"{path}: plan of version {seen}, this is version {PLAN_VERSION}", hint="plan again")
    try:
        proposal = Proposal.model_validate_json(json.dumps(document.get("proposal")))
        decision = Decision.model_validate_json(json.dumps(document.get("decision")))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, (error.title.lower(), *first["loc"])))
        raise DataError(f"{path}: not a plan: {where}: {first['msg']}", hint=_WAY_OUT) from None
    if document.get("digest") != proposal.digest or document.get("proposal_id") != proposal.proposal_id:
        raise StalePlan(f"{path}: edited since it was saved", hint="plan again with the values you want")
    return proposal, decision


def _read_document(path: Path) -> dict[str, Any]:
    """Raises  DataError: no JSON object with a plan's mark"""
    from tools.errors import DataError

    try:
        with path.open("rb") as file:
            raw = file.read(MAX_PLAN_BYTES + 1)
        if len(raw) > MAX_PLAN_BYTES:
            raise DataError(f"{path}: more than {MAX_PLAN_BYTES:,} bytes: not a plan", hint=_WAY_OUT)
        document = json.loads(raw.decode("utf-8"))
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}", hint=_WAY_OUT) from None
    except UnicodeDecodeError:
        raise DataError(f"{path}: not a plan: not UTF-8 text", hint=_WAY_OUT) from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not a plan: not JSON: {error}", hint=_WAY_OUT) from None
    if not isinstance(document, dict) or "spotwarden_plan" not in document:
        raise DataError(f"{path}: not a plan: JSON without the key spotwarden_plan", hint=_WAY_OUT)
    return document
