"""Reasoning that a model writes down before its answer."""

from __future__ import annotations

from dataclasses import dataclass

from . import _bindings
from ._bindings import fallible
from .model import Model

__all__ = ["Decoder", "Event"]


class Event:
    """What a batch of generated tokens amounts to: one of the classes in it."""

    @dataclass(frozen=True)
    class Idle:
        """Nothing: outside a block of reasoning, or no text yet."""

    @dataclass(frozen=True)
    class Start:
        """A block of reasoning begins."""

    @dataclass(frozen=True)
    class Delta:
        """Text of the block."""

        text: str

    @dataclass(frozen=True)
    class End:
        """The block has ended."""

        text: str
        """The whole text of it."""


AnyEvent = Event.Idle | Event.Start | Event.Delta | Event.End


class Decoder:
    """Finds blocks of reasoning in generated tokens. Stays ``Idle`` for a model without a reasoning format."""

    def __init__(self, model: Model) -> None:
        self._raw = _bindings.reasoning.create_decoder(model._raw)

    def feed(self, tokens: list[int]) -> AnyEvent:
        """Takes the next tokens, in order and each once. Raises :class:`InferletError` on a token outside the vocabulary."""
        event = fallible(self._raw.feed, tokens)
        raw = _bindings.reasoning
        if isinstance(event, raw.Event_Start):
            return Event.Start()
        if isinstance(event, raw.Event_Delta):
            return Event.Delta(event.value) if event.value else Event.Idle()
        return Event.End(event.value)

    def reset(self) -> None:
        """Back to the start of a turn."""
        self._raw.reset()
