"""Turns of a conversation in the model's chat template, as tokens and back.

:class:`inferlet.Context` has a method for each of the functions here, which return the tokens instead of appending them.
"""

from __future__ import annotations

from dataclasses import dataclass

from . import _bindings
from ._bindings import fallible
from .model import Model

__all__ = ["Decoder", "Event", "assistant", "cue", "seal", "stop_tokens", "system", "user"]


def system(model: Model, msg: str) -> list[int]:
    """A message with instructions for the model."""
    return _bindings.chat.system(model._raw, msg)  # type: ignore[no-any-return]


def user(model: Model, msg: str) -> list[int]:
    """A message of the user."""
    return _bindings.chat.user(model._raw, msg)  # type: ignore[no-any-return]


def assistant(model: Model, msg: str) -> list[int]:
    """A complete answer of the model."""
    return _bindings.chat.assistant(model._raw, msg)  # type: ignore[no-any-return]


def cue(model: Model) -> list[int]:
    """The head of the model's turn."""
    return _bindings.chat.cue(model._raw)  # type: ignore[no-any-return]


def seal(model: Model) -> list[int]:
    """What closes a turn of the model."""
    return _bindings.chat.seal(model._raw)  # type: ignore[no-any-return]


def stop_tokens(model: Model) -> list[int]:
    """Tokens that end the model's turn, and the model's end of text."""
    if model._stop_tokens is None:
        model._stop_tokens = _bindings.chat.stop_tokens(model._raw)
    return list(model._stop_tokens or ())


class Event:
    """What a batch of generated tokens amounts to: one of the classes in it."""

    @dataclass(frozen=True)
    class Idle:
        """Nothing yet, for instance in the middle of a character."""

    @dataclass(frozen=True)
    class Delta:
        """Text to show."""

        text: str

    @dataclass(frozen=True)
    class Done:
        """The turn has ended. A generator keeps the token that says so to itself: see :attr:`inferlet.Generator.stopped_by`."""

        text: str
        """The whole text of the turn."""

    @dataclass(frozen=True)
    class Interrupt:
        """A control token that is neither text nor the end of the turn."""

        token: int


AnyEvent = Event.Idle | Event.Delta | Event.Done | Event.Interrupt


class Decoder:
    """Turns generated tokens into text, keeping incomplete characters back. Starts at the beginning of a turn."""

    def __init__(self, model: Model) -> None:
        self._raw = _bindings.chat.create_decoder(model._raw)

    def feed(self, tokens: list[int]) -> AnyEvent:
        """Takes the next tokens, in order and each once. Raises :class:`InferletError` on a token outside the vocabulary."""
        event = fallible(self._raw.feed, tokens)
        raw = _bindings.chat
        if isinstance(event, raw.Event_Delta):
            return Event.Delta(event.value) if event.value else Event.Idle()
        return Event.Done(event.value) if isinstance(event, raw.Event_Done) else Event.Interrupt(event.value)

    def reset(self) -> None:
        """Back to the start of a turn."""
        self._raw.reset()
