"""Models that the engine has loaded, and their tokenizers."""

from __future__ import annotations

from typing import Any

from . import _bindings
from ._bindings import fallible


class Model:
    """A loaded model. It costs nothing to hold: the weights are the engine's. Made by :meth:`load`."""

    def __init__(self, raw: Any, name: str) -> None:
        self._raw = raw
        self._name = name
        self._tokenizer: Tokenizer | None = None
        self._stop_tokens: list[int] | None = None

    @staticmethod
    def load(name: str) -> Model:
        """Binds to the model that the engine serves under ``name``; ``default`` is the first one.

        Raises :class:`InferletError`, with the names there are, if it is none of them.
        """
        return Model(fallible(_bindings.model.Model.load, name), name)

    @property
    def name(self) -> str:
        """The name it was loaded by."""
        return self._name

    def tokenizer(self) -> Tokenizer:
        """The model's tokenizer."""
        if self._tokenizer is None:
            self._tokenizer = Tokenizer(self._raw.tokenizer())
        return self._tokenizer

    def __repr__(self) -> str:
        return f"Model({self._name!r})"


class Tokenizer:
    """Translates between text and token ids. Made by :meth:`Model.tokenizer`."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def encode(self, text: str) -> list[int]:
        """Text to token ids. Adds no special tokens, but recognises those that are spelled out in the text."""
        return self._raw.encode(text)  # type: ignore[no-any-return]

    def decode(self, tokens: list[int]) -> str:
        """Token ids to text, special tokens spelled out. Bytes that are no complete UTF-8 become U+FFFD: to decode a
        stream piece by piece use :class:`inferlet.chat.Decoder`.

        Raises :class:`InferletError` on an id outside the vocabulary.
        """
        return fallible(self._raw.decode, tokens)  # type: ignore[no-any-return]

    def vocabs(self) -> tuple[list[int], list[bytes]]:
        """All token ids in ascending order, and the bytes of each."""
        ids, texts = self._raw.vocabs()
        return ids, texts

    def special_tokens(self) -> tuple[list[int], list[bytes]]:
        """Control tokens (begin of text, end of turn and the like), in the form of :meth:`vocabs`."""
        ids, texts = self._raw.special_tokens()
        return ids, texts

    def split_regex(self) -> str:
        """The regular expression that cuts text into words before they are merged into tokens; empty if there is none."""
        return self._raw.split_regex()  # type: ignore[no-any-return]
