"""Chat turns over the fake vocabulary."""

from __future__ import annotations

from dataclasses import dataclass

from .pie_core_model import CUE, END, USER, Model, letter_of, token_of
from .wasi_io_poll import Resource


@dataclass
class Event_Delta:
    value: str


@dataclass
class Event_Interrupt:
    value: int


@dataclass
class Event_Done:
    value: str


def system(model: Model, message: str) -> list[int]:
    return [token_of(letter) for letter in message]


def user(model: Model, message: str) -> list[int]:
    return [USER, *map(token_of, message), END]


def assistant(model: Model, message: str) -> list[int]:
    return [CUE, *map(token_of, message), END]


def cue(model: Model) -> list[int]:
    return [CUE]


def seal(model: Model) -> list[int]:
    return [END]


def stop_tokens(model: Model) -> list[int]:
    return [END]


def create_decoder(model: Model) -> Decoder:
    return Decoder()


class Decoder(Resource):
    def __init__(self) -> None:
        self.text = ""

    def feed(self, tokens: list[int]) -> Event_Delta | Event_Interrupt | Event_Done:
        delta = ""
        for token in tokens:
            if token == END:
                return Event_Done(self.text)
            if token >= 60:
                return Event_Interrupt(token)
            delta += letter_of(token)
        self.text += delta
        return Event_Delta(delta)

    def reset(self) -> None:
        self.text = ""
