"""One action of a person's through the one way to write: judged, asked about where the policy asks, carried out."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui.config import Settings, is_terminal

if TYPE_CHECKING:
    from agent.journal.records import SavedProposal
    from tools.records import Action, Outcome
    from tui.opening import House

_YES = frozenset({"y", "yes", "ㅛ", "네", "예"})


@dataclass(frozen=True)
class Hand:
    """A person at a command.

    yes    said beforehand; the policy has its say all the same
    again  the command that goes on, for hints
    """

    settings: Settings
    house: "House"
    yes: bool
    again: str

    def take(self, action: "Action", *, why: str) -> "tuple[SavedProposal, Outcome]":
        """Raises Denied, ApprovalNeeded, StalePlan, Halted, CloudErrors; UsageError: it cannot be."""
        from tools.errors import Denied

        house = self.house
        saved = house.actuation.propose(action, by=house.person, actor="person", rationale=why)
        proposal_id = saved.proposal.proposal_id
        if saved.decision.verdict == "deny":
            told = "; ".join(saved.decision.reasons)
            raise Denied(f"{saved.proposal.title} ({proposal_id}): {told}", hint="spotwarden policy explain tells why")
        if saved.status == "pending":
            house.actuation.check_running()
            self._ask(saved)
        return saved, house.actuation.act(proposal_id, by=house.person)

    def _ask(self, saved: "SavedProposal") -> None:
        from tools.errors import ApprovalNeeded, Denied
        from tui.render import proposal_lines

        proposal_id, yes = saved.proposal.proposal_id, self.yes
        if not yes:
            if self.settings.json or not self.settings.input or not is_terminal():
                told = "; ".join(saved.decision.reasons)
                raise ApprovalNeeded(
                    f"{saved.proposal.title} ({proposal_id}) needs a person's approval: {told}",
                    hint=f"spotwarden approve {proposal_id}, then again: {self.again}; or give -y",
                )
            print("\n".join(proposal_lines(saved.proposal, saved.decision)))
            yes = input("approve? type yes (anything else denies): ").strip().lower() in _YES
        self.house.actuation.answer(proposal_id, answer="approve" if yes else "deny", by=self.house.person)
        if not yes:
            raise Denied(f"{proposal_id} denied by {self.house.person}")
