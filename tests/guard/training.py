"""A real training loop for guard: SGD with momentum on a small network, in an order that a seeded generator shuffles.

    training.py STEPS RESULT     trains, from the newest checkpoint on, and writes the final parameters

Everything the next step depends on is in the checkpoint: parameters, momentum, the generator, the rest of the epoch.
Each step is a line on stdout, so that whoever interrupts knows how far it is.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

EXAMPLES, INPUTS, HIDDEN, BATCH = 512, 12, 24, 16
RATE, MOMENTUM = 0.05, 0.9
STEP_SECONDS = 0.005
"""a larger network would need them: there have to be moments to be interrupted in"""


def main(steps: int, result: Path) -> None:
    from spotwarden_guard import CheckpointClock, checkpoints, done

    store = checkpoints(keep=2)
    x, y = examples()
    found = store.newest_whole()
    state = load(found.folder) if found else begin()
    clock = CheckpointClock()
    while state["step"] < steps:
        train(state, x, y)
        print(state["step"], flush=True)
        time.sleep(STEP_SECONDS)
        if clock.due():
            with store.save(step=state["step"], progress_share=state["step"] / steps) as folder:
                dump(folder, state)
            if clock.must_end():
                sys.exit(0)
    result.write_bytes(parameters(state))
    done()


def examples() -> tuple[np.ndarray, np.ndarray]:
    dice = np.random.default_rng(1)
    x = dice.normal(size=(EXAMPLES, INPUTS))
    return x, np.sin(x @ dice.normal(size=(INPUTS, 1)))


def begin() -> dict[str, Any]:
    dice = np.random.default_rng(2)
    weights = {"w1": dice.normal(size=(INPUTS, HIDDEN)) * 0.3, "w2": dice.normal(size=(HIDDEN, 1)) * 0.3}
    speed = {f"v_{k}": np.zeros_like(v) for k, v in weights.items()}
    return {"step": 0, "dice": dice, "arrays": {**weights, **speed, "order": np.empty(0, np.int64)}}


def train(state: dict[str, Any], x: np.ndarray, y: np.ndarray) -> None:
    """One step; a new shuffle when the epoch is used up."""
    at = state["arrays"]
    if at["order"].size < BATCH:
        at["order"] = state["dice"].permutation(EXAMPLES)
    batch, at["order"] = at["order"][:BATCH], at["order"][BATCH:]
    hidden = np.tanh(x[batch] @ at["w1"])
    wrong = hidden @ at["w2"] - y[batch] + state["dice"].normal(size=(BATCH, 1)) * 0.01
    slopes = {"w2": hidden.T @ wrong / BATCH, "w1": x[batch].T @ (wrong @ at["w2"].T * (1 - hidden**2)) / BATCH}
    for name, slope in slopes.items():
        at[f"v_{name}"] = MOMENTUM * at[f"v_{name}"] - RATE * slope
        at[name] = at[name] + at[f"v_{name}"]
    state["step"] += 1


def dump(folder: Path, state: dict[str, Any]) -> None:
    np.savez(folder / "arrays.npz", **state["arrays"])
    dice = state["dice"].bit_generator.state
    (folder / "rest.json").write_text(json.dumps({"step": state["step"], "dice": dice}))


def load(folder: Path) -> dict[str, Any]:
    rest = json.loads((folder / "rest.json").read_text())
    dice = np.random.default_rng()
    dice.bit_generator.state = rest["dice"]
    with np.load(folder / "arrays.npz") as arrays:
        return {"step": rest["step"], "dice": dice, "arrays": dict(arrays)}


def parameters(state: dict[str, Any]) -> bytes:
    return b"".join(state["arrays"][name].tobytes() for name in ("w1", "w2", "v_w1", "v_w2"))


def uninterrupted(steps: int) -> bytes:
    """The final parameters of the same run, in this process, without guard or checkpoints."""
    x, y = examples()
    state = begin()
    while state["step"] < steps:
        train(state, x, y)
    return parameters(state)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
