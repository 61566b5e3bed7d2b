"""Training adapters by evolution strategies: forward passes and scores, no gradients.

In a round every candidate runs with a seed of its own (``zo_seed`` of :meth:`Context.generate`, together with the adapter), its
output is scored, and :func:`update` moves the adapter towards the better ones. A seed gives the same noise everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import _bindings
from ._bindings import fallible
from .adapter import Adapter

__all__ = ["adapter_seed", "initialize", "update"]


def initialize(
    adapter: Adapter,
    rank: int,
    alpha: float,
    population_size: int,
    mu_fraction: float,
    initial_sigma: float,
) -> None:
    """Prepares an adapter for training.

    ``rank`` is that of the low-rank matrices and ``alpha`` the scale of their product, ``population_size`` the candidates a round,
    ``mu_fraction`` the fraction of the best that an update follows (in 0 to 1), ``initial_sigma`` the standard deviation of the
    noise at the start. Raises :class:`InferletError` on values out of range.
    """
    fallible(_bindings.zo.initialize, adapter._raw, rank, alpha, population_size, mu_fraction, initial_sigma)


def update(adapter: Adapter, scores: Sequence[float], seeds: Sequence[int], max_sigma: float) -> None:
    """Moves the adapter towards the candidates that scored best (higher is better). ``scores`` and ``seeds`` belong together,
    one of each for every candidate; the noise stays at most ``max_sigma``.

    Raises :class:`InferletError` if the two differ in length, or the adapter is not prepared.
    """
    fallible(_bindings.zo.update, adapter._raw, [float(score) for score in scores], list(seeds), max_sigma)


def adapter_seed(forward_pass: Any, seed: int) -> None:
    """Perturbs the adapter of an :class:`inferlet.ForwardPass` with the noise of this seed. Set the pass's adapter as well."""
    _bindings.zo.adapter_seed(forward_pass._raw, seed)
