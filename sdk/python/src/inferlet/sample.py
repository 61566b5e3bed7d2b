"""What to read at a position of a pass: a :class:`Sampler` chooses a token, a probe looks at the distribution.

A temperature divides the logits before the softmax. 0 means the arg max, and ties go to the lowest token id.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from . import _bindings

__all__ = ["Distribution", "Embedding", "Entropy", "Logits", "Logprob", "Logprobs", "Probe", "Sampler"]


@dataclass(frozen=True)
class Sampler:
    """Chooses one token per position. Made by its static methods, whose defaults are in common use.

    :meth:`embedding` and :meth:`dist` do not choose: they are read with :meth:`inferlet.Output.embedding` and
    :meth:`inferlet.Output.distribution`, and a generator cannot run on them.
    """

    kind: str
    """The case of the interface, such as ``TopP``."""
    values: tuple[float, ...] = ()
    """What that case takes, in its order."""

    @staticmethod
    def argmax() -> Sampler:
        """The most likely token."""
        # The interface has no case of its own for it: temperature 0 means the arg max.
        return Sampler("Multinomial", (0.0, 0))

    @staticmethod
    def greedy() -> Sampler:
        """The same as :meth:`argmax`."""
        return Sampler.argmax()

    @staticmethod
    def top_p(temperature: float = 0.6, p: float = 0.95, *, top_p: float | None = None) -> Sampler:
        """Among the fewest tokens whose probabilities add up to at least ``p``, in 0 to 1. ``top_p`` is another name of ``p``."""
        return Sampler("TopP", (float(temperature), float(p if top_p is None else top_p)))

    @staticmethod
    def top_k(temperature: float = 0.6, k: int = 50, *, top_k: int | None = None) -> Sampler:
        """Among the ``k`` most likely tokens, at least 1. ``top_k`` is another name of ``k``."""
        return Sampler("TopK", (float(temperature), k if top_k is None else top_k))

    @staticmethod
    def min_p(temperature: float = 0.6, p: float = 0.1, *, min_p: float | None = None) -> Sampler:
        """Among the tokens at least ``p`` times as likely as the likeliest, in 0 to 1. ``min_p`` is another name of ``p``."""
        return Sampler("MinP", (float(temperature), float(p if min_p is None else min_p)))

    @staticmethod
    def top_k_top_p(
        temperature: float = 0.6,
        k: int = 50,
        p: float = 0.95,
        *,
        top_k: int | None = None,
        top_p: float | None = None,
    ) -> Sampler:
        """Among the ``k`` most likely tokens, and of those as :meth:`top_p`."""
        k, p = (k if top_k is None else top_k), (p if top_p is None else top_p)
        return Sampler("TopKTopP", (float(temperature), k, float(p)))

    @staticmethod
    def multinomial(temperature: float = 1.0, draws: int = 0, *, seed: int | None = None) -> Sampler:
        """Among all tokens. ``draws`` (or ``seed``, another name) 0 takes the next number of the instance's own generator."""
        return Sampler("Multinomial", (float(temperature), draws if seed is None else seed))

    @staticmethod
    def embedding() -> Sampler:
        """The last hidden state, as :class:`Embedding` reads it."""
        return Sampler("Embedding")

    @staticmethod
    def dist(temperature: float = 1.0, seed: int = 0) -> Sampler:
        """The whole distribution, as ``Distribution(temperature, 0)`` reads it. Nothing is drawn, so ``seed`` changes nothing."""
        del seed
        return Sampler("Dist", (float(temperature), 0))

    @property
    def chooses(self) -> bool:
        """Whether it takes a token."""
        return self.kind not in ("Embedding", "Dist")

    @property
    def _is_argmax(self) -> bool:
        """Whether it takes the most likely token, so that the same pass always chooses the same."""
        return self.kind == "Multinomial" and self.values[0] == 0.0

    def _to_raw(self) -> Any:
        case = getattr(_bindings.inference, f"Sampler_{self.kind}")
        return case(self.values) if self.values else case()


class Probe(Protocol):
    """Reads the model's distribution at a position without choosing a token. The classes of this module are probes."""

    def _to_raw(self) -> Any: ...


@dataclass(frozen=True)
class Logits:
    """The logits as the model computed them; read with :meth:`inferlet.Output.logits`."""

    def _to_raw(self) -> Any:
        return _bindings.inference.Sampler_RawLogits()


@dataclass(frozen=True)
class Distribution:
    """The ``k`` most likely tokens with their probabilities, most likely first; read with
    :meth:`inferlet.Output.distribution`."""

    temperature: float = 1.0
    """Divides the logits."""
    k: int = 0
    """0 for the whole vocabulary."""

    def _to_raw(self) -> Any:
        return _bindings.inference.Sampler_Dist((float(self.temperature), self.k))


@dataclass(frozen=True)
class Logprob:
    """Natural logarithm of the probability of a token at temperature 1; read with :meth:`inferlet.Output.logprobs`."""

    token_id: int
    """Which token."""

    def _to_raw(self) -> Any:
        return _bindings.inference.Sampler_Logprob(self.token_id)


@dataclass(frozen=True)
class Logprobs:
    """The same for several tokens, in their order; read with :meth:`inferlet.Output.logprobs`."""

    token_ids: Sequence[int]
    """Which tokens."""

    def _to_raw(self) -> Any:
        return _bindings.inference.Sampler_Logprobs(list(self.token_ids))


@dataclass(frozen=True)
class Entropy:
    """Shannon entropy of the distribution at temperature 1, in nats; read with :meth:`inferlet.Output.entropy`."""

    def _to_raw(self) -> Any:
        return _bindings.inference.Sampler_Entropy()


@dataclass(frozen=True)
class Embedding:
    """The last hidden state; read with :meth:`inferlet.Output.embedding`. An error where the model has none to give."""


    def _to_raw(self) -> Any:
        return _bindings.inference.Sampler_Embedding()
