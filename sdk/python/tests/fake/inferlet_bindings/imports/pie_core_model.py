"""A model whose choices depend on what a token sees."""

from __future__ import annotations

from componentize_py_types import Err

from .wasi_io_poll import Resource

# Token ids are below this. The last ones are special.
VOCABULARY = 64
USER, CUE, END = 60, 61, 63
_MASK = (1 << 64) - 1


def token_of(letter: str) -> int:
    return ord(letter) % 60


def letter_of(token: int) -> str:
    # 60 ids are 60 consecutive characters, from `<` on: all letters are among them.
    return chr(60 + token % 60)


def _mix(state: int, value: int) -> int:
    product = ((state ^ value) * 0x9E37_79B9_7F4A_7C15) & _MASK
    return ((product << 29) | (product >> 35)) & _MASK


def logits(seen: list[tuple[int, int]]) -> list[float]:
    """Scores of all tokens behind what was seen: they depend on tokens, positions and order."""
    state = 1
    for token, position in seen:
        state = _mix(_mix(state, token), position)
    scores = [float(_mix(_mix(state, 7), token) >> 44) for token in range(VOCABULARY)]
    # Specials other than the end are never chosen, and the end is rare.
    scores[60:] = [0.0] * 4
    if state % 23 == 0:
        scores[END] = 1e30
    return scores


class Model(Resource):
    @classmethod
    def load(cls, name: str) -> Model:
        if name != "default":
            raise Err(f"no model `{name}`; there is `default`")
        return cls()

    def tokenizer(self) -> Tokenizer:
        return Tokenizer()


class Tokenizer(Resource):
    def encode(self, text: str) -> list[int]:
        return [token_of(letter) for letter in text]

    def decode(self, tokens: list[int]) -> str:
        if any(token >= VOCABULARY for token in tokens):
            raise Err(f"there is no token {max(tokens)}")
        return "".join(map(letter_of, tokens))

    def vocabs(self) -> tuple[list[int], list[bytes]]:
        return list(range(VOCABULARY)), [letter_of(token).encode() for token in range(VOCABULARY)]

    def split_regex(self) -> str:
        return ""

    def special_tokens(self) -> tuple[list[int], list[bytes]]:
        return [END], [b"<end>"]
