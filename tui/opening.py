"""Opens the house: account, policy, journal, model, session — from one frozen Settings.

The only place where an account is opened. Nothing is imported before it is needed: `--help` and the offline
commands stay fast.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tools.errors import PolicyError, SpotError, UsageError
from tui.care import Care
from tui.config import Settings, read_table
from tui.journal_door import JournalDoor
from tui.kill_switch import is_on, put_on, take_off
from tui.listening import somebody_listens
from tui.looks import Looks
from tui.queue_places import Queues
from tui.schedules import Schedules

if TYPE_CHECKING:
    from agent.actuation import Actuation
    from agent.journal.journal import Journal
    from agent.journal.records import OpenIntent, SavedProposal
    from agent.journal.verify import Verification
    from agent.models.model import Model
    from agent.session import Session
    from policies.document import Policy
    from policies.records import Mode
    from tools.archive.archive import OpenArchive
    from tools.aws.session import AwsAccount
    from tools.cloud import Clock, NoticeQueue
    from tools.desk import AdvisorReader, Desk
    from tools.fleets.steady_rules import SteadyRules
    from tools.monitor.settings import MonitorSettings
    from tools.records import AuditEntry
    from tools.simulation.client import SimulatedAccount

# what the simulated account accepts: no real key ever goes there
_SIMULATED_KEYS = ("AKIASIMULATED0000000", "simulated")
_VERIFY_ALWAYS_BELOW = 20_000


class WallClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


class House(Looks, Care, Queues, Schedules):
    """Everything one run needs, opened when first asked for, closed together. Safe to call from threads."""

    def __init__(self, settings: Settings, simulated: "SimulatedAccount | None" = None) -> None:
        self.settings = settings
        self._simulation = simulated
        self._verified: Verification | None = None
        self._resume: str | None = None
        self._ceiling: str | None = None
        self._loaded: tuple[tuple[int, ...] | None, Policy] | None = None

    # the parts

    @cached_property
    def simulation(self) -> "SimulatedAccount | None":
        """The simulated account behind the endpoint, if that is what it is."""
        if self._simulation is None and self.settings.endpoint is not None:
            from tools.simulation.client import SimulatedAccount

            return SimulatedAccount.attach(self.settings.endpoint)
        return self._simulation

    @cached_property
    def clock(self) -> "Clock":
        return self.simulation.clock if self.simulation else WallClock()

    @cached_property
    def account(self) -> "AwsAccount":
        from tools.aws.session import open_account

        simulation = self.simulation
        if simulation is None and self.settings.endpoint is not None:
            somebody_listens(self.settings.endpoint)
        return open_account(
            profile=None if simulation else self.settings.profile,
            region=self.settings.region or (simulation.region if simulation else None),
            endpoint_url=simulation.endpoint_url if simulation else self.settings.endpoint,
            clock=self.clock,
            credentials=_SIMULATED_KEYS if simulation else None,
        )

    @cached_property
    def journal(self) -> "Journal":
        from agent.journal.journal import Journal

        return Journal.open(self.settings.db, clock=self.clock)

    @property
    def policy(self) -> "Policy":
        """The law in force now: the policy file, read anew when it changed; else the tour's, else observe only.

        Raises  PolicyError: the file is not valid now; an older reading never stands in for it
        """
        from policies.document import OBSERVE_ONLY, load_policy

        if self._ceiling == "observe":
            return OBSERVE_ONLY
        if self.settings.policy is None:
            return self._tour_policy if self.simulation else OBSERVE_ONLY
        stamp = _stamp(self.settings.policy)
        if self._loaded is None or stamp is None or self._loaded[0] != stamp:
            self._loaded = (stamp, load_policy(self.settings.policy))
        return self._loaded[1]

    @cached_property
    def _tour_policy(self) -> "Policy":
        from policies.document import preset

        return preset("tour")

    @cached_property
    def model(self) -> "Model":
        """The hosted model when one is named, or an endpoint is; else the offline planner.

        A key alone configures nothing: people have one set for other programs.
        Raises  ModelError: the endpoint cannot be used; UsageError: a price that is no number
        """
        settings = self.settings
        if settings.model or settings.base_url:
            from agent.models.budget import HostedLimits
            from agent.models.hosted import HostedModel, first_model

            limits = HostedLimits(
                prompt_usd_per_million_tokens=settings.price("model_prompt_usd"),
                completion_usd_per_million_tokens=settings.price("model_completion_usd"),
            )
            name = settings.model or first_model(settings.base_url or "", settings.api_key)
            return HostedModel(base_url=settings.base_url, api_key=settings.api_key, model=name, limits=limits)
        from agent.models.offline import OfflinePlanner

        return OfflinePlanner()

    @cached_property
    def desk(self) -> "Desk":
        from tools.desk import Desk

        return Desk(
            reader=self.account.reader,
            clock=self.clock,
            audit=JournalDoor(lambda: self.journal),
            archive=self.archive,
            advisor=self.advisor,
            keeping=self.keeping,
            queues=self.queues,
        )

    @cached_property
    def archive(self) -> "OpenArchive":
        """What was seen of the market and the fleets; one that cannot be opened keeps nothing, and says why."""
        from tools.archive.archive import open_archive

        return open_archive(
            self.settings.archive_file, clock=self.clock, account=lambda: self.account.reader.account().account_id
        )

    @cached_property
    def advisor(self) -> "AdvisorReader":
        """Raises DataError: the file that was named is no Advisor's."""
        from tools.market.advisor import SpotAdvisor

        simulated = self.simulation.advisor_url if self.simulation else None
        source = SpotAdvisor(
            self.settings.advisor or simulated,
            cache=None if simulated else self.settings.state_dir / "spot-advisor.json",
            clock=self.clock,
        )
        if self.settings.advisor:
            source.check()  # somebody named it: a wrong one is an error, not a gap
        return source

    @cached_property
    def monitoring(self) -> "MonitorSettings":
        """When something becomes an alert. Raises UsageError: the settings file names what is not a threshold."""
        from tools.monitor.settings import MonitorSettings

        return read_table("monitor", self.settings.monitor, MonitorSettings)

    @cached_property
    def steady(self) -> "SteadyRules":
        """When the daemon leaves spot and comes back. Raises UsageError: the settings file names what is no limit."""
        from tools.fleets.steady_rules import SteadyRules

        return read_table("steady", self.settings.steady, SteadyRules)

    @cached_property
    def actuation(self) -> "Actuation":
        from agent.actuation import Actuation

        return Actuation(
            reader=self.account.reader,
            writer=self.account.writer,
            journal=self.journal,
            policy=lambda: self.policy,
            clock=self.clock,
            halted=self.halted,
            audit_verified=self._audit_verified,
            ask_first=self._ceiling == "approve",
        )

    @cached_property
    def _session(self) -> "Session":
        return self.open_session(resume=self._resume)

    def resume_conversation(self, conversation: str | None) -> None:
        """The conversation that `session()` shall go on with; None = a new one."""
        self._resume = conversation

    def lower_to(self, mode: str | None) -> None:
        """Never more than the policy allows: «observe» changes nothing, «approve» asks where it would act alone."""
        self._ceiling = mode

    def open_session(self, *, lang: Literal["en", "ko"] | None = None, resume: str | None = None) -> "Session":
        """A new conversation, or `resume` an old one by its id («last» = the newest)."""
        from agent.session import Limits, Session
        from tools.catalog import CATALOG

        chosen = lang or self.settings.lang
        if resume is None:
            conversation = self.journal.start_conversation("chat", lang=chosen or "")
        else:
            conversation = self._known_conversation(resume)
        return Session(
            desk=self.desk,
            catalog=CATALOG,
            actuation=self.actuation,
            journal=self.journal,
            model=self.model,
            clock=self.clock,
            limits=Limits(),
            conversation_id=conversation,
            lang="ko" if chosen == "ko" else "en" if chosen == "en" else None,
            mode=self.mode,
            checkpoints=self.settings.db.with_name(self.settings.db.name + ".graph"),
        )

    def _known_conversation(self, wanted: str) -> str:
        known = [c.conversation_id for c in self.journal.conversations(limit=200)]
        if wanted == "last" and known:
            return known[0]
        if wanted in known:
            return wanted
        raise UsageError(f"no conversation {wanted!r} in {self.settings.db}", hint="known: " + ", ".join(known[:5]))

    @cached_property
    def queue(self) -> "NoticeQueue | None":
        url = self.settings.queue or (self.simulation.queue_url if self.simulation else None)
        return self.account.queue(url) if url else None

    def warm(self) -> None:
        """Open every part now, on this thread: afterwards threads only share what is there."""
        _ = (self.journal, self.account, self.actuation, self.archive, self.model)
        _ = (self.desk, self._session, self._identity)

    # what the screens ask

    @property
    def title(self) -> str:
        """What the title bar tells; with a policy that is not valid it says that, and the rest still works."""
        who = self._identity
        try:
            mode: str = self.mode
        except PolicyError:
            mode = "POLICY NOT VALID"
        return f"{who.account_id} · {who.region} · {mode} · {self.model.name}"

    @cached_property
    def _identity(self) -> Any:
        return self.account.reader.account()

    @property
    def mode(self) -> "Mode":
        """The most that the policy lets anybody do here."""
        default = self.policy.document.defaults.mode
        modes = {p.mode.type if p.mode else default for p in self.policy.policies}
        if self._ceiling == "approve":
            modes -= {"autonomous"}
        return "autonomous" if "autonomous" in modes else "approve" if "approve" in modes else "observe"

    @property
    def simulated(self) -> bool:
        return self.simulation is not None

    @property
    def person(self) -> str:
        return self.settings.actor

    def session(self) -> "Session":
        return self._session

    def proposals(self) -> "tuple[SavedProposal, ...]":
        return self.journal.proposals(limit=100)

    def answer(
        self, proposal_id: str, answer: Literal["approve", "deny"], *, by: str, reason: str = ""
    ) -> "SavedProposal":
        """Record a person's word; an approved change is carried out before this returns."""
        saved = self.actuation.answer(proposal_id, answer=answer, by=by, reason=reason)
        if saved.status == "approved":
            self.actuation.act(proposal_id, by=by)
            self.end_watch(self.journal.proposal(proposal_id))
        return self.journal.proposal(proposal_id)

    def audit(self, after_seq: int, limit: int) -> "tuple[AuditEntry, ...]":
        return self.journal.entries(after_seq=after_seq, limit=limit, newest_first=True)

    def verify(self) -> "Verification":
        from agent.journal.verify import verify

        self._verified = verify(self.settings.db)
        return self._verified

    def _audit_verified(self) -> bool | None:
        """The whole chain while that is quick; a long one is verified at the start and by `audit verify`."""
        if self._verified is None or self._verified.entries < _VERIFY_ALWAYS_BELOW:
            self.verify()
        return self._verified.ok if self._verified else None

    def open_intents(self) -> "tuple[OpenIntent, ...]":
        return self.journal.open_intents()

    # the kill switch

    @property
    def kill_switches(self) -> tuple[Path, ...]:
        """Every file that halts while it exists: this machine's own, and the one that the policy names."""
        try:
            named = self.policy.kill_switch
        except PolicyError:  # without a valid policy nothing is changed anyway
            named = None
        # a simulated account has a switch of its own, beside its journal: the real one is not its to touch
        simulated = self._simulation is not None or self.settings.endpoint_url is not None
        own = self.settings.db.with_suffix(".STOP") if simulated else self.settings.kill_switch
        return (own, Path(named).expanduser()) if named else (own,)

    def halted(self) -> bool:
        return is_on(self.kill_switches)

    def halt(self) -> None:
        """Put the kill switch on, whatever else is broken.

        Raises  SpotError: it is on, and the policy or the journal has trouble; or it cannot be put on
        """
        put_on(self.kill_switches, by=self.person)
        try:
            _ = self.policy  # it may name a file of its own, which then could not be told
            self.journal.append("halt", {"files": [str(p) for p in self.kill_switches]}, actor=self.person)
        except SpotError as error:
            on = f"the kill switch {self.kill_switches[0]} is on all the same"
            error.hint = f"{on}; {error.hint}" if error.hint else on
            raise

    def resume_running(self) -> None:
        take_off(self.kill_switches)
        self.journal.append("halt-lifted", {"files": [str(p) for p in self.kill_switches]}, actor=self.person)

    def daemon_name(self) -> str:
        return f"{socket.gethostname()}:{os.getpid()}"

    def close(self) -> None:
        """Close what was opened, the session first and the account last."""
        for part in ("_session", "journal", "archive", "account"):
            opened = self.__dict__.pop(part, None)
            if opened is not None:
                opened.close()


@contextmanager
def open_house(settings: Settings, simulated: "SimulatedAccount | None" = None) -> Iterator[House]:
    """A house for one command; closed whatever happens."""
    house = House(settings, simulated)
    try:
        yield house
    finally:
        house.close()


def _stamp(path: Path) -> tuple[int, ...] | None:
    """Moves when a file is written or replaced; None = it cannot be looked at."""
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino)


def tell(error: SpotError) -> str:
    return error.message + (f" → {error.hint}" if error.hint else "")
