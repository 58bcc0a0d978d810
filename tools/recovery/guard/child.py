"""The command under guard: started in a process group of its own, with the terminal if there is one, and waited for.

Ctrl-C, Ctrl-Z and signals to guard work as if guard were not there.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from . import tree
from .trouble import GuardError

FORWARDED = ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGCONT")
FORWARDED_TO_GROUP = ("SIGINT", "SIGQUIT", "SIGTSTP")


class CannotStart(GuardError):
    """`exit_code` as a shell has it: 127 not found, 126 not to be run."""

    def __init__(self, message: str, *, hint: str, exit_code: int) -> None:
        super().__init__(message, hint=hint)
        self.exit_code = exit_code


class Child:
    """One command. To be started before any thread: it is a fork."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], *, at_our_death: int) -> None:
        self.terminal = _terminal()
        self._at_our_death = at_our_death
        self._guard = os.getpid()
        self.exit_code: int | None = None
        self.others: dict[int, int] = {}  # exit codes of orphans and hooks
        self._waits = False  # stopped, until guard is in front of the terminal
        self.orphans = tree.adopt_orphans()
        try:
            self._process = subprocess.Popen(
                list(command),
                env=dict(environment),
                preexec_fn=self._before_exec,  # noqa: PLW1509  it loads nothing and takes no lock
                close_fds=False,  # what was handed down to guard is for the command
            )
        except (FileNotFoundError, NotADirectoryError):
            hint = "is it on the PATH, and spelt so?"
            raise CannotStart(f"{command[0]}: command not found", hint=hint, exit_code=127) from None
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            words = getattr(error, "strerror", None) or str(error)
            raise CannotStart(f"{command[0]}: cannot be run: {words}", hint="see its rights", exit_code=126) from None
        self.pid = self._process.pid
        with suppress(OSError):
            os.setpgid(self.pid, self.pid)
        self._hand_over(self.pid)

    def _before_exec(self) -> None:
        os.setpgid(0, 0)
        tree.end_with_parent(self._at_our_death)
        if os.getppid() != self._guard:
            os._exit(126)  # guard was killed before we could ask to be told

    # --- the terminal
    def _hand_over(self, group: int) -> None:
        """Who owns the terminal gets Ctrl-C: the child, as if it were alone. Only where guard is in front of it, and
        alone there."""
        in_front = self.terminal is not None and _owner(self.terminal) == os.getpgrp()
        if self.terminal is not None and in_front and all(os.isatty(n) for n in (0, 1)):
            _foreground(self.terminal, group)

    def forward(self, number: int) -> None:
        """A signal that guard got: to the child, or to its group if a terminal would have told the group."""
        if self.exit_code is not None:
            return  # its number may be somebody else's by now
        with suppress(OSError):
            if signal.Signals(number).name in FORWARDED_TO_GROUP:
                os.killpg(self.pid, number)
            else:
                os.kill(self.pid, number)

    # --- its end
    def look(self) -> bool:
        """Reap whoever ended below us. True: the child itself ended (see `exit_code`)."""
        if self._waits and self.terminal is not None and _owner(self.terminal) == os.getpgrp():
            self._go_on(self.terminal)  # a shell that brings a running job to the front does not tell it
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED)
            except ChildProcessError:
                return self.exit_code is not None
            if pid == 0:
                return self.exit_code is not None
            if os.WIFSTOPPED(status):
                if pid == self.pid:
                    self._stopped(os.WSTOPSIG(status))
            elif pid != self.pid:
                self.others[pid] = _code(status)
            else:
                self._ended(status)

    def _ended(self, status: int) -> None:
        self.exit_code = _code(status)
        self._process.returncode = self.exit_code  # reaped here: Popen need not look again
        if self.terminal is not None and _owner(self.terminal) == self.pid:
            _foreground(self.terminal, os.getpgrp())

    def _stopped(self, number: int) -> None:
        """It wants the terminal: it gets it. Or somebody pressed Ctrl-Z: guard stops too, and goes on with it."""
        if self.terminal is None or number == signal.SIGSTOP:
            return
        ours = os.getpgrp()
        if _owner(self.terminal) not in (ours, self.pid):
            self._waits = True  # as guard itself is in the background
            return
        if number not in (signal.SIGTTIN, signal.SIGTTOU):
            _foreground(self.terminal, ours)
            os.kill(os.getpid(), signal.SIGSTOP)
        self._go_on(self.terminal)

    def _go_on(self, terminal: int) -> None:
        self._waits = False
        if _owner(terminal) == os.getpgrp():  # else it goes on in the background
            _foreground(terminal, self.pid)
        with suppress(OSError):
            os.killpg(self.pid, signal.SIGCONT)


def _code(status: int) -> int:
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def listen(act: Callable[[int], None]) -> None:
    """Every signal that is passed on comes to `act`."""
    for name in FORWARDED + FORWARDED_TO_GROUP:
        number = getattr(signal, name)
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup, and shells that ignore INT in the background
            signal.signal(number, lambda got, _: act(got))


def _terminal() -> int | None:
    """The controlling terminal. In the background guard may be brought to its front later."""
    try:
        return os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None


def _owner(terminal: int) -> int | None:
    try:
        return os.tcgetpgrp(terminal)
    except OSError:
        return None


def _foreground(terminal: int, group: int) -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
    try:
        os.tcsetpgrp(terminal, group)
    except OSError:
        return  # the terminal is gone
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
