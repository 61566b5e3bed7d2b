"""Training that notes what it is told."""

from __future__ import annotations

from componentize_py_types import Err

from .pie_core_adapter import Adapter
from .pie_core_inference import ForwardPass

CALLS: list[tuple[object, ...]] = []


def adapter_seed(self: ForwardPass, seed: int) -> None:
    self.seed = seed
    CALLS.append(("adapter_seed", seed))


def initialize(
    self: Adapter, rank: int, alpha: float, population_size: int, mu_fraction: float, initial_sigma: float
) -> None:
    CALLS.append(("initialize", self.name, rank, alpha, population_size, mu_fraction, initial_sigma))


def update(self: Adapter, scores: list[float], seeds: list[int], max_sigma: float) -> None:
    if len(scores) != len(seeds):
        raise Err(f"{len(scores)} scores for {len(seeds)} seeds")
    CALLS.append(("update", self.name, scores, seeds, max_sigma))
