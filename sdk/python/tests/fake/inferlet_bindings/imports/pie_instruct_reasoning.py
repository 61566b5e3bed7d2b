"""A reasoning format: `[` begins a block, `]` ends it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .pie_core_model import Model, letter_of
from .wasi_io_poll import Resource


@dataclass
class Event_Start:
    pass


@dataclass
class Event_Delta:
    value: str


@dataclass
class Event_Complete:
    value: str


def create_decoder(model: Model) -> Decoder:
    return Decoder()


class Decoder(Resource):
    def __init__(self) -> None:
        self.reset()

    def feed(self, tokens: list[int]) -> Any:
        event: Any = Event_Delta("")
        for token in tokens:
            letter = letter_of(token)
            if letter == "[":
                self.inside, event = True, Event_Start()
            elif letter == "]" and self.inside:
                self.inside, event = False, Event_Complete(self.text)
            elif self.inside:
                self.text += letter
                event = Event_Delta(letter)
        return event

    def reset(self) -> None:
        self.inside = False
        self.text = ""
