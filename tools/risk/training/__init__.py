"""Training of the interruption forecast: an offline step. `python -m tools.risk.training --traces DIR --out FILE`."""

from tools.risk.training.fit import HEADS_MINUTES, LEARNING, fit

__all__ = ["HEADS_MINUTES", "LEARNING", "fit"]
