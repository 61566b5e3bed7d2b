"""Passes, with the checks that the interface promises; grammars that are sets of letters."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import takewhile
from struct import pack
from typing import Any

from componentize_py_types import Err

from .pie_core_adapter import Adapter
from .pie_core_context import Context
from .pie_core_model import VOCABULARY, Model, Tokenizer, letter_of, logits, token_of
from .wasi_io_poll import Clock, Pollable, Resource

# A pass takes this long, in nanoseconds.
PASS = 10


@dataclass
class Sampler_Multinomial:
    value: tuple[float, int]


@dataclass
class Sampler_TopK:
    value: tuple[float, int]


@dataclass
class Sampler_TopP:
    value: tuple[float, float]


@dataclass
class Sampler_MinP:
    value: tuple[float, float]


@dataclass
class Sampler_TopKTopP:
    value: tuple[float, int, float]


@dataclass
class Sampler_Embedding:
    pass


@dataclass
class Sampler_Dist:
    value: tuple[float, int]


@dataclass
class Sampler_RawLogits:
    pass


@dataclass
class Sampler_Logprob:
    value: int


@dataclass
class Sampler_Logprobs:
    value: list[int]


@dataclass
class Sampler_Entropy:
    pass


@dataclass
class SlotOutput_Token:
    value: int


@dataclass
class SlotOutput_Distribution:
    value: tuple[list[int], list[float]]


@dataclass
class SlotOutput_Logits:
    value: bytes


@dataclass
class SlotOutput_Logprobs:
    value: list[float]


@dataclass
class SlotOutput_Entropy:
    value: float


@dataclass
class SlotOutput_Embedding:
    value: bytes


@dataclass
class Output:
    slots: list[Any]
    spec_tokens: list[int] = field(default_factory=list)
    spec_positions: list[int] = field(default_factory=list)


def is_allowed(mask: list[int], index: int) -> bool:
    """Whether a mask is true at an index; written apart from the SDK's own code, to check it."""
    bits = [run % 2 == 1 for run, length in enumerate(mask) for _ in range(length)]
    return index < len(bits) and bits[index]


class ForwardPass(Resource):
    def __init__(self, model: Model) -> None:
        assert isinstance(model, Model)
        self._context: Context | None = None
        self.tokens: list[int] = []
        self.positions: list[int] = []
        self.drafts: list[int] = []
        self.draft_positions: list[int] = []
        self.wants_drafts = False
        self.masks: list[list[int]] = []
        self.allowed: list[int] | None = None
        self.samplers: list[tuple[list[int], Any]] = []
        self.used_adapter: Adapter | None = None
        self.seed: int | None = None

    def context(self, context: Context) -> None:
        self._context = context

    def input_tokens(self, tokens: list[int], positions: list[int]) -> None:
        self.tokens += tokens
        self.positions += positions

    def input_speculative_tokens(self, tokens: list[int], positions: list[int]) -> None:
        self.drafts += tokens
        self.draft_positions += positions

    def output_speculative_tokens(self, flag: bool) -> None:
        self.wants_drafts = flag

    def attention_mask(self, mask: list[list[int]]) -> None:
        self.masks = [list(one) for one in mask]

    def logit_mask(self, mask: list[int]) -> None:
        self.allowed = list(mask)

    def sampler(self, indices: list[int], sampler: Any) -> None:
        self.samplers.append((list(indices), sampler))

    def adapter(self, adapter: Adapter) -> None:
        self.used_adapter = adapter

    def execute(self) -> FutureOutput:
        context = self._context or Context()
        if self._context is None:
            context.state.working_pages = 1000
        self._check(context)
        return FutureOutput(self._run(context))

    def _check(self, context: Context) -> None:
        state = context.state
        count = len(self.tokens) + len(self.drafts)
        if not self.tokens:
            raise Err("a pass needs input")
        if len(self.tokens) != len(self.positions) or len(self.drafts) != len(self.draft_positions):
            raise Err("every token needs a position")
        for index in (index for indices, _ in self.samplers for index in indices):
            if index >= count:
                raise Err(f"index {index} is past the {count} inputs")
        if count > state.free_slots:
            raise Err(f"{count} inputs do not fit into {state.free_slots} free slots")
        start = len(state.slots)
        for i, mask in enumerate(self.masks):
            if sum(mask) not in (start + i + 1, start + count):
                raise Err(f"mask {i} covers {sum(mask)} slots of {start + count}")
        if self.allowed is not None and sum(self.allowed) != VOCABULARY:
            raise Err("the logit mask does not cover the vocabulary")

    def _run(self, context: Context) -> Output:
        slots = context.state.slots
        start = len(slots)
        slots += zip(self.tokens + self.drafts, self.positions + self.draft_positions)

        def seen(index: int) -> list[tuple[int, int]]:
            mask = self.masks[index] if index < len(self.masks) else [0, start + index + 1]
            return [slots[slot] for slot in range(start + index + 1) if is_allowed(mask, slot)]

        answers = [self._read(how, logits(seen(index))) for indices, how in self.samplers for index in indices]
        chosen = [slot.value for slot in takewhile(lambda slot: isinstance(slot, SlotOutput_Token), answers)]
        kept = 0
        while kept < len(self.drafts) and kept < len(chosen) and self.drafts[kept] == chosen[kept]:
            kept += 1
        del slots[start + len(self.tokens) + kept :]
        guesses = _guesses(slots, chosen[kept]) if self.wants_drafts and kept < len(chosen) else []
        return Output(answers, guesses, list(range(len(slots) + 1, len(slots) + 1 + len(guesses))))

    def _read(self, how: Any, scores: list[float]) -> Any:
        noise = 0
        if isinstance(how, Sampler_Multinomial) and how.value[0] > 0:
            noise = how.value[1] + 2
        elif isinstance(how, (Sampler_TopK, Sampler_TopP, Sampler_MinP, Sampler_TopKTopP)):
            noise = 11
        noisy = [score + (token * 7919 % noise) * 9e3 if noise else score for token, score in enumerate(scores)]
        ranked = sorted(range(VOCABULARY), key=lambda token: (-noisy[token], token))
        if isinstance(how, Sampler_Dist):
            count = how.value[1] or VOCABULARY
            return SlotOutput_Distribution((ranked[:count], [1 / (place + 2) for place in range(count)]))
        if isinstance(how, Sampler_RawLogits):
            return SlotOutput_Logits(pack(f"={VOCABULARY}f", *scores))
        if isinstance(how, Sampler_Logprob):
            return SlotOutput_Logprobs([-1.0 - ranked.index(how.value)])
        if isinstance(how, Sampler_Logprobs):
            return SlotOutput_Logprobs([-1.0 - ranked.index(token) for token in how.value])
        if isinstance(how, Sampler_Entropy):
            return SlotOutput_Entropy(0.5)
        if isinstance(how, Sampler_Embedding):
            return SlotOutput_Embedding(pack("=2f", 1.0, 2.0))
        allowed = self.allowed
        return SlotOutput_Token(next(t for t in ranked if allowed is None or is_allowed(allowed, t)))


def _guesses(slots: list[tuple[int, int]], following: int) -> list[int]:
    """Two guesses behind `following` that hold for the arg max, and one that does not."""
    slots = list(slots)

    def push(token: int) -> int:
        slots.append((token, len(slots)))
        scores = logits(slots)
        return max(range(VOCABULARY), key=lambda t: (scores[t], -t))

    first = push(following)
    second = push(first)
    return [first, second, (push(second) + 1) % 60]


class FutureOutput(Resource):
    def __init__(self, output: Output) -> None:
        self._due = Clock.now + PASS
        self._output: Output | None = output

    def pollable(self) -> Pollable:
        return Pollable(self._due)

    def get(self) -> Output | None:
        if Clock.now < self._due:
            return None
        output, self._output = self._output, None
        return output


class Grammar(Resource):
    """Texts of the letters of a pattern, in any order and number; `{` and `}` around them for JSON."""

    def __init__(self, letters: str, source: str) -> None:
        self.letters = letters
        self.source = source

    @classmethod
    def from_json_schema(cls, schema: str) -> Grammar:
        if not schema.startswith("{"):
            raise Err(f"the schema is no JSON object: {schema}")
        return cls("[]", schema)

    @classmethod
    def json(cls) -> Grammar:
        return cls("[]", "json")

    @classmethod
    def from_regex(cls, pattern: str) -> Grammar:
        if "(" in pattern:
            raise Err(f"`{pattern}` has an open parenthesis")
        return cls(pattern, pattern)

    @classmethod
    def from_ebnf(cls, ebnf: str) -> Grammar:
        return cls(ebnf.rpartition('"')[0].rpartition('"')[2], ebnf)

    def to_string(self) -> str:
        return self.source


class Matcher(Resource):
    def __init__(self, grammar: Grammar, tokenizer: Tokenizer) -> None:
        assert isinstance(grammar, Grammar) and isinstance(tokenizer, Tokenizer)
        self.ids = sorted({token_of(letter) for letter in grammar.letters})
        self.is_json = grammar.letters == "[]"
        self.accepted: list[int] = []

    def accept_tokens(self, token_ids: list[int]) -> None:
        for token in token_ids:
            if token not in self.ids:
                raise Err(f"token {token} ({letter_of(token)}) is not in the grammar")
        self.accepted += token_ids

    def next_token_logit_mask(self) -> list[int]:
        from inferlet import brle

        # JSON is `[` and `]` here: the one comes first, the other second, and then the end.
        allowed = self.ids
        if self.is_json:
            allowed = [[token_of("[")], [token_of("]")], [63]][min(len(self.accepted), 2)]
        return brle.from_indices(allowed, VOCABULARY)

    def is_terminated(self) -> bool:
        return self.is_json and len(self.accepted) >= 2

    def reset(self) -> None:
        self.accepted.clear()
