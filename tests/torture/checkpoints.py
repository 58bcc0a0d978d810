"""Savers of checkpoints killed at every call that changes the disk, with and without a power cut, and then restored.

    run(kills, seed) -> {"kills", "boundaries", "torn_loaded", "lost_older_than_newest_whole", …}

A child of ours saves and commits, over and over, and ends at the boundary that the trial says: before a call, after it,
or with half of what it writes. Power cuts are modelled: what no fsync covered is, by dice, there, cut short, zeros, or
gone; names in a folder that was not synced are there or not, in any combination. Whoever restores is judged by the
state's own bytes, which follow from the step, and by what the child was told to be durable: no manifest is believed.
"""

# ruff: noqa: PTH102, PTH104, PTH108, PTH110, PTH113, PTH119, PTH120, PTH123, PTH202

import json
import os
import random
import re
import shutil
import struct
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.recovery.guard.files import remove_folder
from tools.recovery.guard.offsets import Offsets
from tools.recovery.guard.saves import Checkpoints
from tools.recovery.guard.trouble import OffsetDamaged

TRIALS_A_FOLDER = 40
VERDICTS = ("torn_loaded", "lost_older_than_newest_whole", "offsets_lost")
BOUNDARIES = 190
"""of a claim, two saves, their commits and what is retired: more than there are, so that some trials go round again"""
NAMES = ("weights.bin", "deeper/optimizer.bin", "rest.json")

Saver = Callable[[Path, int], None]
"""Saves one step into a folder; killed somewhere in it"""
Loader = Callable[[Path], tuple[int, Path] | None]


def state_of(step: int, name: str) -> bytes:
    return random.Random(f"{step} {name}").randbytes(700 + 97 * (step % 5))


def write_state(folder: Path, step: int) -> None:
    """As a job would: in pieces, and without any fsync of its own."""
    for name in NAMES:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        content = state_of(step, name)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.write(descriptor, content[:300])
        os.write(descriptor, content[300:])
        os.close(descriptor)


def save_well(place: Path, step: int) -> None:
    with Checkpoints(place, keep=2, say=_quiet).save(step=step) as folder:
        write_state(folder, step)


def load_well(place: Path) -> tuple[int, Path] | None:
    found = Checkpoints(place, say=_quiet).newest_whole()
    return (found.step, found.folder) if found else None


def commit_well(path: Path, offset: int) -> None:
    Offsets(path, owner="torture", say=_quiet).commit(offset)


def _quiet(_: str) -> None:
    pass


def run(
    kills: int,
    seed: int,
    *,
    saver: Saver = save_well,
    loader: Loader = load_well,
    commit: Saver = commit_well,
    stop_at: str = "",
    progress: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """So many kills, and what they did. Everything comes from the seed. `stop_at` names the figure to look for."""
    dice = random.Random(seed)
    figures: dict[str, Any] = {
        "kills": 0,
        "power_cuts": 0,
        "boundaries": set(),
        "torn_loaded": 0,
        "lost_older_than_newest_whole": 0,
        "offsets_lost": 0,
        "set_aside": 0,
        "restored": 0,
        "first": "",
    }
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as root:
        trial = 0
        while figures["kills"] < kills and not figures.get(stop_at):
            if trial % TRIALS_A_FOLDER == 0:
                bench = Bench(Path(root, f"folder{trial}"), saver, loader, commit)
            bench.trial(trial % BOUNDARIES, dice, figures)
            trial += 1
            if progress and trial % 1000 == 0:
                progress(trial)
    return {**figures, "boundaries": len(figures["boundaries"])}


@dataclass
class Bench:
    """One folder of checkpoints through many deaths."""

    place: Path
    saver: Saver
    loader: Loader
    commit: Saver
    step: int = 0  # the newest that was acknowledged
    offset: int = 0

    def __post_init__(self) -> None:
        (self.place / "ckpt").mkdir(parents=True)
        (self.place / "shadow").mkdir()

    def trial(self, boundary: int, dice: random.Random, figures: dict[str, Any]) -> None:
        power = dice.random() < 0.5
        found = self.loader(self.place / "ckpt")
        log = self._killed_at(boundary, (found[0] if found else 0) + 1)
        if log[-1][0] != "killed":
            raise AssertionError(f"the saver ended by itself: {log[-1]}")
        figures["kills"] += 1
        figures["power_cuts"] += power
        figures["boundaries"].add(log[-1][1])
        if power:
            Disk(log, self.place / "shadow").cut(dice)
        for path in (self.place / "shadow").iterdir():
            path.unlink()
        for word, number in (e for e in log if e[0] in ("saved", "committed")):
            if word == "saved":
                self.step = int(number)
            else:
                self.offset = int(number)
        self._judge(figures, f"boundary {boundary}, {log[-1][1]}, {'power' if power else 'kill'}")

    def _judge(self, figures: dict[str, Any], where: str) -> None:
        found = self.loader(self.place / "ckpt")
        verdict = ""
        if found is not None:
            figures["restored"] += 1
            if not _is_state(*found):
                verdict = "torn_loaded"
        if not verdict and (found[0] if found else 0) < self.step:
            verdict = "lost_older_than_newest_whole"
        if not verdict:
            try:
                kept = Offsets(self.place / "offset.json", say=_quiet).read()
                verdict = "offsets_lost" if kept < self.offset else ""
            except OffsetDamaged:
                verdict = "offsets_lost"
        aside = list((self.place / "ckpt").glob(".damaged-*"))
        figures["set_aside"] += len(aside)
        for folder in aside:
            remove_folder(folder)
        if verdict:
            figures[verdict] += 1
            figures["first"] = figures["first"] or f"{verdict}: {where}"
            self.__init__(self.place / "anew", self.saver, self.loader, self.commit)  # type: ignore[misc]

    def _killed_at(self, boundary: int, step: int) -> list[tuple[str, ...]]:
        """What the child did, call by call, until it ended."""
        ear, mouth = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.close(ear)
                Disturbed(mouth, boundary, self.place / "shadow").install()
                while True:
                    self.saver(self.place / "ckpt", step)
                    note(mouth, "saved", str(step))
                    self.commit(self.place / "offset.json", step)
                    note(mouth, "committed", str(step))
                    step += 1
            except BaseException as error:  # noqa: BLE001  the child's own trouble is the parent's to judge
                note(mouth, "trouble", repr(error))
            finally:
                os._exit(1)
        os.close(mouth)
        with open(ear, "rb") as pipe:
            told = pipe.read()
        os.waitpid(child, 0)
        return read_notes(told)


def _is_state(step: int, folder: Path) -> bool:
    """Every file, byte by byte, as this step has it."""
    try:
        return all((folder / name).read_bytes() == state_of(step, name) for name in NAMES)
    except OSError:
        return False


_write = os.write


def note(mouth: int, *words: str) -> None:
    text = "\0".join(words).encode()
    _write(mouth, struct.pack("<I", len(text)) + text)


def read_notes(told: bytes) -> list[tuple[str, ...]]:
    found, at = [], 0
    while at < len(told):
        (length,) = struct.unpack_from("<I", told, at)
        found.append(tuple(told[at + 4 : at + 4 + length].decode().split("\0")))
        at += 4 + length
    return found


class Disturbed:
    """The calls of `os` that change the disk, each noted, and one of them the last. Only ever installed in a fork."""

    def __init__(self, mouth: int, boundary: int, shadow: Path) -> None:
        self.mouth, self.left, self.shadow = mouth, boundary, shadow
        self.paths: dict[int, str] = {}
        self.kept = 0

    def install(self) -> None:
        for name in ("open", "write", "fsync", "rename", "replace", "unlink", "remove", "rmdir", "mkdir", "link"):
            setattr(os, name, self._wrapped(name, getattr(os, name)))

    def _wrapped(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **more: Any) -> Any:
            if name == "open" and not given[1] & os.O_CREAT:
                descriptor = real(*given, **more)
                self.paths[descriptor] = os.fspath(given[0])
                return descriptor
            words = self._words(name, given)
            self._boundary(f"before {name} {_kind(words)}")
            if name == "write":
                self._torn(real, given, words)
            result = None if name == "fsync" else real(*given, **more)
            if name == "open":
                self.paths[result] = words[0]
            note(self.mouth, name, *words)
            self._boundary(f"after {name} {_kind(words)}")
            return result

        return call

    def _torn(self, real: Callable[..., Any], given: Any, words: tuple[str, ...]) -> None:
        if self.left == 0:
            real(given[0], bytes(given[1])[: len(given[1]) // 2])
            note(self.mouth, "write", *words)
        self._boundary(f"inside write {_kind(words)}")

    def _words(self, name: str, given: Any) -> tuple[str, ...]:
        if name in ("write", "fsync"):
            return (self.paths[given[0]],)
        if name == "open":
            return os.fspath(given[0]), "" if os.path.exists(given[0]) else "new"
        if name in ("unlink", "remove"):
            return os.fspath(given[0]), self._keep(given[0])
        if name in ("rename", "replace"):
            return os.fspath(given[0]), os.fspath(given[1]), self._keep(given[1])
        return tuple(os.fspath(g) for g in given[:2] if not isinstance(g, int))

    def _keep(self, path: Any) -> str:
        """What a name stood for, should the power cut give it back."""
        if not os.path.isfile(path):
            return ""
        self.kept += 1
        shadow = self.shadow / str(self.kept)
        shutil.copyfile(path, shadow)
        return str(shadow)

    def _boundary(self, where: str) -> None:
        if self.left == 0:
            note(self.mouth, "killed", where)
            os._exit(9)
        self.left -= 1


def _kind(words: tuple[str, ...]) -> str:
    """The file's role, so that boundaries can be counted apart."""
    path = words[-1] if len(words) > 1 and words[-1].startswith("/") and "shadow" not in words[-1] else words[0]
    name = re.sub(r"\.[0-9a-f]{12}\.part", ".part", os.path.basename(path))
    return "".join(c for c in name if c.isalpha() or c in "-.")[:24]


@dataclass
class Disk:
    """What a power cut may leave of these calls."""

    log: list[tuple[str, ...]]
    shadow: Path
    dirty: set[str] = field(default_factory=set)
    pending: list[tuple[str, ...]] = field(default_factory=list)

    def cut(self, dice: random.Random) -> None:
        self._replay()
        for path in sorted(self.dirty):
            self._spoil(path, dice)
        everything = dice.random() < 0.3
        names = [o for o in reversed(self.pending) if everything or dice.random() < 0.5]
        if dice.random() < 0.5:  # as a journalling file system would: the last so many
            names = list(reversed(self.pending))[: dice.randint(0, len(self.pending))]
        while names:
            name, *words = names.pop(0)
            with suppress(OSError):
                self._undo(name, *words)
                if name == "rename":  # what was noted under the new name is under the old one again
                    names = [(o[0], *(_moved(w, words[2], words[1]) for w in o[1:])) for o in names]

    def _replay(self) -> None:
        for name, *words in self.log:
            if name == "write":
                self.dirty.add(words[0])
            elif name == "fsync":
                self.dirty.discard(words[0])
                self.pending = [o for o in self.pending if os.path.dirname(o[-1]) != words[0]]
            elif name in ("rename", "replace"):
                old, new, kept = words
                self.dirty = {new + p[len(old) :] if p == old or p.startswith(old + "/") else p for p in self.dirty}
                self.pending = [tuple(_moved(w, old, new) for w in o) for o in self.pending]
                self.pending.append(("rename", kept, old, new))
            elif name in ("unlink", "remove"):
                self.dirty.discard(words[0])
                self.pending.append(("unlink", words[1], words[0]))
            elif name == "open" and words[1]:
                self.pending.append(("create", words[0]))
            elif name in ("mkdir", "rmdir"):
                self.pending.append((name, words[0]))
            elif name == "link":
                self.pending.append(("create", words[1]))

    def _spoil(self, path: str, dice: random.Random) -> None:
        how = dice.choice(("there", "cut", "empty", "zeros"))
        if how == "there" or not os.path.isfile(path):
            return
        size = os.path.getsize(path)
        if how == "zeros":
            Path(path).write_bytes(b"\0" * size)
        else:
            os.truncate(path, dice.randint(0, size) if how == "cut" else 0)

    def _undo(self, name: str, *words: str) -> None:
        if name == "create":
            os.unlink(words[0])
        elif name == "mkdir":
            shutil.rmtree(words[0])
        elif name == "rmdir":
            os.mkdir(words[0])
        elif name == "unlink" and words[0] and not os.path.exists(words[1]):
            shutil.copyfile(words[0], words[1])
        elif name == "rename":
            if os.path.exists(words[1]):
                raise FileExistsError
            os.rename(words[2], words[1])
            if words[0]:
                shutil.copyfile(words[0], words[2])


def _moved(word: str, old: str, new: str) -> str:
    return new + word[len(old) :] if word == old or word.startswith(old + "/") else word


def main() -> int:
    """KILLS [SEED [PLANTED]]: one line of JSON; 1 = something was torn or lost."""
    from tests.torture.checkpoint_bugs import PLANTED

    began = time.monotonic()
    kills, seed, bug = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 7, sys.argv[3:]
    verdict, disturbed = PLANTED[bug[0]] if bug else ("", {})
    figures = run(
        kills, seed, stop_at=verdict, progress=lambda n: print(f"{n:,} kills …", file=sys.stderr), **disturbed
    )
    print(json.dumps({**figures, "seconds": round(time.monotonic() - began, 1)}))
    return 1 if any(figures[name] for name in VERDICTS) else 0


if __name__ == "__main__":
    from tests.torture import checkpoints  # noqa: PLW0406  not twice: the bugs import it by its name

    sys.exit(checkpoints.main())
