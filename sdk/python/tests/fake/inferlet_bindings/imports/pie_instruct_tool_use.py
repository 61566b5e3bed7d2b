"""A tool format: `^` is a call of `add` with 1 and 2."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from componentize_py_types import Err

from .pie_core_inference import Grammar, Matcher
from .pie_core_model import Model, Tokenizer, letter_of, token_of
from .wasi_io_poll import Resource


@dataclass
class Event_Start:
    pass


@dataclass
class Event_Call:
    value: tuple[str, str]


def equip(model: Model, tools: list[str]) -> list[int]:
    for tool in tools:
        if "name" not in json.loads(tool):
            raise Err(f"a tool has no name: {tool}")
    return [token_of(letter) for tool in tools for letter in json.loads(tool)["name"]]


def answer(model: Model, name: str, value: str) -> list[int]:
    return [token_of(letter) for letter in f"{name}={value}"]


def create_decoder(model: Model) -> Decoder:
    return Decoder()


def format(model: Model, tools: list[str]) -> Grammar | None:
    return Grammar("^", "calls") if tools else None


def create_matcher(model: Model, tools: list[str]) -> Matcher:
    return Matcher(Grammar("^", "calls"), Tokenizer())


class Decoder(Resource):
    def feed(self, tokens: list[int]) -> Any:
        if any(letter_of(token) == "^" for token in tokens if token < 60):
            return Event_Call(("add", '{"a": 1, "b": 2}'))
        return Event_Start()

    def reset(self) -> None:
        pass
