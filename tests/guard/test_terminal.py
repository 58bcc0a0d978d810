"""Guard in a terminal: Ctrl-C, Ctrl-Z and reading from the keyboard work as without it."""

import os
import pty
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 30


GUARD = (sys.executable, "-m", "tools.recovery.guard", "--provider", "none")


class Terminal:
    """A pseudo-terminal with one program in front of it: guard, or a shell."""

    def __init__(self, *words: str, piped: bool = False) -> None:
        self.guard, self.keyboard = pty.fork()
        if self.guard == 0:
            os.chdir(ROOT)
            if piped:  # as `guard … | tee` leaves it: the keyboard is there, the screen is not guard's
                os.dup2(os.open("/dev/null", os.O_WRONLY), 1)
            os.execv(words[0], words)
        self.seen = ""

    def type(self, keys: bytes) -> None:
        os.write(self.keyboard, keys)

    def wait_for(self, words: str) -> None:
        while words not in self.seen:
            ready, _, _ = select.select([self.keyboard], [], [], SECONDS)
            assert ready, self.seen
            self.seen += os.read(self.keyboard, 4096).decode(errors="replace")

    def end(self) -> int:
        return os.waitstatus_to_exitcode(os.waitpid(self.guard, 0)[1])


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    opened: list[Terminal] = []
    yield opened
    for one in opened:
        os.close(one.keyboard)


def job(text: str) -> tuple[str, ...]:
    return *GUARD, "--", sys.executable, "-c", text


@pytest.mark.parametrize("piped", [False, True])
def test_ctrl_c_interrupts_the_command_and_its_code_comes_back(piped, terminals):
    text = """
import sys, time
try:
    print("ready", file=sys.stderr, flush=True); time.sleep(60)
except KeyboardInterrupt:
    sys.exit(33)
"""
    terminals.append(one := Terminal(*job(text), piped=piped))
    one.wait_for("ready")
    one.type(b"\x03")
    assert one.end() == 33


@pytest.mark.parametrize("piped", [False, True])
def test_the_command_can_read_from_the_keyboard(piped, terminals):
    terminals.append(
        one := Terminal(*job("import sys; print('got', input(), file=sys.stderr, flush=True)"), piped=piped)
    )
    one.type(b"words\n")
    one.wait_for("got words")
    assert one.end() == 0


def test_ctrl_z_stops_guard_with_its_command_and_both_go_on(terminals):
    terminals.append(one := Terminal(*job("print('ready', flush=True); print('got', input(), flush=True)")))
    one.wait_for("ready")
    one.type(b"\x1a")
    _, status = os.waitpid(one.guard, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    os.kill(one.guard, signal.SIGCONT)
    one.type(b"words\n")
    one.wait_for("got words")
    assert one.end() == 0


@pytest.fixture
def shell(terminals) -> Terminal:
    """One with job control."""
    terminals.append(one := Terminal("/bin/sh", "-i"))
    return one


def test_a_command_in_the_background_reads_when_it_is_brought_to_the_front(shell):
    shell.type(f"{' '.join(GUARD)} -- sh -c 'read x; echo got-$x' &\n".encode())
    shell.wait_for("without notices")
    shell.type(b"fg\n")
    shell.wait_for("fg")
    shell.type(b"words\n")
    shell.wait_for("got-words")
    shell.type(b"exit 7\n")
    assert shell.end() == 7


def test_what_was_stopped_and_goes_on_in_the_background_leaves_the_terminal_to_the_shell(shell):
    text = (  # not a shell's trap: dash may sleep on with it pending
        "import signal, time; signal.signal(signal.SIGCONT, lambda *_: print(chr(103) + str(0), flush=True)); "
        "print(chr(114) + str(1), flush=True); [time.sleep(0.1) for _ in range(600)]"
    )
    shell.type(f'{" ".join(GUARD)} -- {sys.executable} -c "{text}"\n'.encode())
    shell.wait_for("r1")
    shell.type(b"\x1a")
    shell.wait_for("Stopped")
    shell.type(b"bg\n")
    shell.wait_for("g0")
    shell.type(b"echo a''live\n")
    shell.wait_for("alive")
    shell.type(b"kill %1; wait %1; exit 7\n")
    assert shell.end() == 7


def test_without_a_terminal_nothing_is_asked_of_one():
    command = [*GUARD, "--", "echo", "went"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, start_new_session=True)
    assert done.stdout == "went\n"
