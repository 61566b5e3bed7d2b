"""Grammars and matchers, for constraints that are not a schema alone."""

from __future__ import annotations

from typing import Any

from . import _bindings
from ._bindings import fallible
from .errors import InferletError
from .model import Tokenizer


class Grammar:
    """A compiled grammar: a set of texts. It knows nothing of tokens, and one serves any number of matchers. ``str(grammar)`` is
    the source that it was made from."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    @staticmethod
    def from_json_schema(schema: str) -> Grammar:
        """JSON texts that satisfy a JSON Schema, given as text.

        Raises :class:`InferletError` on invalid JSON, and on keywords that are not supported, which it names.
        """
        return Grammar(fallible(_bindings.inference.Grammar.from_json_schema, schema))

    @staticmethod
    def json() -> Grammar:
        """Any JSON text."""
        return Grammar(_bindings.inference.Grammar.json())

    @staticmethod
    def from_regex(pattern: str) -> Grammar:
        """Texts that match a regular expression as a whole. Raises :class:`InferletError` with what is wrong with it."""
        return Grammar(fallible(_bindings.inference.Grammar.from_regex, pattern))

    @staticmethod
    def from_ebnf(grammar: str) -> Grammar:
        """Texts of a context-free grammar in Lark's notation or with ``::=``; the first rule tells which.

        Raises :class:`InferletError` with what is wrong with it.
        """
        return Grammar(fallible(_bindings.inference.Grammar.from_ebnf, grammar))

    def __str__(self) -> str:
        return self._raw.to_string()  # type: ignore[no-any-return]


class Matcher:
    """A position in a grammar, moved forward by tokens. Starts at the beginning."""

    def __init__(self, grammar: Grammar, tokenizer: Tokenizer) -> None:
        self._raw = _bindings.inference.Matcher(grammar._raw, tokenizer._raw)
        self._grammar = grammar
        self._accepted: list[int] = []

    def accept_tokens(self, ids: list[int]) -> None:
        """Moves over the tokens.

        Raises :class:`InferletError` at the first one that the grammar does not allow; the matcher stays where it was.
        """
        fallible(self._raw.accept_tokens, ids)
        self._accepted += ids

    def next_token_logit_mask(self) -> list[int]:
        """The tokens that may come next: a mask over the vocabulary (see :mod:`inferlet.brle`)."""
        return self._raw.next_token_logit_mask()  # type: ignore[no-any-return]

    @property
    def is_terminated(self) -> bool:
        """Whether the text is complete and nothing can follow."""
        return self._raw.is_terminated()  # type: ignore[no-any-return]

    @property
    def grammar(self) -> Grammar:
        """The grammar that it is a position in."""
        return self._grammar

    def _dead_end(self) -> str | None:
        """Why no token can come next, for a position with a mask that allows none."""
        try:
            # Whatever token this is, it is refused, and the refusal has the reason.
            fallible(self._raw.accept_tokens, [0])
        except InferletError as reason:
            return str(reason)
        return None

    def reset(self) -> None:
        """Back to the start."""
        self._raw.reset()
        self._accepted.clear()

    def roll_back(self, n: int) -> None:
        """Takes back the last ``n`` accepted tokens, by going through those before them again.

        Raises :class:`InferletError` if there are not so many; the matcher stays where it was.
        """
        if n > len(self._accepted):
            raise InferletError(f"cannot take back {n} tokens, only {len(self._accepted)} were accepted")
        if n > 0:
            self._raw.reset()
            del self._accepted[len(self._accepted) - n :]
            fallible(self._raw.accept_tokens, self._accepted)

    def fork(self, tokenizer: Tokenizer) -> Matcher:
        """A matcher at the same place that goes its own way, by going through the accepted tokens again."""
        fork = Matcher(self._grammar, tokenizer)
        fork.accept_tokens(list(self._accepted))
        return fork
