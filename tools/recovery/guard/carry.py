"""Checkpoints carried between the instance's folder and the job's store: owner claimed, restored, uploaded, retired."""

from __future__ import annotations

import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from .files import remove_folder, sync_below, sync_folder, write
from .manifest import (
    MANIFEST,
    MAX_MANIFEST_BYTES,
    StateFile,
    Whole,
    checkpoint_id,
    generation_of,
    order_of,
    parsed,
    verified,
)
from .owners import OWNERS, generation_in, owner_name, owner_text
from .stores import Budget, Store, Stored
from .trouble import CheckpointDamaged, StaleOwner, StoreRefused

RESTORING = ".restoring-"
FILES_AT_ONCE = 4
MAX_SMALL_BYTES = 1 << 16


@dataclass(frozen=True)
class Offered:
    """A checkpoint in the store that has a manifest; whether it is whole shows when it is fetched."""

    checkpoint_id: str
    stored_at: float


def offered(store: Store, *, budget: Budget) -> list[Offered]:
    """Newest first. Raises StoreRefused."""
    found = [
        Offered(s.name.split("/")[1], s.changed_at)
        for s in store.list("checkpoints/", budget=budget)
        if s.name.count("/") == 2 and s.name.endswith(f"/{MANIFEST}")
    ]
    return sorted(found, key=lambda o: order_of(o.checkpoint_id), reverse=True)


def _pointed(store: Store, found: list[Offered], *, budget: Budget) -> str | None:
    """The checkpoint that resume.json names: a word that holds until a checkpoint is stored after it."""
    pointers = [s for s in store.list("resume.json", budget=budget) if s.name == "resume.json"]
    text = store.read("resume.json", limit_bytes=MAX_SMALL_BYTES, budget=budget) if pointers else None
    if text is None or any(o.stored_at > pointers[0].changed_at for o in found):
        return None
    try:
        told = json.loads(text)
        named, digest = str(told["checkpoint_id"]), str(told["manifest_sha256"])
    except (ValueError, KeyError, TypeError):
        return None
    if all(o.checkpoint_id != named for o in found):
        return None
    manifest = store.read(f"checkpoints/{named}/{MANIFEST}", limit_bytes=MAX_MANIFEST_BYTES, budget=budget)
    return named if manifest is not None and hashlib.sha256(manifest).hexdigest() == digest else None


def restore(store: Store, folder: Path, *, budget: Budget, say: Callable[[str, str], None]) -> Whole | None:
    """The checkpoint to resume from, whole in the folder: what is whole there already is not fetched again.

    say     (checkpoint_id, problem) of each that is not whole
    Raises  StoreRefused: the store cannot be read
    """
    offers = offered(store, budget=budget)
    named = _pointed(store, offers, budget=budget)
    stored = {o.checkpoint_id for o in offers}
    ids = sorted(stored | set(local_ids(folder)), key=lambda i: (i == named, order_of(i)), reverse=True)
    for checkpoint in ids:
        problem = "it is not in the store"
        try:
            return verified(folder / checkpoint)
        except CheckpointDamaged as damage:
            problem = damage.message
        if checkpoint not in stored:
            say(checkpoint, problem)
            continue
        try:
            return fetch(store, checkpoint, folder, budget=budget)
        except CheckpointDamaged as damage:
            say(checkpoint, damage.message)
    return None


def fetch(store: Store, checkpoint: str, folder: Path, *, budget: Budget) -> Whole:
    """Files beside, verified, then renamed. Raises CheckpointDamaged; StoreRefused."""
    text = store.read(f"checkpoints/{checkpoint}/{MANIFEST}", limit_bytes=MAX_MANIFEST_BYTES, budget=budget)
    if text is None:
        raise CheckpointDamaged(f"{store.where}: {checkpoint} has no manifest any more")
    manifest = parsed(text, f"{store.where}/checkpoints/{checkpoint}")
    present = {s.name: s.size_bytes for s in store.list(f"checkpoints/{checkpoint}/", budget=budget)}
    beside = folder / f"{RESTORING}{os.getpid()}" / checkpoint
    remove_folder(beside.parent)
    try:
        for file in manifest.files:
            name = f"checkpoints/{checkpoint}/{file.name}"
            if present.get(name) != file.size_bytes:
                saw = f"has {present[name]:,} bytes" if name in present else "is missing"
                raise CheckpointDamaged(f"{store.where}: {checkpoint}: {file.name} {saw}")
            (beside / file.name).parent.mkdir(parents=True, exist_ok=True)

        def take(file: StateFile) -> None:
            name = f"checkpoints/{checkpoint}/{file.name}"
            store.fetch(name, beside / file.name, file.size_bytes, budget=budget)

        _beside(take, manifest.files)
        write(beside / MANIFEST, text)
        sync_below(beside)
        verified(beside)
        here = folder / checkpoint
        remove_folder(here)
        beside.rename(here)
        sync_folder(folder)
        return Whole(here, manifest)
    finally:
        remove_folder(beside.parent)


def _beside(act: Callable[[StateFile], None], files: tuple[StateFile, ...]) -> None:
    """Several files at once; the first trouble is everybody's."""
    with ThreadPoolExecutor(FILES_AT_ONCE) as hands:
        waiting = [hands.submit(act, file) for file in files]
        try:
            for one in waiting:
                one.result()
        finally:
            for one in waiting:
                one.cancel()


def claim(store: Store, owner: str, *, at_least: int, budget: Budget) -> int:
    """A number in the store that is ours alone. Raises StoreRefused."""
    while True:
        generation = max(highest(store, budget=budget) + 1, at_least)
        if store.put_once(f"{OWNERS}/{owner_name(generation)}", owner_text(generation, owner), budget=budget):
            return generation


def highest(store: Store, *, budget: Budget) -> int:
    """The owner's number. Raises StoreRefused."""
    owners = [generation_in(s.name.rpartition("/")[2]) for s in store.list(f"{OWNERS}/", budget=budget)]
    return max(owners, default=0)


def upload(store: Store, found: Whole, generation: int, *, budget: Budget) -> int:
    """Files, each verified, then the owner is looked at, then the manifest; bytes that were sent.

    Raises  StaleOwner: somebody newer owns the job, no manifest is written; StoreRefused
    """
    checkpoint = stored_id(found, generation)
    text = replace(found.manifest, job_id=store.job_id, checkpoint_id=checkpoint).as_bytes()
    name = f"checkpoints/{checkpoint}/{MANIFEST}"
    _check_owner(store, generation, checkpoint, budget=budget)
    if store.read(name, limit_bytes=MAX_MANIFEST_BYTES, budget=budget) == text:
        return 0

    def send(file: StateFile) -> None:
        store.put_file(f"checkpoints/{checkpoint}/{file.name}", found.folder / file.name, file.sha256, budget=budget)

    _beside(send, found.manifest.files)
    _check_owner(store, generation, checkpoint, budget=budget)
    if not store.put_once(name, text, budget=budget):
        raise StoreRefused(f"{store.where}: {checkpoint} has a manifest of somebody else's")
    if store.read(name, limit_bytes=MAX_MANIFEST_BYTES, budget=budget) != text:
        raise StoreRefused(f"{store.where}: the manifest of {checkpoint} reads back otherwise than it was sent")
    return found.manifest.size_bytes


def stored_id(found: Whole, generation: int) -> str:
    """A framework uses the same name again in the next run: in the store it gets one of ours."""
    ours = generation_of(found.checkpoint_id) >= 0
    return found.checkpoint_id if ours else checkpoint_id(generation, found.step)


def _check_owner(store: Store, generation: int, checkpoint: str, *, budget: Budget) -> None:
    newest = highest(store, budget=budget)
    if newest > generation:
        raise StaleOwner(
            f"{store.where}: owner {newest} has taken over, this is owner {generation}: {checkpoint} is not stored",
            hint="end this process: its work goes on elsewhere",
        )


def retire(store: Store, keep: int, generation: int, *, budget: Budget) -> int:
    """Removes all but the last `keep`, and what owners before us left unfinished; how many. Raises StoreRefused.

    The manifest goes first, so that nobody reads a checkpoint that is half gone. The one that resume.json names stays.
    """
    offers = offered(store, budget=budget)
    whole = [o.checkpoint_id for o in offers]
    stay = {*whole[:keep], _pointed(store, offers, budget=budget)}
    parts: dict[str, list[Stored]] = defaultdict(list)
    for stored in store.list("checkpoints/", budget=budget):
        parts[stored.name.split("/")[1]].append(stored)
    removed = 0
    for checkpoint, objects in parts.items():
        unfinished = checkpoint not in whole
        if checkpoint in stay or generation_of(checkpoint) > generation - unfinished:
            continue
        for stored in sorted(objects, key=lambda s: not s.name.endswith(f"/{MANIFEST}")):
            store.remove(stored.name, budget=budget)
        removed += 1
    return removed


def wanted(store: Store, instance_id: str, *, budget: Budget) -> list[Stored]:
    """«Save now» markers for this instance. Raises StoreRefused."""
    return [s for s in store.list("requests/", budget=budget) if s.name.endswith(f"-{instance_id}.json")]


def local_ids(folder: Path) -> list[str]:
    """Folders with a manifest, newest first; their files are not read."""
    try:
        names = [e.name for e in os.scandir(folder) if e.is_dir(follow_symlinks=False) and not e.name.startswith(".")]
    except OSError:
        return []
    return sorted((n for n in names if (folder / n / MANIFEST).exists()), key=order_of, reverse=True)
