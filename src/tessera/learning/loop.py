"""How a task is learned: optimiser, rate, budget, and what decides nothing but the cost."""

import math
from typing import Literal, NamedTuple

FINAL_RATE = 0.01


class Loop(NamedTuple):
    """How a task is learned.

    Attributes
    ----------
    epoch
        Updates between two validations, each with a checkpoint.
    updates, core_seconds
        The budget, exactly one of the two; core_seconds is processor time of training alone, of all
        threads and processes and over all resumes [s].
    optimizer, learning_rate, betas, weight_decay
        Adam or AdamW and its highest rate.
    schedule, warm_up
        Constant, or cosine to 1 % of the rate, after a linear rise over a part of the budget.
    clip
        Largest gradient norm; 0 for none.
    average
        Decay of the averaged weights, which are validated and kept; 0 for none.
    seed
        Seed of batches, noise and dropout.
    device
        Where the module lives.
    precision
        Of the arithmetic while it learns.
    compile
        Whether torch compiles the networks first; weights keep their names.
    patience
        Validations in a row without a better one that end it before its budget does; 0 for any number.
    batch
        Samples in a batch of all processes together; None where nobody asks.
    """

    epoch: int
    updates: int | None = None
    core_seconds: float | None = None
    optimizer: Literal["adam", "adamw"] = "adamw"
    learning_rate: float = 2e-3
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = 1e-4
    schedule: Literal["constant", "cosine"] = "cosine"
    warm_up: float = 0.04
    clip: float = 1.0
    average: float = 0.995
    seed: int = 0
    device: str = "cpu"
    precision: Literal["float32", "bfloat16"] = "float32"
    compile: bool = False
    patience: int = 0
    batch: int | None = None


def rate(loop: Loop, progress: float) -> float:
    """Return the learning rate when a part of the budget is spent: linear rise, then constant or cosine."""
    if progress < loop.warm_up:
        return loop.learning_rate * max(progress / loop.warm_up, FINAL_RATE)
    if loop.schedule == "constant":
        return loop.learning_rate
    part = min(1.0, (progress - loop.warm_up) / max(1.0 - loop.warm_up, 1e-9))
    return loop.learning_rate * (FINAL_RATE + (1.0 - FINAL_RATE) * 0.5 * (1.0 + math.cos(math.pi * part)))
