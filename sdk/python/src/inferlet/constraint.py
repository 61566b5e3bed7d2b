"""Constraints on generated tokens: schemas that say what the text must look like, and the protocol underneath."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from . import brle, jsons
from .errors import InferletError
from .grammar import Grammar, Matcher
from .model import Model

__all__ = ["AnyJson", "Constraint", "Ebnf", "GrammarConstraint", "JsonSchema", "Regex", "Schema"]


@runtime_checkable
class Constraint(Protocol):
    """Restricts the next token, step by step. Any class with ``step`` is one."""

    def step(self, accepted: list[int]) -> list[int]:
        """Takes the tokens that were just accepted (none on the first call), and returns the mask for the next position: run
        lengths over the vocabulary, forbidden and allowed in turn (see :mod:`inferlet.brle`). ``[]`` restricts nothing.

        A method ``describe() -> str``, if there is one, says what to call the constraint when no token is left.
        """
        ...


@runtime_checkable
class Schema(Protocol):
    """Describes a set of texts. Any class with ``build_constraint`` is one."""

    def build_constraint(self, model: Model) -> GrammarConstraint:
        """Compiles the description for a model. Raises :class:`InferletError` with what is wrong with it."""
        ...


@dataclass(frozen=True)
class AnyJson:
    """Any valid JSON."""

    def build_constraint(self, model: Model) -> GrammarConstraint:
        """See :meth:`Schema.build_constraint`."""
        return GrammarConstraint.json(model)


@dataclass(frozen=True)
class JsonSchema:
    """JSON that satisfies a JSON Schema."""

    schema: str
    """The schema as text; a ``dict`` is taken too."""

    def build_constraint(self, model: Model) -> GrammarConstraint:
        """See :meth:`Schema.build_constraint`."""
        text = self.schema if isinstance(self.schema, str) else jsons.dumps(self.schema)
        return GrammarConstraint.from_json_schema(text, model)


@dataclass(frozen=True)
class Regex:
    """Texts that match the regular expression as a whole."""

    pattern: str
    """The regular expression."""

    def build_constraint(self, model: Model) -> GrammarConstraint:
        """See :meth:`Schema.build_constraint`."""
        return GrammarConstraint.from_regex(self.pattern, model)


@dataclass(frozen=True)
class Ebnf:
    """Texts of a grammar."""

    source: str
    """The grammar, in Lark's notation."""

    def build_constraint(self, model: Model) -> GrammarConstraint:
        """See :meth:`Schema.build_constraint`."""
        return GrammarConstraint.from_ebnf(self.source, model)


class GrammarConstraint:
    """The constraint to stay inside a grammar. Follows ``matcher`` from where it is."""

    def __init__(self, matcher: Matcher) -> None:
        self._matcher = matcher
        self._mask: list[int] = []
        # Why the text left the grammar, and how many tokens were told since, once it has.
        self._left: str | None = None
        self._outside = 0
        # Why no token can come, where none can.
        self._dead_end: str | None = None

    @staticmethod
    def json(model: Model) -> GrammarConstraint:
        """Any JSON."""
        return GrammarConstraint.from_grammar(Grammar.json(), model)

    @staticmethod
    def from_grammar(grammar: Grammar, model: Model) -> GrammarConstraint:
        """A grammar compiled before."""
        return GrammarConstraint(Matcher(grammar, model.tokenizer()))

    @staticmethod
    def from_json_schema(schema: str, model: Model) -> GrammarConstraint:
        """A JSON Schema, as text."""
        return GrammarConstraint.from_grammar(Grammar.from_json_schema(schema), model)

    @staticmethod
    def from_regex(pattern: str, model: Model) -> GrammarConstraint:
        """A regular expression."""
        return GrammarConstraint.from_grammar(Grammar.from_regex(pattern), model)

    @staticmethod
    def from_ebnf(grammar: str, model: Model) -> GrammarConstraint:
        """A context-free grammar in Lark's notation."""
        return GrammarConstraint.from_grammar(Grammar.from_ebnf(grammar), model)

    def step(self, accepted: list[int]) -> list[int]:
        """See :meth:`Constraint.step`."""
        if self._left is not None:
            self._outside += len(accepted)
        elif accepted:
            try:
                self._matcher.accept_tokens(accepted)
            except InferletError as error:
                self._left, self._outside = str(error), len(accepted)
        if self._left is None:
            self._mask = self._matcher.next_token_logit_mask()
        else:
            # Tokens that were accepted by hand can leave the grammar. Nothing is allowed then, rather than everything.
            self._mask = [max(sum(self._mask), 1)]
        stuck = self._left is None and not brle.allows_any(self._mask)
        self._dead_end = self._matcher._dead_end() if stuck else None
        return self._mask

    def describe(self) -> str:
        """What to call it in an error."""
        source = str(self._matcher.grammar)
        name = "".join(" " if unicodedata.category(letter) == "Cc" else letter for letter in source[:_NAME])
        name += "…" if len(source) > _NAME else ""
        if self._left is not None:
            return f"the grammar `{name}`, which the text has left: {self._left}"
        if self._dead_end is not None:
            return f"the grammar `{name}`, which has come to a dead end: {self._dead_end}"
        return f"the grammar `{name}`"

    def fork(self, model: Model) -> GrammarConstraint:
        """The same at the same place, to go another way: for a fork of the context. Takes time in the number of tokens
        accepted."""
        fork = GrammarConstraint(self._matcher.fork(model.tokenizer()))
        fork._mask, fork._left, fork._outside = list(self._mask), self._left, self._outside
        fork._dead_end = self._dead_end
        return fork

    def roll_back(self, n: int) -> None:
        """Takes back the last ``n`` tokens that it was told: for tokens that were truncated from the context. Takes time in
        the number of tokens accepted. Raises :class:`InferletError` if there were not so many."""
        # Of a list that left the grammar the matcher has taken nothing.
        self._matcher.roll_back(max(0, n - self._outside))
        if n < self._outside:
            self._outside -= n
        else:
            self._left, self._outside = None, 0


_NAME = 40
"""How many characters of its source a grammar is called by."""


class _Static:
    """The same mask at every step."""

    def __init__(self, mask: Sequence[int]) -> None:
        self._mask = list(mask)

    def step(self, accepted: list[int]) -> list[int]:
        return self._mask

    def describe(self) -> str:
        return "`logit_mask`"


def static_mask(mask: Sequence[int]) -> Constraint:
    """The constraint that has this mask at every step."""
    return _Static(mask)


def as_constraint(value: Any, model: Model) -> Constraint:
    """A constraint as it is; a schema, grammar or matcher made into one."""
    if hasattr(value, "build_constraint"):
        value = value.build_constraint(model)
    if isinstance(value, Grammar):
        return GrammarConstraint.from_grammar(value, model)
    if isinstance(value, Matcher):
        return GrammarConstraint(value)
    if hasattr(value, "step"):
        return value  # type: ignore[no-any-return]
    raise InferletError(f"a `{type(value).__name__}` is no constraint: it has neither `step` nor `build_constraint`")


def as_constraints(value: Any, model: Model) -> list[Constraint]:
    """One or several of what :func:`as_constraint` takes."""
    several = isinstance(value, Iterable) and not hasattr(value, "step") and not hasattr(value, "build_constraint")
    return [as_constraint(item, model) for item in (value if several else [value])]


def json_schema(schema: Any) -> Any:
    """What ``collect_json`` is given as a schema, as something to constrain with."""
    if schema is None:
        return AnyJson()
    if isinstance(schema, str):
        return JsonSchema(schema)
    if isinstance(schema, dict):
        return JsonSchema(jsons.dumps(schema))
    if hasattr(schema, "build_constraint") and not isinstance(schema, type):
        return schema
    return JsonSchema(json.dumps(jsons.schema_of(schema), sort_keys=True, separators=(",", ":"), ensure_ascii=False))


class Constraints:
    """All constraints of a generator together."""

    def __init__(self) -> None:
        self._list: list[Constraint] = []
        # The length of masks that are known to be right.
        self._vocab_size: int | None = None

    def push(self, constraint: Constraint) -> None:
        self._list.append(constraint)

    def __bool__(self) -> bool:
        return bool(self._list)

    def trust(self, mask: Sequence[int]) -> None:
        """Takes note of a mask that the engine has accepted."""
        self._vocab_size = sum(mask)

    def only(self, mask: Sequence[int]) -> int | None:
        """The token that is the only one left by a mask from :meth:`step`. None as long as nobody knows whether the mask has the
        length of the vocabulary: the engine has to see it first."""
        token = brle.only(mask)
        return token if token is not None and self._vocab_size == sum(mask) else None

    def step(self, accepted: list[int]) -> list[int] | None:
        """Moves all of them over the accepted tokens; returns the mask that satisfies all, ``None`` if none restricts.

        Raises :class:`InferletError`, which names the constraints that together allow no token at all, or one whose mask has
        another length than those of others.
        """
        mask: list[int] | None = None
        expected, wrong = self._vocab_size, None
        for constraint in self._list:
            own = constraint.step(list(accepted))
            if not own:
                continue
            if brle.allows_any(own):
                length = sum(own)
                expected = length if expected is None else expected
                if length != expected and wrong is None:
                    wrong = (describe(constraint), length)
                if isinstance(constraint, GrammarConstraint):
                    self._vocab_size = length
            mask = list(own) if mask is None else brle.and_(mask, own)
        if wrong is not None:
            raise InferletError(
                f"the mask of {wrong[0]} covers {wrong[1]} tokens, where others cover {expected}; "
                "it has to cover the vocabulary"
            )
        if mask is not None and not brle.allows_any(mask):
            raise InferletError(f"no token satisfies the constraints here: {self.names()}")
        return mask

    def names(self) -> str:
        """What they are called, for errors."""
        return "; ".join(describe(constraint) for constraint in self._list)


def describe(constraint: Any) -> str:
    """What to call a constraint in an error."""
    own = getattr(constraint, "describe", None)
    return str(own()) if callable(own) else f"`{type(constraint).__name__}`"
